//! What goes wrong, where and when, decided before the first packet.
//!
//! Faults, look-alikes that must not be flagged, and the routine of a plant (stops, maintenance,
//! communication gaps) are episodes of whole hours at one point. Episodes never share a point and a
//! day, so that each can be told from every other; what concerns a permit as a whole takes its unit
//! for the entire run. Effects are strong enough to be unambiguous: an exceedance is at least 1.2
//! times the limit, a decoy at most 0.95 times.

mod papers;

use crate::factor::PH;
use crate::hour_plan::SERVICE_HOURS;
pub use crate::kind::Kind;
use crate::layout::{Edition, Layout, Medium};
use crate::noise::{Domain, Noise};
use crate::scale::Scale;

/// Upper end of the permitted range of pH.
pub(crate) const PH_LIMIT: f64 = 9.0;

/// What a unit's permit goes through during the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PermitCase {
    /// Nothing.
    Plain,
    /// A new version with unchanged limits; a later version arrives before it.
    Reissued,
    /// The limit of `channel` is multiplied by `factor` from `from_hour` on.
    Changed {
        /// Channel whose limits change.
        channel: usize,
        /// Run-relative hour from which they hold.
        from_hour: u32,
        /// New limit over old limit.
        factor: f64,
    },
    /// Annual mass of `channel` is reached in the middle of the run.
    MassOver {
        /// Channel whose mass is limited.
        channel: usize,
    },
    /// Mass of `channel` passes that of the last month halfway through the run's part of it.
    MonthOver {
        /// Channel whose mass is limited.
        channel: usize,
    },
    /// The last valid day is this many days after the first day of the run.
    Ends {
        /// Run-relative day, 0 is the first.
        last_day: i32,
    },
}

/// When a unit handed in its execution report of the quarter before the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportCase {
    /// Within the days it had.
    InTime,
    /// Two weeks after them.
    Late,
    /// Never.
    Missing,
}

/// Something that happens at one point for whole hours.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// What happens.
    pub kind: Kind,
    /// Position of the point.
    pub point: usize,
    /// Channel it happens to; none for all of them.
    pub channel: Option<usize>,
    /// First hour, counted from the start of the run.
    pub first_hour: u32,
    /// Number of hours.
    pub hours: u32,
    /// Level to hold, on the basis of the limit, where there is one.
    pub level: f64,
    /// Limit it is to be compared with, where there is one.
    pub limit: Option<f64>,
}

impl Episode {
    /// Whether the hour belongs to it.
    pub const fn covers(&self, hour: u32) -> bool {
        hour >= self.first_hour && hour < self.first_hour + self.hours
    }
}

/// Everything that is going to happen.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Episodes by point.
    pub episodes: Vec<Vec<Episode>>,
    /// Permit case by unit.
    pub permits: Vec<PermitCase>,
    /// Report case by unit.
    pub reports: Vec<ReportCase>,
}

impl Plan {
    /// Decides what happens to every point of the layout.
    pub fn new(scale: &Scale, layout: &Layout) -> Self {
        let mut planner = Planner {
            scale,
            layout,
            noise: Noise::new(scale.seed, Domain::Plan, 0),
            busy: vec![false; layout.points.len() * scale.days as usize],
            order: (0..layout.points.len()).collect(),
            permit_faults: Vec::new(),
            plan: Self {
                episodes: vec![Vec::new(); layout.points.len()],
                permits: vec![PermitCase::Plain; layout.units.len()],
                reports: vec![ReportCase::InTime; layout.units.len()],
            },
        };
        let mut order = std::mem::take(&mut planner.order);
        planner.noise.shuffle(&mut order);
        planner.order = order;
        planner.decide();
        planner.plan
    }
}

struct Planner<'a> {
    scale: &'a Scale,
    layout: &'a Layout,
    noise: Noise,
    /// By point and day.
    busy: Vec<bool>,
    order: Vec<usize>,
    /// Faults of permits placed so far.
    permit_faults: Vec<Kind>,
    plan: Plan,
}

impl Planner<'_> {
    fn decide(&mut self) {
        let points = self.layout.points.len();
        let share = |rate: f64| (points as f64 * rate).round() as usize;
        if self.scale.fault_rate > 0.0 {
            // Each kind once before any kind twice, decoys in between so that small worlds have both;
            // a longer run has more of each.
            let length = (f64::from(self.scale.days) / 5.0).max(1.0);
            let faults = share(self.scale.fault_rate * length).max(Kind::FAULTS.len());
            let mut decoys = 0;
            for at in 0..faults {
                self.place(Kind::FAULTS[at % Kind::FAULTS.len()]);
                if at % 3 == 2 {
                    self.place(Kind::DECOYS[decoys % Kind::DECOYS.len()]);
                    decoys += 1;
                }
            }
        }
        let days = f64::from(self.scale.days);
        for (kind, per_day) in [
            (Kind::Stopped, 0.02),
            (Kind::Maintained, 0.04),
            (Kind::GapBackfilled, 0.03),
        ] {
            for _ in 0..share(per_day * days).max(1) {
                self.place(kind);
            }
        }
        for unit in 0..self.layout.units.len() {
            if unit % 6 == 5 && self.plan.permits[unit] == PermitCase::Plain {
                self.plan.permits[unit] = PermitCase::Reissued;
            }
        }
        for episodes in &mut self.plan.episodes {
            episodes.sort_by_key(|episode| episode.first_hour);
        }
    }

    /// Places one episode of this kind at the first point, in shuffled order, that has room; or
    /// none if no point has.
    fn place(&mut self, kind: Kind) {
        for turn in 0..self.order.len() {
            let point = self.order[turn];
            if self.place_at(kind, point) {
                // To the end of the queue: spread what happens over all points.
                let used = self.order.remove(turn);
                self.order.push(used);
                return;
            }
        }
    }

    fn place_at(&mut self, kind: Kind, index: usize) -> bool {
        let point = &self.layout.points[index];
        let air = point.medium == Medium::Air;
        match kind {
            Kind::ExceedHour | Kind::MarkedExceed | Kind::Spike if !air => return false,
            Kind::ExceedDayAir | Kind::Zero | Kind::Negative if !air => return false,
            Kind::ExceedDayWater if air => return false,
            Kind::Dilution if point.reference_oxygen.is_none() || point.channels.len() <= 7 => {
                return false;
            }
            Kind::AtLimit if !air || point.reference_oxygen.is_some() => return false,
            Kind::FalseMark | Kind::OverRange if !air => return false,
            Kind::Rewritten if !air || point.json => return false,
            Kind::ConvertedWrong if point.reference_oxygen.is_none() => return false,
            Kind::FalseStop if point.reference_oxygen.is_none() || point.channels.len() <= 7 => {
                return false;
            }
            Kind::TreatmentOff if !point.has_power() => return false,
            Kind::ExceedRate if !point.has_rate_limit() || point.flow_channel().is_none() => {
                return false;
            }
            Kind::FlowUnderstated | Kind::StopUnmarked if point.cross_section().is_none() => {
                return false;
            }
            Kind::PhOut if air || point.channels.len() <= PH => return false,
            Kind::MicroFluctuation | Kind::CopiedHistory | Kind::LevelShift if !air => {
                return false;
            }
            Kind::FaultHidden | Kind::HonestRise | Kind::ComparisonPassed if !air => return false,
            Kind::RandomData | Kind::ComparisonFailed if air => return false,
            Kind::LowLoad | Kind::LevelShift if point.flow_channel().is_none() => return false,
            Kind::ReportMissing | Kind::ReportLate => return self.place_report(kind, point.unit),
            Kind::ParameterChange | Kind::FiledChange
                if point.json || point.edition == Edition::E2005 =>
            {
                return false;
            }
            Kind::LimitTightened
            | Kind::RelaxedLimit
            | Kind::MassOver
            | Kind::MonthMassOver
            | Kind::PermitExpired
            | Kind::PermitExpiring => return self.place_permit(kind, index),
            _ => {}
        }
        let Some(day) = self.free_day(index, kind) else {
            return false;
        };
        let start = day * 24 + 2 + self.noise.below(13) as u32;
        let pick = match kind {
            Kind::Spike => Some(0),
            Kind::PhOut => Some(PH),
            Kind::ComparisonFailed => Some(0),
            // Particulates: the standards allow 5 mg/m3 where the usual level is lower than that.
            Kind::ComparisonPassed => Some(2),
            Kind::MicroFluctuation
            | Kind::ExceedRate
            | Kind::LevelShift
            | Kind::HonestRise
            | Kind::Negative
            | Kind::Zero
            | Kind::Constant
            | Kind::ParameterChange
            | Kind::FiledChange
            | Kind::ConvertedWrong => Some(self.noise.below(3)),
            Kind::ExceedHour
            | Kind::ExceedDayAir
            | Kind::MarkedExceed
            | Kind::AtLimit
            | Kind::FalseMark
            | Kind::OverRange
            | Kind::Rewritten => Some(self.noise.below(3)),
            Kind::ExceedDayWater | Kind::RandomData => Some(self.noise.below(4)),
            _ => None,
        };
        let channel = pick.map(|at| self.layout.points[index].channels[at].clone());
        let hour_limit = channel.as_ref().and_then(|c| c.hour_limit.or(c.day_limit));
        let day_limit = channel.as_ref().and_then(|c| c.day_limit);
        let noise = &mut self.noise;
        let (first_hour, hours, ratio, limit) = match kind {
            Kind::ExceedHour => (
                start,
                1 + noise.below(5) as u32,
                noise.between(1.3, 2.6),
                hour_limit,
            ),
            Kind::FalseMark => (start, 6 + noise.below(2) as u32, 1.6, hour_limit),
            Kind::OverRange => (start, 2, 1.2 * crate::layout::RANGE_OF_LIMIT, hour_limit),
            Kind::Rewritten => (start, 2, 1.35, hour_limit),
            Kind::ConvertedWrong | Kind::TreatmentOff => (start, 3, 0.0, None),
            // Longer than what is warm may take to cool down: only then do the values prove anything.
            Kind::FalseStop => (
                day * 24 + 1 + noise.below(5) as u32,
                14 + noise.below(4) as u32,
                0.0,
                None,
            ),
            Kind::MarkedExceed => (start, 2 + noise.below(2) as u32, 1.6, hour_limit),
            Kind::AtLimit => (start, 2, 1.0, hour_limit),
            Kind::Spike => (start + 4, 1, 0.9, hour_limit),
            Kind::ExceedDayAir => (day * 24, 24, 1.12, day_limit),
            Kind::ExceedDayWater => (day * 24, 24, 1.35, day_limit),
            // Water analysers may give one value per two hours: longer runs are needed there.
            Kind::Constant if air => (start, 4 + noise.below(6) as u32, 0.0, None),
            Kind::Constant => (start, 8 + noise.below(2) as u32, 0.0, None),
            Kind::Zero => (start, 2 + noise.below(2) as u32, 0.0, None),
            Kind::Dilution => (start, 3 + noise.below(4) as u32, 0.0, None),
            Kind::Offline => (start, 3 + noise.below(4) as u32, 0.0, None),
            Kind::GapBackfilled => (start, 2 + noise.below(5) as u32, 0.0, None),
            // One stop in four lasts through most of the day.
            Kind::Stopped if noise.chance(0.25) => {
                let hours = 14 + noise.below(4) as u32;
                (day * 24 + 1 + noise.below(5) as u32, hours, 0.0, None)
            }
            Kind::Stopped => (start, 4 + noise.below(5) as u32, 0.0, None),
            Kind::ExceedRate => (start, 2 + noise.below(3) as u32, 0.85, hour_limit),
            Kind::PhOut => (start, 2 + noise.below(3) as u32, 1.08, Some(PH_LIMIT)),
            Kind::FlowUnderstated => (start, 3 + noise.below(6) as u32, 0.0, None),
            Kind::StopUnmarked => (start, 2 + noise.below(4) as u32, 0.0, None),
            Kind::MicroFluctuation | Kind::CopiedHistory => (day * 24, 24, 0.0, None),
            Kind::RandomData => (day * 24, 96, 0.0, None),
            Kind::FaultHidden => (
                day * 24 + 1 + noise.below(5) as u32,
                14 + noise.below(4) as u32,
                0.0,
                None,
            ),
            Kind::FaultRepaired => (start, 4 + noise.below(5) as u32, 0.0, None),
            Kind::LevelShift => (start, SERVICE_HOURS + 24 + noise.below(6) as u32, 0.0, None),
            Kind::LowLoad => (start, 4 + noise.below(6) as u32, 0.0, None),
            Kind::HonestRise => (start, 3 + noise.below(3) as u32, 0.8, hour_limit),
            _ => (start, 1, 0.0, None),
        };
        let (before, after) = kind.days_around();
        let first = index * self.scale.days as usize + day as usize;
        self.busy[first - before..=first + after].fill(true);
        self.plan.episodes[index].push(Episode {
            kind,
            point: index,
            channel: pick,
            first_hour,
            hours,
            level: limit.unwrap_or(0.0) * ratio,
            limit,
        });
        true
    }

    /// A day of the point on which nothing happens yet, with the history before it and the hours
    /// after it that the kind's rule needs, as far as the run has them.
    fn free_day(&mut self, index: usize, kind: Kind) -> Option<u32> {
        let days = self.scale.days as usize;
        let (before, after) = kind.days_around();
        let from = usize::from(kind.needs_history() && days > 1)
            .max(kind.earliest_day())
            .max(before);
        let to = days.saturating_sub(after);
        let to = to - usize::from(kind.is_judged_afterwards() && to > from + 1);
        let span = to.checked_sub(from).filter(|span| *span > 0)?;
        let first = self.noise.below(span);
        let busy = &self.busy[index * days..(index + 1) * days];
        (0..span)
            .map(|at| from + (first + at) % span)
            .find(|day| !busy[day - before..=day + after].contains(&true))
            .map(|day| day as u32)
    }
}

#[cfg(test)]
mod tests;
