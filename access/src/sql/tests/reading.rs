//! What there is to read, and what is said of it.

use super::*;

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
