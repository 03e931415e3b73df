//! Failures of the parts below, as problems.
//!
//! What the caller can change is theirs to read; what went wrong inside is logged with its particulars
//! and told without them.

use nonsite_analytics::inspection;
use nonsite_analytics::review::{Error, FileFault, Refusal, StoreError};
use nonsite_analytics::session;
use serde_json::json;

use super::problem::{
    BAD_BODY, BUSY, CANNOT_COMPUTE, CLAIMED, FORBIDDEN_ROLE, INTERNAL, KEY_REUSED, Kind,
    MISSING_FIELDS, NOT_FOUND, OUT_OF_SCOPE, Problem, REFUSED, STALE, TOO_LARGE, UNSUPPORTED_MEDIA,
};

/// Something that is not the caller's fault.
pub(super) fn internal(error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(%error, "a request failed");
    Problem::new(&INTERNAL, "the server's log has the particulars")
}

fn busy(error: &dyn std::fmt::Display) -> Problem {
    tracing::warn!(%error, "a request has to wait");
    Problem::new(&BUSY, "a database is busy or cannot be reached")
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error {
            Error::Refused {
                kind,
                possible,
                why,
                case_id,
                state,
                action,
            } => {
                let detail = format!(
                    "case {case_id} is in state `{state}`: `{action}` is not possible: {why}"
                );
                let problem = Self::new(refusal(kind), detail);
                match kind {
                    Refusal::Missing => named_fields(problem, &why),
                    // Typed data of our own: this cannot fail to serialise.
                    _ => problem.possible(json!(possible)),
                }
            }
            Error::Stale { found, .. } => Self::new(&STALE, text).version(found),
            Error::KeyReused(_) => Self::new(&KEY_REUSED, text),
            Error::OutOfScope(_) => Self::new(&OUT_OF_SCOPE, text),
            Error::NotFound(id) => Self::new(&NOT_FOUND, format!("there is no case `{id}`")),
            Error::Ambiguous { .. } => Self::new(&NOT_FOUND, text),
            Error::Bundle(_) => Self::new(&REFUSED, text),
            Error::NothingToClaim(_) | Error::NotAPerson | Error::ForBodies(_) => {
                Self::new(&FORBIDDEN_ROLE, text)
            }
            Error::File {
                fault: FileFault::TooLarge,
                ..
            } => Self::new(&TOO_LARGE, text),
            Error::File {
                fault: FileFault::Kind,
                ..
            } => Self::new(&UNSUPPORTED_MEDIA, text),
            Error::Tables(error) => error.into(),
            Error::Store(
                error @ (StoreError::Busy { .. }
                | StoreError::Unreachable { .. }
                | StoreError::Conflict { .. }),
            ) => busy(&error),
            other => internal(&other),
        }
    }
}

fn refusal(kind: Refusal) -> &'static Kind {
    match kind {
        Refusal::Rule => &REFUSED,
        Refusal::NoAction => &NOT_FOUND,
        Refusal::Role => &FORBIDDEN_ROLE,
        Refusal::Missing => &MISSING_FIELDS,
        Refusal::Field => &BAD_BODY,
        Refusal::Held => &CLAIMED,
    }
}

/// Names the fields that `why` has between backquotes.
fn named_fields(problem: Problem, why: &str) -> Problem {
    why.split('`')
        .skip(1)
        .step_by(2)
        .fold(problem, |problem, field| problem.at(format!("/{field}")))
}

impl From<session::Error> for Problem {
    fn from(error: session::Error) -> Self {
        match &error {
            session::Error::Asked { what } => Self::new(&NOT_FOUND, what.clone()),
            session::Error::Gone { .. } => Self::new(&CANNOT_COMPUTE, error.to_string()),
            _ => internal(&error),
        }
    }
}

impl From<inspection::Error> for Problem {
    /// A file of the configuration or a stored document is wrong; what a request says is told apart
    /// by [`asked`].
    fn from(error: inspection::Error) -> Self {
        match error {
            inspection::Error::Tables(error) => error.into(),
            other @ inspection::Error::Asked(_) => internal(&other),
        }
    }
}

/// A fault of what the request asks for.
pub(super) fn asked(error: inspection::Error) -> Problem {
    match error {
        inspection::Error::Asked(what) => Problem::new(&BAD_BODY, what).at(""),
        inspection::Error::Tables(error) => error.into(),
    }
}
