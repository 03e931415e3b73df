//! Ways in that must stay shut, and ways clients need open.

use super::*;

/// Statements that would change, reach or reveal something, by whatever dress they wear.
const EVIL: &[&str] = &[
    // Data and definitions.
    "CREATE TABLE x AS SELECT 1",
    "CREATE TABLE x (a INT)",
    "CREATE TEMP TABLE x AS SELECT * FROM readings",
    "CREATE VIEW x AS SELECT 1",
    "CREATE OR REPLACE VIEW readings AS SELECT 1",
    "CREATE SCHEMA x",
    "CREATE DATABASE x",
    "CREATE INDEX i ON readings_raw (mn)",
    "CREATE FUNCTION f(a INT) RETURNS INT LANGUAGE sql AS 'SELECT a'",
    "CREATE EXTENSION dblink",
    "CREATE ROLE eve SUPERUSER",
    "CREATE TRIGGER t BEFORE INSERT ON readings_raw EXECUTE FUNCTION f()",
    "DROP TABLE readings_raw",
    "DROP VIEW readings",
    "DROP SCHEMA nonsite CASCADE",
    "DROP FUNCTION at",
    "ALTER TABLE readings_raw ADD COLUMN x INT",
    "ALTER TABLE readings_raw RENAME TO x",
    "ALTER ROLE alice SUPERUSER",
    "TRUNCATE readings_raw",
    "INSERT INTO anomalies SELECT * FROM anomalies",
    "INSERT INTO anomalies (anomaly_id) VALUES ('x') RETURNING *",
    "UPDATE anomalies SET status = 'withdrawn'",
    "DELETE FROM anomalies",
    "MERGE INTO anomalies USING anomalies s ON true WHEN MATCHED THEN DELETE",
    "GRANT ALL ON readings_raw TO eve",
    "REVOKE ALL ON readings_raw FROM alice",
    "COMMENT ON TABLE readings_raw IS 'x'",
    "ANALYZE readings_raw",
    "VACUUM readings_raw",
    "REFRESH MATERIALIZED VIEW x",
    "LOCK TABLE readings_raw",
    "CALL p()",
    "DO 'BEGIN END'",
    "NOTIFY c, 'x'",
    "LISTEN c",
    "KILL 1",
    "USE other",
    "LOAD 'x.so'",
    "ATTACH DATABASE 'x' AS y",
    "INSTALL httpfs",
    "REINDEX TABLE readings_raw",
    "CLUSTER readings_raw",
    "CHECKPOINT",
    "PRAGMA threads = 1",
    "CACHE TABLE x AS SELECT 1",
    "MSCK REPAIR TABLE readings_raw",
    "INSERT OVERWRITE anomalies SELECT * FROM anomalies",
    "CREATE SERVER s FOREIGN DATA WRAPPER w",
    "CREATE PUBLICATION p FOR ALL TABLES",
    "CREATE MATERIALIZED VIEW x AS SELECT 1",
    "CREATE SEQUENCE x",
    "CREATE TYPE x AS (a INT)",
    // The catalogue's own tables.
    "UPDATE pg_catalog.pg_class SET relname = 'x'",
    "DELETE FROM information_schema.columns",
    "INSERT INTO pg_catalog.pg_authid SELECT * FROM pg_catalog.pg_authid",
    "INSERT INTO information_schema.tables SELECT * FROM information_schema.tables",
    "CREATE TABLE pg_catalog.x AS SELECT 1",
    "CREATE VIEW information_schema.x AS SELECT 1",
    "DROP TABLE pg_class",
    "TRUNCATE nonsite_meta.query_log",
    "DELETE FROM nonsite_meta.query_log",
    "SELECT * INTO pg_catalog.x FROM pg_class",
    "WITH x AS (DELETE FROM pg_class RETURNING *) SELECT * FROM x",
    "COPY pg_catalog.pg_class TO '/tmp/nonsite-must-not-exist.csv'",
    "EXPLAIN ANALYZE UPDATE pg_catalog.pg_class SET relname = 'x'",
    "SELECT 'pg_class'::regclass; DROP VIEW readings",
    "SELECT relname FROM pg_class; INSERT INTO anomalies SELECT * FROM anomalies",
    // Files and addresses.
    "COPY readings TO '/tmp/nonsite-must-not-exist.csv'",
    "COPY readings TO PROGRAM 'sh'",
    "COPY (SELECT 1) TO '/tmp/nonsite-must-not-exist.parquet' STORED AS PARQUET",
    "COPY readings_raw FROM STDIN",
    "COPY readings_raw FROM '/etc/passwd'",
    "COPY (DELETE FROM anomalies RETURNING *) TO STDOUT",
    "COPY (SELECT * INTO x FROM readings) TO STDOUT",
    "COPY (WITH x AS (DELETE FROM anomalies RETURNING *) SELECT * FROM x) TO STDOUT",
    "COPY (SELECT * FROM '/etc/passwd') TO STDOUT",
    "COPY (SELECT 1) TO PROGRAM 'sh'",
    "COPY readings FROM PROGRAM 'sh'",
    "COPY '/etc/passwd' TO STDOUT",
    "EXPORT DATA OPTIONS (uri = 's3://bucket/x') AS SELECT 1",
    "CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '/etc/passwd'",
    "CREATE EXTERNAL TABLE x STORED AS PARQUET LOCATION 's3://bucket/x'",
    "UNLOAD ('SELECT 1') TO 's3://bucket/x'",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM \"/etc/passwd\"",
    "SELECT * FROM \"https://example.org/x.csv\"",
    "SELECT * FROM readings JOIN '/etc/passwd' p ON true",
    "SELECT (SELECT count(*) FROM \"/etc/passwd\") AS n",
    "WITH x AS (SELECT * FROM \"s3://bucket/x.parquet\") SELECT * FROM x",
    "SELECT * FROM nonsite.\"../../etc/passwd\"",
    // Queries that are none.
    "SELECT * INTO x FROM readings",
    "WITH x AS (INSERT INTO anomalies SELECT * FROM anomalies RETURNING *) SELECT * FROM x",
    "WITH x AS (DELETE FROM anomalies RETURNING *) SELECT * FROM x",
    "WITH x AS (UPDATE anomalies SET status = 'x' RETURNING *) SELECT * FROM x",
    "WITH x AS (SELECT 1) DELETE FROM anomalies",
    "SELECT * FROM readings FOR UPDATE",
    "SELECT * FROM readings FOR SHARE",
    "SELECT * FROM (SELECT * FROM readings FOR UPDATE) a",
    "SELECT 1 UNION ALL SELECT * INTO x FROM readings",
    "WITH x AS (MERGE INTO anomalies USING anomalies s ON true WHEN MATCHED THEN DELETE RETURNING *) SELECT * FROM x",
    "EXPLAIN SELECT * INTO x FROM readings",
    "EXPLAIN VERBOSE DELETE FROM anomalies",
    "EXPLAIN (ANALYZE) DELETE FROM anomalies",
    "EXPLAIN DELETE FROM anomalies",
    "EXPLAIN ANALYZE INSERT INTO anomalies SELECT * FROM anomalies",
    "EXPLAIN ANALYZE CREATE TABLE x AS SELECT 1",
    "EXPLAIN COPY readings TO '/tmp/x.csv'",
    // Settings.
    "SET datafusion.execution.batch_size = 1",
    "SET datafusion.catalog.default_catalog = 'x'",
    "SET datafusion.runtime.memory_limit = '1T'",
    "SET datafusion.execution.time_zone = 'Asia/Shanghai'",
    "SET SESSION datafusion.execution.target_partitions = 64",
    "SET LOCAL datafusion.optimizer.max_passes = 0",
    "SET ROLE admin",
    "SET SESSION AUTHORIZATION admin",
    "SET session_replication_role = replica",
    "SET client_encoding = 'GBK'",
    // By a detour.
    "PREPARE p AS DELETE FROM anomalies",
    "PREPARE p AS SELECT * INTO x FROM readings",
    "PREPARE p AS SELECT * FROM '/etc/passwd'",
    "PREPARE p AS COPY readings TO '/tmp/x'",
    "DECLARE c CURSOR FOR SELECT * INTO x FROM readings",
    "DECLARE c CURSOR FOR SELECT * FROM readings FOR UPDATE",
    "PREPARE p AS INSERT INTO anomalies SELECT * FROM anomalies",
    "PREPARE p AS CREATE TABLE x AS SELECT 1",
    "PREPARE p AS SET datafusion.execution.batch_size = 1",
    "DECLARE c CURSOR FOR DELETE FROM anomalies",
    "EXECUTE IMMEDIATE 'DROP TABLE readings_raw'",
    "SELECT 1; DROP TABLE readings_raw",
    "DROP TABLE readings_raw; SELECT 1",
    "BEGIN; DELETE FROM anomalies; COMMIT",
    "SELECT 1;;;CREATE TABLE x AS SELECT 1;",
    "SELECT 1; /* hidden */ COPY readings TO '/tmp/x'",
    "/* SELECT */ DROP VIEW readings",
    "SELECT 1 -- \n; DROP VIEW readings",
];

#[test]
fn no_way_in_stands_open() {
    for text in EVIL {
        let outcome = steps(text);
        assert!(outcome.is_err(), "{text} passed as {outcome:?}");
    }
}

#[test]
fn a_refusal_says_what_was_refused_and_what_is_possible() {
    let fault = steps("DELETE FROM anomalies").expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Refused);
    assert!(fault.what.contains("DELETE"), "{fault}");
    assert!(fault.what.contains("SELECT"), "{fault}");
    assert_eq!(fault.kind.sqlstate(), "25006");
    let fault = steps("SET datafusion.execution.batch_size = 1").expect_err("refused");
    assert!(fault.what.contains("statement_timeout"), "{fault}");
}

#[test]
fn what_clients_send_by_themselves_passes() {
    for text in [
        "",
        "  ;  ",
        "-- nothing",
        "SELECT 1",
        "select 1; select 2",
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a",
        "VALUES (1), (2)",
        "EXPLAIN SELECT 1",
        "EXPLAIN ANALYZE SELECT 1",
        "DESCRIBE readings",
        "SHOW TABLES",
        "SHOW server_version",
        "SHOW TIME ZONE",
        "show standard_conforming_strings",
        "SHOW TRANSACTION ISOLATION LEVEL",
        "SET client_encoding = 'UTF8'",
        "SET NAMES 'UTF8'",
        "SET DateStyle = 'ISO'",
        "SET TIME ZONE 'UTC'",
        "SET TimeZone = 'Asia/Shanghai'",
        "SET extra_float_digits = 3",
        "SET application_name = 'Grafana'",
        "SET statement_timeout = '5s'",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "SET search_path TO nonsite_meta, public",
        "BEGIN",
        "START TRANSACTION READ ONLY",
        "BEGIN READ ONLY; SELECT 1; COMMIT",
        "ROLLBACK",
        "SAVEPOINT a",
        "RELEASE SAVEPOINT a",
        "DISCARD ALL",
        "RESET ALL",
        "UNLISTEN *",
        "CLOSE ALL",
        "DEALLOCATE ALL",
        "PREPARE p AS SELECT $1::int + 1",
        "EXECUTE p(1)",
        "DECLARE c CURSOR FOR SELECT 1",
        "FETCH FORWARD 10 FROM c",
        "COPY (SELECT 1) TO STDOUT",
        "COPY (SELECT 1) TO STDOUT WITH (FORMAT csv, HEADER true)",
        "COPY readings TO STDOUT csv header",
        "COPY readings (mn, value) TO STDOUT",
    ] {
        let outcome = steps(text);
        assert!(outcome.is_ok(), "{text}: {outcome:?}");
    }
}

#[test]
fn an_analysts_subquery_keeps_its_meaning() {
    let text =
        "SELECT mn, (SELECT max(value) FROM readings r WHERE r.mn = o.mn) AS m FROM mn_outlets o";
    let steps = steps(text).expect("a query");
    let [Step::Query(query)] = steps.as_slice() else {
        panic!("{steps:?}");
    };
    assert!(query.to_string().contains("SELECT max(value)"), "{query}");
}

#[test]
fn a_timeout_is_read_with_its_unit() {
    use std::time::Duration;
    for (text, wanted) in [
        (
            "SET statement_timeout = 1500",
            Some(Duration::from_millis(1500)),
        ),
        (
            "SET statement_timeout TO '2min'",
            Some(Duration::from_secs(120)),
        ),
        ("SET statement_timeout = 0", None),
    ] {
        let steps = steps(text).expect("a setting");
        let [Step::Set(setting)] = steps.as_slice() else {
            panic!("{steps:?}");
        };
        assert_eq!(setting.timeout, wanted, "{text}");
    }
    assert!(steps("SET statement_timeout = 'soon'").is_err());
}

#[test]
fn what_is_reset_goes_back_to_its_default_and_nothing_else_does() {
    let of = |text: &str| steps(text).expect(text).pop();
    assert!(matches!(of("RESET ALL"), Some(Step::Reset)));
    assert!(matches!(of("DISCARD ALL"), Some(Step::Discard)));
    assert!(matches!(of("DEALLOCATE ALL"), Some(Step::Deallocate(None))));
    let Some(Step::Set(setting)) = of("RESET statement_timeout") else {
        panic!("a setting");
    };
    assert_eq!((setting.name, setting.value), ("statement_timeout", None));
    assert!(matches!(
        of("RESET datafusion.execution.batch_size"),
        Some(Step::Nothing("RESET"))
    ));
}

#[test]
fn question_marks_are_numbered_as_the_text_has_them() {
    let text =
        "SELECT ? AS a, '?' AS b FROM t WHERE c = ? AND d IN (SELECT e FROM u WHERE f > ?) LIMIT ?";
    let Some(Step::Query(mut query)) = steps(text).expect("reads").pop() else {
        panic!("no query");
    };
    number_parameters(&mut query);
    assert_eq!(
        query.to_string(),
        "SELECT $1 AS a, '?' AS b FROM t WHERE c = $2 AND d IN (SELECT e FROM u WHERE f > $3) LIMIT $4"
    );
}
