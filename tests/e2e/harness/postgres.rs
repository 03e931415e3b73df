//! One throwaway PostgreSQL cluster for the whole test binary, as [`super::broker`] is for Kafka.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

static ADDRESS: LazyLock<String> = LazyLock::new(start);

/// Address of an empty database.
pub(crate) fn address() -> &'static str {
    &ADDRESS
}

fn start() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/dev/postgres/postgres.sh");
    let own = std::process::id();
    let dir = std::env::temp_dir().join(format!("nonsite-e2e-pg-{own}"));
    let output = Command::new(&script)
        .args(["start", "--while", &own.to_string(), "--dir"])
        .arg(&dir)
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("`{}` does not start: {error}", script.display()));
    assert!(
        output.status.success(),
        "`{} start` failed: {}",
        script.display(),
        output.status
    );
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
