//! `nonsite anomaly list`.

use nonsite_analytics::detect::listed::{self, Status, Wanted};
use nonsite_analytics::review::beijing_text;
use nonsite_analytics::session::rows;
use serde_json::{Map, Value};

use super::chart::short;
use super::refused;
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only these rules.
    #[arg(long, value_name = "ID")]
    rule: Vec<String>,
    /// Only this data logger.
    #[arg(long)]
    mn: Option<String>,
    /// Only this factor.
    #[arg(long)]
    factor: Option<String>,
    /// Only this enforcement body.
    #[arg(long)]
    org: Option<String>,
    /// Only this severity and worse.
    #[arg(long, value_name = "S1..S4")]
    severity: Option<String>,
    /// open, withdrawn or all.
    #[arg(long, default_value = "open")]
    status: String,
    /// First Beijing day of the window, `YYYY-MM-DD`.
    #[arg(long, value_name = "DAY")]
    from: Option<chrono::NaiveDate>,
    /// Last Beijing day of the window, `YYYY-MM-DD`.
    #[arg(long, value_name = "DAY")]
    to: Option<chrono::NaiveDate>,
    /// At most this many, 0 for all.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

impl Args {
    fn wanted(&self) -> anyhow::Result<Wanted> {
        if let Some(severity) = &self.severity
            && !["S1", "S2", "S3", "S4"].contains(&severity.as_str())
        {
            return Err(Usage(format!("--severity {severity}: S1, S2, S3 or S4")).into());
        }
        let status = Status::parse(&self.status)
            .ok_or_else(|| Usage(format!("--status {}: open, withdrawn or all", self.status)))?;
        Ok(Wanted {
            rules: self.rule.clone(),
            mn: self.mn.clone(),
            factor: self.factor.clone(),
            org: self.org.clone(),
            severity: self.severity.clone(),
            status,
            from: self.from,
            to: self.to,
            limit: self.limit,
            ..Wanted::default()
        })
    }
}

pub(super) async fn run(args: &Args, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    let wanted = args.wanted()?;
    let session = nonsite_analytics::session::open(&settings.store.path, &settings.session)
        .await
        .map_err(refused)?;
    let found = listed::list(&session, &wanted).await.map_err(refused)?;
    let mut listing = Listing::new(&[
        "id", "severity", "rule", "phase", "status", "from", "to", "subject", "factor", "observed",
        "limit", "unit",
    ]);
    for row in &found {
        let text = |key: &str| rows::text(row, key).unwrap_or_default();
        let time = |key: &str| {
            let micros = row.get(key).and_then(Value::as_i64).unwrap_or_default();
            beijing_text(micros).chars().take(16).collect::<String>()
        };
        listing.row([
            text("anomaly_id").chars().take(12).collect(),
            text("severity"),
            text("rule_id"),
            text("phase"),
            text("status"),
            time("window_start"),
            time("window_end"),
            subject(row),
            text("factor"),
            number(row, "observed"),
            number(row, "limit_value"),
            text("unit"),
        ]);
    }
    listing.print(format, &found)?;
    Ok(Exit::Done)
}

fn subject(row: &Map<String, Value>) -> String {
    let unit = rows::text(row, "unit_name");
    let site = ["outlet_uid", "mn", "permit_no"]
        .iter()
        .find_map(|key| rows::text(row, key));
    [unit, site]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

fn number(row: &Map<String, Value>, key: &str) -> String {
    row.get(key)
        .and_then(Value::as_f64)
        .map(short)
        .unwrap_or_default()
}
