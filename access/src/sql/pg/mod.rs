//! The PostgreSQL wire protocol: what psql, drivers and reporting tools speak.
//!
//! Accepting, authenticating and framing are `pgwire`'s; encoding rows is `arrow-pg`'s. What stands
//! between them is ours, because every statement has to pass the guard and every row the limits.
//!
//! Invariants:
//! - a connection answers nothing before SCRAM-SHA-256 has proved its user; with a certificate
//!   configured, nothing that is not encrypted; who does not log in in time is sent away;
//! - a query ends when its client cancels it, closes the connection or vanishes, whichever it is
//!   waiting for;
//! - rows are sent as they come; no result is gathered in memory first.
//!
//! Failure modes: an address that is taken stops the start; a connection's fault ends that
//! connection only.

mod auth;
mod connection;
mod copy;
mod cursor;
mod handler;
mod parameters;
mod prepared;
mod reply;
mod settings;
mod watch;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use datafusion_postgres::pgwire::api::PgWireServerHandlers;
use datafusion_postgres::pgwire::api::auth::StartupHandler;
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::error::{ErrorInfo, PgWireError};
use datafusion_postgres::pgwire::tokio::process_socket;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch as signal};
use tokio::task::JoinHandle;

use super::{Engine, Fault};
use crate::{Error, Listening, Tls, ended};
use auth::{Cancels, Login};
use connection::Connection;
use handler::Handler;

/// Time a client has to log in.
const LOGIN: Duration = Duration::from_secs(30);
/// Name of this part, and of its connections in the query log.
const NAME: &str = "postgresql";

/// Listens on `address` until told to stop.
///
/// # Errors
/// The address is taken or no address; the certificate cannot be used.
pub async fn serve(
    address: &str,
    engine: Arc<Engine>,
    tls: Option<&Tls>,
    stopped: signal::Receiver<bool>,
) -> Result<(Listening, JoinHandle<Result<(), Error>>), Error> {
    let fault = |source| Error::Listen {
        key: "serve.postgres",
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    let acceptor = tls.map(|tls| tls.acceptor(&["postgresql"])).transpose()?;
    let certificate = tls.map(|tls| tls.cert_pem.clone());
    let listening = Listening {
        name: NAME,
        address: bound,
        tls: acceptor.is_some(),
    };
    let slots = Arc::new(Semaphore::new(engine.config().connections));
    let cancels = Cancels::default();
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        let mut stop = std::pin::pin!(ended(stopped));
        loop {
            let (socket, peer) = tokio::select! {
                () = &mut stop => break,
                // Those that ended are forgotten here.
                Some(_) = connections.join_next() => continue,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "postgresql: a connection could not be accepted");
                        tokio::time::sleep(watch::PAUSE).await;
                        continue;
                    }
                },
            };
            let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
                tracing::warn!(%peer, "postgresql: `serve.sql.connections` are open, one more was closed");
                continue;
            };
            let connection = Arc::new(Connection::new(Arc::clone(&engine), peer));
            let handlers = Handlers {
                login: Login::new(&connection, certificate.as_deref(), &cancels),
                cancels: cancels.clone(),
                connection,
            };
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let _slot = slot;
                talk(socket, peer, acceptor, handlers).await;
            });
        }
        // What is under way is cut off: a query may take minutes, and its client will ask again.
        connections.shutdown().await;
        Ok(())
    });
    Ok((listening, task))
}

/// One connection, until either side closes it.
async fn talk(
    socket: TcpStream,
    peer: SocketAddr,
    acceptor: Option<datafusion_postgres::pgwire::tokio::TlsAcceptor>,
    handlers: Handlers,
) {
    let stop = handlers.connection.stop();
    let (cancels, connection) = (handlers.cancels.clone(), Arc::clone(&handlers.connection));
    let (socket, gone) = match watch::gone(socket) {
        Ok(both) => both,
        Err(error) => {
            tracing::debug!(%peer, %error, "postgresql: the connection cannot be used");
            return;
        }
    };
    tokio::select! {
        outcome = process_socket(socket, acceptor, Arc::new(handlers)) => {
            if let Err(error) = outcome {
                tracing::debug!(%peer, %error, "postgresql: connection");
            }
        }
        () = gone => {
            tracing::debug!(%peer, "postgresql: the client went away");
        }
        () = strange(&connection) => {
            tracing::warn!(%peer, "postgresql: closed, because nobody logged in for {} s", LOGIN.as_secs());
        }
    }
    stop.now();
    cancels.forget(&connection);
}

/// Ends when nobody has logged in for so long; a connection that says nothing would keep its place.
async fn strange(connection: &Connection) {
    tokio::time::sleep(LOGIN).await;
    if connection.pid().is_some() {
        std::future::pending().await
    }
}

/// What answers one connection.
struct Handlers {
    connection: Arc<Connection>,
    login: Arc<Login>,
    cancels: Cancels,
}

impl PgWireServerHandlers for Handlers {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::new(Handler::new(Arc::clone(&self.connection)))
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::new(Handler::new(Arc::clone(&self.connection)))
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.login)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::new(self.cancels.clone())
    }
}

impl From<Fault> for PgWireError {
    fn from(fault: Fault) -> Self {
        Self::UserError(Box::new(ErrorInfo::new(
            "ERROR".to_owned(),
            fault.kind.sqlstate().to_owned(),
            fault.what,
        )))
    }
}
