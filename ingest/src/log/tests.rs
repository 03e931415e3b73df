//! The commit protocol against stores that fail, other writers and a cleaned log.

use std::collections::BTreeMap;

use nonsite_schemas::tables;
use nonsite_schemas::time::ManualClock;
use object_store::memory::InMemory;
use proptest::prelude::*;
use url::Url;

use super::*;
use crate::faults::{CommitFault, FaultPlan, FaultyStore};

const APP: &str = "nonsite/t/0";

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::at(1_700_000_000_000_000))
}

/// A fresh table in memory, and a way to see the same bytes through a fault plan.
struct Bed {
    memory: Arc<dyn ObjectStore>,
}

impl Bed {
    async fn new() -> Self {
        let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let bed = Self { memory };
        bed.store(FaultPlan::default())
            .ensure_tables(&[tables::operator_actions()])
            .await
            .unwrap();
        bed
    }

    fn store(&self, plan: FaultPlan) -> Store {
        let faulty = FaultyStore::new(Arc::clone(&self.memory), plan);
        Store::with_objects(Arc::new(faulty), Url::parse("memory:///tables").unwrap())
    }

    async fn log(&self, faults: &[(u64, CommitFault)]) -> TableLog {
        let plan = FaultPlan {
            commits: faults.to_vec(),
            ..FaultPlan::default()
        };
        let store = self.store(plan);
        TableLog::open(&store, "operator_actions", [APP.to_owned()], clock())
            .await
            .unwrap()
    }

    /// Every entry after creation: (version, offsets, file names).
    async fn history(&self) -> Vec<(i64, Vec<(String, i64)>, Vec<String>)> {
        let log = self.log(&[]).await;
        let mut history = Vec::new();
        for version in 1..=log.version() {
            let bytes = log.objects.get(&entry_path(version)).await.unwrap();
            let bytes = bytes.bytes().await.unwrap();
            let entry = Entry::parse(&bytes).unwrap();
            let files = String::from_utf8(bytes.to_vec())
                .unwrap()
                .lines()
                .filter_map(|line| {
                    let line: serde_json::Value = serde_json::from_str(line).unwrap();
                    line["add"]["path"].as_str().map(str::to_owned)
                })
                .collect();
            history.push((version, entry.txns, files));
        }
        history
    }
}

fn step(from: Option<i64>, to: i64) -> Append {
    let start = from.unwrap_or(0);
    Append {
        adds: vec![Add {
            path: format!("{start}-{to}.parquet"),
            size: 1,
            data_change: true,
            stats: Some("{\"numRecords\":1}".to_owned()),
            ..Add::default()
        }],
        advances: vec![Advance {
            app_id: APP.to_owned(),
            from,
            to,
        }],
        operation: "WRITE",
        info: serde_json::Map::new(),
    }
}

fn yes() -> bool {
    true
}

#[tokio::test]
async fn commits_follow_each_other_and_the_library_reads_them() {
    let bed = Bed::new().await;
    let mut log = bed.log(&[]).await;
    assert_eq!(log.txn(APP), None);
    assert_eq!(log.commit(step(None, 5), &yes).await.unwrap().version, 1);
    assert_eq!(log.commit(step(Some(5), 9), &yes).await.unwrap().version, 2);
    let fresh = bed.log(&[]).await;
    assert_eq!((fresh.version(), fresh.txn(APP)), (2, Some(9)));
    let table = bed
        .store(FaultPlan::default())
        .load("operator_actions")
        .await
        .unwrap();
    assert_eq!(table.get_file_uris().unwrap().count(), 2);
}

/// N2: offsets only grow.
#[tokio::test]
async fn offsets_that_do_not_grow_are_refused() {
    let bed = Bed::new().await;
    let mut log = bed.log(&[]).await;
    log.commit(step(None, 5), &yes).await.unwrap();
    for bad in [step(Some(5), 5), step(Some(5), 4), step(None, -1)] {
        let error = log.commit(bad, &yes).await.unwrap_err();
        assert!(
            matches!(error, CommitError::Log(LogError::NotMonotonic { .. })),
            "{error}"
        );
    }
    let mut twice = step(Some(5), 7);
    twice.advances.push(Advance {
        app_id: APP.to_owned(),
        from: Some(7),
        to: 8,
    });
    assert!(log.commit(twice, &yes).await.is_err());
    assert_eq!(bed.history().await.len(), 1);
}

/// N3: what was checked against an older version is refused when the offset has moved since.
#[tokio::test]
async fn a_zombie_cannot_commit_what_another_has_taken_over() {
    let bed = Bed::new().await;
    let (mut zombie, mut heir) = (bed.log(&[]).await, bed.log(&[]).await);
    heir.commit(step(None, 5), &yes).await.unwrap();
    let error = zombie.commit(step(None, 3), &yes).await.unwrap_err();
    let CommitError::Conflict {
        expected: None,
        found: Some(5),
        ..
    } = error
    else {
        panic!("{error}");
    };
    assert_eq!(bed.history().await.len(), 1);
    // After reloading it may take part again, from where the table is.
    zombie.reload().await.unwrap();
    zombie.commit(step(Some(5), 6), &yes).await.unwrap();
}

/// N3: nothing moves that was not compared with the table.
#[tokio::test]
async fn an_id_that_was_not_watched_is_looked_up_before_it_moves() {
    let bed = Bed::new().await;
    bed.log(&[])
        .await
        .commit(step(None, 5), &yes)
        .await
        .unwrap();
    let store = bed.store(FaultPlan::default());
    let mut log = TableLog::open(&store, "operator_actions", [], clock())
        .await
        .unwrap();
    let error = log.commit(step(None, 3), &yes).await.unwrap_err();
    assert!(
        matches!(error, CommitError::Conflict { found: Some(5), .. }),
        "{error}"
    );
}

/// N3: only the offsets of the batch matter, not what others commit.
#[tokio::test]
async fn other_partitions_only_push_the_version() {
    let bed = Bed::new().await;
    let (mut one, mut other) = (bed.log(&[]).await, bed.log(&[]).await);
    let mut theirs = step(None, 4);
    theirs.advances[0].app_id = "nonsite/t/1".to_owned();
    other.commit(theirs, &yes).await.unwrap();
    let committed = one.commit(step(None, 5), &yes).await.unwrap();
    assert_eq!((committed.version, committed.overtaken_by), (2, 1));
}

/// N4: the log knows the commit by its id.
#[tokio::test]
async fn a_lost_answer_is_recognised_and_not_repeated() {
    let bed = Bed::new().await;
    let mut log = bed.log(&[(1, CommitFault::LostResponse)]).await;
    let committed = log.commit(step(None, 5), &yes).await.unwrap();
    assert!(committed.recognised);
    assert_eq!(log.txn(APP), Some(5));
    log.commit(step(Some(5), 6), &yes).await.unwrap();
    assert_eq!(bed.history().await.len(), 2);
}

/// N4: it is looked for before it is tried again.
#[tokio::test]
async fn a_commit_that_lands_late_lands_once() {
    let bed = Bed::new().await;
    let faults = [(1, CommitFault::Late)];
    let mut log = bed.log(&faults).await;
    let committed = log.commit(step(None, 5), &yes).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(committed.version, 1);
    assert_eq!(bed.history().await.len(), 1);
}

/// N4: an outcome that nobody knows is said to be unknown, and the table is read again.
#[tokio::test]
async fn a_store_that_stays_away_leaves_the_outcome_open() {
    let bed = Bed::new().await;
    let faults: Vec<_> = (1..=u64::from(ATTEMPTS))
        .map(|n| (n, CommitFault::Failed))
        .collect();
    let mut log = bed.log(&faults).await;
    let error = log.commit(step(None, 5), &yes).await.unwrap_err();
    assert!(
        matches!(
            error,
            CommitError::Unknown {
                attempts: ATTEMPTS,
                ..
            }
        ),
        "{error}"
    );
    assert!(error.is_retryable());
    log.reload().await.unwrap();
    log.commit(step(None, 5), &yes).await.unwrap();
    assert_eq!(bed.history().await.len(), 1);
}

/// N4: an answer that cannot be true decides nothing.
#[tokio::test]
async fn exists_that_cannot_be_read_reopens_the_table() {
    let bed = Bed::new().await;
    let mut log = bed.log(&[(1, CommitFault::FalseExists)]).await;
    assert_eq!(log.commit(step(None, 5), &yes).await.unwrap().version, 1);
}

/// N5: without the permit nothing is put.
#[tokio::test]
async fn a_revoked_partition_is_not_published() {
    let bed = Bed::new().await;
    let mut log = bed.log(&[]).await;
    let error = log.commit(step(None, 5), &|| false).await.unwrap_err();
    assert!(matches!(error, CommitError::Withdrawn { .. }));
    assert!(bed.history().await.is_empty());
}

/// N3: a version that is free again is no proof that nobody came in between.
#[tokio::test]
async fn a_log_cleaned_behind_a_sleeper_is_no_place_to_commit() {
    let bed = Bed::new().await;
    let mut sleeper = bed.log(&[]).await;
    sleeper.commit(step(None, 1), &yes).await.unwrap();
    let mut heir = bed.log(&[]).await;
    for offset in 1..12 {
        heir.commit(step(Some(offset), offset + 1), &yes)
            .await
            .unwrap();
    }
    let table = bed
        .store(FaultPlan::default())
        .load("operator_actions")
        .await
        .unwrap();
    deltalake::checkpoints::create_checkpoint(&table, None)
        .await
        .unwrap();
    for version in 0..8 {
        sleeper.objects.delete(&entry_path(version)).await.unwrap();
    }
    // Version 2 is free again, but nobody would ever read it.
    let error = sleeper.commit(step(Some(1), 2), &yes).await.unwrap_err();
    assert!(
        matches!(
            error,
            CommitError::Conflict {
                found: Some(12),
                ..
            }
        ),
        "{error}"
    );
    sleeper.reload().await.unwrap();
    assert_eq!(
        sleeper
            .commit(step(Some(12), 13), &yes)
            .await
            .unwrap()
            .version,
        13
    );
}

#[tokio::test]
async fn a_changed_table_is_looked_at_again() {
    let bed = Bed::new().await;
    let mut log = bed.log(&[]).await;
    let table = bed
        .store(FaultPlan::default())
        .load("operator_actions")
        .await
        .unwrap();
    let field =
        deltalake::kernel::StructField::nullable("ticket", deltalake::kernel::DataType::STRING);
    table.add_columns().with_fields([field]).await.unwrap();
    assert_eq!(log.commit(step(None, 5), &yes).await.unwrap().version, 2);
}

fn fault() -> impl Strategy<Value = CommitFault> {
    prop_oneof![
        Just(CommitFault::LostResponse),
        Just(CommitFault::Failed),
        Just(CommitFault::FalseExists),
        Just(CommitFault::Late),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// N2, N3, N4: two writers believe they own the same partition and take turns at random, each
    /// through its own faults. Whatever happens, the log holds every offset exactly once and in
    /// order.
    #[test]
    fn two_writers_never_lose_or_double_an_offset(
        turns in prop::collection::vec((any::<bool>(), 1_i64..4), 1..24),
        faults in prop::collection::vec((1_u64..24, fault()), 0..5),
        others in prop::collection::vec((1_u64..24, fault()), 0..5),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all().build().unwrap();
        runtime.block_on(async {
            let bed = Bed::new().await;
            let mut writers = [bed.log(&faults).await, bed.log(&others).await];
            let mut position = [None, None];
            let mut promised: BTreeMap<i64, i64> = BTreeMap::new();
            for (second, length) in turns {
                let who = usize::from(second);
                let from: Option<i64> = position[who];
                let to = from.unwrap_or(0) + length;
                match writers[who].commit(step(from, to), &yes).await {
                    Ok(_) => {
                        promised.insert(from.unwrap_or(0), to);
                        position[who] = Some(to);
                    }
                    Err(error) => {
                        assert!(error.is_retryable(), "{error}");
                        writers[who].reload().await.unwrap();
                        position[who] = writers[who].txn(APP);
                    }
                }
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
            let mut next = 0;
            let mut found = BTreeMap::new();
            for (_, txns, files) in bed.history().await {
                let [(_, to)] = txns.as_slice() else { panic!("{txns:?}") };
                assert_eq!(files, [format!("{next}-{to}.parquet")]);
                found.insert(next, *to);
                next = *to;
            }
            for (from, to) in promised {
                assert_eq!(found.get(&from), Some(&to), "a reported commit is not in the log");
            }
        });
    }
}
