//! Clock, queue and exit codes of one command.

use std::sync::Arc;

use nonsite_analytics::ratio::RatioPolicies;
use nonsite_analytics::review::{
    Config, Error, Refusal, Service, StoreError, TableRecheck, TableRegistry, Target,
};
use nonsite_analytics::session;
use nonsite_schemas::time::{Clock, ManualClock, SystemClock};

use crate::commands::detect::classed;
use crate::exit::{Unreachable, Usage};
use crate::settings::Settings;

/// The instant to act at, and what the audit row says it came through.
pub(super) fn clock(at: Option<&str>) -> anyhow::Result<(Arc<dyn Clock>, String)> {
    match at {
        None => Ok((Arc::new(SystemClock), "cli".to_owned())),
        Some(text) => {
            let instant = nonsite_analytics::ratio::parse_as_of(text)
                .map_err(|error| Usage(format!("--at: {error}")))?;
            Ok((
                Arc::new(ManualClock::at(instant)),
                format!("cli --at {text}"),
            ))
        }
    }
}

pub(crate) async fn open(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<Service> {
    Service::open(config, clock)
        .await
        .map_err(|error| exit_code(error.into()))
}

/// Which failures are the caller's (2, a step that is not allowed included) and which are the
/// database's (3).
pub(super) fn exit_code(error: anyhow::Error) -> anyhow::Error {
    match error.downcast_ref::<Error>() {
        Some(Error::Refused {
            kind: Refusal::Missing,
            ..
        }) => Usage(format!(
            "{error}. Give what is missing as --NAME VALUE or --field NAME=VALUE"
        ))
        .into(),
        Some(
            Error::Config { .. }
            | Error::File { .. }
            | Error::Bundle(_)
            | Error::Refused { .. }
            | Error::NotFound(_)
            | Error::Ambiguous { .. }
            | Error::NothingToClaim(_)
            | Error::NotAPerson
            | Error::ForBodies(_),
        ) => Usage(error.to_string()).into(),
        Some(Error::Store(
            StoreError::Open { .. } | StoreError::Busy { .. } | StoreError::Unreachable { .. },
        ))
        | Some(Error::Acts { .. } | Error::Tables(session::Error::Store { .. })) => {
            Unreachable(error.to_string()).into()
        }
        _ => error,
    }
}

/// The queue with the counting policies its acts name, and the tables in which rules are run again and
/// units are looked up.
pub(crate) async fn queue(settings: &Settings, clock: Arc<dyn Clock>) -> anyhow::Result<Service> {
    let recheck = TableRecheck {
        store: settings.store.path.clone(),
        session: settings.session.clone(),
        detect: settings.detect.clone(),
    };
    let registry = TableRegistry {
        store: settings.store.path.clone(),
        session: settings.session.clone(),
    };
    let service = open(&settings.review, clock)
        .await?
        .with_recheck(Arc::new(recheck))
        .with_registry(Arc::new(registry));
    Ok(match &settings.ratio.policy {
        None => service,
        Some(path) => service
            .with_policies(RatioPolicies::load(path).map_err(|error| Usage(error.to_string()))?),
    })
}

/// Applies deadlines until `shutdown` resolves.
pub(crate) async fn tick(
    queue: Service,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<()> {
    queue
        .run(shutdown)
        .await
        .map_err(|error| exit_code(error.into()))
}

/// Brings the acts that wait into table `inspections`, directly or by their topic; how many.
pub(crate) async fn deliver(settings: &Settings, queue: &Service) -> anyhow::Result<usize> {
    let store = &settings.store.path;
    // What was delivered before is known from the tables: without them it would go out once more.
    session::present(store).map_err(classed)?;
    let topic = settings.review.acts_topic.as_str();
    if topic.is_empty() {
        return Ok(queue.deliver_acts(store).await?);
    }
    let kafka = &settings.kafka;
    let target = Target { kafka, topic };
    Ok(queue.publish_acts(store, &target).await?)
}

/// Brings the marks that wait into table `marks`; how many.
pub(crate) async fn deliver_marks(settings: &Settings, queue: &Service) -> anyhow::Result<usize> {
    let store = &settings.store.path;
    // As with acts: what was delivered before is known from the tables.
    session::present(store).map_err(classed)?;
    Ok(queue.deliver_marks(store).await?)
}
