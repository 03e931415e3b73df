//! SQL for analysts: read-only by construction, bounded, over two wires and one shell.

mod config;

pub use config::Config;
