//! Several small files of one partition into one, in the table's order.
//!
//! Inputs are sorted by the table's sort columns, so a streaming merge keeps the order without
//! holding the rows: in memory are the encoded inputs and output (each at most the target size)
//! and one decoded batch per input. Inputs that are not sorted lose nothing; the output is then
//! only as sorted as they were. Engines believe what a file says about its order, so the output
//! says it is sorted only if every input does. A column that an older file does not have is null
//! in its rows.

use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::SchemaRef;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, UnboundedMemoryPool};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::sorts::streaming_merge::StreamingMergeBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};
use nonsite_schemas::tables::TableDef;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::metadata::SortingColumn;

use crate::write::properties;

/// Rows decoded at a time from each input.
const INPUT_ROWS: usize = 1_024;
/// Rows handed to the encoder at a time.
const OUTPUT_ROWS: usize = 8_192;

/// A merged file, not yet stored.
#[derive(Debug)]
pub(super) struct Merged {
    /// The Parquet file.
    pub(super) bytes: Vec<u8>,
    /// Rows read; the same number was written.
    pub(super) rows: u64,
}

/// Merges `inputs` of one partition of the table into one file of `schema`, encoded as the writers
/// of new rows encode it.
pub(super) async fn merge(
    objects: Arc<dyn ObjectStore>,
    schema: SchemaRef,
    def: &TableDef,
    inputs: &[Path],
) -> Result<Merged, DataFusionError> {
    let mut properties = properties::of(def);
    let mut rows_in = 0_u64;
    let mut streams = Vec::with_capacity(inputs.len());
    for path in inputs {
        let input = open(&objects, path, &schema).await?;
        rows_in += input.rows;
        if !input
            .sorting
            .iter()
            .all(|sorting| sorting.as_ref() == properties.sorting_columns())
        {
            properties = properties.into_builder().set_sorting_columns(None).build();
        }
        streams.push(input.stream);
    }
    let mut merged = in_order(streams, &schema, def.sort_columns)?;
    let options = ArrowWriterOptions::new()
        .with_properties(properties)
        .with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)?;
    let mut rows = 0_u64;
    while let Some(batch) = merged.try_next().await? {
        rows += batch.num_rows() as u64;
        writer.write(&batch)?;
    }
    let bytes = writer.into_inner()?;
    if rows != rows_in {
        // The inputs stay as they are: nothing may be removed on the word of a merge that lost rows.
        return Err(DataFusionError::Execution(format!(
            "merging {} files gave {rows} rows instead of {rows_in}",
            inputs.len()
        )));
    }
    Ok(Merged { bytes, rows })
}

/// An opened input.
struct Input {
    stream: SendableRecordBatchStream,
    rows: u64,
    /// What each row group says about its order.
    sorting: Vec<Option<Vec<SortingColumn>>>,
}

async fn open(
    objects: &Arc<dyn ObjectStore>,
    path: &Path,
    schema: &SchemaRef,
) -> Result<Input, DataFusionError> {
    let bytes = objects.get(path).await?.bytes().await?;
    // Without the embedded Arrow schema a dictionary column reads as plain text, like the table.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, options)?;
    let metadata = builder.metadata();
    let rows = metadata.file_metadata().num_rows().unsigned_abs();
    let sorting = metadata
        .row_groups()
        .iter()
        .map(|group| group.sorting_columns().cloned())
        .collect();
    let target = Arc::clone(schema);
    let batches = builder
        .with_batch_size(INPUT_ROWS)
        .build()?
        .map(move |batch| conform(&batch?, &target));
    let stream = Box::pin(RecordBatchStreamAdapter::new(
        Arc::clone(schema),
        stream::iter(batches),
    ));
    Ok(Input {
        stream,
        rows,
        sorting,
    })
}

/// The batch with exactly the table's columns and types.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, DataFusionError> {
    let columns = schema
        .fields()
        .iter()
        .map(|field| match batch.column_by_name(field.name()) {
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
            Some(column) => cast(column, field.data_type()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

fn in_order(
    streams: Vec<SendableRecordBatchStream>,
    schema: &SchemaRef,
    sort_columns: &[&str],
) -> Result<SendableRecordBatchStream, DataFusionError> {
    let expressions = sort_columns
        .iter()
        .filter_map(|name| Some((name, schema.index_of(name).ok()?)))
        .map(|(name, index)| PhysicalSortExpr::new_default(Arc::new(Column::new(name, index))));
    let Some(ordering) = LexOrdering::new(expressions) else {
        let chained = stream::iter(streams).flatten();
        return Ok(Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(schema),
            chained,
        )));
    };
    // What is held is bounded by the number of inputs; there is nobody to share a budget with.
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    StreamingMergeBuilder::new()
        .with_streams(streams)
        .with_schema(Arc::clone(schema))
        .with_expressions(&ordering)
        .with_metrics(BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0))
        .with_batch_size(OUTPUT_ROWS)
        .with_reservation(MemoryConsumer::new("compaction").register(&pool))
        .build()
}
