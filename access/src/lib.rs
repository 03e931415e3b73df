//! How people and programs reach the tables and the queue: SQL for analysts, REST for systems.
//!
//! Every part that listens is a part of one `nonsite serve`: it is made from its own section
//! of the settings, told when to stop, and ends in good order. Parts know nothing of each other;
//! the binary composes those that are configured.

mod config;
mod error;
pub mod http;
#[allow(
    unused_qualifications,
    reason = "what describes an operation repeats its types with their full names"
)]
pub mod rest;
pub mod sql;
mod tls;

use std::net::SocketAddr;

use tokio::sync::watch;

pub use config::Config;
pub use error::Error;
pub use tls::Tls;

/// A part of the server that is bound to its address and ready to be run.
#[derive(Debug, Clone)]
pub struct Listening {
    /// Which part, as it is told to the operator: `postgresql`, `flight`, `http`.
    pub name: &'static str,
    /// Address it is bound to; the port is the real one when 0 was asked for.
    pub address: SocketAddr,
    /// Whether connections can be encrypted.
    pub tls: bool,
}

/// Ends when the process is to end.
pub async fn ended(mut stopped: watch::Receiver<bool>) {
    // A dropped sender means the process is ending, too.
    let _ = stopped.wait_for(|stop| *stop).await;
}
