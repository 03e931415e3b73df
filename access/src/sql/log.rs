//! The query log: who asked what, and how it went.
//!
//! It is kept in memory, the latest so many, and told to the process' own log as well, which is
//! where it lasts. Analysts read it as `nonsite_meta.query_log`.
//!
//! Invariant: a query stands in it from its start on (outcome `running`), and whatever way it ends,
//! a client that goes away included, it gets its outcome.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use nonsite_schemas::tables::{COMMENT, timestamp_type};
use nonsite_schemas::time::Clock;
use parking_lot::Mutex;

use super::Fault;

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Name of the user.
    pub user: String,
    /// `postgresql`, `flight` or `shell`.
    pub via: &'static str,
    /// Address of the client.
    pub client: String,
    /// What the client calls itself.
    pub application: String,
    /// The statement as sent.
    pub text: String,
}

#[derive(Debug, Clone)]
struct Entry {
    id: u64,
    asked: Asked,
    started_at: i64,
    rows: u64,
    bytes: u64,
    ms: Option<u64>,
    outcome: &'static str,
    fault: Option<String>,
}

/// The latest queries.
#[derive(Debug, Clone)]
pub struct QueryLog {
    entries: Arc<Mutex<Entries>>,
    keep: usize,
    clock: Arc<dyn Clock>,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    kept: VecDeque<Entry>,
}

/// A query under way. Dropped without [`Ticket::done`], it was abandoned by its client.
#[derive(Debug)]
pub struct Ticket {
    log: QueryLog,
    id: u64,
    began: Instant,
    open: bool,
    counts: Arc<Counts>,
}

/// What a query handed out so far.
#[derive(Debug, Default)]
pub struct Counts {
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Counts {
    /// Counts what was handed out.
    pub fn add(&self, rows: u64, bytes: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Rows and bytes so far.
    pub fn so_far(&self) -> (u64, u64) {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        (of(&self.rows), of(&self.bytes))
    }
}

impl QueryLog {
    /// A log of the latest `keep` queries.
    pub fn new(keep: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            entries: Arc::default(),
            keep: keep.max(1),
            clock,
        }
    }

    /// Notes the start of a query.
    pub fn begin(&self, asked: Asked) -> Ticket {
        let started_at = self.clock.now_micros();
        let mut entries = self.entries.lock();
        let id = entries.next;
        entries.next += 1;
        entries.kept.push_back(Entry {
            id,
            asked,
            started_at,
            rows: 0,
            bytes: 0,
            ms: None,
            outcome: "running",
            fault: None,
        });
        while entries.kept.len() > self.keep {
            entries.kept.pop_front();
        }
        drop(entries);
        Ticket {
            log: self.clone(),
            id,
            began: Instant::now(),
            open: true,
            counts: Arc::default(),
        }
    }

    /// Notes a statement that was refused before anything ran.
    pub fn refuse(&self, asked: Asked, fault: &Fault) {
        self.begin(asked).done(Err(fault));
    }

    /// Columns of [`QueryLog::rows`].
    pub fn schema() -> SchemaRef {
        let field = |name: &str, kind: DataType, null: bool, comment: &str| {
            Field::new(name, kind, null)
                .with_metadata([(COMMENT.to_owned(), comment.to_owned())].into())
        };
        Arc::new(Schema::new(vec![
            field(
                "id",
                DataType::Int64,
                false,
                "number of the query since the server started",
            ),
            field("user", DataType::Utf8, false, "who asked"),
            field("via", DataType::Utf8, false, "postgresql, flight or shell"),
            field("client", DataType::Utf8, false, "address of the client"),
            field(
                "application",
                DataType::Utf8,
                false,
                "what the client calls itself",
            ),
            field("text", DataType::Utf8, false, "the statement as sent"),
            field("started_at", timestamp_type(), false, "when it arrived"),
            field(
                "ms",
                DataType::Int64,
                true,
                "milliseconds to its last row; null while it runs",
            ),
            field("rows", DataType::Int64, false, "rows handed out"),
            field(
                "bytes",
                DataType::Int64,
                false,
                "size of these rows in memory",
            ),
            field(
                "outcome",
                DataType::Utf8,
                false,
                "running, ok, refused, failed, cancelled, timeout or limit",
            ),
            field("fault", DataType::Utf8, true, "what was wrong"),
        ]))
    }

    /// The queries of one user, or of all, oldest first; only those of `slow_ms` and more when
    /// given.
    ///
    /// # Errors
    /// Never in practice: the columns are those of the schema.
    pub fn rows(
        &self,
        user: Option<&str>,
        slow_ms: Option<u64>,
    ) -> Result<RecordBatch, ArrowError> {
        let kept: Vec<Entry> = {
            let entries = self.entries.lock();
            let wanted = entries.kept.iter().filter(|entry| {
                user.is_none_or(|user| entry.asked.user == user)
                    && slow_ms.is_none_or(|slow| entry.ms.is_some_and(|ms| ms >= slow))
            });
            wanted.cloned().collect()
        };
        let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
        let texts = |text: &dyn Fn(&Entry) -> String| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(kept.iter().map(text)))
        };
        let numbers = |value: &dyn Fn(&Entry) -> u64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(
                kept.iter().map(|entry| number(value(entry))),
            ))
        };
        let started =
            TimestampMicrosecondArray::from_iter_values(kept.iter().map(|entry| entry.started_at))
                .with_timezone("UTC");
        let ms: Int64Array = kept.iter().map(|entry| entry.ms.map(number)).collect();
        let faults: StringArray = kept.iter().map(|entry| entry.fault.clone()).collect();
        RecordBatch::try_new(
            Self::schema(),
            vec![
                numbers(&|entry| entry.id),
                texts(&|entry| entry.asked.user.clone()),
                texts(&|entry| entry.asked.via.to_owned()),
                texts(&|entry| entry.asked.client.clone()),
                texts(&|entry| entry.asked.application.clone()),
                texts(&|entry| entry.asked.text.clone()),
                Arc::new(started),
                Arc::new(ms),
                numbers(&|entry| entry.rows),
                numbers(&|entry| entry.bytes),
                texts(&|entry| entry.outcome.to_owned()),
                Arc::new(faults),
            ],
        )
    }
}

impl Ticket {
    /// Where the query counts what it hands out.
    pub fn counts(&self) -> Arc<Counts> {
        Arc::clone(&self.counts)
    }

    /// Notes the end.
    pub fn done(mut self, outcome: Result<(), &Fault>) {
        self.close(
            outcome.err().map_or("ok", |fault| fault.kind.outcome()),
            outcome.err().map(|fault| fault.what.clone()),
        );
    }

    fn close(&mut self, outcome: &'static str, fault: Option<String>) {
        self.open = false;
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (rows, bytes) = self.counts.so_far();
        let mut entries = self.log.entries.lock();
        let found = entries
            .kept
            .iter_mut()
            .rev()
            .find(|entry| entry.id == self.id);
        if let Some(entry) = found {
            entry.ms = Some(ms);
            entry.rows = rows;
            entry.bytes = bytes;
            entry.outcome = outcome;
            entry.fault.clone_from(&fault);
            tracing::info!(
                user = entry.asked.user,
                via = entry.asked.via,
                text = entry.asked.text,
                rows,
                bytes,
                ms,
                outcome,
                fault,
                "query"
            );
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.close("cancelled", Some("the client went away".to_owned()));
        }
    }
}
