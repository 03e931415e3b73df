//! One point, hour by hour: what its instruments show becomes packets.
//!
//! A logger sends a minute packet at the end of each interval, an hour packet some minutes after
//! the hour and a day packet after midnight; hour and day means are made from exactly the minute
//! values that were sent, as the standard asks (HJ 212-2017 Annex D). Whether a packet leaves is
//! decided by the hour its data belong to.

use nonsite_schemas::time::beijing_day_start;

use crate::delivery::{Content, Entry, Outbox};
use crate::factor::Role;
use crate::layout::{Edition, Medium, Point};
use crate::packet::{self, About, COU_DECIMALS, Values};
use crate::plan::{Episode, Kind};
use crate::process::{HourPlan, Line, Mark, Process, Sample, convert, rhythm};
use crate::scale::Scale;
use crate::stamp::{HOUR, SECOND, power_of_ten, weekday};
use crate::truth::Counts;

/// Where a point's messages and counts of one hour go.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) buffer: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) counts: Counts,
}

/// Sums of one channel over an interval.
#[derive(Debug, Clone, Copy)]
struct Sum {
    total: i64,
    count: i64,
    min: i64,
    max: i64,
    cou: i64,
}

impl Sum {
    const NONE: Self = Self {
        total: 0,
        count: 0,
        min: i64::MAX,
        max: i64::MIN,
        cou: 0,
    };

    fn add(&mut self, sample: &Sample) {
        self.total += sample.avg;
        self.count += 1;
        self.min = self.min.min(sample.min);
        self.max = self.max.max(sample.max);
    }
}

/// The state of one point between hours.
#[derive(Debug)]
pub(crate) struct PointRun {
    process: Process,
    outbox: Outbox,
    episodes: Vec<Episode>,
    hour_sums: Vec<Sum>,
    day_sums: Vec<Sum>,
    /// Hours of the day by mark: normal, stopped, any other.
    day_marks: [u32; 3],
    samples: Vec<Sample>,
    values: Vec<Values>,
    held: i64,
    slopes: [f64; 3],
    /// Permitted annual mass in tonnes and the channel it is for.
    mass_limit: Option<(usize, f64)>,
    mass_kg: f64,
    /// Run-relative hour in which the permitted mass was passed.
    pub(crate) crossed: Option<u32>,
}

impl PointRun {
    pub(crate) fn new(
        scale: &Scale,
        point: &Point,
        episodes: Vec<Episode>,
        mass_limit: Option<(usize, f64)>,
    ) -> Self {
        let channels = point.channels.len();
        Self {
            process: Process::new(scale, point),
            outbox: Outbox::new(scale, point),
            episodes,
            hour_sums: vec![Sum::NONE; channels],
            day_sums: vec![Sum::NONE; channels],
            day_marks: [0; 3],
            samples: vec![Sample::default(); channels],
            values: Vec::with_capacity(channels),
            held: 0,
            slopes: [1.0; 3],
            mass_limit,
            mass_kg: 0.0,
            crossed: None,
        }
    }

    /// Everything of earlier hours that has not arrived yet.
    pub(crate) fn finish(&mut self, batch: &mut Batch) {
        self.outbox
            .release(i64::MAX, &mut batch.buffer, &mut batch.entries);
    }

    /// Makes the packets of one run-relative hour; what arrives in it goes into the batch.
    pub(crate) fn hour(&mut self, scale: &Scale, point: &Point, hour: u32, batch: &mut Batch) {
        let start = beijing_day_start(scale.start_day) + i64::from(hour) * HOUR;
        let until = start + HOUR;
        self.outbox
            .release(until, &mut batch.buffer, &mut batch.entries);
        let plan = HourPlan::of(hour, &self.episodes);
        let day = scale.start_day + (hour / 24) as i32;
        let level = rhythm(point, hour % 24, weekday(day));
        let resume = match plan.line {
            Line::Held(at) => Some(beijing_day_start(scale.start_day) + i64::from(at) * HOUR),
            _ => {
                self.held = 0;
                None
            }
        };
        if plan.line == Line::Up && !point.json {
            self.extras(point, hour, start, &plan, batch);
        }
        self.hour_sums.fill(Sum::NONE);
        let steps = scale.steps_per_hour();
        let cadence = i64::from(scale.cadence_s) * SECOND;
        for step in 0..steps {
            self.process.step(point, &plan, level, &mut self.samples);
            if plan.line == Line::Half && step % 2 == 1 {
                batch.counts.lost += 1;
                continue;
            }
            for at in 0..self.samples.len() {
                if step + 1 == steps {
                    let sum = self.hour_sums[at].total + self.samples[at].avg;
                    let shift = self.process.nudge(at, sum, &plan);
                    let sample = &mut self.samples[at];
                    sample.avg += shift;
                    sample.max = sample.max.max(sample.avg);
                }
                self.hour_sums[at].add(&self.samples[at]);
            }
            let data_time = start + step as i64 * cadence;
            if plan.line == Line::Lost {
                batch.counts.lost += 1;
                continue;
            }
            self.minute_values(point, plan.mark);
            self.dispatch(
                scale,
                point,
                "2051",
                data_time,
                data_time + cadence,
                resume,
                until,
                batch,
            );
            if let Some(every) = scale.realtime_s {
                self.realtime(
                    scale, point, data_time, cadence, every, resume, until, batch,
                );
            }
        }
        if plan.line == Line::Lost {
            batch.counts.lost += 1;
        } else {
            self.hour_values(scale, point, plan.mark, hour);
            let sent_at = until + self.outbox.seconds(60.0, 240.0);
            self.dispatch(scale, point, "2061", start, sent_at, resume, until, batch);
        }
        if hour % 24 == 23 {
            if self.day_values(point) {
                let sent_at = until + self.outbox.seconds(300.0, 900.0);
                let day_start = beijing_day_start(day);
                self.dispatch(
                    scale, point, "2031", day_start, sent_at, resume, until, batch,
                );
            }
            self.day_sums.fill(Sum::NONE);
            self.day_marks = [0; 3];
        }
    }

    /// Sends `self.values` as a packet of this command.
    #[expect(clippy::too_many_arguments, reason = "what, when, and where to")]
    fn dispatch(
        &mut self,
        scale: &Scale,
        point: &Point,
        cn: &'static str,
        data_time: i64,
        due: i64,
        resume: Option<i64>,
        until: i64,
        batch: &mut Batch,
    ) {
        let sent_at = match resume {
            Some(resume) => {
                self.held += 1;
                batch.counts.backfilled += 1;
                (resume + self.held * SECOND).max(due)
            }
            None => due,
        };
        let about = About {
            cn,
            data_time,
            sent_at,
            late: resume.is_some(),
        };
        let granularity = match cn {
            "2011" => "realtime",
            "2051" => "minute",
            "2061" => "hour",
            _ => "day",
        };
        let Batch {
            buffer,
            entries,
            counts,
        } = batch;
        if point.json {
            let period = (cn == "2051").then_some(scale.cadence_s);
            let length = packet::data_json(buffer, point, &about, &self.values, period);
            let content = Content::Readings(self.values.len() as u32, granularity);
            self.outbox
                .send(cn, content, sent_at, length, until, buffer, entries, counts);
            return;
        }
        let mut parts = [(0, 0); 2];
        let mut made = 0;
        let start = buffer.len();
        packet::data(buffer, point, &about, &self.values, |length, factors| {
            parts[made] = (length, factors as u32);
            made += 1;
        });
        if made == 1 {
            let content = Content::Readings(parts[0].1, granularity);
            self.outbox.send(
                cn, content, sent_at, parts[0].0, until, buffer, entries, counts,
            );
            return;
        }
        // Two packets are two messages; the second is moved out while the first is sent.
        let second = buffer.split_off(start + parts[0].0);
        let content = Content::Readings(parts[0].1, granularity);
        self.outbox.send(
            cn, content, sent_at, parts[0].0, until, buffer, entries, counts,
        );
        buffer.extend_from_slice(&second);
        let content = Content::Readings(parts[1].1, granularity);
        self.outbox.send(
            cn, content, sent_at, parts[1].0, until, buffer, entries, counts,
        );
    }

    /// Device state every hour at every fourth point, heartbeats of the newest edition, and
    /// analyser parameters once a day or when they change.
    fn extras(&mut self, point: &Point, hour: u32, start: i64, plan: &HourPlan, batch: &mut Batch) {
        let until = start + HOUR;
        let Batch {
            buffer,
            entries,
            counts,
        } = batch;
        if point.index % 4 == 0 {
            let at = start + 30 * SECOND;
            let length = packet::device_state(buffer, point, at, !plan.stopped);
            self.outbox.send(
                "2021",
                Content::States(2),
                at,
                length,
                until,
                buffer,
                entries,
                counts,
            );
        }
        if point.edition == Edition::E2025 && hour % 6 == 1 {
            let at = start + 45 * SECOND;
            let length = packet::heartbeat(buffer, point, at);
            self.outbox.send(
                "9015",
                Content::States(1),
                at,
                length,
                until,
                buffer,
                entries,
                counts,
            );
        }
        if point.edition == Edition::E2005 {
            return;
        }
        let changed = self
            .episodes
            .iter()
            .find(|episode| episode.kind == Kind::ParameterChange && episode.first_hour == hour)
            .and_then(|episode| episode.channel);
        if let Some(at) = changed {
            self.slopes[at] = 0.85;
        }
        for (at, slope) in self.slopes.into_iter().enumerate() {
            if hour % 24 == 0 || changed == Some(at) {
                let sent_at = start + 600 * SECOND + at as i64 * SECOND;
                let length = packet::parameters(buffer, point, sent_at, at, slope);
                let rows = Content::States(packet::PARAMETER_ROWS);
                self.outbox.send(
                    "3020", rows, sent_at, length, until, buffer, entries, counts,
                );
            }
        }
    }

    fn minute_values(&mut self, point: &Point, mark: Mark) {
        let oxygen = point.oxygen_channel().map(|at| self.samples[at].avg as f64);
        self.values.clear();
        for (channel, sample) in point.channels.iter().zip(&self.samples) {
            let zs = match (channel.converted, point.reference_oxygen, oxygen) {
                (true, Some(reference), Some(oxygen)) => convert(sample.avg, reference, oxygen),
                _ => None,
            };
            self.values.push(Values {
                min: sample.min,
                avg: sample.avg,
                max: sample.max,
                zs,
                cou: None,
                decimals: channel.factor.decimals,
                mark,
            });
        }
    }

    /// Instantaneous values within the extremes of the interval.
    #[expect(clippy::too_many_arguments, reason = "what, when, and where to")]
    fn realtime(
        &mut self,
        scale: &Scale,
        point: &Point,
        data_time: i64,
        cadence: i64,
        every: u32,
        resume: Option<i64>,
        until: i64,
        batch: &mut Batch,
    ) {
        let every = i64::from(every) * SECOND;
        let mut instant = data_time;
        // An instant belongs to the interval it falls in, whatever the two cadences are.
        instant += (every - instant.rem_euclid(every)) % every;
        while instant < data_time + cadence {
            let oxygen_at = point.oxygen_channel();
            let share = self.outbox.seconds(0.0, 1.0);
            let at_instant =
                |sample: &Sample| sample.min + (sample.max - sample.min) * share / SECOND;
            let oxygen = oxygen_at.map(|at| at_instant(&self.samples[at]) as f64);
            for ((values, sample), channel) in self
                .values
                .iter_mut()
                .zip(&self.samples)
                .zip(&point.channels)
            {
                values.avg = at_instant(sample);
                values.zs = match (channel.converted, point.reference_oxygen, oxygen) {
                    (true, Some(reference), Some(oxygen)) => convert(values.avg, reference, oxygen),
                    _ => None,
                };
            }
            self.dispatch(
                scale,
                point,
                "2011",
                instant,
                instant + 2 * SECOND,
                resume,
                until,
                batch,
            );
            instant += every;
        }
    }

    /// Hour means from the minute values that were sent; adds them to the day.
    fn hour_values(&mut self, scale: &Scale, point: &Point, mark: Mark, hour: u32) {
        let mean = |sum: &Sum| (sum.total as f64 * 10.0 / sum.count as f64).round() as i64;
        let oxygen = point
            .oxygen_channel()
            .map(|at| mean(&self.hour_sums[at]) as f64 / 10.0);
        let flow = point.flow_channel();
        // m3 of the hour: flow is m3/s for gas, L/s for water.
        let volume = flow.map(|at| {
            let sum = &self.hour_sums[at];
            let per_second =
                mean(sum) as f64 / power_of_ten(point.channels[at].factor.decimals + 1) as f64;
            let litres = if point.medium == Medium::Water {
                1_000.0
            } else {
                1.0
            };
            per_second * (sum.count * i64::from(scale.cadence_s)) as f64 / litres
        });
        self.values.clear();
        for (at, channel) in point.channels.iter().enumerate() {
            let decimals = channel.factor.decimals + 1;
            let avg = mean(&self.hour_sums[at]);
            let zs = match (channel.converted, point.reference_oxygen, oxygen) {
                (true, Some(reference), Some(oxygen)) => convert(avg, reference, oxygen),
                _ => None,
            };
            let cou = volume.and_then(|volume| {
                // mg/m3 x m3 = mg; mg/L x m3 = g.
                let per_kg = if point.medium == Medium::Water {
                    1e3
                } else {
                    1e6
                };
                let quantity = match channel.factor.role {
                    Role::Flow => volume,
                    Role::Pollutant => avg as f64 / power_of_ten(decimals) as f64 * volume / per_kg,
                    _ => return None,
                };
                Some((quantity * power_of_ten(COU_DECIMALS) as f64).round() as i64)
            });
            let sum = &self.hour_sums[at];
            self.values.push(Values {
                min: sum.min * 10,
                avg,
                max: sum.max * 10,
                zs,
                cou,
                decimals,
                mark,
            });
            if let (Some((limited, limit_t)), Some(cou)) = (self.mass_limit, cou) {
                if limited == at {
                    self.mass_kg += cou as f64 / power_of_ten(COU_DECIMALS) as f64;
                    if self.crossed.is_none() && self.mass_kg > limit_t * 1_000.0 {
                        self.crossed = Some(hour);
                    }
                }
            }
        }
        self.day_marks[match mark {
            Mark::N => 0,
            Mark::F => 1,
            _ => 2,
        }] += 1;
        for (day, values) in self.day_sums.iter_mut().zip(&self.values) {
            if mark == Mark::N {
                day.total += values.avg;
                day.count += 1;
            }
            day.min = day.min.min(values.min);
            day.max = day.max.max(values.max);
            day.cou += values.cou.unwrap_or(0);
        }
    }

    /// Day means over the normal hours; false if there are none.
    fn day_values(&mut self, point: &Point) -> bool {
        let [normal, stopped, other] = self.day_marks;
        if normal == 0 {
            return false;
        }
        let mark = if normal * 4 >= 3 * (normal + stopped + other) {
            Mark::N
        } else if stopped >= other {
            Mark::F
        } else {
            Mark::D
        };
        let mean = |sum: &Sum| (sum.total as f64 / sum.count as f64).round() as i64;
        let oxygen = point
            .oxygen_channel()
            .map(|at| mean(&self.day_sums[at]) as f64 / 10.0);
        self.values.clear();
        for (sum, channel) in self.day_sums.iter().zip(&point.channels) {
            let avg = mean(sum);
            let zs = match (channel.converted, point.reference_oxygen, oxygen) {
                (true, Some(reference), Some(oxygen)) => convert(avg, reference, oxygen),
                _ => None,
            };
            let counted = matches!(channel.factor.role, Role::Flow | Role::Pollutant)
                && point.flow_channel().is_some();
            self.values.push(Values {
                min: sum.min,
                avg,
                max: sum.max,
                zs,
                cou: counted.then_some(sum.cou),
                decimals: channel.factor.decimals + 1,
                mark,
            });
        }
        true
    }
}
