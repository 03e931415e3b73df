//! Control windows: heavy-pollution emergencies and staggered production, as ordered.
//!
//! An order names an area and a time; what each unit has to do stands in its emergency plan, which
//! the order repeats per unit where it is known. Unlike the special periods of a permit these come
//! at short notice, are extended and lifted, and hold for units whose permit does not know them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tables::{DocumentTables, Envelope, append};
use super::{Rowed, check_span, check_version, comma_list, document_type};
use crate::reason::Reason;
use crate::tables::Cell;
use crate::wire::Instant;
use crate::wire::document::Kind;
use crate::wire::fault::{Fault, Faults};
use crate::wire::permit::{PeriodKind, WarningLevel};

document_type!(WindowType = "window");

/// One version of one order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = [
    "type", "window_id", "version", "kind", "issued_by", "starts_at", "ends_at",
]))]
pub struct Window {
    /// Which document this is.
    pub r#type: WindowType,
    /// Id of the order; all its versions carry it.
    pub window_id: String,
    /// Version of the order, from 1: extended, lifted early, corrected.
    pub version: i32,
    /// When this version was recorded; the arrival time when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Instant>,
    /// Emergency, staggered production, or other.
    #[schemars(with = "PeriodKind")]
    pub kind: Option<PeriodKind>,
    /// Warning level; required for a heavy-pollution emergency.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<WarningLevel>,
    /// Who ordered it.
    pub issued_by: String,
    /// When it was announced; `recorded_at` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Instant>,
    /// Start of the window.
    #[schemars(with = "Instant")]
    pub starts_at: Option<Instant>,
    /// End of the window (exclusive); lifting it early is a version with an earlier end.
    #[schemars(with = "Instant")]
    pub ends_at: Option<Instant>,
    /// When the order was cancelled, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_at: Option<Instant>,
    /// Administrative divisions it holds in, 2 to 6 digits each (GB/T 2260); a shorter code stands
    /// for everything below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub admin_codes: Vec<String>,
    /// Industries it holds for, 2 to 4 digits each (GB/T 4754); empty means all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub industry_codes: Vec<String>,
    /// What units in the area have to do that are not named below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measures: Option<String>,
    /// What single units have to do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub units: Vec<UnitMeasures>,
}

/// What one unit has to do in a window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["permit_no"]))]
pub struct UnitMeasures {
    /// Permit code of the unit.
    pub permit_no: String,
    /// The unit need not do anything (protected, leading enterprise).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exempt: bool,
    /// Facilities that have to stand still, codes `MFnnnn` (HJ 608).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// Percentage by which the energy used has to fall against the ordinary day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub energy_cut_percent: Option<f64>,
    /// Percentage by which the discharged mass has to fall against the ordinary day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mass_cut_percent: Option<f64>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measures: Option<String>,
}

fn check_codes(codes: &[String], field: &str, most: usize, fault: &str, faults: &mut Faults) {
    for (i, code) in codes.iter().enumerate() {
        let good = (2..=most).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
        faults.require(good, format!("{field}[{i}]"), fault);
    }
}

impl Kind for Window {
    const UNIDENTIFIED: Reason = Reason::DocumentFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.window_id.trim().is_empty().then_some("window_id")
    }

    fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        check_version(self.version, &mut faults);
        faults.given(self.kind.as_ref(), "kind");
        if self.kind == Some(PeriodKind::HeavyPollution) {
            faults.given(self.level.as_ref(), "level");
        }
        faults.text(&self.issued_by, "issued_by");
        faults.given(self.starts_at.as_ref(), "starts_at");
        faults.given(self.ends_at.as_ref(), "ends_at");
        let after = "must be after starts_at";
        check_span(self.starts_at, self.ends_at, "ends_at", after, &mut faults);
        let digits = "must be 2 to 6 digits (GB/T 2260)";
        check_codes(&self.admin_codes, "admin_codes", 6, digits, &mut faults);
        let digits = "must be 2 to 4 digits (GB/T 4754)";
        check_codes(
            &self.industry_codes,
            "industry_codes",
            4,
            digits,
            &mut faults,
        );
        faults.require(
            !self.admin_codes.is_empty() || !self.units.is_empty(),
            "admin_codes",
            "is missing, and there are no units either",
        );
        for (i, unit) in self.units.iter().enumerate() {
            let at = format!("units[{i}]");
            if let Some(fault) = crate::wire::code::permit_no_fault(&unit.permit_no) {
                faults.add(format!("{at}.permit_no"), fault);
            }
            let same = |other: &&UnitMeasures| other.permit_no == unit.permit_no;
            if let Some(first) = self.units[..i].iter().position(|other| same(&other)) {
                faults.add(at.clone(), format!("is given twice, see units[{first}]"));
            }
            faults.within(
                unit.energy_cut_percent,
                0.0,
                100.0,
                format!("{at}.energy_cut_percent"),
            );
            faults.within(
                unit.mass_cut_percent,
                0.0,
                100.0,
                format!("{at}.mass_cut_percent"),
            );
        }
        faults.into_vec()
    }
}

impl Window {
    fn push_row(
        &self,
        unit: Option<&UnitMeasures>,
        tables: &mut DocumentTables,
        envelope: &Envelope<'_>,
    ) {
        let recorded_at = envelope.recorded_at(self.recorded_at);
        let area = comma_list(&self.admin_codes).filter(|_| unit.is_none());
        let industries = comma_list(&self.industry_codes).filter(|_| unit.is_none());
        let stop = unit.and_then(|unit| comma_list(&unit.stop));
        let permit_no = unit
            .map(|unit| unit.permit_no.as_str())
            .filter(|permit_no| !permit_no.is_empty());
        let measures = unit.map_or(&self.measures, |unit| &unit.measures);
        let cells: Vec<(&str, Cell<'_>)> = vec![
            ("window_id", (&self.window_id).into()),
            ("version", self.version.into()),
            ("recorded_at", recorded_at.into()),
            ("kind", self.kind.map(PeriodKind::as_str).into()),
            ("level", self.level.map(WarningLevel::as_str).into()),
            ("issued_by", (&self.issued_by).into()),
            ("issued_at", self.issued_at.unwrap_or(recorded_at).into()),
            ("starts_at", self.starts_at.into()),
            ("ends_at", self.ends_at.into()),
            ("cancelled_at", self.cancelled_at.into()),
            ("permit_no", permit_no.into()),
            ("admin_codes", (&area).into()),
            ("industry_codes", (&industries).into()),
            ("exempt", unit.is_some_and(|unit| unit.exempt).into()),
            ("stop", (&stop).into()),
            (
                "energy_cut_percent",
                unit.and_then(|unit| unit.energy_cut_percent).into(),
            ),
            (
                "mass_cut_percent",
                unit.and_then(|unit| unit.mass_cut_percent).into(),
            ),
            ("measures", measures.into()),
        ];
        append(&mut tables.windows, cells, envelope);
    }
}

impl Rowed for Window {
    fn push(&self, tables: &mut DocumentTables, envelope: &Envelope<'_>) {
        if !self.admin_codes.is_empty() || self.units.is_empty() {
            self.push_row(None, tables, envelope);
        }
        for unit in &self.units {
            self.push_row(Some(unit), tables, envelope);
        }
    }
}
