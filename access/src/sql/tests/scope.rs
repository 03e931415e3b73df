//! What one user sees of what belongs to others.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;

use super::*;

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
