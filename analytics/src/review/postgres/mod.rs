//! The queue in PostgreSQL 15 or newer, for a team.
//!
//! Every writing transaction begins by taking the queue's advisory lock: the chain has one end, so
//! there is one writer at a time, in the order of asking, and the clock that is read afterwards
//! orders the chain. Readers never wait. Work is handed out with `FOR UPDATE SKIP LOCKED`, so that a
//! row somebody else holds in a session of their own delays nobody.
//!
//! A program that dies holds nothing: the server ends its transaction. One that is frozen in the
//! middle of a transaction is cut off by the server after [`FROZEN`], and its commit is refused.
//!
//! Failure modes: the server cannot be reached ([`StoreError::Unreachable`], trying again helps; a
//! commit whose answer was lost may have landed, which the case's version tells); the queue is held
//! for too long ([`StoreError::Busy`]).

mod sql;

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions, Connection, Postgres, Transaction};

use super::relational::{reads, relational, versions};
use super::store::StoreError;

relational!(PostgresStore, PostgresTx, Postgres, PgRow);
versions!(PostgresStore, PostgresTx);
reads!(PostgresStore);

/// Connections of one program.
const CONNECTIONS: u32 = 16;
/// How long the server waits for a program that is silent inside a transaction.
const FROZEN: Duration = Duration::from_secs(60);

/// The PostgreSQL implementation of [`Store`].
#[derive(Debug, Clone)]
pub struct PostgresStore {
    pool: PgPool,
    database: String,
}

impl PostgresStore {
    /// Connects to `postgres://user@host:port/database` (the password comes from `PGPASSWORD` or
    /// `~/.pgpass`) and brings the schema up to date. `busy_timeout` is how long to wait for another
    /// program that is writing.
    ///
    /// # Errors
    /// [`StoreError::Open`] when the address is wrong or the server refuses, [`StoreError::Newer`]
    /// when a newer program made the tables, [`StoreError::Busy`] when the queue is held for too long.
    pub async fn open(address: &str, busy_timeout: Duration) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(address).map_err(|source| StoreError::Open {
            database: address.to_owned(),
            source,
        })?;
        Self::connect(options, address, busy_timeout).await
    }

    /// The same with options of one's own; `database` is the name in messages.
    pub(super) async fn connect(
        options: PgConnectOptions,
        database: &str,
        busy_timeout: Duration,
    ) -> Result<Self, StoreError> {
        let database = database.to_owned();
        let options = options.application_name("nonsite").options([
            ("lock_timeout", format!("{}ms", busy_timeout.as_millis())),
            (
                "idle_in_transaction_session_timeout",
                format!("{}ms", FROZEN.as_millis()),
            ),
        ]);
        let open = |source| StoreError::Open {
            database: database.clone(),
            source,
        };
        // A pool waits for a server that refuses connections; a person wants to know at once.
        let probe = options.connect().await.map_err(open)?;
        probe.close().await.map_err(open)?;
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(busy_timeout + Duration::from_secs(30))
            .connect_with(options)
            .await
            .map_err(open)?;
        let store = Self { pool, database };
        store.migrate().await?;
        Ok(store)
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// All steps a database lacks, in one transaction under the queue's lock: two programs that
    /// start on an empty database do not both create the tables.
    async fn migrate(&self) -> Result<(), StoreError> {
        let mut tx = self.lock().await?;
        sqlx::query(sql::SCHEMA_TABLE)
            .execute(&mut *tx)
            .await
            .map_err(self.fault("look at the schema"))?;
        let found: i64 = sqlx::query_scalar(sql::SCHEMA_VERSION)
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
        for (version, step) in (1_i64..)
            .zip(sql::SCHEMA)
            .filter(|(version, _)| *version > found)
        {
            sqlx::raw_sql(step)
                .execute(&mut *tx)
                .await
                .map_err(self.fault("bring the schema up to date"))?;
            sqlx::query(sql::SCHEMA_NOTE)
                .bind(version)
                .execute(&mut *tx)
                .await
                .map_err(self.fault("note the schema version"))?;
        }
        tx.commit().await.map_err(self.fault("commit"))
    }

    /// A transaction under the queue's lock.
    async fn lock(&self) -> Result<Transaction<'static, Postgres>, StoreError> {
        let mut tx = self.pool.begin().await.map_err(self.fault("begin"))?;
        sqlx::query(sql::LOCK)
            .execute(&mut *tx)
            .await
            .map_err(self.fault("wait for the queue"))?;
        Ok(tx)
    }

    /// Reading takes no lock: any connection will do.
    fn reader(&self) -> &PgPool {
        &self.pool
    }

    /// One statement by itself; the queue's lock is not asked for.
    fn appender(&self) -> &PgPool {
        &self.pool
    }
}

/// The steps, to apply them by hand.
#[cfg(test)]
pub(super) fn steps() -> &'static [&'static str] {
    &sql::SCHEMA
}

fn fault(database: &str, what: &'static str, source: sqlx::Error) -> StoreError {
    let database = database.to_owned();
    let code = source
        .as_database_error()
        .and_then(|error| error.code())
        .map(|code| code.into_owned());
    match (code.as_deref(), &source) {
        // Lock timeout.
        (Some("55P03"), _) | (_, sqlx::Error::PoolTimedOut) => StoreError::Busy { database },
        // The server stops, starts or ended the session; the network failed.
        (Some("57P01" | "57P02" | "57P03" | "25P03"), _)
        | (None, sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::PoolClosed) => {
            StoreError::Unreachable {
                database,
                what,
                source,
            }
        }
        _ => StoreError::Statement {
            database,
            what,
            source,
        },
    }
}
