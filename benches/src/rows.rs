//! Readings as a batch of `readings_raw`, for benchmarks of what comes after decoding.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int16Builder, Int32Builder,
    Int64Builder, RecordBatch, StringBuilder, TimestampMicrosecondBuilder, new_null_array,
};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::error::ArrowError;
use nonsite_generator::{Message, Topic};
use nonsite_schemas::hj212::{Decoder, Head, Limits, Sink, Stations, Value};
use nonsite_schemas::reason::Reason;
use nonsite_schemas::tables::{self, TableDef};
use nonsite_schemas::time::beijing_day;

/// The table the rows are for.
pub fn table() -> TableDef {
    tables::readings_raw()
}

/// Counts calls and throws the rows away.
#[derive(Debug, Default, Clone, Copy)]
pub struct Count {
    /// Readings seen.
    pub readings: u64,
    /// Sum of their values, so that nothing can be left out.
    pub sum: f64,
}

impl Sink for Count {
    fn reading(&mut self, _: &Head<'_>, value: &Value<'_>) {
        self.readings += 1;
        self.sum += value.value.unwrap_or(0.0);
    }

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {}

    fn bad_part(&mut self, _: &Head<'_>, _: &str, _: Reason, _: &str) {}
}

#[derive(Debug)]
struct Rows {
    texts: Vec<(&'static str, StringBuilder)>,
    numbers: Vec<(&'static str, Float64Builder)>,
    instants: Vec<(&'static str, TimestampMicrosecondBuilder)>,
    period_s: Int32Builder,
    partition: Int32Builder,
    edition: Int16Builder,
    resend: BooleanBuilder,
    offset: Int64Builder,
    date: Date32Builder,
    received_at: i64,
    at: i64,
}

impl Rows {
    fn new() -> Self {
        let instant = || TimestampMicrosecondBuilder::new().with_timezone("UTC");
        Self {
            texts: [
                "mn",
                "factor",
                "granularity",
                "flag",
                "st",
                "cn",
                "kafka_topic",
            ]
            .map(|name| (name, StringBuilder::new()))
            .into(),
            numbers: ["value", "zs_value", "min", "max", "cou"]
                .map(|name| (name, Float64Builder::new()))
                .into(),
            instants: ["data_time", "sent_at", "received_at"]
                .map(|name| (name, instant()))
                .into(),
            period_s: Int32Builder::new(),
            partition: Int32Builder::new(),
            edition: Int16Builder::new(),
            resend: BooleanBuilder::new(),
            offset: Int64Builder::new(),
            date: Date32Builder::new(),
            received_at: 0,
            at: 0,
        }
    }

    fn finish(mut self, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
        let rows = self.at as usize;
        let columns = schema
            .fields()
            .iter()
            .map(|field| -> ArrayRef {
                let name = field.name().as_str();
                match (field.data_type(), name) {
                    (DataType::Int32, "period_s") => Arc::new(self.period_s.finish()),
                    (DataType::Int32, "kafka_partition") => Arc::new(self.partition.finish()),
                    (DataType::Int16, _) => Arc::new(self.edition.finish()),
                    (DataType::Boolean, _) => Arc::new(self.resend.finish()),
                    (DataType::Int64, _) => Arc::new(self.offset.finish()),
                    (DataType::Date32, _) => Arc::new(self.date.finish()),
                    _ => {
                        let text = self.texts.iter_mut().find(|(known, _)| *known == name);
                        let number = self.numbers.iter_mut().find(|(known, _)| *known == name);
                        let instant = self.instants.iter_mut().find(|(known, _)| *known == name);
                        match (text, number, instant) {
                            (Some((_, column)), _, _) => Arc::new(column.finish()),
                            (_, Some((_, column)), _) => Arc::new(column.finish()),
                            (_, _, Some((_, column))) => Arc::new(column.finish()),
                            _ => new_null_array(field.data_type(), rows),
                        }
                    }
                }
            })
            .collect();
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

impl Sink for Rows {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        let texts = [
            Some(head.mn),
            Some(value.factor),
            Some(head.granularity.as_str()),
            value.flag,
            head.st,
            head.cn,
            Some("bench"),
        ];
        for ((_, column), text) in self.texts.iter_mut().zip(texts) {
            column.append_option(text);
        }
        let numbers = [value.value, value.zs_value, value.min, value.max, value.cou];
        for ((_, column), number) in self.numbers.iter_mut().zip(numbers) {
            column.append_option(number);
        }
        let instants = [Some(head.data_time), head.sent_at, Some(self.received_at)];
        for ((_, column), instant) in self.instants.iter_mut().zip(instants) {
            column.append_option(instant);
        }
        self.period_s.append_option(head.period_s);
        self.partition.append_value(0);
        self.edition.append_option(head.edition);
        self.resend.append_value(head.resend);
        self.offset.append_value(self.at);
        self.date.append_value(beijing_day(head.data_time));
        self.at += 1;
    }

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {}

    fn bad_part(&mut self, _: &Head<'_>, _: &str, _: Reason, _: &str) {}
}

/// The HJ 212 messages among these as rows of `readings_raw`.
///
/// # Errors
/// The columns do not fit the schema: a fault of this program.
pub fn batch<'a>(
    messages: impl IntoIterator<Item = &'a Message>,
) -> Result<RecordBatch, ArrowError> {
    let mut rows = Rows::new();
    let mut decoder = Decoder::new(Arc::new(Stations::default()), Limits::default());
    for message in messages {
        if message.topic == Topic::Hj212 {
            rows.received_at = message.timestamp_ms * 1_000;
            let received_at = rows.received_at;
            decoder.decode(&message.payload, received_at, &mut rows);
        }
    }
    rows.finish(&table().schema)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonsite_generator::{Province, Scale};

    #[test]
    fn a_province_becomes_rows_of_the_table() {
        let scale = Scale {
            points: 4,
            days: 1,
            fault_rate: 0.0,
            malformed_rate: 0.0,
            json_rate: 0.0,
            ..Scale::default()
        };
        let mut province = Province::new(scale).unwrap();
        let messages: Vec<Message> = (&mut province).collect();
        let batch = batch(&messages).unwrap();
        assert_eq!(
            batch.num_rows() as u64,
            province.summary().counts.readings_rows
        );
    }
}
