//! The mirror writes every row once: again, at the same time, cut off anywhere, and after the queue was put
//! back. Tables of earlier programs get the columns they lack.

use std::future::poll_fn;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use deltalake::kernel::Transaction;
use nonsite_schemas::tables::{self, TableDef};

use super::behaviour::config;
use super::mirror::{CASES, EVENTS, Mirrored, case_row};
use super::parts::{Role, Severity};
use super::reported::{Clue, SourceSystem};
use super::step::Input;
use super::testing::{Bench, finding, person};
use super::{Error, Filter};
use crate::session::{append, ensure, rows};

/// One number out of the mirror.
async fn number(store: &Path, sql: &str) -> i64 {
    let settings = crate::session::Config::default();
    let session = crate::session::open(store, &settings).await.unwrap();
    let batches = session.read(sql).await.unwrap();
    let rows = rows::objects(&batches).unwrap();
    rows[0]["n"].as_i64().unwrap()
}

async fn opened(bench: &Bench, range: std::ops::Range<u32>) {
    for number in range {
        bench.open(&format!("m-{number}"), Severity::S3).await;
    }
}

/// Both tables hold every row of the chain and its version once, and nothing else.
async fn whole(bench: &Bench, store: &Path) {
    let chain = bench.service.audit(None).await.unwrap().rows;
    for sql in [
        "SELECT count(*) AS n FROM review_events",
        "SELECT count(DISTINCT seq) AS n FROM review_events",
        "SELECT count(*) AS n FROM review_cases",
        "SELECT count(*) AS n FROM (SELECT DISTINCT case_id, version FROM review_cases)",
        "SELECT count(*) AS n FROM review_cases c JOIN review_events e \
         ON e.case_id = c.case_id AND e.case_version = c.version AND e.to_state = c.state \
         AND e.at = c.updated_at",
    ] {
        assert_eq!(number(store, sql).await, chain, "{sql}");
    }
}

async fn every_row_is_mirrored_once(bench: Bench) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    assert_eq!(
        bench.service.mirror(store).await.unwrap(),
        Mirrored::default()
    );
    opened(&bench, 0..3).await;
    let first = bench.service.mirror(store).await.unwrap();
    assert_eq!((first.events, first.cases), (6, 6), "opened and accepted");
    assert_eq!(
        bench.service.mirror(store).await.unwrap(),
        Mirrored::default()
    );

    // Two changes between two passes.
    let case = bench.open("m-0", Severity::S3).await;
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.act(&case, "deliver", "ana", Role::Analyst).await;
    let second = bench.service.mirror(store).await.unwrap();
    assert_eq!((second.events, second.cases), (2, 2), "every version");
    for (state, version) in [("dispatched", 3), ("self_check", 4)] {
        let sql = format!(
            "SELECT count(*) AS n FROM review_cases WHERE case_id = '{case}' \
             AND state = '{state}' AND version = {version}"
        );
        assert_eq!(number(store, &sql).await, 1, "{state}");
    }
    whole(&bench, store).await;
    assert_eq!(
        number(
            store,
            "SELECT count(*) AS n FROM review_events e JOIN review_events p \
             ON p.seq = e.seq - 1 AND p.hash = e.prev_hash"
        )
        .await,
        bench.service.audit(None).await.unwrap().rows - 1,
        "the chain holds in the mirror as well"
    );
}

async fn mirrors_at_the_same_time_double_nothing(bench: Bench) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    opened(&bench, 0..5).await;
    bench.service.mirror(store).await.unwrap();
    for round in 1..4 {
        opened(&bench, round * 10..round * 10 + 5).await;
        let (one, two) = tokio::join!(bench.service.mirror(store), bench.service.mirror(store));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_eq!((one.events + two.events, one.cases + two.cases), (10, 10));
    }
    whole(&bench, store).await;
    assert_eq!(
        number(
            store,
            "SELECT count(DISTINCT case_id) AS n FROM review_cases"
        )
        .await,
        bench.service.list(&Filter::default()).await.unwrap().len() as i64
    );
}

/// Runs something and gives it up after it was polled so often; what it came to, if it did.
async fn cut_off<T>(polls: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    let mut left = polls;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

async fn a_pass_that_is_cut_off_is_made_up_for(bench: Bench) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    // After the rows of the chain were written, and before anything else.
    opened(&bench, 0..2).await;
    let events = tables::review_events();
    let written = bench.service.fill(store, &events, EVENTS).await.unwrap();
    assert_eq!(written, 4);
    let rest = bench.service.mirror(store).await.unwrap();
    assert_eq!((rest.events, rest.cases), (0, 4));
    whole(&bench, store).await;
    // Later and later, until a pass comes to its end: between any two steps, with a write under way.
    let (mut polls, mut cut) = (1, 0);
    loop {
        let case = bench.open(&format!("c-{polls}"), Severity::S3).await;
        bench.act(&case, "dispatch", "ana", Role::Analyst).await;
        match cut_off(polls, bench.service.mirror(store)).await {
            Some(done) => {
                done.unwrap();
                break;
            }
            None => cut += 1,
        }
        polls += 1 + polls / 8;
    }
    assert!(cut > 0, "a pass is more than one step");
    bench.service.mirror(store).await.unwrap();
    whole(&bench, store).await;
    let again = bench.service.mirror(store).await.unwrap();
    assert_eq!(again, Mirrored::default());
}

async fn a_queue_that_ends_before_its_mirror_is_an_error(bench: Bench) {
    let folder = tempfile::tempdir().unwrap();
    opened(&bench, 0..2).await;
    bench.service.mirror(folder.path()).await.unwrap();
    let older = match bench.schema {
        Some(_) => Bench::postgres(&config()).await,
        None => Bench::sqlite(&config()).await,
    };
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

/// Where the source of a clue stands in a case.
const SOURCE: [&str; 2] = ["source_system", "source_ref"];

async fn where_a_clue_comes_from_is_mirrored(bench: Bench) {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path();
    // The table of a program that did not have the columns, with a row of it.
    let def = tables::review_cases();
    let columns: Vec<usize> = (0..def.schema.fields().len())
        .filter(|at| !SOURCE.contains(&def.schema.field(*at).name().as_str()))
        .collect();
    let earlier = TableDef {
        schema: Arc::new(def.schema.project(&columns).unwrap()),
        ..def
    };
    let old = bench.open("m-0", Severity::S3).await;
    let mut row = case_row(&bench.service.show(&old).await.unwrap().case);
    for column in SOURCE {
        row.remove(column);
    }
    let table = ensure(store, &earlier).await.unwrap();
    let batch = rows::batch(&earlier.schema, &[row]).unwrap();
    let chain = bench.service.audit(None).await.unwrap().rows;
    let mark = Transaction::new(CASES, chain);
    append(&table, &earlier, batch, vec![mark]).await.unwrap();

    bench.open("m-1", Severity::S3).await;
    let found = finding("m-2", Severity::S3);
    let clue = Clue {
        source_system: SourceSystem::Complaint,
        source_ref: "12345-m".to_owned(),
        severity: Severity::S3,
        permit_no: found.permit_no,
        unit_name: found.unit_name,
        org_code: found.org_code,
        outlet_uid: found.outlet_uid,
        mn: found.mn,
        factor: None,
        from: found.window_start,
        to: found.window_end,
        text: "夜间有异味 / a smell at night".to_owned(),
    };
    let analyst = person("ana", Role::Analyst);
    let nothing = Input::default();
    let reported = bench.service.report(&clue, &analyst, &nothing);
    let reported = reported.await.unwrap();
    let mirrored = bench.service.mirror(store).await.unwrap();
    let chain = bench.service.audit(None).await.unwrap().rows;
    assert_eq!(mirrored.events as i64, chain);
    let count = async |condition: &str| {
        let sql = format!("SELECT count(*) AS n FROM review_cases WHERE {condition}");
        number(store, &sql).await
    };
    assert_eq!(
        count("source_system = 'complaint' AND source_ref = '12345-m'").await,
        reported.version
    );
    let (old, by_rule) = (1, 2);
    assert_eq!(
        count("source_system IS NULL AND source_ref IS NULL").await,
        old + by_rule
    );
    assert_eq!(count("true").await, old + by_rule + reported.version);
}

/// Every test once per store.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Bench::sqlite(&super::config()).await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Bench::postgres(&super::config()).await).await;
                }
            )*
        }
    };
}

on_both! {
    every_row_is_mirrored_once,
    mirrors_at_the_same_time_double_nothing,
    a_pass_that_is_cut_off_is_made_up_for,
    a_queue_that_ends_before_its_mirror_is_an_error,
    where_a_clue_comes_from_is_mirrored,
}
