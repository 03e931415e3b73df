//! Every answer that is not what was asked for: `application/problem+json` (RFC 9457).
//!
//! The kind of a problem is one of [`KINDS`]; its `code` is stable and its `type` is made of it. A
//! problem says what is wrong (`title`, `detail`), where (`instance`, `errors`), and what to do
//! (`remedy`). Titles and remedies are Chinese unless `Accept-Language` prefers English; details come
//! from the parts that know them and are English.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::view::StepView;

/// Media type of a problem.
pub(super) const MEDIA: &str = "application/problem+json";

/// A kind of problem.
#[derive(Debug, PartialEq, Eq)]
pub struct Kind {
    /// Stable code.
    pub code: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Chinese title.
    pub zh: &'static str,
    /// English title.
    pub en: &'static str,
    /// What to do, Chinese.
    pub remedy_zh: &'static str,
    /// What to do, English.
    pub remedy_en: &'static str,
}

macro_rules! kinds {
    ($($name:ident $code:literal $status:literal $zh:literal $en:literal $do_zh:literal $do_en:literal;)*) => {
        $(pub(super) static $name: Kind = Kind {
            code: $code, status: $status, zh: $zh, en: $en, remedy_zh: $do_zh, remedy_en: $do_en,
        };)*
        /// Every kind of problem.
        pub static KINDS: &[&Kind] = &[$(&$name),*];
    };
}

kinds! {
    BAD_QUERY "bad-query" 400 "查询参数无法使用" "query parameters cannot be used"
        "按接口说明修改查询参数" "correct the query parameters";
    BAD_PATH "bad-path" 400 "路径参数无法使用" "path parameters cannot be used"
        "按接口说明修改路径" "correct the path";
    BAD_HEADER "bad-header" 400 "请求头无法使用" "a header cannot be used"
        "按接口说明修改请求头" "correct the header";
    BAD_JSON "bad-json" 400 "请求体不是 JSON" "the body is not JSON"
        "发送合法的 JSON" "send well-formed JSON";
    UNAUTHENTICATED "unauthenticated" 401 "未认证" "not authenticated"
        "在 Authorization 请求头中发送有效令牌：Bearer TOKEN" "send a valid token: Authorization: Bearer TOKEN";
    FORBIDDEN_ROLE "forbidden-role" 403 "角色无权执行" "the role may not"
        "以有权的角色操作，或请有权的人操作" "act in a role that may, or ask somebody who may";
    OUT_OF_SCOPE "out-of-scope" 403 "超出管辖范围" "outside your scope"
        "请由可见全部案件的人操作" "ask somebody who sees the whole queue";
    NOT_FOUND "not-found" 404 "没有找到" "not found"
        "检查标识；管辖范围之外的案件同样不显示" "check the id; what lies outside your scope is not shown either";
    METHOD_NOT_ALLOWED "method-not-allowed" 405 "不支持该方法" "the method is not allowed here"
        "使用 Allow 响应头列出的方法" "use a method that the Allow header names";
    REFUSED "refused" 409 "流程不允许" "the workflow does not allow it"
        "查看 possible 中目前可以执行的动作" "see `possible` for what can be done now";
    CLAIMED "claimed" 409 "案件由他人领取" "somebody else holds the case"
        "等待其处理完或交回" "wait until they are done or give it back";
    NOT_SET_UP "not-set-up" 409 "尚未配置" "not set up"
        "请运维人员按 detail 配置" "ask the operator to configure what `detail` names";
    VERSION_TAKEN "version-taken" 409 "记录版本不比已存的新" "the record's version is not newer than the stored one"
        "读取该检查记录的最新版本，在其基础上更正，并以更大的 act_version 重新发送" "read the newest version of the act, correct that one, and send it with a higher act_version";
    FILE_GONE "file-gone" 410 "文件已不在" "the file is gone"
        "从备份恢复证据目录" "restore the evidence folder from its backup";
    STALE "stale-version" 412 "案件已被更改" "the case has changed"
        "重新读取案件，按新内容决定，并用新的 ETag 重发" "read the case again, decide on what it is now, and send its new ETag";
    TOO_LARGE "too-large" 413 "内容过大" "too large"
        "发送更小的内容" "send less";
    UNSUPPORTED_MEDIA "unsupported-media" 415 "不支持的内容类型" "the content type is not taken"
        "按接口说明发送内容类型" "send a content type that the description names";
    BAD_BODY "bad-body" 422 "请求体内容有误" "the body says something it cannot"
        "修改 errors 指出的字段" "correct the fields that `errors` names";
    MISSING_FIELDS "missing-fields" 422 "缺少必填字段" "required fields are missing"
        "补充 detail 中列出的字段" "add the fields that `detail` lists";
    KEY_REUSED "key-reused" 422 "幂等键已用于其他请求" "the key was used for another request"
        "每个请求使用新的 Idempotency-Key" "give every request an Idempotency-Key of its own";
    CANNOT_COMPUTE "cannot-compute" 422 "无法重新计算" "it can no longer be computed"
        "见 detail" "see `detail`";
    PRECONDITION_REQUIRED "precondition-required" 428 "缺少 If-Match" "If-Match is missing"
        "先读取案件，把其 ETag 放入 If-Match" "read the case first and send its ETag as If-Match";
    INTERNAL "internal" 500 "内部错误" "internal fault"
        "联系运维人员，并提供时间" "tell the operator, with the time";
    BUSY "busy" 503 "暂时不可用" "not available at the moment"
        "稍后重试" "try again later";
}

/// A problem with one part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Fault {
    /// The field, as a path.
    pub(super) pointer: String,
    /// What is wrong with it.
    pub(super) detail: String,
}

/// A problem (RFC 9457).
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Told {
    /// `urn:nonsite:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:nonsite:problem:stale-version")]
    kind_uri: String,
    /// What kind of problem it is.
    title: String,
    /// HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong.
    detail: String,
    /// Path of the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Stable code.
    #[schema(example = "stale-version")]
    code: String,
    /// What to do.
    remedy: String,
    /// Fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<Fault>,
    /// What can be done with the case instead, and by whom.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<StepView>>)]
    possible: Option<Value>,
    /// The version that the case or the act has.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_version: Option<i64>,
    #[serde(skip)]
    kind: Shared,
}

/// A problem on its way to the caller.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub(super) struct Problem(Box<Told>);

/// The kind, for the outermost layer that translates.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shared(&'static Kind);

impl Problem {
    pub(super) fn new(kind: &'static Kind, detail: impl Into<String>) -> Self {
        Self(Box::new(Told {
            kind_uri: format!("urn:nonsite:problem:{}", kind.code),
            title: kind.zh.to_owned(),
            status: kind.status,
            detail: detail.into(),
            instance: None,
            code: kind.code.to_owned(),
            remedy: kind.remedy_zh.to_owned(),
            errors: Vec::new(),
            possible: None,
            current_version: None,
            kind: Shared(kind),
        }))
    }

    /// Names a field that is wrong.
    pub(super) fn at(mut self, pointer: impl Into<String>) -> Self {
        let fault = Fault {
            pointer: pointer.into(),
            detail: self.0.detail.clone(),
        };
        self.0.errors.push(fault);
        self
    }

    /// Names a part that is wrong, with a reason of its own.
    pub(super) fn also(mut self, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        self.0.errors.push(Fault {
            pointer: pointer.into(),
            detail: detail.into(),
        });
        self
    }

    pub(super) fn possible(mut self, steps: Value) -> Self {
        self.0.possible = Some(steps);
        self
    }

    /// What is wrong with a query would be wrong with a body.
    pub(super) fn of_body(self) -> Self {
        if self.0.kind != Shared(&BAD_QUERY) {
            return self;
        }
        let problem = Self::new(&BAD_BODY, self.0.detail.clone());
        let pointers = self.0.errors.iter().map(|fault| &fault.pointer);
        pointers.fold(problem, |problem, pointer| {
            problem.at(format!("/{pointer}"))
        })
    }

    pub(super) fn version(mut self, version: i64) -> Self {
        self.0.current_version = Some(version);
        self
    }

    /// For a path and a reader.
    pub(super) fn told(mut self, path: &str, english: bool) -> Self {
        let Shared(kind) = self.0.kind;
        if english {
            kind.en.clone_into(&mut self.0.title);
            kind.remedy_en.clone_into(&mut self.0.remedy);
        }
        self.0.instance = Some(path.to_owned());
        self
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA));
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"nonsite\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// Whether a reader prefers English to Chinese.
pub(super) fn prefers_english(accept_language: Option<&str>) -> bool {
    let weight_of = |wanted: &str| {
        accept_language
            .unwrap_or_default()
            .split(',')
            .filter_map(|entry| {
                let mut parts = entry.trim().split(';');
                let tag = parts.next()?.trim().to_ascii_lowercase();
                let q = parts
                    .find_map(|part| part.trim().strip_prefix("q=")?.parse::<f32>().ok())
                    .unwrap_or(1.0);
                (tag.split('-').next() == Some(wanted)).then_some(q)
            })
            .fold(0.0, f32::max)
    };
    weight_of("en") > weight_of("zh")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_titles_in_two_languages() {
        let codes: std::collections::BTreeSet<&str> = KINDS.iter().map(|kind| kind.code).collect();
        assert_eq!(codes.len(), KINDS.len());
        assert!(KINDS.iter().all(|kind| (400..600).contains(&kind.status)));
        assert!(
            KINDS
                .iter()
                .all(|kind| !kind.zh.is_ascii() && kind.en.is_ascii())
        );
    }

    #[test]
    fn chinese_unless_english_is_preferred() {
        for (header, english) in [
            (None, false),
            (Some("zh-CN,zh;q=0.9,en;q=0.8"), false),
            (Some("en-GB"), true),
            (Some("en;q=0.5, zh;q=0.4"), true),
            (Some("fr"), false),
            (Some(";;q=x,"), false),
        ] {
            assert_eq!(prefers_english(header), english, "{header:?}");
        }
    }
}
