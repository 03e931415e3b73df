use nonsite_schemas::wire::Origin;
use nonsite_schemas::wire::inspection::{AnswerCode, InspectionRows};
use serde_json::json;

use super::*;
use crate::session::{Config, in_memory};

/// Minutes after some midnight, as a record states it.
fn minute(minute: u32) -> String {
    format!("2026-03-02 {:02}:{:02}:00", minute / 60, minute % 60)
}

fn record(act_id: &str, act_version: i32, org: &str, recorded: u32) -> Value {
    json!({
        "act_id": act_id, "act_version": act_version, "recorded_at": minute(recorded),
        "unit": {"unit_id": format!("unit-of-{act_id}"), "permit_no": "P1"},
        "org": {"code": org, "level": "sub_bureau"},
        "mode": "offsite", "method": "documents", "class": "daily", "status": "closed",
        "started_at": minute(480), "ended_at": minute(500), "completed_at": minute(510),
        "conclusion": "no_problem",
        "checklist": [{"item_id": "permit-valid", "answer": "pass", "suggested": "fail"}],
    })
}

async fn session(records: &[Value]) -> Session {
    let mut rows = InspectionRows::new().unwrap();
    for (offset, record) in (0..).zip(records) {
        let origin = Origin {
            topic: "inspections",
            partition: 0,
            offset,
            received_at: offset,
        };
        let text = record.to_string();
        rows.push(&inspection::decode(text.as_bytes()).unwrap(), &origin);
    }
    in_memory(rows.finish().unwrap(), &Config::default())
        .await
        .unwrap()
}

/// Act `a` in two versions that came in the wrong order, the first of them twice; `b` and `c` once.
async fn three() -> Session {
    let mut corrected = record("a", 2, "370522", 600);
    corrected["checklist"][0]["answer"] = json!("fail");
    corrected["checklist"][0]["remark"] = json!("已过期");
    session(&[
        corrected,
        record("a", 1, "370522", 520),
        record("a", 1, "370522", 520),
        record("b", 1, "370502", 700),
        record("c", 1, "370522", 600),
    ])
    .await
}

async fn ids(session: &Session, wanted: Wanted) -> Vec<String> {
    let found = list(session, &wanted).await.unwrap();
    found.into_iter().map(|stored| stored.act_id).collect()
}

#[tokio::test]
async fn acts_stand_in_their_newest_version_and_in_pages() {
    let session = three().await;
    let all = list(&session, &Wanted::default()).await.unwrap();
    let order: Vec<(&str, i64)> = all
        .iter()
        .map(|stored| (stored.act_id.as_str(), stored.act_version))
        .collect();
    assert_eq!(order, [("b", 1), ("a", 2), ("c", 1)]);
    assert!(!all[0].counts_for_ratio, "it has no officers");
    assert!(
        all[0]
            .record_faults
            .iter()
            .any(|fault| fault.field == "officers"),
        "{:?}",
        all[0].record_faults
    );

    let mut paged = Vec::new();
    let mut after: Option<Place> = None;
    loop {
        let wanted = Wanted {
            after: after.take(),
            limit: 1,
            ..Wanted::default()
        };
        let page = list(&session, &wanted).await.unwrap();
        let Some(last) = page.last() else { break };
        after = Some(Place {
            recorded_at: last.recorded_at,
            act_id: last.act_id.clone(),
        });
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

#[tokio::test]
async fn acts_are_chosen_by_what_they_say() {
    let session = three().await;
    let day = |text: &str| -> Option<NaiveDate> { Some(text.parse().unwrap()) };
    let of = |change: &dyn Fn(&mut Wanted)| {
        let mut wanted = Wanted::default();
        change(&mut wanted);
        wanted
    };
    for (wanted, found) in [
        (of(&|w| w.org = Some("370502".to_owned())), vec!["b"]),
        (of(&|w| w.unit = Some("unit-of-c".to_owned())), vec!["c"]),
        (of(&|w| w.unit = Some("P1".to_owned())), vec!["b", "a", "c"]),
        (of(&|w| w.mode = Some("onsite".to_owned())), vec![]),
        (of(&|w| w.counts = Some(true)), vec![]),
        (of(&|w| w.counts = Some(false)), vec!["b", "a", "c"]),
        (of(&|w| w.from = day("2026-03-02")), vec!["b", "a", "c"]),
        (of(&|w| w.from = day("2026-03-03")), vec![]),
        (of(&|w| w.to = day("2026-03-02")), vec!["b", "a", "c"]),
        (of(&|w| w.to = day("2026-03-01")), vec![]),
        (
            of(&|w| w.org_prefix = Some("37052".to_owned())),
            vec!["a", "c"],
        ),
        (of(&|w| w.task = Some("' OR '1'='1".to_owned())), vec![]),
    ] {
        assert_eq!(ids(&session, wanted.clone()).await, found, "{wanted:?}");
    }
}

#[tokio::test]
async fn every_version_of_an_act_is_there_once() {
    let session = three().await;
    let versions = versions(&session, "a").await.unwrap();
    let numbers: Vec<i64> = versions
        .iter()
        .map(|version| version.stored.act_version)
        .collect();
    assert_eq!(numbers, [1, 2], "the copy is no version of its own");
    let answers: Vec<Option<AnswerCode>> = versions
        .iter()
        .map(|version| version.answers[0].answer)
        .collect();
    assert_eq!(answers, [Some(AnswerCode::Pass), Some(AnswerCode::Fail)]);
    assert_eq!(versions[1].answers[0].remark.as_deref(), Some("已过期"));
    assert!(super::versions(&session, "z").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_correction_has_a_higher_version_than_what_is_stored() {
    let session = three().await;
    let stored = highest(&session, "a").await.unwrap();
    assert_eq!(stored, Some(2));
    for refused in [-1, 1, 2] {
        let why = not_newer("a", refused, stored).unwrap();
        assert!(why.contains("version 3 or higher"), "{why}");
    }
    assert_eq!(not_newer("a", 3, stored), None);
    let unknown = highest(&session, "z").await.unwrap();
    assert_eq!(unknown, None);
    assert_eq!(not_newer("z", 1, unknown), None);
}
