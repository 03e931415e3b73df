//! Several files of one partition into few, in the table's order.
//!
//! Inputs are sorted by the table's sort columns, so a streaming merge keeps the order without
//! holding the rows: in memory are one row group of every input as it is encoded, one decoded batch
//! of it, and one encoded output. Inputs that are not sorted lose nothing; the output is then
//! only as sorted as they were. Engines believe what a file says about its order, so the output
//! says it is sorted only if every input does and this program wrote them all. A column that an
//! older file does not have is null in its rows.
//!
//! Readings come in copies, and a merge that sees them in order is the place to tell them apart
//! ([`nonsite_schemas::copies`]): the copies that count go into files `current-`, the others into
//! files `superseded-`. An output ends where it has the target size and, where its copies count, the
//! logger changes, so that those outputs of one merge share no reading. Inputs that are not sorted
//! go into a file `unsorted-` of their own: they must not spoil the order of the others.

use std::sync::Arc;

use arrow::array::{Array, RecordBatch, new_null_array};
use arrow::compute::{SortOptions, cast};
use arrow::datatypes::SchemaRef;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, UnboundedMemoryPool};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
use datafusion::physical_plan::SendableRecordBatchStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::sorts::streaming_merge::StreamingMergeBuilder;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt, stream};
use nonsite_schemas::copies::{self, Holds, Sieve, Sifted};
use nonsite_schemas::tables::TableDef;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::arrow::ParquetRecordBatchStreamBuilder;
use parquet::arrow::arrow_reader::ArrowReaderOptions;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::WriterProperties;

use super::plan::Lane;
use crate::write::{properties, stats};

/// Rows decoded at a time from each input.
const INPUT_ROWS: usize = 1_024;
/// Rows handed to the encoder at a time.
const OUTPUT_ROWS: usize = 8_192;

/// A merged file that is stored and not yet committed.
#[derive(Debug)]
pub(super) struct Output {
    /// Path within the table.
    pub(super) path: String,
    /// Bytes.
    pub(super) size: u64,
    /// Statistics as Delta wants them.
    pub(super) stats: String,
    rows: u64,
}

/// What to merge.
pub(super) struct Merge<'m> {
    /// The table's folder.
    pub(super) objects: Arc<dyn ObjectStore>,
    /// Columns of its files.
    pub(super) schema: SchemaRef,
    /// The table.
    pub(super) def: &'m TableDef,
    /// Folder of the partition, empty for a table without partitions.
    pub(super) partition: &'m str,
    /// What the inputs hold.
    pub(super) lane: Lane,
    /// Bytes at which an output of readings ends.
    pub(super) target: u64,
}

impl Merge<'_> {
    /// Merges files of the partition and stores the result; also how many rows were in them.
    pub(super) async fn run(
        &self,
        inputs: &[(Path, u64)],
    ) -> Result<(Vec<Output>, u64), DataFusionError> {
        let properties = properties::of(self.def);
        let mut rows_in = 0_u64;
        let (mut sorted, mut others) = (Vec::new(), Vec::new());
        for (path, size) in inputs {
            let input = open(&self.objects, path, *size, &self.schema).await?;
            rows_in += input.rows;
            if input.says_sorted(&properties) {
                sorted.push(input.stream);
            } else {
                others.push(input.stream);
            }
        }
        let silent = || {
            let builder = properties.clone().into_builder();
            builder.set_sorting_columns(None).build()
        };
        let outputs = if self.def.name == copies::TABLE && self.lane == Lane::Kept {
            let mut outputs = Vec::new();
            if !sorted.is_empty() {
                let rows = self.in_order(sorted)?;
                outputs.extend(self.sifted(rows, properties.clone()).await?);
            }
            if !others.is_empty() {
                let rows = self.in_order(others)?;
                outputs.extend(self.written(rows, silent(), Holds::Unsorted).await?);
            }
            outputs
        } else {
            let properties = if others.is_empty() {
                properties
            } else {
                silent()
            };
            sorted.append(&mut others);
            let holds = match self.lane {
                Lane::Superseded => Holds::Superseded,
                Lane::Unsorted => Holds::Unsorted,
                Lane::Kept => Holds::Any,
            };
            let rows = self.in_order(sorted)?;
            self.written(rows, properties, holds).await?
        };
        let rows_out: u64 = outputs.iter().map(|output| output.rows).sum();
        if rows_out != rows_in {
            // The inputs stay as they are: nothing may be removed on the word of a merge that lost
            // rows.
            return Err(DataFusionError::Execution(format!(
                "merging {} files gave {rows_out} rows instead of {rows_in}",
                inputs.len()
            )));
        }
        Ok((outputs, rows_in))
    }

    fn in_order(
        &self,
        streams: Vec<SendableRecordBatchStream>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        in_order(streams, &self.schema, self.def.sort_columns)
    }

    /// All rows into one file.
    async fn written(
        &self,
        mut rows: SendableRecordBatchStream,
        properties: WriterProperties,
        holds: Holds,
    ) -> Result<Vec<Output>, DataFusionError> {
        let mut file = self.file(&properties)?;
        while let Some(batch) = rows.try_next().await? {
            file.write(&batch)?;
        }
        Ok(vec![self.store(file, holds).await?])
    }

    /// Current copies into files of the target size, the others into further ones.
    async fn sifted(
        &self,
        mut rows: SendableRecordBatchStream,
        properties: WriterProperties,
    ) -> Result<Vec<Output>, DataFusionError> {
        let mut sieve = Sieve::new(&self.schema)?;
        let mut outputs = Vec::new();
        let mut current = self.file(&properties)?;
        let mut superseded: Option<ArrowWriter<Vec<u8>>> = None;
        let mut last: Option<RecordBatch> = None;
        loop {
            let next = rows.try_next().await?;
            let done = next.is_none();
            let Sifted {
                current: kept,
                superseded: beaten,
            } = match next {
                Some(batch) => sieve.push(batch)?,
                None => sieve.finish()?,
            };
            if let Some(beaten) = beaten {
                let mut file = match superseded.take() {
                    Some(file) => file,
                    None => self.file(&properties)?,
                };
                file.write(&beaten)?;
                if size(&file) < self.target {
                    superseded = Some(file);
                } else {
                    outputs.push(self.store(file, Holds::Superseded).await?);
                }
            }
            if let Some(kept) = kept {
                let mut rest = kept;
                if size(&current) >= self.target
                    && let Some(cut) = border(last.as_ref(), &rest)?
                {
                    if cut > 0 {
                        current.write(&rest.slice(0, cut))?;
                    }
                    let full = std::mem::replace(&mut current, self.file(&properties)?);
                    outputs.push(self.store(full, Holds::Current).await?);
                    rest = rest.slice(cut, rest.num_rows() - cut);
                }
                current.write(&rest)?;
                last = Some(rest.slice(rest.num_rows() - 1, 1));
            }
            if done {
                break;
            }
        }
        outputs.push(self.store(current, Holds::Current).await?);
        if let Some(superseded) = superseded {
            outputs.push(self.store(superseded, Holds::Superseded).await?);
        }
        Ok(outputs)
    }

    fn file(&self, properties: &WriterProperties) -> Result<ArrowWriter<Vec<u8>>, DataFusionError> {
        let options = ArrowWriterOptions::new()
            .with_properties(properties.clone())
            .with_skip_arrow_metadata(true);
        let schema = Arc::clone(&self.schema);
        Ok(ArrowWriter::try_new_with_options(
            Vec::new(),
            schema,
            options,
        )?)
    }

    async fn store(
        &self,
        mut file: ArrowWriter<Vec<u8>>,
        holds: Holds,
    ) -> Result<Output, DataFusionError> {
        let metadata = file.finish()?;
        let bytes = std::mem::take(file.inner_mut());
        let name = format!("{}-{}.zstd.parquet", holds.prefix(), uuid::Uuid::new_v4());
        let path = if self.partition.is_empty() {
            name
        } else {
            format!("{}/{name}", self.partition)
        };
        let size = bytes.len() as u64;
        self.objects
            .put(&Path::from(path.as_str()), PutPayload::from(bytes))
            .await?;
        Ok(Output {
            path,
            size,
            stats: stats::of(&metadata),
            rows: metadata.file_metadata().num_rows().unsigned_abs(),
        })
    }
}

/// Bytes of a file so far, as far as they can be told before it is finished.
fn size(file: &ArrowWriter<Vec<u8>>) -> u64 {
    (file.bytes_written() + file.in_progress_size()) as u64
}

/// The first row of `next` whose logger is not that of the row before it; `last` is the row before
/// the first.
fn border(
    last: Option<&RecordBatch>,
    next: &RecordBatch,
) -> Result<Option<usize>, DataFusionError> {
    let mn = next.schema().index_of(copies::ORDER[0])?;
    let options = SortOptions::default();
    let loggers = next.column(mn);
    if let Some(last) = last {
        let compare = arrow::array::make_comparator(last.column(mn), loggers, options)?;
        if compare(0, 0).is_ne() {
            return Ok(Some(0));
        }
    }
    let compare = arrow::array::make_comparator(loggers, loggers, options)?;
    Ok((1..loggers.len()).find(|row| compare(row - 1, *row).is_ne()))
}

/// An opened input.
struct Input {
    stream: SendableRecordBatchStream,
    rows: u64,
    /// Whether this program wrote it.
    ours: bool,
    /// What each row group says about its order.
    sorting: Vec<Option<Vec<SortingColumn>>>,
}

impl Input {
    /// Whether it is in the table's order as a whole. Only this program's word counts: the format
    /// says nothing of row groups among each other.
    fn says_sorted(&self, properties: &WriterProperties) -> bool {
        let expected = properties.sorting_columns();
        self.ours && self.sorting.iter().all(|it| it.as_ref() == expected)
    }
}

async fn open(
    objects: &Arc<dyn ObjectStore>,
    path: &Path,
    size: u64,
    schema: &SchemaRef,
) -> Result<Input, DataFusionError> {
    let file = PartitionedFile::from(ObjectMeta {
        location: path.clone(),
        last_modified: chrono::DateTime::default(),
        size,
        e_tag: None,
        version: None,
    });
    let reader: Box<dyn AsyncFileReader> = DefaultParquetFileReaderFactory::new(Arc::clone(
        objects,
    ))
    .create_reader(0, file, None, &ExecutionPlanMetricsSet::new())?;
    // Without the embedded Arrow schema a dictionary column reads as plain text, like the table.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchStreamBuilder::new_with_options(reader, options).await?;
    let metadata = builder.metadata();
    let rows = metadata.file_metadata().num_rows().unsigned_abs();
    let ours = metadata
        .file_metadata()
        .created_by()
        .is_some_and(|by| by.starts_with("nonsite "));
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
    let stream = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), batches));
    Ok(Input {
        stream,
        rows,
        ours,
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
