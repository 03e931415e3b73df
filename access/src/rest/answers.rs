//! Answers that many operations share, and their description.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoParams, IntoResponses};

use super::problem::{KINDS, MEDIA};

/// A body with the version of a case as its entity tag.
pub(super) fn tagged(status: StatusCode, version: i64, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    // Digits between quotes are a header value.
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// Problems that any reading request can meet.
pub(super) enum Reading {}

/// Problems that any writing request can meet.
pub(super) enum Writing {}

type Responses = BTreeMap<String, RefOr<utoipa::openapi::Response>>;

/// One description per status, with the codes that stand for it.
fn problems(statuses: &[u16]) -> Responses {
    let described = |status: u16| {
        let codes: Vec<String> = KINDS
            .iter()
            .filter(|kind| kind.status == status)
            .map(|kind| format!("`{}` {}", kind.code, kind.en))
            .collect();
        let content = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let response = ResponseBuilder::new()
            .description(codes.join("; "))
            .content(MEDIA, content)
            .build();
        (status.to_string(), RefOr::T(response))
    };
    statuses.iter().map(|&status| described(status)).collect()
}

impl IntoResponses for Reading {
    fn responses() -> Responses {
        problems(&[400, 401, 403, 404, 500, 503])
    }
}

impl IntoResponses for Writing {
    fn responses() -> Responses {
        problems(&[400, 401, 403, 404, 409, 412, 413, 415, 422, 428, 500, 503])
    }
}

/// Headers of every request with a token.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what the extractors read")]
pub(super) struct Everyone {
    /// Which of your roles you act in; the first one that is configured when left out.
    #[param(rename = "Nonsite-Role", required = false, example = "officer")]
    role: Option<String>,
    /// Language of problems: Chinese unless English is preferred.
    #[param(rename = "Accept-Language", required = false, example = "zh-CN")]
    language: Option<String>,
}

/// Header of every writing request.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what the extractors read")]
pub(super) struct Once {
    /// Any text of your choice: the same request with the same key is done once, and answered the
    /// same way again.
    #[param(
        rename = "Idempotency-Key",
        required = false,
        min_length = 1,
        max_length = 255,
        pattern = r"^[!-~]+$",
        example = "7f2b7c1e-1"
    )]
    key: Option<String>,
}

/// Header of every change of a case.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "describes what the extractors read")]
pub(super) struct OnVersion {
    /// ETag of the case as it was decided on, or `*` for whichever it is.
    #[param(
        rename = "If-Match",
        pattern = r#"^(\*|"[0-9]{1,18}")$"#,
        example = "\"3\""
    )]
    if_match: String,
}
