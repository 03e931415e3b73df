//! Who read what is noted before it is told, and told to those who supervise.

use std::time::Duration;

use nonsite_analytics::review::{SqliteStore, Store};
use serde_json::{Value, json};

use super::super::testing::{Bench, case};

/// Actor, kind, subject and status of every row, the latest first.
fn rows(page: &Value) -> Vec<(String, String, Value, i64)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|row| {
            let status = row["status"].as_i64().unwrap();
            (
                text(row, "actor"),
                text(row, "kind"),
                row["subject"].clone(),
                status,
            )
        })
        .collect()
}

#[tokio::test]
async fn who_read_what_is_noted() {
    let bench = Bench::new().await;
    let id = case(1);
    let at = format!("/cases/{id}");
    let tag = bench.get("ana", &at).await.header("etag").to_owned();
    let known = [("if-none-match", tag.as_str())];
    let again = bench.ask("ana", &format!("GET {at}"), &known, "").await;
    assert_eq!(again.status, 304);
    bench
        .get("sub", &format!("{at}/events?limit=1"))
        .await
        .done(200);
    // Somebody else's case: asked for and not shown.
    let other = format!("/cases/{}", case(2));
    bench.get("plant", &other).await.problem(404, "not-found");
    bench.get("o-1", "/cases?state=triage").await.done(200);
    let page = format!("{at}/bundles/four_notices");
    bench.get("o-1", &page).await;
    // Nobody's data: not noted.
    bench.get("o-1", "/workflow").await.done(200);
    bench.get("o-1", "/counts").await.done(200);

    let log = bench.get("sup", "/access-log").await.done(200);
    let found = rows(&log);
    assert_eq!(found.len(), 6, "{log}");
    assert_eq!(found[5], ("ana".into(), "case".into(), json!(id), 200));
    assert_eq!(found[4], ("ana".into(), "case".into(), json!(id), 304));
    assert_eq!(found[3], ("sub".into(), "case".into(), json!(id), 200));
    let refused = ("plant".into(), "case".into(), json!(case(2)), 404);
    assert_eq!(found[2], refused);
    assert_eq!(found[1], ("o-1".into(), "cases".into(), Value::Null, 200));
    assert_eq!(found[0].1, "document");
    let items = log["items"].as_array().unwrap();
    assert_eq!(items[0]["part"], "four_notices");
    assert_eq!(items[1]["query"], "state=triage");
    assert_eq!(items[3]["operation"], "case_events");
    assert_eq!(items[3]["role"], "analyst");
    assert_eq!(items[3]["org_code"], "370522");
    let text = log.to_string();
    assert!(!text.contains("nst_"), "no token is in it");

    for (query, count) in [
        ("actor=ana", 2),
        ("kind=cases", 1),
        (&*format!("subject={id}"), 4),
        ("since=2026-03-03", 0),
        ("until=2026-03-01", 0),
        ("kind=access_log", 6),
    ] {
        let page = bench.get("sup", &format!("/access-log?{query}")).await;
        assert_eq!(rows(&page.done(200)).len(), count, "{query}");
    }
    for who in ["ana", "o-1", "plant"] {
        bench
            .get(who, "/access-log")
            .await
            .problem(403, "forbidden-role");
    }
    let soon = bench.get("sup", "/access-log?since=soon").await;
    soon.problem(400, "bad-query");
}

#[tokio::test]
async fn what_cannot_be_noted_is_not_told() {
    let bench = Bench::new().await;
    let at = format!("/cases/{}", case(1));
    bench.get("ana", &at).await.done(200);
    // Another program holds the file for longer than anybody waits.
    let file = bench.folder().join("review.sqlite");
    let other = SqliteStore::open(&file, Duration::from_secs(1))
        .await
        .unwrap();
    let held = other.begin().await.unwrap();
    let refused = bench.get("ana", &at).await;
    let text = refused.problem(503, "busy").to_string();
    assert!(!text.contains("permit-1"), "{text}");
    assert!(!refused.header("retry-after").is_empty());
    // What tells nothing of anybody goes on.
    bench.get("ana", "/workflow").await.done(200);
    drop(held);
    bench.get("ana", &at).await.done(200);
}

#[tokio::test]
async fn a_body_sees_what_its_people_read() {
    let bench = Bench::new().await;
    let at = format!("/cases/{}", case(1));
    for who in ["ana", "sub", "o-1", "far"] {
        bench.get(who, &at).await;
    }
    let seen = async |who: &str| {
        let page = bench.get(who, "/access-log?kind=case").await.done(200);
        let mut actors: Vec<String> = rows(&page).into_iter().map(|row| row.0).collect();
        actors.sort();
        actors
    };
    assert_eq!(seen("sup").await, ["ana", "far", "o-1", "sub"]);
    assert_eq!(seen("city-sup").await, ["o-1", "sub"]);
}
