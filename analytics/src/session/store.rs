//! Reading and writing the analytics tables: small commits, atomic with their markers.
//!
//! Invariant: rows and the transaction markers that say how far the run got are one commit, so a
//! crash leaves either both or neither. A commit that meets another writer of the same marker is
//! refused by the log (never rebased), and the caller starts its run again. Files are written so that a
//! power cut leaves no log entry and no checkpoint without its bytes ([`DurableFiles`]).

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Utc};
use datafusion::common::runtime::SpawnedTask;
use datafusion::error::DataFusionError;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, StructField, StructType, Transaction};
use deltalake::protocol::{DeltaOperation, SaveMode};
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::TryStreamExt;
use nonsite_files::DurableFiles;
use nonsite_schemas::tables::TableDef;
use tokio::sync::mpsc;
use url::Url;

use super::Error;

/// How often, and how far apart, a table is looked for that another process is creating.
const CREATION_LOOKS: u32 = 100;
const CREATION_PAUSE: Duration = Duration::from_millis(20);

/// Address of one table in the store.
fn table_url(store: &Path, name: &str) -> Result<Url, Error> {
    let fault = |what: String| Error::Store {
        path: store.to_owned(),
        what,
    };
    let folder = std::path::absolute(store.join(name)).map_err(|error| fault(error.to_string()))?;
    Url::from_directory_path(&folder)
        .map_err(|()| fault("the folder has no absolute path".to_owned()))
}

/// How a table is opened, for readers and writers alike.
fn opened(store: &Path, name: &str) -> Result<DeltaTableBuilder, Error> {
    let url = table_url(store, name)?;
    let builder = DeltaTableBuilder::from_url(url.clone()).map_err(Error::table(name))?;
    Ok(builder.with_storage_backend(Arc::new(DurableFiles::new()), url))
}

/// Refuses a store whose folder is not there: a mistyped path must neither answer like a store in
/// which nothing ever happened nor come into being as one.
///
/// # Errors
/// [`Error::Store`] names the path.
pub fn present(store: &Path) -> Result<(), Error> {
    if store.is_dir() {
        return Ok(());
    }
    Err(Error::Store {
        path: store.to_owned(),
        what: "there is no such folder".to_owned(),
    })
}

/// The table at its latest version, or nothing when it was never created.
pub(crate) async fn load(store: &Path, name: &str) -> Result<Option<DeltaTable>, Error> {
    load_at(store, name, None).await
}

/// The table at a version, the latest one when none is given; nothing when it was never created.
pub(crate) async fn load_at(
    store: &Path,
    name: &str,
    version: Option<u64>,
) -> Result<Option<DeltaTable>, Error> {
    if !has_log_entry(store, name)? {
        return Ok(None);
    }
    let builder = opened(store, name)?;
    let Some(version) = version else {
        return builder.load().await.map(Some).map_err(Error::table(name));
    };
    let table = builder.with_version(version).load().await;
    table.map(Some).map_err(|error| Error::Gone {
        what: format!("table `{name}` has no version {version} any more ({error})"),
    })
}

/// The table as it was at an instant; nothing when it was never created.
pub(super) async fn load_when(
    store: &Path,
    name: &str,
    at: DateTime<Utc>,
) -> Result<Option<DeltaTable>, Error> {
    if !has_log_entry(store, name)? {
        return Ok(None);
    }
    let builder = opened(store, name)?;
    let table = builder.with_timestamp(at).load().await;
    table.map(Some).map_err(|error| Error::Gone {
        what: format!("table `{name}` has no state of {at} ({error})"),
    })
}

/// Whether the log of a table has an entry. A log folder without one belongs to a table that
/// another process is creating at this moment: for a reader, it is not there yet.
fn has_log_entry(store: &Path, name: &str) -> Result<bool, Error> {
    let log = store.join(name).join("_delta_log");
    let fault = |error: std::io::Error| Error::Store {
        path: log.clone(),
        what: error.to_string(),
    };
    let files = match std::fs::read_dir(&log) {
        Ok(files) => files,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(fault(error)),
    };
    for file in files {
        let name = file.map_err(fault)?.file_name();
        // A commit or a checkpoint: twenty digits, a dot and the kind.
        let version = name.to_str().and_then(|name| name.split_once('.'));
        if version.is_some_and(|(version, _)| {
            version.len() == 20 && version.bytes().all(|byte| byte.is_ascii_digit())
        }) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The table once another process has written its first entry; nothing when none came.
async fn appears(store: &Path, name: &str) -> Result<Option<DeltaTable>, Error> {
    for _ in 0..CREATION_LOOKS {
        if let Some(table) = load(store, name).await? {
            return Ok(Some(table));
        }
        tokio::time::sleep(CREATION_PAUSE).await;
    }
    Ok(None)
}

/// The table, created from its definition when it does not exist, and with the columns that an earlier
/// program's did not have. The store's own folder is made by who ingests, never here.
pub(crate) async fn ensure(store: &Path, def: &TableDef) -> Result<DeltaTable, Error> {
    present(store)?;
    if let Some(table) = load(store, def.name).await? {
        return grown(table, store, def).await;
    }
    std::fs::create_dir_all(store.join(def.name)).map_err(|error| Error::Store {
        path: store.to_owned(),
        what: error.to_string(),
    })?;
    let schema: StructType =
        def.schema
            .as_ref()
            .try_into_kernel()
            .map_err(|error| Error::Store {
                path: store.to_owned(),
                what: format!("table `{}`: {error}", def.name),
            })?;
    let created = opened(store, def.name)?
        .build()
        .map_err(Error::table(def.name))?
        .create()
        .with_table_name(def.name)
        .with_comment(def.comment)
        .with_columns(schema.fields().cloned())
        .with_partition_columns(def.partition_columns.iter().copied())
        .with_save_mode(SaveMode::Ignore)
        .await;
    match created {
        Ok(table) => Ok(table),
        // Somebody else created it at the same moment, or is just about to: the library refuses a
        // folder that has the beginnings of a log.
        Err(error) => match appears(store, def.name).await? {
            Some(table) => grown(table, store, def).await,
            None => Err(Error::table(def.name)(error)),
        },
    }
}

/// The table with every column of its definition that may be null; in the rows that are there it is.
/// One that may not be is not made up: writing to such a table is refused.
async fn grown(table: DeltaTable, store: &Path, def: &TableDef) -> Result<DeltaTable, Error> {
    let lacking = missing(&table, def)?;
    if lacking.is_empty() {
        return Ok(table);
    }
    match table.add_columns().with_fields(lacking).await {
        Ok(table) => Ok(table),
        // Somebody else added them at the same moment.
        Err(error) => match load(store, def.name).await? {
            Some(table) if missing(&table, def)?.is_empty() => Ok(table),
            _ => Err(Error::table(def.name)(error)),
        },
    }
}

fn missing(table: &DeltaTable, def: &TableDef) -> Result<Vec<StructField>, Error> {
    let schema = table.snapshot().map_err(Error::table(def.name))?.schema();
    def.schema
        .fields()
        .iter()
        .filter(|field| field.is_nullable() && schema.field(field.name()).is_none())
        .map(|field| {
            field
                .as_ref()
                .try_into_kernel()
                .map_err(|source| Error::table(def.name)(DeltaTableError::Arrow { source }))
        })
        .collect()
}

/// Value of a transaction marker, if it was ever written.
pub(crate) async fn transaction(table: &DeltaTable, app_id: &str) -> Result<Option<i64>, Error> {
    let state = table.snapshot().map_err(Error::table(app_id))?;
    state
        .transaction_version(table.log_store().as_ref(), app_id)
        .await
        .map_err(Error::table(app_id))
}

/// Adds rows to a table in one commit with its markers.
pub(crate) async fn append(
    table: &DeltaTable,
    def: &TableDef,
    batch: RecordBatch,
    markers: Vec<Transaction>,
) -> Result<(), Error> {
    let actions = write(table, def, std::iter::once(Ok(batch))).await?;
    commit(table, def, actions, SaveMode::Append, markers).await
}

/// Replaces the rows of whole partitions (or, in an unpartitioned table, all rows) in one commit
/// with its markers: `batch` holds every row these partitions shall have.
pub(crate) async fn replace_partitions(
    table: &DeltaTable,
    def: &TableDef,
    partitions: &[String],
    batch: RecordBatch,
    markers: Vec<Transaction>,
) -> Result<(), Error> {
    let batches = std::iter::once(Ok(batch));
    replace_partitions_by(table, def, partitions, batches, markers).await
}

/// The same for rows that come bit by bit.
pub(crate) async fn replace_partitions_by(
    table: &DeltaTable,
    def: &TableDef,
    partitions: &[String],
    batches: impl Iterator<Item = Result<RecordBatch, Error>> + Send,
    markers: Vec<Transaction>,
) -> Result<(), Error> {
    let mut actions = write(table, def, batches).await?;
    let state = table.snapshot().map_err(Error::table(def.name))?;
    let log_store = table.log_store();
    let files: Vec<_> = state
        .snapshot()
        .file_views(log_store.as_ref(), None)
        .try_collect()
        .await
        .map_err(Error::table(def.name))?;
    for file in files {
        let values = file.partition_values_map();
        let replaced = def.partition_columns.iter().all(|column| {
            values
                .get(*column)
                .and_then(Option::as_ref)
                .is_some_and(|value| partitions.contains(value))
        });
        if replaced {
            actions.push(Action::Remove(file.remove_action(true)));
        }
    }
    commit(table, def, actions, SaveMode::Overwrite, markers).await
}

/// Rows after which files are written, so that a long table is never in memory whole.
const ROWS_AT_ONCE: usize = 1_000_000;
/// Batches that wait to be encoded.
const WAITING: usize = 2;
/// Files that are encoded at once.
const LANES: usize = 2;

/// Writes files; batches come while others are encoded.
async fn write(
    table: &DeltaTable,
    def: &TableDef,
    batches: impl Iterator<Item = Result<RecordBatch, Error>> + Send,
) -> Result<Vec<Action>, Error> {
    let mut lanes = Vec::new();
    let batches = batches.filter(|batch| !matches!(batch, Ok(batch) if batch.num_rows() == 0));
    for (at, batch) in batches.enumerate() {
        let batch = batch?;
        if lanes.len() < LANES {
            let (sender, receiver) = mpsc::channel(WAITING);
            lanes.push((
                sender,
                SpawnedTask::spawn(lane(table.clone(), def.name, receiver)),
            ));
        }
        // A lane that ended early says why when it is waited for; what comes after is for nothing.
        if lanes[at % LANES].0.send(batch).await.is_err() {
            break;
        }
    }
    let mut actions = Vec::new();
    for (sender, task) in lanes {
        drop(sender);
        let written = task
            .await
            .map_err(|error| Error::query(def.name)(DataFusionError::External(error.into())))?;
        actions.extend(written?.into_iter().map(Action::Add));
    }
    Ok(actions)
}

/// Encodes the batches that come, a file per partition and so many rows.
async fn lane(
    table: DeltaTable,
    name: &'static str,
    mut batches: mpsc::Receiver<RecordBatch>,
) -> Result<Vec<Add>, Error> {
    let mut writer = RecordBatchWriter::for_table(&table).map_err(Error::table(name))?;
    let mut adds = Vec::new();
    let mut rows = 0;
    while let Some(batch) = batches.recv().await {
        rows += batch.num_rows();
        writer.write(batch).await.map_err(Error::table(name))?;
        if rows >= ROWS_AT_ONCE {
            rows = 0;
            adds.extend(writer.flush().await.map_err(Error::table(name))?);
        }
    }
    adds.extend(writer.flush().await.map_err(Error::table(name))?);
    Ok(adds)
}

async fn commit(
    table: &DeltaTable,
    def: &TableDef,
    actions: Vec<Action>,
    mode: SaveMode,
    markers: Vec<Transaction>,
) -> Result<(), Error> {
    if actions.is_empty() && markers.is_empty() {
        return Ok(());
    }
    let state = table.snapshot().map_err(Error::table(def.name))?;
    let properties = CommitProperties::default().with_application_transactions(markers);
    let partition_by = (!def.partition_columns.is_empty()).then(|| {
        def.partition_columns
            .iter()
            .map(|&column| column.to_owned())
            .collect()
    });
    CommitBuilder::from(properties)
        .with_actions(actions)
        .build(
            Some(state.snapshot()),
            table.log_store(),
            DeltaOperation::Write {
                mode,
                partition_by,
                predicate: None,
            },
        )
        .await
        .map_err(Error::table(def.name))?;
    Ok(())
}
