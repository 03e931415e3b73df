//! What is wrong with a document, field by field.

use serde::{Deserialize, Serialize};

/// One fault of a document: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// Path of the field, e.g. `outlets[2].limits[0].conc_limit`.
    pub field: String,
    /// What is wrong and what is expected, e.g. `must be > 0`.
    pub fault: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.fault)
    }
}

/// The faults as the JSON list that tables store, `None` when there are none.
pub fn to_json(faults: &[Fault]) -> Option<String> {
    if faults.is_empty() {
        return None;
    }
    // Two texts per fault always serialise; an empty list would be the lie to avoid.
    Some(serde_json::to_string(faults).unwrap_or_else(|error| format!("[\"{error}\"]")))
}

/// Collects faults while a document is walked; `at` narrows the path.
#[derive(Debug, Default)]
pub(super) struct Faults {
    found: Vec<Fault>,
}

impl Faults {
    pub(super) fn add(&mut self, field: impl Into<String>, fault: impl Into<String>) {
        self.found.push(Fault {
            field: field.into(),
            fault: fault.into(),
        });
    }

    /// Adds a fault when `good` is false.
    pub(super) fn require(&mut self, good: bool, field: impl Into<String>, fault: &str) {
        if !good {
            self.add(field, fault);
        }
    }

    /// Adds a fault when a required text is blank.
    pub(super) fn text(&mut self, text: &str, field: impl Into<String>) {
        self.require(!text.trim().is_empty(), field, "is missing");
    }

    /// Adds a fault when a required value is absent.
    pub(super) fn given<T>(&mut self, value: Option<&T>, field: impl Into<String>) {
        self.require(value.is_some(), field, "is missing");
    }

    /// Adds a fault when a number is given but not finite or not above zero.
    pub(super) fn positive(&mut self, number: Option<f64>, field: impl Into<String>) {
        if let Some(number) = number {
            self.require(number.is_finite() && number > 0.0, field, "must be > 0");
        }
    }

    /// Adds a fault when a number is given but outside `low..=high`.
    pub(super) fn within(
        &mut self,
        number: Option<f64>,
        low: f64,
        high: f64,
        field: impl Into<String>,
    ) {
        if let Some(number) = number
            && !(low..=high).contains(&number)
        {
            self.add(field, format!("must be between {low} and {high}"));
        }
    }

    pub(super) fn into_vec(self) -> Vec<Fault> {
        self.found
    }
}
