//! A table as the Parquet files of one of its versions.
//!
//! The library's own scan replays the log for every query and reads a table's files with one thread.
//! Here the files are listed once, when the session opens: a query picks files by the bounds the log
//! has of their columns, reads them with all threads, and finds their footers and page indexes in the
//! process's cache. Filters go into the reader, which decodes the other columns only where they match.
//!
//! Invariant: bounds from the log are used for skipping files alone. They are rounded outwards, so
//! the engine must not take them for a smallest or largest value; row and null counts are exact.
//!
//! Tables with deletion vectors or mapped columns, which nothing here writes, are left to the library.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use chrono::DateTime;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::pruning::PrunableStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, DFSchema, ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::error::Result;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::LexOrdering;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use deltalake::{DeltaTable, DeltaTableError};
use futures::TryStreamExt;
use nonsite_schemas::copies::Holds;
use object_store::ObjectMeta;
use object_store::path::Path;
use serde_json::{Map, Value};

/// Below this a scan is not spread over threads, bytes.
const SPREAD_FROM: u64 = 4 << 20;

/// A data file.
#[derive(Debug)]
pub(super) struct DataFile {
    /// What the engine reads.
    pub(super) file: PartitionedFile,
    /// What a file of readings holds, by its name.
    pub(super) holds: Holds,
    /// Counts and bounds of every column of the table.
    pub(super) stats: Arc<Statistics>,
}

/// A table over files.
#[derive(Debug, Clone)]
pub(super) struct FileTable {
    schema: SchemaRef,
    columns: TableSchema,
    files: Arc<[Arc<DataFile>]>,
}

impl FileTable {
    /// The files of the table's version; nothing for a table that cannot be read file by file.
    /// `schema` has the partition columns last.
    pub(super) async fn open(
        table: &DeltaTable,
        schema: SchemaRef,
    ) -> std::result::Result<Option<Self>, DeltaTableError> {
        let snapshot = table.snapshot()?.snapshot();
        let metadata = snapshot.metadata();
        let partition_columns = metadata.partition_columns();
        let stored = schema.fields().len() - partition_columns.len();
        let (stored, partitions) = schema.fields().split_at(stored);
        let in_place = partitions
            .iter()
            .map(|field| field.name())
            .eq(partition_columns.iter());
        let mapped = metadata
            .configuration()
            .get("delta.columnMapping.mode")
            .is_some_and(|mode| mode != "none");
        let log_store = table.log_store();
        let root = Path::from_url_path(log_store.root_url().path())
            .map_err(|error| DeltaTableError::generic(error.to_string()))?;
        if !in_place || mapped || log_store.root_url().scheme() != "file" {
            return Ok(None);
        }
        let mut files = Vec::new();
        let mut views = snapshot.file_views(log_store.as_ref(), None);
        while let Some(view) = views.try_next().await? {
            if view.deletion_vector_descriptor().is_some() {
                return Ok(None);
            }
            let path = view.object_store_path();
            let given = view.partition_values_map();
            let values = partitions.iter().map(|field| {
                let text = given.get(field.name()).cloned().flatten();
                ScalarValue::try_new_null(field.data_type()).and_then(|null| match text {
                    Some(text) => ScalarValue::try_from_string(text, field.data_type()),
                    None => Ok(null),
                })
            });
            let values: Result<Vec<ScalarValue>> = values.collect();
            let Ok(values) = values else {
                return Ok(None);
            };
            let stats = statistics(view.stats().as_deref(), stored, &values);
            let mut file = PartitionedFile::from(ObjectMeta {
                location: root.parts().chain(path.parts()).collect(),
                // As the library has it: both find a file's footer in the same place of the cache.
                last_modified: DateTime::default(),
                size: u64::try_from(view.size()).unwrap_or_default(),
                e_tag: None,
                version: None,
            });
            file.partition_values = values;
            files.push(Arc::new(DataFile {
                file,
                holds: Holds::of(path.as_ref()),
                stats: Arc::new(stats),
            }));
        }
        drop(views);
        let columns = TableSchema::builder(Arc::new(Schema::new(stored.to_vec())))
            .with_table_partition_cols(partitions.to_vec())
            .build();
        Ok(Some(Self {
            schema,
            columns,
            files: files.into(),
        }))
    }

    /// Whether a filter is about the partition alone: it holds for all rows of a file or for none.
    pub(super) fn is_of_partition(&self, filter: &Expr) -> bool {
        let columns = self.columns.table_partition_cols();
        let known = |name: &str| columns.iter().any(|column| column.name() == name);
        let asked = filter.column_refs();
        !asked.is_empty() && asked.iter().all(|column| known(&column.name))
    }

    /// The files in which rows may match all filters, of the partitions that match them.
    pub(super) fn matching(
        &self,
        state: &dyn Session,
        files: &[Arc<DataFile>],
        filters: &[Expr],
    ) -> Result<Vec<Arc<DataFile>>> {
        let (of_partition, others): (Vec<Expr>, Vec<Expr>) = filters
            .iter()
            .cloned()
            .partition(|filter| self.is_of_partition(filter));
        let files = self.of_partitions(state, files, of_partition)?;
        let Some(filter) = conjunction(others) else {
            return Ok(files);
        };
        let columns = DFSchema::try_from(Arc::clone(&self.schema))?;
        let filter = state.create_physical_expr(filter, &columns)?;
        let predicate = PruningPredicateBuilder::new()
            .with_file_schema(Arc::clone(&self.schema))
            .try_build(filter)?;
        if predicate.always_true() || files.is_empty() {
            return Ok(files);
        }
        let stats = files.iter().map(|file| Arc::clone(&file.stats)).collect();
        let stats = PrunableStatistics::new(stats, Arc::clone(&self.schema));
        let keep = predicate.prune(&stats)?;
        let kept = files.into_iter().zip(keep).filter(|(_, keep)| *keep);
        Ok(kept.map(|(file, _)| file).collect())
    }

    /// The files of the partitions that match filters about nothing else.
    fn of_partitions(
        &self,
        state: &dyn Session,
        files: &[Arc<DataFile>],
        filters: Vec<Expr>,
    ) -> Result<Vec<Arc<DataFile>>> {
        let Some(filter) = conjunction(filters).filter(|_| !files.is_empty()) else {
            return Ok(files.to_vec());
        };
        let fields = self.columns.table_partition_cols();
        let schema = Arc::new(Schema::new(fields.clone()));
        let values = (0..fields.len()).map(|column| {
            let of = files.iter().map(|file| &file.file.partition_values);
            ScalarValue::iter_to_array(of.map(|values| values[column].clone()))
        });
        let values = RecordBatch::try_new(Arc::clone(&schema), values.collect::<Result<_>>()?)?;
        let filter = state.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
        let keep = filter.evaluate(&values)?.into_array(files.len())?;
        let keep = keep.as_boolean();
        let kept = files.iter().zip(keep.iter());
        Ok(kept
            .filter(|(_, keep)| *keep == Some(true))
            .map(|(file, _)| Arc::clone(file))
            .collect())
    }

    /// All files.
    pub(super) fn files(&self) -> &[Arc<DataFile>] {
        &self.files
    }

    /// Reads files with as many threads as it pays to.
    pub(super) fn read(
        &self,
        state: &dyn Session,
        files: &[Arc<DataFile>],
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => Arc::clone(&self.schema),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let bytes: u64 = files.iter().map(|file| file.file.object_meta.size).sum();
        let group: FileGroup = files.iter().map(|file| file.file.clone()).collect();
        let threads = state.config().target_partitions();
        let groups = if bytes < SPREAD_FROM {
            vec![group]
        } else {
            group.split_files(threads)
        };
        let counts = files.iter().map(|file| file.stats.as_ref());
        let counts = counted(counts, self.schema.fields().len());
        let scan = self.scan_of(state, groups, projection)?;
        let scan = scan.with_statistics(counts).with_limit(limit);
        Ok(DataSourceExec::from_data_source(scan.build()))
    }

    /// Reads files that are each in this order, one partition a file.
    pub(super) fn read_sorted(
        &self,
        state: &dyn Session,
        files: &[Arc<DataFile>],
        projection: &Vec<usize>,
        ordering: LexOrdering,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let groups = files
            .iter()
            .map(|file| FileGroup::new(vec![file.file.clone()]));
        let scan = self.scan_of(state, groups.collect(), Some(projection))?;
        let scan = scan.with_output_ordering(vec![ordering]);
        Ok(DataSourceExec::from_data_source(scan.build()))
    }

    fn scan_of(
        &self,
        state: &dyn Session,
        groups: Vec<FileGroup>,
        projection: Option<&Vec<usize>>,
    ) -> Result<FileScanConfigBuilder> {
        let url = ObjectStoreUrl::local_filesystem();
        let runtime = state.runtime_env();
        let reader = CachedParquetFileReaderFactory::new(
            runtime.object_store(&url)?,
            runtime.cache_manager.get_file_metadata_cache(),
        );
        let options = TableParquetOptions {
            global: state.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let source = ParquetSource::new(self.columns.clone())
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(reader));
        FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())
    }
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        // Others choose files here; the engine puts the filter above the scan and from there into it.
        let told = |filter: &&Expr| {
            if filter.is_volatile() {
                TableProviderFilterPushDown::Unsupported
            } else if self.is_of_partition(filter) {
                TableProviderFilterPushDown::Exact
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(told).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        let counts = self.files.iter().map(|file| file.stats.as_ref());
        Some(counted(counts, self.schema.fields().len()))
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let files = self.matching(state, &self.files, filters)?;
        let limit = limit.filter(|_| filters.iter().all(|filter| self.is_of_partition(filter)));
        self.read(state, &files, projection, limit)
    }
}

/// Rows, bytes and nulls of several files.
fn counted<'s>(files: impl Iterator<Item = &'s Statistics>, columns: usize) -> Statistics {
    let mut sum = Statistics {
        num_rows: Precision::Exact(0),
        total_byte_size: Precision::Exact(0),
        column_statistics: vec![
            ColumnStatistics {
                null_count: Precision::Exact(0),
                ..ColumnStatistics::default()
            };
            columns
        ],
    };
    for file in files {
        sum.num_rows = sum.num_rows.add(&file.num_rows);
        sum.total_byte_size = sum.total_byte_size.add(&file.total_byte_size);
        for (sum, column) in sum
            .column_statistics
            .iter_mut()
            .zip(&file.column_statistics)
        {
            sum.null_count = sum.null_count.add(&column.null_count);
        }
    }
    // Bytes as they lie on disk say little of what they are in memory.
    sum.total_byte_size = sum.total_byte_size.to_inexact();
    sum
}

/// What an entry of the log tells of a file.
fn statistics(text: Option<&str>, stored: &[FieldRef], partition: &[ScalarValue]) -> Statistics {
    let told: Map<String, Value> = text
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let count = |value: Option<&Value>| {
        let count = value.and_then(Value::as_u64);
        count
            .and_then(|count| usize::try_from(count).ok())
            .map_or(Precision::Absent, Precision::Exact)
    };
    let of = |section: &str, column: &str| told.get(section).and_then(|it| it.get(column));
    let num_rows = count(told.get("numRecords"));
    let columns = stored.iter().map(|field| {
        let known = |section: &str, most: bool| {
            of(section, field.name())
                .and_then(|value| bound(value, field.data_type(), most))
                .map_or(Precision::Absent, Precision::Exact)
        };
        ColumnStatistics {
            null_count: count(of("nullCount", field.name())),
            min_value: known("minValues", false),
            max_value: known("maxValues", true),
            ..ColumnStatistics::default()
        }
    });
    let fixed = partition.iter().map(|value| ColumnStatistics {
        null_count: if value.is_null() {
            num_rows
        } else {
            Precision::Exact(0)
        },
        min_value: Precision::Exact(value.clone()),
        max_value: Precision::Exact(value.clone()),
        ..ColumnStatistics::default()
    });
    Statistics {
        num_rows,
        total_byte_size: Precision::Absent,
        column_statistics: columns.chain(fixed).collect(),
    }
}

/// A bound as the log writes it. The log writes instants to the millisecond, and not every writer
/// rounds a largest one up; a number with all its digits is read with an error of the last one.
fn bound(value: &Value, data_type: &DataType, most: bool) -> Option<ScalarValue> {
    match data_type {
        DataType::Utf8View => Some(ScalarValue::Utf8View(Some(value.as_str()?.to_owned()))),
        DataType::Utf8 => Some(ScalarValue::Utf8(Some(value.as_str()?.to_owned()))),
        DataType::Float64 => {
            let value = value.as_f64()?;
            let slack = value.abs() * (4.0 * f64::EPSILON);
            let value = if most { value + slack } else { value - slack };
            Some(ScalarValue::Float64(Some(value)))
        }
        DataType::Int64 => Some(ScalarValue::Int64(Some(value.as_i64()?))),
        DataType::Int32 => {
            let value = i32::try_from(value.as_i64()?).ok()?;
            Some(ScalarValue::Int32(Some(value)))
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let instant = DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
            let micros = instant.timestamp_micros() + if most { 999 } else { 0 };
            Some(ScalarValue::TimestampMicrosecond(
                Some(micros),
                zone.clone(),
            ))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use nonsite_schemas::tables::timestamp_type;

    use super::*;

    #[test]
    fn bounds_of_the_log_are_never_too_narrow() {
        let stored: Vec<FieldRef> = vec![
            Arc::new(Field::new("mn", DataType::Utf8View, false)),
            Arc::new(Field::new("data_time", timestamp_type(), false)),
            Arc::new(Field::new("value", DataType::Float64, true)),
            Arc::new(Field::new("extra", DataType::Utf8View, true)),
        ];
        let text = r#"{"numRecords":5,"minValues":{"mn":"a","data_time":"2026-01-01T00:00:00.000Z"},
            "maxValues":{"mn":"b","data_time":"2026-01-01T00:00:01.000Z","value":7},
            "nullCount":{"mn":0,"value":2}}"#;
        let day = ScalarValue::Date32(Some(20_454));
        let stats = statistics(Some(text), &stored, std::slice::from_ref(&day));
        assert_eq!(stats.num_rows, Precision::Exact(5));
        let [mn, time, value, extra, date] = &stats.column_statistics[..] else {
            panic!("one for every column and the day: {stats:?}");
        };
        assert_eq!(
            mn.max_value,
            Precision::Exact(ScalarValue::Utf8View(Some("b".to_owned())))
        );
        let micros = |precision: &Precision<ScalarValue>| match precision.get_value() {
            Some(ScalarValue::TimestampMicrosecond(Some(micros), _)) => *micros,
            other => panic!("{other:?}"),
        };
        assert_eq!(micros(&time.max_value) - micros(&time.min_value), 1_000_999);
        assert_eq!(value.min_value, Precision::Absent);
        assert_eq!(value.null_count, Precision::Exact(2));
        assert_eq!(extra.null_count, Precision::Absent);
        assert_eq!(date.min_value, Precision::Exact(day));
        let exact = 0.1 + 0.2;
        let read: Value = serde_json::from_str(&Value::from(exact).to_string()).unwrap();
        let told = |most: bool| match bound(&read, &DataType::Float64, most) {
            Some(ScalarValue::Float64(Some(bound))) => bound,
            other => panic!("{other:?}"),
        };
        assert!(told(false) < exact && exact < told(true));
        assert!(told(true) - told(false) < 1e-14);
        let none = statistics(None, &stored, &[]);
        assert_eq!(none.num_rows, Precision::Absent);
        let sum = counted([&stats, &none].into_iter(), 4);
        assert_eq!(sum.num_rows, Precision::Absent, "unknown stays unknown");
    }
}
