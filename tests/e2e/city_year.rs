//! A city's year of inspections: every figure of the ratio is what the generator says it must be.
//!
//! The generator states, act by act, what it counts as and from when on; here the same is asked of
//! the program, through Kafka and the tables, for the end of every month and for the time after the
//! year was frozen: the figures ([`figures`]), the same by other policies and over other days
//! ([`policies`]), what was published ([`published`]), the case work ([`clues`]) and the targets that are
//! counted from the tables ([`targets`]); and all of it again over the REST API ([`over_http`]).

mod clues;
mod figures;
mod over_http;
mod policies;
mod published;
mod supervised;
mod targets;

use std::collections::BTreeMap;
use std::time::Duration;

use nonsite_generator::city_year::{Asked, CityYear, Counts};
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

/// Days since 1970-01-01.
fn day(text: &str) -> i32 {
    let date: chrono::NaiveDate = text.parse().unwrap();
    (date - chrono::NaiveDate::default()).num_days() as i32
}

/// Last microsecond of a Beijing day.
fn end_of(text: &str) -> i64 {
    beijing_day_start(day(text) + 1) - 1
}

/// The year's figure as of a day, with all that ever arrived, by the default policy.
fn asked(as_of: &str) -> Asked {
    Asked::at(end_of(as_of), end_of(AFTER))
}

/// What `nonsite ratio` answers.
fn answer(sandbox: &Sandbox, words: &[&str]) -> Json {
    let all = [&["ratio", "--format", "json"][..], words].concat();
    sandbox.run(&all).done().json()
}

/// The year's figure as of a day.
fn ratio(sandbox: &Sandbox, as_of: &str, more: &[&str]) -> Json {
    let year = YEAR.to_string();
    let words = ["--year", &year, "--as-of", as_of];
    let known = ["--known-at", AFTER];
    if more.contains(&"--known-at") {
        answer(sandbox, &[&words[..], more].concat())
    } else {
        answer(sandbox, &[&words[..], &known, more].concat())
    }
}

fn counts(share: &Json) -> Counts {
    (
        share["off"].as_u64().unwrap(),
        share["on"].as_u64().unwrap(),
    )
}

/// The groups of an answer, each with percent and verdict as its counts ask for.
fn groups(answer: &Json) -> BTreeMap<String, Counts> {
    let groups = answer["groups"].as_array().unwrap();
    groups
        .iter()
        .map(|group| {
            let counts = counts(&group["share"]);
            assert_eq!(text(&group["percent"]), percent(counts), "{group}");
            assert_eq!(group["verdict"], verdict(counts), "{group}");
            (group["key"].as_str().unwrap().to_owned(), counts)
        })
        .collect()
}

fn text(cell: &Json) -> Option<String> {
    cell.as_str().map(str::to_owned)
}

/// Percent with two decimals, half up, by whole numbers.
fn percent((off, on): Counts) -> Option<String> {
    let total = off + on;
    let hundredths = (off * 20_000 + total).checked_div(total * 2)?;
    Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
}

/// At least 40 of 100.
fn reaches((off, on): Counts) -> bool {
    off * 100 >= 40 * (off + on)
}

fn verdict(counts: Counts) -> &'static str {
    match counts {
        (0, 0) => "no_inspections",
        _ if reaches(counts) => "reached",
        _ => "missed",
    }
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
    // The digest of each figure's acts.
    let digests: Vec<String> = days
        .iter()
        .map(|day| figures::headline(&sandbox, truth, day))
        .collect();
    for day in &days {
        figures::act_by_act(&sandbox, truth, day);
    }
    figures::breakdowns(&sandbox, truth, &days[5]);
    figures::breakdowns(&sandbox, truth, AFTER);
    figures::nothing_yet(&sandbox, truth);
    figures::what_had_arrived(&sandbox, truth);
    policies::readings(&sandbox, truth);
    policies::switches(&sandbox, truth);
    policies::periods(&sandbox, truth);
    published::every_day_holds_every_group(&sandbox, truth, &days, &digests);
    published::views_say_the_same(&sandbox, truth);
    let kept = published::kept_in_a_file(&sandbox);
    over_http::figures_are_the_same(&mut sandbox, truth, &[&days[5], AFTER]);
    let sample = clues::the_case_work_is_what_was_put_in(&mut sandbox, &city);
    let visits = published::visits_of_the_workflow_count(&sandbox, &city);
    published::what_was_published_comes_out_again(&sandbox, &kept, &[&days[5], AFTER]);
    let printed = targets::lead_to_their_rows(&mut sandbox, &city, &sample, visits);
    over_http::targets_are_the_same(&mut sandbox, &printed);
}
