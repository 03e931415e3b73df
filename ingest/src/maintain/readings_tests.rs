//! Compaction of readings: what counts and what does not go into different files.

use std::collections::BTreeMap;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use ::parquet::file::metadata::{PageIndexPolicy, ParquetMetaDataReader};
use arrow::array::{
    ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array,
    RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::Int64Type;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use nonsite_schemas::copies::{self, Holds};
use nonsite_schemas::tables;
use nonsite_schemas::time::{ManualClock, SystemClock};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::merge::Merge;
use super::plan::Lane;
use super::*;
use crate::write::{properties, write_parquet};

const HOUR: i64 = 3_600_000_000;

/// Logger, time, received at.
type Reading = (&'static str, i64, i64);

/// Readings of one day; the offset is `first` and on.
fn batch(readings: &[Reading], first: i64) -> RecordBatch {
    let def = tables::readings_raw();
    let count = readings.len();
    let instants = |of: fn(&Reading) -> i64| -> ArrayRef {
        let values = readings.iter().map(of);
        Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
    };
    let same = |text: &str| -> ArrayRef { Arc::new(StringArray::from(vec![text; count])) };
    let columns = def.schema.fields().iter().map(|field| -> ArrayRef {
        match field.name().as_str() {
            "mn" => Arc::new(StringArray::from_iter_values(
                readings.iter().map(|reading| reading.0),
            )),
            "factor" => same("a21026"),
            "granularity" => same("hour"),
            "kafka_topic" => same("t"),
            "data_time" => instants(|reading| reading.1),
            "received_at" => instants(|reading| reading.2),
            "value" => Arc::new(Float64Array::from(vec![1.5; count])),
            "resend" => Arc::new(BooleanArray::from(vec![false; count])),
            "kafka_partition" => Arc::new(Int32Array::from(vec![0; count])),
            "kafka_offset" => {
                let last = first + i64::try_from(count).expect("few");
                Arc::new(Int64Array::from_iter_values(first..last))
            }
            "date" => Arc::new(Date32Array::from(vec![20_454; count])),
            _ => new_null_array(field.data_type(), count),
        }
    });
    RecordBatch::try_new(Arc::clone(&def.schema), columns.collect()).expect("the table's columns")
}

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
            .ensure_tables(&[tables::readings_raw()])
            .await
            .expect("a table");
        Self {
            folder,
            store,
            clock: Arc::new(ManualClock::at(HOUR)),
        }
    }

    /// Adds one file.
    async fn write(&self, readings: &[Reading], first: i64) {
        let objects = self.store.table_objects(copies::TABLE);
        let def = tables::readings_raw();
        let millis = self.clock.now_micros() / 1_000;
        let adds = write_parquet(objects.as_ref(), &def, batch(readings, first), millis)
            .await
            .expect("stored");
        let app = format!("t/{first}");
        let clock: Arc<dyn Clock> = Arc::clone(&self.clock) as _;
        let mut log = crate::log::TableLog::open(&self.store, copies::TABLE, [app.clone()], clock)
            .await
            .expect("a log");
        let append = crate::log::Append {
            adds,
            advances: vec![crate::log::Advance {
                app_id: app,
                from: None,
                to: 1,
            }],
            operation: "WRITE",
            ..crate::log::Append::default()
        };
        log.commit(append, &|| true).await.expect("committed");
    }

    async fn settle(&self) -> TableReport {
        self.clock.advance(7 * HOUR);
        let maintainer = Maintainer::new(
            self.store.clone(),
            Config::default(),
            Arc::clone(&self.clock) as _,
        );
        let mut reports = maintainer.run_once(&[copies::TABLE], false).await;
        let report = reports.pop().expect("one table");
        assert_eq!(report.error, None);
        report
    }

    /// Offsets of the rows of every file, by what the file's name says.
    async fn offsets(&self) -> BTreeMap<Holds, Vec<i64>> {
        let table = self.store.load(copies::TABLE).await.expect("a table");
        let files = compact::files(copies::TABLE, &table).await.expect("files");
        let mut offsets: BTreeMap<Holds, Vec<i64>> = BTreeMap::new();
        for file in files {
            let path = self.folder.path().join(copies::TABLE).join(file.path());
            let of = offsets.entry(Holds::of(file.path())).or_default();
            for batch in read(&path) {
                let column = batch.column_by_name("kafka_offset").expect("a column");
                of.extend(column.as_primitive::<Int64Type>().values());
            }
        }
        for of in offsets.values_mut() {
            of.sort_unstable();
        }
        offsets
    }
}

fn read(path: &std::path::Path) -> Vec<RecordBatch> {
    let file = std::fs::File::open(path).expect("a file");
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).expect("a Parquet file");
    let reader = builder.build().expect("a reader");
    reader.map(|batch| batch.expect("rows")).collect()
}

#[tokio::test]
async fn a_settled_day_keeps_superseded_copies_apart_and_loses_none() {
    let bed = Bed::new().await;
    bed.write(&[("A", 1, 10), ("B", 1, 10), ("A", 2, 10)], 0)
        .await;
    // Sent again: the first one earlier than the copy that is there.
    bed.write(&[("A", 1, 5), ("B", 1, 11)], 3).await;
    let report = bed.settle().await;
    assert_eq!((report.files_merged, report.files_after), (2, 2));
    let expected = BTreeMap::from([
        (Holds::Current, vec![0, 2, 4]),
        (Holds::Superseded, vec![1, 3]),
    ]);
    assert_eq!(bed.offsets().await, expected);
    assert_eq!(bed.settle().await.files_merged, 0, "once is enough");

    // A third copy of one of them: with so little data it is rewritten at once.
    bed.write(&[("B", 1, 12)], 5).await;
    let report = bed.settle().await;
    assert_eq!(
        report.files_merged, 2,
        "superseded copies are not read again"
    );
    let expected = BTreeMap::from([
        (Holds::Current, vec![0, 2, 5]),
        (Holds::Superseded, vec![1, 3, 4]),
    ]);
    assert_eq!(bed.offsets().await, expected);
}

#[tokio::test]
async fn a_single_file_of_a_settled_day_is_told_apart_as_well() {
    let bed = Bed::new().await;
    bed.write(&[("A", 1, 10), ("A", 1, 11)], 0).await;
    assert_eq!(bed.settle().await.files_merged, 1);
    let expected = BTreeMap::from([(Holds::Current, vec![1]), (Holds::Superseded, vec![0])]);
    assert_eq!(bed.offsets().await, expected);
}

#[tokio::test]
async fn files_of_another_writer_in_no_order_are_merged_and_say_nothing() {
    let bed = Bed::new().await;
    for first in [0, 2] {
        let mut table = bed.store.load(copies::TABLE).await.expect("a table");
        let mut writer = RecordBatchWriter::for_table(&table).expect("a writer");
        let rows = batch(&[("B", 1, 10), ("A", 1, first)], first);
        writer.write(rows).await.expect("written");
        writer
            .flush_and_commit(&mut table)
            .await
            .expect("committed");
    }
    // The library stamps its files with the time of day.
    bed.clock.set(SystemClock.now_micros());
    bed.settle().await;
    let expected = BTreeMap::from([(Holds::Unsorted, vec![0, 1, 2, 3])]);
    assert_eq!(bed.offsets().await, expected);
    assert_eq!(
        bed.settle().await.files_merged,
        0,
        "and not again and again"
    );
}

#[tokio::test]
async fn outputs_of_one_merge_share_no_logger() {
    let bed = Bed::new().await;
    let loggers = ["A", "B", "C", "D", "E", "F"];
    let readings: Vec<Reading> = loggers
        .iter()
        .flat_map(|mn| (0..10_000).map(|time| (*mn, time, 10)))
        .collect();
    bed.write(&readings, 0).await;
    let table = bed.store.load(copies::TABLE).await.expect("a table");
    let files = compact::files(copies::TABLE, &table).await.expect("files");
    let def = tables::readings_raw();
    let merge = Merge {
        objects: bed.store.table_objects(copies::TABLE),
        schema: compact::file_schema(copies::TABLE, &table).expect("a schema"),
        def: &def,
        partition: "date=2026-01-01",
        lane: Lane::Kept,
        // Any border between loggers will do.
        target: 1,
    };
    let input = (Path::from(files[0].path()), files[0].size());
    let (outputs, rows) = merge.run(&[input]).await.expect("merged");
    assert_eq!(rows, 60_000);
    assert_eq!(outputs.len(), loggers.len(), "{outputs:?}");
    let mut bounds: Vec<(String, String)> = outputs
        .iter()
        .map(|output| {
            assert_eq!(Holds::of(&output.path), Holds::Current);
            let stored = bed.folder.path().join(copies::TABLE).join(&output.path);
            let file = std::fs::File::open(stored).expect("a file");
            let metadata = ParquetMetaDataReader::new()
                .with_page_index_policy(PageIndexPolicy::Required)
                .parse_and_finish(&file)
                .expect("a page index");
            let sorting = metadata.row_group(0).sorting_columns();
            assert_eq!(sorting.map(Vec::len), Some(copies::ORDER.len()));
            let stats: serde_json::Value = serde_json::from_str(&output.stats).expect("JSON");
            let bound = |section: &str| stats[section]["mn"].as_str().expect("a bound").to_owned();
            (bound("minValues"), bound("maxValues"))
        })
        .collect();
    bounds.sort();
    assert!(
        bounds.windows(2).all(|pair| pair[0].1 < pair[1].0),
        "{bounds:?}"
    );
}

/// Another program's word for the order of its files is not taken: the format lets every row group be
/// sorted by itself. Such a file neither hides copies nor spoils the order of the others.
#[tokio::test]
async fn a_file_that_only_says_it_is_sorted_is_kept_apart() {
    let bed = Bed::new().await;
    bed.write(&[("A", 2, 10), ("A", 2, 11)], 0).await;
    let def = tables::readings_raw();
    let rows = batch(&[("B", 1, 10), ("A", 1, 10), ("B", 1, 11)], 10);
    let stored: Vec<usize> = (0..rows.num_columns())
        .filter(|at| rows.schema().field(*at).name() != "date")
        .collect();
    let rows = rows.project(&stored).expect("columns");
    let claim = properties::of(&def)
        .into_builder()
        .set_created_by("another program".to_owned())
        .set_max_row_group_row_count(Some(1))
        .build();
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new(&mut bytes, rows.schema(), Some(claim)).expect("a writer");
    writer.write(&rows).expect("written");
    writer.close().expect("a file");
    let claimed = (
        Path::from("date=2026-01-01/claimed.parquet"),
        bytes.len() as u64,
    );
    let objects = bed.store.table_objects(copies::TABLE);
    objects.put(&claimed.0, bytes.into()).await.expect("stored");

    let table = bed.store.load(copies::TABLE).await.expect("a table");
    let files = compact::files(copies::TABLE, &table).await.expect("files");
    let merge = Merge {
        objects,
        schema: compact::file_schema(copies::TABLE, &table).expect("a schema"),
        def: &def,
        partition: "date=2026-01-01",
        lane: Lane::Kept,
        target: 1 << 30,
    };
    let ours = (Path::from(files[0].path()), files[0].size());
    let (outputs, rows) = merge.run(&[claimed, ours]).await.expect("merged");
    assert_eq!(rows, 5);
    let expected = BTreeMap::from([
        (Holds::Current, vec![1]),
        (Holds::Superseded, vec![0]),
        (Holds::Unsorted, vec![10, 11, 12]),
    ]);
    assert_eq!(offsets_of(&bed, &outputs), expected);
}

/// Superseded copies are as many as a logger likes to send; a merge does not hold them all.
#[tokio::test]
async fn files_of_superseded_copies_end_at_the_target_too() {
    let bed = Bed::new().await;
    let readings: Vec<Reading> = (0..20_000)
        .flat_map(|time| [("A", time, 10), ("A", time, 11)])
        .collect();
    bed.write(&readings, 0).await;
    let table = bed.store.load(copies::TABLE).await.expect("a table");
    let files = compact::files(copies::TABLE, &table).await.expect("files");
    let def = tables::readings_raw();
    let merge = Merge {
        objects: bed.store.table_objects(copies::TABLE),
        schema: compact::file_schema(copies::TABLE, &table).expect("a schema"),
        def: &def,
        partition: "date=2026-01-01",
        lane: Lane::Kept,
        target: 1,
    };
    let input = (Path::from(files[0].path()), files[0].size());
    let (outputs, _) = merge.run(&[input]).await.expect("merged");
    let holds = |of: Holds| {
        let names = outputs.iter().map(|output| Holds::of(&output.path));
        names.filter(|it| *it == of).count()
    };
    assert_eq!(holds(Holds::Current), 1, "one logger");
    assert!(holds(Holds::Superseded) > 1, "{outputs:?}");
    let expected: BTreeMap<Holds, Vec<i64>> = BTreeMap::from([
        (Holds::Current, (0..20_000).map(|at| 2 * at + 1).collect()),
        (Holds::Superseded, (0..20_000).map(|at| 2 * at).collect()),
    ]);
    assert_eq!(offsets_of(&bed, &outputs), expected);
}

/// Offsets of the rows of outputs, by what their names say.
fn offsets_of(bed: &Bed, outputs: &[merge::Output]) -> BTreeMap<Holds, Vec<i64>> {
    let mut offsets: BTreeMap<Holds, Vec<i64>> = BTreeMap::new();
    for output in outputs {
        let path = bed.folder.path().join(copies::TABLE).join(&output.path);
        let of = offsets.entry(Holds::of(&output.path)).or_default();
        for batch in read(&path) {
            let column = batch.column_by_name("kafka_offset").expect("a column");
            of.extend(column.as_primitive::<Int64Type>().values());
        }
    }
    for of in offsets.values_mut() {
        of.sort_unstable();
    }
    offsets
}
