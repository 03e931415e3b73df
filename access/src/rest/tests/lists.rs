//! Pages: every case once, in an order that holds, on both databases.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::testing::{Bench, case, postgres};

/// All pages of a list, one after the other.
async fn pages(bench: &Bench, who: &str, path: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let cursor = next
            .map(|next| format!("&cursor={next}"))
            .unwrap_or_default();
        let page = bench.get(who, &format!("{path}{cursor}")).await.done(200);
        found.extend(page["items"].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(cursor) => next = Some(cursor.to_owned()),
            None => return found,
        }
        assert!(found.len() < 100, "pages without an end");
    }
}

async fn every_case_once(bench: &Bench) {
    let all: BTreeSet<String> = (0..7).map(case).collect();
    let ids = |cases: &[Value]| -> Vec<String> {
        let id = |case: &Value| case["case_id"].as_str().unwrap().to_owned();
        cases.iter().map(id).collect()
    };
    for size in [1, 3, 7] {
        let urgent = pages(bench, "ana", &format!("/cases?limit={size}")).await;
        let whole = pages(bench, "ana", "/cases?limit=200").await;
        assert_eq!(ids(&urgent), ids(&whole), "pages of {size}");
        assert_eq!(ids(&urgent).into_iter().collect::<BTreeSet<_>>(), all);
        let severities: Vec<&str> = urgent
            .iter()
            .map(|case| case["severity"].as_str().unwrap())
            .collect();
        assert!(severities.is_sorted(), "{severities:?}");
        let opened = pages(bench, "ana", &format!("/cases?sort=opened&limit={size}")).await;
        assert_eq!(ids(&opened), (0..7).map(case).collect::<Vec<_>>());
    }
    for (query, numbers) in [
        ("severity=S1", vec![2, 5]),
        ("severity=S1,S2", vec![1, 2, 4, 5]),
        ("org=370522", vec![1, 3, 5]),
        ("permit_no=permit-4", vec![4]),
        ("subject=outlet-6", vec![6]),
        ("rule=E02", vec![]),
        ("state=triage,reminded&open=true", (0..7).collect()),
        ("due_before=2026-03-01", vec![]),
        ("due_before=2026-03-02%2012:00:00", vec![2, 5]),
        ("assignee=ana", vec![]),
    ] {
        let found = pages(bench, "ana", &format!("/cases?sort=opened&limit=2&{query}")).await;
        let wanted: Vec<String> = numbers.into_iter().map(case).collect();
        assert_eq!(ids(&found), wanted, "{query}");
    }
    let first = bench.get("ana", "/cases?limit=2").await.done(200);
    let cursor = first["next"].as_str().unwrap();
    let other = format!("/cases?sort=opened&cursor={cursor}");
    bench.get("ana", &other).await.problem(400, "bad-query");
    let events = pages(bench, "ana", &format!("/cases/{}/events?limit=1", case(0))).await;
    let actions: Vec<&str> = events
        .iter()
        .map(|row| row["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["open", "accept"]);
}

#[tokio::test]
async fn pages_of_sqlite() {
    every_case_once(&Bench::new().await).await;
}

#[tokio::test]
async fn pages_and_writes_of_postgresql() {
    let bench = Bench::on(Some(&postgres())).await;
    every_case_once(&bench).await;
    super::writes::a_change_names_its_version(&bench).await;
    super::writes::a_key_is_done_once(&bench).await;
    super::handed_over::documents_are_printed_and_served(&bench).await;
    super::handed_over::a_package_is_made_once_and_taken_out(&bench).await;
    super::inspections::lots_are_drawn_kept_and_drawn_again(&bench).await;
    super::inspections::closed_cases_are_sampled(&bench).await;
}
