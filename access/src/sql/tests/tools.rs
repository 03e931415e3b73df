//! What tools ask, over a store without data.

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
async fn a_limit_that_nobody_stated_is_null() {
    let (_folder, engine) = engine(|_| {});
    let text =
        "SELECT limit_at('A', 'a21026', 'hour', TIMESTAMP '2025-06-01T00:00:00Z') IS NULL AS none";
    assert_eq!(rows(&engine, text).await, ["none", "true"]);
    // A restricted user's limits are those of its own permits.
    let answer = ask(&engine, &restricted(), text).await.expect("runs");
    answer.collect().await.expect("rows");
}
