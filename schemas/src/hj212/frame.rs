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

use super::crc::{CrcDialect, parse_crc};
use super::delimit::{delimit, header_name_at, is_blank, length_field, packet_start};
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
        let closed = segment.ends_with(b"&&");
        if length == 0 || tail.is_none() && !closed {
            return None;
        }
        let dialect = CrcDialect::of(segment, field);
        if tail.is_none() && dialect == CrcDialect::None {
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

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
