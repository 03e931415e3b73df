//! What can go wrong between a person and a case.

use super::calendar::beijing_text;
use super::event::ChainFault;
use super::parts::Role;
use super::step::NextStep;
use super::store::StoreError;

/// A failure of the review queue.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The workflow does not allow it.
    #[error(
        "case {case_id} is in state `{state}`: `{action}` is not possible: {why}.{}",
        possible_text(possible)
    )]
    Refused {
        /// The case.
        case_id: String,
        /// Its state.
        state: String,
        /// What was tried.
        action: String,
        /// Why not.
        why: String,
        /// What is possible instead, and for whom.
        possible: Vec<NextStep>,
    },
    /// No case has this id.
    #[error("there is no case `{0}`; `nonsite review list` shows them")]
    NotFound(String),
    /// A shortened id fits several cases.
    #[error("`{prefix}` fits {} cases ({}): write more of the id", candidates.len(), candidates.join(", "))]
    Ambiguous {
        /// What was given.
        prefix: String,
        /// Some of the cases.
        candidates: Vec<String>,
    },
    /// The role has nothing to claim.
    #[error("role `{0}` holds no state of the workflow: nothing can be claimed for it")]
    NothingToClaim(Role),
    /// Somebody acts in the engine's name.
    #[error("role `engine` is the program itself: a person acts in another role")]
    NotAPerson,
    /// Time would run backwards in the audit chain.
    #[error(
        "the clock shows {} but case {case_id} was changed at {} (Beijing): check the machine's \
         clock, and --at if it was given",
        beijing_text(*now),
        beijing_text(*last)
    )]
    ClockBehind {
        /// The case.
        case_id: String,
        /// The clock.
        now: i64,
        /// The case's last change.
        last: i64,
    },
    /// A file is not taken.
    #[error("file `{}`: {problem}", path.display())]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        problem: String,
    },
    /// A setting is wrong.
    #[error("[review] {key}: {problem}")]
    Config {
        /// The key.
        key: &'static str,
        /// What to change.
        problem: String,
    },
    /// The audit chain is broken.
    #[error("audit chain: {0}")]
    Chain(ChainFault),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mirror tables cannot be read or written.
    #[error(transparent)]
    Tables(#[from] crate::session::Error),
    /// Acts cannot be sent; they wait.
    #[error("inspections topic `{topic}`: {what}; the acts wait and are sent by the next attempt")]
    Acts {
        /// The topic.
        topic: String,
        /// What the broker or its library said.
        what: String,
    },
    /// Documents or packages cannot be made as asked.
    #[error("{0}")]
    Bundle(String),
    /// The queue ends before its mirror does.
    #[error(
        "table `{table}` mirrors the audit chain up to row {seq}, but the queue ends before it: \
         another database, or an older copy of it; put the right one back, or move the tables \
         review_events and review_cases away to have them written anew"
    )]
    MirrorAhead {
        /// The table.
        table: &'static str,
        /// Its last row.
        seq: i64,
    },
    /// Rows of `anomalies` that cannot be read.
    #[error("table `anomalies`: {0}")]
    Anomalies(String),
}

impl Error {
    /// Whether the same call can succeed without anything being changed.
    pub fn retry_helps(&self) -> bool {
        matches!(
            self,
            Self::Store(
                StoreError::Busy { .. }
                    | StoreError::Conflict { .. }
                    | StoreError::Unreachable { .. }
            ) | Self::Acts { .. }
        )
    }
}

fn possible_text(possible: &[NextStep]) -> String {
    if possible.is_empty() {
        return " Nothing can be done from this state".to_owned();
    }
    let steps: Vec<String> = possible.iter().map(NextStep::to_string).collect();
    format!(" Possible now: {}", steps.join(", "))
}
