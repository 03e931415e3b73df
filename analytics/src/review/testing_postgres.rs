//! A real PostgreSQL for tests: one throwaway cluster per test program, one schema per queue.
//!
//! `postgres.sh --while` watches this process and takes the cluster away when it is gone, however it
//! ended.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

use super::postgres::PostgresStore;
use super::store::StoreError;

static ADDRESS: LazyLock<String> = LazyLock::new(start);
static SCHEMAS: AtomicU32 = AtomicU32::new(0);

fn start() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/dev/postgres/postgres.sh");
    let own = std::process::id();
    let dir = std::env::temp_dir().join(format!("nonsite-pg-{own}"));
    let output = Command::new(&script)
        .args(["start", "--while", &own.to_string(), "--dir"])
        .arg(&dir)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("`{}` does not start: {error}", script.display()));
    assert!(
        output.status.success(),
        "`{} start` failed ({}); deploy/dev/setup.sh test installs PostgreSQL",
        script.display(),
        output.status
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Address of the cluster.
pub(super) fn address() -> &'static str {
    &ADDRESS
}

/// A schema of its own.
pub(super) async fn schema() -> String {
    let name = format!("queue_{}", SCHEMAS.fetch_add(1, Ordering::Relaxed));
    let options: PgConnectOptions = address().parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {name}")))
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    name
}

/// The queue in a schema of a cluster.
pub(super) async fn open(address: &str, schema: &str) -> PostgresStore {
    try_open(address, schema).await.unwrap()
}

/// The same, if it can be opened.
pub(super) async fn try_open(address: &str, schema: &str) -> Result<PostgresStore, StoreError> {
    let options: PgConnectOptions = address.parse().unwrap();
    let options = options.options([("search_path", schema)]);
    PostgresStore::connect(options, schema, Duration::from_secs(120)).await
}
