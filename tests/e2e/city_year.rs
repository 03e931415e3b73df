//! A city's year of inspections: every figure of the ratio is what the generator says it must be.
//!
//! The generator states, act by act, what it counts as and from when on; here the same is asked of
//! the program, through Kafka and the tables, for the end of every month and for the time after the
//! year was frozen.

mod clues;

use std::collections::BTreeMap;
use std::time::Duration;

use nonsite_generator::city_year::{CityYear, Fate, Figures, Reading, Truth};
use nonsite_generator::{ProduceOptions, Topics, produce};
use nonsite_schemas::settings::KafkaSettings;
use nonsite_schemas::time::beijing_day_start;
use serde_json::Value as Json;

use crate::harness::broker;
use crate::harness::sandbox::Sandbox;

const YEAR: i32 = 2025;
/// After the freeze, and after everything has arrived.
const AFTER: &str = "2026-02-28";

/// The city's year in the sandbox's tables.
fn city(sandbox: &mut Sandbox) -> CityYear {
    sandbox.topic("inspections", 1, "json", "inspections");
    let prefix = sandbox.topic_name("");
    let settings = KafkaSettings {
        brokers: broker::bootstrap().to_owned(),
        ..KafkaSettings::default()
    };
    let options = ProduceOptions {
        topics: Topics::with_prefix(prefix.trim_end_matches('.')),
        partitions: 1,
        create: false,
        rate: None,
        may_send: None,
        flush_timeout: Duration::from_secs(60),
    };
    let city = CityYear::new(YEAR, 20_250_101);
    produce(city.messages.clone(), &settings, options, |_| {}).unwrap();
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    city
}

/// Last microsecond of a Beijing day.
fn end_of(day: &str) -> i64 {
    let date: chrono::NaiveDate = day.parse().unwrap();
    let day = (date - chrono::NaiveDate::default()).num_days() as i32;
    beijing_day_start(day + 1) - 1
}

fn ratio(sandbox: &Sandbox, as_of: &str, more: &[&str]) -> Json {
    let year = YEAR.to_string();
    let words = [
        "ratio", "--year", &year, "--as-of", as_of, "--format", "json",
    ];
    let known = ["--known-at", AFTER];
    let words = if more.contains(&"--known-at") {
        [&words[..], more].concat()
    } else {
        [&words[..], &known, more].concat()
    };
    sandbox.run(&words).done().json()
}

fn counts(share: &Json) -> (u64, u64) {
    (
        share["off"].as_u64().unwrap(),
        share["on"].as_u64().unwrap(),
    )
}

/// `--by`, as group to counts.
fn groups(sandbox: &Sandbox, as_of: &str, by: &str) -> BTreeMap<String, (u64, u64)> {
    let answer = ratio(sandbox, as_of, &["--by", by]);
    let groups = answer["groups"].as_array().unwrap();
    groups
        .iter()
        .map(|group| {
            (
                group["key"].as_str().unwrap().to_owned(),
                counts(&group["share"]),
            )
        })
        .collect()
}

/// Percent with two decimals, half up, by whole numbers.
fn percent((off, on): (u64, u64)) -> Option<String> {
    let total = off + on;
    let hundredths = (off * 20_000 + total).checked_div(total * 2)?;
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

#[test]
fn every_figure_of_a_citys_year_is_what_was_put_in() {
    let mut sandbox = Sandbox::new("city-year");
    let city = city(&mut sandbox);
    let truth = &city.truth;
    let mut days: Vec<String> = (1..13)
        .map(|month| {
            let next = chrono::NaiveDate::from_ymd_opt(YEAR + month / 12, month as u32 % 12 + 1, 1);
            next.unwrap().pred_opt().unwrap().to_string()
        })
        .collect();
    days.push(AFTER.to_owned());
    for day in &days {
        headline(&sandbox, truth, day);
    }
    for day in [&days[5], &days[12]] {
        breakdowns(&sandbox, truth, day);
        act_by_act(&sandbox, truth, day);
    }
    what_had_arrived(&sandbox, truth);
    other_policies(&sandbox, truth);
    published_and_reproduced(&sandbox, truth);
    clues::the_case_work_is_what_was_put_in(&mut sandbox, &city);
}

fn headline(sandbox: &Sandbox, truth: &Truth, day: &str) {
    let (as_of, known_at) = (end_of(day), end_of(AFTER));
    let expected = truth.figures(as_of, known_at, &Reading::default());
    let answer = ratio(sandbox, day, &[]);
    assert_eq!(counts(&answer["share"]), expected.share, "as of {day}");
    assert_eq!(
        answer["percent"].as_str().map(str::to_owned),
        percent(expected.share)
    );
    let (off, on) = expected.share;
    let reached = if off * 100 >= 40 * (off + on) {
        "reached"
    } else {
        "missed"
    };
    assert_eq!(answer["verdict"], reached, "as of {day}");
    assert_eq!(
        counts(&answer["higher_level"]),
        expected.higher_level,
        "as of {day}"
    );
    assert_eq!(
        counts(&answer["positive_list"]),
        expected.positive_list,
        "as of {day}"
    );
    quality(&answer["quality"], &expected, day);

    let readings = Reading::all();
    let points = answer["band"]["points"].as_array().unwrap();
    assert_eq!(points.len(), readings.len());
    for reading in &readings {
        let found = points.iter().find(|point| {
            let classes: Vec<&str> = point["denominator_classes"]
                .as_array()
                .unwrap()
                .iter()
                .filter_map(Json::as_str)
                .collect();
            point["escalation"] == ["collapse", "separate", "offsite_only"][reading.escalation]
                && point["count_rectification_review"] == reading.rectification_review
                && classes == reading.classes
        });
        let expected = truth.figures(as_of, known_at, reading).share;
        let point = found.unwrap_or_else(|| panic!("no point for {reading:?}"));
        assert_eq!(
            counts(&point["share"]),
            expected,
            "as of {day}: {reading:?}"
        );
    }
    let (min, max) = truth.band(as_of, known_at);
    let end = |name: &str| answer["band"][name]["percent"].as_str().map(str::to_owned);
    assert_eq!(
        (end("min"), end("max")),
        (percent(min), percent(max)),
        "as of {day}"
    );
}

fn quality(found: &Json, expected: &Figures, day: &str) {
    let of = |name: &str| found[name].as_u64().unwrap();
    assert_eq!(of("offsite"), expected.quality_offsite, "as of {day}");
    assert_eq!(of("too_short"), expected.too_short, "as of {day}");
    assert_eq!(of("incomplete"), expected.incomplete, "as of {day}");
    assert_eq!(
        of("officer_days_over_cap"),
        expected.officer_days_over_cap,
        "as of {day}"
    );
    assert_eq!(
        of("most_in_a_day"),
        u64::from(expected.most_in_a_day),
        "as of {day}"
    );
}

fn breakdowns(sandbox: &Sandbox, truth: &Truth, day: &str) {
    let expected = truth.figures(end_of(day), end_of(AFTER), &Reading::default());
    for (by, expected) in [
        ("org", &expected.by_org),
        ("month", &expected.by_month),
        ("quarter", &expected.by_quarter),
        ("method", &expected.by_method),
        ("class", &expected.by_class),
    ] {
        assert_eq!(&groups(sandbox, day, by), expected, "by {by} as of {day}");
    }
    let mut sum = (0, 0);
    let running: BTreeMap<String, (u64, u64)> = expected
        .by_month
        .iter()
        .map(|(month, counts)| {
            sum = (sum.0 + counts.0, sum.1 + counts.1);
            (month.clone(), sum)
        })
        .collect();
    assert_eq!(
        groups(sandbox, day, "to-date"),
        running,
        "to date, as of {day}"
    );
}

/// Each act is counted, or left out for the reason it was made for.
fn act_by_act(sandbox: &Sandbox, truth: &Truth, day: &str) {
    let listed = ratio(sandbox, day, &["--list", "all"]);
    let listed: BTreeMap<&str, &Json> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["act_id"].as_str().unwrap(), row))
        .collect();
    let mut seen = 0;
    for act in &truth.acts {
        let stage = act.seen(end_of(day), end_of(AFTER));
        let row = listed.get(act.act_id.as_str());
        assert_eq!(row.is_some(), stage.is_some(), "{} as of {day}", act.act_id);
        let (Some(row), Some(stage)) = (row, stage) else {
            continue;
        };
        seen += 1;
        let found = (
            row["outcome"].as_str().unwrap(),
            row["reason"].as_str(),
            row["mode"].as_str(),
        );
        let expected = match stage.counts_as(&Reading::default()) {
            Fate::Off => ("counted", None, Some("offsite")),
            Fate::On => ("counted", None, Some("onsite")),
            Fate::Not(reason) => ("not_counted", Some(reason), found.2),
        };
        assert_eq!(found, expected, "{} as of {day}: {row}", act.act_id);
    }
    assert_eq!(seen, listed.len());
}

/// What a figure of New Year's Eve could know, and what auditors are told later.
fn what_had_arrived(sandbox: &Sandbox, truth: &Truth) {
    let eve = "2025-12-31";
    let expected = truth.figures(end_of(eve), end_of(eve), &Reading::default());
    let later = truth.figures(end_of(eve), end_of(AFTER), &Reading::default());
    assert_ne!(expected.share, later.share, "something arrives later");
    let known = ratio(sandbox, eve, &["--known-at", eve]);
    assert_eq!(counts(&known["share"]), expected.share);

    let answer = ratio(sandbox, AFTER, &[]);
    let flags = answer["flags"].as_array().unwrap();
    let of = |kind: &str| {
        flags
            .iter()
            .filter(|flag| flag["flag"] == kind)
            .collect::<Vec<_>>()
    };
    let refused: Vec<&str> = of("late_edit_refused")
        .iter()
        .map(|flag| flag["act_id"].as_str().unwrap())
        .collect();
    assert_eq!(refused, truth.refused_edits);
    assert_eq!(
        of("arrived_after_freeze")[0]["acts"],
        truth.arrived_after_freeze
    );
    assert_eq!(
        of("officer_over_daily_cap").len(),
        2,
        "both officers of the busy team"
    );
}

/// The same acts under other policies.
fn other_policies(sandbox: &Sandbox, truth: &Truth) {
    let (as_of, known_at) = (end_of(AFTER), end_of(AFTER));
    for (at, escalation) in ["collapse", "separate", "offsite_only"].iter().enumerate() {
        for rectification_review in [false, true] {
            let text = format!(
                "[[ratio_policy]]\npolicy_id = \"p\"\neffective_from = \"2025-01-01\"\n\
                 escalation = \"{escalation}\"\ncount_rectification_review = {rectification_review}\n"
            );
            let file = sandbox.write("policy.toml", text);
            let answer = ratio(sandbox, AFTER, &["--policy", file.to_str().unwrap()]);
            let reading = Reading {
                escalation: at,
                rectification_review,
                ..Reading::default()
            };
            let expected = truth.figures(as_of, known_at, &reading);
            assert_eq!(counts(&answer["share"]), expected.share, "{escalation}");
        }
    }
}

/// A published figure holds every breakdown, and comes out again.
fn published_and_reproduced(sandbox: &Sandbox, truth: &Truth) {
    let expected = truth.figures(end_of(AFTER), end_of(AFTER), &Reading::default());
    ratio(sandbox, AFTER, &["--publish"]);
    let rows = sandbox.query("SELECT * FROM ratio_snapshots");
    for (breakdown, groups) in [
        ("org", &expected.by_org),
        ("month", &expected.by_month),
        ("quarter", &expected.by_quarter),
        ("method", &expected.by_method),
        ("class", &expected.by_class),
    ] {
        let found: BTreeMap<String, (u64, u64)> = rows
            .iter()
            .filter(|row| row["breakdown"] == breakdown)
            .map(|row| {
                let key = row["key"].as_str().unwrap().to_owned();
                (
                    key,
                    (
                        row["n_off"].as_u64().unwrap(),
                        row["n_on"].as_u64().unwrap(),
                    ),
                )
            })
            .collect();
        assert_eq!(&found, groups, "published by {breakdown}");
    }
    let id = rows[0]["snapshot_id"].as_str().unwrap();
    let again = sandbox.run(&["ratio", "--reproduce", id]).done();
    assert!(again.stdout.starts_with("reproduced"), "{}", again.stdout);
}
