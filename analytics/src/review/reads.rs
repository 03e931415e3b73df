//! Who read what (查阅记录): a row for every reading request that was answered or refused.
//!
//! Cases name people and what they are suspected of, and evidence shows where they work. Whoever lets
//! people read them over a network notes it here before the answer leaves. A row says who, in which role
//! of which body, when, what, and how it was answered. It holds neither tokens nor what was read.
//!
//! Rows are never changed or removed: the database refuses it. They are no part of the audit chain, which
//! is about what changes a case. Noting one takes no lock of the queue: a long change delays nobody who
//! reads in PostgreSQL, and in SQLite only by the time it holds the file.

use serde::Serialize;

use super::error::Error;
use super::service::Service;

/// A reading request, as it is noted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Read {
    /// Position in the log; given when it is noted.
    pub seq: i64,
    /// When it was answered, microseconds UTC; given when it is noted.
    pub at: i64,
    /// Who read.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// Their body.
    pub org_code: Option<String>,
    /// What they read through, such as `api`.
    pub client: String,
    /// What was asked for, by the name of the operation.
    pub operation: String,
    /// What kind of thing it is: `case`, `file`, `package`, `anomaly`, `inspection` ...
    pub kind: String,
    /// Which one, by its id; `None` for a list.
    pub subject: Option<String>,
    /// Which part of it: the hash of a file, the name of a bundle.
    pub part: Option<String>,
    /// What a list was narrowed to.
    pub query: Option<String>,
    /// HTTP status of the answer: below 400 it was given.
    pub status: i64,
}

/// Which rows to look for; empty means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadsWanted {
    /// Who read.
    pub actor: Option<String>,
    /// What kind of thing.
    pub kind: Option<String>,
    /// Which one.
    pub subject: Option<String>,
    /// Not before this instant, microseconds UTC.
    pub since: Option<i64>,
    /// Before this instant.
    pub until: Option<i64>,
    /// How the codes of the readers' bodies begin; the service puts the caller's in.
    pub org_prefix: Option<String>,
    /// Only what comes after the row at this position: earlier ones, for the latest come first.
    pub before: Option<i64>,
    /// At most this many; 0 means no bound.
    pub limit: u32,
}

impl Service {
    /// Notes a reading request, as of now.
    ///
    /// # Errors
    /// [`Error::Store`]: nothing was noted, and what was read must not be told.
    pub async fn note_read(&self, read: Read) -> Result<(), Error> {
        let read = Read {
            at: self.clock.now_micros(),
            ..read
        };
        Ok(self.store.note_read(&read).await?)
    }

    /// Reading requests, the latest first: by people of the caller's body and those below.
    ///
    /// # Errors
    /// [`Error::ForBodies`] for an enterprise, [`Error::Store`].
    pub async fn reads(&self, wanted: &ReadsWanted) -> Result<Vec<Read>, Error> {
        self.for_bodies("see who read what")?;
        let wanted = ReadsWanted {
            org_prefix: self.caller.scope.org_prefix().map(str::to_owned),
            ..wanted.clone()
        };
        Ok(self.store.reads(&wanted).await?)
    }
}
