//! What surrounds every request: its turn, its language, and a net below it.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::sync::Semaphore;

use super::problem::{BUSY, INTERNAL, Problem, prefers_english};
use super::routes::BASE;

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// At most so many requests at the same time; others wait, and in the end are told to come back.
pub(super) async fn take_turns(
    State(places): State<Arc<Semaphore>>,
    request: Request,
    next: Next,
) -> Response {
    match tokio::time::timeout(PATIENCE, places.acquire()).await {
        Ok(Ok(_place)) => next.run(request).await,
        _ => Problem::new(&BUSY, "too many requests at the same time").into_response(),
    }
}

/// Catches panics, and puts problems into the reader's language.
pub(super) async fn dress(request: Request, next: Next) -> Response {
    let path = format!("{BASE}{}", request.uri().path());
    let english = english(request.headers());
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let response = answered.unwrap_or_else(|_| {
        tracing::error!(path, "a handler panicked");
        Problem::new(&INTERNAL, "the server's log has the particulars").into_response()
    });
    let mut response = match response.extensions().get::<Problem>().cloned() {
        Some(problem) => translated(&response, problem.told(&path, english)),
        None => response,
    };
    let headers = response.headers_mut();
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

fn english(headers: &HeaderMap) -> bool {
    let asked = headers.get(header::ACCEPT_LANGUAGE);
    prefers_english(asked.and_then(|value| value.to_str().ok()))
}

/// The problem with the headers of the answer it came in.
fn translated(response: &Response, problem: Problem) -> Response {
    let mut told = problem.into_response();
    for name in [header::ALLOW, header::RETRY_AFTER, header::CONNECTION] {
        if let Some(value) = response.headers().get(&name) {
            told.headers_mut().insert(name, value.clone());
        }
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        told.headers_mut()
            .insert(header::VARY, HeaderValue::from_static("Authorization"));
    }
    told
}
