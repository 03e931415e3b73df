//! Audits of sub-bureaus (稽查) in table `bureau_audits`.
//!
//! Rows are only ever added. What is said of an audit later completes or corrects what was said
//! before: the row recorded last holds, and how it stood at an instant follows from the rows recorded
//! until then. Saying the same once more adds nothing, so a request can be repeated.

use std::path::Path;

use chrono::NaiveDate;
use deltalake::kernel::Transaction;
use nonsite_schemas::tables;
use nonsite_schemas::time::beijing_day;
use serde::Serialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::Error;
use super::draw::Kind;
use super::facts::{date, day_number};
use super::kept::{self, Kept};
use crate::session::{self, Session, append, ensure, rows, transaction};

/// Marker: number of rows added.
const MARKER: &str = "nonsite-inspection/audits";
/// How often it is tried again when somebody else was faster.
const ATTEMPTS: u32 = 10;
/// Longest text, characters.
const MOST: usize = 200;

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

    /// Whether it says the same, whenever it was recorded.
    fn says_what(&self, other: &Self) -> bool {
        let at_one_time = Self {
            recorded_at: other.recorded_at,
            ..self.clone()
        };
        at_one_time == *other
    }

    fn row(&self) -> Map<String, Value> {
        let row = json!({
            "audit_id": self.audit_id, "org_code": self.org_code, "team": self.team,
            "cross_region": self.cross_region, "draw_id": self.draw_id,
            "completed_on": self.completed_on.map(day_number), "record": self.record,
            "by": self.by, "recorded_at": self.recorded_at,
        });
        match row {
            Value::Object(row) => row,
            // The macro above was given braces.
            _ => Map::new(),
        }
    }

    fn read(row: &Map<String, Value>) -> Self {
        let text = |column: &str| rows::text(row, column).unwrap_or_default();
        let day = row.get("completed_on").and_then(Value::as_i64);
        Self {
            audit_id: text("audit_id"),
            org_code: text("org_code"),
            team: text("team"),
            cross_region: row
                .get("cross_region")
                .and_then(Value::as_bool)
                .unwrap_or_default(),
            draw_id: rows::text(row, "draw_id"),
            completed_on: day.and_then(|day| i32::try_from(day).ok()).map(date),
            record: rows::text(row, "record"),
            by: text("by"),
            recorded_at: row
                .get("recorded_at")
                .and_then(Value::as_i64)
                .unwrap_or_default(),
        }
    }
}

impl Told {
    /// A new audit has an id made of what is said first; the same request gives the same.
    fn new_id(&self, now: i64) -> String {
        let text = BureauAudit::of(self, String::new(), now).row();
        let digest = Sha256::digest(Value::Object(text).to_string().as_bytes());
        format!("a{}", hex::encode(&digest[..8]))
    }

    fn check(&self, draws: &[Kept], now: i64) -> Result<(), Error> {
        let fault = |what: String| Err(Error::Asked(what));
        let texts = [
            ("body", Some(&self.org_code)),
            ("team", Some(&self.team)),
            ("person", Some(&self.by)),
            ("record", self.record.as_ref()),
        ];
        for (name, text) in texts {
            let good = text.is_none_or(|text| {
                !text.trim().is_empty()
                    && text.chars().count() <= MOST
                    && !text.chars().any(char::is_control)
            });
            if !good {
                return fault(format!(
                    "{name}: 1 to {MOST} characters, none of them a control character"
                ));
            }
        }
        let today = beijing_day(now);
        if let Some(day) = self.completed_on
            && day_number(day) > today
        {
            return fault(format!(
                "completed on {day}: that is after today ({})",
                date(today)
            ));
        }
        let Some(draw_id) = &self.draw_id else {
            return Ok(());
        };
        let sample = draws
            .iter()
            .find(|kept| kept.draw_id == *draw_id && kept.draw.kind == Kind::Sample);
        match (sample, self.completed_on) {
            (None, _) => fault(format!("no sample `{draw_id}` of closed cases was kept")),
            (Some(sample), Some(day)) if day_number(day) < beijing_day(sample.drawn_at) => fault(
                format!("completed on {day}: sample `{draw_id}` was drawn after that day"),
            ),
            _ => Ok(()),
        }
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
    let def = tables::bureau_audits();
    let mut attempt = 1;
    loop {
        // The marker is read before the rows: whatever is added after it refuses the commit.
        let table = ensure(store, &def).await?;
        let count = transaction(&table, MARKER).await?.unwrap_or(0);
        let session = session::open_tables(store, &session::Config::default()).await?;
        told.check(&kept::load(&session).await?, now)?;
        let all = load(&session).await?;
        let audit_id = told.audit_id.clone().unwrap_or_else(|| told.new_id(now));
        let before = standing(&all, i64::MAX)
            .into_iter()
            .find(|audit| audit.audit_id == audit_id);
        if before.is_none() && told.audit_id.is_some() {
            return Err(Error::Asked(format!("no audit `{audit_id}` was recorded")));
        }
        let mut audit = BureauAudit::of(told, audit_id, now);
        if let Some(before) = before {
            if before.org_code != audit.org_code {
                return Err(Error::Asked(format!(
                    "audit `{}` is of body `{}`, not of `{}`",
                    audit.audit_id, before.org_code, audit.org_code
                )));
            }
            if before.says_what(&audit) {
                return Ok(Added {
                    audit: before,
                    fresh: false,
                });
            }
            // The last word holds, also when the clock went back.
            audit.recorded_at = audit.recorded_at.max(before.recorded_at.saturating_add(1));
        }
        let batch = rows::batch(&def.schema, &[audit.row()])
            .map_err(Error::rows("rows of `bureau_audits`"))?;
        let marker = vec![Transaction::new(MARKER, count + 1)];
        match append(&table, &def, batch, marker).await {
            Ok(()) => return Ok(Added { audit, fresh: true }),
            // Refused, or landed although its answer was lost: the next look tells.
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

/// Every row, in the order they were recorded.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read.
pub async fn load(session: &Session) -> Result<Vec<BureauAudit>, Error> {
    let what = "audits of bodies";
    let sql = "SELECT * FROM bureau_audits ORDER BY recorded_at, audit_id";
    let found = session.rows(what, sql).await?;
    let found = rows::objects(&found).map_err(Error::rows(what))?;
    Ok(found.iter().map(BureauAudit::read).collect())
}

/// The audits as they stood at an instant (microseconds UTC), in the order they were first recorded.
pub fn standing(rows: &[BureauAudit], as_of: i64) -> Vec<BureauAudit> {
    let mut audits: Vec<BureauAudit> = Vec::new();
    for row in rows.iter().filter(|row| row.recorded_at <= as_of) {
        match audits.iter_mut().find(|one| one.audit_id == row.audit_id) {
            Some(audit) => audit.clone_from(row),
            None => audits.push(row.clone()),
        }
    }
    audits
}

#[cfg(test)]
mod tests;
