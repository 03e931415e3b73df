//! Documents of every type through Kafka into their tables, and what cannot be a document.

use serde_json::{Value as Json, json};

use crate::harness::sandbox::Sandbox;
use crate::harness::topics;

const PERMIT: &str = "91130200699229617X001P";

fn documents() -> Vec<Json> {
    vec![
        json!({"type": "mark", "mark_id": "M1", "version": 2, "recorded_at": "2026-06-02 11:00:00",
               "mn": "A", "scope": "device", "code": "calibration", "source": "auto",
               "starts_at": "2026-06-01 08:00:00", "ends_at": "2026-06-01 09:00:00"}),
        // The first version comes after the second.
        json!({"type": "mark", "mark_id": "M1", "version": 1, "recorded_at": "2026-06-01 11:00:00",
               "mn": "A", "scope": "device", "code": "calibration", "source": "auto",
               "starts_at": "2026-06-01 08:00:00", "ends_at": "2026-06-01 10:00:00"}),
        json!({"type": "filing", "filing_id": "F1", "version": 1, "mn": "A", "factor": "a21026",
               "valid_from": "2026-01-01 00:00:00",
               "parameters": [{"parameter": "i13008", "value": 1.0}]}),
        json!({"type": "ticket", "ticket_id": "T1", "version": 1, "mn": "A", "kind": "calibration",
               "status": "closed", "starts_at": "2026-06-01 08:00:00",
               "ends_at": "2026-06-01 09:00:00"}),
        json!({"type": "window", "window_id": "W1", "version": 1, "kind": "staggered",
               "issued_by": "370500", "starts_at": "2026-11-15 00:00:00",
               "ends_at": "2027-03-15 00:00:00",
               "units": [{"permit_no": PERMIT, "stop": ["MF0001"]}]}),
        json!({"type": "execution_report", "report_id": "R1", "version": 1, "permit_no": PERMIT,
               "period": "month", "period_start": "2026-05-01",
               "submitted_at": "2026-06-10 09:00:00", "status": "submitted",
               "items": [{"level": "plant_total", "factor": "a21026", "mass_t": 1.25}]}),
        json!({"type": "manual_result", "result_id": "L1", "version": 1, "purpose": "supervision",
               "mn": "A", "sampled_at": "2026-06-01 09:00:00",
               "values": [{"factor": "a21026", "value": 31.5, "unit": "mg/m3"}]}),
        json!({"type": "binding", "binding_id": "B1", "version": 1, "mn": "B", "permit_no": PERMIT,
               "outlet": "DA001", "valid_from": "2026-06-01 00:00:00"}),
        json!({"type": "process_point", "point_id": "P1", "version": 1, "mn": "A",
               "factor": "d20105", "role": "production", "quantity": "power", "unit": "kW",
               "valid_from": "2026-01-01 00:00:00"}),
        // Stored with its fault: the code is no code.
        json!({"type": "mark", "mark_id": "M2", "version": 1, "mn": "A", "scope": "device",
               "code": "holiday", "source": "auto", "starts_at": "2026-06-01 08:00:00"}),
    ]
}

#[test]
fn documents_of_every_type_come_into_their_tables_once() {
    let mut sandbox = Sandbox::new("supporting");
    let topic = sandbox.topic("documents", 1, "json", "documents");
    let refused: [&[u8]; 5] = [
        b"{}",
        b"{\"type\":\"love_letter\"}",
        b"{\"type\":\"ticket\",\"mn\":\"A\"}",
        b"{\"type\":",
        b"",
    ];
    let good = documents();
    let messages = good
        .iter()
        .map(|document| document.to_string().into_bytes())
        .chain(refused.iter().map(|bytes| bytes.to_vec()))
        .map(|bytes| (0, bytes));
    topics::produce(&topic, messages);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    sandbox.verify();

    for (table, rows) in [
        ("marks", 3),
        ("equipment_filings", 1),
        ("maintenance_tickets", 1),
        ("control_windows", 1),
        ("execution_reports", 1),
        ("execution_report_items", 1),
        ("manual_results", 1),
        ("mn_bindings", 1),
        ("process_points", 1),
        ("quarantine", 5),
    ] {
        assert_eq!(
            sandbox.count(&format!("SELECT count(*) FROM {table}")),
            rows,
            "{table}"
        );
    }
    let reasons = sandbox.query("SELECT reason FROM quarantine ORDER BY kafka_offset");
    let reasons: Vec<_> = reasons
        .iter()
        .map(|row| row["reason"].as_str().unwrap())
        .collect();
    assert_eq!(
        reasons,
        [
            "document_fault",
            "document_fault",
            "document_fault",
            "json_syntax",
            "empty_message"
        ]
    );
    let faulty = sandbox.query("SELECT mark_id, doc_faults FROM marks WHERE NOT doc_valid");
    assert_eq!(faulty[0]["mark_id"], "M2");
    assert!(
        faulty[0]["doc_faults"]
            .as_str()
            .unwrap()
            .contains("\"field\":\"code\"")
    );

    // As it stands, and as it was known before the correction.
    let standing =
        sandbox.query("SELECT version, cast(to_time AS varchar) AS t FROM marks_in_force");
    assert_eq!(standing.len(), 1);
    assert_eq!(standing[0]["version"], 2);
    assert!(
        standing[0]["t"]
            .as_str()
            .unwrap()
            .starts_with("2026-06-01T01:00")
    );
    let before = sandbox.query(
        "SELECT version FROM marks_history
         WHERE known_from <= TIMESTAMP '2026-06-01T08:00:00Z' AND TIMESTAMP '2026-06-01T08:00:00Z' < known_to",
    );
    assert_eq!(before[0]["version"], 1);
    assert_eq!(
        sandbox.count("SELECT count(*) FROM unit_windows WHERE stop = 'MF0001'"),
        1
    );
    assert_eq!(
        sandbox.count("SELECT count(*) FROM report_figures WHERE mass_t = 1.25"),
        1
    );

    // A second run finds nothing new, and nothing is there twice.
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    sandbox.verify();
    assert_eq!(sandbox.count("SELECT count(*) FROM marks"), 3);
}
