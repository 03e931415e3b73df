//! The queue in one SQLite file.
//!
//! Readers use the write-ahead log and never wait. Writers of this process share one connection
//! and so queue up in order; writers of other processes wait at `BEGIN IMMEDIATE` for as long as
//! the configuration allows. Every commit reaches the disk before it is reported
//! (`synchronous = FULL`): an approval that was confirmed survives a power cut.

mod sql;
mod tx;

use std::path::Path;
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};

use super::case::Case;
use super::event::Event;
use super::store::{Filter, Store, StoreError, Tx};
use super::stored;
use tx::SqliteTx;

/// Connections that only read.
const READERS: u32 = 4;

/// The SQLite implementation of [`Store`].
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    reader: SqlitePool,
    database: String,
}

impl SqliteStore {
    /// Opens the file, creates it with its folder if it is not there, and brings its schema up to
    /// date. `busy_timeout` is how long to wait for another process that is writing.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the file cannot be used, [`StoreError::Newer`] when a newer program
    /// wrote it, [`StoreError::Busy`] when another process holds it for too long.
    pub async fn open(path: &Path, busy_timeout: Duration) -> Result<Self, StoreError> {
        let database = path.display().to_string();
        let open = |source| StoreError::Open {
            database: database.clone(),
            source,
        };
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder).map_err(|error| open(sqlx::Error::Io(error)))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(busy_timeout);
        // Waiting for one's turn inside the process may take as long as waiting for another one.
        let patience = busy_timeout + Duration::from_secs(30);
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(patience)
            .connect_with(options.clone())
            .await
            .map_err(open)?;
        let reader = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(patience)
            .connect_lazy_with(options);
        let store = Self {
            writer,
            reader,
            database,
        };
        store.migrate().await?;
        Ok(store)
    }

    /// Closes all connections; the last one folds the write-ahead log into the file.
    pub async fn close(&self) {
        self.reader.close().await;
        self.writer.close().await;
    }

    /// All steps a database lacks, in one transaction that excludes other processes: two programs
    /// that start on an empty file do not both create the tables.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut tx = self
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(self.fault("begin"))?;
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut *tx)
            .await
            .map_err(self.fault("read the schema version"))?;
        let known = i64::try_from(sql::SCHEMA.len()).unwrap_or(i64::MAX);
        if found > known {
            return Err(StoreError::Newer {
                database: self.database.clone(),
                found,
                known,
            });
        }
        for (index, step) in sql::SCHEMA
            .iter()
            .enumerate()
            .skip(usize::try_from(found).unwrap_or(0))
        {
            sqlx::raw_sql(*step)
                .execute(&mut *tx)
                .await
                .map_err(self.fault("bring the schema up to date"))?;
            // A pragma takes no parameters; the text is made of a number alone.
            let version = sqlx::AssertSqlSafe(format!("PRAGMA user_version = {}", index + 1));
            sqlx::raw_sql(version)
                .execute(&mut *tx)
                .await
                .map_err(self.fault("note the schema version"))?;
        }
        tx.commit().await.map_err(self.fault("commit"))
    }

    fn fault(&self, what: &'static str) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        move |source| fault(&self.database, what, source)
    }
}

fn fault(database: &str, what: &'static str, source: sqlx::Error) -> StoreError {
    // SQLITE_BUSY is 5, with further bits for its variants.
    let busy = source
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == 5);
    let database = database.to_owned();
    if busy || matches!(source, sqlx::Error::PoolTimedOut) {
        StoreError::Busy { database }
    } else {
        StoreError::Statement {
            database,
            what,
            source,
        }
    }
}

fn case_of(database: &str, row: &SqliteRow) -> Result<Case, StoreError> {
    let (id, document) =
        stored::case_document(row).map_err(|error| fault(database, "read a case", error))?;
    stored::case(database, id, &document)
}

fn cases_of(database: &str, rows: &[SqliteRow]) -> Result<Vec<Case>, StoreError> {
    rows.iter().map(|row| case_of(database, row)).collect()
}

fn event_of(database: &str, row: &SqliteRow) -> Result<Event, StoreError> {
    stored::event(row).map_err(|error| stored::bad_event(database, row, &error))
}

/// Texts as a JSON array, the form in which a list is handed to SQLite.
fn json_list(texts: &[String]) -> String {
    // Texts into memory: this cannot fail.
    serde_json::to_string(texts).unwrap_or_else(|_| "[]".to_owned())
}

#[async_trait::async_trait]
impl Store for SqliteStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        let inner = self
            .writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(self.fault("begin"))?;
        Ok(Box::new(SqliteTx {
            inner,
            database: self.database.clone(),
        }))
    }

    async fn case(&self, case_id: &str) -> Result<Option<Case>, StoreError> {
        let row = sqlx::query(sql::CASE)
            .bind(case_id)
            .fetch_optional(&self.reader)
            .await
            .map_err(self.fault("read a case"))?;
        row.map(|row| case_of(&self.database, &row)).transpose()
    }

    async fn ids_like(&self, prefix: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(sql::IDS_LIKE)
            .bind(prefix)
            .bind(limit)
            .fetch_all(&self.reader)
            .await
            .map_err(self.fault("look an id up"))
    }

    async fn cases(&self, filter: &Filter) -> Result<Vec<Case>, StoreError> {
        let limit = if filter.limit == 0 {
            -1
        } else {
            i64::from(filter.limit)
        };
        let rows = sqlx::query(sql::CASES)
            .bind(json_list(&filter.states))
            .bind(filter.org_code.as_deref())
            .bind(filter.assignee.as_deref())
            .bind(filter.open_only)
            .bind(limit)
            .bind(filter.offset)
            .fetch_all(&self.reader)
            .await
            .map_err(self.fault("list cases"))?;
        cases_of(&self.database, &rows)
    }

    async fn counts(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query(sql::COUNTS)
            .fetch_all(&self.reader)
            .await
            .map_err(self.fault("count cases"))?;
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect::<Result<_, sqlx::Error>>()
            .map_err(self.fault("count cases"))
    }

    async fn events_of(&self, case_id: &str) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query(sql::EVENTS_OF)
            .bind(case_id)
            .fetch_all(&self.reader)
            .await
            .map_err(self.fault("read the audit rows of a case"))?;
        rows.iter()
            .map(|row| event_of(&self.database, row))
            .collect()
    }

    async fn events(&self, after: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query(sql::EVENTS)
            .bind(after)
            .bind(limit)
            .fetch_all(&self.reader)
            .await
            .map_err(self.fault("read the audit chain"))?;
        rows.iter()
            .map(|row| event_of(&self.database, row))
            .collect()
    }

    async fn fingerprints(&self) -> Result<Vec<(String, i64, String)>, StoreError> {
        let rows = sqlx::query(sql::FINGERPRINTS)
            .fetch_all(&self.reader)
            .await
            .map_err(self.fault("read the cases"))?;
        rows.iter()
            .map(|row| {
                let document: String = row.try_get(2)?;
                let hash = hex::encode(Sha256::digest(document.as_bytes()));
                Ok((row.try_get(0)?, row.try_get(1)?, hash))
            })
            .collect::<Result<_, sqlx::Error>>()
            .map_err(self.fault("read the cases"))
    }
}
