//! Who read what over the REST API: for SQL, and as a list.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use nonsite_access::sql::ReadLog;
use nonsite_analytics::ratio::parse_as_of;
use nonsite_analytics::review::{Config, Read, ReadsWanted, Service, beijing_text};
use nonsite_schemas::time::SystemClock;
use tokio::sync::OnceCell;

use super::setup::{exit_code, open};
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

/// The log in the queue's database, which is opened when it is asked for.
#[derive(Debug)]
struct QueueLog {
    config: Config,
    queue: OnceCell<Service>,
}

/// The log of reads of the configured queue.
pub(crate) fn read_log(settings: &Settings) -> Arc<dyn ReadLog> {
    Arc::new(QueueLog {
        config: settings.review.clone(),
        queue: OnceCell::new(),
    })
}

impl QueueLog {
    async fn find(&self, wanted: ReadsWanted) -> Result<Vec<Read>, String> {
        let address = self.config.database.to_string_lossy();
        // Looking does not make a queue where there is none.
        if !address.starts_with("postgres") && !self.config.database.exists() {
            return Ok(Vec::new());
        }
        let opened = self
            .queue
            .get_or_try_init(|| Service::open(&self.config, Arc::new(SystemClock)))
            .await;
        let queue = opened.map_err(|error| error.to_string())?;
        queue
            .reads(&wanted)
            .await
            .map_err(|error| error.to_string())
    }
}

impl ReadLog for QueueLog {
    fn reads(&self, wanted: ReadsWanted) -> BoxFuture<'_, Result<Vec<Read>, String>> {
        self.find(wanted).boxed()
    }
}

/// Which reads.
#[derive(Debug, clap::Args)]
pub(crate) struct Reads {
    /// Who read.
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// What kind of thing: case, file, document, package, anomaly, inspection, permit ...
    #[arg(long)]
    kind: Option<String>,
    /// Which one, by its id.
    #[arg(long, value_name = "ID")]
    subject: Option<String>,
    /// Not before this: an instant, a Beijing time, or a Beijing day (its end).
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this.
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most this many, the latest; 0 for all.
    #[arg(long, default_value_t = 100)]
    limit: u32,
    /// How to print.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Lists who read what.
pub(crate) async fn reads(args: Reads, settings: &Settings) -> anyhow::Result<Exit> {
    let instant = |name: &str, text: Option<&str>| {
        let bad = |error: &dyn std::fmt::Display| Usage(format!("--{name}: {error}"));
        text.map(|text| parse_as_of(text).map_err(|error| bad(&error)))
            .transpose()
    };
    let wanted = ReadsWanted {
        since: instant("since", args.since.as_deref())?,
        until: instant("until", args.until.as_deref())?,
        actor: args.actor,
        kind: args.kind,
        subject: args.subject,
        limit: args.limit,
        ..ReadsWanted::default()
    };
    let service = open(&settings.review, Arc::new(SystemClock)).await?;
    let found = service.reads(&wanted).await;
    let reads = found.map_err(|error| exit_code(error.into()))?;
    let mut listing = Listing::new(&[
        "seq", "at", "actor", "role", "org", "kind", "subject", "part", "query", "status",
    ]);
    for read in &reads {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        listing.row([
            read.seq.to_string(),
            beijing_text(read.at),
            read.actor.clone(),
            read.role.clone(),
            text(&read.org_code),
            read.kind.clone(),
            text(&read.subject),
            text(&read.part),
            text(&read.query),
            read.status.to_string(),
        ]);
    }
    listing.print(args.format, &reads)?;
    Ok(Exit::Done)
}
