//! Working days of China: weekends, public holidays, and the make-up days worked instead.
//!
//! The State Council publishes holidays and make-up days every autumn for the next year, so both
//! are configuration: a file (`[review] calendar`), or single days in the configuration itself.
//! Without them a deadline that spans a holiday ends too early; [`Calendar::unknown_years`] says for
//! which years that is so. A period in days does not count the day it starts on and ends with its last
//! day (Beijing); a period in hours runs by the clock, holidays or not.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};
use nonsite_schemas::time::{beijing_day, beijing_day_start};
use serde::{Deserialize, Serialize};

use crate::ratio::{PeriodError, parse_as_of};

/// Days since 1970-01-01 as chrono counts them from the common era.
const EPOCH_FROM_CE: i32 = 719_163;
/// Microseconds in an hour.
pub(super) const HOUR: i64 = 3_600 * 1_000_000;
/// Microseconds in a minute.
const MINUTE: i64 = HOUR / 60;

/// How far ahead the usual deadlines reach, days; the next year's days off are known by then.
const REACH_DAYS: i32 = 30;

/// Days off and make-up days, from `[review]` and its calendar file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Calendar {
    /// Weekdays off.
    pub holidays: BTreeSet<NaiveDate>,
    /// Weekend days worked.
    pub workdays: BTreeSet<NaiveDate>,
}

impl Calendar {
    /// Whether a day (days since 1970-01-01) is worked.
    pub fn is_working_day(&self, day: i32) -> bool {
        let Some(date) = date_of(day) else {
            return true;
        };
        if self.workdays.contains(&date) {
            return true;
        }
        date.weekday().number_from_monday() <= 5 && !self.holidays.contains(&date)
    }

    /// The end of the n-th working day after the day of `from`; n = 0 is the end of that very day.
    /// Microseconds UTC.
    pub fn after_working_days(&self, from: i64, n: u32) -> i64 {
        let mut day = beijing_day(from);
        let mut left = n;
        while left > 0 {
            day += 1;
            if self.is_working_day(day) {
                left -= 1;
            }
        }
        beijing_day_start(day + 1)
    }

    /// The end of the last day that still leaves `n` whole working days before `day`.
    pub fn before_working_days(&self, day: i32, n: u32) -> i64 {
        let mut last = day - 1;
        let mut left = n;
        while left > 0 {
            if self.is_working_day(last) {
                left -= 1;
            }
            last -= 1;
        }
        beijing_day_start(last + 1)
    }

    /// The end of the n-th calendar day after the day of `from`, moved on to the next working day.
    pub fn after_days(&self, from: i64, n: u32) -> i64 {
        let mut day = beijing_day(from).saturating_add(i32::try_from(n).unwrap_or(i32::MAX));
        while !self.is_working_day(day) {
            day += 1;
        }
        beijing_day_start(day + 1)
    }

    /// The years that deadlines set at `now` can reach and of which no holiday is known (every year
    /// has some).
    pub fn unknown_years(&self, now: i64) -> Vec<i32> {
        let today = beijing_day(now);
        let mut years: Vec<i32> = [today, today + REACH_DAYS]
            .into_iter()
            .filter_map(date_of)
            .map(|date| date.year())
            .collect();
        years.dedup();
        years.retain(|year| !self.holidays.iter().any(|date| date.year() == *year));
        years
    }
}

/// Reads `YYYY-MM-DD` as days since 1970-01-01.
pub(super) fn parse_day(text: &str) -> Option<i32> {
    text.trim()
        .parse::<NaiveDate>()
        .ok()
        .map(|date| date.num_days_from_ce() - EPOCH_FROM_CE)
}

/// When something happened, as somebody writes it down by `now` (microseconds UTC). Times are shown to the
/// minute: one that is written so and lies in the minute of `earliest` is no earlier than that. A day stands
/// for its end, and today for now.
///
/// # Errors
/// [`PeriodError`] for what is no time.
pub(super) fn said_at(text: &str, earliest: i64, now: i64) -> Result<i64, PeriodError> {
    let said = parse_as_of(text)?;
    if parse_day(text) == Some(beijing_day(now)) {
        return Ok(now);
    }
    let shown_as_earliest = said == earliest.div_euclid(MINUTE) * MINUTE;
    Ok(if shown_as_earliest { earliest } else { said })
}

fn date_of(day: i32) -> Option<NaiveDate> {
    NaiveDate::from_num_days_from_ce_opt(day.checked_add(EPOCH_FROM_CE)?)
}

/// An instant as Beijing text, `2026-10-09 18:00`.
pub fn beijing_text(micros: i64) -> String {
    let local = micros + nonsite_schemas::time::BEIJING_OFFSET_MICROS;
    chrono::DateTime::from_timestamp_micros(local).map_or_else(
        || micros.to_string(),
        |time| time.format("%Y-%m-%d %H:%M").to_string(),
    )
}

/// A deadline: the day alone when it ends with one, `2026-10-09`, else `2026-10-09 18:00`.
pub(super) fn until_text(due: i64) -> String {
    if beijing_day_start(beijing_day(due)) != due {
        return beijing_text(due);
    }
    let last = beijing_text(due - 1);
    last.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_ends_with_a_day_is_that_day() {
        assert_eq!(until_text(at("2026-03-10 00:00")), "2026-03-09");
        assert_eq!(until_text(at("2026-03-10 09:30")), "2026-03-10 09:30");
    }

    fn at(text: &str) -> i64 {
        chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M")
            .unwrap()
            .and_utc()
            .timestamp_micros()
            - nonsite_schemas::time::BEIJING_OFFSET_MICROS
    }

    /// National Day 2026 as an example: off from 1 to 7 October, Saturday the 10th worked.
    fn october() -> Calendar {
        let date = |day| NaiveDate::from_ymd_opt(2026, 10, day).unwrap();
        Calendar {
            holidays: (1..=7).map(date).collect(),
            workdays: BTreeSet::from([date(10)]),
        }
    }

    #[test]
    fn what_is_shown_to_the_minute_can_be_written_so() {
        let sent = at("2026-03-02 10:00") + 37_000_000;
        let now = at("2026-03-02 15:20");
        let said = |text: &str| said_at(text, sent, now).unwrap();
        assert_eq!(said(&beijing_text(sent)), sent, "in the minute it was sent");
        assert_eq!(said("2026-03-02 10:00:12"), sent - 25_000_000);
        assert_eq!(said("2026-03-02 09:59"), at("2026-03-02 09:59"));
        assert_eq!(said("2026-03-02 12:30"), at("2026-03-02 12:30"));
        assert_eq!(said("2026-03-02"), now, "today");
        assert_eq!(said("2026-03-01"), at("2026-03-02 00:00") - 1);
        assert!(said("2026-03-03") > now);
        assert!(said_at("soon", sent, now).is_err());
    }

    #[test]
    fn working_days_skip_weekends_and_holidays_and_take_make_up_days() {
        let calendar = october();
        let from = at("2026-09-30 15:00"); // a Wednesday
        let end = |n| beijing_text(calendar.after_working_days(from, n));
        assert_eq!(end(1), "2026-10-09 00:00", "Thursday the 8th, to its end");
        assert_eq!(end(2), "2026-10-10 00:00");
        assert_eq!(end(3), "2026-10-11 00:00", "the Saturday is worked");
        assert_eq!(end(4), "2026-10-13 00:00", "the Sunday is not");
    }

    #[test]
    fn calendar_days_end_on_a_working_day() {
        let calendar = october();
        let end = |from, n| beijing_text(calendar.after_days(at(from), n));
        assert_eq!(
            end("2026-09-28 08:00", 3),
            "2026-10-09 00:00",
            "1 October is off"
        );
        assert_eq!(end("2026-09-21 08:00", 3), "2026-09-25 00:00");
    }

    #[test]
    fn the_day_is_a_beijing_day() {
        let calendar = Calendar::default();
        // 17:00 UTC on Thursday is Friday in Beijing: one working day later is Monday.
        let friday_in_beijing = at("2026-09-25 01:00");
        assert_eq!(
            beijing_text(calendar.after_working_days(friday_in_beijing, 1)),
            "2026-09-29 00:00"
        );
    }
}
