//! `nonsite audit`: the proof that no decision was changed behind the chain's back, and who read what.

use clap::Subcommand;

use super::review;
use crate::exit::Exit;
use crate::output::Format;
use crate::settings::Settings;

/// The audit chain of the review queue, and its log of reads.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Walk the whole chain; exit code 1 names the first broken row.
    Verify {
        /// Head of an earlier audit: also notice that the end was cut off.
        #[arg(long, value_name = "HASH")]
        expect_head: Option<String>,
        /// How to print: table or json.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Who read which case, file or finding over the REST API, the latest first.
    Reads(review::Reads),
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    match args.action {
        Action::Verify {
            expect_head,
            format,
        } => {
            format.without_list("audit verify")?;
            review::audit(settings, expect_head, format).await
        }
        Action::Reads(wanted) => review::reads(wanted, settings).await,
    }
}
