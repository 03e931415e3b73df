//! Listing and showing on a local store.

use std::sync::Arc;

use arrow::array::{
    Array, BinaryArray, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use nonsite_schemas::tables;

use super::*;

/// A message to put into quarantine.
#[derive(Debug, Clone)]
pub(super) struct Bad {
    pub(super) offset: i64,
    pub(super) part: Option<i32>,
    pub(super) reason: &'static str,
    pub(super) mn: Option<&'static str>,
    pub(super) raw: Vec<u8>,
}

impl Bad {
    pub(super) fn id(&self) -> String {
        match self.part {
            None => format!("t/0/{}", self.offset),
            Some(part) => format!("t/0/{}#{part}", self.offset),
        }
    }
}

/// A store with an empty quarantine.
pub(super) async fn store(folder: &tempfile::TempDir) -> Store {
    let store = Store::open(folder.path()).expect("a store");
    let tables = [tables::quarantine(), tables::quarantine_redriven()];
    store.ensure_tables(&tables).await.expect("the tables");
    store
}

pub(super) async fn append(store: &Store, table: &str, batch: RecordBatch) {
    let mut table = store.load(table).await.expect("a table");
    let mut writer = RecordBatchWriter::for_table(&table).expect("a writer");
    writer.write(batch).await.expect("written");
    writer
        .flush_and_commit(&mut table)
        .await
        .expect("committed");
}

pub(super) fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Arc<dyn Array> {
    Arc::new(values.collect::<StringArray>())
}

/// Puts messages into quarantine as ingest does.
pub(super) async fn quarantine(store: &Store, messages: &[Bad]) {
    let ids: Vec<String> = messages.iter().map(Bad::id).collect();
    let of = |value: &dyn Fn(&Bad) -> i64| {
        messages
            .iter()
            .map(|bad| Some(value(bad)))
            .collect::<Vec<_>>()
    };
    let instants: TimestampMicrosecondArray = of(&|bad| bad.offset * 1_000).into();
    let batch = RecordBatch::try_new(
        tables::quarantine().schema,
        vec![
            texts(ids.iter().map(|id| Some(id.as_str()))),
            texts(messages.iter().map(|bad| Some(bad.reason))),
            texts(messages.iter().map(|_| Some("what, where, what to do"))),
            Arc::new(messages.iter().map(|bad| bad.part).collect::<Int32Array>()),
            texts(messages.iter().map(|bad| bad.mn)),
            Arc::new(
                messages
                    .iter()
                    .map(|bad| Some(bad.raw.as_slice()))
                    .collect::<BinaryArray>(),
            ),
            texts(messages.iter().map(|bad| bad.part.map(|_| "a21026-Rtd=x"))),
            Arc::new(instants.with_timezone("UTC")),
            texts(messages.iter().map(|_| Some("t"))),
            Arc::new(messages.iter().map(|_| Some(0)).collect::<Int32Array>()),
            Arc::new(Int64Array::from(of(&|bad| bad.offset))),
            Arc::new(messages.iter().map(|_| Some(0)).collect::<Date32Array>()),
        ],
    )
    .expect("the table's columns");
    append(store, "quarantine", batch).await;
}

/// Records that a message became rows, or did not.
async fn redriven(store: &Store, id: &str, outcome: &str) {
    let instants: TimestampMicrosecondArray = vec![Some(5)].into();
    let batch = RecordBatch::try_new(
        tables::quarantine_redriven().schema,
        vec![
            texts([Some(id)].into_iter()),
            texts([Some("r1")].into_iter()),
            Arc::new(instants.with_timezone("UTC")),
            texts([Some(outcome)].into_iter()),
            Arc::new(Int64Array::from(vec![1])),
            texts([Some("officer")].into_iter()),
            texts([Some("fixed")].into_iter()),
        ],
    )
    .expect("the table's columns");
    append(store, "quarantine_redriven", batch).await;
}

pub(super) fn bad(offset: i64, reason: &'static str, mn: Option<&'static str>) -> Bad {
    Bad {
        offset,
        part: None,
        reason,
        mn,
        raw: format!("##{offset}\r\n").into_bytes(),
    }
}

fn ids(entries: &[Entry]) -> Vec<&str> {
    entries
        .iter()
        .map(|entry| entry.quarantine_id.as_str())
        .collect()
}

#[tokio::test]
async fn open_entries_are_listed_oldest_first_and_filtered() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(&folder).await;
    let quarantine_of = Quarantine::new(store.clone());
    assert!(
        quarantine_of
            .list(&Filter::default())
            .await
            .expect("empty")
            .is_empty()
    );
    let part = Bad {
        part: Some(2),
        ..bad(5, "bad_value", Some("M2"))
    };
    quarantine(
        &store,
        &[
            bad(7, "crc_mismatch", Some("M1")),
            bad(3, "missing_mn", None),
            part,
        ],
    )
    .await;
    let list = |filter: Filter| {
        let quarantine_of = quarantine_of.clone();
        async move { quarantine_of.list(&filter).await.expect("a list") }
    };
    assert_eq!(
        ids(&list(Filter::default()).await),
        ["t/0/3", "t/0/5#2", "t/0/7"]
    );
    let by_reason = Filter {
        reason: Some("crc_mismatch".into()),
        ..Filter::default()
    };
    assert_eq!(ids(&list(by_reason).await), ["t/0/7"]);
    let by_mn = Filter {
        mn: Some("M2".into()),
        ..Filter::default()
    };
    assert_eq!(ids(&list(by_mn).await), ["t/0/5#2"]);
    let other = Filter {
        topic: Some("other".into()),
        ..Filter::default()
    };
    assert!(list(other).await.is_empty());
    assert_eq!(
        list(Filter {
            limit: Some(1),
            ..Filter::default()
        })
        .await
        .len(),
        1
    );

    redriven(&store, "t/0/7", "rows").await;
    redriven(&store, "t/0/3", "still_bad").await;
    assert_eq!(ids(&list(Filter::default()).await), ["t/0/3", "t/0/5#2"]);
    let all = Filter {
        with_redriven: true,
        ..Filter::default()
    };
    assert_eq!(list(all).await.len(), 3);
}

#[tokio::test]
async fn an_entry_shows_its_bytes_and_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = store(&folder).await;
    let message = Bad {
        raw: b"##00\xff\r\n".to_vec(),
        ..bad(7, "crc_mismatch", Some("M1"))
    };
    quarantine(&store, &[message]).await;
    let entry = Quarantine::new(store.clone())
        .show("t/0/7")
        .await
        .expect("it is there");
    assert_eq!(entry.raw, b"##00\xff\r\n");
    assert!(entry.hex().contains("23 23 30 30 ff 0d 0a") && entry.hex().contains("##00..."));
    assert!(entry.text().starts_with("##00"));
    assert!(entry.explanation().len() > 20);
    let error = Quarantine::new(store.clone())
        .show("t/0/8")
        .await
        .expect_err("it is not");
    assert!(error.to_string().contains("t/0/8"), "{error}");
    let filter = Filter {
        reason: Some("nonsense".into()),
        ..Filter::default()
    };
    let error = Quarantine::new(store)
        .list(&filter)
        .await
        .expect_err("no such reason");
    assert!(error.to_string().contains("crc_mismatch"), "{error}");
}
