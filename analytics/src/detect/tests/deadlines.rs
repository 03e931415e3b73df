//! Days are judged again when the deadlines for marking and for back-filling have passed.

use std::path::Path;

use nonsite_schemas::tables;
use serde_json::{Map, Value, json};

use super::runs::{HOUR, add, add_permits, anomalies, detect_with, documents, only, open};
use crate::detect::Report;
use crate::fixtures::{at, reading, table};
use crate::session::{append, ensure};

/// Adds rows to a table of documents.
pub(super) async fn add_rows(store: &Path, name: &str, rows: Vec<Value>) {
    let def = tables::by_name(name).expect("table");
    let delta = ensure(store, &def).await.expect("table");
    append(&delta, &def, table(&def, rows), vec![])
        .await
        .expect("append");
}

/// A device mark of a logger over some hours, set and recorded at one time.
pub(super) fn mark(id: &str, mn: &str, code: &str, span: [&str; 2], marked_at: &str) -> Value {
    json!({
        "mark_id": id, "version": 1, "recorded_at": at(marked_at), "mn": mn, "scope": "device",
        "code": code, "source": "manual", "author": "王五", "reason": "标气", "starts_at": at(span[0]),
        "ends_at": at(span[1]), "marked_at": at(marked_at), "doc_valid": true,
        "received_at": at(marked_at),
    })
}

/// What is told of a finding, apart from when it was seen and from the offsets in its evidence.
pub(super) fn told(rows: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
    rows.into_iter()
        .map(|mut row| {
            row.remove("evidence");
            row.remove("evidence_sha256");
            row
        })
        .collect()
}

/// A day of two loggers with four hours under maintenance.
fn readings() -> Vec<Value> {
    let start = at("2025-06-01 00:00");
    let mut rows = Vec::new();
    for mn in ["A", "B"] {
        for hour in 0..24 {
            let flag = if hour < 20 { "N" } else { "M" };
            let value = 20.0 + (hour % 7) as f64;
            let extra = json!({ "flag": flag });
            rows.push(reading(
                mn,
                "a21026",
                "hour",
                start + hour * HOUR,
                value,
                extra,
            ));
        }
    }
    rows
}

async fn store() -> tempfile::TempDir {
    let store = tempfile::tempdir().expect("folder");
    add_permits(store.path(), &documents()).await;
    add(store.path(), readings()).await;
    // Both enterprises mark data; neither has said anything about this day yet.
    let before = ["2025-05-20 08:00", "2025-05-20 09:00"];
    let known = ["A", "B"].map(|mn| mark(mn, mn, "calibration", before, "2025-05-20 12:00"));
    add_rows(store.path(), "marks", known.to_vec()).await;
    store
}

/// Rules that these tests ask about, and some beside them.
const JUDGED: [&str; 12] = [
    "E01", "E02", "E04", "Q03", "Q04", "Q09", "Q16", "Q20", "T01", "T02", "T04", "T10",
];

async fn judge(store: &Path, as_of: i64, full: bool, partitions: usize) -> Report {
    detect_with(&only(&JUDGED), store, as_of, full, partitions).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_judged_at_night_at_noon_and_after_a_week_ends_like_one_full_run() {
    let evening = ["2025-06-01 20:00", "2025-06-02 00:00"];
    let in_time = || vec![mark("1", "B", "maintenance", evening, "2025-06-02 10:00")];
    let bits = store().await;
    let audits = |rows: &[Map<String, Value>]| -> Vec<String> {
        rows.iter()
            .filter(|row| row["rule_id"] == "T10")
            .map(|row| row["mn"].as_str().expect("mn").to_owned())
            .collect()
    };
    // Before the deadline nobody is late, and nothing has to be said after it: the clock alone does it.
    judge(bits.path(), at("2025-06-02 01:20"), false, 1).await;
    assert!(audits(&open(bits.path()).await).is_empty());
    add_rows(bits.path(), "marks", in_time()).await;
    let noon = judge(bits.path(), at("2025-06-02 12:05"), false, 1).await;
    assert!(!noon.full);
    assert_eq!(audits(&open(bits.path()).await), ["A"]);
    let last = judge(bits.path(), at("2025-06-09 12:05"), false, 1).await;
    let judged = last.rules.iter().find(|rule| rule.rule == "T10");
    assert_eq!(judged.map(|rule| rule.flagged), Some(1), "{last:?}");

    let once = store().await;
    add_rows(once.path(), "marks", in_time()).await;
    judge(once.path(), at("2025-06-09 12:05"), true, 1).await;
    assert_eq!(told(open(bits.path()).await), told(open(once.path()).await));
    let confirmed = |rows: Vec<Map<String, Value>>| {
        rows.iter()
            .filter(|row| row["rule_id"] == "T10")
            .all(|row| row["phase"] == "confirmed")
    };
    assert!(confirmed(anomalies(bits.path()).await));
}
