//! Functions that make much out of little: `repeat('x', 1000000000)` is one row and a gigabyte, a
//! million characters each replaced by a million others a terabyte, a text put together with itself
//! twenty times over a million times as long, and nothing reserves it before it is there. Here they are
//! refused before they begin when what they would make in one batch of rows is beyond [`MOST`].
//!
//! The planner computes calls of constants by the same functions, within the same bound. What the engine
//! plans by itself where an operator or a literal is written (`||`, `[a, b]`) is bounded as well
//! ([`planners`]).

mod made;
mod operators;
mod text;
mod weight;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};
use datafusion::prelude::SessionContext;

use made::{Makes, made};
use operators::Operators;

/// Bytes a call may make in one batch of rows.
const MOST: i128 = 64 << 20;

/// The functions.
const FUNCTIONS: [(&str, Makes); 28] = [
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
    ("array_resize", Makes::Resized),
    ("range", Makes::Steps),
    ("generate_series", Makes::Steps),
    ("overlay", Makes::Together),
    ("encode", Makes::Doubled),
    ("quote_ident", Makes::Doubled),
    ("regexp_match", Makes::Groups),
    ("to_char", Makes::Shown),
    ("make_array", Makes::Listed),
    ("array_append", Makes::Listed),
    ("array_prepend", Makes::Listed),
    ("array_concat", Makes::Listed),
    ("array_union", Makes::Listed),
    ("array_replace", Makes::Listed),
    ("array_replace_n", Makes::Exchanged),
    ("array_replace_all", Makes::Exchanged),
    ("arrays_zip", Makes::Listed),
    ("map", Makes::Listed),
];

/// Puts the bound before each of them.
pub(super) fn register(ctx: &SessionContext) {
    for function in bounded(&ctx.state()).into_values() {
        ctx.register_udf(function.as_ref().clone());
    }
}

/// What a statement's expressions are planned by: the bounded operators, and what there was before.
pub(super) fn planners(state: &SessionState) -> Vec<Arc<dyn ExprPlanner>> {
    let mut all: Vec<Arc<dyn ExprPlanner>> = vec![Arc::new(Operators::new(bounded(state)))];
    all.extend(state.expr_planners().iter().cloned());
    all
}

/// Those of the functions that there are, with the bound before them.
fn bounded(state: &SessionState) -> HashMap<&'static str, Arc<ScalarUDF>> {
    let known = state.scalar_functions();
    let each = FUNCTIONS.into_iter().filter_map(|(name, makes)| {
        let inner = Arc::clone(known.get(name)?);
        Some((name, Arc::new(ScalarUDF::from(Bounded { inner, makes }))))
    });
    each.collect()
}

/// Refuses a call that would make too much.
fn check(name: &str, makes: Makes, arguments: &[ColumnarValue]) -> Result<()> {
    // A value that is the same for all rows stays one: writing it into every row is what is feared.
    let columns = arguments.iter().map(|argument| match argument {
        ColumnarValue::Array(array) => Ok(Arc::clone(array)),
        ColumnarValue::Scalar(value) => value.to_array(),
    });
    let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
    let bytes = made(makes, &columns)?;
    if bytes > MOST {
        return exec_err!(
            "{name} would make {} MiB at once; at most {} are made",
            bytes >> 20,
            MOST >> 20
        );
    }
    Ok(())
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

    fn is_strict(&self) -> bool {
        self.inner.is_strict()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        check(self.name(), self.makes, &args.args)?;
        self.inner.invoke_with_args(args)
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::record_batch::RecordBatch;
    use arrow::util::display::array_value_to_string;
    use datafusion::common::ScalarValue;
    use datafusion::error::DataFusionError;
    use datafusion::execution::session_state::SessionStateBuilder;

    use super::*;

    fn context(bounded: bool) -> SessionContext {
        let ctx = SessionContext::new();
        if !bounded {
            return ctx;
        }
        let state = ctx.state();
        let planners = planners(&state);
        let builder = SessionStateBuilder::new_from_existing(state);
        let ctx = SessionContext::new_with_state(builder.with_expr_planners(planners).build());
        register(&ctx);
        ctx
    }

    async fn asked(sql: &str) -> Result<usize> {
        let batches = context(true).sql(sql).await?.collect().await?;
        Ok(batches.iter().map(RecordBatch::num_rows).sum())
    }

    /// Name, type and values of the first column; of an error its first line.
    async fn answer(ctx: &SessionContext, sql: &str) -> std::result::Result<Vec<String>, String> {
        let first = |error: DataFusionError| {
            let text = error.strip_backtrace();
            text.lines().next().unwrap_or_default().to_owned()
        };
        let batches = ctx.sql(sql).await.map_err(first)?;
        let batches = batches.collect().await.map_err(first)?;
        let mut all = Vec::new();
        for batch in batches {
            let (schema, column) = (batch.schema(), batch.column(0));
            let field = schema.field(0);
            all.push(format!("{} {}", field.name(), field.data_type()));
            for row in 0..batch.num_rows() {
                all.push(array_value_to_string(column, row).expect("a value can be shown"));
            }
        }
        Ok(all)
    }

    #[tokio::test]
    async fn operators_and_literals_answer_as_the_engine_does() {
        let (engine, bounded) = (context(false), context(true));
        let rows = "FROM (VALUES ('a', 1), (NULL, 2), ('c', NULL)) AS t(x, n)";
        for expr in [
            "'a' || 'b'",
            "x || '-' || n || x",
            "(x || '-') || ('+' || n)",
            "x || NULL",
            "NULL || x || n",
            "n || x",
            "n || n",
            "NULL || NULL",
            "upper(x || 'b') || DATE '2025-06-01'",
            "arrow_cast(x, 'Utf8View') || n || 'b'",
            "arrow_cast(x, 'LargeUtf8') || arrow_cast(x, 'Utf8View')",
            "arrow_cast(x, 'Dictionary(Int32, Utf8)') || x",
            "arrow_cast(x, 'Binary') || arrow_cast('b', 'BinaryView') || x",
            "arrow_cast('a', 'FixedSizeBinary(1)') || arrow_cast('bc', 'FixedSizeBinary(2)')",
            "[x] || [n]",
            "[n, 1] || 2",
            "x || ['b', x]",
            "[x] || NULL",
            "[]",
            "[[n], [1, 2]]",
            "array_cat([n], [1], [2, 3])",
            "map_keys(MAP {x: n})",
            "make_map('a', n, 'b')",
            "OVERLAY(x PLACING 'bc' FROM 1)",
        ] {
            let sql = format!("SELECT {expr} {rows}");
            let wanted = answer(&engine, &sql).await;
            assert_eq!(answer(&bounded, &sql).await, wanted, "{sql}");
        }
        let grouped = format!("SELECT x || 'b', count(*) {rows} GROUP BY x || 'b' ORDER BY 1");
        let wanted = answer(&engine, &grouped).await;
        assert_eq!(answer(&bounded, &grouped).await, wanted);
        assert!(wanted.is_ok(), "{wanted:?}");
    }

    #[tokio::test]
    async fn a_placeholder_beside_an_operator_is_a_text() {
        let sql = "SELECT x || $1 || 'c' FROM (VALUES ('a')) AS t(x)";
        let ctx = context(true);
        let frame = ctx.sql(sql).await.expect("planned");
        let types = frame.logical_plan().get_parameter_types().expect("types");
        assert_eq!(types.get("$1"), Some(&Some(DataType::Utf8)));
        let values = vec![ScalarValue::from("b")];
        let batches = frame.with_param_values(values).expect("a text fits");
        let batches = batches.collect().await.expect("an answer");
        assert_eq!(batches[0].column(0).as_string::<i32>().value(0), "abc");
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
            "SELECT array_replace_all([1, 2, 1], 1, 3), array_replace(['a'], 'a', 'b'), array_union([1], [2])",
            "SELECT encode('ab', 'hex') = '6162', to_char(DATE '2025-06-01', '%Y-%m') = '2025-06'",
            "SELECT regexp_match(x, '(a)(b)') FROM (VALUES ('ab'), (NULL)) AS t(x)",
            "SELECT array_length(array_repeat(value, 100)) FROM generate_series(1, 8000)",
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
            "SELECT length(x || x) FROM (SELECT repeat('x', 60000000) AS x)",
            "SELECT length(x || 'y' || x) FROM (SELECT repeat('x', 60000000) AS x)",
            "SELECT length(value || repeat('x', 1000000)) FROM generate_series(1, 8000)",
            "SELECT array_length([x, x]) FROM (SELECT repeat('x', 60000000) AS x)",
            "SELECT array_length(array_repeat(repeat('x', 1000000), 100))",
            "SELECT array_length(array_resize(['y'], 100, repeat('x', 1000000)))",
            "SELECT array_length(array_replace_all(array_repeat('y', 100), 'y', repeat('x', 1000000)))",
            "SELECT length(array_to_string([x, x], ',')) FROM (SELECT repeat('x', 60000000) AS x)",
            "SELECT length(OVERLAY(x PLACING x FROM 1 FOR 0)) FROM (SELECT repeat('x', 60000000) AS x)",
            "SELECT length(encode(x, 'hex')) FROM (SELECT repeat('x', 60000000) AS x)",
            "SELECT regexp_match(x, '((((x))))') FROM (SELECT repeat('x', 60000000) AS x)",
            "SELECT length(to_char(DATE '2025-06-01', repeat('%c', 2000000)))",
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
