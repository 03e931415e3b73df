//! SQL for analysts: read-only by construction, bounded, over two wires and one shell.
//!
//! ```text
//! text ──guard──▶ checked plan ──run──▶ rows
//!           ▲                     ▲
//!      catalogue (per user)    engine (threads, turns, memory, log)
//! ```
//!
//! Every way in goes the same way: [`guard`] turns text into steps and steps into checked plans,
//! in the [`catalogue`] of the user who asks; [`engine::Engine::run`] runs a plan within its limits. The wires only translate.

pub mod catalogue;
mod config;
pub mod connections;
mod constants;
mod ends;
pub mod engine;
mod fault;
mod fenced;
pub mod flight;
pub mod guard;
mod held;
pub mod log;
mod memory;
mod parameters;
mod passing;
pub mod pg;
mod reads;
pub mod run;
pub mod scans;
pub mod scope;
mod sent;
pub mod users;
mod wide;

pub use config::Config;
pub use engine::{Engine, Setup};
pub use fault::{Fault, FaultKind};
pub use reads::ReadLog;
pub use users::{User, Users};

#[cfg(test)]
mod tests;
