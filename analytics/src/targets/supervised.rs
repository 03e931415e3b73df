//! Special supervision (专项监督行动), of which there has to be one, and case files that were sampled (案卷评查).

use nonsite_schemas::time::beijing_day;

use super::{Asked, Target};
use crate::inspection::facts::day_number;
use crate::inspection::supervision::{Supervision, SupervisionKind};

const ACTION_COLUMNS: &[&str] = &["record", "body", "title", "completed", "report", "counts"];
const FILE_COLUMNS: &[&str] = &[
    "record",
    "body",
    "title",
    "sample",
    "files",
    "with faults",
    "completed",
    "report",
    "counts",
];

/// Whether it had ended within the period by the instant asked for.
fn counts(asked: Asked<'_>, record: &Supervision) -> bool {
    record.completed_on.is_some_and(|day| {
        let day = day_number(day);
        day <= beijing_day(asked.as_of) && asked.period.contains(day)
    })
}

/// Special supervision and sampled case files. `told` is what was told by the instant asked for.
pub(super) fn supervised(asked: Asked<'_>, told: &[Supervision]) -> [Target; 2] {
    let of = |kind: SupervisionKind| told.iter().filter(move |record| record.kind == kind);
    let ended = |record: &Supervision| {
        record
            .completed_on
            .map(|day| day.to_string())
            .unwrap_or_default()
    };
    let report = |record: &Supervision| record.record.clone().unwrap_or_default();
    let actions: Vec<Vec<String>> = of(SupervisionKind::SpecialAction)
        .map(|record| {
            vec![
                record.supervision_id.clone(),
                record.org_code.clone(),
                record.title.clone(),
                ended(record),
                report(record),
                counts(asked, record).to_string(),
            ]
        })
        .collect();
    let finished = actions.iter().filter(|row| row[5] == "true").count() as f64;
    let (mut files, mut faulty) = (0_u64, 0_u64);
    let samplings: Vec<Vec<String>> = of(SupervisionKind::CaseFiles)
        .map(|record| {
            let counts = counts(asked, record);
            if counts {
                files += u64::from(record.files.unwrap_or(0));
                faulty += u64::from(record.faulty.unwrap_or(0));
            }
            let number = |of: Option<u32>| of.map(|of| of.to_string()).unwrap_or_default();
            vec![
                record.supervision_id.clone(),
                record.org_code.clone(),
                record.title.clone(),
                record.draw_id.clone().unwrap_or_default(),
                number(record.files),
                number(record.faulty),
                ended(record),
                report(record),
                counts.to_string(),
            ]
        })
        .collect();
    let sampled = samplings.iter().filter(|row| row[8] == "true").count();
    let actions = Target::counted(
        "special_supervision",
        "专项监督行动",
        "special supervision that ended in the period",
        "actions",
        None,
        (finished, actions.len() as f64),
        "one at least in a year; all that were recorded are the rows".to_owned(),
        ACTION_COLUMNS,
        actions,
    );
    let looked_at = Target::counted(
        "case_files_sampled",
        "案卷评查数",
        "case files looked at in samplings that ended in the period",
        "files",
        None,
        (files as f64, files as f64),
        format!("{sampled} samplings; {faulty} of the files with faults; the plan sets no number"),
        FILE_COLUMNS,
        samplings,
    );
    [actions.number(Some(1)), looked_at.number(None)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspection::Config;
    use crate::ratio::{Period, RatioPolicy, parse_as_of};

    fn record(id: &str, kind: SupervisionKind, files: Option<u32>, ended: &str) -> Supervision {
        Supervision {
            supervision_id: id.to_owned(),
            kind,
            org_code: "B1".to_owned(),
            title: id.to_owned(),
            draw_id: None,
            files,
            faulty: files.map(|files| files / 2),
            completed_on: ended.parse().ok(),
            record: None,
            by: "sup".to_owned(),
            recorded_at: 0,
        }
    }

    #[test]
    fn what_ended_in_the_year_counts() {
        use SupervisionKind::{CaseFiles, SelfEvaluation, SpecialAction};
        let told = [
            record("open", SpecialAction, None, ""),
            record("last year", SpecialAction, None, "2025-12-31"),
            record("june", SpecialAction, None, "2026-06-30"),
            record("ten", CaseFiles, Some(10), "2026-03-01"),
            record("three", CaseFiles, Some(3), "2026-07-01"),
            record("begun", CaseFiles, Some(8), ""),
            record("other", SelfEvaluation, None, "2026-03-01"),
        ];
        let period = Period::year(2026).unwrap();
        let (policy, config) = (RatioPolicy::built_in(), Config::default());
        let at = |as_of: &str| {
            let asked = Asked {
                period: &period,
                as_of: parse_as_of(as_of).unwrap(),
                policy: &policy,
                config: &config,
            };
            supervised(asked, &told)
        };
        for (as_of, actions, reached, files) in [
            ("2026-02-28", 0.0, false, 0.0),
            ("2026-06-29", 0.0, false, 10.0),
            ("2026-06-30", 1.0, true, 10.0),
            ("2026-12-31", 1.0, true, 13.0),
        ] {
            let [special, sampled] = at(as_of);
            assert_eq!((special.hits, special.of), (actions, 3.0), "{as_of}");
            assert_eq!(special.reached, Some(reached), "{as_of}");
            assert_eq!((special.at_least, special.percent), (Some(1), None));
            assert_eq!((sampled.hits, sampled.reached), (files, None), "{as_of}");
            let rows = sampled.rows.iter().filter(|row| row[8] == "true");
            let sum: f64 = rows.map(|row| row[4].parse::<f64>().unwrap()).sum();
            assert_eq!(sampled.hits, sum, "the figure is the sum of its rows");
        }
        let note = &at("2026-12-31")[1].note;
        assert!(note.starts_with("2 samplings; 6 of the files"), "{note}");
    }
}
