//! A store to redrive in, and a decoder simple enough to predict.

use std::collections::HashMap;

use arrow::array::{
    BooleanArray, Date32Array, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::datatypes::Int64Type;
use datafusion::prelude::SessionContext;
use nonsite_schemas::tables;
use nonsite_schemas::time::ManualClock;
use object_store::ObjectStore;

use super::super::Quarantine;
use super::super::tests::{Bad, bad};
use super::*;
use crate::faults::{CommitFault, FaultPlan, FaultyStore};
use crate::store::DurableFiles;

/// A decoder for messages like `a21026=1.5;a21002=x`: numbers are readings, the rest bad parts;
/// a message that starts with `!` is refused until it is told to allow it.
#[derive(Debug, Clone, Default)]
pub(super) struct Toy {
    pub(super) allow_all: bool,
    pub(super) allow_parts: bool,
}

impl Toy {
    fn decode(&mut self, message: &[u8], origin: Origin<'_>) -> Decoded {
        let text = std::str::from_utf8(message).expect("tests write UTF-8");
        if text.starts_with('!') && !self.allow_all {
            let reason = "crc_dialect_not_allowed".to_owned();
            return Err(StillBad {
                reason,
                detail: "not allowed".into(),
            });
        }
        let (mut good, mut wrong) = (Vec::new(), Vec::new());
        for part in text.trim_start_matches('!').split(';') {
            let (factor, value) = part.split_once('=').expect("factor=value");
            match value.parse::<f64>() {
                Ok(_) => good.push(factor),
                Err(_) if self.allow_parts => good.push(factor),
                Err(_) => wrong.push(part),
            }
        }
        let mut decoded = vec![("readings_raw", readings(&good, origin))];
        if !wrong.is_empty() {
            decoded.push(("quarantine", parts(&wrong, message, origin)));
        }
        Ok(decoded)
    }
}

impl Redecode for Toy {
    fn decode_all(&mut self, messages: &[(&[u8], Origin<'_>)]) -> Vec<Decoded> {
        messages
            .iter()
            .map(|(message, origin)| self.decode(message, *origin))
            .collect()
    }

    fn split_timeout_micros(&self) -> i64 {
        0
    }

    fn tables(&self, topic: &str) -> Option<Vec<&'static str>> {
        (topic == "t").then(|| vec!["readings_raw", "device_states"])
    }
}

/// A batch of a table in which the columns not given are null.
pub(super) fn table_batch(
    def: &tables::TableDef,
    rows: usize,
    mut given: HashMap<&str, Arc<dyn arrow::array::Array>>,
) -> RecordBatch {
    let columns = def
        .schema
        .fields()
        .iter()
        .map(|field| {
            given
                .remove(field.name().as_str())
                .unwrap_or_else(|| new_null_array(field.data_type(), rows))
        })
        .collect();
    assert!(given.is_empty(), "unknown columns {:?}", given.keys());
    RecordBatch::try_new(Arc::clone(&def.schema), columns).expect("the table's columns")
}

pub(super) fn readings(factors: &[&str], origin: Origin<'_>) -> RecordBatch {
    let n = factors.len();
    let same =
        |text: &str| Arc::new(StringArray::from(vec![text; n])) as Arc<dyn arrow::array::Array>;
    let instant = |micros: i64| {
        Arc::new(TimestampMicrosecondArray::from(vec![micros; n]).with_timezone("UTC"))
            as Arc<dyn arrow::array::Array>
    };
    let given = HashMap::from([
        ("mn", same("M1")),
        ("factor", Arc::new(StringArray::from(factors.to_vec())) as _),
        ("granularity", same("minute")),
        ("data_time", instant(1_000_000)),
        ("resend", Arc::new(BooleanArray::from(vec![false; n])) as _),
        ("received_at", instant(origin.received_at)),
        ("kafka_topic", same(origin.topic)),
        (
            "kafka_partition",
            Arc::new(Int32Array::from(vec![origin.partition; n])) as _,
        ),
        (
            "kafka_offset",
            Arc::new(Int64Array::from(vec![origin.offset; n])) as _,
        ),
        ("date", Arc::new(Date32Array::from(vec![0; n])) as _),
    ]);
    table_batch(&tables::readings_raw(), n, given)
}

pub(super) fn parts(texts: &[&str], message: &[u8], origin: Origin<'_>) -> RecordBatch {
    let n = texts.len();
    let same =
        |text: &str| Arc::new(StringArray::from(vec![text; n])) as Arc<dyn arrow::array::Array>;
    let ids = (0..n).map(|i| {
        format!(
            "{}/{}/{}#{i}",
            origin.topic, origin.partition, origin.offset
        )
    });
    let received =
        TimestampMicrosecondArray::from(vec![origin.received_at; n]).with_timezone("UTC");
    let given = HashMap::from([
        (
            "quarantine_id",
            Arc::new(StringArray::from_iter_values(ids)) as _,
        ),
        ("reason", same("bad_value")),
        ("detail", same("not a number")),
        (
            "part",
            Arc::new(Int32Array::from_iter_values(
                0..i32::try_from(n).expect("few"),
            )) as _,
        ),
        ("mn", same("M1")),
        (
            "raw",
            Arc::new(arrow::array::BinaryArray::from(vec![message; n])) as _,
        ),
        ("part_raw", Arc::new(StringArray::from(texts.to_vec())) as _),
        ("received_at", Arc::new(received) as _),
        ("kafka_topic", same(origin.topic)),
        (
            "kafka_partition",
            Arc::new(Int32Array::from(vec![origin.partition; n])) as _,
        ),
        (
            "kafka_offset",
            Arc::new(Int64Array::from(vec![origin.offset; n])) as _,
        ),
        ("date", Arc::new(Date32Array::from(vec![0; n])) as _),
    ]);
    table_batch(&tables::quarantine(), n, given)
}

pub(super) struct Bed {
    _folder: tempfile::TempDir,
    pub(super) store: Store,
    pub(super) clock: Arc<dyn Clock>,
}

impl Bed {
    pub(super) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("a store");
        // Not `quarantine_redriven`: the first redrive creates it.
        let tables = [tables::quarantine(), tables::readings_raw()];
        store.ensure_tables(&tables).await.expect("the tables");
        Self {
            _folder: folder,
            store,
            clock: Arc::new(ManualClock::at(9_000_000)),
        }
    }

    /// The same folder behind a store that fails as planned.
    pub(super) fn faulty(&self, number: u64, fault: CommitFault) -> Store {
        let plan = FaultPlan {
            commits: vec![(number, fault)],
            ..FaultPlan::default()
        };
        let files: Arc<dyn ObjectStore> = Arc::new(DurableFiles::new());
        Store::with_objects(
            Arc::new(FaultyStore::new(files, plan)),
            self.store.root().clone(),
        )
    }

    pub(super) async fn redrive(&self, toy: &Toy, request: &Request) -> RedriveReport {
        redrive(&self.store, &mut toy.clone(), &self.clock, request)
            .await
            .expect("a redrive")
    }

    pub(super) async fn open(&self) -> Vec<String> {
        let entries = Quarantine::new(self.store.clone())
            .list(&Filter::default())
            .await;
        entries
            .expect("a list")
            .into_iter()
            .map(|entry| entry.quarantine_id)
            .collect()
    }

    /// The (offset, factor) of every reading.
    pub(super) async fn readings(&self) -> Vec<(i64, String)> {
        let mut readings = Vec::new();
        for batch in self
            .rows(
                "SELECT kafka_offset, CAST(factor AS VARCHAR) FROM t",
                "readings_raw",
            )
            .await
        {
            let offsets = batch.column(0);
            let factors = arrow::compute::cast(batch.column(1), &arrow::datatypes::DataType::Utf8)
                .expect("text");
            for row in 0..batch.num_rows() {
                use arrow::array::AsArray;
                readings.push((
                    offsets.as_primitive::<Int64Type>().value(row),
                    factors.as_string::<i32>().value(row).to_owned(),
                ));
            }
        }
        readings.sort();
        readings
    }

    pub(super) async fn rows(&self, sql: &str, table: &str) -> Vec<RecordBatch> {
        let table = self.store.load(table).await.expect("a table");
        let context = SessionContext::new();
        let provider = table.table_provider().build().await.expect("a provider");
        context
            .register_table("t", Arc::new(provider))
            .expect("registered");
        context
            .sql(sql)
            .await
            .expect("a plan")
            .collect()
            .await
            .expect("rows")
    }

    pub(super) async fn count(&self, table: &str) -> usize {
        self.rows("SELECT 1 FROM t", table)
            .await
            .iter()
            .map(RecordBatch::num_rows)
            .sum()
    }
}

pub(super) fn request() -> Request {
    Request {
        by: "officer".into(),
        why: "dialect allowed".into(),
        ..Request::default()
    }
}

pub(super) fn message(offset: i64, raw: &str) -> Bad {
    Bad {
        raw: raw.as_bytes().to_vec(),
        ..bad(offset, "crc_dialect_not_allowed", Some("M1"))
    }
}

pub(super) fn fixed() -> Toy {
    Toy {
        allow_all: true,
        ..Toy::default()
    }
}
