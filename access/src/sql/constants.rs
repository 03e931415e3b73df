//! Constants that would be written into every row.
//!
//! The engine makes a column of a constant by copying it once per row of a batch, and reserves nothing for
//! it: `SELECT repeat('x', 200000), mn FROM readings` is 1.6 GiB per batch, a longer text a panic, and a
//! list of four million numbers more than any machine has. `repeat('x', 200000) || mn` and a CASE with such
//! a text come to the same, and many functions make a column of a constant they are given. Such a plan is
//! refused before it begins. What a column is only compared with, or looked up in, is not copied; and a
//! question without a table has one row and is free.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::expressions::{BinaryExpr, InListExpr, LikeExpr, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;

use super::{Fault, FaultKind};

/// Bytes of a constant that is written into every row; 8,192 of them, a batch, are 512 MiB.
const MOST: usize = 64 << 10;
/// The function that `= ANY(list)` is planned as.
const MEMBERSHIP: &str = "array_has";

/// Refuses a plan that makes a column of a constant that is too large for it.
///
/// # Errors
/// [`FaultKind::Memory`].
pub(super) fn check(plan: &Arc<dyn ExecutionPlan>) -> Result<(), Fault> {
    let mut largest = 0;
    plan.apply(|node| {
        if !is_of_one_row(node) {
            node.apply_expressions(&mut |expr: &Arc<dyn PhysicalExpr>| {
                largest = largest.max(copied(expr));
                Ok(TreeNodeRecursion::Continue)
            })?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if largest <= MOST {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::Memory,
        format!(
            "a constant of {} KiB would be written into every row; at most {} KiB are: ask for it on \
             its own",
            largest >> 10,
            MOST >> 10
        ),
    ))
}

/// Bytes of the largest constant of an expression that may be copied for every row.
fn copied(expr: &Arc<dyn PhysicalExpr>) -> usize {
    if let Some(constant) = constant(expr) {
        return constant.value().size();
    }
    let compares = compares(expr);
    expr.children()
        .into_iter()
        .filter(|part| !(compares && constant(part).is_some()))
        .map(copied)
        .max()
        .unwrap_or(0)
}

fn constant(expr: &Arc<dyn PhysicalExpr>) -> Option<&Literal> {
    let expr: &dyn Any = expr.as_ref();
    expr.downcast_ref::<Literal>()
}

/// Whether an expression takes a constant as it is, for all rows at once.
fn compares(expr: &Arc<dyn PhysicalExpr>) -> bool {
    let expr: &dyn Any = expr.as_ref();
    if let Some(two) = expr.downcast_ref::<BinaryExpr>() {
        // The engine's word for comparisons.
        return two.op().supports_propagation();
    }
    if let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() {
        return call.fun().name() == MEMBERSHIP;
    }
    expr.is::<InListExpr>() || expr.is::<LikeExpr>()
}

/// Whether what a node reads is the one row of a question without a table.
fn is_of_one_row(node: &Arc<dyn ExecutionPlan>) -> bool {
    match node.children().as_slice() {
        [input] => {
            let of: &dyn Any = input.as_ref();
            of.is::<PlaceholderRowExec>() || (of.is::<ProjectionExec>() && is_of_one_row(input))
        }
        _ => false,
    }
}
