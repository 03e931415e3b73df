//! Going on after a loss: finds out what is gone and records that an operator accepted it (N6).

use std::sync::Arc;

use nonsite_schemas::settings::KafkaSettings;
use nonsite_schemas::time::Clock;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::config::{Config, ConfigError};
use crate::consumer::client_config;
use crate::log::TableLog;
use crate::loss::{self, Acceptance};
use crate::pipeline::publish::START_SUFFIX;
use crate::service::ServiceError;
use crate::start::WATERMARK_TIMEOUT;
use crate::store::Store;
use crate::target::Target;

/// Accepts the loss of the records that the broker no longer has of `topic/partition`. The
/// acceptance that was recorded, or `None` if nothing is gone.
///
/// # Errors
/// The topic is not configured, the Kafka client refuses a setting, or broker or store do not
/// answer.
pub async fn after_loss(
    config: &Config,
    kafka: &KafkaSettings,
    store: &Store,
    clock: &Arc<dyn Clock>,
    topic: &str,
    partition: i32,
    (by, why): (&str, &str),
) -> Result<Option<Acceptance>, ServiceError> {
    let Some(known) = config.topics.iter().find(|known| known.name == topic) else {
        return Err(ServiceError::Config(ConfigError {
            key: "topics".to_owned(),
            detail: format!("`{topic}` is not one of them; name one that is read"),
        }));
    };
    let unreachable = |error: String| ServiceError::Unreachable(error);
    let app_id = config.app_id(topic, partition);
    let start = format!("{app_id}{START_SUFFIX}");
    let (mut offsets, mut first) = (Vec::new(), None);
    for table in Target::of(known.content) {
        let ids = [app_id.clone(), start.clone()];
        let log = TableLog::open(store, table.name(), ids, Arc::clone(clock))
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        offsets.push(log.txn(&app_id));
        first = first.or(log.txn(&start));
    }
    // No table knows the partition: nothing was promised, nothing can be lost.
    let Some(first) = first else { return Ok(None) };
    let next = offsets
        .into_iter()
        .map(|next| next.unwrap_or(first))
        .min()
        .unwrap_or(first);
    let consumer: BaseConsumer = client_config(kafka, config)
        .create()
        .map_err(ServiceError::of_client)?;
    let name = topic.to_owned();
    let low = tokio::task::spawn_blocking(move || {
        consumer
            .fetch_watermarks(&name, partition, WATERMARK_TIMEOUT)
            .map(|(low, _)| low)
    })
    .await
    .map_err(|error| unreachable(error.to_string()))?
    .map_err(|error| {
        unreachable(format!(
            "{topic}/{partition}: the broker does not say where it begins: {error}"
        ))
    })?;
    if low <= next {
        return Ok(None);
    }
    let acceptance = Acceptance {
        topic: topic.to_owned(),
        partition,
        from: next,
        to: low,
        by: by.to_owned(),
        why: why.to_owned(),
    };
    loss::accept(store, clock, &acceptance)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    Ok(Some(acceptance))
}
