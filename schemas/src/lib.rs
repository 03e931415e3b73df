//! What a packet, reading, permit, inspection, anomaly and review *are*.
//!
//! This crate knows nobody: no Kafka, no Delta, no query engine. It turns bytes into typed facts
//! ([`hj212`], [`wire`]), says how those facts look as columns ([`tables`]), and holds the three
//! things every other crate must agree on: how time is read ([`time`]), which codes a refused
//! message carries ([`reason`]) and which copy of a reading counts ([`copies`]).
//!
//! Failure is always a value: no input, however broken, is a reason to panic.

pub mod copies;
pub mod hj212;
pub mod reason;
pub mod settings;
pub mod tables;
pub mod time;
pub mod wire;
