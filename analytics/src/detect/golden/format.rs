//! What a golden file says: small inputs, and what the rule has to answer to them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::plant::Unit;
use super::super::rule::Number;

/// One file: the cases of one rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    /// Why no case can be left unevaluated, for rules that always come to an answer.
    pub(super) always_evaluated: Option<String>,
    /// The cases, at least one.
    pub(super) case: Vec<Case>,
}

/// One case.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Case {
    /// What it shows.
    pub(super) name: String,
    /// Time of the run, Beijing.
    pub(super) as_of: String,
    /// Parameters that differ from the rule's defaults.
    #[serde(default)]
    pub(super) params: BTreeMap<String, Number>,
    /// Windows that are flagged.
    #[serde(default)]
    pub(super) flagged: u64,
    /// Windows that pass.
    #[serde(default)]
    pub(super) passed: u64,
    /// Windows that are not evaluated, by reason.
    #[serde(default)]
    pub(super) not_evaluated: BTreeMap<String, u64>,
    /// The findings, in order of logger, factor and start.
    #[serde(default)]
    pub(super) finding: Vec<Expected>,
    /// Readings.
    #[serde(default)]
    pub(super) series: Vec<Series>,
    /// Permit documents with their binding and limits.
    #[serde(default)]
    pub(super) permit: Vec<Document>,
    /// Units of plant sheets.
    #[serde(default)]
    pub(super) unit: Vec<Unit>,
    /// Rows of any table, by its name.
    #[serde(default)]
    pub(super) tables: BTreeMap<String, Vec<toml::Table>>,
}

/// Readings of one or more series that are written alike.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Series {
    /// Logger, or several separated by commas.
    pub(super) mn: String,
    /// Factor code, or several separated by commas.
    pub(super) factor: String,
    /// Time of the first value, Beijing.
    pub(super) from: String,
    /// Values one step apart, in the notation of the documentation.
    pub(super) values: Option<String>,
    /// Values one hour apart, each standing for six equal 10-minute values.
    pub(super) hourly: Option<String>,
    /// realtime, minute (default), hour or day; with `values`.
    pub(super) granularity: Option<String>,
    /// Seconds between rows; the usual ones are 60, 600, 3,600 and 86,400.
    pub(super) step_s: Option<i64>,
    /// Converted values, one per value.
    pub(super) zs: Option<String>,
    /// Quantities of the interval, one per value.
    pub(super) cou: Option<String>,
    /// Name the noise follows from; series with the same seed have the same noise.
    pub(super) seed: Option<String>,
    /// Seconds from the data's time to its arrival (5).
    pub(super) delay_s: Option<i64>,
    /// One time of arrival for all rows, Beijing.
    pub(super) received: Option<String>,
    /// Whether the sender marked the rows as back-filled.
    #[serde(default)]
    pub(super) resend: bool,
    /// Further columns of every row.
    #[serde(default)]
    pub(super) columns: toml::Table,
}

/// A permit document with one outlet and the logger that measures it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    /// Logger that is bound to the outlet.
    pub(super) mn: String,
    /// Number of the permit; by default each logger has its own.
    pub(super) permit_no: Option<String>,
    /// Version (1).
    pub(super) version: Option<i64>,
    /// When that version was issued, Beijing (2020-01-01 00:00).
    pub(super) issued: Option<String>,
    /// First day of validity (2020-01-01).
    pub(super) valid_from: Option<String>,
    /// Last day of validity (2099-12-31).
    pub(super) valid_to: Option<String>,
    /// Status of the permit (valid).
    pub(super) status: Option<String>,
    /// Name of the unit.
    pub(super) unit_name: Option<String>,
    /// Management class: key, simplified or registration.
    pub(super) class: Option<String>,
    /// Industry codes, comma list.
    pub(super) industry: Option<String>,
    /// Outlet code (DA001, DW001 for water).
    pub(super) outlet: Option<String>,
    /// air (default) or water.
    pub(super) medium: Option<String>,
    /// Factors the binding is for, comma list; absent: all.
    pub(super) factors: Option<String>,
    /// Seconds between two values of the station.
    pub(super) cadence_s: Option<i64>,
    /// When the binding begins (with the document) and ends, Beijing.
    pub(super) bound_from: Option<String>,
    /// See `bound_from`.
    pub(super) bound_to: Option<String>,
    /// Hourly limits by factor.
    #[serde(default)]
    pub(super) limits: BTreeMap<String, f64>,
    /// Daily limits by factor.
    #[serde(default)]
    pub(super) daily: BTreeMap<String, f64>,
    /// Unit of the limits (mg/m3, mg/L for water).
    pub(super) unit: Option<String>,
    /// Reference oxygen; the limits are then meant for converted values.
    pub(super) ref_o2: Option<f64>,
    /// Further rows of the permit tables that belong to this document.
    #[serde(default)]
    pub(super) rows: BTreeMap<String, Vec<toml::Table>>,
}

/// A finding that has to be made; what is not given is not compared.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// Logger.
    pub(super) mn: Option<String>,
    /// Factor.
    pub(super) factor: Option<String>,
    /// Number of the permit.
    pub(super) permit_no: Option<String>,
    /// Outlet.
    pub(super) outlet_uid: Option<String>,
    /// Version of the permit.
    pub(super) permit_version: Option<i32>,
    /// Start of the window, Beijing.
    pub(super) from: Option<String>,
    /// End of the window, Beijing, exclusive.
    pub(super) to: Option<String>,
    /// What was observed.
    pub(super) observed: Option<f64>,
    /// What it was compared with.
    pub(super) limit: Option<f64>,
    /// Unit of both.
    pub(super) unit: Option<String>,
    /// Severity.
    pub(super) severity: Option<String>,
    /// Number of points.
    pub(super) points: Option<i64>,
    /// Exemption code; the empty text stands for none.
    pub(super) exempt: Option<String>,
    /// A part of the sentence.
    pub(super) reason: Option<String>,
    /// Parts of the evidence's text.
    #[serde(default)]
    pub(super) evidence: Vec<String>,
}
