//! What the queue needs from a database.
//!
//! All writing happens inside a [`Tx`] that excludes other writers of the rows it touches from its
//! first statement on (SQLite: `BEGIN IMMEDIATE`; PostgreSQL: an advisory lock of the
//! queue). Nothing is visible before [`Tx::commit`]; dropping a transaction undoes it.

use super::caller::Scope;
use super::case::Case;
use super::event::Event;
use super::machine::Machine;
use super::parts::Severity;
use super::reads::{Read, ReadsWanted};

/// A failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the database; trying again helps.
    #[error("review database `{database}` is busy: another process is writing; try again")]
    Busy {
        /// Path or address.
        database: String,
    },
    /// The database cannot be opened.
    #[error("review database `{database}` cannot be opened: {source}")]
    Open {
        /// Path or address.
        database: String,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The server cannot be reached or ended the session; trying again helps.
    #[error("review database `{database}` cannot be reached, {what}: {source}; try again")]
    Unreachable {
        /// Address.
        database: String,
        /// Which statement.
        what: &'static str,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// The database is of a newer program.
    #[error(
        "review database `{database}` has schema version {found}, this program knows {known}: \
         use the program that wrote it or a newer one"
    )]
    Newer {
        /// Path or address.
        database: String,
        /// Version of the database.
        found: i64,
        /// Version of the program.
        known: i64,
    },
    /// A statement failed.
    #[error("review database `{database}`, {what}: {source}")]
    Statement {
        /// Path or address.
        database: String,
        /// Which statement.
        what: &'static str,
        /// What the driver said.
        source: sqlx::Error,
    },
    /// A row cannot be read.
    #[error("review database `{database}`, {what} `{id}`: {problem}")]
    Row {
        /// Path or address.
        database: String,
        /// Kind of row.
        what: &'static str,
        /// Which row.
        id: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Somebody changed the case in between; what was decided was decided on an old version.
    #[error("case {case_id} was changed by somebody else (version {version} is gone); look again")]
    Conflict {
        /// The case.
        case_id: String,
        /// The version that was to be replaced.
        version: i64,
    },
}

/// Which cases to look for. Empty means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// States.
    pub states: Vec<String>,
    /// Body in charge.
    pub org_code: Option<String>,
    /// Holder of a claim, valid or not.
    pub assignee: Option<String>,
    /// Only cases that are not in a final state.
    pub open_only: bool,
    /// Severities.
    pub severities: Vec<Severity>,
    /// Permit of the unit.
    pub permit_no: Option<String>,
    /// Outlet, logger or permit the case is about.
    pub subject: Option<String>,
    /// The rule that fired.
    pub rule_id: Option<String>,
    /// Only cases whose deadline lies before this instant, microseconds UTC.
    pub due_before: Option<i64>,
    /// Whose cases may be seen; the service puts the caller's in.
    pub scope: Scope,
    /// In which order.
    pub order: Order,
    /// Only what comes after this place in that order.
    pub after: Option<Place>,
    /// At most this many; 0 means no bound.
    pub limit: u32,
    /// How many to skip.
    pub offset: u32,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The worst and most urgent first. A case that changes may change its place.
    #[default]
    Urgency,
    /// The oldest first. A case never changes its place.
    Opened,
}

/// The place of a case in a list, to go on from there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Place {
    /// Whether it is not in a final state.
    pub is_open: bool,
    /// Its severity.
    pub severity: String,
    /// Its deadline.
    pub due_at: Option<i64>,
    /// When it was opened.
    pub opened_at: i64,
    /// Its id.
    pub case_id: String,
}

impl Place {
    /// The place of a case.
    pub fn of(case: &Case) -> Self {
        Self {
            is_open: is_open(case),
            severity: case.severity.code().to_owned(),
            due_at: case.due_at,
            opened_at: case.opened_at,
            case_id: case.case_id.clone(),
        }
    }
}

/// Whether a case is not in a final state.
pub(super) fn is_open(case: &Case) -> bool {
    Machine::built_in()
        .state(&case.state)
        .is_none_or(|state| !state.is_final)
}

/// A request with a key, and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Whose key.
    pub user: String,
    /// The key.
    pub key: String,
    /// Hash of what was asked.
    pub fingerprint: String,
    /// The answer; `None` while it is being worked out.
    pub document: Option<String>,
    /// When it was begun, microseconds UTC.
    pub at: i64,
}

/// A file that an audit row names, as the index has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRow {
    /// The audit row.
    pub seq: i64,
    /// Place among the row's files, from 0.
    pub position: i64,
    /// The case.
    pub case_id: String,
    /// File name.
    pub name: String,
    /// SHA-256 of the content, hex.
    pub sha256: String,
    /// What the picture looks like, hex; `None` when nothing can be said.
    pub picture: Option<String>,
    /// What it shows, as whoever handed it in said.
    pub kind: Option<String>,
    /// When it was handed in, microseconds UTC.
    pub at: i64,
}

/// A case in the index as the audit compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// The case.
    pub case_id: String,
    /// Its version.
    pub version: i64,
    /// SHA-256 of its document, hex.
    pub sha256: String,
    /// Whether the columns it is searched by say what the document says.
    pub columns_agree: bool,
}

/// A version of a case, as the change that brought it left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRow {
    /// The case.
    pub case_id: String,
    /// The version, from 1.
    pub version: i64,
    /// The audit row it came from.
    pub seq: i64,
    /// The case as JSON.
    pub document: String,
    /// SHA-256 of the document, hex.
    pub sha256: String,
}

/// A version of an inspection act that the workflow wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActRow {
    /// The audit row it came from.
    pub seq: i64,
    /// Id of the act.
    pub act_id: String,
    /// Version, from 1.
    pub act_version: i32,
    /// The case.
    pub case_id: String,
    /// The act as JSON.
    pub document: String,
    /// SHA-256 of the document, hex.
    pub sha256: String,
    /// When it was written, microseconds UTC.
    pub at: i64,
}

/// An act that arrived in a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRow {
    /// The audit row of the act.
    pub seq: i64,
    /// The act.
    pub act_id: String,
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i64,
    /// Offset there.
    pub offset: i64,
    /// When that was noted, microseconds UTC.
    pub at: i64,
}

/// That acts are about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendIntent {
    /// To which topic.
    pub topic: String,
    /// Up to which audit row.
    pub last_seq: i64,
    /// Where the topic's partitions ended before anything was sent, JSON.
    pub marks: String,
    /// Until when nobody else tries, microseconds UTC.
    pub until: i64,
    /// When it was written.
    pub at: i64,
}

/// The queue's database.
#[async_trait::async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Begins a writing transaction.
    async fn begin(&self) -> Result<Box<dyn Tx>, StoreError>;
    /// One case.
    async fn case(&self, case_id: &str) -> Result<Option<Case>, StoreError>;
    /// Ids that begin like this, at most `limit`.
    async fn ids_like(&self, prefix: &str, limit: u32) -> Result<Vec<String>, StoreError>;
    /// Cases, the worst and most urgent first.
    async fn cases(&self, filter: &Filter) -> Result<Vec<Case>, StoreError>;
    /// The cases of a unit by its permit, opened at `since` or later, the latest first.
    async fn cases_of_unit(&self, permit_no: &str, since: i64) -> Result<Vec<Case>, StoreError>;
    /// Number of cases per state.
    async fn counts(&self, scope: &Scope) -> Result<Vec<(String, i64)>, StoreError>;
    /// The rows of one case in order.
    async fn events_of(&self, case_id: &str) -> Result<Vec<Event>, StoreError>;
    /// Rows of the chain after position `after`, at most `limit`.
    async fn events(&self, after: i64, limit: u32) -> Result<Vec<Event>, StoreError>;
    /// Files handed in before the one at this position: those with this content and, on request,
    /// all that have a picture; in order.
    async fn files_before(
        &self,
        seq: i64,
        position: i64,
        sha256: &str,
        pictures: bool,
    ) -> Result<Vec<FileRow>, StoreError>;
    /// Versions of acts after this position of the chain that were not sent to a topic, in order.
    async fn acts_waiting(&self, after: i64) -> Result<Vec<ActRow>, StoreError>;
    /// Versions of acts of a case, in order.
    async fn acts_of(&self, case_id: &str) -> Result<Vec<ActRow>, StoreError>;
    /// Rows of the chain after this position that set a mark, in order.
    async fn marks_waiting(&self, after: i64) -> Result<Vec<Event>, StoreError>;
    /// A version of a case; `None` when there is none, or it is from before versions were kept.
    async fn version(&self, case_id: &str, version: i64) -> Result<Option<VersionRow>, StoreError>;
    /// Versions of cases that the rows after `after` up to `until` brought, in order.
    async fn versions_between(&self, after: i64, until: i64)
    -> Result<Vec<VersionRow>, StoreError>;
    /// The index of cases as the audit compares it, by id.
    async fn fingerprints(&self) -> Result<Vec<Fingerprint>, StoreError>;
    /// Acts of the rows after `after` up to `until`, in order.
    async fn acts_between(&self, after: i64, until: i64) -> Result<Vec<ActRow>, StoreError>;
    /// The index of files of the rows after `after` up to `until`, in order.
    async fn files_between(&self, after: i64, until: i64) -> Result<Vec<FileRow>, StoreError>;
    /// Appends to the log of reads; its position is given here. Takes no lock of the queue.
    async fn note_read(&self, read: &Read) -> Result<(), StoreError>;
    /// Rows of the log of reads, the latest first.
    async fn reads(&self, wanted: &ReadsWanted) -> Result<Vec<Read>, StoreError>;
}

/// A writing transaction.
#[async_trait::async_trait]
pub trait Tx: Send {
    /// One case, kept from other writers.
    async fn case(&mut self, case_id: &str) -> Result<Option<Case>, StoreError>;
    /// The open cases on a subject (merged and reminded ones are not open in this sense), the oldest
    /// first.
    async fn open_cases_on(&mut self, subject: &str, except: &str)
    -> Result<Vec<Case>, StoreError>;
    /// The rows of one case in order, those of this transaction included.
    async fn events_of(&mut self, case_id: &str) -> Result<Vec<Event>, StoreError>;
    /// Versions of acts of a case, in order, those of this transaction included.
    async fn acts_of(&mut self, case_id: &str) -> Result<Vec<ActRow>, StoreError>;
    /// As [`Store::acts_waiting`], kept from other writers.
    async fn acts_waiting(&mut self, after: i64) -> Result<Vec<ActRow>, StoreError>;
    /// Notes a version of an act.
    async fn put_act(&mut self, act: &ActRow) -> Result<(), StoreError>;
    /// The last intent to send acts to a topic.
    async fn last_intent(&mut self, topic: &str) -> Result<Option<SendIntent>, StoreError>;
    /// Notes that acts are about to be sent.
    async fn put_intent(&mut self, intent: &SendIntent) -> Result<(), StoreError>;
    /// Notes that an act arrived.
    async fn put_sent(&mut self, sent: &SentRow) -> Result<(), StoreError>;
    /// The case on a subject and rule group whose look-back was running at `at` and that is closed
    /// by now, the latest first.
    async fn looked_back_on(
        &mut self,
        subject: &str,
        rule_group: &str,
        at: i64,
    ) -> Result<Option<Case>, StoreError>;
    /// Cases in these states that nobody holds at `now`, the worst and most urgent first.
    async fn unclaimed(
        &mut self,
        states: &[String],
        org_code: Option<&str>,
        now: i64,
        limit: u32,
        offset: u32,
    ) -> Result<Vec<Case>, StoreError>;
    /// The case whose timer is next, after so many that have to wait, if it is not after `now`.
    async fn next_timer(&mut self, now: i64, waiting: u32) -> Result<Option<Case>, StoreError>;
    /// Keeps a new case (`replaces` is `None`) or the next version of one, and puts it into the index.
    /// `seq` is the position of the audit row that tells of it, which has to follow in the same
    /// transaction.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when the newest version is not `replaces`; nothing but giving the
    /// transaction up makes sense then.
    async fn put(
        &mut self,
        case: &Case,
        replaces: Option<&Case>,
        seq: i64,
    ) -> Result<(), StoreError>;
    /// Writes the index of cases anew from the versions; how many cases it holds. What stands in it
    /// without a version and without an audit row is taken out.
    async fn rebuild_index(&mut self) -> Result<u64, StoreError>;
    /// Position and hash of the last row of the chain.
    async fn head(&mut self) -> Result<Option<(i64, String)>, StoreError>;
    /// Appends a row.
    async fn append(&mut self, event: &Event) -> Result<(), StoreError>;
    /// Notes a file that a row names.
    async fn put_file(&mut self, file: &FileRow) -> Result<(), StoreError>;
    /// What is known of a person's key.
    async fn answer_of(&mut self, user: &str, key: &str) -> Result<Option<Answered>, StoreError>;
    /// Stores a key, or the answer of one.
    async fn put_answer(&mut self, answered: &Answered) -> Result<(), StoreError>;
    /// Forgets the keys from before an instant; how many.
    async fn forget_answers(&mut self, before: i64) -> Result<u64, StoreError>;
    /// Makes everything visible at once.
    async fn commit(self: Box<Self>) -> Result<(), StoreError>;
}
