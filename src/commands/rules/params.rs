//! `nonsite rules params`: parameters that differ for an industry or an outlet, for a time.

use nonsite_analytics::detect::Catalogue;
use nonsite_analytics::detect::params::store::{all, in_force, revoke, set};
use nonsite_analytics::detect::params::{Layer, Override};
use nonsite_analytics::review::beijing_text;
use nonsite_schemas::time::{Clock, SystemClock};

use crate::commands::detect::{classed, instant};
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, clap::Subcommand)]
pub(super) enum Action {
    /// What is in force.
    List {
        /// In force at this time instead of now.
        #[arg(long, value_name = "TIME")]
        at: Option<String>,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Every decision ever recorded, those that were revoked or have expired as well.
    History {
        /// Of this rule only.
        id: Option<String>,
        /// How to print it.
        #[arg(long, value_enum, default_value_t)]
        format: Format,
    },
    /// Set a value for an industry or an outlet; it replaces what was set for the same.
    Set {
        #[command(flatten)]
        what: What,
        /// The value, within the bounds of the rule's file.
        #[arg(long)]
        value: f64,
        /// Windows that start from then on are judged with the rule's own value again.
        #[arg(long, value_name = "TIME")]
        expires: String,
    },
    /// End what was set.
    Revoke {
        #[command(flatten)]
        what: What,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct What {
    /// Id of the rule, e.g. E01.
    id: String,
    /// Name of the parameter (`nonsite rules show ID`).
    parameter: String,
    /// For this outlet (national outlet id).
    #[arg(
        long,
        conflicts_with = "industry",
        required_unless_present = "industry"
    )]
    outlet: Option<String>,
    /// For this industry: two to four leading digits of its code (GB/T 4754).
    #[arg(long)]
    industry: Option<String>,
    /// Why.
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Who decides.
    #[arg(long, value_name = "NAME")]
    author: String,
    /// From when on, by the start of what is judged; now when absent.
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
}

impl What {
    fn row(self, value: f64, expires_at: i64) -> anyhow::Result<Override> {
        let now = SystemClock.now_micros();
        let from_time = self.from.as_deref().map(instant).transpose()?;
        let (layer, key) = match (self.outlet, self.industry) {
            (Some(outlet), None) => (Layer::Outlet, outlet),
            (None, Some(industry)) => (Layer::Industry, industry),
            _ => return Err(Usage("give --outlet or --industry".to_owned()).into()),
        };
        Ok(Override {
            rule_id: self.id,
            parameter: self.parameter,
            layer,
            key,
            value,
            reason: self.reason,
            author: self.author,
            from_time: from_time.unwrap_or(now),
            expires_at,
            recorded_at: now,
            revoked: false,
        })
    }
}

pub(super) async fn run(
    action: Action,
    catalogue: &Catalogue,
    settings: &Settings,
) -> anyhow::Result<Exit> {
    let store = &settings.store.path;
    let session = nonsite_analytics::session::open(store, &settings.session)
        .await
        .map_err(classed)?;
    match action {
        Action::List { at, format } => {
            let at = at.as_deref().map(instant).transpose()?;
            let at = at.unwrap_or_else(|| SystemClock.now_micros());
            let rows = all(&session).await.map_err(classed)?;
            print(&in_force(&rows, at), format)?;
        }
        Action::History { id, format } => {
            let rows = all(&session).await.map_err(classed)?;
            let of = |row: &&Override| id.as_ref().is_none_or(|id| row.rule_id == *id);
            print(&rows.iter().filter(of).collect::<Vec<_>>(), format)?;
        }
        Action::Set {
            what,
            value,
            expires,
        } => {
            let row = what.row(value, instant(&expires)?)?;
            set(store, &session, catalogue, &row)
                .await
                .map_err(classed)?;
            println!(
                "{} {} = {} for {} {} from {} until {}; the next run judges these days again",
                row.rule_id,
                row.parameter,
                row.value,
                row.layer.code(),
                row.key,
                beijing_text(row.from_time),
                beijing_text(row.expires_at)
            );
        }
        Action::Revoke { what } => {
            let row = revoke(store, &session, what.row(0.0, i64::MAX)?)
                .await
                .map_err(classed)?;
            println!(
                "{} {} for {} {} is the rule's own again from {} on",
                row.rule_id,
                row.parameter,
                row.layer.code(),
                row.key,
                beijing_text(row.from_time)
            );
        }
    }
    Ok(Exit::Done)
}

fn print(rows: &[&Override], format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "rule",
        "parameter",
        "layer",
        "key",
        "value",
        "from",
        "expires",
        "author",
        "reason",
        "recorded",
        "revoked",
    ]);
    for row in rows {
        listing.row([
            row.rule_id.clone(),
            row.parameter.clone(),
            row.layer.code().to_owned(),
            row.key.clone(),
            row.value.to_string(),
            beijing_text(row.from_time),
            beijing_text(row.expires_at),
            row.author.clone(),
            row.reason.clone(),
            beijing_text(row.recorded_at),
            if row.revoked { "yes" } else { "" }.to_owned(),
        ]);
    }
    listing.print(format, rows)
}
