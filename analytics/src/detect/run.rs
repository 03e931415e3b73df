//! One run: what changed, the rules over it, the findings, one commit.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use serde::Serialize;

use super::anomaly::Anomaly;
use super::catalogue::{Catalogue, Config, Configured};
use super::commit;
use super::compose::{Outlets, anomaly};
use super::episode::merge;
use super::evidence::{self, beijing};
use super::inputs;
use super::judge::{Unjudged, Verdicts, WindowKey, judge};
use super::long;
use super::masses::{FRESH, daily_masses};
use super::state::State;
use super::touched::{self, LoggerDay, Touched};
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
    /// Wall time in milliseconds.
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
    /// Logger-days judged.
    pub logger_days: usize,
    /// By rule, in order of ids.
    pub rules: Vec<RuleReport>,
    /// Findings opened.
    pub opened: usize,
    /// Findings withdrawn.
    pub withdrawn: usize,
    /// Findings that stand.
    pub open: usize,
    /// Alerts put into the outbox.
    pub alerts: usize,
    /// Rules that are suspended from dispatch: their findings are stored and make no alert.
    pub suspended: Vec<String>,
    /// Wall time in milliseconds.
    pub ms: u64,
}

/// Everything judged in one run, before it is written.
#[derive(Debug)]
pub(super) struct Evaluation {
    pub(super) state: State,
    pub(super) rules: Vec<RuleReport>,
    pub(super) unjudged: Vec<BTreeMap<Unjudged, i64>>,
    pub(super) core: BTreeSet<LoggerDay>,
    /// Days judged by the rules that look back over many days.
    pub(super) core_long: BTreeSet<LoggerDay>,
    /// Masses of the judged days.
    pub(super) masses: Vec<RecordBatch>,
}

impl Evaluation {
    /// Nothing was judged; time alone may confirm what stands.
    fn idle(catalogue: &Catalogue, mut state: State, as_of: i64) -> Self {
        state.mature(as_of);
        Self {
            state,
            rules: reports(catalogue),
            unjudged: vec![BTreeMap::new(); catalogue.rules().len()],
            core: BTreeSet::new(),
            core_long: BTreeSet::new(),
            masses: Vec::new(),
        }
    }
}

/// An empty report per rule.
fn reports(catalogue: &Catalogue) -> Vec<RuleReport> {
    catalogue
        .rules()
        .iter()
        .map(|configured| RuleReport {
            rule: configured.rule.id.clone(),
            ..RuleReport::default()
        })
        .collect()
}

/// Judges what changed in the store's tables and writes findings, outcomes and alerts.
pub async fn run(
    store: &Path,
    config: &Config,
    session_config: &session::Config,
    catalogue: &Catalogue,
    options: Options,
) -> Result<Report, Error> {
    let began = Instant::now();
    let session = session::open_tables(store, session_config).await?;
    let writer = commit::Writer::open(store).await?;
    let markers = writer.markers().await?;
    let state = State::of(writer.anomalies(&session).await?);
    let fingerprint = fingerprint(catalogue, &session);
    let touched = touched::find(
        &session,
        &markers,
        fingerprint,
        options.as_of,
        options.full,
        &state,
    )
    .await?;
    let evaluation = if touched.idle {
        Evaluation::idle(catalogue, state, options.as_of)
    } else {
        evaluate(&session, catalogue, config, &touched, state, options.as_of).await?
    };
    let readings_version = session.version("readings_raw");
    let mut report = Report {
        run_id: run_id(&session, fingerprint, options.as_of, markers.readings),
        as_of: beijing(options.as_of),
        from_version: if touched.full { None } else { markers.readings },
        readings_version,
        full: touched.full,
        logger_days: evaluation.core.len(),
        rules: evaluation.rules.clone(),
        opened: evaluation.state.opened().len(),
        withdrawn: evaluation.state.withdrawn().len(),
        open: evaluation.state.open().count(),
        suspended: feedback::suspended(&session, catalogue, &config.suspension, options.as_of)
            .await?
            .into_iter()
            .collect(),
        ..Report::default()
    };
    // A look that found nothing to do leaves nothing behind: the markers stay where they are.
    if !touched.idle || !evaluation.state.changed().is_empty() {
        report.alerts = writer
            .write(
                &session,
                catalogue,
                &evaluation,
                &report,
                fingerprint,
                options.as_of,
            )
            .await?;
    }
    report.ms = millis(began);
    Ok(report)
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

fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

fn run_id(session: &Session, fingerprint: i64, as_of: i64, from: Option<i64>) -> String {
    let versions: Vec<String> = [
        "readings_raw",
        "permits",
        "permit_limits",
        "permit_bindings",
    ]
    .iter()
    .map(|table| session.version(table).to_string())
    .collect();
    let text = format!("{}/{fingerprint}/{as_of}/{from:?}", versions.join(","));
    Anomaly::sha256(&text)[..32].to_owned()
}

/// Judges what was touched: first what is judged by the hour, day by day, then the rules that look
/// back over many days, logger by logger.
pub(super) async fn evaluate(
    session: &Session,
    catalogue: &Catalogue,
    config: &Config,
    touched: &Touched,
    state: State,
    as_of: i64,
) -> Result<Evaluation, Error> {
    let mut work = Evaluation {
        state,
        rules: reports(catalogue),
        unjudged: vec![BTreeMap::new(); catalogue.rules().len()],
        core: BTreeSet::new(),
        core_long: BTreeSet::new(),
        masses: Vec::new(),
    };
    // A silence may begin where a day with data ends, so the day after is judged with it.
    let days: BTreeSet<LoggerDay> = touched
        .days
        .iter()
        .flat_map(|(mn, date)| [(mn.clone(), *date), (mn.clone(), date + 1)])
        .collect();
    let known = touched.full.then_some(&touched.days);
    let stretches = stretches(&days, config.logger_days);
    let last = stretches.len() - 1;
    let runs = Judging {
        session,
        catalogue,
        as_of,
    };
    for (at, stretch) in stretches.into_iter().enumerate() {
        let core = extended(stretch, &work.state, catalogue);
        let run = inputs::prepare(session, &core, known, as_of).await?;
        work.core.extend(core.iter().cloned());
        let fresh = run.rows("masses of the judged days", FRESH).await?;
        work.masses.extend(fresh);
        yearly(session, &run, &work.core, &work.masses).await?;
        runs.rules(&run, false, &core, at == last, &mut work)
            .await?;
    }
    if let Some(lookback) = long::lookback(catalogue) {
        let days = long::days(touched, lookback, as_of);
        let days = long::extended(days, &work.state, catalogue);
        let portions = long::portions(&days, lookback, config.logger_days);
        let last = portions.len().saturating_sub(1);
        for (at, core) in portions.into_iter().enumerate() {
            let run = inputs::prepare_long(session, &core, lookback, known, as_of).await?;
            yearly(session, &run, &work.core, &work.masses).await?;
            runs.rules(&run, true, &core, at == last, &mut work).await?;
            work.core_long.extend(core);
        }
    }
    work.state.mature(as_of);
    Ok(work)
}

/// What all rules of a run are judged with.
struct Judging<'a> {
    session: &'a Session,
    catalogue: &'a Catalogue,
    as_of: i64,
}

impl Judging<'_> {
    /// Runs the rules of one kind (those that look back over many days, or the others) over a
    /// prepared session.
    async fn rules(
        &self,
        run: &Session,
        long: bool,
        core: &BTreeSet<LoggerDay>,
        registry: bool,
        work: &mut Evaluation,
    ) -> Result<(), Error> {
        let as_of = self.as_of;
        let version = self.session.version("readings_raw");
        let outlets = Outlets::load(run).await?;
        for (n, configured) in self.catalogue.rules().iter().enumerate() {
            if configured.rule.long() != long {
                continue;
            }
            let began = Instant::now();
            let state = &mut work.state;
            let mine: Vec<String> = state
                .open()
                .filter(|anomaly| anomaly.rule_id == configured.rule.id)
                .filter(|anomaly| concerns(anomaly, core, registry))
                .map(|anomaly| anomaly.anomaly_id.clone())
                .collect();
            let ask: BTreeSet<WindowKey> = mine
                .iter()
                .filter_map(|id| state.get(id))
                .map(window_key)
                .collect();
            let mut verdicts = judge(run, configured, as_of, core, registry, &ask).await?;
            let mut findings = merge(&configured.rule, std::mem::take(&mut verdicts.flagged));
            findings.retain(|finding| finding.core());
            let evidence = evidence::collect(run, configured, &findings).await?;
            let mut found = BTreeSet::new();
            for (finding, evidence) in findings.iter().zip(evidence) {
                let anomaly = anomaly(configured, finding, evidence, &outlets, as_of, version);
                found.insert(anomaly.anomaly_id.clone());
                state.found(anomaly);
            }
            for id in mine.iter().filter(|id| !found.contains(*id)) {
                let reason = why_withdrawn(state, id, configured, &verdicts);
                state.disproved(id, reason, as_of, version);
            }
            let report = &mut work.rules[n];
            report.flagged += verdicts.flagged_count;
            report.passed += verdicts.passed;
            for (why, count) in verdicts.not_evaluated {
                *report.not_evaluated.entry(why).or_default() += count;
            }
            work.unjudged[n].append(&mut verdicts.unjudged);
            report.ms += millis(began);
        }
        Ok(())
    }
}

/// Table `daily_masses` of a run: the judged days as they are now, all others as stored.
async fn yearly(
    session: &Session,
    run: &Session,
    judged: &BTreeSet<LoggerDay>,
    masses: &[RecordBatch],
) -> Result<(), Error> {
    let what = "daily masses";
    let def = daily_masses();
    session.put("judged_days", inputs::day_batch(judged)?)?;
    let mut all = session
        .rows(
            what,
            "SELECT arrow_cast(m.mn, 'Utf8') AS mn, arrow_cast(m.factor, 'Utf8') AS factor,
                    m.mass_kg, m.hours, m.hours_missing, m.date
             FROM daily_masses m
             LEFT ANTI JOIN judged_days j ON j.mn = m.mn AND j.date = m.date",
        )
        .await?;
    all.extend(masses.iter().cloned());
    let mut columns = Vec::new();
    for batch in all {
        columns.push(
            RecordBatch::try_new(Arc::clone(&def.schema), batch.columns().to_vec())
                .map_err(|error| Error::query(what)(error.into()))?,
        );
    }
    let all =
        concat_batches(&def.schema, &columns).map_err(|error| Error::query(what)(error.into()))?;
    run.put("daily_masses", all)
}

/// Cuts logger-days into stretches of whole days of at most `most` logger-days each (a single day
/// may be more). There is always at least one, for the rules that judge permits.
fn stretches(days: &BTreeSet<LoggerDay>, most: usize) -> Vec<BTreeSet<LoggerDay>> {
    let mut by_date: BTreeMap<i32, Vec<&LoggerDay>> = BTreeMap::new();
    for day in days {
        by_date.entry(day.1).or_default().push(day);
    }
    let mut stretches = vec![BTreeSet::new()];
    for loggers in by_date.into_values() {
        let filled = stretches.last().map_or(0, BTreeSet::len);
        if filled > 0 && filled + loggers.len() > most {
            stretches.push(BTreeSet::new());
        }
        if let Some(stretch) = stretches.last_mut() {
            stretch.extend(loggers.into_iter().cloned());
        }
    }
    stretches
}

/// Adds the days of standing findings that touch the judged days (with one day between), until
/// nothing more touches: a finding is always judged whole.
fn extended(
    mut core: BTreeSet<LoggerDay>,
    state: &State,
    catalogue: &Catalogue,
) -> BTreeSet<LoggerDay> {
    let mut rest: Vec<(&str, i32, i32)> = state
        .open()
        .filter(|anomaly| !long::is_long(catalogue, anomaly))
        .filter_map(|anomaly| {
            let (first, last) = anomaly.days();
            Some((anomaly.mn.as_deref()?, first, last))
        })
        .collect();
    loop {
        let before = rest.len();
        let mut add = Vec::new();
        rest.retain(|(mn, first, last)| {
            let near = ((*mn).to_owned(), first - 1)..=((*mn).to_owned(), last + 1);
            let touches = core.range(near).next().is_some();
            if touches {
                // A silence of months has no rows inside: its ends are enough.
                if last - first > 31 {
                    add.extend([((*mn).to_owned(), *first), ((*mn).to_owned(), *last)]);
                } else {
                    add.extend((*first..=*last).map(|date| ((*mn).to_owned(), date)));
                }
            }
            !touches
        });
        core.extend(add);
        if rest.len() == before {
            return core;
        }
    }
}

/// Whether this run decides about a standing finding.
fn concerns(anomaly: &Anomaly, core: &BTreeSet<LoggerDay>, registry: bool) -> bool {
    let Some(mn) = &anomaly.mn else {
        return registry;
    };
    let (first, last) = anomaly.days();
    core.range((mn.clone(), first)..=(mn.clone(), last))
        .next()
        .is_some()
}

/// A finding's first window, as a rule can be asked about it.
fn window_key(anomaly: &Anomaly) -> WindowKey {
    let subject = anomaly.mn.clone().or_else(|| anomaly.permit_no.clone());
    (subject, anomaly.factor.clone(), anomaly.window_start)
}

fn why_withdrawn(state: &State, id: &str, configured: &Configured, verdicts: &Verdicts) -> String {
    let Some(anomaly) = state.get(id) else {
        return String::new();
    };
    if anomaly.rule_version != configured.rule.version {
        return format!(
            "replaced by version {} of the rule",
            configured.rule.version
        );
    }
    if anomaly.params_hash != configured.params_hash {
        return "the rule's parameters changed".to_owned();
    }
    let said = verdicts.asked.get(&window_key(anomaly));
    match said.map(|said| (said.passed, said.why.as_deref().unwrap_or("unknown"))) {
        Some((true, "unknown")) => "later data: the window now passes".to_owned(),
        Some((true, why)) => format!("no longer applies: {why}"),
        Some((false, why)) => format!("later data: not evaluated, {why}"),
        None => {
            "later data: the window is no longer flagged, or part of another finding".to_owned()
        }
    }
}
