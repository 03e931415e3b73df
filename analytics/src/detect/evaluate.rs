//! The rules of a run over what it looks at: stretch by stretch, rule by rule, in memory.
//!
//! First what is judged by the hour, day by day, then the rules that look back over many days,
//! logger by logger, and on their own the rules that the clock alone can make fire. All of them
//! share one state, so that "everything" and "only what is new" end in the same anomalies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use arrow::datatypes::{DataType, FieldRef};
use arrow::record_batch::RecordBatch;

use nonsite_schemas::tables::TableDef;

use super::catalogue::{Catalogue, Config};
use super::inputs;
use super::judge::Unjudged;
use super::long;
use super::masses::{FRESH, daily_masses};
use super::means;
use super::params::Layers;
use super::plant;
use super::quiet::Memory;
use super::rule::Rule;
use super::run::RuleReport;
use super::screen::{self, Looked};
use super::shared;
use super::stage::Stage;
use super::state::State;
use super::touched::{LoggerDay, Touched};
use crate::session::{Error, Session};

/// Everything judged in one run, before it is written.
#[derive(Debug)]
pub(super) struct Evaluation {
    pub(super) state: State,
    pub(super) rules: Vec<RuleReport>,
    pub(super) unjudged: Vec<BTreeMap<Unjudged, i64>>,
    /// Rules that failed over these data, with what was wrong first.
    pub(super) failed: BTreeMap<String, String>,
    /// Rules that judge without the help of their screens, and all of them where no id is named, with
    /// what was wrong first.
    pub(super) unscreened: BTreeMap<Option<String>, String>,
    /// What the passes settled.
    pub(super) looked: Vec<Looked>,
    pub(super) core: BTreeSet<LoggerDay>,
    /// Days judged by the rules that look back over many days.
    pub(super) core_long: BTreeSet<LoggerDay>,
    /// Masses of the judged days.
    pub(super) masses: Vec<RecordBatch>,
    /// Means of the judged days, where a rule reads them.
    pub(super) means: Vec<RecordBatch>,
    /// Rows the screens read, and how long that took in milliseconds.
    pub(super) screen: (u64, u64),
    /// How long it took to prepare what rules read, milliseconds.
    pub(super) inputs_ms: u64,
    /// How long rules were judged, several at once, milliseconds.
    pub(super) rules_ms: u64,
    /// How long evidence was collected, milliseconds.
    pub(super) evidence_ms: u64,
}

impl Evaluation {
    /// Nothing was judged; time alone may confirm what stands.
    pub(super) fn idle(catalogue: &Catalogue, mut state: State, as_of: i64) -> Self {
        state.mature(as_of);
        Self::empty(catalogue, state)
    }

    /// Nothing is judged yet.
    fn empty(catalogue: &Catalogue, state: State) -> Self {
        Self {
            state,
            rules: reports(catalogue),
            unjudged: vec![BTreeMap::new(); catalogue.rules().len()],
            failed: BTreeMap::new(),
            unscreened: BTreeMap::new(),
            looked: Vec::new(),
            core: BTreeSet::new(),
            core_long: BTreeSet::new(),
            masses: Vec::new(),
            means: Vec::new(),
            screen: (0, 0),
            inputs_ms: 0,
            rules_ms: 0,
            evidence_ms: 0,
        }
    }
}

impl Evaluation {
    /// Takes over the windows that the screens settled.
    fn settle(&mut self, looked: &Looked) {
        for (rule, settled) in &looked.settled {
            let report = &mut self.rules[*rule];
            report.passed += settled.passed;
            report.settled += looked.days_settled(*rule);
            for (why, windows) in looked.not_evaluated(*rule) {
                *report.not_evaluated.entry(why.to_owned()).or_default() += windows;
            }
        }
        for (rule, what) in &looked.failed {
            let rule = Some(self.rules[*rule].rule.clone());
            self.unscreened.entry(rule).or_insert(what.clone());
        }
        if let Some(what) = &looked.fault {
            self.unscreened.entry(None).or_insert(what.clone());
        }
        self.screen = (self.screen.0 + looked.rows, self.screen.1 + looked.ms);
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

/// Milliseconds since an instant.
pub(super) fn millis(began: Instant) -> u64 {
    u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// Hears how far a judgement is: what is judged, how many parts of it are done, and of how many.
pub type Told<'a> = &'a (dyn Fn(&'static str, usize, usize) + Sync);

/// For nobody who listens.
pub(super) const UNTOLD: Told<'static> = &|_, _, _| {};

/// Judges logger-days, stretch by stretch. For who looks at what rules say, not for a run: a rule
/// that fails over these data is an error.
pub(super) async fn evaluate(
    session: &Session,
    catalogue: &Catalogue,
    config: &Config,
    touched: &Touched,
    state: State,
    as_of: i64,
) -> Result<Evaluation, Error> {
    evaluate_telling(session, catalogue, config, touched, state, as_of, UNTOLD).await
}

/// The same for who wants to hear how far it is.
pub(super) async fn evaluate_telling(
    session: &Session,
    catalogue: &Catalogue,
    config: &Config,
    touched: &Touched,
    state: State,
    as_of: i64,
    told: Told<'_>,
) -> Result<Evaluation, Error> {
    let layers = Layers::load(session).await?;
    let runs = Judging {
        session,
        catalogue,
        layers: &layers,
        as_of,
        told,
    };
    let memory = &mut Memory::default();
    let mut work = runs
        .touched(touched, config.logger_days, state, memory)
        .await?;
    runs.whole(touched, &config.suspension, &mut work).await?;
    match work.failed.pop_first() {
        Some((rule, what)) => Err(Error::Rule { rule, what }),
        None => Ok(work),
    }
}

/// Which rules are judged over a prepared session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// Those that look back a day at most.
    Day,
    /// Those that look back over many days: more than `after`, at most `up_to`.
    Long {
        /// Days that are not enough.
        after: i32,
        /// Days that are enough.
        up_to: i32,
    },
    /// Those that the clock alone can make fire.
    Clock,
    /// Those of a stage that is judged whole.
    Whole {
        /// The stage.
        stage: Stage,
        /// Whether those that judge days are among them.
        daily: bool,
    },
}

impl Which {
    /// Whether a rule is one of them.
    pub(super) fn has(self, rule: &Rule) -> bool {
        match self {
            Self::Day => rule.stage == Stage::Rows && !rule.long(),
            Self::Long { after, up_to } => {
                let days = rule.lookback_days();
                rule.long() && after < days && days <= up_to
            }
            Self::Clock => rule.clock,
            Self::Whole { stage, daily } => rule.stage == stage && (daily || !rule.daily),
        }
    }
}

/// What all rules of a run are judged with.
pub(super) struct Judging<'a> {
    pub(super) session: &'a Session,
    pub(super) catalogue: &'a Catalogue,
    pub(super) layers: &'a Layers,
    pub(super) as_of: i64,
    pub(super) told: Told<'a>,
}

impl Judging<'_> {
    /// All rules over what was touched.
    pub(super) async fn touched(
        &self,
        touched: &Touched,
        most: usize,
        state: State,
        memory: &mut Memory,
    ) -> Result<Evaluation, Error> {
        let (session, catalogue, as_of) = (self.session, self.catalogue, self.as_of);
        let mut work = Evaluation::empty(catalogue, state);
        // A silence may begin where a day with data ends, so the day after is judged with it.
        let days: BTreeSet<LoggerDay> = touched
            .days
            .iter()
            .flat_map(|(mn, date)| [(mn.clone(), *date), (mn.clone(), date + 1)])
            .collect();
        let known = touched.full.then_some(&touched.days);
        if touched.full {
            memory.forget();
        }
        let all = screen::bits(catalogue.rules(), |c| c.rule.stage == Stage::Rows);
        let by_day = screen::bits(catalogue.rules(), |c| Which::Day.has(&c.rule));
        let rules = if touched.full { all } else { by_day };
        let mut looked = self.look(&days, rules, &mut work).await?;
        let left = looked.left(&days, by_day);
        work.core.extend(days.difference(&left).cloned());
        work.masses.extend(looked.masses.iter().cloned());
        work.means.extend(looked.means.iter().cloned());
        memory.hear(&looked.heard);
        // By the hour three times as many fill the memory: their hours are as many as their readings.
        let stretches = stretches(&left, most.saturating_mul(looked.lightness().min(3)));
        let count = stretches.len();
        let last = count - 1;
        for (at, stretch) in stretches.into_iter().enumerate() {
            (self.told)("days", at, count);
            let core = extended(stretch, &work.state, catalogue);
            let preparing = Instant::now();
            let run = inputs::prepare(session, &core, known, Some(&looked), as_of).await?;
            work.inputs_ms += millis(preparing);
            memory.learn(&run, as_of).await?;
            work.core.extend(core.iter().cloned());
            let fresh = run.rows("masses of the judged days", FRESH).await?;
            work.masses.extend(fresh);
            if means::wanted(catalogue) {
                let fresh = run.rows("means of the judged days", means::FRESH).await?;
                work.means.extend(fresh);
            }
            yearly(session, &run, &work.core, &work.masses).await?;
            self.rules(
                &run,
                Which::Day,
                &core,
                at == last,
                Some(&looked),
                &mut work,
            )
            .await?;
        }
        if touched.full {
            memory.is_whole();
        }
        self.backward(touched, most, &mut looked, &mut work).await?;
        work.looked.push(looked);
        work.state.mature(as_of);
        Ok(work)
    }

    /// What the screens of some rules say about logger-days; its counts are taken over.
    pub(super) async fn look(
        &self,
        days: &BTreeSet<LoggerDay>,
        rules: u128,
        work: &mut Evaluation,
    ) -> Result<Looked, Error> {
        let asked = screen::Asked {
            session: self.session,
            catalogue: self.catalogue,
            layers: self.layers,
            open: work.state.open().collect(),
            as_of: self.as_of,
            rules,
        };
        let looked = screen::look(&asked, days).await?.unwrap_or_default();
        work.settle(&looked);
        Ok(looked)
    }

    /// The rules of the clock over the logger-days named. What other rules said about these days
    /// stays as it is.
    pub(super) async fn quiet(
        &self,
        days: &BTreeSet<LoggerDay>,
        memory: &mut Memory,
        work: &mut Evaluation,
    ) -> Result<(), Error> {
        if days.is_empty() {
            return Ok(());
        }
        let core = extended(days.clone(), &work.state, self.catalogue);
        let run = inputs::prepare(self.session, &core, None, None, self.as_of).await?;
        memory.learn(&run, self.as_of).await?;
        self.rules(&run, Which::Clock, &core, false, None, work)
            .await?;
        work.state.mature(self.as_of);
        Ok(())
    }
}

/// A session as the rules of a catalogue find it, over some logger-days; nothing is judged or kept.
pub(super) async fn prepared(
    session: &Session,
    catalogue: &Catalogue,
    core: &BTreeSet<LoggerDay>,
    as_of: i64,
) -> Result<Session, Error> {
    let run = match long::lookback(catalogue) {
        Some(lookback) => {
            inputs::prepare_long(session, catalogue, core, lookback, None, as_of).await?
        }
        None => inputs::prepare(session, core, None, None, as_of).await?,
    };
    let masses = run.rows("masses of the judged days", FRESH).await?;
    yearly(session, &run, core, &masses).await?;
    plant::prepare(&run, catalogue.sheets()).await?;
    shared::register(&run).await?;
    super::whole::bench(&run).await?;
    Ok(run)
}

/// Table `daily_masses` of a run: the judged days as they are now, all others as stored.
pub(super) async fn yearly(
    session: &Session,
    run: &Session,
    judged: &BTreeSet<LoggerDay>,
    masses: &[RecordBatch],
) -> Result<(), Error> {
    as_now(session, run, &daily_masses(), judged, masses).await
}

/// A table by logger and day as a run leaves it: the judged days as they are now, all others as
/// stored.
pub(super) async fn as_now(
    session: &Session,
    run: &Session,
    def: &TableDef,
    judged: &BTreeSet<LoggerDay>,
    fresh: &[RecordBatch],
) -> Result<(), Error> {
    let mut all = Vec::new();
    if session.may_hold(def.name) {
        session.put("judged_days", inputs::day_batch(judged)?)?;
        let columns: Vec<String> = def.schema.fields().iter().map(stored).collect();
        let sql = format!(
            "SELECT {} FROM {} m
             LEFT ANTI JOIN judged_days j ON j.mn = m.mn AND j.date = m.date",
            columns.join(", "),
            def.name
        );
        all = session.rows(def.name, &sql).await?;
    }
    all.extend(fresh.iter().cloned());
    run.put_all(def.name, &def.schema, all)
}

/// A column of a stored table `m` as its definition has it: texts come back in another encoding.
pub(super) fn stored(field: &FieldRef) -> String {
    match field.data_type() {
        DataType::Utf8 => format!("arrow_cast(m.{0}, 'Utf8') AS {0}", field.name()),
        _ => format!("m.{}", field.name()),
    }
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
