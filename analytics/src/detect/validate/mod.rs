//! Rule files checked before they run: every fault with its place, and what the rule would cost.
//!
//! An operator adds a rule by dropping `ID.sql` into a folder. Its author needs all faults at once,
//! each with line and column, so this reads the same file as [`Rule::parse`] more patiently:
//! the front matter key by key ([`front`]), the query as the parser and the planner see it
//! ([`query`]), and the rule over a sample of the store ([`cost`]).
//!
//! Invariants: a file without an error loads and plans; a file that does not load has an error;
//! nothing is written.
//!
//! Failure modes: a path that cannot be read is an error of its own ([`Error::Asked`]); everything
//! wrong inside a file is a [`Fault`].

mod cost;
mod front;
mod query;
mod text;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::catalogue::{Catalogue, Configured};
use super::golden;
use super::rule::Rule;
use crate::session::{Config, Error, in_memory};
use text::Source;

pub use cost::{Cost, Sample, estimate};

/// Whether a fault keeps a rule from running.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// The rule cannot run, or would not mean the same in every run.
    Error,
    /// It runs; its author should look.
    Warning,
}

/// Something wrong in a rule file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// The file.
    pub file: PathBuf,
    /// Line from 1.
    pub line: usize,
    /// Column from 1, in characters; 1 when only the line is known.
    pub column: usize,
    /// Whether it keeps the rule from running.
    pub level: Level,
    /// What is wrong and what is expected.
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        write!(
            f,
            "{}:{}:{}: {level}: {}",
            self.file.display(),
            self.line,
            self.column,
            self.what
        )
    }
}

/// A rule file after its check.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The file.
    pub file: PathBuf,
    /// The rule with its defaults, when it has no error.
    pub rule: Option<Configured>,
    /// Faults in order of their places.
    pub faults: Vec<Fault>,
    /// Golden cases next to it that were run.
    pub golden_cases: usize,
}

impl Checked {
    /// Whether the rule can run.
    pub fn sound(&self) -> bool {
        self.faults.iter().all(|fault| fault.level != Level::Error)
    }
}

/// Rule files named by a path: the file itself, or the `*.sql` files of a folder in order.
///
/// # Errors
/// [`Error::Asked`] when the path cannot be read or names no rule file.
pub fn files(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let asked = |what: String| Error::Asked {
        what: format!("`{}`: {what}", path.display()),
    };
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = std::fs::read_dir(path).map_err(|error| asked(error.to_string()))?;
    let mut found = Vec::new();
    for entry in entries {
        let file = entry.map_err(|error| asked(error.to_string()))?.path();
        if file.extension().is_some_and(|extension| extension == "sql") {
            found.push(file);
        }
    }
    if found.is_empty() {
        return Err(asked(
            "the folder has no rule file; rules are named `ID.sql`".to_owned(),
        ));
    }
    found.sort();
    Ok(found)
}

/// The front matter of one file, without planning its query: what a start-up can afford.
pub(super) fn parse(file: &Path, text: &str) -> (Option<Rule>, Vec<Fault>) {
    let source = Source::new(file, text);
    let (rule, mut faults) = front::check(&source);
    faults.sort();
    (rule, faults)
}

/// Checks rule files: front matter, query, ids across files, golden cases next to them.
///
/// # Errors
/// What cannot be read, and what goes wrong in the engine itself.
pub async fn check(paths: &[PathBuf]) -> Result<Vec<Checked>, Error> {
    let mut checked = Vec::new();
    let mut ids: BTreeMap<String, PathBuf> = BTreeMap::new();
    let bench = bench().await?;
    for path in paths {
        let text = std::fs::read_to_string(path).map_err(|error| Error::Asked {
            what: format!("`{}`: {error}", path.display()),
        })?;
        let source = Source::new(path, &text);
        let (rule, mut faults) = front::check(&source);
        if let Some(id) = front::id(&source) {
            if let Some(other) = ids.get(&id) {
                let at = source.key("id").unwrap_or((1, 1));
                let what = format!("id `{id}` is taken: `{}` has it", other.display());
                faults.push(source.error(at, what));
            } else {
                ids.insert(id, path.clone());
            }
        }
        let mut golden_cases = 0;
        let mut configured = None;
        if let Some(rule) = rule {
            let rule = Configured::defaults(rule)?;
            faults.extend(query::check(&bench, &source, &rule).await?);
            if faults.iter().all(|fault| fault.level != Level::Error) {
                golden_cases = cases(&source, &rule, &mut faults).await?;
                configured = Some(rule);
            }
        }
        faults.sort();
        checked.push(Checked {
            file: path.clone(),
            rule: configured,
            faults,
            golden_cases,
        });
    }
    Ok(checked)
}

/// Empty tables under every name a rule may read.
async fn bench() -> Result<crate::session::Session, Error> {
    let session = in_memory(Vec::new(), &Config::default()).await?;
    let none = std::collections::BTreeSet::new();
    let run = super::inputs::prepare(&session, &none, Some(&none), None, 0).await?;
    super::plant::prepare(&run, &super::plant::Sheets::default()).await?;
    super::shared::register(&run).await?;
    super::whole::bench(&run).await?;
    run.rows(
        "places of the parser",
        "SET datafusion.sql_parser.collect_spans = true",
    )
    .await?;
    Ok(run)
}

/// Runs `golden/ID.toml` next to a rule, if there is one.
async fn cases(
    source: &Source<'_>,
    rule: &Configured,
    faults: &mut Vec<Fault>,
) -> Result<usize, Error> {
    let id = &rule.rule.id;
    let file = source
        .file
        .with_file_name("golden")
        .join(format!("{id}.toml"));
    let Ok(text) = std::fs::read_to_string(&file) else {
        return Ok(0);
    };
    let catalogue = Catalogue::of(rule.rule.clone(), rule.values.clone());
    let place = |what: String| Fault {
        file: file.clone(),
        line: 1,
        column: 1,
        level: Level::Error,
        what,
    };
    match golden::check(&catalogue, id, &text).await {
        Ok(outcome) => {
            faults.extend(outcome.differences.into_iter().map(place));
            Ok(outcome.cases)
        }
        Err(error) => {
            faults.push(place(error.to_string()));
            Ok(0)
        }
    }
}

#[cfg(test)]
mod tests;
