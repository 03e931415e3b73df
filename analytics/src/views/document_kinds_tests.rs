use serde_json::{Value, json};

use super::document_tests::{documents, with_tables};
use crate::fixtures::{PERMIT_NO, Permit, at, object, permits, query, reading, table};
use crate::session::{Config, in_memory};

/// The document with some fields replaced.
fn with(document: &Value, changes: Value) -> Value {
    let mut document = object(document.clone());
    document.extend(object(changes));
    Value::Object(document)
}

fn ticket() -> Value {
    json!({
        "type": "ticket", "ticket_id": "T", "version": 1, "recorded_at": "2026-06-01 08:00:00",
        "mn": "A", "kind": "repair", "status": "open", "starts_at": "2026-06-01 08:00:00",
    })
}

#[tokio::test]
async fn the_latest_version_of_a_ticket_stands_whatever_came_last() {
    let closed = with(
        &ticket(),
        json!({"version": 2, "recorded_at": "2026-06-01 12:00:00", "status": "closed",
               "ends_at": "2026-06-01 11:00:00"}),
    );
    let sql = "SELECT version, status, latest, arrow_cast(known_from, 'Int64') AS f,
                      arrow_cast(known_to, 'Int64') AS t FROM tickets_history ORDER BY version";
    let straight = query(&documents(&[ticket(), closed.clone()]).await, sql).await;
    assert_eq!(
        straight,
        query(&documents(&[closed, ticket()]).await, sql).await
    );
    assert_eq!(straight[0]["t"], straight[1]["f"]);
    assert_eq!(straight[0]["t"], json!(at("2026-06-01 12:00")));
    assert_eq!(straight[0]["latest"], json!(false));
    assert_eq!(straight[1]["status"], json!("closed"));
}

/// A permit document row of a unit in an area with an industry.
fn unit(permit_no: &str, admin_code: &str, industries: &str) -> Value {
    json!({
        "permit_no": permit_no, "version": 1, "issued_at": at("2020-01-01 00:00"),
        "admin_code": admin_code, "industry_codes": industries, "doc_valid": true,
        "kafka_topic": "p", "valid_from": "2020-01-01",
    })
}

#[tokio::test]
async fn an_order_reaches_the_units_of_its_area_and_industry() {
    let window = json!({
        "type": "window", "window_id": "W", "version": 1, "recorded_at": "2026-01-09 08:00:00",
        "kind": "heavy_pollution", "level": "orange", "issued_by": "370500",
        "starts_at": "2026-01-10 00:00:00", "ends_at": "2026-01-13 00:00:00",
        "admin_codes": ["3705"], "industry_codes": ["30", "4411"], "measures": "reduce",
    });
    let other = "91130200699229617X002P";
    let units = || {
        let rows = vec![
            unit(PERMIT_NO, "370502", "C3011"),
            unit("KILN2", "370522", "2611,3011"),
            unit("CHEMICALS", "370522", "2611"),
            unit("ELSEWHERE", "370102", "3011"),
        ];
        vec![("permits", table(&nonsite_schemas::tables::permits(), rows))]
    };
    let sql = "SELECT permit_no, named, measures, stop, arrow_cast(ends_at, 'Int64') AS e
               FROM unit_windows ORDER BY permit_no";
    let session = with_tables(std::slice::from_ref(&window), units()).await;
    let rows = query(&session, sql).await;
    let reached: Vec<_> = rows.iter().map(|row| row["permit_no"].clone()).collect();
    assert_eq!(reached, [json!(PERMIT_NO), json!("KILN2")]);
    assert_eq!(rows[0]["named"], json!(false));

    // A second version ends it early, names one unit and spares another.
    let second = with(
        &window,
        json!({"version": 2, "recorded_at": "2026-01-11 08:00:00", "ends_at": "2026-01-12 00:00:00",
               "units": [{"permit_no": PERMIT_NO, "stop": ["MF0001"]},
                         {"permit_no": other, "exempt": true}]}),
    );
    let session = with_tables(&[second, window.clone()], units()).await;
    let rows = query(&session, sql).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["stop"], json!("MF0001"));
    assert_eq!(rows[0]["named"], json!(true));
    assert_eq!(rows[1]["e"], json!(at("2026-01-12 00:00")));

    let cancelled = with(
        &window,
        json!({"version": 3, "cancelled_at": "2026-01-10 08:00:00"}),
    );
    let session = with_tables(&[window, cancelled], units()).await;
    assert!(query(&session, sql).await.is_empty());
}

#[tokio::test]
async fn reports_that_were_sent_back_have_no_figures() {
    let report = json!({
        "type": "execution_report", "report_id": "R", "version": 1, "permit_no": PERMIT_NO,
        "recorded_at": "2026-07-10 09:00:00", "period": "quarter", "period_start": "2026-04-01",
        "submitted_at": "2026-07-10 09:00:00", "status": "submitted",
        "items": [{"level": "plant_total", "factor": "a21026", "mass_t": 1.6},
                  {"level": "plant_total", "factor": "a21002", "mass_t": 2.6}],
    });
    let sql = "SELECT factor, mass_t, cast(period_end AS varchar) AS e FROM report_figures ORDER BY factor";
    let rows = query(&documents(std::slice::from_ref(&report)).await, sql).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["e"], json!("2026-07-01"));
    let back = with(
        &report,
        json!({"version": 2, "recorded_at": "2026-07-12 09:00:00", "status": "returned"}),
    );
    assert!(
        query(&documents(&[back.clone(), report.clone()]).await, sql)
            .await
            .is_empty()
    );
    let again = with(
        &report,
        json!({"version": 3, "recorded_at": "2026-07-15 09:00:00",
               "items": [{"level": "plant_total", "factor": "a21026", "mass_t": 1.7}]}),
    );
    let rows = query(&documents(&[again, back, report]).await, sql).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["mass_t"], json!(1.7));
}

#[tokio::test]
async fn a_corrected_sampling_replaces_all_its_values() {
    let result = json!({
        "type": "manual_result", "result_id": "M", "version": 1, "purpose": "supervision", "mn": "A",
        "recorded_at": "2026-06-03 09:00:00", "sampled_at": "2026-06-01 09:00:00",
        "values": [{"factor": "a21026", "value": 20.0, "unit": "mg/m3"},
                   {"factor": "a21002", "value": 40.0, "unit": "mg/m3"}],
    });
    let corrected = with(
        &result,
        json!({"version": 2, "recorded_at": "2026-06-04 09:00:00",
               "values": [{"factor": "a21026", "value": 22.0, "unit": "mg/m3"}]}),
    );
    let session = documents(&[corrected, result]).await;
    let rows = query(
        &session,
        "SELECT factor, value FROM manual_history WHERE latest",
    )
    .await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["value"], json!(22.0));
    let before = query(
        &session,
        "SELECT value FROM manual_history
         WHERE known_from <= TIMESTAMP '2026-06-03T04:00:00Z' AND TIMESTAMP '2026-06-03T04:00:00Z' < known_to",
    )
    .await;
    assert_eq!(before.len(), 2);
}

#[tokio::test]
async fn a_logger_exchanged_between_permits_is_bound_from_its_day() {
    let binding = json!({
        "type": "binding", "binding_id": "B", "version": 1, "recorded_at": "2026-06-01 08:00:00",
        "mn": "NEW", "permit_no": PERMIT_NO, "outlet": "DA001", "valid_from": "2026-06-01 00:00:00",
        "replaces_mn": "A",
    });
    let ended = with(
        &binding,
        json!({"version": 2, "recorded_at": "2026-06-20 08:00:00", "valid_to": "2026-06-20 00:00:00"}),
    );
    // The permit's own logger filed once more adds nothing.
    let known = with(&binding, json!({"binding_id": "C", "mn": "A"}));
    let given = permits(&[Permit::of("A", "a21026", 50.0)]);
    let session = with_tables(&[ended, binding, known], given).await;
    let rows = query(
        &session,
        "SELECT mn, unit_name, medium, arrow_cast(bound_from, 'Int64') AS f, arrow_cast(bound_to, 'Int64') AS t
         FROM mn_outlets ORDER BY mn",
    )
    .await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[1]["mn"], json!("NEW"));
    assert_eq!(rows[1]["unit_name"], rows[0]["unit_name"]);
    assert_eq!(rows[1]["f"], json!(at("2026-06-01 00:00")));
    assert_eq!(rows[1]["t"], json!(at("2026-06-20 00:00")));
    let limits = query(
        &session,
        "SELECT limit_value FROM mn_limits WHERE mn = 'NEW'",
    )
    .await;
    assert_eq!(limits.len(), 1);
    assert_eq!(limits[0]["limit_value"], json!(50.0));
}

#[tokio::test]
async fn facility_values_know_what_they_are_measured_at() {
    let point = json!({
        "type": "process_point", "point_id": "P", "version": 1, "recorded_at": "2026-01-01 00:00:00",
        "mn": "E", "factor": "kiln_fan", "facility": "MF0001", "role": "production",
        "quantity": "power", "unit": "kW", "on_above": 50.0, "valid_from": "2026-01-01 00:00:00",
    });
    // Another threshold from noon on, filed before the first version arrived here.
    let later = with(
        &point,
        json!({"version": 2, "recorded_at": "2026-06-01 00:00:00", "on_above": 80.0,
               "valid_from": "2026-06-01 12:00:00"}),
    );
    let hour = |hour: i64| at("2026-06-01 00:00") + hour * 3_600_000_000;
    let rows = vec![
        reading("E", "kiln_fan", "minute", hour(11), 60.0, json!({})),
        reading("E", "kiln_fan", "minute", hour(12), 60.0, json!({})),
        reading(
            "E",
            "d20105",
            "realtime",
            hour(12),
            7.0,
            json!({"st": "44"}),
        ),
        reading(
            "E",
            "p99101",
            "realtime",
            hour(12),
            0.0,
            json!({"st": "45", "value": null, "value_text": "St"}),
        ),
        reading("A", "a21026", "minute", hour(12), 5.0, json!({"st": "31"})),
    ];
    let given = vec![(
        "readings_raw",
        table(&nonsite_schemas::tables::readings_raw(), rows),
    )];
    let session = with_tables(&[later, point], given).await;
    let rows = query(
        &session,
        "SELECT factor, running, facility, value_text FROM facility_values ORDER BY factor, data_time",
    )
    .await;
    assert_eq!(rows.len(), 4);
    assert_eq!(rows[0]["factor"], json!("d20105"));
    assert_eq!(rows[0].get("running"), None);
    assert_eq!(rows[1]["running"], json!(true));
    assert_eq!(rows[2]["running"], json!(false));
    assert_eq!(rows[3]["value_text"], json!("St"));
}

/// Corrections of an act close each other whatever the order of arrival; a copy adds nothing, and a
/// version with faults has its place, too.
#[tokio::test]
async fn versions_of_an_inspection_close_each_other_whatever_the_order_of_arrival() {
    let act = |version: i32, recorded: &str, offset: i64, valid: bool| {
        json!({
            "act_id": "ACT-1", "act_version": version, "recorded_at": at(recorded),
            "doc_valid": valid, "received_at": at("2026-06-09 00:00") + offset,
            "kafka_topic": "i", "kafka_offset": offset,
        })
    };
    let session = async |rows: Vec<Value>| {
        let def = nonsite_schemas::tables::inspections();
        let given = vec![("inspections", table(&def, rows))];
        in_memory(given, &Config::default()).await.expect("session")
    };
    let sql = "SELECT act_version, latest, doc_valid, arrow_cast(known_from, 'Int64') AS f,
                      arrow_cast(known_to, 'Int64') AS t FROM inspections_history ORDER BY act_version";
    let straight = session(vec![
        act(1, "2026-06-01 10:00", 0, true),
        act(2, "2026-06-02 10:00", 1, false),
        act(3, "2026-06-03 10:00", 2, true),
        act(1, "2026-06-01 10:00", 3, true),
    ])
    .await;
    let expected = query(&straight, sql).await;
    let mixed = session(vec![
        act(3, "2026-06-03 10:00", 0, true),
        act(1, "2026-06-01 10:00", 1, true),
        act(1, "2026-06-01 10:00", 2, true),
        act(2, "2026-06-02 10:00", 3, false),
    ])
    .await;
    assert_eq!(query(&mixed, sql).await, expected);
    let told: Vec<_> = expected
        .iter()
        .map(|row| (&row["f"], &row["latest"], &row["doc_valid"]))
        .collect();
    let from = ["2026-06-01 10:00", "2026-06-02 10:00", "2026-06-03 10:00"].map(|t| json!(at(t)));
    assert_eq!(
        told,
        [
            (&from[0], &json!(false), &json!(true)),
            (&from[1], &json!(false), &json!(false)),
            (&from[2], &json!(true), &json!(true)),
        ]
    );
    assert_eq!(expected[0]["t"], from[1]);
    assert_eq!(expected[1]["t"], from[2]);
    // A correction that was recorded before what it corrects was never preceded by it.
    let backdated = session(vec![
        act(1, "2026-06-05 10:00", 0, true),
        act(2, "2026-06-02 10:00", 1, true),
    ])
    .await;
    let never = "SELECT act_version FROM inspections_history WHERE known_from < known_to";
    assert_eq!(
        query(&backdated, never).await,
        [object(json!({"act_version": 2}))]
    );
}
