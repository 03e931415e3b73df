//! `nonsite schema`: what messages and tables look like.

use std::io::{ErrorKind, Write};

use nonsite_schemas::tables;
use nonsite_schemas::wire::export::Message;

use crate::exit::Exit;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to print; without it, what there is.
    subject: Option<Subject>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Subject {
    /// JSON Schema of a message with readings.
    Reading,
    /// JSON Schema of a permit document.
    Permit,
    /// JSON Schema of an inspection act.
    Inspection,
    /// JSON Schema of an alert (CloudEvents).
    Alert,
    /// Reference of all tables and columns, as Markdown.
    Tables,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let text = match args.subject {
        Some(Subject::Reading) => Message::Reading.schema(),
        Some(Subject::Permit) => Message::Permit.schema(),
        Some(Subject::Inspection) => Message::Inspection.schema(),
        Some(Subject::Alert) => Message::Alert.schema(),
        Some(Subject::Tables) => tables::markdown(),
        None => {
            Message::ALL
                .iter()
                .map(|message| format!("{}\n", message.name()))
                .collect::<String>()
                + "tables\n"
        }
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Done),
    }
}
