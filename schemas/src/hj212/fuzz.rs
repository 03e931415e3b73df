//! The entry of the fuzz target, which the property tests use as well.
//!
//! It checks what must hold for any bytes: no panic, the same result every time, no row of a message
//! that is not accepted, and at least one row or part of one that is.

use std::sync::Arc;

use super::decode::{Decoder, Limits, Outcome};
use super::stations::Stations;
use super::types::{Head, Sink, Value};
use crate::reason::Reason;

/// Counts calls.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    readings: u32,
    states: u32,
    bad_parts: u32,
}

impl Sink for Counts {
    fn reading(&mut self, _: &Head<'_>, value: &Value<'_>) {
        self.readings += 1;
        let numbers = [value.value, value.zs_value, value.min, value.max, value.cou];
        assert!(
            numbers.into_iter().flatten().all(f64::is_finite),
            "a value is not finite"
        );
        assert!(
            value.flag.is_none_or(|flag| (1..=4).contains(&flag.len())),
            "a long mark"
        );
    }

    fn state(
        &mut self,
        _: &Head<'_>,
        _: &str,
        value: Option<f64>,
        _: Option<&str>,
        _: Option<&str>,
    ) {
        self.states += 1;
        assert!(value.is_none_or(f64::is_finite), "a state is not finite");
    }

    fn bad_part(&mut self, _: &Head<'_>, _: &str, _: Reason, detail: &str) {
        self.bad_parts += 1;
        assert!(!detail.is_empty(), "a part without a detail");
    }
}

/// Reads any bytes as a message under settings that reach most of the reader.
///
/// # Panics
///
/// If one of the reader's promises is broken.
pub fn any_bytes(message: &[u8]) {
    const STATIONS: &str = "[default]\ncrc = [\"none\"]\nsm4_key = \"0000000000000000\"";
    const RECEIVED_AT: i64 = 1_716_210_420_000_000;
    let open = Stations::from_toml(STATIONS).unwrap_or_default();
    for stations in [Arc::new(Stations::default()), Arc::new(open)] {
        let read = || {
            let mut counts = Counts::default();
            let mut decoder = Decoder::new(Arc::clone(&stations), Limits::default());
            let outcome = decoder.decode(message, RECEIVED_AT, &mut counts);
            (outcome, counts)
        };
        let (outcome, counts) = read();
        match &outcome {
            Outcome::Decoded(done) => {
                assert_eq!(
                    (done.readings, done.states, done.bad_parts),
                    (counts.readings, counts.states, counts.bad_parts)
                );
                assert!(
                    counts != Counts::default(),
                    "an accepted message without a row"
                );
            }
            Outcome::Pending(_) | Outcome::Rejected(_) => {
                assert_eq!(
                    counts,
                    Counts::default(),
                    "a row of a message that was not accepted"
                );
            }
        }
        assert_eq!(read(), (outcome, counts), "two results for one message");
    }
}
