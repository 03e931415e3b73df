//! `nonsite rules check-series`: a series and a check in, flags out, one JSON object per line.
//!
//! It runs the functions of [`super::series`] that the rules run, so that their behaviour can be
//! compared with other implementations case by case.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::series;

/// One line of input.
#[derive(Debug, Deserialize)]
struct Case {
    case: Value,
    check: String,
    #[serde(default)]
    params: Map<String, Value>,
    #[serde(default)]
    t: Option<Vec<f64>>,
    #[serde(default)]
    t0: Option<f64>,
    #[serde(default)]
    step_s: Option<f64>,
    v: Vec<Option<f64>>,
}

impl Case {
    fn number(&self, name: &str) -> Result<f64, String> {
        self.params
            .get(name)
            .and_then(Value::as_f64)
            .ok_or_else(|| format!("check `{}` needs the number `params.{name}`", self.check))
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
            return Ok(times.clone());
        }
        let (Some(start), Some(step)) = (self.t0, self.step_s) else {
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
    let flags = match case.check.as_str() {
        "range" => {
            let bound = |name: &str| case.params.get(name).and_then(Value::as_f64);
            series::range(&case.v, bound("min"), bound("max"))
        }
        "constant_run" => {
            let min_points = case.number("min_points")? as usize;
            series::constant_run(&case.v, min_points)
        }
        "step_change_abs" => series::step_change(&case.v, case.number("max_abs_diff")?),
        "rate_per_second" => series::rate(&case.times()?, &case.v, case.number("max_abs_rate")?),
        "null_value" => series::null_value(&case.v),
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
                .params
                .get("grid_start")
                .and_then(Value::as_i64)
                .or(times.iter().copied().min())
                .unwrap_or(0);
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
