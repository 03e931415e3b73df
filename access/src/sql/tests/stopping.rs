//! What ends a query before its last row, and whom that leaves a turn.

use std::time::Duration;

use futures::StreamExt;

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_query_ends_and_frees_its_turn() {
    let (_folder, engine) = engine(|config| config.queries = 1);
    let stop = Stop::default();
    let asking = {
        let (engine, stop) = (Arc::clone(&engine), stop.clone());
        tokio::spawn(async move {
            match ask_until(&engine, &User::local(), ENDLESS, stop).await {
                Ok(answer) => answer.collect().await,
                Err(fault) => Err(fault),
            }
        })
    };
    // A stop is for what runs: before the query has its turn there is nothing to stop.
    while !asking.is_finished() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.now();
    }
    let fault = asking.await.expect("task").expect_err("stopped");
    assert_eq!(fault.kind, FaultKind::Cancelled);
    assert_eq!(rows(&engine, "SELECT 1 AS n").await, ["n", "1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_goes_away_ends_its_query() {
    let (_folder, engine) = engine(|config| config.queries = 1);
    let many = "SELECT * FROM generate_series(1, 100000000)";
    let mut answer = ask(&engine, &User::local(), many).await.expect("runs");
    assert!(answer.next().await.is_some());
    drop(answer);
    assert_eq!(rows(&engine, "SELECT 1 AS n").await, ["n", "1"]);
    let log = rows(
        &engine,
        "SELECT outcome, rows > 0 AS some FROM nonsite_meta.query_log WHERE text LIKE '%100000000)'",
    )
    .await;
    assert_eq!(log[1], "cancelled,true");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_answer_does_not_hold_the_turn_of_others() {
    let (_folder, engine) = engine(|config| config.queries = 1);
    let many = "SELECT * FROM generate_series(1, 1000000)";
    let mut open = ask(&engine, &User::local(), many).await.expect("runs");
    assert!(open.next().await.is_some());
    let other = rows(&engine, "SELECT 1 AS n");
    let other = tokio::time::timeout(Duration::from_secs(60), other).await;
    assert_eq!(
        other.expect("no waiting for a reader that sleeps"),
        ["n", "1"]
    );
    let rest = open.collect().await.expect("goes on");
    assert!(!rest.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_user_cannot_have_all_turns() {
    let (_folder, engine) = engine(|config| config.queries = 2);
    let stop = Stop::default();
    let asking: Vec<_> = (0..2)
        .map(|_| {
            let (engine, stop) = (Arc::clone(&engine), stop.clone());
            tokio::spawn(async move {
                match ask_until(&engine, &restricted(), ENDLESS, stop).await {
                    Ok(answer) => answer.collect().await,
                    Err(fault) => Err(fault),
                }
            })
        })
        .collect();
    let text = "SELECT count(*) AS n FROM nonsite_meta.query_log WHERE \"user\" = 'carol' AND outcome = 'running'";
    let others = async {
        // Both of them have asked, and one of them runs.
        while rows(&engine, text).await != ["n", "2"] {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        rows(&engine, "SELECT 1 AS n").await
    };
    let answer = tokio::time::timeout(Duration::from_secs(300), others).await;
    assert_eq!(answer.expect("a turn for others"), ["n", "1"]);
    while asking.iter().any(|asking| !asking.is_finished()) {
        stop.now();
        tokio::time::sleep(Duration::from_millis(100)).await;
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
