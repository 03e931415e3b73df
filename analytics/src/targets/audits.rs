//! Sub-bureaus that were audited (稽查) in the period.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use nonsite_schemas::time::beijing_day;

use super::checks::ClosedAct;
use super::config::TargetsFile;
use super::{Asked, Target};
use crate::inspection::audits::BureauAudit;
use crate::inspection::facts::day_number;
use crate::inspection::permit::InForce;
use crate::ratio::{OrgLevel, UNKNOWN_BODY};

const COLUMNS: &[&str] = &[
    "sub-bureau",
    "audited",
    "completed",
    "team",
    "cross-region",
    "record",
    "sample",
];

/// A finished audit, from the table or from the file.
struct Finished<'a> {
    org_code: &'a str,
    on: NaiveDate,
    team: &'a str,
    cross_region: bool,
    record: Option<&'a str>,
    draw_id: Option<&'a str>,
}

fn of_table(audit: &BureauAudit) -> Option<Finished<'_>> {
    Some(Finished {
        org_code: &audit.org_code,
        on: audit.completed_on?,
        team: &audit.team,
        cross_region: audit.cross_region,
        record: audit.record.as_deref(),
        draw_id: audit.draw_id.as_deref(),
    })
}

fn of_file(file: &TargetsFile) -> impl Iterator<Item = Finished<'_>> {
    file.audit.iter().filter_map(|audit| {
        Some(Finished {
            org_code: &audit.org_code,
            on: audit.completed_on?,
            team: &audit.team,
            cross_region: audit.cross_region,
            record: audit.record.as_deref(),
            draw_id: None,
        })
    })
}

/// The city's sub-bureaus.
pub(super) struct Bureaus<'a> {
    /// Their codes.
    pub(super) codes: BTreeSet<&'a str>,
    /// Where they are known from.
    pub(super) source: &'static str,
}

impl<'a> Bureaus<'a> {
    /// Those of the targets file, else those that permits and inspections name.
    pub(super) fn of(file: &'a TargetsFile, permits: &'a [InForce], acts: &'a [ClosedAct]) -> Self {
        if !file.sub_bureaus.is_empty() {
            return Self {
                codes: file.sub_bureaus.iter().map(String::as_str).collect(),
                source: "sub-bureaus of the targets file",
            };
        }
        let of_acts = acts
            .iter()
            .filter(|act| act.org_level == OrgLevel::SubBureau && act.org_code != UNKNOWN_BODY)
            .map(|act| act.org_code.as_str());
        let of_permits = permits
            .iter()
            .filter_map(|one| one.permit.org_code.as_deref());
        Self {
            codes: of_acts.chain(of_permits).collect(),
            source: "sub-bureaus that permits and inspections name",
        }
    }
}

/// Sub-bureaus with at least one finished audit over all of them. `told` is what table `bureau_audits`
/// says at the instant asked for.
pub(super) fn audited(
    asked: Asked<'_>,
    file: &TargetsFile,
    told: &[BureauAudit],
    bureaus: &Bureaus<'_>,
) -> Target {
    let Bureaus { codes, source } = bureaus;
    let as_of = beijing_day(asked.as_of);
    let mut finished: Vec<Finished<'_>> = told
        .iter()
        .filter_map(of_table)
        .chain(of_file(file))
        .filter(|audit| {
            let day = day_number(audit.on);
            day <= as_of && asked.period.contains(day)
        })
        .collect();
    finished.sort_by_key(|audit| audit.on);
    let mut hits = 0_u32;
    let mut rows = Vec::new();
    for bureau in codes {
        let first = finished.iter().find(|audit| audit.org_code == *bureau);
        hits += u32::from(first.is_some());
        let text = |of: Option<String>| of.unwrap_or_default();
        rows.push(vec![
            (*bureau).to_owned(),
            first.is_some().to_string(),
            text(first.map(|audit| audit.on.to_string())),
            text(first.map(|audit| audit.team.to_owned())),
            text(first.map(|audit| audit.cross_region.to_string())),
            text(first.and_then(|audit| audit.record.map(str::to_owned))),
            text(first.and_then(|audit| audit.draw_id.map(str::to_owned))),
        ]);
    }
    let cross = rows.iter().filter(|row| row[4] == "true").count();
    let elsewhere: BTreeSet<&str> = finished
        .iter()
        .map(|audit| audit.org_code)
        .filter(|code| !codes.contains(code))
        .collect();
    let unknown = match elsewhere.len() {
        0 => String::new(),
        count => format!("; audits of {count} bodies that are none of them are not counted"),
    };
    Target::counted(
        "bureaus_audited",
        "分局稽查覆盖率",
        "sub-bureaus with a finished audit in the period",
        "bodies",
        Some(100.0),
        (f64::from(hits), codes.len() as f64),
        format!(
            "{source}, audits as they were recorded by then; {cross} by a team from other \
             districts{unknown}"
        ),
        COLUMNS,
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::super::config::Audit;
    use super::*;
    use crate::inspection::Config;
    use crate::inspection::audits::standing;
    use crate::ratio::{Period, RatioPolicy, parse_as_of};

    /// A row that was recorded on a day, at noon; `completed` is a day or nothing.
    fn row(id: &str, org: &str, recorded: &str, completed: &str) -> BureauAudit {
        BureauAudit {
            audit_id: id.to_owned(),
            org_code: org.to_owned(),
            team: format!("team of {id}"),
            cross_region: id == "a1",
            draw_id: (id == "a1").then(|| "d1".to_owned()),
            completed_on: completed.parse().ok(),
            record: None,
            by: "sup".to_owned(),
            recorded_at: parse_as_of(&format!("{recorded} 12:00:00")).unwrap(),
        }
    }

    fn file(bureaus: &[&str]) -> TargetsFile {
        TargetsFile {
            sub_bureaus: bureaus.iter().map(|&code| code.to_owned()).collect(),
            ..TargetsFile::default()
        }
    }

    fn figure(file: &TargetsFile, rows: &[BureauAudit], as_of: &str) -> Target {
        let as_of = parse_as_of(as_of).unwrap();
        let period = Period::year(2026).unwrap();
        let (policy, config) = (RatioPolicy::built_in(), Config::default());
        let asked = Asked {
            period: &period,
            as_of,
            policy: &policy,
            config: &config,
        };
        audited(
            asked,
            file,
            &standing(rows, as_of),
            &Bureaus::of(file, &[], &[]),
        )
    }

    fn counts(target: &Target) -> (f64, f64) {
        let shown = target.rows.iter().filter(|row| row[1] == "true").count();
        assert_eq!(
            target.hits, shown as f64,
            "the figure is the sum of its rows"
        );
        (target.hits, target.of)
    }

    #[test]
    fn three_of_five_were_audited() {
        let file = file(&["B1", "B2", "B3", "B4", "B5"]);
        let rows = [
            row("a1", "B1", "2026-03-10", "2026-03-09"),
            row("a2", "B2", "2026-04-10", "2026-04-10"),
            // Twice: it is one sub-bureau.
            row("a3", "B3", "2026-06-01", "2026-05-30"),
            row("a4", "B3", "2026-07-01", "2026-06-30"),
            // Not finished.
            row("a5", "B4", "2026-05-01", ""),
            // Last year.
            row("a6", "B5", "2026-01-02", "2025-12-31"),
            // A code that is none of the sub-bureaus.
            row("a7", "X9", "2026-05-01", "2026-04-30"),
        ];
        let target = figure(&file, &rows, "2026-12-31");
        assert_eq!(counts(&target), (3.0, 5.0));
        assert_eq!(target.percent.as_deref(), Some("60.00"));
        assert_eq!(target.reached, Some(false));
        let of = |at: usize| target.rows[at].clone();
        assert_eq!(
            of(0),
            ["B1", "true", "2026-03-09", "team of a1", "true", "", "d1"].map(str::to_owned)
        );
        assert_eq!(of(2)[2..4], ["2026-05-30", "team of a3"].map(str::to_owned));
        for at in [3, 4] {
            assert_eq!(
                of(at)[1..],
                ["false", "", "", "", "", ""].map(str::to_owned)
            );
        }
        assert!(target.note.contains("1 by a team"), "{}", target.note);
        assert!(target.note.contains("of 1 bodies"), "{}", target.note);
    }

    #[test]
    fn it_stands_as_it_was_recorded_by_then() {
        let file = file(&["B1", "B2"]);
        let rows = [
            row("a1", "B1", "2026-03-01", ""),
            // Ended in March, told in June.
            row("a2", "B2", "2026-06-01", "2026-03-20"),
            row("a1", "B1", "2026-04-01", "2026-03-31"),
            // Taken back: it had not ended after all.
            row("a1", "B1", "2026-05-01", ""),
        ];
        for (as_of, hits) in [
            ("2026-03-31", 0.0),
            ("2026-04-01", 1.0),
            ("2026-05-01", 0.0),
            ("2026-06-01", 1.0),
        ] {
            let target = figure(&file, &rows, as_of);
            assert_eq!(counts(&target), (hits, 2.0), "{as_of}");
        }
    }

    #[test]
    fn the_file_counts_as_before() {
        let mut file = file(&["B1", "B2"]);
        let audit = |org: &str, completed: &str| Audit {
            org_code: org.to_owned(),
            team: "t".to_owned(),
            cross_region: false,
            completed_on: completed.parse().ok(),
            record: Some("r".to_owned()),
        };
        file.audit = vec![audit("B1", "2026-05-20"), audit("B2", "")];
        let before = figure(&file, &[], "2026-05-19");
        assert_eq!(counts(&before), (0.0, 2.0), "not ended yet");
        let target = figure(&file, &[], "2026-05-20");
        assert_eq!(counts(&target), (1.0, 2.0));
        assert_eq!(target.rows[0][5], "r");
        let both = [row("a2", "B2", "2026-05-01", "2026-04-30")];
        let target = figure(&file, &both, "2026-05-20");
        assert_eq!((counts(&target), target.reached), ((2.0, 2.0), Some(true)));
    }
}
