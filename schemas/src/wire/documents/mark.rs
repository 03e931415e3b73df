//! Marks: what the enterprise (or its device) says about a stretch of data.
//!
//! 《污染物排放自动监测设备标记规则》 (MEE announcement 21 of 2022): a mark says that data are not
//! valid (device mark) or that the production was in a special condition (condition mark). Data of
//! a day are marked by hand until 12:00 of the next day; silence counts as consent to their
//! validity. Marks are published with the data, so a change is a further version, and withdrawing
//! one is a version with `revoked_at`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tables::{DocumentTables, Envelope, append};
use super::{
    Rowed, check_factors, check_outlet, check_permit_no, check_span, check_version, comma_list,
    document_type, outlet_uid,
};
use crate::reason::Reason;
use crate::tables::Cell;
use crate::wire::Instant;
use crate::wire::document::Kind;
use crate::wire::fault::{Fault, Faults};
use crate::wire::permit::codes;

document_type!(MarkType = "mark");

codes! {
    /// What a mark is about.
    MarkScope {
        /// The monitoring device: the data are not valid.
        Device = "device",
        /// The condition of production or treatment.
        Condition = "condition",
    }
}

codes! {
    /// What a mark says.
    MarkCode {
        /// Calibration (device).
        Calibration = "calibration",
        /// Routine maintenance (device).
        Maintenance = "maintenance",
        /// Standard check (device).
        StandardCheck = "standard_check",
        /// Communication break (device).
        CommunicationBreak = "communication_break",
        /// Values of manual monitoring were entered (device).
        ManualValue = "manual_value",
        /// Switch between primary and standby instrument (device).
        StandbySwitch = "standby_switch",
        /// Furnace temperature reading abnormal (device, incineration).
        FurnaceTemperature = "furnace_temperature",
        /// Thermocouple fault (device, incineration).
        Thermocouple = "thermocouple",
        /// Loss that is not the enterprise's: force majeure, long shutdown (device).
        NotAttributable = "not_attributable",
        /// Fault of the device, or of the production: the scope says which.
        Fault = "fault",
        /// Accident (condition).
        Accident = "accident",
        /// Out of operation (condition).
        Stopped = "stopped",
        /// Start-up (condition).
        StartUp = "start_up",
        /// Shut-down (condition).
        ShutDown = "shut_down",
        /// Drying or baking of a furnace (condition).
        Bake = "bake",
        /// Cooling down after shut-down (condition).
        CoolDown = "cool_down",
        /// Banked fire (condition).
        Banked = "banked",
        /// Connected to the grid or supplying heat (condition, thermal power).
        Connected = "connected",
        /// Disconnected from the grid (condition, thermal power).
        Disconnected = "disconnected",
        /// No discharge (condition, waste water).
        NoDischarge = "no_discharge",
        /// Anything else; `reason` says what.
        Other = "other",
    }
}

impl MarkCode {
    /// The scope a code belongs to; `None` where it fits both.
    pub const fn scope(self) -> Option<MarkScope> {
        match self {
            Self::Calibration
            | Self::Maintenance
            | Self::StandardCheck
            | Self::CommunicationBreak
            | Self::ManualValue
            | Self::StandbySwitch
            | Self::FurnaceTemperature
            | Self::Thermocouple
            | Self::NotAttributable => Some(MarkScope::Device),
            Self::Accident
            | Self::Stopped
            | Self::StartUp
            | Self::ShutDown
            | Self::Bake
            | Self::CoolDown
            | Self::Banked
            | Self::Connected
            | Self::Disconnected
            | Self::NoDischarge => Some(MarkScope::Condition),
            Self::Fault | Self::Other => None,
        }
    }
}

codes! {
    /// Who set a mark.
    MarkSource {
        /// The device or the logger, by itself.
        Auto = "auto",
        /// A person.
        Manual = "manual",
    }
}

/// One version of one mark.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = [
    "type", "mark_id", "mn", "scope", "code", "starts_at", "source",
]))]
pub struct Mark {
    /// Which document this is.
    pub r#type: MarkType,
    /// Id of the mark; all its versions carry it.
    pub mark_id: String,
    /// Version of the mark, from 1.
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
    /// Factors the mark is for; empty means all of the logger.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<String>,
    /// Device or condition.
    #[schemars(with = "MarkScope")]
    pub scope: Option<MarkScope>,
    /// What it says.
    #[schemars(with = "MarkCode")]
    pub code: Option<MarkCode>,
    /// First instant marked.
    #[schemars(with = "Instant")]
    pub starts_at: Option<Instant>,
    /// End (exclusive); left out while the state lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Instant>,
    /// Who set it.
    #[schemars(with = "MarkSource")]
    pub source: Option<MarkSource>,
    /// The person who set it; required for a manual mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// When it was set; `recorded_at` when left out. Decides whether it was in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marked_at: Option<Instant>,
    /// Why; required for a manual mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The maintenance ticket it goes with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticket_id: Option<String>,
    /// Proofs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// When the mark was withdrawn, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<Instant>,
    /// Why it was withdrawn; required with `revoked_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoke_reason: Option<String>,
}

/// A file that goes with a document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = ["name", "sha256"]))]
pub struct Attachment {
    /// File name.
    pub name: String,
    /// SHA-256 of the file, 64 hexadecimal digits.
    pub sha256: String,
}

/// Checks the attachments of a document.
pub(super) fn check_attachments(attachments: &[Attachment], faults: &mut Faults) {
    for (i, attachment) in attachments.iter().enumerate() {
        faults.text(&attachment.name, format!("attachments[{i}].name"));
        let good = attachment.sha256.len() == 64
            && attachment.sha256.bytes().all(|b| b.is_ascii_hexdigit());
        faults.require(
            good,
            format!("attachments[{i}].sha256"),
            "must be 64 hexadecimal digits",
        );
    }
}

/// Attachments as tables store them.
pub(super) fn attachments_json(attachments: &[Attachment]) -> Option<String> {
    if attachments.is_empty() {
        return None;
    }
    // Texts only: they always serialise.
    serde_json::to_string(attachments).ok()
}

impl Kind for Mark {
    const UNIDENTIFIED: Reason = Reason::DocumentFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.mark_id.trim().is_empty().then_some("mark_id")
    }

    fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        check_version(self.version, &mut faults);
        faults.text(&self.mn, "mn");
        check_permit_no(self.permit_no.as_deref(), &mut faults);
        check_outlet(self.outlet.as_deref(), &mut faults);
        check_factors(&self.factors, &mut faults);
        faults.given(self.scope.as_ref(), "scope");
        faults.given(self.code.as_ref(), "code");
        if let (Some(scope), Some(code)) = (self.scope, self.code)
            && let Some(wanted) = code.scope()
            && wanted != scope
        {
            faults.add(
                "scope",
                format!(
                    "is {} but {} is a {} mark",
                    scope.as_str(),
                    code.as_str(),
                    wanted.as_str()
                ),
            );
        }
        faults.given(self.starts_at.as_ref(), "starts_at");
        let after = "must be after starts_at";
        check_span(self.starts_at, self.ends_at, "ends_at", after, &mut faults);
        faults.given(self.source.as_ref(), "source");
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        if self.source == Some(MarkSource::Manual) {
            faults.text(&text(&self.author), "author");
            faults.text(&text(&self.reason), "reason");
        } else if self.code == Some(MarkCode::Other) {
            faults.text(&text(&self.reason), "reason");
        }
        if self.revoked_at.is_some() {
            faults.text(&text(&self.revoke_reason), "revoke_reason");
        }
        check_attachments(&self.attachments, &mut faults);
        faults.into_vec()
    }
}

impl Rowed for Mark {
    fn push(&self, tables: &mut DocumentTables, envelope: &Envelope<'_>) {
        let recorded_at = envelope.recorded_at(self.recorded_at);
        let uid = outlet_uid(self.permit_no.as_deref(), self.outlet.as_deref());
        let factors = comma_list(&self.factors);
        let attachments = attachments_json(&self.attachments);
        let cells: Vec<(&str, Cell<'_>)> = vec![
            ("mark_id", (&self.mark_id).into()),
            ("version", self.version.into()),
            ("recorded_at", recorded_at.into()),
            ("mn", (&self.mn).into()),
            ("permit_no", (&self.permit_no).into()),
            ("outlet_uid", (&uid).into()),
            ("factors", (&factors).into()),
            ("scope", self.scope.map(MarkScope::as_str).into()),
            ("code", self.code.map(MarkCode::as_str).into()),
            ("starts_at", self.starts_at.into()),
            ("ends_at", self.ends_at.into()),
            ("source", self.source.map(MarkSource::as_str).into()),
            ("author", (&self.author).into()),
            ("marked_at", self.marked_at.unwrap_or(recorded_at).into()),
            ("reason", (&self.reason).into()),
            ("ticket_id", (&self.ticket_id).into()),
            ("attachments", (&attachments).into()),
            ("revoked_at", self.revoked_at.into()),
            ("revoke_reason", (&self.revoke_reason).into()),
        ];
        append(&mut tables.marks, cells, envelope);
    }
}
