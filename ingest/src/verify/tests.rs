//! Every kind of damage is found; a sound store has no finding.

use std::sync::Arc;

use nonsite_schemas::hj212::Stations;
use nonsite_schemas::time::{Clock, ManualClock};
use nonsite_schemas::wire::Origin;
use object_store::memory::InMemory;
use url::Url;

use super::*;
use crate::config::{Content, Format};
use crate::decode::RecordDecoder;
use crate::log::{Advance, Append};
use crate::write::write_parquet;

const MONDAY: i64 = 1_767_542_400_000_000;

struct Bed {
    store: Store,
    clock: Arc<dyn Clock>,
    config: Config,
}

impl Bed {
    /// A store whose tables stand at offset `next` of partition 0, begun at 10.
    async fn new(next: i64) -> Self {
        let root = Url::parse("memory:///tables").unwrap();
        let store = Store::with_objects(Arc::new(InMemory::new()), root);
        let topic = Topic {
            name: "t".to_owned(),
            format: Format::Json,
            content: Content::Readings,
        };
        let config = Config {
            topics: vec![topic],
            ..Config::default()
        };
        let bed = Self {
            store,
            clock: Arc::new(ManualClock::at(MONDAY)),
            config,
        };
        for table in Target::of(Content::Readings) {
            bed.store.ensure_tables(&[table.def()]).await.unwrap();
            let advance = |app_id: &str, to| Advance {
                app_id: app_id.to_owned(),
                from: None,
                to,
            };
            let advances = vec![
                advance("nonsite/t/0", next),
                advance("nonsite/t/0#start", 10),
            ];
            bed.append(
                *table,
                Append {
                    advances,
                    operation: "WRITE",
                    ..Append::default()
                },
            )
            .await;
        }
        bed
    }

    async fn append(&self, table: Target, append: Append) {
        let clock = Arc::clone(&self.clock);
        let mut log = TableLog::open(&self.store, table.name(), [], clock)
            .await
            .unwrap();
        log.commit(append, &|| true).await.unwrap();
    }

    /// Adds the rows of a record without moving any offset.
    async fn record(&self, offset: i64, message: &str) {
        let mut decoder = RecordDecoder::new(Arc::new(Stations::default()), 60).unwrap();
        let origin = Origin {
            topic: "t",
            partition: 0,
            offset,
            received_at: MONDAY + 86_400_000_000,
        };
        let topic = &self.config.topics[0];
        for (name, batch) in decoder.decode(topic, message.as_bytes(), origin).unwrap() {
            self.rows(name, batch).await;
        }
    }

    async fn rows(&self, name: &str, batch: arrow::array::RecordBatch) {
        let table = Target::by_name(name).unwrap();
        let objects = self.store.table_objects(name);
        let adds = write_parquet(objects.as_ref(), &table.def(), batch, 0)
            .await
            .unwrap();
        self.append(
            table,
            Append {
                adds,
                operation: "WRITE",
                ..Append::default()
            },
        )
        .await;
    }

    async fn quarantined(&self, offset: i64) {
        let mut rows = crate::columns::QuarantineRows::new();
        rows.push(
            &broken(),
            Origin {
                topic: "t",
                partition: 0,
                offset,
                received_at: MONDAY,
            },
        );
        self.rows("quarantine", rows.finish().unwrap()).await;
    }

    async fn kinds(&self) -> Vec<(Kind, i64, i64)> {
        let found = verify(&self.config, &self.store, &self.clock, None)
            .await
            .unwrap();
        found
            .findings
            .iter()
            .map(|finding| (finding.kind, finding.from, finding.to))
            .collect()
    }
}

/// A record that is in quarantine as a whole.
fn broken() -> crate::columns::QuarantineRow<'static> {
    crate::columns::QuarantineRow {
        reason: nonsite_schemas::reason::Reason::JsonSyntax,
        detail: "broken",
        part: None,
        mn: None,
        raw: b"x",
    }
}

fn reading(minute: i64) -> String {
    format!(
        "{{\"mn\":\"A\",\"factor\":\"w01018\",\"granularity\":\"minute\",\
         \"data_time\":\"2026-01-05 00:{minute:02}:00\",\"value\":1.5}}"
    )
}

#[tokio::test]
async fn a_sound_store_has_no_finding() {
    let bed = Bed::new(14).await;
    for offset in 10..13 {
        bed.record(offset, &reading(offset)).await;
    }
    bed.quarantined(13).await;
    let found = verify(&bed.config, &bed.store, &bed.clock, None)
        .await
        .unwrap();
    assert_eq!(found.findings, []);
    let proof = &found.partitions[0];
    assert_eq!((proof.first, proof.next), (10, 14));
    assert_eq!((proof.accepted, proof.quarantined), (3, 1));
}

#[tokio::test]
async fn missing_offsets_are_gaps_unless_accepted_as_lost() {
    let bed = Bed::new(16).await;
    bed.record(10, &reading(1)).await;
    bed.record(14, &reading(2)).await;
    assert_eq!(
        bed.kinds().await,
        [(Kind::Gap, 11, 14), (Kind::Gap, 15, 16)]
    );
    let acceptance = loss::Acceptance {
        topic: "t".to_owned(),
        partition: 0,
        from: 11,
        to: 14,
        by: "op".to_owned(),
        why: "retention".to_owned(),
    };
    loss::accept(&bed.store, &bed.clock, &acceptance)
        .await
        .unwrap();
    assert_eq!(bed.kinds().await, [(Kind::Gap, 15, 16)]);
}

#[tokio::test]
async fn a_record_twice_or_in_two_places_is_found() {
    let bed = Bed::new(13).await;
    for offset in 10..13 {
        bed.record(offset, &reading(offset)).await;
    }
    bed.record(11, &reading(11)).await;
    bed.quarantined(12).await;
    assert_eq!(
        bed.kinds().await,
        [(Kind::Both, 12, 13), (Kind::Double, 11, 12)]
    );
}

#[tokio::test]
async fn any_number_of_copies_is_found_and_told() {
    let bed = Bed::new(14).await;
    for offset in 10..14 {
        for _ in 10..=offset {
            bed.record(offset, &reading(offset)).await;
        }
    }
    assert_eq!(
        bed.kinds().await,
        [11, 12, 13].map(|offset| (Kind::Double, offset, offset + 1))
    );
    let found = verify(&bed.config, &bed.store, &bed.clock, None).await;
    let details: Vec<String> = found
        .unwrap()
        .findings
        .into_iter()
        .map(|finding| finding.detail)
        .collect();
    for (detail, copies) in details.iter().zip(["2 times", "3 times", "4 times"]) {
        assert!(
            detail.contains("all rows") && detail.ends_with(copies),
            "{detail}"
        );
    }
}

#[tokio::test]
async fn some_rows_of_a_record_twice_are_found() {
    let bed = Bed::new(12).await;
    let (a, b, c) = (reading(1), reading(2), reading(3));
    bed.record(10, &format!("[{a},{b},{c}]")).await;
    bed.record(11, &format!("[{a},{b},{c}]")).await;
    bed.record(11, &format!("[{b},{c}]")).await;
    bed.record(11, &c).await;
    let found = verify(&bed.config, &bed.store, &bed.clock, None).await;
    let found = found.unwrap().findings;
    assert_eq!(
        (found.len(), found[0].kind, found[0].from),
        (1, Kind::Double, 11)
    );
    let told = "2 of the 3 rows";
    assert!(
        found[0].detail.contains(told) && found[0].detail.contains("3 times"),
        "{}",
        found[0].detail
    );
}

#[tokio::test]
async fn what_a_message_itself_repeats_is_no_double() {
    let bed = Bed::new(13).await;
    let (a, b) = (reading(1), reading(2));
    bed.record(10, &format!("[{a},{a}]")).await;
    bed.record(11, &format!("[{a},{a},{a},{b}]")).await;
    bed.record(12, &format!("[{a},{b},{a},{b}]")).await;
    assert_eq!(bed.kinds().await, []);
    // And written twice it is one all the same.
    bed.record(12, &format!("[{a},{b},{a},{b}]")).await;
    assert_eq!(bed.kinds().await, [(Kind::Double, 12, 13)]);
}

#[tokio::test]
async fn rows_outside_of_the_offsets_are_found() {
    let bed = Bed::new(11).await;
    bed.record(10, &reading(1)).await;
    bed.record(9, &reading(2)).await;
    bed.record(12, &reading(3)).await;
    assert_eq!(
        bed.kinds().await,
        [(Kind::BeyondOffset, 11, 13), (Kind::BeforeStart, 9, 10)]
    );
}

/// However many there are, all are told of: the first twenty one by one, the others as a number.
#[tokio::test]
async fn more_findings_than_are_listed_are_counted() {
    const FAULTS: i64 = 23;
    // Of every three records the first is there twice, the second in both places, the third nowhere.
    let bed = Bed::new(10 + 3 * FAULTS).await;
    let mut decoder = RecordDecoder::new(Arc::new(Stations::default()), 60).unwrap();
    let (mut good, mut bad) = (Vec::new(), crate::columns::QuarantineRows::new());
    for offset in (10..10 + 3 * FAULTS).filter(|offset| (offset - 10) % 3 < 2) {
        let origin = Origin {
            topic: "t",
            partition: 0,
            offset,
            received_at: MONDAY + 86_400_000_000,
        };
        let message = reading(offset % 60);
        let topic = &bed.config.topics[0];
        let decoded = decoder.decode(topic, message.as_bytes(), origin).unwrap();
        let [("readings_raw", batch)] = &decoded[..] else {
            panic!("{decoded:?}")
        };
        good.push(batch.clone());
        if (offset - 10) % 3 == 0 {
            good.push(batch.clone());
        } else {
            bad.push(&broken(), origin);
        }
    }
    let good = arrow::compute::concat_batches(&good[0].schema(), &good).unwrap();
    bed.rows("readings_raw", good).await;
    bed.rows("quarantine", bad.finish().unwrap()).await;
    let found = verify(&bed.config, &bed.store, &bed.clock, None).await;
    let found = found.unwrap().findings;
    for (kind, place) in [(Kind::Double, 0), (Kind::Both, 1), (Kind::Gap, 2)] {
        let of_kind: Vec<&Finding> = found.iter().filter(|found| found.kind == kind).collect();
        assert_eq!(of_kind.len(), 21, "{kind:?}");
        for (n, finding) in (0..20).zip(&of_kind) {
            let from = 10 + 3 * n + place;
            assert_eq!((finding.from, finding.to), (from, from + 1), "{kind:?}");
        }
        let (rest, first) = (of_kind[20], 10 + 3 * 20 + place);
        assert_eq!((rest.from, rest.to), (first, first + 7), "{kind:?}");
        assert!(rest.detail.starts_with("3 further"), "{}", rest.detail);
    }
    assert_eq!(found.len(), 3 * 21);
}

/// A proof about nothing would read like a clean one.
#[tokio::test]
async fn a_store_without_tables_proves_nothing_and_a_silent_topic_is_named() {
    let mut bed = Bed::new(11).await;
    bed.record(10, &reading(1)).await;
    let empty = Store::with_objects(
        Arc::new(InMemory::new()),
        Url::parse("memory:///elsewhere").unwrap(),
    );
    let refused = verify(&bed.config, &empty, &bed.clock, None).await;
    let refused = refused.unwrap_err().to_string();
    assert!(
        refused.contains("elsewhere") && refused.contains("store.path"),
        "{refused}"
    );
    bed.config.topics.push(Topic {
        name: "typo".to_owned(),
        ..bed.config.topics[0].clone()
    });
    let proved = verify(&bed.config, &bed.store, &bed.clock, None).await;
    assert_eq!(proved.unwrap().untouched, ["typo"]);
}
