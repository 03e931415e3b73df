//! A look at the batches between two operators of a running plan.
//!
//! The engine's operators know nothing of each other's sizes. [`Passing`] stands between two of them,
//! hands every batch through as it is, and shows it to a [`Watch`] first, which may refuse it.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, SendableRecordBatchStream,
};
use futures::StreamExt;

/// What looks at the batches of one partition; it lives as long as their stream, which the operator
/// above keeps to its end.
pub(super) type Look = Box<dyn FnMut(&RecordBatch) -> Result<()> + Send>;

/// What batches are looked at for.
pub(super) trait Watch: std::fmt::Debug + Send + Sync {
    /// Its name in plans.
    fn name(&self) -> &'static str;

    /// Begins with a partition.
    fn begin(&self, partition: usize, context: &TaskContext) -> Look;
}

/// Hands its input through.
#[derive(Debug)]
pub(super) struct Passing {
    input: Arc<dyn ExecutionPlan>,
    watch: Arc<dyn Watch>,
}

impl Passing {
    /// The plan with somebody who looks at what it makes.
    pub(super) fn of(
        input: Arc<dyn ExecutionPlan>,
        watch: Arc<dyn Watch>,
    ) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { input, watch })
    }
}

impl DisplayAs for Passing {
    fn fmt_as(
        &self,
        _form: DisplayFormatType,
        f: &mut std::fmt::Formatter<'_>,
    ) -> std::fmt::Result {
        f.write_str(self.watch.name())
    }
}

impl ExecutionPlan for Passing {
    fn name(&self) -> &str {
        self.watch.name()
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
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
            let name = self.watch.name();
            return Err(DataFusionError::Internal(format!("{name} has one input")));
        };
        Ok(Self::of(input, Arc::clone(&self.watch)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let mut look = self.watch.begin(partition, &context);
        let input = self.input.execute(partition, context)?;
        let rows = input.map(move |batch: Result<RecordBatch>| {
            let batch = batch?;
            look(&batch)?;
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}
