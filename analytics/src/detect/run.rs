//! One run: what changed, the rules over it, the findings, one commit.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::abreast::RULE_FAILED;
use super::anomaly::Anomaly;
use super::catalogue::{Catalogue, Config};
use super::commit;
use super::evaluate::{Evaluation, Judging, UNTOLD, millis};
use super::evidence::beijing;
use super::flood::{self, Floods};
use super::params::Layers;
use super::quiet::{self, Memory};
use super::state::State;
use super::touched;
use crate::feedback;
use crate::session::{self, Error, Session};

/// What a run is told.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The time it is, microseconds UTC: hours that end later are not judged.
    pub as_of: i64,
    /// Judge everything, not only what changed.
    pub full: bool,
}

/// What a rule did in a run.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RuleReport {
    /// Id of the rule.
    pub rule: String,
    /// Windows that were flagged.
    pub flagged: u64,
    /// Windows that passed.
    pub passed: u64,
    /// Windows that were not evaluated, by reason.
    pub not_evaluated: BTreeMap<String, u64>,
    /// Logger-days its screen settled, so that its query did not run over them.
    pub settled: u64,
    /// Time its queries were planned and computed, milliseconds. Rules run side by side, so these add
    /// up to more than the wall time; without what the screens of all rules took together.
    pub ms: u64,
}

/// What a run did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Id of the run: the same for the same data, rules and time.
    pub run_id: String,
    /// The time the run was told, RFC 3339.
    pub as_of: String,
    /// Version of `readings_raw` judged before; nothing on a first or full run.
    pub from_version: Option<i64>,
    /// Version of `readings_raw` judged now.
    pub readings_version: i64,
    /// Whether everything was judged.
    pub full: bool,
    /// Files that brought what is new; all of them on a full run.
    pub files: usize,
    /// Rows in these files.
    pub rows: u64,
    /// Logger-days judged.
    pub logger_days: usize,
    /// Rows the screens of all rules read, in one pass.
    pub screened_rows: u64,
    /// Wall time of that pass in milliseconds.
    pub screens_ms: u64,
    /// Where the time went, milliseconds by phase: open, find, screens, inputs, rules,
    /// evidence, write.
    pub phases: BTreeMap<&'static str, u64>,
    /// By rule, in order of ids.
    pub rules: Vec<RuleReport>,
    /// Findings opened.
    pub opened: usize,
    /// Findings withdrawn.
    pub withdrawn: usize,
    /// Findings that stand.
    pub open: usize,
    /// Alerts put into the outbox to be sent.
    pub alerts: usize,
    /// Alerts put into the outbox and held, because a fault of the platform is suspected.
    pub held: usize,
    /// Alerts put into the outbox that repeat what the outlet was told that day; not sent.
    pub collapsed: usize,
    /// Suspected faults of the platform that wait for a decision: id and sentence.
    pub floods: Vec<String>,
    /// Rules that are suspended from dispatch: their findings are stored and make no alert.
    pub suspended: Vec<String>,
    /// What the run had to do without or otherwise, for an operator to mend.
    pub problems: Vec<String>,
    /// Wall time in milliseconds.
    pub ms: u64,
}

/// Judges what changed in the store's tables and writes findings, outcomes and alerts.
pub async fn run(
    store: &Path,
    config: &Config,
    session_config: &session::Config,
    catalogue: &Catalogue,
    options: Options,
) -> Result<Report, Error> {
    let mut memory = Memory::default();
    run_again(
        store,
        config,
        session_config,
        catalogue,
        options,
        &mut memory,
    )
    .await
}

/// The same for a process that runs again and again: `memory` spares it what it knows already.
pub async fn run_again(
    store: &Path,
    config: &Config,
    session_config: &session::Config,
    catalogue: &Catalogue,
    options: Options,
    memory: &mut Memory,
) -> Result<Report, Error> {
    let began = Instant::now();
    let session = session::open_tables(store, session_config).await?;
    let writer = commit::Writer::open(store).await?;
    let markers = writer.markers().await?;
    let state = State::of(commit::stored_findings(&session).await?);
    let fingerprint = fingerprint(catalogue, &session);
    let as_of = options.as_of;
    let mut phases = BTreeMap::from([("open", millis(began))]);
    let finding = Instant::now();
    let touched = touched::find(&session, &markers, fingerprint, as_of, options.full).await?;
    phases.insert("find", millis(finding));
    let layers = Layers::load(&session).await?;
    let mut evaluation = if touched.idle {
        Evaluation::idle(catalogue, state, as_of)
    } else {
        let runs = Judging {
            session: &session,
            catalogue,
            layers: &layers,
            as_of,
            told: UNTOLD,
        };
        let most = config.logger_days;
        runs.touched(&touched, most, state, memory).await?
    };
    let before = markers.as_of.filter(|_| !touched.full);
    if let Some(before) = before {
        let state = &evaluation.state;
        let times = (before, as_of);
        let due = quiet::due(&session, catalogue, state, memory, &layers, times).await?;
        let runs = Judging {
            session: &session,
            catalogue,
            layers: &layers,
            as_of,
            told: UNTOLD,
        };
        runs.quiet(&due, memory, &mut evaluation).await?;
    }
    let runs = Judging {
        session: &session,
        catalogue,
        layers: &layers,
        as_of,
        told: UNTOLD,
    };
    runs.whole(&touched, &config.suspension, &mut evaluation)
        .await?;
    let suspended = feedback::suspended(&session, catalogue, &config.suspension, as_of).await?;
    let readings_version = session.version("readings_raw");
    let mut report = Report {
        run_id: run_id(&session, fingerprint, options.as_of, markers.readings),
        as_of: beijing(options.as_of),
        from_version: if touched.full { None } else { markers.readings },
        readings_version,
        full: touched.full,
        files: touched.files,
        rows: touched.rows,
        logger_days: evaluation.core.len(),
        screened_rows: evaluation.screen.0,
        screens_ms: evaluation.screen.1,
        rules: evaluation.rules.clone(),
        opened: evaluation.state.opened().len(),
        withdrawn: evaluation.state.withdrawn().len(),
        open: evaluation.state.open().count(),
        suspended: suspended.into_iter().collect(),
        problems: problems(&layers, catalogue, &evaluation),
        floods: Floods::of(
            evaluation.state.open(),
            flood::decisions(&session, as_of).await?,
        )
        .undecided()
        .map(|flood| format!("{} {}", &flood.anomaly_id[..12], flood.reason))
        .collect(),
        ..Report::default()
    };
    let writing = Instant::now();
    // A look that found nothing to do leaves nothing behind: the markers stay where they are.
    if !touched.idle || !evaluation.state.changed().is_empty() {
        let outbox = writer
            .write(
                &session,
                catalogue,
                &evaluation,
                &report,
                fingerprint,
                options.as_of,
            )
            .await?;
        (report.alerts, report.held, report.collapsed) =
            (outbox.sent, outbox.held, outbox.collapsed);
    }
    phases.insert("screens", evaluation.screen.1);
    phases.insert("inputs", evaluation.inputs_ms);
    phases.insert("rules", evaluation.rules_ms);
    phases.insert("evidence", evaluation.evidence_ms);
    phases.insert("write", millis(writing));
    report.phases = phases;
    report.ms = millis(began);
    Ok(report)
}

/// What an operator has to mend: overrides that cannot be used, rules that failed.
fn problems(layers: &Layers, catalogue: &Catalogue, evaluation: &Evaluation) -> Vec<String> {
    let mut problems = layers.problems(catalogue);
    problems.extend(evaluation.failed.iter().map(|(rule, what)| {
        format!(
            "rule {rule} failed; what it was to judge is not evaluated ({RULE_FAILED}), and what it found \
             before stands: {what}"
        )
    }));
    problems.extend(evaluation.unscreened.iter().map(|(rule, what)| {
        let whose = match rule {
            Some(rule) => {
                format!("the [screen] of rule {rule} failed: its query judges those days")
            }
            None => "the pass for screens failed: every rule's query judges every day".to_owned(),
        };
        format!("{whose}, which is slower and finds the same: {what}")
    }));
    problems
}

/// A number that changes with the rules, their parameters and the units readings are taken to be
/// in: such a change calls for a full run.
fn fingerprint(catalogue: &Catalogue, session: &Session) -> i64 {
    let units = session.units().stated();
    if units.is_empty() {
        return catalogue.fingerprint();
    }
    let text = format!("{}/{units:?}", catalogue.fingerprint());
    let hash = Anomaly::sha256(&text);
    i64::from_str_radix(&hash[..15], 16).unwrap_or_default()
}

fn run_id(session: &Session, fingerprint: i64, as_of: i64, from: Option<i64>) -> String {
    let versions: Vec<String> = std::iter::once("readings_raw")
        .chain(commit::document_tables())
        .map(|table| session.version(table).to_string())
        .collect();
    let text = format!("{}/{fingerprint}/{as_of}/{from:?}", versions.join(","));
    Anomaly::sha256(&text)[..32].to_owned()
}
