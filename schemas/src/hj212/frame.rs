//! Finding packets in bytes.
//!
//! A packet is `##`, four digits of length, that many bytes, four hexadecimal digits of CRC, CR LF.
//! [`frames`] goes by the length, never by the line end: encrypted content may contain CR, LF and
//! even `##`. Only where the length does not lead to a CRC field is the text searched for the end
//! of the packet (`&&` and four hexadecimal digits, or the next `##` with a digit), and what is
//! found that way counts only if the CRC vouches for it.
//!
//! Tolerated, each with a note: another number of length digits or a wrong length, `#` lost, bytes
//! between packets, LF or literal `\r\n` instead of CR LF, nothing at all after the CRC, lower-case
//! CRC, segments over 1024 bytes. Not tolerated, as [`Frame::fault`]: no packet start, a packet
//! that ends early, a wrong length that no CRC confirms, a CRC field that is not hexadecimal.

use memchr::memmem;

use super::crc::{CrcDialect, crc, parse_crc};
use super::encode::MAX_SEGMENT;
use super::notes::Notes;
use crate::reason::Reason;

/// A packet, or what is left of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// From the packet start to the end of the CRC, as found.
    pub raw: &'a [u8],
    /// The data segment, `QN=...&&`.
    pub segment: &'a [u8],
    /// The CRC field, if there is one of four hexadecimal digits.
    pub crc: Option<u16>,
    /// Which algorithm the CRC agrees with, over the bytes as sent. An encrypted packet's CRC is
    /// over its plaintext, so this says [`CrcDialect::None`] for it.
    pub dialect: CrcDialect,
    /// The length as declared.
    pub declared: Option<usize>,
    /// Four digits of length, equal to the segment's length, at most 1024.
    pub len_ok: bool,
    /// What was tolerated.
    pub notes: Notes,
    /// Why the packet's bounds are not certain.
    pub fault: Option<Reason>,
}

/// The packets in `bytes`, in order. See the module's head for what is tolerated.
pub const fn frames(bytes: &[u8]) -> Frames<'_> {
    Frames {
        bytes,
        at: 0,
        notes: Notes::NONE,
    }
}

/// Iterator over packets; see [`frames`].
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Notes for the next frame: what was skipped on the way to it.
    notes: Notes,
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Frame<'a>> {
        while self.bytes.get(self.at).is_some_and(|byte| is_blank(*byte)) {
            self.at += 1;
        }
        if self.at >= self.bytes.len() {
            return None;
        }
        self.strict().or_else(|| self.lenient())
    }
}

impl<'a> Frames<'a> {
    /// A packet that starts right here and whose declared length leads to a CRC field.
    #[inline]
    fn strict(&mut self) -> Option<Frame<'a>> {
        let rest = &self.bytes[self.at..];
        let &[b'#', b'#', a, b, c, d, ref body @ ..] = rest else {
            return None;
        };
        let digit = |byte: u8| byte.wrapping_sub(b'0');
        let (a, b, c, d) = (digit(a), digit(b), digit(c), digit(d));
        if a > 9 || b > 9 || c > 9 || d > 9 {
            return None;
        }
        let length =
            usize::from(a) * 1_000 + usize::from(b) * 100 + usize::from(c) * 10 + usize::from(d);
        let (segment, after) = body.split_at_checked(length)?;
        let field = parse_crc(after.get(..4)?)?;
        let tail = Tail::of(&after[4..]);
        let dialect = if crc(segment) == field {
            CrcDialect::Hj212
        } else {
            CrcDialect::of_others(segment, field)
        };
        let bounded = tail.is_some() || dialect != CrcDialect::None && segment.ends_with(b"&&");
        if !bounded || length == 0 {
            return None;
        }
        let raw = &rest[..10 + length];
        let (skip, tail_note) = tail.map_or((0, Notes::NONE), |tail| (tail.length, tail.note));
        self.at += raw.len() + skip;
        let over = if length > MAX_SEGMENT {
            Notes::OVER_LENGTH
        } else {
            Notes::NONE
        };
        Some(Frame {
            raw,
            segment,
            crc: Some(field),
            dialect,
            declared: Some(length),
            len_ok: length <= MAX_SEGMENT,
            notes: std::mem::take(&mut self.notes) | tail_note | over,
            fault: None,
        })
    }

    /// Everything else: look for the next packet start and for the packet's end by its text.
    #[cold]
    fn lenient(&mut self) -> Option<Frame<'a>> {
        let bytes = self.bytes;
        let Some(start) = packet_start(bytes, self.at) else {
            let region = &bytes[self.at..];
            self.at = bytes.len();
            return Some(Self::headless(region).with_notes(std::mem::take(&mut self.notes)));
        };
        if start > self.at {
            let before = &bytes[self.at..start];
            self.at = start;
            let found = Self::headless(before);
            // Text with a `=` may be what is left of a packet: it is handed on, never dropped.
            if found.fault.is_none() || memchr::memchr(b'=', before).is_some() {
                return Some(found.with_notes(std::mem::take(&mut self.notes)));
            }
            self.notes.insert(Notes::REPAIRED_START);
            if let Some(frame) = self.strict() {
                return Some(frame);
            }
        }
        let length_at = start + 2;
        let (digits, segment_at) = length_field(&bytes[length_at..]);
        let from = length_at + segment_at;
        let end = packet_start(bytes, from).unwrap_or(bytes.len());
        let region = &bytes[from..end];
        let found = delimit(region, &bytes[length_at..length_at + digits]);
        let raw_end = found.end.map_or(end, |length| from + length);
        self.at = if raw_end > start { raw_end } else { end };
        let mut notes = std::mem::take(&mut self.notes) | found.notes;
        if let Some(tail) = Tail::of(&bytes[self.at..]) {
            self.at += tail.length;
            notes.insert(tail.note);
        }
        Some(
            Frame {
                raw: &bytes[start..raw_end],
                ..found.frame
            }
            .with_notes(notes),
        )
    }

    /// What can be made of a stretch without `##`: a packet that lost a `#`, or nothing.
    fn headless(region: &'a [u8]) -> Frame<'a> {
        let nothing = Frame {
            raw: region,
            segment: &[],
            crc: None,
            dialect: CrcDialect::None,
            declared: None,
            len_ok: false,
            notes: Notes::NONE,
            fault: Some(Reason::FrameNoHeader),
        };
        let Some(from) = header_name_at(region, 16) else {
            return nothing;
        };
        let digits = region[..from]
            .iter()
            .rev()
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let found = delimit(&region[from..], &region[from - digits..from]);
        let sure = found.frame.fault.is_none()
            && found.frame.dialect != CrcDialect::None
            && found.frame.declared == Some(found.frame.segment.len());
        Frame {
            raw: region,
            notes: found.notes | Notes::REPAIRED_START,
            fault: if sure {
                None
            } else {
                Some(Reason::FrameNoHeader)
            },
            ..found.frame
        }
    }
}

impl Frame<'_> {
    fn with_notes(mut self, notes: Notes) -> Self {
        self.notes.insert(notes);
        self
    }
}

/// What follows a CRC field when the packet really ends there.
struct Tail {
    length: usize,
    note: Notes,
}

impl Tail {
    /// The tail at the start of `rest`; `None` if something else stands there.
    #[inline]
    fn of(rest: &[u8]) -> Option<Self> {
        match rest {
            [b'\r', b'\n', ..] => Some(Self {
                length: 2,
                note: Notes::NONE,
            }),
            [] | [b'#', b'#', ..] => Some(Self {
                length: 0,
                note: Notes::NONE,
            }),
            _ => Self::unusual(rest),
        }
    }

    #[cold]
    fn unusual(rest: &[u8]) -> Option<Self> {
        let note = Notes::REPAIRED_TAIL;
        for literal in [&br"\r\n"[..], br"\n", br"\r"] {
            if rest.starts_with(literal) {
                return Some(Self {
                    length: literal.len(),
                    note,
                });
            }
        }
        is_blank(rest[0]).then_some(Self { length: 1, note })
    }
}

const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0)
}

/// The next packet start at or after `from`: the last two `#` of a run, followed by a length digit
/// or a header name. A run of `#` inside a value is not followed by either.
fn packet_start(bytes: &[u8], from: usize) -> Option<usize> {
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
fn header_name_at(bytes: &[u8], within: usize) -> Option<usize> {
    const NAMES: [&[u8; 3]; 5] = [b"QN=", b"ST=", b"CN=", b"PW=", b"MN="];
    bytes
        .windows(3)
        .take(within)
        .position(|window| NAMES.iter().any(|name| window.eq_ignore_ascii_case(*name)))
}

/// Number of bytes of the length text, and where the data segment begins after it.
fn length_field(bytes: &[u8]) -> (usize, usize) {
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

struct Delimited<'a> {
    frame: Frame<'a>,
    notes: Notes,
    /// Bytes of the region up to the end of the CRC field; `None` if there is no such field.
    end: Option<usize>,
}

/// Finds segment and CRC in a region that begins with the data segment and holds no later packet.
fn delimit<'a>(region: &'a [u8], length_text: &[u8]) -> Delimited<'a> {
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

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
