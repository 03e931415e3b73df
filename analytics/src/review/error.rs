//! What can go wrong between a person and a case.

use super::calendar::beijing_text;
use super::event::ChainFault;
use super::parts::Role;
use super::step::NextStep;
use super::store::StoreError;

/// Why the workflow does not allow something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Not in this state, or a condition does not hold.
    Rule,
    /// There is no such action.
    NoAction,
    /// Not in this role.
    Role,
    /// Fields are missing.
    Missing,
    /// A field says something it cannot.
    Field,
    /// Somebody else has claimed the case.
    Held,
}

/// Why a file is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFault {
    /// Larger than allowed.
    TooLarge,
    /// Its content is of no kind that is taken.
    Kind,
    /// It cannot be read, or not be kept.
    Disk,
}

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
        /// What kind of refusal it is.
        kind: Refusal,
        /// Why not.
        why: String,
        /// What is possible instead, and for whom.
        possible: Vec<NextStep>,
    },
    /// The case is not at the version that was decided on.
    #[error(
        "case {case_id} is at version {found}, not {expected}: somebody else changed it, or a \
         deadline passed; look again and decide on what it is now"
    )]
    Stale {
        /// The case.
        case_id: String,
        /// The version that was decided on.
        expected: i64,
        /// The version it has.
        found: i64,
    },
    /// A request's key was used for something else.
    #[error("key `{0}` was used for another request: every request has a key of its own")]
    KeyReused(String),
    /// The caller sees a part of the queue, and this is about all of it.
    #[error("{0} is about the whole queue, and you see a part of it")]
    OutOfScope(&'static str),
    /// It is for those who judge, and the caller is an enterprise.
    #[error("role `enterprise` may not {0}: it is for the bodies in charge")]
    ForBodies(&'static str),
    /// The permits cannot be read.
    #[error("permits: {0}")]
    Permits(String),
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
        /// What kind of fault it is.
        fault: FileFault,
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
