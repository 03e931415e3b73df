//! The subcommands: each file parses its own arguments, calls the part that does the work and
//! prints the result. No logic lives here.

mod anomaly;
mod audit;
mod demo;
pub(crate) mod detect;
mod import;
mod ingest;
mod inspection;
mod maintain;
mod packet;
mod quarantine;
mod ratio;
mod review;
mod rules;
mod rules_events;
mod run;
mod schema;
mod serve;
mod sql;
mod stats;
mod token;
mod user;
mod verify;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

/// What `nonsite` can do.
#[derive(Debug, Subcommand)]
#[expect(clippy::large_enum_variant, reason = "parsed once per process")]
pub(crate) enum Command {
    /// Findings: list, show with evidence, export, compute again.
    Anomaly(anomaly::Args),
    /// Verify the audit chain of the review queue; who read what.
    Audit(audit::Args),
    /// The whole pipeline on a generated province with known faults.
    ///
    /// `serve` and `maintain` are left out: start them on what it wrote, with `-c D/nonsite.toml`.
    Demo(demo::Args),
    /// Run the rules over what is new, or over everything.
    Detect(detect::Args),
    /// Send a CSV or Parquet export to Kafka as readings (backfill).
    Import(import::Args),
    /// Consume the configured topics into the tables, exactly once.
    Ingest(ingest::Args),
    /// Checklists, records, drawing of units and officers, samples of closed cases.
    Inspection(inspection::Args),
    /// Compaction, checkpoints, vacuum and log cleanup of the tables.
    Maintain(maintain::Args),
    /// Work on single HJ 212 packets.
    Packet(packet::Args),
    /// Messages that could not be used: list, show, drive again.
    Quarantine(quarantine::Args),
    /// The off-site ratio with its band, and the inspections behind it.
    Ratio(ratio::Args),
    /// Work on the review queue.
    Review(review::Args),
    /// The rule catalogue: list, show, test, check a series.
    Rules(rules::Args),
    /// Ingestion, detection, review deadlines, servers and maintenance in one process.
    Run(run::Args),
    /// Print JSON Schemas of the messages, or the reference of the tables.
    Schema(schema::Args),
    /// Answer SQL over the PostgreSQL wire and Arrow Flight SQL, and HTTP beside them.
    Serve(serve::Args),
    /// Query the tables and views, read-only.
    Sql(sql::Args),
    /// Targets beside the ratio: case work, checklists, audits, each down to its rows.
    Stats(stats::Args),
    /// Make a token for the REST API; it is printed once.
    Token(token::Args),
    /// Who may ask the server: add, remove, list.
    User(user::Args),
    /// Prove that every record is in exactly one place; exit 1 on any finding.
    Verify(verify::Args),
}

impl Command {
    /// What is logged unless `NONSITE_LOG` says otherwise: services tell what they do, commands
    /// that print a result only what is wrong.
    pub(crate) fn log_filter(&self) -> &'static str {
        match self {
            Self::Ingest(_)
            | Self::Run(_)
            | Self::Detect(_)
            | Self::Maintain(_)
            | Self::Serve(_) => "warn,nonsite=info",
            _ => "warn",
        }
    }

    /// Runs the chosen command.
    pub(crate) async fn run(self, settings: &Settings) -> anyhow::Result<Exit> {
        match self {
            Self::Anomaly(args) => anomaly::run(args, settings).await,
            Self::Audit(args) => audit::run(args, settings).await,
            Self::Demo(args) => demo::run(&args, settings).await,
            Self::Detect(args) => detect::run(args, settings).await,
            Self::Import(args) => import::run(args, settings).await,
            Self::Ingest(args) => ingest::run(&args, settings).await,
            Self::Inspection(args) => inspection::run(args, settings).await,
            Self::Maintain(args) => maintain::run(args, settings).await,
            Self::Packet(args) => packet::run(&args, settings),
            Self::Quarantine(args) => quarantine::run(args, settings).await,
            Self::Ratio(args) => ratio::run(&args, settings).await,
            Self::Review(args) => review::run(args, settings).await,
            Self::Rules(args) => rules::run(args, settings).await,
            Self::Run(args) => run::run(&args, settings).await,
            Self::Schema(args) => schema::run(&args),
            Self::Serve(args) => serve::run(&args, settings).await,
            Self::Sql(args) => sql::run(args, settings).await,
            Self::Stats(args) => stats::run(&args, settings).await,
            Self::Token(args) => token::run(&args),
            Self::User(args) => user::run(args, settings),
            Self::Verify(args) => verify::run(&args, settings).await,
        }
    }
}
