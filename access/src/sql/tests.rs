//! The whole way of a question, over a store without data.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use nonsite_analytics::detect;
use nonsite_analytics::ratio::RatioPolicies;
use nonsite_analytics::review::{Read, ReadsWanted};
use nonsite_schemas::time::SystemClock;

use super::catalogue::rules;
use super::guard::Step;
use super::log::Asked;
use super::run::{Answer, Run, Stop};
use super::*;

/// What two people read.
#[derive(Debug)]
struct TwoReaders;

impl ReadLog for TwoReaders {
    fn reads(&self, wanted: ReadsWanted) -> BoxFuture<'_, Result<Vec<Read>, String>> {
        let read = |actor: &str| Read {
            seq: 1,
            actor: actor.to_owned(),
            kind: "case".to_owned(),
            subject: Some("c1".to_owned()),
            status: 200,
            ..Read::default()
        };
        let all = ["ana", "carol"].map(read).into_iter();
        let own = all.filter(|read| {
            wanted
                .actor
                .as_ref()
                .is_none_or(|actor| *actor == read.actor)
        });
        std::future::ready(Ok(own.collect())).boxed()
    }
}

/// An engine over an empty folder.
fn engine(change: impl FnOnce(&mut Config)) -> (tempfile::TempDir, Arc<Engine>) {
    let folder = tempfile::tempdir().expect("folder");
    let mut config = Config {
        threads: 2,
        ..Config::default()
    };
    change(&mut config);
    let known = detect::Catalogue::load(&detect::Config::default()).expect("built-in rules");
    let engine = Engine::start(Setup {
        store: folder.path().to_owned(),
        session: nonsite_analytics::session::Config::default(),
        config,
        policies: RatioPolicies::default(),
        rules: rules(&known).expect("rows"),
        users: Users::none(),
        reads: Some(Arc::new(TwoReaders)),
        clock: Arc::new(SystemClock),
    })
    .expect("threads");
    (folder, engine)
}

async fn ask(engine: &Arc<Engine>, user: &User, text: &str) -> Result<Answer, Fault> {
    ask_until(engine, user, text, Stop::default()).await
}

async fn ask_until(
    engine: &Arc<Engine>,
    user: &User,
    text: &str,
    stop: Stop,
) -> Result<Answer, Fault> {
    let Some(Step::Query(query)) = guard::steps(text)?.pop() else {
        panic!("{text} is no query");
    };
    let catalogue = engine.catalogue(user).await?;
    let state = catalogue.state();
    let plan = guard::plan(&state, &query).await?;
    engine
        .run(Run {
            asked: Asked {
                user: user.name.clone(),
                via: "test",
                client: String::new(),
                application: String::new(),
                text: text.to_owned(),
            },
            state,
            plan,
            timeout: None,
            stop,
        })
        .await
}

/// Rows as CSV lines, the heading first.
async fn rows(engine: &Arc<Engine>, text: &str) -> Vec<String> {
    let answer = ask(engine, &User::local(), text).await;
    let batches = answer.unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let batches = batches.collect().await.expect(text);
    let csv = nonsite_analytics::session::render::csv(&batches).expect("csv");
    csv.lines().map(str::to_owned).collect()
}

fn restricted() -> User {
    User {
        name: "carol".to_owned(),
        orgs: Some(["330106".to_owned()].into()),
        admin: false,
    }
}

/// A query that would run for hours.
const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 4000000) a, generate_series(1, 4000000) b \
     WHERE a.value % 7 = b.value % 11";

#[tokio::test(flavor = "multi_thread")]
async fn tables_meta_and_catalogue_can_be_read() {
    let (_folder, engine) = engine(|_| {});
    assert_eq!(
        rows(&engine, "SELECT count(*) AS n FROM readings").await,
        ["n", "0"]
    );
    assert_eq!(
        rows(&engine, "SELECT count(*) AS n FROM nonsite.hourly").await,
        ["n", "0"]
    );
    let known = rows(
        &engine,
        "SELECT rule_id FROM nonsite_meta.rules WHERE rule_id = 'E01'",
    )
    .await;
    assert_eq!(known, ["rule_id", "E01"]);
    for table in [
        "runs",
        "ledger",
        "quarantine",
        "versions",
        "access_log",
        "comments",
        "query_log",
        "slow_queries",
    ] {
        rows(
            &engine,
            &format!("SELECT * FROM nonsite_meta.{table} LIMIT 1"),
        )
        .await;
    }
    let comment = rows(
        &engine,
        "SELECT d.description FROM pg_catalog.pg_description d
         JOIN pg_catalog.pg_class c ON c.oid = d.objoid
         WHERE c.relname = 'readings_raw' AND d.objsubid = 0",
    )
    .await;
    assert!(comment[1].contains("One row per MN"), "{comment:?}");
    let of_column = rows(
        &engine,
        "SELECT col_description(c.oid, 1) AS d FROM pg_catalog.pg_class c WHERE c.relname = 'readings_raw'",
    )
    .await;
    assert!(of_column[1].contains("data logger"), "{of_column:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_table_view_and_column_has_a_comment() {
    let (_folder, engine) = engine(|_| {});
    let columns = "SELECT count(*) AS n, min(c.table_name || '.' || c.column_name) AS first
         FROM information_schema.columns c
         LEFT JOIN nonsite_meta.comments m
           ON m.table_schema = c.table_schema AND m.table_name = c.table_name
          AND m.column_name = c.column_name
         WHERE c.table_schema IN ('nonsite', 'nonsite_meta') AND m.comment IS NULL";
    assert_eq!(rows(&engine, columns).await, ["n,first", "0,"]);
    let tables = "SELECT count(*) AS n, min(t.table_name) AS first
         FROM information_schema.tables t
         LEFT JOIN (SELECT * FROM nonsite_meta.comments WHERE column_name IS NULL) m
           ON m.table_schema = t.table_schema AND m.table_name = t.table_name
         WHERE t.table_schema IN ('nonsite', 'nonsite_meta') AND m.comment IS NULL";
    assert_eq!(rows(&engine, tables).await, ["n,first", "0,"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_of_the_api_are_an_administrators_to_see() {
    let (_folder, engine) = engine(|_| {});
    let text = "SELECT actor, subject, status FROM nonsite_meta.access_log ORDER BY actor";
    let all = rows(&engine, text).await;
    assert_eq!(all, ["actor,subject,status", "ana,c1,200", "carol,c1,200"]);
    let answer = ask(&engine, &restricted(), text).await.expect("own rows");
    let batches = answer.collect().await.expect("own rows");
    let csv = nonsite_analytics::session::render::csv(&batches).expect("csv");
    assert_eq!(csv, "actor,subject,status\ncarol,c1,200\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_about_an_unknown_table_is_told_which_there_are() {
    let (_folder, engine) = engine(|_| {});
    let fault = ask(&engine, &User::local(), "SELECT * FROM nope").await;
    let fault = fault.expect_err("no such table");
    assert_eq!(fault.kind, FaultKind::NoTable);
    assert!(
        fault.what.contains("`nope`") && fault.what.contains("hourly, "),
        "{fault}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_opens_a_file_or_an_address() {
    let (folder, engine) = engine(|_| {});
    let path = folder.path().join("x.csv");
    std::fs::write(&path, "a\n1\n").expect("file");
    for text in [
        format!("SELECT * FROM read_csv('{}')", path.display()),
        format!("SELECT * FROM parquet_scan('{}')", path.display()),
        format!("SELECT * FROM csv_scan('{}')", path.display()),
        "SELECT * FROM parquet_metadata('/x.parquet')".to_owned(),
        "SELECT pg_read_file('/etc/passwd')".to_owned(),
        "SELECT pg_ls_dir('/')".to_owned(),
        "SELECT lo_import('/etc/passwd')".to_owned(),
        "SELECT pg_sleep(100)".to_owned(),
        "SELECT * FROM dblink('host=x', 'SELECT 1')".to_owned(),
        "SELECT * FROM other.public.t".to_owned(),
        "SELECT * FROM datafusion.public.readings".to_owned(),
    ] {
        let outcome = ask(&engine, &User::local(), &text).await;
        assert!(outcome.is_err(), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_cannot_be_added_to() {
    let (_folder, engine) = engine(|_| {});
    let catalogue = engine.catalogue(&User::local()).await.expect("catalogue");
    let ctx = datafusion::prelude::SessionContext::new_with_state(catalogue.state());
    // Past the guard, straight at the engine: the catalogue itself takes nothing.
    for text in [
        "CREATE TABLE x AS SELECT 1",
        "CREATE VIEW x AS SELECT 1",
        "CREATE SCHEMA x",
        "DROP TABLE readings_raw",
        "DROP VIEW readings",
        "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
    ] {
        let outcome = match ctx.sql(text).await {
            Ok(frame) => frame.collect().await.map(drop),
            Err(error) => Err(error),
        };
        assert!(outcome.is_err(), "{text}");
    }
    assert!(catalogue.names("nonsite").contains(&"readings".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_writes_is_refused_whatever_its_text_was() {
    let (_folder, engine) = engine(|_| {});
    let catalogue = engine.catalogue(&User::local()).await.expect("catalogue");
    let state = catalogue.state();
    for text in [
        "CREATE TABLE x AS SELECT 1",
        "INSERT INTO rule_params SELECT * FROM rule_params",
        "COPY (SELECT 1) TO '/tmp/nonsite-must-not-exist.csv'",
        "SET datafusion.execution.batch_size = 1",
        "EXPLAIN CREATE TABLE x AS SELECT 1",
        "PREPARE p AS SELECT 1",
    ] {
        let plan = match state.create_logical_plan(text).await {
            Ok(plan) => plan,
            // Not even a plan: just as well.
            Err(_) => continue,
        };
        let fault = guard::check(&plan).expect_err(text);
        assert_eq!(fault.kind, FaultKind::Refused, "{text}");
    }
}

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
async fn a_pattern_has_the_escape_character_it_names() {
    let (_folder, engine) = engine(|_| {});
    for (like, wanted) in [
        ("'axb' LIKE 'a#_b' ESCAPE '#'", false),
        ("'a_b' LIKE 'a#_b' ESCAPE '#'", true),
        ("'a#b' LIKE 'a##b' ESCAPE '#'", true),
        ("'a#xb' LIKE 'a##_b' ESCAPE '#'", true),
        ("'A%b' ILIKE 'a/%b' ESCAPE '/'", true),
        // Where another character escapes, a backslash is one like any other.
        (r"'a\b' LIKE 'a\b' ESCAPE '#'", true),
        (r"'a_b' LIKE 'a\_b' ESCAPE '#'", false),
    ] {
        let answer = rows(&engine, &format!("SELECT {like} AS fits")).await;
        assert_eq!(answer, ["fits", &wanted.to_string()], "{like}");
    }
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
async fn a_slow_query_stands_among_the_slow_ones() {
    for (slow_ms, there) in [(0, "true"), (3_600_000, "false")] {
        let (_folder, engine) = engine(|config| config.slow_ms = slow_ms);
        rows(&engine, "SELECT 41 + 1 AS slow").await;
        let text = "SELECT count(*) > 0 AS there FROM nonsite_meta.slow_queries WHERE text LIKE '%AS slow'";
        assert_eq!(rows(&engine, text).await, ["there", there], "{slow_ms}");
    }
}

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
async fn the_log_shows_a_user_its_own_queries_and_an_administrator_all() {
    let (_folder, engine) = engine(|_| {});
    ask(&engine, &restricted(), "SELECT 41 + 1 AS mine")
        .await
        .expect("runs")
        .collect()
        .await
        .expect("rows");
    let count = async |user: &User| {
        let text = "SELECT count(*) AS n FROM nonsite_meta.query_log WHERE text LIKE '%AS mine'";
        let answer = ask(&engine, user, text).await.expect("runs");
        let batches = answer.collect().await.expect("rows");
        batches[0].column(0).as_primitive::<Int64Type>().value(0)
    };
    assert_eq!(count(&restricted()).await, 1);
    assert_eq!(count(&User::local()).await, 1);
    let other = User {
        name: "dave".to_owned(),
        ..restricted()
    };
    assert_eq!(count(&other).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restricted_user_has_no_way_to_what_is_hidden() {
    let (_folder, engine) = engine(|_| {});
    for text in [
        "SELECT * FROM quarantine",
        "SELECT * FROM nonsite.alerts",
        "SELECT * FROM nonsite_meta.quarantine",
        "SELECT * FROM ledger",
    ] {
        let fault = ask(&engine, &restricted(), text).await.expect_err(text);
        assert_eq!(fault.kind, FaultKind::NoTable, "{text}: {fault}");
    }
    let answer = ask(&engine, &restricted(), "SELECT count(*) FROM readings").await;
    answer.expect("runs").collect().await.expect("rows");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_without_versions_says_so() {
    let (_folder, engine) = engine(|_| {});
    for (text, says) in [
        ("SELECT * FROM at('permits', 0)", "no versions"),
        ("SELECT * FROM at('nope', 0)", "keeps versions"),
        ("SELECT * FROM at('permits')", "write at("),
        ("SELECT * FROM at('permits', 'yesterday')", "2025-06-01"),
        ("SELECT * FROM readings_at(3)", "no versions"),
    ] {
        let fault = ask(&engine, &User::local(), text).await.expect_err(text);
        assert!(fault.what.contains(says), "{text}: {fault}");
    }
}

mod tools;
