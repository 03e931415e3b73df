//! The permit document: what one unit may discharge, where, and which logger measures it.
//!
//! One message on the permits topic is one whole document, one version of one permit. The model
//! follows the national permit platform's forms (HJ 608 codes, HJ 942 contents) reduced to what
//! enforcement needs.
//!
//! Facilities (`MFnnnn`, `TAnnn`) are no part of it: their outlets, the facilities they are linked to,
//! what meters them, rated power and range of operation come as documents of type `process_point`
//! ([`ProcessPoint`](super::documents::ProcessPoint)); other design parameters have no place.
//!
//! Only the identity (`permit_no`, `issued_at`) decides whether a document can be stored at all.
//! Everything else has a default in the reader, and [`Permit::validate`] says what is missing:
//! a faulty document is kept and marked, and nothing of it is used for judging.

mod codes;
mod context;
mod rows;
mod validate;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{self, Document, Refused};
use super::documents::ReportPeriod;
use super::{Day, Instant};

pub(super) use codes::codes;
pub use codes::{
    Averaging, Basis, DischargeMode, EmergencyGrade, KeyElement, MassLevel, Medium, MgmtClass,
    MonitoringMethod, OutletKind, PeriodKind, PermitStatus, WarningLevel, YearBasis,
};
pub use rows::PermitRows;

/// Reads one permit document from a message.
///
/// # Errors
/// [`Refused`] when it is not JSON, or lacks `permit_no` or `issued_at`; any other fault is in
/// the document's list.
pub fn decode(message: &[u8]) -> Result<Document<Permit>, Refused> {
    document::read(message)
}

/// One version of one pollutant-discharge permit, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = [
    "permit_no", "version", "issued_at", "uscc", "unit_name", "mgmt_class", "valid_from",
    "valid_to", "status", "outlets",
]))]
pub struct Permit {
    /// Permit code, 22 characters: credit code (18), sequence (3 digits), mark letter (HJ 608).
    pub permit_no: String,
    /// Version of the document, from 1.
    pub version: i32,
    /// When this version was issued; orders the versions of one permit.
    pub issued_at: Instant,
    /// Unified social credit code, 18 characters (GB 32100-2015).
    pub uscc: String,
    /// Name of the unit.
    pub unit_name: String,
    /// Legal representative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_person: Option<String>,
    /// Technical contact.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tech_contact: Option<String>,
    /// Address of the production site.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Longitude in degrees, CGCS2000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// Latitude in degrees, CGCS2000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Administrative division, 6 digits (GB/T 2260).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin_code: Option<String>,
    /// Enforcement body in whose area the site lies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub org_code: Option<String>,
    /// Industry codes, 4 digits each (GB/T 4754).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub industry_codes: Vec<String>,
    /// Management class.
    #[schemars(with = "MgmtClass")]
    pub mgmt_class: Option<MgmtClass>,
    /// Issuing authority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue_authority: Option<String>,
    /// Day of the first issue of this permit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_issued_on: Option<Day>,
    /// First day of validity.
    #[schemars(with = "Day")]
    pub valid_from: Option<Day>,
    /// Last day of validity.
    #[schemars(with = "Day")]
    pub valid_to: Option<Day>,
    /// Legal status.
    #[schemars(with = "PermitStatus")]
    pub status: Option<PermitStatus>,
    /// Whether it is a key pollutant-discharging unit.
    pub is_key_unit: bool,
    /// For which elements it is a key unit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub key_elements: Vec<KeyElement>,
    /// Grade for heavy-pollution emergencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub emergency_grade: Option<EmergencyGrade>,
    /// Whether the unit is on the enforcement positive list.
    pub positive_list: bool,
    /// How the years of `mass_limits` are counted.
    pub year_basis: YearBasis,
    /// Outlets with their limits.
    pub outlets: Vec<Outlet>,
    /// Permitted masses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mass_limits: Vec<MassLimit>,
    /// Special periods; limits and masses refer to them by `period_id`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub special_periods: Vec<SpecialPeriod>,
    /// Which data logger measures which outlet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bindings: Vec<Binding>,
    /// What has to be monitored, how and how often.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub monitoring: Vec<MonitoringDuty>,
    /// Execution reports the permit asks for; follow from the management class when left out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub report_periods: Vec<ReportPeriod>,
}

/// A duty to monitor one pollutant at one outlet (自行监测要求).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["outlet", "factor", "method"]))]
pub struct MonitoringDuty {
    /// Outlet code.
    pub outlet: String,
    /// Factor code of HJ 524/525.
    pub factor: String,
    /// Automatic or manual.
    #[schemars(with = "MonitoringMethod")]
    pub method: Option<MonitoringMethod>,
    /// At the latest so many days after the sampling before; with method `manual`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_days: Option<i32>,
    /// Standard of the method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard: Option<String>,
}

/// One outlet of a permit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["code", "kind"]))]
pub struct Outlet {
    /// `DAnnn` for waste gas, `DWnnn` for waste water (HJ 608).
    pub code: String,
    /// Main or general outlet.
    #[schemars(with = "OutletKind")]
    pub kind: Option<OutletKind>,
    /// Air or water; must agree with the code, and follows from it when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub medium: Option<Medium>,
    /// Name of the outlet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Longitude in degrees, CGCS2000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longitude: Option<f64>,
    /// Latitude in degrees, CGCS2000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latitude: Option<f64>,
    /// Height of the stack in m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height_m: Option<f64>,
    /// Inner diameter at the mouth in m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner_diameter_m: Option<f64>,
    /// Continuous or intermittent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discharge_mode: Option<DischargeMode>,
    /// Receiving water or waste-water treatment plant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// Factors that must be monitored automatically.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub required_auto: Vec<String>,
    /// Why automatic monitoring is not required, if approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_exempt_reason: Option<String>,
    /// Discharge standard, number and clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard: Option<String>,
    /// Limits of this outlet.
    pub limits: Vec<Limit>,
}

/// One concentration or rate limit of an outlet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["factor"]))]
pub struct Limit {
    /// Factor code of HJ 524/525, e.g. `a21026`.
    pub factor: String,
    /// Name of the pollutant as the permit writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pollutant: Option<String>,
    /// Upper concentration limit in `unit`; for pH the upper bound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conc_limit: Option<f64>,
    /// Lower bound in `unit` (pH).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low_limit: Option<f64>,
    /// Unit of the limit: `mg/m3`, `mg/L`, `ug/L`, `1` for pH ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Compare with the value as measured or as converted; required for a concentration in gas,
    /// `raw` when left out for water.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// Reference oxygen in percent by volume, required with basis `converted`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ref_o2: Option<f64>,
    /// The mean the concentration limit is for; `hour` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub averaging: Option<Averaging>,
    /// Standard number and clause.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standard: Option<String>,
    /// Emission-rate limit in kg/h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limit_kg_h: Option<f64>,
    /// The special period in which this limit replaces the ordinary one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_id: Option<String>,
    /// Start of this limit, when it differs from the document's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Instant>,
    /// End (exclusive) of this limit, when it differs from the document's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Instant>,
}

/// Permitted masses of one pollutant at one level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["level", "factor"]))]
pub struct MassLimit {
    /// What the mass covers.
    #[schemars(with = "MassLevel")]
    pub level: Option<MassLevel>,
    /// Outlet code, with level `outlet`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlet: Option<String>,
    /// Factor code of HJ 524/525.
    pub factor: String,
    /// Name of the pollutant as the permit writes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pollutant: Option<String>,
    /// Mass of permit year 1 in t.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year_1: Option<f64>,
    /// Mass of permit year 2 in t.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year_2: Option<f64>,
    /// Mass of permit year 3 in t.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year_3: Option<f64>,
    /// Mass of permit year 4 in t.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year_4: Option<f64>,
    /// Mass of permit year 5 in t.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub year_5: Option<f64>,
    /// Masses of the months January to December in t; empty, or twelve entries with null where
    /// a month has none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub months: Vec<Option<f64>>,
    /// The special period `daily` and `total` hold in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_id: Option<String>,
    /// Mass per day of the special period in t.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daily: Option<f64>,
    /// Mass of the whole special period in t.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<f64>,
}

/// A period with stricter limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["period_id", "kind", "starts_at", "ends_at"]))]
pub struct SpecialPeriod {
    /// Id within the permit.
    pub period_id: String,
    /// Why the period is special.
    #[schemars(with = "PeriodKind")]
    pub kind: Option<PeriodKind>,
    /// Warning level of a heavy-pollution period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<WarningLevel>,
    /// Start of the period.
    #[schemars(with = "Instant")]
    pub starts_at: Option<Instant>,
    /// End of the period (exclusive).
    #[schemars(with = "Instant")]
    pub ends_at: Option<Instant>,
    /// Measures the unit has to take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measures: Option<String>,
}

/// A data logger bound to an outlet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["mn", "outlet"]))]
pub struct Binding {
    /// Unique id of the data logger (HJ 212 MN).
    pub mn: String,
    /// Outlet code, `DAnnn` or `DWnnn`.
    pub outlet: String,
    /// Factors this logger measures there; empty means all it reports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<String>,
    /// Seconds between two values of the analyser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cadence_s: Option<i32>,
    /// Start of the binding, when it differs from the document's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Instant>,
    /// End (exclusive) of the binding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Instant>,
    /// Who filed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

#[cfg(test)]
mod tests;
