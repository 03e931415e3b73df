//! The figure of every day: headline, band, breakdowns, every act, and what auditors are told.

use std::collections::BTreeMap;

use nonsite_generator::city_year::{Asked, Counts, Fate, Figures, Reading, Truth};
use serde_json::Value as Json;

use super::{AFTER, asked, counts, day, end_of, groups, percent, ratio, reaches, text, verdict};
use crate::harness::sandbox::Sandbox;

/// Total, quality and band; the figure is published. The digest of its acts.
pub(super) fn headline(sandbox: &Sandbox, truth: &Truth, day: &str) -> String {
    let asked = asked(day);
    let expected = truth.figures(&asked);
    let answer = ratio(sandbox, day, &["--publish"]);
    assert_eq!(counts(&answer["share"]), expected.share, "as of {day}");
    assert_eq!(text(&answer["percent"]), percent(expected.share));
    assert_eq!(answer["verdict"], verdict(expected.share), "as of {day}");
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
    band(&answer, truth, &asked, day);
    answer["acts_digest"].as_str().unwrap().to_owned()
}

pub(super) fn quality(found: &Json, expected: &Figures, day: &str) {
    let of = |name: &str| found[name].as_u64().unwrap();
    assert_eq!(of("offsite"), expected.quality_offsite, "as of {day}");
    assert_eq!(of("too_short"), expected.too_short, "as of {day}");
    assert_eq!(of("incomplete"), expected.incomplete, "as of {day}");
    assert_eq!(
        of("officer_days_over_cap"),
        expected.over_cap.len() as u64,
        "as of {day}"
    );
    assert_eq!(
        of("most_in_a_day"),
        u64::from(expected.most_in_a_day),
        "as of {day}"
    );
}

/// Every point of the band, its ends, whether it crosses the target, and the sentence.
pub(super) fn band(answer: &Json, truth: &Truth, asked: &Asked, day: &str) {
    let readings = Reading::all();
    let points = answer["band"]["points"].as_array().unwrap();
    assert_eq!(points.len(), readings.len());
    for reading in readings {
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
        let expected = truth.figures(&asked.read(reading)).share;
        let point = found.unwrap_or_else(|| panic!("no point for {reading:?}"));
        assert_eq!(
            counts(&point["share"]),
            expected,
            "as of {day}: {reading:?}"
        );
        assert_eq!(text(&point["percent"]), percent(expected), "{reading:?}");
    }
    let (min, max) = truth.band(asked);
    let end = |name: &str| text(&answer["band"][name]["percent"]);
    assert_eq!(
        (end("min"), end("max")),
        (percent(min), percent(max)),
        "as of {day}"
    );
    let crosses = !reaches(min) && reaches(max);
    assert_eq!(answer["band"]["crosses_target"], crosses, "as of {day}");
    let stance = if crosses {
        "it CROSSES the target of 40 %: whether the target is reached depends on how the counting \
         rule is read"
    } else if reaches(min) {
        "every reading reaches the target of 40 %"
    } else {
        "every reading misses the target of 40 %"
    };
    let ends = (percent(min).unwrap(), percent(max).unwrap());
    assert_eq!(
        answer["band_sentence"],
        format!("band {} % to {} %: {stance}", ends.0, ends.1),
        "as of {day}"
    );
}

/// The breakdowns of figures, by the name of the dimension.
pub(super) fn dimensions(figures: &Figures) -> [(&'static str, &BTreeMap<String, Counts>); 5] {
    [
        ("org", &figures.by_org),
        ("month", &figures.by_month),
        ("quarter", &figures.by_quarter),
        ("method", &figures.by_method),
        ("class", &figures.by_class),
    ]
}

/// The sums to the end of each month.
pub(super) fn to_date(figures: &Figures) -> BTreeMap<String, Counts> {
    let mut sum = (0, 0);
    figures
        .by_month
        .iter()
        .map(|(month, counts)| {
            sum = (sum.0 + counts.0, sum.1 + counts.1);
            (month.clone(), sum)
        })
        .collect()
}

pub(super) fn breakdowns(sandbox: &Sandbox, truth: &Truth, day: &str) {
    let expected = truth.figures(&asked(day));
    for (by, expected) in dimensions(&expected) {
        let found = groups(&ratio(sandbox, day, &["--by", by]));
        assert_eq!(&found, expected, "by {by} as of {day}");
    }
    let running = groups(&ratio(sandbox, day, &["--by", "to-date"]));
    assert_eq!(running, to_date(&expected), "to date, as of {day}");
}

/// Each act is counted, or left out for the reason it was made for.
pub(super) fn act_by_act(sandbox: &Sandbox, truth: &Truth, day: &str) {
    let listed = ratio(sandbox, day, &["--list", "all"]);
    let listed: BTreeMap<&str, &Json> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["act_id"].as_str().unwrap(), row))
        .collect();
    let asked = asked(day);
    let mut seen = 0;
    for (act, _, fate) in truth.fates(&asked) {
        let row = listed.get(act.act_id.as_str());
        let row = row.unwrap_or_else(|| panic!("{} as of {day} is not listed", act.act_id));
        seen += 1;
        let found = (
            row["outcome"].as_str().unwrap(),
            row["reason"].as_str(),
            row["mode"].as_str(),
        );
        let expected = match fate {
            Fate::Off => ("counted", None, Some("offsite")),
            Fate::On => ("counted", None, Some("onsite")),
            Fate::Not(reason) => ("not_counted", Some(reason), found.2),
        };
        assert_eq!(found, expected, "{} as of {day}: {row}", act.act_id);
    }
    assert_eq!(seen, listed.len(), "as of {day}");
}

/// Before the year there is nothing, and nothing has no share: neither 0 nor 100.
pub(super) fn nothing_yet(sandbox: &Sandbox, truth: &Truth) {
    let before = "2024-12-31";
    assert_eq!(truth.figures(&asked(before)).share, (0, 0));
    let answer = ratio(sandbox, before, &["--by", "org"]);
    assert_eq!(counts(&answer["share"]), (0, 0));
    assert_eq!(answer["percent"], Json::Null);
    assert_eq!(answer["verdict"], "no_inspections");
    assert_eq!(answer["band"]["min"], Json::Null);
    assert_eq!(answer["band"]["crosses_target"], false);
    assert!(groups(&answer).is_empty());
    let none = "band: none, no inspection counts under any reading";
    assert_eq!(answer["band_sentence"], none);
}

/// What a figure of New Year's Eve could know, and what auditors are told later.
pub(super) fn what_had_arrived(sandbox: &Sandbox, truth: &Truth) {
    let eve = "2025-12-31";
    let expected = truth.figures(&Asked::at(end_of(eve), end_of(eve)));
    let later = truth.figures(&asked(eve));
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
    let refused: Vec<(&str, i64)> = of("late_edit_refused")
        .iter()
        .map(|flag| {
            let version = flag["act_version"].as_i64().unwrap();
            (flag["act_id"].as_str().unwrap(), version)
        })
        .collect();
    let expected: Vec<(&str, i64)> = truth
        .refused_edits
        .iter()
        .map(|act| (act.as_str(), 2))
        .collect();
    assert_eq!(refused, expected);
    assert_eq!(
        of("arrived_after_freeze")[0]["acts"],
        truth.arrived_after_freeze
    );
    assert_eq!(of("arrived_after_freeze")[0]["year"], super::YEAR);
    let busy: Vec<(String, i32, u32)> = of("officer_over_daily_cap")
        .iter()
        .map(|flag| {
            assert_eq!(flag["cap"], 12);
            (
                flag["officer"].as_str().unwrap().to_owned(),
                day(flag["day"].as_str().unwrap()),
                u32::try_from(flag["acts"].as_u64().unwrap()).unwrap(),
            )
        })
        .collect();
    let expected = truth.figures(&asked(AFTER)).over_cap;
    assert_eq!(expected.len(), 2, "both officers of the busy team");
    assert_eq!(busy, expected);
    assert_eq!(
        flags.len(),
        refused.len() + 1 + busy.len(),
        "and nothing else: {flags:?}"
    );
}
