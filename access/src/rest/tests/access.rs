//! Who gets in, whose cases they see, and what a request that makes no sense is told.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::super::testing::{Bench, case};

#[tokio::test]
async fn nobody_without_a_token() {
    let bench = Bench::new().await;
    let bare = Request::get("/api/v1/cases").body(Body::empty()).unwrap();
    let answer = bench.send(bare).await;
    answer.problem(401, "unauthenticated");
    assert!(answer.header("www-authenticate").starts_with("Bearer"));
    let wrong = Request::get("/api/v1/cases")
        .header("authorization", "Bearer nst_0000")
        .header("accept-language", "en")
        .body(Body::empty())
        .unwrap();
    let body = bench.send(wrong).await.problem(401, "unauthenticated");
    assert_eq!(body["title"], "not authenticated");
    assert_eq!(body["instance"], "/api/v1/cases");
    let chinese = bench.get("ana", "/cases/nowhere").await;
    assert_eq!(chinese.problem(404, "not-found")["title"], "没有找到");
}

#[tokio::test]
async fn everyone_sees_what_is_theirs() {
    let bench = Bench::new().await;
    let seen = async |who: &str| {
        let list = bench.get(who, "/cases?sort=opened").await.done(200);
        let counts = bench.get(who, "/counts").await.done(200);
        let listed = list["items"].as_array().unwrap().len();
        let counted: i64 = counts["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["cases"].as_i64().unwrap())
            .sum();
        assert_eq!(i64::try_from(listed).unwrap(), counted, "{who}");
        listed
    };
    assert_eq!(seen("ana").await, 7);
    assert_eq!(seen("o-1").await, 7, "the city sees its districts");
    assert_eq!(seen("sub").await, 3, "a district sees itself");
    assert_eq!(seen("plant").await, 1);

    // Another's case is as if it were not there, for every way of asking.
    let (own, other) = (case(1), case(2));
    bench.get("plant", &format!("/cases/{own}")).await.done(200);
    for path in ["", "/events", "/files"] {
        let path = format!("/cases/{other}{path}");
        bench.get("plant", &path).await.problem(404, "not-found");
        bench.get("sub", &path).await.problem(404, "not-found");
    }
    for path in ["/claim", "/release", "/actions/dispatch"] {
        let path = format!("/cases/{other}{path}");
        let answer = bench.post("sub", &path, Some("*"), None, &json!({})).await;
        answer.problem(404, "not-found");
    }
    let dossier = format!("/cases/{own}/dossier");
    bench
        .get("plant", &dossier)
        .await
        .problem(403, "forbidden-role");
    bench
        .get("plant", "/audit")
        .await
        .problem(403, "forbidden-role");
    bench
        .get("sub", "/audit")
        .await
        .problem(403, "out-of-scope");
    bench
        .get("plant", "/ratio")
        .await
        .problem(403, "forbidden-role");
    bench
        .get("plant", "/stats")
        .await
        .problem(403, "forbidden-role");

    // Work is handed out within the scope.
    let mut got = 0;
    while bench
        .post("sub", "/claims", None, None, &json!({}))
        .await
        .status
        == 200
    {
        got += 1;
        assert!(got <= 3);
    }
    assert_eq!(got, 3);
}

#[tokio::test]
async fn a_request_without_sense_is_told_why() {
    let bench = Bench::new().await;
    let at = format!("/cases/{}/actions/dispatch", case(0));
    let line = format!("POST {at}");
    let json = ("content-type", "application/json");
    let on = ("if-match", "*");

    bench
        .get("ana", "/nothing/here")
        .await
        .problem(404, "not-found");
    let method = bench.ask("ana", "DELETE /cases", &[], "").await;
    method.problem(405, "method-not-allowed");
    assert!(method.header("allow").contains("GET"));
    let broken = bench.ask("ana", &line, &[json, on], "{\"channel\": ").await;
    broken.problem(400, "bad-json");
    let wrong = bench
        .ask("ana", &line, &[json, on], "{\"chanel\": \"client\"}")
        .await;
    let body = wrong.problem(422, "bad-body");
    assert!(
        body["detail"].as_str().unwrap().contains("chanel"),
        "{body}"
    );
    let text = bench
        .ask("ana", &line, &[("content-type", "text/plain"), on], "x")
        .await;
    text.problem(415, "unsupported-media");
    let large = format!("{{\"note\": \"{}\"}}", "x".repeat(2 << 20));
    let large = bench.ask("ana", &line, &[json, on], large).await;
    large.problem(413, "too-large");
    let control = bench
        .ask(
            "ana",
            &line,
            &[json, on],
            r#"{"channel": "a\u0000b", "reason": "r"}"#,
        )
        .await;
    control.problem(422, "bad-body");

    for query in [
        "limit=0",
        "limit=201",
        "limit=x",
        "state=nowhere",
        "severity=S9",
        "cursor=00",
        "cursor=zz",
        "unknown=1",
        "due_before=soon",
        "open=perhaps",
        "org=%00",
        "sort=best",
        "limit=1&limit=2",
    ] {
        let answer = bench.get("ana", &format!("/cases?{query}")).await;
        answer.problem(400, "bad-query");
    }
    bench
        .get("ana", "/cases/%FF")
        .await
        .problem(400, "bad-path");
    bench
        .get("ana", "/cases/a%00b")
        .await
        .problem(404, "not-found");
    let header = bench
        .ask("ana", &line, &[json, ("if-match", "3")], "{}")
        .await;
    header.problem(400, "bad-header");
    let key = [json, on, ("idempotency-key", "a b")];
    bench
        .ask("ana", &line, &key, "{}")
        .await
        .problem(400, "bad-header");
    let role = bench
        .ask("ana", "GET /me", &[("nonsite-role", "legal")], "")
        .await;
    role.problem(403, "forbidden-role");
}
