//! What the plan holds whatever the seed.

use super::*;
use std::collections::BTreeSet;

fn plan(scale: &Scale) -> (Layout, Plan) {
    let layout = Layout::new(scale);
    let plan = Plan::new(scale, &layout);
    (layout, plan)
}

#[test]
fn every_kind_of_fault_happens_in_the_default_province() {
    let scale = Scale::default();
    let (_, plan) = plan(&scale);
    let mut seen: BTreeSet<Kind> = plan
        .episodes
        .iter()
        .flatten()
        .map(|episode| episode.kind)
        .collect();
    for case in &plan.permits {
        match case {
            PermitCase::MassOver { .. } => _ = seen.insert(Kind::MassOver),
            PermitCase::Ends { last_day } if *last_day < scale.days as i32 => {
                seen.insert(Kind::PermitExpired);
            }
            PermitCase::Ends { .. } => _ = seen.insert(Kind::PermitExpiring),
            PermitCase::MonthOver { .. } => _ = seen.insert(Kind::MonthMassOver),
            _ => {}
        }
    }
    for case in &plan.reports {
        match case {
            ReportCase::Missing => _ = seen.insert(Kind::ReportMissing),
            ReportCase::Late => _ = seen.insert(Kind::ReportLate),
            ReportCase::InTime => {}
        }
    }
    let possible = |kind: &&Kind| kind.earliest_day() < scale.days as usize;
    for kind in Kind::FAULTS.iter().chain(&Kind::DECOYS).filter(possible) {
        assert!(seen.contains(kind), "{kind:?} is missing");
    }
}

#[test]
fn episodes_of_a_point_never_share_a_day_except_around_a_permit_change() {
    let scale = Scale {
        points: 200,
        days: 5,
        fault_rate: 0.6,
        ..Scale::default()
    };
    let (_, plan) = plan(&scale);
    for episodes in &plan.episodes {
        let mut days: Vec<u32> = episodes
            .iter()
            .filter(|e| !matches!(e.kind, Kind::BeforeTightening | Kind::LimitTightened))
            .map(|e| e.first_hour / 24)
            .collect();
        let all = days.len();
        days.dedup();
        assert_eq!(days.len(), all);
        assert!(
            episodes
                .iter()
                .all(|e| e.first_hour + e.hours <= scale.hours())
        );
    }
}

#[test]
fn one_day_and_one_point_is_enough_to_run() {
    for points in 1..8 {
        let _ = plan(&Scale {
            points,
            days: 1,
            factors: 4,
            ..Scale::default()
        });
    }
}
