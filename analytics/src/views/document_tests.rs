use arrow::record_batch::RecordBatch;
use nonsite_schemas::tables;
use nonsite_schemas::wire::Origin;
use nonsite_schemas::wire::documents::{self, DocumentTables};
use serde_json::{Value, json};

use crate::fixtures::{at, query, table};
use crate::session::{Config, Session, in_memory};

const END: &str = "9999-12-31";

/// A session over documents in the order of their arrival, one per second from `at(2026-06-01)`.
pub(super) async fn documents(messages: &[Value]) -> Session {
    with_tables(messages, Vec::new()).await
}

/// The same beside other tables.
pub(super) async fn with_tables(
    messages: &[Value],
    mut given: Vec<(&'static str, RecordBatch)>,
) -> Session {
    let mut tables = DocumentTables::new().expect("tables");
    for (offset, message) in (0..).zip(messages) {
        let origin = Origin {
            topic: "d",
            partition: 0,
            offset,
            received_at: at("2026-06-01 00:00") + offset * 1_000_000,
        };
        documents::decode(message.to_string().as_bytes(), &origin, &mut tables).expect("document");
    }
    given.extend(tables.finish().expect("rows"));
    in_memory(
        given,
        &Config {
            partitions: 2,
            ..Config::default()
        },
    )
    .await
    .expect("session")
}

fn mark(version: i32, recorded: &str, more: Value) -> Value {
    let mut mark = json!({
        "type": "mark", "mark_id": "MK-1", "version": version, "recorded_at": recorded, "mn": "A",
        "scope": "device", "code": "maintenance", "starts_at": "2026-06-01 08:00:00",
        "ends_at": "2026-06-01 10:00:00", "source": "manual", "author": "Wang", "reason": "cleaned",
    });
    let fields = mark.as_object_mut().expect("object");
    fields.extend(more.as_object().expect("object").clone());
    mark
}

#[tokio::test]
async fn versions_of_a_mark_close_each_other_whatever_the_order_of_arrival() {
    let first = mark(1, "2026-06-01 11:00:00", json!({}));
    let second = mark(
        2,
        "2026-06-02 09:00:00",
        json!({"ends_at": "2026-06-01 11:00:00"}),
    );
    let third = mark(
        3,
        "2026-06-03 09:00:00",
        json!({
        "revoked_at": "2026-06-03 09:00:00", "revoke_reason": "wrong station"}),
    );
    // A copy of version 1, and a faulty version 4 that must count for nothing.
    let copy = first.clone();
    let faulty = mark(4, "2026-06-04 09:00:00", json!({"scope": "condition"}));
    let sql = "SELECT version, latest, cast(known_from + INTERVAL '8 hours' AS varchar) AS f,
                      cast(known_to AS varchar) AS t FROM marks_history ORDER BY version";
    let straight = documents(&[
        first.clone(),
        second.clone(),
        third.clone(),
        copy.clone(),
        faulty.clone(),
    ])
    .await;
    let expected = query(&straight, sql).await;
    assert_eq!(expected.len(), 3);
    assert_eq!(expected[0]["f"], json!("2026-06-01T11:00:00Z"));
    assert_eq!(expected[0]["t"], json!("2026-06-02T01:00:00Z"));
    assert_eq!(expected[2]["latest"], json!(true));
    assert!(expected[2]["t"].as_str().expect("text").starts_with(END));
    let turned = documents(&[faulty, third, copy, second.clone(), first.clone()]).await;
    assert_eq!(query(&turned, sql).await, expected);
    assert!(
        query(&turned, "SELECT mark_id FROM marks_in_force")
            .await
            .is_empty()
    );
    let before_withdrawal = documents(&[second, first]).await;
    let rows = query(
        &before_withdrawal,
        "SELECT version, from_time, to_time FROM marks_in_force",
    )
    .await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["version"], json!(2));
}

#[tokio::test]
async fn without_a_time_of_record_a_late_lower_version_still_stands_below() {
    let mut first = mark(1, "", json!({"code": "calibration"}));
    let mut second = mark(2, "", json!({}));
    for mark in [&mut first, &mut second] {
        mark.as_object_mut().expect("object").remove("recorded_at");
    }
    let session = documents(&[second, first]).await;
    let rows = query(
        &session,
        "SELECT version, code FROM marks_history WHERE latest",
    )
    .await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["code"], json!("maintenance"));
    // Version 1 was never the word: nothing was known before version 2 arrived.
    let never = query(
        &session,
        "SELECT 1 AS x FROM marks_history WHERE known_from < known_to",
    )
    .await;
    assert_eq!(never.len(), 1);
}

#[tokio::test]
async fn a_mark_is_in_time_until_noon_of_the_next_day() {
    let cases = [
        ("2026-06-02 12:00:00", "2026-06-01 00:00"),
        ("2026-06-02 12:00:01", "2026-06-02 00:00"),
        ("2026-06-02 11:59:59", "2026-06-01 00:00"),
        ("2026-06-01 08:00:00", "2026-05-31 00:00"),
        ("2026-06-03 00:00:00", "2026-06-02 00:00"),
    ];
    for (marked, in_time_from) in cases {
        let session = documents(&[mark(
            1,
            "2026-06-09 00:00:00",
            json!({
            "marked_at": marked, "factors": ["a21026", "a21002"]}),
        )])
        .await;
        let sql = "SELECT factor, arrow_cast(in_time_from, 'Int64') AS t FROM marks_in_force ORDER BY factor";
        let rows = query(&session, sql).await;
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[0]["factor"], json!("a21002"));
        assert_eq!(rows[0]["t"], json!(at(in_time_from)), "{marked}");
    }
    let all = documents(&[mark(1, "2026-06-01 11:00:00", json!({"ends_at": null}))]).await;
    let rows = query(
        &all,
        "SELECT factor, cast(to_time AS varchar) AS t FROM marks_in_force",
    )
    .await;
    assert_eq!(rows[0].get("factor"), None);
    assert!(rows[0]["t"].as_str().expect("text").starts_with(END));
}

fn state(item: &str, factor: Option<&str>, time: i64, value: f64, extra: Value) -> Value {
    let mut row = json!({
        "mn": "A", "item": item, "factor": factor, "cn": "3020", "data_time": time, "value": value,
        "received_at": time, "kafka_topic": "t", "kafka_offset": time / 1_000_000,
        "date": nonsite_schemas::time::beijing_day(time),
    });
    let fields = row.as_object_mut().expect("object");
    fields.extend(extra.as_object().expect("object").clone());
    row
}

async fn states(rows: Vec<Value>) -> Session {
    let given = vec![("device_states", table(&tables::device_states(), rows))];
    in_memory(
        given,
        &Config {
            partitions: 2,
            ..Config::default()
        },
    )
    .await
    .expect("session")
}

#[tokio::test]
async fn parameters_have_stretches_and_late_reports_find_their_place() {
    let day = |text: &str| at(&format!("2026-06-{text} 00:10"));
    let slope = |time, value, extra| state("i13008-Info", Some("a21026"), time, value, extra);
    let mut rows = vec![
        slope(day("01"), 1.0, json!({})),
        slope(day("02"), 1.0, json!({})),
        // Arrives first, belongs last.
        slope(day("05"), 0.85, json!({"received_at": day("01")})),
        slope(day("04"), 0.85, json!({"cn": "3021"})),
        slope(day("03"), 1.0, json!({"received_at": day("06")})),
        // The same time received again with another value: the later copy counts.
        slope(
            day("06"),
            7.0,
            json!({"received_at": day("06"), "kafka_offset": 1}),
        ),
        slope(
            day("06"),
            1.0,
            json!({"received_at": day("06"), "kafka_offset": 2}),
        ),
    ];
    // Of another analyser of the same logger, and a state that is no parameter.
    rows.push(state(
        "i13008-Info",
        Some("a21002"),
        day("02"),
        2.0,
        json!({}),
    ));
    rows.push(state(
        "i12001-Info",
        Some("a21026"),
        day("02"),
        2.0,
        json!({}),
    ));
    let session = states(rows).await;
    let found = query(
        &session,
        "SELECT in_force_from, in_force_to, value, previous_value, changed, source,
            reports, arrow_cast(in_force_from, 'Int64') AS f, arrow_cast(confirmed_at, 'Int64') AS c
        FROM equipment_parameters WHERE factor = 'a21026' ORDER BY in_force_from",
    )
    .await;
    let values: Vec<_> = found.iter().map(|row| row["value"].clone()).collect();
    assert_eq!(values, [json!(1.0), json!(0.85), json!(1.0)]);
    assert_eq!(found[0]["changed"], json!(false));
    assert_eq!(found[0]["c"], json!(day("03")));
    assert_eq!(found[1]["f"], json!(day("04")));
    assert_eq!(found[1]["previous_value"], json!(1.0));
    assert_eq!(found[1]["source"], json!("set"));
    assert_eq!(found[1]["in_force_to"], found[2]["in_force_from"]);
    let other = query(
        &session,
        "SELECT changed FROM equipment_parameters WHERE factor = 'a21002'",
    )
    .await;
    assert_eq!(other.len(), 1);
}

#[tokio::test]
async fn a_changed_serial_number_is_a_parameter_and_an_event() {
    let rows = vec![
        state(
            "a21026-SN",
            Some("a21026"),
            at("2026-06-01 08:00"),
            0.0,
            json!({"value": null, "value_text": "0100AA", "cn": "3019"}),
        ),
        state(
            "a21026-SN",
            Some("a21026"),
            at("2026-06-02 08:00"),
            0.0,
            json!({"value": null, "value_text": "0100AB", "cn": "3019"}),
        ),
        state(
            "CalibrationType",
            Some("a21026"),
            at("2026-06-02 09:00"),
            1.0,
            json!({"value_text": "1", "cn": "3011"}),
        ),
        state(
            "PolId",
            Some("a21026"),
            at("2026-06-02 09:00"),
            0.0,
            json!({"value": null, "value_text": "a21026", "cn": "3011"}),
        ),
        state(
            "a21026-SampleRd",
            Some("a21026"),
            at("2026-06-02 10:00"),
            98.0,
            json!({"cn": "2062"}),
        ),
        state(
            "a21026-StandardValue",
            Some("a21026"),
            at("2026-06-02 10:00"),
            100.0,
            json!({"cn": "2062"}),
        ),
        state(
            "a21026-ResultType",
            Some("a21026"),
            at("2026-06-02 10:00"),
            1.0,
            json!({"cn": "2062"}),
        ),
    ];
    let session = states(rows).await;
    let serial = query(&session, "SELECT value_text, previous_text, changed FROM equipment_parameters ORDER BY in_force_from").await;
    assert_eq!(serial.len(), 2);
    assert_eq!(serial[1]["previous_text"], json!("0100AA"));
    let events = query(
        &session,
        "SELECT kind, sample_value, standard_value, passed FROM equipment_events ORDER BY at",
    )
    .await;
    let kinds: Vec<_> = events.iter().map(|row| row["kind"].clone()).collect();
    assert_eq!(
        kinds,
        [
            "serial_number",
            "serial_number",
            "span_calibration",
            "standard_check"
        ]
    );
    assert_eq!(events[3]["sample_value"], json!(98.0));
    assert_eq!(events[3]["passed"], json!(true));
}

#[tokio::test]
async fn what_was_filed_later_holds_from_its_own_day_on() {
    let filing = |id: &str, version: i32, from: &str, slope: f64| {
        json!({
            "type": "filing", "filing_id": id, "version": version, "recorded_at": format!("2026-06-0{version} 08:00:00"),
            "mn": "A", "factor": "a21026", "serial_no": "0100AA", "valid_from": from,
            "parameters": [{"parameter": "i13008", "value": slope}, {"parameter": "i13007", "value": 0.0}],
        })
    };
    let first = filing("F", 1, "2026-01-01 00:00:00", 1.0);
    let second = filing("F", 2, "2026-06-02 00:00:00", 0.97);
    // A correction of the second: the same day, another value.
    let third = filing("F", 3, "2026-06-02 00:00:00", 0.98);
    let sql = "SELECT value, version, arrow_cast(in_force_from, 'Int64') AS f, arrow_cast(in_force_to, 'Int64') AS t
        FROM filed_parameters WHERE parameter = 'i13008' ORDER BY in_force_from";
    let straight = query(
        &documents(&[first.clone(), second.clone(), third.clone()]).await,
        sql,
    )
    .await;
    let values: Vec<_> = straight.iter().map(|row| row["value"].clone()).collect();
    assert_eq!(values, [json!(1.0), json!(0.98)]);
    assert_eq!(straight[0]["t"], json!(at("2026-06-02 00:00")));
    let turned = documents(&[third, first, second]).await;
    assert_eq!(query(&turned, sql).await, straight);
    let serial = query(
        &turned,
        "SELECT value_text FROM filed_parameters WHERE parameter = 'serial_no'",
    )
    .await;
    assert!(
        serial
            .iter()
            .all(|row| row["value_text"] == json!("0100AA"))
    );
    assert!(!serial.is_empty());
}
