//! Values of the last so many days, at each day: `trailing_sum`, `trailing_count`, `trailing_min`,
//! `trailing_max` and `trailing_median` of (value, date, days).
//!
//! Used with `OVER (PARTITION BY mn, factor ORDER BY date)` on one row per day. The days are
//! counted by the calendar: a day without a row leaves a gap, it does not lengthen the window. The
//! engine's own sliding sums add and take away again, so that their last bits depend on where the
//! rows begin; these add up each window from its oldest day, so a day has the same answer in every
//! run. Missing values are left out; of nothing the count is 0 and everything else null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, Float64Array};
use arrow::datatypes::{DataType, Date32Type, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};

use super::columns::primitive;

/// What is made of a window's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum How {
    Sum,
    Count,
    Min,
    Max,
    Median,
}

/// All trailing functions.
pub(super) fn all() -> Vec<WindowUDF> {
    [How::Sum, How::Count, How::Min, How::Max, How::Median]
        .into_iter()
        .map(|of| {
            let arguments = vec![DataType::Float64, DataType::Date32, DataType::Int64];
            let signature = Signature::exact(arguments, Volatility::Immutable);
            WindowUDF::from(Trailing { of, signature })
        })
        .collect()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Trailing {
    of: How,
    signature: Signature,
}

impl WindowUDFImpl for Trailing {
    fn name(&self) -> &str {
        match self.of {
            How::Sum => "trailing_sum",
            How::Count => "trailing_count",
            How::Min => "trailing_min",
            How::Max => "trailing_max",
            How::Median => "trailing_median",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        _args: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Walk(self.of)))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Float64, true)))
    }
}

#[derive(Debug)]
struct Walk(How);

impl PartitionEvaluator for Walk {
    fn evaluate_all(&mut self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let value = primitive::<Float64Type>(&columns[0])?;
        let date = primitive::<Date32Type>(&columns[1])?;
        let days = primitive::<Int64Type>(&columns[2])?;
        let length = if rows > 0 && days.is_valid(0) {
            days.value(0)
        } else {
            1
        };
        let values: Vec<Option<f64>> = value.iter().collect();
        let dates: Vec<i64> = date.values().iter().map(|date| i64::from(*date)).collect();
        Ok(Arc::new(Float64Array::from(trailing(
            &values, &dates, length, self.0,
        ))))
    }
}

/// One answer per row; `dates` are sorted.
fn trailing(values: &[Option<f64>], dates: &[i64], length: i64, of: How) -> Vec<Option<f64>> {
    let mut first = 0;
    let mut answers = Vec::with_capacity(values.len());
    let mut window = Vec::new();
    for at in 0..values.len() {
        while dates[first] <= dates[at] - length {
            first += 1;
        }
        window.clear();
        window.extend(values[first..=at].iter().flatten().copied());
        answers.push(of_window(&mut window, of));
    }
    answers
}

/// What a window's values come to, oldest first; a median sorts them.
pub(crate) fn of_window(window: &mut [f64], how: How) -> Option<f64> {
    match how {
        How::Count => Some(window.len() as f64),
        _ if window.is_empty() => None,
        How::Sum => Some(window.iter().sum()),
        How::Min => window.iter().copied().reduce(f64::min),
        How::Max => window.iter().copied().reduce(f64::max),
        How::Median => Some(median(window)),
    }
}

/// Median of at least one value; sorts them.
pub(super) fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        f64::midpoint(values[middle - 1], values[middle])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_by_the_calendar() {
        let values = [Some(1.0), Some(5.0), None, Some(2.0)];
        let dates = [10, 11, 12, 14];
        let of = |of| trailing(&values, &dates, 3, of);
        assert_eq!(of(How::Sum), [Some(1.0), Some(6.0), Some(6.0), Some(2.0)]);
        assert_eq!(of(How::Count), [Some(1.0), Some(2.0), Some(2.0), Some(1.0)]);
        assert_eq!(of(How::Max), [Some(1.0), Some(5.0), Some(5.0), Some(2.0)]);
        assert_eq!(
            of(How::Median),
            [Some(1.0), Some(3.0), Some(3.0), Some(2.0)]
        );
        assert_eq!(
            trailing(&[None, Some(3.0)], &[1, 2], 1, How::Min),
            [None, Some(3.0)]
        );
    }
}
