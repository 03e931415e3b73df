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
    ($($method:ident => $data_type:expr, $nullable:literal;)*) => {
        $(
            pub(super) fn $method(self, name: &str, comment: &str) -> Self {
                self.push(name, $data_type, $nullable, comment)
            }
        )*
    };
}

impl Columns {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    kinds! {
        text => DataType::Utf8, false;
        text_or_null => DataType::Utf8, true;
        number => DataType::Float64, false;
        number_or_null => DataType::Float64, true;
        long => DataType::Int64, false;
        long_or_null => DataType::Int64, true;
        int => DataType::Int32, false;
        int_or_null => DataType::Int32, true;
        short_or_null => DataType::Int16, true;
        truth => DataType::Boolean, false;
        truth_or_null => DataType::Boolean, true;
        instant => timestamp_type(), false;
        instant_or_null => timestamp_type(), true;
        day => DataType::Date32, false;
        day_or_null => DataType::Date32, true;
        bytes => DataType::Binary, false;
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

    /// What every row of a JSON document ends with: verdict, text, origin.
    pub(super) fn document(self) -> Self {
        self.truth(
            "doc_valid",
            "false when validation found faults; nothing of such a document may be used for judging",
        )
        .text_or_null("doc_faults", "JSON list of {field, fault} when doc_valid is false")
        .text("document", "the document as received, JSON text")
        .instant("received_at", "timestamp of the Kafka record")
        .origin()
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
