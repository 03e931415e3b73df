//! Rows of documents, collected over any number of messages.

use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;

use crate::tables::{self, Cell, Rows};
use crate::wire::fault::{self, Fault};
use crate::wire::{Instant, Origin};

/// What the rows of one document share: its verdict, its text, and where it came from.
pub(super) struct Envelope<'a> {
    doc_valid: bool,
    doc_faults: Option<String>,
    text: &'a str,
    origin: Origin<'a>,
}

impl<'a> Envelope<'a> {
    pub(super) fn new(faults: &[Fault], text: &'a str, origin: Origin<'a>) -> Self {
        Self {
            doc_valid: faults.is_empty(),
            doc_faults: fault::to_json(faults),
            text,
            origin,
        }
    }

    /// When the version was recorded: as the document says, else when it arrived.
    pub(super) fn recorded_at(&self, stated: Option<Instant>) -> Instant {
        stated.unwrap_or(Instant(self.origin.received_at))
    }

    /// The cells that end every row of a document.
    fn cells(&self) -> [(&'static str, Cell<'_>); 7] {
        [
            ("doc_valid", self.doc_valid.into()),
            ("doc_faults", (&self.doc_faults).into()),
            ("document", self.text.into()),
            ("received_at", Cell::Instant(self.origin.received_at)),
            ("kafka_topic", self.origin.topic.into()),
            ("kafka_partition", self.origin.partition.into()),
            ("kafka_offset", self.origin.offset.into()),
        ]
    }
}

/// Rows of every table that documents become, collected over any number of messages.
#[derive(Debug)]
pub struct DocumentTables {
    pub(super) marks: Rows,
    pub(super) filings: Rows,
    pub(super) tickets: Rows,
    pub(super) windows: Rows,
    pub(super) reports: Rows,
    pub(super) report_items: Rows,
    pub(super) manual_results: Rows,
    pub(super) bindings: Rows,
    pub(super) process_points: Rows,
}

impl DocumentTables {
    /// No rows yet.
    ///
    /// # Errors
    /// When a table definition has a column type that no builder exists for.
    pub fn new() -> Result<Self, ArrowError> {
        Ok(Self {
            marks: Rows::new(tables::marks())?,
            filings: Rows::new(tables::equipment_filings())?,
            tickets: Rows::new(tables::maintenance_tickets())?,
            windows: Rows::new(tables::control_windows())?,
            reports: Rows::new(tables::execution_reports())?,
            report_items: Rows::new(tables::execution_report_items())?,
            manual_results: Rows::new(tables::manual_results())?,
            bindings: Rows::new(tables::mn_bindings())?,
            process_points: Rows::new(tables::process_points())?,
        })
    }

    fn all(&mut self) -> [&mut Rows; 9] {
        [
            &mut self.marks,
            &mut self.filings,
            &mut self.tickets,
            &mut self.windows,
            &mut self.reports,
            &mut self.report_items,
            &mut self.manual_results,
            &mut self.bindings,
            &mut self.process_points,
        ]
    }

    /// The rows collected, by table; empty afterwards.
    ///
    /// # Errors
    /// When a row does not fit its table: a fault of the program.
    pub fn finish(&mut self) -> Result<Vec<(&'static str, RecordBatch)>, ArrowError> {
        let mut finished = Vec::new();
        for rows in self.all() {
            if !rows.is_empty() {
                finished.push((rows.table().name, rows.finish()?));
            }
        }
        Ok(finished)
    }
}

/// Appends one row of a document: its own cells, then those of the envelope.
pub(super) fn append<'a>(
    rows: &mut Rows,
    mut cells: Vec<(&'a str, Cell<'a>)>,
    envelope: &'a Envelope<'_>,
) {
    cells.extend(envelope.cells());
    rows.append(&cells);
}
