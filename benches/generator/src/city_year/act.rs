//! A complete record of an act in the city's year.

use std::collections::BTreeMap;

use nonsite_schemas::time::DAY_MICROS;
use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{
    ActStatus, AnswerCode, Approval, ChecklistAnswer, Class, Conclusion, DataSource, Evidence,
    Finding, Inspection, Method, Mode, Notice, Officer, Org, OrgLevel, Unit,
};

use super::{BODIES, Builder};
use crate::stamp::{HOUR, SECOND};

impl Builder {
    /// A complete act that starts at an instant, by a team of its own in a task of its own.
    pub(super) fn act(&mut self, unit: usize, started: i64, method: Method) -> Inspection {
        self.next_act += 1;
        let number = self.next_act;
        let unit = &self.units[unit];
        let offsite = method != Method::SiteVisit;
        let ended = started + if offsite { 40 * 60 * SECOND } else { 2 * HOUR };
        let team = format!("T{number:04}");
        Inspection {
            act_id: format!("CY{}-{number:04}", self.year),
            act_version: 1,
            task_id: Some(format!("RW{number:05}")),
            plan_item: Some(format!("{}-{:02}", self.year, number % 12 + 1)),
            unit: Unit {
                unit_id: unit.permit_no.clone(),
                permit_no: Some(unit.permit_no.clone()),
                uscc: Some(unit.uscc.clone()),
                name: Some(unit.name.clone()),
                admin_code: Some(BODIES[unit.body].0[..6].to_owned()),
                positive_list: unit.positive_list,
            },
            org: body(unit.body),
            mode: Some(if offsite { Mode::Offsite } else { Mode::Onsite }),
            method: Some(method),
            class: Some(Class::Daily),
            status: Some(ActStatus::Closed),
            approval: Some(Approval {
                approval_id: format!("SP{number:05}"),
                approved_by: "审批人".to_owned(),
                approved_at: Some(Instant(started - 20 * HOUR)),
            }),
            officers: officers(&team),
            team_id: Some(team),
            outlets: vec!["DA001".to_owned()],
            sources: vec![DataSource {
                kind: "hourly_readings".to_owned(),
                from: Some(Instant(started - 7 * DAY_MICROS)),
                to: Some(Instant(started)),
                query: Some("SELECT * FROM hourly".to_owned()),
                rows: Some(168),
            }],
            // Every third act has none.
            action_code: (!number.is_multiple_of(3))
                .then(|| format!("XZ{}-{number:05}", self.year)),
            checklist: vec![ChecklistAnswer {
                item_id: "limits".to_owned(),
                answer: Some(AnswerCode::Pass),
                ..ChecklistAnswer::default()
            }],
            findings: vec![Finding {
                finding_id: "1".to_owned(),
                text: "未发现问题".to_owned(),
                evidence_ids: vec!["e1".to_owned()],
                ..Finding::default()
            }],
            evidence: vec![Evidence {
                evidence_id: "e1".to_owned(),
                kind: "query_result".to_owned(),
                sha256: format!("{number:064x}"),
                captured_at: Some(Instant(started + 300 * SECOND)),
            }],
            conclusion: Some(Conclusion::NoProblem),
            notice: Some(Notice {
                channel: "client".to_owned(),
                notified_at: Some(Instant(ended + 120 * SECOND)),
                receipt: None,
            }),
            started_at: Some(Instant(started)),
            ended_at: Some(Instant(ended)),
            completed_at: Some(Instant(ended + 300 * SECOND)),
            signed_by: Some("复核人".to_owned()),
            policy_id: Some("nonsite-default-1".to_owned()),
            rule_versions: BTreeMap::from([("E01".to_owned(), 1)]),
            ..Inspection::default()
        }
    }

    pub(super) fn routine_method(&mut self, mode: Mode) -> Method {
        if mode == Mode::Onsite {
            return Method::SiteVisit;
        }
        match self.noise.below(7) {
            0 => Method::Power,
            1 => Method::Video,
            2 => Method::Uav,
            3 => Method::Documents,
            4 => Method::RemoteSensing,
            _ => Method::AutoMonitor,
        }
    }
}

/// A body of the city.
pub(super) fn body(index: usize) -> Org {
    let (code, name, level) = BODIES[index % BODIES.len()];
    Org {
        code: code.to_owned(),
        name: Some(name.to_owned()),
        level: Some(match level {
            "city" => OrgLevel::City,
            "county" => OrgLevel::County,
            _ => OrgLevel::SubBureau,
        }),
    }
}

/// The two officers of a team.
fn officers(team: &str) -> Vec<Officer> {
    ["a", "b"]
        .map(|letter| Officer {
            officer_id: format!("{team}{letter}"),
            name: None,
            certificate_no: format!("37{}{letter}", &team[1..]),
        })
        .into()
}

/// Moves the signature of an act, and the check before it.
pub(super) fn signed_at(act: &mut Inspection, signed: i64) {
    act.started_at = Some(Instant(signed - HOUR));
    act.ended_at = Some(Instant(signed - 600 * SECOND));
    act.completed_at = Some(Instant(signed));
    if let Some(approval) = &mut act.approval {
        approval.approved_at = Some(Instant(signed - 20 * HOUR));
    }
    if let Some(notice) = &mut act.notice {
        notice.notified_at = Some(Instant(signed - 300 * SECOND));
    }
}

/// The same team in both acts.
pub(super) fn same_team(act: &mut Inspection, as_in: &Inspection) {
    act.team_id.clone_from(&as_in.team_id);
    act.officers.clone_from(&as_in.officers);
}
