//! `nonsite schema`: what messages and tables look like.

use std::io::{ErrorKind, Write};

use clap::ValueEnum;
use clap::builder::PossibleValue;
use nonsite_schemas::tables;
use nonsite_schemas::wire::export::Message;
use serde_json::json;

use crate::exit::Exit;
use crate::output::{Format, Listing};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What to print; without it, what there is.
    subject: Option<Subject>,
    /// How to print what there is [default: the bare names].
    #[arg(long, value_enum, conflicts_with = "subject")]
    format: Option<Format>,
}

/// What can be printed: every message type there is, and the tables.
#[derive(Debug, Clone, Copy)]
enum Subject {
    Message(Message),
    Tables,
}

/// Made from the list of message types, so that a new type cannot be listed and not be printed.
const SUBJECTS: [Subject; Message::ALL.len() + 1] = {
    let mut subjects = [Subject::Tables; Message::ALL.len() + 1];
    let mut at = 0;
    while at < Message::ALL.len() {
        subjects[at] = Subject::Message(Message::ALL[at]);
        at += 1;
    }
    subjects
};

impl Subject {
    const fn name(self) -> &'static str {
        match self {
            Self::Message(message) => message.name(),
            Self::Tables => "tables",
        }
    }

    fn what(self) -> String {
        match self {
            Self::Message(message) => format!("JSON Schema of {}", message.what()),
            Self::Tables => "Reference of all tables and columns, as Markdown".to_owned(),
        }
    }
}

impl ValueEnum for Subject {
    fn value_variants<'a>() -> &'a [Self] {
        &SUBJECTS
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.what()))
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    if let Some(format) = args.format {
        list(format)?;
        return Ok(Exit::Done);
    }
    let text = match args.subject {
        Some(Subject::Message(message)) => message.schema(),
        Some(Subject::Tables) => tables::markdown(),
        None => SUBJECTS
            .iter()
            .map(|subject| format!("{}\n", subject.name()))
            .collect(),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        // A reader that has seen enough, such as `head`, is no failure.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Exit::Done),
    }
}

fn list(format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&["subject", "what"]);
    let mut items = Vec::new();
    for subject in SUBJECTS {
        listing.row([subject.name().to_owned(), subject.what()]);
        items.push(json!({"subject": subject.name(), "what": subject.what()}));
    }
    listing.print(format, &items)
}
