//! HJ 212 packets made from the text of the standard, without the code under test.
//!
//! The checksums are the bit-by-bit algorithms of Annex A (and of Modbus for the dialects met in
//! the field), so that an error shared by the product's encoder and decoder cannot hide.

/// Annex A: like Modbus, but the register's low byte is dropped before every byte.
pub(crate) fn crc(data: &[u8]) -> u16 {
    data.iter().fold(0xFFFF, |crc: u16, byte| {
        shift_out((crc >> 8) ^ u16::from(*byte))
    })
}

/// CRC-16/MODBUS, which some loggers send instead.
pub(crate) fn crc_modbus(data: &[u8]) -> u16 {
    data.iter()
        .fold(0xFFFF, |crc: u16, byte| shift_out(crc ^ u16::from(*byte)))
}

fn shift_out(mut crc: u16) -> u16 {
    for _ in 0..8 {
        crc = if crc & 1 == 1 {
            (crc >> 1) ^ 0xA001
        } else {
            crc >> 1
        };
    }
    crc
}

/// A complete frame around a data segment.
pub(crate) fn frame(segment: &str) -> String {
    frame_with(segment, crc(segment.as_bytes()))
}

/// A frame with a checksum of the caller's choice.
pub(crate) fn frame_with(segment: &str, crc: u16) -> String {
    format!("##{:04}{segment}{crc:04X}\r\n", segment.len())
}

/// A frame around a data segment of any bytes.
pub(crate) fn frame_bytes(segment: &[u8], crc: u16) -> Vec<u8> {
    let mut frame = format!("##{:04}", segment.len()).into_bytes();
    frame.extend_from_slice(segment);
    frame.extend_from_slice(format!("{crc:04X}\r\n").as_bytes());
    frame
}

/// One packet of waste-gas data.
#[derive(Debug, Clone)]
pub(crate) struct Packet<'a> {
    pub(crate) mn: &'a str,
    /// 2011 realtime, 2051 minute, 2061 hour, 2031 day.
    pub(crate) cn: u16,
    /// `YYYYMMDDhhmmss`, Beijing time.
    pub(crate) data_time: String,
    /// (factor, value) pairs; the flag is `N`.
    pub(crate) values: Vec<(&'a str, String)>,
}

impl Packet<'_> {
    /// The data segment, edition 2017 (Flag 4: no answer wanted, not split).
    pub(crate) fn segment(&self) -> String {
        let Self {
            mn,
            cn,
            data_time,
            values,
        } = self;
        let statistic = if *cn == 2011 { "Rtd" } else { "Avg" };
        let items: Vec<String> = values
            .iter()
            .map(|(factor, value)| format!("{factor}-{statistic}={value},{factor}-Flag=N"))
            .collect();
        let items = items.join(";");
        format!(
            "QN={data_time}000;ST=31;CN={cn};PW=123456;MN={mn};Flag=4;CP=&&DataTime={data_time};{items}&&"
        )
    }

    /// The framed packet as it travels.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        frame(&self.segment()).into_bytes()
    }
}

/// `YYYYMMDDhhmmss` of the given minute after 2026-03-01 00:00, Beijing time.
pub(crate) fn beijing(minute: u32) -> String {
    let (day, rest) = (minute / 1440, minute % 1440);
    assert!(day < 31, "the helper knows March only");
    format!("202603{:02}{:02}{:02}00", day + 1, rest / 60, rest % 60)
}

/// A minute packet of three factors, different for every (mn, minute).
pub(crate) fn minute_packet(mn: &str, minute: u32) -> Vec<u8> {
    let wave = f64::from(minute % 97);
    Packet {
        mn,
        cn: 2051,
        data_time: beijing(minute),
        values: vec![
            ("a21026", format!("{:.2}", 20.0 + wave / 10.0)),
            ("a21002", format!("{:.1}", 90.0 + wave / 5.0)),
            ("a34013", format!("{:.3}", 3.0 + wave / 100.0)),
        ],
    }
    .bytes()
}

/// The packet of any number, different for each; stations change as days run out.
pub(crate) fn numbered(prefix: &str, number: u32) -> Vec<u8> {
    let mn = format!("{prefix}{:02}{:02}", number / 44_000, number % 11);
    minute_packet(&mn, number % 44_000)
}

/// Readings in every packet of [`minute_packet`].
pub(crate) const READINGS_PER_PACKET: usize = 3;

#[test]
fn checksums_have_the_published_check_values() {
    assert_eq!(crc(b"123456789"), 0x2F80);
    assert_eq!(crc_modbus(b"123456789"), 0x4B37);
    assert_eq!(
        crc(b"QN=20160801085857223;ST=32;CN=1062;PW=100000;MN=010000A8900016F000169DC0;Flag=5;CP=&&RtdInterval=30&&"),
        0x1C80
    );
}
