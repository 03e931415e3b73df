//! Bindings: which data logger measures which outlet, as filed with the platform.
//!
//! Permits name the loggers known when they were issued. Loggers are exchanged and moved in
//! between; the filing of that is a document of its own, so that data can be attributed from the
//! day of the exchange and not from the next version of the permit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tables::{DocumentTables, Envelope, append};
use super::{
    Rowed, check_factors, check_outlet, check_span, check_version, comma_list, document_type,
    outlet_uid,
};
use crate::reason::Reason;
use crate::tables::Cell;
use crate::wire::Instant;
use crate::wire::code::permit_no_fault;
use crate::wire::document::Kind;
use crate::wire::fault::{Fault, Faults};

document_type!(BindingType = "binding");

/// One version of one binding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = [
    "type", "binding_id", "version", "mn", "permit_no", "outlet", "valid_from",
]))]
pub struct LoggerBinding {
    /// Which document this is.
    pub r#type: BindingType,
    /// Id of the binding; all its versions carry it.
    pub binding_id: String,
    /// Version of the binding, from 1; ending one is a version with `valid_to`.
    pub version: i32,
    /// When this version was recorded; the arrival time when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Instant>,
    /// Unique id of the data logger (HJ 212 MN).
    pub mn: String,
    /// Permit code of the unit.
    pub permit_no: String,
    /// Outlet code, `DAnnn` or `DWnnn`.
    pub outlet: String,
    /// Factors this logger measures there; empty means all it reports.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<String>,
    /// Seconds between two values of the analyser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cadence_s: Option<i32>,
    /// Start of the binding.
    #[schemars(with = "Instant")]
    pub valid_from: Option<Instant>,
    /// End (exclusive) of the binding; left out while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Instant>,
    /// The logger this one replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces_mn: Option<String>,
    /// Who filed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filed_by: Option<String>,
}

impl Kind for LoggerBinding {
    const UNIDENTIFIED: Reason = Reason::DocumentFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.binding_id.trim().is_empty().then_some("binding_id")
    }

    fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        check_version(self.version, &mut faults);
        faults.text(&self.mn, "mn");
        if let Some(fault) = permit_no_fault(&self.permit_no) {
            faults.add("permit_no", fault);
        }
        check_outlet(Some(&self.outlet), &mut faults);
        check_factors(&self.factors, &mut faults);
        if let Some(cadence) = self.cadence_s {
            faults.require(
                (1..=86_400).contains(&cadence),
                "cadence_s",
                "must be 1 to 86400",
            );
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
        let itself = self.replaces_mn.as_deref() == Some(self.mn.as_str());
        faults.require(!itself, "replaces_mn", "must name another logger");
        faults.into_vec()
    }
}

impl Rowed for LoggerBinding {
    fn push(&self, tables: &mut DocumentTables, envelope: &Envelope<'_>) {
        let given = |text: &'_ str| !text.is_empty();
        let permit_no = Some(self.permit_no.as_str()).filter(|text| given(text));
        let outlet = Some(self.outlet.as_str()).filter(|text| given(text));
        let uid = outlet_uid(permit_no, outlet);
        let factors = comma_list(&self.factors);
        let cells: Vec<(&str, Cell<'_>)> = vec![
            ("binding_id", (&self.binding_id).into()),
            ("version", self.version.into()),
            ("recorded_at", envelope.recorded_at(self.recorded_at).into()),
            ("mn", (&self.mn).into()),
            ("permit_no", permit_no.into()),
            ("outlet_uid", (&uid).into()),
            ("outlet_code", outlet.into()),
            ("factors", (&factors).into()),
            ("cadence_s", self.cadence_s.into()),
            ("valid_from", self.valid_from.into()),
            ("valid_to", self.valid_to.into()),
            ("replaces_mn", (&self.replaces_mn).into()),
            ("filed_by", (&self.filed_by).into()),
        ];
        append(&mut tables.bindings, cells, envelope);
    }
}
