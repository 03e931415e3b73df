//! The program's own reader behind [`Redecode`]: topics as configured now, stations as set now.

use std::sync::Arc;

use arrow::error::ArrowError;
use nonsite_schemas::hj212::Stations;
use nonsite_schemas::reason::Reason;
use nonsite_schemas::wire::Origin;

use super::types::Decoded;
use super::{Redecode, StillBad};
use crate::config::{Config, Topic};
use crate::decode::{RecordDecoder, Rejected};
use crate::target::Target;

/// Reads records of the configured topics.
#[derive(Debug)]
pub struct Records {
    topics: Vec<Topic>,
    decoder: RecordDecoder,
    split_timeout_s: u64,
}

impl Records {
    /// A reader for the topics and settings of `config` with these per-station settings.
    ///
    /// # Errors
    /// A table definition has a column without a builder: a fault of the program.
    pub fn new(config: &Config, stations: Arc<Stations>) -> Result<Self, ArrowError> {
        Ok(Self {
            topics: config.topics.clone(),
            decoder: RecordDecoder::new(stations, config.split_timeout_s)?,
            split_timeout_s: config.split_timeout_s,
        })
    }

    fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.name == name)
    }
}

impl Redecode for Records {
    fn decode_all(&mut self, messages: &[(&[u8], Origin<'_>)]) -> Vec<Decoded> {
        let name = messages.first().map_or("", |(_, origin)| origin.topic);
        let Some(topic) = self.topics.iter().find(|topic| topic.name == name) else {
            // The caller asks for the topic's tables first; this is for callers that do not.
            let fault = StillBad {
                reason: Reason::UnknownCommand.code().to_owned(),
                detail: format!("topic `{name}` is not configured"),
            };
            return messages.iter().map(|_| Err(fault.clone())).collect();
        };
        let decoded = self.decoder.decode_all(topic, messages);
        decoded
            .into_iter()
            .map(|decoded| decoded.map_err(|rejected| still_bad(rejected, self.split_timeout_s)))
            .collect()
    }

    fn split_timeout_micros(&self) -> i64 {
        let seconds = i64::try_from(self.split_timeout_s).unwrap_or(i64::MAX);
        seconds.saturating_mul(1_000_000)
    }

    fn tables(&self, topic: &str) -> Option<Vec<&'static str>> {
        let targets = Target::of(self.topic(topic)?.content);
        let used = targets
            .iter()
            .filter(|target| **target != Target::Quarantine);
        Some(used.map(|target| target.name()).collect())
    }
}

fn still_bad(rejected: Rejected, split_timeout_s: u64) -> StillBad {
    let detail = match rejected.reason {
        Reason::SplitIncomplete => format!(
            "this part of a split packet has no DataTime, and no usable part of it with one is in \
             quarantine within {split_timeout_s} s of it (ingest.split_timeout_s); ask the \
             station to send the data again"
        ),
        _ => rejected.detail,
    };
    StillBad {
        reason: rejected.reason.code().to_owned(),
        detail,
    }
}
