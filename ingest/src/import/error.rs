//! What can go wrong while an export is imported.
//!
//! Every message names the file, where in it, and what to do. Faults of single cells and rows are
//! not errors here: they are counted and handed on (see [`super::BadCells`]), because one bad cell
//! must not cost the other million.

use std::path::PathBuf;

use thiserror::Error;

/// Why an import could not start or stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// A file could not be opened, read or written.
    #[error("`{}`: cannot {action}: {source}; check the path and its permissions", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried, e.g. `open`.
        action: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// The mapping file is not what it should be.
    #[error("mapping `{}`: {what}", .path.display())]
    Mapping {
        /// The mapping file.
        path: PathBuf,
        /// What is wrong, at which key, and what to write instead.
        what: String,
    },
    /// The export does not have what the mapping names.
    #[error("`{}`: {what}", .path.display())]
    Layout {
        /// The export.
        path: PathBuf,
        /// What is missing and what there is.
        what: String,
    },
    /// The export cannot be read on (damaged compression, damaged Parquet page).
    #[error("`{}`, after line {line}: {what}; restore the file from its source and import it again", .path.display())]
    Damaged {
        /// The export.
        path: PathBuf,
        /// The last line (CSV) or row (Parquet) that could be read, counted from 1.
        line: u64,
        /// What the reader said.
        what: String,
    },
    /// A bad cell or row, with `fail` chosen for bad cells.
    #[error("`{}`, {fault}; correct the file or the mapping, or choose `--on-bad-cell report`", .path.display())]
    Bad {
        /// The export.
        path: PathBuf,
        /// Line, column, text and reason.
        fault: String,
    },
    /// The Kafka client does not take a setting.
    #[error("{what}")]
    Properties {
        /// The key and what is wrong with it.
        what: String,
    },
    /// The broker cannot be reached or refuses.
    #[error(
        "Kafka at `{brokers}`, topic `{topic}`: {what}; check `[kafka] brokers` and that the topic exists"
    )]
    Broker {
        /// Bootstrap brokers as configured.
        brokers: String,
        /// The topic.
        topic: String,
        /// What the client said.
        what: String,
    },
    /// Some messages were not acknowledged.
    #[error(
        "topic `{topic}`: {lost} of {sent} messages were not acknowledged ({what}); \
         run the same import again, readings that arrived twice are resolved by the view `readings`"
    )]
    Undelivered {
        /// The topic.
        topic: String,
        /// Messages handed to the producer.
        sent: u64,
        /// Messages without an acknowledgement.
        lost: u64,
        /// The first fault the producer reported.
        what: String,
    },
}

impl ImportError {
    /// Whether the fault lies in what the user gave (files, mapping, settings) rather than in the
    /// machine.
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::File { .. }
                | Self::Mapping { .. }
                | Self::Layout { .. }
                | Self::Bad { .. }
                | Self::Properties { .. }
        )
    }

    /// Whether the broker could not be reached.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Broker { .. } | Self::Undelivered { .. })
    }
}
