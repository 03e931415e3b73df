//! The roster of enforcement officers (执法人员花名册) with their certificates, in table `officers`.
//!
//! It comes as a list of the whole body or city, time and again: an import says of every officer on the
//! list what holds now, and adds rows for what changed. Who is missing from a later list is still on the
//! roster: whoever left is told with the day (`left_on`), because a short list would else hide officers
//! without a certificate.

use std::collections::BTreeSet;
use std::path::Path;

use chrono::NaiveDate;
use nonsite_schemas::tables::{self, TableDef};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Error;
use super::facts::day_number;
use super::words::{self, Said, Word};
use crate::session::{Session, rows};

/// Most officers of one import.
pub const MOST_OFFICERS: usize = 10_000;

/// What is said of an officer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The officer.
    pub officer_id: String,
    /// Name.
    pub name: Option<String>,
    /// Body the officer works for.
    pub org_code: String,
    /// Number of the enforcement certificate; nothing without one.
    pub certificate_no: Option<String>,
    /// First day of the certificate; nothing when it is not known.
    pub valid_from: Option<NaiveDate>,
    /// Last day of the certificate; nothing when it does not end.
    pub valid_to: Option<NaiveDate>,
    /// Day from which the officer is on the roster no more.
    pub left_on: Option<NaiveDate>,
}

/// An officer as a row has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RosterOfficer {
    /// The officer.
    pub officer_id: String,
    /// Name.
    pub name: Option<String>,
    /// Body the officer works for.
    pub org_code: String,
    /// Number of the enforcement certificate.
    pub certificate_no: Option<String>,
    /// First day of the certificate.
    pub valid_from: Option<NaiveDate>,
    /// Last day of the certificate.
    pub valid_to: Option<NaiveDate>,
    /// Day from which the officer is on the roster no more.
    pub left_on: Option<NaiveDate>,
    /// Who recorded it.
    pub by: String,
    /// When, microseconds UTC.
    pub recorded_at: i64,
}

impl RosterOfficer {
    /// Whether the officer is on the roster on a day.
    pub fn serves_on(&self, day: NaiveDate) -> bool {
        self.left_on.is_none_or(|left| day < left)
    }

    /// Whether the officer holds a certificate that is valid on a day.
    pub fn certified_on(&self, day: NaiveDate) -> bool {
        self.certificate_no.is_some()
            && self.valid_from.is_none_or(|from| from <= day)
            && self.valid_to.is_none_or(|to| day <= to)
    }
}

impl Word for RosterOfficer {
    const MARKER: &'static str = "nonsite-inspection/officers";

    fn table() -> TableDef {
        tables::officers()
    }

    fn id_column() -> &'static str {
        "officer_id"
    }

    fn id(&self) -> &str {
        &self.officer_id
    }

    fn recorded_at(&self) -> i64 {
        self.recorded_at
    }

    fn recorded(&self, at: i64) -> Self {
        Self {
            recorded_at: at,
            ..self.clone()
        }
    }

    fn row(&self) -> Map<String, Value> {
        words::columns(json!({
            "officer_id": self.officer_id, "name": self.name, "org_code": self.org_code,
            "certificate_no": self.certificate_no,
            "valid_from": self.valid_from.map(day_number), "valid_to": self.valid_to.map(day_number),
            "left_on": self.left_on.map(day_number),
            "by": self.by, "recorded_at": self.recorded_at,
        }))
    }

    fn read(row: &Map<String, Value>) -> Self {
        let text = |column: &str| rows::text(row, column).unwrap_or_default();
        Self {
            officer_id: text("officer_id"),
            name: rows::text(row, "name"),
            org_code: text("org_code"),
            certificate_no: rows::text(row, "certificate_no"),
            valid_from: words::day(row, "valid_from"),
            valid_to: words::day(row, "valid_to"),
            left_on: words::day(row, "left_on"),
            by: text("by"),
            recorded_at: words::instant(row, "recorded_at"),
        }
    }
}

impl Told {
    fn check(&self) -> Result<(), Error> {
        let place = |what: &str| format!("officer `{}`, {what}", self.officer_id);
        words::text("officer id", &self.officer_id)?;
        words::text(&place("body"), &self.org_code)?;
        if let Some(name) = &self.name {
            words::text(&place("name"), name)?;
        }
        if let Some(number) = &self.certificate_no {
            words::text(&place("certificate number"), number)?;
        }
        if let (Some(from), Some(to)) = (self.valid_from, self.valid_to)
            && to < from
        {
            return Err(Error::Asked(format!(
                "{}: it ends on {to}, before it begins on {from}",
                place("certificate")
            )));
        }
        if self.certificate_no.is_none() && (self.valid_from.is_some() || self.valid_to.is_some()) {
            return Err(Error::Asked(format!(
                "{}: its days are given, its number is not",
                place("certificate")
            )));
        }
        Ok(())
    }

    fn row(&self, by: &str, recorded_at: i64) -> RosterOfficer {
        RosterOfficer {
            officer_id: self.officer_id.clone(),
            name: self.name.clone(),
            org_code: self.org_code.clone(),
            certificate_no: self.certificate_no.clone(),
            valid_from: self.valid_from,
            valid_to: self.valid_to,
            left_on: self.left_on,
            by: by.to_owned(),
            recorded_at,
        }
    }
}

/// Records what holds of these officers, all of them or none; what held before adds no row. `now` in
/// microseconds UTC.
///
/// # Errors
/// [`Error::Asked`], naming the officer, for an empty text, a certificate that ends before it begins, days
/// without a number, an officer who is told twice, or an empty or overlong list; [`Error::Tables`] when
/// the table cannot be read or written.
pub async fn add(
    store: &Path,
    told: &[Told],
    by: &str,
    now: i64,
) -> Result<Vec<Said<RosterOfficer>>, Error> {
    words::text("person", by)?;
    if told.is_empty() || told.len() > MOST_OFFICERS {
        return Err(Error::Asked(format!(
            "{} officers: a list has 1 to {MOST_OFFICERS}",
            told.len()
        )));
    }
    let mut ids = BTreeSet::new();
    for officer in told {
        officer.check()?;
        if !ids.insert(officer.officer_id.as_str()) {
            return Err(Error::Asked(format!(
                "officer `{}` is on the list twice",
                officer.officer_id
            )));
        }
    }
    words::add(store, |_, _: &[RosterOfficer]| {
        Ok(told.iter().map(|officer| officer.row(by, now)).collect())
    })
    .await
}

/// Every row, in the order they were recorded.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read.
pub async fn load(session: &Session) -> Result<Vec<RosterOfficer>, Error> {
    words::load(session).await
}

/// The roster as it stood at an instant (microseconds UTC), in the order of first recording; who has left
/// by then is still in it.
pub fn standing(rows: &[RosterOfficer], as_of: i64) -> Vec<RosterOfficer> {
    words::standing(rows, as_of)
}

#[cfg(test)]
mod tests;
