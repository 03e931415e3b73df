//! `quarantine`: messages, or parts of them, that could not be used.

use super::TableDef;
use super::columns::Columns;

/// One row per unusable message or unusable part of one, with the bytes as received.
pub fn quarantine() -> TableDef {
    TableDef {
        name: "quarantine",
        schema: Columns::new()
            .text("quarantine_id", "{topic}/{partition}/{offset}, with #{part} appended for a part")
            .text("reason", "stable reason code, e.g. crc_mismatch, missing_mn, json_syntax")
            .text("detail", "one sentence: what is wrong, where, and what to do")
            .int_or_null("part", "null when the whole record is here; n when only its n-th part is and the rest is in its table")
            .text_or_null("mn", "unique id of the data logger, if it could be read")
            .bytes("raw", "the whole message, byte for byte as received")
            .text_or_null("part_raw", "the unusable part as text, when part is not null")
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .day("date", "Beijing day of received_at; partition")
            .schema(),
        partition_columns: &["date"],
        comment: "Messages, or parts of messages, that could not be used. Nothing is dropped: every consumed record is either rows in its table or a row here.",
        sort_columns: &["reason", "kafka_topic", "kafka_partition", "kafka_offset"],
    }
}
