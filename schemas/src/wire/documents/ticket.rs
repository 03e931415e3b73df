//! Maintenance tickets: what was done to the instruments, by whom, and when.
//!
//! The operation and maintenance company opens one before (or, for a fault, right after) touching an
//! instrument. A changed parameter, a maintenance mark or a calibration without a ticket around it
//! is what a rule asks about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::mark::{Attachment, attachments_json, check_attachments};
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

document_type!(TicketType = "ticket");

codes! {
    /// What a ticket is for.
    TicketKind {
        /// Routine maintenance.
        Maintenance = "maintenance",
        /// Calibration.
        Calibration = "calibration",
        /// Standard check.
        StandardCheck = "standard_check",
        /// Comparison with a reference method.
        Comparison = "comparison",
        /// Repair of a fault.
        Repair = "repair",
        /// Replacement of an instrument or part.
        Replacement = "replacement",
        /// Change of parameters.
        ParameterChange = "parameter_change",
        /// Anything else; `cause` says what.
        Other = "other",
    }
}

codes! {
    /// Where a ticket stands.
    TicketStatus {
        /// Work is planned or going on.
        Open = "open",
        /// Work is done.
        Closed = "closed",
        /// It was not carried out.
        Cancelled = "cancelled",
    }
}

/// One version of one maintenance ticket.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, Default)]
#[serde(default)]
#[schemars(extend("required" = [
    "type", "ticket_id", "version", "mn", "kind", "status", "starts_at",
]))]
pub struct Ticket {
    /// Which document this is.
    pub r#type: TicketType,
    /// Id of the ticket; all its versions carry it.
    pub ticket_id: String,
    /// Version of the ticket, from 1.
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
    /// Factors whose analysers are concerned; empty means all of the logger.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub factors: Vec<String>,
    /// What it is for.
    #[schemars(with = "TicketKind")]
    pub kind: Option<TicketKind>,
    /// Where it stands.
    #[schemars(with = "TicketStatus")]
    pub status: Option<TicketStatus>,
    /// Start of the work.
    #[schemars(with = "Instant")]
    pub starts_at: Option<Instant>,
    /// End of the work (exclusive); required when closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<Instant>,
    /// When the fault was noticed, for a repair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noticed_at: Option<Instant>,
    /// When the fault was reported to the authority, for a repair.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_at: Option<Instant>,
    /// Operation and maintenance company.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Who did the work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub technician: Option<String>,
    /// Why the work was needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions: Option<String>,
    /// Proofs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
}

impl Kind for Ticket {
    const UNIDENTIFIED: Reason = Reason::DocumentFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.ticket_id.trim().is_empty().then_some("ticket_id")
    }

    fn validate(&self) -> Vec<Fault> {
        let mut faults = Faults::default();
        check_version(self.version, &mut faults);
        faults.text(&self.mn, "mn");
        check_permit_no(self.permit_no.as_deref(), &mut faults);
        check_outlet(self.outlet.as_deref(), &mut faults);
        check_factors(&self.factors, &mut faults);
        faults.given(self.kind.as_ref(), "kind");
        faults.given(self.status.as_ref(), "status");
        faults.given(self.starts_at.as_ref(), "starts_at");
        if self.status == Some(TicketStatus::Closed) {
            faults.given(self.ends_at.as_ref(), "ends_at");
        }
        let after = "must be after starts_at";
        check_span(self.starts_at, self.ends_at, "ends_at", after, &mut faults);
        if self.kind == Some(TicketKind::Other) {
            faults.text(self.cause.as_deref().unwrap_or_default(), "cause");
        }
        check_attachments(&self.attachments, &mut faults);
        faults.into_vec()
    }
}

impl Rowed for Ticket {
    fn push(&self, tables: &mut DocumentTables, envelope: &Envelope<'_>) {
        let uid = outlet_uid(self.permit_no.as_deref(), self.outlet.as_deref());
        let factors = comma_list(&self.factors);
        let attachments = attachments_json(&self.attachments);
        let cells: Vec<(&str, Cell<'_>)> = vec![
            ("ticket_id", (&self.ticket_id).into()),
            ("version", self.version.into()),
            ("recorded_at", envelope.recorded_at(self.recorded_at).into()),
            ("mn", (&self.mn).into()),
            ("permit_no", (&self.permit_no).into()),
            ("outlet_uid", (&uid).into()),
            ("factors", (&factors).into()),
            ("kind", self.kind.map(TicketKind::as_str).into()),
            ("status", self.status.map(TicketStatus::as_str).into()),
            ("starts_at", self.starts_at.into()),
            ("ends_at", self.ends_at.into()),
            ("noticed_at", self.noticed_at.into()),
            ("reported_at", self.reported_at.into()),
            ("company", (&self.company).into()),
            ("technician", (&self.technician).into()),
            ("cause", (&self.cause).into()),
            ("actions", (&self.actions).into()),
            ("attachments", (&attachments).into()),
        ];
        append(&mut tables.tickets, cells, envelope);
    }
}
