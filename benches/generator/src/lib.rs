//! A province from a seed: readings, permits, inspections, faults and their truth.
//!
//! Tests, the demo and the benchmarks need input that looks like the real thing and whose right
//! answers are known. This crate makes it: plants with a daily and a weekly rhythm, instruments
//! with noise and resolution, loggers that resend, fall silent and catch up, packets that are
//! broken in every way the wire has shown, permits that change while the data flows, inspections
//! with the edge cases of the ratio. Whatever it breaks on purpose it writes down ([`truth`]), and
//! so it does for what looks broken and must not be flagged.
//!
//! Invariants:
//! - Same [`Scale`], same bytes, on any machine and with any number of threads. Each point draws
//!   from a stream of its own, and messages are ordered by arrival, point and sequence.
//! - Time comes from the scale. Nothing here reads a clock, except for holding a rate.
//! - Memory is bounded by an hour of the province: messages are made hour by hour and what arrives
//!   later is kept until then.
//!
//! Failure modes: a scale that cannot be generated is refused with the name of the key
//! ([`ScaleError`]); producing to Kafka fails with topic and cause ([`produce::ProduceError`]).

pub mod business;
pub mod city_year;
mod delivery;
pub mod factor;
pub mod files;
mod hour_plan;
pub mod inspections;
pub mod kind;
pub mod layout;
pub mod malformed;
pub mod message;
mod noise;
mod packet;
pub mod permits;
pub mod plan;
mod point;
mod process;
pub mod produce;
pub mod province;
pub mod replay;
pub mod scale;
mod stamp;
pub mod supporting;
pub mod truth;

pub use message::{Message, Topic, Topics};
pub use produce::{ProduceOptions, Produced, produce};
pub use province::Province;
pub use scale::{Scale, ScaleError};
