//! What tools ask, and what holds a question in its bounds, over a store without data.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn the_information_schema_calls_types_what_tools_know() {
    let (_folder, engine) = engine(|_| {});
    let columns = rows(
        &engine,
        "SELECT data_type, udt_name, is_nullable FROM information_schema.columns
         WHERE table_schema = 'nonsite' AND table_name = 'readings_raw' AND column_name = 'data_time'",
    )
    .await;
    assert_eq!(
        columns,
        [
            "data_type,udt_name,is_nullable",
            "timestamp with time zone,timestamptz,NO"
        ]
    );
    let kinds = rows(
        &engine,
        "SELECT table_type FROM information_schema.tables
         WHERE table_name IN ('readings', 'readings_raw') ORDER BY table_name",
    )
    .await;
    assert_eq!(kinds, ["table_type", "VIEW", "BASE TABLE"]);
    for empty in [
        "table_constraints",
        "key_column_usage",
        "routines",
        "triggers",
    ] {
        let text = format!("SELECT count(*) AS n FROM information_schema.{empty}");
        assert_eq!(rows(&engine, &text).await, ["n", "0"], "{empty}");
    }
    assert_eq!(
        rows(
            &engine,
            "SELECT count(*) > 0 AS some FROM information_schema.schemata"
        )
        .await,
        ["some", "true"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_put_together_for_every_row_finds_its_table() {
    let (_folder, engine) = engine(|_| {});
    let comment = rows(
        &engine,
        "SELECT col_description(CAST(CAST(format('%I.%I', c.table_schema, c.table_name) AS regclass) AS oid),
                                c.ordinal_position) AS d
         FROM information_schema.columns c
         WHERE c.table_schema = 'nonsite' AND c.table_name = 'readings_raw' AND c.column_name = 'mn'",
    )
    .await;
    assert!(comment[1].contains("data logger"), "{comment:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn patterns_of_times_are_postgresqls() {
    let (_folder, engine) = engine(|_| {});
    let text =
        "SELECT to_char(to_timestamp('2025-06-01 08:05:00.000000', 'YYYY-MM-DD HH24:MI:SS.US'),
                               'YYYY/MM/DD HH24:MI') AS t";
    assert_eq!(rows(&engine, text).await, ["t", "2025/06/01 08:05"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_nobody_stated_is_null() {
    let (_folder, engine) = engine(|_| {});
    let text =
        "SELECT limit_at('A', 'a21026', 'hour', TIMESTAMP '2025-06-01T00:00:00Z') IS NULL AS none";
    assert_eq!(rows(&engine, text).await, ["none", "true"]);
    // A restricted user's limits are those of its own permits.
    let answer = ask(&engine, &restricted(), text).await.expect("runs");
    answer.collect().await.expect("rows");
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
    ] {
        assert_eq!(rows(&engine, text).await, ["n", answer], "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_stopped_by_its_user_with_sql() {
    let (_folder, engine) = engine(|_| {});
    let stop = Stop::default();
    let told = stop.watch();
    let client = "127.0.0.1:1".to_owned();
    engine.connections().opened(7, "carol", client, stop);
    let cancel = async |user: &User| {
        let text = "SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity WHERE pid = '7'";
        let answer = ask(&engine, user, text).await.expect("runs");
        let batches = answer.collect().await.expect("rows");
        batches.iter().map(|batch| batch.num_rows()).sum::<usize>()
    };
    let dave = User {
        name: "dave".to_owned(),
        ..restricted()
    };
    assert_eq!(cancel(&dave).await, 0);
    assert!(!told.has_changed().expect("open"));
    assert_eq!(cancel(&restricted()).await, 1);
    assert!(told.has_changed().expect("open"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_queries_waits_for_none_of_their_threads() {
    let (_folder, engine) = engine(|config| config.threads = 1);
    let user = restricted();
    engine.catalogue(&user).await.expect("catalogue");
    let stop = Stop::default();
    let told = stop.watch();
    let client = "127.0.0.1:1".to_owned();
    engine.connections().opened(7, "carol", client, stop);
    // The only thread of queries computes and does not look up.
    let (release, held) = std::sync::mpsc::channel::<()>();
    let busy = engine.lane(false).spawn(async move { held.recv() });
    let text = "SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity WHERE pid = '7'";
    let Some(Step::Query(query)) = guard::steps(text).expect("SQL").pop() else {
        panic!("a query");
    };
    let ended = async {
        let catalogue = engine.catalogue_for(&user, &query).await?;
        let (state, stop) = (catalogue.state(), Stop::default());
        let planned = engine.plan(&user.name, state.clone(), *query, None, &stop);
        let plan = planned.await?;
        let asked = Asked {
            user: user.name.clone(),
            via: "test",
            client: String::new(),
            application: String::new(),
            text: text.to_owned(),
        };
        let run = Run {
            asked,
            state,
            plan,
            timeout: None,
            stop,
        };
        engine.run(run).await?.collect().await
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), ended).await;
    let batches = ended.expect("no waiting for that thread").expect("rows");
    assert_eq!(
        batches.iter().map(|batch| batch.num_rows()).sum::<usize>(),
        1
    );
    assert!(told.has_changed().expect("open"));
    release.send(()).expect("the thread still waits");
    busy.await.expect("task").expect("released");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_planning_and_running_is_not_lost() {
    let (_folder, engine) = engine(|_| {});
    let connection = Stop::default();
    connection.now();
    let statement = connection.begin();
    let answer = ask_until(&engine, &User::local(), "SELECT 1", statement.clone()).await;
    answer
        .expect("runs")
        .collect()
        .await
        .expect("an earlier stop is not for it");
    connection.now();
    let fault = match ask_until(&engine, &User::local(), ENDLESS, statement).await {
        Ok(answer) => answer.collect().await.expect_err("stopped"),
        Err(fault) => fault,
    };
    assert_eq!(fault.kind, FaultKind::Cancelled);
}
