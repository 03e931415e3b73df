//! `nonsite rules check-series`: a series and a check in, flags out, one JSON object per line.
//!
//! It runs the functions of [`super::series`] that the rules run, so that their behaviour can be
//! compared with other implementations case by case.
//!
//! Invariant: numbers are taken exactly as they are written ([`Exact`]). Limits of a comparison often
//! are differences of the very values that are compared, printed with 17 digits; read with an error in
//! the last one, "not more than" becomes "more than".

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::series;

/// Missing times listed at most; a grid with more is a mistake in its step or start.
const MOST_MISSING: i64 = 10_000_000;

/// A number exactly as written: `serde_json` may read the last of 17 digits otherwise.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Exact(f64);

impl Exact {
    /// The number that a JSON text is; nothing for another kind of value, or one beyond all doubles.
    fn of(raw: &RawValue) -> Option<Self> {
        let number: f64 = raw.get().parse().ok()?;
        number.is_finite().then_some(Self(number))
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        Self::of(raw).ok_or_else(|| de::Error::custom(format!("`{}` is no number", raw.get())))
    }
}

/// One line of input.
#[derive(Debug, Deserialize)]
struct Case {
    case: Value,
    check: String,
    #[serde(default)]
    params: BTreeMap<String, Box<RawValue>>,
    #[serde(default)]
    t: Option<Vec<Exact>>,
    #[serde(default)]
    t0: Option<Exact>,
    #[serde(default)]
    step_s: Option<Exact>,
    v: Vec<Option<Exact>>,
}

impl Case {
    fn number(&self, name: &str) -> Result<f64, String> {
        self.given(name)?
            .ok_or_else(|| format!("check `{}` needs the number `params.{name}`", self.check))
    }

    /// A parameter that may be left out, or null.
    fn given(&self, name: &str) -> Result<Option<f64>, String> {
        match self.params.get(name) {
            Some(raw) if raw.get() != "null" => match Exact::of(raw) {
                Some(Exact(number)) => Ok(Some(number)),
                None => Err(format!("`params.{name}` is {}, no number", raw.get())),
            },
            _ => Ok(None),
        }
    }

    /// Times in seconds: listed, or counted from `t0` by `step_s`.
    fn times(&self) -> Result<Vec<f64>, String> {
        if let Some(times) = &self.t {
            if times.len() != self.v.len() {
                return Err(format!(
                    "`t` has {} entries, `v` has {}",
                    times.len(),
                    self.v.len()
                ));
            }
            return Ok(times.iter().map(|Exact(time)| *time).collect());
        }
        let (Some(Exact(start)), Some(Exact(step))) = (self.t0, self.step_s) else {
            return Err("either `t` or both `t0` and `step_s` are needed".to_owned());
        };
        Ok((0..self.v.len()).map(|i| start + step * i as f64).collect())
    }

    fn whole_times(&self) -> Result<Vec<i64>, String> {
        Ok(self
            .times()?
            .into_iter()
            .map(|seconds| seconds as i64)
            .collect())
    }
}

/// Answers one line; the error says what is wrong with it.
pub fn check_line(line: &str) -> Result<String, String> {
    let case: Case = serde_json::from_str(line).map_err(|error| {
        format!("not a case ({error}); expected case, check, params, t or t0 and step_s, v")
    })?;
    let values: Vec<Option<f64>> = case
        .v
        .iter()
        .map(|value| value.map(|Exact(number)| number))
        .collect();
    let flags = match case.check.as_str() {
        "range" => {
            let (min, max) = (case.given("min")?, case.given("max")?);
            // Bounds that are null are no bounds; bounds of other names are a mistake.
            if !["min", "max"]
                .iter()
                .any(|name| case.params.contains_key(*name))
            {
                return Err("check `range` needs `params.min` or `params.max`".to_owned());
            }
            series::range(&values, min, max)
        }
        "constant_run" => {
            let min_points = case.number("min_points")? as usize;
            series::constant_run(&values, min_points)
        }
        "step_change_abs" => series::step_change(&values, case.number("max_abs_diff")?),
        "rate_per_second" => series::rate(&case.times()?, &values, case.number("max_abs_rate")?),
        "null_value" => series::null_value(&values),
        "time_gap" => {
            let limit = (case.number("max_gap_hours")? * 3_600.0) as i64;
            let mut flags = series::time_gap(&case.whole_times()?, limit);
            // The exchange format has no flag for "no predecessor": the first point copies the second.
            if flags.len() > 1 {
                flags[0] = flags[1];
            }
            flags
        }
        "missing_timestamps" => {
            let times = case.whole_times()?;
            let step = case.number("step_s")? as i64;
            let start = case
                .given("grid_start")?
                .map(|start| start as i64)
                .or(times.iter().copied().min())
                .unwrap_or(0);
            let last = times.iter().copied().max().unwrap_or(start);
            // A grid that does not go forward, as that of a series in reverse, misses nothing.
            if step > 0 && last.saturating_sub(start) / step > MOST_MISSING {
                return Err(format!(
                    "a grid of {step} s from {start} to {last} has more than {MOST_MISSING} times"
                ));
            }
            let missing = series::missing_times(&times, start, step);
            return Ok(json!({ "case": case.case, "missing_epochs": missing }).to_string());
        }
        other => {
            return Err(format!(
                "unknown check `{other}`; known: range, constant_run, step_change_abs, \
                 rate_per_second, null_value, time_gap, missing_timestamps"
            ));
        }
    };
    let flags: String = flags
        .iter()
        .map(|flag| if *flag { '1' } else { '0' })
        .collect();
    Ok(json!({ "case": case.case, "flags": flags }).to_string())
}

#[cfg(test)]
mod tests;
