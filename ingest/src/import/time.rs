//! Reading an export's times.
//!
//! Exports write local wall-clock time, mostly without a zone. China has kept UTC+8 without
//! daylight saving since 1992, so every zone here is a fixed offset; there is no zone database to
//! drift. Instants are microseconds UTC from here on.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeZone};
use nonsite_schemas::time::BEIJING_OFFSET_MICROS;

use super::mapping::TimeColumns;
use super::source::Cell;

const SECOND: i64 = 1_000_000;

/// A fixed offset from UTC, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Zone(i64);

impl Zone {
    /// `Asia/Shanghai`, `UTC`, `Z`, or an offset such as `+08:00`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text {
            "Asia/Shanghai" | "PRC" | "CST" => Ok(Self(BEIJING_OFFSET_MICROS)),
            "UTC" | "Z" => Ok(Self(0)),
            _ => text
                .parse::<FixedOffset>()
                .map(|offset| Self(i64::from(offset.fix().local_minus_utc()) * SECOND))
                .map_err(|_| {
                    format!(
                        "[time] zone `{text}` is unknown; use \"Asia/Shanghai\", \"UTC\" or a \
                         fixed offset such as \"+08:00\""
                    )
                }),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Format {
    Pattern(String),
    DatePattern(String),
    ZonedPattern(String),
    Rfc3339,
    Unix { per_second: i64 },
}

/// Refuses a pattern chrono cannot read, with what to write instead.
pub(super) fn check_format(text: &str) -> Result<(), String> {
    format_of(text).map(|_| ())
}

fn format_of(text: &str) -> Result<Format, String> {
    use chrono::format::{Fixed, Item, Numeric, StrftimeItems};
    match text {
        "rfc3339" => return Ok(Format::Rfc3339),
        "unix_s" => return Ok(Format::Unix { per_second: 1 }),
        "unix_ms" => return Ok(Format::Unix { per_second: 1_000 }),
        _ => {}
    }
    let items: Vec<Item<'_>> = StrftimeItems::new(text).collect();
    let has = |wanted: &[Numeric]| {
        items
            .iter()
            .any(|item| matches!(item, Item::Numeric(n, _) if wanted.contains(n)))
    };
    if items.iter().any(|item| matches!(item, Item::Error)) || !has(&[Numeric::Year]) {
        return Err(format!(
            "[time] format `{text}` is not usable; write e.g. \"%Y-%m-%d %H:%M:%S\", \
             \"%Y/%m/%d %H:%M\", \"%Y%m%d%H%M%S\", \"rfc3339\", \"unix_s\" or \"unix_ms\""
        ));
    }
    let zoned = items.iter().any(|item| {
        matches!(
            item,
            Item::Fixed(
                Fixed::TimezoneOffset
                    | Fixed::TimezoneOffsetColon
                    | Fixed::TimezoneOffsetZ
                    | Fixed::TimezoneOffsetColonZ
            )
        )
    });
    Ok(if zoned {
        Format::ZonedPattern(text.to_owned())
    } else if has(&[Numeric::Hour, Numeric::Hour12]) {
        Format::Pattern(text.to_owned())
    } else {
        Format::DatePattern(text.to_owned())
    })
}

/// Turns cells into instants by the mapping's `[time]`.
#[derive(Debug, Clone)]
pub(super) struct TimeReader {
    format: Format,
    zone: Zone,
    round: i64,
}

impl TimeReader {
    /// A reader for these settings; they were checked when the mapping was loaded.
    pub(super) fn new(time: &TimeColumns) -> Result<Self, String> {
        Ok(Self {
            format: format_of(&time.format)?,
            zone: Zone::parse(&time.zone)?,
            round: i64::from(time.round_to_s) * SECOND,
        })
    }

    /// The instant in microseconds UTC, cut down to the slot; the error is what to tell the user.
    pub(super) fn read(&self, cell: &Cell<'_>) -> Result<i64, String> {
        let instant = match cell {
            Cell::Instant(micros) => *micros,
            Cell::LocalTime(micros) => micros - self.zone.0,
            Cell::Text(text) => self.parse(text.trim())?,
            Cell::Number(number) => self.number(*number)?,
            Cell::Missing => return Err("the time is missing".to_owned()),
        };
        Ok(self.slot(instant))
    }

    /// Slots are multiples of local time, so that a day slot begins at local midnight.
    fn slot(&self, instant: i64) -> i64 {
        if self.round == 0 {
            return instant;
        }
        let local = instant + self.zone.0;
        local - local.rem_euclid(self.round) - self.zone.0
    }

    fn number(&self, number: f64) -> Result<i64, String> {
        let Format::Unix { per_second } = self.format else {
            return Err(format!(
                "the time is the number {number} but [time] format is a text pattern; use \
                 \"unix_s\" or \"unix_ms\""
            ));
        };
        let micros = number * (SECOND / per_second) as f64;
        // Beyond 2^53 microseconds (year 2255) a double no longer holds whole microseconds.
        if !micros.is_finite() || micros.abs() > 9.0e15 {
            return Err(format!("`{number}` is not a plausible Unix time"));
        }
        Ok(micros.round() as i64)
    }

    fn parse(&self, text: &str) -> Result<i64, String> {
        let unreadable = |expected: &str| format!("`{text}` is not a time of the form {expected}");
        match &self.format {
            Format::Rfc3339 => DateTime::parse_from_rfc3339(text)
                .map(|time| time.timestamp_micros())
                .map_err(|_| unreadable("2025-06-01T08:00:00+08:00")),
            Format::Unix { .. } => {
                let number = text
                    .parse::<f64>()
                    .map_err(|_| unreadable("of a Unix time"))?;
                self.number(number)
            }
            Format::Pattern(pattern) => NaiveDateTime::parse_from_str(text, pattern)
                .map(|time| time.and_utc().timestamp_micros() - self.zone.0)
                .map_err(|_| unreadable(pattern)),
            Format::DatePattern(pattern) => NaiveDate::parse_from_str(text, pattern)
                .ok()
                .and_then(|day| day.and_hms_opt(0, 0, 0))
                .map(|time| time.and_utc().timestamp_micros() - self.zone.0)
                .ok_or_else(|| unreadable(pattern)),
            Format::ZonedPattern(pattern) => DateTime::parse_from_str(text, pattern)
                .map(|time| time.timestamp_micros())
                .map_err(|_| unreadable(pattern)),
        }
    }
}

/// An instant as the JSON message writes it: RFC 3339 in Beijing time, to the microsecond only
/// when there are any.
pub(super) fn beijing_text(instant: i64) -> String {
    let beijing = FixedOffset::east_opt((BEIJING_OFFSET_MICROS / SECOND) as i32)
        .and_then(|zone| zone.timestamp_micros(instant).single());
    match beijing {
        Some(time) if instant % SECOND == 0 => time.format("%Y-%m-%dT%H:%M:%S%:z").to_string(),
        Some(time) => time.format("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string(),
        // Outside chrono's years: the number itself, which the decoder refuses by name.
        None => instant.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(format: &str, zone: &str, round_to_s: u32) -> TimeReader {
        TimeReader::new(&TimeColumns {
            column: Some("t".into()),
            columns: vec![],
            format: format.into(),
            zone: zone.into(),
            round_to_s,
            merge_within_s: 0,
        })
        .expect("usable settings")
    }

    #[test]
    fn local_time_is_beijing_unless_said_otherwise() {
        let text = Cell::Text("2025-05-23 00:00:00");
        let beijing = reader("%Y-%m-%d %H:%M:%S", "Asia/Shanghai", 0).read(&text);
        assert_eq!(beijing, Ok(1_747_929_600_000_000));
        let utc = reader("%Y-%m-%d %H:%M:%S", "UTC", 0).read(&text);
        assert_eq!(utc, Ok(1_747_929_600_000_000 + BEIJING_OFFSET_MICROS));
        let india = reader("%Y-%m-%d %H:%M:%S", "+05:30", 0).read(&text);
        assert_eq!(india, Ok(1_747_929_600_000_000 + 9_000 * SECOND));
        assert_eq!(
            beijing_text(1_747_929_600_000_000),
            "2025-05-23T00:00:00+08:00"
        );
        assert_eq!(
            beijing_text(1_747_929_600_000_007),
            "2025-05-23T00:00:00.000007+08:00"
        );
    }

    #[test]
    fn a_day_slot_begins_at_local_midnight() {
        let days = reader("%Y-%m-%d %H:%M:%S", "Asia/Shanghai", 86_400);
        let midnight = days
            .read(&Cell::Text("2025-05-23 00:00:00"))
            .expect("a time");
        assert_eq!(days.read(&Cell::Text("2025-05-23 23:59:59")), Ok(midnight));
        assert_ne!(days.read(&Cell::Text("2025-05-24 00:00:00")), Ok(midnight));
    }

    #[test]
    fn other_notations() {
        let midnight = 1_747_929_600_000_000;
        assert_eq!(
            reader("%Y%m%d", "CST", 0).read(&Cell::Text("20250523")),
            Ok(midnight)
        );
        assert_eq!(
            reader("rfc3339", "UTC", 0).read(&Cell::Text("2025-05-22T16:00:00Z")),
            Ok(midnight)
        );
        assert_eq!(
            reader("%Y-%m-%d %H:%M %z", "UTC", 0).read(&Cell::Text("2025-05-23 00:00 +0800")),
            Ok(midnight)
        );
        assert_eq!(
            reader("unix_s", "UTC", 0).read(&Cell::Text("1747929600")),
            Ok(midnight)
        );
        assert_eq!(
            reader("unix_ms", "UTC", 0).read(&Cell::Number(1.7479296e12)),
            Ok(midnight)
        );
    }

    #[test]
    fn faults_say_what_was_expected() {
        let reader = reader("%Y-%m-%d %H:%M:%S", "Asia/Shanghai", 0);
        let error = reader
            .read(&Cell::Text("2025-02-30 00:00:00"))
            .expect_err("no such day");
        assert!(
            error.contains("2025-02-30") && error.contains("%Y-%m-%d"),
            "{error}"
        );
        assert!(
            Zone::parse("Mars/Olympus")
                .expect_err("no such zone")
                .contains("+08:00")
        );
        assert!(check_format("%H:%M").expect_err("no date").contains("%Y"));
    }
}
