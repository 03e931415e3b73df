//! `nonsite sql`: one read-only query over the tables and views.

use std::io::Read;
use std::sync::Arc;

use nonsite_analytics::ratio::register_view;
use nonsite_analytics::session::{self, render};
use nonsite_schemas::time::SystemClock;

use crate::commands::detect::classed;
use crate::commands::ratio::policies;
use crate::exit::{Exit, Usage};
use crate::output::Format;
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The query; read from standard input when absent.
    #[arg(short, long, value_name = "SQL")]
    execute: Option<String>,
    /// How to print the rows.
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    let query = match args.execute {
        Some(query) => query,
        None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text)?;
            text
        }
    };
    if query.trim().is_empty() {
        return Err(
            Usage("there is no query: give one with -e or on standard input".to_owned()).into(),
        );
    }
    let session = session::open(&settings.store.path, &settings.session)
        .await
        .map_err(classed)?;
    let policies = policies(settings.ratio.policy.as_deref())?;
    register_view(session.ctx(), &policies, Arc::new(SystemClock)).await?;
    // What is wrong with a query is for its author to change.
    let batches = session
        .read(&query)
        .await
        .map_err(|error| Usage(error.to_string()))?;
    match args.format {
        Format::Table => println!("{}", render::table(&batches)?),
        Format::Json => println!("{}", render::json(&batches)?),
        Format::Csv => print!("{}", render::csv(&batches)?),
    }
    Ok(Exit::Done)
}
