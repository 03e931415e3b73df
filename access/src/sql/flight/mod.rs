//! Arrow Flight SQL: results as columns, for ADBC and JDBC drivers and everything in bulk.
//!
//! A client logs in with its name and password and gets a bearer token, good for [`TOKEN_HOURS`]
//! hours after its last use. Statements pass the same guard and limits as on the PostgreSQL wire.
//!
//! Invariants:
//! - every call but the handshake needs a token of a user that still exists;
//! - a ticket holds the statement, not a place on this server: it is checked again, for whoever
//!   redeems it, when it is redeemed;
//! - what is kept for a client (tokens, prepared statements) is bounded.
//!
//! Failure modes: an address that is taken stops the start.

mod listing;
mod plain;
mod prepared;
mod reply;
mod service;
mod tokens;

use std::sync::Arc;

use arrow_flight::flight_service_server::FlightServiceServer;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};

use super::Engine;
use crate::{Error, Listening, Tls, ended};
use service::Service;

/// Name of this part, and of its connections in the query log.
const NAME: &str = "flight";
/// Hours a token is good for after its last use.
const TOKEN_HOURS: u64 = 12;

/// Listens on `address` until told to stop.
///
/// # Errors
/// The address is taken or no address; the certificate cannot be used.
pub async fn serve(
    address: &str,
    engine: Arc<Engine>,
    tls: Option<&Tls>,
    stopped: watch::Receiver<bool>,
) -> Result<(Listening, JoinHandle<Result<(), Error>>), Error> {
    let fault = |source| Error::Listen {
        key: "serve.flight",
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    let mut server = Server::builder();
    if let Some(tls) = tls {
        // Read once for its faults, which name the file; tonic's do not.
        tls.acceptor(&["h2"])?;
        let identity = Identity::from_pem(&tls.cert_pem, &tls.key_pem);
        server = server
            .tls_config(ServerTlsConfig::new().identity(identity))
            .map_err(|error| Error::Part {
                part: NAME,
                what: error.to_string(),
            })?;
    }
    let service = FlightServiceServer::new(Service::new(engine));
    let serving = server
        .add_service(service)
        .serve_with_incoming_shutdown(TcpIncoming::from(listener), ended(stopped));
    let task = tokio::spawn(async move {
        serving.await.map_err(|error| Error::Part {
            part: NAME,
            what: error.to_string(),
        })
    });
    let listening = Listening {
        name: NAME,
        address: bound,
        tls: tls.is_some(),
    };
    Ok((listening, task))
}
