//! SQL behind the queue's back, for tests: with the locks on, and by somebody who takes them off first.

use std::path::Path;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, SqliteConnection};

use super::testing::Bench;

/// Runs SQL behind the queue's back.
pub(super) async fn by_hand(bench: &Bench, sql: &str) -> Result<(), sqlx::Error> {
    match &bench.schema {
        Some(schema) => in_schema(schema, sql).await,
        None => in_file(&bench.path(), sql).await,
    }
}

/// Runs SQL in a schema of the tests' cluster.
pub(super) async fn in_schema(schema: &str, sql: &str) -> Result<(), sqlx::Error> {
    let address: PgConnectOptions = super::testing_postgres::address().parse()?;
    let mut connection = address.options([("search_path", schema)]).connect().await?;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await?;
    connection.close().await
}

/// Runs SQL in a file, which is made if it is not there.
pub(super) async fn in_file(path: &Path, sql: &str) -> Result<(), sqlx::Error> {
    let url = format!("sqlite://{}?mode=rwc", path.display());
    let mut connection = SqliteConnection::connect(&url).await?;
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await?;
    connection.close().await
}

/// The same as [`by_hand`] by somebody who takes the locks off first.
pub(super) async fn tamper(bench: &Bench, sql: &str) {
    let unlocked = match bench.schema {
        Some(_) => format!("SET session_replication_role = replica; {sql}"),
        None => format!("{UNLOCK} PRAGMA foreign_keys = OFF; {sql}"),
    };
    by_hand(bench, &unlocked)
        .await
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

const UNLOCK: &str = "DROP TRIGGER IF EXISTS review_events_unchanged; \
     DROP TRIGGER IF EXISTS review_events_stay; DROP TRIGGER IF EXISTS review_cases_stay; \
     DROP TRIGGER IF EXISTS review_acts_unchanged; DROP TRIGGER IF EXISTS review_acts_stay; \
     DROP TRIGGER IF EXISTS review_files_unchanged; DROP TRIGGER IF EXISTS review_files_stay; \
     DROP TRIGGER IF EXISTS review_case_versions_unchanged; \
     DROP TRIGGER IF EXISTS review_case_versions_stay; \
     DROP TRIGGER IF EXISTS review_cases_entered; DROP TRIGGER IF EXISTS review_cases_newest; \
     DROP TRIGGER IF EXISTS review_case_versions_once; DROP TRIGGER IF EXISTS review_events_once; \
     DROP TRIGGER IF EXISTS review_files_once; DROP TRIGGER IF EXISTS review_acts_once;";
