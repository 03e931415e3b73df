//! What a query may use: rows, time, memory, spill space.

use std::time::Duration;

use futures::StreamExt;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_result_with_too_many_rows_is_an_error_and_not_a_short_result() {
    let (_folder, engine) = engine(|config| config.max_rows = 1_000);
    let answer = ask(
        &engine,
        &User::local(),
        "SELECT * FROM generate_series(1, 1000)",
    )
    .await;
    let rows: usize = answer
        .expect("runs")
        .collect()
        .await
        .expect("just as many as allowed")
        .iter()
        .map(|batch| batch.num_rows())
        .sum();
    assert_eq!(rows, 1_000);
    let answer = ask(
        &engine,
        &User::local(),
        "SELECT * FROM generate_series(1, 1001)",
    )
    .await;
    let fault = match answer {
        Ok(answer) => answer.collect().await.expect_err("one too many"),
        Err(fault) => fault,
    };
    assert_eq!(fault.kind, FaultKind::TooLarge);
    assert!(fault.what.contains("serve.sql.max_rows"), "{fault}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_with_too_many_bytes_is_an_error_and_not_a_short_result() {
    let (_folder, engine) = engine(|config| config.max_result_mb = 1);
    let small = "SELECT value FROM generate_series(1, 10000)";
    assert_eq!(rows(&engine, small).await.len(), 10_001);
    // Few rows that are long, and many that are short.
    for text in [
        "SELECT md5(CAST(value AS VARCHAR)) AS k, repeat('x', 10000) AS x FROM generate_series(1, 1000)",
        "SELECT value AS n FROM generate_series(1, 1000000)",
        // One text that all rows show.
        "SELECT x, b.value FROM (SELECT arrow_cast(string_agg('0123456789', ','), 'Utf8View') AS x \
         FROM generate_series(1, 100)) a, generate_series(1, 10000) b",
    ] {
        let mut answer = ask(&engine, &User::local(), text).await.expect(text);
        let mut bytes = 0;
        let fault = loop {
            match answer.next().await {
                Some(Ok(batch)) => bytes += sent::bytes(&batch),
                Some(Err(fault)) => break fault,
                None => panic!("{text}: ended as if it were whole after {bytes} bytes"),
            }
        };
        assert!(bytes <= 1 << 20, "{text}: {bytes} bytes before the error");
        assert_eq!(fault.kind, FaultKind::TooLarge, "{text}");
        assert!(
            fault.what.contains("serve.sql.max_result_mb"),
            "{text}: {fault}"
        );
        let more = answer.next().await;
        assert!(more.is_none(), "{text}: more after the error");
    }
    let log = rows(
        &engine,
        "SELECT outcome, count(*) AS n FROM nonsite_meta.query_log
         WHERE text LIKE '%generate_series(1, 1000%' AND text NOT LIKE '%query_log%'
         GROUP BY outcome ORDER BY outcome",
    )
    .await;
    assert_eq!(log, ["outcome,n", "limit,3", "ok,1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clock_runs_while_rows_are_made() {
    let (_folder, engine) = engine(|config| config.timeout_s = 1);
    let answer = ask(&engine, &User::local(), ENDLESS).await;
    let fault = match answer {
        Ok(answer) => answer.collect().await.expect_err("too long"),
        Err(fault) => fault,
    };
    assert_eq!(fault.kind, FaultKind::Timeout, "{fault}");
    let log = rows(
        &engine,
        "SELECT outcome FROM nonsite_meta.query_log WHERE text LIKE '%4000000%' AND outcome <> 'running'",
    )
    .await;
    assert_eq!(log, ["outcome", "timeout"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn planning_belongs_to_the_time_of_a_query() {
    let (_folder, engine) = engine(|_| {});
    let catalogue = engine.catalogue(&User::local()).await.expect("catalogue");
    let Some(Step::Query(query)) = guard::steps("SELECT count(*) FROM daily")
        .expect("SQL")
        .pop()
    else {
        panic!("a query");
    };
    let stop = Stop::default();
    let plan = async |timeout| {
        let (state, query) = (catalogue.state(), query.as_ref().clone());
        let planned = engine.plan("local", state, query, timeout, &stop);
        planned.await
    };
    let fault = plan(Some(Duration::ZERO))
        .await
        .expect_err("no time at all");
    assert_eq!(fault.kind, FaultKind::Timeout);
    plan(None).await.expect("planned");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_needs_too_much_memory_fails_and_the_next_one_runs() {
    let (_folder, engine) = engine(|config| {
        config.query_memory_mb = 16;
        config.spill_mb = 1;
    });
    let hungry =
        "SELECT md5(CAST(value AS VARCHAR)) AS k FROM generate_series(1, 3000000) ORDER BY k";
    let answer = ask(&engine, &User::local(), hungry).await;
    let fault = match answer {
        Ok(answer) => answer.collect().await.expect_err("too much"),
        Err(fault) => fault,
    };
    assert_eq!(fault.kind, FaultKind::Memory, "{fault}");
    assert_eq!(rows(&engine, "SELECT 1 AS n").await, ["n", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sort_larger_than_its_memory_spills_and_answers() {
    let (_folder, engine) = engine(|config| config.query_memory_mb = 64);
    let large = "SELECT max(r) AS n FROM (SELECT row_number() OVER (ORDER BY md5(CAST(value AS VARCHAR))) AS r
                 FROM generate_series(1, 2000000))";
    assert_eq!(rows(&engine, large).await, ["n", "2000000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_window_over_everything_is_held_against_the_memory_of_the_query() {
    let (_folder, engine) = engine(|config| config.query_memory_mb = 16);
    let hungry =
        "SELECT max(s) FROM (SELECT sum(value) OVER () AS s FROM generate_series(1, 5000000))";
    let answer = ask(&engine, &User::local(), hungry).await;
    let fault = match answer {
        Ok(answer) => answer.collect().await.expect_err("too much"),
        Err(fault) => fault,
    };
    assert_eq!(fault.kind, FaultKind::Memory, "{fault}");
    let small =
        "SELECT max(s) AS s FROM (SELECT sum(value) OVER () AS s FROM generate_series(1, 10))";
    assert_eq!(rows(&engine, small).await, ["s", "55"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_constant_is_not_written_into_every_row() {
    let (_folder, engine) = engine(|_| {});
    for hungry in [
        "SELECT repeat('x', 1000000) AS x, value FROM generate_series(1, 10)",
        "SELECT range(0, 100000) AS x, value FROM generate_series(1, 10)",
        "SELECT max(x) FROM (SELECT repeat('x', 1000000) AS x, value FROM generate_series(1, 10))",
        "SELECT repeat('x', 1000000) || value AS x FROM generate_series(1, 10)",
        "SELECT max(length(concat(value, repeat('x', 1000000)))) FROM generate_series(1, 10)",
        "SELECT CASE WHEN value > 5 THEN repeat('x', 1000000) END AS x FROM generate_series(1, 10)",
        "SELECT replace(CAST(value AS VARCHAR), '1', repeat('x', 1000000)) FROM generate_series(1, 10)",
        "SELECT count(*) FROM generate_series(1, 10) WHERE length(value || repeat('x', 1000000)) > 5",
    ] {
        let fault = match ask(&engine, &User::local(), hungry).await {
            Ok(answer) => answer.collect().await.expect_err(hungry),
            Err(fault) => fault,
        };
        assert_eq!(fault.kind, FaultKind::Memory, "{hungry}: {fault}");
        assert!(fault.what.contains("every row"), "{hungry}: {fault}");
    }
    // A row of its own, a list that becomes rows, and what is small.
    for (text, answer) in [
        (
            "SELECT length(x) AS n FROM (SELECT repeat('x', 1000000) AS x)",
            "1000000",
        ),
        (
            "SELECT count(x) AS n FROM (SELECT unnest(range(0, 100000)) AS x)",
            "100000",
        ),
        (
            "SELECT max(length(x)) AS n FROM (SELECT repeat('x', 100) AS x, value FROM generate_series(1, 10))",
            "100",
        ),
        // What is compared with all rows stands there once.
        (
            "SELECT count(*) AS n FROM generate_series(1, 10) WHERE CAST(value AS VARCHAR) <> repeat('x', 1000000)",
            "10",
        ),
        (
            "SELECT count(*) AS n FROM generate_series(5, 10000) WHERE array_has(range(0, 20000, 2), value)",
            "4998",
        ),
    ] {
        assert_eq!(rows(&engine, text).await, ["n", answer], "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_query_stands_among_the_slow_ones() {
    for (slow_ms, there) in [(0, "true"), (3_600_000, "false")] {
        let (_folder, engine) = engine(|config| config.slow_ms = slow_ms);
        rows(&engine, "SELECT 41 + 1 AS slow").await;
        let text = "SELECT count(*) > 0 AS there FROM nonsite_meta.slow_queries WHERE text LIKE '%AS slow'";
        assert_eq!(rows(&engine, text).await, ["there", there], "{slow_ms}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_value_is_not_written_into_many_rows() {
    let (_folder, engine) = engine(|_| {});
    // A text of the engine's plain form, 1 MB of it, in a row that nobody knows beforehand.
    let wide = "SELECT arrow_cast(string_agg(md5(CAST(value AS VARCHAR)), ','), 'Utf8') AS x \
                FROM generate_series(1, 30000)";
    for hungry in [
        format!("SELECT x, b.value FROM ({wide}) a, generate_series(1, 100000) b"),
        format!("SELECT max(length(x)) FROM ({wide}) a CROSS JOIN generate_series(1, 100000) b"),
        format!(
            "SELECT x, b.value FROM ({wide}) a JOIN generate_series(1, 100000) b ON length(x) > b.value"
        ),
        format!(
            "SELECT x, b.value FROM ({wide}) a JOIN generate_series(1, 100000) b ON length(x) % 2 = b.value % 2"
        ),
        format!("SELECT x, unnest(range(0, CAST(length(x) AS BIGINT))) AS n FROM ({wide})"),
        format!("SELECT ({wide}) AS x, value FROM generate_series(1, 100000)"),
        format!(
            "SELECT first_value(x) OVER (ORDER BY n) AS y FROM (SELECT x, 1 AS n FROM ({wide})
             UNION ALL SELECT 'y', value FROM generate_series(1, 100000))"
        ),
    ] {
        let fault = match ask(&engine, &User::local(), &hungry).await {
            Ok(answer) => answer.collect().await.expect_err(&hungry),
            Err(fault) => fault,
        };
        assert_eq!(fault.kind, FaultKind::Memory, "{hungry}: {fault}");
        assert!(fault.what.contains("rows at once"), "{hungry}: {fault}");
    }
    // Read on its own, or cut short before the join.
    for (text, answer) in [
        (
            format!("SELECT length(x) > 900000 AS n FROM ({wide})"),
            "true",
        ),
        (
            format!(
                "SELECT count(x) AS n FROM (SELECT left(x, 100) AS x FROM ({wide})) a, generate_series(1, 100000) b"
            ),
            "100000",
        ),
    ] {
        assert_eq!(rows(&engine, &text).await, ["n", answer], "{text}");
    }
}

/// A text or list that is made of itself so many times.
fn doubled(first: &str, step: &str, times: usize, last: &str) -> String {
    let mut text = format!("WITH t0 AS (SELECT {first})");
    for at in 1..=times {
        text.push_str(&format!(", t{at} AS (SELECT {step} AS x FROM t{})", at - 1));
    }
    text.push_str(&format!(" SELECT {last} AS n FROM t{times}"));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_made_of_itself_does_not_grow_without_end() {
    let (_folder, engine) = engine(|_| {});
    let texts = "CAST(value AS VARCHAR) AS x FROM generate_series(1, 1000)";
    let lists = "[value] AS x FROM generate_series(1, 1000)";
    for (first, step, last) in [
        // In the planner already.
        ("'x' AS x", "x || x", "length(x)"),
        (texts, "x || x", "max(length(x))"),
        (texts, "x || '-' || x", "max(length(x))"),
        (texts, "OVERLAY(x PLACING x FROM 1 FOR 0)", "max(length(x))"),
        (texts, "encode(x, 'hex')", "max(length(x))"),
        (lists, "x || x", "max(array_length(x))"),
        (
            lists,
            "array_append(array_concat(x, x), 1)",
            "max(array_length(x))",
        ),
        (lists, "[x, x]", "max(array_length(x))"),
    ] {
        let hungry = doubled(first, step, 30, last);
        let fault = match ask(&engine, &User::local(), &hungry).await {
            Ok(answer) => answer.collect().await.expect_err(&hungry),
            Err(fault) => fault,
        };
        assert!(fault.what.contains("at once"), "{hungry}: {fault}");
        let small = doubled(first, step, 2, last);
        assert_eq!(rows(&engine, &small).await.len(), 2, "{small}");
    }
    let text = doubled("'x' AS x", "x || x", 10, "length(x)");
    assert_eq!(rows(&engine, &text).await, ["n", "1024"]);
}
