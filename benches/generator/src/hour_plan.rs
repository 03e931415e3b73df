//! What the episodes of a point make of one hour: forced values, marks, the state of the line.

use crate::plan::{Episode, Kind};

/// Hours of maintenance at the start of a shift of the level.
pub(crate) const SERVICE_HOURS: u32 = 2;

/// Data mark of an interval (HJ 212-2017 table 8; `St` of HJ 75).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mark {
    /// Normal.
    N,
    /// Stopped.
    F,
    /// Maintenance.
    M,
    /// Calibration.
    C,
    /// Start-up.
    St,
    /// Fault: of the instrument, or of a day with fewer normal intervals than the roll-up asks for.
    D,
}

impl Mark {
    /// Text on the wire.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::N => "N",
            Self::F => "F",
            Self::M => "M",
            Self::C => "C",
            Self::St => "St",
            Self::D => "D",
        }
    }
}

/// What an hour of one point looks like on top of its process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct HourPlan {
    /// Forced behaviour of one channel.
    pub(crate) effect: Option<(usize, Effect)>,
    /// Share of sample gas that is really from the stack; 1 without dilution.
    pub(crate) sample: f64,
    /// Mark of every factor.
    pub(crate) mark: Mark,
    /// Channel whose factor alone is marked as maintenance.
    pub(crate) maintained: Option<usize>,
    /// Nothing runs.
    pub(crate) stopped: bool,
    /// Treatment stands still while production runs.
    pub(crate) treatment_off: bool,
    /// Channel whose converted values are reported too low.
    pub(crate) wrong_conversion: Option<usize>,
    /// Gas and velocity, as a multiple of what the load gives.
    pub(crate) surge: f64,
    /// Flow that is reported, as a share of what velocity and cross-section give.
    pub(crate) flow_share: f64,
    /// The plant runs at half load.
    pub(crate) low_load: bool,
    /// Everything is as it was a day ago.
    pub(crate) copied: bool,
    /// How packets leave.
    pub(crate) line: Line,
}

/// Forced behaviour of a channel.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Effect {
    /// Holds this level on the basis of the limit, with a little noise.
    Level(f64),
    /// Stays around this level on the basis of the limit, with the memory of a real series.
    Around(f64),
    /// Holds exactly this measured value.
    Exact(f64),
    /// Repeats the value it had when this began.
    Frozen,
    /// Exactly zero.
    Zero,
    /// A little below zero.
    Negative,
    /// Within a thousandth of the value it had when this began.
    Wobble,
    /// This share of what there is.
    Share(f64),
    /// Around the usual level, each value drawn without regard to the one before.
    Random,
}

/// State of the line between logger and host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// Up.
    Up,
    /// Down until the run-relative hour given; everything is sent then.
    Held(u32),
    /// Down, and nothing is sent later.
    Lost,
    /// Every second minute packet is lost.
    Half,
}

impl HourPlan {
    /// Mark of the factor of a channel.
    pub(crate) fn mark_of(&self, channel: usize) -> Mark {
        if self.maintained == Some(channel) {
            Mark::M
        } else {
            self.mark
        }
    }

    /// The plan of an hour, from the episodes of its point.
    pub(crate) fn of(hour: u32, episodes: &[Episode]) -> Self {
        let mut plan = Self {
            effect: None,
            sample: 1.0,
            mark: Mark::N,
            maintained: None,
            stopped: false,
            treatment_off: false,
            wrong_conversion: None,
            surge: 1.0,
            flow_share: 1.0,
            low_load: false,
            copied: false,
            line: Line::Up,
        };
        for episode in episodes {
            let ended = episode.first_hour + episode.hours;
            if episode.kind == Kind::Stopped && hour == ended {
                plan.mark = Mark::St;
            }
            if !episode.covers(hour) {
                continue;
            }
            let effect = match episode.kind {
                Kind::ExceedDayAir | Kind::ExceedDayWater => Some(Effect::Around(episode.level)),
                Kind::ExceedHour
                | Kind::Spike
                | Kind::LimitTightened
                | Kind::BeforeTightening
                | Kind::RelaxedLimit
                | Kind::FalseMark
                | Kind::OverRange
                | Kind::Rewritten
                | Kind::ExceedRate
                | Kind::PhOut
                | Kind::HonestRise
                | Kind::MarkedExceed => Some(Effect::Level(episode.level)),
                Kind::AtLimit => Some(Effect::Exact(episode.level)),
                Kind::Constant => Some(Effect::Frozen),
                Kind::Zero => Some(Effect::Zero),
                Kind::Negative => Some(Effect::Negative),
                Kind::MicroFluctuation => Some(Effect::Wobble),
                Kind::RandomData => Some(Effect::Random),
                Kind::LevelShift if hour >= episode.first_hour + SERVICE_HOURS => {
                    Some(Effect::Share(0.55))
                }
                _ => None,
            };
            plan.effect = episode.channel.zip(effect).or(plan.effect);
            match episode.kind {
                Kind::MarkedExceed => {
                    plan.mark = if episode.first_hour % 2 == 0 {
                        Mark::M
                    } else {
                        Mark::C
                    };
                }
                Kind::Maintained => plan.mark = Mark::M,
                Kind::LevelShift if hour < episode.first_hour + SERVICE_HOURS => {
                    plan.mark = Mark::M;
                }
                Kind::FaultHidden | Kind::FaultRepaired => plan.mark = Mark::D,
                Kind::LowLoad => plan.low_load = true,
                Kind::FalseMark => plan.maintained = episode.channel,
                Kind::FalseStop => plan.mark = Mark::F,
                Kind::TreatmentOff => plan.treatment_off = true,
                Kind::ConvertedWrong => plan.wrong_conversion = episode.channel,
                Kind::Stopped => {
                    plan.mark = Mark::F;
                    plan.stopped = true;
                }
                Kind::StopUnmarked => plan.stopped = true,
                Kind::ExceedRate => plan.surge = 1.8,
                Kind::FlowUnderstated => plan.flow_share = 0.7,
                Kind::CopiedHistory => plan.copied = true,
                Kind::Dilution => plan.sample = 0.12,
                Kind::Offline => plan.line = Line::Lost,
                Kind::GapBackfilled => plan.line = Line::Held(ended),
                Kind::HourIncomplete => plan.line = Line::Half,
                _ => {}
            }
        }
        plan
    }
}
