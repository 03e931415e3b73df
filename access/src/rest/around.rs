//! What surrounds a case: clocks beside its deadline, acts the workflow wrote, what was checked before.

use chrono::{DateTime, Utc};
use nonsite_analytics::review::{
    ActView, Checked, ClockTerms, Investigation, Machine, OnsiteView, RunningClock, Share, Terms,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::view::time;

/// The set of lengths that a deadline or a clock was started under. A later set does not move it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Terms)]
pub(super) struct TermsView {
    /// Its version: that of the operator's file of deadlines, or the workflow's.
    version: String,
    /// SHA-256 of its lengths, hex.
    sha256: String,
}

impl TermsView {
    /// Those that are in force.
    pub(super) fn of(machine: &Machine) -> Self {
        let (version, sha256) = machine.lengths();
        Self {
            version: version.to_owned(),
            sha256: sha256.to_owned(),
        }
    }
}

impl From<Terms> for TermsView {
    fn from(terms: Terms) -> Self {
        Self {
            version: terms.version,
            sha256: terms.sha256,
        }
    }
}

impl From<ClockTerms> for TermsView {
    fn from(terms: ClockTerms) -> Self {
        Self {
            version: terms.version,
            sha256: terms.sha256,
        }
    }
}

/// An on-site investigation that is led by another case.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Investigation)]
pub(super) struct InvestigationView {
    /// The case under which the visit is recorded.
    lead: String,
    /// When it began: that case came on-site.
    since: DateTime<Utc>,
}

impl From<Investigation> for InvestigationView {
    fn from(part: Investigation) -> Self {
        Self {
            lead: part.lead,
            since: time(part.since),
        }
    }
}

/// What a case has to do with an on-site investigation.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum OnsiteShare {
    /// The visit is recorded under it and serves others as well.
    Leads,
    /// It is part of it: the visit is recorded under another case.
    Merged,
    /// It is not on-site; if it goes there by now, it becomes part of it.
    WouldMerge,
}

impl From<Share> for OnsiteShare {
    fn from(share: Share) -> Self {
        match share {
            Share::Leads => Self::Leads,
            Share::Merged => Self::Merged,
            Share::WouldMerge => Self::WouldMerge,
        }
    }
}

/// The on-site investigation of a furnace of a waste incineration plant, as a case has to do with it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OnsiteInvestigation {
    /// The case under which the visit is recorded.
    lead: String,
    /// When it began: that case came on-site.
    since: DateTime<Utc>,
    /// What this case has to do with it.
    share: OnsiteShare,
    /// The cases that its visit serves besides the one that leads, in the order they came.
    cases: Vec<String>,
    /// The same in one sentence, Chinese and English.
    notice: String,
}

impl From<OnsiteView> for OnsiteInvestigation {
    fn from(view: OnsiteView) -> Self {
        Self {
            notice: view.to_string(),
            lead: view.lead,
            since: time(view.since),
            share: view.share.into(),
            cases: view.cases,
        }
    }
}

/// A clock that runs beside the deadline of the state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunningClock)]
pub(super) struct ClockView {
    /// Its name, as `GET /workflow` has it.
    name: String,
    /// Its Chinese name.
    zh: String,
    /// When it was started.
    since: DateTime<Utc>,
    /// When it ends.
    due_at: DateTime<Utc>,
    /// How often it was prolonged.
    extensions: u32,
    /// It passed and nothing happened.
    overdue: bool,
    /// What it was started under; null when it was started before that was recorded.
    terms: Option<TermsView>,
}

impl ClockView {
    pub(super) fn of(clock: RunningClock, machine: &Machine) -> Self {
        let def = machine.clocks().iter().find(|def| def.name == clock.name);
        Self {
            zh: def.map(|def| def.zh.clone()).unwrap_or_default(),
            since: time(clock.from),
            due_at: time(clock.due_at),
            extensions: clock.extensions,
            overdue: clock.overdue,
            terms: clock.terms.map(TermsView::from),
            name: clock.name,
        }
    }
}

/// A version of an inspection act that the workflow wrote.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CaseAct)]
pub(super) struct CaseActView {
    /// Audit row it came from.
    seq: i64,
    /// Id of the act.
    act_id: String,
    /// Its version.
    act_version: i32,
    /// `offsite` or `onsite`.
    mode: Option<String>,
    /// What it ended with.
    conclusion: Option<String>,
    /// The visit it turned into.
    escalated_to: Option<String>,
    /// Whether it may count for the off-site ratio.
    counts: bool,
    /// Why not.
    not_counted: Option<String>,
    /// Everything the minimum record lacks.
    lacking: Vec<String>,
    /// SHA-256 of the document, hex.
    sha256: String,
    /// When it was recorded.
    at: DateTime<Utc>,
}

impl From<ActView> for CaseActView {
    fn from(act: ActView) -> Self {
        Self {
            seq: act.seq,
            act_id: act.act_id,
            act_version: act.act_version,
            mode: act.mode.map(|mode| mode.as_str().to_owned()),
            conclusion: act
                .conclusion
                .map(|conclusion| conclusion.as_str().to_owned()),
            escalated_to: act.escalated_to,
            counts: act.counts,
            not_counted: act.not_counted,
            lacking: act.lacking,
            sha256: act.sha256,
            at: time(act.at),
        }
    }
}

/// Something that was looked at on the same outlet of late (已查). It refuses nothing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Checked)]
pub(super) struct CheckedView {
    /// `case` or `act`.
    kind: String,
    /// Id of the case or act.
    id: String,
    /// When the case was closed or the act completed.
    at: DateTime<Utc>,
    /// Rule of the case; mode and method of the act.
    what: String,
    /// Feedback on the clue, or conclusion of the act.
    result: String,
    /// Body in charge.
    org_code: Option<String>,
    /// About the very outlet, and not the unit as a whole.
    same_outlet: bool,
}

impl From<Checked> for CheckedView {
    fn from(checked: Checked) -> Self {
        Self {
            kind: checked.kind.to_owned(),
            id: checked.id,
            at: time(checked.at),
            what: checked.what,
            result: checked.result,
            org_code: checked.org_code,
            same_outlet: checked.same_outlet,
        }
    }
}
