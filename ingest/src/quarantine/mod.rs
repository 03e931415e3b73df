//! Working on messages that could not be used.
//!
//! Ingest puts every message (or part of one) that it cannot use into the table `quarantine`, with
//! the bytes as received and a stable reason. Rows there are never changed or deleted. What became
//! of them later is in `quarantine_redriven`; an entry is *open* until that table says that it
//! became rows.

mod read;
mod redrive;
#[cfg(test)]
mod tests;

use nonsite_schemas::reason::Reason;
use serde::Serialize;

pub use self::redrive::{
    Decoded, Outcome, Records, Redecode, RedriveError, RedriveReport, Request, StillBad, redrive,
};
use crate::store::{Store, StoreError};

/// Why quarantined messages could not be read or driven again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuarantineError {
    /// A table could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A table could not be read.
    #[error("table `{table}` cannot be read: {source}; check that the store is reachable")]
    Read {
        /// Table name.
        table: &'static str,
        /// What was reported.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An id that names nothing.
    #[error(
        "there is no quarantined message `{id}`; ids look like `topic/partition/offset` or \
         `topic/partition/offset#part`, list them with `nonsite quarantine list --all`"
    )]
    UnknownId {
        /// The id as given.
        id: String,
    },
    /// A reason that does not exist.
    #[error("`{code}` is not a reason code; the codes are: {}", known_codes())]
    UnknownReason {
        /// The code as given.
        code: String,
    },
}

fn known_codes() -> String {
    Reason::ALL
        .iter()
        .map(|reason| reason.code())
        .collect::<Vec<_>>()
        .join(", ")
}

/// Which entries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only these ids; empty means any.
    pub ids: Vec<String>,
    /// Only this reason code.
    pub reason: Option<String>,
    /// Only this Kafka topic.
    pub topic: Option<String>,
    /// Only this data logger.
    pub mn: Option<String>,
    /// Also those that became rows since.
    pub with_redriven: bool,
    /// At most so many, oldest first.
    pub limit: Option<usize>,
}

impl Filter {
    /// Checks that the reason is one there is.
    ///
    /// # Errors
    /// [`QuarantineError::UnknownReason`] with all codes.
    pub fn validate(&self) -> Result<(), QuarantineError> {
        match &self.reason {
            Some(code) if Reason::from_code(code).is_none() => {
                Err(QuarantineError::UnknownReason { code: code.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// One quarantined message or part of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `topic/partition/offset`, with `#part` for a part.
    pub quarantine_id: String,
    /// Stable reason code.
    pub reason: String,
    /// What is wrong, where.
    pub detail: String,
    /// Number of the unusable part; absent when the whole message is here.
    pub part: Option<i32>,
    /// Data logger, if it could be read.
    pub mn: Option<String>,
    /// The whole message as received.
    #[serde(skip)]
    pub raw: Vec<u8>,
    /// The unusable part as text.
    pub part_raw: Option<String>,
    /// Timestamp of the Kafka record, microseconds UTC.
    pub received_at: i64,
    /// Kafka topic.
    pub topic: String,
    /// Kafka partition.
    pub partition: i32,
    /// Kafka offset.
    pub offset: i64,
}

impl Entry {
    /// What the reason means and what can be done about it.
    pub fn explanation(&self) -> &'static str {
        Reason::from_code(&self.reason).map_or(
            "This reason is not known to this version; a newer one wrote the entry.",
            Reason::explain,
        )
    }

    /// The message as text; bytes that are not UTF-8 show as replacement characters.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// The message as a hex dump: offset, 16 bytes, their ASCII characters.
    pub fn hex(&self) -> String {
        use std::fmt::Write as _;
        let mut dump = String::new();
        for (line, bytes) in self.raw.chunks(16).enumerate() {
            let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            let ascii: String = bytes
                .iter()
                .map(|byte| {
                    if byte.is_ascii_graphic() || *byte == b' ' {
                        char::from(*byte)
                    } else {
                        '.'
                    }
                })
                .collect();
            // Writing into a String cannot fail.
            let _ = writeln!(dump, "{:08x}  {:<47}  {ascii}", line * 16, hex.join(" "));
        }
        dump
    }
}

/// Reads the quarantine of a store.
#[derive(Debug, Clone)]
pub struct Quarantine {
    store: Store,
}

impl Quarantine {
    /// The quarantine of `store`; its tables need not exist yet.
    pub fn new(store: Store) -> Self {
        Self { store }
    }

    /// Entries in the order in which they were received.
    ///
    /// # Errors
    /// The reason of the filter does not exist, or a table cannot be read.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Entry>, QuarantineError> {
        filter.validate()?;
        read::entries(&self.store, filter).await
    }

    /// One entry by its id.
    ///
    /// # Errors
    /// [`QuarantineError::UnknownId`] when there is none.
    pub async fn show(&self, id: &str) -> Result<Entry, QuarantineError> {
        let filter = Filter {
            ids: vec![id.to_owned()],
            with_redriven: true,
            ..Filter::default()
        };
        let mut found = self.list(&filter).await?;
        found
            .pop()
            .ok_or_else(|| QuarantineError::UnknownId { id: id.to_owned() })
    }
}
