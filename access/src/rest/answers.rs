//! Answers that many operations share, and their description.

use std::borrow::Cow;
use std::collections::BTreeMap;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nonsite_analytics::review::{Begun, Service};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder, Schema};
use utoipa::{IntoParams, IntoResponses, PartialSchema, ToSchema};

use super::fault::internal;
use super::problem::{KINDS, MEDIA, Problem};

/// A body with the version of a case as its entity tag.
pub(super) fn tagged(status: StatusCode, version: i64, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    // Digits between quotes are a header value.
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// An object that is passed on as it is: records as they were received, and documents that a schema of
/// their own describes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Freely(pub(super) Map<String, Value>);

impl Freely {
    pub(super) fn of(content: &impl Serialize) -> Result<Self, Problem> {
        let value = serde_json::to_value(content).map_err(|error| internal(&error))?;
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(internal(&"an answer is no object")),
        }
    }
}

impl PartialSchema for Freely {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new()
            .description(Some("Whatever the sender wrote."))
            .additional_properties(Some(AdditionalProperties::<Schema>::FreeForm(true)))
            .build();
        RefOr::T(Schema::Object(object))
    }
}

impl ToSchema for Freely {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("AnyObject")
    }
}

/// A request with a key, looked up.
pub(super) enum Looked {
    /// It was answered before; the same again.
    Answered(Response),
    /// It is new, or was broken off.
    Begun(Begun),
}

/// Looks a request with a key up before its work is done.
pub(super) async fn looked_up(queue: &Service, status: StatusCode) -> Result<Looked, Problem> {
    let begun = queue.begin_request().await?;
    Ok(match &begun.answer {
        Some(answer) => Looked::Answered(json(status, answer.clone())),
        None => Looked::Begun(begun),
    })
}

/// Keeps the answer to a request and gives it.
pub(super) async fn kept(
    queue: &Service,
    begun: &Begun,
    status: StatusCode,
    body: &impl Serialize,
) -> Result<Response, Problem> {
    let answer = serde_json::to_string(body).map_err(|error| internal(&error))?;
    queue.answer_request(begun, &answer).await?;
    Ok(json(status, answer))
}

fn json(status: StatusCode, text: String) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], text).into_response()
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
        pattern = r#"^(\*|"[0-9]{1,18}(\.[0-9a-f]{16})?")$"#,
        example = "\"3\""
    )]
    if_match: String,
}
