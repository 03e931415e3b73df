//! What analysts ask, of a province's readings: the tables, the questions, and who answers them.
//!
//! [`tables`] writes readings as maintenance leaves them, [`questions`] holds the texts, [`ours`] asks
//! the engine behind `nonsite sql` and the servers, [`peers`] asks other engines about the same files,
//! [`report`] puts the figures side by side and refuses unequal answers.

pub mod ours;
pub mod peers;
pub mod questions;
pub mod report;
pub mod tables;

use std::path::PathBuf;

use serde::Serialize;

/// What every engine may use.
#[derive(Debug, Clone, Serialize)]
pub struct Limits {
    /// Threads of a query.
    pub threads: usize,
    /// Memory of a query, MiB.
    pub memory_mb: usize,
    /// Folder of what is spilled beyond that.
    pub spill: PathBuf,
    /// Disk for that, MiB.
    pub spill_mb: u64,
    /// Seconds of a query; a slower one has failed.
    pub timeout_s: u64,
    /// Seconds of a question, after which no further run of it begins.
    pub question_s: u64,
}
