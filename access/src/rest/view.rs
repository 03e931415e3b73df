//! What the API shows of the queue. Instants are RFC 3339 in UTC; names are those of the tables.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use nonsite_analytics::review::{Attachment, Case, Checked, Event, Machine, NextStep, Shown};
use serde::Serialize;
use utoipa::ToSchema;

use super::around::{
    CaseActView, CheckedView, ClockView, InvestigationView, OnsiteInvestigation, TermsView,
};
use super::files::Shows;

/// An instant in microseconds UTC as a time.
pub(super) fn time(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// The entries.
    pub(super) items: Vec<T>,
    /// `cursor` of the next page; null on the last one.
    pub(super) next: Option<String>,
}

/// The first of two signatures.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SignatureView {
    /// The action that was signed.
    action: String,
    /// Who signed.
    by: String,
    /// When.
    at: DateTime<Utc>,
}

/// A case as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Case)]
pub(super) struct CaseView {
    /// Id: `c` and 16 hexadecimal digits.
    #[schema(example = "c0123456789abcdef")]
    case_id: String,
    /// Grows by one with every change; the ETag is made of it.
    version: i64,
    /// Name of the state.
    #[schema(example = "triage")]
    state: String,
    /// Its Chinese name.
    #[schema(example = "研判")]
    state_zh: String,
    /// Who has to act next.
    holder: String,
    /// The case this one was merged into.
    parent_id: Option<String>,
    /// The finding it began with.
    anomaly_id: String,
    /// The rule that fired.
    rule_id: String,
    /// Its version.
    rule_version: i32,
    /// Its group.
    rule_group: String,
    /// `S1` (worst) to `S4`.
    severity: String,
    /// Past the marking deadline.
    confirmed: bool,
    /// Where the clue comes from: `rule`, `complaint`, `transfer`, `platform`, `inspection` or `other`.
    source_system: String,
    /// Its number there; for a rule's finding the finding.
    source_ref: String,
    /// Outlet, else logger, else permit.
    subject: String,
    /// Permit of the unit.
    permit_no: Option<String>,
    /// Name of the unit.
    unit_name: Option<String>,
    /// Body in charge.
    org_code: Option<String>,
    /// Outlet.
    outlet_uid: Option<String>,
    /// Data logger.
    mn: Option<String>,
    /// Factor.
    factor: Option<String>,
    /// Start of what was judged.
    window_start: DateTime<Utc>,
    /// End of what was judged.
    window_end: DateTime<Utc>,
    /// What was observed, in `unit`.
    observed: Option<f64>,
    /// What it was compared with, in `unit`.
    limit_value: Option<f64>,
    /// Unit of the two.
    unit: Option<String>,
    /// The finding in one sentence, Chinese and English.
    reason: String,
    /// SHA-256 of the finding's evidence.
    evidence_sha256: String,
    /// How many findings the case stands for.
    fire_count: u32,
    /// Why the finding was withdrawn, if it was.
    withdrawn: Option<String>,
    /// Who holds the case now.
    held_by: Option<String>,
    /// Until when.
    claimed_until: Option<DateTime<Utc>>,
    /// When the state was entered.
    entered_at: DateTime<Utc>,
    /// Deadline of the state.
    due_at: Option<DateTime<Utc>>,
    /// The deadline passed.
    overdue: bool,
    /// What the deadline was started under; null without one, or when it is from before that was recorded.
    terms: Option<TermsView>,
    /// Clocks that run beside the deadline, such as those of a penalty case.
    clocks: Vec<ClockView>,
    /// The on-site investigation of the furnace, led by another case, that it was last part of.
    investigation: Option<InvestigationView>,
    /// From when the data show whether the measures helped.
    measured_from: Option<DateTime<Utc>>,
    /// End of the look-back.
    look_back_until: Option<DateTime<Utc>>,
    /// How often rectification was returned under the present order.
    return_count: u32,
    /// How often the present order was extended.
    extension_count: u32,
    /// Officers who handled the case.
    handlers: Vec<String>,
    /// First of two signatures, while the second is missing.
    signature: Option<SignatureView>,
    /// Feedback on the rule.
    rule_match: Option<String>,
    /// Cause category.
    true_cause: Option<String>,
    /// When the case was opened.
    opened_at: DateTime<Utc>,
    /// When it last changed.
    updated_at: DateTime<Utc>,
    /// When it was closed.
    closed_at: Option<DateTime<Utc>>,
}

impl CaseView {
    /// A case as of `now` (microseconds UTC); a claim that ran out is not shown.
    pub(super) fn of(case: Case, machine: &Machine, now: i64) -> Self {
        let held_by = case.held_by(now).map(str::to_owned);
        let state = machine.state(&case.state);
        let (source_system, source_ref) = case.source();
        let (source_system, source_ref) = (source_system.code(), source_ref.to_owned());
        Self {
            source_system: source_system.to_owned(),
            source_ref,
            state_zh: state.map(|state| state.zh.clone()).unwrap_or_default(),
            holder: state
                .map(|state| state.holder.code().to_owned())
                .unwrap_or_default(),
            claimed_until: held_by.as_ref().and(case.claimed_until).map(time),
            held_by,
            severity: case.severity.code().to_owned(),
            window_start: time(case.window_start),
            window_end: time(case.window_end),
            entered_at: time(case.entered_at),
            due_at: case.due_at.map(time),
            measured_from: case.measured_from.map(time),
            look_back_until: case.look_back_until.map(time),
            handlers: case.handlers.into_iter().collect(),
            signature: case.signature.map(|first| SignatureView {
                action: first.action,
                by: first.by,
                at: time(first.at),
            }),
            opened_at: time(case.opened_at),
            updated_at: time(case.updated_at),
            closed_at: case.closed_at.map(time),
            case_id: case.case_id,
            version: case.version,
            state: case.state,
            parent_id: case.parent_id,
            anomaly_id: case.anomaly_id,
            rule_id: case.rule_id,
            rule_version: case.rule_version,
            rule_group: case.rule_group,
            confirmed: case.confirmed,
            subject: case.subject,
            permit_no: case.permit_no,
            unit_name: case.unit_name,
            org_code: case.org_code,
            outlet_uid: case.outlet_uid,
            mn: case.mn,
            factor: case.factor,
            observed: case.observed,
            limit_value: case.limit_value,
            unit: case.unit,
            reason: case.reason,
            evidence_sha256: case.evidence_sha256,
            fire_count: case.fire_count,
            withdrawn: case.withdrawn,
            overdue: case.overdue,
            terms: case.terms.map(TermsView::from),
            investigation: case.investigation.map(InvestigationView::from),
            clocks: case
                .clocks
                .into_iter()
                .map(|clock| ClockView::of(clock, machine))
                .collect(),
            return_count: case.return_count,
            extension_count: case.extension_count,
            rule_match: case.rule_match,
            true_cause: case.true_cause,
        }
    }
}

/// One thing that can be done next.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NextStep)]
pub(super) struct StepView {
    /// The action.
    action: String,
    /// The state it leads to.
    to: String,
    /// Who may.
    roles: Vec<String>,
    /// Fields it needs.
    requires: Vec<String>,
    /// What must hold.
    conditions: Vec<String>,
    /// A second person has to sign.
    two_signatures: bool,
}

impl From<NextStep> for StepView {
    fn from(step: NextStep) -> Self {
        Self {
            action: step.action,
            to: step.to,
            roles: step
                .roles
                .iter()
                .map(|role| role.code().to_owned())
                .collect(),
            requires: step.requires,
            conditions: step
                .conditions
                .iter()
                .map(|&text| text.to_owned())
                .collect(),
            two_signatures: step.two_signatures,
        }
    }
}

/// A case with what can be done next.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CaseDetail {
    #[serde(flatten)]
    case: CaseView,
    /// What can be done next, and by whom.
    next: Vec<StepView>,
    /// What the engine does when the deadline passes.
    timer: Option<String>,
    /// Inspection acts the workflow wrote for it, every version in order.
    acts: Vec<CaseActView>,
    /// The cases that became part of this one: one order is about all of them.
    merged: Vec<CaseView>,
    /// What was checked on the same outlet of late, the latest first; empty for an enterprise.
    already_checked: Vec<CheckedView>,
    /// The on-site investigation of the furnace that it leads, is part of, or would become part of; null when
    /// there is none.
    onsite: Option<OnsiteInvestigation>,
}

impl CaseDetail {
    pub(super) fn of(shown: Shown, checked: Vec<Checked>, machine: &Machine, now: i64) -> Self {
        Self {
            case: CaseView::of(shown.case, machine, now),
            next: shown.next.into_iter().map(StepView::from).collect(),
            timer: shown.timer,
            acts: shown.acts.into_iter().map(CaseActView::from).collect(),
            merged: shown
                .merged
                .into_iter()
                .map(|case| CaseView::of(case, machine, now))
                .collect(),
            already_checked: checked.into_iter().map(CheckedView::from).collect(),
            onsite: shown.onsite.map(OnsiteInvestigation::from),
        }
    }
}

/// A file that an audit row names.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AttachmentView {
    /// File name.
    name: String,
    /// SHA-256 of the content, hex.
    sha256: String,
    /// What it shows, as whoever handed it in said; null when nobody said.
    kind: Option<Shows>,
    /// Media type, by the file's first bytes.
    media: Option<String>,
    /// Size in bytes.
    bytes: Option<u64>,
}

impl From<&Attachment> for AttachmentView {
    fn from(file: &Attachment) -> Self {
        let facts = file.facts.as_deref();
        Self {
            name: file.name.clone(),
            sha256: file.sha256.clone(),
            kind: file.kind.map(Shows::from),
            media: facts.map(|facts| facts.media.clone()),
            bytes: facts.map(|facts| facts.bytes),
        }
    }
}

/// One row of the audit chain.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(super) struct EventView {
    /// Position in the chain.
    pub(super) seq: i64,
    /// The case.
    case_id: String,
    /// State before; null for the first row of a case.
    from_state: Option<String>,
    /// State after.
    to_state: String,
    /// Version of the case after it.
    case_version: i64,
    /// What was done.
    action: String,
    /// Who.
    actor: String,
    /// Their certificate number.
    actor_certificate: Option<String>,
    /// In which role.
    role: String,
    /// Their body.
    org_code: Option<String>,
    /// When it was recorded.
    at: DateTime<Utc>,
    /// When it took effect.
    effective_at: DateTime<Utc>,
    /// Reason code or sentence.
    reason_code: Option<String>,
    /// Free text.
    note: Option<String>,
    /// Fields of the action.
    fields: BTreeMap<String, String>,
    /// Files.
    attachments: Vec<AttachmentView>,
    /// What it came through.
    client: String,
    /// Version of the rule.
    rule_version: i32,
    /// Version of the workflow.
    policy_version: String,
    /// SHA-256 of the case after it.
    case_sha256: String,
    /// Hash of the row before.
    prev_hash: String,
    /// Hash of this row.
    hash: String,
}

impl From<Event> for EventView {
    fn from(event: Event) -> Self {
        Self {
            attachments: event.attachments.iter().map(AttachmentView::from).collect(),
            seq: event.seq,
            case_id: event.case_id,
            from_state: event.from_state,
            to_state: event.to_state,
            case_version: event.case_version,
            action: event.action,
            actor: event.actor,
            actor_certificate: event.actor_certificate,
            role: event.role,
            org_code: event.org_code,
            at: time(event.at),
            effective_at: time(event.effective_at),
            reason_code: event.reason_code,
            note: event.note,
            fields: event.fields,
            client: event.client,
            rule_version: event.rule_version,
            policy_version: event.policy_version,
            case_sha256: event.case_sha256,
            prev_hash: event.prev_hash,
            hash: event.hash,
        }
    }
}
