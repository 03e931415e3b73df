//! The program's own reader behind [`Redecode`]: topics as configured now, stations as set now.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use nonsite_schemas::hj212::Stations;
use nonsite_schemas::wire::Origin;

use super::{Redecode, StillBad};
use crate::config::Topic;
use crate::decode::RecordDecoder;
use crate::target::Target;

/// Reads records of the configured topics.
#[derive(Debug)]
pub struct Records {
    topics: Vec<Topic>,
    decoder: RecordDecoder,
}

impl Records {
    /// A reader for these topics and per-station settings.
    ///
    /// # Errors
    /// A table definition has a column without a builder: a fault of the program.
    pub fn new(topics: Vec<Topic>, stations: Arc<Stations>) -> Result<Self, ArrowError> {
        Ok(Self {
            topics,
            decoder: RecordDecoder::new(stations)?,
        })
    }

    fn topic(&self, name: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.name == name)
    }
}

impl Redecode for Records {
    fn decode(
        &mut self,
        message: &[u8],
        origin: Origin<'_>,
    ) -> Result<Vec<(&'static str, RecordBatch)>, StillBad> {
        let Some(topic) = self.topics.iter().find(|topic| topic.name == origin.topic) else {
            // The caller asks for the topic's tables first; this is for callers that do not.
            return Err(StillBad {
                reason: nonsite_schemas::reason::Reason::UnknownCommand
                    .code()
                    .to_owned(),
                detail: format!("topic `{}` is not configured", origin.topic),
            });
        };
        self.decoder
            .decode(topic, message, origin)
            .map_err(|rejected| StillBad {
                reason: rejected.reason.code().to_owned(),
                detail: rejected.detail,
            })
    }

    fn tables(&self, topic: &str) -> Option<Vec<&'static str>> {
        let targets = Target::of(self.topic(topic)?.content);
        let used = targets
            .iter()
            .filter(|target| **target != Target::Quarantine);
        Some(used.map(|target| target.name()).collect())
    }
}
