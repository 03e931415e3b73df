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
        format!("SELECT * FROM read_parquet('{}')", path.display()),
        format!("SELECT * FROM read_json('{}')", path.display()),
        format!("SELECT * FROM read_text('{}')", path.display()),
        format!("SELECT * FROM glob('{}')", folder.path().display()),
        format!("SELECT * FROM file('{}')", path.display()),
        format!("SELECT * FROM delta_scan('{}')", folder.path().display()),
        "SELECT * FROM url('https://example.org/x.csv')".to_owned(),
        "SELECT * FROM parquet_metadata('/x.parquet')".to_owned(),
        "SELECT * FROM at('/etc/passwd', 0)".to_owned(),
        "SELECT * FROM at('../permits', 0)".to_owned(),
        "SELECT pg_read_file('/etc/passwd')".to_owned(),
        "SELECT pg_read_binary_file('/etc/passwd')".to_owned(),
        "SELECT pg_stat_file('/etc/passwd')".to_owned(),
        "SELECT pg_ls_dir('/')".to_owned(),
        "SELECT lo_export(1, '/tmp/nonsite-must-not-exist')".to_owned(),
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
async fn no_function_changes_anything() {
    let (_folder, engine) = engine(|_| {});
    for text in [
        "SELECT pg_reload_conf()",
        "SELECT pg_rotate_logfile()",
        "SELECT pg_promote()",
        "SELECT pg_switch_wal()",
        "SELECT pg_notify('c', 'x')",
        "SELECT pg_logical_emit_message(false, 'x', 'y')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_import_system_collations('pg_catalog')",
        "SELECT nextval('s')",
        "SELECT setval('s', 1)",
        "SELECT query_to_xml('DELETE FROM anomalies', true, true, '')",
        "SELECT dblink_exec('DROP TABLE readings_raw')",
    ] {
        let outcome = ask(&engine, &User::local(), text).await;
        assert!(outcome.is_err(), "{text}");
    }
    // Answers with the value it is given, and sets nothing of the engine.
    let given = "SELECT set_config('datafusion.execution.batch_size', '1', false) AS v";
    assert_eq!(rows(&engine, given).await, ["v", "1"]);
    let catalogue = engine.catalogue(&User::local()).await.expect("catalogue");
    assert_eq!(catalogue.state().config().batch_size(), 8192);
}
