//! The review queue: what becomes of a finding, who decides, by when, and the proof of it.
//!
//! The workflow is data ([`Machine`], read from `machine.toml`). A pure core (`desk`) decides what
//! an action does to a case or why it is refused; a [`Service`] runs each change in one transaction
//! of a [`Store`] together with its row of the audit chain.
//!
//! ```text
//! anomalies -> intake -> detected -> triage -> dispatched -> self_check -> answered -> verify_off
//!                          |  \                                                           |
//!                      reminded merged                 look_back <- approved <- submitted <- rectify
//! ```
//!
//! Invariants:
//! - **W1** A case changes only along a way of the machine, by a role that may, under its guards.
//! - **W2** Every change is one new version of the case and one row of the chain, in one
//!   transaction; rows and versions are never changed or removed (triggers refuse it, hashes prove it).
//!   What is searched is an index of the newest versions, which can be written anew from them.
//! - **W3** A case is claimed by at most one person at a time.
//! - **W4** Deadlines run from their clock's start and end after it; one that passed takes effect as
//!   of the moment it passed, before anything else happens to the case.
//! - **W5** One anomaly is one case, however often it is taken in.
//! - **W6** Nobody sees or touches a case outside their [`Scope`]; a request with a key is done once.
//! - **W7** Nothing is decided by one person alone or by the program: dismissing, and approving from S2 on,
//!   takes two signatures; behind any other decision there are two persons all the same.
//! - **W8** A visit of a furnace that serves several cases is one act, and every one of them names it.
//!
//! Failure modes: another process holds the database ([`StoreError::Busy`], trying again helps);
//! somebody was faster ([`StoreError::Conflict`], tried again inside); the clock runs backwards
//! ([`Error::ClockBehind`], nothing is written); the chain is broken ([`Service::audit`] names the
//! first row).

mod act;
mod audit;
mod bundle;
mod calendar;
mod calendar_file;
mod caller;
mod case;
mod checked;
mod checklist;
mod claims;
mod clocks;
mod deadline;
mod deadline_file;
mod desk;
mod diagram;
mod dossier;
mod error;
mod event;
mod evidence;
mod extension;
mod fields;
mod guard;
mod intake;
mod investigation;
mod look_back;
mod machine;
mod manifest;
mod marks;
mod messages;
mod mirror;
mod package;
mod parts;
mod penalty;
mod postgres;
mod reads;
mod recheck;
mod registry;
mod relapse;
mod relational;
mod reported;
mod review_row;
mod rise;
mod service;
mod settings;
mod source;
mod sqlite;
mod stats;
mod step;
mod store;
mod stored;
mod templates;
mod terms;
mod tick;
mod visit;

#[cfg(test)]
mod behaviour;
#[cfg(test)]
mod by_hand;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod earlier;
#[cfg(test)]
mod killed;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod mirror_tests;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod properties_ends;
#[cfg(test)]
mod properties_persons;
#[cfg(test)]
mod tampering;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod testing_postgres;
#[cfg(test)]
mod versions_tests;
#[cfg(test)]
mod walk;

pub use crate::detect::dry::{Again, Rerun};
pub use act::{ActView, Record, Target};
pub use audit::AuditReport;
pub use bundle::{Bundle, Bundles, DocumentDef, Printed, Serving, Table};
pub use calendar::{Calendar, beijing_text};
pub use caller::{Begun, Caller, Request, Scope};
pub use case::{
    Case, CheckResult, HeldDeadline, LookBackCheck, Plan, RunningClock, Signature, VisitApproval,
};
pub use checked::Checked;
pub use checklist::{Answer, Verdict};
pub use diagram::{document, mermaid};
pub use dossier::{
    Conflict, Curve, CurveHour, Dossier, ItemView, Papers, PastCase, Penalty, Problem, Proofs,
    Risk, Running, Submission,
};
pub use error::{Error, FileFault, Refusal};
pub use event::{ChainFault, Event};
pub(crate) use evidence::near;
pub use evidence::{CaseFile, EvidenceKind, FileFacts, Incoming, Kept, SeenBefore};
pub use guard::Guard;
pub use intake::{Finding, Intake};
pub use investigation::{Investigation, OnsiteView, Share};
pub use machine::{Machine, MachineError};
pub use messages::{Message, MessageKind};
pub use mirror::Mirrored;
pub use package::Package;
pub use parts::{
    ClockDef, Counts, DeadlineRule, FieldDef, FourEyes, ItemDef, Law, Role, Severity, State,
    Transition, UnitKind,
};
pub use penalty::{Fact, Hearing, LatePayment, LegalReview, Procedure, late_payment, yuan};
pub use postgres::PostgresStore;
pub use reads::{Read, ReadsWanted};
pub use recheck::{Recheck, Rechecked, TableRecheck, Verdict as RecheckVerdict, WithoutTables};
pub use registry::{Registered, Registry, TableRegistry, WithoutPermits};
pub use reported::{Clue, SourceSystem};
pub use review_row::Reviewed;
pub use service::{Service, Shown};
pub use settings::{Body, Config};
pub use source::{findings_from_batches, load_findings};
pub use sqlite::SqliteStore;
pub use stats::{Figure, Rate, StatRow};
pub use step::{Actor, Attachment, Input, NextStep};
pub use store::{
    ActRow, Answered, FileRow, Filter, Order, Place, SendIntent, SentRow, Store, StoreError, Tx,
    VersionRow,
};
pub use terms::{ClockTerms, Length, Terms};
pub use tick::Fired;
