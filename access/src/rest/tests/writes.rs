//! Changes: on the version that was decided on, once, and along the workflow.

use serde_json::json;

use super::super::testing::{Bench, case};

pub(super) async fn a_change_names_its_version(bench: &Bench) {
    let at = format!("/cases/{}", case(0));
    let shown = bench.get("ana", &at).await;
    let tag = shown.header("etag").to_owned();
    let version = shown.done(200)["version"].as_i64().unwrap();
    assert!(tag.starts_with(&format!("\"{version}.")), "{tag}");

    let act = format!("{at}/actions/dispatch");
    let papers = json!({"channel": "client", "reason": "R1"});
    let bare = bench.post("ana", &act, None, None, &papers).await;
    bare.problem(428, "precondition-required");
    let stale = bench.post("ana", &act, Some("\"1\""), None, &papers).await;
    let body = stale.problem(412, "stale-version");
    assert_eq!(body["current_version"], version);
    let missing = bench.post("ana", &act, Some(&tag), None, &json!({})).await;
    let body = missing.problem(422, "missing-fields");
    assert_eq!(body["errors"][0]["pointer"], "/channel");
    let role = bench.post("o-1", &act, Some(&tag), None, &papers).await;
    role.problem(403, "forbidden-role");
    let state = format!("{at}/actions/close");
    let refused = bench
        .post("arch", &state, Some(&tag), None, &json!({}))
        .await;
    let body = refused.problem(409, "refused");
    assert_eq!(body["possible"][0]["action"], "dismiss", "{body}");
    let unknown = format!("{at}/actions/dance");
    let unknown = bench
        .post("ana", &unknown, Some(&tag), None, &json!({}))
        .await;
    unknown.problem(404, "not-found");

    let done = bench.post("ana", &act, Some(&tag), None, &papers).await;
    let after = done.done(200);
    assert_eq!(after["state"], "dispatched");
    assert_eq!(after["state_zh"], "已派发");
    assert_eq!(done.header("etag"), format!("\"{}\"", version + 1));
    let again = bench.post("ana", &act, Some(&tag), None, &papers).await;
    again.problem(412, "stale-version");
    let rows = bench.get("ana", &format!("{at}/events")).await.done(200);
    let last = rows["items"].as_array().unwrap().last().unwrap();
    assert_eq!(last["actor"], "ana");
    assert_eq!(last["client"], "api");
    assert_eq!(last["fields"]["channel"], "client");
}

pub(super) async fn a_key_is_done_once(bench: &Bench) {
    let at = format!("/cases/{}", case(1));
    let tag = bench.get("ana", &at).await.header("etag").to_owned();
    let act = format!("{at}/actions/dispatch");
    let papers = json!({"channel": "client", "reason": "R1"});
    // A refusal leaves the key free.
    let refused = bench
        .post("ana", &act, Some(&tag), Some("k-0"), &json!({}))
        .await;
    refused.problem(422, "missing-fields");
    let first = bench
        .post("ana", &act, Some(&tag), Some("k-1"), &papers)
        .await;
    let version = first.done(200)["version"].as_i64().unwrap();
    let release = format!("{at}/claim");
    let moved = bench
        .post("ana", &release, Some("*"), None, &json!({}))
        .await;
    assert_eq!(moved.done(200)["version"], version + 1);
    // The same request again: the same answer, although the case has gone on.
    let again = bench
        .post("ana", &act, Some(&tag), Some("k-1"), &papers)
        .await;
    assert_eq!(again.bytes, first.bytes);
    assert_eq!(again.header("etag"), first.header("etag"));
    let other = json!({"channel": "letter"});
    let reused = bench
        .post("ana", &act, Some(&tag), Some("k-1"), &other)
        .await;
    reused.problem(422, "key-reused");
    // Somebody else's key of the same name is another key.
    let theirs = bench
        .post("ben", &act, Some(&tag), Some("k-1"), &papers)
        .await;
    theirs.problem(412, "stale-version");

    let next = json!({"states": ["triage"]});
    let one = bench.post("ben", "/claims", None, Some("k-2"), &next).await;
    let same = bench.post("ben", "/claims", None, Some("k-2"), &next).await;
    assert_eq!(one.done(200)["case_id"], same.done(200)["case_id"]);
    let two = bench.post("ben", "/claims", None, Some("k-3"), &next).await;
    assert_ne!(one.done(200)["case_id"], two.done(200)["case_id"]);

    // Forgotten keys are new keys.
    bench.clock.advance(1);
    let now = nonsite_schemas::time::Clock::now_micros(bench.clock.as_ref());
    assert_eq!(bench.service.forget_requests(now).await.unwrap(), 3);
    let late = bench
        .post("ana", &act, Some(&tag), Some("k-1"), &papers)
        .await;
    late.problem(412, "stale-version");
}

#[tokio::test]
async fn changes_on_sqlite() {
    let bench = Bench::new().await;
    a_change_names_its_version(&bench).await;
    a_key_is_done_once(&bench).await;
}

#[tokio::test]
async fn a_claim_keeps_others_away_until_it_is_given_back() {
    let bench = Bench::new().await;
    let at = format!("/cases/{}", case(3));
    let claim = format!("{at}/claim");
    let held = bench
        .post("ana", &claim, Some("*"), None, &json!({}))
        .await
        .done(200);
    assert_eq!(held["held_by"], "ana");
    let taken = bench.post("ben", &claim, Some("*"), None, &json!({})).await;
    taken.problem(409, "claimed");
    let act = format!("{at}/actions/verify");
    bench
        .post("ben", &act, Some("*"), None, &json!({"reason": "R1"}))
        .await
        .problem(409, "claimed");
    let release = format!("{at}/release");
    bench
        .post("ben", &release, Some("*"), None, &json!({}))
        .await
        .problem(409, "claimed");
    let free = bench
        .post("ana", &release, Some("*"), None, &json!({}))
        .await
        .done(200);
    assert!(free["held_by"].is_null());
    bench
        .post("ben", &act, Some("*"), None, &json!({"reason": "R1"}))
        .await
        .done(200);
    let none = bench.post("arch", "/claims", None, None, &json!({})).await;
    assert_eq!(none.status, 204);
    let role = bench.post("rev", &claim, Some("*"), None, &json!({})).await;
    role.problem(403, "forbidden-role");
}

#[tokio::test]
async fn an_enterprise_and_two_reviewers_bring_a_case_to_its_look_back() {
    let bench = Bench::new().await;
    // Case 6 is S3: one signature. The enterprise of permit-1 has case 1 (S2): two.
    let at = format!("/cases/{}", case(1));
    let steps = [
        (
            "ana",
            "dispatch",
            json!({"channel": "client", "reason": "R1"}),
            "dispatched",
        ),
        ("plant", "deliver", json!({"receipt": "read"}), "self_check"),
        (
            "plant",
            "answer",
            json!({"cause": "abatement_fault", "statement": "循环泵故障", "no_proof": "无附件"}),
            "answered",
        ),
        ("o-1", "verify", json!({}), "verify_off"),
        (
            "o-1",
            "rectify",
            json!({"act": "act-1", "officers": ["o-1", "o-2"], "measures": "更换循环泵"}),
            "rectify",
        ),
    ];
    let act = async |who: &str, action: &str, papers: &serde_json::Value| {
        let tag = bench.get(who, &at).await.header("etag").to_owned();
        let path = format!("{at}/actions/{action}");
        bench.clock.advance(60_000_000);
        bench.post(who, &path, Some(&tag), None, papers).await
    };
    for (who, action, papers, state) in steps {
        assert_eq!(act(who, action, &papers).await.done(200)["state"], state);
    }
    let done = json!({"measures": "已更换", "measure_date": "2026-03-02", "promise": "厂长",
                      "owner": "厂长 13800000000", "plan_due": "2026-03-03"});
    let bare = act("plant", "submit", &done).await.problem(409, "refused");
    assert!(
        bare["detail"].as_str().unwrap().contains("submit"),
        "{bare}"
    );
    super::files::hand_in(&bench, "plant", &case(1))
        .await
        .done(201);
    assert_eq!(
        act("plant", "submit", &done).await.done(200)["state"],
        "submitted"
    );
    let items = [
        "order",
        "data",
        "statement",
        "photos",
        "repair",
        "lab",
        "permit",
        "history",
    ]
    .map(|item| json!({"item": item, "verdict": "pass"}));
    // This queue has no data since the measures: whoever approves says why.
    let bare = json!({"items": items, "opinion": "整改到位"});
    let bare = act("rev", "approve", &bare).await.problem(409, "refused");
    assert!(
        bare["detail"].as_str().unwrap().contains("`override`"),
        "{bare}"
    );
    // The photo is dated after the day of this test: whoever approves says how that can be.
    let open = json!({"items": items, "opinion": "整改到位", "override": "手工监测报告 7"});
    let open = act("rev", "approve", &open).await.problem(409, "refused");
    assert!(
        open["detail"]
            .as_str()
            .unwrap()
            .contains("photo_from_the_future"),
        "{open}"
    );
    let resolved = json!([{"code": "photo_from_the_future", "reason": "相机时钟错误"}]);
    let verdict = json!({"items": items, "opinion": "整改到位", "override": "手工监测报告 7",
                         "resolved": resolved});
    let first = act("rev", "approve", &verdict).await.done(200);
    assert_eq!(first["state"], "submitted");
    assert_eq!(first["signature"]["by"], "rev");
    let same = act("rev", "approve", &verdict).await;
    same.problem(409, "refused");
    // What stood is told to those who judge, and not to the enterprise.
    let rows = async |who: &str| {
        let page = bench.get(who, &format!("{at}/events")).await.done(200);
        page["items"].as_array().unwrap().last().unwrap()["fields"].clone()
    };
    let own = rows("rev").await;
    assert!(
        own["conflicts"]
            .as_str()
            .unwrap()
            .contains("photo_from_the_future")
    );
    assert_eq!(own["resolved"], "photo_from_the_future=相机时钟错误");
    let theirs = rows("plant").await;
    assert!(theirs["conflicts"].is_null() && theirs["resolved"].is_null());
    assert_eq!(theirs["opinion"], "整改到位");
}

#[tokio::test]
async fn an_enterprise_marks_data_from_its_case() {
    let bench = Bench::new().await;
    let at = format!("/cases/{}", case(1));
    let act = async |who: &str, action: &str, papers: &serde_json::Value| {
        let tag = bench.get("ana", &at).await.header("etag").to_owned();
        let path = format!("{at}/actions/{action}");
        bench.clock.advance(60_000_000);
        bench.post(who, &path, Some(&tag), None, papers).await
    };
    let sent = json!({"channel": "client", "reason": "R1"});
    act("ana", "dispatch", &sent).await.done(200);
    let read = json!({"receipt": "read"});
    act("plant", "deliver", &read).await.done(200);
    let mark = |code: &str| {
        json!({"code": code, "from": "2026-03-01 09:00:00", "to": "2026-03-01 10:00:00",
               "reason": "标气校准"})
    };
    let whole = mark("calibration");
    act("o-1", "mark", &whole)
        .await
        .problem(403, "forbidden-role");
    let unknown = act("plant", "mark", &mark("holiday")).await;
    let unknown = unknown.problem(422, "bad-body");
    let detail = unknown["detail"].as_str().unwrap();
    assert!(detail.contains("calibration, maintenance"), "{unknown}");
    let bare = json!({"code": "calibration", "reason": "标气校准"});
    act("plant", "mark", &bare)
        .await
        .problem(422, "missing-fields");
    let marked = act("plant", "mark", &whole).await.done(200);
    assert_eq!(marked["state"], "self_check");
    let page = bench.get("plant", &format!("{at}/events")).await.done(200);
    let row = page["items"].as_array().unwrap().last().unwrap()["fields"].clone();
    let document: serde_json::Value = serde_json::from_str(row["mark"].as_str().unwrap()).unwrap();
    assert_eq!(document["mark_id"], row["mark_id"]);
    assert_eq!(document["mn"], "mn-1");
    assert_eq!(document["author"], "plant");
}
