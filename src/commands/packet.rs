//! `nonsite packet check`: a verdict per HJ 212 packet.
//!
//! One JSON line in, one JSON line out, in the same order; a line that is no JSON gets a verdict as
//! well. Verdicts are the result, not a fault: the command ends with 0 whatever they are.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nonsite_ingest::service::load_stations;
use nonsite_schemas::hj212::Stations;
use nonsite_schemas::hj212::check::Checker;

use crate::exit::{Exit, Usage};
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
        /// Stations file: which CRC dialects and SM4 keys hold for which station [default: with -c
        /// that configuration's `ingest.stations`, else none].
        #[arg(long, value_name = "FILE")]
        stations: Option<PathBuf>,
    },
}

pub(crate) fn run(args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    let Action::Check { file, stations } = &args.action;
    let checker = Checker::new(known(stations.as_deref(), settings)?);
    let outcome = if file == Path::new("-") {
        check_all(&checker, io::stdin().lock(), file)
    } else {
        let input = File::open(file).map_err(|error| unreadable(file, &error))?;
        check_all(&checker, BufReader::new(input), file)
    };
    outcome.map(|()| Exit::Done)
}

/// What is known of the stations: from the file named, else as ingest with this configuration has it.
fn known(file: Option<&Path>, settings: &Settings) -> anyhow::Result<Stations> {
    let Some(path) = file else {
        if !settings.named {
            return Ok(Stations::default());
        }
        let stations =
            load_stations(&settings.ingest.stations).map_err(|error| Usage(error.to_string()))?;
        return Ok(Arc::unwrap_or_clone(stations));
    };
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Stations::from_toml(&text)
        .map_err(|error| Usage(format!("{}: {error}", path.display())))
        .map_err(anyhow::Error::new)
}

fn check_all(checker: &Checker, mut input: impl BufRead, file: &Path) -> anyhow::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = input
            .read_until(b'\n', &mut line)
            .map_err(|error| unreadable(file, &error))?;
        if length == 0 {
            break;
        }
        let text = String::from_utf8_lossy(line.trim_ascii());
        if text.is_empty() {
            continue;
        }
        match writeln!(output, "{}", checker.check_line(&text)) {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            other => other?,
        }
    }
    match output.flush() {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

fn unreadable(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow::Error::new(Usage(format!("cannot read `{}`: {error}", path.display())))
}
