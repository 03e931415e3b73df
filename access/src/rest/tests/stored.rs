//! Stored records of acts, the figures over them, and corrections.

use serde_json::{Value, json};

use super::super::testing::Bench;

/// An off-site act with the minimum record, closed on a day of February.
fn act(id: &str, version: i32, org: &str, day: u32) -> Value {
    let at = |time: &str| format!("2026-02-{day:02} {time}");
    json!({
        "act_id": id, "act_version": version, "recorded_at": at("10:00:00"),
        "task_id": format!("task-{id}"), "plan_item": "P-1",
        "unit": {"unit_id": format!("unit-{id}"), "permit_no": "91130200699229617X001P"},
        "org": {"code": org, "level": "sub_bureau"},
        "mode": "offsite", "method": "documents", "class": "daily", "status": "closed",
        "approval": {"approval_id": "A-1", "approved_by": "支队长", "approved_at": at("07:00:00")},
        "officers": [
            {"officer_id": "o1", "certificate_no": "c1"},
            {"officer_id": "o2", "certificate_no": "c2"},
        ],
        "team_id": "T-1", "outlets": ["DA001"],
        "sources": [{"kind": "hourly", "from": at("00:00:00"), "to": at("06:00:00"),
            "query": "SELECT 1", "rows": 6}],
        "checklist": [{"item_id": "permit-valid", "answer": "pass", "suggested": "pass"}],
        "findings": [{"finding_id": "f1", "text": "核对完毕", "evidence_ids": ["e1"]}],
        "evidence": [{"evidence_id": "e1", "kind": "query_result", "sha256": "ab".repeat(32)}],
        "conclusion": "no_problem",
        "notice": {"channel": "client", "notified_at": at("09:30:00")},
        "started_at": at("08:00:00"), "ended_at": at("08:30:00"), "completed_at": at("09:00:00"),
        "signed_by": "复核人", "policy_id": "nonsite-default-1",
    })
}

/// The same on site.
fn visit(id: &str, org: &str, day: u32) -> Value {
    let mut act = act(id, 1, org, day);
    act["mode"] = json!("onsite");
    act["method"] = json!("site_visit");
    act
}

/// `a` with a correction, `b` of another district without officers, and the visit `c`.
pub(super) async fn with_acts() -> Bench {
    let bench = Bench::new().await;
    let mut corrected = act("a", 2, "370522", 3);
    corrected["recorded_at"] = json!("2026-02-05 10:00:00");
    corrected["checklist"][0]["answer"] = json!("fail");
    corrected["checklist"][0]["remark"] = json!("已过期");
    let mut poor = act("b", 1, "370502", 10);
    poor["officers"] = json!([]);
    bench
        .ingested(&[
            act("a", 1, "370522", 3),
            corrected,
            poor,
            visit("c", "370522", 20),
        ])
        .await;
    bench
}

fn ids(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().unwrap().iter();
    items.map(|item| item["act_id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn acts_are_listed_in_their_newest_version() {
    let bench = with_acts().await;
    let all = bench.get("sup", "/inspections").await.done(200);
    assert_eq!(ids(&all), ["c", "b", "a"], "the last recorded first");
    assert_eq!(all["items"][2]["act_version"], 2);
    assert_eq!(all["items"][1]["counts_for_ratio"], false);
    let faults = all["items"][1]["record_faults"].as_array().unwrap();
    assert!(
        faults.iter().any(|fault| fault["field"] == "officers"),
        "{faults:?}"
    );

    let mut paged: Vec<Value> = Vec::new();
    let mut path = "/inspections?limit=1".to_owned();
    loop {
        let page = bench.get("sup", &path).await.done(200);
        paged.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/inspections?limit=1&cursor={next}");
        assert!(paged.len() < 10, "pages without an end");
    }
    assert_eq!(json!(paged), all["items"]);

    for (query, found) in [
        ("org=370502", vec!["b"]),
        ("mode=onsite", vec!["c"]),
        ("unit=unit-a", vec!["a"]),
        ("task=task-b&class=daily&status=closed", vec!["b"]),
        ("counts_for_ratio=true", vec!["c", "a"]),
        ("from=2026-02-04&to=2026-02-10", vec!["b"]),
        ("method=uav", vec![]),
    ] {
        let page = bench.get("sup", &format!("/inspections?{query}")).await;
        assert_eq!(ids(&page.done(200)), found, "{query}");
    }
    // Another district's acts are not there.
    let own = bench.get("sub", "/inspections").await.done(200);
    assert_eq!(ids(&own), ["c", "a"]);
    let far = bench.get("far", "/inspections").await.done(200);
    assert_eq!(far["items"], json!([]));
    bench
        .get("plant", "/inspections")
        .await
        .problem(403, "forbidden-role");
    let wrong = bench.get("sup", "/inspections?cursor=00").await;
    wrong.problem(400, "bad-query");
}

#[tokio::test]
async fn an_act_is_shown_in_every_version() {
    let bench = with_acts().await;
    let shown = bench.get("sub", "/inspections/a").await.done(200);
    assert_eq!(shown["act_version"], 2);
    let versions = shown["versions"].as_array().unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(versions[0]["answers"][0]["answer"], "pass");
    assert_eq!(versions[1]["answers"][0]["answer"], "fail");
    assert_eq!(versions[1]["answers"][0]["remark"], "已过期");
    assert_eq!(versions[1]["record"]["record_faults"], json!([]));
    assert_eq!(versions[1]["document"]["act_version"], 2);
    bench
        .get("sub", "/inspections/b")
        .await
        .problem(404, "not-found");
    bench
        .get("sup", "/inspections/z")
        .await
        .problem(404, "not-found");
    bench
        .get("plant", "/inspections/a")
        .await
        .problem(403, "forbidden-role");
}

#[tokio::test]
async fn answers_are_listed_and_summed() {
    let bench = with_acts().await;
    let all = bench.get("sup", "/checklist-answers").await.done(200);
    assert_eq!(ids(&all), ["c", "b", "a"], "of the newest versions");
    assert_eq!(all["items"][2]["answer"], "fail");
    assert_eq!(all["items"][2]["item"], "permit-valid");
    let own = bench.get("sub", "/checklist-answers").await.done(200);
    assert_eq!(ids(&own), ["c", "a"]);
    for (query, found) in [
        ("answer=fail", vec!["a"]),
        ("otherwise=true", vec!["a"]),
        ("item=permit-valid&to=2026-02-10", vec!["b", "a"]),
        ("item=weather", vec![]),
        ("checklist=steel", vec![]),
    ] {
        let path = format!("/checklist-answers?{query}");
        let page = bench.get("sup", &path).await.done(200);
        assert_eq!(ids(&page), found, "{query}");
    }
    // A word that is no answer is told, not answered with an empty list.
    for path in ["/checklist-answers", "/checklist-answers/items"] {
        let wrong = bench.get("sup", &format!("{path}?answer=failed")).await;
        wrong.problem(400, "bad-query");
    }
    let first = bench.get("sup", "/checklist-answers?limit=1").await;
    let next = first.done(200)["next"].as_str().unwrap().to_owned();
    let rest = format!("/checklist-answers?limit=2&cursor={next}");
    let rest = bench.get("sup", &rest).await.done(200);
    assert_eq!(ids(&rest), ["b", "a"]);
    assert_eq!(rest["next"], Value::Null);

    let sums = bench.get("sup", "/checklist-answers/items").await.done(200);
    let item = &sums["items"][0];
    assert_eq!(sums["items"].as_array().unwrap().len(), 1);
    for (field, count) in [("acts", 3), ("passed", 2), ("failed", 1), ("otherwise", 1)] {
        assert_eq!(item[field], count, "{field}");
    }
    bench
        .get("plant", "/checklist-answers")
        .await
        .problem(403, "forbidden-role");
}

#[tokio::test]
async fn a_correction_is_newer_than_what_is_stored() {
    let bench = with_acts().await;
    // Without a checklist's form and a drawing nothing of the record is wrong.
    let same = act("a", 2, "370522", 3);
    let looked = bench
        .post("o-1", "/inspections?dry_run=true", None, None, &same)
        .await
        .done(200);
    let wrong = looked["wrong"].as_array().unwrap();
    assert_eq!(wrong.len(), 1, "{looked}");
    assert!(wrong[0].as_str().unwrap().starts_with("act_version"));
    for version in [1, 2] {
        let old = act("a", version, "370522", 3);
        let refused = bench
            .post("o-1", "/inspections", None, Some("v-1"), &old)
            .await
            .problem(409, "version-taken");
        assert_eq!(refused["current_version"], 2);
        assert_eq!(refused["errors"][0]["pointer"], "/act_version");
    }
    assert!(bench.sent.0.lock().is_empty());
    // A refused request leaves its key free.
    let newer = act("a", 3, "370522", 3);
    let sent = bench
        .post("o-1", "/inspections", None, Some("v-1"), &newer)
        .await;
    assert_eq!(sent.done(201)["act_version"], 3);
    assert_eq!(bench.sent.0.lock().len(), 1);
}

#[tokio::test]
async fn a_key_gives_its_answer_when_its_record_is_stored_by_now() {
    let bench = Bench::new().await;
    let record = act("a", 1, "370522", 3);
    let first = bench
        .post("o-1", "/inspections", None, Some("k-1"), &record)
        .await;
    first.done(201);
    bench.ingested(std::slice::from_ref(&record)).await;
    let again = bench
        .post("o-1", "/inspections", None, Some("k-1"), &record)
        .await;
    assert_eq!(again.done(201), first.json());
    let other = bench
        .post("o-1", "/inspections", None, Some("k-2"), &record)
        .await;
    other.problem(409, "version-taken");
    assert_eq!(bench.sent.0.lock().len(), 1, "sent once");
}

#[tokio::test]
async fn a_period_of_ones_own_is_counted_and_published() {
    let bench = with_acts().await;
    let year = bench.get("sup", "/ratio?year=2026").await.done(200);
    assert_eq!(year["share"], json!({"off": 1, "on": 1}), "{year}");
    let early = "from=2026-02-01&to=2026-02-19";
    let ratio = bench.get("sup", &format!("/ratio?{early}")).await.done(200);
    assert_eq!(ratio["share"], json!({"off": 1, "on": 0}));
    assert_eq!(
        (&ratio["from"], &ratio["until"]),
        (&json!("2026-02-01"), &json!("2026-02-20"))
    );
    let counted = format!("/ratio/acts?{early}&list=counted");
    let counted = bench.get("sup", &counted).await.done(200);
    assert_eq!(ids(&counted), ["a"]);
    for (query, at) in [
        ("year=2026&from=2026-02-01&to=2026-02-19", "year"),
        ("from=2026-02-01", "to"),
        ("to=2026-02-01", "from"),
        ("from=2026-02-19&to=2026-02-01", "from"),
        ("from=1969-12-31&to=2026-02-01", "from"),
        ("from=2026-02-01&to=9999-01-01", "to"),
    ] {
        for path in ["/ratio", "/ratio/acts", "/ratio/snapshots"] {
            let answer = bench.get("sup", &format!("{path}?{query}")).await;
            let body = answer.problem(400, "bad-query");
            assert_eq!(body["errors"][0]["pointer"], at, "{path} {query}");
        }
    }

    let half = json!({"from": "2026-02-01"});
    let half = bench
        .post("sup", "/ratio/snapshots", None, None, &half)
        .await;
    assert_eq!(half.problem(422, "bad-body")["errors"][0]["pointer"], "/to");
    let wanted = json!({"from": "2026-02-01", "to": "2026-02-19", "as_of": "2026-02-25"});
    let published = bench
        .post("sup", "/ratio/snapshots", None, None, &wanted)
        .await
        .done(201);
    assert_eq!(published["percent"], "100.00");
}

#[tokio::test]
async fn published_figures_are_listed_and_shown() {
    let bench = with_acts().await;
    let none = bench.get("o-1", "/ratio/snapshots").await.done(200);
    assert_eq!(none["items"], json!([]));
    let mut published = Vec::new();
    for as_of in ["2026-02-15", "2026-02-25"] {
        let wanted = json!({"year": 2026, "as_of": as_of});
        let one = bench
            .post("sup", "/ratio/snapshots", None, None, &wanted)
            .await
            .done(201);
        published.push(one["snapshot_id"].as_str().unwrap().to_owned());
    }
    let first = bench.get("o-1", "/ratio/snapshots?limit=1").await.done(200);
    let line = &first["items"][0];
    assert_eq!(line["snapshot_id"], published[1], "the latest first");
    assert_eq!(line["share"], json!({"off": 1, "on": 1}));
    assert_eq!(
        (&line["percent"], &line["reached"]),
        (&json!("50.00"), &json!(true))
    );
    assert_eq!(
        (&line["from"], &line["until"]),
        (&json!("2026-01-01"), &json!("2027-01-01"))
    );
    let next = first["next"].as_str().unwrap();
    let second = format!("/ratio/snapshots?limit=1&cursor={next}");
    let second = bench.get("o-1", &second).await.done(200);
    assert_eq!(second["items"][0]["snapshot_id"], published[0]);
    assert_eq!(second["next"], Value::Null);
    for (query, count) in [
        ("policy_id=nonsite-default-1", 2),
        ("policy_id=another", 0),
        ("year=2026", 2),
        ("from=2026-01-01&to=2026-12-31", 2),
        ("year=2025", 0),
    ] {
        let page = bench.get("o-1", &format!("/ratio/snapshots?{query}")).await;
        let items = page.done(200)["items"].as_array().unwrap().len();
        assert_eq!(items, count, "{query}");
    }

    let path = format!("/ratio/snapshots/{}", published[1]);
    let shown = bench.get("o-1", &path).await.done(200);
    assert_eq!(shown["share"], json!({"off": 1, "on": 1}));
    assert_eq!(shown["altered"], json!([]));
    assert_eq!(shown["inspections_version"], line["inspections_version"]);
    assert_eq!(
        shown["document"]["policy"]["policy_id"],
        "nonsite-default-1"
    );
    let groups = shown["groups"].as_array().unwrap();
    for breakdown in ["org", "month", "quarter", "method", "class"] {
        let own = groups
            .iter()
            .filter(|group| group["breakdown"] == breakdown);
        let (off, on) = own.fold((0, 0), |(off, on), group| {
            let share = &group["share"];
            (
                off + share["off"].as_u64().unwrap(),
                on + share["on"].as_u64().unwrap(),
            )
        });
        assert_eq!((off, on), (1, 1), "{breakdown}");
    }
    for (id, status, code) in [
        ("r0000000000000000", 404, "not-found"),
        ("luck", 404, "not-found"),
    ] {
        let path = format!("/ratio/snapshots/{id}");
        bench.get("o-1", &path).await.problem(status, code);
    }
    bench
        .get("plant", "/ratio/snapshots")
        .await
        .problem(403, "forbidden-role");
    bench
        .get("plant", &path)
        .await
        .problem(403, "forbidden-role");
}

#[tokio::test]
async fn the_policies_say_which_is_in_force() {
    let bench = Bench::new().await;
    let policies = bench.get("o-1", "/ratio/policies").await.done(200);
    let policies = policies["items"].as_array().unwrap();
    let policy = &policies[0];
    assert_eq!(policies.len(), 1);
    assert_eq!(policy["policy_id"], "nonsite-default-1");
    assert_eq!(
        (&policy["in_force"], &policy["target"]),
        (&json!(true), &json!("40"))
    );
    assert_eq!(policy["policy"]["count_unit"], "act");
    let before = bench
        .get("o-1", "/ratio/policies?as_of=1969-06-30")
        .await
        .done(200);
    assert_eq!(
        before["items"][0]["in_force"], false,
        "it takes effect in 1970"
    );
    bench
        .get("o-1", "/ratio/policies?as_of=soon")
        .await
        .problem(400, "bad-query");
    bench
        .get("plant", "/ratio/policies")
        .await
        .problem(403, "forbidden-role");
}
