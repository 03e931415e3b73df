//! The cases of the review queue as the tables show them (`review_cases`, `review_events`).
//!
//! Filled by `nonsite review mirror` and by every round of `nonsite run`; what was not mirrored yet
//! is not known here.

use std::collections::BTreeMap;

use nonsite_schemas::time::beijing_day;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Error;
use crate::session::{Session, rows};

/// One row of the audit chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Position in the chain.
    pub seq: i64,
    /// State before.
    pub from: Option<String>,
    /// State after.
    pub to: String,
    /// What was done.
    pub action: String,
    /// By whom.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// When it took effect, microseconds UTC.
    pub at: i64,
    /// Fields of the action.
    pub fields: BTreeMap<String, String>,
    /// The files attached.
    pub files: Vec<Attached>,
}

/// A file that an audit row names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attached {
    /// SHA-256 of the content, hex.
    pub sha256: String,
    /// 128 bits of what the picture looks like, hex; nothing for what is no picture.
    pub picture: Option<String>,
}

/// A case with its steps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CaseFile {
    /// Id of the case.
    pub case_id: String,
    /// Body in charge.
    pub org_code: String,
    /// Name of the unit.
    pub unit_name: String,
    /// Severity, S1 to S4.
    pub severity: String,
    /// Its steps, in the order of the chain.
    pub steps: Vec<Step>,
}

impl CaseFile {
    /// The state after the last step.
    pub fn state(&self) -> &str {
        self.steps.last().map_or("", |step| step.to.as_str())
    }

    /// The last step with this action.
    pub fn last(&self, action: &str) -> Option<&Step> {
        self.steps.iter().rfind(|step| step.action == action)
    }

    /// The acts its steps name.
    pub fn acts(&self) -> impl Iterator<Item = &str> {
        self.steps
            .iter()
            .filter_map(|step| step.fields.get("act").map(String::as_str))
    }

    /// Beijing day of the last step.
    pub fn day(&self) -> i32 {
        self.steps.last().map_or(0, |step| beijing_day(step.at))
    }
}

#[derive(Deserialize)]
struct Mirrored {
    sha256: String,
    #[serde(default)]
    facts: Option<Facts>,
}

#[derive(Deserialize)]
struct Facts {
    #[serde(default)]
    picture: Option<String>,
}

impl From<Mirrored> for Attached {
    fn from(file: Mirrored) -> Self {
        Self {
            sha256: file.sha256,
            picture: file.facts.and_then(|facts| facts.picture),
        }
    }
}

/// Every case with the steps that took effect by `as_of` (microseconds UTC), by id.
///
/// # Errors
/// [`Error::Tables`] when the tables cannot be read.
pub async fn cases(session: &Session, as_of: i64) -> Result<Vec<CaseFile>, Error> {
    let what = "cases of the queue";
    let sql = "SELECT case_id, org_code, unit_name, severity FROM \
               (SELECT *, row_number() OVER (PARTITION BY case_id ORDER BY version DESC) AS nth \
                FROM review_cases) WHERE nth = 1";
    let found = session.rows(what, sql).await?;
    let mut cases: BTreeMap<String, CaseFile> = BTreeMap::new();
    for row in rows::objects(&found).map_err(Error::rows(what))? {
        let text = |column: &str| rows::text(&row, column).unwrap_or_default();
        cases.insert(
            text("case_id"),
            CaseFile {
                case_id: text("case_id"),
                org_code: text("org_code"),
                unit_name: text("unit_name"),
                severity: text("severity"),
                steps: Vec::new(),
            },
        );
    }
    let what = "audit chain";
    let sql = format!(
        "SELECT seq, case_id, from_state, to_state, action, actor, role, \
         arrow_cast(effective_at, 'Int64') AS at, fields, attachments \
         FROM review_events WHERE arrow_cast(effective_at, 'Int64') <= {as_of} ORDER BY seq"
    );
    let found = session.rows(what, &sql).await?;
    for row in rows::objects(&found).map_err(Error::rows(what))? {
        let case_id = rows::text(&row, "case_id").unwrap_or_default();
        let case = cases.entry(case_id.clone()).or_insert_with(|| CaseFile {
            case_id,
            ..CaseFile::default()
        });
        case.steps.push(step(&row));
    }
    Ok(cases
        .into_values()
        .filter(|case| !case.steps.is_empty())
        .collect())
}

fn step(row: &Map<String, Value>) -> Step {
    let text = |column: &str| rows::text(row, column).unwrap_or_default();
    let number = |column: &str| row.get(column).and_then(Value::as_i64).unwrap_or_default();
    // Written by the mirror from maps of texts; another writer's row has none.
    let fields: BTreeMap<String, String> =
        serde_json::from_str(&text("fields")).unwrap_or_default();
    let files: Vec<Mirrored> = serde_json::from_str(&text("attachments")).unwrap_or_default();
    Step {
        seq: number("seq"),
        from: rows::text(row, "from_state"),
        to: text("to_state"),
        action: text("action"),
        actor: text("actor"),
        role: text("role"),
        at: number("at"),
        fields,
        files: files.into_iter().map(Attached::from).collect(),
    }
}
