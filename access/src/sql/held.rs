//! Memory that operators hold without saying so.
//!
//! The engine's window operator without a bounded frame gathers its whole input and reserves none of it,
//! so a `robust_z(value) OVER ()` over all readings would take what the machine has, and the process with
//! it. Between such an operator and its input stands [`Held`], which reserves what passes until the query
//! ends: the query fails by its own limit instead.

use std::any::Any;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{ChildrenPropertiesMode, ExecutionPlan, ReplaceChildrenOptions};

use super::passing::{Look, Passing, Watch};

/// How often the operator holds its input: as batches, and once more put together.
const COPIES: usize = 2;

/// The plan with [`Held`] below every operator that gathers its input.
pub(super) fn counted(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let counted = plan.transform_up(|node| {
        let any: &dyn Any = node.as_ref();
        if !any.is::<WindowAggExec>() {
            return Ok(Transformed::no(node));
        }
        let inputs = node
            .children()
            .into_iter()
            .map(|input| Passing::of(Arc::clone(input), Arc::new(Held)))
            .collect();
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        Ok(Transformed::yes(node.replace_children(inputs, options)?))
    })?;
    Ok(counted.data)
}

/// Reserves what passed.
#[derive(Debug)]
struct Held;

impl Watch for Held {
    fn name(&self) -> &'static str {
        "Held"
    }

    fn begin(&self, partition: usize, context: &TaskContext) -> Look {
        let reserved =
            MemoryConsumer::new(format!("Window[{partition}]")).register(context.memory_pool());
        Box::new(move |batch: &RecordBatch| {
            reserved.try_grow(COPIES * batch.get_array_memory_size())
        })
    }
}
