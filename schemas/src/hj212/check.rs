//! A verdict on single packets, for `nonsite packet check`.
//!
//! The verdict is what the reader itself would do: `ok` if the packet is used as it is, `repaired` if
//! its frame had to be mended or a part of it put aside, `rejected` if it would go to quarantine.
//! `crc_ok`, `crc_dialect` and `len_ok` speak about the first packet alone and by the letter of the
//! standard, whatever a station is allowed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::cipher::{Sm4Key, looks_encrypted};
use super::clock::parse_qn;
use super::content::{MediumHint, Parsed, Rules};
use super::crc::CrcDialect;
use super::decode::{Decoder, Limits, Outcome};
use super::edition::{edition, time_of};
use super::frame::{Frame, frames};
use super::notes::Notes;
use super::packet::Packet;
use super::refusal::decrypted;
use super::stations::Stations;
use super::types::{Head, Sink, Value};

use crate::reason::Reason;

/// The key that HJ 212-2025 uses in its examples. It protects nothing, so the check tries it.
const EXAMPLE_KEY: [u8; 16] = *b"0000000000000000";

/// No packet is too far ahead when it is only looked at: it counts as received in 2200.
const RECEIVED_AT: i64 = 7_258_118_400_000_000;

/// One line of input.
#[derive(Deserialize)]
struct Line {
    packet: Option<String>,
    packet_hex: Option<String>,
    #[serde(default)]
    charset: String,
    #[serde(alias = "sm4_key")]
    sm4_key_ascii: Option<String>,
}

/// One line of output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Packets found.
    pub frames: usize,
    /// The CRC of the first packet is that of HJ 212 Annex A (over the plaintext if encrypted).
    pub crc_ok: bool,
    /// The algorithm it agrees with: `hj212`, `modbus`, `modbus_swapped` or `none`.
    pub crc_dialect: CrcDialect,
    /// Four decimal digits, equal to the bytes between length and CRC, at most 1024.
    pub len_ok: bool,
    /// System code, empty if there is none.
    pub st: String,
    /// Command code, empty if there is none.
    pub cn: String,
    /// Station number, empty if there is none.
    pub mn: String,
    /// Flag as sent.
    pub flag: Option<String>,
    /// `2005`, `2017` or `2025`.
    pub edition: String,
    /// Readings that would be stored.
    pub readings: u32,
    /// `ok`, `repaired` or `rejected`.
    pub verdict: &'static str,
    /// Stable code of what was repaired, put aside or refused.
    pub reason: Option<&'static str>,
}

/// Checks packets under the settings of a stations file.
#[derive(Debug)]
pub struct Checker {
    stations: Stations,
}

impl Checker {
    /// A checker that knows these stations.
    pub const fn new(stations: Stations) -> Self {
        Self { stations }
    }

    /// The verdict on one JSON line, as one JSON line without its end.
    pub fn check_line(&self, line: &str) -> String {
        let verdict = match serde_json::from_str::<Line>(line) {
            Ok(line) => self.check(&line),
            Err(_) => Verdict::unreadable(Reason::JsonSyntax),
        };
        // A struct of texts and numbers always serialises.
        serde_json::to_string(&verdict).unwrap_or_default()
    }

    fn check(&self, line: &Line) -> Verdict {
        let key = match line.sm4_key_ascii.as_deref().map(Sm4Key::from_text) {
            Some(None) => return Verdict::unreadable(Reason::JsonField),
            Some(Some(key)) => key,
            None => Sm4Key::new(EXAMPLE_KEY),
        };
        let Some(bytes) = line.bytes() else {
            return Verdict::unreadable(Reason::JsonField);
        };
        self.verdict(&bytes, &key)
    }

    /// The verdict on the bytes of a message; `key` is tried after the station's own.
    pub fn verdict(&self, bytes: &[u8], key: &Sm4Key) -> Verdict {
        let found: Vec<Frame<'_>> = frames(bytes).collect();
        // What is left of another packet in front of the first one is not what is asked about.
        let headed = |frame: &&Frame<'_>| frame.fault != Some(Reason::FrameNoHeader);
        let whole = found.iter().filter(headed).count();
        let first = found.iter().find(headed).or(found.first());
        let count = match first {
            Some(frame) if whole == 0 => usize::from(!frame.segment.is_empty()),
            _ => whole,
        };
        let stations = self.stations.clone().with_key(key);
        let mut verdict = match first {
            Some(first) => Verdict::of_frame(first, &stations),
            None => Verdict::unreadable(Reason::EmptyMessage),
        };
        verdict.frames = count;
        verdict.judge(bytes, stations);
        verdict
    }
}

/// The verdict on one JSON line (`packet` text or `packet_hex`), as one JSON line; no station has
/// settings of its own.
pub fn check_line(line: &str) -> String {
    Checker::new(Stations::default()).check_line(line)
}

impl Line {
    fn bytes(&self) -> Option<Vec<u8>> {
        if let Some(hex) = &self.packet_hex {
            return hex::decode(hex.trim()).ok();
        }
        let text = self.packet.as_deref()?;
        let latin: Option<Vec<u8>> = text
            .chars()
            .map(|c| u8::try_from(u32::from(c)).ok())
            .collect();
        let by_character = match &latin {
            None => false,
            Some(_) if self.charset.to_ascii_lowercase().contains("latin1") => true,
            // Ciphertext is often written one character per byte: believe the declared length.
            Some(latin) => !text.is_ascii() && length_fits(latin) && !length_fits(text.as_bytes()),
        };
        if by_character {
            latin
        } else {
            Some(text.as_bytes().to_vec())
        }
    }
}

fn length_fits(bytes: &[u8]) -> bool {
    frames(bytes).next().is_some_and(|frame| frame.len_ok)
}

impl Verdict {
    fn unreadable(reason: Reason) -> Self {
        Self {
            frames: 0,
            crc_ok: false,
            crc_dialect: CrcDialect::None,
            len_ok: false,
            st: String::new(),
            cn: String::new(),
            mn: String::new(),
            flag: None,
            edition: String::new(),
            readings: 0,
            verdict: "rejected",
            reason: Some(reason.code()),
        }
    }

    /// What the first packet says, whether or not it can be used.
    fn of_frame(frame: &Frame<'_>, stations: &Stations) -> Self {
        let packet = match Packet::parse(frame.segment) {
            Ok(packet) => packet,
            Err(bad) => bad.packet,
        };
        let station = stations.get(packet.mn.unwrap_or_default());
        let mut plain = Vec::new();
        let mut dialect = frame.dialect;
        let mut content = packet.cp;
        if looks_encrypted(packet.cp)
            && let Ok(found) = decrypted(frame, &packet, &station.keys, &mut plain)
        {
            dialect = found;
            content = &plain[packet.cp_at..];
        }
        let content = String::from_utf8_lossy(content);
        let mut parsed = Parsed::default();
        parsed.read(
            &content,
            Rules {
                readings: true,
                medium: MediumHint::default(),
                lossy: false,
            },
        );
        let sample = parsed.groups.first().map(|group| group.value.factor);
        let sent_at = packet.qn.and_then(|qn| parse_qn(qn.as_bytes()));
        let date = time_of(parsed.data_time).unwrap_or(RECEIVED_AT);
        let edition = station
            .edition
            .unwrap_or_else(|| edition(&packet, sample, sent_at, date));
        Self {
            crc_ok: dialect == CrcDialect::Hj212,
            crc_dialect: dialect,
            len_ok: frame.len_ok,
            st: packet.st.unwrap_or_default().to_owned(),
            cn: packet.cn.unwrap_or_default().to_owned(),
            mn: packet.mn.unwrap_or_default().to_owned(),
            flag: packet.flag.map(str::to_owned),
            edition: edition.to_string(),
            ..Self::unreadable(Reason::EmptyMessage)
        }
    }

    /// What the reader does with the message.
    fn judge(&mut self, bytes: &[u8], stations: Stations) {
        const MENDED: [Notes; 5] = [
            Notes::REPAIRED_START,
            Notes::REPAIRED_LENGTH,
            Notes::REPAIRED_CLOSE,
            Notes::OVER_LENGTH,
            Notes::REPAIRED_TAIL,
        ];
        let mut sink = FirstFault::default();
        let mut decoder = Decoder::new(Arc::new(stations), Limits::default());
        (self.verdict, self.reason) = match decoder.decode(bytes, RECEIVED_AT, &mut sink) {
            Outcome::Rejected(rejected) => ("rejected", Some(rejected.reason.code())),
            // A part of a split packet is in order by itself.
            Outcome::Pending(_) => ("ok", None),
            Outcome::Decoded(done) => {
                self.readings = done.readings;
                let mended = MENDED.into_iter().find(|note| done.notes.contains(*note));
                match (sink.0, mended) {
                    (Some(reason), _) if done.readings + done.states == 0 => {
                        ("rejected", Some(reason.code()))
                    }
                    (Some(reason), _) => ("repaired", Some(reason.code())),
                    (None, Some(note)) => ("repaired", note.codes().next()),
                    (None, None) => ("ok", None),
                }
            }
        };
    }
}

/// Remembers why the first bad part was bad.
#[derive(Default)]
struct FirstFault(Option<Reason>);

impl Sink for FirstFault {
    fn reading(&mut self, _: &Head<'_>, _: &Value<'_>) {}

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {}

    fn bad_part(&mut self, _: &Head<'_>, _: &str, reason: Reason, _: &str) {
        self.0.get_or_insert(reason);
    }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
