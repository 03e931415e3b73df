//! The view `readings` over files: the current copy of every reading, resolved only where needed.
//!
//! What a query asks about the key of a reading (logger, factor, granularity, time, day) holds for all
//! of its copies or for none. So files are chosen by these conditions first, and then:
//!
//! 1. files of superseded copies are left out;
//! 2. files that share no reading with another one, by the bounds of their keys, and that maintenance
//!    wrote without copies are read as they lie there: after compaction that is everything;
//! 3. the others are merged, group by group, in the order they are in, and [`SiftExec`] leaves the
//!    current copies. Conditions on other columns come after that: the copy that counts may be one
//!    that does not meet them.
//!
//! The files are those of one version of the table, whatever is written meanwhile, so a query never
//! sees half of a merge. Reading a version of the past works the same way.
//!
//! The SQL of the view (`views/readings.sql`) says the same for tables that are not files; a property
//! test holds the two together.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use nonsite_schemas::copies::{self, Holds};
use parquet::file::metadata::ParquetMetaData;

use super::files::{DataFile, FileTable};
use super::sift::SiftExec;

/// Files of a group that are merged as they are; each costs an open reader. Further ones are sorted.
const MOST_MERGED: usize = 64;
/// Files of one day that are compared with each other; more make one group.
const MOST_COMPARED: usize = 512;
/// The day of a reading follows from its time.
const DAY: &str = "date";

/// The view over the files of `readings_raw`.
#[derive(Debug)]
pub(crate) struct Readings {
    table: FileTable,
}

impl Readings {
    /// The view over a table, if that is one of files with the columns of the key in front, where
    /// bounds and order are looked for.
    pub(crate) fn over(table: &dyn TableProvider) -> Option<Self> {
        let table = table.downcast_ref::<FileTable>()?.clone();
        key_stands_first(&table.schema()).then_some(Self { table })
    }

    fn columns(&self, names: &[&str]) -> Result<Vec<usize>> {
        let schema = self.table.schema();
        names
            .iter()
            .map(|name| Ok(schema.index_of(name)?))
            .collect()
    }

    /// Reads files in which copies may lie in several of a group, one row for each reading.
    async fn sifted(
        &self,
        state: &dyn Session,
        groups: Vec<Vec<Arc<DataFile>>>,
        wanted: &[usize],
        about_key: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut read: BTreeSet<usize> = wanted.iter().copied().collect();
        read.extend(self.columns(&copies::KEY)?);
        read.extend(self.columns(&copies::RANK)?);
        let read: Vec<usize> = read.into_iter().collect();
        let schema = Arc::new(self.table.schema().project(&read)?);
        let ordering = ordering(&schema)?;
        let mut inputs = Vec::with_capacity(groups.len());
        for group in groups {
            inputs.push(
                self.merged(state, group, &read, &ordering, about_key)
                    .await?,
            );
        }
        let threads = state.config().target_partitions();
        let sift = SiftExec::new(inputs, ordering, threads)?;
        projected(Arc::new(sift), &self.table.schema(), wanted)
    }

    /// The rows of one group in order.
    async fn merged(
        &self,
        state: &dyn Session,
        mut files: Vec<Arc<DataFile>>,
        read: &Vec<usize>,
        ordering: &LexOrdering,
        about_key: &[Expr],
    ) -> Result<Arc<dyn ExecutionPlan>> {
        files.sort_by_key(|file| std::cmp::Reverse(file.file.object_meta.size));
        let (mut in_order, mut others) = (Vec::new(), Vec::new());
        for file in files {
            if in_order.len() < MOST_MERGED && is_sorted(state, &file).await? {
                in_order.push(file);
            } else {
                others.push(file);
            }
        }
        let mut parts: Vec<Arc<dyn ExecutionPlan>> = Vec::new();
        if !in_order.is_empty() {
            let rows = self
                .table
                .read_sorted(state, &in_order, read, ordering.clone())?;
            parts.push(filtered(state, rows, about_key)?);
        }
        if !others.is_empty() {
            let rows = self.table.read(state, &others, Some(read), None)?;
            let rows = filtered(state, rows, about_key)?;
            let sort = SortExec::new(ordering.clone(), rows).with_preserve_partitioning(true);
            parts.push(Arc::new(sort));
        }
        let rows = match parts.len() {
            1 => parts.remove(0),
            _ => UnionExec::try_new(parts)?,
        };
        Ok(Arc::new(SortPreservingMergeExec::new(
            ordering.clone(),
            rows,
        )))
    }
}

#[async_trait]
impl TableProvider for Readings {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let told = |filter: &&Expr| {
            if filter.is_volatile() {
                TableProviderFilterPushDown::Unsupported
            } else {
                TableProviderFilterPushDown::Exact
            }
        };
        Ok(filters.iter().map(told).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = self.table.schema();
        let asked = match projection {
            Some(columns) => columns.clone(),
            None => (0..schema.fields().len()).collect(),
        };
        let about_key: Vec<Expr> = filters
            .iter()
            .filter(|filter| {
                let columns = filter.column_refs();
                columns
                    .iter()
                    .all(|column| column.name == DAY || copies::KEY.contains(&column.name.as_str()))
            })
            .cloned()
            .collect();
        let matching = self.table.matching(state, self.table.files(), &about_key)?;
        let (alone, shared) = apart(matching);
        let alone = self.table.matching(state, &alone, filters)?;

        // Files were chosen by what is about the day alone.
        let filters: Vec<Expr> = filters
            .iter()
            .filter(|filter| !self.table.is_of_partition(filter))
            .cloned()
            .collect();
        let mut wanted: BTreeSet<usize> = asked.iter().copied().collect();
        for filter in &filters {
            for column in filter.column_refs() {
                wanted.insert(schema.index_of(&column.name)?);
            }
        }
        let wanted: Vec<usize> = wanted.into_iter().collect();
        let mut parts = Vec::new();
        if !alone.is_empty() || shared.is_empty() {
            let limit = limit.filter(|_| filters.is_empty());
            let rows = self.table.read(state, &alone, Some(&wanted), limit)?;
            parts.push(filtered(state, rows, &filters)?);
        }
        if !shared.is_empty() {
            let about_key: Vec<Expr> = about_key
                .into_iter()
                .filter(|filter| !self.table.is_of_partition(filter))
                .collect();
            let rows = self.sifted(state, shared, &wanted, &about_key).await?;
            parts.push(filtered(state, rows, &filters)?);
        }
        let rows = match parts.len() {
            1 => parts.remove(0),
            _ => UnionExec::try_new(parts)?,
        };
        projected(rows, &schema, &asked)
    }
}

fn key_stands_first(schema: &Schema) -> bool {
    let first = schema.fields().iter().map(|field| field.name().as_str());
    let first: BTreeSet<&str> = first.take(copies::KEY.len()).collect();
    first == BTreeSet::from(copies::KEY)
}

/// The files that can be read as they are, and the groups of those that share readings with others
/// of their group or hold copies themselves.
fn apart(files: Vec<Arc<DataFile>>) -> (Vec<Arc<DataFile>>, Vec<Vec<Arc<DataFile>>>) {
    let mut files: Vec<Arc<DataFile>> = files
        .into_iter()
        .filter(|file| file.holds != Holds::Superseded)
        .collect();
    files.sort_by_cached_key(|file| format!("{:?}", file.file.partition_values));
    let (mut alone, mut shared) = (Vec::new(), Vec::new());
    for day in files.chunk_by(|a, b| a.file.partition_values == b.file.partition_values) {
        for group in groups(day) {
            if group.len() == 1 && group[0].holds == Holds::Current {
                alone.extend(group);
            } else {
                shared.push(group);
            }
        }
    }
    (alone, shared)
}

/// Files of one day by what connects them: two that may share a reading are in one group.
fn groups(files: &[Arc<DataFile>]) -> Vec<Vec<Arc<DataFile>>> {
    if files.len() > MOST_COMPARED {
        return vec![files.to_vec()];
    }
    let mut groups: Vec<Vec<Arc<DataFile>>> = Vec::new();
    for file in files {
        let (touching, mut rest): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|group| group.iter().any(|other| may_share(file, other)));
        let mut group: Vec<Arc<DataFile>> = touching.into_iter().flatten().collect();
        group.push(Arc::clone(file));
        rest.push(group);
        groups = rest;
    }
    groups
}

/// Whether two files of a day may hold copies of one reading, by the bounds of logger, factor and
/// time.
fn may_share(a: &DataFile, b: &DataFile) -> bool {
    // The columns of the key stand first in the table.
    let columns = a.stats.column_statistics.iter();
    columns
        .zip(&b.stats.column_statistics)
        .take(copies::KEY.len())
        .all(|(a, b)| {
            let below = |most: &Precision<ScalarValue>, least: &Precision<ScalarValue>| match (
                most.get_value(),
                least.get_value(),
            ) {
                (Some(most), Some(least)) => most < least,
                _ => false,
            };
            !below(&a.max_value, &b.min_value) && !below(&b.max_value, &a.min_value)
        })
}

/// Whether a file is in the order of readings, by its own word; only this program's word counts,
/// because the format says nothing of row groups among each other.
async fn is_sorted(state: &dyn Session, file: &DataFile) -> Result<bool> {
    if file.holds == Holds::Current {
        return Ok(true);
    }
    let store = state
        .runtime_env()
        .object_store(ObjectStoreUrl::local_filesystem())?;
    let metadata = DFParquetMetadata::new(store.as_ref(), &file.file.object_meta)
        .with_file_metadata_cache(Some(
            state.runtime_env().cache_manager.get_file_metadata_cache(),
        ))
        .fetch_metadata()
        .await?;
    Ok(says_sorted(&metadata))
}

fn says_sorted(metadata: &ParquetMetaData) -> bool {
    let ours = metadata
        .file_metadata()
        .created_by()
        .is_some_and(|by| by.starts_with("nonsite "));
    let columns = metadata.file_metadata().schema_descr();
    ours && metadata.row_groups().iter().all(|group| {
        let sorting = group.sorting_columns().into_iter().flatten();
        let names = sorting.map(|by| {
            let place = usize::try_from(by.column_idx).unwrap_or(usize::MAX);
            (place < columns.num_columns() && !by.descending)
                .then(|| columns.column(place).name().to_owned())
        });
        names.eq(copies::ORDER.map(|name| Some(name.to_owned())))
    })
}

fn ordering(schema: &Schema) -> Result<LexOrdering> {
    let mut by = Vec::new();
    for name in copies::ORDER {
        let column = Column::new(name, schema.index_of(name)?);
        by.push(PhysicalSortExpr::new_default(Arc::new(column)));
    }
    LexOrdering::new(by).ok_or_else(|| {
        datafusion::error::DataFusionError::Internal("readings have no order".to_owned())
    })
}

fn filtered(
    state: &dyn Session,
    rows: Arc<dyn ExecutionPlan>,
    filters: &[Expr],
) -> Result<Arc<dyn ExecutionPlan>> {
    let Some(filter) = conjunction(filters.iter().cloned()) else {
        return Ok(rows);
    };
    let columns = DFSchema::try_from(rows.schema())?;
    let filter = state.create_physical_expr(filter, &columns)?;
    Ok(Arc::new(FilterExec::try_new(filter, rows)?))
}

/// The columns of the table with these numbers, in this order.
fn projected(
    rows: Arc<dyn ExecutionPlan>,
    table: &Schema,
    columns: &[usize],
) -> Result<Arc<dyn ExecutionPlan>> {
    let have = rows.schema();
    let as_it_is = have.fields().len() == columns.len()
        && columns
            .iter()
            .zip(have.fields())
            .all(|(column, have)| table.field(*column).name() == have.name());
    if as_it_is {
        return Ok(rows);
    }
    let columns = columns.iter().map(|column| {
        let name = table.field(*column).name();
        let column = Column::new(name, have.index_of(name)?);
        Ok(ProjectionExpr::new(Arc::new(column), name.clone()))
    });
    let columns: Vec<ProjectionExpr> = columns.collect::<Result<_>>()?;
    Ok(Arc::new(ProjectionExec::try_new(columns, rows)?))
}

#[cfg(test)]
mod tests {
    use nonsite_schemas::tables;

    use super::*;

    #[test]
    fn the_key_stands_first_in_the_table_and_is_missed_where_not() {
        let schema = tables::readings_raw().schema;
        assert!(key_stands_first(&schema));
        let turned: Vec<usize> = (0..schema.fields().len()).rev().collect();
        assert!(!key_stands_first(&schema.project(&turned).unwrap()));
    }
}
