//! The calendar file: a year's public holidays and make-up days as the State Council's notice lists
//! them, single days or stretches.
//!
//! ```toml
//! holidays = ["2026-01-01..2026-01-03", "2026-04-06"]
//! workdays = ["2026-01-04"]
//! ```
//!
//! A wrong day moves deadlines of people, so what cannot be right is refused: a make-up day on a
//! weekday that is no holiday, a stretch that ends before it begins or lasts over a month.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::{Datelike, Days, NaiveDate};
use serde::Deserialize;

use super::calendar::Calendar;

/// A stretch that is longer is a typing mistake.
const LONGEST_DAYS: i64 = 31;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    #[serde(default)]
    holidays: Vec<String>,
    #[serde(default)]
    workdays: Vec<String>,
}

/// Reads a file.
///
/// # Errors
/// What is wrong, naming the file and the day.
pub(super) fn load(path: &Path) -> Result<Calendar, String> {
    std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| parse(&text))
        .map_err(|problem| format!("`{}`: {problem}", path.display()))
}

fn parse(text: &str) -> Result<Calendar, String> {
    let text: Text = toml::from_str(text).map_err(|error| error.to_string())?;
    let calendar = Calendar {
        holidays: days("holidays", &text.holidays)?,
        workdays: days("workdays", &text.workdays)?,
    };
    for day in &calendar.workdays {
        if calendar.holidays.contains(day) {
            return Err(format!("{day} is a holiday and a workday"));
        }
        if day.weekday().number_from_monday() <= 5 {
            return Err(format!(
                "workdays: {day} is a {} and worked anyway: check the date",
                day.format("%A")
            ));
        }
    }
    Ok(calendar)
}

fn days(key: &str, entries: &[String]) -> Result<BTreeSet<NaiveDate>, String> {
    let day = |text: &str| {
        text.trim()
            .parse::<NaiveDate>()
            .map_err(|_| format!("{key}: `{text}` is no day, write YYYY-MM-DD"))
    };
    let mut found = BTreeSet::new();
    for entry in entries {
        let (first, last) = match entry.split_once("..") {
            Some((first, last)) => (day(first)?, day(last)?),
            None => (day(entry)?, day(entry)?),
        };
        let length = last.signed_duration_since(first).num_days();
        if !(0..LONGEST_DAYS).contains(&length) {
            return Err(format!(
                "{key}: `{entry}` is no stretch of 1 to {LONGEST_DAYS} days"
            ));
        }
        found.extend(
            (0..=length.unsigned_abs())
                .filter_map(|after| first.checked_add_days(Days::new(after))),
        );
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_the_whole_year_2026() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/calendar.toml");
        let calendar = load(&path).unwrap();
        assert_eq!(calendar.holidays.len(), 33);
        assert_eq!(calendar.workdays.len(), 6);
        let noon = |day: &str| crate::ratio::parse_as_of(&format!("{day} 12:00:00")).unwrap();
        // The working day after Saturday, 14 February, is Tuesday the 24th.
        let end = calendar.after_working_days(noon("2026-02-14"), 1);
        assert_eq!(
            super::super::calendar::beijing_text(end),
            "2026-02-25 00:00"
        );
        assert_eq!(calendar.unknown_years(noon("2026-06-30")), [] as [i32; 0]);
        assert_eq!(calendar.unknown_years(noon("2026-12-20")), [2027]);
        assert_eq!(calendar.unknown_years(noon("2025-12-20")), [2025]);
    }

    #[test]
    fn what_cannot_be_right_is_refused_by_name() {
        for (text, names) in [
            ("holidays = ['2026-13-01']", "`2026-13-01` is no day"),
            ("holidays = ['2026-10-07..2026-10-01']", "no stretch"),
            ("holidays = ['2026-01-01..2027-01-03']", "no stretch"),
            ("workdays = ['2026-10-09']", "2026-10-09 is a Friday"),
            (
                "holidays = ['2026-10-10']\nworkdays = ['2026-10-10']",
                "a holiday and a workday",
            ),
            ("holidys = []", "holidys"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(names), "{error}");
        }
        let error = load(Path::new("no-such-calendar.toml")).unwrap_err();
        assert!(error.contains("no-such-calendar.toml"), "{error}");
    }
}
