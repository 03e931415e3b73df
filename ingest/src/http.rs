//! `/metrics`, `/healthz` and `/readyz`.
//!
//! Healthy means that the process answers; ready means that partitions are assigned and what was
//! read last could be committed. A partition that stopped after a loss does not make the process
//! unready, since the others go on; it shows in `nonsite_ingest_lost_records`.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpListener;

/// Whether the service is ready; shared with whoever knows.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says whether the service is ready.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    /// Whether it is.
    pub fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Clone)]
struct Shown {
    registry: Registry,
    readiness: Readiness,
}

/// The routes, for a server of one's own.
pub fn routes(registry: Registry, readiness: Readiness) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .with_state(Shown {
            registry,
            readiness,
        })
}

/// Serves the routes on `listen` until the process ends; the address it listens on.
///
/// # Errors
/// The address cannot be parsed or is taken, in a sentence that names `ingest.listen`.
pub async fn serve(
    listen: &str,
    registry: Registry,
    readiness: Readiness,
) -> Result<SocketAddr, String> {
    let fault = |error: std::io::Error| format!("ingest.listen = `{listen}`: {error}");
    let listener = TcpListener::bind(listen).await.map_err(fault)?;
    let address = listener.local_addr().map_err(fault)?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, routes(registry, readiness)).await {
            tracing::error!(%error, "the metrics server stopped");
        }
    });
    Ok(address)
}

async fn metrics(State(shown): State<Shown>) -> impl IntoResponse {
    match TextEncoder::new().encode_to_string(&shown.registry.gather()) {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

async fn ready(State(shown): State<Shown>) -> impl IntoResponse {
    if shown.readiness.get() {
        (StatusCode::OK, "ready\n")
    } else {
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "no partition assigned, or the last commit failed\n",
        )
    }
}
