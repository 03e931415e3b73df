//! When in a run a rule is judged.
//!
//! Most rules judge logger-days. Some judge what has no logger-days: orders of the queue, or the
//! findings of other rules. They are judged whole, in every run, after the others and in a fixed
//! order, so that what they say follows from the state a run arrives at and not from how it got
//! there.

use serde::{Deserialize, Serialize};

/// The stages of a run, in order.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Logger-days and permits, as far as they were touched.
    #[default]
    Rows,
    /// Tables that no run cuts down: orders, documents, daily means.
    Tables,
    /// Standing findings, to tell whether so many at once can be true.
    Floods,
    /// Standing findings that can be believed.
    Findings,
}

impl Stage {
    /// The stages that are judged whole, in order.
    pub(super) const WHOLE: [Self; 3] = [Self::Tables, Self::Floods, Self::Findings];

    /// Its word in the front matter.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rows => "rows",
            Self::Tables => "tables",
            Self::Floods => "floods",
            Self::Findings => "findings",
        }
    }
}
