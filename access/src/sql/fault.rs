//! What can be wrong with a question, in the words of whoever asked it.
//!
//! Every fault has an SQLSTATE, because clients decide by it: a driver retries, a tool marks the
//! statement, a pool drops the connection.

use std::time::Duration;

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;

/// A question that was not answered, or not to its end.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{what}")]
pub struct Fault {
    /// What kind of fault it is.
    pub kind: FaultKind,
    /// What is wrong and what to do.
    pub what: String,
}

/// Kinds of faults; each has its SQLSTATE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// Not SQL.
    Syntax,
    /// It would change something; nothing does here.
    Refused,
    /// This user may not see it.
    Denied,
    /// No such table or view.
    NoTable,
    /// No such column, function, or a type that does not fit.
    Wrong,
    /// Understood, and not available.
    Unsupported,
    /// It took longer than allowed.
    Timeout,
    /// Its author stopped it, or the connection went away.
    Cancelled,
    /// More rows or bytes than a result may have.
    TooLarge,
    /// More memory or spill space than a query may have.
    Memory,
    /// Too many connections or queries of this user.
    Busy,
    /// The value of a parameter or a setting.
    Value,
    /// No such prepared statement or cursor.
    NoStatement,
    /// The transaction failed before.
    Aborted,
    /// The engine failed, or a file could not be read.
    Engine,
}

impl FaultKind {
    /// The SQLSTATE clients see.
    pub fn sqlstate(self) -> &'static str {
        match self {
            Self::Syntax => "42601",
            Self::Refused => "25006",
            Self::Denied => "42501",
            Self::NoTable => "42P01",
            Self::Wrong => "42804",
            Self::Unsupported => "0A000",
            Self::Timeout | Self::Cancelled => "57014",
            Self::TooLarge => "54000",
            Self::Memory => "53200",
            Self::Busy => "53300",
            Self::Value => "22023",
            Self::NoStatement => "26000",
            Self::Aborted => "25P02",
            Self::Engine => "XX000",
        }
    }

    /// The word the query log has for it.
    pub fn outcome(self) -> &'static str {
        match self {
            Self::Refused | Self::Denied => "refused",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::TooLarge | Self::Memory | Self::Busy => "limit",
            _ => "failed",
        }
    }
}

impl Fault {
    /// A fault of this kind.
    pub fn new(kind: FaultKind, what: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
        }
    }

    /// A statement that would change or reach something.
    pub fn refused(what: impl std::fmt::Display) -> Self {
        Self::new(
            FaultKind::Refused,
            format!(
                "{what} is refused: this server only answers queries (SELECT, WITH, VALUES, EXPLAIN, SHOW, COPY ... TO STDOUT)"
            ),
        )
    }

    /// A query that took longer than it may.
    pub fn too_long(allowed: Duration) -> Self {
        Self::new(
            FaultKind::Timeout,
            format!(
                "canceling statement due to statement timeout: it took longer than {} s; restrict it (by `date`, `mn`, `factor`) or ask for less",
                allowed.as_secs_f64()
            ),
        )
    }

    /// A query its author stopped.
    pub fn stopped() -> Self {
        Self::new(
            FaultKind::Cancelled,
            "canceling statement due to user request",
        )
    }

    /// What the engine said, classed.
    pub fn engine(error: &DataFusionError) -> Self {
        let root = error.find_root();
        let kind = match root {
            DataFusionError::SQL(..) => FaultKind::Syntax,
            DataFusionError::Plan(what) if what.starts_with("table '") => FaultKind::NoTable,
            DataFusionError::Plan(_) | DataFusionError::SchemaError(..) => FaultKind::Wrong,
            DataFusionError::NotImplemented(_) => FaultKind::Unsupported,
            DataFusionError::ResourcesExhausted(_) => FaultKind::Memory,
            // What a file of spilled rows may not take any more comes back as a fault of writing it.
            DataFusionError::ArrowError(arrow, _) if out_of_space(arrow) => FaultKind::Memory,
            DataFusionError::ArrowError(..) | DataFusionError::Execution(_) => FaultKind::Value,
            DataFusionError::External(inner) => {
                if let Some(fault) = inner.downcast_ref::<Self>() {
                    return fault.clone();
                }
                FaultKind::Engine
            }
            _ => FaultKind::Engine,
        };
        let text = error.strip_backtrace();
        let what = match kind {
            FaultKind::Memory => format!(
                "the query needs more memory or spill space than one query may use \
                 (`serve.sql.query_memory_mb`, `serve.sql.spill_mb`): {text}"
            ),
            FaultKind::NoTable => text
                .replace("nonsite.nonsite.", "")
                .replace("Error during planning: ", ""),
            _ => text,
        };
        Self::new(kind, what)
    }
}

/// Whether rows could not be spilled because a query's spill space is used up.
fn out_of_space(error: &ArrowError) -> bool {
    let ArrowError::IoError(text, inner) = error else {
        return false;
    };
    let inner = inner
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<DataFusionError>())
        .map(DataFusionError::find_root);
    matches!(inner, Some(DataFusionError::ResourcesExhausted(_)))
        || text.contains("max_temp_directory_size")
}

impl From<DataFusionError> for Fault {
    fn from(error: DataFusionError) -> Self {
        Self::engine(&error)
    }
}

impl From<Fault> for DataFusionError {
    fn from(fault: Fault) -> Self {
        Self::External(Box::new(fault))
    }
}
