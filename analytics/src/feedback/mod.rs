//! What verification said about findings, and what follows for the rules that made them.
//!
//! Verdicts are told on the command line or come from closed cases of the review queue. They are
//! rows that are only ever added; of several about one finding the latest counts. [`precision`]
//! adds them up per rule and region and decides which rules are suspended from dispatch: their
//! findings are stored as ever, but neither alerted nor queued.
//!
//! Invariant: telling the same verdict twice adds one row, so a pull from the queue can be repeated.

pub mod precision;

use std::collections::BTreeSet;
use std::path::Path;

use nonsite_schemas::tables;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::detect::anomaly::Anomaly;
use crate::review::Case;
use crate::session::{Error, Session, append, ensure, rows};

pub use precision::{Standing, Suspension, standings, suspended};

/// True causes that are told apart, as in an enterprise's answer.
pub const CAUSES: [&str; 11] = [
    "real_exceedance",
    "process_fault",
    "abatement_fault",
    "monitor_fault",
    "sampling_line",
    "calibration",
    "power_cut",
    "communication",
    "start_stop",
    "false_alarm",
    "other",
];

/// Whether a finding was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// 符合: it is as the rule says.
    Match,
    /// 部分符合: something was there, but not all of what the rule says.
    Partly,
    /// 不符合: a false alarm.
    Mismatch,
}

impl Verdict {
    /// Its code in the table.
    pub fn code(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Partly => "partly",
            Self::Mismatch => "mismatch",
        }
    }

    /// Reads a code or its Chinese name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "match" | "符合" => Some(Self::Match),
            "partly" | "部分符合" => Some(Self::Partly),
            "mismatch" | "不符合" => Some(Self::Mismatch),
            _ => None,
        }
    }
}

/// One verdict on one finding. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// The finding.
    pub anomaly_id: String,
    /// Rule that made it.
    pub rule_id: String,
    /// Version of the rule.
    pub rule_version: i32,
    /// Body in whose area the site lies.
    pub org_code: Option<String>,
    /// What verification said.
    pub verdict: Verdict,
    /// True cause, one of [`CAUSES`].
    pub cause: Option<String>,
    /// Free text.
    pub note: Option<String>,
    /// Who verified.
    pub by: String,
    /// Case of the review queue it came from; told on the command line when absent.
    pub case_id: Option<String>,
    /// When it was recorded.
    pub recorded_at: i64,
}

impl Feedback {
    /// The verdict of a person on a finding.
    pub fn on(anomaly: &Anomaly, verdict: Verdict, by: &str, recorded_at: i64) -> Self {
        Self {
            anomaly_id: anomaly.anomaly_id.clone(),
            rule_id: anomaly.rule_id.clone(),
            rule_version: anomaly.rule_version,
            org_code: anomaly.org_code.clone(),
            verdict,
            cause: None,
            note: None,
            by: by.to_owned(),
            case_id: None,
            recorded_at,
        }
    }

    /// What a case says about the rule, once it says anything. A case that others were merged into
    /// counts once, for the finding that opened it. A reported clue says nothing of any rule.
    pub fn of_case(case: &Case) -> Option<Self> {
        if case.source_system.is_some() {
            return None;
        }
        Some(Self {
            anomaly_id: case.anomaly_id.clone(),
            rule_id: case.rule_id.clone(),
            rule_version: case.rule_version,
            org_code: case.org_code.clone(),
            verdict: Verdict::parse(case.rule_match.as_deref()?)?,
            cause: case.true_cause.clone(),
            note: None,
            by: "review".to_owned(),
            case_id: Some(case.case_id.clone()),
            recorded_at: case.closed_at.unwrap_or(case.updated_at),
        })
    }

    /// The same for the same verdict told again. What a case says is known by what it says, not by
    /// when it was read.
    fn id(&self) -> String {
        let of = |part: &Option<String>| part.clone().unwrap_or_else(|| "\u{0}".to_owned());
        let time = match self.case_id {
            Some(_) => String::new(),
            None => self.recorded_at.to_string(),
        };
        let parts = [
            self.anomaly_id.clone(),
            self.verdict.code().to_owned(),
            of(&self.cause),
            of(&self.note),
            self.by.clone(),
            of(&self.case_id),
            time,
        ];
        Anomaly::sha256(&parts.join("\n"))[..32].to_owned()
    }

    fn row(&self) -> Map<String, Value> {
        let row = json!({
            "feedback_id": self.id(), "anomaly_id": self.anomaly_id, "rule_id": self.rule_id,
            "rule_version": self.rule_version, "org_code": self.org_code,
            "verdict": self.verdict.code(), "cause": self.cause, "note": self.note, "by": self.by,
            "source": if self.case_id.is_some() { "review" } else { "cli" },
            "case_id": self.case_id, "recorded_at": self.recorded_at,
        });
        match row {
            Value::Object(row) => row,
            _ => Map::new(),
        }
    }
}

/// Adds verdicts that are not known yet; answers how many.
///
/// # Errors
/// A cause that is not one of [`CAUSES`] ([`Error::Asked`]); what the table says.
pub async fn record(store: &Path, session: &Session, given: &[Feedback]) -> Result<usize, Error> {
    for feedback in given.iter().filter(|feedback| feedback.case_id.is_none()) {
        if let Some(cause) = &feedback.cause
            && !CAUSES.contains(&cause.as_str())
        {
            return Err(Error::Asked {
                what: format!(
                    "there is no cause `{cause}`; there are: {}",
                    CAUSES.join(", ")
                ),
            });
        }
    }
    let batches = session
        .rows("feedback", "SELECT feedback_id FROM anomaly_feedback")
        .await?;
    let known: BTreeSet<String> = objects(&batches)?
        .iter()
        .filter_map(|row| rows::text(row, "feedback_id"))
        .collect();
    let fresh: Vec<Map<String, Value>> = given
        .iter()
        .filter(|feedback| !known.contains(&feedback.id()))
        .map(Feedback::row)
        .collect();
    add(store, &tables::anomaly_feedback(), &fresh).await?;
    Ok(fresh.len())
}

/// Lets the findings of a rule be dispatched again: verdicts told until now no longer count.
///
/// # Errors
/// What the table says.
pub async fn lift(
    store: &Path,
    rule_id: &str,
    rule_version: i32,
    by: &str,
    why: &str,
    at: i64,
) -> Result<(), Error> {
    let row = json!({
        "rule_id": rule_id, "rule_version": rule_version, "by": by, "why": why, "at": at,
    });
    match row {
        Value::Object(row) => add(store, &tables::rule_lifts(), &[row]).await,
        _ => Ok(()),
    }
}

async fn add(
    store: &Path,
    def: &tables::TableDef,
    given: &[Map<String, Value>],
) -> Result<(), Error> {
    if given.is_empty() {
        return Ok(());
    }
    let batch = rows::batch(&def.schema, given)
        .map_err(|error| Error::query(format!("rows of table `{}`", def.name))(error.into()))?;
    let table = ensure(store, def).await?;
    append(&table, def, batch, Vec::new()).await
}

fn objects(batches: &[arrow::record_batch::RecordBatch]) -> Result<Vec<Map<String, Value>>, Error> {
    rows::objects(batches).map_err(|error| Error::query("stored rows")(error.into()))
}

#[cfg(test)]
mod tests;
