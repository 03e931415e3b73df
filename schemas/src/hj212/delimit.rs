//! Where a packet begins and ends when its length does not say.
//!
//! The end is sought by the text: as declared, at the closing `&&` with four hexadecimal digits
//! behind it, or at the last four characters. An end counts only if the CRC agrees with it *and*
//! the length or the closing `&&` does: the checksum alone has eight effective bits.

use memchr::memmem;

use super::crc::{CrcDialect, parse_crc};
use super::encode::MAX_SEGMENT;
use super::frame::Frame;
use super::notes::Notes;
use crate::reason::Reason;

pub(super) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

/// The next packet start at or after `from`: the last two `#` of a run, followed by a length digit
/// or a header name. A run of `#` inside a value is not followed by either.
pub(super) fn packet_start(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(found) = memmem::find(bytes.get(at..)?, b"##") {
        let run = at + found;
        let length = bytes[run..]
            .iter()
            .take_while(|byte| **byte == b'#')
            .count();
        let after = &bytes[run + length..];
        if after.first().is_some_and(u8::is_ascii_digit) || header_name_at(after, 10).is_some() {
            return Some(run + length - 2);
        }
        at = run + length;
    }
    None
}

/// Where the first header field begins, if it does so within the first `within` bytes.
pub(super) fn header_name_at(bytes: &[u8], within: usize) -> Option<usize> {
    const NAMES: [&[u8; 3]; 5] = [b"QN=", b"ST=", b"CN=", b"PW=", b"MN="];
    bytes
        .windows(3)
        .take(within)
        .position(|window| NAMES.iter().any(|name| window.eq_ignore_ascii_case(*name)))
}

/// Number of bytes of the length text, and where the data segment begins after it.
pub(super) fn length_field(bytes: &[u8]) -> (usize, usize) {
    let digits = bytes
        .iter()
        .take(8)
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    match header_name_at(bytes, 12) {
        Some(at) if at >= digits => (at, at),
        _ => (digits, digits),
    }
}

pub(super) struct Delimited<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) notes: Notes,
    /// Bytes of the region up to the end of the CRC field; `None` if there is no such field.
    pub(super) end: Option<usize>,
}

/// Finds segment and CRC in a region that begins with the data segment and holds no later packet.
pub(super) fn delimit<'a>(region: &'a [u8], length_text: &[u8]) -> Delimited<'a> {
    let declared = std::str::from_utf8(length_text)
        .ok()
        .and_then(|text| text.parse::<usize>().ok());
    let trimmed = trim_tail(region);
    let closing = closing_at(trimmed);
    // Ends of the segment in order of trust: as declared, after the closing `&&`, before the
    // last four characters.
    let candidates = [declared, closing, trimmed.len().checked_sub(4)]
        .into_iter()
        .flatten()
        .filter_map(|end| {
            let field = parse_crc(trimmed.get(end..end + 4)?)?;
            Some((end, field, CrcDialect::of(&trimmed[..end], field)))
        });
    let confirmed = candidates
        .clone()
        .find(|(end, _, dialect)| *dialect != CrcDialect::None && *end > 0);
    let shaped = confirmed.or_else(|| {
        let mut rest = candidates;
        rest.clone()
            .find(|(end, ..)| Some(*end) == closing)
            .or_else(|| rest.next())
    });
    let Some((end, field, dialect)) = shaped else {
        let early =
            trimmed.ends_with(b"&&") || declared.is_none_or(|length| length + 4 > trimmed.len());
        let segment_end = match declared {
            Some(length) if !early => length,
            _ => trimmed.len(),
        };
        let fault = if early {
            Reason::FrameTruncated
        } else {
            Reason::CrcSyntax
        };
        return Delimited {
            frame: Frame {
                raw: region,
                segment: &trimmed[..segment_end],
                crc: None,
                dialect: CrcDialect::None,
                declared,
                len_ok: four_digits(length_text)
                    && declared == Some(segment_end)
                    && segment_end <= MAX_SEGMENT,
                notes: Notes::NONE,
                fault: Some(fault),
            },
            notes: Notes::NONE,
            end: None,
        };
    };
    let segment = &trimmed[..end];
    let len_right = declared == Some(end);
    let mut notes = Notes::NONE;
    if !len_right || !four_digits(length_text) {
        notes.insert(Notes::REPAIRED_LENGTH);
    }
    if end > MAX_SEGMENT {
        notes.insert(Notes::OVER_LENGTH);
    }
    // The checksum has eight effective bits. Alone it is too weak to say where a packet ends:
    // either the length or the closing `&&` must agree.
    let sure = len_right || dialect != CrcDialect::None && closing == Some(end);
    let early = closing.is_none() && declared.is_none_or(|length| length + 4 > trimmed.len());
    let fault = match (sure, early) {
        (true, _) => None,
        (false, true) => Some(Reason::FrameTruncated),
        (false, false) => Some(Reason::FrameLength),
    };
    Delimited {
        frame: Frame {
            raw: region,
            segment,
            crc: Some(field),
            dialect,
            declared,
            len_ok: len_right && four_digits(length_text) && end <= MAX_SEGMENT,
            notes: Notes::NONE,
            fault,
        },
        notes,
        end: Some(end + 4),
    }
}

fn four_digits(text: &[u8]) -> bool {
    text.len() == 4 && text.iter().all(u8::is_ascii_digit)
}

/// End of the segment by its closing `&&`: the last one that a CRC-like field follows.
fn closing_at(region: &[u8]) -> Option<usize> {
    let opening = memmem::find(region, b"CP=&&").map_or(0, |at| at + 5);
    memmem::rfind_iter(&region[opening..], b"&&")
        .map(|at| opening + at + 2)
        .find(|end| region.get(*end..end + 4).and_then(parse_crc).is_some())
}

/// Without line ends (also as literal text) and blanks at the end.
fn trim_tail(mut region: &[u8]) -> &[u8] {
    loop {
        let before = region.len();
        while let [rest @ .., last] = region {
            if !is_blank(*last) {
                break;
            }
            region = rest;
        }
        for literal in [&br"\r\n"[..], br"\n", br"\r"] {
            region = region.strip_suffix(literal).unwrap_or(region);
        }
        if region.len() == before {
            return region;
        }
    }
}
