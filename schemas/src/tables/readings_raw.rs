//! `readings_raw`: every reading as received.

use super::TableDef;
use super::columns::Columns;

/// One row per MN, factor, granularity and data time as received; every copy is kept.
pub fn readings_raw() -> TableDef {
    TableDef {
        name: "readings_raw",
        schema: Columns::new()
            .text("mn", "unique id of the data logger (HJ 212 MN, usually 24 characters)")
            .text("factor", "factor code of HJ 524/525 (HJ 212-2017 Annex B); 2005 codes are mapped by medium, private names are kept")
            .text("granularity", "realtime (CN 2011), minute (CN 2051), hour (CN 2061) or day (CN 2031)")
            .instant("data_time", "start of the interval (minute, hour, day) or the instant (realtime); HJ 212 DataTime is Beijing time")
            .number_or_null("value", "Rtd or Avg as measured, in the station's unit for the factor; null when not numeric or a sentinel")
            .number_or_null("zs_value", "ZsRtd or ZsAvg: converted to reference oxygen (HJ 75), same unit as value")
            .number_or_null("min", "Min of the interval, same unit as value")
            .number_or_null("max", "Max of the interval, same unit as value")
            .number_or_null("cou", "Cou: mass or volume discharged in the interval, in the factor's mass unit (kg, g or m3)")
            .number_or_null("zs_min", "ZsMin of the interval, converted to reference oxygen")
            .number_or_null("zs_max", "ZsMax of the interval, converted to reference oxygen")
            .text_or_null("flag", "data mark as sent, 1 to 4 characters (HJ 212 Flag: N F M S D C T B ...)")
            .text_or_null("value_text", "the text sent where a number was expected in Rtd or Avg")
            .text_or_null("extra", "unknown field suffixes as a JSON object of texts, e.g. {\"EFlag\":\"x\"}")
            .text_or_null("note", "space-separated codes of what was odd but usable, e.g. sentinel_value, crc_modbus, repaired_length")
            .int_or_null("period_s", "length of the interval in seconds if known (hour 3600, day 86400)")
            .text_or_null("factor_raw", "factor code as sent, when it was mapped to another")
            .text_or_null("st", "HJ 212 system code ST (table 5), e.g. 31 gas, 32 water")
            .text_or_null("cn", "HJ 212 command code CN (table 9)")
            .short_or_null("edition", "edition of HJ 212 the packet follows: 2005, 2017 or 2025; null for JSON")
            .truth("resend", "true when the sender marked it as back-filled (RF=1, or resend in JSON)")
            .instant_or_null("sent_at", "when the sender built the packet (HJ 212 QN)")
            .instant("received_at", "timestamp of the Kafka record")
            .origin()
            .day("date", "Beijing day of data_time; partition")
            .schema(),
        partition_columns: &["date"],
        comment: "One row per MN, factor, granularity and data time as received. Resends are kept as further rows: the view `readings` gives the current one.",
        sort_columns: &["mn", "factor", "data_time"],
    }
}
