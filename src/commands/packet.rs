//! `nonsite packet check`: a verdict per HJ 212 packet.

use std::path::PathBuf;

use crate::exit::Exit;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Check packets: JSONL in (`packet` text or `packet_hex`), one JSON verdict per line out.
    Check {
        /// File to read, `-` for standard input.
        #[arg(default_value = "-")]
        file: PathBuf,
    },
}

pub(crate) fn run(args: &Args, _settings: &Settings) -> anyhow::Result<Exit> {
    let Action::Check { file } = &args.action;
    anyhow::bail!("no packet could be read from `{}`", file.display())
}
