//! Requests read strictly: what is not described is refused, as a problem.

use std::fmt;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use nonsite_analytics::review::{self, Caller, Service};
use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::app::App;
use super::identity::Principal;
use super::problem::{
    BAD_BODY, BAD_HEADER, BAD_JSON, BAD_PATH, BAD_QUERY, PRECONDITION_REQUIRED, Problem, TOO_LARGE,
    UNSUPPORTED_MEDIA,
};

/// Largest JSON body, bytes.
pub(super) const MOST_JSON: usize = 1 << 20;
/// Header that makes a write happen once.
const KEY: &str = "idempotency-key";
/// Longest text in a query or a path.
const MOST_TEXT: usize = 200;

/// Query parameters.
pub(super) struct Asked<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(asked)) => Ok(Self(asked)),
            Err(error) => Err(Problem::new(&BAD_QUERY, root(&error))),
        }
    }
}

/// Path parameters.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, app).await {
            Ok(Path(named)) => Ok(Self(named)),
            Err(error) => Err(Problem::new(&BAD_PATH, error.body_text())),
        }
    }
}

/// The innermost error: the outer ones only say that there is one.
fn root(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

/// A writing request with its caller and a JSON body.
pub(super) struct Write<T> {
    pub(super) who: Principal,
    pub(super) body: T,
    if_match: Option<String>,
    request: Option<review::Request>,
}

/// What a writing request carries.
pub(super) trait Carried: DeserializeOwned {
    /// Whether it may be left out.
    const OPTIONAL: bool = false;
}

/// No body.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

impl Carried for Nothing {
    const OPTIONAL: bool = true;
}

impl<T: Carried> FromRequest<App> for Write<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let who = Principal::from_request_parts(&mut parts, app).await?;
        let if_match = text(&parts.headers, "if-match")?.map(str::to_owned);
        let key = key(&parts.headers)?;
        let has_type = is_json(&parts.headers)?;
        let request = Request::from_parts(parts.clone(), body);
        let bytes = Bytes::from_request(request, app)
            .await
            .map_err(|rejection| match rejection.status() {
                StatusCode::PAYLOAD_TOO_LARGE => {
                    Problem::new(&TOO_LARGE, format!("a body is at most {MOST_JSON} bytes"))
                }
                _ => Problem::new(&BAD_JSON, rejection.body_text()),
            })?;
        let body = read(&bytes, has_type)?;
        let request = key.map(|key| {
            let asked = format!(
                "{} {} {} {}",
                parts.method,
                parts.uri,
                who.role,
                if_match.as_deref().unwrap_or_default()
            );
            request_of(&who, key, &asked, &Sha256::digest(&bytes))
        });
        Ok(Self {
            who,
            body,
            if_match,
            request,
        })
    }
}

impl<T> Write<T> {
    /// The queue for a change of a case: `If-Match` is required.
    pub(super) fn on_case(&self, app: &App) -> Result<Service, Problem> {
        let expects = version(self.if_match.as_deref())?;
        Ok(queue(app, &self.who, expects, self.request.clone()))
    }

    /// The queue for anything else.
    pub(super) fn on_queue(&self, app: &App) -> Service {
        queue(app, &self.who, None, self.request.clone())
    }
}

/// The queue on behalf of somebody.
pub(super) fn queue(
    app: &App,
    who: &Principal,
    expects: Option<i64>,
    request: Option<review::Request>,
) -> Service {
    app.queue().on_behalf(Caller {
        scope: who.scope(),
        expects,
        request,
    })
}

/// The request behind a key; `content` is a hash of the body.
pub(super) fn request_of(
    who: &Principal,
    key: String,
    asked: &str,
    content: &[u8],
) -> review::Request {
    let mut hash = Sha256::new();
    hash.update(asked.as_bytes());
    hash.update([0]);
    hash.update(content);
    review::Request {
        user: who.name.clone(),
        key,
        fingerprint: hex::encode(hash.finalize()),
    }
}

/// The `Idempotency-Key`.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(key) = text(headers, KEY)? else {
        return Ok(None);
    };
    let sound = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic());
    match sound {
        true => Ok(Some(key.to_owned())),
        false => Err(Problem::new(
            &BAD_HEADER,
            "Idempotency-Key: 1 to 255 visible ASCII characters without spaces",
        )),
    }
}

/// The version that `If-Match` names; `*` means whichever it is.
pub(super) fn version(if_match: Option<&str>) -> Result<Option<i64>, Problem> {
    let Some(tag) = if_match.map(str::trim) else {
        let why = "a change of a case needs If-Match with the ETag of what it was decided on";
        return Err(Problem::new(&PRECONDITION_REQUIRED, why));
    };
    if tag == "*" {
        return Ok(None);
    }
    // What was read is tagged with the version and a hash of what was told.
    tag.strip_prefix('"')
        .and_then(|tag| tag.strip_suffix('"'))
        .and_then(|tag| match tag.split_once('.') {
            Some((version, hash)) => is_hash(hash).then_some(version),
            None => Some(tag),
        })
        .filter(|tag| tag.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|tag| tag.parse().ok())
        .map(Some)
        .ok_or_else(|| {
            let why = "If-Match is one strong entity tag as the ETag header has it, such as \"3\"";
            Problem::new(&BAD_HEADER, why)
        })
}

/// What follows the version in the tag of a case.
fn is_hash(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A header that may be given once.
pub(super) fn text<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    let bad = |why: &str| Problem::new(&BAD_HEADER, format!("{name}: {why}"));
    if second.is_some() {
        return Err(bad("given twice"));
    }
    first
        .map(|value| value.to_str().map_err(|_| bad("not readable as ASCII")))
        .transpose()
}

/// Whether the body says that it is JSON; a body of another kind is refused.
fn is_json(headers: &HeaderMap) -> Result<bool, Problem> {
    let Some(given) = text(headers, header::CONTENT_TYPE.as_str())? else {
        return Ok(false);
    };
    let media = given.split(';').next().unwrap_or_default().trim();
    match media.eq_ignore_ascii_case("application/json") {
        true => Ok(true),
        false => Err(Problem::new(
            &UNSUPPORTED_MEDIA,
            format!("`{media}`: this takes application/json"),
        )),
    }
}

fn read<T: Carried>(bytes: &[u8], has_type: bool) -> Result<T, Problem> {
    let bytes = match (bytes.is_empty(), has_type) {
        (true, _) if T::OPTIONAL => b"{}".as_slice(),
        (_, true) => bytes,
        (_, false) => {
            let why = "a body of Content-Type application/json is needed";
            return Err(Problem::new(&UNSUPPORTED_MEDIA, why));
        }
    };
    let wrong = |error: serde_json::Error| Problem::new(&BAD_BODY, error.to_string()).at("");
    let tree: Value = serde_json::from_slice(bytes)
        .map_err(|error| Problem::new(&BAD_JSON, error.to_string()))?;
    // The library would read an array as the fields in their order.
    if !tree.is_object() {
        return Err(Problem::new(&BAD_BODY, "the body has to be an object").at(""));
    }
    T::deserialize(tree).map_err(wrong)
}

/// Deserialises a text without control characters, of bearable length.
pub(super) fn plain<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<String>, D::Error> {
    struct Plain;
    impl Visitor<'_> for Plain {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(
                f,
                "1 to {MOST_TEXT} characters, none of them a control character"
            )
        }
        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<String, E> {
            match is_plain(text) {
                true => Ok(text.to_owned()),
                false => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
            }
        }
    }
    deserializer.deserialize_str(Plain).map(Some)
}

pub(super) fn is_plain(text: &str) -> bool {
    (1..=MOST_TEXT).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Deserialises a comma list of texts as [`plain`] has them.
pub(super) fn listed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let text = plain(deserializer)?.unwrap_or_default();
    Ok(text
        .split(',')
        .map(|entry| entry.trim().to_owned())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_strong_tags() {
        assert_eq!(version(Some("\"12\"")).unwrap(), Some(12));
        let read = "\"12.0123456789abcdef\"";
        assert_eq!(version(Some(read)).unwrap(), Some(12));
        assert_eq!(version(Some("*")).unwrap(), None);
        for bad in [
            "12",
            "W/\"12\"",
            "\"x\"",
            "\"-1\"",
            "\"1\", \"2\"",
            "",
            "\"12.\"",
            "\"12.5\"",
            "\".0123456789abcdef\"",
        ] {
            assert!(version(Some(bad)).is_err(), "{bad}");
        }
        assert!(version(None).is_err());
    }
}
