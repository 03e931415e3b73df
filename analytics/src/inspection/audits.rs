//! Audits of sub-bureaus (稽查) in table `bureau_audits`, a table of [`words`].

use std::path::Path;

use chrono::NaiveDate;
use nonsite_schemas::tables::{self, TableDef};
use nonsite_schemas::time::beijing_day;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Error;
use super::draw::Kind;
use super::facts::{date, day_number};
use super::kept::Kept;
use super::words::{self, Word};
use crate::session::{Session, rows};

/// What is said of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Told {
    /// The audit that is completed or corrected; a new one when left out.
    pub audit_id: Option<String>,
    /// Audited sub-bureau.
    pub org_code: String,
    /// Who audited.
    pub team: String,
    /// Whether the team came from other districts (跨区).
    pub cross_region: bool,
    /// Sample of closed cases it looked into.
    pub draw_id: Option<String>,
    /// Beijing day it ended; nothing while it is not finished.
    pub completed_on: Option<NaiveDate>,
    /// Number or name of its report.
    pub record: Option<String>,
    /// Who says so.
    pub by: String,
}

/// An audit as a row has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BureauAudit {
    /// Its id: `a` and 16 hexadecimal digits.
    pub audit_id: String,
    /// Audited sub-bureau.
    pub org_code: String,
    /// Who audited.
    pub team: String,
    /// Whether the team came from other districts.
    pub cross_region: bool,
    /// Sample of closed cases it looked into.
    pub draw_id: Option<String>,
    /// Beijing day it ended; nothing while it is not finished.
    pub completed_on: Option<NaiveDate>,
    /// Number or name of its report.
    pub record: Option<String>,
    /// Who recorded it.
    pub by: String,
    /// When, microseconds UTC.
    pub recorded_at: i64,
}

impl BureauAudit {
    fn of(told: &Told, audit_id: String, recorded_at: i64) -> Self {
        Self {
            audit_id,
            org_code: told.org_code.clone(),
            team: told.team.clone(),
            cross_region: told.cross_region,
            draw_id: told.draw_id.clone(),
            completed_on: told.completed_on,
            record: told.record.clone(),
            by: told.by.clone(),
            recorded_at,
        }
    }
}

impl Word for BureauAudit {
    const MARKER: &'static str = "nonsite-inspection/audits";

    fn table() -> TableDef {
        tables::bureau_audits()
    }

    fn id_column() -> &'static str {
        "audit_id"
    }

    fn id(&self) -> &str {
        &self.audit_id
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
            "audit_id": self.audit_id, "org_code": self.org_code, "team": self.team,
            "cross_region": self.cross_region, "draw_id": self.draw_id,
            "completed_on": self.completed_on.map(day_number), "record": self.record,
            "by": self.by, "recorded_at": self.recorded_at,
        }))
    }

    fn read(row: &Map<String, Value>) -> Self {
        let text = |column: &str| rows::text(row, column).unwrap_or_default();
        Self {
            audit_id: text("audit_id"),
            org_code: text("org_code"),
            team: text("team"),
            cross_region: row
                .get("cross_region")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            draw_id: rows::text(row, "draw_id"),
            completed_on: words::day(row, "completed_on"),
            record: rows::text(row, "record"),
            by: text("by"),
            recorded_at: words::instant(row, "recorded_at"),
        }
    }
}

impl Told {
    fn check(&self, draws: &[Kept], now: i64) -> Result<(), Error> {
        words::text("body", &self.org_code)?;
        words::text("team", &self.team)?;
        words::text("person", &self.by)?;
        if let Some(record) = &self.record {
            words::text("record", record)?;
        }
        ended(self.completed_on, self.draw_id.as_deref(), draws, now)
    }
}

/// Refuses an end that is to come, a sample that was not kept, and an end before the sample was drawn.
pub(super) fn ended(
    completed_on: Option<NaiveDate>,
    draw_id: Option<&str>,
    draws: &[Kept],
    now: i64,
) -> Result<(), Error> {
    let fault = |what: String| Err(Error::Asked(what));
    let today = beijing_day(now);
    if let Some(day) = completed_on
        && day_number(day) > today
    {
        return fault(format!(
            "completed on {day}: that is after today ({})",
            date(today)
        ));
    }
    let Some(draw_id) = draw_id else {
        return Ok(());
    };
    let sample = draws
        .iter()
        .find(|kept| kept.draw_id == draw_id && kept.draw.kind == Kind::Sample);
    match (sample, completed_on) {
        (None, _) => fault(format!("no sample `{draw_id}` of closed cases was kept")),
        (Some(sample), Some(day)) if day_number(day) < beijing_day(sample.drawn_at) => fault(
            format!("completed on {day}: sample `{draw_id}` was drawn after that day"),
        ),
        _ => Ok(()),
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Added {
    /// The audit as it stands now.
    #[serde(flatten)]
    pub audit: BureauAudit,
    /// `false` when it stood so before.
    pub fresh: bool,
}

/// Records an audit, or completes or corrects one. `now` in microseconds UTC.
///
/// # Errors
/// [`Error::Asked`] for an empty text, a day to come, a sample that was not kept or was drawn
/// afterwards, an audit that is not there or is of another body; [`Error::Tables`] when the table
/// cannot be read or written.
pub async fn add(store: &Path, told: &Told, now: i64) -> Result<Added, Error> {
    let said = words::add(store, |draws, standing: &[BureauAudit]| {
        told.check(draws, now)?;
        let new = BureauAudit::of(told, String::new(), now);
        let audit_id = match &told.audit_id {
            Some(audit_id) => audit_id.clone(),
            None => words::new_id('a', new.row()),
        };
        let before = standing.iter().find(|audit| audit.audit_id == audit_id);
        match before {
            None if told.audit_id.is_some() => {
                return Err(Error::Asked(format!("no audit `{audit_id}` was recorded")));
            }
            Some(before) if before.org_code != told.org_code => {
                return Err(Error::Asked(format!(
                    "audit `{audit_id}` is of body `{}`, not of `{}`",
                    before.org_code, told.org_code
                )));
            }
            _ => {}
        }
        Ok(vec![BureauAudit { audit_id, ..new }])
    })
    .await?;
    words::only(said).map(|said| Added {
        audit: said.word,
        fresh: said.fresh,
    })
}

/// Every row, in the order they were recorded.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read.
pub async fn load(session: &Session) -> Result<Vec<BureauAudit>, Error> {
    words::load(session).await
}

/// The audits as they stood at an instant (microseconds UTC), in the order they were first recorded.
pub fn standing(rows: &[BureauAudit], as_of: i64) -> Vec<BureauAudit> {
    words::standing(rows, as_of)
}

#[cfg(test)]
mod tests;
