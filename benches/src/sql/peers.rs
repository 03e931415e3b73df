//! Asking other engines: a Python script asks them about the same files and hands back its figures.
//!
//! A question an engine fails at, or dies of, costs that question and not the figures of the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::Limits;
use super::questions::Engine;
use super::report::Figures;

/// What a peer is asked.
#[derive(Debug, Serialize)]
pub struct Job<'j> {
    /// Which peer.
    pub engine: &'static str,
    /// Folder of the tables.
    pub tables: &'j Path,
    /// What it may use.
    #[serde(flatten)]
    pub limits: &'j Limits,
    /// Question to texts.
    pub questions: &'j BTreeMap<String, Vec<String>>,
}

/// What a peer said.
#[derive(Debug, Default)]
pub struct Told {
    /// Its version.
    pub version: String,
    /// Figures by question.
    pub figures: BTreeMap<String, Figures>,
    /// Questions it failed at, and why.
    pub failed: BTreeMap<String, String>,
}

/// A line of the script.
#[derive(Debug, Deserialize)]
struct Line {
    version: Option<String>,
    name: Option<String>,
    figures: Option<Figures>,
    failed: Option<String>,
}

/// Lets a peer answer.
///
/// # Errors
/// The script does not run.
pub fn measure(
    python: &Path,
    script: &Path,
    engine: Engine,
    job: &Job<'_>,
) -> anyhow::Result<Told> {
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
    let mut told = told(&String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        anyhow::ensure!(!told.version.is_empty(), "{}: {}", what(), output.status);
        for name in job.questions.keys() {
            if !told.figures.contains_key(name) && !told.failed.contains_key(name) {
                let why = format!("the engine ended before: {}", output.status);
                told.failed.insert(name.clone(), why);
            }
        }
    }
    Ok(told)
}

/// What the lines say; other lines are chatter of the engine.
fn told(lines: &str) -> Told {
    let mut told = Told::default();
    for line in lines.lines() {
        let Ok(line) = serde_json::from_str::<Line>(line) else {
            continue;
        };
        match line {
            Line {
                name: Some(name),
                figures: Some(figures),
                ..
            } => {
                told.figures.insert(name, figures);
            }
            Line {
                name: Some(name),
                failed: Some(why),
                ..
            } => {
                told.failed.insert(name, why);
            }
            Line {
                version: Some(version),
                ..
            } => told.version = version,
            _ => {}
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_fails_costs_no_other_one() {
        let lines = r#"{"version": "1.2"}
chatter
{"name": "a", "figures": {"ms": [1.5, 2.0], "cpu_s": 0.1, "answers": [{"rows": 1, "sums": [null, 2.0]}]}}
{"name": "b", "failed": "out of memory"}
"#;
        let told = told(lines);
        assert_eq!(told.version, "1.2");
        assert_eq!(told.figures["a"].ms, [1.5, 2.0]);
        assert_eq!(told.figures["a"].answers[0].sums, [None, Some(2.0)]);
        assert_eq!(told.failed["b"], "out of memory");
    }
}
