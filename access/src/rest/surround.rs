//! What happens around every operation: who calls is found out first, unknown query parameters are
//! refused, an answer the caller already has is not sent again, and what was read is noted.
//!
//! Invariant: an answer about a case, a unit or a person leaves only after its row of the access log
//! ([`Read`]) is written. Where that fails the answer is 503 and nothing was told.

use std::sync::Arc;

use axum::RequestExt;
use axum::body::{Body, to_bytes};
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use nonsite_analytics::review::Read;
use sha2::{Digest, Sha256};

use super::app::App;
use super::described::{Noted, Operations};
use super::fault::internal;
use super::identity::Principal;
use super::problem::Problem;

/// Longest text of a row of the access log, characters.
const MOST_TEXT: usize = 500;
/// Bytes of the hash that stand in an entity tag.
const TAG: usize = 8;

/// What the layer works with.
#[derive(Clone)]
pub(super) struct Desk {
    pub(super) app: App,
    pub(super) operations: Arc<Operations>,
}

/// The layer; see the module.
pub(super) async fn surround(
    State(desk): State<Desk>,
    mut request: Request,
    next: Next,
) -> Response {
    let found = desk
        .operations
        .find(request.method(), request.uri().path())
        .cloned();
    let Some(operation) = found else {
        return next.run(request).await;
    };
    let who = match Principal::of(&desk.app, request.headers()) {
        Ok(who) => who,
        Err(problem) => return problem.into_response(),
    };
    let read = match operation.noted {
        Some(noted) => Some(begun(noted, &who, &mut request).await),
        None => None,
    };
    let response = match operation.check_query(request.uri()) {
        Ok(()) => {
            request.extensions_mut().insert(who);
            answered(request, next).await
        }
        Err(problem) => problem.into_response(),
    };
    match read {
        Some(read) => noted(&desk.app, read, response).await,
        None => response,
    }
}

/// The row of a request, but for its outcome.
async fn begun(noted: Noted, who: &Principal, request: &mut Request) -> Read {
    let query = request.uri().query().map(bounded);
    let parameters = request.extract_parts::<RawPathParams>().await.ok();
    let named = |name: Option<&str>| {
        let name = name?;
        let (_, value) = parameters.as_ref()?.iter().find(|(key, _)| *key == name)?;
        Some(bounded(value))
    };
    Read {
        actor: who.name.clone(),
        role: who.role.code().to_owned(),
        org_code: who.org.clone(),
        client: "api".to_owned(),
        operation: noted.operation.to_owned(),
        kind: noted.kind.to_owned(),
        subject: named(noted.subject),
        part: named(noted.part),
        query,
        ..Read::default()
    }
}

/// A text that any database takes.
fn bounded(text: &str) -> String {
    let plain = |one: char| match one.is_control() {
        true => char::REPLACEMENT_CHARACTER,
        false => one,
    };
    text.chars().take(MOST_TEXT).map(plain).collect()
}

/// The answer, once its row is written. What failed inside told nobody anything.
async fn noted(app: &App, read: Read, response: Response) -> Response {
    if response.status().is_server_error() {
        return response;
    }
    let read = Read {
        status: i64::from(response.status().as_u16()),
        ..read
    };
    match app.queue().note_read(read).await {
        Ok(()) => response,
        Err(error) => Problem::from(error).into_response(),
    }
}

/// The answer to a request; 304 when its caller has it already.
async fn answered(request: Request, next: Next) -> Response {
    let reads = request.method() == Method::GET;
    let has = request.headers().get(header::IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    if !reads || response.status() != StatusCode::OK {
        return response;
    }
    let response = match is_json(response.headers()) {
        true => match tagged(response).await {
            Ok(tagged) => tagged,
            Err(problem) => return problem.into_response(),
        },
        false => response,
    };
    let Some(tag) = response.headers().get(header::ETAG).cloned() else {
        return response;
    };
    match has.is_some_and(|has| is_among(&tag, &has)) {
        true => (StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response(),
        false => response,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|media| media == "application/json")
}

/// The answer with an entity tag of its content. The version of a case that a handler has put there
/// stands in front: what is told of a case depends on more than its version.
async fn tagged(response: Response) -> Result<Response, Problem> {
    let (mut parts, body) = response.into_parts();
    // It was made by a handler and is in memory already.
    let content = to_bytes(body, usize::MAX)
        .await
        .map_err(|error| internal(&error))?;
    let hash = hex::encode(&Sha256::digest(&content)[..TAG]);
    let version = parts
        .headers
        .get(header::ETAG)
        .and_then(|tag| tag.to_str().ok())
        .map(|tag| tag.trim_matches('"'));
    let tag = match version {
        Some(version) => format!("\"{version}.{hash}\""),
        None => format!("\"{hash}\""),
    };
    // Digits between quotes are a header value.
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(header::ETAG, tag);
    }
    Ok(Response::from_parts(parts, Body::from(content)))
}

/// Whether a tag is among those of `If-None-Match`, compared as RFC 9110 has it: weak or not.
fn is_among(tag: &HeaderValue, given: &HeaderValue) -> bool {
    let (Ok(tag), Ok(given)) = (tag.to_str(), given.to_str()) else {
        return false;
    };
    let mut given = given.split(',').map(str::trim);
    given.any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        let among = |given: &str| {
            is_among(
                &HeaderValue::from_static("\"2.ab\""),
                &given.parse().unwrap(),
            )
        };
        for given in ["\"2.ab\"", "W/\"2.ab\"", "*", "\"1\", \"2.ab\""] {
            assert!(among(given), "{given}");
        }
        for given in ["\"2\"", "2.ab", "", "\"2.ab", "W/"] {
            assert!(!among(given), "{given}");
        }
    }

    #[test]
    fn what_is_noted_fits_any_database() {
        assert_eq!(bounded("a\u{0}b"), "a\u{fffd}b");
        assert_eq!(bounded(&"x".repeat(MOST_TEXT + 1)).len(), MOST_TEXT);
    }
}
