//! What can go wrong with checklists and drawings.

use crate::session;

/// A failure, naming what has to be changed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or an argument is wrong.
    #[error("{0}")]
    Asked(String),
    /// The tables could not be read or written.
    #[error(transparent)]
    Tables(#[from] session::Error),
}

impl Error {
    /// Rows of a query that are not what the query says.
    pub(crate) fn rows(what: &'static str) -> impl FnOnce(arrow::error::ArrowError) -> Self {
        move |error| Self::Tables(session::Error::query(what)(error.into()))
    }
}
