//! The minimum record: what an act must hold before it may count as an inspection.
//!
//! A share of off-site inspections is worth what its members are worth. An act counts only when
//! its record shows who was allowed to check what, by whom it was done, which data were looked at,
//! what was found and that the unit was told. The list follows the national forms (approval form,
//! two certificate holders, checklist, notice of the result) and the rules of evidence.

use std::collections::HashSet;

use super::{Class, Inspection, Method, Mode};
use crate::wire::fault::{Fault, Faults};

/// The shortest check that can be one: a record opened and closed faster was not a review.
pub const MINIMUM_DURATION_MICROS: i64 = 3 * 60 * 1_000_000;
/// What is said of a record that was opened and closed faster than that.
pub const TOO_SHORT: &str = "is less than 3 minutes after started_at";

/// Officers with a certificate the law asks for.
const MINIMUM_OFFICERS: usize = 2;

/// What the record lacks for the act to count; empty when it is complete.
///
/// Asked of acts of both modes. It is a gate for off-site acts only: an on-site visit with a poor
/// record still is an on-site visit, and leaving it out would raise the off-site share.
pub fn minimum_record(act: &Inspection) -> Vec<Fault> {
    let mut faults = Faults::default();
    check_authority(act, &mut faults);
    check_review(act, &mut faults);
    check_result(act, &mut faults);
    faults.into_vec()
}

impl Inspection {
    /// Whether this act counts for the ratio, and if not, why (one sentence).
    ///
    /// `valid` says whether the document passed validation.
    pub fn not_counted(&self, valid: bool) -> Option<String> {
        if self.counts_for_ratio == Some(false) {
            let why = self
                .not_counted_reason
                .as_deref()
                .filter(|why| !why.trim().is_empty());
            return Some(format!(
                "excluded by the sender: {}",
                why.unwrap_or("no reason given")
            ));
        }
        if self.mode != Some(Mode::Offsite) {
            return self
                .mode
                .is_none()
                .then(|| "neither off-site nor on-site".to_owned());
        }
        if !valid {
            return Some("the document is faulty, see doc_faults".to_owned());
        }
        let lacking = minimum_record(self);
        let first = lacking.first()?;
        let more = match lacking.len() - 1 {
            0 => String::new(),
            count => format!(", and {count} more"),
        };
        Some(format!("the minimum record is incomplete: {first}{more}"))
    }
}

/// Task, approval, class, body and officers.
fn check_authority(act: &Inspection, faults: &mut Faults) {
    faults.text(act.task_id.as_deref().unwrap_or_default(), "task_id");
    match &act.approval {
        None => faults.add("approval", "is missing"),
        Some(approval) => {
            faults.text(&approval.approval_id, "approval.approval_id");
            faults.text(&approval.approved_by, "approval.approved_by");
            faults.given(approval.approved_at.as_ref(), "approval.approved_at");
        }
    }
    faults.given(act.class.as_ref(), "class");
    if act.class != Some(Class::Case) {
        faults.text(act.plan_item.as_deref().unwrap_or_default(), "plan_item");
    }
    faults.text(&act.org.code, "org.code");
    let certified = act.certified_officers();
    if certified < MINIMUM_OFFICERS {
        faults.add(
            "officers",
            format!("needs {MINIMUM_OFFICERS} officers with a certificate number, has {certified}"),
        );
    }
}

/// Unit, outlets, data, checklist and findings.
fn check_review(act: &Inspection, faults: &mut Faults) {
    faults.text(&act.unit.unit_id, "unit.unit_id");
    faults.text(
        act.unit.permit_no.as_deref().unwrap_or_default(),
        "unit.permit_no",
    );
    faults.require(
        !act.outlets.is_empty(),
        "outlets",
        "names no outlet reviewed",
    );
    if act.mode != Some(Mode::Onsite) {
        check_sources(act, faults);
    }
    faults.require(!act.checklist.is_empty(), "checklist", "has no answers");
    // Nothing found has to rest on something as well: what was looked at, kept by its hash.
    faults.require(
        !act.evidence.is_empty(),
        "evidence",
        "is empty: nothing shows what was looked at",
    );
    for (i, finding) in act.findings.iter().enumerate() {
        faults.require(
            !finding.evidence_ids.is_empty(),
            format!("findings[{i}].evidence_ids"),
            "names no evidence",
        );
    }
}

/// The data reviewed, each with its window, and at least one really queried.
fn check_sources(act: &Inspection, faults: &mut Faults) {
    if act.sources.is_empty() {
        faults.add("sources", "names no data reviewed");
        return;
    }
    for (i, source) in act.sources.iter().enumerate() {
        faults.given(source.from.as_ref(), format!("sources[{i}].from"));
        faults.given(source.to.as_ref(), format!("sources[{i}].to"));
    }
    // A query that does not say what it gave may never have been run.
    let queried = act
        .sources
        .iter()
        .any(|source| source.rows.is_some_and(|rows| rows > 0));
    faults.require(queried, "sources", "show no data that were really queried");
}

/// Conclusion, notice, duration, signature and the versions that were in force.
fn check_result(act: &Inspection, faults: &mut Faults) {
    faults.given(act.conclusion.as_ref(), "conclusion");
    match &act.notice {
        None => faults.add("notice", "is missing: the unit was not told the result"),
        Some(notice) => faults.given(notice.notified_at.as_ref(), "notice.notified_at"),
    }
    faults.given(act.started_at.as_ref(), "started_at");
    faults.given(act.ended_at.as_ref(), "ended_at");
    if let (Some(from), Some(to)) = (act.started_at, act.ended_at) {
        faults.require(
            to.0.saturating_sub(from.0) >= MINIMUM_DURATION_MICROS,
            "ended_at",
            TOO_SHORT,
        );
    }
    faults.given(act.completed_at.as_ref(), "completed_at");
    faults.text(act.signed_by.as_deref().unwrap_or_default(), "signed_by");
    faults.text(act.policy_id.as_deref().unwrap_or_default(), "policy_id");
    if act.method == Some(Method::AutoMonitor) {
        faults.require(
            !act.rule_versions.is_empty(),
            "rule_versions",
            "names no rule reviewed",
        );
    }
}

impl Inspection {
    /// Number of officers with different, non-blank certificate numbers.
    pub fn certified_officers(&self) -> usize {
        let numbers: HashSet<&str> = self
            .officers
            .iter()
            .map(|officer| officer.certificate_no.trim())
            .filter(|number| !number.is_empty())
            .collect();
        numbers.len()
    }
}
