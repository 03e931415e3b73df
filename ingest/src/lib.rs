//! Kafka to Delta, exactly once.

pub mod faults;
pub mod import;
pub mod log;
pub mod maintain;
pub mod quarantine;
pub mod store;
