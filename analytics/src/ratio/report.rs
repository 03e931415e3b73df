//! What a figure is printed with: its parts, its drill-down, and what it takes to reproduce it.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use super::act::{Act, Mode};
use super::band::Band;
use super::decide::Decision;
use super::period::{Period, date_of};
use super::policy::{JointInspection, OrgAttribution, RatioPolicy};
use super::quality::Quality;
use super::share::{Share, Verdict};
use super::snapshot::Snapshot;
use super::versions::Cutoff;

/// How a report is broken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The body the act is credited to.
    Org,
    /// The Beijing month of completion (`2026-06`).
    Month,
    /// The Beijing quarter of completion (`2026-Q2`).
    Quarter,
    /// The method.
    Method,
    /// The class.
    Class,
}

impl Dimension {
    /// All dimensions, in the order they are shown.
    pub const ALL: [Self; 5] = [
        Self::Org,
        Self::Month,
        Self::Quarter,
        Self::Method,
        Self::Class,
    ];

    /// The dimension as it is written on the command line and in tables.
    pub fn code(self) -> &'static str {
        match self {
            Self::Org => "org",
            Self::Month => "month",
            Self::Quarter => "quarter",
            Self::Method => "method",
            Self::Class => "class",
        }
    }

    fn key(self, act: &Act, policy: &RatioPolicy) -> String {
        match self {
            Self::Org => credited_org(act, policy).to_owned(),
            Self::Month => act
                .completed_at
                .map(|at| date_of(at).format("%Y-%m").to_string())
                .unwrap_or_default(),
            Self::Quarter => act
                .completed_at
                .map(|at| {
                    let day = date_of(at);
                    format!("{}-Q{}", day.year(), day.month0() / 3 + 1)
                })
                .unwrap_or_default(),
            Self::Method => match act.mode {
                Mode::Offsite => act.method.clone(),
                Mode::Onsite => "onsite".to_owned(),
            },
            Self::Class => act.class.clone(),
        }
    }
}

/// The body an act is credited to: the lead of a joint inspection that is one act, else as the policy
/// attributes.
pub(super) fn credited_org<'a>(act: &'a Act, policy: &RatioPolicy) -> &'a str {
    let given = |org: &'a Option<String>| org.as_deref().filter(|org| !org.is_empty());
    let by_policy = match policy.org_attribution {
        OrgAttribution::Executing => None,
        OrgAttribution::Dispatching => given(&act.dispatching_org),
        OrgAttribution::Territorial => given(&act.territorial_org),
    };
    let lead = match policy.joint_inspection {
        JointInspection::Lead => given(&act.lead_org),
        JointInspection::Split => None,
    };
    lead.or(by_policy).unwrap_or(&act.org_code)
}

/// One line of a breakdown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Group {
    /// Body, month, method or class.
    pub key: String,
    /// Its counted acts.
    pub share: Share,
    /// Its ratio in percent with two decimals.
    pub percent: Option<String>,
    /// The ratio with more decimals, when two of them hide that the target is missed.
    pub percent_below_target: Option<String>,
    /// Against the policy's target.
    pub verdict: Verdict,
}

/// Something for an auditor to look at; it does not change the figure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "flag", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Flag {
    /// An officer closed more off-site acts on one day than is plausible.
    OfficerOverDailyCap {
        /// Certificate number.
        officer: String,
        /// Beijing day.
        day: NaiveDate,
        /// Counted off-site acts of that day.
        acts: u32,
        /// The policy's cap.
        cap: u32,
    },
    /// A version that came after the year was frozen was not admitted; the one before it holds.
    LateEditRefused {
        /// The act.
        act_id: String,
        /// The version that was refused.
        act_version: i64,
    },
    /// Records dated before a year's freeze arrived after it: an import, or back-dating.
    ArrivedAfterFreeze {
        /// The frozen year.
        year: i32,
        /// How many acts.
        acts: u64,
    },
}

impl std::fmt::Display for Flag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::OfficerOverDailyCap {
                officer,
                day,
                acts,
                cap,
            } => write!(
                f,
                "officer {officer} closed {acts} off-site acts on {day} (cap {cap}): for audit"
            ),
            Self::LateEditRefused {
                act_id,
                act_version,
            } => write!(
                f,
                "act {act_id}: version {act_version} came after the year was frozen, without \
                 reason and second person; the version before it holds"
            ),
            Self::ArrivedAfterFreeze { year, acts } => write!(
                f,
                "{acts} acts of {year} are dated before that year was frozen but arrived after: \
                 an import of old records, or back-dating"
            ),
        }
    }
}

/// A figure with everything that is printed beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RatioReport<'a> {
    /// The policy row the figure was made with.
    pub policy: RatioPolicy,
    /// [`RatioPolicy::fingerprint`].
    pub policy_fingerprint: String,
    /// The instant the figure stands for, and the one until which records had arrived.
    pub cutoff: Cutoff,
    /// The days it covers.
    pub period: Period,
    /// The counted acts.
    pub share: Share,
    /// Against the target, compared without rounding.
    pub verdict: Verdict,
    /// Percent with two decimals, half up; `None` without acts.
    pub percent: Option<String>,
    /// More decimals, when two of them hide that the target is missed.
    pub percent_below_target: Option<String>,
    /// The span of the open questions.
    pub band: Band,
    /// Acts of bodies above the city.
    pub higher_level: Share,
    /// Acts on units of the positive list.
    pub positive_list: Share,
    /// Whether the inspections were done or only recorded.
    pub quality: Quality,
    /// Hints for auditors.
    pub flags: Vec<Flag>,
    /// SHA-256 over every version that the cutoff lets through.
    pub acts_digest: String,
    /// What the versions that were seen leave open of the checklists they name, by their origin.
    #[serde(skip)]
    pub open_items: BTreeMap<String, String>,
    /// Every act that was seen, counted or not, by time of completion.
    #[serde(skip)]
    pub decisions: Vec<Decision<'a>>,
}

impl RatioReport<'_> {
    /// The counted acts by one dimension, sorted by key; their sum is the headline.
    pub fn by(&self, dimension: Dimension) -> Vec<Group> {
        let mut groups: BTreeMap<String, Share> = BTreeMap::new();
        for decision in self
            .decisions
            .iter()
            .filter(|decision| decision.is_counted())
        {
            let share = groups
                .entry(dimension.key(decision.act, &self.policy))
                .or_default();
            match decision.act.mode {
                Mode::Offsite => share.off += 1,
                Mode::Onsite => share.on += 1,
            }
        }
        groups
            .into_iter()
            .map(|(key, share)| self.group(key, share))
            .collect()
    }

    /// The ratio as it grew: at the end of each month with counted acts, everything counted from
    /// the start of the period to there. The last line is the headline.
    pub fn to_date(&self) -> Vec<Group> {
        let mut sum = Share::default();
        self.by(Dimension::Month)
            .into_iter()
            .map(|month| {
                sum = sum.plus(month.share);
                self.group(month.key, sum)
            })
            .collect()
    }

    fn group(&self, key: String, share: Share) -> Group {
        let target = self.policy.target_percent;
        Group {
            key,
            share,
            percent: share.percent(),
            percent_below_target: share.percent_below_target(target),
            verdict: share.verdict(target),
        }
    }

    /// The headline in one sentence.
    pub fn sentence(&self) -> String {
        let target = self.policy.target_percent;
        let Some(percent) = &self.percent else {
            return format!("no ratio: no inspection counts in {} yet", self.period);
        };
        let exactly = match &self.percent_below_target {
            Some(exact) => format!(" (exactly {exact} %)"),
            None => String::new(),
        };
        format!(
            "{percent} %{exactly}: {} off-site of {} inspections; target {target} % {}",
            self.share.off,
            self.share.total(),
            self.verdict.text()
        )
    }

    fn shares(&self, dimension: Dimension) -> BTreeMap<String, Share> {
        self.by(dimension)
            .into_iter()
            .map(|group| (group.key, group.share))
            .collect()
    }

    /// What must be kept to prove or reproduce the figure later.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            policy: self.policy.clone(),
            policy_fingerprint: self.policy_fingerprint.clone(),
            cutoff: self.cutoff,
            period: self.period.clone(),
            share: self.share,
            percent: self.percent.clone(),
            band_min: self.band.min.as_ref().map(|point| point.share),
            band_max: self.band.max.as_ref().map(|point| point.share),
            by_org: self.shares(Dimension::Org),
            groups: Dimension::ALL
                .into_iter()
                .filter(|dimension| *dimension != Dimension::Org)
                .map(|dimension| (dimension.code().to_owned(), self.shares(dimension)))
                .collect(),
            acts_digest: self.acts_digest.clone(),
            quality: Some(self.quality),
            higher_level: Some(self.higher_level),
            positive_list: Some(self.positive_list),
            open_items: self.open_items.clone(),
        }
    }
}
