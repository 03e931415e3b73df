//! The queue in one SQLite file.
//!
//! Readers use the write-ahead log and never wait. Writers of this process share one connection
//! and so queue up in order; writers of other processes wait at `BEGIN IMMEDIATE` for as long as
//! the configuration allows. Every commit reaches the disk before it is reported
//! (`synchronous = FULL`): an approval that was confirmed survives a power cut.

mod sql;

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use super::relational::{reads, relational, versions};
use super::store::StoreError;

relational!(SqliteStore, SqliteTx, Sqlite, SqliteRow);
versions!(SqliteStore, SqliteTx);
reads!(SqliteStore);

/// Connections that only read.
const READERS: u32 = 4;
/// How long to wait before the file is asked for again.
const AGAIN: Duration = Duration::from_millis(10);

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
        let writer =
            connect(&options, busy_timeout, patience)
                .await
                .map_err(|source| match is_busy(&source) {
                    true => fault(&database, "open", source),
                    false => open(source),
                })?;
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
        let mut tx = self.lock().await?;
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

    /// A transaction that excludes other writers from its beginning.
    async fn lock(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        self.writer
            .begin_with("BEGIN IMMEDIATE")
            .await
            .map_err(self.fault("begin"))
    }

    /// Reading takes no lock.
    fn reader(&self) -> &SqlitePool {
        &self.reader
    }

    /// One statement by itself: the file is taken for as long as it runs.
    fn appender(&self) -> &SqlitePool {
        &self.writer
    }
}

/// The steps, to apply them by hand.
#[cfg(test)]
pub(super) fn steps() -> &'static [&'static str] {
    &sql::SCHEMA
}

fn fault(database: &str, what: &'static str, source: sqlx::Error) -> StoreError {
    let database = database.to_owned();
    if is_busy(&source) || matches!(source, sqlx::Error::PoolTimedOut) {
        StoreError::Busy { database }
    } else {
        StoreError::Statement {
            database,
            what,
            source,
        }
    }
}

fn is_busy(source: &sqlx::Error) -> bool {
    // SQLITE_BUSY is 5, with further bits for its variants.
    source
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<u32>().ok())
        .is_some_and(|code| code & 0xff == 5)
}

/// The connection that writes. The first one to a new file turns the write-ahead log on and takes the whole
/// file for it. SQLite does not wait for that by itself: whoever finds the file taken asks again.
async fn connect(
    options: &SqliteConnectOptions,
    busy_timeout: Duration,
    patience: Duration,
) -> Result<SqlitePool, sqlx::Error> {
    let mut left = busy_timeout.as_millis() / AGAIN.as_millis();
    loop {
        let pool = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(patience)
            .connect_with(options.clone())
            .await;
        match pool {
            Err(error) if left > 0 && is_busy(&error) => left -= 1,
            settled => return settled,
        }
        tokio::time::sleep(AGAIN).await;
    }
}
