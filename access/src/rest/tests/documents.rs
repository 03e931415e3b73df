//! The description and the documents say what is.

use std::path::Path;

use serde_json::Value;

use super::super::testing::Bench;
use super::super::{KINDS, document};

fn doc(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs")
        .join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test]
async fn the_description_is_the_one_that_is_served_and_kept() {
    let text = document();
    let api: Value = serde_json::from_str(&text).unwrap();
    assert!(
        api["openapi"].as_str().unwrap().starts_with("3.1."),
        "{}",
        api["openapi"]
    );
    let bench = Bench::new().await;
    let served = bench.get("ana", "/openapi.json").await.done(200);
    assert_eq!(served, api);
    if std::env::var_os("NONSITE_WRITE_DOCS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
        std::fs::write(path, &text).unwrap();
    }
    assert!(
        doc("openapi.json") == text,
        "docs/openapi.json is not what the code says: run this test with NONSITE_WRITE_DOCS=1"
    );
}

#[test]
fn every_operation_says_who_may_call_and_what_can_go_wrong() {
    let api: Value = serde_json::from_str(&document()).unwrap();
    let mut operations = 0;
    for (path, item) in api["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let place = format!("{method} {path}");
            assert!(operation["security"].is_array(), "{place}");
            assert!(operation["summary"].is_string(), "{place}");
            for status in ["400", "401", "403", "404", "500", "503"] {
                let content = &operation["responses"][status]["content"];
                assert!(
                    content["application/problem+json"].is_object(),
                    "{place} {status}"
                );
            }
        }
    }
    assert_eq!(operations, 61);
}

#[test]
fn every_code_is_documented() {
    let text = doc("api.md");
    let missing: Vec<&str> = KINDS
        .iter()
        .filter(|kind| !text.contains(&format!("| `{}` | {} |", kind.code, kind.status)))
        .map(|kind| kind.code)
        .collect();
    assert!(missing.is_empty(), "not in docs/api.md: {missing:?}");
}
