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
//! - **Split packets.** Parts of one packet are separate records. Those chosen are read together,
//!   in the order of their offsets; when a part still lacks its time, whatever else of its
//!   partition lies in quarantine from around that time is read with them (chosen or not, closed
//!   or not), for the time alone. Each record keeps its own entries, outcome and rows.
//! - **Still bad.** Nothing is written for it but the outcome `still_bad`; it stays open.
//! - **Changed its mind.** A record that cannot be decoded now, although a crashed redrive had
//!   already written rows of it, is neither: it is reported as inconsistent and left open, to be
//!   redriven with the settings of that time.
//!
//! Rows carry the origin and the time of receipt of the original record; only the outcome has the
//! time of the redrive.

#[cfg(test)]
mod bed;
mod decode;
mod judge;
mod outcome;
mod present;
mod records;
#[cfg(test)]
mod tests;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use deltalake::kernel::Add;
use nonsite_schemas::tables;
use nonsite_schemas::time::Clock;
use nonsite_schemas::wire::Origin;

use self::decode::decode;
use self::judge::{Judged, Record, judge};
use self::present::Present;
pub use self::records::Records;
pub use self::types::{Decoded, Outcome, Redecode, RedriveError, RedriveReport, Request, StillBad};
use super::read::{self, BECAME_ROWS, QUARANTINE, REDRIVEN};
use super::{Entry, Filter, QuarantineError};
use crate::log::{Advance, Append, TableLog};
use crate::store::Store;
use crate::write::write_parquet;

/// Application id that redrives take turns by.
const FENCE: &str = "nonsite-redrive";
/// Records per batch: one commit per table each.
const BATCH_RECORDS: usize = 500;
/// How often a batch starts again when another redrive was faster or an answer was lost.
const ATTEMPTS: u32 = 6;
/// Wait before a batch starts again; doubles each time.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

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
        self.ensure([REDRIVEN]).await?;
        let outcomes_log = self.open(REDRIVEN).await?;
        let records = self.open_records(ids).await?;
        let decoded = decode(self.store, decoder, &records).await?;
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
        self.ensure(tables.iter().copied()).await?;
        let mut logs = BTreeMap::new();
        for table in &tables {
            if let Some(log) = self.open(table).await? {
                logs.insert(*table, log);
            }
        }
        let origins: Vec<Origin<'_>> = records.iter().map(Record::origin).collect();
        let mut present = BTreeMap::new();
        for table in logs.keys() {
            present.insert(*table, Present::read(self.store, table, &origins).await?);
        }
        let judged = judge(&records, decoded, &present).map_err(write_fault(QUARANTINE))?;
        if !self.request.dry_run {
            self.write(&judged, logs, outcomes_log).await?;
        }
        self.count(judged);
        Ok(())
    }

    /// Creates what does not exist: ingest only creates the tables its topics need.
    async fn ensure(
        &self,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Result<(), RedriveError> {
        if self.request.dry_run {
            return Ok(());
        }
        for def in names.into_iter().filter_map(tables::by_name) {
            if !self.store.exists(def.name).await? {
                self.store.ensure_tables(&[def]).await?;
            }
        }
        Ok(())
    }

    /// Steps 4 and 5.
    async fn write(
        &self,
        judged: &Judged,
        mut logs: BTreeMap<&'static str, TableLog>,
        outcomes_log: Option<TableLog>,
    ) -> Result<(), RedriveError> {
        for (table, batches) in &judged.rows {
            let (Some(log), Some(first)) = (logs.get_mut(table), batches.first()) else {
                return Err(missing_table(table));
            };
            let batch = arrow::compute::concat_batches(&first.schema(), batches)
                .map_err(write_fault(table))?;
            self.commit(log, batch).await?;
        }
        if judged.outcomes.is_empty() {
            return Ok(());
        }
        let mut log = outcomes_log.ok_or_else(|| missing_table(REDRIVEN))?;
        let (id, now) = (&self.report.redrive_id, self.clock.now_micros());
        let batch = outcome::batch(&judged.outcomes, id, now, self.request)
            .map_err(write_fault(REDRIVEN))?;
        self.commit(&mut log, batch).await
    }

    fn count(&mut self, judged: Judged) {
        for (table, batches) in judged.rows {
            let added: usize = batches.iter().map(RecordBatch::num_rows).sum();
            *self.report.rows.entry(table.to_owned()).or_insert(0) += added as u64;
        }
        for outcome in &judged.outcomes {
            if outcome.outcome == BECAME_ROWS {
                self.report.became_rows += 1;
            } else {
                self.report.still_bad += 1;
            }
        }
        self.report.already_there += judged.already_there;
        self.report.outcomes.extend(judged.outcomes);
        self.report.inconsistent.extend(judged.inconsistent);
    }

    /// The table's log; `None` when there is no such table (in a dry run, which creates none).
    async fn open(&self, table: &str) -> Result<Option<TableLog>, RedriveError> {
        if !self.store.exists(table).await? {
            return Ok(None);
        }
        let clock = Arc::clone(self.clock);
        Ok(Some(
            TableLog::open(self.store, table, [FENCE.to_owned()], clock).await?,
        ))
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
        let def = tables::by_name(table).ok_or_else(|| missing_table(table))?;
        let objects = self.store.table_objects(table);
        let millis = self.clock.now_micros().div_euclid(1_000);
        write_parquet(objects.as_ref(), &def, batch, millis)
            .await
            .map_err(write_fault(table))
    }
}

fn missing_table(table: &str) -> RedriveError {
    RedriveError::Request(format!(
        "table `{table}` does not exist and is not one of this version"
    ))
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
