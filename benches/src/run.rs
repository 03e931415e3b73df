//! Running the built `nonsite` on a configuration of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::process::{Ended, run};

/// The binary to measure, and a folder with its configuration and tables.
#[derive(Debug)]
pub struct Nonsite {
    binary: PathBuf,
    dir: PathBuf,
}

impl Nonsite {
    /// Uses `binary`, or else the `nonsite` beside this program, and writes a configuration into
    /// `dir`: this broker, tables below `dir`, topics with this prefix, and `[ingest]` lines.
    ///
    /// # Errors
    /// There is no binary, or the folder cannot be written.
    pub fn configure(
        binary: Option<PathBuf>,
        dir: &Path,
        brokers: &str,
        prefix: &str,
        ingest: &str,
    ) -> anyhow::Result<Self> {
        let binary = match binary {
            Some(binary) => binary,
            None => std::env::current_exe()?.with_file_name("nonsite"),
        };
        if !binary.is_file() {
            bail!(
                "{} is missing: build it with `cargo build`, or name one with --nonsite",
                binary.display()
            );
        }
        let mut text = format!(
            "[store]\npath = {:?}\n\n[kafka]\nbrokers = {brokers:?}\n\n[ingest]\nlisten = \"\"\n{ingest}\n",
            dir.join("tables")
        );
        for (topic, format, content) in [
            ("hj212", "hj212", "readings"),
            ("readings", "json", "readings"),
            ("permits", "json", "permits"),
            ("inspections", "json", "inspections"),
            ("documents", "json", "documents"),
        ] {
            text.push_str(&format!(
                "\n[[ingest.topics]]\nname = \"{prefix}.{topic}\"\nformat = \"{format}\"\ncontent = \"{content}\"\n"
            ));
        }
        std::fs::create_dir_all(dir)?;
        std::fs::write(dir.join("nonsite.toml"), text)?;
        Ok(Self {
            binary,
            dir: dir.to_owned(),
        })
    }

    /// Folder of a table.
    pub fn table(&self, name: &str) -> PathBuf {
        self.dir.join("tables").join(name)
    }

    /// Runs a subcommand to its end, with its cost.
    ///
    /// # Errors
    /// It cannot be started, or ends with another code than 0.
    pub fn run(&self, args: &[&str]) -> anyhow::Result<Ended> {
        let mut command = Command::new(&self.binary);
        command
            .current_dir(&self.dir)
            .arg("-c")
            .arg(self.dir.join("nonsite.toml"))
            .args(args);
        let ended = run(&mut command)?;
        if !ended.status.success() {
            bail!(
                "nonsite {} ended with {}\n{}",
                args.join(" "),
                ended.status,
                ended.stdout
            );
        }
        Ok(ended)
    }

    /// The report of a subcommand run with `--json`.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn report(ended: &Ended) -> anyhow::Result<serde_json::Value> {
        serde_json::from_str(ended.stdout.trim())
            .with_context(|| format!("not a JSON report: {}", ended.stdout))
    }
}
