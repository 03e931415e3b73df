//! How often premises are entered: visits that several bodies made together (联合检查), and units that one
//! body visited more than twice.
//!
//! Neither target is in the plan the others come from; both are in force elsewhere and tell whether
//! off-site inspection spares visits. A visit is an on-site act of one of the city's own bodies that
//! stands for itself: void, open, merged and sliced records are none.

use std::collections::BTreeMap;

use super::Target;
use super::checks::ClosedAct;
use crate::inspection::facts::date;
use nonsite_schemas::time::beijing_day;

/// Share of visits to be made together, percent.
const TOGETHER: f64 = 60.0;
/// Visits of a unit by one body in a year.
const MOST: usize = 2;
/// The class of visits that a complaint, a transfer or abnormal data gave rise to.
const TRIGGERED: &str = "case";

const JOINT_COLUMNS: &[&str] = &["act", "unit", "body", "class", "completed", "joint"];
const UNIT_COLUMNS: &[&str] = &["unit", "name", "body", "visits", "within", "acts"];

/// Visits made together, of all visits; units within the limit, of all that were visited.
pub(super) fn visited(acts: &[ClosedAct]) -> Vec<Target> {
    let visits: Vec<&ClosedAct> = acts.iter().filter(|act| act.visit).collect();
    vec![joint(&visits), at_most_twice(&visits)]
}

fn joint(visits: &[&ClosedAct]) -> Target {
    let rows: Vec<Vec<String>> = visits
        .iter()
        .map(|visit| {
            vec![
                visit.act_id.clone(),
                visit.unit_name.clone(),
                visit.org_code.clone(),
                visit.class.clone(),
                date(beijing_day(visit.completed_at)).to_string(),
                visit.joint.to_string(),
            ]
        })
        .collect();
    let hits = visits.iter().filter(|visit| visit.joint).count();
    Target::counted(
        "joint_inspections",
        "联合检查率",
        "visits that several bodies made together",
        "acts",
        Some(TOGETHER),
        (hits as f64, visits.len() as f64),
        "joint is a visit whose record names other bodies, or that another body recorded in the same \
         task; the goal is one of other places"
            .to_owned(),
        JOINT_COLUMNS,
        rows,
    )
}

fn at_most_twice(visits: &[&ClosedAct]) -> Target {
    let mut by_unit: BTreeMap<(&str, &str), Vec<&ClosedAct>> = BTreeMap::new();
    for visit in visits.iter().filter(|visit| visit.class != TRIGGERED) {
        by_unit
            .entry((visit.org_code.as_str(), visit.unit_id.as_str()))
            .or_default()
            .push(visit);
    }
    let mut hits = 0_u32;
    let mut rows = Vec::new();
    for ((body, unit), visits) in &by_unit {
        let within = visits.len() <= MOST;
        hits += u32::from(within);
        let acts: Vec<&str> = visits.iter().map(|visit| visit.act_id.as_str()).collect();
        rows.push(vec![
            (*unit).to_owned(),
            visits
                .first()
                .map(|visit| visit.unit_name.clone())
                .unwrap_or_default(),
            (*body).to_owned(),
            visits.len().to_string(),
            within.to_string(),
            acts.join(", "),
        ]);
    }
    Target::counted(
        "visits_per_unit",
        "同一主体年度检查不超过两次",
        "units that one body visited at most twice in the period, of those it visited",
        "units",
        Some(100.0),
        (f64::from(hits), by_unit.len() as f64),
        "a unit and a body at a time; visits of class `case` are triggered and have no limit"
            .to_owned(),
        UNIT_COLUMNS,
        rows,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ratio::{Mode, OrgLevel};

    fn visit(id: &str, unit: &str, body: &str, class: &str) -> ClosedAct {
        ClosedAct {
            act_id: id.to_owned(),
            unit_id: unit.to_owned(),
            unit_name: unit.to_lowercase(),
            permit_no: None,
            org_code: body.to_owned(),
            org_level: OrgLevel::SubBureau,
            completed_at: 0,
            visit: true,
            class: class.to_owned(),
            mode: Mode::Onsite,
            action_code: None,
            joint: false,
            complete: true,
            conclusion: "no_problem".to_owned(),
            checklist: None,
            answers: 1,
        }
    }

    #[test]
    fn a_unit_is_visited_twice_by_a_body_and_as_often_as_data_call_for_it() {
        let mut acts = vec![
            visit("a", "U1", "B1", "daily"),
            visit("b", "U1", "B1", "special"),
            // Triggered: it has no limit.
            visit("c", "U1", "B1", "case"),
            // Another body's limit is its own.
            visit("d", "U1", "B2", "daily"),
            visit("e", "U2", "B1", "daily"),
        ];
        let mut off = visit("f", "U1", "B1", "daily");
        off.visit = false;
        acts.push(off);
        acts[3].joint = true;
        let targets = visited(&acts);
        let counts = |target: &Target| (target.hits, target.of);
        assert_eq!(counts(&targets[0]), (1.0, 5.0), "joint");
        assert_eq!(targets[0].percent.as_deref(), Some("20.00"));
        assert_eq!(targets[0].reached, Some(false));
        assert_eq!(targets[0].rows.len(), 5);
        assert_eq!(counts(&targets[1]), (3.0, 3.0), "at most twice");
        assert_eq!(targets[1].reached, Some(true));

        acts.push(visit("g", "U1", "B1", "daily"));
        let target = &visited(&acts)[1];
        assert_eq!(counts(target), (2.0, 3.0));
        assert_eq!(
            target.rows[0],
            ["U1", "u1", "B1", "3", "false", "a, b, g"].map(str::to_owned)
        );
        let within = target.rows.iter().filter(|row| row[4] == "true").count();
        assert_eq!(within as f64, target.hits);
    }

    #[test]
    fn no_visit_has_no_share() {
        for target in visited(&[]) {
            assert_eq!((target.percent, target.reached), (None, None));
        }
    }
}
