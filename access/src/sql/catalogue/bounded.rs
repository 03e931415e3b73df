//! Functions that make much out of little: `repeat('x', 1000000000)` is one row and a gigabyte, a
//! million characters each replaced by a million others a terabyte, a text put together with itself
//! twenty times over a million times as long, and nothing reserves it before it is there. Here they are
//! refused before they begin when what they would make in one batch of rows is beyond [`MOST`].

mod made;

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::SessionContext;

use made::{Makes, made};

/// Bytes a call may make in one batch of rows.
const MOST: i128 = 64 << 20;

/// The functions.
const FUNCTIONS: [(&str, Makes); 13] = [
    ("repeat", Makes::Copies),
    ("replace", Makes::Replaced),
    ("regexp_replace", Makes::Matched),
    ("concat", Makes::Together),
    ("concat_ws", Makes::Separated),
    ("format", Makes::Filled),
    ("array_to_string", Makes::Joined),
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
        // A value that is the same for all rows stays one: writing it into every row is what is feared.
        let columns = args.args.iter().map(|argument| match argument {
            ColumnarValue::Array(array) => Ok(Arc::clone(array)),
            ColumnarValue::Scalar(value) => value.to_array(),
        });
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
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
            "SELECT concat('a', 1, NULL, 'b') = 'a1b', concat_ws('-', 'a', NULL, 'b') = 'a-b'",
            "SELECT concat(x, '-', x), concat_ws(x, 'a', x) FROM (VALUES ('a'), (NULL)) AS t(x)",
            "SELECT array_to_string([1, NULL, 3], '-', 'x') = '1-x-3'",
            "SELECT regexp_replace(x, 'a(.)', '<\\1>', 'g') FROM (VALUES ('abab'), (NULL)) AS t(x)",
            "SELECT max(length(regexp_replace(repeat('x', 1000000), 'y', 'z', 'g'))) = 1000000",
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
            "SELECT lpad('x', value + 100000, 'y') FROM generate_series(1, 1000)",
            "SELECT replace(CAST(value AS VARCHAR), '1', repeat('x', 1000000)) FROM generate_series(1, 8000)",
            "SELECT concat(value, repeat('x', 1000000)) FROM generate_series(1, 8000)",
            "SELECT length(concat(x, x)) FROM (SELECT repeat('x', 60000000) AS x)",
            "SELECT length(concat_ws(x, 'a', 'b', 'c')) FROM (SELECT repeat('x', 60000000) AS x)",
            "SELECT length(array_to_string(range(0, 1000), repeat(',', 1000000)))",
            "SELECT length(regexp_replace(repeat('x', 1000000), 'x', repeat('y', 1000000), 'g'))",
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
