//! Constants that would be written into every row.
//!
//! The engine makes a column of a constant by copying it once per row of a batch, and reserves nothing for
//! it: `SELECT repeat('x', 200000), mn FROM readings` is 1.6 GiB per batch, a longer text a panic, and a
//! list of four million numbers more than any machine has. Such a plan is refused before it begins. A
//! question without a table has one row and is free.

use std::any::Any;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;

use super::{Fault, FaultKind};

/// Bytes of a constant that is written into every row; 8,192 of them, a batch, are 512 MiB.
const MOST: usize = 64 << 10;

/// Refuses a plan with a column of a constant that is too large for it.
///
/// # Errors
/// [`FaultKind::Memory`].
pub(super) fn check(plan: &Arc<dyn ExecutionPlan>) -> Result<(), Fault> {
    let mut largest = 0;
    plan.apply(|node| {
        if !is_of_one_row(node) {
            node.apply_expressions(&mut |expr: &Arc<dyn PhysicalExpr>| {
                // What stands alone becomes a column; what stands in a call is given to it once.
                let expr: &dyn Any = expr.as_ref();
                if let Some(constant) = expr.downcast_ref::<Literal>() {
                    largest = largest.max(constant.value().size());
                }
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
