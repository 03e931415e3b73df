//! The stretch of Beijing days a figure covers, and how people write instants.

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveDateTime};
use nonsite_schemas::time::{BEIJING_OFFSET_MICROS, beijing_day, beijing_day_start};
use serde::{Deserialize, Serialize};

use super::policy::PeriodKind;

/// A half-open stretch of Beijing days: `from` is inside, `until` is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// First day.
    pub from: NaiveDate,
    /// The day after the last one.
    pub until: NaiveDate,
}

/// A period or instant that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PeriodError {
    /// The text is neither a date nor an instant.
    #[error(
        "`{0}` is not a time: write a Beijing day (2026-06-30, meaning its end), a Beijing time \
         (2026-06-30 18:00, with or without seconds) or an instant with its zone (2026-06-30T10:00:00Z)"
    )]
    NotATime(String),
    /// The year is outside the calendar.
    #[error("year {0} cannot be computed: choose one between 1970 and 9998")]
    Year(i32),
    /// The last day lies before the first.
    #[error("{0} to {1} has no day: the last day is before the first")]
    Turned(NaiveDate, NaiveDate),
}

impl Period {
    /// The calendar year.
    ///
    /// # Errors
    /// [`PeriodError::Year`] when it lies outside 1970 to 9998.
    pub fn year(year: i32) -> Result<Self, PeriodError> {
        let first = |year: i32| NaiveDate::from_ymd_opt(year, 1, 1);
        match (first(year), first(year + 1)) {
            (Some(from), Some(until)) if (1970..=9998).contains(&year) => Ok(Self { from, until }),
            _ => Err(PeriodError::Year(year)),
        }
    }

    /// The days from `from` to `to`, both inside.
    ///
    /// # Errors
    /// [`PeriodError::Turned`] when there is none.
    pub fn days(from: NaiveDate, to: NaiveDate) -> Result<Self, PeriodError> {
        match to.succ_opt() {
            Some(until) if from < until => Ok(Self { from, until }),
            _ => Err(PeriodError::Turned(from, to)),
        }
    }

    /// The period of this kind that `as_of` falls into; the days of a custom one, wherever it falls.
    pub fn containing(kind: PeriodKind, as_of: i64) -> Self {
        let day = date_of(as_of);
        let month = day.with_day(1).unwrap_or(day);
        let (from, months) = match kind {
            PeriodKind::YearToDate => (month.with_month(1).unwrap_or(month), 12),
            PeriodKind::Quarter => (
                month.with_month0(month.month0() / 3 * 3).unwrap_or(month),
                3,
            ),
            PeriodKind::Month => (month, 1),
            PeriodKind::Custom { from, to } => {
                return Self {
                    from,
                    until: to.succ_opt().unwrap_or(to),
                };
            }
            PeriodKind::Rolling12Months => {
                let until = day + Days::new(1);
                return Self {
                    from: until - Months::new(12),
                    until,
                };
            }
        };
        Self {
            from,
            until: from + Months::new(months),
        }
    }

    /// Whether a day (days since 1970-01-01, Beijing) lies inside.
    pub fn contains(&self, day: i32) -> bool {
        (day_number(self.from)..day_number(self.until)).contains(&day)
    }
}

impl std::fmt::Display for Period {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let last = self.until.pred_opt().unwrap_or(self.until);
        let whole_year = self.from.ordinal() == 1 && self.until == self.from + Months::new(12);
        if whole_year {
            write!(f, "{}", self.from.year())
        } else {
            write!(f, "{} to {last}", self.from)
        }
    }
}

/// Days since 1970-01-01.
pub(super) fn day_number(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

/// The Beijing date of an instant (microseconds UTC).
pub(super) fn date_of(micros: i64) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(beijing_day(micros).saturating_add(719_163))
        .unwrap_or(NaiveDate::MAX)
}

/// Reads `--as-of`: a Beijing day stands for its last microsecond, a time without zone is Beijing
/// time (to the second, or to the minute as times are shown; `24:00` is the end of its day), a time with a
/// zone is what it says. Result in microseconds UTC.
///
/// # Errors
/// [`PeriodError::NotATime`] for anything else.
pub fn parse_as_of(text: &str) -> Result<i64, PeriodError> {
    let text = text.trim();
    if let Ok(date) = text.parse::<NaiveDate>() {
        return Ok(beijing_day_start(day_number(date) + 1) - 1);
    }
    for form in [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y-%m-%d %H:%M",
        "%Y-%m-%dT%H:%M",
        "%Y%m%d%H%M%S",
    ] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, form) {
            return Ok(time.and_utc().timestamp_micros() - BEIJING_OFFSET_MICROS);
        }
    }
    // The end of a day, as deadlines are shown.
    let ending = text.strip_suffix(" 24:00");
    if let Some(date) = ending.and_then(|day| day.parse::<NaiveDate>().ok()) {
        return Ok(beijing_day_start(day_number(date) + 1));
    }
    DateTime::parse_from_rfc3339(text)
        .map(|time| time.timestamp_micros())
        .map_err(|_| PeriodError::NotATime(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_means_its_end_in_beijing() {
        let end = parse_as_of("2026-06-30").unwrap();
        assert_eq!(date_of(end), date("2026-06-30"));
        assert_eq!(date_of(end + 1), date("2026-07-01"));
        assert_eq!(end, parse_as_of("2026-06-30T16:00:00Z").unwrap() - 1);
        assert_eq!(
            parse_as_of("2026-06-30 18:00:00").unwrap(),
            parse_as_of("2026-06-30T10:00:00Z").unwrap()
        );
        assert_eq!(
            parse_as_of("soon").unwrap_err(),
            PeriodError::NotATime("soon".to_owned())
        );
    }

    #[test]
    fn times_are_read_as_they_are_shown() {
        let noon = parse_as_of("2026-06-30 12:00:00").unwrap();
        for shown in ["2026-06-30 12:00", "2026-06-30T12:00", " 2026-06-30 12:00 "] {
            assert_eq!(parse_as_of(shown).unwrap(), noon, "{shown}");
        }
        assert_eq!(
            parse_as_of("2026-06-30 24:00").unwrap(),
            parse_as_of("2026-07-01 00:00").unwrap()
        );
        assert!(parse_as_of("2026-06-31 24:00").is_err());
        assert!(parse_as_of("2026-06-30 24:01").is_err());
    }

    #[test]
    fn periods_are_found_from_an_instant() {
        let at = parse_as_of("2026-08-17").unwrap();
        let of = |kind| Period::containing(kind, at);
        assert_eq!(of(PeriodKind::YearToDate), Period::year(2026).unwrap());
        assert_eq!(
            of(PeriodKind::Quarter),
            Period {
                from: date("2026-07-01"),
                until: date("2026-10-01")
            }
        );
        assert_eq!(
            of(PeriodKind::Month),
            Period {
                from: date("2026-08-01"),
                until: date("2026-09-01")
            }
        );
        assert_eq!(
            of(PeriodKind::Rolling12Months),
            Period {
                from: date("2025-08-18"),
                until: date("2026-08-18")
            }
        );
        let (from, to) = (date("2026-03-01"), date("2026-05-15"));
        let campaign = Period::days(from, to).unwrap();
        assert_eq!(of(PeriodKind::Custom { from, to }), campaign);
        assert!(campaign.contains(day_number(from)) && campaign.contains(day_number(to)));
        assert!(!campaign.contains(day_number(to) + 1));
        assert_eq!(campaign.to_string(), "2026-03-01 to 2026-05-15");
        assert_eq!(Period::days(to, from), Err(PeriodError::Turned(to, from)));
        assert_eq!(
            Period::days(to, to).unwrap().to_string(),
            "2026-05-15 to 2026-05-15"
        );
        assert_eq!(Period::year(2026).unwrap().to_string(), "2026");
        assert_eq!(
            of(PeriodKind::Month).to_string(),
            "2026-08-01 to 2026-08-31"
        );
    }

    #[test]
    fn the_year_turns_at_beijing_midnight() {
        let year = Period::year(2026).unwrap();
        let first = parse_as_of("2025-12-31T16:00:00Z").unwrap();
        assert!(year.contains(beijing_day(first)));
        assert!(!year.contains(beijing_day(first - 1)));
    }
}
