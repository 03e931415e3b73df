//! The summary against the reader: what a decoder finds is what the generator says it put in.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nonsite_generator::{Message, Province, Scale, Topic};
use nonsite_schemas::hj212::{Decoder, Head, Limits, Outcome, Sink, Stations, Value};
use nonsite_schemas::reason::Reason;
use nonsite_schemas::wire::reading::decode_line;

/// Station, factor, granularity and time of a reading.
type Key = (String, String, &'static str, i64);

#[derive(Default)]
struct Tally {
    readings: u64,
    by_granularity: BTreeMap<String, u64>,
    keys: BTreeSet<Key>,
    states: u64,
    bad_parts: BTreeMap<String, u64>,
    rejected: BTreeMap<String, u64>,
}

impl Sink for Tally {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        assert!(value.value.is_some(), "{} {}", head.mn, value.factor);
        assert!(value.flag.is_some(), "{} {}", head.mn, value.factor);
        assert!(
            matches!(value.factor.as_bytes()[0], b'a' | b'w' | b'd'),
            "{} is not mapped",
            value.factor
        );
        self.readings += 1;
        let granularity = head.granularity.as_str();
        *self
            .by_granularity
            .entry(granularity.to_owned())
            .or_default() += 1;
        self.keys.insert((
            head.mn.to_owned(),
            value.factor.to_owned(),
            granularity,
            head.data_time,
        ));
    }

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {
        self.states += 1;
    }

    fn bad_part(&mut self, _: &Head<'_>, _: &str, reason: Reason, _: &str) {
        *self.bad_parts.entry(reason.code().to_owned()).or_default() += 1;
    }
}

fn tally(messages: impl Iterator<Item = Message>, stations: Stations) -> Tally {
    let mut tally = Tally::default();
    let mut decoder = Decoder::new(Arc::new(stations), Limits::default());
    for message in messages {
        match message.topic {
            Topic::Hj212 => {
                match decoder.decode(&message.payload, message.timestamp_ms * 1_000, &mut tally) {
                    Outcome::Decoded(_) => {}
                    Outcome::Rejected(rejected) => {
                        *tally
                            .rejected
                            .entry(rejected.reason.code().to_owned())
                            .or_default() += 1;
                    }
                    Outcome::Pending(key) => panic!("a part without a time: {key:?}"),
                }
            }
            Topic::Readings => {
                let received_at = message.timestamp_ms * 1_000;
                decode_line(&message.payload, received_at, &mut tally).unwrap();
            }
            Topic::Permits | Topic::Inspections | Topic::Documents => {}
        }
    }
    tally
}

fn scale() -> Scale {
    Scale {
        points: 60,
        days: 2,
        factors: 12,
        realtime_s: Some(3_600),
        ..Scale::default()
    }
}

#[test]
fn the_decoder_finds_what_the_summary_says() {
    let mut province = Province::new(scale()).unwrap();
    let tally = tally(&mut province, Stations::default());
    let counts = province.summary().counts;
    assert_eq!(tally.rejected, counts.quarantined);
    assert_eq!(tally.bad_parts, counts.bad_parts);
    assert_eq!(tally.by_granularity, counts.rows_by_granularity);
    assert_eq!(tally.readings, counts.readings_rows);
    assert_eq!(tally.keys.len() as u64, counts.distinct_readings);
    assert_eq!(tally.states, counts.device_state_rows);
}

#[test]
fn allowing_the_modbus_stations_brings_exactly_the_rows_announced() {
    let mut province = Province::new(scale()).unwrap();
    (&mut province).for_each(drop);
    let summary = province.summary();
    assert!(summary.modbus_stations.len() >= 2 && summary.counts.redrivable_rows > 0);
    let toml: String = summary
        .modbus_stations
        .iter()
        .map(|(mn, dialect)| format!("[stations.{mn}]\ncrc = [\"hj212\", \"{dialect}\"]\n"))
        .collect();
    let stations = Stations::from_toml(&toml).unwrap();
    let tally = tally(Province::new(scale()).unwrap(), stations);
    assert_eq!(
        tally.readings,
        summary.counts.readings_rows + summary.counts.redrivable_rows
    );
    assert!(!tally.rejected.contains_key("crc_dialect_not_allowed"));
}
