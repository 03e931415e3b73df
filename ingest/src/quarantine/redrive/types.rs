//! What a redrive is asked, what it answers, and who decodes for it.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use nonsite_schemas::wire::Origin;
use serde::Serialize;

use super::super::{Filter, QuarantineError};
use crate::log::{CommitError, LogError};
use crate::store::StoreError;

/// Why a message is still not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillBad {
    /// Stable reason code.
    pub reason: String,
    /// One sentence: what, where, what to do.
    pub detail: String,
}

/// What became of one message: its rows by table, bad parts of it as rows of `quarantine`; or why
/// it cannot be used as a whole.
pub type Decoded = Result<Vec<(&'static str, RecordBatch)>, StillBad>;

/// Reads messages with the settings of today.
pub trait Redecode: Send {
    /// What becomes of each of these messages of one partition, which come in the order of their
    /// offsets. Parts of a split packet among them find each other; a part without DataTime whose
    /// others are not among them is `split_incomplete`.
    fn decode_all(&mut self, messages: &[(&[u8], Origin<'_>)]) -> Vec<Decoded>;

    /// How far apart the parts of one packet may have been received, microseconds.
    fn split_timeout_micros(&self) -> i64;

    /// The tables that messages of a topic become rows of, without `quarantine`; `None` when the
    /// topic is not configured.
    fn tables(&self, topic: &str) -> Option<Vec<&'static str>>;
}

/// What to drive again, and who says why.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Which entries; only open ones are taken.
    pub filter: Filter,
    /// Who runs it.
    pub by: String,
    /// What was fixed.
    pub why: String,
    /// Decode and count, write nothing.
    pub dry_run: bool,
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The entry.
    pub quarantine_id: String,
    /// `rows` or `still_bad`.
    pub outcome: &'static str,
    /// Rows the message has in its tables; for a part, rows that were added.
    pub rows: u64,
    /// Reason code when still bad.
    pub reason: Option<String>,
    /// What is still wrong.
    pub detail: Option<String>,
}

/// What a redrive did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RedriveReport {
    /// Id under which the outcomes are recorded.
    pub redrive_id: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Entries that became rows.
    pub became_rows: u64,
    /// Entries that stay.
    pub still_bad: u64,
    /// Rows added (dry run: would be), by table.
    pub rows: BTreeMap<String, u64>,
    /// Rows that an interrupted redrive had already added.
    pub already_there: u64,
    /// What became of each entry.
    pub outcomes: Vec<Outcome>,
    /// Entries left alone because some of their rows are there and they cannot be read now.
    pub inconsistent: Vec<String>,
}

/// Why a redrive stopped. What it had recorded stays; run it again for the rest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedriveError {
    /// The request says too little.
    #[error("redrive: {0}")]
    Request(String),
    /// The quarantine could not be read.
    #[error(transparent)]
    Quarantine(#[from] QuarantineError),
    /// A table could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table's log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A commit did not go through.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// Rows could not be written.
    #[error("table `{table}`: rows cannot be written: {source}; run the redrive again")]
    Write {
        /// Table name.
        table: String,
        /// What was reported.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl RedriveError {
    /// Whether the request itself is at fault.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Request(_)
                | Self::Quarantine(
                    QuarantineError::UnknownId { .. } | QuarantineError::UnknownReason { .. }
                )
        )
    }
}
