//! Driving quarantined messages again after their cause was fixed, exactly once.
//!
//! A record's rows go to one or more tables, and that it was redriven goes to
//! `quarantine_redriven`. There is no commit over several tables, so the order and two facts of
//! the tables themselves make it exact:
//!
//! ```text
//! for a batch of records:
//!   1 open the logs: `quarantine_redriven`, then every table the batch has rows for;
//!     remember each one's fence, the txn `nonsite-redrive`
//!   2 read which entries are open and decode their messages as they are now
//!   3 read which rows of these records (same Kafka topic, partition, offset) are already there
//!   4 per table (`quarantine` for new bad parts is one of them): commit the rows that are not
//!     there, with fence + 1
//!   5 commit the outcomes to `quarantine_redriven`, with fence + 1
//! ```
//!
//! - **Crash between two commits.** The entry is still open. The next redrive decodes again, finds
//!   in step 3 what the first one had committed, adds the rest, and records the outcome. All rows
//!   that one batch has for one table are one commit, so of a whole record either none or all of
//!   a table's rows are there.
//! - **Two redrives at once.** Steps 3 and 2 read after step 1. A commit of the other that came
//!   before step 1 is therefore seen; one that comes after has moved the fence, our commit is
//!   refused, and the batch starts again from step 1. The same holds for an answer that got lost:
//!   the batch starts again and believes only what the tables say.
//! - **Parts.** When only a part of a record is in quarantine, the rest of its rows are in their
//!   tables already. Step 3 compares row by row (logger, factor, granularity, time), so only the
//!   part's rows are added; the same holds for a record that was redriven in part.
//! - **Still bad.** Nothing is written for it but the outcome `still_bad`; it stays open.
//! - **Changed its mind.** A record that cannot be decoded now, although a crashed redrive had
//!   already written rows of it, is neither: it is reported as inconsistent and left open, to be
//!   redriven with the settings of that time.
//!
//! Rows carry the origin and the time of receipt of the original record; only the outcome has the
//! time of the redrive.

mod outcome;
mod present;
mod records;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use deltalake::kernel::Add;
use nonsite_schemas::time::Clock;
use nonsite_schemas::wire::Origin;
use serde::Serialize;

use self::present::Present;
pub use self::records::Records;
use super::read::{self, BECAME_ROWS, QUARANTINE, REDRIVEN};
use super::{Entry, Filter, QuarantineError};
use crate::log::{Advance, Append, CommitError, LogError, TableLog};
use crate::store::{Store, StoreError};
use crate::write::write_parquet;

/// Application id that redrives take turns by.
const FENCE: &str = "nonsite-redrive";
/// The outcome that leaves an entry open.
const STILL_BAD: &str = "still_bad";
/// Records per batch: one commit per table each.
const BATCH_RECORDS: usize = 500;
/// How often a batch starts again when another redrive was faster or an answer was lost.
const ATTEMPTS: u32 = 6;
/// Wait before a batch starts again; doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Why a message is still not usable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StillBad {
    /// Stable reason code.
    pub reason: String,
    /// One sentence: what, where, what to do.
    pub detail: String,
}

/// Reads messages with the settings of today.
pub trait Redecode: Send {
    /// The rows of a message by table; bad parts of it come as rows of `quarantine`.
    ///
    /// # Errors
    /// [`StillBad`] when the message as a whole cannot be used.
    fn decode(
        &mut self,
        message: &[u8],
        origin: Origin<'_>,
    ) -> Result<Vec<(&'static str, RecordBatch)>, StillBad>;

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

/// A Kafka record with its open entries: the whole record, or some of its parts.
struct Record {
    entries: Vec<Entry>,
}

impl Record {
    fn first(&self) -> &Entry {
        // Built by `chunk_by`, which never gives an empty run.
        &self.entries[0]
    }

    fn is_whole(&self) -> bool {
        self.entries.iter().any(|entry| entry.part.is_none())
    }

    fn origin(&self) -> Origin<'_> {
        let entry = self.first();
        Origin {
            topic: &entry.topic,
            partition: entry.partition,
            offset: entry.offset,
            received_at: entry.received_at,
        }
    }
}

type Decoded = Result<Vec<(&'static str, RecordBatch)>, StillBad>;

/// Drives entries again.
///
/// # Errors
/// [`RedriveError`]; batches finished before it are recorded.
pub async fn redrive(
    store: &Store,
    decoder: &mut dyn Redecode,
    clock: &Arc<dyn Clock>,
    request: &Request,
) -> Result<RedriveReport, RedriveError> {
    for (name, text) in [("by", &request.by), ("why", &request.why)] {
        if text.trim().is_empty() {
            let what = format!("--{name} is empty; the record of a redrive needs it");
            return Err(RedriveError::Request(what));
        }
    }
    request.filter.validate()?;
    let filter = Filter {
        with_redriven: false,
        ..request.filter.clone()
    };
    check_ids(store, &filter).await?;
    let places = read::places(store, &filter).await?;
    let mut report = RedriveReport {
        redrive_id: uuid::Uuid::new_v4().to_string(),
        dry_run: request.dry_run,
        ..RedriveReport::default()
    };
    let records: Vec<&[read::Place]> = places.chunk_by(|a, b| a.record() == b.record()).collect();
    for batch in records.chunks(BATCH_RECORDS) {
        let ids: Vec<String> = batch
            .iter()
            .flat_map(|record| record.iter().map(|place| place.quarantine_id.clone()))
            .collect();
        let mut run = Run {
            store,
            clock,
            request,
            report: &mut report,
        };
        run.batch_until_done(decoder, &ids).await?;
    }
    Ok(report)
}

/// An id that was given must name something, be it closed by now.
async fn check_ids(store: &Store, filter: &Filter) -> Result<(), RedriveError> {
    if filter.ids.is_empty() {
        return Ok(());
    }
    let any = Filter {
        ids: filter.ids.clone(),
        with_redriven: true,
        ..Filter::default()
    };
    let known: BTreeSet<String> = read::places(store, &any)
        .await?
        .into_iter()
        .map(|place| place.quarantine_id)
        .collect();
    match filter.ids.iter().find(|id| !known.contains(*id)) {
        Some(id) => Err(QuarantineError::UnknownId { id: id.clone() }.into()),
        None => Ok(()),
    }
}

struct Run<'r> {
    store: &'r Store,
    clock: &'r Arc<dyn Clock>,
    request: &'r Request,
    report: &'r mut RedriveReport,
}

impl Run<'_> {
    async fn batch_until_done(
        &mut self,
        decoder: &mut dyn Redecode,
        ids: &[String],
    ) -> Result<(), RedriveError> {
        let mut attempt = 1;
        loop {
            match self.batch(decoder, ids).await {
                Err(RedriveError::Commit(error)) if error.is_retryable() && attempt < ATTEMPTS => {
                    tracing::warn!(%error, attempt, "the batch starts again from the tables");
                    tokio::time::sleep(FIRST_BACKOFF * 2_u32.pow(attempt - 1)).await;
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    async fn batch(
        &mut self,
        decoder: &mut dyn Redecode,
        ids: &[String],
    ) -> Result<(), RedriveError> {
        let mut outcomes_log = self.open(REDRIVEN).await?;
        let records = self.open_records(ids).await?;
        let decoded: Vec<Decoded> = records
            .iter()
            .map(|record| {
                let topic = &record.first().topic;
                if decoder.tables(topic).is_none() {
                    return Err(StillBad {
                        reason: record.first().reason.clone(),
                        detail: format!(
                            "topic `{topic}` is not configured; add it to [[ingest.topics]]"
                        ),
                    });
                }
                decoder.decode(&record.first().raw, record.origin())
            })
            .collect();
        let mut tables: BTreeSet<&'static str> = decoded
            .iter()
            .flatten()
            .flatten()
            .map(|(table, _)| *table)
            .collect();
        for (record, decoded) in records.iter().zip(&decoded) {
            // A refused record may have rows of an interrupted redrive: look where they would be.
            if decoded.is_err() && record.is_whole() {
                tables.extend(decoder.tables(&record.first().topic).unwrap_or_default());
            }
        }
        let mut logs = BTreeMap::new();
        for table in &tables {
            if self.store.exists(table).await? {
                logs.insert(*table, self.open(table).await?);
            }
        }
        let mut present = BTreeMap::new();
        for table in logs.keys() {
            let origins: Vec<Origin<'_>> = records.iter().map(Record::origin).collect();
            present.insert(*table, Present::read(self.store, table, &origins).await?);
        }
        let (rows, outcomes, inconsistent, already_there) =
            judge(&records, decoded, &present).map_err(write_fault(QUARANTINE))?;
        if !self.request.dry_run {
            for (table, batches) in &rows {
                let Some(log) = logs.get_mut(table) else {
                    let what = format!("table `{table}` does not exist; run `nonsite ingest` once");
                    return Err(RedriveError::Request(what));
                };
                let Some(first) = batches.first() else {
                    continue;
                };
                let batch = arrow::compute::concat_batches(&first.schema(), batches)
                    .map_err(write_fault(table))?;
                self.commit(log, batch).await?;
            }
            if !outcomes.is_empty() {
                let batch = outcome::batch(
                    &outcomes,
                    &self.report.redrive_id,
                    self.clock.now_micros(),
                    self.request,
                )
                .map_err(write_fault(REDRIVEN))?;
                self.commit(&mut outcomes_log, batch).await?;
            }
        }
        for (table, batches) in rows {
            let added: usize = batches.iter().map(RecordBatch::num_rows).sum();
            *self.report.rows.entry(table.to_owned()).or_insert(0) += added as u64;
        }
        let became = outcomes
            .iter()
            .filter(|outcome| outcome.outcome == BECAME_ROWS)
            .count();
        self.report.became_rows += became as u64;
        self.report.still_bad += (outcomes.len() - became) as u64;
        self.report.already_there += already_there;
        self.report.outcomes.extend(outcomes);
        self.report.inconsistent.extend(inconsistent);
        Ok(())
    }

    async fn open(&self, table: &str) -> Result<TableLog, RedriveError> {
        let clock = Arc::clone(self.clock);
        Ok(TableLog::open(self.store, table, [FENCE.to_owned()], clock).await?)
    }

    /// The entries among `ids` that are open now, by record.
    async fn open_records(&self, ids: &[String]) -> Result<Vec<Record>, RedriveError> {
        let filter = Filter {
            ids: ids.to_vec(),
            ..Filter::default()
        };
        let mut entries = read::entries(self.store, &filter).await?;
        entries.sort_by(|a, b| {
            (&a.topic, a.partition, a.offset, a.part).cmp(&(
                &b.topic,
                b.partition,
                b.offset,
                b.part,
            ))
        });
        let same = |a: &Entry, b: &Entry| {
            (&a.topic, a.partition, a.offset) == (&b.topic, b.partition, b.offset)
        };
        Ok(entries
            .chunk_by(same)
            .map(|entries| Record {
                entries: entries.to_vec(),
            })
            .collect())
    }

    async fn commit(&self, log: &mut TableLog, batch: RecordBatch) -> Result<(), RedriveError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let adds = self.upload(log.table(), batch).await?;
        let from = log.txn(FENCE);
        let info = [
            ("redriveId", self.report.redrive_id.as_str()),
            ("by", self.request.by.as_str()),
            ("why", self.request.why.as_str()),
        ];
        let append = Append {
            adds,
            advances: vec![Advance {
                app_id: FENCE.to_owned(),
                from,
                to: from.unwrap_or(0) + 1,
            }],
            operation: "WRITE",
            info: info
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.into()))
                .collect(),
        };
        log.commit(append, &|| true).await?;
        Ok(())
    }

    async fn upload(&self, table: &str, batch: RecordBatch) -> Result<Vec<Add>, RedriveError> {
        let Some(def) = nonsite_schemas::tables::by_name(table) else {
            return Err(RedriveError::Request(format!(
                "there is no table `{table}`"
            )));
        };
        let objects = self.store.table_objects(table);
        let millis = self.clock.now_micros().div_euclid(1_000);
        write_parquet(objects.as_ref(), &def, batch, millis)
            .await
            .map_err(write_fault(table))
    }
}

fn write_fault<E>(table: &str) -> impl FnOnce(E) -> RedriveError
where
    E: std::error::Error + Send + Sync + 'static,
{
    let table = table.to_owned();
    move |source| RedriveError::Write {
        table,
        source: Box::new(source),
    }
}

type Judged = (
    BTreeMap<&'static str, Vec<RecordBatch>>,
    Vec<Outcome>,
    Vec<String>,
    u64,
);

/// Decides per record what is to be written and what its entries' outcomes are.
fn judge(
    records: &[Record],
    decoded: Vec<Decoded>,
    present: &BTreeMap<&'static str, Present>,
) -> Result<Judged, ArrowError> {
    let mut rows: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
    let mut outcomes = Vec::new();
    let mut inconsistent = Vec::new();
    let mut already_there = 0;
    for (record, decoded) in records.iter().zip(decoded) {
        let tables = match decoded {
            Ok(tables) => tables,
            Err(fault) => {
                let there = present
                    .iter()
                    .any(|(table, present)| *table != QUARANTINE && present.has(&record.origin()));
                for entry in &record.entries {
                    if record.is_whole() && there {
                        inconsistent.push(entry.quarantine_id.clone());
                    } else {
                        outcomes.push(still_bad(entry, &fault.reason, &fault.detail));
                    }
                }
                continue;
            }
        };
        let mut total = 0;
        let mut added = 0;
        let mut bad_parts = Vec::new();
        for (table, batch) in tables {
            if table == QUARANTINE {
                bad_parts.extend(outcome::bad_parts(&batch)?);
                if !record.is_whole() {
                    // Its parts are in quarantine already, each under its own id.
                    continue;
                }
            } else {
                total += batch.num_rows() as u64;
            }
            let missing = match present.get(table) {
                Some(present) => present.missing(&record.origin(), table, &batch)?,
                None => batch.clone(),
            };
            if table != QUARANTINE {
                added += missing.num_rows() as u64;
                if record.is_whole() {
                    already_there += (batch.num_rows() - missing.num_rows()) as u64;
                }
            }
            if missing.num_rows() > 0 {
                rows.entry(table).or_default().push(missing);
            }
        }
        for entry in &record.entries {
            let bad = entry.part_raw.as_deref().and_then(|text| {
                bad_parts
                    .iter()
                    .find(|part| part.text.as_deref() == Some(text))
            });
            match (entry.part, bad) {
                (Some(_), Some(part)) => {
                    outcomes.push(still_bad(entry, &part.reason, &part.detail))
                }
                (part, _) => {
                    // Which of several parts a row belongs to cannot be told: the first gets all.
                    let count = if part.is_none() {
                        total
                    } else {
                        std::mem::take(&mut added)
                    };
                    outcomes.push(Outcome {
                        quarantine_id: entry.quarantine_id.clone(),
                        outcome: BECAME_ROWS,
                        rows: count,
                        reason: None,
                        detail: None,
                    });
                }
            }
        }
    }
    Ok((rows, outcomes, inconsistent, already_there))
}

fn still_bad(entry: &Entry, reason: &str, detail: &str) -> Outcome {
    Outcome {
        quarantine_id: entry.quarantine_id.clone(),
        outcome: STILL_BAD,
        rows: 0,
        reason: Some(reason.to_owned()),
        detail: Some(detail.to_owned()),
    }
}
