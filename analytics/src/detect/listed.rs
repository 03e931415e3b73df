//! Findings in a list: which ones, in which order, and from where on.
//!
//! One list for the command line and the API. Texts that come from outside never become part of a
//! statement other than as quoted literals.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::session::{Error, Session, rows};

/// Whether a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It stands.
    #[default]
    Open,
    /// Later data disproved it.
    Withdrawn,
    /// Either.
    All,
}

impl Status {
    /// Reads `open`, `withdrawn` or `all`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "open" => Self::Open,
            "withdrawn" => Self::Withdrawn,
            "all" => Self::All,
            _ => return None,
        })
    }
}

/// The place of a finding in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Severity.
    pub severity: String,
    /// Start of its window, microseconds UTC.
    pub window_start: i64,
    /// Its id.
    pub anomaly_id: String,
}

/// Which findings; empty means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Rules.
    pub rules: Vec<String>,
    /// Data logger.
    pub mn: Option<String>,
    /// Factor.
    pub factor: Option<String>,
    /// Body.
    pub org: Option<String>,
    /// This severity and worse: `S1` to `S4`.
    pub severity: Option<String>,
    /// Whether they stand.
    pub status: Status,
    /// First Beijing day of the window.
    pub from: Option<NaiveDate>,
    /// Last Beijing day of the window.
    pub to: Option<NaiveDate>,
    /// How the code of the body begins.
    pub org_prefix: Option<String>,
    /// Permits of units.
    pub permits: Option<BTreeSet<String>>,
    /// Only what comes after this place.
    pub after: Option<Place>,
    /// At most this many; 0 means no bound.
    pub limit: u32,
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn literals<'t>(texts: impl IntoIterator<Item = &'t String>) -> String {
    let texts: Vec<String> = texts.into_iter().map(|text| literal(text)).collect();
    texts.join(", ")
}

impl Wanted {
    fn query(&self) -> String {
        let mut terms = vec!["true".to_owned()];
        if !self.rules.is_empty() {
            terms.push(format!("rule_id IN ({})", literals(&self.rules)));
        }
        for (column, wanted) in [
            ("mn", &self.mn),
            ("factor", &self.factor),
            ("org_code", &self.org),
        ] {
            if let Some(wanted) = wanted {
                terms.push(format!("{column} = {}", literal(wanted)));
            }
        }
        if let Some(severity) = &self.severity {
            terms.push(format!("severity <= {}", literal(severity)));
        }
        match self.status {
            Status::All => {}
            Status::Open => terms.push("status = 'open'".to_owned()),
            Status::Withdrawn => terms.push("status = 'withdrawn'".to_owned()),
        }
        for (sign, day) in [(">=", self.from), ("<=", self.to)] {
            if let Some(day) = day {
                terms.push(format!("date {sign} DATE '{day}'"));
            }
        }
        if let Some(prefix) = &self.org_prefix {
            terms.push(format!("starts_with(org_code, {})", literal(prefix)));
        }
        match &self.permits {
            Some(permits) if permits.is_empty() => terms.push("false".to_owned()),
            Some(permits) => terms.push(format!("permit_no IN ({})", literals(permits))),
            None => {}
        }
        if let Some(place) = &self.after {
            let (severity, id) = (literal(&place.severity), literal(&place.anomaly_id));
            let start = place.window_start;
            terms.push(format!(
                "(severity > {severity} OR (severity = {severity} AND \
                 (CAST(window_start AS BIGINT) < {start} OR \
                  (CAST(window_start AS BIGINT) = {start} AND anomaly_id > {id}))))"
            ));
        }
        let limit = match self.limit {
            0 => String::new(),
            most => format!(" LIMIT {most}"),
        };
        format!(
            "SELECT * EXCEPT (evidence) FROM anomalies_current WHERE {}
             ORDER BY severity, window_start DESC, anomaly_id{limit}",
            terms.join(" AND ")
        )
    }
}

/// Rows of `anomalies_current` without their evidence, the worst and latest first.
///
/// # Errors
/// [`Error`] when the table cannot be read.
pub async fn list(session: &Session, wanted: &Wanted) -> Result<Vec<Map<String, Value>>, Error> {
    let what = "list of findings";
    let batches = session.rows(what, &wanted.query()).await?;
    rows::objects(&batches).map_err(|error| Error::query(what)(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_stays_a_literal() {
        let wanted = Wanted {
            rules: vec!["E01' OR '1'='1".to_owned()],
            mn: Some("'; DROP TABLE x --".to_owned()),
            ..Wanted::default()
        };
        let query = wanted.query();
        assert!(
            query.contains("rule_id IN ('E01'' OR ''1''=''1')"),
            "{query}"
        );
        assert!(query.contains("mn = '''; DROP TABLE x --'"), "{query}");
    }

    #[test]
    fn nobodys_permits_are_no_findings() {
        let wanted = Wanted {
            permits: Some(BTreeSet::new()),
            ..Wanted::default()
        };
        assert!(wanted.query().contains("AND false"));
    }
}
