//! What was tolerated in a packet or a value, as a set of stable codes.
//!
//! A note never changes a value silently: whenever the reader had to repair a frame, accept another
//! CRC, or put a value aside, the row says so in its `note` column.

use std::fmt;

/// A set of note codes; prints as the codes separated by blanks.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Notes(u32);

macro_rules! notes {
    ($($(#[$doc:meta])+ $name:ident = $bit:literal, $code:literal;)+) => {
        impl Notes {
            $($(#[$doc])+ pub const $name: Self = Self(1 << $bit);)+

            /// Every note with its code.
            pub const ALL: &'static [(Self, &'static str)] = &[$((Self::$name, $code),)+];
        }
    };
}

notes! {
    /// The value was the default maximum of its type (9999.99 style): not a measurement, set null.
    SENTINEL_VALUE = 0, "sentinel_value";
    /// The converted value was the default maximum of its type, set null.
    SENTINEL_ZS = 1, "sentinel_zs";
    /// A minimum, maximum or sum was the default maximum of its type, set null.
    SENTINEL_STAT = 2, "sentinel_stat";
    /// The CRC is MODBUS, allowed for this station.
    CRC_MODBUS = 3, "crc_modbus";
    /// The CRC is MODBUS with bytes swapped, allowed for this station.
    CRC_MODBUS_SWAPPED = 4, "crc_modbus_swapped";
    /// The CRC matches nothing and is ignored for this station.
    CRC_IGNORED = 5, "crc_ignored";
    /// The length field was wrong or not four digits; the CRC shows where the segment ends.
    REPAIRED_LENGTH = 6, "repaired_length";
    /// Bytes before the packet start were skipped, or one `#` of it was missing.
    REPAIRED_START = 7, "repaired_start";
    /// The closing `&&` was missing.
    REPAIRED_CLOSE = 8, "repaired_close";
    /// The data segment is longer than HJ 212 allows.
    OVER_LENGTH = 9, "over_length";
    /// Header fields needed repair (stray separators, upper-case names, QN inside CP).
    REPAIRED_HEAD = 10, "repaired_head";
    /// The content was decrypted.
    DECRYPTED = 11, "decrypted";
    /// The time is that of QN, or of arrival, since the packet has no DataTime.
    TIME_FROM_QN = 12, "time_from_qn";
    /// The time is that of arrival: the packet has neither DataTime nor a readable QN.
    TIME_FROM_ARRIVAL = 13, "time_from_arrival";
    /// The time is that of the first part of a split packet.
    TIME_FROM_SPLIT = 14, "time_from_split";
    /// The factor came more than once in the packet, or the packet in the message.
    REPEATED_FACTOR = 15, "repeated_factor";
    /// The data mark is longer than four characters, kept with the extra fields.
    LONG_FLAG = 16, "long_flag";
    /// Factor and mark came as separate items.
    SPLIT_ITEM = 17, "split_item";
    /// The packet ends with something else than CR LF.
    REPAIRED_TAIL = 18, "repaired_tail";
    /// The text is not UTF-8; unreadable characters were replaced, parts with them put aside.
    LOSSY_TEXT = 19, "lossy_text";
    /// A JSON field that is neither text nor number was left out.
    IGNORED_FIELD = 30, "ignored_field";
}

impl Notes {
    /// No notes.
    pub const NONE: Self = Self(0);

    /// Whether there are none, which is the usual case.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether every note of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The notes in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Adds the notes of `other`.
    pub const fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// The codes in this set, in a fixed order.
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        Self::ALL
            .iter()
            .filter(move |(note, _)| self.contains(*note))
            .map(|(_, code)| *code)
    }
}

impl std::ops::BitOr for Notes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Display for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, code) in self.codes().enumerate() {
            if i > 0 {
                f.write_str(" ")?;
            }
            f.write_str(code)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Notes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notes({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_print_as_codes() {
        let notes = Notes::CRC_MODBUS | Notes::SENTINEL_VALUE;
        assert_eq!(notes.to_string(), "sentinel_value crc_modbus");
        assert_eq!(Notes::NONE.to_string(), "");
        assert!(notes.contains(Notes::CRC_MODBUS));
        assert!(!notes.contains(Notes::SENTINEL_ZS));
    }
}
