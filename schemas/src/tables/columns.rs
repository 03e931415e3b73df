//! Building blocks of the schemas: a column cannot be written down without its comment.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};

/// Key of the field metadata that holds a column's comment; Delta shows it as column comment.
pub const COMMENT: &str = "comment";

/// The Arrow type of every instant: microseconds since the Unix epoch, UTC.
pub fn timestamp_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// Collects columns; the method's name says the type, the suffix `_or_null` that it may be null.
pub(super) struct Columns(Vec<Field>);

macro_rules! kinds {
    ($($required:ident, $nullable:ident => $data_type:expr;)*) => {
        $(
            pub(super) fn $required(self, name: &str, comment: &str) -> Self {
                self.push(name, $data_type, false, comment)
            }

            #[allow(dead_code, reason = "every type comes as a pair")]
            pub(super) fn $nullable(self, name: &str, comment: &str) -> Self {
                self.push(name, $data_type, true, comment)
            }
        )*
    };
}

impl Columns {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    kinds! {
        text, text_or_null => DataType::Utf8;
        number, number_or_null => DataType::Float64;
        long, long_or_null => DataType::Int64;
        int, int_or_null => DataType::Int32;
        short, short_or_null => DataType::Int16;
        truth, truth_or_null => DataType::Boolean;
        instant, instant_or_null => timestamp_type();
        day, day_or_null => DataType::Date32;
        bytes, bytes_or_null => DataType::Binary;
    }

    /// Where the row came from: the Kafka record it was decoded from.
    pub(super) fn origin(self) -> Self {
        self.text(
            "kafka_topic",
            "Kafka topic of the record this row was decoded from",
        )
        .int("kafka_partition", "Kafka partition of that record")
        .long(
            "kafka_offset",
            "Kafka offset of that record; rows lead back to the message",
        )
    }

    pub(super) fn schema(self) -> SchemaRef {
        Arc::new(Schema::new(self.0))
    }

    fn push(mut self, name: &str, data_type: DataType, nullable: bool, comment: &str) -> Self {
        let metadata = HashMap::from([(COMMENT.to_owned(), comment.to_owned())]);
        self.0
            .push(Field::new(name, data_type, nullable).with_metadata(metadata));
        self
    }
}
