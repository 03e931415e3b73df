//! Rows of `device_states`.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{
    Date32Type, Float64Type, Int16Type, Int32Type, Int64Type, SchemaRef, TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::Origin;

use super::{Sparse, Texts, batch};

/// What one row says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct State<'a> {
    pub(crate) mn: &'a str,
    pub(crate) st: Option<&'a str>,
    pub(crate) cn: Option<&'a str>,
    pub(crate) factor: Option<&'a str>,
    pub(crate) item: &'a str,
    pub(crate) data_time: i64,
    pub(crate) value: Option<f64>,
    pub(crate) value_text: Option<&'a str>,
    pub(crate) flag: Option<&'a str>,
    pub(crate) edition: Option<i16>,
    pub(crate) sent_at: Option<i64>,
}

/// Device states under construction.
#[derive(Debug)]
pub(crate) struct StateRows {
    schema: SchemaRef,
    rows: usize,
    texts: [Texts; 8],
    data_time: Sparse<i64>,
    value: Sparse<f64>,
    edition: Sparse<i16>,
    sent_at: Sparse<i64>,
    received_at: Sparse<i64>,
    kafka_partition: Sparse<i32>,
    kafka_offset: Sparse<i64>,
    date: Sparse<i32>,
}

impl StateRows {
    /// No rows yet.
    pub(crate) fn new() -> Self {
        Self {
            schema: nonsite_schemas::tables::device_states().schema,
            rows: 0,
            texts: std::array::from_fn(|_| Texts::default()),
            data_time: Sparse::default(),
            value: Sparse::default(),
            edition: Sparse::default(),
            sent_at: Sparse::default(),
            received_at: Sparse::default(),
            kafka_partition: Sparse::default(),
            kafka_offset: Sparse::default(),
            date: Sparse::default(),
        }
    }

    /// Rows so far.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Appends one state.
    pub(crate) fn push(&mut self, state: &State<'_>, origin: Origin<'_>) {
        let row = self.rows;
        self.rows += 1;
        let texts = [
            Some(state.mn),
            state.st,
            state.cn,
            state.factor,
            Some(state.item),
            state.value_text,
            state.flag,
            Some(origin.topic),
        ];
        for (column, text) in self.texts.iter_mut().zip(texts) {
            column.set(row, text);
        }
        self.data_time.set(row, Some(state.data_time));
        self.value.set(row, state.value);
        self.edition.set(row, state.edition);
        self.sent_at.set(row, state.sent_at);
        self.received_at.set(row, Some(origin.received_at));
        self.kafka_partition.set(row, Some(origin.partition));
        self.kafka_offset.set(row, Some(origin.offset));
        self.date.set(row, Some(beijing_day(state.data_time)));
    }

    /// The rows as a batch; the builder is empty afterwards.
    ///
    /// # Errors
    /// The columns do not fit the table's schema: a fault of this program.
    pub(crate) fn finish(&mut self) -> Result<RecordBatch, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        let instant = |column: &mut Sparse<i64>| -> ArrayRef {
            Arc::new(
                column
                    .finish::<TimestampMicrosecondType>(rows)
                    .with_timezone("UTC"),
            )
        };
        let [mn, st, cn, factor, item, value_text, flag, topic] =
            self.texts.each_mut().map(|column| column.finish(rows));
        let columns: Vec<ArrayRef> = vec![
            mn,
            st,
            cn,
            factor,
            item,
            instant(&mut self.data_time),
            Arc::new(self.value.finish::<Float64Type>(rows)),
            value_text,
            flag,
            Arc::new(self.edition.finish::<Int16Type>(rows)),
            instant(&mut self.sent_at),
            instant(&mut self.received_at),
            topic,
            Arc::new(self.kafka_partition.finish::<Int32Type>(rows)),
            Arc::new(self.kafka_offset.finish::<Int64Type>(rows)),
            Arc::new(self.date.finish::<Date32Type>(rows)),
        ];
        batch(&self.schema, columns)
    }

    /// Bytes held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.texts.iter().map(Texts::bytes).sum::<usize>() + self.data_time.bytes() * 5
    }
}
