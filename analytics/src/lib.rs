//! Detection, ratio, review and SQL over the tables

pub mod ratio;
