//! The checks of [`super::series`] as window functions: one flag per row, in one pass.
//!
//! `constant_run(value, min_points)`, `step_change(value, limit)`, `rate_of_change(time, value,
//! limit_per_second)` and `time_gap(time, max_seconds)` are used with `OVER (PARTITION BY mn, factor
//! ORDER BY data_time)`.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::function::{PartitionEvaluatorArgs, WindowUDFFieldArgs};
use datafusion::logical_expr::{
    PartitionEvaluator, Signature, Volatility, WindowUDF, WindowUDFImpl,
};

use super::columns::{instant, instants, primitive};
use super::series;

/// Which check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Check {
    /// `constant_run`.
    ConstantRun,
    /// `step_change`.
    StepChange,
    /// `rate_of_change`.
    Rate,
    /// `time_gap`.
    TimeGap,
}

/// All window functions.
pub(super) fn all() -> Vec<WindowUDF> {
    [
        Check::ConstantRun,
        Check::StepChange,
        Check::Rate,
        Check::TimeGap,
    ]
    .into_iter()
    .map(|check| {
        let arguments = match check {
            Check::ConstantRun => vec![DataType::Float64, DataType::Int64],
            Check::StepChange => vec![DataType::Float64, DataType::Float64],
            Check::Rate => vec![instant(), DataType::Float64, DataType::Float64],
            Check::TimeGap => vec![instant(), DataType::Int64],
        };
        let signature = Signature::exact(arguments, Volatility::Immutable);
        WindowUDF::from(Flag { check, signature })
    })
    .collect()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Flag {
    check: Check,
    signature: Signature,
}

impl WindowUDFImpl for Flag {
    fn name(&self) -> &str {
        match self.check {
            Check::ConstantRun => "constant_run",
            Check::StepChange => "step_change",
            Check::Rate => "rate_of_change",
            Check::TimeGap => "time_gap",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn partition_evaluator(
        &self,
        _args: PartitionEvaluatorArgs<'_>,
    ) -> Result<Box<dyn PartitionEvaluator>> {
        Ok(Box::new(Walk(self.check)))
    }

    fn field(&self, args: WindowUDFFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(args.name(), DataType::Boolean, false)))
    }
}

#[derive(Debug)]
struct Walk(Check);

impl PartitionEvaluator for Walk {
    fn evaluate_all(&mut self, columns: &[ArrayRef], rows: usize) -> Result<ArrayRef> {
        let values = |column: &ArrayRef| -> Result<Vec<Option<f64>>> {
            Ok(primitive::<Float64Type>(column)?.iter().collect())
        };
        let limit = |column: &ArrayRef| -> Result<f64> {
            let limit = primitive::<Float64Type>(column)?;
            Ok(if rows > 0 && limit.is_valid(0) {
                limit.value(0)
            } else {
                f64::INFINITY
            })
        };
        let count = |column: &ArrayRef| -> Result<i64> {
            let count = primitive::<Int64Type>(column)?;
            Ok(if rows > 0 && count.is_valid(0) {
                count.value(0)
            } else {
                i64::MAX
            })
        };
        let flags = match self.0 {
            Check::ConstantRun => {
                let min_points = usize::try_from(count(&columns[1])?).unwrap_or(usize::MAX);
                series::constant_run(&values(&columns[0])?, min_points)
            }
            Check::StepChange => series::step_change(&values(&columns[0])?, limit(&columns[1])?),
            Check::Rate => {
                let seconds: Vec<f64> = instants(&columns[0])?
                    .values()
                    .iter()
                    .map(|micros| *micros as f64 / 1e6)
                    .collect();
                series::rate(&seconds, &values(&columns[1])?, limit(&columns[2])?)
            }
            Check::TimeGap => {
                let limit = count(&columns[1])?.saturating_mul(1_000_000);
                series::time_gap(instants(&columns[0])?.values(), limit)
            }
        };
        Ok(Arc::new(BooleanArray::from(flags)))
    }
}
