//! The mirror writes every row once: again, at the same time, and after the queue was put back.

use std::path::Path;

use super::behaviour::config;
use super::mirror::Mirrored;
use super::parts::{Role, Severity};
use super::testing::Bench;
use super::{Error, Filter};

/// One number out of the mirror.
async fn number(store: &Path, sql: &str) -> i64 {
    let settings = crate::session::Config::default();
    let session = crate::session::open(store, &settings).await.unwrap();
    let batches = session.read(sql).await.unwrap();
    let rows = crate::session::rows::objects(&batches).unwrap();
    rows[0]["n"].as_i64().unwrap()
}

async fn opened(bench: &Bench, range: std::ops::Range<u32>) {
    for number in range {
        bench.open(&format!("m-{number}"), Severity::S3).await;
    }
}

#[tokio::test]
async fn every_row_is_mirrored_once() {
    let bench = Bench::sqlite(&config()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    assert_eq!(
        bench.service.mirror(store).await.unwrap(),
        Mirrored::default()
    );
    opened(&bench, 0..3).await;
    let first = bench.service.mirror(store).await.unwrap();
    assert_eq!((first.events, first.cases), (6, 3), "opened and accepted");
    assert_eq!(
        bench.service.mirror(store).await.unwrap(),
        Mirrored::default()
    );

    let case = bench.open("m-0", Severity::S3).await;
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.act(&case, "deliver", "ana", Role::Analyst).await;
    let second = bench.service.mirror(store).await.unwrap();
    assert_eq!(
        (second.events, second.cases),
        (2, 1),
        "only the present version"
    );

    let head = bench.service.audit(None).await.unwrap();
    assert_eq!(
        number(store, "SELECT count(*) AS n FROM review_events").await,
        head.rows
    );
    assert_eq!(
        number(
            store,
            "SELECT count(*) AS n FROM review_events e JOIN review_events p \
             ON p.seq = e.seq - 1 AND p.hash = e.prev_hash"
        )
        .await,
        head.rows - 1,
        "the chain holds in the mirror as well"
    );
    assert_eq!(
        number(
            store,
            "SELECT count(*) AS n FROM review_cases WHERE state = 'self_check' AND version = 4"
        )
        .await,
        1
    );
}

#[tokio::test]
async fn mirrors_at_the_same_time_double_nothing() {
    let bench = Bench::sqlite(&config()).await;
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    opened(&bench, 0..5).await;
    bench.service.mirror(store).await.unwrap();
    for round in 1..4 {
        opened(&bench, round * 10..round * 10 + 5).await;
        let (one, two) = tokio::join!(bench.service.mirror(store), bench.service.mirror(store));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((one.events + two.events, one.cases + two.cases), (10, 5));
    }
    assert_eq!(
        number(
            store,
            "SELECT count(*) - count(DISTINCT seq) AS n FROM review_events"
        )
        .await,
        0
    );
    assert_eq!(
        number(store, "SELECT count(*) AS n FROM review_cases").await,
        bench.service.list(&Filter::default()).await.unwrap().len() as i64
    );
}

#[tokio::test]
async fn a_queue_that_ends_before_its_mirror_is_an_error() {
    let bench = Bench::sqlite(&config()).await;
    let folder = tempfile::tempdir().unwrap();
    opened(&bench, 0..2).await;
    bench.service.mirror(folder.path()).await.unwrap();
    let older = Bench::sqlite(&config()).await;
    opened(&older, 0..1).await;
    let error = older.service.mirror(folder.path()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::MirrorAhead {
                table: "review_events",
                seq: 4
            }
        ),
        "{error}"
    );
}
