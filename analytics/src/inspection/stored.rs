//! The records of acts that are stored: which ones, in which order, and every version of one.
//!
//! Corrections are further versions; the highest one is the act as it stands. Of copies of a version
//! the one recorded, then received, last counts, as in the ratio. Faulty records are among them: they
//! are kept and not counted, and whoever wrote them has to see why.

use chrono::NaiveDate;
use nonsite_schemas::time::beijing_day_start;
use nonsite_schemas::wire::fault::Fault;
use nonsite_schemas::wire::inspection::{self, ChecklistAnswer};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Error;
use super::facts::day_number;
use super::permit::quoted;
use crate::session::{Session, rows};

/// The order of versions, the one that counts last.
const ORDER: &str = "act_version, recorded_at, received_at, kafka_partition, kafka_offset";
/// The same, the one that counts first.
const NEWEST: &str = "act_version DESC, recorded_at DESC, received_at DESC, \
                      kafka_partition DESC, kafka_offset DESC";
/// What a list shows of a record.
const COLUMNS: &str = "act_id, act_version, arrow_cast(recorded_at, 'Int64') AS recorded_us, \
                       arrow_cast(received_at, 'Int64') AS received_us, \
                       arrow_cast(completed_at, 'Int64') AS completed_us, \
                       task_id, unit_id, unit_name, permit_no, org_code, org_name, mode, method, \
                       class, status, conclusion, officers, counts_for_ratio, not_counted_reason, \
                       record_faults, doc_faults";

/// The place of an act in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// When its newest version was recorded, microseconds UTC.
    pub recorded_at: i64,
    /// Its id.
    pub act_id: String,
}

/// Which acts; empty means all. What is asked is asked of an act's newest version.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Body, exactly.
    pub org: Option<String>,
    /// Unit, by its id or its permit.
    pub unit: Option<String>,
    /// `offsite` or `onsite`.
    pub mode: Option<String>,
    /// Method.
    pub method: Option<String>,
    /// Class.
    pub class: Option<String>,
    /// Where the act stands.
    pub status: Option<String>,
    /// Task.
    pub task: Option<String>,
    /// Whether the record may count for the ratio.
    pub counts: Option<bool>,
    /// First Beijing day of completion.
    pub from: Option<NaiveDate>,
    /// Last Beijing day of completion.
    pub to: Option<NaiveDate>,
    /// How the code of the body begins.
    pub org_prefix: Option<String>,
    /// Only what comes after this place.
    pub after: Option<Place>,
    /// At most this many; 0 means no bound.
    pub limit: u32,
}

/// A record as it is stored. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stored {
    /// The act.
    pub act_id: String,
    /// Its version, from 1.
    pub act_version: i64,
    /// When this version was recorded.
    pub recorded_at: i64,
    /// When it arrived.
    pub received_at: i64,
    /// When the record was signed.
    pub completed_at: Option<i64>,
    /// Task the act carries out.
    pub task_id: Option<String>,
    /// The unit.
    pub unit_id: Option<String>,
    /// Its name.
    pub unit_name: Option<String>,
    /// Its permit.
    pub permit_no: Option<String>,
    /// Executing body.
    pub org_code: Option<String>,
    /// Its name.
    pub org_name: Option<String>,
    /// `offsite` or `onsite`.
    pub mode: Option<String>,
    /// Method.
    pub method: Option<String>,
    /// Class.
    pub class: Option<String>,
    /// Where the act stands.
    pub status: Option<String>,
    /// What it ended with.
    pub conclusion: Option<String>,
    /// Ids of the officers.
    pub officers: Vec<String>,
    /// Whether the record may count for the ratio.
    pub counts_for_ratio: bool,
    /// Why it may not.
    pub not_counted_reason: Option<String>,
    /// What the minimum record lacks.
    pub record_faults: Vec<Fault>,
    /// Where the document breaks its schema.
    pub doc_faults: Vec<Fault>,
}

/// One version of an act with its answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// The record.
    pub stored: Stored,
    /// Answers to its checklist.
    pub answers: Vec<ChecklistAnswer>,
    /// The document as received, JSON text.
    pub document: String,
}

impl Wanted {
    /// `more`: further columns, each after a comma.
    fn query(&self, more: &str) -> String {
        let mut terms = vec!["place = 1".to_owned()];
        for (column, wanted) in [
            ("org_code", &self.org),
            ("mode", &self.mode),
            ("method", &self.method),
            ("class", &self.class),
            ("status", &self.status),
            ("task_id", &self.task),
        ] {
            if let Some(wanted) = wanted {
                terms.push(format!("{column} = '{}'", quoted(wanted)));
            }
        }
        if let Some(unit) = &self.unit {
            let unit = quoted(unit);
            terms.push(format!("(unit_id = '{unit}' OR permit_no = '{unit}')"));
        }
        match self.counts {
            Some(true) => terms.push("counts_for_ratio".to_owned()),
            Some(false) => terms.push("NOT counts_for_ratio".to_owned()),
            None => {}
        }
        let completed = "arrow_cast(completed_at, 'Int64')";
        if let Some(day) = self.from {
            let start = beijing_day_start(day_number(day));
            terms.push(format!("{completed} >= {start}"));
        }
        if let Some(day) = self.to {
            let end = beijing_day_start(day_number(day) + 1);
            terms.push(format!("{completed} < {end}"));
        }
        if let Some(prefix) = &self.org_prefix {
            terms.push(format!("starts_with(org_code, '{}')", quoted(prefix)));
        }
        if let Some(place) = &self.after {
            let recorded = "arrow_cast(recorded_at, 'Int64')";
            let (at, id) = (place.recorded_at, quoted(&place.act_id));
            terms.push(format!(
                "({recorded} < {at} OR ({recorded} = {at} AND act_id > '{id}'))"
            ));
        }
        let limit = match self.limit {
            0 => String::new(),
            most => format!(" LIMIT {most}"),
        };
        format!(
            "SELECT {COLUMNS}{more} FROM (SELECT *, row_number() OVER (PARTITION BY act_id \
             ORDER BY {NEWEST}) AS place FROM inspections) WHERE {} \
             ORDER BY recorded_us DESC, act_id{limit}",
            terms.join(" AND ")
        )
    }
}

/// Acts in their newest version, the last recorded first.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read.
pub async fn list(session: &Session, wanted: &Wanted) -> Result<Vec<Stored>, Error> {
    let found = ask(session, "records of acts", &wanted.query("")).await?;
    Ok(found.iter().map(stored).collect())
}

/// The same with their answers and documents.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read; [`Error::Asked`] when a stored document is none.
pub async fn newest(session: &Session, wanted: &Wanted) -> Result<Vec<Version>, Error> {
    let found = ask(session, "records of acts", &wanted.query(", document")).await?;
    found.iter().map(version).collect()
}

/// Every version of an act, the first one first; empty when no such act is stored. A record that was
/// delivered more than once is one version.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read; [`Error::Asked`] when a stored document is none.
pub async fn versions(session: &Session, act_id: &str) -> Result<Vec<Version>, Error> {
    let sql = format!(
        "SELECT {COLUMNS}, document FROM inspections WHERE act_id = '{}' ORDER BY {ORDER}",
        quoted(act_id)
    );
    let found = ask(session, "versions of an act", &sql).await?;
    let mut versions = found.iter().map(version).collect::<Result<Vec<_>, _>>()?;
    versions.dedup_by(|later, earlier| {
        later.stored.act_version == earlier.stored.act_version && later.document == earlier.document
    });
    Ok(versions)
}

/// The highest version of an act that is stored, faulty or not; nothing when there is none.
///
/// # Errors
/// [`Error::Tables`] when the table cannot be read.
pub async fn highest(session: &Session, act_id: &str) -> Result<Option<i64>, Error> {
    let sql = format!(
        "SELECT max(act_version) AS highest FROM inspections WHERE act_id = '{}'",
        quoted(act_id)
    );
    let found = ask(session, "versions of an act", &sql).await?;
    Ok(found
        .first()
        .and_then(|row| row.get("highest"))
        .and_then(Value::as_i64))
}

/// Why a version of an act is no correction of what is stored; nothing when it is one, or the first.
pub fn not_newer(act_id: &str, act_version: i32, highest: Option<i64>) -> Option<String> {
    let highest = highest.filter(|&highest| i64::from(act_version) <= highest)?;
    Some(format!(
        "act_version: {act_version} is not greater than {highest}, the highest stored version of act \
         `{act_id}`; a correction is version {} or higher",
        highest + 1
    ))
}

async fn ask(
    session: &Session,
    what: &'static str,
    sql: &str,
) -> Result<Vec<Map<String, Value>>, Error> {
    let found = session.rows(what, sql).await?;
    rows::objects(&found).map_err(Error::rows(what))
}

fn stored(row: &Map<String, Value>) -> Stored {
    let text = |column: &str| rows::text(row, column);
    let number = |column: &str| row.get(column).and_then(Value::as_i64);
    let officers = text("officers").unwrap_or_default();
    Stored {
        act_id: text("act_id").unwrap_or_default(),
        act_version: number("act_version").unwrap_or_default(),
        recorded_at: number("recorded_us").unwrap_or_default(),
        received_at: number("received_us").unwrap_or_default(),
        completed_at: number("completed_us"),
        task_id: text("task_id"),
        unit_id: text("unit_id"),
        unit_name: text("unit_name"),
        permit_no: text("permit_no"),
        org_code: text("org_code"),
        org_name: text("org_name"),
        mode: text("mode"),
        method: text("method"),
        class: text("class"),
        status: text("status"),
        conclusion: text("conclusion"),
        officers: officers
            .split(',')
            .filter(|officer| !officer.is_empty())
            .map(str::to_owned)
            .collect(),
        counts_for_ratio: row
            .get("counts_for_ratio")
            .and_then(Value::as_bool)
            .unwrap_or_default(),
        not_counted_reason: text("not_counted_reason"),
        record_faults: faults(row, "record_faults"),
        doc_faults: faults(row, "doc_faults"),
    }
}

fn faults(row: &Map<String, Value>, column: &str) -> Vec<Fault> {
    let Some(text) = rows::text(row, column) else {
        return Vec::new();
    };
    let read: Result<Vec<Fault>, _> = serde_json::from_str(&text);
    // A list that cannot be read still says that there are faults.
    read.unwrap_or_else(|_| {
        vec![Fault {
            field: column.to_owned(),
            fault: text,
        }]
    })
}

fn version(row: &Map<String, Value>) -> Result<Version, Error> {
    let stored = stored(row);
    let document = rows::text(row, "document").unwrap_or_default();
    let read = inspection::decode(document.as_bytes()).map_err(|refused| {
        Error::Asked(format!(
            "table `inspections`, act {} version {}: {refused}",
            stored.act_id, stored.act_version
        ))
    })?;
    Ok(Version {
        stored,
        answers: read.value.checklist,
        document,
    })
}

#[cfg(test)]
mod tests;
