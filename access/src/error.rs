//! What can go wrong when the server starts, and whose turn it is.

use std::path::PathBuf;

/// A fault of the server itself; faults of a query are [`crate::sql::Fault`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting is outside its range.
    #[error("configuration `{key}`: {what}")]
    Config {
        /// Dotted key, e.g. `serve.tls_cert`.
        key: String,
        /// What is wrong and what is allowed.
        what: String,
    },
    /// An address cannot be listened on.
    #[error("`{key} = \"{address}\"`: {source}")]
    Listen {
        /// Dotted key of the address.
        key: &'static str,
        /// Address as configured.
        address: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file the server needs cannot be used.
    #[error("`{}`: {what}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it and what to do.
        what: String,
    },
    /// The tables cannot be read.
    #[error(transparent)]
    Session(#[from] nonsite_analytics::session::Error),
    /// A listening part ended by itself.
    #[error("{part}: {what}")]
    Part {
        /// Which part.
        part: &'static str,
        /// What it said.
        what: String,
    },
}
