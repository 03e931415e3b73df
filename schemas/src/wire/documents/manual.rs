//! Manual monitoring: what a person sampled and a laboratory measured.
//!
//! Self-monitoring, supervision, comparison with the automatic instrument, and the values that
//! stand in while the instrument is out of order (HJ 75, HJ 356). Legally taken supervision values
//! of the same time come before automatic ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mark::{Attachment, attachments_json, check_attachments};
use super::tables::{DocumentTables, Envelope, append};
use super::{
    Rowed, check_factor, check_outlet, check_permit_no, check_version, document_type, outlet_uid,
};
use crate::reason::Reason;
use crate::tables::Cell;
use crate::wire::Instant;
use crate::wire::document::Kind;
use crate::wire::fault::{Fault, Faults};
use crate::wire::permit::codes;

document_type!(ManualResultType = "manual_result");

codes! {
    /// Why it was measured by hand.
    Purpose {
        /// Self-monitoring the permit asks for.
        SelfMonitoring = "self_monitoring",
        /// Supervision by a monitoring station.
        Supervision = "supervision",
        /// Comparison with the automatic instrument.
        Comparison = "comparison",
        /// In place of an instrument that is out of order.
        Substitution = "substitution",
    }
}

/// One version of the results of one sampling.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["type", "result_id", "version", "purpose", "sampled_at", "values"]))]
pub struct ManualResult {
    /// Which document this is.
    pub r#type: ManualResultType,
    /// Id of the sampling; all its versions carry it.
    pub result_id: String,
    /// Version of the results, from 1.
    pub version: i32,
    /// When this version was recorded; the arrival time when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Instant>,
    /// Why it was measured.
    #[schemars(with = "Purpose")]
    pub purpose: Option<Purpose>,
    /// Unique id of the data logger at the outlet (HJ 212 MN); this or permit and outlet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mn: Option<String>,
    /// Permit code of the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permit_no: Option<String>,
    /// Outlet code, `DAnnn` or `DWnnn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlet: Option<String>,
    /// Start of sampling.
    #[schemars(with = "Instant")]
    pub sampled_at: Option<Instant>,
    /// End of sampling (exclusive); left out for a grab sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled_to: Option<Instant>,
    /// Laboratory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub laboratory: Option<String>,
    /// Number of its CMA certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cma_no: Option<String>,
    /// Number of the report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report_no: Option<String>,
    /// What was measured.
    pub values: Vec<ManualValue>,
    /// Proofs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// One measured value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["factor", "value", "unit"]))]
pub struct ManualValue {
    /// Factor code of HJ 524/525.
    pub factor: String,
    /// The value; with `below_detection` the detection limit.
    #[schemars(with = "f64")]
    pub value: Option<f64>,
    /// Unit of the value.
    pub unit: String,
    /// Nothing was found above the detection limit.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub below_detection: bool,
    /// Method, standard number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// What the automatic instrument showed at the same time, as written in a comparison report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automatic_value: Option<f64>,
}

impl Kind for ManualResult {
    const UNIDENTIFIED: Reason = Reason::DocumentFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.result_id.trim().is_empty().then_some("result_id")
    }

    fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        check_version(self.version, &mut faults);
        faults.given(self.purpose.as_ref(), "purpose");
        let placed = self.permit_no.is_some() && self.outlet.is_some();
        if !placed {
            let text = self.mn.as_deref().unwrap_or_default();
            let fault = "is missing, and permit_no with outlet too";
            faults.require(!text.trim().is_empty(), "mn", fault);
        }
        check_permit_no(self.permit_no.as_deref(), &mut faults);
        check_outlet(self.outlet.as_deref(), &mut faults);
        faults.given(self.sampled_at.as_ref(), "sampled_at");
        if let (Some(from), Some(to)) = (self.sampled_at, self.sampled_to) {
            faults.require(from <= to, "sampled_to", "must not be before sampled_at");
        }
        faults.require(
            !self.values.is_empty(),
            "values",
            "must hold at least one value",
        );
        for (i, value) in self.values.iter().enumerate() {
            check_factor(&value.factor, &format!("values[{i}].factor"), &mut faults);
            faults.given(value.value.as_ref(), format!("values[{i}].value"));
            faults.text(&value.unit, format!("values[{i}].unit"));
            let same = |other: &&ManualValue| other.factor == value.factor;
            if let Some(first) = self.values[..i].iter().position(|other| same(&other)) {
                faults.add(
                    format!("values[{i}]"),
                    format!("is given twice, see values[{first}]"),
                );
            }
        }
        check_attachments(&self.attachments, &mut faults);
        faults.into_vec()
    }
}

impl Rowed for ManualResult {
    fn push(&self, tables: &mut DocumentTables, envelope: &Envelope<'_>) {
        let recorded_at = envelope.recorded_at(self.recorded_at);
        let uid = outlet_uid(self.permit_no.as_deref(), self.outlet.as_deref());
        let attachments = attachments_json(&self.attachments);
        let none = ManualValue::default();
        let mut values: Vec<&ManualValue> = self.values.iter().collect();
        if values.is_empty() {
            // Faulty, but a row all the same: every message has one.
            values.push(&none);
        }
        for value in values {
            let factor = Some(value.factor.as_str()).filter(|text| !text.is_empty());
            let unit = Some(value.unit.as_str()).filter(|text| !text.is_empty());
            let cells: Vec<(&str, Cell<'_>)> = vec![
                ("result_id", (&self.result_id).into()),
                ("version", self.version.into()),
                ("recorded_at", recorded_at.into()),
                ("purpose", self.purpose.map(Purpose::as_str).into()),
                ("mn", (&self.mn).into()),
                ("permit_no", (&self.permit_no).into()),
                ("outlet_uid", (&uid).into()),
                ("sampled_at", self.sampled_at.into()),
                ("sampled_to", self.sampled_to.into()),
                ("factor", factor.into()),
                ("value", value.value.into()),
                ("unit", unit.into()),
                ("below_detection", value.below_detection.into()),
                ("method", (&value.method).into()),
                ("automatic_value", value.automatic_value.into()),
                ("laboratory", (&self.laboratory).into()),
                ("cma_no", (&self.cma_no).into()),
                ("report_no", (&self.report_no).into()),
                ("attachments", (&attachments).into()),
            ];
            append(&mut tables.manual_results, cells, envelope);
        }
    }
}
