//! Records that are too poor to count, and visits that count all the same.

use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{Inspection, Method};
use serde_json::json;

use super::{Builder, DELIVERY, Fate, RECORDING};
use crate::stamp::SECOND;

type Spoil = fn(&mut Inspection);

/// What takes an off-site record below the minimum.
const POOR: [Spoil; 13] = [
    |act| act.task_id = None,
    |act| act.approval = None,
    |act| act.plan_item = None,
    |act| act.officers.truncate(1),
    |act| act.officers[1].certificate_no = act.officers[0].certificate_no.clone(),
    |act| act.unit.permit_no = None,
    |act| act.outlets.clear(),
    |act| act.sources.clear(),
    |act| act.sources[0].rows = Some(0),
    |act| act.checklist.clear(),
    |act| act.findings[0].evidence_ids.clear(),
    |act| act.notice = None,
    |act| act.signed_by = None,
];

impl Builder {
    /// Records that the minimum keeps out, and documents that break their schema.
    pub(super) fn poor_records(&mut self) {
        for (at, spoil) in POOR.into_iter().enumerate() {
            let unit = self.unit();
            let mut act = self.act(unit, self.at(70 + at as i32), Method::AutoMonitor);
            spoil(&mut act);
            self.left_out(&act, "minimum_record");
        }
        let unit = self.unit();
        let mut ruleless = self.act(unit, self.at(84), Method::AutoMonitor);
        ruleless.rule_versions.clear();
        self.left_out(&ruleless, "minimum_record");
        for seconds in [0, 120, 179] {
            let unit = self.unit();
            let mut hasty = self.act(unit, self.at(85), Method::Video);
            hasty.ended_at = hasty.started_at.map(|at| Instant(at.0 + seconds * SECOND));
            self.left_out(&hasty, "minimum_record");
            if let Some(stage) = self.truth.last(&hasty.act_id) {
                stage.too_short = true;
            }
        }
        // Three minutes are enough.
        let unit = self.unit();
        let mut brief = self.act(unit, self.at(86), Method::Video);
        brief.ended_at = brief.started_at.map(|at| Instant(at.0 + 180 * SECOND));
        self.counted(&brief);
        // A visit with a poor record is a visit.
        for spoil in [POOR[3], POOR[9], POOR[12]] {
            let unit = self.unit();
            let mut visit = self.act(unit, self.at(87), Method::SiteVisit);
            spoil(&mut visit);
            self.counted(&visit);
        }
        self.faulty_documents();
    }

    fn faulty_documents(&mut self) {
        for (method, fate) in [
            (Method::Documents, Fate::Not("document_faults")),
            (Method::SiteVisit, Fate::On),
        ] {
            let unit = self.unit();
            let mut act = self.act(unit, self.at(90), method);
            act.outlets = vec!["烟囱".to_owned()];
            let sent = self.send(&act);
            self.says(&act, sent, [fate; 3]);
            // A class nobody knows.
            let unit = self.unit();
            let mut act = self.act(unit, self.at(91), method);
            let recorded = act.completed_at.map_or(0, |at| at.0) + RECORDING * SECOND;
            let sent = self.send_with(&act, recorded, recorded + DELIVERY * SECOND, |body| {
                body["class"] = json!("weekly");
            });
            act.class = None;
            self.says(&act, sent, [fate; 3]);
        }
    }
}
