//! The table's log: one conditional PUT per commit, at a cost that does not grow.
//!
//! Appending needs three facts only: the latest version, the offsets (`txn`) that version holds,
//! and what others committed since. This module keeps those and nothing else: no file list, no
//! checkpoint, no snapshot of the library after opening. A commit is one PUT of the next entry
//! "if absent"; when it exists, the entries in between are read, each once.
//!
//! ```text
//!            advances checked against the offsets of version N (N2, N3)
//!                               │
//!                               ▼        absent: ours
//!              ┌────────▶ PUT N+1 if absent ───────────▶ check N is still there ──▶ Committed
//!              │            │         │                          │ gone: the log was cleaned
//!              │     exists │         │ any other answer (N4)    ▼ past us: reopen and decide
//!              │            ▼         ▼
//!              │         read N+1, N+2, ... until the first that is missing
//!              │            │
//!              │            ├─ one carries our commit id ───────────────────▶ Committed
//!              │            ├─ one moved an application id of ours (N3) ────▶ Conflict
//!              │            ├─ one changed protocol or schema ── reopen, check, go on
//!              └────────────┴─ none of these: N := last one read
//! ```
//!
//! **Why an unclear answer may be tried again.** The retry puts the *same bytes at the same
//! version*. Whichever of the two requests arrives second finds the entry and fails, so at most
//! one lands; both carry the same commit id, so finding either is success. A higher version is
//! aimed at only after the lower one was read and belongs to somebody else.
//!
//! **Why giving up is safe.** The caller drops its buffers and reads the table's offsets. If the
//! abandoned PUT lands later, it either comes first (then the new batch meets a moved offset, a
//! conflict) or second (then its version is taken and it fails).
//!
//! **A log cleaned behind a sleeping writer.** If version N itself was removed by log cleanup,
//! N+1 may be absent because it was removed as well, and the PUT would land below the checkpoint,
//! where no reader looks. Hence the look at N after the PUT; N gone means: reopen, and believe
//! only what the reopened table says.
//!
//! Durability is the store's business: see [`crate::store`] on what a power cut can do.

mod entry;
mod error;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use deltalake::kernel::Add;
use nonsite_schemas::time::Clock;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};

use self::entry::Entry;
pub use self::error::{CommitError, LogError};
use crate::store::{Store, StoreError};

/// How often an unclear answer is followed by another PUT of the same entry.
const ATTEMPTS: u32 = 6;
/// Wait before the second attempt; doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(50);
/// Writer features that do not change what an append must contain.
const HARMLESS_FEATURES: &[&str] = &["appendOnly", "invariants", "timestampNtz"];

/// A partition's step within a commit: the table goes from `from` to `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// Application id, `{pipeline}/{topic}/{partition}`.
    pub app_id: String,
    /// Next offset according to the table before this commit; `None` if it has never been there.
    pub from: Option<i64>,
    /// Next offset after this commit; greater than `from`.
    pub to: i64,
}

/// What to append.
#[derive(Debug, Default)]
pub struct Append {
    /// Files that were uploaded and are to become visible.
    pub adds: Vec<Add>,
    /// Offsets that move with them.
    pub advances: Vec<Advance>,
    /// Name of the operation in `commitInfo`, e.g. `STREAMING UPDATE`.
    pub operation: &'static str,
    /// Further facts for `commitInfo`.
    pub info: serde_json::Map<String, serde_json::Value>,
}

/// A commit that is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Version it became.
    pub version: i64,
    /// Its id in `commitInfo.txnId`.
    pub commit_id: String,
    /// The store's answer was lost and the commit was recognised in the log (N4).
    pub recognised: bool,
    /// Entries of other writers that were read on the way.
    pub overtaken_by: u32,
}

/// One table's log as its only committer in this process sees it.
#[derive(Debug)]
pub struct TableLog {
    table: String,
    store: Store,
    objects: Arc<dyn ObjectStore>,
    clock: Arc<dyn Clock>,
    version: i64,
    txns: HashMap<String, Option<i64>>,
}

impl TableLog {
    /// Opens the log of `table` and learns the offsets of `app_ids`.
    ///
    /// # Errors
    /// The store does not answer, the table does not exist, or it needs another writer.
    pub async fn open(
        store: &Store,
        table: &str,
        app_ids: impl IntoIterator<Item = String>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, LogError> {
        let mut log = Self {
            table: table.to_owned(),
            store: store.clone(),
            objects: store.table_objects(table),
            clock,
            version: -1,
            txns: app_ids.into_iter().map(|app_id| (app_id, None)).collect(),
        };
        log.reload().await?;
        Ok(log)
    }

    /// Table name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// Latest version seen.
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The next offset of `app_id` in the latest version seen; `None` if the table has none or
    /// the id was never watched.
    pub fn txn(&self, app_id: &str) -> Option<i64> {
        self.txns.get(app_id).copied().flatten()
    }

    /// Watches exactly `app_ids` from now on and reads their offsets afresh.
    ///
    /// # Errors
    /// As [`TableLog::open`].
    pub async fn watch(
        &mut self,
        app_ids: impl IntoIterator<Item = String>,
    ) -> Result<(), LogError> {
        self.txns = app_ids.into_iter().map(|app_id| (app_id, None)).collect();
        self.reload().await
    }

    /// Reads version and offsets afresh through the library (checkpoint and entries after it).
    ///
    /// # Errors
    /// As [`TableLog::open`].
    pub async fn reload(&mut self) -> Result<(), LogError> {
        let table = self
            .store
            .load(&self.table)
            .await
            .map_err(|source| self.read(source))?;
        let snapshot = table
            .snapshot()
            .map_err(|source| self.read(source))?
            .snapshot();
        check_protocol(&self.table, snapshot.protocol())?;
        let log_store = table.log_store();
        let mut txns = HashMap::with_capacity(self.txns.len());
        for app_id in self.txns.keys() {
            let version = snapshot
                .transaction_version(log_store.as_ref(), app_id)
                .await
                .map_err(|source| self.read(source))?;
            txns.insert(app_id.clone(), version);
        }
        self.txns = txns;
        self.version = i64::try_from(snapshot.version()).unwrap_or(i64::MAX);
        Ok(())
    }

    /// Appends files and offsets in one version.
    ///
    /// `permitted` is asked before every PUT; when it says no, nothing more is written (N5).
    ///
    /// # Errors
    /// See [`CommitError`]; after any of them the buffers of this commit's partitions are to be
    /// dropped and the offsets read again with [`TableLog::reload`].
    pub async fn commit(
        &mut self,
        append: Append,
        permitted: &(dyn Fn() -> bool + Sync),
    ) -> Result<Committed, CommitError> {
        self.check_advances(&append.advances)?;
        let Append {
            adds,
            advances,
            operation,
            info,
        } = append;
        let known = self.txns.len();
        for advance in &advances {
            self.txns.entry(advance.app_id.clone()).or_insert(None);
        }
        if self.txns.len() > known {
            // An id that was not watched so far: where the table is with it is not known.
            self.reload().await?;
        }
        self.check_start(&advances)?;
        let commit_id = uuid::Uuid::new_v4().to_string();
        let txns: Vec<(String, i64)> = advances
            .iter()
            .map(|advance| (advance.app_id.clone(), advance.to))
            .collect();
        let millis = self.clock.now_micros().div_euclid(1_000);
        let body = entry::render(&commit_id, operation, millis, info, &txns, adds)
            .map(PutPayload::from)
            .map_err(|error| self.read(error))?;
        let mut overtaken_by = 0;
        let mut attempts = 0;
        loop {
            if !permitted() {
                return Err(CommitError::Withdrawn {
                    table: self.table.clone(),
                });
            }
            let target = self.version + 1;
            attempts += 1;
            let unclear = match self.put(target, body.clone()).await {
                Ok(()) => {
                    return self
                        .landed(target, commit_id, &advances, overtaken_by)
                        .await;
                }
                Err(object_store::Error::AlreadyExists { .. }) => None,
                Err(source) => Some(source),
            };
            let seen = self.catch_up(&commit_id, &advances).await?;
            overtaken_by += seen.foreign;
            if let Some(version) = seen.ours {
                return Ok(Committed {
                    version,
                    commit_id,
                    recognised: true,
                    overtaken_by,
                });
            }
            if let Some(source) = unclear {
                if attempts >= ATTEMPTS {
                    let table = self.table.clone();
                    return Err(CommitError::Unknown {
                        table,
                        commit_id,
                        version: target,
                        attempts,
                        source,
                    });
                }
                tracing::warn!(table = %self.table, version = target, error = %source,
                    "unclear answer to a commit; its entry is not in the log, same entry again");
                tokio::time::sleep(FIRST_BACKOFF * 2_u32.pow(attempts - 1)).await;
            } else if seen.foreign == 0 {
                // "Exists", and yet it cannot be read: cleaned up behind us.
                self.reload().await?;
                self.check_start(&advances)?;
            }
        }
    }

    /// N2: offsets only grow, and no id moves twice in one commit.
    fn check_advances(&self, advances: &[Advance]) -> Result<(), LogError> {
        for (index, advance) in advances.iter().enumerate() {
            let detail = if advance.from.is_some_and(|from| advance.to <= from) {
                "the end is not after the start"
            } else if advance.to < 0 {
                "an offset is never negative"
            } else if advances[..index]
                .iter()
                .any(|other| other.app_id == advance.app_id)
            {
                "the id appears twice in this commit"
            } else {
                continue;
            };
            return Err(LogError::NotMonotonic {
                table: self.table.clone(),
                app_id: advance.app_id.clone(),
                from: advance.from,
                to: advance.to,
                detail,
            });
        }
        Ok(())
    }

    /// N3: the version that is about to be built on holds the offsets this commit starts at.
    fn check_start(&self, advances: &[Advance]) -> Result<(), CommitError> {
        for advance in advances {
            let found = self.txn(&advance.app_id);
            if found != advance.from {
                return Err(CommitError::Conflict {
                    table: self.table.clone(),
                    app_id: advance.app_id.clone(),
                    expected: advance.from,
                    found,
                    version: self.version,
                });
            }
        }
        Ok(())
    }

    async fn put(&self, version: i64, body: PutPayload) -> Result<(), object_store::Error> {
        let options = PutOptions {
            mode: PutMode::Create,
            ..PutOptions::default()
        };
        self.objects
            .put_opts(&entry_path(version), body, options)
            .await
            .map(|_| ())
    }

    /// The PUT of `target` succeeded; makes sure that readers will see it.
    async fn landed(
        &mut self,
        target: i64,
        commit_id: String,
        advances: &[Advance],
        overtaken_by: u32,
    ) -> Result<Committed, CommitError> {
        let committed = Committed {
            version: target,
            commit_id,
            recognised: false,
            overtaken_by,
        };
        match self.objects.head(&entry_path(self.version)).await {
            Ok(_) => {
                self.version = target;
                for advance in advances {
                    self.txns.insert(advance.app_id.clone(), Some(advance.to));
                }
                Ok(committed)
            }
            // Gone, or no answer: only the table itself can tell.
            Err(_) => {
                self.reload().await?;
                let ends: Vec<Advance> = advances
                    .iter()
                    .map(|advance| Advance {
                        from: Some(advance.to),
                        ..advance.clone()
                    })
                    .collect();
                self.check_start(&ends)?;
                if advances.is_empty() && self.version < target {
                    return Err(CommitError::Withdrawn {
                        table: self.table.clone(),
                    });
                }
                Ok(Committed {
                    recognised: true,
                    ..committed
                })
            }
        }
    }

    /// Reads the entries after the known version until one is missing.
    async fn catch_up(
        &mut self,
        commit_id: &str,
        advances: &[Advance],
    ) -> Result<CaughtUp, CommitError> {
        let mut seen = CaughtUp::default();
        while let Some(entry) = self.entry(self.version + 1).await? {
            self.version += 1;
            for (app_id, version) in entry.txns {
                if let Some(known) = self.txns.get_mut(&app_id) {
                    *known = Some(version);
                }
            }
            if entry.commit_id.as_deref() == Some(commit_id) {
                seen.ours = Some(self.version);
                continue;
            }
            seen.foreign += 1;
            if entry.changes_table {
                let version = self.version;
                self.reload().await?;
                tracing::info!(table = %self.table, version, "table definition changed; reopened");
            }
        }
        if seen.ours.is_none() && seen.foreign > 0 {
            self.check_start(advances)?;
        }
        Ok(seen)
    }

    /// The entry of `version`, `None` if there is none.
    async fn entry(&self, version: i64) -> Result<Option<Entry>, LogError> {
        let bytes = match self.objects.get(&entry_path(version)).await {
            Ok(found) => found.bytes().await,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => Err(error),
        };
        let bytes = bytes.map_err(|source| self.read(source))?;
        Entry::parse(&bytes)
            .map(Some)
            .map_err(|detail| LogError::Corrupt {
                table: self.table.clone(),
                version,
                detail,
            })
    }

    fn read(&self, source: impl std::error::Error + Send + Sync + 'static) -> LogError {
        LogError::Read {
            table: self.table.clone(),
            source: Box::new(source),
        }
    }
}

/// What the entries after the known version said.
#[derive(Debug, Default)]
struct CaughtUp {
    /// Version that carries our commit id.
    ours: Option<i64>,
    /// Entries of others.
    foreign: u32,
}

/// Path of a log entry within its table.
pub(crate) fn entry_path(version: i64) -> Path {
    Path::from(format!("_delta_log/{version:020}.json"))
}

/// The part of the protocol action that says what a writer must be able to do.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct WriterNeeds {
    min_writer_version: i32,
    #[serde(default)]
    writer_features: Option<Vec<String>>,
}

/// Refuses tables whose protocol asks for more than plain appends.
fn check_protocol(table: &str, protocol: &deltalake::kernel::Protocol) -> Result<(), LogError> {
    // The library keeps the fields to itself but shows them as JSON.
    let needs: WriterNeeds = serde_json::to_value(protocol)
        .and_then(serde_json::from_value)
        .map_err(|source| LogError::Read {
            table: table.to_owned(),
            source: Box::new(source),
        })?;
    let writer = needs.min_writer_version;
    let mut strange = needs.writer_features.unwrap_or_default();
    strange.retain(|feature| !HARMLESS_FEATURES.contains(&feature.as_str()));
    // Version 2 adds append-only and invariants (none are ever set here); 7 lists its features.
    if writer <= 2 || (writer == 7 && strange.is_empty()) {
        return Ok(());
    }
    Err(LogError::Protocol {
        table: table.to_owned(),
        writer,
        features: strange.join(", "),
    })
}

impl From<StoreError> for LogError {
    fn from(error: StoreError) -> Self {
        Self::Read {
            table: error.table().to_owned(),
            source: Box::new(error),
        }
    }
}
