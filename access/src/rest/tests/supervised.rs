//! The roster of officers, and supervision besides audits: told by the city, read by each body.

use nonsite_schemas::time::Clock;
use serde_json::{Value, json};

use super::super::testing::Bench;

#[tokio::test]
async fn officers_are_told_and_counted() {
    let bench = Bench::new().await;
    std::fs::create_dir_all(bench.folder().join("tables")).unwrap();
    let officer = |id: &str, org: &str, certificate: Value| {
        json!({"officer_id": id, "org_code": org, "certificate_no": certificate,
               "valid_to": if certificate.is_null() { Value::Null } else { json!("2026-12-31") }})
    };
    let list = json!({"officers": [officer("o-1", "370522", json!("C-1")),
                                   officer("o-2", "370522", Value::Null),
                                   officer("o-3", "370502", json!("C-3"))]});
    let first = bench
        .post("sup", "/officers", None, Some("r-1"), &list)
        .await;
    assert_eq!(first.done(201), json!({"officers": 3, "fresh": 3}));
    let again = bench
        .post("sup", "/officers", None, Some("r-1"), &list)
        .await;
    assert_eq!(again.bytes, first.bytes);
    let before = bench.clock.now_micros();
    bench.clock.advance(60_000_000);
    let mut changed = list.clone();
    changed["officers"][1]["left_on"] = json!("2026-03-01");
    let told = bench.post("sup", "/officers", None, None, &changed).await;
    assert_eq!(told.done(201), json!({"officers": 3, "fresh": 1}));

    let page = bench.get("o-1", "/officers?limit=2").await.done(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert!(page["next"].is_string());
    let own = bench.get("sub", "/officers").await.done(200);
    let own = own["items"].as_array().unwrap();
    let ids: Vec<&str> = own
        .iter()
        .map(|line| line["officer"]["officer_id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, ["o-1", "o-2"]);
    assert_eq!(own[1]["officer"]["left_on"], "2026-03-01");
    let then = chrono::DateTime::from_timestamp_micros(before).unwrap();
    let then = then.format("%Y-%m-%dT%H:%M:%S%.6fZ");
    let stood = format!("/officers?org=370522&as_of={then}");
    let stood = bench.get("sup", &stood).await.done(200);
    assert_eq!(stood["items"][1]["officer"]["left_on"], Value::Null);

    let stats = bench.get("sup", "/stats?year=2026").await.done(200);
    let targets = stats["targets"].as_array().unwrap();
    let held = targets
        .iter()
        .find(|target| target["code"] == "certificates_held");
    let held = held.unwrap();
    assert_eq!((&held["hits"], &held["of"]), (&json!(2.0), &json!(2.0)));
    assert_eq!(held["reached"], true);
    let rows = "/stats/targets/certificates_held/rows?year=2026";
    let rows = bench.get("sub", rows).await.done(200);
    let rows = rows["items"].as_array().unwrap();
    assert_eq!(rows.len(), 1, "of its own body, who is there");
    assert_eq!(rows[0]["cells"]["officer"], "o-1");

    for wrong in [
        json!({"officers": []}),
        json!({"officers": [officer("", "370522", Value::Null)]}),
        json!({"officers": [officer("o-1", "370522", Value::Null),
                            officer("o-1", "370502", Value::Null)]}),
        json!({"officers": [{"officer_id": "o-9", "org_code": "370522", "valid_to": "2026-01-01"}]}),
    ] {
        let refused = bench.post("sup", "/officers", None, None, &wrong).await;
        refused.problem(422, "bad-body");
    }
    // A city does not take over another's officers.
    let foreign = json!({"officers": [officer("o-7", "110105", json!("C-7"))]});
    bench
        .post("sup", "/officers", None, None, &foreign)
        .await
        .done(201);
    let taken = json!({"officers": [officer("o-7", "370522", json!("C-7"))]});
    let taken = bench
        .post("city-sup", "/officers", None, None, &taken)
        .await;
    taken.problem(403, "out-of-scope");
    let own = json!({"officers": [officer("o-3", "370522", json!("C-3"))]});
    bench
        .post("city-sup", "/officers", None, None, &own)
        .await
        .done(201);
    let role = bench.post("o-1", "/officers", None, None, &list).await;
    role.problem(403, "forbidden-role");
    let itself = bench.post("sub", "/officers", None, None, &list).await;
    itself.problem(403, "out-of-scope");
    bench
        .get("plant", "/officers")
        .await
        .problem(403, "forbidden-role");
}

#[tokio::test]
async fn supervision_is_recorded_and_counted() {
    let bench = Bench::new().await;
    std::fs::create_dir_all(bench.folder().join("tables")).unwrap();
    let begun = json!({"kind": "case_files", "org_code": "370522", "title": "二季度案卷评查"});
    let first = bench
        .post("sup", "/supervision-records", None, Some("s-1"), &begun)
        .await;
    let recorded = first.done(201);
    assert_eq!(recorded["fresh"], true);
    assert_eq!(recorded["supervision"]["by"], "sup");
    let again = bench
        .post("sup", "/supervision-records", None, Some("s-1"), &begun)
        .await;
    assert_eq!(again.bytes, first.bytes);
    bench.clock.advance(60_000_000);
    let mut finished = begun.clone();
    finished["supervision_id"] = recorded["supervision"]["supervision_id"].clone();
    finished["completed_on"] = json!("2026-03-02");
    let unsaid = bench
        .post("sup", "/supervision-records", None, None, &finished)
        .await;
    unsaid.problem(422, "bad-body");
    finished["files"] = json!(12);
    finished["faulty"] = json!(3);
    let done = bench
        .post("sup", "/supervision-records", None, None, &finished)
        .await;
    assert_eq!(done.done(201)["supervision"]["files"], 12);
    let action = json!({"kind": "special_action", "org_code": "370502", "title": "专项监督",
                        "completed_on": "2026-03-01"});
    bench
        .post("sup", "/supervision-records", None, None, &action)
        .await
        .done(201);

    let all = bench.get("o-1", "/supervision-records").await;
    assert_eq!(all.done(200)["items"].as_array().unwrap().len(), 2);
    let own = bench.get("sub", "/supervision-records").await;
    let own = own.done(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    assert_eq!(own["items"][0]["supervision"]["faulty"], 3);
    let named = bench
        .get("sup", "/supervision-records?kind=special_action&org=370502")
        .await;
    assert_eq!(named.done(200)["items"].as_array().unwrap().len(), 1);
    bench
        .get("sup", "/supervision-records?kind=weather")
        .await
        .problem(400, "bad-query");

    let stats = bench.get("sup", "/stats?year=2026").await.done(200);
    let of = |code: &str| {
        let mut targets = stats["targets"].as_array().unwrap().iter();
        let found = targets.find(|target| target["code"] == code);
        found.unwrap_or_else(|| panic!("no {code}")).clone()
    };
    let special = of("special_supervision");
    assert_eq!(
        (&special["hits"], &special["at_least"], &special["reached"]),
        (&json!(1.0), &json!(1), &json!(true))
    );
    assert_eq!(of("case_files_sampled")["hits"], 12.0);
    let early = of("self_evaluations");
    assert_eq!(early["reached"], Value::Null, "its day is to come");
    let role = bench
        .post("o-1", "/supervision-records", None, None, &begun)
        .await;
    role.problem(403, "forbidden-role");
    let itself = bench
        .post("sub", "/supervision-records", None, None, &begun)
        .await;
    itself.problem(403, "out-of-scope");
}
