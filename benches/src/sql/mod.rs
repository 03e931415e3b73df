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
