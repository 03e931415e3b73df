//! What stands behind `$1`, `$2` ... of a plan: the types values have to have.
//!
//! The engine infers the type of a placeholder that is compared with a column. Two everyday forms it
//! leaves open: a placeholder under a cast, and a list that a column has to be in (`mn = ANY($1)`), for
//! which drivers want to be told an array type before they send anything.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{ExprSchemable, LogicalPlan};
use datafusion::prelude::Expr;

use super::Fault;

/// Parameters a statement can have on the wire.
const MOST: u32 = 65_535;
/// The function that `= ANY(list)` is planned as.
const MEMBERSHIP: &str = "array_has";

/// The parameters of a plan by number, with their types where something is known of them.
///
/// # Errors
/// A plan that contradicts itself.
pub(super) fn kinds(plan: &LogicalPlan) -> Result<BTreeMap<u32, Option<DataType>>, Fault> {
    let mut all: BTreeMap<u32, Option<DataType>> = BTreeMap::new();
    for (id, kind) in plan.get_parameter_types()? {
        all.insert(number(&id), kind);
    }
    plan.apply_with_subqueries(|node| {
        let scope = scope(node)?;
        for expr in node.expressions() {
            expr.apply(|expr| {
                let (place, kind) = match expr {
                    Expr::Cast(cast) => match cast.expr.as_ref() {
                        Expr::Placeholder(place) => (place, Some(cast.field.data_type().clone())),
                        _ => return Ok(TreeNodeRecursion::Continue),
                    },
                    Expr::ScalarFunction(call) if call.func.name() == MEMBERSHIP => {
                        match call.args.as_slice() {
                            [Expr::Placeholder(place), member] => {
                                (place, Some(list_of(member, &scope)))
                            }
                            _ => return Ok(TreeNodeRecursion::Continue),
                        }
                    }
                    Expr::Placeholder(place) => (place, None),
                    _ => return Ok(TreeNodeRecursion::Continue),
                };
                let known = all.entry(number(&place.id)).or_default();
                if known.is_none() {
                    *known = kind;
                }
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    // One that stood in a part of the question that has no answer here keeps its place.
    let last = all.keys().next_back().copied().unwrap_or_default();
    for place in 1..=last.min(MOST) {
        all.entry(place).or_default();
    }
    Ok(all)
}

/// The number of `$7`.
pub(super) fn number(id: &str) -> u32 {
    id.trim_start_matches('$').parse().unwrap_or(u32::MAX)
}

/// Columns the expressions of a node may name.
fn scope(node: &LogicalPlan) -> Result<DFSchema> {
    let mut scope = DFSchema::empty();
    for input in node.inputs() {
        scope.merge(input.schema());
    }
    // A scan's own filters name its columns.
    if node.inputs().is_empty() {
        scope.merge(node.schema());
    }
    Ok(scope)
}

/// A list of what `member` is; of texts when nobody knows.
fn list_of(member: &Expr, scope: &DFSchema) -> DataType {
    let kind = match member.get_type(scope) {
        Ok(DataType::Dictionary(_, values)) => *values,
        Ok(DataType::Null) | Err(_) => DataType::Utf8,
        Ok(kind) => kind,
    };
    DataType::List(Arc::new(Field::new_list_field(kind, true)))
}
