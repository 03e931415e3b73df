//! Detection, ratio, review and SQL over the tables

pub mod alert;
pub mod backtest;
pub mod detect;
pub mod feedback;
#[cfg(test)]
mod fixtures;
pub mod functions;
pub mod inspection;
pub mod ratio;
pub mod review;
pub mod session;
pub mod targets;
pub mod views;
