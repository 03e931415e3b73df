//! `limit_at(mn, factor, averaging, instant)`: the limit a logger's values had to meet at an instant,
//! in the unit of its values; null when none was in force or the units cannot be compared.
//!
//! It answers from `mn_limits` of the user's own catalogue, so that a restricted user learns no limit
//! it cannot see. Functions cannot wait for a query, so the limits are read when a statement that calls
//! it is planned ([`load`]), once per state of the tables; they are as many as permits state.

use std::any::Any;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type, TimeUnit, TimestampMicrosecondType};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{
    ColumnarValue, LogicalPlan, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::{Expr, SessionContext};

use crate::sql::Fault;

/// Name of the function.
const NAME: &str = "limit_at";

/// What the limits are read with.
const READ: &str = "SELECT mn, factor, averaging, in_force_from, in_force_to, limit_value
     FROM nonsite.mn_limits WHERE limit_value IS NOT NULL";

/// A limit and the stretch of time it held for, microseconds UTC, the end exclusive.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    to: i64,
    value: f64,
}

/// Limits by logger, factor and averaging; spans of one key never overlap.
#[derive(Debug, Default)]
struct Limits(HashMap<(String, String, String), Vec<Span>>);

/// The function; its limits are the catalogue's.
#[derive(Debug)]
struct LimitAt {
    limits: Arc<OnceLock<Limits>>,
    signature: Signature,
}

impl PartialEq for LimitAt {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.limits, &other.limits)
    }
}

impl Eq for LimitAt {}

impl Hash for LimitAt {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.limits).hash(state);
    }
}

fn instant() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The function, without limits yet.
pub(super) fn function() -> ScalarUDF {
    let text = DataType::Utf8;
    let arguments = vec![text.clone(), text.clone(), text, instant()];
    ScalarUDF::from(LimitAt {
        limits: Arc::default(),
        signature: Signature::exact(arguments, Volatility::Stable),
    })
}

/// Reads the limits if a plan asks for them and nobody did before.
///
/// # Errors
/// The permits cannot be read.
pub async fn load(state: &SessionState, plan: &LogicalPlan) -> Result<(), Fault> {
    let Some(function) = called(plan)? else {
        return Ok(());
    };
    let inner: &dyn Any = function.inner().as_ref();
    let Some(known) = inner.downcast_ref::<LimitAt>() else {
        return Ok(());
    };
    if known.limits.get().is_none() {
        let ctx = SessionContext::new_with_state(state.clone());
        let mut limits = Limits::default();
        for batch in ctx.sql(READ).await?.collect().await? {
            limits.add(batch.columns())?;
        }
        // Of two that read at the same time both read the same.
        let _ = known.limits.set(limits);
    }
    Ok(())
}

/// The function as a plan calls it.
fn called(plan: &LogicalPlan) -> Result<Option<Arc<ScalarUDF>>> {
    let mut found = None;
    plan.apply_with_subqueries(|node| {
        for expr in node.expressions() {
            expr.apply(|expr| {
                if let Expr::ScalarFunction(call) = expr
                    && call.func.name() == NAME
                {
                    found = Some(Arc::clone(&call.func));
                    return Ok(TreeNodeRecursion::Stop);
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(if found.is_some() {
            TreeNodeRecursion::Stop
        } else {
            TreeNodeRecursion::Continue
        })
    })?;
    Ok(found)
}

impl Limits {
    fn add(&mut self, columns: &[ArrayRef]) -> Result<()> {
        let text = |i: usize| cast(&columns[i], &DataType::Utf8);
        let time = |i: usize| cast(&columns[i], &instant());
        let (mn, factor, averaging) = (text(0)?, text(1)?, text(2)?);
        let (from, to) = (time(3)?, time(4)?);
        let value = cast(&columns[5], &DataType::Float64)?;
        let (mn, factor) = (mn.as_string::<i32>(), factor.as_string::<i32>());
        let averaging = averaging.as_string::<i32>();
        let from = from.as_primitive::<TimestampMicrosecondType>();
        let to = to.as_primitive::<TimestampMicrosecondType>();
        let value = value.as_primitive::<Float64Type>();
        for i in 0..mn.len() {
            let key = (
                mn.value(i).to_owned(),
                factor.value(i).to_owned(),
                averaging.value(i).to_owned(),
            );
            self.0.entry(key).or_default().push(Span {
                from: from.value(i),
                to: to.value(i),
                value: value.value(i),
            });
        }
        Ok(())
    }

    fn spans(&self, mn: &str, factor: &str, averaging: &str) -> &[Span] {
        let key = (mn.to_owned(), factor.to_owned(), averaging.to_owned());
        self.0.get(&key).map_or(&[], Vec::as_slice)
    }
}

impl ScalarUDFImpl for LimitAt {
    fn name(&self) -> &'static str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Float64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let Some(limits) = self.limits.get() else {
            return Err(DataFusionError::Internal(format!(
                "{NAME} was called by a statement that was not planned as one that calls it"
            )));
        };
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let mn = columns[0].as_string::<i32>();
        let factor = columns[1].as_string::<i32>();
        let averaging = columns[2].as_string::<i32>();
        let at = columns[3].as_primitive::<TimestampMicrosecondType>();
        // Neighbouring rows nearly always ask about the same logger and factor.
        let mut last: Option<(&str, &str, &str, &[Span])> = None;
        let each = (0..mn.len()).map(|i| {
            if columns.iter().any(|column| column.is_null(i)) {
                return None;
            }
            let (a, b, c) = (mn.value(i), factor.value(i), averaging.value(i));
            let spans = match last {
                Some((x, y, z, spans)) if (x, y, z) == (a, b, c) => spans,
                _ => limits.spans(a, b, c),
            };
            last = Some((a, b, c, spans));
            let at = at.value(i);
            let span = spans.iter().find(|span| span.from <= at && at < span.to);
            span.map(|span| span.value)
        });
        let answer: Float64Array = each.collect();
        Ok(ColumnarValue::Array(Arc::new(answer)))
    }
}
