//! Many hands on one queue: nothing is claimed twice and nothing is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use nonsite_schemas::time::ManualClock;
use tempfile::TempDir;

use super::case::Case;
use super::parts::{Role, Severity};
use super::service::Service;
use super::settings::Config;
use super::sqlite::SqliteStore;
use super::store::Filter;
use super::testing::{finding, monday, papers, person};

const CASES: usize = 2_000;

async fn service(folder: &TempDir) -> Service {
    let path = folder.path().join("review.sqlite");
    let store = SqliteStore::open(&path, Duration::from_secs(120))
        .await
        .unwrap();
    let clock = Arc::new(ManualClock::at(monday()));
    Service::on(Arc::new(store), &Config::default(), clock)
}

async fn fill(service: &Service, cases: usize) {
    let findings: Vec<_> = (0..cases)
        .map(|index| finding(&format!("{index:05}"), Severity::S3))
        .collect();
    let taken = service.take_anomalies(&findings).await.unwrap();
    assert_eq!(taken.triage, cases as u64);
}

/// Claims and dispatches until nothing is left; what was claimed, in order.
async fn work(service: Service, name: String) -> Vec<String> {
    let analyst = person(&name, Role::Analyst);
    let triage = ["triage".to_owned()];
    let mut claimed = Vec::new();
    while let Some(case) = service.claim_next(&analyst, &triage, None).await.unwrap() {
        assert_eq!(case.assignee.as_deref(), Some(name.as_str()));
        service
            .act(&case.case_id, "dispatch", &analyst, &papers())
            .await
            .unwrap();
        claimed.push(case.case_id);
    }
    claimed
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
    let all = service.list(&Filter::default()).await.unwrap();
    assert_eq!(all.len(), cases);
    assert!(
        all.iter()
            .all(|case: &Case| case.state == "dispatched" && case.version == 4)
    );
    let report = service.audit(None).await.unwrap();
    assert_eq!((report.rows, report.fault), (cases as i64 * 4, None));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_workers_share_two_thousand_cases() {
    let folder = TempDir::new().unwrap();
    let service = service(&folder).await;
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

/// Each has connections of its own, as separate programs would: SQLite's own locking is what keeps
/// them apart, not this process.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn separate_connections_share_a_queue() {
    let folder = TempDir::new().unwrap();
    let first = service(&folder).await;
    fill(&first, 200).await;
    let mut workers = Vec::new();
    for worker in 0..4 {
        let own = service(&folder).await;
        workers.push(tokio::spawn(work(own, format!("program-{worker}"))));
    }
    let mut per_worker = Vec::new();
    for worker in workers {
        per_worker.push(worker.await.unwrap());
    }
    check(&first, per_worker, 200).await;
}

/// Everybody wants the same case at the same time: one gets it.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_case_is_claimed_by_one() {
    let folder = TempDir::new().unwrap();
    let service = service(&folder).await;
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
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn intakes_do_not_double() {
    let folder = TempDir::new().unwrap();
    let service = service(&folder).await;
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
