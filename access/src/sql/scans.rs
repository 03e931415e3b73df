//! How far a query is: the files it has read of those it will read.
//!
//! Rows would be the finer measure, but nobody knows beforehand how many a filter lets through. A file
//! that is passed over because of its statistics counts as read.

use std::sync::Arc;

use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;

/// The scans of a running query.
#[derive(Debug, Clone, Default)]
pub struct Scans(Vec<(Arc<dyn ExecutionPlan>, usize)>);

impl Scans {
    /// Those of a plan.
    pub(super) fn of(plan: &Arc<dyn ExecutionPlan>) -> Self {
        let mut scans = Self::default();
        scans.add(plan);
        scans
    }

    fn add(&mut self, node: &Arc<dyn ExecutionPlan>) {
        let any: &dyn std::any::Any = node.as_ref();
        let config = any
            .downcast_ref::<DataSourceExec>()
            .and_then(|scan| {
                let source: &dyn std::any::Any = scan.data_source().as_ref();
                source.downcast_ref::<FileScanConfig>()
            })
            .map(|config| config.file_groups.iter().map(|group| group.len()).sum());
        if let Some(files) = config {
            self.0.push((Arc::clone(node), files));
        }
        for child in node.children() {
            self.add(child);
        }
    }

    /// Files read and files there are; none when it reads none.
    pub fn files(&self) -> Option<(usize, usize)> {
        let all: usize = self.0.iter().map(|(_, files)| files).sum();
        let read = self.0.iter().map(|(scan, files)| {
            let read = scan
                .metrics()
                .and_then(|metrics| metrics.sum_by_name("files_processed"))
                .map_or(0, |value| value.as_usize());
            read.min(*files)
        });
        (all > 0).then(|| (read.sum(), all))
    }
}
