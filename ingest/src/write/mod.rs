//! Rows to Parquet files with everything a reader needs to skip them.
//!
//! One call takes a batch of one table, sorts it by partition and the table's sort columns, and
//! makes one file per partition value: zstd, instants and offsets delta-packed, page index, and
//! an `add` action with exact statistics of every column. Files are uploaded before they are
//! committed; a file without a commit is an orphan that vacuum removes.
//!
//! Text columns may come dictionary-encoded (as the hot path builds them); the file holds plain
//! text columns either way.
//!
//! Failure modes: [`WriteError::Encode`] is a fault of the program (a batch that does not fit its
//! table), [`WriteError::Upload`] one of the store, and worth another try.

pub mod properties;
mod sort;
pub(crate) mod stats;

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::take;
use arrow::datatypes::{DataType, Date32Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use bytes::Bytes;
use deltalake::kernel::Add;
use nonsite_schemas::tables::TableDef;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;

/// Rows put in order and encoded at a time.
const PORTION_ROWS: usize = 1 << 14;

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The batch does not fit the table, or Parquet refused it.
    #[error("table `{table}`: rows cannot be encoded: {detail}")]
    Encode {
        /// Table name.
        table: String,
        /// What does not fit.
        detail: String,
    },
    /// The store did not take the file.
    #[error("table `{table}`: file `{path}` cannot be uploaded: {source}; check the store")]
    Upload {
        /// Table name.
        table: String,
        /// Path within the table.
        path: String,
        /// What the store said.
        #[source]
        source: object_store::Error,
    },
}

/// A file that is encoded and not yet uploaded.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// Its bytes.
    pub bytes: Bytes,
    /// The action that makes it visible once it is uploaded.
    pub add: Add,
    /// Rows in it.
    pub rows: u64,
}

/// Encodes `batch` as files of `table`, one per partition value.
///
/// `name` makes the file names unique within the table; `now_millis` is the modification time.
///
/// # Errors
/// [`WriteError::Encode`].
pub fn encode(
    table: &TableDef,
    batch: &RecordBatch,
    name: &str,
    now_millis: i64,
) -> Result<Vec<DataFile>, WriteError> {
    let fault = |detail: String| WriteError::Encode {
        table: table.name.to_owned(),
        detail,
    };
    if batch.num_rows() == 0 {
        return Ok(Vec::new());
    }
    let order = sort::order(table, batch).map_err(|error| fault(error.to_string()))?;
    let runs = partitions(table, batch, &order).map_err(fault)?;
    let stored = Stored::of(table, batch).map_err(|error| fault(error.to_string()))?;
    let mut files = Vec::with_capacity(runs.len());
    for (index, run) in runs.into_iter().enumerate() {
        let rows = order.slice(run.start, run.len);
        let (bytes, stats) =
            parquet(table, &stored, &rows).map_err(|error| fault(error.to_string()))?;
        let folder = run.folder();
        let path = format!("{folder}part-{index:05}-{name}.zstd.parquet");
        let add = Add {
            path,
            partition_values: run.values,
            size: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            modification_time: now_millis,
            data_change: true,
            stats: Some(stats),
            ..Add::default()
        };
        files.push(DataFile {
            bytes,
            add,
            rows: run.len as u64,
        });
    }
    Ok(files)
}

/// Uploads encoded files and gives the actions that make them visible.
///
/// # Errors
/// [`WriteError::Upload`]; files uploaded before it are orphans.
pub async fn upload(
    objects: &dyn ObjectStore,
    table: &str,
    files: Vec<DataFile>,
) -> Result<Vec<Add>, WriteError> {
    let mut adds = Vec::with_capacity(files.len());
    for DataFile { bytes, add, .. } in files {
        objects
            .put(
                &Path::from(add.path.as_str()),
                PutPayload::from_bytes(bytes),
            )
            .await
            .map_err(|source| WriteError::Upload {
                table: table.to_owned(),
                path: add.path.clone(),
                source,
            })?;
        adds.push(add);
    }
    Ok(adds)
}

/// Encodes (off the async threads) and uploads in one step: what `redrive` and other small
/// writers need.
///
/// # Errors
/// [`WriteError`].
pub async fn write_parquet(
    objects: &dyn ObjectStore,
    table: &TableDef,
    batch: RecordBatch,
    now_millis: i64,
) -> Result<Vec<Add>, WriteError> {
    let def = table.clone();
    let name = uuid::Uuid::new_v4().to_string();
    let files = tokio::task::spawn_blocking(move || encode(&def, &batch, &name, now_millis))
        .await
        .map_err(|error| WriteError::Encode {
            table: table.name.to_owned(),
            detail: format!("the encoder stopped: {error}"),
        })??;
    upload(objects, table.name, files).await
}

/// A run of rows with the same partition values.
struct Run {
    start: usize,
    len: usize,
    values: HashMap<String, Option<String>>,
}

impl Run {
    /// `date=2026-01-31/`, or nothing for a table without partitions.
    fn folder(&self) -> String {
        self.values
            .iter()
            .map(|(column, value)| format!("{column}={}/", value.as_deref().unwrap_or("null")))
            .collect()
    }
}

/// Splits the ordered rows where the partition value changes. Tables are partitioned by one day
/// column or not at all.
fn partitions(
    table: &TableDef,
    batch: &RecordBatch,
    order: &UInt32Array,
) -> Result<Vec<Run>, String> {
    let column = match table.partition_columns {
        [] => {
            let values = HashMap::new();
            return Ok(vec![Run {
                start: 0,
                len: order.len(),
                values,
            }]);
        }
        [column] => *column,
        more => return Err(format!("partition columns {more:?}: only one is supported")),
    };
    let days = batch
        .column_by_name(column)
        .and_then(|days| days.as_primitive_opt::<Date32Type>())
        .filter(|days| days.null_count() == 0)
        .ok_or_else(|| format!("partition column `{column}` must be a day and never null"))?;
    let mut runs: Vec<Run> = Vec::new();
    let mut last = None;
    for (place, row) in order.values().iter().enumerate() {
        let day = days.value(*row as usize);
        match runs.last_mut() {
            Some(run) if last == Some(day) => run.len += 1,
            _ => {
                let text = Date32Type::to_naive_date_opt(day)
                    .map(|day| day.to_string())
                    .ok_or_else(|| format!("day {day} is not a date"))?;
                let values = HashMap::from([(column.to_owned(), Some(text))]);
                runs.push(Run {
                    start: place,
                    len: 1,
                    values,
                });
                last = Some(day);
            }
        }
    }
    Ok(runs)
}

/// The columns of a batch that go into files: all but the partition columns, which Delta keeps in
/// the log.
struct Stored<'a> {
    schema: SchemaRef,
    columns: Vec<&'a ArrayRef>,
}

impl<'a> Stored<'a> {
    fn of(table: &TableDef, batch: &'a RecordBatch) -> Result<Self, ArrowError> {
        let mut fields = Vec::with_capacity(batch.num_columns());
        let mut columns = Vec::with_capacity(batch.num_columns());
        for field in table.schema.fields() {
            if table.partition_columns.contains(&field.name().as_str()) {
                continue;
            }
            let column = batch.column_by_name(field.name()).ok_or_else(|| {
                ArrowError::SchemaError(format!("the batch has no column `{}`", field.name()))
            })?;
            let fits = match column.data_type() {
                DataType::Dictionary(_, value) => value.as_ref() == field.data_type(),
                other => other == field.data_type(),
            };
            if !fits {
                return Err(ArrowError::SchemaError(format!(
                    "column `{}` is {} and must be {}",
                    field.name(),
                    column.data_type(),
                    field.data_type()
                )));
            }
            let field = field.as_ref().clone();
            fields.push(field.with_data_type(column.data_type().clone()));
            columns.push(column);
        }
        Ok(Self {
            schema: Arc::new(Schema::new(fields)),
            columns,
        })
    }

    /// These rows in order.
    fn rows(&self, rows: &UInt32Array) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.iter().map(|column| {
            if column.null_count() == column.len() {
                Ok(new_null_array(column.data_type(), rows.len()))
            } else {
                take(column, rows, None)
            }
        });
        RecordBatch::try_new(Arc::clone(&self.schema), columns.collect::<Result<_, _>>()?)
    }
}

/// One Parquet file of these rows in order, and its statistics as Delta wants them.
///
/// Rows are put in order a portion at a time: the whole batch a second time would double what an
/// encoder holds, and a portion stays in the processor's cache between copying and encoding.
fn parquet(
    table: &TableDef,
    stored: &Stored<'_>,
    rows: &UInt32Array,
) -> Result<(Bytes, String), ParquetError> {
    let options = ArrowWriterOptions::new()
        .with_properties(properties::of(table))
        // The hot path's dictionary types are an affair of this process, not of readers.
        .with_skip_arrow_metadata(true);
    let mut bytes = Vec::with_capacity(rows.len() * 12 + 16 * 1024);
    let schema = Arc::clone(&stored.schema);
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, schema, options)?;
    for start in (0..rows.len()).step_by(PORTION_ROWS) {
        let portion = rows.slice(start, PORTION_ROWS.min(rows.len() - start));
        writer.write(&stored.rows(&portion)?)?;
    }
    let metadata = writer.close()?;
    let stats = stats::of(&metadata);
    Ok((Bytes::from(bytes), stats))
}

#[cfg(test)]
mod tests;
