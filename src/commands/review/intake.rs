//! Clues that come in: findings from table `anomalies`, and what no rule found.

use std::path::PathBuf;

use nonsite_analytics::detect::{Catalogue, dispatch};
use nonsite_analytics::feedback::suspended;
use nonsite_analytics::ratio::parse_as_of;
use nonsite_analytics::review::{Clue, Input, Severity, SourceSystem, load_findings};

use super::papers::Who;
use super::{Desk, files};
use crate::commands::detect::classed;
use crate::exit::Usage;
use crate::output::Format;
use crate::progress::Progress;
use crate::settings::Settings;

/// Puts a clue in.
#[derive(Debug, clap::Args)]
pub(super) struct Report {
    /// Where it comes from: complaint, transfer, platform, inspection or other.
    #[arg(long, value_name = "SYSTEM", value_parser = system)]
    source: SourceSystem,
    /// Its number there: one number is one case, however often it is put in.
    #[arg(long = "ref", value_name = "NUMBER")]
    reference: String,
    /// S1, S2 or S3.
    #[arg(long, default_value = "S3", value_parser = severity)]
    severity: Severity,
    /// Permit of the unit.
    #[arg(long)]
    permit: Option<String>,
    /// Name of the unit.
    #[arg(long)]
    unit: Option<String>,
    /// Body in charge.
    #[arg(long)]
    org: Option<String>,
    /// Outlet.
    #[arg(long)]
    outlet: Option<String>,
    /// Data logger.
    #[arg(long)]
    mn: Option<String>,
    /// Factor.
    #[arg(long)]
    factor: Option<String>,
    /// Since when it is said to be so: a Beijing time, 2026-03-02 15:20.
    #[arg(long, value_name = "T")]
    from: String,
    /// Until when; the same instant when left out.
    #[arg(long, value_name = "T")]
    to: Option<String>,
    /// What is said, in a sentence.
    #[arg(long)]
    text: String,
    #[command(flatten)]
    who: Who,
    /// Free text for the audit row.
    #[arg(long)]
    note: Option<String>,
    /// A photo, PDF or video that came with it.
    #[arg(long, value_name = "[KIND=]FILE")]
    attach: Vec<PathBuf>,
}

impl Desk {
    pub(super) async fn take(&self, settings: &Settings) -> anyhow::Result<()> {
        let progress = Progress::of("taking findings");
        let session = nonsite_analytics::session::open(&settings.store.path, &settings.session)
            .await
            .map_err(classed)?;
        let findings = load_findings(session.ctx()).await?;
        let catalogue = Catalogue::load(&settings.detect).map_err(classed)?;
        let suspension = &settings.detect.suspension;
        let now = self.clock.now_micros();
        let suspended = suspended(&session, &catalogue, suspension, now)
            .await
            .map_err(classed)?;
        let dispatch = dispatch(&session, now).await.map_err(classed)?;
        let taken = self
            .service
            .take_with(&findings, &suspended, &dispatch)
            .await?;
        drop(progress);
        if self.format == Format::Json {
            println!("{}", serde_json::to_string_pretty(&taken)?);
        } else {
            println!(
                "{} findings: {} to triage, {} reminders, {} merged, {} reopened, {} withdrawn, \
                 {} raised, {} held, {} unchanged",
                findings.len(),
                taken.triage,
                taken.reminded,
                taken.merged,
                taken.reopened,
                taken.withdrawn,
                taken.raised,
                taken.held,
                taken.unchanged
            );
        }
        Ok(())
    }

    pub(super) async fn report_clue(&self, args: Report) -> anyhow::Result<()> {
        let actor = self.actor(&args.who)?;
        let from = instant("from", &args.from)?;
        let to = match &args.to {
            Some(text) => instant("to", text)?,
            None => from,
        };
        let clue = Clue {
            source_system: args.source,
            source_ref: args.reference,
            severity: args.severity,
            permit_no: args.permit,
            unit_name: args.unit,
            org_code: args.org,
            outlet_uid: args.outlet,
            mn: args.mn,
            factor: args.factor,
            from,
            to,
            text: args.text,
        };
        let mut input = Input {
            note: args.note,
            ..Input::default()
        };
        for path in &args.attach {
            let file = files::keep(&self.service, path, None).await?;
            input.attachments.push(file);
        }
        let case = self.service.report(&clue, &actor, &input).await?;
        self.report("report", &case)
    }
}

fn instant(option: &str, text: &str) -> anyhow::Result<i64> {
    parse_as_of(text).map_err(|error| Usage(format!("--{option}: {error}")).into())
}

fn system(code: &str) -> Result<SourceSystem, String> {
    SourceSystem::from_code(code).ok_or_else(|| {
        let codes = SourceSystem::REPORTED.map(SourceSystem::code);
        format!("there are: {}", codes.join(", "))
    })
}

fn severity(code: &str) -> Result<Severity, String> {
    Severity::from_code(code).ok_or_else(|| "there are: S1, S2, S3".to_owned())
}
