//! The row a version of an inspection act becomes.

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{Inspection, minimum_record};
use crate::tables::{self, Cell, Rows};
use crate::wire::document::Document;
use crate::wire::{Instant, Origin, fault};

/// Hexadecimal digits of an act key: 128 bits are far beyond any chance of two acts meeting.
const KEY_DIGITS: usize = 32;

/// Rows of inspection acts, collected over any number of messages.
#[derive(Debug)]
pub struct InspectionRows {
    rows: Rows,
}

impl InspectionRows {
    /// No rows yet.
    ///
    /// # Errors
    /// When the table definition has a column type that no builder exists for.
    pub fn new() -> Result<Self, ArrowError> {
        Ok(Self {
            rows: Rows::new(tables::inspections())?,
        })
    }

    /// Number of rows collected.
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing was collected.
    pub const fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The collected rows, if any; empty afterwards.
    ///
    /// # Errors
    /// When a row does not fit its table: a fault of the program.
    pub fn finish(&mut self) -> Result<Vec<(&'static str, RecordBatch)>, ArrowError> {
        if self.rows.is_empty() {
            return Ok(Vec::new());
        }
        Ok(vec![(self.rows.table().name, self.rows.finish()?)])
    }

    /// Appends the row of one document.
    pub fn push(&mut self, document: &Document<Inspection>, origin: &Origin<'_>) {
        let act = &document.value;
        let recorded_at = act.recorded_at.unwrap_or(Instant(origin.received_at));
        let key = act_key(act, recorded_at);
        let joint = act.joint_orgs.join(",");
        let mut officers: Vec<&str> = act
            .officers
            .iter()
            .map(|officer| officer.officer_id.as_str())
            .collect();
        officers.sort_unstable();
        let officers = officers.join(",");
        let outlets = act.outlets.join(",");
        let checklist = list(&act.checklist);
        let findings = list(&act.findings);
        let record_faults = fault::to_json(&minimum_record(act));
        let not_counted = act.not_counted(document.is_valid());
        let doc_faults = fault::to_json(&document.faults);
        let approval = act.approval.as_ref();
        self.rows.append(&[
            ("act_id", (&act.act_id).into()),
            ("act_version", act.act_version.into()),
            ("recorded_at", recorded_at.into()),
            ("act_key", (&key).into()),
            ("task_id", (&act.task_id).into()),
            ("plan_item", (&act.plan_item).into()),
            ("unit_id", given(&act.unit.unit_id)),
            ("permit_no", (&act.unit.permit_no).into()),
            ("uscc", (&act.unit.uscc).into()),
            ("unit_name", (&act.unit.name).into()),
            ("admin_code", (&act.unit.admin_code).into()),
            ("positive_list", act.unit.positive_list.into()),
            ("org_code", given(&act.org.code)),
            ("org_name", (&act.org.name).into()),
            (
                "org_level",
                act.org.level.map(|level| level.as_str()).into(),
            ),
            ("dispatch_org_code", (&act.dispatch_org_code).into()),
            ("joint_orgs", given(&joint)),
            ("mode", act.mode.map(|mode| mode.as_str()).into()),
            ("method", act.method.map(|method| method.as_str()).into()),
            ("class", act.class.map(|class| class.as_str()).into()),
            ("status", act.status.map(|status| status.as_str()).into()),
            (
                "approval_id",
                approval
                    .map(|approval| approval.approval_id.as_str())
                    .into(),
            ),
            (
                "approved_by",
                approval
                    .map(|approval| approval.approved_by.as_str())
                    .into(),
            ),
            (
                "approved_at",
                approval.and_then(|approval| approval.approved_at).into(),
            ),
            ("started_at", act.started_at.into()),
            ("ended_at", act.ended_at.into()),
            ("completed_at", act.completed_at.into()),
            ("team_id", (&act.team_id).into()),
            ("officers", officers.as_str().into()),
            ("officer_count", count(act.certified_officers())),
            ("outlets", outlets.as_str().into()),
            ("source_count", count(act.sources.len())),
            ("checklist_count", count(act.checklist.len())),
            ("finding_count", count(act.findings.len())),
            ("evidence_count", count(act.evidence.len())),
            (
                "conclusion",
                act.conclusion.map(|conclusion| conclusion.as_str()).into(),
            ),
            ("checklist", (&checklist).into()),
            ("findings", (&findings).into()),
            (
                "notified_at",
                act.notice
                    .as_ref()
                    .and_then(|notice| notice.notified_at)
                    .into(),
            ),
            ("signed_by", (&act.signed_by).into()),
            ("policy_id", (&act.policy_id).into()),
            ("escalated_from", (&act.escalated_from).into()),
            ("escalated_to", (&act.escalated_to).into()),
            ("collapsed_into", (&act.collapsed_into).into()),
            ("withdrawn_reason", (&act.withdrawn_reason).into()),
            ("record_faults", (&record_faults).into()),
            (
                "excluded_by_sender",
                (act.counts_for_ratio == Some(false)).into(),
            ),
            ("counts_for_ratio", not_counted.is_none().into()),
            ("not_counted_reason", (&not_counted).into()),
            ("doc_valid", document.is_valid().into()),
            ("doc_faults", (&doc_faults).into()),
            ("document", document.text.as_str().into()),
            ("received_at", Cell::Instant(origin.received_at)),
            ("kafka_topic", origin.topic.into()),
            ("kafka_partition", origin.partition.into()),
            ("kafka_offset", origin.offset.into()),
        ]);
    }
}

/// The identity under which an act is counted: unit and task, or, without a task, unit, method,
/// team and Beijing day of the act.
pub fn act_key(act: &Inspection, recorded_at: Instant) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        // The length in front keeps ("ab", "c") apart from ("a", "bc").
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    part(&act.unit.unit_id);
    match act
        .task_id
        .as_deref()
        .filter(|task| !task.trim().is_empty())
    {
        Some(task) => part(task),
        None => {
            part(act.method.map_or("", |method| method.as_str()));
            part(act.team_id.as_deref().unwrap_or_default());
            let at = act.completed_at.or(act.started_at).unwrap_or(recorded_at);
            part(&at.day().to_string());
        }
    }
    let mut key = hex::encode(hash.finalize());
    key.truncate(KEY_DIGITS);
    key
}

/// A list as JSON text, `None` when empty.
fn list<T: Serialize>(items: &[T]) -> Option<String> {
    if items.is_empty() {
        return None;
    }
    // Texts and codes only: they always serialise.
    serde_json::to_string(items).ok()
}

fn given(text: &str) -> Cell<'_> {
    if text.is_empty() {
        Cell::Null
    } else {
        Cell::Text(text)
    }
}

fn count(items: usize) -> Cell<'static> {
    Cell::Int(i32::try_from(items).unwrap_or(i32::MAX))
}
