//! How to count, as data: one versioned row per policy.
//!
//! The provincial guide that fixes the counting rule is not published, so nothing about it is
//! hard-wired. A policy carries an id and a date of effect; changing a switch means a new id, and
//! [`RatioPolicy::fingerprint`] shows when somebody changed a switch and kept the id.

use std::path::PathBuf;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::policies::PolicyError;
use super::target::Target;

/// `[ratio]` of the configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// File with the policy rows (TOML or JSON); without it the built-in row counts.
    pub policy: Option<PathBuf>,
}

/// What is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountUnit {
    /// One unit times one approved act (家次); the published figures fit it.
    Act,
    /// One task, however many units it visited.
    Task,
    /// One case: the acts on one unit that belong together, because they share a task or one grew
    /// out of, or was merged into, the other.
    Case,
    /// One unit, however often it was inspected.
    Firm,
}

/// Which stretch of time a figure covers unless the command names one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeriodKind {
    /// 1 January to the day of the figure.
    YearToDate,
    /// The calendar quarter.
    Quarter,
    /// The calendar month.
    Month,
    /// The twelve months that end with the day of the figure.
    #[serde(rename = "rolling_12_months")]
    Rolling12Months,
    /// These Beijing days, such as those of a campaign.
    Custom {
        /// The first one.
        from: NaiveDate,
        /// The last one.
        to: NaiveDate,
    },
}

/// What an inspection by several bodies counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JointInspection {
    /// One act, of the lead body.
    #[default]
    Lead,
    /// One act of each body that kept a record of its own, credited to that body.
    Split,
}

impl JointInspection {
    /// A row that leaves the switch alone has the fingerprint it had before there was one.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the form serde asks for")]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What an off-site act that turned on-site in the same task counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Escalation {
    /// Once, on-site: the conservative reading.
    Collapse,
    /// Twice, if the on-site act has an approval of its own; otherwise as `Collapse`.
    Separate,
    /// Once, off-site.
    OffsiteOnly,
}

impl Escalation {
    pub(super) const ALL: [Self; 3] = [Self::Collapse, Self::Separate, Self::OffsiteOnly];

    /// The switch as it is written in a policy.
    pub fn code(self) -> &'static str {
        match self {
            Self::Collapse => "collapse",
            Self::Separate => "separate",
            Self::OffsiteOnly => "offsite_only",
        }
    }
}

/// Which body an act is credited to (the lead body of a joint inspection goes before all, unless
/// such an inspection is split).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgAttribution {
    /// The body that carried it out.
    Executing,
    /// The body that gave the task.
    Dispatching,
    /// The body in whose territory the unit lies.
    Territorial,
}

/// Which sets of classes the band looks at besides the policy's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BandClasses {
    /// Every non-empty subset of the three classes: the widest band the open question allows.
    EverySubset,
    /// These sets.
    Sets(Vec<Vec<String>>),
}

/// One row of `ratio_policy`. Keys that a file leaves out take the defaults shown at the fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RatioPolicy {
    /// Id printed beside every figure. Required.
    pub policy_id: String,
    /// First Beijing day the policy holds for. Required.
    pub effective_from: Option<NaiveDate>,
    /// Where the rule comes from, for people.
    pub basis: String,
    /// Share to reach, percent; default 40.
    pub target_percent: Target,
    /// What is counted once; default `act`.
    pub count_unit: CountUnit,
    /// Period of a figure when none is named; default `year_to_date`.
    pub period: PeriodKind,
    /// Classes that enter; default daily, special and case.
    pub denominator_classes: Vec<String>,
    /// Methods that are off-site inspections. An alarm, an order by the system, guidance, an
    /// audit of a sub-bureau and a station's sampling are not in the list.
    pub offsite_methods: Vec<String>,
    /// Count reviews of rectification in both modes; default no.
    pub count_rectification_review: bool,
    /// An off-site act that turned on-site; default `collapse`.
    pub escalation: Escalation,
    /// Acts on one unit by one method and one team within this many Beijing days are one act;
    /// 0 switches it off, 1 (default) is the calendar day, at most 30.
    pub dedup_window_days: u32,
    /// Merge over methods as well; default no.
    pub dedup_ignores_method: bool,
    /// Off-site acts a day above which an officer is listed for audit (nothing is left out).
    pub daily_cap_per_officer: u32,
    /// Count teams of the province and the ministry; default no, they are shown apart.
    pub include_higher_level: bool,
    /// Count units on the positive list; default yes, they are shown apart as well.
    pub include_positive_list: bool,
    /// Require the minimum record; switch off only to recompute years before it was kept.
    pub min_evidence: bool,
    /// An inspection by several bodies; default `lead`.
    #[serde(skip_serializing_if = "JointInspection::is_default")]
    pub joint_inspection: JointInspection,
    /// Which body is credited; default `executing`.
    pub org_attribution: OrgAttribution,
    /// Leave out withdrawn acts; default yes.
    pub exclude_withdrawn: bool,
    /// Month and day (`MM-DD`) of the next year from which on a year's acts are frozen: later
    /// versions need a reason and a second person. Empty switches it off.
    pub freeze_on: String,
    /// Sets of classes the band looks at.
    pub band_classes: BandClasses,
}

impl Default for RatioPolicy {
    /// The defaults without an identity: a file must give its own.
    fn default() -> Self {
        let texts = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        Self {
            policy_id: String::new(),
            effective_from: None,
            basis: String::new(),
            target_percent: Target::FORTY_PERCENT,
            count_unit: CountUnit::Act,
            period: PeriodKind::YearToDate,
            denominator_classes: texts(&CLASSES),
            offsite_methods: texts(&[
                "auto_monitor",
                "power",
                "video",
                "uav",
                "remote_sensing",
                "documents",
            ]),
            count_rectification_review: false,
            escalation: Escalation::Collapse,
            dedup_window_days: 1,
            dedup_ignores_method: false,
            daily_cap_per_officer: 12,
            include_higher_level: false,
            include_positive_list: true,
            min_evidence: true,
            joint_inspection: JointInspection::Lead,
            org_attribution: OrgAttribution::Executing,
            exclude_withdrawn: true,
            freeze_on: "01-10".to_owned(),
            band_classes: BandClasses::Sets(vec![texts(&CLASSES), texts(&["daily", "special"])]),
        }
    }
}

/// Class codes of inspections: planned daily checks, campaigns, checks triggered by a case.
pub(super) const CLASSES: [&str; 3] = ["daily", "special", "case"];

impl RatioPolicy {
    /// The policy used when no file is configured.
    pub fn built_in() -> Self {
        Self {
            policy_id: "nonsite-default-1".to_owned(),
            effective_from: NaiveDate::from_ymd_opt(1970, 1, 1),
            basis: "conservative reading of published practice: share of inspections (家次), \
                    year to date, target 40 % or more"
                .to_owned(),
            ..Self::default()
        }
    }

    /// First 16 hex digits of the SHA-256 over the row: two rows of one id that differ show it.
    pub fn fingerprint(&self) -> String {
        // Serialising a plain struct of texts and numbers into memory cannot fail.
        let text = serde_json::to_string(self).unwrap_or_default();
        hex::encode(&Sha256::digest(text.as_bytes())[..8])
    }

    /// Month and day of the freeze, if there is one.
    pub(super) fn freeze(&self) -> Option<(u32, u32)> {
        let (month, day) = self.freeze_on.split_once('-')?;
        Some((month.parse().ok()?, day.parse().ok()?))
    }

    pub(super) fn check(&self) -> Result<(), PolicyError> {
        let fault = |key, problem: String| {
            Err(PolicyError::Key {
                policy: self.policy_id.clone(),
                key,
                problem,
            })
        };
        if self.policy_id.trim().is_empty() {
            return fault(
                "policy_id",
                "missing: every figure names its policy".to_owned(),
            );
        }
        if self.effective_from.is_none() {
            return fault(
                "effective_from",
                "missing: give the first day, such as 2026-01-01".to_owned(),
            );
        }
        if self.denominator_classes.is_empty() {
            return fault(
                "denominator_classes",
                "empty: nothing could ever be counted".to_owned(),
            );
        }
        let band_sets: &[Vec<String>] = match &self.band_classes {
            BandClasses::EverySubset => &[],
            BandClasses::Sets(sets) => sets,
        };
        for (key, classes) in std::iter::once(("denominator_classes", &self.denominator_classes))
            .chain(band_sets.iter().map(|set| ("band_classes", set)))
        {
            if let Some(class) = classes
                .iter()
                .find(|class| !CLASSES.contains(&class.as_str()))
            {
                return fault(
                    key,
                    format!("`{class}` is no class: use daily, special or case"),
                );
            }
        }
        if self.offsite_methods.is_empty() {
            return fault(
                "offsite_methods",
                "empty: no off-site act could ever count".to_owned(),
            );
        }
        if let PeriodKind::Custom { from, to } = self.period
            && to < from
        {
            return fault(
                "period",
                format!("{from} to {to} has no day: the last day is before the first"),
            );
        }
        if self.dedup_window_days > 30 {
            return fault(
                "dedup_window_days",
                format!("{} is out of range: 0 to 30", self.dedup_window_days),
            );
        }
        let freeze_is_a_date = self
            .freeze()
            .is_some_and(|(month, day)| NaiveDate::from_ymd_opt(2023, month, day).is_some());
        if !self.freeze_on.is_empty() && !freeze_is_a_date {
            return fault(
                "freeze_on",
                format!("`{}` is no month and day, such as 01-10", self.freeze_on),
            );
        }
        Ok(())
    }
}
