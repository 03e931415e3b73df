//! A test's own corner: a folder, a configuration file, topics, and `nonsite` run inside it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value as Json;
use tempfile::TempDir;

use super::process::{Process, tail};
use super::{broker, topics};

/// Tells sandboxes of the same test name apart, for tests that use several.
static COUNTER: AtomicU32 = AtomicU32::new(0);

/// A test's folder, topics and configuration.
///
/// When the test panics, the folder is kept and the end of every log in it is shown.
#[derive(Debug)]
pub(crate) struct Sandbox {
    dir: Option<TempDir>,
    name: String,
    config: toml::Table,
}

/// How a finished command ended and what it printed.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    command: String,
}

impl Sandbox {
    /// An empty sandbox that does not touch the broker.
    pub(crate) fn without_broker(name: &str) -> Self {
        let name = format!("{name}-{}", COUNTER.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::Builder::new()
            .prefix(&format!("nonsite-{name}-"))
            .tempdir()
            .unwrap();
        let sandbox = Self {
            dir: Some(dir),
            name,
            config: toml::Table::new(),
        };
        sandbox.write_config();
        sandbox
    }

    /// A sandbox whose configuration names the shared broker. Batches are committed every second
    /// and nothing listens on a port, so that many sandboxes run side by side.
    pub(crate) fn new(name: &str) -> Self {
        let mut sandbox = Self::without_broker(name);
        sandbox.set("kafka.brokers", broker::bootstrap());
        let group = sandbox.name.clone();
        sandbox.set("ingest.group", group.as_str());
        sandbox.set("ingest.commit_interval_s", 1);
        sandbox.set("ingest.listen", "127.0.0.1:0");
        sandbox
    }

    /// The folder that the commands run in.
    pub(crate) fn path(&self) -> &Path {
        self.dir.as_ref().expect("kept until drop").path()
    }

    /// A file in the folder.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Sets one configuration key (`section.key`) and rewrites the file.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<toml::Value>) {
        let mut parts: Vec<&str> = key.split('.').collect();
        let last = parts.pop().expect("a key has at least one part");
        let mut table = &mut self.config;
        for part in parts {
            table = table
                .entry(part)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()))
                .as_table_mut()
                .expect("sections are tables");
        }
        table.insert(last.to_owned(), value.into());
        self.write_config();
    }

    /// A topic's name that no other test uses.
    pub(crate) fn topic_name(&self, short: &str) -> String {
        format!("{}.{short}", self.name)
    }

    /// Creates a topic on the broker and makes ingest read it.
    pub(crate) fn topic(
        &mut self,
        short: &str,
        partitions: i32,
        format: &str,
        content: &str,
    ) -> String {
        let name = self.topic_name(short);
        topics::create(&name, partitions);
        let entry: toml::Table = [
            ("name", name.as_str()),
            ("format", format),
            ("content", content),
        ]
        .map(|(key, value)| (key.to_owned(), toml::Value::from(value)))
        .into_iter()
        .collect();
        let ingest = self
            .config
            .entry("ingest")
            .or_insert_with(|| toml::Value::Table(toml::Table::new()))
            .as_table_mut()
            .expect("sections are tables");
        ingest
            .entry("topics")
            .or_insert_with(|| toml::Value::Array(Vec::new()))
            .as_array_mut()
            .expect("topics are a list")
            .push(entry.into());
        self.write_config();
        name
    }

    /// A topic of HJ 212 readings.
    pub(crate) fn hj212(&mut self, partitions: i32) -> String {
        self.topic("hj212", partitions, "hj212", "readings")
    }

    fn write_config(&self) {
        std::fs::write(self.file("nonsite.toml"), self.config.to_string()).unwrap();
    }

    /// `nonsite ARGS`, not started yet, in this folder and free of the caller's environment.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("NONSITE") {
                command.env_remove(key);
            }
        }
        command.args(args).current_dir(self.path());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.finish(self.command(args))
    }

    /// Runs a command to its end with `input` on its standard input.
    pub(crate) fn run_with_input(&self, args: &[&str], input: &[u8]) -> Output {
        let path = self.write("stdin", input);
        let mut command = self.command(args);
        command.stdin(std::fs::File::open(path).unwrap());
        self.finish(command)
    }

    /// Runs a prepared command to its end.
    pub(crate) fn finish(&self, mut command: Command) -> Output {
        let shown = format!("{command:?}");
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let output = command
            .output()
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        Output {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            command: shown,
        }
    }

    /// Starts a command in the background; its output goes to `{label}.log`.
    pub(crate) fn spawn(&self, label: &str, args: &[&str]) -> Process {
        self.spawn_command(label, self.command(args))
    }

    /// Starts a prepared command in the background.
    pub(crate) fn spawn_command(&self, label: &str, command: Command) -> Process {
        Process::spawn(command, self.file(&format!("{label}.log")))
    }

    /// Proves N1 and N2 of the tables against the broker.
    #[track_caller]
    pub(crate) fn verify(&self) {
        self.run(&["verify", "--against-broker"]).done();
    }

    /// Rows of a query, one JSON object each.
    pub(crate) fn query(&self, sql: &str) -> Vec<Json> {
        let output = self.run(&["sql", "--format", "json", "-e", sql]).done();
        match output.json() {
            Json::Array(rows) => rows,
            other => panic!("`{sql}` answered {other}, not a list of rows"),
        }
    }

    /// The single number that a query answers.
    pub(crate) fn count(&self, sql: &str) -> i64 {
        let rows = self.query(sql);
        let cells = rows[0].as_object().expect("a row is an object");
        let cell = cells.values().next().expect("one column");
        cell.as_i64()
            .unwrap_or_else(|| panic!("`{sql}` answered {cell}, not a whole number"))
    }
}

/// The binary under test: the one cargo built with this test, or the one named in `NONSITE_BIN`
/// (a release build, a package).
pub(crate) fn binary() -> OsString {
    std::env::var_os("NONSITE_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_nonsite").into())
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let kept = self.dir.take().expect("kept until drop").keep();
        eprintln!("---- kept {}", kept.display());
        for entry in std::fs::read_dir(&kept).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "log") {
                eprintln!("---- end of {}\n{}", path.display(), tail(&path, 25));
            }
        }
    }
}

impl Output {
    /// Itself, after checking that the command succeeded.
    #[track_caller]
    pub(crate) fn done(self) -> Self {
        self.exits(0)
    }

    /// Itself, after checking the exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "{}\n---- stdout\n{}\n---- stderr\n{}",
            self.command, self.stdout, self.stderr
        );
        self
    }

    /// Itself, after checking that standard error contains each text.
    #[track_caller]
    pub(crate) fn complains(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(
                self.stderr.contains(text),
                "no `{text}` on standard error of {}:\n{}",
                self.command,
                self.stderr
            );
        }
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!(
                "{} printed no JSON ({error}):\n{}",
                self.command, self.stdout
            )
        })
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<Json> {
        self.stdout
            .lines()
            .map(|line| {
                serde_json::from_str(line)
                    .unwrap_or_else(|error| panic!("{} printed `{line}`: {error}", self.command))
            })
            .collect()
    }
}
