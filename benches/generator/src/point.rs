//! One point, hour by hour: what its instruments show becomes packets.
//!
//! A logger sends a minute packet at the end of each interval, an hour packet some minutes after
//! the hour and a day packet after midnight; hour and day means are made from exactly the minute
//! values that were sent, as the standard asks (HJ 212-2017 Annex D). Whether a packet leaves is
//! decided by the hour its data belong to.

mod further;
mod rollup;

use nonsite_schemas::time::beijing_day_start;

use self::rollup::Sum;

use crate::delivery::{Content, Entry, Outbox};
use crate::layout::{Edition, Point};
use crate::packet::{self, About, Values};
use crate::plan::{Episode, Kind};
use crate::process::{HourPlan, Line, Process, Sample, convert, rhythm};
use crate::scale::Scale;
use crate::stamp::{HOUR, SECOND, weekday};
use crate::truth::Counts;

/// Slope of an analyser after a change that was filed.
pub(crate) const FILED_SLOPE: f64 = 0.97;

/// Where a point's messages and counts of one hour go.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) buffer: Vec<u8>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) counts: Counts,
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
        let mut process = Process::new(scale, point);
        if episodes
            .iter()
            .any(|episode| episode.kind == Kind::CopiedHistory)
        {
            process.remember_a_day();
        }
        Self {
            process,
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
            self.minute_values(point, &plan);
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
            if point.has_power() {
                self.power(point, &plan, data_time, cadence, resume, until, batch);
            }
            if let Some(every) = scale.realtime_s {
                self.realtime(
                    scale, point, data_time, cadence, every, resume, until, batch,
                );
            }
        }
        if plan.line == Line::Lost {
            batch.counts.lost += 1;
        } else {
            self.hour_values(scale, point, &plan, hour);
            let sent_at = until + self.outbox.seconds(60.0, 240.0);
            self.dispatch(scale, point, "2061", start, sent_at, resume, until, batch);
            self.rewrite(point, hour, start, sent_at, until, batch);
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
        if point.index.is_multiple_of(4) {
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
            .find(|episode| {
                matches!(episode.kind, Kind::ParameterChange | Kind::FiledChange)
                    && episode.first_hour == hour
            })
            .and_then(|episode| Some((episode.channel?, episode.kind)));
        if let Some((at, kind)) = changed {
            self.slopes[at] = if kind == Kind::FiledChange {
                FILED_SLOPE
            } else {
                0.85
            };
        }
        let changed = changed.map(|(at, _)| at);
        for (at, slope) in self.slopes.into_iter().enumerate() {
            if hour.is_multiple_of(24) || changed == Some(at) {
                let sent_at = start + 600 * SECOND + at as i64 * SECOND;
                let (length, rows) = packet::parameters(buffer, point, sent_at, at, slope);
                let rows = Content::States(rows);
                self.outbox.send(
                    "3020", rows, sent_at, length, until, buffer, entries, counts,
                );
            }
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
}
