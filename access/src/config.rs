//! `[serve]`: where the server listens and with what.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::{rest, sql};

/// `[serve]`. Every address is `HOST:PORT`; an empty one leaves that part out.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address of the PostgreSQL wire protocol.
    pub postgres: String,
    /// Address of Arrow Flight SQL.
    pub flight: String,
    /// Address of HTTP: metrics, health, and what is mounted beside them.
    pub http: String,
    /// Certificate chain, PEM; with `tls_key`, every part listens with TLS.
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, PEM.
    pub tls_key: Option<PathBuf>,
    /// Who may ask, written by `nonsite user`; nobody while it does not exist.
    pub users: PathBuf,
    /// `[serve.sql]`: what a query may use.
    pub sql: sql::Config,
    /// `[serve.rest]`: who may call the API.
    pub rest: rest::Config,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            postgres: "127.0.0.1:5433".to_owned(),
            flight: "127.0.0.1:32010".to_owned(),
            http: "127.0.0.1:8080".to_owned(),
            tls_cert: None,
            tls_key: None,
            users: PathBuf::from("data/users.toml"),
            sql: sql::Config::default(),
            rest: rest::Config::default(),
        }
    }
}

impl Config {
    /// Refuses settings that cannot work, naming the key.
    ///
    /// # Errors
    /// A value outside its range, or a certificate without its key.
    pub fn validate(&self) -> Result<(), Error> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err(Error::Config {
                key: "serve.tls_cert".to_owned(),
                what: "a certificate and its key go together: set `serve.tls_cert` and \
                       `serve.tls_key`, or neither"
                    .to_owned(),
            });
        }
        self.sql.validate()
    }
}
