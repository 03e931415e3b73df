//! The questions: one text for all engines, another only where an engine's dialect forces it.
//!
//! `NAME.sql` begins with a comment that says what is asked, and the comment `-- point` where the
//! question is about one logger; `NAME.ENGINE.sql` is an engine's own text. Words in braces are drawn
//! for every run of a question, the same for all engines.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use chrono::{Days, NaiveDate};
use serde::Serialize;

use super::tables::{FIRST_DAY, Scale, mn};

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Engine {
    /// The engine of this program.
    Nonsite,
    /// DuckDB.
    DuckDb,
    /// ClickHouse, in the process.
    Chdb,
}

impl Engine {
    /// Name in files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nonsite => "nonsite",
            Self::DuckDb => "duckdb",
            Self::Chdb => "chdb",
        }
    }
}

/// A question.
#[derive(Debug, Clone)]
pub struct Question {
    /// File name without its ending.
    pub name: String,
    /// What is asked.
    pub what: String,
    /// Whether it is about one logger: such questions are asked of many loggers.
    pub point: bool,
    text: String,
    own: BTreeMap<&'static str, String>,
}

/// What a question is about in one of its runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Draw(BTreeMap<&'static str, String>);

impl Draw {
    /// The draw with this number.
    pub fn of(scale: Scale, number: u64) -> Self {
        let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995;
        let mut pick = |many: i32| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            i32::try_from(state % u64::from(many.max(1).unsigned_abs())).unwrap_or(0)
        };
        let outlet = pick(i32::try_from(scale.outlets).unwrap_or(i32::MAX));
        let factor = ["a21002", "a21026", "a34013"][usize::try_from(pick(3)).unwrap_or(0)];
        let mut of = BTreeMap::from([
            ("mn", mn(usize::try_from(outlet).unwrap_or(0))),
            ("factor", factor.to_owned()),
            ("date", date(pick(scale.days))),
        ]);
        let mut span = |from: &'static str, to: &'static str, days: i32, after: i32| {
            let days = days.min(scale.days);
            let after = after.min(scale.days - days);
            let start = after + pick(scale.days - days - after + 1);
            of.insert(from, date(start));
            of.insert(to, date(start + days - 1));
            (start, days)
        };
        let (month, _) = span("month_from", "month_to", 30, 30);
        let (_, quarter_days) = span("quarter_from", "quarter_to", 90, 0);
        span("week_from", "week_to", 7, 0);
        span("days_from", "days_to", 3, 0);
        of.insert("quarter_days", quarter_days.to_string());
        of.insert("before_from", date((month - 30).max(0)));
        of.insert("before_to", date((month - 1).max(0)));
        Self(of)
    }
}

fn date(day: i32) -> String {
    let days = u64::try_from(FIRST_DAY + day).unwrap_or(0);
    (NaiveDate::default() + Days::new(days)).to_string()
}

impl Question {
    /// The text for an engine.
    ///
    /// # Errors
    /// A word in braces that nothing is drawn for.
    pub fn text(&self, engine: Engine, draw: &Draw) -> anyhow::Result<String> {
        let mut text = self.own.get(engine.name()).unwrap_or(&self.text).clone();
        for (word, value) in &draw.0 {
            text = text.replace(&format!("{{{word}}}"), value);
        }
        anyhow::ensure!(
            !text.contains('{'),
            "question {}: a word in braces is not known: {text}",
            self.name
        );
        Ok(text)
    }
}

/// All questions in a folder, by name.
///
/// # Errors
/// The folder cannot be read, or a file does not say what it asks.
pub fn load(folder: &Path) -> anyhow::Result<Vec<Question>> {
    let read = |path: &Path| {
        std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display()))
    };
    let listed = std::fs::read_dir(folder)
        .with_context(|| format!("there are no questions in {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in listed {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        if let Some(name) = name.strip_suffix(".sql").filter(|name| !name.contains('.')) {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    names
        .into_iter()
        .map(|name| {
            let text = read(&folder.join(format!("{name}.sql")))?;
            let (comments, text): (Vec<&str>, Vec<&str>) =
                text.lines().partition(|line| line.starts_with("--"));
            let comments: Vec<&str> = comments
                .iter()
                .map(|line| line.trim_start_matches('-').trim())
                .collect();
            let what = comments.first().copied().unwrap_or_default().to_owned();
            anyhow::ensure!(
                !what.is_empty(),
                "question {name} does not say what it asks"
            );
            let mut own = BTreeMap::new();
            for engine in [Engine::DuckDb, Engine::Chdb] {
                let path = folder.join(format!("{name}.{}.sql", engine.name()));
                if path.is_file() {
                    own.insert(engine.name(), read(&path)?);
                }
            }
            Ok(Question {
                point: comments.contains(&"point"),
                what,
                text: text.join("\n"),
                own,
                name,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_a_text_for_every_engine_and_draw() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/queries");
        let questions = load(&folder).unwrap();
        assert!(questions.len() >= 20, "{}", questions.len());
        assert!(questions.iter().filter(|question| question.point).count() >= 3);
        let (year, week) = (Scale::of(1_000_000, 365, 1), Scale::of(1_000, 5, 0));
        for scale in [year, week] {
            for number in 0..50 {
                let draw = Draw::of(scale, number);
                assert_eq!(draw, Draw::of(scale, number));
                let of = |word: &str| draw.0[word].clone();
                assert!(of("month_from") <= of("month_to") && of("quarter_to") < date(scale.days));
                for question in &questions {
                    for engine in [Engine::Nonsite, Engine::DuckDb, Engine::Chdb] {
                        question.text(engine, &draw).unwrap();
                    }
                }
            }
        }
        let draw = Draw::of(year, 1);
        assert!(draw.0["before_to"] < draw.0["month_from"]);
    }
}
