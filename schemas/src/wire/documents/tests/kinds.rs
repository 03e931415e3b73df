use arrow::datatypes::Int32Type;

use super::*;

const PERMIT: &str = "91130200699229617X001P";

fn ticket() -> Value {
    json!({
        "type": "ticket", "ticket_id": "WO-1", "version": 2, "mn": "A1", "permit_no": PERMIT,
        "outlet": "DA001", "factors": ["a21026", "a21002"], "kind": "repair", "status": "closed",
        "starts_at": "2026-06-01 08:00:00", "ends_at": "2026-06-01 10:00:00",
        "noticed_at": "2026-06-01 07:00:00", "reported_at": "2026-06-01 07:30:00",
        "company": "Example O&M", "technician": "Li", "cause": "pump", "actions": "pump replaced",
    })
}

fn window() -> Value {
    json!({
        "type": "window", "window_id": "HW-7", "version": 1, "kind": "heavy_pollution",
        "level": "orange", "issued_by": "370500", "starts_at": "2026-01-10 00:00:00",
        "ends_at": "2026-01-13 00:00:00", "admin_codes": ["3705"], "industry_codes": ["30"],
        "units": [
            {"permit_no": PERMIT, "stop": ["MF0001"], "energy_cut_percent": 30.0},
            {"permit_no": "91370502MA0000000X001P", "exempt": true},
        ],
    })
}

fn report() -> Value {
    json!({
        "type": "execution_report", "report_id": "R-1", "version": 1, "permit_no": PERMIT,
        "period": "quarter", "period_start": "2026-04-01", "submitted_at": "2026-07-10 09:00:00",
        "status": "submitted", "run_hours": 2100.0,
        "items": [
            {"level": "outlet", "outlet": "DA001", "factor": "a21026", "mass_t": 1.5,
             "max_value": 30.0, "unit": "mg/m3", "exceedances": 0},
            {"level": "plant_total", "factor": "a21026", "mass_t": 1.6},
        ],
    })
}

fn manual() -> Value {
    json!({
        "type": "manual_result", "result_id": "M-1", "version": 1, "purpose": "comparison",
        "mn": "A1", "sampled_at": "2026-06-01 09:00:00", "sampled_to": "2026-06-01 10:00:00",
        "laboratory": "Example Lab", "cma_no": "201512", "values": [
            {"factor": "a21026", "value": 20.5, "unit": "mg/m3", "automatic_value": 21.0},
            {"factor": "a34013", "value": 1.0, "unit": "mg/m3", "below_detection": true},
        ],
    })
}

fn binding() -> Value {
    json!({
        "type": "binding", "binding_id": "B-1", "version": 1, "mn": "A2", "permit_no": PERMIT,
        "outlet": "DA001", "cadence_s": 60, "valid_from": "2026-06-01 00:00:00",
        "replaces_mn": "A1", "filed_by": "Example Power",
    })
}

fn point() -> Value {
    json!({
        "type": "process_point", "point_id": "P-1", "version": 1, "mn": "E1", "factor": "d20105",
        "permit_no": PERMIT, "facility": "MF0001", "role": "production", "quantity": "power",
        "unit": "kW", "outlets": ["DA001"], "linked": ["TA001"], "on_above": 50.0,
        "valid_from": "2026-01-01 00:00:00",
    })
}

#[test]
fn good_documents_become_rows_without_faults() {
    let cases = [
        (ticket(), "maintenance_tickets", 1),
        (window(), "control_windows", 3),
        (manual(), "manual_results", 2),
        (binding(), "mn_bindings", 1),
        (point(), "process_points", 1),
    ];
    for (document, table, rows) in cases {
        let (name, batch) = one(&document);
        assert_eq!((name, batch.num_rows()), (table, rows));
        if name != "control_windows" {
            assert_eq!(faults(&document), Vec::<String>::new());
        }
    }
    // The second unit's credit code has a wrong check digit.
    assert_eq!(faults(&window()), ["units[1].permit_no"]);
    let tables: Vec<_> = rows(&report())
        .into_iter()
        .map(|(name, batch)| (name, batch.num_rows()))
        .collect();
    assert_eq!(
        tables,
        [("execution_reports", 1), ("execution_report_items", 2)]
    );
}

#[test]
fn a_window_has_a_row_for_its_area_and_one_per_unit() {
    let (_, batch) = one(&window());
    assert_eq!(
        text(&batch, "permit_no"),
        [None, Some(PERMIT), Some("91370502MA0000000X001P")]
    );
    assert_eq!(text(&batch, "admin_codes"), [Some("3705"), None, None]);
    assert_eq!(text(&batch, "stop"), [None, Some("MF0001"), None]);
    assert_eq!(
        number(&batch, "energy_cut_percent"),
        [None, Some(30.0), None]
    );
    let (_, batch) = one(&with(&window(), json!({"admin_codes": null})));
    assert_eq!(batch.num_rows(), 2);
    let (_, batch) = one(&with(&window(), json!({"units": null})));
    assert_eq!(batch.num_rows(), 1);
}

#[test]
fn the_figures_of_a_report_carry_its_period() {
    let tables = rows(&report());
    let items = &tables[1].1;
    let uid = format!("{PERMIT}DA001");
    assert_eq!(text(items, "outlet_uid"), [Some(uid.as_str()), None]);
    assert_eq!(number(items, "mass_t"), [Some(1.5), Some(1.6)]);
    assert_eq!(text(items, "period"), [Some("quarter"), Some("quarter")]);
    let count = tables[0].1.column_by_name("items").unwrap();
    assert_eq!(count.as_primitive::<Int32Type>().value(0), 2);
}

#[test]
fn each_fault_names_its_field() {
    let cases: &[(Value, Value, &[&str])] = &[
        (ticket(), json!({"ends_at": null}), &["ends_at"]),
        (
            ticket(),
            json!({"kind": "other", "cause": null}),
            &["cause"],
        ),
        (ticket(), json!({"status": "finished"}), &["status"]),
        (
            with(&window(), json!({"units": null})),
            json!({"level": null, "admin_codes": ["37x"]}),
            &["level", "admin_codes[0]"],
        ),
        (
            with(&window(), json!({"units": null})),
            json!({"admin_codes": null}),
            &["admin_codes"],
        ),
        (
            window(),
            json!({"units": [{"permit_no": PERMIT, "energy_cut_percent": 130}]}),
            &["units[0].energy_cut_percent"],
        ),
        (manual(), json!({"mn": null}), &["mn"]),
        (manual(), json!({"values": []}), &["values"]),
        (
            manual(),
            json!({"values": [{"factor": "a21026", "value": 1}]}),
            &["values[0].unit"],
        ),
        (
            manual(),
            json!({"sampled_to": "2026-06-01 08:00:00"}),
            &["sampled_to"],
        ),
        (binding(), json!({"replaces_mn": "A2"}), &["replaces_mn"]),
        (binding(), json!({"cadence_s": 0}), &["cadence_s"]),
        (binding(), json!({"permit_no": "12"}), &["permit_no"]),
        (point(), json!({"factor": "d2 0105"}), &["factor"]),
        (
            point(),
            json!({"role": null, "outlets": ["X"]}),
            &["role", "outlets[0]"],
        ),
        (point(), json!({"low": 5, "high": 5}), &["high"]),
    ];
    for (document, changes, expected) in cases {
        assert_eq!(
            faults(&with(document, changes.clone())),
            *expected,
            "{changes}"
        );
    }
}

#[test]
fn a_report_begins_with_its_period() {
    let faults_of = |changes: Value| {
        let tables = rows(&with(&report(), changes));
        text(&tables[0].1, "doc_faults")[0]
            .unwrap_or_default()
            .to_owned()
    };
    assert_eq!(faults_of(json!({})), "");
    assert!(faults_of(json!({"period_start": "2026-05-01"})).contains("first day of a quarter"));
    assert!(faults_of(json!({"period": "year"})).contains("first day of a year"));
    assert!(
        faults_of(json!({"period": "month", "period_start": "2026-05-02"})).contains("of a month")
    );
    assert_eq!(
        faults_of(json!({"period": "month", "period_start": "2026-05-01"})),
        ""
    );
    assert!(
        faults_of(json!({"items": [{"level": "outlet", "factor": "a21026"}]}))
            .contains("items[0].outlet")
    );
    assert!(
        faults_of(
            json!({"items": [{"level": "plant_total", "factor": "a21026", "mean_value": 1}]})
        )
        .contains("items[0].unit")
    );
}

#[test]
fn what_the_types_write_is_read_back_without_faults() {
    let ticket = Ticket {
        ticket_id: "T".to_owned(),
        version: 1,
        mn: "A".to_owned(),
        kind: Some(TicketKind::Maintenance),
        status: Some(TicketStatus::Open),
        starts_at: Some(Instant(1_780_272_000_000_000)),
        ..Ticket::default()
    };
    let written = serde_json::to_value(&ticket).unwrap();
    assert_eq!(written["type"], "ticket");
    assert_eq!(faults(&written), Vec::<String>::new());
    for (written, name) in [
        (serde_json::to_value(Mark::default()), "mark"),
        (serde_json::to_value(Filing::default()), "filing"),
        (serde_json::to_value(Window::default()), "window"),
        (
            serde_json::to_value(ExecutionReport::default()),
            "execution_report",
        ),
        (
            serde_json::to_value(ManualResult::default()),
            "manual_result",
        ),
        (serde_json::to_value(LoggerBinding::default()), "binding"),
        (
            serde_json::to_value(ProcessPoint::default()),
            "process_point",
        ),
    ] {
        assert_eq!(written.unwrap()["type"], name);
    }
}
