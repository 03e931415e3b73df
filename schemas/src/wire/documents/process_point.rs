//! Process points: what a power or process value is measured at, and when the facility is on.
//!
//! Packets of ST 44 (electricity), 45 (production conditions), 51 and 52 (treatment) carry codes;
//! which code of which logger is the motor of which facility, whether it produces or treats, and
//! above which value it runs, is filed per site. Without it a power value means nothing to a rule.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tables::{DocumentTables, Envelope, append};
use super::{
    Rowed, check_factor, check_permit_no, check_span, check_version, comma_list, document_type,
};
use crate::reason::Reason;
use crate::tables::Cell;
use crate::wire::Instant;
use crate::wire::code::outlet_medium;
use crate::wire::document::Kind;
use crate::wire::fault::{Fault, Faults};
use crate::wire::permit::codes;

document_type!(ProcessPointType = "process_point");

codes! {
    /// What a facility is for.
    Role {
        /// It produces.
        Production = "production",
        /// It treats waste gas or waste water.
        Treatment = "treatment",
        /// The whole unit or an outlet.
        Total = "total",
        /// Anything else (lighting, heating).
        Other = "other",
    }
}

codes! {
    /// What is measured.
    Quantity {
        /// Active power.
        Power = "power",
        /// Electric current.
        Current = "current",
        /// Electric energy, a counter.
        Energy = "energy",
        /// Temperature.
        Temperature = "temperature",
        /// Pressure.
        Pressure = "pressure",
        /// Pressure difference, such as over a bag filter.
        PressureDrop = "pressure_drop",
        /// Oxygen content.
        Oxygen = "oxygen",
        /// Flow.
        Flow = "flow",
        /// Feed or product rate, load.
        Load = "load",
        /// Dosing of a reagent.
        Dosing = "dosing",
        /// pH.
        Ph = "ph",
        /// A state: on or off, open or closed, or a condition in words.
        State = "state",
        /// Anything else.
        Other = "other",
    }
}

/// One version of one process point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = [
    "type", "point_id", "version", "mn", "factor", "role", "quantity", "valid_from",
]))]
pub struct ProcessPoint {
    /// Which document this is.
    pub r#type: ProcessPointType,
    /// Id of the point; all its versions carry it.
    pub point_id: String,
    /// Version of the point, from 1.
    pub version: i32,
    /// When this version was recorded; the arrival time when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded_at: Option<Instant>,
    /// Unique id of the data logger that reports it (HJ 212 MN).
    pub mn: String,
    /// Code under which it is reported, such as `d20105` or a name of the site.
    pub factor: String,
    /// Permit code of the unit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permit_no: Option<String>,
    /// Code of the facility, `MFnnnn` or `TAnnn` (HJ 608).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub facility: Option<String>,
    /// Name of the facility.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What the facility is for.
    #[schemars(with = "Role")]
    pub role: Option<Role>,
    /// What is measured.
    #[schemars(with = "Quantity")]
    pub quantity: Option<Quantity>,
    /// Unit of the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Outlets the facility discharges through or treats for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub outlets: Vec<String>,
    /// Facilities at the other end: of a producing one those that treat its waste, and the reverse.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub linked: Vec<String>,
    /// The facility runs while the value is above this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_above: Option<f64>,
    /// Rated value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rated: Option<f64>,
    /// Lowest value of ordinary operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Highest value of ordinary operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// From when this holds.
    #[schemars(with = "Instant")]
    pub valid_from: Option<Instant>,
    /// Until when (exclusive); left out while it holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_to: Option<Instant>,
}

impl Kind for ProcessPoint {
    const UNIDENTIFIED: Reason = Reason::DocumentFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.point_id.trim().is_empty().then_some("point_id")
    }

    fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        check_version(self.version, &mut faults);
        faults.text(&self.mn, "mn");
        check_factor(&self.factor, "factor", &mut faults);
        check_permit_no(self.permit_no.as_deref(), &mut faults);
        faults.given(self.role.as_ref(), "role");
        faults.given(self.quantity.as_ref(), "quantity");
        for (i, outlet) in self.outlets.iter().enumerate() {
            faults.require(
                outlet_medium(outlet).is_some(),
                format!("outlets[{i}]"),
                "must be DA or DW with three digits (HJ 608)",
            );
        }
        faults.positive(self.rated, "rated");
        if let (Some(low), Some(high)) = (self.low, self.high) {
            faults.require(low < high, "high", "must be above low");
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
        faults.into_vec()
    }
}

impl Rowed for ProcessPoint {
    fn push(&self, tables: &mut DocumentTables, envelope: &Envelope<'_>) {
        let outlets = comma_list(&self.outlets);
        let linked = comma_list(&self.linked);
        let cells: Vec<(&str, Cell<'_>)> = vec![
            ("point_id", (&self.point_id).into()),
            ("version", self.version.into()),
            ("recorded_at", envelope.recorded_at(self.recorded_at).into()),
            ("mn", (&self.mn).into()),
            ("factor", (&self.factor).into()),
            ("permit_no", (&self.permit_no).into()),
            ("facility", (&self.facility).into()),
            ("name", (&self.name).into()),
            ("role", self.role.map(Role::as_str).into()),
            ("quantity", self.quantity.map(Quantity::as_str).into()),
            ("unit", (&self.unit).into()),
            ("outlets", (&outlets).into()),
            ("linked", (&linked).into()),
            ("on_above", self.on_above.into()),
            ("rated", self.rated.into()),
            ("low", self.low.into()),
            ("high", self.high.into()),
            ("valid_from", self.valid_from.into()),
            ("valid_to", self.valid_to.into()),
        ];
        append(&mut tables.process_points, cells, envelope);
    }
}
