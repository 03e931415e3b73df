//! What holds of every operation of the description, walked one by one: lists come in pages, reading
//! answers have tags, writes take a key, changes of a case name its version, and whatever makes no sense
//! is a problem that says what, where and what to do.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use super::super::document;
use super::super::testing::{Answer, Bench, case};

/// An operation: method, path, and what the description says of it.
struct Described {
    method: String,
    path: String,
    operation: Value,
}

fn described() -> (Value, Vec<Described>) {
    let api: Value = serde_json::from_str(&document()).unwrap();
    let mut all = Vec::new();
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push(Described {
                method: method.to_uppercase(),
                path: path.clone(),
                operation: operation.clone(),
            });
        }
    }
    (api, all)
}

impl Described {
    fn id(&self) -> &str {
        self.operation["operationId"].as_str().unwrap()
    }

    fn reads(&self) -> bool {
        self.method == "GET"
    }

    fn takes(&self, place: &str, name: &str) -> bool {
        self.operation["parameters"]
            .as_array()
            .unwrap()
            .iter()
            .any(|given| given["in"] == place && given["name"] == name)
    }

    /// The schema of a good answer, with what it refers to.
    fn answers<'a>(&'a self, api: &'a Value) -> Option<&'a Value> {
        let responses = &self.operation["responses"];
        let good = ["200", "201"]
            .iter()
            .find_map(|status| responses[*status]["content"].get("application/json"))?;
        let schema = &good["schema"];
        Some(match schema["$ref"].as_str() {
            Some(at) => &api["components"]["schemas"][at.rsplit('/').next().unwrap()],
            None => schema,
        })
    }

    /// The path with ids that are there, or with one that is nowhere.
    fn at(&self, there: bool) -> String {
        let of = |name: &str| match (name, there) {
            ("{case_id}", true) => case(1),
            ("{action}", _) => "dispatch".to_owned(),
            ("{kind}", true) => "four_notices".to_owned(),
            ("{checklist_id}", true) => "cement".to_owned(),
            ("{code}", true) if self.path.contains("targets") => "stages_online".to_owned(),
            ("{code}", true) => "clue_precision".to_owned(),
            ("{sha256}", _) => "0".repeat(64),
            _ => "zz-nowhere".to_owned(),
        };
        let parts = self.path.split('/');
        let parts = parts.map(|part| match part.starts_with('{') {
            true => of(part),
            false => part.to_owned(),
        });
        parts.collect::<Vec<_>>().join("/")
    }

    fn line(&self, there: bool) -> String {
        format!("{} {}", self.method, self.at(there))
    }
}

/// Somebody who may: the operation's own role where it has one.
fn who(operation: &Described) -> &'static str {
    match operation.id() {
        "serve_bundle" | "anomaly_feedback" | "print_bundle" => "o-1",
        "make_package" | "get_package" => "law",
        _ => "sup",
    }
}

/// A problem that says what, where and what to do; its code.
fn problem(answer: &Answer, what: &str) -> (u16, String) {
    let body = answer.json();
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{what}: {body}"
    );
    for told in ["type", "title", "detail", "remedy", "instance", "code"] {
        let said = body[told].as_str().unwrap_or_default();
        assert!(!said.is_empty(), "{what}, {told}: {body}");
    }
    let status = answer.status.as_u16();
    assert_eq!(body["status"], status, "{what}");
    (status, body["code"].as_str().unwrap().to_owned())
}

#[test]
fn every_operation_is_of_one_kind() {
    let (api, all) = described();
    for operation in &all {
        let id = operation.id();
        assert!(matches!(operation.method.as_str(), "GET" | "POST"), "{id}");
        let schema = operation.answers(&api);
        let is_list = schema.is_some_and(|schema| {
            let fields = &schema["properties"];
            fields["items"]["type"] == "array" && fields["next"].is_object()
        });
        let bare = schema.is_some_and(|schema| schema["type"] == "array");
        assert!(!bare, "{id} answers a list without pages");
        if operation.reads() {
            let good = &operation.operation["responses"];
            assert!(good["200"]["headers"]["ETag"].is_object(), "{id}");
            assert!(good["304"]["headers"]["ETag"].is_object(), "{id}");
            assert!(operation.takes("header", "If-None-Match"), "{id}");
            for name in ["limit", "cursor"] {
                assert_eq!(operation.takes("query", name), is_list, "{id}: {name}");
            }
        } else {
            assert!(operation.takes("header", "Idempotency-Key"), "{id}");
            // Drafts of `/cases/{case_id}` are read; what is posted below a case changes it.
            let changes = operation.path.starts_with("/cases/{case_id}/");
            assert_eq!(operation.takes("header", "If-Match"), changes, "{id}");
        }
        for (status, answer) in operation.operation["responses"].as_object().unwrap() {
            let status: u16 = status.parse().unwrap();
            let media = answer["content"].as_object();
            if status >= 400 {
                let media: Vec<&String> = media.unwrap().keys().collect();
                assert_eq!(media, ["application/problem+json"], "{id} {status}");
            }
        }
    }
}

/// Objects of the description that say nothing of their fields, with the reason.
const FREE: [(&str, &str); 1] = [(
    "/components/schemas/AnyObject",
    "a record as it was received may break every schema: its faults are told beside it",
)];

#[test]
fn every_object_says_what_is_in_it() {
    fn walk(value: &Value, at: &str, free: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                let kind = &fields.get("type").cloned().unwrap_or_default();
                let is_object = kind == "object"
                    || kind
                        .as_array()
                        .is_some_and(|kinds| kinds.contains(&json!("object")));
                let says = fields.contains_key("properties")
                    || fields
                        .get("additionalProperties")
                        .is_some_and(Value::is_object)
                    || at.ends_with("/example");
                // Bodies without fields say so.
                if is_object && !says {
                    free.push(at.to_owned());
                }
                for (name, value) in fields {
                    walk(value, &format!("{at}/{name}"), free);
                }
            }
            Value::Array(values) => {
                for (place, value) in values.iter().enumerate() {
                    walk(value, &format!("{at}/{place}"), free);
                }
            }
            _ => {}
        }
    }
    let (api, _) = described();
    let mut free = Vec::new();
    walk(&api, "", &mut free);
    let known: Vec<&str> = FREE.iter().map(|(at, _)| *at).collect();
    assert_eq!(free, known, "objects that say nothing of their fields");
}

#[tokio::test]
async fn every_answer_that_can_be_read_has_a_tag() {
    let bench = Bench::new().await;
    let (_, all) = described();
    let mut read = 0;
    for operation in all.iter().filter(|operation| operation.reads()) {
        let line = operation.line(true);
        let first = bench.ask(who(operation), &line, &[], "").await;
        if first.status != 200 {
            problem(&first, &line);
            continue;
        }
        read += 1;
        let tag = first.header("etag").to_owned();
        if operation.id() == "access_log" {
            // Asking for it adds to it.
            continue;
        }
        let again = [("if-none-match", tag.as_str())];
        let again = bench.ask(who(operation), &line, &again, "").await;
        assert_eq!(again.status, 304, "{line}");
        assert!(again.bytes.is_empty(), "{line}");
        assert_eq!(again.header("etag"), tag, "{line}");
        let other = [("if-none-match", "\"of another answer\"")];
        let other = bench.ask(who(operation), &line, &other, "").await;
        assert_eq!(
            (other.status.as_u16(), other.bytes),
            (200, first.bytes),
            "{line}"
        );
    }
    assert!(read >= 25, "only {read} could be read");
}

#[tokio::test]
async fn every_list_can_be_paged_through() {
    let bench = Bench::new().await;
    let (api, all) = described();
    let mut lists = 0;
    for operation in all.iter().filter(|operation| operation.reads()) {
        if !operation.takes("query", "limit") {
            continue;
        }
        assert!(operation.answers(&api).is_some());
        let line = operation.line(true);
        for query in ["limit=0", "limit=201", "limit=x", "cursor=zz", "cursor=00"] {
            let asked = format!("{line}?{query}");
            let answer = bench.ask(who(operation), &asked, &[], "").await;
            let (status, code) = problem(&answer, &asked);
            assert!(
                (status, code.as_str()) == (400, "bad-query") || status == 404,
                "{asked}: {status} {code}"
            );
        }
        let asked = format!("{line}?limit=200");
        let whole = bench.ask(who(operation), &asked, &[], "").await;
        if whole.status != 200 {
            continue;
        }
        lists += 1;
        let whole = whole.json();
        assert_eq!(whole["next"], Value::Null, "{line}");
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let asked = format!("{line}?limit=1{cursor}");
            let page = bench.ask(who(operation), &asked, &[], "").await.done(200);
            paged.extend(page["items"].as_array().unwrap().iter().cloned());
            assert!(paged.len() <= 200, "{line}: pages without an end");
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let all = whole["items"].as_array().unwrap();
        if operation.id() == "access_log" {
            // Every page that is asked for is noted, too.
            assert!(paged.len() > all.len(), "{line}");
        } else {
            assert_eq!(paged.len(), all.len(), "{line}");
        }
    }
    assert!(lists >= 15, "only {lists} lists could be read");
}

#[tokio::test]
async fn nobody_gets_anything_without_a_token() {
    let bench = Bench::new().await;
    for operation in described().1 {
        let line = operation.line(true);
        let request = Request::builder()
            .method(operation.method.as_str())
            .uri(format!("/api/v1{}?nonsense=1", operation.at(true)))
            .body(Body::from("{"))
            .unwrap();
        let answer = bench.send(request).await;
        let told = problem(&answer, &line);
        assert_eq!(told, (401, "unauthenticated".to_owned()), "{line}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_is_told_by_every_operation() {
    let bench = Bench::new().await;
    let json = ("content-type", "application/json");
    let on = ("if-match", "*");
    for operation in described().1 {
        let who = who(&operation);
        let ask = async |line: String, headers: &[(&str, &str)], body: String| {
            let answer = bench.ask(who, &line, headers, body).await;
            let told = problem(&answer, &line);
            (told, answer)
        };
        // A query parameter that nobody described.
        let line = format!("{}?nonsense=1", operation.line(true));
        let (told, answer) = ask(line.clone(), &[json, on], "{}".to_owned()).await;
        assert_eq!(told, (400, "bad-query".to_owned()), "{line}");
        assert_eq!(answer.json()["errors"][0]["pointer"], "nonsense", "{line}");
        // A path that is no text.
        if operation.path.contains('{') {
            let path = operation.at(false).replace("zz-nowhere", "%FF");
            let line = format!(
                "{} {}",
                operation.method,
                path.replace(&"0".repeat(64), "%FF")
            );
            if line.contains("%FF") {
                let (told, _) = ask(line.clone(), &[json, on], "{}".to_owned()).await;
                assert_eq!(told, (400, "bad-path".to_owned()), "{line}");
            }
        }
        // A method that the path does not have.
        let line = format!("DELETE {}", operation.at(true));
        let (told, _) = ask(line.clone(), &[], String::new()).await;
        assert_eq!(told, (405, "method-not-allowed".to_owned()), "{line}");
        let named = operation.path.contains("_id}")
            || operation.path.contains("{permit_no}")
            || operation.path.contains("{code}");
        if operation.reads() && named {
            let line = operation.line(false);
            let (told, _) = ask(line.clone(), &[], String::new()).await;
            assert_eq!(told, (404, "not-found".to_owned()), "{line}");
        }
    }
}

#[tokio::test]
async fn bodies_that_make_no_sense_are_told_by_every_write() {
    let bench = Bench::new().await;
    let on = ("if-match", "*");
    for operation in described().1 {
        if operation.reads() {
            continue;
        }
        let body = &operation.operation["requestBody"]["content"];
        let line = operation.line(true);
        let line = match operation.id() {
            "add_file" => format!("{line}?name=a.jpg"),
            _ => line,
        };
        let who = who(&operation);
        let ask = async |headers: &[(&str, &str)], body: String| {
            let answer = bench.ask(who, &line, headers, body).await;
            problem(&answer, &line)
        };
        let text = [("content-type", "text/csv"), on];
        let told = ask(&text, "a,b".to_owned()).await;
        assert_eq!(told, (415, "unsupported-media".to_owned()), "{line}");
        let key = [
            ("content-type", "application/json"),
            on,
            ("idempotency-key", "two words"),
        ];
        let told = ask(&key, "{}".to_owned()).await;
        assert_eq!(told, (400, "bad-header".to_owned()), "{line}");
        if operation.takes("header", "If-Match") {
            let bad = [("content-type", "application/json"), ("if-match", "three")];
            let told = ask(&bad, "{}".to_owned()).await;
            // A body that lacks its fields is told before or after.
            assert!(matches!(told.0, 400 | 422), "{line}: {told:?}");
        }
        if operation.id() == "add_file" {
            continue;
        }
        let json = [("content-type", "application/json"), on];
        for (content, status, code) in [
            ("{\"a\": ", 400, "bad-json"),
            ("[]", 422, "bad-body"),
            ("\"text\"", 422, "bad-body"),
            ("{\"nobody\": {\"knows\": 1}}", 422, "bad-body"),
        ] {
            let told = ask(&json, content.to_owned()).await;
            assert_eq!(told, (status, code.to_owned()), "{line}: {content}");
        }
        let large = format!("{{\"a\": \"{}\"}}", "x".repeat(2 << 20));
        let told = ask(&json, large).await;
        assert_eq!(told, (413, "too-large".to_owned()), "{line}");
        if body.is_object() {
            let untyped = ask(&[on], "{}".to_owned()).await;
            assert_eq!(untyped, (415, "unsupported-media".to_owned()), "{line}");
        }
    }
}

/// Roles that may not, by operation; whoever is not named may ask.
const NOT_FOR: [(&str, &[&str]); 24] = [
    ("case_dossier", &["plant"]),
    ("draft_record", &["plant"]),
    ("list_packages", &["plant"]),
    ("verify_audit", &["plant"]),
    ("access_log", &["plant", "ana", "o-1", "law", "rev", "arch"]),
    ("stats", &["plant"]),
    ("stat_rows", &["plant"]),
    ("target_rows", &["plant"]),
    ("ratio", &["plant"]),
    ("ratio_acts", &["plant"]),
    ("ratio_policies", &["plant"]),
    ("list_published_ratios", &["plant"]),
    ("list_inspections", &["plant"]),
    ("list_draws", &["plant"]),
    ("list_bureau_audits", &["plant"]),
    ("list_reviewers", &["plant", "o-1", "law", "rev", "arch"]),
    ("list_reused_files", &["plant", "o-1", "law", "rev", "arch"]),
    ("permit_checklist", &["plant"]),
    ("draft_inspection", &["plant"]),
    ("draw_sample", &["plant", "o-1", "law", "rev", "arch"]),
    ("publish_ratio", &["plant", "o-1", "law", "rev", "arch"]),
    (
        "record_bureau_audit",
        &["plant", "o-1", "law", "rev", "arch"],
    ),
    ("fix_list", &["plant", "o-1", "law", "rev", "arch"]),
    ("draw", &["plant", "o-1", "law", "rev", "arch"]),
];

#[tokio::test]
async fn roles_that_may_not_are_told_whose_it_is() {
    let bench = Bench::new().await;
    let (_, all) = described();
    for (id, roles) in NOT_FOR {
        let operation = all.iter().find(|operation| operation.id() == id);
        let operation = operation.unwrap_or_else(|| panic!("no operation `{id}`"));
        let body = &operation.operation["requestBody"]["content"]["application/json"]["example"];
        let body = match body {
            Value::Null => String::new(),
            example => example.to_string(),
        };
        let json = [("content-type", "application/json")];
        let headers: &[(&str, &str)] = match operation.reads() {
            true => &[],
            false => &json,
        };
        for role in roles {
            let line = operation.line(true);
            let answer = bench.ask(role, &line, headers, body.clone()).await;
            let told = problem(&answer, &format!("{role}: {line}"));
            assert_eq!(told, (403, "forbidden-role".to_owned()), "{role}: {line}");
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains("may not"), "{role}: {line}: {detail}");
        }
    }
}
