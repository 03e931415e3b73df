//! Window functions that say of each row where it stands in its series: `run_length(value)` and
//! `robust_z(value)`.
//!
//! `run_length` is used with `OVER (PARTITION BY mn, factor ORDER BY data_time)`: how many
//! neighbouring rows, itself included, have the same value. `robust_z` needs no order: how far the
//! value lies from the median of its partition, in standard deviations estimated from the median
//! absolute deviation, so that the outliers one looks for do not widen the measure they are held
//! against.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int64Array};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::Result;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};

use super::columns::primitive;
use super::series;
use super::trailing::median;

/// What makes the median absolute deviation of a normal distribution its standard deviation.
const MAD_TO_SD: f64 = 1.482_602_218_505_602;

/// What is said of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    RunLength,
    RobustZ,
}

/// Both of them.
pub(super) fn all() -> Vec<WindowUDF> {
    [Place::RunLength, Place::RobustZ]
        .into_iter()
        .map(|place| {
            let signature = Signature::exact(vec![DataType::Float64], Volatility::Immutable);
            WindowUDF::from(OfRow { place, signature })
        })
        .collect()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct OfRow {
    place: Place,
    signature: Signature,
}

impl WindowUDFImpl for OfRow {
    fn name(&self) -> &str {
        match self.place {
            Place::RunLength => "run_length",
            Place::RobustZ => "robust_z",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        _args: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Walk(self.place)))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        let kind = match self.place {
            Place::RunLength => DataType::Int64,
            Place::RobustZ => DataType::Float64,
        };
        Ok(Arc::new(Field::new(args.name(), kind, true)))
    }
}

#[derive(Debug)]
struct Walk(Place);

impl PartitionEvaluator for Walk {
    fn evaluate_all(&mut self, columns: &[ArrayRef], _rows: usize) -> Result<ArrayRef> {
        let values: Vec<Option<f64>> = primitive::<Float64Type>(&columns[0])?.iter().collect();
        Ok(match self.0 {
            Place::RunLength => Arc::new(Int64Array::from(run_lengths(&values))),
            Place::RobustZ => Arc::new(Float64Array::from(robust_z(&values))),
        })
    }
}

/// Length of the run of equal values each row stands in; none for a missing value.
fn run_lengths(values: &[Option<f64>]) -> Vec<Option<i64>> {
    let mut lengths = vec![None; values.len()];
    for run in series::runs(values, 1, |_| false) {
        let points = i64::try_from(run.points()).unwrap_or(i64::MAX);
        lengths[run.start..run.end].fill(Some(points));
    }
    lengths
}

/// Distance of each value from the median; none for a missing value, and for all when at least half
/// of the values are the median, since nothing spreads then.
fn robust_z(values: &[Option<f64>]) -> Vec<Option<f64>> {
    let mut present: Vec<f64> = values.iter().flatten().copied().collect();
    if present.is_empty() {
        return vec![None; values.len()];
    }
    let middle = median(&mut present);
    for value in &mut present {
        *value = (*value - middle).abs();
    }
    let spread = MAD_TO_SD * median(&mut present);
    let each = values.iter().map(|value| {
        let value = value.filter(|_| spread > 0.0)?;
        Some((value - middle) / spread)
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{query, session};

    #[test]
    fn a_run_has_its_length_on_every_row() {
        let values = [Some(1.0), Some(1.0), None, Some(1.0), Some(2.0), Some(2.0)];
        let lengths = run_lengths(&values);
        assert_eq!(lengths, [Some(2), Some(2), None, Some(1), Some(2), Some(2)]);
    }

    #[test]
    fn an_outlier_does_not_hide_itself() {
        let values = [10.0, 11.0, 9.0, 10.0, 12.0, 8.0, 1_000.0].map(Some);
        let z = robust_z(&values);
        let far = z[6].expect("a spread");
        assert!(far > 600.0, "{far}");
        assert_eq!(z[0], Some(0.0));
        assert_eq!(robust_z(&[Some(5.0), Some(5.0), Some(9.0)]), [None; 3]);
        assert_eq!(robust_z(&[None]), [None]);
    }

    #[tokio::test]
    async fn they_are_there_in_sql() {
        let session = session(Vec::new(), &[], 1).await;
        let rows = query(
            &session,
            "SELECT t, run_length(v) OVER (ORDER BY t) AS length, robust_z(v) OVER () AS z
             FROM (VALUES (1, 4.0), (2, 4.0), (3, 6.0), (4, 9.0)) AS s(t, v) ORDER BY t",
        )
        .await;
        assert_eq!(rows[1]["length"], 2);
        assert_eq!(rows[2]["length"], 1);
        // The median is 5, the absolute deviations 1, 1, 1, 4.
        let z = rows[2]["z"].as_f64().expect("a number");
        assert!((z - 1.0 / MAD_TO_SD).abs() < 1e-12, "{z}");
    }
}
