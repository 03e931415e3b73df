//! Kafka to Delta, exactly once.
//!
//! Records come from Kafka, are decoded into rows of the tables of `nonsite-schemas`, and become
//! visible together with their offsets in one log entry per table. [`service`] draws the state
//! machine and names the invariants N1 to N9 ([`invariants`]); [`log`] is the commit itself;
//! [`mod@write`] makes the files; [`verify`] proves the result. [`loss`] is the operator's way on
//! after records were deleted before they were read.
//!
//! For other writers of the same tables (redriving from quarantine): [`decode::RecordDecoder`]
//! turns one record into rows, [`write::write_parquet`] uploads them, [`log::TableLog`] commits
//! them with an application id of one's own.

pub mod config;
pub mod decode;
pub mod faults;
pub mod http;
pub mod import;
pub mod invariants;
pub mod log;
pub mod loss;
pub mod maintain;
pub mod metrics;
pub mod quarantine;
pub mod report;
pub mod resume;
pub mod service;
pub mod store;
pub mod verify;
pub mod write;

mod budget;
mod caught_up;
mod columns;
mod consumer;
mod intake;
mod permit;
mod pipeline;
mod start;
mod steering;
mod target;

pub use config::Config;
pub use metrics::Metrics;
pub use report::Report;
pub use service::{Service, ServiceError};
pub use store::Store;

#[cfg(test)]
mod service_tests;
