//! A case: one clue on its way through the workflow. Instants are microseconds UTC.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::error::Error;
use super::investigation::Investigation;
use super::parts::{Severity, UnitKind};
use super::penalty::Procedure;
use super::reported::SourceSystem;
use super::store::StoreError;
use super::terms::{ClockTerms, Terms};

/// The state in which a rectification is reviewed.
pub(super) const REVIEWED: &str = "submitted";

/// The first of two signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The action that was signed.
    pub action: String,
    /// Who signed.
    pub by: String,
    /// When.
    pub at: i64,
}

/// A clock of the penalty procedure that runs. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningClock {
    /// Its name in the machine.
    pub name: String,
    /// When it was started.
    pub from: i64,
    /// When it ends.
    pub due_at: i64,
    /// When the holder has to be reminded, while that lies ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_at: Option<i64>,
    /// How often it was prolonged.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub extensions: u32,
    /// It passed and nothing happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
    /// What it was started under; clocks from before that was recorded have the workflow's own lengths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<ClockTerms>,
}

/// A deadline that waits while another one runs. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldDeadline {
    /// The state it belongs to; unknown of one that was laid aside before that was recorded, which only
    /// an enterprise that rectifies could do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Who laid it aside, by asking for an extension.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// From when it runs.
    pub from: i64,
    /// When it ends.
    pub due_at: i64,
    /// When the holder has to be reminded, while that lies ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_at: Option<i64>,
    /// It had passed, and its holder was told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
    /// What it was started under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

impl HeldDeadline {
    /// Whether it is that of a review.
    pub(super) fn is_of_review(&self) -> bool {
        self.state.as_deref() == Some(REVIEWED)
    }
}

/// What the enterprise plans to do under an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The measures.
    pub measures: String,
    /// Who of the enterprise is responsible.
    pub owner: String,
    /// By which day, `YYYY-MM-DD`.
    pub due: String,
    /// When it was made, microseconds UTC.
    pub at: i64,
}

/// The approval of a visit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VisitApproval {
    /// Number of the approval form.
    pub form: String,
    /// Who approved.
    pub by: String,
    /// When, microseconds UTC.
    pub at: i64,
    /// The team that was approved, comma list.
    pub team: String,
}

/// What a check of the look-back came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckResult {
    /// The rule judged and found nothing.
    Passed,
    /// The rule could judge nothing: silence proves nothing.
    NotJudged,
    /// The rule fired again.
    Fired,
}

impl CheckResult {
    /// Its code in audit rows.
    pub fn code(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::NotJudged => "not_judged",
            Self::Fired => "fired",
        }
    }
}

/// A check of the look-back that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LookBackCheck {
    /// How many days after the approval.
    pub day: u32,
    /// As of when, microseconds UTC.
    pub at: i64,
    /// What it came to.
    pub result: CheckResult,
}

/// A case as it stands. Every change makes a new version and an audit row that holds the hash of
/// the result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// `c` and 16 hex digits of the SHA-256 of the anomaly's id: the same anomaly, the same case.
    pub case_id: String,
    /// Grows by one with every audit row.
    pub version: i64,
    /// Name of the state in the machine.
    pub state: String,
    /// The case this one was merged into.
    pub parent_id: Option<String>,
    /// The anomaly the case began with.
    pub anomaly_id: String,
    /// The rule that fired.
    pub rule_id: String,
    /// Its version.
    pub rule_version: i32,
    /// Its group; together with the subject it decides what is merged.
    pub rule_group: String,
    /// S1 (worst) to S4.
    pub severity: Severity,
    /// Past the marking deadline.
    pub confirmed: bool,
    /// Where the clue comes from, when no rule found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_system: Option<SourceSystem>,
    /// Its number there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ref: Option<String>,
    /// What the finding is about: outlet, else logger, else permit.
    pub subject: String,
    /// Permit of the unit.
    pub permit_no: Option<String>,
    /// Name of the unit.
    pub unit_name: Option<String>,
    /// Decides how long the unit has to answer.
    pub unit_kind: UnitKind,
    /// Body in charge.
    pub org_code: Option<String>,
    /// Outlet.
    pub outlet_uid: Option<String>,
    /// Logger.
    pub mn: Option<String>,
    /// Factor.
    pub factor: Option<String>,
    /// Start of what was judged.
    pub window_start: i64,
    /// End of what was judged.
    pub window_end: i64,
    /// What was observed, in `unit`.
    pub observed: Option<f64>,
    /// What it was compared with, in `unit`.
    pub limit_value: Option<f64>,
    /// Unit of the two.
    pub unit: Option<String>,
    /// The finding in one sentence, Chinese and English.
    pub reason: String,
    /// SHA-256 of the anomaly's evidence.
    pub evidence_sha256: String,
    /// How many findings the case stands for, those merged into it included.
    pub fire_count: u32,
    /// Why the anomaly was withdrawn, if it was.
    pub withdrawn: Option<String>,
    /// The severity it had before other findings raised it, while they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity_before: Option<Severity>,
    /// Who holds the case.
    pub assignee: Option<String>,
    /// Until when; a claim that ran out is no claim.
    pub claimed_until: Option<i64>,
    /// Since when the holder has held it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<i64>,
    /// When the state was entered.
    pub entered_at: i64,
    /// From when the deadline runs.
    pub clock_from: i64,
    /// Deadline of the state.
    pub due_at: Option<i64>,
    /// What the deadline was started under; one from before that was recorded has the workflow's own
    /// lengths.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
    /// When the engine has to look at the case again.
    pub timer_at: Option<i64>,
    /// The deadline passed and nothing happened.
    pub overdue: bool,
    /// When the holder of the state has to be reminded, while that lies ahead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_at: Option<i64>,
    /// Deadline of the order to rectify, or of its review, while an extension is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_deadline: Option<HeldDeadline>,
    /// Clocks that run side by side, in the order they were started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clocks: Vec<RunningClock>,
    /// What was done in the present penalty procedure.
    #[serde(default, skip_serializing_if = "Procedure::is_empty")]
    pub procedure: Procedure,
    /// Length of the order to rectify; an extension may not be longer.
    pub order_length: Option<i64>,
    /// End of the time in which the rectification under review was handed in; nothing of one that came late,
    /// or was handed in before that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submit_by: Option<i64>,
    /// From when rectification is measured: the day after the one on which it was done begins here.
    #[serde(default)]
    pub measured_from: Option<i64>,
    /// End of the look-back; it stays on the closed case, because late data may still show a relapse.
    #[serde(default)]
    pub look_back_until: Option<i64>,
    /// Checks of the present look-back that were run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<LookBackCheck>,
    /// When the next check of the look-back is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check_at: Option<i64>,
    /// What the enterprise plans to do under the present order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// The approval of the visit that is on its way or was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visit_approval: Option<VisitApproval>,
    /// The on-site investigation, led by another case, that it was last part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub investigation: Option<Investigation>,
    /// It ended as a reminder and nobody ever decided on it: a finding that turns out to be confirmed
    /// is a clue all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_reminded: bool,
    /// Files the holder of the state added since the case came into it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub files_added: u32,
    /// How many of these are videos.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub videos_added: u32,
    /// How often rectification was returned under the present order.
    pub return_count: u32,
    /// How often the present order was extended.
    pub extension_count: u32,
    /// Officers and investigators who handled the case: they may not review it.
    pub handlers: BTreeSet<String>,
    /// First of two signatures, while the second is missing.
    pub signature: Option<Signature>,
    /// Feedback on the rule: match, partly or mismatch.
    pub rule_match: Option<String>,
    /// Cause category from the answer.
    pub true_cause: Option<String>,
    /// When the case was opened.
    pub opened_at: i64,
    /// When it last changed.
    pub updated_at: i64,
    /// When it was closed.
    pub closed_at: Option<i64>,
}

impl Case {
    /// The id of the case of an anomaly.
    pub fn id_of(anomaly_id: &str) -> String {
        let digest = Sha256::digest(anomaly_id.as_bytes());
        format!("c{}", hex::encode(&digest[..8]))
    }

    /// Who holds the case at `now`; a claim that ran out does not count.
    pub fn held_by(&self, now: i64) -> Option<&str> {
        match self.claimed_until {
            Some(until) if until > now => self.assignee.as_deref(),
            _ => None,
        }
    }

    /// Whether a finding that began at `at` shows that the rectification did not last.
    pub fn is_relapse(&self, at: i64) -> bool {
        match (self.measured_from, self.look_back_until) {
            (Some(from), Some(until)) => (from..until).contains(&at),
            _ => false,
        }
    }

    /// End of the time there is under the order to rectify, also while it waits, and under review that in which
    /// the rectification was handed in.
    pub(super) fn order_end(&self) -> Option<i64> {
        match &self.held_deadline {
            Some(held) if !held.is_of_review() => Some(held.due_at),
            None if self.state != REVIEWED => self.due_at,
            _ => self.submit_by,
        }
    }

    /// Whether a clock of this name runs, overdue or not.
    pub(super) fn clock_runs(&self, name: &str) -> bool {
        self.clocks.iter().any(|clock| clock.name == name)
    }

    /// Whether another version is about something else: of another severity or time, found more
    /// often, withdrawn or not.
    pub(super) fn is_about_else(&self, other: &Self) -> bool {
        self.severity != other.severity
            || (self.window_start, self.window_end) != (other.window_start, other.window_end)
            || self.fire_count != other.fire_count
            || self.withdrawn != other.withdrawn
    }

    /// Whether it was closed although the last check of its look-back could judge nothing.
    pub fn closed_unjudged(&self) -> bool {
        self.closed_at.is_some()
            && self
                .checks
                .last()
                .is_some_and(|check| check.result == CheckResult::NotJudged)
    }

    /// What was decided on it has to be decided again: after its checks were run, or on what it is by
    /// now.
    pub(super) fn has_to_be_looked_at(&self) -> Error {
        Error::Store(StoreError::Conflict {
            case_id: self.case_id.clone(),
            version: self.version,
        })
    }

    /// The case as it will be stored. What was stored by an earlier program may read otherwise, for lack of
    /// a field: its hash is that of the stored text and not of this one.
    pub(super) fn document(&self) -> String {
        // Texts, numbers and sets into memory: nothing here can fail to serialise. (A value that is
        // not finite is written as null.)
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// SHA-256 of a document, hex.
pub(super) fn sha256_of(document: &str) -> String {
    hex::encode(Sha256::digest(document.as_bytes()))
}

/// Left out of the document when there is none, so that most cases read as they did before.
fn is_zero(count: &u32) -> bool {
    *count == 0
}
