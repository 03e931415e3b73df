//! Equipment filings: which instrument stands where, and with which parameters it was filed.
//!
//! Slope, intercept, range and the like decide what an analyser reports. The enterprise files
//! them (备案) and files every change; what the logger reports (CN 3020, 3019) or is told
//! (CN 3021) is compared with the filing in force at that time.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mark::{Attachment, attachments_json, check_attachments};
use super::tables::{DocumentTables, Envelope, append};
use super::{
    Rowed, check_factor, check_outlet, check_permit_no, check_span, check_version, document_type,
    outlet_uid,
};
use crate::reason::Reason;
use crate::tables::Cell;
use crate::wire::Instant;
use crate::wire::document::Kind;
use crate::wire::fault::{Fault, Faults};

document_type!(FilingType = "filing");

/// One version of the filing of one instrument.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["type", "filing_id", "mn", "valid_from"]))]
pub struct Filing {
    /// Which document this is.
    pub r#type: FilingType,
    /// Id of the filing; all its versions carry it.
    pub filing_id: String,
    /// Version of the filing, from 1.
    pub version: i32,
    /// When this version was recorded; the arrival time when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Instant>,
    /// Unique id of the data logger (HJ 212 MN).
    pub mn: String,
    /// Permit code of the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permit_no: Option<String>,
    /// Outlet code, `DAnnn` or `DWnnn`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outlet: Option<String>,
    /// Factor the instrument measures; left out for the logger or the sampling system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// Maker and model of the instrument.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Serial number (HJ 212 `SN`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_no: Option<String>,
    /// From when the filed state holds.
    #[schemars(with = "Instant")]
    pub valid_from: Option<Instant>,
    /// Until when (exclusive); left out while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Instant>,
    /// When it was filed; `recorded_at` when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filed_at: Option<Instant>,
    /// Who filed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filed_by: Option<String>,
    /// Why it changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The maintenance ticket it goes with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<String>,
    /// The filed parameters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// Proofs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

/// One filed parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["parameter"]))]
pub struct Parameter {
    /// Code of HJ 212 (`i13001` range, `i13004` digestion temperature, `i13005` digestion time,
    /// `i13007` intercept, `i13008` slope, ...), or a name of its own (`pitot_k`,
    /// `velocity_field_factor`, `cross_section`, `excess_air_factor`).
    pub parameter: String,
    /// Its value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Its value where it is not a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Unit of the value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Largest difference from the value that still counts as the filed value, in its unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<f64>,
}

impl Kind for Filing {
    const UNIDENTIFIED: Reason = Reason::DocumentFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.filing_id.trim().is_empty().then_some("filing_id")
    }

    fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        check_version(self.version, &mut faults);
        faults.text(&self.mn, "mn");
        check_permit_no(self.permit_no.as_deref(), &mut faults);
        check_outlet(self.outlet.as_deref(), &mut faults);
        if let Some(factor) = &self.factor {
            check_factor(factor, "factor", &mut faults);
        }
        faults.given(self.valid_from.as_ref(), "valid_from");
        let after = "must be after valid_from";
        check_span(
            self.valid_from,
            self.valid_to,
            "valid_to",
            after,
            &mut faults,
        );
        for (i, parameter) in self.parameters.iter().enumerate() {
            let at = format!("parameters[{i}]");
            check_factor(
                &parameter.parameter,
                &format!("{at}.parameter"),
                &mut faults,
            );
            faults.require(
                parameter.value.is_some() || parameter.text.is_some(),
                format!("{at}.value"),
                "is missing, and there is no text either",
            );
            if let Some(tolerance) = parameter.tolerance {
                faults.require(
                    tolerance.is_finite() && tolerance >= 0.0,
                    format!("{at}.tolerance"),
                    "must be >= 0",
                );
            }
            let same = |other: &&Parameter| other.parameter == parameter.parameter;
            if let Some(first) = self.parameters[..i].iter().position(|other| same(&other)) {
                faults.add(at, format!("is given twice, see parameters[{first}]"));
            }
        }
        check_attachments(&self.attachments, &mut faults);
        faults.into_vec()
    }
}

impl Rowed for Filing {
    fn push(&self, tables: &mut DocumentTables, envelope: &Envelope<'_>) {
        let recorded_at = envelope.recorded_at(self.recorded_at);
        let uid = outlet_uid(self.permit_no.as_deref(), self.outlet.as_deref());
        let attachments = attachments_json(&self.attachments);
        let none = Parameter::default();
        let mut parameters: Vec<&Parameter> = self.parameters.iter().collect();
        if parameters.is_empty() {
            // A filing without parameters is a row all the same: every message has one.
            parameters.push(&none);
        }
        for parameter in parameters {
            let name = parameter.parameter.as_str();
            let cells: Vec<(&str, Cell<'_>)> = vec![
                ("filing_id", (&self.filing_id).into()),
                ("version", self.version.into()),
                ("recorded_at", recorded_at.into()),
                ("mn", (&self.mn).into()),
                ("permit_no", (&self.permit_no).into()),
                ("outlet_uid", (&uid).into()),
                ("factor", (&self.factor).into()),
                ("model", (&self.model).into()),
                ("serial_no", (&self.serial_no).into()),
                ("valid_from", self.valid_from.into()),
                ("valid_to", self.valid_to.into()),
                ("filed_at", self.filed_at.unwrap_or(recorded_at).into()),
                ("filed_by", (&self.filed_by).into()),
                ("reason", (&self.reason).into()),
                ("ticket_id", (&self.ticket_id).into()),
                (
                    "parameter",
                    Some(name).filter(|name| !name.is_empty()).into(),
                ),
                ("value", parameter.value.into()),
                ("value_text", (&parameter.text).into()),
                ("unit", (&parameter.unit).into()),
                ("tolerance", parameter.tolerance.into()),
                ("attachments", (&attachments).into()),
            ];
            append(&mut tables.filings, cells, envelope);
        }
    }
}
