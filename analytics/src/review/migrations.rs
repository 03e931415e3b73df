//! Databases of every earlier program: today's opens them, finds them sound, and goes on with their cases.

use std::sync::Arc;

use tempfile::TempDir;

use super::by_hand::{by_hand, tamper};
use super::case::Case;
use super::earlier::{Era, Home, upgraded};
use super::event::ChainFault;
use super::parts::{Role, Severity};
use super::reads::{Read, ReadsWanted};
use super::settings::Config;
use super::testing::{Bench, person};

async fn hand_over(bench: &Bench, case: &str) -> String {
    let session = crate::session::in_memory(Vec::new(), &crate::session::Config::default())
        .await
        .unwrap();
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("out.zip");
    let legal = person("law", Role::Legal);
    bench.clock.advance(60_000_000);
    let made = bench
        .service
        .package(case, "transfer", "市公安局", &legal, &session, &out)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(out.exists());
    made.sha256
}

async fn sound(bench: &Bench, rows: i64) {
    let report = bench.service.audit(None).await.unwrap();
    assert_eq!((report.rows, report.fault), (rows, None));
}

/// What has to hold of a database of any earlier version.
async fn goes_on(home: Home, steps: usize) {
    let era = Era::of(&home, steps);
    let (bench, rows) = upgraded(home, steps, false).await;
    let filed = rows.last().unwrap();
    let id = filed.event.case_id.as_str();
    sound(&bench, 4).await;
    let store = &bench.service.store;
    let kept = store.versions_between(0, 100).await.unwrap();
    // Of a case from before versions were kept the present one is all there is.
    assert_eq!(kept.len(), if era.versions { 4 } else { 1 });
    let newest = kept.last().unwrap();
    assert_eq!(
        (newest.seq, newest.version, &newest.document),
        (4, 4, &filed.document)
    );
    // What an earlier program wrote does not always read the same when it is written again.
    let case: Case = serde_json::from_str(&filed.document).unwrap();
    assert_eq!(case.document() == filed.document, era.look_back);

    let first = hand_over(&bench, id).await;
    assert_eq!(first, hand_over(&bench, id).await, "version {steps}");
    let state = bench.act(id, "accept_case", "law", Role::Legal).await;
    assert_eq!(state, "case");
    assert_ne!(first, hand_over(&bench, id).await);
    sound(&bench, 8).await;

    let mirror = TempDir::new().unwrap();
    let mirrored = bench.service.mirror(mirror.path()).await.unwrap();
    assert_eq!(mirrored.events, 8);
    assert_eq!(mirrored.cases, if era.versions { 8 } else { 5 });
    assert_eq!(bench.service.rebuild_index().await.unwrap(), 1);
    sound(&bench, 8).await;
    // The version that everything since came out of cannot be taken away.
    tamper(&bench, "DELETE FROM review_case_versions WHERE version = 4").await;
    let found = bench.service.audit(None).await.unwrap().fault.unwrap();
    assert!(
        matches!(
            found,
            ChainFault::VersionAltered {
                seq: 4,
                version: 4,
                ..
            }
        ),
        "{found}"
    );
}

/// A database of a program that kept versions and no log of reads.
async fn reads_are_noted_from_now_on(home: Home) {
    home.as_of(home.before_versions() + 1).await;
    let bench = home.bench().await;
    bench.open("later", Severity::S3).await;
    sound(&bench, 2).await;
    let read = Read {
        actor: "ana".to_owned(),
        ..Read::default()
    };
    bench.service.note_read(read).await.unwrap();
    let reads = bench.service.reads(&ReadsWanted::default()).await.unwrap();
    assert_eq!((reads.len(), reads[0].actor.as_str()), (1, "ana"));
}

/// A package that was made before versions were kept, and one after it: they say the same.
async fn earlier_packages_change_nothing(home: Home, plain: Home) {
    let before_versions = home.before_versions();
    let plain_versions = plain.before_versions();
    let (bench, rows) = upgraded(home, before_versions, true).await;
    let (other, _) = upgraded(plain, plain_versions, false).await;
    let id = rows[0].event.case_id.as_str();
    sound(&bench, 5).await;
    let first = hand_over(&bench, id).await;
    assert_eq!(first, hand_over(&bench, id).await);
    assert_eq!(first, hand_over(&other, id).await);
    sound(&bench, 7).await;
}

async fn a_database_of_a_newer_program_is_left_alone(home: Home) {
    home.as_of(home.steps().len()).await;
    let note = match home.schema {
        Some(_) => "INSERT INTO review_schema (version) VALUES (99)",
        None => "PRAGMA user_version = 99",
    };
    home.run(note).await;
    // As if that program had done without a table of today's.
    home.run("DROP TABLE review_requests").await;
    let refused = home.open().await.unwrap_err();
    let known = home.steps().len();
    assert!(
        refused
            .to_string()
            .contains(&format!("schema version 99, this program knows {known}")),
        "{refused}"
    );
    assert_eq!(home.version().await, 99);
    // It is still not there.
    home.run("CREATE TABLE review_requests (owner TEXT)").await;
}

async fn two_programs_on_an_empty_database(homes: Vec<Home>) {
    for home in homes {
        let home = Arc::new(home);
        let programs: Vec<_> = (0..4)
            .map(|_| {
                let home = Arc::clone(&home);
                tokio::spawn(async move { home.open().await })
            })
            .collect();
        let mut stores = Vec::new();
        for program in programs {
            stores.push(program.await.unwrap().unwrap());
        }
        assert_eq!(home.version().await, home.steps().len() as i64);
        // They share one queue.
        let benches: Vec<Bench> = stores
            .into_iter()
            .map(|store| Bench::on(store, &Config::default(), None))
            .collect();
        let id = benches[0].open("shared", Severity::S3).await;
        for bench in &benches {
            assert_eq!(bench.service.show(&id).await.unwrap().case.state, "triage");
            sound(bench, 2).await;
        }
    }
}

/// Rounds of programs that start at once: what goes wrong there goes wrong now and then.
const ROUNDS: usize = 8;

#[tokio::test]
async fn every_earlier_version_goes_on_in_sqlite() {
    for steps in 1..=Home::sqlite().before_versions() {
        goes_on(Home::sqlite(), steps).await;
    }
}

#[tokio::test]
async fn every_earlier_version_goes_on_in_postgres() {
    for steps in 1..=Home::postgres().await.before_versions() {
        goes_on(Home::postgres().await, steps).await;
    }
}

#[tokio::test]
async fn reads_are_noted_from_now_on_in_either_database() {
    reads_are_noted_from_now_on(Home::sqlite()).await;
    reads_are_noted_from_now_on(Home::postgres().await).await;
}

#[tokio::test]
async fn earlier_packages_change_nothing_in_sqlite() {
    earlier_packages_change_nothing(Home::sqlite(), Home::sqlite()).await;
}

#[tokio::test]
async fn earlier_packages_change_nothing_in_postgres() {
    earlier_packages_change_nothing(Home::postgres().await, Home::postgres().await).await;
}

#[tokio::test]
async fn a_newer_sqlite_database_is_left_alone() {
    a_database_of_a_newer_program_is_left_alone(Home::sqlite()).await;
}

#[tokio::test]
async fn a_newer_postgres_database_is_left_alone() {
    a_database_of_a_newer_program_is_left_alone(Home::postgres().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_programs_make_one_sqlite_database() {
    two_programs_on_an_empty_database((0..ROUNDS).map(|_| Home::sqlite()).collect()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_programs_make_one_postgres_database() {
    let mut homes = Vec::new();
    for _ in 0..ROUNDS {
        homes.push(Home::postgres().await);
    }
    two_programs_on_an_empty_database(homes).await;
}

#[tokio::test]
async fn a_program_that_knows_of_no_versions_cannot_lose_one() {
    // Its statements on a database that was brought up to date while it was running.
    for home in [Home::sqlite(), Home::postgres().await] {
        let steps = home.before_versions();
        let (bench, rows) = upgraded(home, steps, false).await;
        let id = rows[0].event.case_id.as_str();
        let change = format!(
            "UPDATE review_cases SET version = 5, document = replace(document, \
             '\"version\":4', '\"version\":5') WHERE case_id = '{id}' AND version = 4"
        );
        let refused = by_hand(&bench, &change).await.unwrap_err().to_string();
        assert!(
            refused.contains("the newest version that is kept"),
            "{refused}"
        );
        sound(&bench, 4).await;
    }
}
