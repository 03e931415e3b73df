//! Backfill: exports of a plant's own system (CSV or Parquet) as readings on a Kafka topic.
//!
//! Why through Kafka and not straight into the tables: an imported reading then has what every
//! other reading has, an offset that proves where it came from, one exactly-once path into the
//! table, quarantine for what cannot be used, and `verify` over all of it.
//!
//! The path of a row: [`source`] cuts the file into cells, [`plan`] (the [`Mapping`] bound to the
//! file's columns) says what each cell is, [`assemble`] puts what belongs to one instant together,
//! [`message`] writes it, a [`MessageSink`] takes it.
//!
//! Invariants
//! - Missing is missing: a missing marker never becomes a number.
//! - Nothing leaves silently: every mapped cell is counted as number, mark, missing or bad, and
//!   what is bad goes out as text (so that ingest keeps or quarantines it), goes to the rejects
//!   file, or stops the import before the first message; which of the three is [`BadCells`].
//! - Deterministic: the same file and mapping give the same messages in the same order. Importing
//!   again is therefore a resend of the same readings, which the view `readings` resolves.
//! - Bounded memory: rows pass one at a time; what grows with the file is one small key per
//!   instant, needed to count instants truthfully.
//!
//! Failure modes: an unreadable file or a heading that is not there stops before anything is sent;
//! a damaged file stops where it is damaged, after what came before was sent (importing the
//! restored file again is safe); messages the broker did not acknowledge are an error with their
//! number.

mod assemble;
mod check;
mod error;
mod kafka;
mod mapping;
mod message;
mod parquet;
mod plan;
mod report;
mod run;
mod source;
mod time;

#[cfg(test)]
mod plants;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use error::ImportError;
pub use kafka::KafkaSink;
pub use mapping::{
    ColumnMapping, Conversion, CsvShape, FactorMapping, Layout, LongColumns, Mapping, MnColumn,
    ReadingDefaults, Statistic, TimeColumns,
};
pub use report::{ColumnCount, Fault, Report};
pub use source::Progress;

/// Takes the messages of an import.
pub trait MessageSink {
    /// Takes one message; `key` is the MN.
    ///
    /// # Errors
    /// When the message cannot be taken now or later.
    fn send(&mut self, key: &str, message: &[u8]) -> Result<(), ImportError>;

    /// Returns when everything taken has arrived.
    ///
    /// # Errors
    /// When some of it has not.
    fn finish(&mut self) -> Result<(), ImportError>;
}

/// Takes messages and forgets them: for `--dry-run` and for checking before sending.
#[derive(Debug, Clone, Copy, Default)]
pub struct Discard;

impl MessageSink for Discard {
    fn send(&mut self, _key: &str, _message: &[u8]) -> Result<(), ImportError> {
        Ok(())
    }

    fn finish(&mut self) -> Result<(), ImportError> {
        Ok(())
    }
}

/// What becomes of cells and rows that are not what the mapping says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BadCells {
    /// They are reported and sent as text; ingest keeps or quarantines them.
    #[default]
    Report,
    /// They are reported and not sent.
    Reject,
    /// The first one stops the import before anything is sent.
    Fail,
}

/// How to import.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What becomes of bad cells.
    pub bad_cells: BadCells,
    /// Marks every reading as a resend.
    pub resend: bool,
    /// A CSV file that gets every fault (line, column, text, why).
    pub rejects: Option<PathBuf>,
}

/// Imports one file and returns when `sink` has everything.
///
/// # Errors
/// See [`ImportError`]; faults of single cells and rows are in the report instead.
pub fn import(
    file: &Path,
    mapping: &Mapping,
    options: &Options,
    sink: &mut dyn MessageSink,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, ImportError> {
    if options.bad_cells == BadCells::Fail {
        // A look at the whole file first: with `fail`, nothing of a faulty file may be sent.
        let check = Options {
            rejects: None,
            ..options.clone()
        };
        pass(file, mapping, &check, &mut Discard, &mut |_| {})?;
    }
    let report = pass(file, mapping, options, sink, progress)?;
    sink.finish()?;
    Ok(report)
}

fn pass(
    file: &Path,
    mapping: &Mapping,
    options: &Options,
    sink: &mut dyn MessageSink,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, ImportError> {
    let mut source = source::Source::open(file, &mapping.csv)?;
    let plan = plan::Plan::new(mapping, &source)?;
    let mut run = run::Run::new(file, &plan, options, sink)?;
    source.visit(&mut |row, done| {
        run.row(&row)?;
        progress(done);
        Ok(())
    })?;
    run.finish()
}
