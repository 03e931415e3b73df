//! `nonsite`: off-site environmental enforcement, one binary.
//!
//! This crate only composes: it parses the command line, loads the settings, calls the part that
//! does the work, and prints what came back. One file per subcommand under `commands/`.

mod commands;
mod exit;
mod memory;
mod output;
mod progress;
mod settings;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use crate::commands::Command;
use crate::settings::Settings;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Off-site environmental enforcement: HJ 212 from Kafka into Delta exactly once, anomalies by
/// rules, the off-site ratio, and the online rectification queue.
#[derive(Debug, Parser)]
#[command(name = "nonsite", version, propagate_version = true)]
struct Cli {
    /// Configuration file [default: nonsite.toml in the working folder, if there is one].
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// Ends quietly when whoever reads standard output has gone, as `nonsite ... | head` does.
///
/// `println!` panics then. The signal's default would do as well, but would also end a service
/// whose client closed a connection.
fn end_quietly_on_a_closed_pipe() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = panic.payload().downcast_ref::<String>();
        if text.is_some_and(|text| {
            text.starts_with("failed printing to stdout") && text.contains("Broken pipe")
        }) {
            std::process::exit(0);
        }
        report(panic);
    }));
}

fn main() -> ExitCode {
    memory::return_what_is_freed();
    end_quietly_on_a_closed_pipe();
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("NONSITE_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(cli.command.log_filter())),
        )
        .with_writer(std::io::stderr)
        // Colour codes are for eyes, not for files and pipes.
        .with_ansi(std::io::stderr().is_terminal())
        .init();
    let outcome = Settings::load(cli.config.as_deref()).and_then(|settings| {
        tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?
            .block_on(cli.command.run(&settings))
    });
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("nonsite: {error:#}");
            exit::code_of(&error)
        }
    }
}
