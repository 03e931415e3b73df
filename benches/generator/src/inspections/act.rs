//! A complete inspection act: everything the minimum record asks for.

use nonsite_schemas::time::{DAY_MICROS, beijing_day_start};
use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{
    ActStatus, AnswerCode, Approval, ChecklistAnswer, Class, Conclusion, DataSource, Evidence,
    Finding, Inspection, Method, Mode, Notice, Officer, Org, OrgLevel, Unit as WireUnit,
};

use super::Writer;
use crate::layout::{Layout, Unit};
use crate::stamp::{HOUR, SECOND, civil};

impl Writer {
    /// A complete act on a Beijing day at an hour.
    pub(super) fn act(
        &mut self,
        unit: &Unit,
        layout: &Layout,
        day: i32,
        hour: i64,
        method: Method,
    ) -> Inspection {
        self.next += 1;
        let number = self.next;
        let offsite = method != Method::SiteVisit;
        let started = beijing_day_start(day) + hour * HOUR;
        let ended = started + if offsite { 50 * 60 * SECOND } else { 2 * HOUR };
        let points = &layout.points[unit.points.clone()];
        let evidence_id = format!("E{number:06}-1");
        let team = match self.special {
            true => format!("{}-S{number}", unit.org_code),
            false => format!("{}-T{}", unit.org_code, number % 7 + 1),
        };
        Inspection {
            act_id: format!("ACT{number:07}"),
            act_version: 1,
            task_id: Some(format!("TASK{number:07}")),
            plan_item: Some(format!("{}-PLAN-{:02}", civil(day).0, number % 12 + 1)),
            unit: WireUnit {
                unit_id: unit.permit_no.clone(),
                permit_no: Some(unit.permit_no.clone()),
                uscc: Some(unit.uscc.clone()),
                name: Some(unit.name.clone()),
                admin_code: Some(unit.admin_code.to_owned()),
                positive_list: unit.index % 10 == 9,
            },
            org: Org {
                code: unit.org_code.clone(),
                name: Some(format!("东营市生态环境局{}分局", unit.org_code)),
                level: Some(OrgLevel::SubBureau),
            },
            mode: Some(if offsite { Mode::Offsite } else { Mode::Onsite }),
            method: Some(method),
            class: Some(Class::Daily),
            status: Some(ActStatus::Closed),
            approval: Some(Approval {
                approval_id: format!("APV{number:07}"),
                approved_by: "支队审批人".to_owned(),
                approved_at: Some(Instant(started - 20 * HOUR)),
            }),
            officers: (0..2)
                .map(|at| Officer {
                    officer_id: format!("{team}-{at}"),
                    name: None,
                    certificate_no: format!("15{}{:04}", unit.admin_code, number % 7 * 2 + at),
                })
                .collect(),
            team_id: Some(team),
            outlets: points
                .iter()
                .map(|point| point.outlet_code.clone())
                .collect(),
            sources: vec![DataSource {
                kind: if offsite {
                    "hourly_readings"
                } else {
                    "site_record"
                }
                .to_owned(),
                from: Some(Instant(started - 7 * DAY_MICROS)),
                to: Some(Instant(started)),
                query: offsite
                    .then(|| format!("select * from hourly where mn = '{}'", points[0].mn)),
                rows: Some(168 * points.len() as i64),
            }],
            checklist: vec![ChecklistAnswer {
                item_id: format!("{}-01", unit.business.industry()),
                answer: Some(AnswerCode::Pass),
                ..ChecklistAnswer::default()
            }],
            findings: vec![Finding {
                finding_id: format!("F{number:06}-1"),
                text: "核对小时数据与许可限值，未发现问题".to_owned(),
                evidence_ids: vec![evidence_id.clone()],
                ..Finding::default()
            }],
            evidence: vec![Evidence {
                evidence_id,
                kind: "query_result".to_owned(),
                sha256: hash(&[u64::from(number), started as u64]),
                captured_at: Some(Instant(started + 600 * SECOND)),
            }],
            conclusion: Some(Conclusion::NoProblem),
            notice: Some(Notice {
                channel: "client".to_owned(),
                notified_at: Some(Instant(ended + 600 * SECOND)),
                receipt: Some(format!("R{number:07}")),
            }),
            started_at: Some(Instant(started)),
            ended_at: Some(Instant(ended)),
            completed_at: Some(Instant(ended + 900 * SECOND)),
            signed_by: Some("复核人".to_owned()),
            policy_id: Some("default".to_owned()),
            rule_versions: [("E01".to_owned(), 1)].into(),
            ..Inspection::default()
        }
    }
}

/// SHA-256 of some numbers, as 64 hexadecimal digits.
fn hash(numbers: &[u64]) -> String {
    use sha2::Digest as _;
    let mut hasher = sha2::Sha256::new();
    for number in numbers {
        hasher.update(number.to_le_bytes());
    }
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
