//! What makes an inspection record consistent.
//!
//! Consistency only: whether the record is complete enough to count is another question, see
//! [`super::minimum_record`].

use std::collections::HashSet;

use super::{ActStatus, Inspection, Method, Mode};
use crate::reason::Reason;
use crate::wire::Instant;
use crate::wire::code::{outlet_medium, permit_no_fault, uscc_fault};
use crate::wire::document::Kind;
use crate::wire::fault::{Fault, Faults};

impl Kind for Inspection {
    const UNIDENTIFIED: Reason = Reason::InspectionFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.act_id.trim().is_empty().then_some("act_id")
    }

    fn validate(&self) -> Vec<Fault> {
        Self::validate(self)
    }
}

impl Inspection {
    /// Everything wrong with the values of this record, each with the path of its field.
    pub fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        self.check_head(&mut faults);
        self.check_times(&mut faults);
        self.check_people(&mut faults);
        self.check_content(&mut faults);
        faults.into_vec()
    }

    fn check_head(&self, faults: &mut Faults) {
        faults.require(self.act_version >= 1, "act_version", "must be >= 1");
        faults.text(&self.unit.unit_id, "unit.unit_id");
        if let Some(fault) = self.unit.permit_no.as_deref().and_then(permit_no_fault) {
            faults.add("unit.permit_no", fault);
        }
        if let Some(fault) = self.unit.uscc.as_deref().and_then(uscc_fault) {
            faults.add("unit.uscc", fault);
        }
        faults.text(&self.org.code, "org.code");
        faults.given(self.org.level.as_ref(), "org.level");
        faults.given(self.mode.as_ref(), "mode");
        faults.given(self.method.as_ref(), "method");
        faults.given(self.class.as_ref(), "class");
        faults.given(self.status.as_ref(), "status");
        if self.mode == Some(Mode::Offsite) && self.method == Some(Method::SiteVisit) {
            faults.add("method", "is site_visit but mode is offsite");
        }
        if self.status == Some(ActStatus::Withdrawn) {
            faults.text(
                self.withdrawn_reason.as_deref().unwrap_or_default(),
                "withdrawn_reason",
            );
        }
        if self.counts_for_ratio == Some(false) {
            faults.text(
                self.not_counted_reason.as_deref().unwrap_or_default(),
                "not_counted_reason",
            );
        }
        for (field, other) in [
            ("escalated_from", &self.escalated_from),
            ("escalated_to", &self.escalated_to),
            ("collapsed_into", &self.collapsed_into),
        ] {
            let itself = other.as_deref() == Some(self.act_id.as_str());
            faults.require(!itself, field, "must name another act");
        }
    }

    fn check_times(&self, faults: &mut Faults) {
        check_order(
            self.started_at,
            self.ended_at,
            "ended_at",
            "must not be before started_at",
            faults,
        );
        let last = self.ended_at.or(self.started_at);
        check_order(
            last,
            self.completed_at,
            "completed_at",
            "must not be before the end of the check",
            faults,
        );
        if matches!(self.status, Some(ActStatus::Completed | ActStatus::Closed)) {
            faults.given(self.completed_at.as_ref(), "completed_at");
        }
        for (i, source) in self.sources.iter().enumerate() {
            faults.text(&source.kind, format!("sources[{i}].kind"));
            if let (Some(from), Some(to)) = (source.from, source.to) {
                faults.require(from < to, format!("sources[{i}].to"), "must be after from");
            }
            if let Some(rows) = source.rows {
                faults.require(rows >= 0, format!("sources[{i}].rows"), "must be >= 0");
            }
        }
    }

    fn check_people(&self, faults: &mut Faults) {
        let mut ids = HashSet::new();
        for (i, officer) in self.officers.iter().enumerate() {
            let at = format!("officers[{i}].officer_id");
            if officer.officer_id.trim().is_empty() {
                faults.add(at, "is missing");
            } else if !ids.insert(officer.officer_id.as_str()) {
                faults.add(at, format!("`{}` is given twice", officer.officer_id));
            }
        }
    }

    fn check_content(&self, faults: &mut Faults) {
        for (i, code) in self.outlets.iter().enumerate() {
            faults.require(
                outlet_medium(code).is_some(),
                format!("outlets[{i}]"),
                "must be DA or DW with three digits (HJ 608)",
            );
        }
        for (i, answer) in self.checklist.iter().enumerate() {
            faults.text(&answer.item_id, format!("checklist[{i}].item_id"));
            faults.given(answer.answer.as_ref(), format!("checklist[{i}].answer"));
        }
        if let Some(form) = &self.checklist_form {
            faults.text(&form.checklist_id, "checklist_form.checklist_id");
            faults.require(form.version >= 1, "checklist_form.version", "must be >= 1");
        }
        let mut evidence = HashSet::new();
        for (i, item) in self.evidence.iter().enumerate() {
            let at = format!("evidence[{i}]");
            if item.evidence_id.trim().is_empty() {
                faults.add(format!("{at}.evidence_id"), "is missing");
            } else if !evidence.insert(item.evidence_id.as_str()) {
                faults.add(
                    format!("{at}.evidence_id"),
                    format!("`{}` is given twice", item.evidence_id),
                );
            }
            let hash =
                item.sha256.len() == 64 && item.sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
            faults.require(
                hash,
                format!("{at}.sha256"),
                "must be 64 hexadecimal digits",
            );
        }
        for (i, answer) in self.checklist.iter().enumerate() {
            for (j, id) in answer.evidence_ids.iter().enumerate() {
                if !evidence.contains(id.as_str()) {
                    faults.add(
                        format!("checklist[{i}].evidence_ids[{j}]"),
                        format!("`{id}` is not among evidence"),
                    );
                }
            }
        }
        for (i, finding) in self.findings.iter().enumerate() {
            faults.text(&finding.text, format!("findings[{i}].text"));
            for (j, id) in finding.evidence_ids.iter().enumerate() {
                if !evidence.contains(id.as_str()) {
                    faults.add(
                        format!("findings[{i}].evidence_ids[{j}]"),
                        format!("`{id}` is not among evidence"),
                    );
                }
            }
        }
    }
}

fn check_order(
    earlier: Option<Instant>,
    later: Option<Instant>,
    field: &str,
    fault: &str,
    faults: &mut Faults,
) {
    if let (Some(earlier), Some(later)) = (earlier, later) {
        faults.require(earlier <= later, field, fault);
    }
}
