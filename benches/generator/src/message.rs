//! One message on its way to a topic.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// What a message carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Raw HJ 212 packets.
    Hj212,
    /// Readings as JSON.
    Readings,
    /// Permit documents.
    Permits,
    /// Inspection acts.
    Inspections,
    /// Marks, filings, tickets and whatever else says how readings came about.
    Documents,
}

impl Topic {
    /// Every topic.
    pub const ALL: [Self; 5] = [
        Self::Hj212,
        Self::Readings,
        Self::Permits,
        Self::Inspections,
        Self::Documents,
    ];

    /// Short name, as in the summary and in file names.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hj212 => "hj212",
            Self::Readings => "readings",
            Self::Permits => "permits",
            Self::Inspections => "inspections",
            Self::Documents => "documents",
        }
    }
}

/// Names of the topics on the broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Topics {
    /// Raw HJ 212 packets.
    pub hj212: String,
    /// Readings as JSON.
    pub readings: String,
    /// Permit documents.
    pub permits: String,
    /// Inspection acts.
    pub inspections: String,
    /// Marks, filings, tickets and the like.
    pub documents: String,
}

impl Default for Topics {
    fn default() -> Self {
        Self::with_prefix("nonsite")
    }
}

impl Topics {
    /// Names of the form `{prefix}.hj212`.
    pub fn with_prefix(prefix: &str) -> Self {
        let name = |topic: Topic| format!("{prefix}.{}", topic.as_str());
        Self {
            hj212: name(Topic::Hj212),
            readings: name(Topic::Readings),
            permits: name(Topic::Permits),
            inspections: name(Topic::Inspections),
            documents: name(Topic::Documents),
        }
    }

    /// Name of a topic on the broker.
    pub fn name(&self, topic: Topic) -> &str {
        match topic {
            Topic::Hj212 => &self.hj212,
            Topic::Readings => &self.readings,
            Topic::Permits => &self.permits,
            Topic::Inspections => &self.inspections,
            Topic::Documents => &self.documents,
        }
    }
}

/// One message, in the order of arrival at the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Where it goes.
    pub topic: Topic,
    /// Key: the MN, or the number of the permit or act, so that versions of one thing stay in
    /// order on one partition.
    pub key: Bytes,
    /// Arrival, milliseconds since the Unix epoch.
    pub timestamp_ms: i64,
    /// The bytes as sent.
    pub payload: Bytes,
    /// Readings in it (one per factor), good or not; what a rate counts.
    pub readings: u32,
}
