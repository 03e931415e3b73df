//! Statistics that single wrong values do not move, next to the engine's own `median`.
//!
//! `mad(value)`: median absolute deviation from the median, scaled (1.4826) so that it estimates the
//! standard deviation of normally distributed values; null of nothing. `deviations(value, middle,
//! spread)`: how many such deviations a value lies above the middle; null where the spread is not
//! above zero, because then nothing says how far is far. `theil_sen(time, value)`: the median of the
//! slopes between all pairs of points, per day; null with fewer than two instants. All of them sort
//! what they are given, so the answer has the same bits on any number of threads.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array};
use arrow::datatypes::{DataType, Float64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::columns::{instant, instants, number, primitive};
use super::fold::{Cursor, Fold};
use super::trailing::median;
use super::walks::numbers;

/// Median absolute deviations of normally distributed values in one standard deviation.
const SCALE: f64 = 1.4826;
/// Points of a series whose pairs are all compared; of a longer one evenly spread points are, since
/// pairs grow with the square.
const MOST_POINTS: usize = 1_000;
/// Microseconds per day.
const DAY: f64 = 86_400_000_000.0;

/// The fold behind `mad`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Mad;

/// Scaled median absolute deviation; not a number for no value at all.
fn mad(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return f64::NAN;
    }
    let middle = median(values);
    for value in values.iter_mut() {
        *value = (*value - middle).abs();
    }
    SCALE * median(values)
}

impl Fold for Mad {
    type Row = f64;
    const WIDTH: usize = 8;

    fn name(&self) -> &'static str {
        "mad"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![DataType::Float64]
    }

    fn answer(&self) -> DataType {
        DataType::Float64
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<f64>>> {
        let value = primitive::<Float64Type>(&columns[0])?;
        Ok(value.iter().collect())
    }

    fn encode(row: &f64, out: &mut Vec<u8>) {
        out.extend_from_slice(&row.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> f64 {
        Cursor(bytes).f64()
    }

    fn finish(&self, series: Vec<Vec<f64>>) -> Result<ArrayRef> {
        Ok(numbers(
            series.into_iter().map(|mut values| mad(&mut values)),
        ))
    }
}

/// One point of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Point {
    time: i64,
    value: f64,
}

/// The fold behind `theil_sen`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct TheilSen;

/// Median slope per day; not a number where no two points differ in time.
fn slope(mut points: Vec<Point>) -> f64 {
    points.sort_unstable_by_key(|point| (point.time, point.value.to_bits()));
    let every = points.len().div_ceil(MOST_POINTS).max(1);
    let points: Vec<Point> = points.into_iter().step_by(every).collect();
    let mut slopes: Vec<f64> = Vec::new();
    for (at, a) in points.iter().enumerate() {
        slopes.extend(
            points[at + 1..]
                .iter()
                .filter(|b| b.time > a.time)
                .map(|b| (b.value - a.value) / ((b.time - a.time) as f64 / DAY)),
        );
    }
    if slopes.is_empty() {
        f64::NAN
    } else {
        median(&mut slopes)
    }
}

impl Fold for TheilSen {
    type Row = Point;
    const WIDTH: usize = 16;

    fn name(&self) -> &'static str {
        "theil_sen"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![instant(), DataType::Float64]
    }

    fn answer(&self) -> DataType {
        DataType::Float64
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Point>>> {
        let time = instants(&columns[0])?;
        let value = primitive::<Float64Type>(&columns[1])?;
        Ok((0..time.len())
            .map(|i| {
                (time.is_valid(i) && value.is_valid(i)).then(|| Point {
                    time: time.value(i),
                    value: value.value(i),
                })
            })
            .collect())
    }

    fn encode(row: &Point, out: &mut Vec<u8>) {
        out.extend_from_slice(&row.time.to_le_bytes());
        out.extend_from_slice(&row.value.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Point {
        let mut cursor = Cursor(bytes);
        Point {
            time: cursor.i64(),
            value: cursor.f64(),
        }
    }

    fn finish(&self, series: Vec<Vec<Point>>) -> Result<ArrayRef> {
        Ok(numbers(series.into_iter().map(slope)))
    }
}

/// `deviations` as a function of a query.
pub(super) fn deviations() -> ScalarUDF {
    let signature = Signature::exact(vec![DataType::Float64; 3], Volatility::Immutable);
    ScalarUDF::from(RobustZ { signature })
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct RobustZ {
    signature: Signature,
}

impl ScalarUDFImpl for RobustZ {
    fn name(&self) -> &'static str {
        "deviations"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let [value, middle, spread] = [0, 1, 2].map(|at| primitive::<Float64Type>(&columns[at]));
        let (value, middle, spread) = (value?, middle?, spread?);
        let each = (0..value.len()).map(|i| {
            let z = (number(value, i) - number(middle, i)) / number(spread, i);
            (number(spread, i) > 0.0 && z.is_finite()).then_some(z)
        });
        Ok(ColumnarValue::Array(Arc::new(Float64Array::from_iter(
            each,
        ))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::query;
    use crate::session::{Config, in_memory};

    #[test]
    fn one_wrong_value_moves_neither_spread_nor_slope() {
        let mut values = [1.0, 2.0, 3.0, 4.0, 1_000.0];
        assert_eq!(mad(&mut values), SCALE * 1.0);
        assert!(mad(&mut []).is_nan());
        let day = 86_400_000_000;
        let points = |values: &[f64]| -> Vec<Point> {
            let times = (0_i64..).map(|n| n * day);
            times
                .zip(values)
                .map(|(time, value)| Point {
                    time,
                    value: *value,
                })
                .collect()
        };
        assert_eq!(slope(points(&[1.0, 3.0, 5.0, 900.0, 9.0, 11.0, 13.0])), 2.0);
        assert!(slope(points(&[1.0])).is_nan());
        let twice = vec![
            Point {
                time: 0,
                value: 1.0,
            },
            Point {
                time: 0,
                value: 9.0,
            },
        ];
        assert!(slope(twice).is_nan());
        let many: Vec<f64> = (0..5_000).map(f64::from).collect();
        assert_eq!(slope(points(&many)), 1.0);
    }

    #[tokio::test]
    async fn queries_have_them() {
        let session = in_memory(Vec::new(), &Config::default())
            .await
            .expect("session");
        let rows = query(
            &session,
            "SELECT mad(v) AS spread, theil_sen(arrow_cast(n * 86400000000, 'Timestamp(Microsecond, Some(\"UTC\"))'), v) AS slope,
                    deviations(10.0, 3.0, mad(v)) AS z, deviations(10.0, 3.0, 0.0) AS none
             FROM (VALUES (0, 1.0), (1, 2.0), (2, 3.0), (3, 4.0), (4, 5.0)) AS t (n, v)",
        )
        .await;
        assert_eq!(rows[0]["spread"], 1.4826);
        assert_eq!(rows[0]["slope"], 1.0);
        let z = rows[0]["z"].as_f64().expect("a number");
        assert!((z - 7.0 / 1.4826).abs() < 1e-12, "{z}");
        assert!(rows[0].get("none").is_none_or(serde_json::Value::is_null));
    }
}
