//! Supervision of enforcement besides audits of sub-bureaus, in table `supervision_records`: special
//! supervision (专项监督行动), samplings of case files (案卷评查), and the evaluations of the year.

use std::path::Path;

use chrono::NaiveDate;
use nonsite_schemas::tables::{self, TableDef};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Error;
use super::audits::ended;
use super::facts::day_number;
use super::words::{self, Said, Word};
use crate::session::{Session, rows};

/// What was done.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum SupervisionKind {
    /// Special supervision (专项监督行动).
    #[default]
    SpecialAction,
    /// Case files were sampled and looked at (案卷评查).
    CaseFiles,
    /// A sub-bureau evaluated itself (分局自评).
    SelfEvaluation,
    /// The city evaluated (市级评估).
    CityEvaluation,
    /// The year was evaluated (年度总评).
    YearEvaluation,
}

impl SupervisionKind {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::SpecialAction,
        Self::CaseFiles,
        Self::SelfEvaluation,
        Self::CityEvaluation,
        Self::YearEvaluation,
    ];

    /// The kind as it is written in tables and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::SpecialAction => "special_action",
            Self::CaseFiles => "case_files",
            Self::SelfEvaluation => "self_evaluation",
            Self::CityEvaluation => "city_evaluation",
            Self::YearEvaluation => "year_evaluation",
        }
    }

    /// Reads a kind's code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What is said of a piece of supervision.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The record that is completed or corrected; a new one when left out.
    pub supervision_id: Option<String>,
    /// What was done.
    pub kind: SupervisionKind,
    /// The body it is about; the city's own for evaluations of city and year.
    pub org_code: String,
    /// What was done, in words.
    pub title: String,
    /// Sample of closed cases whose files were looked at.
    pub draw_id: Option<String>,
    /// Case files that were looked at.
    pub files: Option<u32>,
    /// Of these with faults.
    pub faulty: Option<u32>,
    /// Beijing day it ended; nothing while it is not finished.
    pub completed_on: Option<NaiveDate>,
    /// Number or name of its report.
    pub record: Option<String>,
    /// Who says so.
    pub by: String,
}

/// A piece of supervision as a row has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Supervision {
    /// Its id: `s` and 16 hexadecimal digits.
    pub supervision_id: String,
    /// What was done.
    pub kind: SupervisionKind,
    /// The body it is about.
    pub org_code: String,
    /// What was done, in words.
    pub title: String,
    /// Sample of closed cases whose files were looked at.
    pub draw_id: Option<String>,
    /// Case files that were looked at.
    pub files: Option<u32>,
    /// Of these with faults.
    pub faulty: Option<u32>,
    /// Beijing day it ended; nothing while it is not finished.
    pub completed_on: Option<NaiveDate>,
    /// Number or name of its report.
    pub record: Option<String>,
    /// Who recorded it.
    pub by: String,
    /// When, microseconds UTC.
    pub recorded_at: i64,
}

impl Supervision {
    fn of(told: &Told, supervision_id: String, recorded_at: i64) -> Self {
        Self {
            supervision_id,
            kind: told.kind,
            org_code: told.org_code.clone(),
            title: told.title.clone(),
            draw_id: told.draw_id.clone(),
            files: told.files,
            faulty: told.faulty,
            completed_on: told.completed_on,
            record: told.record.clone(),
            by: told.by.clone(),
            recorded_at,
        }
    }
}

impl Word for Supervision {
    const MARKER: &'static str = "nonsite-inspection/supervision";

    fn table() -> TableDef {
        tables::supervision_records()
    }

    fn id_column() -> &'static str {
        "supervision_id"
    }

    fn id(&self) -> &str {
        &self.supervision_id
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
            "supervision_id": self.supervision_id, "kind": self.kind.code(),
            "org_code": self.org_code, "title": self.title, "draw_id": self.draw_id,
            "files": self.files, "faulty": self.faulty,
            "completed_on": self.completed_on.map(day_number), "record": self.record,
            "by": self.by, "recorded_at": self.recorded_at,
        }))
    }

    fn read(row: &Map<String, Value>) -> Self {
        let text = |column: &str| rows::text(row, column).unwrap_or_default();
        let count = |column: &str| {
            let count = row.get(column).and_then(Value::as_i64)?;
            u32::try_from(count).ok()
        };
        Self {
            supervision_id: text("supervision_id"),
            // Every kind that was ever written is known; another program's would be none of the targets.
            kind: SupervisionKind::from_code(&text("kind")).unwrap_or_default(),
            org_code: text("org_code"),
            title: text("title"),
            draw_id: rows::text(row, "draw_id"),
            files: count("files"),
            faulty: count("faulty"),
            completed_on: words::day(row, "completed_on"),
            record: rows::text(row, "record"),
            by: text("by"),
            recorded_at: words::instant(row, "recorded_at"),
        }
    }
}

/// Most case files of one sampling.
const MOST_FILES: u32 = 1_000_000;

impl Told {
    fn check(&self) -> Result<(), Error> {
        let fault = |what: &str| Err(Error::Asked(what.to_owned()));
        words::text("body", &self.org_code)?;
        words::text("title", &self.title)?;
        words::text("person", &self.by)?;
        if let Some(record) = &self.record {
            words::text("record", record)?;
        }
        let files = self.kind == SupervisionKind::CaseFiles;
        if !files && (self.files.is_some() || self.faulty.is_some() || self.draw_id.is_some()) {
            return fault("files, faulty and sample go with `case_files` alone");
        }
        if files && self.completed_on.is_some() && self.files.is_none() {
            return fault("files: how many case files were looked at has to be said at its end");
        }
        if self.files.is_some_and(|files| files > MOST_FILES) {
            return fault("files: that many case files were never looked at");
        }
        if self.faulty > self.files {
            return fault("faulty: more files with faults than were looked at");
        }
        Ok(())
    }
}

/// Records a piece of supervision, or completes or corrects one. `now` in microseconds UTC.
///
/// # Errors
/// [`Error::Asked`] for an empty text, a day to come, numbers that do not fit, a sample that was not kept or
/// was drawn afterwards, a record that is not there, or is of another body or kind; [`Error::Tables`]
/// when the table cannot be read or written.
pub async fn add(store: &Path, told: &Told, now: i64) -> Result<Said<Supervision>, Error> {
    told.check()?;
    let said = words::add(store, |draws, standing: &[Supervision]| {
        ended(told.completed_on, told.draw_id.as_deref(), draws, now)?;
        let new = Supervision::of(told, String::new(), now);
        let id = match &told.supervision_id {
            Some(id) => id.clone(),
            None => words::new_id('s', new.row()),
        };
        let before = standing.iter().find(|record| record.supervision_id == id);
        match before {
            None if told.supervision_id.is_some() => {
                return Err(Error::Asked(format!("no supervision `{id}` was recorded")));
            }
            Some(before) if (&before.org_code, before.kind) != (&told.org_code, told.kind) => {
                return Err(Error::Asked(format!(
                    "supervision `{id}` is `{}` of body `{}`, not `{}` of `{}`",
                    before.kind.code(),
                    before.org_code,
                    told.kind.code(),
                    told.org_code
                )));
            }
            _ => {}
        }
        Ok(vec![Supervision {
            supervision_id: id,
            ..new
        }])
    })
    .await?;
    words::only(said)
}

/// Every row, in the order they were recorded.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read.
pub async fn load(session: &Session) -> Result<Vec<Supervision>, Error> {
    words::load(session).await
}

/// The records as they stood at an instant (microseconds UTC), in the order they were first recorded.
pub fn standing(rows: &[Supervision], as_of: i64) -> Vec<Supervision> {
    words::standing(rows, as_of)
}

#[cfg(test)]
mod tests;
