//! The stream as a whole: repeatable, ordered, and what its summary says.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};

use nonsite_generator::{Message, Province, Scale, Topic};
use sha2::{Digest as _, Sha256};

fn scale() -> Scale {
    Scale {
        points: 40,
        days: 2,
        realtime_s: Some(1_800),
        ..Scale::default()
    }
}

/// Everything a consumer can see, and the truth files, as one hash.
fn fingerprint(scale: Scale, threads: usize) -> Vec<u8> {
    let mut province = Province::new(scale).unwrap().with_threads(threads);
    let mut hasher = Sha256::new();
    for message in &mut province {
        hasher.update([message.topic as u8]);
        hasher.update(&message.key);
        hasher.update(message.timestamp_ms.to_le_bytes());
        hasher.update((message.payload.len() as u64).to_le_bytes());
        hasher.update(&message.payload);
    }
    let dir = tempfile::tempdir().unwrap();
    province.write_truth(dir.path()).unwrap();
    for name in ["truth.jsonl", "summary.json"] {
        hasher.update(std::fs::read(dir.path().join(name)).unwrap());
    }
    hasher.finalize().to_vec()
}

#[test]
fn same_seed_same_bytes_whatever_the_threads() {
    let first = fingerprint(scale(), 1);
    assert_eq!(first, fingerprint(scale(), 1));
    assert_eq!(first, fingerprint(scale(), 2));
    assert_eq!(first, fingerprint(scale(), 7));
    assert_ne!(
        first,
        fingerprint(
            Scale {
                seed: 43,
                ..scale()
            },
            1
        )
    );
}

#[test]
fn messages_come_in_the_order_of_arrival_and_are_all_counted() {
    let mut province = Province::new(scale()).unwrap();
    let mut last = i64::MIN;
    let mut messages: BTreeMap<&str, u64> = BTreeMap::new();
    let mut bytes: BTreeMap<&str, u64> = BTreeMap::new();
    for Message {
        topic,
        timestamp_ms,
        payload,
        ..
    } in &mut province
    {
        assert!(timestamp_ms >= last);
        last = timestamp_ms;
        *messages.entry(topic.as_str()).or_default() += 1;
        *bytes.entry(topic.as_str()).or_default() += payload.len() as u64;
    }
    let counts = province.summary().counts;
    let seen = |map: BTreeMap<&str, u64>| -> BTreeMap<String, u64> {
        map.into_iter()
            .map(|(key, count)| (key.to_owned(), count))
            .collect()
    };
    assert_eq!(counts.messages, seen(messages));
    assert_eq!(counts.bytes, seen(bytes));
    assert_eq!(
        counts.readings_rows,
        counts.rows_by_granularity.values().sum::<u64>()
    );
    assert!(counts.distinct_readings < counts.readings_rows);
    assert!(
        counts.resent > 0 && counts.backfilled > 0 && counts.out_of_order > 0 && counts.lost > 0
    );
}

#[test]
fn every_flaw_and_every_kind_of_fault_is_there() {
    let mut province = Province::new(Scale { days: 3, ..scale() }).unwrap();
    (&mut province).for_each(drop);
    let summary = province.summary();
    assert_eq!(summary.counts.flaws.len(), 13, "{:?}", summary.counts.flaws);
    let truth = province.truth();
    let kinds: BTreeSet<&str> = truth.iter().map(|row| row.kind.as_str()).collect();
    for kind in [
        "exceed_hour",
        "exceed_day_air",
        "exceed_day_water",
        "constant",
        "zero",
        "negative",
        "spike",
        "dilution",
        "offline",
        "hour_incomplete",
        "parameter_change",
        "limit_tightened",
        "mass_over",
        "permit_expired",
        "permit_expiring",
        "marked_exceed",
        "relaxed_limit",
        "before_tightening",
        "at_limit",
        "stopped",
        "gap_backfilled",
        "maintained",
        "treatment_off",
        "false_stop",
        "false_mark",
        "converted_wrong",
        "over_range",
        "rewritten",
        "filed_change",
        "exceed_rate",
        "flow_understated",
        "ph_out",
        "micro_fluctuation",
        "copied_history",
        "stop_unmarked",
        "month_mass_over",
        "report_missing",
        "report_late",
        "fault_hidden",
        "comparison_failed",
        "fault_repaired",
        "low_load",
        "honest_rise",
        "comparison_passed",
    ] {
        assert!(kinds.contains(kind), "{kind} is missing from {kinds:?}");
    }
    for row in &truth {
        assert!(row.start_us < row.end_us, "{row:?}");
        assert!(
            row.expected.is_empty() || row.must_not.is_empty(),
            "{row:?}"
        );
        assert!(
            !row.expected.is_empty() || !row.must_not.is_empty(),
            "{row:?}"
        );
    }
}

#[test]
fn one_point_and_one_day_work() {
    for points in 1..6 {
        for factors in [4, 12] {
            let scale = Scale {
                points,
                factors,
                days: 1,
                ..Scale::default()
            };
            let count = Province::new(scale).unwrap().count();
            assert!(count > 150 * points, "{count}");
        }
    }
}

#[test]
fn the_packets_of_one_station_keep_their_order_of_sending_except_late_ones() {
    // A logger's minute packets arrive mostly in order: what is late is a small share.
    let mut last: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    let (mut all, mut late) = (0_u32, 0_u32);
    let province = Province::new(Scale {
        fault_rate: 0.0,
        malformed_rate: 0.0,
        ..scale()
    })
    .unwrap();
    for message in province.filter(|message| message.topic == Topic::Hj212) {
        let text = std::str::from_utf8(&message.payload).unwrap();
        let Some(at) = text.find(";CN=2051;").and_then(|_| text.find("DataTime=")) else {
            continue;
        };
        let time: i64 = text[at + 9..at + 23].parse().unwrap();
        let previous = last.entry(message.key.to_vec()).or_insert(time);
        all += 1;
        late += u32::from(time < *previous);
        *previous = time.max(*previous);
    }
    assert!(late > 0 && late * 20 < all, "{late} of {all}");
}
