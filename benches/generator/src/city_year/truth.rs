//! What every act has to count as, and the sums over it.

use std::collections::BTreeMap;

use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::inspection::{Class, Inspection, Method, Mode, OrgLevel};
use serde::Serialize;

use crate::stamp::civil;

/// What an act counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// One off-site inspection.
    Off,
    /// One on-site inspection.
    On,
    /// Nothing, for this reason.
    Not(&'static str),
}

/// The fate of an act from a recording on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Recorded at, microseconds UTC: figures as of an earlier instant do not see it.
    pub recorded: i64,
    /// Arrived at: figures that know only what came earlier do not see it.
    pub arrival: i64,
    /// Fate when an escalated pair counts once on-site; twice if approved separately; once off-site.
    pub fates: [Fate; 3],
    /// Credited to this body.
    pub org: String,
    /// Whether that body is above the city.
    pub higher: bool,
    /// Signed on this Beijing day (days since 1970-01-01), if signed.
    pub day: Option<i32>,
    /// `onsite` for visits.
    pub method: String,
    /// Class code; empty for a visit without a readable one.
    pub class: String,
    /// A review of rectification: counts only where the policy says so.
    pub rectification: bool,
    /// On the positive list.
    pub positive_list: bool,
    /// Its officers.
    pub officers: Vec<String>,
    /// Off-site (as the record says).
    pub offsite: bool,
    /// Opened and closed within three minutes.
    pub too_short: bool,
}

impl Stage {
    pub(super) fn of(act: &Inspection, recorded: i64, arrival: i64, fates: [Fate; 3]) -> Self {
        let offsite = act.mode == Some(Mode::Offsite);
        let method = act.method.map_or("", Method::as_str);
        Self {
            recorded,
            arrival,
            fates,
            org: act.org.code.clone(),
            higher: matches!(act.org.level, Some(OrgLevel::Province | OrgLevel::Ministry)),
            day: act.completed_at.map(|at| beijing_day(at.0)),
            method: if offsite { method } else { "onsite" }.to_owned(),
            class: act.class.map_or("", Class::as_str).to_owned(),
            rectification: act.method == Some(Method::RectificationReview),
            positive_list: act.unit.positive_list,
            officers: act
                .officers
                .iter()
                .map(|officer| officer.officer_id.clone())
                .collect(),
            offsite,
            too_short: false,
        }
    }

    /// What it counts as under a reading.
    pub fn counts_as(&self, reading: &Reading) -> Fate {
        let fate = self.fates[reading.escalation];
        let counted = matches!(fate, Fate::Off | Fate::On);
        if counted && self.rectification && !reading.rectification_review {
            return Fate::Not("rectification_review");
        }
        let unclassed_visit = !self.offsite && self.class.is_empty();
        if counted && !unclassed_visit && !reading.classes.contains(&self.class.as_str()) {
            return Fate::Not("class_not_counted");
        }
        fate
    }
}

/// One act with its stages, in the order of recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ActTruth {
    /// The act.
    pub act_id: String,
    /// What it counts as, from when on.
    pub stages: Vec<Stage>,
}

impl ActTruth {
    /// The stage a figure sees.
    pub fn seen(&self, as_of: i64, known_at: i64) -> Option<&Stage> {
        self.stages
            .iter()
            .rfind(|stage| stage.recorded <= as_of && stage.arrival <= known_at)
    }
}

/// An answer to the open questions of the counting rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// 0 collapse, 1 separate, 2 off-site only.
    pub escalation: usize,
    /// Whether reviews of rectification count.
    pub rectification_review: bool,
    /// Classes in the denominator.
    pub classes: &'static [&'static str],
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            escalation: 0,
            rectification_review: false,
            classes: &["daily", "special", "case"],
        }
    }
}

impl Reading {
    /// Every combination of answers that the default policy's band looks at.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for classes in [&["daily", "special", "case"][..], &["daily", "special"]] {
            for escalation in 0..3 {
                for rectification_review in [false, true] {
                    all.push(Self {
                        escalation,
                        rectification_review,
                        classes,
                    });
                }
            }
        }
        all
    }
}

/// Off-site and on-site acts.
pub type Counts = (u64, u64);

/// Every figure of a day.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Figures {
    /// The headline's counts.
    pub share: Counts,
    /// By body.
    pub by_org: BTreeMap<String, Counts>,
    /// By month of the signature, `2025-03`.
    pub by_month: BTreeMap<String, Counts>,
    /// By quarter, `2025-Q1`.
    pub by_quarter: BTreeMap<String, Counts>,
    /// By method.
    pub by_method: BTreeMap<String, Counts>,
    /// By class.
    pub by_class: BTreeMap<String, Counts>,
    /// Acts that are not counted, by reason.
    pub reasons: BTreeMap<String, u64>,
    /// Shown apart: bodies above the city.
    pub higher_level: Counts,
    /// Shown apart: units on the positive list.
    pub positive_list: Counts,
    /// Off-site records of the period, counted or kept out by their own record.
    pub quality_offsite: u64,
    /// Of these within three minutes.
    pub too_short: u64,
    /// Of these lacking part of the minimum.
    pub incomplete: u64,
    /// Officers' days with more than twelve counted off-site acts.
    pub officer_days_over_cap: u64,
    /// The most by one officer on a day.
    pub most_in_a_day: u32,
}

/// The truth of a year.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Truth {
    /// The year.
    pub year: i32,
    /// Every act.
    pub acts: Vec<ActTruth>,
    /// Acts with a version that must be refused because the year was frozen.
    pub refused_edits: Vec<String>,
    /// Acts dated before the freeze that arrive after it.
    pub arrived_after_freeze: u64,
}

impl Truth {
    pub(super) fn add(&mut self, act_id: &str, stage: Stage) {
        match self.acts.iter_mut().find(|act| act.act_id == act_id) {
            Some(act) => act.stages.push(stage),
            None => self.acts.push(ActTruth {
                act_id: act_id.to_owned(),
                stages: vec![stage],
            }),
        }
    }

    pub(super) fn last(&mut self, act_id: &str) -> Option<&mut Stage> {
        let act = self.acts.iter_mut().find(|act| act.act_id == act_id)?;
        act.stages.last_mut()
    }

    /// Off-site and on-site acts, by the last version of each.
    pub fn modes(&self) -> (usize, usize) {
        let off = self
            .acts
            .iter()
            .filter(|act| act.stages.last().is_some_and(|stage| stage.offsite))
            .count();
        (off, self.acts.len() - off)
    }

    /// Every figure of the year as of an instant.
    pub fn figures(&self, as_of: i64, known_at: i64, reading: &Reading) -> Figures {
        let mut figures = Figures::default();
        let mut officer_days: BTreeMap<(&str, i32), u32> = BTreeMap::new();
        for act in &self.acts {
            let Some(stage) = act.seen(as_of, known_at) else {
                continue;
            };
            let fate = stage.counts_as(reading);
            let own = if stage.offsite { (1, 0) } else { (0, 1) };
            match fate {
                Fate::Off => {
                    figures.quality_offsite += 1;
                    for officer in &stage.officers {
                        let day = stage.day.unwrap_or_default();
                        *officer_days.entry((officer, day)).or_default() += 1;
                    }
                }
                Fate::On => {}
                Fate::Not(reason) => {
                    *figures.reasons.entry(reason.to_owned()).or_default() += 1;
                    if reason == "minimum_record" {
                        figures.quality_offsite += 1;
                        figures.incomplete += 1;
                        figures.too_short += u64::from(stage.too_short);
                    }
                    if reason == "higher_level" {
                        add(&mut figures.higher_level, own);
                    }
                    continue;
                }
            }
            let counts = if fate == Fate::Off { (1, 0) } else { (0, 1) };
            let (year, month, _) = civil(stage.day.unwrap_or_default());
            let quarter = format!("{year}-Q{}", (month - 1) / 3 + 1);
            add(&mut figures.share, counts);
            for (groups, key) in [
                (&mut figures.by_org, stage.org.clone()),
                (&mut figures.by_month, format!("{year}-{month:02}")),
                (&mut figures.by_quarter, quarter),
                (&mut figures.by_method, stage.method.clone()),
                (&mut figures.by_class, stage.class.clone()),
            ] {
                add(groups.entry(key).or_default(), counts);
            }
            if stage.positive_list {
                add(&mut figures.positive_list, counts);
            }
        }
        figures.officer_days_over_cap =
            officer_days.values().filter(|&&acts| acts > 12).count() as u64;
        figures.most_in_a_day = officer_days.values().copied().max().unwrap_or(0);
        figures
    }

    /// The smallest and the largest share over all readings, as off-site and on-site acts.
    pub fn band(&self, as_of: i64, known_at: i64) -> (Counts, Counts) {
        let mut shares: Vec<Counts> = Reading::all()
            .iter()
            .map(|reading| self.figures(as_of, known_at, reading).share)
            .filter(|share| share.0 + share.1 > 0)
            .collect();
        shares.sort_by_key(|&(off, on)| {
            // Whole numbers: a share in billionths tells any two of a city's year apart.
            u128::from(off) * 1_000_000_000 / u128::from(off + on)
        });
        let ends = (shares.first().copied(), shares.last().copied());
        (ends.0.unwrap_or_default(), ends.1.unwrap_or_default())
    }
}

fn add(to: &mut Counts, counts: Counts) {
    to.0 += counts.0;
    to.1 += counts.1;
}
