//! Why a message, or a part of one, could not be used.
//!
//! Every refusal in the system carries one [`Reason`]. Its code is stable: it is a column of the
//! `quarantine` table, a metric label and a field of `nonsite packet check`, so a code is never
//! renamed and never given a second meaning. [`Reason::explain`] says what an operator can do;
//! after the fix the message is driven again from quarantine.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! reasons {
    ($($(#[$doc:meta])+ $name:ident = $code:literal, $explain:literal;)+) => {
        /// Why a message or a part of it could not be used; see the module's head.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Reason {
            $($(#[$doc])+ $name,)+
        }

        impl Reason {
            /// Every reason, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The stable code, `snake_case` ASCII.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }

            /// The reason with this code, if there is one.
            pub fn from_code(code: &str) -> Option<Self> {
                match code {
                    $($code => Some(Self::$name),)+
                    _ => None,
                }
            }

            /// What it means and what to do about it, one or two sentences for an operator.
            pub const fn explain(self) -> &'static str {
                match self {
                    $(Self::$name => $explain,)+
                }
            }
        }
    };
}

reasons! {
    /// The message has no bytes, or only blanks.
    EmptyMessage = "empty_message",
        "The message is empty. Look at the producer; there is nothing to recover.";
    /// No `##` could be found.
    FrameNoHeader = "frame_no_header",
        "No packet start `##` was found. The forwarder cuts or rewrites packets, or the topic carries another format.";
    /// The length field is not a number, or does not lead to a CRC field.
    FrameLength = "frame_length",
        "The declared length does not match the data segment. Check forwarders that rewrite packets without mending length and CRC.";
    /// The message ends before the declared length and CRC are complete.
    FrameTruncated = "frame_truncated",
        "The packet ends too early. A gateway published part of a packet: it must frame by length, not by read.";
    /// The data segment is longer than the configured bound.
    FrameOverLength = "frame_over_length",
        "The data segment is longer than the reader's bound (HJ 212 allows 1024 bytes). Have the station split its packets (PNUM, PNO).";
    /// The four CRC characters are not hexadecimal digits.
    CrcSyntax = "crc_syntax",
        "The CRC field is not four hexadecimal digits. The packet was damaged or written by hand.";
    /// The CRC matches no known algorithm.
    CrcMismatch = "crc_mismatch",
        "The CRC matches no known algorithm: the content was changed after it was computed. Ask the station to send the data again.";
    /// The CRC is right by an algorithm this station is not allowed to use.
    CrcDialectNotAllowed = "crc_dialect_not_allowed",
        "The CRC is right by another algorithm than HJ 212 Annex A. Add the dialect to the station's `crc` list in the stations file, then redrive.";
    /// A header field cannot be read.
    SegmentSyntax = "segment_syntax",
        "The data segment is not a list of `name=value` fields with one `CP=&&...&&`. Compare the raw bytes with HJ 212 table 3.";
    /// The packet does not say which station it is from.
    MissingMn = "missing_mn",
        "There is no station number (MN). The logger is not configured; nothing can be attributed to a source.";
    /// The packet does not say which command it carries.
    MissingCn = "missing_cn",
        "There is no command code (CN), so the meaning of the content is not known.";
    /// The command code is not four digits, or is in none of the code tables.
    UnknownCommand = "unknown_command",
        "The command code (CN) is not one of HJ 212 and no private data command. Check the logger's program.";
    /// A data command without the time its values belong to.
    MissingDataTime = "missing_data_time",
        "The values carry no DataTime, so they cannot be placed. Ask the station to send the data again with DataTime.";
    /// A time is not a calendar date and time.
    BadDataTime = "bad_data_time",
        "The time is not a valid date and time. Check the logger's clock and its time format.";
    /// A time is before 2000 or more than a day in the future.
    TimeOutOfRange = "time_out_of_range",
        "The time is before 2000 or more than a day ahead of its arrival. Set the logger's clock.";
    /// A value that must be a number is not one.
    BadValue = "bad_value",
        "The value is not a number where only a number makes sense. Check the instrument's channel.";
    /// A number is not finite, or larger than any physical quantity reported here.
    ValueOutOfRange = "value_out_of_range",
        "The number is not finite or beyond 1e12. The instrument or the logger's conversion is faulty.";
    /// A part is not of the form `factor-statistic=value`.
    ItemSyntax = "item_syntax",
        "The item is not `factor-statistic=value`. Compare the raw bytes with HJ 212 table 4.";
    /// Some parts of a split packet did not arrive in time.
    SplitIncomplete = "split_incomplete",
        "Parts of a split packet (PNUM, PNO) did not arrive in time. Redrive when the missing part is there, or ask the station to send again.";
    /// The content is encrypted and no key is configured for the station.
    CipherNoKey = "cipher_no_key",
        "The content is encrypted (SM4) and the station has no key. Set `sm4_key` for it in the stations file, then redrive.";
    /// Decryption with the station's key gives no readable content.
    CipherBad = "cipher_bad",
        "The content does not decrypt with the station's key. The key was probably rotated (CN 1014): set the new one, then redrive.";
    /// Text that must be UTF-8 is not.
    NotUtf8 = "not_utf8",
        "The text is not UTF-8. Set the sender's character set to UTF-8.";
    /// The message is not JSON.
    JsonSyntax = "json_syntax",
        "The message is not valid JSON. The detail names the place; check the producer.";
    /// A JSON field is missing, or has the wrong type or form.
    JsonField = "json_field",
        "A field is missing or of the wrong type or form. The detail names it; compare with the exported JSON Schema.";
    /// A JSON name that the message type does not have.
    JsonUnknownField = "json_unknown_field",
        "The message has a field its type does not know. Check its spelling, or the version of the sender.";
    /// The granularity is not one of realtime, minute, hour, day.
    BadGranularity = "bad_granularity",
        "The granularity is not one of realtime, minute, hour, day.";
    /// A permit document that cannot be stored even as faulty.
    PermitFault = "permit_fault",
        "The permit document lacks what identifies it. The detail names the field; ask the permit platform to send it again.";
    /// An inspection record that cannot be stored even as faulty.
    InspectionFault = "inspection_fault",
        "The inspection record lacks what identifies it. The detail names the field; ask the inspection system to send it again.";
    /// A document of the documents topic that cannot be stored even as faulty.
    DocumentFault = "document_fault",
        "The document has no known `type`, or lacks what identifies it. The detail names the field; compare with the exported JSON Schema of its type.";
    /// The message is larger than the configured bound.
    MessageTooLarge = "message_too_large",
        "The message is larger than the reader takes. Split it at the sender.";
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        Self::from_code(&code)
            .ok_or_else(|| serde::de::Error::custom(format!("`{code}` is not a known reason code")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_read_back() {
        for (i, reason) in Reason::ALL.iter().enumerate() {
            assert_eq!(Reason::from_code(reason.code()), Some(*reason));
            assert!(
                reason
                    .code()
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'_' || b == b'8')
            );
            assert!(reason.explain().ends_with('.'), "{reason}");
            for other in &Reason::ALL[i + 1..] {
                assert_ne!(reason.code(), other.code());
            }
        }
        assert_eq!(Reason::from_code("no_such_reason"), None);
    }
}
