//! What an import did, in numbers that add up.
//!
//! For every mapped column, `numbers + missing + bad` (plus `flags` for a mark column) equals the
//! rows that could be cut into cells: nothing leaves the sum silently. The report is the same for
//! the same file and mapping.

use serde::Serialize;

/// Faults listed one by one in the report; all are counted, and all go to the rejects file.
pub(super) const LISTED_FAULTS: usize = 20;

/// One cell or row that is not what the mapping says it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// Line (CSV, counted from 1 with the header) or row (Parquet, counted from 1).
    pub line: u64,
    /// Heading of the column; empty when the row as a whole is at fault.
    pub column: String,
    /// The text as it is in the file.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}", self.line)?;
        if !self.column.is_empty() {
            write!(f, ", column `{}`", self.column)?;
        }
        write!(f, ": {} (`{}`)", self.why, self.text)
    }
}

/// Counts of one column.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ColumnCount {
    /// Heading in the export.
    pub column: String,
    /// Factor it was mapped to; empty for a long export and for an unmapped column.
    pub factor: String,
    /// Field of the reading; empty for an unmapped column.
    pub statistic: String,
    /// Cells with a number.
    pub numbers: u64,
    /// Cells with a data mark.
    pub flags: u64,
    /// Cells that say "no value".
    pub missing: u64,
    /// Cells with a text that is neither.
    pub bad: u64,
}

/// What was read and what was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Rows of the file, without the header.
    pub rows: u64,
    /// Rows that could not be cut into cells or have no readable time or factor.
    pub bad_rows: u64,
    /// Rows in which every mapped cell is missing.
    pub empty_rows: u64,
    /// Distinct (MN, instant) pairs with at least one reading.
    pub instants: u64,
    /// Kafka messages, one per (MN, instant), more where an instant came back late or changed.
    pub messages: u64,
    /// Readings in those messages.
    pub readings: u64,
    /// Bytes of those messages.
    pub message_bytes: u64,
    /// Mapped cells with a number.
    pub numbers: u64,
    /// Mapped cells with a data mark.
    pub flags: u64,
    /// Mapped cells that say "no value".
    pub missing: u64,
    /// Mapped cells with another text.
    pub bad_cells: u64,
    /// Cells that repeat a value already read for the same MN, factor and instant; not sent again.
    pub duplicates: u64,
    /// Cells that contradict one; sent as a resend, the later row wins in the view `readings`.
    pub conflicts: u64,
    /// The earliest instant (RFC 3339, Beijing time).
    pub first: Option<String>,
    /// The latest instant.
    pub last: Option<String>,
    /// Counts per mapped column, in the mapping's order.
    pub columns: Vec<ColumnCount>,
    /// Columns of the file that no entry maps or ignores, with how many cells hold something.
    pub unmapped: Vec<ColumnCount>,
    /// The first faults, one by one.
    pub faults: Vec<Fault>,
}

impl Report {
    /// Whether every row and cell was understood.
    pub fn is_clean(&self) -> bool {
        self.bad_rows == 0 && self.bad_cells == 0
    }
}
