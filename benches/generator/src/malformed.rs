//! Broken packets of every kind the wire has shown, made from good ones.
//!
//! A broken packet is always an additional copy: the good one is sent as well, as a logger does that
//! gets no answer. So what is missing from the tables is never hidden behind what was broken, and
//! the truth is exact: each [`Flaw`] says what a reader has to make of it ([`Fate`]).

use nonsite_schemas::hj212::{crc, crc_modbus};
use nonsite_schemas::reason::Reason;

use crate::noise::Noise;

/// How a packet is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// A digit changed on the way; the CRC does not match.
    BadCrc,
    /// The CRC field holds characters that are not hexadecimal.
    CrcText,
    /// The packet ends in the middle.
    Truncated,
    /// The closing `&&` is missing, CRC and length are those of what is left.
    NoClosing,
    /// Bytes without a packet start.
    Garbage,
    /// The length is one too small, the CRC right.
    WrongLength,
    /// The MN field is missing.
    MissingMn,
    /// DataTime is no calendar time.
    BadTime,
    /// DataTime is missing.
    MissingTime,
    /// A command code that is in no table.
    UnknownCommand,
    /// One factor's mean has two decimal points.
    BadValue,
    /// MODBUS CRC, high byte first.
    Modbus,
    /// MODBUS CRC, low byte first.
    ModbusSwapped,
}

/// What has to become of a broken packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// The whole message goes to quarantine.
    Quarantined(Reason),
    /// One factor goes to quarantine, the others become rows.
    PartQuarantined(Reason),
    /// It is read in spite of the flaw and noted.
    Repaired,
}

impl Flaw {
    /// The flaws any logger can have; MODBUS CRCs belong to particular loggers.
    pub const COMMON: [Self; 11] = [
        Self::BadCrc,
        Self::Truncated,
        Self::Garbage,
        Self::MissingMn,
        Self::BadTime,
        Self::BadValue,
        Self::UnknownCommand,
        Self::NoClosing,
        Self::WrongLength,
        Self::CrcText,
        Self::MissingTime,
    ];

    /// The MODBUS dialect of the loggers at every tenth point: the two take turns.
    pub(crate) const fn modbus_of(point: usize) -> Self {
        if (point / 10).is_multiple_of(2) {
            Self::Modbus
        } else {
            Self::ModbusSwapped
        }
    }

    /// Name in the summary.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadCrc => "bad_crc",
            Self::CrcText => "crc_text",
            Self::Truncated => "truncated",
            Self::NoClosing => "no_closing",
            Self::Garbage => "garbage",
            Self::WrongLength => "wrong_length",
            Self::MissingMn => "missing_mn",
            Self::BadTime => "bad_time",
            Self::MissingTime => "missing_time",
            Self::UnknownCommand => "unknown_command",
            Self::BadValue => "bad_value",
            Self::Modbus => "modbus",
            Self::ModbusSwapped => "modbus_swapped",
        }
    }

    /// What has to become of it, at a station with default settings.
    pub const fn fate(self) -> Fate {
        match self {
            Self::BadCrc => Fate::Quarantined(Reason::CrcMismatch),
            Self::CrcText => Fate::Quarantined(Reason::CrcSyntax),
            Self::Truncated => Fate::Quarantined(Reason::FrameTruncated),
            Self::Garbage => Fate::Quarantined(Reason::FrameNoHeader),
            Self::MissingMn => Fate::Quarantined(Reason::MissingMn),
            Self::BadTime => Fate::Quarantined(Reason::BadDataTime),
            Self::MissingTime => Fate::Quarantined(Reason::MissingDataTime),
            Self::UnknownCommand => Fate::Quarantined(Reason::UnknownCommand),
            Self::BadValue => Fate::PartQuarantined(Reason::BadValue),
            Self::Modbus | Self::ModbusSwapped => Fate::Quarantined(Reason::CrcDialectNotAllowed),
            Self::NoClosing | Self::WrongLength => Fate::Repaired,
        }
    }
}

/// Appends a broken copy of `good`, one framed packet ending in CR LF; returns its length.
pub(crate) fn damage(flaw: Flaw, good: &[u8], out: &mut Vec<u8>, noise: &mut Noise) -> usize {
    let start = out.len();
    let segment = &good[6..good.len() - 6];
    match flaw {
        Flaw::BadCrc => {
            out.extend_from_slice(good);
            // A digit of the last value: far from the header, so that only the CRC is wrong.
            let last = segment.iter().rposition(u8::is_ascii_digit).unwrap_or(0);
            let digit = &mut out[start + 6 + last];
            *digit = if *digit == b'9' { b'8' } else { *digit + 1 };
        }
        Flaw::CrcText => {
            out.extend_from_slice(&good[..good.len() - 6]);
            out.extend_from_slice(b"ZZ??\r\n");
        }
        Flaw::Truncated => {
            let keep = segment.len() / 2 + noise.below(segment.len() / 4);
            out.extend_from_slice(&good[..6 + keep]);
        }
        Flaw::Garbage => {
            for _ in 0..40 + noise.below(200) {
                // Anything but `#`.
                let byte = (noise.bits() >> 56) as u8;
                out.push(if byte == b'#' { b'%' } else { byte });
            }
        }
        Flaw::WrongLength => {
            out.extend_from_slice(good);
            let length = format!("{:04}", segment.len() - 1);
            out[start + 2..start + 6].copy_from_slice(length.as_bytes());
        }
        Flaw::Modbus | Flaw::ModbusSwapped => {
            out.extend_from_slice(&good[..good.len() - 6]);
            let mut check = crc_modbus(segment);
            if flaw == Flaw::ModbusSwapped {
                check = check.swap_bytes();
            }
            out.extend_from_slice(format!("{check:04X}\r\n").as_bytes());
        }
        Flaw::NoClosing => frame(out, &segment[..segment.len() - 2]),
        Flaw::MissingMn => frame(out, &without(segment, b"MN=", b';')),
        Flaw::MissingTime => frame(out, &without(segment, b"DataTime=", b';')),
        Flaw::BadTime => {
            // Month 13.
            let mut edited = segment.to_vec();
            if let Some(at) = find(&edited, b"DataTime=") {
                edited[at + 13..at + 15].copy_from_slice(b"13");
            }
            frame(out, &edited);
        }
        Flaw::UnknownCommand => {
            let mut edited = segment.to_vec();
            if let Some(at) = find(&edited, b"CN=") {
                edited[at + 3..at + 7].copy_from_slice(b"7777");
            }
            frame(out, &edited);
        }
        Flaw::BadValue => {
            let mut edited = segment.to_vec();
            if let Some(at) = find(&edited, b"-Avg=") {
                let rest = &edited[at + 5..];
                let end = rest
                    .iter()
                    .position(|byte| *byte == b',')
                    .unwrap_or(rest.len());
                edited.splice(at + 5..at + 5 + end, *b"1.2.3");
            }
            frame(out, &edited);
        }
    }
    out.len() - start
}

fn frame(out: &mut Vec<u8>, segment: &[u8]) {
    out.extend_from_slice(format!("##{:04}", segment.len()).as_bytes());
    out.extend_from_slice(segment);
    out.extend_from_slice(format!("{:04X}\r\n", crc(segment)).as_bytes());
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// `bytes` without the field that starts with `name` and ends with `end`.
fn without(bytes: &[u8], name: &[u8], end: u8) -> Vec<u8> {
    let mut out = bytes.to_vec();
    if let Some(at) = find(bytes, name) {
        let length = bytes[at..]
            .iter()
            .position(|byte| *byte == end)
            .map_or(0, |n| n + 1);
        out.drain(at..at + length);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::Domain;

    const GOOD: &[u8] = b"##0234QN=20240520210700000;ST=31;CN=2051;PW=123456;MN=010000A8900016F000169DC0;Flag=9;CP=&&DataTime=20240520210600;a01011-Min=1.35,a01011-Avg=1.35,a01011-Max=1.35,a01011-Flag=N;a01014-Min=3.20,a01014-Avg=3.20,a01014-Max=3.20,a01014-Flag=N&&B541\r\n";

    #[test]
    fn every_flaw_changes_the_packet_and_appends() {
        let mut noise = Noise::new(1, Domain::Delivery, 0);
        for flaw in Flaw::COMMON
            .into_iter()
            .chain([Flaw::Modbus, Flaw::ModbusSwapped])
        {
            let mut out = b"before".to_vec();
            let length = damage(flaw, GOOD, &mut out, &mut noise);
            assert_eq!(length, out.len() - 6, "{flaw:?}");
            assert!(out.starts_with(b"before"));
            assert_ne!(&out[6..], GOOD, "{flaw:?}");
        }
    }

    #[test]
    fn edits_hit_what_they_are_meant_to() {
        let mut noise = Noise::new(1, Domain::Delivery, 0);
        let mut text = |flaw| {
            let mut out = Vec::new();
            damage(flaw, GOOD, &mut out, &mut noise);
            String::from_utf8_lossy(&out).into_owned()
        };
        assert!(!text(Flaw::MissingMn).contains("MN="));
        assert!(!text(Flaw::MissingTime).contains("DataTime="));
        assert!(text(Flaw::BadTime).contains("DataTime=20241320210600;"));
        assert!(text(Flaw::UnknownCommand).contains(";CN=7777;"));
        assert!(text(Flaw::BadValue).contains("a01011-Avg=1.2.3,"));
        assert!(text(Flaw::NoClosing).contains("a01014-Flag=N"));
        assert!(!text(Flaw::NoClosing).contains("N&&"));
        assert!(text(Flaw::WrongLength).starts_with("##0233"));
        assert!(!text(Flaw::Garbage).contains('#'));
    }
}
