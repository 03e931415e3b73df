//! Where the tables live, and how they come into being.
//!
//! A [`Store`] is a folder (or a bucket prefix) with one Delta table per subfolder. It hands out
//! the same object store to our own log ([`crate::log`]) and to the library, so that a fault
//! injected below is felt by both.
//!
//! Invariant: `delta.setTransactionRetentionDuration` is never set. It would let the offset of an
//! idle partition expire, and the partition would be read again from the start.
//!
//! Failure modes: [`StoreError`] names the table and whether it is the library or the store.

use std::path::Path as FsPath;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use deltalake::kernel::StructField;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use futures::TryStreamExt;
use nonsite_schemas::tables::TableDef;
use object_store::ObjectStore;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use url::Url;

use crate::faults::{FaultPlan, FaultyStore};
pub use nonsite_files::DurableFiles;

/// How often a table that is being created is looked at again.
const CREATION_LOOKS: u32 = 100;
/// Pause between two looks.
const CREATION_PAUSE: Duration = Duration::from_millis(20);

/// Why a table could not be created or loaded.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be used.
    #[error("store `{path}`: {detail}; give another folder as store.path")]
    Folder {
        /// Path as configured.
        path: String,
        /// What the system said.
        detail: String,
    },
    /// There is nothing that could be read.
    #[error(
        "store `{path}`: there is no such folder; name the folder of the tables as store.path \
         (`nonsite ingest` creates it)"
    )]
    Missing {
        /// Path as configured.
        path: String,
    },
    /// The library could not do it.
    #[error("table `{table}` in {root}: {source}")]
    Table {
        /// Table name.
        table: String,
        /// Root of the store.
        root: String,
        /// What the library reported.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// A table's columns are not what this version writes.
    #[error(
        "table `{table}`: column `{column}` is {found} in the store and {expected} here; the table \
         was written by another version or another program, move it away or migrate it"
    )]
    Schema {
        /// Table name.
        table: String,
        /// Column name.
        column: String,
        /// Type in the store.
        found: String,
        /// Type in this version.
        expected: String,
    },
}

impl StoreError {
    /// The table it is about; empty when it is about the whole store.
    pub fn table(&self) -> &str {
        match self {
            Self::Folder { .. } | Self::Missing { .. } => "",
            Self::Table { table, .. } | Self::Schema { table, .. } => table,
        }
    }
}

/// A folder of Delta tables. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    root: Url,
    objects: Arc<dyn ObjectStore>,
}

impl Store {
    /// Opens a local folder, creating it if need be. Writes are durable ([`DurableFiles`]).
    /// The environment variable `NONSITE_FAULTS` puts a fault injector in between: a test aid,
    /// see [`crate::faults`].
    ///
    /// # Errors
    /// The folder cannot be created, or `NONSITE_FAULTS` cannot be read.
    pub fn open(path: impl AsRef<FsPath>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let folder = |detail: String| StoreError::Folder {
            path: path.display().to_string(),
            detail,
        };
        std::fs::create_dir_all(path).map_err(|error| folder(error.to_string()))?;
        let path = path
            .canonicalize()
            .map_err(|error| folder(error.to_string()))?;
        let root = Url::from_directory_path(&path)
            .map_err(|()| folder("it has no absolute path".to_owned()))?;
        let files: Arc<dyn ObjectStore> = Arc::new(DurableFiles::new());
        let objects = match FaultPlan::from_env().map_err(folder)? {
            Some(plan) => Arc::new(FaultyStore::new(files, plan)),
            None => files,
        };
        Ok(Self { root, objects })
    }

    /// Opens a local folder that must be there, for those who only look: a mistyped path must not
    /// come into being as an empty store in which everything is in order.
    ///
    /// # Errors
    /// There is no such folder, or as [`Store::open`].
    pub fn open_existing(path: impl AsRef<FsPath>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if !path.is_dir() {
            return Err(StoreError::Missing {
                path: path.display().to_string(),
            });
        }
        Self::open(path)
    }

    /// A store on any object store; `objects` has its "/" where `root` has it.
    pub fn with_objects(objects: Arc<dyn ObjectStore>, root: Url) -> Self {
        Self { root, objects }
    }

    /// Where the store is.
    pub fn root(&self) -> &Url {
        &self.root
    }

    /// The object store below, with "/" at the root of its scheme.
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// Address of a table.
    pub fn table_url(&self, table: &str) -> Url {
        let mut url = self.root.clone();
        let path = format!("{}/{table}", self.root.path().trim_end_matches('/'));
        url.set_path(&path);
        url
    }

    /// The object store with "/" at a table's folder.
    pub fn table_objects(&self, table: &str) -> Arc<dyn ObjectStore> {
        let prefix =
            Path::from_url_path(self.table_url(table).path()).unwrap_or_else(|_| Path::from(table));
        Arc::new(PrefixStore::new(self.objects(), prefix))
    }

    /// A handle of the library that has loaded nothing yet.
    ///
    /// # Errors
    /// The library does not accept the address.
    pub fn handle(&self, table: &str) -> Result<DeltaTable, StoreError> {
        let url = self.table_url(table);
        DeltaTableBuilder::from_url(url.clone())
            .and_then(|builder| builder.with_storage_backend(self.objects(), url).build())
            .map_err(|source| self.table_error(table, source))
    }

    /// The table at its latest version.
    ///
    /// # Errors
    /// It does not exist, or the store does not answer.
    pub async fn load(&self, table: &str) -> Result<DeltaTable, StoreError> {
        let mut handle = self.handle(table)?;
        handle
            .load()
            .await
            .map_err(|source| self.table_error(table, source))?;
        Ok(handle)
    }

    /// Whether the table exists: whether its log has an entry. A log folder without one is a table
    /// that another process is creating at this moment.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn exists(&self, table: &str) -> Result<bool, StoreError> {
        let objects = self.table_objects(table);
        let mut files = objects.list(Some(&Path::from("_delta_log")));
        loop {
            match files.try_next().await {
                Ok(Some(file)) if is_log_entry(&file.location) => return Ok(true),
                Ok(Some(_)) => {}
                Ok(None) | Err(object_store::Error::NotFound { .. }) => return Ok(false),
                Err(error) => return Err(self.table_error(table, error.into())),
            }
        }
    }

    /// Creates the tables that are missing, with a comment on every column, and adds columns
    /// that an older version did not have.
    ///
    /// # Errors
    /// The store does not answer, or a column has another type than this version writes.
    pub async fn ensure_tables(&self, tables: &[TableDef]) -> Result<(), StoreError> {
        for table in tables {
            self.ensure_table(table).await?;
        }
        Ok(())
    }

    /// Waits for the first entry of a table that another process is creating. False: none came.
    async fn appears(&self, table: &str) -> Result<bool, StoreError> {
        for _ in 0..CREATION_LOOKS {
            if self.exists(table).await? {
                return Ok(true);
            }
            tokio::time::sleep(CREATION_PAUSE).await;
        }
        Ok(false)
    }

    async fn ensure_table(&self, def: &TableDef) -> Result<(), StoreError> {
        if !self.exists(def.name).await? {
            let created = self
                .handle(def.name)?
                .create()
                .with_table_name(def.name)
                .with_comment(def.comment)
                .with_columns(self.fields(def)?)
                .with_partition_columns(def.partition_columns.iter().copied())
                .await;
            match created {
                Ok(_) => return Ok(()),
                // Another process was faster, or is just about to be: the library refuses a folder
                // that has the beginnings of a log. What it made is checked below.
                Err(_) if self.appears(def.name).await? => {}
                Err(source) => return Err(self.table_error(def.name, source)),
            }
        }
        let table = self.load(def.name).await?;
        let schema = table
            .snapshot()
            .map_err(|source| self.table_error(def.name, source))?
            .schema();
        let mut missing = Vec::new();
        for field in self.fields(def)? {
            match schema.field(field.name()) {
                None => missing.push(field),
                Some(found) if found.data_type() == field.data_type() => {}
                Some(found) => {
                    return Err(StoreError::Schema {
                        table: def.name.to_owned(),
                        column: field.name().clone(),
                        found: found.data_type().to_string(),
                        expected: field.data_type().to_string(),
                    });
                }
            }
        }
        if !missing.is_empty() {
            table
                .add_columns()
                .with_fields(missing)
                .await
                .map_err(|source| self.table_error(def.name, source))?;
        }
        Ok(())
    }

    /// Runs a query over tables at their latest versions, registered under their names. For small
    /// answers: all rows are collected.
    ///
    /// # Errors
    /// A table cannot be loaded, or the query fails.
    pub async fn query(&self, tables: &[&str], sql: &str) -> Result<Vec<RecordBatch>, StoreError> {
        let session = self.session(tables).await?;
        let failed = |error: DataFusionError| self.table_error(&tables.join(", "), error.into());
        session
            .sql(sql)
            .await
            .map_err(failed)?
            .collect()
            .await
            .map_err(failed)
    }

    /// A session with tables at their latest versions, registered under their names.
    ///
    /// # Errors
    /// A table cannot be loaded.
    pub async fn session(&self, tables: &[&str]) -> Result<SessionContext, StoreError> {
        let session = SessionContext::new();
        for table in tables {
            let failed = |error: DataFusionError| self.table_error(table, error.into());
            let loaded = self.load(table).await?;
            let provider = loaded.table_provider().await.map_err(failed)?;
            session.register_table(*table, provider).map_err(failed)?;
        }
        Ok(session)
    }

    fn fields(&self, def: &TableDef) -> Result<Vec<StructField>, StoreError> {
        def.schema
            .fields()
            .iter()
            .map(|field| {
                field
                    .as_ref()
                    .try_into_kernel()
                    .map_err(|source| self.table_error(def.name, DeltaTableError::Arrow { source }))
            })
            .collect()
    }

    fn table_error(&self, table: &str, source: DeltaTableError) -> StoreError {
        StoreError::Table {
            table: table.to_owned(),
            root: self.root.to_string(),
            source: Box::new(source),
        }
    }
}

/// Whether a file of a log folder is an entry or a checkpoint: its name begins with the version in
/// twenty digits. Entries being staged have other names.
fn is_log_entry(file: &Path) -> bool {
    file.filename().is_some_and(|name| {
        let (version, kind) = name.split_at_checked(20).unwrap_or(("", ""));
        version.len() == 20
            && version.bytes().all(|byte| byte.is_ascii_digit())
            && (kind == ".json" || kind.ends_with(".parquet"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tables_are_created_once_with_comments_and_without_txn_retention() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().join("tables")).unwrap();
        let defs = nonsite_schemas::tables::all();
        store.ensure_tables(&defs).await.unwrap();
        store.ensure_tables(&defs).await.unwrap();
        for def in &defs {
            let table = store.load(def.name).await.unwrap();
            assert_eq!(table.version(), Some(0), "{}", def.name);
            let snapshot = table.snapshot().unwrap();
            for field in snapshot.schema().fields() {
                let comment = field.metadata().get("comment");
                assert!(comment.is_some(), "{}.{}", def.name, field.name());
            }
            let configuration = snapshot.metadata().configuration();
            assert!(!configuration.contains_key("delta.setTransactionRetentionDuration"));
        }
    }

    #[test]
    fn who_only_looks_creates_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mistyped = folder.path().join("tabels");
        let refused = Store::open_existing(&mistyped).unwrap_err().to_string();
        assert!(
            refused.contains("tabels") && refused.contains("store.path"),
            "{refused}"
        );
        assert!(!mistyped.exists());
        Store::open(&mistyped).unwrap();
        Store::open_existing(&mistyped).unwrap();
    }

    /// Two processes that start at once: one sees what the other has only begun.
    #[tokio::test]
    async fn a_table_that_is_only_begun_does_not_exist_yet() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("readings_raw/_delta_log");
        std::fs::create_dir_all(&log).unwrap();
        let store = Store::open(folder.path()).unwrap();
        assert!(!store.exists("readings_raw").await.unwrap());
        std::fs::write(log.join(".00000000000000000000.json.staged"), b"{}").unwrap();
        assert!(!store.exists("readings_raw").await.unwrap());
        let defs = [nonsite_schemas::tables::readings_raw()];
        let other = store.clone();
        let other_defs = defs.clone();
        let begun = std::fs::read_dir(&log).unwrap().count();
        assert_eq!(begun, 1);
        let (one, two) = tokio::join!(store.ensure_tables(&defs), other.ensure_tables(&other_defs));
        one.unwrap();
        two.unwrap();
        assert!(store.exists("readings_raw").await.unwrap());
    }
}
