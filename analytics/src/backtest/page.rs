//! The figures as Markdown, for the rule guide.

use std::fmt::Write as _;

use super::score::{Line, Score};
use crate::detect::evidence::beijing;

/// Where the figures begin and end in a page that says more.
const MARKS: [&str; 2] = ["<!-- backtest: begin -->", "<!-- backtest: end -->"];

/// What was judged and how, as a reader needs it to do the same.
#[derive(Debug, Clone, Default)]
pub struct How {
    /// What was generated, e.g. its seed; empty where nobody knows.
    pub given: String,
    /// Commands.
    pub commands: Vec<String>,
}

/// The figures as one part of a page: what was judged, the rules, the kinds of fault, and what went
/// wrong.
pub fn page(score: &Score, how: &How) -> String {
    let mut out = format!(
        "{} points, {} days ({:.1} point-months), as of {}, readings_raw version {}.{}{}\n",
        score.points,
        score.days,
        score.point_months,
        beijing(score.as_of)[..16].replace('T', " "),
        score.readings_version,
        if how.given.is_empty() { "" } else { " " },
        how.given
    );
    if !how.commands.is_empty() {
        // Writing to a string cannot fail, here and below.
        let _ = write!(out, "\n```\n{}\n```\n", how.commands.join("\n"));
    }
    out.push_str(
        "\n| rule | planted | found | recall | findings | precision | false alarms | per point-month | delay p50 h | delay p90 h |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for line in score.rules.iter().chain([&score.overall]) {
        let _ = writeln!(out, "{}", row(line));
    }
    if !score.silent.is_empty() {
        let _ = write!(
            out,
            "\nRan, had nothing planted and flagged nothing: {}.\n",
            score.silent.join(", ")
        );
    }
    out.push_str(
        "\n| kind | expected of | planted | found | wrongly flagged |\n|---|---|---:|---:|---:|\n",
    );
    for kind in &score.kinds {
        let expected: Vec<&str> = kind.expected.iter().map(String::as_str).collect();
        let look_alike = expected.is_empty() && kind.without_rule == 0;
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} |",
            kind.kind,
            match (look_alike, expected.is_empty()) {
                (true, _) => "look-alike".to_owned(),
                (false, true) => "no rule that runs".to_owned(),
                (false, false) => expected.join(" "),
            },
            kind.planted,
            if expected.is_empty() {
                String::new()
            } else {
                kind.found.to_string()
            },
            if look_alike {
                kind.wrongly_flagged.to_string()
            } else {
                String::new()
            },
        );
    }
    let missed = score.kinds.iter().flat_map(|kind| {
        let each = kind.missed.iter();
        each.map(move |missed| format!("missed {}: {missed}", kind.kind))
    });
    let wrong = score.examples.iter().flat_map(|(rule, examples)| {
        let each = examples.iter();
        each.map(move |example| format!("false alarm {rule}: {example}"))
    });
    let told: Vec<String> = missed
        .chain(wrong)
        .map(|text| format!("- {text}\n"))
        .collect();
    if !told.is_empty() {
        let _ = write!(
            out,
            "\nWhat went wrong, at most five of a kind:\n\n{}",
            told.concat()
        );
    }
    out
}

/// The page with its part between the marks replaced; a text without them becomes the part alone.
pub fn put_into(text: &str, part: &str) -> String {
    let marked = format!("{}\n{part}{}", MARKS[0], MARKS[1]);
    match (text.find(MARKS[0]), text.find(MARKS[1])) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{marked}{}", &text[..from], &text[to + MARKS[1].len()..])
        }
        _ => format!("{marked}\n"),
    }
}

fn row(line: &Line) -> String {
    let share =
        |share: Option<f64>| share.map_or_else(|| "-".to_owned(), |share| format!("{share:.3}"));
    let hours =
        |hours: Option<f64>| hours.map_or_else(|| "-".to_owned(), |hours| format!("{hours:.1}"));
    format!(
        "| {} | {} | {} | {} | {} | {} | {} | {:.3} | {} | {} |",
        line.rule,
        line.planted,
        line.found,
        share(line.recall),
        line.findings,
        share(line.precision),
        line.false_alarms,
        line.false_alarms_per_point_month,
        hours(line.delay_median_h),
        hours(line.delay_p90_h),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backtest::score::KindLine;

    fn score() -> Score {
        let line = |rule: &str, planted, found, recall| Line {
            rule: rule.to_owned(),
            planted,
            found,
            recall,
            findings: 3,
            ..Line::default()
        };
        Score {
            points: 2,
            days: 30,
            point_months: 2.0,
            as_of: crate::fixtures::at("2026-07-01 00:00"),
            readings_version: 7,
            overall: line("all", 4, 3, Some(0.75)),
            rules: vec![line("E01", 4, 3, Some(0.75)), line("Q15", 0, 0, None)],
            kinds: vec![
                KindLine {
                    kind: "exceed_hour".to_owned(),
                    expected: ["E01".to_owned()].into(),
                    planted: 4,
                    found: 3,
                    missed: vec!["A x".to_owned()],
                    ..KindLine::default()
                },
                KindLine {
                    kind: "at_limit".to_owned(),
                    planted: 5,
                    wrongly_flagged: 1,
                    ..KindLine::default()
                },
            ],
            examples: [("Q15".to_owned(), vec!["B y".to_owned()])].into(),
            silent: vec!["T09".to_owned()],
        }
    }

    #[test]
    fn every_rule_is_told_and_so_is_what_went_wrong() {
        let how = How {
            given: "Seed 7.".to_owned(),
            commands: vec!["nonsite rules backtest".to_owned()],
        };
        let page = page(&score(), &how);
        for line in [
            "2 points, 30 days (2.0 point-months), as of 2026-07-01 00:00, readings_raw version 7. Seed 7.",
            "| E01 | 4 | 3 | 0.750 | 3 | - | 0 | 0.000 | - | - |",
            "| Q15 | 0 | 0 | - | 3 | - | 0 | 0.000 | - | - |",
            "| all | 4 | 3 | 0.750 | 3 | - | 0 | 0.000 | - | - |",
            "| exceed_hour | E01 | 4 | 3 |  |",
            "| at_limit | look-alike | 5 |  | 1 |",
            "- missed exceed_hour: A x",
            "- false alarm Q15: B y",
        ] {
            assert!(
                page.lines().any(|told| told == line),
                "no `{line}` in\n{page}"
            );
        }
        assert!(page.contains("flagged nothing: T09."), "{page}");
        assert!(page.contains("```\nnonsite rules backtest\n```"), "{page}");
    }

    #[test]
    fn a_part_of_a_page_is_replaced_and_the_rest_stays() {
        let text = format!("before\n{}\nold\n{}\nafter\n", MARKS[0], MARKS[1]);
        let once = put_into(&text, "new\n");
        assert!(
            once.starts_with("before\n") && once.ends_with("\nafter\n"),
            "{once}"
        );
        assert!(once.contains("\nnew\n") && !once.contains("old"), "{once}");
        assert_eq!(put_into(&once, "new\n"), once);
        assert!(put_into("", "new\n").contains("\nnew\n"));
    }
}
