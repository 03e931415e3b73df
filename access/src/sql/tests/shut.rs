//! Ways in that stay shut behind the check of the text: files, addresses, plans that write.

use super::*;

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
