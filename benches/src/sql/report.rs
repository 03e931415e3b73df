//! Figures side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::questions::{Engine, Question};
use crate::spread::Spread;

/// What answers are compared by: rows, and the sum of every column of numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// Rows.
    pub rows: u64,
    /// Sum by column; nothing for columns of something else.
    pub sums: Vec<Option<f64>>,
}

impl Answer {
    /// Whether it is the same up to the order in which numbers were added.
    pub fn is(&self, other: &Self) -> bool {
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-7 * a.abs().max(b.abs()).max(1.0);
        // An engine that never gave a row knows no columns.
        let sum = |answer: &Self, column: usize| answer.sums.get(column).copied().flatten();
        let columns = self.sums.len().max(other.sums.len());
        self.rows == other.rows
            && (0..columns).all(|column| {
                let sum = |answer: &Self| sum(answer, column).unwrap_or(0.0);
                close(sum(self), sum(other))
            })
    }
}

/// What a question cost an engine.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Milliseconds of every run.
    pub ms: Vec<f64>,
    /// CPU seconds of a run, in the mean.
    pub cpu_s: f64,
    /// What it answered in every run.
    pub answers: Vec<Answer>,
}

/// Figures by question and engine.
pub type All = BTreeMap<(String, Engine), Figures>;

/// Questions that an engine did not answer, and why.
pub type Failed = BTreeMap<(String, Engine), String>;

/// Questions that engines answer differently, in words; a run is compared where both had it.
pub fn unequal(questions: &[Question], all: &All) -> Vec<String> {
    let mut unequal = Vec::new();
    for question in questions {
        let mut answers = all
            .iter()
            .filter(|((name, _), _)| *name == question.name)
            .map(|((_, engine), figures)| (engine.name(), &figures.answers));
        let Some((first, expected)) = answers.next() else {
            continue;
        };
        for (engine, answers) in answers {
            let mut runs = expected.iter().zip(answers);
            if let Some((expected, answer)) = runs.find(|(expected, answer)| !answer.is(expected)) {
                unequal.push(format!(
                    "{}: {first} {expected:?}, {engine} {answer:?}",
                    question.name
                ));
            }
        }
    }
    unequal
}

/// The figures as an aligned Markdown table, and below it what they come to.
pub fn markdown(questions: &[Question], all: &All) -> String {
    let engines: Vec<Engine> = [Engine::Nonsite, Engine::DuckDb, Engine::Chdb]
        .into_iter()
        .filter(|engine| all.keys().any(|(_, of)| of == engine))
        .collect();
    let mut head = vec!["question".to_owned(), "runs".to_owned()];
    for engine in &engines {
        head.push(format!("{} p50 / p95 ms", engine.name()));
        head.push("CPU ms".to_owned());
    }
    head.push("to the faster peer".to_owned());
    let mut rows = vec![head];
    let (mut ratios, mut points) = (Vec::new(), Vec::new());
    for question in questions {
        let of = |engine: Engine| all.get(&(question.name.clone(), engine));
        let mut row = vec![
            format!("{} ({})", question.name, question.what),
            of(Engine::Nonsite).map_or_else(String::new, |it| it.ms.len().to_string()),
        ];
        for engine in &engines {
            match of(*engine) {
                Some(figures) => {
                    let spread = Spread::of(figures.ms.clone());
                    row.push(format!("{} / {}", told(spread.p50), told(p95(&figures.ms))));
                    row.push(told(figures.cpu_s * 1e3));
                }
                None => row.extend(["".to_owned(), "".to_owned()]),
            }
        }
        let p50 = |figures: &Figures| Spread::of(figures.ms.clone()).p50;
        let ours = of(Engine::Nonsite).map(p50);
        let peers = [Engine::DuckDb, Engine::Chdb].into_iter().filter_map(of);
        let ratio = ours.zip(peers.map(p50).reduce(f64::min));
        let ratio = ratio.map(|(ours, peer)| ours / peer.max(1e-3));
        row.push(ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")));
        ratios.extend(ratio);
        if question.point
            && let Some(figures) = of(Engine::Nonsite)
        {
            points.push(p95(&figures.ms));
        }
        rows.push(row);
    }
    let mut text = aligned(&rows);
    if !ratios.is_empty() {
        let below = |most: f64| ratios.iter().filter(|ratio| **ratio <= most).count();
        text.push_str(&format!(
            "\nOf {} questions {} are not slower than the faster peer, {} at most 1.5 times as slow.\n",
            ratios.len(),
            below(1.0),
            below(1.5)
        ));
    }
    if let Some(most) = points.into_iter().reduce(f64::max) {
        text.push_str(&format!(
            "Point questions: the largest p95 is {} ms.\n",
            told(most)
        ));
    }
    let view = |view: &str, raw: &str| {
        let p50 = |name: &str| {
            let figures = all.get(&(name.to_owned(), Engine::Nonsite))?;
            Some(Spread::of(figures.ms.clone()).p50)
        };
        Some(p50(view)? / p50(raw)?)
    };
    for (over, raw) in [
        ("13_view_month", "14_raw_month"),
        ("15_view_all", "16_raw_all"),
    ] {
        if let Some(ratio) = view(over, raw) {
            text.push_str(&format!("{over} costs {ratio:.2} times {raw}.\n"));
        }
    }
    text
}

fn p95(ms: &[f64]) -> f64 {
    let mut ms = ms.to_vec();
    ms.sort_by(f64::total_cmp);
    let rank = (0.95 * ms.len() as f64).ceil() as usize;
    ms.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// Three digits.
fn told(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.1}"),
        ms => format!("{ms:.0}"),
    }
}

fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        let cells = row
            .iter()
            .zip(&widths)
            .enumerate()
            .map(|(at, (cell, width))| {
                if at == 0 {
                    format!("{cell:<width$}")
                } else {
                    format!("{cell:>width$}")
                }
            });
        text.push_str(&format!("| {} |\n", cells.collect::<Vec<_>>().join(" | ")));
        if number == 0 {
            let rules = widths.iter().enumerate().map(|(at, width)| {
                let dashes = "-".repeat(width.saturating_sub(1).max(2));
                if at == 0 {
                    format!(":{dashes}")
                } else {
                    format!("{dashes}:")
                }
            });
            text.push_str(&format!("| {} |\n", rules.collect::<Vec<_>>().join(" | ")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(ms: f64, rows: u64, sum: f64) -> Figures {
        Figures {
            ms: vec![ms; 3],
            cpu_s: ms / 1e3,
            answers: vec![
                Answer {
                    rows,
                    sums: vec![None, Some(sum)],
                };
                3
            ],
        }
    }

    #[test]
    fn answers_are_equal_up_to_the_last_digits_and_no_further() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/queries");
        let questions = super::super::questions::load(&folder).unwrap();
        let name = questions[0].name.clone();
        let mut all = All::new();
        all.insert((name.clone(), Engine::Nonsite), figures(30.0, 2, 1e9));
        all.insert((name.clone(), Engine::DuckDb), figures(20.0, 2, 1e9 + 1e-3));
        all.insert((name.clone(), Engine::Chdb), figures(25.0, 2, 1e9));
        assert!(unequal(&questions, &all).is_empty());
        let table = markdown(&questions[..1], &all);
        assert!(table.contains("1.50 |"), "{table}");
        assert!(table.contains("Of 1 questions 0 are not slower"), "{table}");
        let widths: Vec<usize> = table
            .lines()
            .take(3)
            .map(|line| line.chars().count())
            .collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{table}");
        all.insert((name.clone(), Engine::Chdb), figures(25.0, 3, 1e9));
        assert_eq!(unequal(&questions, &all).len(), 1);
        let mut fewer = figures(25.0, 2, 1.1e9);
        all.insert((name.clone(), Engine::Chdb), fewer.clone());
        assert_eq!(unequal(&questions, &all).len(), 1);
        // An engine that was too slow for a third run is compared by the first two.
        fewer.answers = figures(25.0, 2, 1e9).answers;
        fewer.answers.pop();
        all.insert((name, Engine::Chdb), fewer);
        assert!(unequal(&questions, &all).is_empty());
    }
}
