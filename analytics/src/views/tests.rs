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
