//! Sub-bureaus that were audited (稽查) in the period.

use std::collections::BTreeSet;

use super::checks::ClosedAct;
use super::config::TargetsFile;
use super::{Asked, Target};
use crate::inspection::facts::day_number;
use crate::inspection::permit::InForce;
use crate::ratio::{OrgLevel, UNKNOWN_BODY};
use nonsite_schemas::time::beijing_day;

const COLUMNS: &[&str] = &[
    "sub-bureau",
    "audited",
    "completed",
    "team",
    "cross-region",
    "record",
];

/// Sub-bureaus with at least one finished audit over all of them.
pub(super) fn audited(
    asked: Asked<'_>,
    file: &TargetsFile,
    permits: &[InForce],
    acts: &[ClosedAct],
) -> Target {
    let stated = !file.sub_bureaus.is_empty();
    let bureaus: BTreeSet<&str> = if stated {
        file.sub_bureaus.iter().map(String::as_str).collect()
    } else {
        let of_acts = acts
            .iter()
            .filter(|act| act.org_level == OrgLevel::SubBureau && act.org_code != UNKNOWN_BODY)
            .map(|act| act.org_code.as_str());
        let of_permits = permits
            .iter()
            .filter_map(|one| one.permit.org_code.as_deref());
        of_acts.chain(of_permits).collect()
    };
    let as_of = beijing_day(asked.as_of);
    let mut hits = 0_u32;
    let mut rows = Vec::new();
    for bureau in &bureaus {
        let mut done: Vec<_> = file
            .audit
            .iter()
            .filter(|audit| audit.org_code == *bureau)
            .filter(|audit| {
                audit.completed_on.is_some_and(|day| {
                    let day = day_number(day);
                    day <= as_of && asked.period.contains(day)
                })
            })
            .collect();
        done.sort_by_key(|audit| audit.completed_on);
        hits += u32::from(!done.is_empty());
        let first = done.first();
        let text = |of: Option<String>| of.unwrap_or_default();
        rows.push(vec![
            (*bureau).to_owned(),
            (!done.is_empty()).to_string(),
            text(
                first
                    .and_then(|audit| audit.completed_on)
                    .map(|day| day.to_string()),
            ),
            text(first.map(|audit| audit.team.clone())),
            text(first.map(|audit| audit.cross_region.to_string())),
            text(first.and_then(|audit| audit.record.clone())),
        ]);
    }
    let cross = rows.iter().filter(|row| row[4] == "true").count();
    let source = if stated {
        "sub-bureaus and audits of the targets file"
    } else {
        "sub-bureaus that permits and inspections name, audits of the targets file"
    };
    Target::counted(
        "bureaus_audited",
        "分局稽查覆盖率",
        "sub-bureaus with a finished audit in the period",
        "bodies",
        Some(100.0),
        (f64::from(hits), bureaus.len() as f64),
        format!("{source}; {cross} by a team from other districts"),
        COLUMNS,
        rows,
    )
}
