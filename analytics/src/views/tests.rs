use serde_json::json;

use crate::fixtures::{Permit, at, minutes, query, reading, session};

#[tokio::test]
async fn the_copy_received_last_is_current() {
    let time = at("2025-06-01 08:00");
    let rows = vec![
        reading(
            "A",
            "a21026",
            "hour",
            time,
            5.0,
            json!({"received_at": time + 9, "kafka_offset": 2}),
        ),
        reading(
            "A",
            "a21026",
            "hour",
            time,
            7.0,
            json!({"received_at": time + 9, "kafka_offset": 3}),
        ),
        reading(
            "A",
            "a21026",
            "hour",
            time,
            6.0,
            json!({"received_at": time + 8, "kafka_offset": 9}),
        ),
        reading("A", "a21026", "minute", time, 1.0, json!({})),
    ];
    let session = session(rows, &[], 2).await;
    let rows = query(
        &session,
        "SELECT value FROM readings WHERE granularity = 'hour'",
    )
    .await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["value"], json!(7.0));
    assert_eq!(
        query(&session, "SELECT 1 AS x FROM readings").await.len(),
        2
    );
}

#[tokio::test]
async fn an_hour_is_converted_from_means() {
    let start = at("2025-06-01 08:00");
    let mut rows = minutes("A", "a21026", start, 10, 6, 100.0);
    rows.extend(minutes("A", "a19001", start, 10, 6, 11.0));
    // Next hour: oxygen of air, no conversion possible.
    rows.extend(minutes("A", "a21026", start + 3_600_000_000, 10, 6, 100.0));
    rows.extend(minutes("A", "a19001", start + 3_600_000_000, 10, 6, 21.0));
    let permit = Permit {
        ref_o2: Some(6.0),
        ..Permit::of("A", "a21026", 50.0)
    };
    let session = session(rows, &[permit], 2).await;
    let rows = query(
        &session,
        "SELECT converted, converted_from, o2, valid, n_due FROM hourly WHERE factor = 'a21026' ORDER BY hour",
    )
    .await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0]["converted"], json!(150.0));
    assert_eq!(rows[0]["converted_from"], json!("means"));
    assert_eq!(rows[0]["n_due"], json!(6));
    assert_eq!(rows[1].get("converted"), None);
    assert_eq!(rows[1]["converted_from"], json!("o2_too_high"));
}

#[tokio::test]
async fn a_gas_day_needs_twenty_valid_hours() {
    let day = at("2025-06-01 00:00");
    let mut rows = minutes("A", "a21026", day, 10, 6 * 20, 10.0);
    rows.extend(minutes("B", "a21026", day, 10, 6 * 19, 10.0));
    rows.extend(minutes("A", "a19001", day, 10, 6 * 20, 16.0));
    let permit = Permit {
        ref_o2: Some(11.0),
        ..Permit::of("A", "a21026", 50.0)
    };
    let session = session(rows, &[permit], 2).await;
    let rows = query(
        &session,
        "SELECT mn, valid, value, converted, n_due, n_used, n_dropped, dropped FROM daily
         WHERE factor = 'a21026' ORDER BY mn",
    )
    .await;
    assert_eq!(rows[0]["valid"], json!(true));
    assert_eq!(rows[0]["converted"], json!(20.0));
    assert_eq!(rows[0]["dropped"], json!("{\"missing\":4}"));
    assert_eq!(rows[1]["valid"], json!(false));
    assert_eq!(rows[1]["n_dropped"], json!(5));
}

#[tokio::test]
async fn a_water_day_is_weighted_by_flow_and_ph_has_a_median() {
    let day = at("2025-06-01 00:00");
    let hour = |i: i64| day + i * 3_600_000_000;
    let mut rows = Vec::new();
    for i in 0..24 {
        let (flow, cod) = if i < 12 { (1.0, 100.0) } else { (3.0, 20.0) };
        rows.push(reading("W", "w00000", "hour", hour(i), flow, json!({})));
        rows.push(reading("W", "w01018", "hour", hour(i), cod, json!({})));
        rows.push(reading(
            "W",
            "w01001",
            "hour",
            hour(i),
            if i == 0 { 1.0 } else { 7.0 },
            json!({}),
        ));
    }
    let session = session(rows, &[], 2).await;
    let rows = query(&session, "SELECT * FROM daily ORDER BY factor").await;
    let of = |factor: &str| {
        rows.iter()
            .find(|row| row["factor"] == factor)
            .expect("factor")
            .clone()
    };
    let cod = of("w01018")["value"].as_f64().expect("number");
    assert!((cod - 40.0).abs() < 1e-9, "{cod}");
    assert_eq!(of("w01001").get("value"), None);
    assert_eq!(of("w01001")["median"], json!(7.0));
    assert_eq!(of("w01018")["source"], json!("uploaded"));
}

#[tokio::test]
async fn limits_come_in_the_unit_of_the_values_or_not_at_all() {
    let permits = [
        ("a21026", 50.0, "mg/Nm³"),
        ("a21002", 5_000.0, "μg/m3"),
        ("w20111", 0.05, "mg/L"),
        ("a21001", 20.0, "mg/m3"),
        ("a24088", 60.0, "mL/m3"),
        ("w01018", 50.0, ""),
        ("w01001", 9.0, "无量纲"),
    ]
    .map(|(factor, limit, unit)| Permit {
        unit,
        ..Permit::of("A", factor, limit)
    });
    let sql = "SELECT factor, limit_value, unit, stated_value, stated_unit, unit_problem
               FROM mn_limits ORDER BY factor";
    let told = |rows: Vec<serde_json::Map<String, serde_json::Value>>| {
        rows.into_iter()
            .map(|row| {
                let text = |name: &str| row.get(name).and_then(|v| v.as_str()).map(str::to_owned);
                (
                    text("factor").expect("factor"),
                    row.get("limit_value").and_then(serde_json::Value::as_f64),
                    text("unit"),
                    text("unit_problem"),
                )
            })
            .collect::<Vec<_>>()
    };
    let row = |factor: &str, value: Option<f64>, unit: Option<&str>, problem: Option<&str>| {
        let own = |text: Option<&str>| text.map(str::to_owned);
        (factor.to_owned(), value, own(unit), own(problem))
    };
    let seen = told(query(&session(vec![], &permits, 1).await, sql).await);
    assert_eq!(
        seen,
        [
            row("a21001", None, None, Some("unit_unknown")),
            row("a21002", Some(5.0), Some("mg/m3"), None),
            row("a21026", Some(50.0), Some("mg/m3"), None),
            row("a24088", None, None, Some("unit_mismatch")),
            row("w01001", Some(9.0), Some("dimensionless"), None),
            row("w01018", None, None, Some("unit_unknown")),
            row("w20111", Some(50.0), Some("ug/L"), None),
        ]
    );
    let config = crate::session::Config {
        units: [("a21001", "ug/m3"), ("A/w20111", "mg/L")]
            .map(|(key, unit)| (key.to_owned(), unit.to_owned()))
            .into(),
        ..crate::session::Config::default()
    };
    let stated = crate::session::in_memory(crate::fixtures::permits(&permits), &config)
        .await
        .expect("session");
    let seen = told(query(&stated, sql).await);
    assert_eq!(seen[0], row("a21001", Some(20_000.0), Some("ug/m3"), None));
    assert_eq!(seen[6], row("w20111", Some(0.05), Some("mg/L"), None));
}

#[tokio::test]
async fn a_flow_counts_in_its_unit() {
    let start = at("2025-06-01 08:00");
    let mut rows = minutes("A", "a00000", start, 10, 6, 36.0);
    rows.extend(minutes("A", "a21026", start, 10, 6, 5.0));
    rows.extend(minutes("W", "w00000", start, 10, 6, 2.0));
    rows.extend(minutes("W", "w01018", start, 10, 6, 5.0));
    let sql =
        "SELECT mn, flow, volume_m3 FROM hourly WHERE factor IN ('a21026', 'w01018') ORDER BY mn";
    let plain = query(&session(rows.clone(), &[], 1).await, sql).await;
    assert_eq!(plain[0]["volume_m3"], json!(129_600.0), "m3/s");
    assert_eq!(plain[1]["volume_m3"], json!(7.2), "L/s");
    let config = crate::session::Config {
        units: [("A/a00000".to_owned(), "m3/h".to_owned())].into(),
        ..crate::session::Config::default()
    };
    let readings = crate::fixtures::table(&nonsite_schemas::tables::readings_raw(), rows);
    let hourly = crate::session::in_memory(vec![("readings_raw", readings)], &config)
        .await
        .expect("session");
    let stated = query(&hourly, sql).await;
    assert_eq!(
        (&stated[0]["flow"], &stated[0]["volume_m3"]),
        (&json!(0.01), &json!(36.0))
    );
}

#[tokio::test]
async fn real_time_values_make_hours_where_nothing_else_does() {
    let start = at("2025-06-01 08:00");
    let sampled = |mn: &str, hour: i64, value: f64, count: i64| -> Vec<_> {
        (0..count)
            .map(|i| {
                let time = start + hour * 3_600_000_000 + i * 60_000_000;
                reading(mn, "a21026", "realtime", time, value, json!({}))
            })
            .collect()
    };
    // A: minutes at 08, an uploaded hour at 09, only samples at 10, too few of them at 11.
    let mut rows = minutes("A", "a21026", start, 10, 6, 10.0);
    rows.push(reading(
        "A",
        "a21026",
        "hour",
        start + 3_600_000_000,
        20.0,
        json!({}),
    ));
    for hour in 0..3 {
        rows.extend(sampled("A", hour, 99.0, 60));
    }
    rows.extend(sampled("A", 3, 99.0, 44));
    rows.extend(sampled("B", 0, 7.0, 45));
    let rows = query(
        &session(rows, &[], 2).await,
        "SELECT mn, source, value, valid, n_due, n_used FROM hourly ORDER BY mn, hour",
    )
    .await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            (
                row["mn"].as_str().expect("mn"),
                row["source"].as_str().expect("source"),
                row["value"].as_f64().expect("value"),
                row["valid"].as_bool().expect("valid"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("A", "minutes", 10.0, true),
            ("A", "uploaded", 20.0, true),
            ("A", "realtime", 99.0, true),
            ("A", "realtime", 99.0, false),
            ("B", "realtime", 7.0, true),
        ]
    );
    assert_eq!(
        (&rows[4]["n_due"], &rows[4]["n_used"]),
        (&json!(60), &json!(45))
    );
}

#[tokio::test]
async fn a_slow_water_analyser_owes_a_value_per_cadence() {
    let day = at("2025-06-01 00:00");
    let hour = |i: i64| day + i * 3_600_000_000;
    let values = |mn: &str, factor: &str, every: usize, count: usize| -> Vec<_> {
        (0..24)
            .step_by(every)
            .take(count)
            .map(|i| reading(mn, factor, "hour", hour(i), 10.0, json!({})))
            .collect()
    };
    let mut rows = Vec::new();
    for mn in ["S", "T", "U", "V", "W", "X"] {
        rows.extend(values(mn, "w00000", 1, 24));
    }
    // Every 2 hours, as seen: 9 of 12 are enough, 8 are not; every 4 hours: 5 of 6.
    rows.extend(values("S", "w01018", 2, 9));
    rows.extend(values("T", "w01018", 2, 8));
    rows.extend(values("U", "w01018", 4, 5));
    // Every 6 hours is no analyser's cadence unless its permit says so.
    rows.extend(values("V", "w01018", 6, 4));
    rows.extend(values("W", "w01018", 6, 3));
    // Hourly with gaps stays hourly.
    rows.extend(values("X", "w01018", 1, 12));
    let bound = Permit {
        cadence_s: Some(21_600),
        ..Permit::of("W", "w01018", 50.0)
    };
    let session = session(rows, &[bound], 2).await;
    let rows = query(
        &session,
        "SELECT mn, valid, n_due, n_used, cadence_s, volume_m3 FROM daily
         WHERE factor = 'w01018' ORDER BY mn",
    )
    .await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| {
            let number = |name: &str| row[name].as_i64().expect("number");
            (
                row["mn"].as_str().expect("mn"),
                row["valid"].as_bool().expect("valid"),
                number("n_due"),
                number("n_used"),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("S", true, 12, 9),
            ("T", false, 12, 8),
            ("U", true, 6, 5),
            ("V", false, 24, 4),
            ("W", true, 4, 3),
            ("X", false, 24, 12),
        ]
    );
    // 10 L/s for two hours each: a value stands for its whole cadence.
    assert_eq!(rows[0]["volume_m3"], json!(9.0 * 36.0 * 2.0));
    let flow = query(
        &session,
        "SELECT n_due FROM daily WHERE mn = 'W' AND factor = 'w00000'",
    )
    .await;
    assert_eq!(
        flow[0]["n_due"],
        json!(24),
        "the flow of the same logger is hourly"
    );
}

#[tokio::test]
async fn a_later_document_closes_the_earlier_even_when_it_arrives_first() {
    let of = |version, issued: &str, limit, offset| Permit {
        version,
        issued: at(issued),
        offset,
        ..Permit::of("A", "a21026", limit)
    };
    let in_order = [
        of(1, "2024-01-01 00:00", 100.0, 0),
        of(2, "2025-01-01 00:00", 50.0, 1),
        of(3, "2026-01-01 00:00", 35.0, 2),
    ];
    let mixed = [
        of(3, "2026-01-01 00:00", 35.0, 0),
        of(1, "2024-01-01 00:00", 100.0, 1),
        of(2, "2025-01-01 00:00", 50.0, 2),
    ];
    let sql = "SELECT in_force_from, in_force_to, limit_value, permit_version FROM mn_limits ORDER BY in_force_from";
    let expected = query(&session(vec![], &in_order, 1).await, sql).await;
    assert_eq!(expected.len(), 3);
    assert_eq!(expected[0]["in_force_to"], expected[1]["in_force_from"]);
    assert_eq!(expected[1]["limit_value"], json!(50.0));
    assert_eq!(
        query(&session(vec![], &mixed, 3).await, sql).await,
        expected
    );
}

#[tokio::test]
async fn constant_runs_and_gaps_come_from_plain_sql() {
    let start = at("2025-06-01 00:00");
    let mut rows = minutes("A", "a21026", start, 2, 30, 0.0);
    rows.extend(minutes("A", "a21026", start + 4 * 3_600_000_000, 2, 5, 3.0));
    let session = session(rows, &[], 2).await;
    let runs = query(
        &session,
        "SELECT r['points'] AS points, r['value'] AS value FROM (
           SELECT unnest(constant_runs(data_time, value, 30, NULL)) AS r FROM readings GROUP BY mn, factor)",
    )
    .await;
    assert_eq!(runs.len(), 1);
    assert_eq!(runs[0]["points"], json!(30));
    let gaps = query(
        &session,
        "SELECT g['seconds'] AS seconds FROM (
           SELECT unnest(time_gaps(data_time, 3600)) AS g FROM readings GROUP BY mn)",
    )
    .await;
    assert_eq!(gaps.len(), 1);
    assert_eq!(gaps[0]["seconds"], json!(3 * 3_600 + 120));
    let flags = query(
        &session,
        "SELECT count(*) AS n FROM (SELECT time_gap(data_time, 3600) OVER (PARTITION BY mn ORDER BY data_time) AS late,
           constant_run(value, 30) OVER (PARTITION BY mn ORDER BY data_time) AS flat FROM readings) WHERE late OR flat",
    )
    .await;
    assert_eq!(flags[0]["n"], json!(31));
}

#[tokio::test]
async fn every_example_of_the_guide_runs() {
    let guide = include_str!("../../../docs/sql.md");
    let session = session(vec![], &[], 1).await;
    let mut count = 0;
    for block in guide.split("```sql\n").skip(1) {
        let sql = block.split("```").next().expect("a block ends");
        // What only a server has is run there, with the rest once more (tests/e2e/sql.rs).
        let of_a_server = ["nonsite_meta.", "at('", "limit_at(", "to_char("];
        if of_a_server.iter().any(|name| sql.contains(name)) {
            continue;
        }
        session
            .read(sql)
            .await
            .unwrap_or_else(|error| panic!("{error}\n{sql}"));
        count += 1;
    }
    assert!(count >= 7, "{count}");
    for (name, _) in super::VIEWS {
        assert!(
            guide.contains(&format!("`{name}`")),
            "the guide does not mention `{name}`"
        );
    }
}

#[tokio::test]
async fn a_restriction_reaches_every_scan_of_readings() {
    let session = session(vec![], &[], 1).await;
    for view in ["hourly", "daily"] {
        let sql =
            format!("EXPLAIN SELECT * FROM {view} WHERE mn = 'A' AND date = DATE '2025-06-01'");
        let rows = query(&session, &sql).await;
        let plan = rows
            .iter()
            .find(|row| row["plan_type"] == "logical_plan")
            .and_then(|row| row["plan"].as_str().map(str::to_owned))
            .expect("plan");
        let lines: Vec<&str> = plan.lines().collect();
        let mut scans = 0;
        for (at, _) in lines
            .iter()
            .enumerate()
            .filter(|(_, line)| line.contains("TableScan: readings_raw"))
        {
            scans += 1;
            let filter = lines[at - 1];
            assert!(
                filter.contains("date = Date32(\"2025-06-01\")")
                    && filter.contains("mn = Utf8(\"A\")"),
                "{view} reads more than asked for: {filter}"
            );
        }
        assert!(scans >= 6, "{plan}");
    }
}
