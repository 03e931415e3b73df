//! Counted or not, and why: the fate of every act.
//!
//! The steps run in a fixed order, and an act gets the reason of the first step that stops it:
//!
//! 1. the record itself: document faults, withdrawn, still open, outside the period;
//! 2. its kind: method, review of rectification, class, positive list;
//! 3. its evidence: the record's own statement, the minimum record;
//! 4. higher-level bodies, last of the single-act steps, so that the acts "shown apart" are those
//!    that would have counted;
//! 5. acts that the inspection system merged into another of their mode, then: one task counts a unit once (records of one joint inspection give way to the lead body's);
//! 6. an off-site act that turned on-site;
//! 7. the window that keeps one review from being sliced into many.
//!
//! Steps 5 to 7 only ever merge off-site with off-site and on-site with on-site, or turn off-site
//! into on-site. So adding an off-site act of its own task can never lower the ratio.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::act::{Act, Mode};
use super::period::Period;
use super::policy::{CountUnit, Escalation, RatioPolicy};

/// Why an act is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NotCounted {
    /// The document of an off-site act breaks its schema.
    DocumentFaults,
    /// The record was declared void.
    Withdrawn,
    /// The record is not closed yet.
    NotClosed,
    /// Completed outside the period, or after `as_of`.
    OutsidePeriod,
    /// Entered or edited after the year was frozen, without reason and second person.
    LateEdit,
    /// The method is no off-site inspection under the policy.
    MethodNotCounted,
    /// Review of rectification, which the policy leaves out.
    RectificationReview,
    /// The class is outside the policy's denominator.
    ClassNotCounted,
    /// The unit is on the positive list, which the policy leaves out.
    PositiveList,
    /// The record says itself that it does not count.
    DeclaredNotCounted,
    /// The record lacks part of the minimum.
    MinimumRecord,
    /// Carried out by a body above the city.
    HigherLevel,
    /// The inspection system merged it into another act.
    Merged,
    /// The same task already counts this unit.
    SameTask,
    /// Turned on-site; the on-site act stands for both.
    Escalated,
    /// Turned on-site, and the on-site act is not finished.
    EscalationOpen,
    /// The on-site act of a task that the policy counts as off-site.
    CountedAsOffsite,
    /// Same unit, method and team within the window.
    SameWindow,
}

impl NotCounted {
    /// The reason as it is written in lists and tables.
    pub fn code(self) -> &'static str {
        match self {
            Self::DocumentFaults => "document_faults",
            Self::Withdrawn => "withdrawn",
            Self::NotClosed => "not_closed",
            Self::OutsidePeriod => "outside_period",
            Self::LateEdit => "late_edit",
            Self::MethodNotCounted => "method_not_counted",
            Self::RectificationReview => "rectification_review",
            Self::ClassNotCounted => "class_not_counted",
            Self::PositiveList => "positive_list",
            Self::DeclaredNotCounted => "declared_not_counted",
            Self::MinimumRecord => "minimum_record",
            Self::HigherLevel => "higher_level",
            Self::Merged => "merged",
            Self::SameTask => "same_task",
            Self::Escalated => "escalated",
            Self::EscalationOpen => "escalation_open",
            Self::CountedAsOffsite => "counted_as_offsite",
            Self::SameWindow => "same_window",
        }
    }
}

/// What became of an act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// It is one of the figure's inspections.
    Counted,
    /// It is not.
    NotCounted {
        /// The step that stopped it.
        reason: NotCounted,
        /// One sentence with the particulars.
        detail: String,
        /// The act that stands in its place, if one does.
        in_favour_of: Option<String>,
    },
}

/// The fate of one act.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision<'a> {
    /// Counted or not.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The version that was looked at.
    #[serde(flatten)]
    pub act: &'a Act,
}

impl Decision<'_> {
    /// Whether the act is one of the figure's inspections.
    pub fn is_counted(&self) -> bool {
        self.outcome == Outcome::Counted
    }

    /// The reason, when it is not counted.
    pub fn reason(&self) -> Option<NotCounted> {
        match &self.outcome {
            Outcome::Counted => None,
            Outcome::NotCounted { reason, .. } => Some(*reason),
        }
    }
}

/// The three open questions the band varies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Switches {
    pub(super) escalation: Escalation,
    pub(super) rectification_review: bool,
    pub(super) classes: Vec<String>,
}

impl Switches {
    pub(super) fn of(policy: &RatioPolicy) -> Self {
        Self {
            escalation: policy.escalation,
            rectification_review: policy.count_rectification_review,
            classes: policy.denominator_classes.clone(),
        }
    }
}

/// Everything the decision depends on besides the acts.
pub(super) struct Rules<'p> {
    pub(super) policy: &'p RatioPolicy,
    pub(super) switches: &'p Switches,
    pub(super) period: &'p Period,
    pub(super) as_of: i64,
}

fn not_counted(reason: NotCounted, detail: impl Into<String>) -> Outcome {
    Outcome::NotCounted {
        reason,
        detail: detail.into(),
        in_favour_of: None,
    }
}

fn in_favour(reason: NotCounted, detail: String, other: &Act) -> Outcome {
    Outcome::NotCounted {
        reason,
        detail,
        in_favour_of: Some(other.act_id.clone()),
    }
}

impl Rules<'_> {
    /// Decides about every act; the result has the order of `acts`.
    pub(super) fn decide<'a>(&self, acts: &[&'a Act]) -> Vec<Decision<'a>> {
        let mut outcomes: Vec<Outcome> = acts.iter().map(|act| self.alone(act)).collect();
        self.merged(acts, &mut outcomes);
        self.once_per_task(acts, &mut outcomes);
        self.escalations(acts, &mut outcomes);
        self.window(acts, &mut outcomes);
        acts.iter()
            .zip(outcomes)
            .map(|(&act, outcome)| Decision { act, outcome })
            .collect()
    }

    /// Steps 1 to 4: what an act says by itself.
    fn alone(&self, act: &Act) -> Outcome {
        use NotCounted as Why;
        let policy = self.policy;
        // A visit whose document is faulty was a visit all the same: leaving it out would raise the
        // ratio. Of an off-site act nothing is left but its document.
        if act.mode == Mode::Offsite && !act.document_faults.is_empty() {
            return not_counted(Why::DocumentFaults, act.document_faults.join("; "));
        }
        if policy.exclude_withdrawn && act.is_withdrawn() {
            return not_counted(Why::Withdrawn, "the record was declared void");
        }
        if !act.is_closed() && !act.is_withdrawn() {
            return not_counted(
                Why::NotClosed,
                format!("the record's status is `{}`", act.status),
            );
        }
        match (act.completed_at, act.completed_day()) {
            (Some(at), Some(day)) if at <= self.as_of && self.period.contains(day) => {}
            (Some(_), _) => {
                return not_counted(
                    Why::OutsidePeriod,
                    format!("not completed in {}", self.period),
                );
            }
            (None, _) => {
                return not_counted(
                    Why::NotClosed,
                    "closed without a completion time".to_owned(),
                );
            }
        }
        if act.rectification_review {
            if !self.switches.rectification_review {
                return not_counted(
                    Why::RectificationReview,
                    "reviews of rectification are left out",
                );
            }
        } else if act.mode == Mode::Offsite && !policy.offsite_methods.contains(&act.method) {
            return not_counted(
                Why::MethodNotCounted,
                format!(
                    "`{}` is no off-site inspection under the policy",
                    act.method
                ),
            );
        }
        let unclassed_visit = act.mode == Mode::Onsite && act.class.is_empty();
        if !unclassed_visit && !self.switches.classes.contains(&act.class) {
            return not_counted(
                Why::ClassNotCounted,
                format!("class `{}` is left out", act.class),
            );
        }
        if act.positive_list && !policy.include_positive_list {
            return not_counted(Why::PositiveList, "the unit is on the positive list");
        }
        if !act.counts_for_ratio {
            let why = act
                .not_counted_reason
                .as_deref()
                .unwrap_or("no reason was given");
            return not_counted(Why::DeclaredNotCounted, why);
        }
        if policy.min_evidence && !act.missing_evidence.is_empty() {
            return not_counted(Why::MinimumRecord, act.missing_evidence.join("; "));
        }
        if act.org_level.is_higher() && !policy.include_higher_level {
            return not_counted(
                Why::HigherLevel,
                format!("carried out by `{}`", act.org_code),
            );
        }
        Outcome::Counted
    }

    /// Step 5, first half: merged by the inspection system. An off-site act merged into an on-site
    /// one is an escalation and is left to step 6.
    fn merged(&self, acts: &[&Act], outcomes: &mut [Outcome]) {
        let mode_of: HashMap<&str, Mode> = acts
            .iter()
            .map(|act| (act.act_id.as_str(), act.mode))
            .collect();
        for index in self.still_counted(outcomes) {
            let act = acts[index];
            if let Some(into) = act.collapsed_into.as_deref()
                && (act.mode, mode_of.get(into)) != (Mode::Offsite, Some(&Mode::Onsite))
            {
                outcomes[index] = Outcome::NotCounted {
                    reason: NotCounted::Merged,
                    detail: format!("merged into act `{into}` by the inspection system"),
                    in_favour_of: Some(into.to_owned()),
                };
            }
        }
    }

    /// Step 5, second half: one identity, one act.
    fn once_per_task(&self, acts: &[&Act], outcomes: &mut [Outcome]) {
        let mut kept: BTreeMap<(Mode, String), usize> = BTreeMap::new();
        for index in self.still_counted(outcomes) {
            let key = (acts[index].mode, self.identity(acts[index]));
            kept.entry(key)
                .and_modify(|best| {
                    if seniority(acts[index]) < seniority(acts[*best]) {
                        *best = index;
                    }
                })
                .or_insert(index);
        }
        for index in self.still_counted(outcomes) {
            let best = kept[&(acts[index].mode, self.identity(acts[index]))];
            if best != index {
                let task = acts[index].task().unwrap_or("(none)");
                let detail = format!("task `{task}` already counts this unit");
                outcomes[index] = in_favour(NotCounted::SameTask, detail, acts[best]);
            }
        }
    }

    /// What makes two records the same thing to be counted.
    fn identity(&self, act: &Act) -> String {
        match (self.policy.count_unit, act.task()) {
            (CountUnit::Firm, _) => act.unit_id.clone(),
            (CountUnit::Task, Some(task)) => task.to_owned(),
            (CountUnit::Act | CountUnit::Task, _) => act_key(act),
        }
    }

    /// Step 6: off-site acts that turned on-site.
    fn escalations(&self, acts: &[&Act], outcomes: &mut [Outcome]) {
        let by_id: HashMap<&str, usize> = acts
            .iter()
            .enumerate()
            .map(|(index, act)| (act.act_id.as_str(), index))
            .collect();
        let mut onsite_of_task: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
        let mut grown_from: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, act) in acts.iter().enumerate() {
            if let Some(from) = act.escalated_from.as_deref() {
                grown_from.entry(from).or_default().push(index);
            }
            if let (Mode::Onsite, Some(task)) = (act.mode, act.task()) {
                onsite_of_task
                    .entry((act.unit_id.as_str(), task))
                    .or_default()
                    .push(index);
            }
        }
        for index in self.still_counted(outcomes) {
            let act = acts[index];
            if act.mode != Mode::Offsite {
                continue;
            }
            let named = act
                .escalated_to
                .as_deref()
                .or(act.collapsed_into.as_deref());
            let in_task = act
                .task()
                .and_then(|task| onsite_of_task.get(&(act.unit_id.as_str(), task)));
            let partner = named
                .and_then(|id| by_id.get(id))
                .into_iter()
                .chain(grown_from.get(act.act_id.as_str()).into_iter().flatten())
                .chain(in_task.into_iter().flatten())
                .copied()
                .filter(|&other| !acts[other].is_withdrawn() && acts[other].mode == Mode::Onsite)
                // A finished on-site act decides before one that is still open.
                .min_by_key(|&other| (!self.is_finished(acts[other]), seniority(acts[other])));
            let withdrawn = named
                .and_then(|id| by_id.get(id))
                .is_some_and(|&other| acts[other].is_withdrawn());
            match partner {
                None if named.is_none() || withdrawn => {}
                None => self.unfinished(index, named.unwrap_or_default(), outcomes),
                Some(other) if !self.is_finished(acts[other]) => {
                    self.unfinished(index, &acts[other].act_id, outcomes);
                }
                Some(other) => self.merge_pair(index, other, acts, outcomes),
            }
        }
    }

    fn is_finished(&self, act: &Act) -> bool {
        act.is_closed() && act.completed_at.is_some_and(|at| at <= self.as_of)
    }

    fn unfinished(&self, index: usize, onsite: &str, outcomes: &mut [Outcome]) {
        if self.switches.escalation == Escalation::Collapse {
            outcomes[index] = Outcome::NotCounted {
                reason: NotCounted::EscalationOpen,
                detail: format!("turned on-site, act `{onsite}` is not finished"),
                in_favour_of: Some(onsite.to_owned()),
            };
        }
    }

    fn merge_pair(&self, off: usize, on: usize, acts: &[&Act], outcomes: &mut [Outcome]) {
        let own_approval = |act: &Act| act.approval_id.clone().filter(|id| !id.is_empty());
        let separate = self.switches.escalation == Escalation::Separate
            && own_approval(acts[on]).is_some()
            && own_approval(acts[on]) != own_approval(acts[off]);
        match self.switches.escalation {
            Escalation::Separate if separate => {}
            Escalation::Separate | Escalation::Collapse => {
                let detail = format!("turned on-site as act `{}`", acts[on].act_id);
                outcomes[off] = in_favour(NotCounted::Escalated, detail, acts[on]);
            }
            Escalation::OffsiteOnly => {
                if outcomes[on] == Outcome::Counted {
                    let detail = format!("counted as off-site act `{}`", acts[off].act_id);
                    outcomes[on] = in_favour(NotCounted::CountedAsOffsite, detail, acts[off]);
                }
            }
        }
    }

    /// Step 7: walking forward in time and keeping the first act keeps as many as any choice
    /// could, so a further act never reduces the number kept.
    fn window(&self, acts: &[&Act], outcomes: &mut [Outcome]) {
        let days = i32::try_from(self.policy.dedup_window_days).unwrap_or(30);
        if days == 0 {
            return;
        }
        let mut order: Vec<usize> = self.still_counted(outcomes).collect();
        order.sort_by_key(|&index| (acts[index].completed_at, acts[index].act_id.as_str()));
        let mut last_kept: HashMap<(Mode, &str, &str, String), usize> = HashMap::new();
        for index in order {
            let act = acts[index];
            let method = if self.policy.dedup_ignores_method {
                ""
            } else {
                act.method.as_str()
            };
            let key = (act.mode, act.unit_id.as_str(), method, act.team());
            match last_kept.get(&key) {
                Some(&kept) if gap_days(acts[kept], act) < days => {
                    let detail = "same unit, method and team within the window".to_owned();
                    outcomes[index] = in_favour(NotCounted::SameWindow, detail, acts[kept]);
                }
                _ => {
                    last_kept.insert(key, index);
                }
            }
        }
    }

    fn still_counted(&self, outcomes: &[Outcome]) -> impl Iterator<Item = usize> + use<> {
        let counted: Vec<usize> = outcomes
            .iter()
            .enumerate()
            .filter(|(_, outcome)| **outcome == Outcome::Counted)
            .map(|(index, _)| index)
            .collect();
        counted.into_iter()
    }
}

fn gap_days(earlier: &Act, later: &Act) -> i32 {
    match (earlier.completed_day(), later.completed_day()) {
        (Some(earlier), Some(later)) => later - earlier,
        _ => i32::MAX,
    }
}

/// Identity of the thing to be counted, independent of how often its record was delivered.
fn act_key(act: &Act) -> String {
    let mut hash = Sha256::new();
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text.as_bytes());
    };
    part(&act.unit_id);
    match act.task() {
        Some(task) => part(task),
        None => {
            part(&act.method);
            part(&act.team());
            part(&act.completed_day().unwrap_or_default().to_string());
        }
    }
    hex::encode(hash.finalize())
}

/// The lead body's record first, then one that names its on-site act (so that a merge cannot lose
/// the escalation), then the earlier one; the id settles ties.
fn seniority(act: &Act) -> (bool, bool, Option<i64>, &str) {
    let is_follower = act
        .lead_org
        .as_deref()
        .is_some_and(|lead| lead != act.org_code);
    (
        is_follower,
        act.escalated_to.is_none(),
        act.completed_at,
        act.act_id.as_str(),
    )
}
