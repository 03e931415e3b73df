//! Messages to a Kafka topic, every one acknowledged.
//!
//! Idempotent producer: the client's own retries neither double nor reorder messages of a key, so
//! that a later row of the same instant stays later. [`KafkaSink::finish`] waits for every
//! acknowledgement; a message without one is an error, not a log line.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nonsite_schemas::settings::KafkaSettings;
use parking_lot::Mutex;
use rdkafka::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};

use super::MessageSink;
use super::error::ImportError;
use crate::consumer::refused_setting;

/// How long the broker may take to answer the first question.
const REACH: Duration = Duration::from_secs(10);
/// How long outstanding messages may take once everything is handed over; longer than the
/// producer's own `message.timeout.ms`, so that every message has its verdict by then.
const FLUSH: Duration = Duration::from_secs(150);
/// The producer's own limit for one message.
const MESSAGE_TIMEOUT_MS: &str = "120000";

#[derive(Debug, Default)]
struct Deliveries {
    arrived: AtomicU64,
    fault: Mutex<Option<String>>,
}

/// A newtype, because the context trait needs an owned context and the sink keeps a handle.
#[derive(Debug, Clone, Default)]
struct Context(Arc<Deliveries>);

impl ClientContext for Context {
    // The client repeats "all brokers are down" many times a second while it tries to connect;
    // what counts comes back as the result of the call that waited.
    fn log(&self, _level: RDKafkaLogLevel, fac: &str, message: &str) {
        tracing::debug!(fac, message, "librdkafka");
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "librdkafka");
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => {
                self.0.arrived.fetch_add(1, Ordering::Relaxed);
            }
            Err((error, _)) => {
                self.0.fault.lock().get_or_insert_with(|| error.to_string());
            }
        }
    }
}

/// Sends messages to one topic.
pub struct KafkaSink {
    producer: ThreadedProducer<Context>,
    deliveries: Arc<Deliveries>,
    brokers: String,
    topic: String,
    sent: u64,
}

impl std::fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KafkaSink")
            .field("topic", &self.topic)
            .field("sent", &self.sent)
            .finish()
    }
}

impl KafkaSink {
    /// Connects and asks the broker for the topic, so that a wrong address fails before the file
    /// is read.
    ///
    /// # Errors
    /// [`ImportError::Properties`] when the settings are refused, [`ImportError::Broker`] when the
    /// broker does not answer.
    pub fn connect(settings: &KafkaSettings, topic: &str) -> Result<Self, ImportError> {
        let refused = |error: &KafkaError| match refused_setting(error) {
            Some(what) => ImportError::Properties { what },
            None => ImportError::Broker {
                brokers: settings.brokers.clone(),
                topic: topic.to_owned(),
                what: error.to_string(),
            },
        };
        let mut config = ClientConfig::new();
        config
            .set("linger.ms", "50")
            .set("batch.size", "1000000")
            .set("compression.type", "zstd")
            .set("queue.buffering.max.kbytes", "65536")
            .set("message.timeout.ms", MESSAGE_TIMEOUT_MS);
        for (key, value) in &settings.properties {
            config.set(key, value);
        }
        config
            .set("bootstrap.servers", &settings.brokers)
            .set("enable.idempotence", "true");
        let context = Context::default();
        let deliveries = Arc::clone(&context.0);
        let producer: ThreadedProducer<Context> = config
            .create_with_context(context)
            .map_err(|error| refused(&error))?;
        producer
            .client()
            .fetch_metadata(Some(topic), REACH)
            .map_err(|error| refused(&error))?;
        Ok(Self {
            producer,
            deliveries,
            brokers: settings.brokers.clone(),
            topic: topic.to_owned(),
            sent: 0,
        })
    }

    fn undelivered(&self, what: String) -> ImportError {
        let arrived = self.deliveries.arrived.load(Ordering::Relaxed);
        ImportError::Undelivered {
            topic: self.topic.clone(),
            sent: self.sent,
            lost: self.sent.saturating_sub(arrived),
            what,
        }
    }

    fn fault(&self) -> Option<String> {
        self.deliveries.fault.lock().clone()
    }
}

impl MessageSink for KafkaSink {
    fn send(&mut self, key: &str, message: &[u8]) -> Result<(), ImportError> {
        if let Some(fault) = self.fault() {
            return Err(self.undelivered(fault));
        }
        let mut record = BaseRecord::to(&self.topic).key(key).payload(message);
        loop {
            match self.producer.send(record) {
                Ok(()) => {
                    self.sent += 1;
                    return Ok(());
                }
                // The producer's buffer is full: the file is faster than the broker, so wait.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err((error, _)) => {
                    return Err(ImportError::Broker {
                        brokers: self.brokers.clone(),
                        topic: self.topic.clone(),
                        what: error.to_string(),
                    });
                }
            }
        }
    }

    fn finish(&mut self) -> Result<(), ImportError> {
        let flushed = self.producer.flush(FLUSH);
        let arrived = self.deliveries.arrived.load(Ordering::Relaxed);
        match (self.fault(), flushed) {
            (None, Ok(())) if arrived == self.sent => Ok(()),
            (Some(fault), _) => Err(self.undelivered(fault)),
            (None, Err(error)) => Err(self.undelivered(error.to_string())),
            (None, Ok(())) => Err(self.undelivered("no answer from the broker".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_the_client_refuses_is_a_fault_of_the_configuration() {
        let wrong = ("securty.protocol".to_owned(), "plaintext".to_owned());
        let settings = KafkaSettings {
            properties: [wrong].into(),
            ..KafkaSettings::default()
        };
        let error = KafkaSink::connect(&settings, "t").unwrap_err();
        assert!(error.is_usage() && !error.is_unreachable(), "{error}");
        assert!(error.to_string().contains("securty.protocol"), "{error}");
    }
}
