//! The subcommands: each file parses its own arguments, calls the part that does the work and
//! prints the result. No logic lives here.

mod import;
mod ingest;
mod maintain;
mod packet;
mod quarantine;
mod schema;

use clap::Subcommand;

use crate::exit::Exit;
use crate::settings::Settings;

/// What `nonsite` can do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a CSV or Parquet export to Kafka as readings (backfill).
    Import(import::Args),
    /// Consume the configured topics into the tables, exactly once.
    Ingest(ingest::Args),
    /// Compaction, checkpoints, vacuum and log cleanup of the tables.
    Maintain(maintain::Args),
    /// Work on single HJ 212 packets.
    Packet(packet::Args),
    /// Messages that could not be used: list, show, drive again.
    Quarantine(quarantine::Args),
    /// Print JSON Schemas of the messages, or the reference of the tables.
    Schema(schema::Args),
}

impl Command {
    /// Runs the chosen command.
    pub(crate) async fn run(self, settings: &Settings) -> anyhow::Result<Exit> {
        match self {
            Self::Import(args) => import::run(args, settings).await,
            Self::Ingest(args) => ingest::run(&args, settings).await,
            Self::Maintain(args) => maintain::run(args, settings).await,
            Self::Packet(args) => packet::run(&args, settings),
            Self::Quarantine(args) => quarantine::run(args, settings).await,
            Self::Schema(args) => schema::run(&args),
        }
    }
}
