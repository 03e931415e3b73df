//! Rules of one stage over one prepared session: judged several at once, then their findings are
//! given evidence together and taken over in the order of the rules.
//!
//! Invariants: rules of one stage do not read each other's findings, so what each of them decides
//! about is fixed before the first one runs; the state changes in the order of the rules, whichever
//! was ready first.
//!
//! Failure modes: the memory of the session does not suffice for several rules at once. The one that
//! failed is judged once more with nothing beside it; what fails then fails the run. A rule that
//! fails over these data by its own fault (a division by zero, an outcome nobody knows, a panic)
//! keeps no other from being judged: all it was to judge is not evaluated ([`RULE_FAILED`]), what it
//! found before stands, and the report of the run says what is wrong with it.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::time::Instant;

use super::ahead::{self, Ahead, Cause};
use super::anomaly::Anomaly;
use super::catalogue::Configured;
use super::compose::{Outlets, anomaly};
use super::episode::{Finding, merge};
use super::evaluate::{Evaluation, Judging, Which, millis};
use super::evidence::{self, Case};
use super::judge::{Sorting, Verdicts, Window, WindowKey, sorted};
use super::marks::Marks;
use super::params::{BAD_OVERRIDE, OfRule};
use super::plant;
use super::screen::Looked;
use super::shared;
use super::state::State;
use super::touched::LoggerDay;
use crate::session::{Error, Session};

/// Why nothing is evaluated of a rule that cannot be computed.
pub(super) const RULE_FAILED: &str = "rule_failed";

impl Judging<'_> {
    /// Runs some of the rules over a prepared session.
    pub(super) async fn rules(
        &self,
        run: &Session,
        which: Which,
        core: &BTreeSet<LoggerDay>,
        registry: bool,
        looked: Option<&Looked>,
        work: &mut Evaluation,
    ) -> Result<(), Error> {
        let as_of = self.as_of;
        let version = self.session.version("readings_raw");
        if matches!(which, Which::Day | Which::Long { .. }) {
            plant::prepare(run, self.catalogue.sheets()).await?;
            shared::register(run).await?;
        }
        let outlets = Outlets::load(run).await?;
        let marks = Marks::load(run).await?;
        let began = Instant::now();
        let mut asked = Vec::new();
        for (n, configured) in self.catalogue.rules().iter().enumerate() {
            if !which.has(&configured.rule) {
                continue;
            }
            let screened = looked.filter(|looked| looked.has(n));
            let core = match screened {
                Some(looked) => Cow::Owned(looked.of_rule(n, core)),
                None => Cow::Borrowed(core),
            };
            let screen = configured.rule.screen.as_ref();
            let of_none = registry && screen.is_none_or(|screen| screen.registry);
            if screened.is_some() && core.is_empty() && !of_none {
                continue;
            }
            let layers = self.layers.of_rule(configured, &outlets);
            asked.push(Asked::new(
                (n, configured),
                core,
                registry,
                layers,
                &work.state,
            ));
        }
        let mut told = side_by_side(run, &asked, as_of, registry).await?;
        for (asked, told) in asked.iter().zip(&mut told) {
            for (with, flagged) in asked.sets().zip(&mut told.flagged) {
                marks.exempt(&with.rule, flagged);
                let mut findings = merge(&with.rule, std::mem::take(flagged));
                findings.retain(|finding| finding.core());
                told.findings.push(findings);
            }
        }
        work.rules_ms += millis(began);
        let began = Instant::now();
        let mut cases = Vec::new();
        for (asked, told) in asked.iter().zip(&told) {
            for (configured, findings) in asked.sets().zip(&told.findings) {
                cases.extend(findings.iter().map(|finding| Case {
                    configured,
                    finding,
                    layers: asked.layers.as_ref(),
                }));
            }
        }
        let mut evidence = evidence::collect(run, &cases).await?.into_iter();
        let mut found: Vec<Vec<Anomaly>> = Vec::new();
        for (asked, told) in asked.iter().zip(&told) {
            let mut anomalies = Vec::new();
            for (with, findings) in asked.sets().zip(&told.findings) {
                for (finding, evidence) in findings.iter().zip(&mut evidence) {
                    let found = anomaly(with, finding, evidence, &outlets, as_of, version);
                    anomalies.push(found);
                }
            }
            found.push(anomalies);
        }
        let state = &mut work.state;
        for ((asked, told), found) in asked.iter().zip(told).zip(found) {
            let ids: BTreeSet<String> = found.iter().map(|a| a.anomaly_id.clone()).collect();
            for anomaly in found {
                state.found(anomaly);
            }
            let (configured, layers) = (asked.configured, asked.layers.as_ref());
            // A rule that failed has not disproved anything.
            let decided = told.failed.is_none();
            for id in asked.mine.iter().filter(|id| decided && !ids.contains(*id)) {
                let reason = why_withdrawn(state, id, configured, layers, &told.verdicts);
                state.disproved(id, reason, as_of, version);
            }
            let report = &mut work.rules[asked.n];
            report.flagged += told.verdicts.flagged_count;
            report.passed += told.verdicts.passed;
            for (why, count) in told.verdicts.not_evaluated {
                *report.not_evaluated.entry(why).or_default() += count;
            }
            let mut unjudged = told.verdicts.unjudged;
            work.unjudged[asked.n].append(&mut unjudged);
            report.ms += told.ms;
            if let Some(what) = told.failed {
                work.failed
                    .entry(configured.rule.id.clone())
                    .or_insert(what);
            }
        }
        work.evidence_ms += millis(began);
        Ok(())
    }
}

/// A rule that is judged: over which days, with which sets of parameters, and what it said before.
struct Asked<'a> {
    n: usize,
    configured: &'a Configured,
    core: Cow<'a, BTreeSet<LoggerDay>>,
    layers: Option<OfRule<'a>>,
    others: Vec<Configured>,
    /// Its standing findings this run decides about.
    mine: Vec<String>,
    /// Their first windows.
    ask: BTreeSet<WindowKey>,
}

impl<'a> Asked<'a> {
    fn new(
        (n, configured): (usize, &'a Configured),
        core: Cow<'a, BTreeSet<LoggerDay>>,
        registry: bool,
        layers: Option<OfRule<'a>>,
        state: &State,
    ) -> Self {
        let mine: Vec<&Anomaly> = state
            .open()
            .filter(|anomaly| anomaly.rule_id == configured.rule.id)
            .filter(|anomaly| concerns(anomaly, &core, registry))
            .collect();
        Self {
            n,
            configured,
            others: layers
                .as_ref()
                .map_or_else(Vec::new, |layers| layers.others(&core, registry)),
            ask: mine.iter().map(|anomaly| window_key(anomaly)).collect(),
            mine: mine.into_iter().map(|a| a.anomaly_id.clone()).collect(),
            core,
            layers,
        }
    }

    /// Once as configured, and once for each set of parameters that differs somewhere.
    fn sets(&self) -> impl Iterator<Item = &Configured> {
        std::iter::once(self.configured).chain(&self.others)
    }
}

/// What a rule said, over all its sets of parameters.
#[derive(Default)]
struct Told {
    verdicts: Verdicts,
    /// Flagged windows by set.
    flagged: Vec<Vec<Window>>,
    /// Findings by set.
    findings: Vec<Vec<Finding>>,
    ms: u64,
    /// What was wrong with a rule that could not be computed.
    failed: Option<String>,
}

/// Judges rules, several at once; what they said, in their order.
async fn side_by_side(
    run: &Session,
    asked: &[Asked<'_>],
    as_of: i64,
    registry: bool,
) -> Result<Vec<Told>, Error> {
    let depth = ahead::depth(run);
    let mut waiting = asked.iter().flat_map(Asked::sets);
    let mut running: VecDeque<Ahead> = VecDeque::new();
    let mut all = Vec::with_capacity(asked.len());
    for rule in asked {
        let mut told = Told::default();
        for with in rule.sets() {
            let missing = depth.saturating_sub(running.len());
            running.extend(
                waiting
                    .by_ref()
                    .take(missing)
                    .map(|next| Ahead::of(run, next, as_of)),
            );
            let Some(mut rows) = running.pop_front() else {
                continue;
            };
            let part = rule
                .layers
                .as_ref()
                .map(|layers| layers.part(with, &rule.others));
            let sorting = Sorting {
                core: &rule.core,
                registry,
                ask: &rule.ask,
                part: part.as_ref(),
            };
            let mut said = sorted(&with.rule, &mut rows, sorting).await;
            told.ms += u64::try_from(rows.busy().as_millis()).unwrap_or(u64::MAX);
            let mut cause = rows.cause();
            if said.is_err() && cause == Some(Cause::Memory) {
                // The rules beside it had their share of the memory: it is tried again alone.
                drop(rows);
                let beside = running.len();
                running.clear();
                let mut alone = Ahead::of(run, with, as_of);
                said = sorted(&with.rule, &mut alone, sorting).await;
                cause = alone.cause();
                told.ms += u64::try_from(alone.busy().as_millis()).unwrap_or(u64::MAX);
                drop(alone);
                let again = asked.iter().flat_map(Asked::sets);
                let done = all
                    .iter()
                    .map(|told: &Told| told.flagged.len())
                    .sum::<usize>()
                    + told.flagged.len()
                    + 1;
                running.extend(
                    again
                        .skip(done)
                        .take(beside)
                        .map(|next| Ahead::of(run, next, as_of)),
                );
            }
            let mut said = match said {
                Ok(said) => said,
                // Without a cause the rows came, and say what no rule may.
                Err(Error::Rule { rule, what }) if matches!(cause, None | Some(Cause::Rule)) => {
                    tracing::error!(%rule, %what, "a rule failed; the others go on");
                    told.failed = told.failed.take().or(Some(what));
                    Verdicts::default()
                }
                Err(error) => return Err(error),
            };
            told.flagged.push(std::mem::take(&mut said.flagged));
            told.verdicts.add(said);
        }
        if told.failed.is_some() {
            told.flagged.iter_mut().for_each(Vec::clear);
            told.verdicts = not_evaluated(&rule.core);
        }
        all.push(told);
    }
    Ok(all)
}

/// What is said of a rule that failed over these logger-days: nothing passes.
fn not_evaluated(core: &BTreeSet<LoggerDay>) -> Verdicts {
    let mut verdicts = Verdicts::default();
    let windows = u64::try_from(core.len().max(1)).unwrap_or(u64::MAX);
    verdicts
        .not_evaluated
        .insert(RULE_FAILED.to_owned(), windows);
    let days = core.iter();
    verdicts.unjudged = days
        .map(|(mn, date)| ((mn.clone(), None, *date, RULE_FAILED.to_owned()), 1))
        .collect();
    verdicts
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

fn why_withdrawn(
    state: &State,
    id: &str,
    configured: &Configured,
    layers: Option<&OfRule<'_>>,
    verdicts: &Verdicts,
) -> String {
    let Some(anomaly) = state.get(id) else {
        return String::new();
    };
    if anomaly.rule_version != configured.rule.version {
        return format!(
            "replaced by version {} of the rule",
            configured.rule.version
        );
    }
    let hash = match layers.map(|layers| layers.hash_of(anomaly)) {
        Some(Err(message)) => return format!("not evaluated: {BAD_OVERRIDE}: {message}"),
        Some(Ok(hash)) => hash,
        None => configured.params_hash.clone(),
    };
    if anomaly.params_hash != hash {
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
