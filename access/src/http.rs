//! The HTTP listener: any routes, with or without TLS, until told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use datafusion_postgres::pgwire::tokio::{TlsAcceptor, tokio_rustls::server::TlsStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};

use crate::{Error, Listening, Tls, ended};

/// Handshakes that may be under way before further connections wait.
const HANDSHAKES: usize = 64;
/// What a client has for its handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// Pause after a connection that could not be accepted.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `routes` on `address` until told to stop; requests under way are answered.
///
/// The second value ends when the listener has ended.
///
/// # Errors
/// The address is taken or no address; the certificate cannot be used.
pub async fn serve(
    address: &str,
    routes: Router,
    tls: Option<&Tls>,
    stopped: watch::Receiver<bool>,
) -> Result<(Listening, tokio::task::JoinHandle<Result<(), Error>>), Error> {
    let fault = |source| Error::Listen {
        key: "serve.http",
        address: address.to_owned(),
        source,
    };
    let listener = TcpListener::bind(address).await.map_err(fault)?;
    let bound = listener.local_addr().map_err(fault)?;
    let acceptor = tls
        .map(|tls| tls.acceptor(&["h2", "http/1.1"]))
        .transpose()?;
    let routes = routes.into_make_service_with_connect_info::<Peer>();
    let encrypted = acceptor.is_some();
    let task = tokio::spawn(async move {
        let served = match acceptor {
            None => {
                axum::serve(listener, routes)
                    .with_graceful_shutdown(ended(stopped))
                    .await
            }
            Some(acceptor) => {
                axum::serve(Encrypted::new(listener, acceptor, bound), routes)
                    .with_graceful_shutdown(ended(stopped))
                    .await
            }
        };
        served.map_err(|error| Error::Part {
            part: "http",
            what: error.to_string(),
        })
    });
    Ok((
        Listening {
            name: "http",
            address: bound,
            tls: encrypted,
        },
        task,
    ))
}

/// Address of whoever asks, for handlers: `ConnectInfo<Peer>`.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

impl Connected<IncomingStream<'_, TcpListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, TcpListener>) -> Self {
        Self(*stream.remote_addr())
    }
}

impl Connected<IncomingStream<'_, Encrypted>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Encrypted>) -> Self {
        Self(*stream.remote_addr())
    }
}

/// Accepted connections after their handshake. Handshakes run beside each other, so that a client
/// that never finishes its own holds up nobody else.
pub struct Encrypted {
    ready: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
    accepting: tokio::task::JoinHandle<()>,
}

impl Encrypted {
    /// Starts accepting on `listener`, which is bound to `address`.
    pub fn new(listener: TcpListener, acceptor: TlsAcceptor, address: SocketAddr) -> Self {
        let (ready, received) = mpsc::channel(HANDSHAKES);
        let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
        let accepting = tokio::spawn(async move {
            loop {
                // The semaphore is never closed.
                let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else {
                    return;
                };
                let (socket, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        // Out of file descriptors, most likely: others must close first.
                        tracing::warn!(%error, "http: a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                };
                let (acceptor, ready) = (acceptor.clone(), ready.clone());
                tokio::spawn(async move {
                    let _permit = permit;
                    match tokio::time::timeout(HANDSHAKE, acceptor.accept(socket)).await {
                        Ok(Ok(stream)) => {
                            let _ = ready.send((stream, peer)).await;
                        }
                        Ok(Err(error)) => {
                            tracing::debug!(%peer, %error, "http: no TLS handshake");
                        }
                        Err(_) => tracing::debug!(%peer, "http: the TLS handshake took too long"),
                    }
                });
            }
        });
        Self {
            ready: received,
            address,
            accepting,
        }
    }
}

impl Drop for Encrypted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl axum::serve::Listener for Encrypted {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.ready.recv().await {
            Some(accepted) => accepted,
            // The accepting task ends with the process only.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        Ok(self.address)
    }
}
