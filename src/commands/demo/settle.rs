//! After the last message: final judgement, the queue, the ratio.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, Int64Type};
use nonsite_analytics::alert::publish;
use nonsite_analytics::detect::{self, Catalogue, Options};
use nonsite_analytics::ratio::{Cutoff, Period, compute, load_judged};
use nonsite_analytics::review::{Finding, Intake, Service, load_findings};
use nonsite_analytics::session::Session;
use nonsite_schemas::time::ManualClock;

use crate::commands::ratio;
use crate::settings::Settings;

/// What the demo ends in.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) report: detect::Report,
    pub(super) findings: Vec<Finding>,
    /// Messages and parts in quarantine, by reason.
    pub(super) quarantined: BTreeMap<String, i64>,
    /// Alerts in the outbox.
    pub(super) alerts: usize,
    /// Alerts the broker took; what is held or only repeats stays in the outbox.
    pub(super) delivered: usize,
    pub(super) intake: Intake,
    pub(super) queue: BTreeMap<String, i64>,
    pub(super) ratio: String,
    pub(super) band: String,
}

/// Judges everything once more as of the end of the data and fills the queue.
pub(super) async fn settle(settings: &Settings, as_of: i64) -> anyhow::Result<Settled> {
    let store = &settings.store.path;
    let catalogue = Catalogue::load(&settings.detect)?;
    let options = Options { as_of, full: false };
    let report = detect::run(
        store,
        &settings.detect,
        &settings.session,
        &catalogue,
        options,
    )
    .await?;
    let session = nonsite_analytics::session::open(store, &settings.session).await?;
    let findings = load_findings(session.ctx()).await?;
    let review = Service::open(&settings.review, Arc::new(ManualClock::at(as_of))).await?;
    let told = detect::dispatch(&session, as_of).await?;
    let intake = review.take_with(&findings, &BTreeSet::new(), &told).await?;
    let queue = review.counts().await?.into_iter().collect();

    let clock = ManualClock::at(as_of);
    let sent = publish::publish(store, &settings.kafka, &settings.alerts, &clock).await;
    let delivered = sent.unwrap_or_else(|error| {
        // They stay in the outbox, from which `nonsite detect` sends them.
        tracing::warn!(%error, "alerts were not delivered");
        0
    });

    let policies = ratio::policies(settings.ratio.policy.as_deref(), &settings.inspection)?;
    let acts = load_judged(session.ctx(), policies.checklists()).await?;
    let policy = policies.in_force(as_of)?;
    let period = Period::containing(policy.period, as_of);
    let ratio = compute(&acts, policy, Cutoff::as_of(as_of), &period);
    Ok(Settled {
        quarantined: counts(
            &session,
            "select reason, count(*) from quarantine group by reason",
        )
        .await?,
        alerts: counts(&session, "select kind, count(*) from alerts group by kind")
            .await?
            .values()
            .map(|count| usize::try_from(*count).unwrap_or(0))
            .sum(),
        delivered,
        report,
        findings,
        intake,
        queue,
        ratio: ratio.sentence(),
        band: ratio.band.sentence(policy.target_percent),
    })
}

/// A query of names and counts.
async fn counts(session: &Session, sql: &str) -> anyhow::Result<BTreeMap<String, i64>> {
    let mut counts = BTreeMap::new();
    for batch in session.ctx().sql(sql).await?.collect().await? {
        let names = arrow::compute::cast(batch.column(0), &DataType::Utf8)?;
        let names = names.as_string::<i32>();
        let numbers = batch.column(1).as_primitive::<Int64Type>();
        for row in 0..batch.num_rows() {
            counts.insert(names.value(row).to_owned(), numbers.value(row));
        }
    }
    Ok(counts)
}
