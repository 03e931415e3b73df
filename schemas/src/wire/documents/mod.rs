//! Documents that say how the readings came about: marks, parameter filings, tickets, windows,
//! reports, manual results, bindings.
//!
//! Rules need them to tell a fault from a maintained instrument, a filed change from tampering, a
//! stop from an outage. They are few, come from several systems (enterprise client, operation and
//! maintenance system, emergency office, laboratory) and share one topic: every message is one
//! JSON object whose `type` says which document it is, so a new kind needs no configuration.
//!
//! Invariants:
//! - every message becomes at least one row, so that every record is accounted for; a faulty one
//!   is stored with `doc_valid = false` and its faults by field, and no view uses it;
//! - documents are versions, never updates: a correction or a withdrawal is a further message
//!   with the same id and a higher `version`, and the views place versions that arrive out of
//!   order by `version`, then by `recorded_at`;
//! - refused (and quarantined) is only what is not JSON, has no known `type`, or no id.

mod binding;
mod filing;
mod manual;
mod mark;
mod process_point;
mod report;
mod tables;
mod ticket;
mod window;

use serde::Deserialize;

use super::document::{self, Kind, Refused};
use super::fault::Fault;
use super::{Instant, Origin};
use crate::reason::Reason;

pub use binding::{BindingType, LoggerBinding};
pub use filing::{Filing, FilingType, Parameter};
pub use manual::{ManualResult, ManualResultType, ManualValue, Purpose};
pub use mark::{Attachment, Mark, MarkCode, MarkScope, MarkSource, MarkType};
pub use process_point::{ProcessPoint, ProcessPointType, Quantity, Role};
pub use report::{ExecutionReport, ExecutionReportType, ReportItem, ReportPeriod, ReportStatus};
pub use tables::DocumentTables;
pub use ticket::{Ticket, TicketKind, TicketStatus, TicketType};
pub use window::{UnitMeasures, Window, WindowType};

use tables::Envelope;

/// Defines the `type` of one document: a closed list with a single value, its default.
macro_rules! document_type {
    ($name:ident = $code:literal) => {
        crate::wire::permit::codes! {
            /// The `type` of this document.
            $name {
                /// The only value.
                Value = $code,
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self::Value
            }
        }
    };
}
use document_type;

/// A document that becomes rows.
trait Rowed: Kind {
    /// Appends the document's rows, at least one.
    fn push(&self, tables: &mut DocumentTables, envelope: &Envelope<'_>);
}

/// What is read first: which document it is.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Typed {
    r#type: String,
}

impl Kind for Typed {
    const UNIDENTIFIED: Reason = Reason::DocumentFault;

    fn missing_identity(&self) -> Option<&'static str> {
        self.r#type.is_empty().then_some("type")
    }

    fn validate(&self) -> Vec<Fault> {
        Vec::new()
    }
}

/// Reads one document and appends its rows to `tables`.
///
/// # Errors
/// [`Refused`] when the message is not JSON, its `type` is missing or unknown, or it lacks what
/// identifies it; any other fault goes into the row.
pub fn decode(
    message: &[u8],
    origin: &Origin<'_>,
    tables: &mut DocumentTables,
) -> Result<(), Refused> {
    let typed = document::read::<Typed>(message)?;
    match typed.value.r#type.as_str() {
        "mark" => take::<Mark>(message, origin, tables),
        "filing" => take::<Filing>(message, origin, tables),
        "ticket" => take::<Ticket>(message, origin, tables),
        "window" => take::<Window>(message, origin, tables),
        "execution_report" => take::<ExecutionReport>(message, origin, tables),
        "manual_result" => take::<ManualResult>(message, origin, tables),
        "binding" => take::<LoggerBinding>(message, origin, tables),
        "process_point" => take::<ProcessPoint>(message, origin, tables),
        other => Err(Refused {
            reason: Reason::DocumentFault,
            detail: format!(
                "type: `{}` is none of {}",
                other.chars().take(40).collect::<String>(),
                TYPES.join(", ")
            ),
        }),
    }
}

/// The values of `type`.
pub const TYPES: &[&str] = &[
    "mark",
    "filing",
    "ticket",
    "window",
    "execution_report",
    "manual_result",
    "binding",
    "process_point",
];

fn take<T: Rowed>(
    message: &[u8],
    origin: &Origin<'_>,
    tables: &mut DocumentTables,
) -> Result<(), Refused> {
    let document = document::read::<T>(message)?;
    let envelope = Envelope::new(&document.faults, &document.text, *origin);
    document.value.push(tables, &envelope);
    Ok(())
}

/// A list as tables store it: values with commas between, nothing for an empty list.
fn comma_list(values: &[String]) -> Option<String> {
    (!values.is_empty()).then(|| values.join(","))
}

/// The permit code and the outlet's as one text, where both are known.
fn outlet_uid(permit_no: Option<&str>, outlet: Option<&str>) -> Option<String> {
    Some(format!("{}{}", permit_no?, outlet?))
}

/// Checks that every document makes.
fn check_version(version: i32, faults: &mut super::fault::Faults) {
    faults.require(version >= 1, "version", "must be >= 1");
}

fn check_span(
    from: Option<Instant>,
    to: Option<Instant>,
    field: &str,
    fault: &str,
    faults: &mut super::fault::Faults,
) {
    if let (Some(from), Some(to)) = (from, to) {
        faults.require(from < to, field, fault);
    }
}

fn check_outlet(outlet: Option<&str>, faults: &mut super::fault::Faults) {
    if let Some(outlet) = outlet {
        faults.require(
            super::code::outlet_medium(outlet).is_some(),
            "outlet",
            "must be DA or DW with three digits (HJ 608)",
        );
    }
}

fn check_permit_no(permit_no: Option<&str>, faults: &mut super::fault::Faults) {
    if let Some(fault) = permit_no.and_then(super::code::permit_no_fault) {
        faults.add("permit_no", fault);
    }
}

fn check_factors(factors: &[String], faults: &mut super::fault::Faults) {
    for (i, factor) in factors.iter().enumerate() {
        check_factor(factor, &format!("factors[{i}]"), faults);
    }
}

fn check_factor(factor: &str, field: &str, faults: &mut super::fault::Faults) {
    let good = (1..=32).contains(&factor.len())
        && factor
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    faults.require(
        good,
        field,
        "must be a code of letters and digits, e.g. a21026, w01018 or d20105",
    );
}

#[cfg(test)]
mod tests;
