//! Maintenance beside a live writer, on local folders.

use std::collections::BTreeMap;

use arrow::array::{
    Array, AsArray, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::prelude::SessionContext;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use nonsite_schemas::tables;
use nonsite_schemas::time::ManualClock;

use super::*;
use crate::log::{Advance, Append, TableLog};
use crate::write::write_parquet;

const APP: &str = "nonsite/t/0";
const TABLE: &str = "quarantine_redriven";

struct Bed {
    folder: tempfile::TempDir,
    store: Store,
    clock: Arc<ManualClock>,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("a store");
        store
            .ensure_tables(&[tables::quarantine_redriven()])
            .await
            .expect("a table");
        let now = std::fs::metadata(folder.path())
            .and_then(|meta| meta.modified())
            .expect("a time")
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970");
        let clock = Arc::new(ManualClock::at(
            i64::try_from(now.as_micros()).expect("in range"),
        ));
        Self {
            folder,
            store,
            clock,
        }
    }

    async fn log(&self) -> TableLog {
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        TableLog::open(&self.store, TABLE, [APP.to_owned()], clock)
            .await
            .expect("a log")
    }

    fn maintainer(&self, config: Config) -> Maintainer {
        Maintainer::new(self.store.clone(), config, Arc::clone(&self.clock) as _)
    }

    async fn pass(&self, config: &Config) -> TableReport {
        let mut reports = self
            .maintainer(config.clone())
            .run_once(&[TABLE], false)
            .await;
        let report = reports.pop().expect("one table");
        assert_eq!(report.error, None);
        report
    }

    /// Uploads and commits rows `from..to` as one file and one step of the offset.
    async fn write(&self, log: &mut TableLog, from: i64, to: i64) {
        let objects = self.store.table_objects(TABLE);
        let def = tables::quarantine_redriven();
        let millis = self.clock.now_micros() / 1_000;
        let adds = write_parquet(objects.as_ref(), &def, batch(from, to), millis)
            .await
            .expect("stored");
        let append = Append {
            adds,
            advances: vec![Advance {
                app_id: APP.into(),
                from: (from > 0).then_some(from),
                to,
            }],
            operation: "WRITE",
            ..Append::default()
        };
        log.commit(append, &|| true).await.expect("committed");
    }

    /// Every row's number and how often it is there, read through the library.
    async fn rows(&self) -> BTreeMap<i64, usize> {
        let table = self.store.load(TABLE).await.expect("a table");
        let context = SessionContext::new();
        let provider = table.table_provider().build().await.expect("a provider");
        context
            .register_table("t", Arc::new(provider))
            .expect("registered");
        let batches = context
            .sql("SELECT rows FROM t")
            .await
            .expect("a plan")
            .collect()
            .await
            .expect("rows");
        let mut rows = BTreeMap::new();
        for batch in batches {
            for value in batch.column(0).as_primitive::<Int64Type>().values() {
                *rows.entry(*value).or_insert(0) += 1;
            }
        }
        rows
    }

    async fn txn(&self) -> Option<i64> {
        self.log().await.txn(APP)
    }

    fn data_files(&self) -> usize {
        std::fs::read_dir(self.folder.path().join(TABLE))
            .expect("a folder")
            .filter(|entry| {
                entry
                    .as_ref()
                    .expect("an entry")
                    .path()
                    .extension()
                    .is_some_and(|e| e == "parquet")
            })
            .count()
    }

    fn log_entries(&self) -> usize {
        std::fs::read_dir(self.folder.path().join(TABLE).join("_delta_log"))
            .expect("a folder")
            .filter(|entry| {
                entry
                    .as_ref()
                    .expect("an entry")
                    .path()
                    .extension()
                    .is_some_and(|e| e == "json")
            })
            .count()
    }
}

fn batch(from: i64, to: i64) -> RecordBatch {
    let schema = tables::quarantine_redriven().schema;
    let numbers: Vec<i64> = (from..to).collect();
    let text = |prefix: &str| {
        // Descending ids: the merge has something to put in order.
        Arc::new(StringArray::from_iter_values(
            numbers
                .iter()
                .map(|number| format!("{prefix}{:08}", 1_000_000 - number))
                .rev(),
        ))
    };
    let columns: Vec<Arc<dyn Array>> = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            "rows" => Arc::new(Int64Array::from_iter_values(numbers.iter().rev().copied())) as _,
            "redriven_at" => Arc::new(
                TimestampMicrosecondArray::from_iter_values(numbers.iter().copied())
                    .with_timezone("UTC"),
            ) as _,
            name => text(name) as _,
        })
        .collect();
    RecordBatch::try_new(schema, columns).expect("the table's columns")
}

fn eager() -> Config {
    Config {
        checkpoint_every: 1,
        ..Config::default()
    }
}

#[tokio::test]
async fn small_files_are_merged_between_the_commits_of_a_writer_that_knows_nothing_of_it() {
    let bed = Bed::new().await;
    let mut log = bed.log().await;
    for step in 0..10 {
        bed.write(&mut log, step * 100, (step + 1) * 100).await;
    }
    let report = bed.pass(&Config::default()).await;
    assert_eq!(
        (report.files_before, report.files_after, report.files_merged),
        (10, 1, 10)
    );
    assert_eq!(report.version_after, report.version_before + 1);
    assert!(report.bytes_rewritten > 0);
    // The writer still believes in its own last version.
    for step in 10..13 {
        bed.write(&mut log, step * 100, (step + 1) * 100).await;
    }
    assert_eq!(
        log.version(),
        i64::try_from(report.version_after).expect("small") + 3
    );
    let again = bed.pass(&Config::default()).await;
    assert_eq!(
        again.files_merged, 0,
        "three new files are not worth a rewrite"
    );
    let rows = bed.rows().await;
    assert_eq!(rows.len(), 1_300);
    assert!(rows.values().all(|times| *times == 1));
    assert_eq!(bed.txn().await, Some(1_300));
}

#[tokio::test]
async fn a_merged_file_is_in_the_tables_order_and_has_statistics() {
    let bed = Bed::new().await;
    let mut log = bed.log().await;
    for step in 0..8 {
        bed.write(&mut log, step * 10, (step + 1) * 10).await;
    }
    bed.pass(&Config::default()).await;
    let table = bed.store.load(TABLE).await.expect("a table");
    let files = compact::files(TABLE, &table).await.expect("files");
    assert_eq!(files.len(), 1);
    let path = files[0].path();
    let file = std::fs::File::open(bed.folder.path().join(TABLE).join(path)).expect("a file");
    let builder = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file)
        .expect("a Parquet file");
    let sorting = builder.metadata().row_group(0).sorting_columns().cloned();
    assert_eq!(
        sorting.map(|columns| columns.len()),
        Some(1),
        "the order is declared"
    );
    let reader = builder.build().expect("a reader");
    let mut ids = Vec::new();
    for batch in reader {
        let batch = batch.expect("rows");
        let column = batch.column_by_name("quarantine_id").expect("a column");
        ids.extend(
            column
                .as_string::<i32>()
                .iter()
                .map(|id| id.expect("an id").to_owned()),
        );
    }
    assert_eq!(ids.len(), 80);
    assert!(ids.is_sorted(), "{ids:?}");
    let stats = files[0].stats().expect("statistics");
    assert!(stats.contains("\"numRecords\":80"), "{stats}");
    assert!(stats.contains("\"rows\":79"), "{stats}");
}

#[tokio::test]
async fn offsets_survive_checkpoint_and_log_cleanup() {
    let bed = Bed::new().await;
    let mut log = bed.log().await;
    for step in 0..20 {
        bed.write(&mut log, step, step + 1).await;
    }
    let report = bed.pass(&eager()).await;
    assert_eq!(report.checkpoint, Some(21));
    assert_eq!(report.log_files_deleted, 0, "nothing is old yet");
    bed.clock.advance(721 * 3_600 * 1_000_000);
    let report = bed.pass(&eager()).await;
    assert!(report.log_files_deleted >= 20, "{report:?}");
    assert!(bed.log_entries() < 5);
    assert_eq!(bed.txn().await, Some(20), "the offset is in the checkpoint");
    assert_eq!(bed.rows().await.len(), 20);
    // The sleeping writer finds its last version gone and still neither loses nor doubles.
    let after = bed.log().await;
    assert!(after.version() >= 21);
    bed.write(&mut log, 20, 21).await;
    assert_eq!(bed.rows().await.len(), 21);
    assert_eq!(bed.txn().await, Some(21));
}

#[tokio::test]
async fn orphans_and_merged_inputs_go_after_the_retention_and_not_before() {
    let bed = Bed::new().await;
    let mut log = bed.log().await;
    for step in 0..8 {
        bed.write(&mut log, step, step + 1).await;
    }
    let orphan = bed
        .folder
        .path()
        .join(TABLE)
        .join("part-of-a-dead-writer.parquet");
    std::fs::write(&orphan, b"never committed").expect("a file");
    let report = bed.pass(&Config::default()).await;
    assert_eq!((report.files_merged, report.files_deleted), (8, 0));
    assert_eq!(bed.data_files(), 8 + 1 + 1);
    bed.clock.advance(169 * 3_600 * 1_000_000);
    let dry = bed
        .maintainer(Config::default())
        .run_once(&[TABLE], true)
        .await;
    assert_eq!(dry[0].files_deleted, 9);
    assert_eq!(bed.data_files(), 10, "a dry run deletes nothing");
    let report = bed.pass(&Config::default()).await;
    assert_eq!(report.files_deleted, 9);
    assert_eq!(bed.data_files(), 1);
    assert_eq!(bed.rows().await.len(), 8);
    assert_eq!(bed.txn().await, Some(8));
}

#[tokio::test]
async fn two_maintainers_do_not_double_rows() {
    let bed = Bed::new().await;
    let mut log = bed.log().await;
    for step in 0..16 {
        bed.write(&mut log, step, step + 1).await;
    }
    let (a, b) = (
        bed.maintainer(Config::default()),
        bed.maintainer(Config::default()),
    );
    let (first, second) = tokio::join!(a.run_once(&[TABLE], false), b.run_once(&[TABLE], false));
    let merged = first[0].files_merged + second[0].files_merged;
    assert_eq!(merged, 16, "{first:?} {second:?}");
    assert!(first[0].error.is_some() != second[0].error.is_some());
    let rows = bed.rows().await;
    assert_eq!(rows.len(), 16);
    assert!(rows.values().all(|times| *times == 1));
}

#[tokio::test]
async fn a_writer_and_a_maintainer_at_the_same_time_lose_nothing() {
    let bed = Bed::new().await;
    let mut log = bed.log().await;
    let config = Config {
        small_file_count: 2,
        checkpoint_every: 5,
        ..Config::default()
    };
    let maintainer = bed.maintainer(config);
    let writing = async {
        for step in 0..60 {
            bed.write(&mut log, step, step + 1).await;
        }
    };
    let tidying = async {
        for _ in 0..12 {
            for report in maintainer.run_once(&[TABLE], false).await {
                assert_eq!(report.error, None);
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writing, tidying);
    let rows = bed.rows().await;
    assert_eq!(
        rows.keys().copied().collect::<Vec<_>>(),
        (0..60).collect::<Vec<_>>()
    );
    assert!(rows.values().all(|times| *times == 1));
    assert_eq!(bed.txn().await, Some(60));
}

/// The analytics replace files of their tables; a merge of the same files in between must not
/// bring the old rows back beside the new ones.
#[tokio::test]
async fn a_replacement_that_raced_with_a_merge_is_refused() {
    use deltalake::kernel::Action;
    use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
    use deltalake::protocol::{DeltaOperation, SaveMode};
    use futures::TryStreamExt;

    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = Store::open(folder.path()).expect("a store");
    let def = tables::rule_outcomes();
    store
        .ensure_tables(std::slice::from_ref(&def))
        .await
        .expect("a table");
    for _ in 0..8 {
        let mut table = store.load(def.name).await.expect("a table");
        let columns = def
            .schema
            .fields()
            .iter()
            .map(|field| {
                let one: Arc<dyn Array> = match field.data_type() {
                    DataType::Utf8 => Arc::new(StringArray::from(vec!["x"])),
                    DataType::Date32 => Arc::new(Date32Array::from(vec![1])),
                    kind => cast(&Int64Array::from(vec![1]), kind).expect("a number"),
                };
                one
            })
            .collect();
        let row = RecordBatch::try_new(Arc::clone(&def.schema), columns).expect("a row");
        let mut writer = RecordBatchWriter::for_table(&table).expect("a writer");
        writer.write(row).await.expect("written");
        writer
            .flush_and_commit(&mut table)
            .await
            .expect("committed");
    }
    let replaced = store.load(def.name).await.expect("a table");
    let snapshot = replaced.snapshot().expect("a snapshot").snapshot().clone();
    let log_store = replaced.log_store();
    let removes: Vec<Action> = snapshot
        .file_views(log_store.as_ref(), None)
        .map_ok(|file| Action::Remove(file.remove_action(true)))
        .try_collect()
        .await
        .expect("files");
    assert_eq!(removes.len(), 8);
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(0));
    let maintainer = Maintainer::new(store.clone(), Config::default(), clock);
    let reports = maintainer.run_once(&[def.name], false).await;
    assert_eq!((reports[0].files_merged, &reports[0].error), (8, &None));
    let merged = compact::files(def.name, &store.load(def.name).await.expect("a table")).await;
    let merged = merged.expect("files");
    let file = std::fs::File::open(folder.path().join(def.name).join(merged[0].path()));
    let metadata = ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
        file.expect("a file"),
    )
    .expect("a Parquet file");
    let sorting = metadata.metadata().row_group(0).sorting_columns().cloned();
    assert_eq!(
        sorting, None,
        "what no input says of its order is not said of the merged file"
    );
    let refused = CommitBuilder::from(CommitProperties::default())
        .with_actions(removes)
        .build(
            Some(&snapshot),
            log_store,
            DeltaOperation::Write {
                mode: SaveMode::Overwrite,
                partition_by: None,
                predicate: None,
            },
        )
        .await;
    assert!(
        refused.is_err(),
        "the old rows would live on in the merged file"
    );
}

#[test]
fn settings_out_of_bounds_name_their_key() {
    assert_eq!(Config::default().validate(), Ok(()));
    let config = Config {
        small_file_count: 1,
        ..Config::default()
    };
    assert!(
        config
            .validate()
            .expect_err("too few")
            .contains("small_file_count")
    );
}
