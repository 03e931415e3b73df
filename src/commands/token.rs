//! `nonsite token`: somebody new may call the REST API.
//!
//! The token is printed once and kept nowhere; the configuration holds its SHA-256.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use nonsite_access::rest::{Config, User, new_token};
use nonsite_analytics::review::Role;
use serde::Serialize;

use crate::exit::{Exit, Usage};

/// A token, and the entry of the configuration that lets it in.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Id of the person, as audit rows will have it.
    #[arg(long)]
    name: String,
    /// What they may act as: analyst, enterprise, officer, reviewer, approver, legal, investigator,
    /// archivist or supervisor; the first is the one they usually act in.
    #[arg(long, required = true)]
    role: Vec<String>,
    /// Their body: they see its cases and those of the bodies below. Left out: all.
    #[arg(long, value_name = "CODE")]
    org: Option<String>,
    /// Permits of the units that an enterprise answers for.
    #[arg(long, value_name = "NUMBER")]
    permit: Vec<String>,
    /// Number of the enforcement certificate.
    #[arg(long)]
    certificate: Option<String>,
    /// Last Beijing day on which the token is good, `YYYY-MM-DD`.
    #[arg(long, value_name = "DAY")]
    expires: Option<NaiveDate>,
    /// Print both as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Entry<'e> {
    serve: Serve<'e>,
}

#[derive(Serialize)]
struct Serve<'e> {
    rest: Callers<'e>,
}

#[derive(Serialize)]
struct Callers<'e> {
    callers: [&'e User; 1],
}

pub(crate) fn run(args: &Args) -> anyhow::Result<Exit> {
    let role = |code: &String| {
        Role::from_code(code).ok_or_else(|| Usage(format!("--role {code}: there is no such role")))
    };
    let (token, token_sha256) = new_token();
    let user = User {
        name: args.name.trim().to_owned(),
        roles: args.role.iter().map(role).collect::<Result<_, _>>()?,
        org: args.org.clone(),
        permits: args.permit.iter().cloned().collect::<BTreeSet<_>>(),
        certificate: args.certificate.clone(),
        token_sha256,
        expires: args.expires,
    };
    let checked = Config {
        callers: vec![user.clone()],
        ..Config::default()
    };
    checked
        .validate("127.0.0.1:0", false)
        .map_err(|error| Usage(error.problem))?;
    if args.json {
        let both = serde_json::json!({"token": token, "caller": user});
        println!("{}", serde_json::to_string_pretty(&both)?);
        return Ok(Exit::Done);
    }
    // Standard output is what goes into the configuration; the token goes to its owner.
    eprintln!("token of {}, shown this once: {token}", user.name);
    let callers = [&user];
    let entry = Entry {
        serve: Serve {
            rest: Callers { callers },
        },
    };
    print!("{}", toml::to_string(&entry)?);
    Ok(Exit::Done)
}
