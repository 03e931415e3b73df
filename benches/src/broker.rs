//! The broker a benchmark runs against: one that is given, or one of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// A broker and, where it is known, its process.
#[derive(Debug)]
pub struct Broker {
    /// `host:port`.
    pub address: String,
    /// Process of the broker, when it runs on this machine and was started here.
    pub pid: Option<u32>,
    dir: Option<PathBuf>,
}

impl Broker {
    /// A broker that is already there.
    pub fn given(address: &str) -> Self {
        Self {
            address: address.to_owned(),
            pid: None,
            dir: None,
        }
    }

    /// Starts a broker with `deploy/dev/kafka/kafka.sh`, its data in `dir`. It stops with this
    /// value, and with this process at the latest.
    ///
    /// # Errors
    /// The script fails; it has said why on standard error.
    pub fn start(dir: &Path) -> anyhow::Result<Self> {
        let output = Command::new(script()?)
            .arg("start")
            .arg("--dir")
            .arg(dir)
            .arg("--while")
            .arg(std::process::id().to_string())
            .stderr(std::process::Stdio::inherit())
            .output()?;
        if !output.status.success() {
            bail!("kafka.sh start ended with {}", output.status);
        }
        let address = std::fs::read_to_string(dir.join("bootstrap"))
            .context("the broker has not written its address")?;
        let pid = std::fs::read_to_string(dir.join("pid"))
            .ok()
            .and_then(|text| text.trim().parse().ok());
        Ok(Self {
            address: address.trim().to_owned(),
            pid,
            dir: Some(dir.to_owned()),
        })
    }

    /// CPU seconds the broker has used so far, where its process is known.
    pub fn cpu_seconds(&self) -> Option<f64> {
        self.pid
            .and_then(|pid| crate::process::cpu_seconds(pid).ok())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let (Some(dir), Ok(script)) = (&self.dir, script()) {
            // Standard output is for figures only. A broker that does not stop here stops with
            // this process.
            let _stopped = Command::new(script)
                .arg("stop")
                .arg("--dir")
                .arg(dir)
                .arg("--purge")
                .stdout(std::process::Stdio::null())
                .status();
        }
    }
}

fn script() -> anyhow::Result<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/dev/kafka/kafka.sh");
    path.canonicalize().with_context(|| {
        format!(
            "{} is missing; name a running broker with --brokers",
            path.display()
        )
    })
}
