//! REST API of the case work: cases, files, documents, inspections, figures, ratio, findings.
//!
//! The handlers have no rules of their own: they read a request strictly, ask the service that the
//! command line asks, and say what came of it. Roles and conditions are the workflow's; whose cases
//! somebody sees is kept by the service ([`nonsite_analytics::review::Scope`]).
//!
//! Invariants:
//! - **R1** Every answer is described in the OpenAPI document, and every answer that is not what was
//!   asked for is a problem (RFC 9457) with a stable code.
//! - **R2** A change of a case names the version it was decided on (`If-Match`); the check and the
//!   change are one transaction.
//! - **R3** A request with an `Idempotency-Key` is done once; for cases the answer is written in the
//!   transaction of the change.
//! - **R4** A token is known by its SHA-256 alone and never written to a log.
//! - **R5** An answer about a case, a unit or a person leaves after its row of the access log is
//!   written.
//!
//! Failure modes: a database that is busy or away gives 503 with `Retry-After`; a fault inside gives
//! 500 without its particulars, which are in the log; a handler that panics gives 500 and ends nobody
//! else's request.

mod access_log;
mod anomalies;
mod answered;
mod answers;
mod app;
mod around;
mod audits;
mod bundles;
mod cases;
mod checklists;
mod clues;
mod config;
mod described;
mod documents;
mod dossier;
mod drawings;
mod draws;
mod extract;
mod fault;
mod figures;
mod files;
mod identity;
mod inspections;
mod kept;
mod layer;
mod messages;
mod officers;
mod openapi;
mod outlook;
mod packages;
mod papers;
mod problem;
mod proofs;
mod publication;
mod ratio;
mod records;
mod reviewers;
mod routes;
mod samples;
mod snapshots;
mod supervision;
mod surround;
mod targets;
mod view;
mod work;
mod workflow;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use app::{Parts, Records};
pub use config::{Config, ConfigError, User};
pub use identity::new_token;
pub use openapi::document;
pub use problem::{KINDS, Kind};
pub use routes::{forget_old_answers, router};
