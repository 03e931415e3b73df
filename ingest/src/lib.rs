//! Kafka to Delta, exactly once.

pub mod import;
