//! `nonsite sql`: questions to the tables from the command line, one at a time or in a shell.
//!
//! It goes the way of the servers (guard, catalogue, limits of `[serve.sql]`), in this process and
//! as a user who sees everything: whoever can run it can read the files.

mod complete;
mod describe;
mod output;
mod shell;

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use futures::StreamExt;
use nonsite_access::sql::catalogue::{Catalogue, rules};
use nonsite_access::sql::guard::{self, Step};
use nonsite_access::sql::log::Asked;
use nonsite_access::sql::run::{Run, Stop};
use nonsite_access::sql::{Engine, Fault, FaultKind, Setup, User, Users};
use nonsite_analytics::session;
use nonsite_schemas::time::SystemClock;

use crate::commands::detect::classed;
use crate::commands::ratio::policies;
use crate::commands::review::read_log;
use crate::exit::{Exit, Unreachable, Usage};
use crate::progress::Progress;
use crate::settings::Settings;

use output::Form;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The query; without it, a shell on a terminal, else read from standard input.
    #[arg(short, long, value_name = "SQL")]
    execute: Option<String>,
    /// How to print the rows.
    #[arg(long, value_enum, default_value_t)]
    format: Form,
    /// Write the rows to this file instead of printing them; parquet needs it.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) async fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    if args.execute.is_none() && std::io::stdin().is_terminal() {
        let asker = Asker::open(settings)?;
        return shell::run(&asker, args.format, args.output).await;
    }
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
    let asker = Asker::open(settings)?;
    asker.ready().await?;
    let mut target = output::Target::new(args.format, args.output)?;
    for step in guard::steps(&query).map_err(asked)? {
        if let Some(batches) = asker.answer(&query, &step).await.map_err(asked)? {
            target.write(&batches)?;
        }
    }
    target.finish()?;
    Ok(Exit::Done)
}

/// What is wrong with a question is for its author to change.
fn asked(fault: Fault) -> anyhow::Error {
    match fault.kind {
        FaultKind::Engine => Unreachable(fault.what).into(),
        _ => Usage(fault.what).into(),
    }
}

/// What asks: the engine of the servers, in this process.
struct Asker {
    engine: Arc<Engine>,
    user: User,
    stop: Stop,
}

impl Asker {
    fn open(settings: &Settings) -> anyhow::Result<Self> {
        // The engine is a server's, which would wait for the folder.
        session::present(&settings.store.path).map_err(classed)?;
        let known =
            nonsite_analytics::detect::Catalogue::load(&settings.detect).map_err(classed)?;
        let mut config = settings.serve.sql.clone();
        // Nobody else waits for the processor.
        config.threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let setup = Setup {
            store: settings.store.path.clone(),
            session: settings.session.clone(),
            config,
            policies: policies(settings.ratio.policy.as_deref(), &settings.inspection)?,
            rules: rules(&known)?,
            users: Users::none(),
            reads: Some(read_log(settings)),
            clock: Arc::new(SystemClock),
        };
        let engine = Engine::start(setup).map_err(|error| Usage(error.to_string()))?;
        Ok(Self {
            engine,
            user: User::local(),
            stop: Stop::default(),
        })
    }

    async fn catalogue(&self) -> Result<Arc<Catalogue>, Fault> {
        self.engine.catalogue(&self.user).await
    }

    /// Opens the tables, so that a store that cannot be read is told as such.
    async fn ready(&self) -> anyhow::Result<()> {
        self.catalogue()
            .await
            .map(drop)
            .map_err(|fault| Unreachable(fault.what).into())
    }

    /// Rows of a query, at least one batch with its columns; nothing for other steps.
    async fn answer(&self, text: &str, step: &Step) -> Result<Option<Vec<RecordBatch>>, Fault> {
        let query = match step {
            Step::Query(query) => query,
            Step::Begin | Step::End { .. } | Step::Nothing(_) => return Ok(None),
            _ => {
                return Err(Fault::new(
                    FaultKind::Unsupported,
                    "this belongs to a connection of the server; here, ask queries",
                ));
            }
        };
        let catalogue = self.catalogue().await?;
        let state = catalogue.state();
        let (user, query) = (&self.user.name, query.as_ref().clone());
        let planning = self
            .engine
            .plan(user, state.clone(), query, None, &self.stop);
        let plan = tokio::select! {
            plan = planning => plan?,
            _ = tokio::signal::ctrl_c() => return Err(Fault::stopped()),
        };
        let run = Run {
            asked: Asked {
                user: self.user.name.clone(),
                via: "shell",
                client: String::new(),
                application: "nonsite sql".to_owned(),
                text: text.to_owned(),
            },
            state,
            plan,
            timeout: None,
            stop: self.stop.clone(),
        };
        let progress = Progress::of_rows();
        let running = self.engine.run(run);
        let mut answer = tokio::select! {
            answer = running => answer?,
            _ = tokio::signal::ctrl_c() => return Err(Fault::stopped()),
        };
        let scans = answer.scans();
        let mut tick = tokio::time::interval(Progress::TICK);
        let mut batches = Vec::new();
        loop {
            tokio::select! {
                batch = answer.next() => match batch {
                    Some(batch) => {
                        let batch = batch?;
                        progress.rows(batch.num_rows());
                        batches.push(batch);
                    }
                    None => break,
                },
                // Dropping the answer ends the query.
                _ = tokio::signal::ctrl_c() => return Err(Fault::stopped()),
                _ = tick.tick() => {
                    if let Some((read, all)) = scans.files() {
                        progress.files(read, all);
                    }
                }
            }
        }
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(answer.schema()));
        }
        Ok(Some(batches))
    }
}
