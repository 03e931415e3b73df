//! The same figures as the REST API answers them: compared with the truth, not with the command line.

use std::collections::BTreeMap;

use nonsite_generator::city_year::{Counts, Fate, Truth};
use serde_json::Value as Json;

use super::figures::{band, dimensions, quality, to_date};
use super::{AFTER, YEAR, asked, counts, groups, percent, text, verdict};
use crate::harness::process::Process;
use crate::harness::sandbox::Sandbox;
use crate::rest::{Client, address, caller, over_http};

/// Average length of a month, days.
const MONTH: f64 = 365.2425 / 12.0;

/// A server over the city's tables, and somebody who sees all of it.
fn serving(sandbox: &mut Sandbox) -> (Process, Client) {
    let mut callers = Vec::new();
    let words = ["--name", "sup", "--role", "supervisor"];
    let token = caller(sandbox, &mut callers, &words);
    over_http(sandbox, callers);
    let server = sandbox.spawn("serve", &["serve"]);
    let address = address(&server);
    (server, Client { address, token })
}

/// The year's figure as of a day.
fn ratio(client: &Client, day: &str, more: &str) -> Json {
    let path = format!("/ratio?year={YEAR}&as_of={day}&known_at={AFTER}{more}");
    client.get(&path)
}

pub(super) fn figures_are_the_same(sandbox: &mut Sandbox, truth: &Truth, days: &[&str]) {
    let (mut server, client) = serving(sandbox);
    for day in days {
        headline(&client, truth, day);
        breakdowns(&client, truth, day);
        act_by_act(&client, truth, day);
    }
    outlook(&client, truth, days[0]);
    let over = ratio(&client, AFTER, "");
    assert_eq!(over["forecast"], Json::Null);
    assert_eq!(over["no_forecast"], "the period is over");
    published(&client, truth, days);
    server.terminate();
    server.wait();
}

fn headline(client: &Client, truth: &Truth, day: &str) {
    let asked = asked(day);
    let expected = truth.figures(&asked);
    let answer = ratio(client, day, "");
    assert_eq!(counts(&answer["share"]), expected.share, "as of {day}");
    assert_eq!(text(&answer["percent"]), percent(expected.share));
    assert_eq!(answer["verdict"], verdict(expected.share), "as of {day}");
    assert_eq!(counts(&answer["higher_level"]), expected.higher_level);
    assert_eq!(counts(&answer["positive_list"]), expected.positive_list);
    quality(&answer["quality"], &expected, day);
    band(&answer, truth, &asked, day);
}

fn breakdowns(client: &Client, truth: &Truth, day: &str) {
    let expected = truth.figures(&asked(day));
    for (by, expected) in dimensions(&expected) {
        let found = groups(&ratio(client, day, &format!("&by={by}")));
        assert_eq!(&found, expected, "by {by} as of {day}");
    }
    let running = groups(&ratio(client, day, "&by=to_date"));
    assert_eq!(running, to_date(&expected), "to date, as of {day}");
}

/// All pages of a list.
fn pages(client: &Client, path: &str) -> Vec<Json> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = client.get(&format!("{path}&limit=200{cursor}"));
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

/// Each act is counted, or left out for the reason it was made for.
fn act_by_act(client: &Client, truth: &Truth, day: &str) {
    let path = format!("/ratio/acts?year={YEAR}&as_of={day}&known_at={AFTER}&list=all");
    let listed = pages(client, &path);
    let listed: BTreeMap<&str, &Json> = listed
        .iter()
        .map(|row| (row["act_id"].as_str().unwrap(), row))
        .collect();
    let mut seen = 0;
    for (act, _, fate) in truth.fates(&asked(day)) {
        let row = listed.get(act.act_id.as_str());
        let row = row.unwrap_or_else(|| panic!("{} as of {day} is not listed", act.act_id));
        seen += 1;
        let mode = row["mode"].as_str();
        let found = (row["counted"].as_bool(), row["reason"].as_str(), mode);
        let expected = match fate {
            Fate::Off => (Some(true), None, Some("offsite")),
            Fate::On => (Some(true), None, Some("onsite")),
            Fate::Not(reason) => (Some(false), Some(reason), mode),
        };
        assert_eq!(found, expected, "{} as of {day}: {row}", act.act_id);
    }
    assert_eq!(seen, listed.len(), "as of {day}");
}

/// What follows from the counts of the year so far and the days behind and ahead.
fn outlook(client: &Client, truth: &Truth, day: &str) {
    let (off, on): Counts = truth.figures(&asked(day)).share;
    let answer = ratio(client, day, "");
    let forecast = &answer["forecast"];
    assert_eq!(counts(&forecast["so_far"]), (off, on), "{answer}");
    let date: chrono::NaiveDate = day.parse().unwrap();
    let first = chrono::NaiveDate::from_ymd_opt(YEAR, 1, 1).unwrap();
    let last = chrono::NaiveDate::from_ymd_opt(YEAR, 12, 31).unwrap();
    assert_eq!(forecast["until"], last.to_string());
    let (passed, left) = ((date - first).num_days() + 1, (last - date).num_days());
    assert_eq!(forecast["days_passed"], passed);
    assert_eq!(forecast["days_left"], left);
    let (off, on) = (off as f64, on as f64);
    let near = |name: &str, expected: f64| {
        let found = forecast[name].as_f64();
        let found = found.unwrap_or_else(|| panic!("{name}: {forecast}"));
        assert!(
            (found - expected).abs() < 1e-9,
            "{name}: {found}, not {expected}"
        );
        found
    };
    near("off_per_month", off / passed as f64 * MONTH);
    near("on_per_month", on / passed as f64 * MONTH);
    // At the same pace the share stays what it is.
    let expected = near("expected", off / (off + on));
    let end = |name: &str| forecast[name].as_f64().unwrap();
    assert!(
        end("low") <= expected && expected <= end("high"),
        "{forecast}"
    );
    assert!(end("dispersion") >= 1.0, "{forecast}");
    // 40 % of all acts are two off-site ones for three on site.
    let all_on = on * (1.0 + left as f64 / passed as f64);
    let needed = (all_on * 2.0 / 3.0 - off).max(0.0) / left as f64 * MONTH;
    near("needed_per_month", needed);
    assert!(end("needed_low") <= needed && needed <= end("needed_high"));
}

/// Published figures by their lines, each with the breakdowns it was published with.
fn published(client: &Client, truth: &Truth, days: &[&str]) {
    let lines = pages(client, &format!("/ratio/snapshots?year={YEAR}"));
    for day in days {
        let expected = truth.figures(&asked(day));
        let end = super::end_of(day);
        let line = lines.iter().find(|line| {
            let at = line["as_of"].as_str().unwrap();
            let at = chrono::DateTime::parse_from_rfc3339(at).unwrap();
            at.timestamp_micros() == end
        });
        let line = line.unwrap_or_else(|| panic!("{day} was published: {lines:?}"));
        assert_eq!(counts(&line["share"]), expected.share, "{day}");
        let id = line["snapshot_id"].as_str().unwrap();
        let shown = client.get(&format!("/ratio/snapshots/{id}"));
        for (by, expected) in dimensions(&expected) {
            let own = shown["groups"].as_array().unwrap().iter();
            let own = own.filter(|group| group["breakdown"] == by);
            let found: BTreeMap<String, Counts> = own
                .map(|group| {
                    let key = group["key"].as_str().unwrap().to_owned();
                    (key, counts(&group["share"]))
                })
                .collect();
            assert_eq!(&found, expected, "{day} by {by}");
        }
        let again = client.get(&format!("/ratio/snapshots/{id}/reproduction"));
        assert_eq!(again["reproduced"], true, "{again}");
    }
}

/// `printed` is what `nonsite stats` printed, which was compared with the truth before.
pub(super) fn targets_are_the_same(sandbox: &mut Sandbox, printed: &[Json]) {
    let (mut server, client) = serving(sandbox);
    let stats = client.get(&format!("/stats?year={YEAR}"));
    let both = ["figures", "targets"].map(|part| stats[part].as_array().unwrap());
    let answered: Vec<&Json> = both.into_iter().flatten().collect();
    let told: Vec<&Json> = printed
        .iter()
        .filter(|line| answered.iter().any(|one| one["code"] == line["code"]))
        .collect();
    assert_eq!(told.len(), answered.len(), "{stats}");
    for target in stats["targets"].as_array().unwrap() {
        let code = target["code"].as_str().unwrap();
        let line = printed.iter().find(|line| line["code"] == code).unwrap();
        for field in ["hits", "of", "percent", "goal", "reached"] {
            assert_eq!(
                number(&target[field]),
                number(&line[field]),
                "{code}, {field}: {target} {line}"
            );
        }
    }
    let visits = pages(
        &client,
        &format!("/stats/targets/visits_per_unit/rows?year={YEAR}"),
    );
    let target = stats["targets"].as_array().unwrap().iter();
    let mut target = target.filter(|target| target["code"] == "visits_per_unit");
    let of = target.next().unwrap()["of"].as_f64().unwrap();
    assert_eq!(visits.len() as f64, of);
    let within = visits.iter().filter(|row| row["cells"]["within"] == "true");
    assert!(within.count() > 0, "{visits:?}");
    server.terminate();
    server.wait();
}

/// A cell as it is compared: `1` and `1.0` are the same.
fn number(cell: &Json) -> Json {
    match cell.as_f64() {
        Some(number) => Json::from(number),
        None => cell.clone(),
    }
}
