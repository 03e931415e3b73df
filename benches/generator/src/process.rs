//! The plant behind the instruments: load, noise, resolution, and what an episode does to them.
//!
//! One hidden load with daily and weekly rhythm and slow AR(1) noise moves all factors of a point
//! together; each factor adds AR(1) noise of its own. Values are held as whole multiples of the
//! instrument's resolution, so that means, conversions and text are exact integer arithmetic, and
//! converted values follow from the oxygen that is reported with them (HJ 75: C * (21 - O2ref) /
//! (21 - O2)).

use std::collections::VecDeque;

use crate::factor::{FLOW, HUMIDITY, OXYGEN, PRESSURE, Role, TEMPERATURE, VELOCITY};
pub(crate) use crate::hour_plan::{Effect, HourPlan, Line, Mark};
use crate::layout::{Medium, Point};
use crate::noise::{Domain, Noise, normal};
use crate::scale::Scale;
use crate::stamp::power_of_ten;

/// One factor in one interval, in multiples of its resolution.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sample {
    pub(crate) min: i64,
    pub(crate) avg: i64,
    pub(crate) max: i64,
}

/// The process of one point.
#[derive(Debug)]
pub(crate) struct Process {
    noise: Noise,
    load: f64,
    /// Load of the last interval, 0.3 to 1.2.
    at_load: f64,
    load_keep: f64,
    states: Vec<State>,
    steps: i64,
    /// The last day, oldest interval first, where a day is going to be copied.
    last_day: Option<VecDeque<Vec<Sample>>>,
}

#[derive(Debug, Clone)]
struct State {
    z: f64,
    frozen: Option<i64>,
    last_hour_sum: Option<i64>,
    scale: f64,
    base: f64,
    noise: f64,
    follow: f64,
    stopped: i64,
    role: Role,
    /// Memory from one interval to the next.
    keep: f64,
}

impl Process {
    pub(crate) fn new(scale: &Scale, point: &Point) -> Self {
        let mut noise = Noise::new(scale.seed, Domain::Process, point.index as u64);
        // AR(1) with time constants of 3 h for the load and 40 min for each factor; what leaves basins
        // that hold the water for days changes over a day and a half.
        let cadence = f64::from(scale.cadence_s);
        let keep = |role: Role| {
            let slow = point.medium == Medium::Water && role == Role::Pollutant;
            (-cadence / if slow { 129_600.0 } else { 2_400.0 }).exp()
        };
        let load = normal(noise.bits());
        let states = point
            .channels
            .iter()
            .map(|channel| {
                let factor = channel.factor;
                let power = power_of_ten(factor.decimals) as f64;
                State {
                    z: normal(noise.bits()),
                    frozen: None,
                    last_hour_sum: None,
                    scale: power,
                    base: channel.base,
                    noise: factor.noise,
                    follow: factor.load,
                    stopped: (factor.stopped * power).round() as i64,
                    role: factor.role,
                    keep: keep(factor.role),
                }
            })
            .collect();
        Self {
            noise,
            load,
            at_load: 0.0,
            load_keep: (-cadence / 10_800.0).exp(),
            states,
            steps: scale.steps_per_hour() as i64,
            last_day: None,
        }
    }

    /// Keeps a day in mind, so that it can be copied.
    pub(crate) fn remember_a_day(&mut self) {
        self.last_day = Some(VecDeque::new());
    }

    /// Advances by one interval and writes what the instruments show.
    pub(crate) fn step(
        &mut self,
        point: &Point,
        plan: &HourPlan,
        rhythm: f64,
        samples: &mut [Sample],
    ) {
        self.load = ar(self.load, self.load_keep, self.noise.bits());
        let rhythm = if plan.low_load { rhythm * 0.5 } else { rhythm };
        let load = (rhythm + 0.05 * self.load).clamp(0.3, 1.2);
        self.at_load = load;
        let oxygen_at = (point.medium == Medium::Air && samples.len() > OXYGEN).then_some(OXYGEN);
        // Oxygen first: levels held at reference oxygen follow from it.
        let mut oxygen = None;
        if let Some(at) = oxygen_at {
            samples[at] = self.sample(at, plan, load, None, point);
            oxygen = Some(samples[at].avg as f64 / self.states[at].scale);
        }
        for (at, sample) in samples.iter_mut().enumerate() {
            if Some(at) != oxygen_at {
                *sample = self.sample(at, plan, load, oxygen, point);
            }
        }
        if !plan.stopped {
            self.flow_of_velocity(point, plan, samples);
        }
        if let Some(last_day) = &mut self.last_day {
            if last_day.len() == 24 * self.steps as usize
                && let Some(oldest) = last_day.pop_front()
                && plan.copied
            {
                samples.copy_from_slice(&oldest);
            }
            last_day.push_back(samples.to_vec());
        }
    }

    /// Flow at standard state is what velocity, cross-section and the state of the gas give (HJ 75);
    /// where all of them are measured, it is calculated from them and not drawn.
    fn flow_of_velocity(&self, point: &Point, plan: &HourPlan, samples: &mut [Sample]) {
        let Some(area) = point.cross_section() else {
            return;
        };
        let shown = |at: usize| samples[at].avg as f64 / self.states[at].scale;
        let flow = shown(VELOCITY)
            * area
            * standard_state(shown(TEMPERATURE), shown(PRESSURE), shown(HUMIDITY))
            * plan.flow_share;
        let sample = &mut samples[FLOW];
        let avg = ((flow * self.states[FLOW].scale).round() as i64).max(2);
        let shift = avg - sample.avg;
        *sample = Sample {
            min: (sample.min + shift).clamp(1, avg),
            avg,
            max: sample.max + shift,
        };
    }

    /// Power of production and treatment in the last interval, tenths of a kW: both follow the load,
    /// and a little is drawn while they stand still.
    pub(crate) fn power(&self, plan: &HourPlan) -> [i64; 2] {
        if plan.stopped {
            return [31, 4];
        }
        let production = (4_200.0 * self.at_load).round() as i64;
        let treatment = (820.0 + 130.0 * self.at_load).round() as i64;
        [production, if plan.treatment_off { 4 } else { treatment }]
    }

    fn sample(
        &mut self,
        at: usize,
        plan: &HourPlan,
        load: f64,
        oxygen: Option<f64>,
        point: &Point,
    ) -> Sample {
        let state = &mut self.states[at];
        let bits = self.noise.bits();
        state.z = ar(state.z, state.keep, bits);
        if plan.stopped {
            state.frozen = None;
            return Sample {
                min: state.stopped,
                avg: state.stopped,
                max: state.stopped,
            };
        }
        let moved = 1.0 + state.follow * (load - 0.9) + state.noise * state.z;
        let mut value = state.base * moved.clamp(0.4, 1.6);
        if state.role == Role::Flow || (at == VELOCITY && point.medium == Medium::Air) {
            value *= plan.surge;
        }
        if plan.sample < 1.0 {
            value = match state.role {
                Role::Oxygen => 21.0 - (21.0 - value) * plan.sample,
                Role::Pollutant => value * plan.sample,
                _ if at == HUMIDITY && point.medium == Medium::Air => value * 0.3,
                _ => value,
            };
        }
        let jitter = normal(bits.rotate_left(29));
        match plan.effect {
            Some((channel, effect)) if channel == at => {
                let fixed = match effect {
                    Effect::Zero => Some(0),
                    Effect::Exact(value) => Some((value * state.scale).round() as i64),
                    Effect::Frozen => {
                        Some(state.frozen.unwrap_or((value * state.scale).round() as i64))
                    }
                    Effect::Level(level) | Effect::Around(level) => {
                        let sway = match effect {
                            Effect::Around(_) => 0.025 * state.z.clamp(-2.0, 2.0),
                            _ => 0.0,
                        };
                        let level = level * (1.0 + sway + 0.008 * jitter);
                        value = match (point.channels[at].converted, point.reference_oxygen, oxygen)
                        {
                            (true, Some(reference), Some(oxygen)) => {
                                level * (21.0 - oxygen) / (21.0 - reference)
                            }
                            _ => level,
                        };
                        None
                    }
                    Effect::Wobble => {
                        let held = state
                            .frozen
                            .get_or_insert((value * state.scale).round() as i64);
                        value = *held as f64 / state.scale * (1.0 + 0.001 * jitter);
                        None
                    }
                    Effect::Share(share) => {
                        value *= share;
                        None
                    }
                    Effect::Random => {
                        value = state.base * (1.0 + 0.12 * jitter.clamp(-3.0, 3.0));
                        None
                    }
                    Effect::Negative => {
                        value = -state.base * (0.06 + 0.015 * jitter.abs());
                        None
                    }
                };
                if effect == Effect::Frozen {
                    state.frozen = fixed;
                }
                if let Some(fixed) = fixed {
                    return Sample {
                        min: fixed,
                        avg: fixed,
                        max: fixed,
                    };
                }
            }
            _ => state.frozen = None,
        }
        let mut avg = (value * state.scale).round() as i64;
        // The usual range never touches zero: an exact zero is always an episode.
        let negative = value < 0.0;
        avg = if negative { avg.min(-1) } else { avg.max(2) };
        if state.role == Role::Oxygen {
            avg = avg.min((20.9 * state.scale) as i64);
        }
        let spread = (avg.abs() as f64 * (0.01 + state.noise * 0.25)) as i64;
        let low = (spread * (bits >> 7 & 63) as i64) >> 6;
        let high = (spread * (bits >> 19 & 63) as i64) >> 6;
        let mut sample = Sample {
            min: avg - low,
            avg,
            max: avg + high,
        };
        if !negative {
            sample.min = sample.min.max(1);
        } else {
            sample.max = sample.max.min(-1);
        }
        sample
    }

    /// Keeps two hours of a live channel from having the same sum, so that a run of equal hourly
    /// means is always an episode: returns by how much the last sample has to move.
    pub(crate) fn nudge(&mut self, at: usize, sum: i64, plan: &HourPlan) -> i64 {
        let state = &mut self.states[at];
        let forced = plan.stopped
            || matches!(plan.effect, Some((channel, Effect::Frozen | Effect::Zero | Effect::Exact(_))) if channel == at);
        // One unit of the rounded hourly mean, which has one decimal more.
        let least = (self.steps / 10).max(1);
        let near = state
            .last_hour_sum
            .is_some_and(|last| (sum - last).abs() < least);
        let shift = if near && !forced { 2 * least } else { 0 };
        state.last_hour_sum = Some(sum + shift);
        shift
    }
}

/// What the volume of a gas is multiplied by to get that at standard state, dry: temperature in degC,
/// static pressure in kPa against 101.325, humidity in %.
pub(crate) fn standard_state(temperature: f64, pressure: f64, humidity: f64) -> f64 {
    273.0 / (273.0 + temperature) * (101.325 + pressure) / 101.325 * (1.0 - humidity / 100.0)
}

#[inline]
fn ar(state: f64, keep: f64, bits: u64) -> f64 {
    keep * state + (1.0 - keep * keep).sqrt() * normal(bits)
}

/// Load of a plant without noise: 0.9 on average, by hour of day and day of week (Monday is 0).
pub(crate) fn rhythm(point: &Point, hour_of_day: u32, weekday: u32) -> f64 {
    use crate::layout::Business;
    let angle = f64::from(hour_of_day) / 24.0 * std::f64::consts::TAU;
    let (daily, weekend) = match point.business {
        Business::Power => (0.08, 0.97),
        Business::Sewage => (0.12, 1.02),
        Business::Incineration => (0.03, 1.0),
        Business::Chemicals | Business::Cement => (0.05, 0.98),
        Business::Paper => (0.08, 0.92),
        Business::Boiler => (0.1, 0.9),
    };
    let level = 0.9 + daily * (angle - 2.4).sin();
    if weekday >= 5 { level * weekend } else { level }
}

/// A measured value at reference oxygen: `raw` in multiples of the resolution, the result in tenths
/// of it; both oxygens in hundredths of a percent. Nothing can be converted at 21 % and above.
pub(crate) fn convert(raw: i64, reference: f64, oxygen_hundredths: f64) -> Option<i64> {
    let below = 2_100.0 - oxygen_hundredths;
    (below > 0.0)
        .then(|| (raw as f64 * 10.0 * (2_100.0 - reference * 100.0) / below).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Layout;
    use crate::plan::{Episode, Kind};

    fn hourly(scale: &Scale, point: &Point, episodes: &[Episode], hours: u32) -> Vec<Vec<Sample>> {
        let mut process = Process::new(scale, point);
        let mut samples = vec![Sample::default(); point.channels.len()];
        let mut out = Vec::new();
        for hour in 0..hours {
            let plan = HourPlan::of(hour, episodes);
            for _ in 0..scale.steps_per_hour() {
                process.step(
                    point,
                    &plan,
                    rhythm(point, hour % 24, hour / 24 % 7),
                    &mut samples,
                );
                out.push(samples.clone());
            }
        }
        out
    }

    #[test]
    fn quiet_points_stay_below_four_fifths_of_their_limits_and_above_zero() {
        let scale = Scale {
            factors: 12,
            ..Scale::default()
        };
        let layout = Layout::new(&scale);
        for point in &layout.points {
            for samples in hourly(&scale, point, &[], 24 * 7) {
                let oxygen = point.oxygen_channel().map(|at| samples[at].avg as f64);
                for (channel, sample) in point.channels.iter().zip(&samples) {
                    assert!(sample.min <= sample.avg && sample.avg <= sample.max);
                    if channel.factor.role == Role::Pollutant {
                        assert!(sample.min > 0);
                        let power = power_of_ten(channel.factor.decimals) as f64;
                        let mut level = sample.avg as f64 / power;
                        if let (true, Some(reference), Some(oxygen)) =
                            (channel.converted, point.reference_oxygen, oxygen)
                        {
                            level = convert(sample.avg, reference, oxygen).unwrap() as f64
                                / power
                                / 10.0;
                        }
                        let limit = channel.hour_limit.or(channel.day_limit).unwrap();
                        assert!(
                            level < 0.97 * limit,
                            "{} {level} of {limit}",
                            channel.factor.code
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_held_level_is_a_level_at_reference_oxygen() {
        let scale = Scale::default();
        let layout = Layout::new(&scale);
        let point = layout
            .points
            .iter()
            .find(|point| point.reference_oxygen.is_some())
            .unwrap();
        let episode = Episode {
            kind: Kind::ExceedHour,
            point: point.index,
            channel: Some(0),
            first_hour: 1,
            hours: 2,
            level: 90.0,
            limit: Some(35.0),
        };
        let all = hourly(&scale, point, &[episode], 4);
        let steps = scale.steps_per_hour();
        for samples in &all[steps..3 * steps] {
            let converted = convert(
                samples[0].avg,
                point.reference_oxygen.unwrap(),
                samples[OXYGEN].avg as f64,
            );
            let level = converted.unwrap() as f64 / 1_000.0;
            assert!((level - 90.0).abs() < 4.0, "{level}");
        }
    }

    #[test]
    fn conversion_is_that_of_the_standard() {
        // 20.00 mg/m3 at 9.00 % O2 is 25.000 at 6 %.
        assert_eq!(convert(2_000, 6.0, 900.0), Some(25_000));
        assert_eq!(convert(2_000, 6.0, 2_100.0), None);
    }
}
