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

use serde::{Deserialize, Serialize};

use super::act::{Act, Mode};
use super::period::Period;
use super::policy::{Escalation, RatioPolicy};

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

pub(super) fn in_favour(reason: NotCounted, detail: String, other: &Act) -> Outcome {
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
        let lacks = act.lacks();
        if policy.min_evidence && !lacks.is_empty() {
            return not_counted(Why::MinimumRecord, lacks.join("; "));
        }
        if act.org_level.is_higher() && !policy.include_higher_level {
            return not_counted(
                Why::HigherLevel,
                format!("carried out by `{}`", act.org_code),
            );
        }
        Outcome::Counted
    }

    pub(super) fn still_counted(
        &self,
        outcomes: &[Outcome],
    ) -> impl Iterator<Item = usize> + use<> {
        let counted: Vec<usize> = outcomes
            .iter()
            .enumerate()
            .filter(|(_, outcome)| **outcome == Outcome::Counted)
            .map(|(index, _)| index)
            .collect();
        counted.into_iter()
    }
}
