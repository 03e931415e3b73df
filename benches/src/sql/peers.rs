//! Asking other engines: a Python script asks them about the same files and hands back its figures.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::Serialize;

use super::questions::Engine;
use super::report::Figures;

/// What a peer is asked.
#[derive(Debug, Serialize)]
pub struct Job<'j> {
    /// Which peer.
    pub engine: &'static str,
    /// Folder of the tables.
    pub tables: &'j Path,
    /// Threads it may use.
    pub threads: usize,
    /// Memory it may use, MiB.
    pub memory_mb: usize,
    /// Question to texts.
    pub questions: &'j BTreeMap<String, Vec<String>>,
}

/// Lets a peer answer; figures by question, and its version.
///
/// # Errors
/// The script does not run, or a query fails.
pub fn measure(
    python: &Path,
    script: &Path,
    engine: Engine,
    job: &Job<'_>,
) -> anyhow::Result<(String, BTreeMap<String, Figures>)> {
    let what = || {
        format!(
            "{} {} ({})",
            python.display(),
            script.display(),
            engine.name()
        )
    };
    let mut child = Command::new(python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(what)?;
    let input = child.stdin.take().with_context(what)?;
    serde_json::to_writer(input, job)?;
    let output = child.wait_with_output()?;
    anyhow::ensure!(
        output.status.success(),
        "{} failed: {}",
        what(),
        output.status
    );
    serde_json::from_slice(&output.stdout).with_context(what)
}
