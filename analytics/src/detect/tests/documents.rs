//! Documents that come long after the days they are about.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::deadlines::{add_rows, mark, told};
use super::runs::{add, add_permits, batch, detect_with, documents, only, open};
use crate::detect::Report;
use crate::detect::touched::{Markers, of_permits};
use crate::fixtures::{PERMIT_NO, Permit, at, query, reading};
use crate::session;

const MINUTE: i64 = 60_000_000;

/// Two days of four loggers, one of them with a power meter and a changed slope.
async fn store() -> tempfile::TempDir {
    let store = tempfile::tempdir().expect("folder");
    add_permits(store.path(), &documents()).await;
    add(store.path(), batch(0..48)).await;
    let ten = at("2025-06-01 10:00");
    let power = (0..12)
        .map(|i| reading("A", "p1", "minute", ten + i * 5 * MINUTE, 100.0, json!({})))
        .collect();
    add(store.path(), power).await;
    let slope = |time: &str, value: f64| {
        json!({
            "mn": "A", "factor": "a21026", "item": "i13008-Info", "cn": "3020", "value": value,
            "data_time": at(time), "received_at": at(time),
            "date": nonsite_schemas::time::beijing_day(at(time)),
        })
    };
    let states = vec![
        slope("2025-05-20 05:00", 1.0),
        slope("2025-06-01 15:00", 0.8),
    ];
    add_rows(store.path(), "device_states", states).await;
    store
}

/// Name of each table and the rows that come late.
fn late() -> Vec<(&'static str, Vec<Value>)> {
    let recorded = |text: &str| json!({"version": 1, "recorded_at": at(text), "received_at": at(text), "doc_valid": true});
    let row = |base: Value, more: Value| {
        let mut row = base.as_object().expect("row").clone();
        row.extend(more.as_object().expect("row").clone());
        Value::Object(row)
    };
    let ever = at("2025-01-01 00:00");
    vec![
        (
            "marks",
            vec![mark(
                "1",
                "A",
                "fault",
                ["2025-06-01 00:00", "2025-06-02 00:00"],
                "2025-06-02 09:00",
            )],
        ),
        (
            "maintenance_tickets",
            vec![row(
                recorded("2025-06-01 00:30"),
                json!({
                    "ticket_id": "1", "mn": "C", "kind": "maintenance", "status": "closed",
                    "starts_at": at("2025-06-01 00:00"), "ends_at": at("2025-06-03 00:00"),
                }),
            )],
        ),
        (
            "manual_results",
            vec![row(
                recorded("2025-06-19 08:00"),
                json!({
                    "result_id": "1", "mn": "B", "purpose": "supervision", "factor": "a21026",
                    "value": 4_000.0, "unit": "mg/m3", "sampled_at": at("2025-06-02 10:00"),
                    "sampled_to": at("2025-06-02 11:00"),
                }),
            )],
        ),
        (
            "mn_bindings",
            // B is what the sample is compared with; D exceeds the limit of the outlet.
            [("1", "B"), ("2", "D")]
                .map(|(id, mn)| {
                    row(
                        recorded("2025-06-19 08:00"),
                        json!({
                            "binding_id": id, "mn": mn, "permit_no": PERMIT_NO,
                            "outlet_uid": format!("{PERMIT_NO}DA001"), "outlet_code": "DA001",
                            "valid_from": ever,
                        }),
                    )
                })
                .into(),
        ),
        (
            "equipment_filings",
            vec![row(
                recorded("2025-06-01 14:00"),
                json!({
                    "filing_id": "1", "mn": "A", "factor": "a21026", "parameter": "i13008",
                    "value": 0.8, "valid_from": at("2025-06-01 14:00"),
                    "filed_at": at("2025-06-01 14:00"),
                }),
            )],
        ),
        (
            "process_points",
            vec![row(
                recorded("2025-06-19 08:00"),
                json!({
                    "point_id": "1", "mn": "A", "factor": "p1", "permit_no": PERMIT_NO,
                    "facility": "MF0001", "role": "production", "quantity": "power",
                    "on_above": 20.0, "valid_from": ever,
                }),
            )],
        ),
        (
            "control_windows",
            vec![row(
                recorded("2025-06-19 08:00"),
                json!({
                    "window_id": "1", "kind": "staggered", "issued_by": "市工信局",
                    "issued_at": at("2025-05-30 08:00"), "starts_at": at("2025-06-01 00:00"),
                    "ends_at": at("2025-06-02 00:00"), "permit_no": PERMIT_NO, "exempt": false,
                    "stop": "MF0001",
                }),
            )],
        ),
    ]
}

/// Windows that were not judged, by subject, day and reason.
async fn unjudged(store: &Path) -> Vec<Map<String, Value>> {
    let session = session::open(store, &session::Config::default())
        .await
        .expect("session");
    query(
        &session,
        "SELECT rule_id, mn, factor, date, why, windows FROM rule_outcomes
         ORDER BY rule_id, mn, factor, date, why",
    )
    .await
}

/// Without the end of a silence that goes on: it is told as of the run that judged it last.
fn settled(mut rows: Vec<Map<String, Value>>) -> Vec<Map<String, Value>> {
    for row in &mut rows {
        if row["rule_id"] == "T03" {
            row.remove("window_end");
            row.remove("reason");
        }
    }
    rows
}

/// Rules that these tests ask about, and some beside them.
const JUDGED: [&str; 16] = [
    "E01", "E02", "E04", "P02", "P09", "Q03", "Q04", "Q09", "Q16", "Q29", "T01", "T02", "T03",
    "T04", "T10", "W04",
];

async fn judge(store: &Path, as_of: i64, full: bool, partitions: usize) -> Report {
    detect_with(&only(&JUDGED), store, as_of, full, partitions).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_documents_one_by_one_end_like_everything_at_once() {
    // Long after the eighth day: nothing but the documents opens these days again.
    let mut time = at("2025-06-20 00:20");
    let bits = store().await;
    judge(bits.path(), time, false, 1).await;
    let mut before = told(open(bits.path()).await);
    for (table, rows) in late() {
        add_rows(bits.path(), table, rows).await;
        time += MINUTE;
        let report = judge(bits.path(), time, false, 1).await;
        assert!(
            !report.full && report.logger_days > 0,
            "{table}: {report:?}"
        );
        let now = told(open(bits.path()).await);
        // An order alone changes what is found only with the point that came before it.
        if table != "process_points" {
            assert!(before != now, "{table} changed nothing");
        }
        before = now;
    }

    let once = store().await;
    for (table, rows) in late() {
        add_rows(once.path(), table, rows).await;
    }
    judge(once.path(), time, true, 1).await;
    let whole = told(open(once.path()).await);
    assert_eq!(settled(before), settled(whole.clone()));
    assert_eq!(unjudged(bits.path()).await, unjudged(once.path()).await);

    let has = |rule: &str, mn: &str, exempt: Option<&str>| {
        whole.iter().any(|row| {
            row["rule_id"] == rule
                && row.get("mn").and_then(Value::as_str) == Some(mn)
                && row.get("exempt_code").and_then(Value::as_str) == exempt
        })
    };
    assert!(has("E01", "A", Some("M1")), "the mark");
    assert!(has("Q03", "C", Some("M4")), "the ticket");
    assert!(has("Q29", "B", None), "the sample");
    assert!(has("E01", "D", None), "the binding");
    assert!(!has("Q16", "A", None), "the filing");
    assert!(has("W04", "A", None), "the point and the order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_reopens_its_days_and_no_others() {
    let store = store().await;
    let time = at("2025-06-20 00:20");
    judge(store.path(), time, false, 1).await;
    let first = ["2025-05-20 08:00", "2025-05-20 09:00"];
    let hour = ["2025-06-02 10:00", "2025-06-02 11:00"];
    for (id, span, reopened) in [
        // The first mark of a logger says that it marks at all, which is about all its days.
        ("1", first, true),
        ("2", hour, true),
        // A span without readings.
        ("3", first, false),
    ] {
        let row = mark(id, "D", "fault", span, "2025-06-19 09:00");
        add_rows(store.path(), "marks", vec![row]).await;
        let report = judge(store.path(), time, false, 1).await;
        assert!(!report.full);
        assert_eq!(report.logger_days > 0, reopened, "{id}: {report:?}");
    }
}

/// Logger D belongs to its outlet by a filing alone. Long after its hours a tighter version of the
/// permit comes in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_permit_reopens_the_days_of_a_logger_that_a_filing_binds() {
    let first = [Permit::of("A", "a21026", 200.0)];
    let tighter = [Permit {
        version: 2,
        issued: at("2021-01-01 00:00"),
        offset: 1,
        ..Permit::of("A", "a21026", 50.0)
    }];
    let filing = || {
        let bound = |(table, rows): (&str, Vec<Value>)| (table == "mn_bindings").then_some(rows);
        let mut rows = late().into_iter().find_map(bound).expect("bindings");
        rows.retain(|row| row["mn"] == "D");
        rows
    };
    let exceeding = |rows: &[Map<String, Value>], mn: &str| {
        rows.iter()
            .any(|row| row["rule_id"] == "E01" && row["mn"] == mn)
    };
    let time = at("2025-06-20 00:20");
    let bits = tempfile::tempdir().expect("folder");
    add_permits(bits.path(), &first).await;
    add(bits.path(), batch(0..48)).await;
    add_rows(bits.path(), "mn_bindings", filing()).await;
    judge(bits.path(), time, false, 1).await;
    assert!(!exceeding(&open(bits.path()).await, "D"), "200 mg/m3 hold");
    add_permits(bits.path(), &tighter).await;
    let report = judge(bits.path(), time + MINUTE, false, 1).await;
    assert!(!report.full, "{report:?}");
    let found = open(bits.path()).await;
    assert!(exceeding(&found, "D"), "50 mg/m3 do not");
    assert!(!exceeding(&found, "B"), "nothing binds it");

    let once = tempfile::tempdir().expect("folder");
    add_permits(once.path(), &first).await;
    add_permits(once.path(), &tighter).await;
    add(once.path(), batch(0..48)).await;
    add_rows(once.path(), "mn_bindings", filing()).await;
    judge(once.path(), time + MINUTE, true, 1).await;
    let whole = told(open(once.path()).await);
    assert_eq!(settled(told(found)), settled(whole));
    assert_eq!(unjudged(bits.path()).await, unjudged(once.path()).await);
}

/// A store that an earlier program judged has markers of the tables that one looked at.
#[tokio::test]
async fn a_permit_table_without_a_marker_counts_as_new() {
    let store = store().await;
    let outlet = json!({
        "permit_no": PERMIT_NO, "version": 1, "issued_at": at("2020-01-01 00:00"),
        "doc_valid": true, "outlet_uid": format!("{PERMIT_NO}DA001"), "outlet_code": "DA001",
        "kind": "main", "medium": "air", "valid_from": at("2020-01-01 00:00"),
    });
    add_rows(store.path(), "permit_outlets", vec![outlet]).await;
    let session = session::open(store.path(), &session::Config::default())
        .await
        .expect("session");
    let seen = |tables: &[&'static str]| {
        let versions = tables.iter().map(|table| (*table, session.version(table)));
        Markers {
            documents: versions.collect(),
            ..Markers::default()
        }
    };
    let earlier = [
        "permits",
        "permit_limits",
        "permit_bindings",
        "permit_mass_limits",
    ];
    let reopened = of_permits(&session, &seen(&earlier)).await.expect("days");
    assert_eq!(reopened.len(), 2, "{reopened:?}");
    assert!(reopened.iter().all(|(mn, _)| mn == "A"), "{reopened:?}");
    let all = [&earlier[..], &["permit_outlets", "permit_periods"]].concat();
    let reopened = of_permits(&session, &seen(&all)).await.expect("days");
    assert!(reopened.is_empty(), "{reopened:?}");
}
