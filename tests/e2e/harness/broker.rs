//! One real Kafka broker for the whole test binary.
//!
//! It is started by the first test that asks for it. `kafka.sh --while` watches this process and
//! takes the broker and its folder away when the process is gone, however it ended: statics are
//! not dropped when a test binary exits, and a killed one could not clean up anyway.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

static BOOTSTRAP: LazyLock<String> = LazyLock::new(start);

/// `host:port` of the broker.
pub(crate) fn bootstrap() -> &'static str {
    &BOOTSTRAP
}

fn start() -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/dev/kafka/kafka.sh");
    let own = std::process::id();
    let dir = std::env::temp_dir().join(format!("nonsite-e2e-{own}"));
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
