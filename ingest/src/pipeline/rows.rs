//! Rows of all tables under construction, and the sink that fills them.

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use nonsite_schemas::hj212::{Head, Sink, Value};
use nonsite_schemas::reason::Reason;
use nonsite_schemas::wire::Origin;

use crate::columns::{DocumentRows, QuarantineRow, QuarantineRows, ReadingRows, State, StateRows};
use crate::metrics::Metrics;
use crate::target::{PerTable, Target};

/// Rows of one table.
#[derive(Debug, Clone)]
pub(crate) struct TableRows {
    pub(crate) table: Target,
    pub(crate) batch: RecordBatch,
}

/// Rows of all tables under construction.
#[derive(Debug)]
pub(crate) struct Rows {
    readings: ReadingRows,
    states: StateRows,
    quarantine: QuarantineRows,
    documents: PerTable<DocumentRows>,
}

impl Rows {
    pub(crate) fn new() -> Self {
        Self {
            readings: ReadingRows::new(),
            states: StateRows::new(),
            quarantine: QuarantineRows::new(),
            documents: PerTable(std::array::from_fn(|_| DocumentRows::default())),
        }
    }

    /// Rows over all tables.
    pub(crate) fn len(&self) -> usize {
        self.readings.len()
            + self.states.len()
            + self.quarantine.len()
            + self
                .documents
                .0
                .iter()
                .map(DocumentRows::len)
                .sum::<usize>()
    }

    /// Bytes held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.readings.bytes()
            + self.states.bytes()
            + self.quarantine.bytes()
            + self
                .documents
                .0
                .iter()
                .map(DocumentRows::bytes)
                .sum::<usize>()
    }

    /// Adds a document's rows of one table.
    pub(crate) fn document(&mut self, table: Target, batch: RecordBatch) {
        self.documents[table].push(batch);
    }

    /// Puts a whole record into quarantine.
    pub(crate) fn quarantine(&mut self, row: &QuarantineRow<'_>, origin: Origin<'_>) {
        self.quarantine.push(row, origin);
    }

    /// The rows of every table that has some; nothing is left.
    pub(crate) fn finish(&mut self) -> Result<Vec<TableRows>, ArrowError> {
        let mut finished = Vec::new();
        let mut add = |table, batch: RecordBatch| finished.push(TableRows { table, batch });
        if self.readings.len() > 0 {
            add(Target::ReadingsRaw, self.readings.finish()?);
        }
        if self.states.len() > 0 {
            add(Target::DeviceStates, self.states.finish()?);
        }
        if self.quarantine.len() > 0 {
            add(Target::Quarantine, self.quarantine.finish()?);
        }
        for table in Target::ALL {
            if let Some(batch) = self.documents[table].finish()? {
                add(table, batch);
            }
        }
        Ok(finished)
    }

    /// A sink for one record.
    pub(crate) fn sink<'r>(
        &'r mut self,
        origin: Origin<'r>,
        raw: &'r [u8],
        wanted: PerTable<bool>,
        metrics: Option<&'r Metrics>,
    ) -> RecordSink<'r> {
        RecordSink {
            rows: self,
            origin,
            raw,
            wanted,
            metrics,
            parts: 0,
        }
    }
}

/// Takes what one record says into the tables that lack it.
pub(crate) struct RecordSink<'r> {
    rows: &'r mut Rows,
    origin: Origin<'r>,
    raw: &'r [u8],
    wanted: PerTable<bool>,
    metrics: Option<&'r Metrics>,
    parts: i32,
}

impl Sink for RecordSink<'_> {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        if self.wanted[Target::ReadingsRaw] {
            self.rows.readings.push(head, value, self.origin);
        }
    }

    fn state(
        &mut self,
        head: &Head<'_>,
        item: &str,
        value: Option<f64>,
        text: Option<&str>,
        flag: Option<&str>,
    ) {
        self.state_of(head, None, item, value, text, flag);
    }

    fn state_of(
        &mut self,
        head: &Head<'_>,
        factor: Option<&str>,
        item: &str,
        value: Option<f64>,
        text: Option<&str>,
        flag: Option<&str>,
    ) {
        if self.wanted[Target::DeviceStates] {
            let state = State {
                mn: head.mn,
                st: head.st,
                cn: head.cn,
                factor,
                item,
                data_time: head.data_time,
                value,
                value_text: text,
                flag,
                edition: head.edition,
                sent_at: head.sent_at,
            };
            self.rows.states.push(&state, self.origin);
        }
    }

    fn bad_part(&mut self, head: &Head<'_>, part: &str, reason: Reason, detail: &str) {
        self.parts += 1;
        if self.wanted[Target::Quarantine] {
            if let Some(metrics) = self.metrics {
                metrics
                    .quarantined
                    .with_label_values(&[reason.code()])
                    .inc();
            }
            let row = QuarantineRow {
                reason,
                detail,
                part: Some((self.parts, part)),
                mn: Some(head.mn),
                raw: self.raw,
            };
            self.rows.quarantine.push(&row, self.origin);
        }
    }
}
