//! Times on the wire: Beijing digits to and from microseconds UTC, by hand.
//!
//! Loggers write `YYYYMMDDhhmmss` in China Standard Time without a zone. These two functions run
//! for every packet, so they do no allocation and use no calendar library; the tests compare them
//! with one.

use crate::time::{BEIJING_OFFSET_MICROS, DAY_MICROS};

/// 2000-01-01 00:00 in Beijing: nothing on the wire is older.
pub(crate) const EARLIEST_MICROS: i64 = 10_957 * DAY_MICROS - BEIJING_OFFSET_MICROS;

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar.
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the leap day is the last of its year.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
const fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

/// Days in a month.
const fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Reads `YYYYMMDDhhmmss` with up to three further digits of fraction (a QN, or a DataTime of a
/// logger that writes milliseconds) as Beijing time; microseconds UTC. `None` if it is not a date
/// and time of the calendar.
pub fn parse_beijing_digits(text: &[u8]) -> Option<i64> {
    if !(14..=17).contains(&text.len()) {
        return None;
    }
    let mut wrong = 0_u8;
    let mut number = |range: std::ops::Range<usize>| {
        text[range].iter().fold(0_i64, |sum, byte| {
            let digit = byte.wrapping_sub(b'0');
            wrong |= u8::from(digit > 9);
            sum * 10 + i64::from(digit)
        })
    };
    let (year, month, day) = (number(0..4), number(4..6), number(6..8));
    let (hour, minute, second) = (number(8..10), number(10..12), number(12..14));
    let fraction = number(14..text.len());
    if wrong != 0
        || !(1..=12).contains(&month)
        || !(1..=days_in_month(year, month)).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
    {
        return None;
    }
    let fraction_micros = match text.len() {
        14 => 0,
        15 => fraction * 100_000,
        16 => fraction * 10_000,
        _ => fraction * 1_000,
    };
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    Some(seconds * 1_000_000 + fraction_micros - BEIJING_OFFSET_MICROS)
}

/// Reads a QN: 17 (or 14) Beijing digits, or 13 digits of epoch milliseconds as some simulators
/// write. `None` if it is neither; a bad QN never costs a packet.
pub fn parse_qn(text: &[u8]) -> Option<i64> {
    if text.len() == 13 && text.iter().all(u8::is_ascii_digit) {
        let millis = text
            .iter()
            .fold(0_i64, |sum, byte| sum * 10 + i64::from(byte - b'0'));
        return Some(millis * 1_000);
    }
    parse_beijing_digits(text)
}

/// Writes an instant as `YYYYMMDDhhmmss` Beijing time. Instants outside the years 0 to 9999
/// print modulo 10,000 years.
pub fn beijing_digits(micros: i64) -> [u8; 14] {
    let local = micros.saturating_add(BEIJING_OFFSET_MICROS);
    let (year, month, day) = civil_from_days(local.div_euclid(DAY_MICROS));
    let second_of_day = local.rem_euclid(DAY_MICROS) / 1_000_000;
    let year = year.rem_euclid(10_000);
    let mut text = [b'0'; 14];
    let fields = [
        year / 100,
        year % 100,
        month,
        day,
        second_of_day / 3_600,
        second_of_day / 60 % 60,
        second_of_day % 60,
    ];
    for (pair, value) in text.chunks_exact_mut(2).zip(fields) {
        pair[0] += (value / 10) as u8;
        pair[1] += (value % 10) as u8;
    }
    text
}

/// Writes an instant as a QN: `YYYYMMDDhhmmsszzz` Beijing time.
pub fn qn_digits(micros: i64) -> [u8; 17] {
    let mut text = [b'0'; 17];
    text[..14].copy_from_slice(&beijing_digits(micros));
    let millis = micros.rem_euclid(1_000_000) / 1_000;
    text[14] += (millis / 100) as u8;
    text[15] += (millis / 10 % 10) as u8;
    text[16] += (millis % 10) as u8;
    text
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, NaiveDateTime};
    use proptest::prelude::*;

    use super::*;

    fn by_chrono(text: &str) -> Option<i64> {
        NaiveDateTime::parse_from_str(text, "%Y%m%d%H%M%S")
            .ok()
            .map(|time| time.and_utc().timestamp_micros() - BEIJING_OFFSET_MICROS)
    }

    #[test]
    fn known_instants() {
        assert_eq!(parse_beijing_digits(b"19700101080000"), Some(0));
        assert_eq!(
            parse_beijing_digits(b"20160824003817000"),
            by_chrono("20160824003817")
        );
        assert_eq!(
            parse_beijing_digits(b"20160824003817123"),
            by_chrono("20160824003817").map(|t| t + 123_000)
        );
        assert_eq!(
            parse_beijing_digits(b"20000101000000"),
            Some(EARLIEST_MICROS)
        );
        assert_eq!(parse_qn(b"1617951697480"), Some(1_617_951_697_480_000));
        assert_eq!(qn_digits(1_617_951_697_480_000), *b"20210409150137480");
    }

    #[test]
    fn impossible_times_are_refused() {
        for text in [
            "20230229000000",
            "20230431000000",
            "20231301000000",
            "20230001000000",
            "20230100000000",
            "20230101240000",
            "20230101006000",
            "20230101000060",
            "2023010100000",
            "2023010100000000000",
            "2023-01-01 000",
            "",
            "20230101 00000",
        ] {
            assert_eq!(parse_beijing_digits(text.as_bytes()), None, "{text}");
        }
        assert!(parse_beijing_digits(b"20240229000000").is_some());
    }

    proptest! {
        #[test]
        fn agrees_with_the_calendar_library(seconds in 946_656_000_i64..4_102_444_800) {
            let micros = seconds * 1_000_000;
            let text = beijing_digits(micros);
            let local = DateTime::from_timestamp_micros(micros + BEIJING_OFFSET_MICROS).unwrap();
            prop_assert_eq!(
                std::str::from_utf8(&text).unwrap(),
                local.format("%Y%m%d%H%M%S").to_string()
            );
            prop_assert_eq!(parse_beijing_digits(&text), Some(micros));
        }

        #[test]
        fn any_digits_agree(text in "[0-9]{14}") {
            let expected = by_chrono(&text).filter(|_| !text.ends_with("60"));
            prop_assert_eq!(parse_beijing_digits(text.as_bytes()), expected);
        }

        #[test]
        fn a_qn_reads_back(millis in 946_656_000_000_i64..4_102_444_800_000) {
            prop_assert_eq!(parse_qn(&qn_digits(millis * 1_000)), Some(millis * 1_000));
        }

        #[test]
        fn any_bytes(text in proptest::collection::vec(any::<u8>(), 0..20)) {
            let _ = parse_qn(&text);
        }
    }
}
