//! Rows of `readings_raw`.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{
    Date32Type, Float64Type, Int16Type, Int32Type, Int64Type, SchemaRef, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use nonsite_schemas::hj212::{Head, Notes, Value};
use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::Origin;

use super::{Runs, Sparse, TextRuns, Texts, batch};

/// Readings under construction.
#[derive(Debug)]
pub(crate) struct ReadingRows {
    schema: SchemaRef,
    rows: usize,
    mn: TextRuns,
    factor: Texts,
    granularity: TextRuns,
    data_time: Runs<i64>,
    value: Sparse<f64>,
    zs_value: Sparse<f64>,
    min: Sparse<f64>,
    max: Sparse<f64>,
    cou: Sparse<f64>,
    zs_min: Sparse<f64>,
    zs_max: Sparse<f64>,
    flag: Texts,
    value_text: Texts,
    extra: Texts,
    note: Texts,
    period_s: Runs<i32>,
    factor_raw: Texts,
    st: TextRuns,
    cn: TextRuns,
    edition: Runs<i16>,
    resend: Vec<bool>,
    sent_at: Runs<i64>,
    received_at: Runs<i64>,
    kafka_topic: TextRuns,
    kafka_partition: Runs<i32>,
    kafka_offset: Runs<i64>,
    date: Runs<i32>,
    scratch: String,
    /// The notes last seen and their text: most packets of a fleet have the same.
    last_notes: (Notes, String),
}

impl ReadingRows {
    /// No rows yet.
    pub(crate) fn new() -> Self {
        Self {
            schema: nonsite_schemas::tables::readings_raw().schema,
            rows: 0,
            mn: TextRuns::default(),
            factor: Texts::default(),
            granularity: TextRuns::default(),
            data_time: Runs::default(),
            value: Sparse::default(),
            zs_value: Sparse::default(),
            min: Sparse::default(),
            max: Sparse::default(),
            cou: Sparse::default(),
            zs_min: Sparse::default(),
            zs_max: Sparse::default(),
            flag: Texts::default(),
            value_text: Texts::default(),
            extra: Texts::default(),
            note: Texts::default(),
            period_s: Runs::default(),
            factor_raw: Texts::default(),
            st: TextRuns::default(),
            cn: TextRuns::default(),
            edition: Runs::default(),
            resend: Vec::new(),
            sent_at: Runs::default(),
            received_at: Runs::default(),
            kafka_topic: TextRuns::default(),
            kafka_partition: Runs::default(),
            kafka_offset: Runs::default(),
            date: Runs::default(),
            scratch: String::new(),
            last_notes: (Notes::NONE, String::new()),
        }
    }

    /// Rows so far.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Appends one reading.
    pub(crate) fn push(&mut self, head: &Head<'_>, value: &Value<'_>, origin: Origin<'_>) {
        let row = self.rows;
        self.rows += 1;
        self.mn.set(row, Some(head.mn));
        self.factor.set(row, Some(value.factor));
        self.granularity.set(row, Some(head.granularity.as_str()));
        self.data_time.set(row, Some(head.data_time));
        self.value.set(row, value.value);
        self.zs_value.set(row, value.zs_value);
        self.min.set(row, value.min);
        self.max.set(row, value.max);
        self.cou.set(row, value.cou);
        self.zs_min.set(row, value.zs_min);
        self.zs_max.set(row, value.zs_max);
        self.flag.set(row, value.flag);
        self.value_text.set(row, value.value_text);
        if !value.extra.is_empty() {
            self.scratch.clear();
            value.extra.write_json(&mut self.scratch);
            self.extra.set(row, Some(&self.scratch));
        }
        let notes = head.note | value.notes;
        if !notes.is_empty() {
            if self.last_notes.0 != notes {
                self.last_notes = (notes, notes.to_string());
            }
            self.note.set(row, Some(&self.last_notes.1));
        }
        self.period_s.set(row, head.period_s);
        self.factor_raw.set(row, value.factor_raw);
        self.st.set(row, head.st);
        self.cn.set(row, head.cn);
        self.edition.set(row, head.edition);
        self.resend.push(head.resend);
        self.sent_at.set(row, head.sent_at);
        self.received_at.set(row, Some(origin.received_at));
        self.kafka_topic.set(row, Some(origin.topic));
        self.kafka_partition.set(row, Some(origin.partition));
        self.kafka_offset.set(row, Some(origin.offset));
        self.date.set(row, Some(beijing_day(head.data_time)));
    }

    /// The rows as a batch; the builder is empty afterwards.
    ///
    /// # Errors
    /// The columns do not fit the table's schema: a fault of this program.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let resend = BooleanBuffer::from(self.resend.as_slice());
        self.resend.clear();
        let instant = |column: &mut Runs<i64>| -> ArrayRef {
            Arc::new(
                column
                    .finish::<TimestampMicrosecondType>(rows)
                    .with_timezone("UTC"),
            )
        };
        let number =
            |column: &mut Sparse<f64>| -> ArrayRef { Arc::new(column.finish::<Float64Type>(rows)) };
        let columns: Vec<ArrayRef> = vec![
            self.mn.finish(rows),
            self.factor.finish(rows),
            self.granularity.finish(rows),
            instant(&mut self.data_time),
            number(&mut self.value),
            number(&mut self.zs_value),
            number(&mut self.min),
            number(&mut self.max),
            number(&mut self.cou),
            number(&mut self.zs_min),
            number(&mut self.zs_max),
            self.flag.finish(rows),
            self.value_text.finish(rows),
            self.extra.finish(rows),
            self.note.finish(rows),
            Arc::new(self.period_s.finish::<Int32Type>(rows)),
            self.factor_raw.finish(rows),
            self.st.finish(rows),
            self.cn.finish(rows),
            Arc::new(self.edition.finish::<Int16Type>(rows)),
            Arc::new(BooleanArray::new(resend, None)),
            instant(&mut self.sent_at),
            instant(&mut self.received_at),
            self.kafka_topic.finish(rows),
            Arc::new(self.kafka_partition.finish::<Int32Type>(rows)),
            Arc::new(self.kafka_offset.finish::<Int64Type>(rows)),
            Arc::new(self.date.finish::<Date32Type>(rows)),
        ];
        batch(&self.schema, columns)
    }

    /// Bytes held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let texts = [
            &self.factor,
            &self.flag,
            &self.value_text,
            &self.extra,
            &self.note,
            &self.factor_raw,
        ];
        let numbers = [
            &self.value,
            &self.zs_value,
            &self.min,
            &self.max,
            &self.cou,
            &self.zs_min,
            &self.zs_max,
        ];
        texts.iter().map(|column| column.bytes()).sum::<usize>()
            + numbers.iter().map(|column| column.bytes()).sum::<usize>()
            + self.mn.bytes()
            // The other columns of a packet have about as many runs as its offset.
            + self.kafka_offset.bytes() * 12
            + self.resend.len()
    }
}
