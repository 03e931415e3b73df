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
mod tx;

use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions, Connection, Row};

use super::case::Case;
use super::event::Event;
use super::store::{Filter, Store, StoreError, Tx};
use super::stored;
use tx::PostgresTx;

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
        let mut tx = self.pool.begin().await.map_err(self.fault("begin"))?;
        for statement in [sql::LOCK, sql::SCHEMA_TABLE] {
            sqlx::query(statement)
                .execute(&mut *tx)
                .await
                .map_err(self.fault("look at the schema"))?;
        }
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

    fn fault(&self, what: &'static str) -> impl Fn(sqlx::Error) -> StoreError + '_ {
        move |source| fault(&self.database, what, source)
    }
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

fn case_of(database: &str, row: &PgRow) -> Result<Case, StoreError> {
    let (id, document) =
        stored::case_document(row).map_err(|error| fault(database, "read a case", error))?;
    stored::case(database, id, &document)
}

fn cases_of(database: &str, rows: &[PgRow]) -> Result<Vec<Case>, StoreError> {
    rows.iter().map(|row| case_of(database, row)).collect()
}

fn event_of(database: &str, row: &PgRow) -> Result<Event, StoreError> {
    stored::event(row).map_err(|error| stored::bad_event(database, row, &error))
}

#[async_trait::async_trait]
impl Store for PostgresStore {
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError> {
        let mut inner = self.pool.begin().await.map_err(self.fault("begin"))?;
        sqlx::query(sql::LOCK)
            .execute(&mut *inner)
            .await
            .map_err(self.fault("wait for the queue"))?;
        Ok(Box::new(PostgresTx {
            inner,
            database: self.database.clone(),
        }))
    }

    async fn case(&self, case_id: &str) -> Result<Option<Case>, StoreError> {
        let row = sqlx::query(sql::CASE)
            .bind(case_id)
            .fetch_optional(&self.pool)
            .await
            .map_err(self.fault("read a case"))?;
        row.map(|row| case_of(&self.database, &row)).transpose()
    }

    async fn ids_like(&self, prefix: &str, limit: u32) -> Result<Vec<String>, StoreError> {
        sqlx::query_scalar(sql::IDS_LIKE)
            .bind(prefix)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(self.fault("look an id up"))
    }

    async fn cases(&self, filter: &Filter) -> Result<Vec<Case>, StoreError> {
        let limit = (filter.limit > 0).then(|| i64::from(filter.limit));
        let rows = sqlx::query(sql::CASES)
            .bind(&filter.states)
            .bind(filter.org_code.as_deref())
            .bind(filter.assignee.as_deref())
            .bind(filter.open_only)
            .bind(limit)
            .bind(i64::from(filter.offset))
            .fetch_all(&self.pool)
            .await
            .map_err(self.fault("list cases"))?;
        cases_of(&self.database, &rows)
    }

    async fn counts(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let rows = sqlx::query(sql::COUNTS)
            .fetch_all(&self.pool)
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
            .fetch_all(&self.pool)
            .await
            .map_err(self.fault("read the audit rows of a case"))?;
        rows.iter()
            .map(|row| event_of(&self.database, row))
            .collect()
    }

    async fn events(&self, after: i64, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query(sql::EVENTS)
            .bind(after)
            .bind(i64::from(limit))
            .fetch_all(&self.pool)
            .await
            .map_err(self.fault("read the audit chain"))?;
        rows.iter()
            .map(|row| event_of(&self.database, row))
            .collect()
    }

    async fn fingerprints(&self) -> Result<Vec<(String, i64, String)>, StoreError> {
        let rows = sqlx::query(sql::FINGERPRINTS)
            .fetch_all(&self.pool)
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
