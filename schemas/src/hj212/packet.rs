//! The header of a data segment (HJ 212 table 3).
//!
//! Fields are `name=value;` in any order, then `CP=&&`, the data area, `&&`. Real loggers also write
//! stray commas, `FLAG`, a comma for a semicolon, or no separator before `CP`: what is meant is
//! clear, so it is read, and noted. A field without `=`, a field given twice with different values
//! and a missing data area are not clear, and refuse the packet.

use std::fmt;

use super::notes::Notes;
use crate::reason::Reason;

/// The header fields, as sent, and the data area.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Packet<'a> {
    /// QN, request number: when it was sent, or which request it answers.
    pub qn: Option<&'a str>,
    /// ST, system code.
    pub st: Option<&'a str>,
    /// CN, command code.
    pub cn: Option<&'a str>,
    /// PW, access password. Never shown.
    pub pw: Option<&'a str>,
    /// MN, station number.
    pub mn: Option<&'a str>,
    /// Flag, as sent.
    pub flag: Option<&'a str>,
    /// PNUM, number of parts of a split packet.
    pub pnum: Option<&'a str>,
    /// PNO, this part, from 1.
    pub pno: Option<&'a str>,
    /// RF, retransmission.
    pub rf: Option<&'a str>,
    /// The data area between `CP=&&` and `&&`; bytes, since it may be encrypted.
    pub cp: &'a [u8],
    /// Where the data area begins in the segment.
    pub cp_at: usize,
    /// What was tolerated.
    pub notes: Notes,
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packet")
            .field("qn", &self.qn)
            .field("st", &self.st)
            .field("cn", &self.cn)
            .field("mn", &self.mn)
            .field("flag", &self.flag)
            .field("pnum", &self.pnum)
            .field("pno", &self.pno)
            .field("rf", &self.rf)
            .field("cp_bytes", &self.cp.len())
            .field("notes", &self.notes)
            .finish_non_exhaustive()
    }
}

/// A header that cannot be read: why, and what could be read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadPacket<'a> {
    /// The stable reason.
    pub reason: Reason,
    /// One sentence: what and where.
    pub detail: String,
    /// The fields read before the fault.
    pub packet: Packet<'a>,
}

impl<'a> Packet<'a> {
    /// Reads the header of a data segment.
    ///
    /// # Errors
    ///
    /// [`Reason::SegmentSyntax`] or [`Reason::NotUtf8`], with the fields that could be read.
    pub fn parse(segment: &'a [u8]) -> Result<Self, Box<BadPacket<'a>>> {
        let mut packet = Self::default();
        let opening = opening_at(segment);
        let header = &segment[..opening.unwrap_or(segment.len())];
        let Ok(header) = std::str::from_utf8(header) else {
            return Err(packet.refuse(Reason::NotUtf8, "the header is not text".to_owned()));
        };
        let mut rest = header;
        while !rest.is_empty() {
            let length = rest.bytes().position(|byte| byte == b';' || byte == b',');
            let (field, after) = match length {
                Some(length) => (&rest[..length], &rest[length + 1..]),
                None => (rest, ""),
            };
            // A comma for a semicolon, or an empty field: `PW=123456;,MN=...`.
            if field.is_empty() || rest.as_bytes().get(field.len()) == Some(&b',') {
                packet.notes.insert(Notes::REPAIRED_HEAD);
            }
            rest = after;
            packet.take(field)?;
        }
        let Some(opening) = opening else {
            return Err(packet.refuse(
                Reason::SegmentSyntax,
                "there is no data area `CP=&&...&&`".to_owned(),
            ));
        };
        packet.cp_at = opening + 5;
        let area = &segment[packet.cp_at..];
        packet.cp = match area.strip_suffix(b"&&") {
            Some(content) => content,
            None => {
                packet.notes.insert(Notes::REPAIRED_CLOSE);
                area.strip_suffix(b"&").unwrap_or(area)
            }
        };
        Ok(packet)
    }

    /// Takes in one `name=value`.
    fn take(&mut self, field: &'a str) -> Result<(), Box<BadPacket<'a>>> {
        let field = field.trim_ascii();
        if field.is_empty() {
            return Ok(());
        }
        let Some((name, value)) = field.split_once('=') else {
            let shown: String = field.chars().take(40).collect();
            return Err(self.refuse(
                Reason::SegmentSyntax,
                format!("header field `{shown}` has no `=`"),
            ));
        };
        let slot = match name.as_bytes() {
            b"QN" => &mut self.qn,
            b"ST" => &mut self.st,
            b"CN" => &mut self.cn,
            b"PW" => &mut self.pw,
            b"MN" => &mut self.mn,
            b"Flag" => &mut self.flag,
            b"PNUM" => &mut self.pnum,
            b"PNO" => &mut self.pno,
            b"RF" => &mut self.rf,
            name => {
                self.notes.insert(Notes::REPAIRED_HEAD);
                match name.to_ascii_uppercase().as_slice() {
                    b"QN" => &mut self.qn,
                    b"ST" => &mut self.st,
                    b"CN" => &mut self.cn,
                    b"PW" => &mut self.pw,
                    b"MN" => &mut self.mn,
                    b"FLAG" => &mut self.flag,
                    b"PNUM" => &mut self.pnum,
                    b"PNO" => &mut self.pno,
                    b"RF" => &mut self.rf,
                    // A field of a later edition: it has no meaning here.
                    _ => return Ok(()),
                }
            }
        };
        match *slot {
            Some(before) if before != value => Err(self.refuse(
                Reason::SegmentSyntax,
                format!("header field `{name}` is given twice with different values"),
            )),
            _ => {
                *slot = Some(value);
                Ok(())
            }
        }
    }

    #[cold]
    fn refuse(&self, reason: Reason, detail: String) -> Box<BadPacket<'a>> {
        Box::new(BadPacket {
            reason,
            detail,
            packet: *self,
        })
    }

    /// Flag as a number, if it is one.
    pub fn flag_number(&self) -> Option<u8> {
        self.flag?.parse().ok()
    }

    /// PNUM and PNO as numbers, if this is one of several parts of a packet. Loggers set the flag
    /// bit without the numbers and the other way round; only the numbers matter.
    pub fn part(&self) -> Option<(u16, u16)> {
        let count = self.pnum?.parse().ok()?;
        let number = self.pno?.parse().ok()?;
        (count > 1 && number >= 1 && number <= count).then_some((count, number))
    }

    /// Whether the packet says it is a retransmission.
    pub fn is_resend(&self) -> bool {
        self.rf == Some("1")
    }
}

/// Where `CP=&&` begins. Header values hold no `&`, so the first one decides.
fn opening_at(segment: &[u8]) -> Option<usize> {
    let first = memchr::memchr(b'&', segment)?;
    let start = first.checked_sub(3)?;
    let opening = segment.get(start..start + 5)?;
    opening.eq_ignore_ascii_case(b"CP=&&").then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fields() {
        let segment = b"QN=20240520210700000;ST=31;CN=2051;PW=123456;MN=010000A8900016F000169DC0;\
            Flag=11;PNUM=2;PNO=1;RF=1;CP=&&DataTime=20240520210600&&";
        let packet = Packet::parse(segment).unwrap();
        assert_eq!(packet.qn, Some("20240520210700000"));
        assert_eq!((packet.st, packet.cn), (Some("31"), Some("2051")));
        assert_eq!(
            (packet.pw, packet.mn),
            (Some("123456"), Some("010000A8900016F000169DC0"))
        );
        assert_eq!(packet.flag_number(), Some(11));
        assert_eq!(packet.part(), Some((2, 1)));
        assert!(packet.is_resend());
        assert_eq!(packet.cp, b"DataTime=20240520210600");
        assert_eq!(packet.notes, Notes::NONE);
        assert!(
            !format!("{packet:?}").contains("123456"),
            "the password is shown"
        );
    }

    #[test]
    fn sloppy_headers_are_read_and_noted() {
        for segment in [
            "ST=32;CN=2011;PW=123456;,MN=8888;FLAG=0;CP=&&X=1&&",
            "ST=32,CN=2011;PW=123456;MN=8888;Flag=0CP=&&X=1&&",
            "Flag=0;MN=8888;PW=;CN=2011;;ST=32;CP=&&X=1&&",
            "ST=32;CN=2011; PW=123456;MN=8888;Flag=0;Ver=3;cp=&&X=1&&",
            "ST=32;ST=32;CN=2011;MN=8888;Flag=0;CP=&&X=1",
        ] {
            let packet = Packet::parse(segment.as_bytes()).unwrap();
            assert_eq!(
                (packet.st, packet.cn, packet.mn),
                (Some("32"), Some("2011"), Some("8888"))
            );
            assert_eq!(packet.flag_number(), Some(0), "{segment}");
            assert_eq!(packet.cp, b"X=1", "{segment}");
        }
        let packet = Packet::parse(b"ST=32;CN=2011;MN=8888;CP=&&X=1").unwrap();
        assert_eq!(packet.notes, Notes::REPAIRED_CLOSE);
    }

    #[test]
    fn unclear_headers_are_refused_with_what_was_read() {
        for (segment, st) in [
            ("ST=32;BROKEN", Some("32")),
            ("ST=32;ST=91", Some("32")),
            ("ST=32;CN=2011;MN=1", Some("32")),
            ("ST=32;CN=2011;MN=1;CP=DataTime=2016", Some("32")),
            ("", None),
        ] {
            let bad = Packet::parse(segment.as_bytes()).unwrap_err();
            assert_eq!(bad.reason, Reason::SegmentSyntax, "{segment}");
            assert_eq!(bad.packet.st, st, "{segment}");
        }
        let bad = Packet::parse(b"ST=32;MN=\xff\xfe;CP=&&&&").unwrap_err();
        assert_eq!(bad.reason, Reason::NotUtf8);
    }

    #[test]
    fn parts_need_both_numbers() {
        for (segment, part) in [
            ("PNUM=2;PNO=1;CP=&&&&", Some((2, 1))),
            ("PNO=0002;PNUM=0002;CP=&&&&", Some((2, 2))),
            ("PNUM=1;PNO=1;CP=&&&&", None),
            ("PNUM=2;PNO=3;CP=&&&&", None),
            ("PNUM=2;CP=&&&&", None),
            ("Flag=7;CP=&&&&", None),
        ] {
            assert_eq!(
                Packet::parse(segment.as_bytes()).unwrap().part(),
                part,
                "{segment}"
            );
        }
    }
}
