//! What a decoder hands over: heads, values and the sink that receives them.
//!
//! Everything borrows from the message (or from the decoder's scratch space) and lives only for
//! the duration of one sink call. The JSON reader hands over the same types, so that whatever
//! stores readings has one way in.

use crate::reason::Reason;

use super::notes::Notes;

/// The kind of time a reading belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Granularity {
    /// An instant (CN 2011, and anything that is not an interval).
    Realtime,
    /// An interval of minutes (CN 2051, 2111), stamped with its start.
    Minute,
    /// An hour (CN 2061), stamped with its start.
    Hour,
    /// A Beijing day (CN 2031), stamped with its start.
    Day,
}

impl Granularity {
    /// Every granularity, finest first.
    pub const ALL: [Self; 4] = [Self::Realtime, Self::Minute, Self::Hour, Self::Day];

    /// The text in tables and messages: `realtime`, `minute`, `hour`, `day`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }

    /// The granularity with this text.
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|granularity| granularity.as_str() == text)
    }

    /// Length of the interval in seconds where the name fixes it (hour, day).
    pub const fn period_s(self) -> Option<i32> {
        match self {
            Self::Realtime | Self::Minute => None,
            Self::Hour => Some(3_600),
            Self::Day => Some(86_400),
        }
    }
}

/// What all values of one packet (or one JSON reading) have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Head<'a> {
    /// Station number, as sent. Empty only in `bad_part` calls for a packet that names none.
    pub mn: &'a str,
    /// HJ 212 system code (table 5), absent for JSON.
    pub st: Option<&'a str>,
    /// HJ 212 command code (table 9), absent for JSON.
    pub cn: Option<&'a str>,
    /// The kind of time.
    pub granularity: Granularity,
    /// Start of the interval, or the instant: microseconds UTC.
    pub data_time: i64,
    /// HJ 212 edition: 2005, 2017 or 2025; absent for JSON.
    pub edition: Option<i16>,
    /// The packet says it is a retransmission (RF=1).
    pub resend: bool,
    /// When the logger sent it (QN), microseconds UTC.
    pub sent_at: Option<i64>,
    /// Length of the interval in seconds, where known.
    pub period_s: Option<i32>,
    /// What had to be tolerated or repaired in the whole packet.
    pub note: Notes,
}

/// One factor's values in one packet.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Value<'a> {
    /// Canonical factor code; private names are kept as they are.
    pub factor: &'a str,
    /// The code as sent, when it was mapped to `factor`.
    pub factor_raw: Option<&'a str>,
    /// `Rtd` or `Avg`.
    pub value: Option<f64>,
    /// `ZsRtd` or `ZsAvg`: at reference oxygen.
    pub zs_value: Option<f64>,
    /// `Min`.
    pub min: Option<f64>,
    /// `Max`.
    pub max: Option<f64>,
    /// `Cou`: quantity accumulated in the interval.
    pub cou: Option<f64>,
    /// `ZsMin`.
    pub zs_min: Option<f64>,
    /// `ZsMax`.
    pub zs_max: Option<f64>,
    /// Data mark as sent, 1 to 4 characters.
    pub flag: Option<&'a str>,
    /// The text of `Rtd` or `Avg` where it is not a number (condition marks of the 2025 edition).
    pub value_text: Option<&'a str>,
    /// Sub-fields that have no column, in the order sent.
    pub extra: Extra<'a>,
    /// What had to be tolerated in this value.
    pub notes: Notes,
}

/// Sub-fields without a column of their own: pairs of suffix and text, in the order sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extra<'a> {
    pairs: &'a [(&'a str, &'a str)],
}

impl<'a> Extra<'a> {
    /// The extra fields given by these pairs.
    pub const fn new(pairs: &'a [(&'a str, &'a str)]) -> Self {
        Self { pairs }
    }

    /// Whether there are none, which is the usual case.
    pub const fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    /// The pairs of suffix and text.
    pub fn iter(&self) -> std::slice::Iter<'a, (&'a str, &'a str)> {
        self.pairs.iter()
    }

    /// Appends the pairs to `out` as one JSON object of strings; a repeated suffix keeps the
    /// last text, as JSON readers do.
    pub fn write_json(&self, out: &mut String) {
        out.push('{');
        for (i, (suffix, text)) in self.pairs.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            push_json_string(suffix, out);
            out.push(':');
            push_json_string(text, out);
        }
        out.push('}');
    }
}

impl<'a> IntoIterator for Extra<'a> {
    type Item = &'a (&'a str, &'a str);
    type IntoIter = std::slice::Iter<'a, (&'a str, &'a str)>;

    fn into_iter(self) -> Self::IntoIter {
        self.pairs.iter()
    }
}

/// Appends `text` as a JSON string literal (RFC 8259).
fn push_json_string(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let code = c as usize;
                out.push_str("\\u00");
                out.push(char::from(HEX[code >> 4]));
                out.push(char::from(HEX[code & 15]));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Receives what a message says. Calls for one message come in the order of its content; once the
/// first call is made, the message as a whole is accepted and what is bad in it comes as
/// `bad_part`.
pub trait Sink {
    /// One factor's values: a row of `readings_raw`.
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>);

    /// Anything else a packet says (equipment state, site information, commands, answers): a row
    /// of `device_states`.
    fn state(
        &mut self,
        head: &Head<'_>,
        item: &str,
        value: Option<f64>,
        text: Option<&str>,
        flag: Option<&str>,
    );

    /// The same with the factor whose analyser the item is about (canonical code), where the packet
    /// says it. Whoever has no use for the factor implements [`Sink::state`] only.
    fn state_of(
        &mut self,
        head: &Head<'_>,
        factor: Option<&str>,
        item: &str,
        value: Option<f64>,
        text: Option<&str>,
        flag: Option<&str>,
    ) {
        let _ = factor;
        self.state(head, item, value, text, flag);
    }

    /// A part that could not be used while the rest of the message could: a row of `quarantine`
    /// with a part number. `detail` is one sentence: what, where, what to do.
    fn bad_part(&mut self, head: &Head<'_>, part: &str, reason: Reason, detail: &str);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extra_is_valid_json() {
        let pairs = [("RawAvg", "7.1"), ("EFlag", "a\"b\\\u{1}\n中")];
        let mut text = String::new();
        Extra::new(&pairs).write_json(&mut text);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["RawAvg"], "7.1");
        assert_eq!(value["EFlag"], "a\"b\\\u{1}\n中");
    }

    #[test]
    fn granularities_read_back() {
        for granularity in Granularity::ALL {
            assert_eq!(
                Granularity::from_text(granularity.as_str()),
                Some(granularity)
            );
        }
        assert_eq!(Granularity::from_text("week"), None);
    }
}
