//! Detection, ratio, review and SQL over the tables

#[cfg(test)]
mod fixtures;
pub mod functions;
pub mod ratio;
pub mod session;
pub mod views;
