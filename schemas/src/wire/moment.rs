//! Instants and days as JSON texts.
//!
//! Accepted for an instant: RFC 3339 (`2026-01-05T08:00:00+08:00`, `...Z`, fractions), and the
//! Beijing times without zone that Chinese platforms write (`2026-01-05 08:00:00`, with `T`, or
//! `20260105080000` as in HJ 212). Written always as RFC 3339 with `+08:00`.
//!
//! The parser works on bytes without allocating: it runs once per reading.

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, FixedOffset};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::time::{BEIJING_OFFSET_MICROS, DAY_MICROS};

/// An instant: microseconds since the Unix epoch, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant(pub i64);

/// A Beijing calendar day: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Day(pub i32);

const MICROS: i64 = 1_000_000;
/// Offset of China Standard Time as chrono wants it, in seconds.
const BEIJING_SECONDS: i32 = 8 * 3_600;

/// Reads an instant; `None` when the text is in none of the accepted forms.
pub fn parse_instant(text: &[u8]) -> Option<i64> {
    if text.len() == 14 && text.iter().all(u8::is_ascii_digit) {
        let day = days(
            number(&text[..4])?,
            number(&text[4..6])?,
            number(&text[6..8])?,
        )?;
        let seconds = clock(
            number(&text[8..10])?,
            number(&text[10..12])?,
            number(&text[12..14])?,
        )?;
        return Some((day * 86_400 + seconds) * MICROS - BEIJING_OFFSET_MICROS);
    }
    let [
        _,
        _,
        _,
        _,
        b'-',
        _,
        _,
        b'-',
        _,
        _,
        b'T' | b't' | b' ',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
        rest @ ..,
    ] = text
    else {
        return None;
    };
    let day = days(
        number(&text[..4])?,
        number(&text[5..7])?,
        number(&text[8..10])?,
    )?;
    let seconds = clock(
        number(&text[11..13])?,
        number(&text[14..16])?,
        number(&text[17..19])?,
    )?;
    let (fraction, zone) = fraction(rest)?;
    let offset = match zone {
        [] => BEIJING_OFFSET_MICROS,
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let hours = number(&[*h1, *h2]).filter(|hours| *hours < 24)?;
            let minutes = number(&[*m1, *m2]).filter(|minutes| *minutes < 60)?;
            let offset = (hours * 3_600 + minutes * 60) * MICROS;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    Some((day * 86_400 + seconds) * MICROS + fraction - offset)
}

/// Reads a day, `2026-01-05` or `20260105`.
pub fn parse_day(text: &[u8]) -> Option<i32> {
    let (year, month, day) = match text.len() {
        8 => (&text[..4], &text[4..6], &text[6..]),
        10 if text[4] == b'-' && text[7] == b'-' => (&text[..4], &text[5..7], &text[8..]),
        _ => return None,
    };
    i32::try_from(days(number(year)?, number(month)?, number(day)?)?).ok()
}

/// Digits only; at most four of them are ever passed.
fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + i64::from(digit - b'0'))
    })
}

/// Days since 1970-01-01 of a Gregorian date (count of days by eras of 400 years).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if day < 1 || day > length {
        return None;
    }
    // The year begins in March, so that the leap day is its last day.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

fn clock(hour: i64, minute: i64, second: i64) -> Option<i64> {
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3_600 + minute * 60 + second)
}

/// Splits `.123456` off; digits past the microsecond are cut.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', digits @ ..] = rest else {
        return Some((0, rest));
    };
    let length = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    if length == 0 {
        return None;
    }
    let micros = digits[..length].iter().chain(b"00000".iter()).take(6);
    let value = micros.fold(0, |value, digit| value * 10 + i64::from(digit - b'0'));
    // Fewer than six digits in all: only when length is 0, excluded above.
    Some((value, &digits[length..]))
}

impl Instant {
    /// The start of a Beijing day.
    pub const fn start_of(day: Day) -> Self {
        Self(day.0 as i64 * DAY_MICROS - BEIJING_OFFSET_MICROS)
    }

    /// The Beijing day this instant falls on.
    pub fn day(self) -> Day {
        Day(crate::time::beijing_day(self.0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let zone = FixedOffset::east_opt(BEIJING_SECONDS);
        match (DateTime::from_timestamp_micros(self.0), zone) {
            (Some(utc), Some(zone)) => {
                let form = if self.0 % MICROS == 0 {
                    "%Y-%m-%dT%H:%M:%S%:z"
                } else {
                    "%Y-%m-%dT%H:%M:%S%.6f%:z"
                };
                write!(f, "{}", utc.with_timezone(&zone).format(form))
            }
            // Outside chrono's range of years: the number is all there is to say.
            _ => write!(f, "{} us", self.0),
        }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match DateTime::from_timestamp(i64::from(self.0) * 86_400, 0) {
            Some(utc) => write!(f, "{}", utc.format("%Y-%m-%d")),
            None => write!(f, "day {}", self.0),
        }
    }
}

impl Serialize for Instant {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        parse_instant(text.as_bytes()).map(Self).ok_or_else(|| {
            de::Error::custom(format_args!(
                "`{text}` is not a time; write it as 2026-01-05T08:00:00+08:00"
            ))
        })
    }
}

impl<'de> Deserialize<'de> for Day {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        parse_day(text.as_bytes()).map(Self).ok_or_else(|| {
            de::Error::custom(format_args!(
                "`{text}` is not a day; write it as 2026-01-05"
            ))
        })
    }
}

impl JsonSchema for Instant {
    fn schema_name() -> Cow<'static, str> {
        "Instant".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "RFC 3339, e.g. 2026-01-05T08:00:00+08:00; without a zone (2026-01-05 08:00:00, 20260105080000) it is Beijing time.",
            "pattern": r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})?$|^\d{14}$"
        })
    }
}

impl JsonSchema for Day {
    fn schema_name() -> Cow<'static, str> {
        "Day".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A Beijing day, 2026-01-05 or 20260105.",
            "pattern": r"^\d{4}-\d{2}-\d{2}$|^\d{8}$"
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_accepted_forms_mean_the_same_instant() {
        let expected = Some(1_767_571_200_000_000);
        for text in [
            "2026-01-05T08:00:00+08:00",
            "2026-01-05T00:00:00Z",
            "2026-01-05 08:00:00",
            "2026-01-05T08:00:00",
            "2026-01-05T08:00:00.000",
            "20260105080000",
            "2026-01-04T19:00:00-05:00",
        ] {
            assert_eq!(parse_instant(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(
            parse_instant(b"2026-01-05T00:00:00.1234567Z"),
            Some(1_767_571_200_123_456)
        );
        assert_eq!(
            parse_instant(b"2026-01-05T00:00:00.5Z"),
            Some(1_767_571_200_500_000)
        );
    }

    #[test]
    fn what_is_not_a_time_is_refused() {
        for text in [
            "",
            "2026-01-05",
            "2026-02-29 00:00:00",
            "2026-13-01 00:00:00",
            "2026-01-05 24:00:00",
            "2026-01-05 08:00:60",
            "2026-01-05T08:00:00.",
            "2026-01-05T08:00:00+8",
            "2026-01-05T08:00:00 08:00",
            "2026010508000",
            "2026010508000a",
            "+026-01-05 08:00:00",
        ] {
            assert_eq!(parse_instant(text.as_bytes()), None, "{text}");
        }
        assert_eq!(parse_day(b"2024-02-29"), Some(19_782));
        assert_eq!(parse_day(b"20240229"), Some(19_782));
        assert_eq!(parse_day(b"2023-02-29"), None);
    }

    proptest! {
        #[test]
        fn instants_and_days_read_back(micros in -62_000_000_000_000_000i64..250_000_000_000_000_000) {
            let text = Instant(micros).to_string();
            prop_assert_eq!(parse_instant(text.as_bytes()), Some(micros), "{}", text);
            let day = Instant(micros).day();
            prop_assert_eq!(parse_day(day.to_string().as_bytes()), Some(day.0));
        }

        #[test]
        fn arbitrary_bytes_are_never_a_reason_to_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = parse_instant(&bytes);
            let _ = parse_day(&bytes);
        }
    }
}
