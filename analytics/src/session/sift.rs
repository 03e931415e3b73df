//! The operator that leaves one copy of every reading.
//!
//! Each input is a stream of readings in the order of [`nonsite_schemas::copies::ORDER`] that shares
//! no reading with the others, such as one day. So inputs are independent: each partition of the
//! operator works through its share of them, one after the other, and opens an input when the one
//! before it is through. Nothing is held but a batch.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use datafusion::common::internal_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexOrdering, OrderingRequirements, Partitioning,
    PhysicalExpr,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::TryStreamExt;
use nonsite_schemas::copies::Sieve;

/// Leaves the current copy of every reading of its inputs.
#[derive(Debug)]
pub(super) struct SiftExec {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    /// The order that inputs come in.
    ordering: LexOrdering,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl SiftExec {
    /// Over inputs of one schema and this order, spread over at most so many partitions.
    pub(super) fn new(
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        ordering: LexOrdering,
        partitions: usize,
    ) -> Result<Self> {
        let Some(first) = inputs.first() else {
            return internal_err!("readings to tell apart without an input");
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(first.schema()),
            Partitioning::UnknownPartitioning(partitions.clamp(1, inputs.len())),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            inputs,
            ordering,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        })
    }
}

impl DisplayAs for SiftExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SiftExec: inputs={}", self.inputs.len())
    }
}

impl ExecutionPlan for SiftExec {
    fn name(&self) -> &'static str {
        "SiftExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn required_input_distribution(&self) -> Vec<Distribution> {
        vec![Distribution::SinglePartition; self.inputs.len()]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        let required = OrderingRequirements::from(self.ordering.clone());
        vec![Some(required); self.inputs.len()]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let partitions = self.properties.output_partitioning().partition_count();
        let ordering = self.ordering.clone();
        Ok(Arc::new(Self::new(children, ordering, partitions)?))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let partitions = self.properties.output_partitioning().partition_count();
        let metrics = BaselineMetrics::new(&self.metrics, partition);
        let work = Work {
            waiting: self
                .inputs
                .iter()
                .skip(partition)
                .step_by(partitions)
                .map(Arc::clone)
                .collect(),
            open: None,
            context,
        };
        let rows = futures::stream::try_unfold((work, metrics), |(mut work, metrics)| async move {
            let next = work.next().await?;
            Ok::<_, DataFusionError>(next.map(|batch| {
                metrics.record_output(batch.num_rows());
                (batch, (work, metrics))
            }))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// The inputs of one partition.
struct Work {
    waiting: VecDeque<Arc<dyn ExecutionPlan>>,
    open: Option<(SendableRecordBatchStream, Sieve)>,
    context: Arc<TaskContext>,
}

impl Work {
    async fn next(&mut self) -> Result<Option<arrow::record_batch::RecordBatch>> {
        loop {
            let Some((rows, sieve)) = self.open.as_mut() else {
                let Some(input) = self.waiting.pop_front() else {
                    return Ok(None);
                };
                let sieve = Sieve::new(&input.schema())?;
                self.open = Some((input.execute(0, Arc::clone(&self.context))?, sieve));
                continue;
            };
            let sifted = match rows.try_next().await? {
                Some(batch) => sieve.push(batch)?,
                None => {
                    let rest = sieve.finish()?;
                    self.open = None;
                    rest
                }
            };
            if let Some(batch) = sifted.current.filter(|batch| batch.num_rows() > 0) {
                return Ok(Some(batch));
            }
        }
    }
}
