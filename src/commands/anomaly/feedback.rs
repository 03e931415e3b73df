//! `nonsite anomaly feedback`: verdicts of those who verified.

use nonsite_analytics::detect::replay::find;
use nonsite_analytics::feedback::{CAUSES, Feedback, Verdict, record};
use nonsite_analytics::review::{Filter, Service};
use nonsite_schemas::time::{Clock, SystemClock};

use super::refused;
use crate::commands::detect::instant;
use crate::exit::{Exit, Usage};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The anomaly; its id may be shortened.
    #[arg(required_unless_present = "from_review")]
    id: Option<String>,
    /// match (符合), partly (部分符合) or mismatch (不符合).
    #[arg(long, required_unless_present = "from_review")]
    verdict: Option<String>,
    /// True cause: real_exceedance, process_fault, abatement_fault, monitor_fault, sampling_line,
    /// calibration, power_cut, communication, start_stop, false_alarm or other.
    #[arg(long)]
    cause: Option<String>,
    /// What was found.
    #[arg(long)]
    note: Option<String>,
    /// Who verified.
    #[arg(long, value_name = "NAME", required_unless_present = "from_review")]
    by: Option<String>,
    /// When it was verified; now when left out.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Take over what the cases of the review queue say, again and again without doubling.
    #[arg(long, conflicts_with_all = ["id", "verdict", "cause", "note", "by", "at"])]
    from_review: bool,
}

pub(super) async fn run(args: &Args, settings: &Settings) -> anyhow::Result<Exit> {
    let (Some(id), Some(verdict), Some(by)) = (&args.id, &args.verdict, &args.by) else {
        let queue = Service::open(&settings.review, std::sync::Arc::new(SystemClock)).await?;
        let added = from_review(settings, &queue).await?;
        println!("{added} verdicts taken over from the review queue");
        return Ok(Exit::Done);
    };
    let verdict = Verdict::parse(verdict).ok_or_else(|| {
        Usage(format!(
            "--verdict {verdict}: match (符合), partly (部分符合) or mismatch (不符合)"
        ))
    })?;
    if let Some(cause) = args.cause.as_deref().filter(|c| !CAUSES.contains(c)) {
        return Err(Usage(format!("--cause {cause}: one of {}", CAUSES.join(", "))).into());
    }
    let at = match &args.at {
        Some(text) => instant(text)?,
        None => SystemClock.now_micros(),
    };
    let session = nonsite_analytics::session::open(&settings.store.path, &settings.session)
        .await
        .map_err(refused)?;
    let anomaly = find(&session, id).await.map_err(refused)?;
    let mut feedback = Feedback::on(&anomaly, verdict, by, at);
    feedback.cause.clone_from(&args.cause);
    feedback.note.clone_from(&args.note);
    let added = record(&settings.store.path, &session, &[feedback])
        .await
        .map_err(refused)?;
    println!(
        "{} {} {}: {}",
        anomaly.rule_id,
        anomaly.anomaly_id,
        verdict.code(),
        if added == 1 { "recorded" } else { "was known" }
    );
    Ok(Exit::Done)
}

/// Takes over the verdicts of the queue's cases; answers how many were new.
pub(crate) async fn from_review(settings: &Settings, queue: &Service) -> anyhow::Result<usize> {
    let cases = queue.list(&Filter::default()).await?;
    let told: Vec<Feedback> = cases.iter().filter_map(Feedback::of_case).collect();
    if told.is_empty() {
        return Ok(0);
    }
    let session = nonsite_analytics::session::open(&settings.store.path, &settings.session)
        .await
        .map_err(refused)?;
    record(&settings.store.path, &session, &told)
        .await
        .map_err(refused)
}
