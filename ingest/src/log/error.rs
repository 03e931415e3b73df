//! What can go wrong with a table's log, and whether trying again can help.

/// Why a table's log could not be opened or appended to.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The log could not be read.
    #[error("table `{table}`: the log cannot be read: {source}; check that the store is reachable")]
    Read {
        /// Table name.
        table: String,
        /// What the library reported.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The log holds an entry that is not Delta.
    #[error(
        "table `{table}`: log entry {version} is not valid: {detail}; restore it from a backup or \
         from a replica before writing again"
    )]
    Corrupt {
        /// Table name.
        table: String,
        /// Version of the entry.
        version: i64,
        /// What is wrong with it.
        detail: String,
    },
    /// The table needs a writer that this version is not.
    #[error(
        "table `{table}` asks for writer version {writer} with features [{features}], which this \
         version of nonsite does not write; upgrade nonsite or do not change the table's properties"
    )]
    Protocol {
        /// Table name.
        table: String,
        /// `minWriterVersion` of the table.
        writer: i32,
        /// Writer features that are not understood.
        features: String,
    },
    /// A commit was refused because it is not what its author believes (N2).
    #[error("table `{table}`: refused to commit {app_id} from {from:?} to {to}: {detail}")]
    NotMonotonic {
        /// Table name.
        table: String,
        /// Application id of the range.
        app_id: String,
        /// Offset the range starts at, `None` for a first commit.
        from: Option<i64>,
        /// Offset after the range.
        to: i64,
        /// Which rule it breaks.
        detail: &'static str,
    },
}

/// Why a commit did not happen, or may not have happened.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Another writer has moved one of this commit's application ids (N3). Nothing was written.
    /// Drop what was buffered and start again from the table's own offsets.
    #[error(
        "table `{table}`: another writer owns {app_id}: this commit starts at {expected:?}, the \
         table is at {found:?} in version {version}"
    )]
    Conflict {
        /// Table name.
        table: String,
        /// Application id that was moved.
        app_id: String,
        /// Where this commit believed the table to be.
        expected: Option<i64>,
        /// Where the table is.
        found: Option<i64>,
        /// Version that was seen.
        version: i64,
    },
    /// The permission to publish was withdrawn before the entry was written (N5). Nothing was
    /// written by this attempt.
    #[error("table `{table}`: the partitions were revoked before the commit")]
    Withdrawn {
        /// Table name.
        table: String,
    },
    /// The store did not answer clearly in any attempt (N4). The commit may or may not land at
    /// the version it aimed at; reload and read the table's offsets before anything else.
    #[error(
        "table `{table}`: the outcome of commit {commit_id} at version {version} is unknown after \
         {attempts} attempts: {source}"
    )]
    Unknown {
        /// Table name.
        table: String,
        /// This commit's id, as in `commitInfo.txnId`.
        commit_id: String,
        /// Version it aimed at.
        version: i64,
        /// How often the entry was put.
        attempts: u32,
        /// The last answer of the store.
        #[source]
        source: object_store::Error,
    },
    /// The log itself cannot be used; trying again does not help.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl CommitError {
    /// Whether dropping the buffers, reloading the table's offsets and reading again can succeed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Conflict { .. } | Self::Withdrawn { .. } | Self::Unknown { .. } => true,
            Self::Log(error) => matches!(error, LogError::Read { .. }),
        }
    }
}
