//! Checklists, records of acts, lots, samples, and the targets that are counted from them.

use nonsite_schemas::time::Clock;
use serde_json::{Value, json};

use super::super::testing::{Bench, case};

fn units(weights: &[u32]) -> Value {
    let unit = |(at, weight): (usize, &u32)| json!({"id": format!("u{at}"), "weight": weight});
    weights.iter().enumerate().map(unit).collect()
}

pub(super) async fn lots_are_drawn_kept_and_drawn_again(bench: &Bench) {
    let officers = json!([
        {"officer_id": "o-1", "certificate_no": "c-1", "avoids": ["u0"]},
        {"officer_id": "o-2", "certificate_no": "c-2"},
        {"officer_id": "o-3", "certificate_no": "c-3"},
    ]);
    let from = json!({"list": units(&[1, 1, 3, 1])});
    let list = json!({"from": from, "officers": officers});
    let fixed = bench
        .post("sup", "/draws/lists", None, None, &list)
        .await
        .done(200);
    assert_eq!(
        (&fixed["units"], &fixed["officers"]),
        (&json!(4), &json!(3))
    );

    let wanted = json!({"seed": "3 14 15", "count": 2, "from": from, "officers": officers,
        "basis": "福利彩票 2026-03-02"});
    let role = bench.post("o-1", "/draws", None, None, &wanted).await;
    role.problem(403, "forbidden-role");
    let shown = json!({"seed": "3 14 15", "count": 2, "from": from, "dry_run": true});
    let shown = bench.post("sup", "/draws", None, None, &shown).await;
    assert_eq!(shown.done(201)["fresh"], Value::Null);
    let first = bench
        .post("sup", "/draws", None, Some("d-1"), &wanted)
        .await;
    let drawn = first.done(201);
    assert_eq!(drawn["list_sha256"], fixed["list_sha256"], "fixed before");
    assert_eq!(drawn["fresh"], true);
    assert_eq!(drawn["chosen"].as_array().unwrap().len(), 2);
    for chosen in drawn["chosen"].as_array().unwrap() {
        let drawn = chosen["officers"].as_array().unwrap();
        assert_eq!(drawn.len(), 2);
        assert!(chosen["id"] != "u0" || !drawn.contains(&json!("o-1")));
    }
    let again = bench
        .post("sup", "/draws", None, Some("d-1"), &wanted)
        .await;
    assert_eq!(again.bytes, first.bytes);
    let same = bench.post("sup", "/draws", None, None, &wanted).await;
    assert_eq!(same.done(201)["fresh"], false, "kept once");

    let kept = bench.get("o-1", "/draws?limit=1").await.done(200);
    let id = drawn["draw_id"].as_str().unwrap();
    assert_eq!(kept["items"][0]["draw_id"], id);
    let whole = bench.get("o-1", &format!("/draws/{id}")).await.done(200);
    assert_eq!(whole["document"], drawn["document"]);
    let proof = bench
        .get("o-1", &format!("/draws/{id}/verification"))
        .await
        .done(200);
    assert_eq!(proof["same"], true, "{proof}");
    bench
        .get("plant", "/draws")
        .await
        .problem(403, "forbidden-role");
    bench
        .get("o-1", "/draws/d0000000000000000")
        .await
        .problem(404, "not-found");

    for body in [
        json!({"seed": "s", "count": 9, "from": from}),
        json!({"seed": "s", "count": 1}),
        json!({"seed": "a\nb", "count": 1, "from": from}),
        json!({"seed": "s", "count": 1, "from": {"list": units(&[101])}}),
        json!({"seed": "s", "count": 1, "from": {"list": [{"id": "u"}, {"id": "u"}]}}),
        json!({"seed": "s", "count": 1, "from": {"industry": ["44"], "as_of": "soon"}}),
    ] {
        let wrong = bench.post("sup", "/draws", None, None, &body).await;
        wrong.problem(422, "bad-body");
    }
    let far = json!({"seed": "s", "count": 1, "from": {"org": "110000"}});
    let far = bench.post("sub", "/draws", None, None, &far).await;
    far.problem(403, "out-of-scope");
}

pub(super) async fn closed_cases_are_sampled(bench: &Bench) {
    // The queue's rows are read where the tables are.
    std::fs::create_dir_all(bench.folder().join("tables")).unwrap();
    let id = case(3);
    let dismiss = format!("/cases/{id}/actions/dismiss");
    let papers = json!({"reason": "标定时段"});
    for who in ["ana", "ben"] {
        bench.clock.advance(60_000_000);
        bench
            .post(who, &dismiss, Some("*"), None, &papers)
            .await
            .done(200);
    }
    bench.clock.advance(60_000_000);
    let close = format!("/cases/{id}/actions/close");
    bench
        .post(
            "arch",
            &close,
            Some("*"),
            None,
            &json!({"closing": "exempt_period"}),
        )
        .await
        .done(200);

    // Nobody decided about a submission, and no file was handed in.
    for path in ["/reviewers", "/reused-files"] {
        let page = bench.get("sup", &format!("{path}?year=2026")).await;
        assert_eq!(page.done(200), json!({"items": [], "next": null}), "{path}");
        let role = bench.get("o-1", path).await;
        role.problem(403, "forbidden-role");
    }
    bench
        .get("o-1", "/reviewers")
        .await
        .problem(403, "forbidden-role");
    let wanted = json!({"seed": "s", "count": 5, "year": 2026, "org": "370522"});
    let drawn = bench
        .post("sup", "/samples", None, Some("q-1"), &wanted)
        .await
        .done(201);
    assert_eq!(drawn["kind"], "sample");
    assert_eq!(drawn["chosen"][0]["id"], id, "{drawn}");
    assert!(
        drawn["chosen"][0]["why"][0]
            .as_str()
            .unwrap()
            .contains("dismissed")
    );
    // Which cases an audit looks at is not told to those it looks at.
    let sample = format!("/draws/{}", drawn["draw_id"].as_str().unwrap());
    bench.get("o-1", &sample).await.problem(404, "not-found");
    bench.get("sup", &sample).await.done(200);
    let role = bench.post("o-1", "/samples", None, None, &wanted).await;
    role.problem(403, "forbidden-role");
    let none = json!({"seed": "s", "count": 5, "year": 1999});
    let none = bench.post("sup", "/samples", None, None, &none).await;
    none.problem(422, "bad-body");
    let far = json!({"seed": "s", "count": 5, "org": "370502"});
    let far = bench.post("sub", "/samples", None, None, &far).await;
    far.problem(403, "out-of-scope");

    let stats = bench.get("sup", "/stats?year=2026").await.done(200);
    let codes: Vec<&str> = stats["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|target| target["code"].as_str().unwrap())
        .collect();
    for code in ["checklist_emission", "bureaus_audited", "stages_online"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
    let rows = bench
        .get(
            "sup",
            "/stats/targets/chain_complete/rows?year=2026&limit=1",
        )
        .await
        .done(200);
    assert!(rows["items"].is_array());
    bench
        .get("sup", "/stats/targets/luck/rows")
        .await
        .problem(404, "not-found");
    bench
        .get("sub", "/stats/targets/checklist_emission/rows")
        .await
        .problem(403, "out-of-scope");
}

#[tokio::test]
async fn lots_and_samples_on_sqlite() {
    let bench = Bench::new().await;
    lots_are_drawn_kept_and_drawn_again(&bench).await;
    closed_cases_are_sampled(&bench).await;
    audits_are_recorded_and_counted(&bench).await;
}

/// On the sample that was drawn before.
async fn audits_are_recorded_and_counted(bench: &Bench) {
    let draws = bench.get("sup", "/draws").await.done(200);
    let id_of = |kind: &str| {
        let mut draws = draws["items"].as_array().unwrap().iter();
        let found = draws.find(|draw| draw["kind"] == kind).unwrap();
        found["draw_id"].clone()
    };
    let begun = json!({"org_code": "370522", "team": "稽查一组", "cross_region": true,
        "draw_id": id_of("sample")});
    let first = bench
        .post("sup", "/bureau-audits", None, Some("b-1"), &begun)
        .await;
    let recorded = first.done(201);
    assert_eq!(recorded["fresh"], true);
    assert_eq!(recorded["audit"]["by"], "sup");
    let again = bench
        .post("sup", "/bureau-audits", None, Some("b-1"), &begun)
        .await;
    assert_eq!(again.bytes, first.bytes);
    let before = bench.clock.now_micros();
    bench.clock.advance(60_000_000);

    let mut finished = begun.clone();
    finished["audit_id"] = recorded["audit"]["audit_id"].clone();
    finished["completed_on"] = json!("2026-03-02");
    finished["record"] = json!("稽查报告〔2026〕3号");
    let done = bench
        .post("sup", "/bureau-audits", None, None, &finished)
        .await
        .done(201);
    assert_eq!(
        (&done["fresh"], &done["audit"]["completed_on"]),
        (&json!(true), &json!("2026-03-02"))
    );
    let same = bench
        .post("sup", "/bureau-audits", None, None, &finished)
        .await;
    assert_eq!(same.done(201)["fresh"], false);
    let elsewhere = json!({"org_code": "370502", "team": "稽查二组"});
    bench
        .post("sup", "/bureau-audits", None, None, &elsewhere)
        .await
        .done(201);

    let all = bench.get("o-1", "/bureau-audits?limit=1").await.done(200);
    assert_eq!(all["items"][0]["audit"], done["audit"]);
    let next = all["next"].as_str().unwrap();
    let rest = format!("/bureau-audits?limit=1&cursor={next}");
    let rest = bench.get("o-1", &rest).await.done(200);
    assert_eq!(rest["items"][0]["audit"]["org_code"], "370502");
    assert_eq!(rest["next"], Value::Null);
    let own = bench.get("sub", "/bureau-audits").await.done(200);
    assert_eq!(own["items"].as_array().unwrap().len(), 1);
    let named = bench
        .get("sup", "/bureau-audits?org=370502")
        .await
        .done(200);
    assert_eq!(named["items"].as_array().unwrap().len(), 1);
    let then = chrono::DateTime::from_timestamp_micros(before).unwrap();
    let then = then.format("%Y-%m-%dT%H:%M:%S%.6fZ");
    let stood = bench
        .get("sup", &format!("/bureau-audits?as_of={then}"))
        .await
        .done(200);
    let items = stood["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{stood}");
    assert_eq!(items[0]["audit"]["completed_on"], Value::Null);

    let mut other = finished;
    other["org_code"] = json!("370502");
    let mut lots = begun.clone();
    lots["draw_id"] = id_of("draw");
    let mut early = begun.clone();
    early["completed_on"] = json!("2026-03-01");
    let mut late = begun.clone();
    late["completed_on"] = json!("2026-03-03");
    let unnamed = json!({"org_code": "370502", "team": ""});
    for wrong in [other, lots, early, late, unnamed] {
        let refused = bench
            .post("sup", "/bureau-audits", None, None, &wrong)
            .await;
        refused.problem(422, "bad-body");
    }
    let role = bench
        .post("o-1", "/bureau-audits", None, None, &begun)
        .await;
    role.problem(403, "forbidden-role");
    let itself = bench
        .post("sub", "/bureau-audits", None, None, &begun)
        .await;
    itself.problem(403, "out-of-scope");
    bench
        .get("plant", "/bureau-audits")
        .await
        .problem(403, "forbidden-role");
}

#[tokio::test]
async fn checklists_and_records() {
    let bench = Bench::new().await;
    let lists = bench.get("plant", "/checklists").await.done(200);
    let lists = lists["items"].as_array().unwrap();
    assert!(lists.len() >= 12, "{lists:?}");
    let items = bench.get("o-1", "/checklists/steel/items").await.done(200);
    assert_eq!(items["items"][0]["id"], "permit-valid");
    assert_eq!(items["items"][0]["check"], "permit_valid");
    bench
        .get("o-1", "/checklists/weather/items")
        .await
        .problem(404, "not-found");
    bench
        .get("o-1", "/permits/permit-1/checklist")
        .await
        .problem(404, "not-found");
    bench
        .get("o-1", "/permits/permit-1/checklist?days=0")
        .await
        .problem(400, "bad-query");
    bench
        .get("plant", "/permits/permit-1/checklist")
        .await
        .problem(403, "forbidden-role");

    let record = json!({
        "act_id": "act-9", "act_version": 1,
        "unit": {"unit_id": "91130200699229617X001P", "permit_no": "91130200699229617X001P"},
        "org": {"code": "370522", "level": "sub_bureau"},
        "mode": "offsite", "method": "documents", "class": "daily", "status": "closed",
        "started_at": "2026-03-02 08:00:00", "ended_at": "2026-03-02 08:30:00",
        "completed_at": "2026-03-02 08:30:00", "conclusion": "no_problem",
    });
    let looked = bench
        .post("o-1", "/inspections?dry_run=true", None, None, &record)
        .await
        .done(200);
    assert_eq!(looked["sent_to"], Value::Null);
    assert_eq!(looked["wrong"], json!([]), "{looked}");
    assert!(!looked["lacks"].as_array().unwrap().is_empty());
    assert!(bench.sent.0.lock().is_empty());
    let first = bench
        .post("o-1", "/inspections", None, Some("i-1"), &record)
        .await;
    assert_eq!(first.done(201)["sent_to"], "inspections");
    let again = bench
        .post("o-1", "/inspections", None, Some("i-1"), &record)
        .await;
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(bench.sent.0.lock().len(), 1, "sent once");

    let mut wrong = record.clone();
    wrong["draw_id"] = json!("d0000000000000000");
    let refused = bench.post("o-1", "/inspections", None, None, &wrong).await;
    let body = refused.problem(422, "bad-body");
    assert!(
        body["errors"][0]["detail"]
            .as_str()
            .unwrap()
            .contains("no drawing"),
        "{body}"
    );
    let far = bench.post("far", "/inspections", None, None, &record).await;
    far.problem(403, "out-of-scope");
    let plant = bench
        .post("plant", "/inspections", None, None, &record)
        .await;
    plant.problem(403, "forbidden-role");
    let no_act = json!({"unit": {"unit_id": "u"}});
    let no_act = bench.post("o-1", "/inspections", None, None, &no_act).await;
    no_act.problem(422, "bad-body");
}
