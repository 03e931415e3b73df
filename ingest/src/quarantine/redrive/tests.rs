//! Redriving on a local store, with crashes and rivals between any two commits.

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

use super::super::tests::{Bad, bad, quarantine};
use super::super::{Quarantine, QuarantineError};
use super::*;
use crate::faults::{CommitFault, FaultPlan, FaultyStore};
use crate::store::DurableFiles;

/// A decoder for messages like `a21026=1.5;a21002=x`: numbers are readings, the rest bad parts;
/// a message that starts with `!` is refused until it is told to allow it.
#[derive(Debug, Clone, Default)]
struct Toy {
    allow_all: bool,
    allow_parts: bool,
}

impl Redecode for Toy {
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

    fn tables(&self, topic: &str) -> Option<Vec<&'static str>> {
        (topic == "t").then(|| vec!["readings_raw", "device_states"])
    }
}

/// A batch of a table in which the columns not given are null.
fn table_batch(
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

fn readings(factors: &[&str], origin: Origin<'_>) -> RecordBatch {
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

fn parts(texts: &[&str], message: &[u8], origin: Origin<'_>) -> RecordBatch {
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

struct Bed {
    folder: tempfile::TempDir,
    store: Store,
    clock: Arc<dyn Clock>,
}

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Store::open(folder.path()).expect("a store");
        let tables = [
            tables::quarantine(),
            tables::quarantine_redriven(),
            tables::readings_raw(),
            tables::device_states(),
        ];
        store.ensure_tables(&tables).await.expect("the tables");
        Self {
            folder,
            store,
            clock: Arc::new(ManualClock::at(9_000_000)),
        }
    }

    /// The same folder behind a store that fails as planned.
    fn faulty(&self, number: u64, fault: CommitFault) -> Store {
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

    async fn redrive(&self, toy: &Toy, request: &Request) -> RedriveReport {
        redrive(&self.store, &mut toy.clone(), &self.clock, request)
            .await
            .expect("a redrive")
    }

    async fn open(&self) -> Vec<String> {
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
    async fn readings(&self) -> Vec<(i64, String)> {
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

    async fn rows(&self, sql: &str, table: &str) -> Vec<RecordBatch> {
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

    async fn count(&self, table: &str) -> usize {
        self.rows("SELECT 1 FROM t", table)
            .await
            .iter()
            .map(RecordBatch::num_rows)
            .sum()
    }
}

fn request() -> Request {
    Request {
        by: "officer".into(),
        why: "dialect allowed".into(),
        ..Request::default()
    }
}

fn message(offset: i64, raw: &str) -> Bad {
    Bad {
        raw: raw.as_bytes().to_vec(),
        ..bad(offset, "crc_dialect_not_allowed", Some("M1"))
    }
}

fn fixed() -> Toy {
    Toy {
        allow_all: true,
        ..Toy::default()
    }
}

#[tokio::test]
async fn what_can_be_used_now_becomes_rows_once_and_the_rest_stays() {
    let bed = Bed::new().await;
    quarantine(&bed.store, &[message(1, "!a=1;b=2"), message(2, "!c=3")]).await;
    let before = bed.redrive(&Toy::default(), &request()).await;
    assert_eq!((before.became_rows, before.still_bad), (0, 2));
    assert_eq!(
        bed.open().await.len(),
        2,
        "a failed attempt is recorded and leaves them open"
    );
    assert_eq!(bed.count("quarantine_redriven").await, 2);

    let dry = bed
        .redrive(
            &fixed(),
            &Request {
                dry_run: true,
                ..request()
            },
        )
        .await;
    assert_eq!((dry.became_rows, dry.rows["readings_raw"]), (2, 3));
    assert!(bed.readings().await.is_empty(), "a dry run writes nothing");

    let one = Request {
        filter: Filter {
            ids: vec!["t/0/2".into()],
            ..Filter::default()
        },
        ..request()
    };
    assert_eq!(bed.redrive(&fixed(), &one).await.rows["readings_raw"], 1);
    assert_eq!(bed.open().await, ["t/0/1"]);
    let after = bed.redrive(&fixed(), &request()).await;
    assert_eq!(
        (after.became_rows, after.still_bad, after.already_there),
        (1, 0, 0)
    );
    let expected = [(1, "a".into()), (1, "b".into()), (2, "c".into())];
    assert_eq!(bed.readings().await, expected);
    let again = bed.redrive(&fixed(), &request()).await;
    assert_eq!(again.became_rows, 0);
    assert_eq!(bed.readings().await, expected);
    assert!(bed.open().await.is_empty());
}

#[tokio::test]
async fn bad_parts_of_a_redriven_message_are_quarantined_and_redriven_in_their_turn() {
    let bed = Bed::new().await;
    quarantine(&bed.store, &[message(1, "!a=1;b=x;c=y")]).await;
    let report = bed.redrive(&fixed(), &request()).await;
    assert_eq!(
        (report.rows["readings_raw"], report.rows["quarantine"]),
        (1, 2)
    );
    assert_eq!(bed.open().await, ["t/0/1#0", "t/0/1#1"]);
    let report = bed.redrive(&fixed(), &request()).await;
    assert_eq!(report.still_bad, 2);
    assert_eq!(
        bed.count("quarantine").await,
        3,
        "a part is not quarantined twice"
    );
    let parts_fixed = Toy {
        allow_parts: true,
        ..fixed()
    };
    let report = bed.redrive(&parts_fixed, &request()).await;
    assert_eq!((report.became_rows, report.rows["readings_raw"]), (2, 2));
    let expected = [(1, "a".into()), (1, "b".into()), (1, "c".into())];
    assert_eq!(
        bed.readings().await,
        expected,
        "the good part is not there twice"
    );
    assert!(bed.open().await.is_empty());
}

/// Every commit of a redrive in turn is not made, or made without an answer; the redrive gives up
/// (as if killed there), and the next one must repair it.
#[tokio::test]
async fn a_redrive_that_dies_between_any_two_commits_is_repaired_by_the_next() {
    for number in 1..=3 {
        for landed in [false, true] {
            let bed = Bed::new().await;
            quarantine(&bed.store, &[message(1, "!a=1;b=x"), message(2, "!c=3")]).await;
            // Three commits: quarantine, readings_raw, quarantine_redriven. All after `number`
            // fail, so that retries do not help and the run ends there.
            let first = if landed {
                CommitFault::LostResponse
            } else {
                CommitFault::Failed
            };
            let commits = std::iter::once((number, first))
                .chain((number + 1..number + 200).map(|n| (n, CommitFault::Failed)))
                .collect();
            let plan = FaultPlan {
                commits,
                ..FaultPlan::default()
            };
            let files: Arc<dyn ObjectStore> = Arc::new(DurableFiles::new());
            let store = Store::with_objects(
                Arc::new(FaultyStore::new(files, plan)),
                bed.store.root().clone(),
            );
            let attempt = tokio::time::timeout(
                Duration::from_secs(2),
                redrive(&store, &mut fixed(), &bed.clock, &request()),
            )
            .await;
            if number < 3 || !landed {
                assert!(
                    !matches!(attempt, Ok(Ok(_))),
                    "commit {number} did not fail"
                );
            }
            bed.redrive(&fixed(), &request()).await;
            let expected = [(1, "a".into()), (2, "c".into())];
            assert_eq!(
                bed.readings().await,
                expected,
                "commit {number}, landed: {landed}"
            );
            assert_eq!(bed.count("quarantine").await, 3);
            assert_eq!(bed.open().await, ["t/0/1#0"]);
        }
    }
}

#[tokio::test]
async fn lost_answers_are_settled_within_one_redrive() {
    for number in 1..=2 {
        for fault in [
            CommitFault::LostResponse,
            CommitFault::FalseExists,
            CommitFault::Late,
        ] {
            let bed = Bed::new().await;
            quarantine(&bed.store, &[message(1, "!a=1"), message(2, "!b=2")]).await;
            let store = bed.faulty(number, fault);
            let report = redrive(&store, &mut fixed(), &bed.clock, &request())
                .await
                .expect("done");
            assert_eq!(report.became_rows, 2, "{fault:?} at {number}");
            assert_eq!(bed.readings().await, [(1, "a".into()), (2, "b".into())]);
            assert_eq!(bed.count("quarantine_redriven").await, 2);
        }
    }
}

#[tokio::test]
async fn two_redrives_at_once_share_the_work_without_doubling_it() {
    let bed = Bed::new().await;
    let messages: Vec<Bad> = (1..=20).map(|offset| message(offset, "!a=1;b=2")).collect();
    quarantine(&bed.store, &messages).await;
    let (mut one, mut two) = (fixed(), fixed());
    let request = request();
    let (first, second) = tokio::join!(
        redrive(&bed.store, &mut one, &bed.clock, &request),
        redrive(&bed.store, &mut two, &bed.clock, &request),
    );
    let closed = first.expect("done").became_rows + second.expect("done").became_rows;
    assert_eq!(closed, 20, "each entry is closed once");
    assert_eq!(bed.readings().await.len(), 40);
    assert_eq!(bed.count("quarantine_redriven").await, 20);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_any_more_after_half_a_redrive_is_left_open() {
    let bed = Bed::new().await;
    quarantine(&bed.store, &[message(1, "!a=1")]).await;
    let origin = Origin {
        topic: "t",
        partition: 0,
        offset: 1,
        received_at: 1_000,
    };
    // What a redrive leaves behind that died before it recorded its outcome.
    super::super::tests::append(&bed.store, "readings_raw", readings(&["a"], origin)).await;
    let report = bed.redrive(&Toy::default(), &request()).await;
    assert_eq!(report.inconsistent, ["t/0/1"]);
    assert_eq!(bed.open().await, ["t/0/1"]);
    let report = bed.redrive(&fixed(), &request()).await;
    assert_eq!((report.became_rows, report.already_there), (1, 1));
    assert_eq!(bed.readings().await.len(), 1);
}

#[tokio::test]
async fn a_part_that_is_fixed_before_a_half_done_redrive_is_repaired_is_not_lost() {
    let bed = Bed::new().await;
    quarantine(&bed.store, &[message(1, "!a=1;b=x")]).await;
    let origin = Origin {
        topic: "t",
        partition: 0,
        offset: 1,
        received_at: 1_000,
    };
    let part = parts(&["b=x"], b"!a=1;b=x", origin);
    super::super::tests::append(&bed.store, "quarantine", part).await;
    super::super::tests::append(&bed.store, "readings_raw", readings(&["a"], origin)).await;
    let everything_fixed = Toy {
        allow_parts: true,
        ..fixed()
    };
    let report = bed.redrive(&everything_fixed, &request()).await;
    assert_eq!((report.became_rows, report.already_there), (2, 1));
    assert_eq!(bed.readings().await, [(1, "a".into()), (1, "b".into())]);
    assert!(bed.open().await.is_empty());
}

#[tokio::test]
async fn a_redrive_must_say_who_and_why_and_name_what_exists() {
    let bed = Bed::new().await;
    let run = async |request: Request| {
        redrive(&bed.store, &mut fixed(), &bed.clock, &request)
            .await
            .expect_err("refused")
    };
    let error = run(Request {
        why: " ".into(),
        ..request()
    })
    .await;
    assert!(
        error.is_usage() && error.to_string().contains("--why"),
        "{error}"
    );
    let ids = Filter {
        ids: vec!["t/0/99".into()],
        ..Filter::default()
    };
    let error = run(Request {
        filter: ids,
        ..request()
    })
    .await;
    assert!(
        matches!(
            &error,
            RedriveError::Quarantine(QuarantineError::UnknownId { .. })
        ),
        "{error}"
    );
    quarantine(
        &bed.store,
        &[Bad {
            raw: b"!a=1".to_vec(),
            ..bad(4, "crc_mismatch", None)
        }],
    )
    .await;
    assert!(bed.folder.path().join("quarantine").is_dir());
}

/// The program's own reader: a packet with a CRC of another dialect is refused, until the station
/// is allowed to use it.
#[tokio::test]
async fn a_packet_becomes_rows_when_its_station_may_use_its_crc() {
    use crate::config::{Content, Format, Topic};
    use nonsite_schemas::hj212::{Stations, crc_modbus};

    let bed = Bed::new().await;
    let segment = "QN=20250601080000000;ST=31;CN=2051;PW=123456;MN=M1;Flag=4;\
                   CP=&&DataTime=20250601080000;a21026-Avg=5.5,a21026-Flag=N;a21002-Avg=7.25,\
                   a21002-Flag=N&&";
    let crc = crc_modbus(segment.as_bytes());
    let packet = format!("##{:04}{segment}{crc:04X}\r\n", segment.len());
    // The test's messages are received at their offset in milliseconds: here just after the
    // packet's own time, or the reader would refuse it.
    let offset = 1_748_736_060_000;
    quarantine(&bed.store, &[message(offset, &packet)]).await;
    let topics = vec![Topic {
        name: "t".into(),
        format: Format::Hj212,
        content: Content::Readings,
    }];
    let run = async |stations: &str| {
        let stations = Arc::new(Stations::from_toml(stations).expect("a stations file"));
        let mut records = Records::new(topics.clone(), stations).expect("a reader");
        redrive(&bed.store, &mut records, &bed.clock, &request())
            .await
            .expect("a redrive")
    };
    let report = run("").await;
    assert_eq!(report.still_bad, 1);
    assert_eq!(
        report.outcomes[0].reason.as_deref(),
        Some("crc_dialect_not_allowed"),
        "{report:?}"
    );
    let report = run(ALLOWED).await;
    assert_eq!(
        (report.became_rows, report.rows["readings_raw"]),
        (1, 2),
        "{report:?}"
    );
    assert_eq!(
        bed.readings().await,
        [(offset, "a21002".into()), (offset, "a21026".into())]
    );
    assert_eq!(run(ALLOWED).await.became_rows, 0);
}

const ALLOWED: &str = "[stations.M1]\ncrc = [\"hj212\", \"modbus\"]\n";
