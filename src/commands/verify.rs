//! `nonsite verify`: proves that every record is in exactly one place.

use std::sync::Arc;

use nonsite_ingest::Store;
use nonsite_ingest::verify::{Proof, Verification, VerifyError, verify};
use nonsite_schemas::time::{Clock, SystemClock};

use crate::exit::{Exit, Unreachable, Usage};
use crate::output::{Format, Listing};
use crate::progress::during;
use crate::settings::Settings;

/// Arguments of `nonsite verify`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Compare with the broker: watermarks, and records in offsets without rows are read again.
    #[arg(long)]
    against_broker: bool,
    /// How to print; csv has the findings only.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Print as JSON; the same as `--format json`.
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    // Without a proof there is no verdict: whatever cannot be read is exit code 3 and a wrong
    // setting 2, never 1, which says that something was found.
    let store = Store::open_existing(&settings.store.path)
        .map_err(|error| Unreachable(error.to_string()))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let broker = args.against_broker.then_some(&settings.kafka);
    let proving = verify(&settings.ingest, &store, &clock, broker);
    let verification = during("proving", proving).await.map_err(fault)?;
    match if args.json { Format::Json } else { args.format } {
        Format::Json => println!("{}", serde_json::to_string_pretty(&verification)?),
        format => print(&verification, format)?,
    }
    Ok(if verification.findings.is_empty() {
        Exit::Done
    } else {
        Exit::Finding
    })
}

fn fault(error: VerifyError) -> anyhow::Error {
    if error.is_usage() {
        Usage(error.to_string()).into()
    } else {
        Unreachable(error.to_string()).into()
    }
}

fn print(verification: &Verification, format: Format) -> anyhow::Result<()> {
    if format == Format::Csv {
        // One list with one header, whether or not something was found.
        return findings(verification).print(format, &verification.findings);
    }
    println!("{}", proofs(verification).table());
    for topic in &verification.untouched {
        println!("of topic `{topic}` nothing has come in: nothing is said about it");
    }
    if !verification.findings.is_empty() {
        println!("{}", findings(verification).table());
    } else if !verification.partitions.is_empty() {
        println!("every record is in exactly one place (N1), every offset agrees (N2)");
    }
    Ok(())
}

fn proofs(verification: &Verification) -> Listing {
    let mut proofs = Listing::new(&[
        "topic",
        "partition",
        "first",
        "next",
        "rows",
        "quarantined",
        "lost",
        "holes",
        "lag",
    ]);
    for proof in &verification.partitions {
        let Proof {
            topic,
            partition,
            first,
            next,
            accepted,
            quarantined,
            lost,
            holes,
            lag,
            ..
        } = proof;
        proofs.row([
            topic.clone(),
            partition.to_string(),
            first.to_string(),
            next.to_string(),
            accepted.to_string(),
            quarantined.to_string(),
            lost.to_string(),
            holes.to_string(),
            lag.map(|lag| lag.to_string()).unwrap_or_default(),
        ]);
    }
    proofs
}

fn findings(verification: &Verification) -> Listing {
    let mut findings = Listing::new(&[
        "finding",
        "topic",
        "partition",
        "table",
        "from",
        "to",
        "detail",
    ]);
    for finding in &verification.findings {
        findings.row([
            format!("{:?}", finding.kind),
            finding.topic.clone(),
            finding.partition.to_string(),
            finding.table.unwrap_or_default().to_owned(),
            finding.from.to_string(),
            finding.to.to_string(),
            finding.detail.clone(),
        ]);
    }
    findings
}
