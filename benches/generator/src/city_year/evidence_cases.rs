//! Records that are too poor to count, and visits that count all the same.

use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{
    AnswerCode, Approval, ChecklistAnswer, ChecklistForm, Inspection, Method,
};
use serde_json::json;

use super::{Builder, DELIVERY, Fate, RECORDING};
use crate::stamp::SECOND;

type Spoil = fn(&mut Inspection);

/// What checklist `common`, version 1, asks of every permit.
const ASKED_OF_ALL: [&str; 4] = ["permit-valid", "findings", "ledger", "disclosure"];

/// What takes an off-site record below the minimum.
const POOR: [Spoil; 23] = [
    |act| act.task_id = None,
    |act| act.approval = None,
    |act| approval(act).approved_by.clear(),
    |act| approval(act).approval_id.clear(),
    |act| approval(act).approved_at = None,
    |act| act.plan_item = None,
    |act| act.officers.truncate(1),
    |act| act.officers[1].certificate_no = act.officers[0].certificate_no.clone(),
    |act| act.unit.permit_no = None,
    |act| act.outlets.clear(),
    |act| act.sources.clear(),
    |act| act.sources[0].rows = Some(0),
    // A query that does not say what it gave.
    |act| act.sources[0].rows = None,
    |act| act.sources[0].from = None,
    |act| act.sources[0].to = None,
    |act| act.checklist.clear(),
    |act| act.findings[0].evidence_ids.clear(),
    // Nothing found, and nothing that shows that anything was looked at.
    |act| {
        act.findings.clear();
        act.evidence.clear();
    },
    |act| act.notice = None,
    |act| act.conclusion = None,
    |act| act.started_at = None,
    |act| act.policy_id = None,
    |act| act.signed_by = None,
];

fn approval(act: &mut Inspection) -> &mut Approval {
    act.approval.get_or_insert_default()
}

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
        // Nothing found rests on evidence without a finding.
        let unit = self.unit();
        let mut sound = self.act(unit, self.at(86), Method::Power);
        sound.findings.clear();
        self.counted(&sound);
        // A visit with a poor record is a visit.
        for spoil in [POOR[6], POOR[15], POOR[22]] {
            let unit = self.unit();
            let mut visit = self.act(unit, self.at(87), Method::SiteVisit);
            spoil(&mut visit);
            self.counted(&visit);
            self.lacks_something(&visit);
        }
        self.faulty_documents();
    }

    /// Says that a record lacks part of the minimum, although it counts.
    pub(super) fn lacks_something(&mut self, act: &Inspection) {
        if let Some(stage) = self.truth.last(&act.act_id) {
            stage.complete = false;
        }
    }

    /// Records that say which permit checklist they answer: with every question that is asked of every
    /// permit, and with one of them open. Visits count all the same, and what was asked of a list or a
    /// version that is not known here is not known.
    pub(super) fn checklists(&mut self) {
        for (method, list, version, open, counts) in [
            (Method::Documents, "common", 1, false, true),
            (Method::Documents, "common", 1, true, false),
            (Method::SiteVisit, "common", 1, true, true),
            (Method::Documents, "common", 99, true, true),
            (Method::Documents, "nowhere", 1, true, true),
        ] {
            let unit = self.unit();
            let mut act = self.act(unit, self.at(92), method);
            act.checklist_form = Some(ChecklistForm {
                checklist_id: list.to_owned(),
                version,
                permit_version: None,
            });
            act.checklist = ASKED_OF_ALL
                .into_iter()
                .skip(usize::from(open))
                .map(|item| ChecklistAnswer {
                    item_id: item.to_owned(),
                    answer: Some(AnswerCode::Pass),
                    ..ChecklistAnswer::default()
                })
                .collect();
            if counts {
                self.counted(&act);
            } else {
                self.left_out(&act, "minimum_record");
            }
        }
    }

    fn faulty_documents(&mut self) {
        // Nobody knows which body it was.
        let unit = self.unit();
        let mut nobody = self.act(unit, self.at(89), Method::Power);
        nobody.org.code.clear();
        self.left_out(&nobody, "document_faults");
        for (method, fate) in [
            (Method::Documents, Fate::Not("document_faults")),
            (Method::SiteVisit, Fate::On),
        ] {
            let unit = self.unit();
            let mut act = self.act(unit, self.at(90), method);
            act.outlets = vec!["烟囱".to_owned()];
            let sent = self.send(&act);
            self.says(&act, sent, [fate; 3]);
            self.lacks_something(&act);
            // A class nobody knows.
            let unit = self.unit();
            let mut act = self.act(unit, self.at(91), method);
            let recorded = act.completed_at.map_or(0, |at| at.0) + RECORDING * SECOND;
            let sent = self.send_with(&act, recorded, recorded + DELIVERY * SECOND, |body| {
                body["class"] = json!("weekly");
            });
            act.class = None;
            self.says(&act, sent, [fate; 3]);
            self.lacks_something(&act);
        }
    }
}
