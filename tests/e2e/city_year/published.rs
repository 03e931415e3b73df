//! What is kept and what SQL says: every published figure, the views, and the figure computed again.

use std::collections::{BTreeMap, BTreeSet};

use nonsite_generator::city_year::{Asked, CityYear, Counts, Fate, Truth, Way};
use nonsite_schemas::time::{Clock, SystemClock, beijing_day_start};
use serde_json::{Value as Json, json};

use super::figures::{dimensions, to_date};
use super::{AFTER, YEAR, asked, counts, day, end_of, groups, percent, ratio, reaches, text};
use crate::harness::sandbox::Sandbox;

/// Off-site and on-site of a row.
fn row_counts(row: &Json) -> Counts {
    (
        row["n_off"].as_u64().unwrap(),
        row["n_on"].as_u64().unwrap(),
    )
}

/// A share as a number, and what stands in the column.
fn assert_ratio(cell: &Json, (off, on): Counts, what: &str) {
    let expected = (off + on > 0).then(|| off as f64 / (off + on) as f64);
    match (cell.as_f64(), expected) {
        (Some(found), Some(expected)) => assert!((found - expected).abs() < 1e-12, "{what}"),
        (found, expected) => assert_eq!(found, expected, "{what}"),
    }
}

/// The rows of one breakdown, each with percent, ratio and verdict as its counts ask for.
fn breakdown(rows: &[&Json], name: &str) -> BTreeMap<String, Counts> {
    rows.iter()
        .filter(|row| row["breakdown"] == name)
        .map(|row| {
            let counts = row_counts(row);
            assert_eq!(text(&row["percent"]), percent(counts), "{row}");
            assert_ratio(&row["ratio"], counts, "ratio");
            let reached = (counts != (0, 0)).then(|| reaches(counts));
            assert_eq!(row["reached"].as_bool(), reached, "{row}");
            (row["key"].as_str().unwrap().to_owned(), counts)
        })
        .collect()
}

/// Every column of every row of every published day.
pub(super) fn every_day_holds_every_group(
    sandbox: &Sandbox,
    truth: &Truth,
    days: &[String],
    digests: &[String],
) {
    let instant = |column: &str| format!("arrow_cast({column}, 'Int64') AS {column}");
    let all = sandbox.query(&format!(
        "SELECT snapshot_id, policy_id, breakdown, key, n_off, n_on, ratio, percent, target, reached, \
         band_low, band_high, band_crosses_target, inspections_version, acts_sha256, \
         document IS NOT NULL AS whole, {}, {}, {}, {} FROM ratio_snapshots",
        instant("as_of"),
        instant("known_at"),
        instant("period_from"),
        instant("period_to")
    ));
    for (date, digest) in days.iter().zip(digests) {
        let rows: Vec<&Json> = all
            .iter()
            .filter(|row| row["as_of"].as_i64() == Some(end_of(date)))
            .collect();
        let ids: BTreeSet<&str> = rows
            .iter()
            .map(|row| row["snapshot_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), 1, "{date} was published once");
        let asked = asked(date);
        let expected = truth.figures(&asked);
        let (min, max) = truth.band(&asked);
        for row in &rows {
            assert_eq!(row["policy_id"], "nonsite-default-1");
            assert_eq!(row["known_at"], end_of(AFTER));
            let from = beijing_day_start(day(&format!("{YEAR}-01-01")));
            let to = beijing_day_start(day(&format!("{}-01-01", YEAR + 1)));
            assert_eq!(
                (&row["period_from"], &row["period_to"]),
                (&json!(from), &json!(to))
            );
            assert_ratio(&row["target"], (40, 60), "target");
            assert!(row["inspections_version"].as_i64().unwrap() >= 1, "{row}");
            assert_eq!(row["acts_sha256"], digest.as_str(), "{date}");
            let total = row["breakdown"] == "total";
            assert_eq!(row["whole"], total, "{row}");
            let crosses = total.then(|| !reaches(min) && reaches(max));
            assert_eq!(row["band_crosses_target"].as_bool(), crosses, "{row}");
            for (column, end) in [("band_low", min), ("band_high", max)] {
                assert_ratio(&row[column], if total { end } else { (0, 0) }, column);
            }
        }
        let total = BTreeMap::from([("all".to_owned(), expected.share)]);
        assert_eq!(breakdown(&rows, "total"), total, "{date}");
        for (name, groups) in dimensions(&expected) {
            assert_eq!(&breakdown(&rows, name), groups, "{date} by {name}");
        }
        assert_eq!(breakdown(&rows, "to_date"), to_date(&expected), "{date}");
    }
}

/// The views stand for this very moment, long after the year.
pub(super) fn views_say_the_same(sandbox: &Sandbox, truth: &Truth) {
    let now = SystemClock.now_micros();
    assert!(now > end_of(AFTER), "everything has arrived");
    let asked = Asked::at(now, now);
    let all = sandbox.query("SELECT * FROM off_site_ratio");
    let years: BTreeSet<i64> = all
        .iter()
        .map(|row| row["year"].as_i64().unwrap())
        .collect();
    assert_eq!(years, BTreeSet::from([2024, 2025, 2026]));
    for year in years {
        let rows: Vec<&Json> = all.iter().filter(|row| row["year"] == year).collect();
        let asked = Asked {
            days: Some((
                day(&format!("{year}-01-01")),
                day(&format!("{}-01-01", year + 1)),
            )),
            ..asked
        };
        let expected = truth.figures(&asked);
        let total = BTreeMap::from([("all".to_owned(), expected.share)]);
        assert_eq!(breakdown(&rows, "total"), total, "{year}");
        for (name, groups) in dimensions(&expected) {
            assert_eq!(&breakdown(&rows, name), groups, "{year} by {name}");
        }
        let (min, max) = truth.band(&asked);
        for row in &rows {
            assert_eq!(row["policy_id"], "nonsite-default-1");
            assert_eq!(row["target_percent"], "40");
            if year == i64::from(YEAR) && row["breakdown"] == "total" {
                assert_ratio(&row["band_low"], min, "band_low");
                assert_ratio(&row["band_high"], max, "band_high");
                let crosses = !reaches(min) && reaches(max);
                assert_eq!(row["band_crosses_target"], crosses);
            } else if row["breakdown"] != "total" {
                assert_eq!(row["band_low"], Json::Null);
            }
        }
    }

    let acts = sandbox.query(&format!(
        "SELECT act_id, org_code, mode, counted, reason FROM off_site_ratio_acts WHERE year = {YEAR}"
    ));
    let found: BTreeMap<&str, (bool, Option<&str>)> = acts
        .iter()
        .map(|row| {
            let fate = (row["counted"].as_bool().unwrap(), row["reason"].as_str());
            (row["act_id"].as_str().unwrap(), fate)
        })
        .collect();
    let (first, next) = (day("2025-01-01"), day("2026-01-01"));
    let expected: BTreeMap<&str, (bool, Option<&str>)> = truth
        .fates(&asked)
        .filter(|(_, stage, _)| stage.day.is_some_and(|day| (first..next).contains(&day)))
        .map(|(act, _, fate)| {
            let fate = match fate {
                Fate::Not(reason) => (false, Some(reason)),
                Fate::Off | Fate::On => (true, None),
            };
            (act.act_id.as_str(), fate)
        })
        .collect();
    assert_eq!(found, expected);
}

/// A figure saved to a file: its text.
pub(super) fn kept_in_a_file(sandbox: &Sandbox) -> String {
    ratio(sandbox, AFTER, &["--save", "figure.json"]);
    std::fs::read_to_string(sandbox.file("figure.json")).unwrap()
}

/// The visits that the workflow wrote are inspections of the year: how many, by body.
pub(super) fn visits_of_the_workflow_count(
    sandbox: &Sandbox,
    city: &CityYear,
) -> BTreeMap<String, u64> {
    let mut visits: BTreeMap<String, u64> = BTreeMap::new();
    for clue in city.clues.iter().filter(|clue| clue.way == Way::Visited) {
        *visits.entry(clue.org_code.clone()).or_default() += 1;
    }
    let sum: u64 = visits.values().sum();
    let delivered = sandbox
        .run(&["review", "acts", "--format", "json"])
        .done()
        .json();
    // The visit, and the same with what was decided on it.
    assert_eq!(delivered["acts"], 2 * sum, "{delivered}");
    let before = city.truth.figures(&asked(AFTER));
    let after = ratio(sandbox, AFTER, &["--by", "org"]);
    let (off, on) = before.share;
    assert_eq!(counts(&after["share"]), (off, on + sum));
    let mut bodies = before.by_org;
    for (body, visits) in &visits {
        bodies.entry(body.clone()).or_default().1 += visits;
    }
    assert_eq!(groups(&after), bodies);
    let classes = groups(&ratio(sandbox, AFTER, &["--by", "class"]));
    let (off, on) = before.by_class["case"];
    assert_eq!(classes["case"], (off, on + sum));
    visits
}

/// The visits came into the table after the figures, with times of arrival before them: what was
/// published comes out all the same, and what was changed does not.
pub(super) fn what_was_published_comes_out_again(sandbox: &Sandbox, kept: &str, days: &[&str]) {
    let published = sandbox.query(
        "SELECT snapshot_id, arrow_cast(as_of, 'Int64') AS as_of FROM ratio_snapshots \
         WHERE breakdown = 'total'",
    );
    for day in days {
        let row = published
            .iter()
            .find(|row| row["as_of"].as_i64() == Some(end_of(day)));
        let id = row.unwrap()["snapshot_id"].as_str().unwrap();
        let again = sandbox.run(&["ratio", "--reproduce", id]).done();
        assert!(again.stdout.starts_with("reproduced"), "{}", again.stdout);
        assert!(!again.stderr.contains("note"), "{}", again.stderr);
    }
    // A file names no version of the table, but its figure was published with one.
    let reproduce = |name: &str| {
        let words = ["ratio", "--reproduce", name, "--format", "json"];
        sandbox.run(&words)
    };
    assert_eq!(reproduce("figure.json").done().json(), json!([]));
    let mut changed: Json = serde_json::from_str(kept).unwrap();
    changed["percent"] = json!("66.66");
    changed["quality"]["incomplete"] = json!(0);
    sandbox.write("changed.json", changed.to_string());
    let refused = reproduce("changed.json").exits(1);
    let refused = refused.complains(&["does not name the version"]).json();
    let named: BTreeSet<&str> = refused
        .as_array()
        .unwrap()
        .iter()
        .map(|difference| difference["what"].as_str().unwrap())
        .collect();
    for what in ["percent", "quality", "acts", "counts"] {
        assert!(named.contains(what), "{what}: {named:?}");
    }
}
