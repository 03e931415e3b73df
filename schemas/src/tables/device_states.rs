//! `device_states`: what a packet says besides readings.

use super::TableDef;
use super::columns::Columns;

/// One row per item of a valid packet that is not a reading, so that every record has a row.
pub fn device_states() -> TableDef {
    TableDef {
        name: "device_states",
        schema: Columns::new()
            .text("mn", "unique id of the data logger (HJ 212 MN)")
            .text_or_null("st", "HJ 212 system code ST (table 5)")
            .text_or_null("cn", "HJ 212 command code CN (table 9)")
            .text_or_null("factor", "factor whose analyser the item is about (PolId, or the code in the item's name), canonical code")
            .text("item", "what is reported: SB1-RS, i12001-Info, w01018-SN ..., or `command` for a packet without items")
            .instant("data_time", "DataTime of the packet, else its QN time, else received_at")
            .number_or_null("value", "numeric value of the item; unit by the item (i13001 range, i13007 slope ...)")
            .text_or_null("value_text", "value of the item as text when it is not a number")
            .text_or_null("flag", "data mark as sent, 1 to 4 characters (HJ 212 Flag)")
            .short_or_null("edition", "edition of HJ 212 the packet follows: 2005, 2017 or 2025")
            .instant_or_null("sent_at", "when the sender built the packet (HJ 212 QN)")
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .day("date", "Beijing day of data_time; partition")
            .schema(),
        partition_columns: &["date"],
        comment: "Equipment state and parameters, site information, calibration events, restarts, heartbeats and bare commands: everything a valid packet says that is not a reading.",
        sort_columns: &["mn", "item", "data_time"],
    }
}
