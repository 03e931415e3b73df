//! What the rows of one permit document share, and the spans that are worked out for them.

use chrono::{DateTime, Datelike, Months, NaiveDate};

use super::{Permit, SpecialPeriod, YearBasis};
use crate::tables::Cell;
use crate::wire::document::Document;
use crate::wire::{Day, Instant, Origin};

/// What a permitted mass is counted over.
#[derive(Debug, Default)]
pub(super) struct Period {
    pub(super) name: &'static str,
    pub(super) year: Option<i32>,
    pub(super) month: Option<i32>,
    pub(super) span: Option<(Day, Day)>,
}

/// What all rows of one document share.
pub(super) struct Context<'a> {
    pub(super) permit: &'a Permit,
    pub(super) valid: bool,
    origin: &'a Origin<'a>,
    pub(super) from: Instant,
    pub(super) to: Option<Instant>,
}

impl<'a> Context<'a> {
    pub(super) fn new(document: &'a Document<Permit>, origin: &'a Origin<'a>) -> Self {
        let permit = &document.value;
        let begins = permit
            .valid_from
            .map_or(permit.issued_at, Instant::start_of);
        Self {
            permit,
            valid: document.is_valid(),
            origin,
            from: permit.issued_at.max(begins),
            to: permit
                .valid_to
                .map(|day| Instant::start_of(Day(day.0.saturating_add(1)))),
        }
    }

    pub(super) fn uid(&self, code: &str) -> String {
        format!("{}{code}", self.permit.permit_no)
    }

    pub(super) fn period(&self, id: &str) -> Option<&'a SpecialPeriod> {
        self.permit
            .special_periods
            .iter()
            .find(|period| period.period_id == id)
    }

    pub(super) fn document(&self) -> [Cell<'a>; 4] {
        [
            (&self.permit.permit_no).into(),
            self.permit.version.into(),
            self.permit.issued_at.into(),
            self.valid.into(),
        ]
    }

    pub(super) fn origin(&self) -> [Cell<'a>; 4] {
        [
            self.origin.topic.into(),
            self.origin.partition.into(),
            self.origin.offset.into(),
            Cell::Instant(self.origin.received_at),
        ]
    }
}

impl Permit {
    /// First and last day of permit year `year` (1 to 5); `None` without a first day of validity.
    pub fn year_span(&self, year: i32) -> Option<(Day, Day)> {
        let first =
            DateTime::from_timestamp(i64::from(self.valid_from?.0) * 86_400, 0)?.date_naive();
        let before = u32::try_from(year.checked_sub(1)?).ok()?;
        let (from, next) = match self.year_basis {
            YearBasis::Calendar => {
                let calendar = first.year().checked_add(year)?;
                (
                    NaiveDate::from_ymd_opt(calendar - 1, 1, 1)?,
                    NaiveDate::from_ymd_opt(calendar, 1, 1)?,
                )
            }
            YearBasis::Anniversary => (
                first.checked_add_months(Months::new(before.checked_mul(12)?))?,
                first.checked_add_months(Months::new(before.checked_add(1)?.checked_mul(12)?))?,
            ),
        };
        Some((day(from)?, Day(day(next)?.0 - 1)))
    }
}

fn day(date: NaiveDate) -> Option<Day> {
    let epoch = NaiveDate::from_ymd_opt(1970, 1, 1)?;
    i32::try_from(date.signed_duration_since(epoch).num_days())
        .ok()
        .map(Day)
}
