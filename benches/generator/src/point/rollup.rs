//! From samples to the values of minute, hour and day packets.
//!
//! Hour means are made from the minute values that were sent, day means from the normal hours
//! (HJ 212-2017 Annex D); converted values follow from the means of concentration and oxygen, and
//! quantities from mean concentration and the flow of the hour.

use super::PointRun;
use crate::factor::Role;
use crate::layout::{Medium, Point};
use crate::packet::{COU_DECIMALS, Values};
use crate::process::{HourPlan, Mark, Sample, convert};
use crate::scale::Scale;
use crate::stamp::power_of_ten;

/// Sums of one channel over an interval.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sum {
    pub(super) total: i64,
    count: i64,
    min: i64,
    max: i64,
    cou: i64,
}

impl Sum {
    pub(super) const NONE: Self = Self {
        total: 0,
        count: 0,
        min: i64::MAX,
        max: i64::MIN,
        cou: 0,
    };

    pub(super) fn add(&mut self, sample: &Sample) {
        self.total += sample.avg;
        self.count += 1;
        self.min = self.min.min(sample.min);
        self.max = self.max.max(sample.max);
    }
}

/// A converted value as it is reported: too low where the plan says so.
fn reported(zs: Option<i64>, channel: usize, plan: &HourPlan) -> Option<i64> {
    if plan.wrong_conversion == Some(channel) {
        zs.map(|zs| zs * 4 / 5)
    } else {
        zs
    }
}

impl PointRun {
    /// Values of the interval the samples are of.
    pub(super) fn minute_values(&mut self, point: &Point, plan: &HourPlan) {
        let oxygen = point.oxygen_channel().map(|at| self.samples[at].avg as f64);
        self.values.clear();
        for (at, (channel, sample)) in point.channels.iter().zip(&self.samples).enumerate() {
            let zs = match (channel.converted, point.reference_oxygen, oxygen) {
                (true, Some(reference), Some(oxygen)) => convert(sample.avg, reference, oxygen),
                _ => None,
            };
            let zs = reported(zs, at, plan);
            self.values.push(Values {
                min: sample.min,
                avg: sample.avg,
                max: sample.max,
                zs,
                cou: None,
                decimals: channel.factor.decimals,
                mark: plan.mark_of(at),
            });
        }
    }

    /// Hour means from the minute values that were sent; adds them to the day.
    pub(super) fn hour_values(&mut self, scale: &Scale, point: &Point, plan: &HourPlan, hour: u32) {
        let mark = plan.mark;
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
            let zs = reported(zs, at, plan);
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
                mark: plan.mark_of(at),
            });
            if let (Some((limited, limit_t)), Some(cou)) = (self.mass_limit, cou)
                && limited == at
            {
                self.mass_kg += cou as f64 / power_of_ten(COU_DECIMALS) as f64;
                if self.crossed.is_none() && self.mass_kg > limit_t * 1_000.0 {
                    self.crossed = Some(hour);
                }
            }
        }
        self.day_marks[match mark {
            Mark::N => 0,
            Mark::F => 1,
            _ => 2,
        }] += 1;
        for (day, values) in self.day_sums.iter_mut().zip(&self.values) {
            if values.mark == Mark::N {
                day.total += values.avg;
                day.count += 1;
            }
            day.min = day.min.min(values.min);
            day.max = day.max.max(values.max);
            day.cou += values.cou.unwrap_or(0);
        }
    }

    /// Day means over the normal hours; false if there are none.
    pub(super) fn day_values(&mut self, point: &Point) -> bool {
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
