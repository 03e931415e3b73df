//! Checks with a code of their own (行政行为码), which officers show on entering (亮码) and by which a check is
//! found in the digital system.
//!
//! Neither target is in the plan the others come from; both are in force elsewhere.

use nonsite_schemas::time::beijing_day;

use super::Target;
use super::checks::ClosedAct;
use crate::inspection::facts::date;

const COLUMNS: &[&str] = &["act", "unit", "body", "mode", "completed", "code", "coded"];

/// Visits with a code, of all visits; acts of both modes with a code, of all of them.
pub(super) fn shown(acts: &[ClosedAct]) -> [Target; 2] {
    let visits: Vec<&ClosedAct> = acts.iter().filter(|act| act.visit).collect();
    let all: Vec<&ClosedAct> = acts.iter().collect();
    [
        coded(
            &visits,
            "code_shown",
            "亮码检查率",
            "visits whose record holds the code that was shown on entering",
        ),
        coded(
            &all,
            "acts_coded",
            "行政行为码赋码率",
            "closed acts, on-site and off-site, whose record holds a code",
        ),
    ]
}

fn coded(acts: &[&ClosedAct], code: &'static str, zh: &'static str, text: &'static str) -> Target {
    let hits = acts.iter().filter(|act| act.action_code.is_some()).count();
    let rows = acts
        .iter()
        .map(|act| {
            vec![
                act.act_id.clone(),
                act.unit_name.clone(),
                act.org_code.clone(),
                act.mode.code().to_owned(),
                date(beijing_day(act.completed_at)).to_string(),
                act.action_code.clone().unwrap_or_default(),
                act.action_code.is_some().to_string(),
            ]
        })
        .collect();
    Target::counted(
        code,
        zh,
        text,
        "acts",
        Some(100.0),
        (hits as f64, acts.len() as f64),
        "field `action_code` of the record; the goal is one of other places".to_owned(),
        COLUMNS,
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::{Mode, OrgLevel};

    #[test]
    fn visits_and_all_acts_are_counted_apart() {
        let act = |id: &str, visit: bool, code: Option<&str>| ClosedAct {
            act_id: id.to_owned(),
            unit_id: "U".to_owned(),
            unit_name: "u".to_owned(),
            permit_no: None,
            org_code: "B1".to_owned(),
            org_level: OrgLevel::SubBureau,
            completed_at: 0,
            visit,
            class: "daily".to_owned(),
            mode: if visit { Mode::Onsite } else { Mode::Offsite },
            action_code: code.map(str::to_owned),
            joint: false,
            complete: true,
            conclusion: "no_problem".to_owned(),
            checklist: None,
            answers: 1,
        };
        let acts = [
            act("a", true, Some("XZ1")),
            act("b", true, None),
            act("c", false, Some("XZ2")),
        ];
        let [visits, all] = shown(&acts);
        assert_eq!((visits.hits, visits.of), (1.0, 2.0));
        assert_eq!((all.hits, all.of), (2.0, 3.0));
        assert_eq!(all.percent.as_deref(), Some("66.67"));
        assert_eq!(visits.reached, Some(false));
        assert_eq!(
            visits.rows[0],
            ["a", "u", "B1", "onsite", "1970-01-01", "XZ1", "true"].map(str::to_owned)
        );
        for target in shown(&[]) {
            assert_eq!((target.percent, target.reached), (None, None));
        }
    }
}
