//! Memory that operators hold without saying so.
//!
//! The engine's window operator without a bounded frame gathers its whole input and reserves none of it,
//! so a `robust_z(value) OVER ()` over all readings would take what the machine has, and the process with
//! it. Between such an operator and its input stands [`Held`], which reserves what passes until the query
//! ends: the query fails by its own limit instead.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::windows::WindowAggExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions, SendableRecordBatchStream,
};
use futures::StreamExt;

/// How often the operator holds its input: as batches, and once more put together.
const COPIES: usize = 2;

/// The plan with [`Held`] below every operator that gathers its input.
pub(super) fn counted(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let counted = plan.transform_up(|node| {
        let gathers = (node.as_ref() as &dyn std::any::Any).is::<WindowAggExec>();
        if !gathers {
            return Ok(Transformed::no(node));
        }
        let inputs = node
            .children()
            .into_iter()
            .map(|input| Arc::new(Held(Arc::clone(input))) as Arc<dyn ExecutionPlan>)
            .collect();
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        Ok(Transformed::yes(node.replace_children(inputs, options)?))
    })?;
    Ok(counted.data)
}

/// Hands its input through and reserves what passed.
#[derive(Debug)]
struct Held(Arc<dyn ExecutionPlan>);

impl DisplayAs for Held {
    fn fmt_as(
        &self,
        _form: DisplayFormatType,
        f: &mut std::fmt::Formatter<'_>,
    ) -> std::fmt::Result {
        f.write_str("Held")
    }
}

impl ExecutionPlan for Held {
    fn name(&self) -> &'static str {
        "Held"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.0]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(input) = children.pop() else {
            return Err(DataFusionError::Internal("Held has one input".to_owned()));
        };
        Ok(Arc::new(Self(input)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        // Lives as long as the stream, and the operator above keeps that to its end.
        let reserved =
            MemoryConsumer::new(format!("Window[{partition}]")).register(context.memory_pool());
        let input = self.0.execute(partition, context)?;
        let rows = input.map(move |batch: Result<RecordBatch>| {
            let batch = batch?;
            reserved.try_grow(COPIES * batch.get_array_memory_size())?;
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
