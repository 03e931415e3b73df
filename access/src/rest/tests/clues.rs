//! Clues that no rule found.

use serde_json::{Value, json};

use super::super::testing::{Answer, Bench};

fn clue() -> Value {
    json!({"source_system": "complaint", "source_ref": "12345-7", "severity": "S3",
           "permit_no": "permit-1", "org_code": "370522", "outlet_uid": "outlet-new",
           "from": "2026-03-01 22:00:00", "to": "2026-03-01 23:00:00", "text": "夜间有异味"})
}

#[tokio::test]
async fn a_clue_is_put_in_once() {
    let bench = Bench::new().await;
    let put = async |who: &str, key: Option<&str>, clue: &Value| -> Answer {
        bench.post(who, "/clues", None, key, clue).await
    };
    let first = put("ana", Some("k-1"), &clue()).await;
    let case = first.done(201);
    assert_eq!(case["state"], "triage");
    assert_eq!(case["source_system"], "complaint");
    assert_eq!(case["source_ref"], "12345-7");
    assert_eq!(put("ana", Some("k-1"), &clue()).await.done(201), case);
    let again = put("o-1", None, &clue()).await.done(201);
    assert_eq!(
        (&again["case_id"], &again["version"]),
        (&case["case_id"], &case["version"])
    );
    let id = case["case_id"].as_str().unwrap();
    let shown = bench.get("ana", &format!("/cases/{id}")).await.done(200);
    assert_eq!(shown["source_system"], "complaint");
    assert!(shown["terms"]["sha256"].is_string(), "{shown}");

    put("plant", None, &clue())
        .await
        .problem(403, "forbidden-role");
    for (field, value) in [
        ("text", json!("a\nb")),
        ("to", json!("2026-03-09 00:00:00")),
        ("from", json!("yesterday")),
        ("severity", json!("S4")),
        ("source_system", json!("rule")),
    ] {
        let mut wrong = clue();
        wrong["source_ref"] = json!("12345-8");
        wrong[field] = value;
        let refused = put("ana", None, &wrong).await;
        refused.problem(422, "bad-body");
    }
    let mut nobody = clue();
    for field in ["permit_no", "outlet_uid"] {
        nobody.as_object_mut().unwrap().remove(field);
    }
    nobody["source_ref"] = json!("12345-9");
    put("ana", None, &nobody).await.problem(422, "bad-body");
    let mut elsewhere = clue();
    elsewhere["org_code"] = json!("110000");
    put("o-1", None, &elsewhere)
        .await
        .problem(403, "out-of-scope");
}
