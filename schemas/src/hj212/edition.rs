//! Which edition of the standard a packet follows.
//!
//! The version bits of Flag say 0, 1 or 2 for 2005, 2017 and 2025, but two things on the wire do not
//! fit: the protocol of surface-water stations (ST 21) has used version 2 since before HJ 212-2025
//! existed, and many loggers send no Flag at all, with the factor codes of 2005 or of 2017. So the
//! date counts as well, and a station's setting overrides everything.

use super::clock::parse_beijing_digits;
use super::packet::Packet;
use super::reference::has_2017_form;

/// An instant written as Beijing digits; the tests prove that the constants below parse.
const fn beijing_midnight(days: i64) -> i64 {
    days * 86_400_000_000 - crate::time::BEIJING_OFFSET_MICROS
}

/// HJ 212-2017 came into force, 2017-05-01.
const IN_FORCE_2017: i64 = beijing_midnight(17_287);
/// Nothing of HJ 212-2025 was published before 2024; its examples are dated 2024.
const EARLIEST_2025: i64 = beijing_midnight(19_723);
/// HJ 212-2025 came into force, 2026-01-01.
const IN_FORCE_2025: i64 = beijing_midnight(20_454);

/// The edition of a packet: 2005, 2017 or 2025. `sample` is a factor code of its content, `sent_at`
/// the time of QN, `fallback` the time to go by without one; microseconds UTC.
pub(super) fn edition(
    packet: &Packet<'_>,
    sample: Option<&str>,
    sent_at: Option<i64>,
    fallback: i64,
) -> i16 {
    let date = sent_at.unwrap_or(fallback);
    match packet.flag_number().map(|flag| flag >> 2) {
        Some(0) => 2005,
        Some(1) => 2017,
        Some(_) => {
            let surface_water = packet.st == Some("21") && date < IN_FORCE_2025;
            if surface_water || date < EARLIEST_2025 {
                2017
            } else {
                2025
            }
        }
        None if sample.is_some_and(has_2017_form) && date >= IN_FORCE_2017 => 2017,
        None => 2005,
    }
}

/// The time in a text, if it is one; for choosing the date above.
pub(super) fn time_of(text: Option<&str>) -> Option<i64> {
    parse_beijing_digits(text?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(st: &'static str, flag: Option<&'static str>, sample: Option<&str>, day: &str) -> i16 {
        let packet = Packet {
            st: Some(st),
            flag,
            ..Packet::default()
        };
        edition(&packet, sample, time_of(Some(&format!("{day}000000"))), 0)
    }

    #[test]
    fn the_dates_are_the_ones_named() {
        for (day, micros) in [
            ("20170501", IN_FORCE_2017),
            ("20240101", EARLIEST_2025),
            ("20260101", IN_FORCE_2025),
        ] {
            assert_eq!(time_of(Some(&format!("{day}000000"))), Some(micros));
        }
    }

    #[test]
    fn version_bits_with_their_exceptions() {
        assert_eq!(of("32", Some("3"), None, "20200101"), 2005);
        assert_eq!(of("32", Some("5"), None, "20160801"), 2017);
        assert_eq!(of("31", Some("9"), None, "20240520"), 2025);
        assert_eq!(of("21", Some("8"), None, "20210301"), 2017);
        assert_eq!(of("21", Some("9"), None, "20260706"), 2025);
        assert_eq!(of("31", Some("9"), None, "20210301"), 2017);
        assert_eq!(of("91", Some("8"), None, "20240601"), 2025);
    }

    #[test]
    fn without_flag_the_codes_and_the_date_tell() {
        assert_eq!(of("31", None, Some("a01006"), "20191112"), 2017);
        assert_eq!(of("32", None, Some("w01102"), "20111024"), 2005);
        assert_eq!(of("32", None, Some("011"), "20240123"), 2005);
        assert_eq!(of("23", None, None, "20250221"), 2005);
        assert_eq!(of("32", Some("x"), Some("011"), "20240123"), 2005);
    }
}
