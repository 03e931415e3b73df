//! Functions that make much out of little: `repeat('x', 1000000000)` is one row and a gigabyte, a
//! million characters each replaced by a million others a terabyte, and nothing reserves it before it is
//! there. Here they are refused before they begin when what they would make in one batch of rows is
//! beyond [`MOST`].

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{
    DataType, FieldRef, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::SessionContext;

/// Bytes a call may make in one batch of rows.
const MOST: i128 = 64 << 20;
/// Bytes an element of a list is taken for.
const ELEMENT: i128 = 16;
/// Nanoseconds of a day.
const DAY: i128 = 86_400_000_000_000;

/// What a call makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Makes {
    /// The first argument as often as the second says.
    Copies,
    /// Something as long as the second argument says.
    Length,
    /// As many elements as the second argument says.
    Elements,
    /// The first argument with the third wherever the second stands.
    Replaced,
    /// Everything from the first to the second argument in steps of the third.
    Steps,
}

/// The functions.
const FUNCTIONS: [(&str, Makes); 8] = [
    ("repeat", Makes::Copies),
    ("replace", Makes::Replaced),
    ("lpad", Makes::Length),
    ("rpad", Makes::Length),
    ("array_repeat", Makes::Elements),
    ("array_resize", Makes::Elements),
    ("range", Makes::Steps),
    ("generate_series", Makes::Steps),
];

/// Puts the bound before each of them.
pub(super) fn register(ctx: &SessionContext) {
    for (name, makes) in FUNCTIONS {
        let inner = ctx.state().scalar_functions().get(name).cloned();
        if let Some(inner) = inner {
            ctx.register_udf(ScalarUDF::from(Bounded { inner, makes }));
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    makes: Makes,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(arguments)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let bytes = made(self.makes, &columns)?;
        if bytes > MOST {
            return exec_err!(
                "{} would make {} MiB at once; at most {} are made",
                self.name(),
                bytes >> 20,
                MOST >> 20
            );
        }
        self.inner.invoke_with_args(args)
    }
}

/// Whole numbers of a column; what is none counts for nothing, the function itself complains.
fn whole(column: &ArrayRef) -> Result<Int64Array> {
    let safe = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    let column = cast_with_options(column, &DataType::Int64, &safe)?;
    Ok(column.as_primitive::<Int64Type>().clone())
}

/// Bytes a call would make.
fn made(makes: Makes, columns: &[ArrayRef]) -> Result<i128> {
    let first = columns.first();
    let second = columns.get(1);
    let many = |column: Option<&ArrayRef>| -> Result<i128> {
        let Some(column) = column else { return Ok(0) };
        let each = whole(column)?;
        Ok(each.iter().flatten().map(|n| i128::from(n.max(0))).sum())
    };
    match (makes, first, second) {
        (Makes::Copies, Some(text), Some(times)) => {
            let lengths = arrow::compute::kernels::length::length(text)?;
            let (lengths, times) = (whole(&lengths)?, whole(times)?);
            let each = lengths.iter().zip(times.iter());
            Ok(each
                .map(|(length, times)| {
                    let (length, times) = (length.unwrap_or(0), times.unwrap_or(0));
                    // Characters of more than one byte are rare and bounded by four.
                    i128::from(length) * i128::from(times.max(0))
                })
                .sum())
        }
        (Makes::Replaced, Some(text), Some(from)) => match columns.get(2) {
            Some(to) => replaced(text, from, to),
            None => Ok(0),
        },
        (Makes::Length, _, second) => many(second),
        (Makes::Elements, _, second) => Ok(many(second)? * ELEMENT),
        (Makes::Steps, Some(only), None) => Ok(many(Some(only))? * ELEMENT),
        (Makes::Steps, Some(from), Some(to)) => {
            let steps = steps(from, to, columns.get(2))?;
            Ok(steps * ELEMENT)
        }
        _ => Ok(0),
    }
}

/// Bytes by which texts grow once something longer stands in them.
fn replaced(text: &ArrayRef, from: &ArrayRef, to: &ArrayRef) -> Result<i128> {
    // Without any of the three the answer is null.
    if [text, from, to]
        .into_iter()
        .any(|column| column.data_type() == &DataType::Null)
    {
        return Ok(0);
    }
    let lengths = |column: &ArrayRef| whole(&arrow::compute::kernels::length::length(column)?);
    let of = (lengths(text)?, lengths(from)?, lengths(to)?);
    let rows = of.0.iter().zip(of.1.iter()).zip(of.2.iter());
    // What it would be at the very most, which is enough for nearly every question.
    let most: i128 = rows
        .map(|((text, from), to)| {
            let each = [text, from, to].map(|length| i128::from(length.unwrap_or(0)));
            let [text, from, to] = each;
            // Nothing is found before every character and at the end.
            (text / from.max(1) + 1) * (to - from).max(0)
        })
        .sum();
    if most <= MOST {
        return Ok(most);
    }
    let texts = |column: &ArrayRef| {
        cast_with_options(column, &DataType::LargeUtf8, &CastOptions::default())
    };
    let (text, from, to) = (texts(text)?, texts(from)?, texts(to)?);
    let (text, from, to) = (
        text.as_string::<i64>(),
        from.as_string::<i64>(),
        to.as_string::<i64>(),
    );
    let rows = text.iter().zip(from.iter()).zip(to.iter());
    let each = rows.map(|((text, from), to)| {
        let (Some(text), Some(from), Some(to)) = (text, from, to) else {
            return 0;
        };
        let places = text.matches(from).count() as i128;
        places * (to.len() as i128 - from.len() as i128).max(0)
    });
    Ok(each.sum())
}

/// How many elements there are from one column to the other.
fn steps(from: &ArrayRef, to: &ArrayRef, step: Option<&ArrayRef>) -> Result<i128> {
    let units = |kind: &DataType| -> i128 {
        match kind {
            DataType::Date32 => DAY,
            DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
            DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => 1_000_000,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
            _ => 1,
        }
    };
    let scale = (units(from.data_type()), units(to.data_type()));
    let (from, to) = (whole(from)?, whole(to)?);
    let mut total = 0;
    for row in 0..from.len().min(to.len()) {
        if from.is_null(row) || to.is_null(row) {
            continue;
        }
        let way = i128::from(to.value(row)) * scale.1 - i128::from(from.value(row)) * scale.0;
        let step = match step {
            Some(step) if step.is_valid(row) => one_step(step, row)?,
            _ => 1,
        };
        total += way.abs() / step + 1;
    }
    Ok(total)
}

/// The least one step covers.
fn one_step(column: &ArrayRef, row: usize) -> Result<i128> {
    let covers = if column.data_type() == &DataType::Interval(IntervalUnit::MonthDayNano) {
        let step = column.as_primitive::<IntervalMonthDayNanoType>().value(row);
        i128::from(step.months) * 28 * DAY
            + i128::from(step.days) * DAY
            + i128::from(step.nanoseconds)
    } else {
        let steps = whole(column)?;
        if steps.is_valid(row) {
            i128::from(steps.value(row))
        } else {
            1
        }
    };
    Ok(covers.abs().max(1))
}

#[cfg(test)]
mod tests {
    use arrow::record_batch::RecordBatch;

    use super::*;

    async fn asked(sql: &str) -> Result<usize> {
        let ctx = SessionContext::new();
        register(&ctx);
        let batches = ctx.sql(sql).await?.collect().await?;
        Ok(batches.iter().map(RecordBatch::num_rows).sum())
    }

    #[tokio::test]
    async fn what_is_small_is_made_as_always() {
        for sql in [
            "SELECT repeat('ab', 3) = 'ababab', lpad('1', 3, '0'), rpad('1', 3)",
            "SELECT replace('a,b', ',', '--') = 'a--b', replace('ab', '', '-'), replace(NULL, 'a', 'b')",
            // At the very most it would be beyond the bound, and it is not.
            "SELECT length(replace(repeat('x', 1000000), 'y', repeat('z', 1000))) = 1000000",
            "SELECT replace(x, ',', n) FROM (VALUES ('a', 'b'), (NULL, 'b'), ('b', NULL)) AS t(x, n)",
            "SELECT array_repeat(1, 3), array_resize([1], 3)",
            "SELECT unnest(range(3)), unnest(generate_series(1, 3))",
            "SELECT unnest(generate_series(DATE '2025-01-01', DATE '2025-12-31', INTERVAL '1 day'))",
            "SELECT repeat(x, n) FROM (VALUES ('a', 2), (NULL, 2), ('b', NULL), ('c', -1)) AS t(x, n)",
        ] {
            let rows = asked(sql).await;
            assert!(rows.as_ref().is_ok_and(|rows| *rows > 0), "{sql}: {rows:?}");
        }
    }

    #[tokio::test]
    async fn what_would_fill_the_memory_is_not_begun() {
        for sql in [
            "SELECT repeat('x', 2000000000)",
            "SELECT length(replace(repeat('x', 1000000), 'x', repeat('y', 1000000)))",
            "SELECT length(lpad('x', 2000000000, 'y'))",
            "SELECT array_length(array_repeat(1, 1000000000))",
            "SELECT array_length(array_resize([1], 1000000000))",
            "SELECT array_length(range(10000000000))",
            "SELECT array_length(generate_series(1, 10000000000, 2))",
            "SELECT generate_series(TIMESTAMP '2025-01-01', TIMESTAMP '2026-01-01', INTERVAL '1 microsecond')",
        ] {
            let error = asked(sql).await.expect_err(sql).to_string();
            assert!(error.contains("at once"), "{sql}: {error}");
        }
    }
}
