//! What can go wrong between a question and its answer, and whose turn it is.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use deltalake::DeltaTableError;

/// A failure of detection or of a query.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of the tables cannot be used.
    #[error("store `{path}`: {what}; set store.path to the folder that `nonsite ingest` writes")]
    Store {
        /// Folder as configured.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A Delta table could not be read or written. Retrying can help when another process
    /// committed at the same time.
    #[error("table `{table}`: {source}")]
    Table {
        /// Name of the table.
        table: String,
        /// What the table library said.
        #[source]
        source: Box<DeltaTableError>,
    },
    /// A query failed: the text, a column's type, or the memory limit.
    #[error("{what}: {source}")]
    Query {
        /// Which query.
        what: String,
        /// What the engine said.
        #[source]
        source: Box<DataFusionError>,
    },
    /// Old versions of tables that are needed are no longer there.
    #[error(
        "{what}; the files of that time are gone (vacuum, log cleanup), so this can no longer be computed again: `[maintain]` says how long they are kept"
    )]
    Gone {
        /// What was asked for.
        what: String,
    },
    /// What was asked for does not exist, or cannot be done with it.
    #[error("{what}")]
    Asked {
        /// What is wrong and what to do.
        what: String,
    },
    /// A rule file is wrong: its author has to change it.
    #[error("rule `{rule}`: {what}")]
    Rule {
        /// Id or file name of the rule.
        rule: String,
        /// What is wrong and what is expected.
        what: String,
    },
    /// A setting is outside its range, or the Kafka client does not take it.
    #[error("configuration `{key}`: {what}")]
    Config {
        /// Dotted key, e.g. `detect.interval_s`.
        key: String,
        /// What is wrong and what is allowed.
        what: String,
    },
    /// Alerts could not be handed to Kafka; they stay in the outbox and go out later.
    #[error(
        "alert topic `{topic}`: {what}; alerts stay in the outbox and are sent by the next run"
    )]
    Kafka {
        /// Topic alerts go to.
        topic: String,
        /// What the client said.
        what: String,
    },
    /// A line given to a check is not usable.
    #[error("line {line}: {what}")]
    Input {
        /// Line number from 1.
        line: usize,
        /// What is wrong and what is expected.
        what: String,
    },
}

impl Error {
    /// Whether a file that a table's version names was not there any more.
    pub(crate) fn is_missing_file(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            if let Some(object_store::Error::NotFound { .. }) = error.downcast_ref() {
                return true;
            }
            cause = error.source();
        }
        // Parquet's reader passes the store's error on as text.
        let text = self.to_string();
        text.contains("No such file or directory") || text.contains("not found: Object at location")
    }

    /// Wraps an engine error with the name of the query.
    pub(crate) fn query(what: impl Into<String>) -> impl FnOnce(DataFusionError) -> Self {
        let what = what.into();
        move |source| Self::Query {
            what,
            source: Box::new(source),
        }
    }

    /// Wraps a table error with the table's name.
    pub(crate) fn table(table: impl Into<String>) -> impl FnOnce(DeltaTableError) -> Self {
        let table = table.into();
        move |source| Self::Table {
            table,
            source: Box::new(source),
        }
    }
}
