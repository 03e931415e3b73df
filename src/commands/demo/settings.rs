//! The demo's own settings, and the file with which every other command works on what it left.

use std::path::Path;

use anyhow::Context as _;
use nonsite_generator::message::Topics;
use serde::Serialize;

use super::Args;
use super::broker::Broker;
use crate::settings::{Settings, StoreSettings};

/// Seconds between two commits: short, so that something is seen soon.
const COMMIT_INTERVAL_S: f64 = 1.0;

/// Where the demo's alerts go.
pub(super) fn alerts_topic(prefix: &str) -> String {
    format!("{prefix}.alerts")
}

/// The given settings with everything that says where, turned to the demo's folder and topics.
pub(super) fn demo(
    given: &Settings,
    args: &Args,
    broker: &Broker,
    names: &Topics,
    prefix: &str,
) -> Settings {
    let mut settings = given.clone();
    settings.store.path = args.data_dir.join("tables");
    settings.review.database = args.data_dir.join("review.sqlite");
    settings.review.evidence_dir = args.data_dir.join("evidence");
    settings.alerts.topic = alerts_topic(prefix);
    settings.kafka.brokers = broker.address();
    if broker.is_embedded() {
        settings.kafka.properties.clear();
    }
    let ingest = &mut settings.ingest;
    // On a shared broker the group of an installation must not be given the demo's partitions.
    ingest.group = format!("{prefix}-ingest");
    ingest.commit_interval_s = COMMIT_INTERVAL_S;
    ingest.stations = args.data_dir.join("stations.toml");
    ingest.listen = String::new();
    for topic in &mut ingest.topics {
        for (default, own) in [
            ("nonsite.hj212", &names.hj212),
            ("nonsite.readings", &names.readings),
            ("nonsite.permits", &names.permits),
            ("nonsite.inspections", &names.inspections),
            ("nonsite.documents", &names.documents),
        ] {
            if topic.name == default {
                topic.name.clone_from(own);
            }
        }
    }
    settings
}

/// What is written: where the demo's things are, and what came from which topic. Everything else
/// stays as the reader has it. Client properties are left out: they may hold a password.
#[derive(Serialize)]
struct Written<'a> {
    store: StoreSettings,
    kafka: Kafka<'a>,
    ingest: Ingest<'a>,
    alerts: Alerts<'a>,
    review: Review,
}

#[derive(Serialize)]
struct Kafka<'a> {
    brokers: &'a str,
}

#[derive(Serialize)]
struct Ingest<'a> {
    pipeline: &'a str,
    group: &'a str,
    stations: std::path::PathBuf,
    topics: &'a [nonsite_ingest::config::Topic],
}

#[derive(Serialize)]
struct Alerts<'a> {
    topic: &'a str,
}

#[derive(Serialize)]
struct Review {
    database: std::path::PathBuf,
    evidence_dir: std::path::PathBuf,
}

/// Writes `nonsite.toml` into the demo's folder. Paths are absolute, so that the file serves from
/// every working folder.
pub(super) fn write(dir: &Path, settings: &Settings) -> anyhow::Result<()> {
    let at = |path: &Path| {
        std::path::absolute(path).with_context(|| format!("`{}` has no place", path.display()))
    };
    let written = Written {
        store: StoreSettings {
            path: at(&settings.store.path)?,
        },
        kafka: Kafka {
            brokers: &settings.kafka.brokers,
        },
        ingest: Ingest {
            pipeline: &settings.ingest.pipeline,
            group: &settings.ingest.group,
            stations: at(&settings.ingest.stations)?,
            topics: &settings.ingest.topics,
        },
        alerts: Alerts {
            topic: &settings.alerts.topic,
        },
        review: Review {
            database: at(&settings.review.database)?,
            evidence_dir: at(&settings.review.evidence_dir)?,
        },
    };
    let path = dir.join("nonsite.toml");
    let shown = path.display();
    let text = toml::to_string(&written).with_context(|| format!("`{shown}` as TOML"))?;
    let head = format!("# Made by `nonsite demo`: use it with `nonsite -c {shown} ...`\n");
    std::fs::write(&path, head + &text).with_context(|| format!("`{shown}` cannot be written"))
}
