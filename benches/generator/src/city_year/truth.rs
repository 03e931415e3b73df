//! What every act has to count as, and the sums over it.

use std::collections::{BTreeMap, BTreeSet};

use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::inspection::{Class, Conclusion, Inspection, Method, Mode, OrgLevel};
use serde::Serialize;

use super::asked::{Asked, Credited, Once, Reading};
use super::day_of_year;
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
    /// Fate on a day of the period, when an escalated pair counts once on-site; twice if approved
    /// separately; once off-site.
    pub fates: [Fate; 3],
    /// Credited to this body.
    pub org: String,
    /// The body that gave the task, if another one did.
    pub dispatching: Option<String>,
    /// Division in which the unit lies.
    pub territory: Option<String>,
    /// The record of the leading body of a joint inspection.
    pub leads: bool,
    /// The record of another body of a joint inspection, whose leading body has one as well.
    pub follows: bool,
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
    /// The unit.
    pub unit: String,
    /// The task, if the record names one.
    pub task: Option<String>,
    /// The act that the case began with: acts of one case name each other or share a task.
    pub case: String,
    /// One with another act when the window has at least so many days.
    pub window: Option<u32>,
    /// One with another act when the method does not matter.
    pub other_method: bool,
    /// Seen only where the year is not frozen.
    pub refused: bool,
    /// Its officers.
    pub officers: Vec<String>,
    /// Off-site (as the record says).
    pub offsite: bool,
    /// Opened and closed within three minutes.
    pub too_short: bool,
    /// Nothing of the minimum record is missing.
    pub complete: bool,
    /// Ended with something that has to be handed on.
    pub problem: bool,
    /// The record holds the code of the check.
    pub coded: bool,
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
            dispatching: act.dispatch_org_code.clone(),
            territory: act.unit.admin_code.clone(),
            leads: !act.joint_orgs.is_empty(),
            follows: false,
            higher: matches!(act.org.level, Some(OrgLevel::Province | OrgLevel::Ministry)),
            day: act.completed_at.map(|at| beijing_day(at.0)),
            method: if offsite { method } else { "onsite" }.to_owned(),
            class: act.class.map_or("", Class::as_str).to_owned(),
            rectification: act.method == Some(Method::RectificationReview),
            positive_list: act.unit.positive_list,
            unit: act.unit.unit_id.clone(),
            task: act.task_id.clone(),
            case: act.act_id.clone(),
            window: None,
            other_method: false,
            refused: false,
            officers: act
                .officers
                .iter()
                .map(|officer| officer.officer_id.clone())
                .collect(),
            offsite,
            too_short: false,
            complete: !fates
                .iter()
                .any(|fate| matches!(fate, Fate::Not("minimum_record" | "document_faults"))),
            problem: act
                .conclusion
                .is_some_and(|conclusion| conclusion != Conclusion::NoProblem),
            coded: act.action_code.is_some(),
        }
    }

    /// What it counts as in a figure over these days.
    fn counts_as(&self, asked: &Asked, days: (i32, i32)) -> Fate {
        let (reading, switches) = (&asked.reading, &asked.switches);
        let own = if self.offsite { Fate::Off } else { Fate::On };
        let inside = self.day.is_some_and(|day| (days.0..days.1).contains(&day));
        let fate = match self.fates[reading.escalation] {
            Fate::Not("withdrawn") if !switches.excludes_withdrawn => own,
            Fate::Not("minimum_record") if !switches.min_evidence => own,
            Fate::Not("higher_level") if switches.higher_level => own,
            Fate::Not("late_edit") if !switches.freezes => own,
            Fate::Not("same_task") if switches.split_joint && self.follows => own,
            fate => fate,
        };
        // What the record itself is comes before when it was signed.
        match fate {
            Fate::Not("document_faults" | "withdrawn" | "not_closed") => return fate,
            _ if !inside => return Fate::Not("outside_period"),
            Fate::Not(_) => return fate,
            Fate::Off | Fate::On => {}
        }
        if self.rectification && !reading.rectification_review {
            return Fate::Not("rectification_review");
        }
        let listed =
            switches.methods.is_empty() || switches.methods.contains(&self.method.as_str());
        if self.offsite && !self.rectification && !listed {
            return Fate::Not("method_not_counted");
        }
        let unclassed_visit = !self.offsite && self.class.is_empty();
        if !unclassed_visit && !reading.classes.contains(&self.class.as_str()) {
            return Fate::Not("class_not_counted");
        }
        if self.positive_list && !switches.positive_list {
            return Fate::Not("positive_list");
        }
        let one = self.window.is_some_and(|days| switches.window_days >= days);
        if one || (self.other_method && switches.ignores_method) {
            return Fate::Not("same_window");
        }
        fate
    }

    /// The body it is credited to: of a joint inspection that is one act always the leading one.
    fn credited(&self, asked: &Asked) -> String {
        let other = match asked.switches.credited {
            Credited::Executing => None,
            Credited::Dispatching => self.dispatching.clone(),
            Credited::Territorial => self.territory.clone(),
        };
        let leads = self.leads && !asked.switches.split_joint;
        other.filter(|_| !leads).unwrap_or_else(|| self.org.clone())
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
    pub fn seen(&self, asked: &Asked) -> Option<&Stage> {
        self.stages.iter().rfind(|stage| {
            stage.recorded <= asked.as_of
                && stage.arrival <= asked.known_at
                && !(stage.refused && asked.switches.freezes)
        })
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
    /// Officers' days with more than twelve counted off-site acts: officer, day, acts.
    pub over_cap: Vec<(String, i32, u32)>,
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

    /// First day of a figure and the day after its last one.
    fn days(&self, asked: &Asked) -> (i32, i32) {
        let year = || (day_of_year(self.year), day_of_year(self.year + 1));
        asked.days.unwrap_or_else(year)
    }

    /// The acts a figure sees, each with its stage and what it counts as.
    pub fn fates<'t>(
        &'t self,
        asked: &'t Asked,
    ) -> impl Iterator<Item = (&'t ActTruth, &'t Stage, Fate)> {
        let days = self.days(asked);
        self.acts.iter().filter_map(move |act| {
            let stage = act.seen(asked)?;
            Some((act, stage, stage.counts_as(asked, days)))
        })
    }

    /// Every figure.
    pub fn figures(&self, asked: &Asked) -> Figures {
        let mut figures = Figures::default();
        let mut officer_days: BTreeMap<(&str, i32), u32> = BTreeMap::new();
        let mut once = BTreeSet::new();
        for (act, stage, fate) in self.fates(asked) {
            let own = if stage.offsite { (1, 0) } else { (0, 1) };
            if let Fate::Not(reason) = fate {
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
            let thing = match asked.switches.once {
                Once::Act => act.act_id.as_str(),
                Once::Task => stage.task.as_deref().unwrap_or(&act.act_id),
                Once::Case => stage.case.as_str(),
                Once::Firm => stage.unit.as_str(),
            };
            if !once.insert((fate == Fate::Off, thing)) {
                *figures.reasons.entry("same_task".to_owned()).or_default() += 1;
                continue;
            }
            if fate == Fate::Off {
                figures.quality_offsite += 1;
                figures.incomplete += u64::from(!stage.complete);
                for officer in &stage.officers {
                    let day = stage.day.unwrap_or_default();
                    *officer_days.entry((officer, day)).or_default() += 1;
                }
            }
            let counts = if fate == Fate::Off { (1, 0) } else { (0, 1) };
            let (year, month, _) = civil(stage.day.unwrap_or_default());
            let quarter = format!("{year}-Q{}", (month - 1) / 3 + 1);
            add(&mut figures.share, counts);
            for (groups, key) in [
                (&mut figures.by_org, stage.credited(asked)),
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
            if stage.higher {
                add(&mut figures.higher_level, counts);
            }
        }
        figures.over_cap = officer_days
            .iter()
            .filter(|&(_, &acts)| acts > 12)
            .map(|(&(officer, day), &acts)| (officer.to_owned(), day, acts))
            .collect();
        figures.most_in_a_day = officer_days.values().copied().max().unwrap_or(0);
        figures
    }

    /// The smallest and the largest share over all readings, as off-site and on-site acts.
    pub fn band(&self, asked: &Asked) -> (Counts, Counts) {
        let mut shares: Vec<Counts> = Reading::all()
            .into_iter()
            .map(|reading| self.figures(&asked.read(reading)).share)
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
