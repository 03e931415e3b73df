//! A rule that verification found mostly wrong: findings stored, no alert, until it is lifted.

use super::runs::{HOUR, add, add_permits, batch, detect, documents};
use crate::detect::{Catalogue, Config};
use crate::feedback::{Feedback, Verdict, lift, record};
use crate::fixtures::{at, query};
use crate::session;

/// Ids of the rules behind the alerts in the outbox, by alert.
async fn alerted(store: &std::path::Path) -> String {
    let session = session::open(store, &session::Config::default())
        .await
        .expect("session");
    let rows = query(&session, "SELECT payload FROM alerts ORDER BY alert_id").await;
    rows.iter()
        .filter_map(|row| row["payload"].as_str())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn findings_of_a_suspended_rule_are_stored_and_not_alerted() {
    let store = tempfile::tempdir().expect("folder");
    let start = at("2025-06-01 00:00");
    let version = |id: &str| {
        let catalogue = Catalogue::load(&Config::default()).expect("rules");
        catalogue.get(id).expect("rule").rule.version
    };
    let wrong: Vec<Feedback> = (0..20)
        .map(|n| Feedback {
            anomaly_id: format!("{n:04x}"),
            rule_id: "Q01".to_owned(),
            rule_version: version("Q01"),
            org_code: None,
            verdict: Verdict::Mismatch,
            cause: None,
            note: None,
            by: "李四".to_owned(),
            case_id: None,
            recorded_at: start,
        })
        .collect();
    let session = session::open(store.path(), &session::Config::default())
        .await
        .expect("session");
    record(store.path(), &session, &wrong)
        .await
        .expect("recorded");
    add_permits(store.path(), &documents()).await;
    add(store.path(), batch(0..24)).await;
    let report = detect(store.path(), start + 24 * HOUR + 600_000_000, false, 1).await;
    assert_eq!(report.suspended, ["Q01"]);
    let found = |rule: &str| {
        let report = report.rules.iter().find(|r| r.rule == rule).expect("rule");
        report.flagged
    };
    assert!(found("Q01") > 0 && found("E01") > 0, "{report:?}");
    let told = alerted(store.path()).await;
    assert!(
        told.contains("\"E01\"") && !told.contains("\"Q01\""),
        "{told}"
    );

    // Lifted: what is found from now on is alerted again.
    lift(
        store.path(),
        "Q01",
        version("Q01"),
        "王五",
        "mended",
        start + 25 * HOUR,
    )
    .await
    .expect("lifted");
    add(store.path(), batch(24..72)).await;
    let report = detect(store.path(), start + 72 * HOUR + 600_000_000, false, 1).await;
    assert_eq!(report.suspended, Vec::<String>::new());
    assert!(alerted(store.path()).await.contains("\"Q01\""));
}
