//! Scalar functions for analysts who recompute what `hourly` and `daily` hold: whether an hour or a
//! day is valid, and what a concentration is at reference oxygen.
//!
//! The views apply the same rules; these are for series the views do not have, such as minute values
//! of a period that an analyst cut out, or a permit's reference oxygen that is being discussed.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, Float64Array};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::columns::{finite, primitive, texts};
use super::is_gas;

/// Seconds of valid values that make an hour valid: 45 minutes (HJ 75, HJ 212-2017 D.24).
pub(super) const VALID_SECONDS: i64 = 45 * 60;
/// Valid hours that make a day of waste gas valid (HJ 75).
const VALID_GAS_HOURS: i64 = 20;
/// Oxygen in air as the standards for waste gas write it, percent by volume.
const AIR_OXYGEN: f64 = 21.0;

/// Which rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Rule {
    /// `hour_valid(n_valid, step_s)`.
    HourValid,
    /// `day_valid(factor, n_valid, n_due)`.
    DayValid,
    /// `at_reference_oxygen(value, o2, ref_o2)`.
    AtReferenceOxygen,
}

/// All of them.
pub(super) fn all() -> Vec<ScalarUDF> {
    use DataType::{Float64, Int64, Utf8View};
    [
        (Rule::HourValid, vec![Int64, Int64]),
        (Rule::DayValid, vec![Utf8View, Int64, Int64]),
        (Rule::AtReferenceOxygen, vec![Float64, Float64, Float64]),
    ]
    .into_iter()
    .map(|(rule, arguments)| {
        let signature = Signature::exact(arguments, Volatility::Immutable);
        ScalarUDF::from(Judge { rule, signature })
    })
    .collect()
}

/// Whether so many valid values, `step_s` seconds apart, make an hour valid.
fn hour_valid(n_valid: i64, step_s: i64) -> bool {
    step_s > 0 && n_valid.saturating_mul(step_s) >= VALID_SECONDS
}

/// Whether so many valid hours make a day valid: 20 of waste gas, 75 % of the due ones of water.
fn day_valid(factor: &str, n_valid: i64, n_due: i64) -> bool {
    if is_gas(factor) {
        n_valid >= VALID_GAS_HOURS
    } else {
        n_valid > 0 && n_valid.saturating_mul(4) >= n_due.saturating_mul(3)
    }
}

/// A concentration at reference oxygen; none where the measured oxygen is that of air.
fn at_reference_oxygen(value: f64, o2: f64, reference: f64) -> Option<f64> {
    if o2 >= AIR_OXYGEN {
        return None;
    }
    finite(value * (AIR_OXYGEN - reference) / (AIR_OXYGEN - o2))
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Judge {
    rule: Rule,
    signature: Signature,
}

impl ScalarUDFImpl for Judge {
    fn name(&self) -> &str {
        match self.rule {
            Rule::HourValid => "hour_valid",
            Rule::DayValid => "day_valid",
            Rule::AtReferenceOxygen => "at_reference_oxygen",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.rule {
            Rule::HourValid | Rule::DayValid => DataType::Boolean,
            Rule::AtReferenceOxygen => DataType::Float64,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let rows = columns.first().map_or(0, Array::len);
        // Of anything that is missing nothing can be said.
        let known = |i: usize| columns.iter().all(|column| column.is_valid(i));
        let answer: ArrayRef = match self.rule {
            Rule::HourValid => {
                let n = primitive::<Int64Type>(&columns[0])?;
                let step = primitive::<Int64Type>(&columns[1])?;
                let each =
                    (0..rows).map(|i| known(i).then(|| hour_valid(n.value(i), step.value(i))));
                Arc::new(each.collect::<BooleanArray>())
            }
            Rule::DayValid => {
                let factor = texts(&columns[0])?;
                let n = primitive::<Int64Type>(&columns[1])?;
                let due = primitive::<Int64Type>(&columns[2])?;
                let each = (0..rows).map(|i| {
                    known(i).then(|| day_valid(factor.value(i), n.value(i), due.value(i)))
                });
                Arc::new(each.collect::<BooleanArray>())
            }
            Rule::AtReferenceOxygen => {
                let value = primitive::<Float64Type>(&columns[0])?;
                let o2 = primitive::<Float64Type>(&columns[1])?;
                let reference = primitive::<Float64Type>(&columns[2])?;
                let each = (0..rows).map(|i| {
                    known(i)
                        .then(|| {
                            at_reference_oxygen(value.value(i), o2.value(i), reference.value(i))
                        })
                        .flatten()
                });
                Arc::new(each.collect::<Float64Array>())
            }
        };
        Ok(ColumnarValue::Array(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{query, session};

    #[test]
    fn an_hour_takes_45_minutes_whatever_the_step() {
        for (step_s, least) in [(60, 45), (120, 23), (600, 5), (30, 90)] {
            assert!(hour_valid(least, step_s), "{step_s} s");
            assert!(!hour_valid(least - 1, step_s), "{step_s} s");
        }
        assert!(!hour_valid(60, 0));
    }

    #[test]
    fn a_day_of_gas_takes_20_hours_and_one_of_water_three_quarters() {
        assert!(day_valid("a21026", 20, 24) && !day_valid("a21026", 19, 19));
        assert!(day_valid("w01018", 18, 24) && !day_valid("w01018", 17, 24));
        assert!(day_valid("w01018", 9, 12) && !day_valid("w01018", 0, 0));
    }

    #[test]
    fn oxygen_of_air_converts_to_nothing() {
        assert_eq!(at_reference_oxygen(50.0, 9.0, 9.0), Some(50.0));
        assert_eq!(at_reference_oxygen(30.0, 11.0, 6.0), Some(45.0));
        assert_eq!(at_reference_oxygen(30.0, 21.0, 6.0), None);
    }

    #[tokio::test]
    async fn they_are_there_in_sql_and_a_missing_value_stays_missing() {
        let session = session(Vec::new(), &[], 1).await;
        let rows = query(
            &session,
            "SELECT hour_valid(5, 600) AS hour, day_valid('w01018', 17, 24) AS day,
                    at_reference_oxygen(30, 11, 6) AS converted,
                    hour_valid(CAST(NULL AS BIGINT), 60) IS NULL AS none",
        )
        .await;
        assert_eq!(rows[0]["hour"], true);
        assert_eq!(rows[0]["day"], false);
        assert_eq!(rows[0]["converted"], 45.0);
        assert_eq!(rows[0]["none"], true);
    }
}
