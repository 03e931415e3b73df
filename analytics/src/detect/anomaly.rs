//! An anomaly: one finding of one rule, as it stands.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use nonsite_schemas::time::{beijing_day, beijing_day_start};

/// Time after the end of a Beijing day until which its data may be marked: 12 h.
const MARKING_MICROS: i64 = 12 * 3_600_000_000;

/// Whether late marks can still change a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// On data as received; for the enterprise as a reminder.
    Provisional,
    /// After 12:00 of the next day, when silence means that the data are accepted as valid.
    Confirmed,
}

impl Phase {
    /// Phase of a window that ends at `window_end`, seen at `as_of` (both microseconds UTC).
    pub fn of(window_end: i64, as_of: i64) -> Self {
        let next_day = beijing_day_start(beijing_day(window_end - 1).saturating_add(1));
        if as_of >= next_day + MARKING_MICROS {
            Self::Confirmed
        } else {
            Self::Provisional
        }
    }
}

/// Whether a finding stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It stands.
    Open,
    /// Later data or a later rule version disproved it; kept with the reason.
    Withdrawn,
}

/// One row of table `anomalies`. Instants are microseconds UTC, `date` is days since 1970-01-01.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(
    missing_docs,
    reason = "the table definition says what each column means"
)]
pub struct Anomaly {
    pub anomaly_id: String,
    pub rule_id: String,
    pub rule_version: i32,
    pub params_hash: String,
    pub rule_group: String,
    pub severity: String,
    pub phase: Phase,
    pub status: Status,
    #[serde(default)]
    pub permit_no: Option<String>,
    #[serde(default)]
    pub unit_name: Option<String>,
    #[serde(default)]
    pub org_code: Option<String>,
    #[serde(default)]
    pub outlet_uid: Option<String>,
    #[serde(default)]
    pub mn: Option<String>,
    #[serde(default)]
    pub factor: Option<String>,
    pub window_start: i64,
    pub window_end: i64,
    #[serde(default)]
    pub observed: Option<f64>,
    #[serde(default)]
    pub limit_value: Option<f64>,
    #[serde(default)]
    pub unit: Option<String>,
    #[serde(default)]
    pub excess_ratio: Option<f64>,
    pub points: i64,
    #[serde(default)]
    pub permit_version: Option<i32>,
    #[serde(default)]
    pub exempt_code: Option<String>,
    pub reason: String,
    pub evidence: String,
    pub evidence_sha256: String,
    pub readings_version: i64,
    pub first_seen_at: i64,
    pub last_seen_at: i64,
    #[serde(default)]
    pub withdrawn_reason: Option<String>,
    pub date: i32,
}

impl Anomaly {
    /// The id of a finding: the same for every run that makes it.
    pub fn id(rule: &str, version: i32, subject: &[Option<&str>], window_start: i64) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{rule}\n{version}\n{window_start}"));
        for part in subject {
            hash.update("\n");
            hash.update(part.unwrap_or("\u{0}"));
        }
        hex::encode(&hash.finalize()[..16])
    }

    /// SHA-256 of a text, hex.
    pub fn sha256(text: &str) -> String {
        hex::encode(Sha256::digest(text))
    }

    /// As a table row.
    pub fn row(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(row)) => row,
            // A struct of plain fields always becomes an object.
            _ => Map::new(),
        }
    }

    /// From a table row.
    pub fn from_row(row: Map<String, Value>) -> Result<Self, serde_json::Error> {
        serde_json::from_value(Value::Object(row))
    }

    /// Whether it stands.
    pub fn is_open(&self) -> bool {
        self.status == Status::Open
    }

    /// First and last Beijing day of its window.
    pub fn days(&self) -> (i32, i32) {
        (
            beijing_day(self.window_start),
            beijing_day((self.window_end - 1).max(self.window_start)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    #[test]
    fn a_finding_is_confirmed_at_noon_of_the_next_day() {
        let end = at("2025-06-01 09:00");
        assert_eq!(Phase::of(end, at("2025-06-02 11:59")), Phase::Provisional);
        assert_eq!(Phase::of(end, at("2025-06-02 12:00")), Phase::Confirmed);
        let midnight = at("2025-06-02 00:00");
        assert_eq!(
            Phase::of(midnight, at("2025-06-02 12:00")),
            Phase::Confirmed
        );
    }

    #[test]
    fn an_id_depends_on_every_part() {
        let id = |rule, version, subject: &[Option<&str>], start| {
            Anomaly::id(rule, version, subject, start)
        };
        let base = id("E01", 1, &[Some("A"), Some("x")], 5);
        assert_eq!(base, id("E01", 1, &[Some("A"), Some("x")], 5));
        assert_eq!(base.len(), 32);
        for other in [
            id("E02", 1, &[Some("A"), Some("x")], 5),
            id("E01", 2, &[Some("A"), Some("x")], 5),
            id("E01", 1, &[Some("A"), None], 5),
            id("E01", 1, &[Some("Ax"), Some("")], 5),
            id("E01", 1, &[Some("A"), Some("x")], 6),
        ] {
            assert_ne!(base, other);
        }
    }
}
