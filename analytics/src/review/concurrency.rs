//! Many hands on one queue: nothing is claimed twice and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nonsite_schemas::time::ManualClock;
use tempfile::TempDir;

use super::case::Case;
use super::parts::{Role, Severity};
use super::service::Service;
use super::settings::Config;
use super::sqlite::SqliteStore;
use super::step::Actor;
use super::store::{Filter, Store};
use super::testing::{finding, monday, papers, person};

const CASES: usize = 2_000;

/// Where a queue lives; a worker process is told so in words.
#[derive(Debug)]
pub(super) enum Place {
    Sqlite(TempDir),
    Postgres(String),
}

impl Place {
    pub(super) fn sqlite() -> Self {
        Self::Sqlite(TempDir::new().unwrap())
    }

    pub(super) async fn postgres() -> Self {
        Self::Postgres(super::testing_postgres::schema().await)
    }

    /// Connections of their own, as a program of its own would have.
    pub(super) async fn open(&self) -> Service {
        open(&self.words()).await
    }

    pub(super) fn words(&self) -> String {
        match self {
            Self::Sqlite(folder) => folder.path().join("review.sqlite").display().to_string(),
            Self::Postgres(schema) => {
                format!("{} {schema}", super::testing_postgres::address())
            }
        }
    }
}

pub(super) async fn open(place: &str) -> Service {
    let store: Arc<dyn Store> = match place.split_once(' ') {
        Some((address, schema)) => Arc::new(super::testing_postgres::open(address, schema).await),
        None => Arc::new(
            SqliteStore::open(Path::new(place), Duration::from_secs(120))
                .await
                .unwrap(),
        ),
    };
    let clock = Arc::new(ManualClock::at(monday()));
    Service::on(store, &Config::default(), clock)
}

pub(super) async fn fill(service: &Service, cases: usize) {
    let findings: Vec<_> = (0..cases)
        .map(|index| finding(&format!("{index:05}"), Severity::S3))
        .collect();
    let taken = service.take_anomalies(&findings).await.unwrap();
    assert_eq!(taken.triage, cases as u64);
}

/// Claims and dispatches until nothing is left; what was claimed, in order.
pub(super) async fn work(service: Service, name: String) -> Vec<String> {
    let analyst = person(&name, Role::Analyst);
    let triage = ["triage".to_owned()];
    let mut claimed = Vec::new();
    // What is held from an earlier life goes first.
    let held = Filter {
        states: triage.to_vec(),
        assignee: Some(name.clone()),
        ..Filter::default()
    };
    for case in service.list(&held).await.unwrap() {
        dispatch(&service, &case, &analyst).await;
        claimed.push(case.case_id);
    }
    while let Some(case) = service.claim_next(&analyst, &triage, None).await.unwrap() {
        assert_eq!(case.assignee.as_deref(), Some(name.as_str()));
        dispatch(&service, &case, &analyst).await;
        claimed.push(case.case_id);
    }
    claimed
}

async fn dispatch(service: &Service, case: &Case, analyst: &Actor) {
    service
        .act(&case.case_id, "dispatch", analyst, &papers())
        .await
        .unwrap();
}

async fn check(service: &Service, per_worker: Vec<Vec<String>>, cases: usize) {
    let mut owner: BTreeMap<&str, usize> = BTreeMap::new();
    for (worker, claimed) in per_worker.iter().enumerate() {
        for case in claimed {
            let before = owner.insert(case, worker);
            assert_eq!(before, None, "case {case} was claimed twice");
        }
    }
    assert_eq!(owner.len(), cases, "cases were lost");
    all_dispatched_once(service, cases).await;
}

/// Every case was opened, accepted, claimed and dispatched, each once.
pub(super) async fn all_dispatched_once(service: &Service, cases: usize) {
    let all = service.list(&Filter::default()).await.unwrap();
    assert_eq!(all.len(), cases);
    assert!(
        all.iter()
            .all(|case: &Case| case.state == "dispatched" && case.version == 4)
    );
    let report = service.audit(None).await.unwrap();
    assert_eq!((report.rows, report.fault), (cases as i64 * 4, None));
}

async fn sixteen_workers_share_two_thousand_cases(place: &Place) {
    let service = place.open().await;
    fill(&service, CASES).await;
    let workers: Vec<_> = (0..16)
        .map(|worker| tokio::spawn(work(service.clone(), format!("worker-{worker}"))))
        .collect();
    let mut per_worker = Vec::new();
    for worker in workers {
        per_worker.push(worker.await.unwrap());
    }
    check(&service, per_worker, CASES).await;
}

/// The database's own locking is what keeps them apart, not this process.
async fn separate_connections_share_a_queue(place: &Place) {
    let first = place.open().await;
    fill(&first, 200).await;
    let mut workers = Vec::new();
    for worker in 0..4 {
        let own = place.open().await;
        workers.push(tokio::spawn(work(own, format!("program-{worker}"))));
    }
    let mut per_worker = Vec::new();
    for worker in workers {
        per_worker.push(worker.await.unwrap());
    }
    check(&first, per_worker, 200).await;
}

/// Everybody wants the same case at the same time: one gets it.
async fn one_case_is_claimed_by_one(place: &Place) {
    let service = place.open().await;
    fill(&service, 1).await;
    let case = service
        .list(&Filter::default())
        .await
        .unwrap()
        .remove(0)
        .case_id;
    let claims: Vec<_> = (0..16)
        .map(|worker| {
            let (service, case) = (service.clone(), case.clone());
            tokio::spawn(async move {
                service
                    .claim(&case, &person(&format!("w{worker}"), Role::Analyst))
                    .await
                    .is_ok()
            })
        })
        .collect();
    let mut won = 0;
    for claim in claims {
        won += usize::from(claim.await.unwrap());
    }
    assert_eq!(won, 1);
}

/// The same findings from several intakes at once are still one case each.
async fn intakes_do_not_double(place: &Place) {
    let service = place.open().await;
    let findings: Vec<_> = (0..50)
        .map(|index| finding(&index.to_string(), Severity::S3))
        .collect();
    let intakes: Vec<_> = (0..4)
        .map(|_| {
            let (service, findings) = (service.clone(), findings.clone());
            tokio::spawn(async move { service.take_anomalies(&findings).await.unwrap() })
        })
        .collect();
    let mut opened = 0;
    for intake in intakes {
        opened += intake.await.unwrap().triage;
    }
    assert_eq!(opened, 50);
    let ids: BTreeSet<String> = service
        .list(&Filter::default())
        .await
        .unwrap()
        .into_iter()
        .map(|case| case.case_id)
        .collect();
    assert_eq!(ids.len(), 50);
    assert_eq!(service.audit(None).await.unwrap().fault, None);
}

macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    super::$test(&super::Place::sqlite()).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
                async fn $test() {
                    super::$test(&super::Place::postgres().await).await;
                }
            )*
        }
    };
}

on_both! {
    sixteen_workers_share_two_thousand_cases,
    separate_connections_share_a_queue,
    one_case_is_claimed_by_one,
    intakes_do_not_double,
}
