//! `nonsite user`: who may ask the server.

use std::collections::BTreeSet;
use std::io::{BufRead, IsTerminal, Write};

use nonsite_access::sql::Users;
use serde::Serialize;

use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

/// Arguments of `nonsite user`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Add a user, or give a known one a new password and new rights.
    ///
    /// The password is asked for, or read as one line from standard input. The file keeps what
    /// SCRAM-SHA-256 derives from it, never the password.
    Add {
        /// Name, e.g. alice.
        name: String,
        /// Body whose rows the user sees; repeat for several. Without it, all rows.
        #[arg(long, value_name = "CODE")]
        org: Vec<String>,
        /// The user sees everybody's queries in the query log.
        #[arg(long)]
        admin: bool,
    },
    /// Remove a user; connections that are open stay until they close.
    Remove {
        /// Name.
        name: String,
    },
    /// The users and what they see.
    List {
        /// How to print them.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
}

#[derive(Serialize)]
struct Shown {
    name: String,
    orgs: Option<BTreeSet<String>>,
    admin: bool,
}

pub(crate) fn run(args: Args, settings: &Settings) -> anyhow::Result<Exit> {
    let fault = |error: nonsite_access::Error| anyhow::Error::from(Usage(error.to_string()));
    let users = Users::open(&settings.serve.users).map_err(fault)?;
    match args.action {
        Action::Add { name, org, admin } => {
            let password = password(&name)?;
            let orgs = (!org.is_empty()).then(|| org.into_iter().collect());
            users.put(&name, &password, orgs, admin).map_err(fault)?;
            println!("{name} may log in");
        }
        Action::Remove { name } => {
            if !users.remove(&name).map_err(fault)? {
                return Err(Usage(format!("there is no user `{name}`")).into());
            }
            println!("{name} may not log in any more");
        }
        Action::List { format } => {
            let shown: Vec<Shown> = users
                .all()
                .into_iter()
                .map(|user| Shown {
                    name: user.name,
                    orgs: user.orgs,
                    admin: user.admin,
                })
                .collect();
            let mut listing = Listing::new(&["user", "sees", "admin"]);
            for user in &shown {
                let sees = user.orgs.as_ref().map_or("all rows".to_owned(), |orgs| {
                    orgs.iter().cloned().collect::<Vec<_>>().join(", ")
                });
                let admin = if user.admin { "yes" } else { "" };
                listing.row([user.name.clone(), sees, admin.to_owned()]);
            }
            listing.print(format, &shown)?;
        }
    }
    Ok(Exit::Done)
}

/// One line: without echo from a terminal, else as it comes.
fn password(name: &str) -> anyhow::Result<String> {
    let terminal = std::io::stdin().is_terminal();
    if terminal {
        eprint!("password of {name}: ");
        std::io::stderr().flush()?;
    }
    let echo = terminal.then(Silence::start);
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    if echo.is_some() {
        eprintln!();
    }
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal does not show what is typed, until this is dropped.
struct Silence;

impl Silence {
    fn start() -> Self {
        stty("-echo");
        Self
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        stty("echo");
    }
}

/// Where there is no `stty`, what is typed is seen, and the password is read all the same.
fn stty(mode: &str) {
    let _ = std::process::Command::new("stty").arg(mode).status();
}
