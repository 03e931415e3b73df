//! How big the province is and how badly it behaves.
//!
//! A scale is everything the output depends on; two equal scales give equal bytes. The number of
//! threads is not part of it.

use serde::{Deserialize, Serialize};

/// Beijing day 2026-06-01 as days since 1970-01-01: the default first day.
pub const DEFAULT_START_DAY: i32 = 20_605;

/// Fewest and most factors a point can report.
pub const FACTORS: std::ops::RangeInclusive<usize> = 4..=12;

/// Size, period and disorder of a generated province.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Scale {
    /// Seed of every random choice.
    pub seed: u64,
    /// Monitoring points, 1 or more. About 1.6 of them belong to one unit.
    pub points: usize,
    /// Beijing days of data, 1 or more.
    pub days: u32,
    /// Factors per point, 4 to 12.
    pub factors: usize,
    /// Seconds between minute packets (CN 2051): a divisor of an hour from 60 to 1800.
    pub cadence_s: u32,
    /// Seconds between real-time packets (CN 2011), 30 to 3600 and a divisor of an hour; none by
    /// default.
    pub realtime_s: Option<u32>,
    /// First Beijing day, days since 1970-01-01.
    pub start_day: i32,
    /// Share of the points that get an injected fault in five days, 0 to 1. Whatever the share, each
    /// kind of fault appears once if the province has room for it.
    pub fault_rate: f64,
    /// Share of packets sent twice, 0 to 0.5.
    pub resend_rate: f64,
    /// Share of packets that have a broken copy behind them, 0 to 0.5. Whatever the share above
    /// zero, each kind of broken copy appears once.
    pub malformed_rate: f64,
    /// Share of the points that report through a platform as JSON, 0 to 1.
    pub json_rate: f64,
    /// Inspections per unit and year, 0 to 40.
    pub inspections_per_unit: f64,
}

impl Default for Scale {
    fn default() -> Self {
        Self {
            seed: 42,
            points: 40,
            days: 3,
            factors: 10,
            cadence_s: 600,
            realtime_s: None,
            start_day: DEFAULT_START_DAY,
            fault_rate: 0.2,
            resend_rate: 0.05,
            malformed_rate: 0.002,
            json_rate: 0.05,
            inspections_per_unit: 2.5,
        }
    }
}

/// A scale that cannot be generated: which key, and what would be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("scale.{key} is {value}: {rule}")]
pub struct ScaleError {
    /// The key of the scale.
    pub key: &'static str,
    /// What it was set to.
    pub value: String,
    /// What is accepted.
    pub rule: &'static str,
}

impl Scale {
    /// Checks every key.
    ///
    /// # Errors
    /// The first key that is out of range.
    pub fn check(&self) -> Result<(), ScaleError> {
        fn refuse(key: &'static str, value: impl ToString, rule: &'static str) -> ScaleError {
            ScaleError {
                key,
                value: value.to_string(),
                rule,
            }
        }
        let share = |key, value: f64, most: f64, rule| {
            if (0.0..=most).contains(&value) {
                Ok(())
            } else {
                Err(refuse(key, value, rule))
            }
        };
        if !(1..=1_000_000).contains(&self.points) {
            return Err(refuse("points", self.points, "use 1 to 1000000"));
        }
        if !(1..=3_660).contains(&self.days) {
            return Err(refuse("days", self.days, "use 1 to 3660"));
        }
        if !FACTORS.contains(&self.factors) {
            return Err(refuse("factors", self.factors, "use 4 to 12"));
        }
        if !(60..=1_800).contains(&self.cadence_s) || 3_600 % self.cadence_s != 0 {
            return Err(refuse(
                "cadence_s",
                self.cadence_s,
                "use a divisor of 3600 from 60 to 1800, such as 60 or 600",
            ));
        }
        if let Some(seconds) = self.realtime_s
            && (!(30..=3_600).contains(&seconds) || 3_600 % seconds != 0)
        {
            return Err(refuse(
                "realtime_s",
                seconds,
                "use a divisor of 3600 from 30 to 3600, or leave it out",
            ));
        }
        if !(10_957..=47_482).contains(&self.start_day) {
            return Err(refuse(
                "start_day",
                self.start_day,
                "use a day from 2000 to 2099",
            ));
        }
        share("fault_rate", self.fault_rate, 1.0, "use 0 to 1")?;
        share("resend_rate", self.resend_rate, 0.5, "use 0 to 0.5")?;
        share("malformed_rate", self.malformed_rate, 0.5, "use 0 to 0.5")?;
        share("json_rate", self.json_rate, 1.0, "use 0 to 1")?;
        share(
            "inspections_per_unit",
            self.inspections_per_unit,
            40.0,
            "use 0 to 40",
        )
    }

    /// Minute packets in an hour.
    pub(crate) fn steps_per_hour(&self) -> usize {
        (3_600 / self.cadence_s) as usize
    }

    /// Hours of data.
    pub(crate) fn hours(&self) -> u32 {
        self.days * 24
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_starts_on_the_first_of_june() {
        Scale::default().check().unwrap();
        let day = chrono::NaiveDate::from_ymd_opt(2026, 6, 1).unwrap();
        let epoch = chrono::NaiveDate::from_ymd_opt(1970, 1, 1).unwrap();
        assert_eq!(i64::from(DEFAULT_START_DAY), (day - epoch).num_days());
    }

    #[test]
    fn a_refused_scale_names_its_key() {
        let cases = [
            (
                Scale {
                    points: 0,
                    ..Scale::default()
                },
                "points",
            ),
            (
                Scale {
                    days: 0,
                    ..Scale::default()
                },
                "days",
            ),
            (
                Scale {
                    factors: 13,
                    ..Scale::default()
                },
                "factors",
            ),
            (
                Scale {
                    cadence_s: 420,
                    ..Scale::default()
                },
                "cadence_s",
            ),
            (
                Scale {
                    realtime_s: Some(7),
                    ..Scale::default()
                },
                "realtime_s",
            ),
            (
                Scale {
                    fault_rate: f64::NAN,
                    ..Scale::default()
                },
                "fault_rate",
            ),
            (
                Scale {
                    resend_rate: 0.7,
                    ..Scale::default()
                },
                "resend_rate",
            ),
        ];
        for (scale, key) in cases {
            assert_eq!(scale.check().unwrap_err().key, key);
        }
    }
}
