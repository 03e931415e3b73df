//! Rows of `quarantine`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryBuilder, Date32Builder, Int32Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use nonsite_schemas::reason::Reason;
use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::Origin;

use super::batch;

/// What one row says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QuarantineRow<'a> {
    pub(crate) reason: Reason,
    pub(crate) detail: &'a str,
    /// Number of the part within the record, with its text; `None` for a whole record.
    pub(crate) part: Option<(i32, &'a str)>,
    pub(crate) mn: Option<&'a str>,
    pub(crate) raw: &'a [u8],
}

/// Quarantined messages under construction. Every value depends on the record alone, so that
/// reading it again gives the same row.
#[derive(Debug)]
pub(crate) struct QuarantineRows {
    schema: SchemaRef,
    rows: usize,
    bytes: usize,
    quarantine_id: StringBuilder,
    reason: StringBuilder,
    detail: StringBuilder,
    part: Int32Builder,
    mn: StringBuilder,
    raw: BinaryBuilder,
    part_raw: StringBuilder,
    received_at: TimestampMicrosecondBuilder,
    kafka_topic: StringBuilder,
    kafka_partition: Int32Builder,
    kafka_offset: Int64Builder,
    date: Date32Builder,
}

impl QuarantineRows {
    /// No rows yet.
    pub(crate) fn new() -> Self {
        Self {
            schema: nonsite_schemas::tables::quarantine().schema,
            rows: 0,
            bytes: 0,
            quarantine_id: StringBuilder::new(),
            reason: StringBuilder::new(),
            detail: StringBuilder::new(),
            part: Int32Builder::new(),
            mn: StringBuilder::new(),
            raw: BinaryBuilder::new(),
            part_raw: StringBuilder::new(),
            received_at: TimestampMicrosecondBuilder::new().with_timezone("UTC"),
            kafka_topic: StringBuilder::new(),
            kafka_partition: Int32Builder::new(),
            kafka_offset: Int64Builder::new(),
            date: Date32Builder::new(),
        }
    }

    /// Rows so far.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Appends one row.
    pub(crate) fn push(&mut self, row: &QuarantineRow<'_>, origin: Origin<'_>) {
        let Origin {
            topic,
            partition,
            offset,
            received_at,
        } = origin;
        self.rows += 1;
        self.bytes += row.raw.len() + row.detail.len() + 200;
        self.quarantine_id.append_value(match row.part {
            None => format!("{topic}/{partition}/{offset}"),
            Some((number, _)) => format!("{topic}/{partition}/{offset}#{number}"),
        });
        self.reason.append_value(row.reason.code());
        self.detail.append_value(row.detail);
        self.part.append_option(row.part.map(|(number, _)| number));
        self.mn.append_option(row.mn.filter(|mn| !mn.is_empty()));
        self.raw.append_value(row.raw);
        self.part_raw.append_option(row.part.map(|(_, text)| text));
        self.received_at.append_value(received_at);
        self.kafka_topic.append_value(topic);
        self.kafka_partition.append_value(partition);
        self.kafka_offset.append_value(offset);
        self.date.append_value(beijing_day(received_at));
    }

    /// The rows as a batch; the builder is empty afterwards.
    ///
    /// # Errors
    /// The columns do not fit the table's schema: a fault of this program.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        self.rows = 0;
        self.bytes = 0;
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.quarantine_id.finish()),
            Arc::new(self.reason.finish()),
            Arc::new(self.detail.finish()),
            Arc::new(self.part.finish()),
            Arc::new(self.mn.finish()),
            Arc::new(self.raw.finish()),
            Arc::new(self.part_raw.finish()),
            Arc::new(self.received_at.finish()),
            Arc::new(self.kafka_topic.finish()),
            Arc::new(self.kafka_partition.finish()),
            Arc::new(self.kafka_offset.finish()),
            Arc::new(self.date.finish()),
        ];
        batch(&self.schema, columns)
    }

    /// Bytes held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
