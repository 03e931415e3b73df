//! Delivers the outbox to a Kafka topic.
//!
//! At least once: an alert counts as delivered when the broker acknowledged it and the row in
//! `alerts_published` is written; a crash in between sends it again with the same id, by which
//! receivers drop the second copy. What is held (`alerts_held`) waits until its flood is released or
//! withdrawn; what was discarded, and what only repeats, is never sent. Messages are CloudEvents 1.0 in structured mode, keyed by the
//! alert's id.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use nonsite_schemas::settings::KafkaSettings;
use nonsite_schemas::tables;
use nonsite_schemas::time::Clock;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{FutureProducer, FutureRecord};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::detect::flood::Floods;
use crate::session::{self, Error, append, ensure, rows};

/// `[alerts]`: where alerts go.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Kafka topic; empty keeps alerts in the outbox only.
    pub topic: String,
    /// How long one alert may take to be acknowledged, in seconds (1 to 300).
    pub timeout_s: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            topic: "nonsite.alerts".to_owned(),
            timeout_s: 10,
        }
    }
}

impl Config {
    /// Refuses settings that cannot work, naming the key.
    pub fn validate(&self) -> Result<(), Error> {
        if (1..=300).contains(&self.timeout_s) {
            return Ok(());
        }
        Err(Error::Config {
            key: "alerts.timeout_s".to_owned(),
            what: format!("{} is outside 1..=300", self.timeout_s),
        })
    }
}

/// Alerts that wait for a target, oldest first: id and message. Those that `alerts_held` keeps back
/// as of `as_of` (microseconds UTC) are not among them.
pub(crate) async fn waiting(
    store: &Path,
    target: &str,
    as_of: i64,
) -> Result<Vec<(String, String)>, Error> {
    let session = session::open_tables(store, &session::Config::default()).await?;
    let kept = kept(&session, as_of).await?;
    let sql = format!(
        "SELECT a.alert_id, a.payload FROM alerts a
         LEFT ANTI JOIN (SELECT alert_id FROM alerts_published WHERE target = '{}') p
           ON p.alert_id = a.alert_id
         ORDER BY a.created_at, a.alert_id",
        target.replace('\'', "''")
    );
    let batches = session.rows("waiting alerts", &sql).await?;
    let found =
        rows::objects(&batches).map_err(|error| Error::query("waiting alerts")(error.into()))?;
    Ok(found
        .into_iter()
        .filter_map(|row| Some((rows::text(&row, "alert_id")?, rows::text(&row, "payload")?)))
        .filter(|(id, _)| !kept.contains(id))
        .collect())
}

/// Ids of alerts that are not sent: repetitions, and those of floods that stand or were discarded.
pub(crate) async fn kept(
    session: &session::Session,
    as_of: i64,
) -> Result<BTreeSet<String>, Error> {
    let floods = Floods::load(session, as_of).await?;
    let sql = "SELECT alert_id, kind, scope, begins FROM alerts_held";
    let batches = session.rows("held alerts", sql).await?;
    let found =
        rows::objects(&batches).map_err(|error| Error::query("held alerts")(error.into()))?;
    Ok(found
        .iter()
        .filter(|row| match rows::text(row, "scope") {
            Some(scope) => {
                let begins = row.get("begins").and_then(Value::as_i64).unwrap_or(0);
                floods.held(&scope, begins).is_some()
            }
            None => true,
        })
        .filter_map(|row| rows::text(row, "alert_id"))
        .collect())
}

/// Sends every waiting alert; answers how many were acknowledged.
///
/// What was acknowledged before a failure is recorded; the rest waits for the next call.
pub async fn publish(
    store: &Path,
    kafka: &KafkaSettings,
    config: &Config,
    clock: &dyn Clock,
) -> Result<usize, Error> {
    config.validate()?;
    if config.topic.is_empty() {
        return Ok(0);
    }
    let target = format!("kafka:{}", config.topic);
    let waiting = waiting(store, &target, clock.now_micros()).await?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let fault = |what: String| Error::Kafka {
        topic: config.topic.clone(),
        what,
    };
    let timeout = Duration::from_secs(config.timeout_s);
    let mut client = ClientConfig::new();
    client
        .set("bootstrap.servers", &kafka.brokers)
        .set("enable.idempotence", "true")
        .set("message.timeout.ms", timeout.as_millis().to_string());
    for (key, value) in &kafka.properties {
        client.set(key, value);
    }
    let producer: FutureProducer = client.create().map_err(|error| match error {
        // A client is made without asking any broker: it is the settings that it does not take.
        KafkaError::ClientConfig(_, what, key, _) => Error::Config {
            key: format!("kafka.properties.\"{key}\""),
            what: what.trim().to_owned(),
        },
        KafkaError::ClientCreation(what) => Error::Config {
            key: "kafka.properties".to_owned(),
            what: what.trim().to_owned(),
        },
        other => fault(other.to_string()),
    })?;
    let mut sent: Vec<Map<String, Value>> = Vec::new();
    let mut failure = None;
    for (id, payload) in &waiting {
        let headers = OwnedHeaders::new().insert(Header {
            key: "content-type",
            value: Some("application/cloudevents+json; charset=UTF-8"),
        });
        let record = FutureRecord::to(&config.topic)
            .key(id)
            .payload(payload)
            .headers(headers);
        match producer.send(record, timeout).await {
            Ok(delivery) => {
                let row = json!({
                    "alert_id": id, "target": target, "published_at": clock.now_micros(),
                    "position": format!("{}/{}", delivery.partition, delivery.offset),
                });
                if let Value::Object(row) = row {
                    sent.push(row);
                }
            }
            Err((error, _)) => {
                failure = Some(fault(error.to_string()));
                break;
            }
        }
    }
    if !sent.is_empty() {
        let def = tables::alerts_published();
        let table = ensure(store, &def).await?;
        let batch = rows::batch(&def.schema, &sent)
            .map_err(|error| Error::query("delivered alerts")(error.into()))?;
        append(&table, &def, batch, Vec::new()).await?;
    }
    failure.map_or(Ok(sent.len()), Err)
}

#[cfg(test)]
mod tests {
    use nonsite_schemas::time::ManualClock;
    use rdkafka::mocking::MockCluster;

    use super::*;

    async fn outbox(store: &Path, ids: &[&str]) {
        let def = tables::alerts();
        let rows: Vec<Map<String, Value>> = ids
            .iter()
            .map(|id| {
                let row = json!({
                    "alert_id": id, "anomaly_ids": "[]", "kind": "nonsite.anomaly.opened.v1",
                    "payload": format!("{{\"id\":\"{id}\"}}"), "created_at": 1,
                });
                crate::fixtures::object(row)
            })
            .collect();
        let table = ensure(store, &def).await.expect("table");
        let batch = rows::batch(&def.schema, &rows).expect("rows");
        append(&table, &def, batch, Vec::new())
            .await
            .expect("append");
    }

    fn kafka(brokers: String) -> KafkaSettings {
        KafkaSettings {
            brokers,
            ..KafkaSettings::default()
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_acknowledged_is_not_sent_again() {
        let store = tempfile::tempdir().expect("folder");
        outbox(store.path(), &["a", "b"]).await;
        let cluster = MockCluster::new(1).expect("cluster");
        let settings = kafka(cluster.bootstrap_servers());
        let config = Config::default();
        let clock = ManualClock::at(7);
        let send = || publish(store.path(), &settings, &config, &clock);
        assert_eq!(send().await.expect("sent"), 2);
        assert_eq!(send().await.expect("nothing left"), 0);
        outbox(store.path(), &["c"]).await;
        assert_eq!(send().await.expect("the new one"), 1);
        let session = session::open(store.path(), &session::Config::default())
            .await
            .expect("session");
        let rows = crate::fixtures::query(
            &session,
            "SELECT alert_id, target, published_at FROM alerts_published ORDER BY alert_id",
        )
        .await;
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[2]["target"], json!("kafka:nonsite.alerts"));
        assert_eq!(rows[2]["published_at"], json!(7));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn without_a_broker_alerts_wait() {
        let store = tempfile::tempdir().expect("folder");
        outbox(store.path(), &["a"]).await;
        let config = Config {
            timeout_s: 1,
            ..Config::default()
        };
        let clock = ManualClock::at(7);
        let nowhere = kafka("127.0.0.1:9".to_owned());
        let error = publish(store.path(), &nowhere, &config, &clock)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("nonsite.alerts"), "{error}");
        assert_eq!(
            waiting(store.path(), "kafka:nonsite.alerts", 7)
                .await
                .expect("waiting")
                .len(),
            1
        );
    }

    /// Nothing that passes: the next run would meet it again.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_setting_that_the_client_refuses_is_a_fault_of_the_configuration() {
        let store = tempfile::tempdir().expect("folder");
        outbox(store.path(), &["a"]).await;
        let mut settings = kafka("127.0.0.1:9".to_owned());
        let wrong = ("securty.protocol".to_owned(), "plaintext".to_owned());
        settings.properties.extend([wrong]);
        let clock = ManualClock::at(7);
        let error = publish(store.path(), &settings, &Config::default(), &clock)
            .await
            .unwrap_err();
        assert!(matches!(&error, Error::Config { key, .. } if key.contains("securty.protocol")));
    }
}
