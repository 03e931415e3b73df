//! Writing packets: for the load generator, tests and simulators.
//!
//! [`PacketWriter`] appends to a caller's buffer: a frame start with room for the length, the
//! header, then field by field, and at the end the length and the CRC are patched in. No field
//! costs an allocation, so one core writes several million values a second. What it writes is a
//! packet of the standard; to get a broken one, damage the bytes afterwards.

use super::clock::{beijing_digits, qn_digits};
use super::crc::{crc, crc_text};

/// Largest data segment HJ 212 allows, bytes.
pub const MAX_SEGMENT: usize = 1_024;

/// Header fields of a packet (HJ 212 table 3). An absent field is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PacketHead<'a> {
    /// QN: when it is sent, microseconds UTC, written to the millisecond.
    pub sent_at: Option<i64>,
    /// ST, system code.
    pub st: &'a str,
    /// CN, command code.
    pub cn: &'a str,
    /// PW, access password.
    pub pw: &'a str,
    /// MN, station number.
    pub mn: &'a str,
    /// Flag: version bits times four, plus 2 when split, plus 1 when an answer is wanted.
    pub flag: Option<u8>,
    /// PNUM and PNO of a split packet: number of parts, and this part from 1.
    pub part: Option<(u16, u16)>,
    /// RF=1: retransmitted data.
    pub resend: bool,
}

/// One packet being written; finish it with [`PacketWriter::finish`]. Dropped unfinished, it
/// takes back what it had appended.
#[derive(Debug)]
pub struct PacketWriter<'b> {
    out: &'b mut Vec<u8>,
    start: usize,
    content: usize,
    item_open: bool,
    finished: bool,
}

/// Bytes before the data segment: `##` and the length.
const PREFIX: usize = 6;

impl<'b> PacketWriter<'b> {
    /// Starts a packet at the end of `out` and writes its header up to `CP=&&`.
    pub fn begin(out: &'b mut Vec<u8>, head: &PacketHead<'_>) -> Self {
        let start = out.len();
        out.reserve(MAX_SEGMENT + PREFIX + 6);
        out.extend_from_slice(b"##0000");
        if let Some(sent_at) = head.sent_at {
            out.extend_from_slice(b"QN=");
            out.extend_from_slice(&qn_digits(sent_at));
            out.push(b';');
        }
        for (name, value) in [
            (b"ST=", head.st),
            (b"CN=", head.cn),
            (b"PW=", head.pw),
            (b"MN=", head.mn),
        ] {
            out.extend_from_slice(name);
            out.extend_from_slice(value.as_bytes());
            out.push(b';');
        }
        if let Some(flag) = head.flag {
            out.extend_from_slice(b"Flag=");
            push_integer(out, u64::from(flag));
            out.push(b';');
        }
        if let Some((count, number)) = head.part {
            out.extend_from_slice(b"PNUM=");
            push_integer(out, u64::from(count));
            out.extend_from_slice(b";PNO=");
            push_integer(out, u64::from(number));
            out.push(b';');
        }
        if head.resend {
            out.extend_from_slice(b"RF=1;");
        }
        out.extend_from_slice(b"CP=&&");
        let content = out.len();
        Self {
            out,
            start,
            content,
            item_open: false,
            finished: false,
        }
    }

    /// Writes `DataTime=`, an instant in microseconds UTC, as Beijing time.
    pub fn data_time(&mut self, micros: i64) -> &mut Self {
        self.parameter_bytes(b"DataTime", &beijing_digits(micros))
    }

    /// Writes a plain parameter as an item of its own, such as `PolId=w01018`.
    pub fn parameter(&mut self, name: &str, value: &str) -> &mut Self {
        self.parameter_bytes(name.as_bytes(), value.as_bytes())
    }

    fn parameter_bytes(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        self.next_item();
        self.out.extend_from_slice(name);
        self.out.push(b'=');
        self.out.extend_from_slice(value);
        self
    }

    /// Begins the next item; the following fields belong together and are separated by `,`.
    pub fn next_item(&mut self) -> &mut Self {
        if self.out.len() > self.content {
            self.out.push(b';');
        }
        self.item_open = false;
        self
    }

    /// Writes `{factor}-{suffix}={value}` with `decimals` places (at most 9), rounded half away
    /// from zero. A value that is not finite or beyond 9.2e18 scaled is left empty.
    pub fn number(&mut self, factor: &str, suffix: &str, value: f64, decimals: u8) -> &mut Self {
        self.name(factor, suffix);
        push_decimal(self.out, value, decimals);
        self
    }

    /// Writes `{factor}-{suffix}={text}`.
    pub fn text(&mut self, factor: &str, suffix: &str, text: &str) -> &mut Self {
        self.name(factor, suffix);
        self.out.extend_from_slice(text.as_bytes());
        self
    }

    fn name(&mut self, factor: &str, suffix: &str) {
        if self.item_open {
            self.out.push(b',');
        }
        self.item_open = true;
        self.out.extend_from_slice(factor.as_bytes());
        self.out.push(b'-');
        self.out.extend_from_slice(suffix.as_bytes());
        self.out.push(b'=');
    }

    /// Length of the data segment if the packet were finished now, bytes.
    pub fn segment_len(&self) -> usize {
        self.out.len() + 2 - self.start - PREFIX
    }

    /// Whether the packet, finished now, keeps to the 1024 bytes of HJ 212.
    pub fn fits(&self) -> bool {
        self.segment_len() <= MAX_SEGMENT
    }

    /// Closes the packet: `&&`, length, CRC, CR LF. Returns the number of bytes appended to the
    /// buffer. A segment over 9,999 bytes gets a five-digit length, which no reader has to take.
    pub fn finish(mut self) -> usize {
        self.finished = true;
        self.out.extend_from_slice(b"&&");
        let segment = self.start + PREFIX;
        let length = self.out.len() - segment;
        let check = crc_text(crc(&self.out[segment..]));
        self.out.extend_from_slice(&check);
        self.out.extend_from_slice(b"\r\n");
        if length <= 9_999 {
            let mut rest = length;
            for digit in self.out[self.start + 2..segment].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        } else {
            let text = length.to_string();
            self.out.splice(self.start + 2..segment, text.bytes());
        }
        self.out.len() - self.start
    }
}

impl Drop for PacketWriter<'_> {
    fn drop(&mut self) {
        if !self.finished {
            self.out.truncate(self.start);
        }
    }
}

const POWERS_OF_TEN: [f64; 10] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];

/// Two digits at a time, for 00 to 99.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
        i += 1;
    }
    pairs
};

/// Appends a decimal number with a fixed number of places.
fn push_decimal(out: &mut Vec<u8>, value: f64, decimals: u8) {
    let decimals = usize::from(decimals.min(9));
    let scaled = (value.abs() * POWERS_OF_TEN[decimals] + 0.5).floor();
    // What is not a number fails the comparison and writes nothing.
    let scaled = if scaled < 9.2e18 {
        scaled as u64
    } else {
        return;
    };
    if value < 0.0 && scaled > 0 {
        out.push(b'-');
    }
    if decimals == 0 {
        push_integer(out, scaled);
        return;
    }
    let unit = 10_u64.pow(decimals as u32);
    push_integer(out, scaled / unit);
    out.push(b'.');
    let mut fraction = scaled % unit;
    let mut digits = [b'0'; 9];
    for digit in digits[..decimals].iter_mut().rev() {
        *digit = b'0' + (fraction % 10) as u8;
        fraction /= 10;
    }
    out.extend_from_slice(&digits[..decimals]);
}

/// Appends an integer without leading zeros.
fn push_integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    while value >= 100 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
        value /= 100;
    }
    if value >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&PAIRS[value as usize]);
    } else {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::hj212::clock::parse_qn;

    fn head() -> PacketHead<'static> {
        PacketHead {
            sent_at: parse_qn(b"20240520210700000"),
            st: "31",
            cn: "2051",
            pw: "123456",
            mn: "010000A8900016F000169DC0",
            flag: Some(9),
            part: None,
            resend: false,
        }
    }

    #[test]
    fn writes_the_published_example() {
        let mut out = b"before".to_vec();
        let mut writer = PacketWriter::begin(&mut out, &head());
        writer.data_time(parse_qn(b"20240520210600").unwrap());
        for (factor, value) in [("a01011", 1.35), ("a01014", 3.20)] {
            writer.next_item();
            for suffix in ["Min", "Avg", "Max"] {
                writer.number(factor, suffix, value, 2);
            }
            writer.text(factor, "Flag", "N");
        }
        let length = writer.finish();
        assert_eq!(
            std::str::from_utf8(&out).unwrap(),
            "before##0234QN=20240520210700000;ST=31;CN=2051;PW=123456;MN=010000A8900016F000169DC0;\
             Flag=9;CP=&&DataTime=20240520210600;a01011-Min=1.35,a01011-Avg=1.35,a01011-Max=1.35,\
             a01011-Flag=N;a01014-Min=3.20,a01014-Avg=3.20,a01014-Max=3.20,a01014-Flag=N&&B541\r\n"
        );
        assert_eq!(length, out.len() - 6);
    }

    #[test]
    fn commands_parts_and_resends() {
        let mut out = Vec::new();
        let mut writer = PacketWriter::begin(
            &mut out,
            &PacketHead {
                sent_at: None,
                part: Some((12, 3)),
                resend: true,
                flag: Some(11),
                ..head()
            },
        );
        writer
            .parameter("PolId", "w01018")
            .parameter("CalibrationType", "0");
        assert!(writer.fits());
        writer.finish();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains("Flag=11;PNUM=12;PNO=3;RF=1;CP=&&PolId=w01018;CalibrationType=0&&"),
            "{text}"
        );
    }

    #[test]
    fn an_unfinished_packet_leaves_nothing() {
        let mut out = b"x".to_vec();
        drop(PacketWriter::begin(&mut out, &head()));
        assert_eq!(out, b"x");
    }

    #[test]
    fn decimals() {
        for (value, decimals, text) in [
            (0.0, 2, "0.00"),
            (-0.001, 2, "0.00"),
            (-1.5, 0, "-2"),
            (1.005, 3, "1.005"),
            (12345.678, 1, "12345.7"),
            (f64::NAN, 2, ""),
            (f64::INFINITY, 2, ""),
            (1e300, 2, ""),
            (99.0, 0, "99"),
            (100.0, 0, "100"),
            (7.0, 9, "7.000000000"),
            (-130.7116, 4, "-130.7116"),
        ] {
            let mut out = Vec::new();
            push_decimal(&mut out, value, decimals);
            assert_eq!(
                std::str::from_utf8(&out).unwrap(),
                text,
                "{value} {decimals}"
            );
        }
    }

    proptest! {
        #[test]
        fn integers_are_written_right(value in any::<u64>()) {
            let mut out = Vec::new();
            push_integer(&mut out, value);
            prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }

        #[test]
        fn decimals_read_back(scaled in -9_999_999_999_i64..=9_999_999_999, decimals in 0_u8..=6) {
            let value = scaled as f64 / 10_f64.powi(i32::from(decimals));
            let mut out = Vec::new();
            push_decimal(&mut out, value, decimals);
            prop_assert_eq!(std::str::from_utf8(&out).unwrap().parse::<f64>().unwrap(), value);
        }
    }
}
