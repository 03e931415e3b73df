//! Every version of a case stays, and the index that lists and searches read comes out of them again.

use super::by_hand::tamper;
use super::case::{Case, sha256_of};
use super::parts::{Role, Severity};
use super::settings::Config;
use super::store::{Filter, StoreError};
use super::tampering::{fault, filled};
use super::testing::Bench;

async fn every_version_is_kept(bench: Bench) {
    let bench = filled(bench).await;
    let store = &bench.service.store;
    let rows = store.events(0, 100).await.unwrap();
    let versions = store.versions_between(0, 100).await.unwrap();
    assert_eq!(versions.len(), rows.len());
    for (row, kept) in rows.iter().zip(&versions) {
        let case: Case = serde_json::from_str(&kept.document).unwrap();
        assert_eq!(
            (&kept.case_id, kept.version, kept.seq),
            (&row.case_id, row.case_version, row.seq)
        );
        assert_eq!(
            (&case.state, case.version, case.updated_at),
            (&row.to_state, row.case_version, row.at)
        );
        assert_eq!(kept.sha256, row.case_sha256);
        assert_eq!(sha256_of(&kept.document), row.case_sha256);
        let one = store.version(&row.case_id, row.case_version).await.unwrap();
        assert_eq!(one.as_ref(), Some(kept));
    }
    let none = store.version(&rows[0].case_id, 99).await.unwrap();
    assert_eq!(none, None);
}

async fn the_index_is_rebuilt_from_the_versions(bench: Bench) {
    let bench = filled(bench).await;
    let everything = Filter::default();
    let before = bench.service.list(&everything).await.unwrap();
    for damage in [
        "UPDATE review_cases SET version = 77, state = 'closed', is_open = NOT is_open, \
         severity = 'S1', subject = 'x', rule_group = 'x', org_code = '1', assignee = 'x', \
         claimed_until = 1, due_at = 1, timer_at = 1, opened_at = 1, look_back_until = 1, \
         document = '{}'",
        "UPDATE review_cases SET case_id = 'x' || case_id",
        "UPDATE review_cases SET anomaly_id = 'y' WHERE anomaly_id = 'anomaly-a'; \
         UPDATE review_cases SET anomaly_id = 'anomaly-a' WHERE anomaly_id = 'anomaly-b'; \
         UPDATE review_cases SET anomaly_id = 'anomaly-b' WHERE anomaly_id = 'y'",
        "UPDATE review_cases SET document = v.document, version = v.version, state = 'triage' \
         FROM review_case_versions v WHERE v.case_id = review_cases.case_id AND v.version = 2",
        "INSERT INTO review_cases (case_id, anomaly_id, version, state, is_open, severity, subject, \
         rule_group, opened_at, document) \
         VALUES ('c0', 'a0', 1, 'triage', TRUE, 'S3', 'x', 'x', 0, '{}')",
        "DELETE FROM review_cases",
    ] {
        tamper(&bench, damage).await;
        assert!(fault(&bench).await.is_some(), "nobody noticed: {damage}");
        assert_eq!(bench.service.rebuild_index().await.unwrap(), 2, "{damage}");
        assert_eq!(fault(&bench).await, None, "{damage}");
        let after = bench.service.list(&everything).await.unwrap();
        assert_eq!(after, before, "{damage}");
    }
    let second = Case::id_of("anomaly-b");
    let state = bench
        .act(&second, "answer", "plant", Role::Enterprise)
        .await;
    assert_eq!(state, "answered");
    assert_eq!(fault(&bench).await, None);
}

async fn a_version_is_kept_once_and_with_its_row(bench: Bench) {
    let id = bench.open("a", Severity::S3).await;
    let store = &bench.service.store;
    let present = store.case(&id).await.unwrap().unwrap();
    let (mut next, mut stale) = (present.clone(), present.clone());
    next.version += 1;
    stale.version -= 1;
    for (case, replaces) in [(&next, &stale), (&present, &present)] {
        let mut tx = store.begin().await.unwrap();
        let refused = tx.put(case, Some(replaces), 3).await.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    }
    // The database itself wants the row that tells of a version.
    let mut tx = store.begin().await.unwrap();
    tx.put(&next, Some(&present), 3).await.unwrap();
    assert!(tx.commit().await.is_err());
    assert_eq!(store.case(&id).await.unwrap().as_ref(), Some(&present));
    assert_eq!(store.version(&id, next.version).await.unwrap(), None);
    assert_eq!(fault(&bench).await, None);
}

/// Every test once per store.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Bench::sqlite(&super::Config::default()).await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Bench::postgres(&super::Config::default()).await).await;
                }
            )*
        }
    };
}

on_both! {
    every_version_is_kept,
    the_index_is_rebuilt_from_the_versions,
    a_version_is_kept_once_and_with_its_row,
}
