use nonsite_schemas::tables;
use serde_json::{Value, json};

use crate::fixtures::{at, object, query, reading, table};
use crate::session::{Config, Session, in_memory};

/// A reading out of the record at an offset.
fn of(offset: i64, factor: &str, more: Value) -> Value {
    let extra = json!({ "kafka_offset": offset });
    let mut row = object(reading(
        "A",
        factor,
        "hour",
        at("2026-06-01 08:00"),
        1.0,
        extra,
    ));
    row.extend(object(more));
    Value::Object(row)
}

fn refused(offset: i64, part: Option<i32>) -> Value {
    json!({
        "quarantine_id": format!("t/0/{offset}"), "reason": "crc_mismatch", "part": part, "raw": "x",
        "kafka_topic": "t", "kafka_partition": 0, "kafka_offset": offset,
    })
}

async fn session(
    readings: Vec<Value>,
    refused: Vec<Value>,
    more: Vec<(&'static str, Value)>,
) -> Session {
    let mut given = vec![
        ("readings_raw", table(&tables::readings_raw(), readings)),
        ("quarantine", table(&tables::quarantine(), refused)),
    ];
    for (name, row) in more {
        let def = tables::all().into_iter().find(|def| def.name == name);
        given.push((name, table(&def.expect("a table"), vec![row])));
    }
    in_memory(given, &Config::default()).await.expect("session")
}

const FINDINGS: &str = "SELECT kind, table_name, from_offset, to_offset FROM ledger_findings
                        ORDER BY from_offset, kind, table_name";

#[tokio::test]
async fn a_sound_store_has_no_finding_and_says_how_far_it_is() {
    let readings = vec![
        of(10, "a21026", json!({})),
        of(10, "a21002", json!({})),
        of(12, "a21026", json!({})),
        // What a message itself repeats is no double.
        of(12, "a21026", json!({"note": "repeated_factor"})),
    ];
    // A whole record, and a bad part of a good one.
    let quarantine = vec![refused(11, None), refused(12, Some(1))];
    let session = session(readings, quarantine, vec![]).await;
    assert!(query(&session, FINDINGS).await.is_empty());
    let sql =
        "SELECT table_name, first_offset, last_offset, next_offset, records, row_count, quarantined
               FROM ledger ORDER BY table_name";
    let rows = query(&session, sql).await;
    let expected = [
        json!({"table_name": "quarantine", "first_offset": 11, "last_offset": 12,
               "next_offset": 13, "records": 2, "row_count": 2, "quarantined": 1}),
        json!({"table_name": "readings_raw", "first_offset": 10, "last_offset": 12,
               "next_offset": 13, "records": 2, "row_count": 4, "quarantined": 0}),
    ];
    assert_eq!(rows, expected.map(object));
}

#[tokio::test]
async fn gaps_doubles_and_records_in_two_places_are_found() {
    let readings = vec![
        of(10, "a21026", json!({})),
        of(13, "a21026", json!({})),
        of(13, "a21026", json!({})),
        of(14, "a21026", json!({})),
    ];
    let session = session(readings, vec![refused(14, None)], vec![]).await;
    let expected = [
        json!({"kind": "gap", "from_offset": 11, "to_offset": 13}),
        json!({"kind": "double", "table_name": "readings_raw", "from_offset": 13, "to_offset": 14}),
        json!({"kind": "both", "table_name": "readings_raw", "from_offset": 14, "to_offset": 15}),
    ];
    assert_eq!(query(&session, FINDINGS).await, expected.map(object));
}

#[tokio::test]
async fn what_an_operator_decided_is_no_finding() {
    // Acts of the review queue have positions of the audit chain for offsets.
    let queue = json!({"kafka_topic": "nonsite-review"});
    let readings = vec![
        of(3, "a21026", queue.clone()),
        of(9, "a21026", queue),
        of(10, "a21026", json!({})),
        of(13, "a21026", json!({})),
    ];
    let loss = json!({
        "action": "resume_after_loss", "topic": "t", "partition": 0, "from_offset": 11,
        "to_offset": 13, "records": 2, "by": "me", "why": "retention",
    });
    let redriven = json!({"quarantine_id": "t/0/13", "outcome": "rows", "rows": 1});
    let decided = vec![
        ("operator_actions", loss),
        ("quarantine_redriven", redriven),
    ];
    let session = session(readings, vec![refused(13, None)], decided).await;
    assert!(query(&session, FINDINGS).await.is_empty());
}

/// A table that is fed from Kafka and is not in the ledger would make its records look lost.
#[test]
fn every_table_with_an_origin_is_in_the_ledger() {
    let records = include_str!("ledger_records.sql");
    let findings = include_str!("ledger_findings.sql");
    let mut seen = 0;
    for def in tables::all() {
        if def.schema.field_with_name("kafka_offset").is_err() {
            continue;
        }
        seen += 1;
        assert!(
            records.contains(&format!("FROM {} GROUP BY", def.name)),
            "{}",
            def.name
        );
        assert!(
            findings.contains(&format!("FROM {}\n", def.name)),
            "{}",
            def.name
        );
    }
    assert_eq!(seen, records.matches("SELECT").count());
}
