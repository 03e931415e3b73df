//! `[ingest]` of `nonsite.toml`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How messages of a topic are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Raw HJ 212 packets.
    Hj212,
    /// JSON.
    Json,
}

/// What messages of a topic are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Content {
    /// Monitoring data: readings and device states.
    Readings,
    /// Permit documents.
    Permits,
    /// Inspection records.
    Inspections,
    /// Documents of several types, told apart by their field `type`.
    Documents,
}

/// One topic to consume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topic {
    /// Kafka topic name.
    pub name: String,
    /// How its messages are written.
    pub format: Format,
    /// What they are.
    pub content: Content,
}

/// Settings of ingestion. Every key has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Prefix of the application ids under which offsets are kept in the tables. Two pipelines
    /// with different names consume everything twice.
    pub pipeline: String,
    /// Kafka consumer group; it spreads partitions, its offsets are never trusted.
    pub group: String,
    /// Seconds until what was read is committed, 0.01 to 3600.
    pub commit_interval_s: f64,
    /// A batch is committed early when it has this many message bytes.
    pub batch_bytes: u64,
    /// Budget for bytes in flight in MiB, at least 64: the client's prefetch, messages, rows under
    /// construction and files being encoded.
    pub memory_budget_mb: u64,
    /// Seconds to wait for the missing parts of a split packet, 1 to 86,400.
    pub split_timeout_s: u64,
    /// Threads that decode; 0 means one less than there are cores, at least one.
    pub decoders: usize,
    /// Address of `/metrics`, `/healthz` and `/readyz`; empty for none.
    pub listen: String,
    /// File with per-station settings of HJ 212; a missing file means none.
    pub stations: PathBuf,
    /// Topics to consume.
    pub topics: Vec<Topic>,
}

impl Default for Config {
    fn default() -> Self {
        let topic = |name: &str, format, content| Topic {
            name: name.to_owned(),
            format,
            content,
        };
        Self {
            pipeline: "nonsite".to_owned(),
            group: "nonsite-ingest".to_owned(),
            commit_interval_s: 10.0,
            batch_bytes: 4 << 30,
            memory_budget_mb: 96,
            split_timeout_s: 300,
            decoders: 0,
            listen: "127.0.0.1:9464".to_owned(),
            stations: PathBuf::from("stations.toml"),
            topics: vec![
                topic("nonsite.hj212", Format::Hj212, Content::Readings),
                topic("nonsite.readings", Format::Json, Content::Readings),
                topic("nonsite.permits", Format::Json, Content::Permits),
                topic("nonsite.inspections", Format::Json, Content::Inspections),
                topic("nonsite.documents", Format::Json, Content::Documents),
            ],
        }
    }
}

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ingest.{key}: {detail}")]
pub struct ConfigError {
    /// Key below `[ingest]`.
    pub key: String,
    /// What is wrong and what is expected.
    pub detail: String,
}

impl Config {
    /// Checks ranges and combinations.
    ///
    /// # Errors
    /// The first setting that cannot be used, by key.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let require = |good: bool, key: &str, detail: &str| {
            let error = || ConfigError {
                key: key.to_owned(),
                detail: detail.to_owned(),
            };
            if good { Ok(()) } else { Err(error()) }
        };
        let plain = |name: &str| !name.is_empty() && !name.contains(['/', '#', '"']);
        require(
            plain(&self.pipeline),
            "pipeline",
            "must be a name without / and #",
        )?;
        require(!self.group.is_empty(), "group", "must not be empty")?;
        require(
            (0.01..=3_600.0).contains(&self.commit_interval_s),
            "commit_interval_s",
            "must be between 0.01 and 3600 seconds",
        )?;
        require(self.batch_bytes > 0, "batch_bytes", "must be above 0")?;
        require(
            self.memory_budget_mb >= 64,
            "memory_budget_mb",
            "must be at least 64",
        )?;
        require(
            (1..=86_400).contains(&self.split_timeout_s),
            "split_timeout_s",
            "must be between 1 and 86400 seconds",
        )?;
        require(
            !self.topics.is_empty(),
            "topics",
            "name at least one topic to consume",
        )?;
        let mut names = HashSet::new();
        for (index, topic) in self.topics.iter().enumerate() {
            let key = format!("topics[{index}]");
            require(
                plain(&topic.name),
                &format!("{key}.name"),
                "must be a Kafka topic name",
            )?;
            require(
                names.insert(&topic.name),
                &format!("{key}.name"),
                "is listed twice",
            )?;
            require(
                topic.format == Format::Json || topic.content == Content::Readings,
                &format!("{key}.format"),
                "only readings come as hj212; everything else is json",
            )?;
        }
        Ok(())
    }

    /// The commit interval as a duration.
    pub fn commit_interval(&self) -> Duration {
        Duration::from_secs_f64(self.commit_interval_s.clamp(0.01, 3_600.0))
    }

    /// Application id of a partition.
    pub fn app_id(&self, topic: &str, partition: i32) -> String {
        format!("{}/{topic}/{partition}", self.pipeline)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_faults_name_the_key() {
        Config::default().validate().unwrap();
        let bad = Config {
            commit_interval_s: 0.0,
            ..Config::default()
        };
        assert_eq!(bad.validate().unwrap_err().key, "commit_interval_s");
        let mut bad = Config::default();
        bad.topics[2].format = Format::Hj212;
        assert!(
            bad.validate()
                .unwrap_err()
                .to_string()
                .starts_with("ingest.topics[2].format")
        );
        bad = Config::default();
        bad.topics[1].name = bad.topics[0].name.clone();
        assert!(
            bad.validate()
                .unwrap_err()
                .to_string()
                .contains("listed twice")
        );
    }
}
