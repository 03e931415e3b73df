//! The pass itself: statistics of each day, every rule's screen over them, what is left to judge.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, DictionaryArray, Int64Array, RecordBatch,
    StringArray, UInt16Array,
};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt16Type};
use arrow::error::ArrowError;
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;
use nonsite_history::context::Context;
use nonsite_history::files::{Factors, Loggers};
use nonsite_history::stats::{Key, Stats};
use nonsite_history::walk::{Plan, walk};
use nonsite_history::{HOUR, day_start, stats};

use super::super::anomaly::Anomaly;
use super::super::catalogue::{Catalogue, Configured};
use super::super::evaluate::millis;
use super::super::inputs;
use super::super::long::settled as settled_day;
use super::super::means;
use super::super::params::Layers;
use super::super::stage::Stage;
use super::super::touched::LoggerDay;
use super::facts::{Facts, load};
use super::kept::{Kept, kept};
use super::{Looked, Screen, Settled, bit, bits, sources};
use crate::session::{Error, Session};

/// What is asked of a pass.
pub(in crate::detect) struct Asked<'a> {
    pub(in crate::detect) session: &'a Session,
    pub(in crate::detect) catalogue: &'a Catalogue,
    pub(in crate::detect) layers: &'a Layers,
    /// Anomalies that stand.
    pub(in crate::detect) open: Vec<&'a Anomaly>,
    pub(in crate::detect) as_of: i64,
    /// Rules whose windows are settled by this pass, one bit each.
    pub(in crate::detect) rules: u128,
}

/// A rule's screen, ready to run.
struct Compiled {
    rule: usize,
    look: Arc<dyn PhysicalExpr>,
    passed: Arc<dyn PhysicalExpr>,
    unevaluated: Option<(Arc<dyn PhysicalExpr>, String)>,
    of_logger: bool,
}

/// The columns a screen sees.
fn schema() -> SchemaRef {
    let mut fields = vec![
        Field::new(
            "factor",
            DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8)),
            true,
        ),
        Field::new("date", DataType::Date32, false),
    ];
    for (name, _) in &super::FACTS[2..] {
        let kind = if *name == "expires" {
            DataType::Date32
        } else {
            DataType::Boolean
        };
        fields.push(Field::new(*name, kind, true));
    }
    fields.extend(
        stats::schema()
            .fields()
            .iter()
            .map(|field| field.as_ref().clone()),
    );
    Arc::new(Schema::new(fields))
}

fn compile(
    ctx: &SessionContext,
    schema: &DFSchema,
    rule: usize,
    configured: &Configured,
    screen: &Screen,
    as_of: i64,
) -> Result<Compiled, Error> {
    let id = &configured.rule.id;
    let expr = |key: &str, sql: &str, kind: DataType| {
        let sql = configured.rule.fill(sql, &configured.values, as_of)?;
        let fault = |error: DataFusionError| Error::Rule {
            rule: id.clone(),
            what: format!("[screen] {key}: {error}"),
        };
        let sql = match kind {
            DataType::Int64 => format!("CAST({sql} AS BIGINT)"),
            _ => format!("CAST({sql} AS BOOLEAN)"),
        };
        let expr = ctx.parse_sql_expr(&sql, schema).map_err(fault)?;
        ctx.create_physical_expr(expr, schema).map_err(fault)
    };
    let unevaluated = match (&screen.unevaluated, &screen.why) {
        (Some(sql), Some(why)) => {
            if !configured.rule.sql.contains(&format!("'{why}'")) {
                return Err(Error::Rule {
                    rule: id.clone(),
                    what: format!("[screen] why: the query never says '{why}'"),
                });
            }
            Some((expr("unevaluated", sql, DataType::Int64)?, why.clone()))
        }
        (None, None) => None,
        _ => {
            return Err(Error::Rule {
                rule: id.clone(),
                what: "[screen] unevaluated and why go together".to_owned(),
            });
        }
    };
    Ok(Compiled {
        rule,
        look: expr("look", &screen.look, DataType::Boolean)?,
        passed: expr("passed", &screen.passed, DataType::Int64)?,
        unevaluated,
        of_logger: screen.of_logger,
    })
}

/// Whether a rule's screen can be understood.
pub(in crate::detect) fn check(ctx: &SessionContext, configured: &Configured) -> Result<(), Error> {
    let Some(screen) = &configured.rule.screen else {
        return Ok(());
    };
    let schema = DFSchema::try_from(schema()).map_err(Error::query("columns of screens"))?;
    compile(ctx, &schema, 0, configured, screen, 0).map(|_| ())
}

/// Looks at logger-days for all rules that have a screen. Nothing where the pass cannot be made.
pub(in crate::detect) async fn look(
    asked: &Asked<'_>,
    days: &BTreeSet<LoggerDay>,
) -> Result<Option<Looked>, Error> {
    let began = Instant::now();
    // Units that stations state change what numbers mean; the pass knows the standard's only.
    let stated = !asked.session.units().stated().is_empty();
    if !asked.catalogue.screens()
        || days.is_empty()
        || stated
        || asked.catalogue.rules().len() > 128
    {
        return Ok(None);
    }
    let Some(files) = sources::by_day(asked.session).await? else {
        return Ok(None);
    };
    let documents = inputs::documents(asked.session).await?;
    let schema = DFSchema::try_from(schema()).map_err(Error::query("columns of screens"))?;
    let mut compiled = Vec::new();
    for (rule, configured) in asked.catalogue.rules().iter().enumerate() {
        let Some(screen) = &configured.rule.screen else {
            continue;
        };
        if bit(rule) & asked.rules == 0 || asked.layers.any(configured) {
            continue;
        }
        let ctx = documents.ctx();
        compiled.push(compile(
            ctx,
            &schema,
            rule,
            configured,
            screen,
            asked.as_of,
        )?);
    }
    let by_day = bits(asked.catalogue.rules(), |configured| {
        configured.rule.stage == Stage::Rows && !configured.rule.long()
    });
    let rules = compiled.iter().fold(0, |bits, one| bits | bit(one.rule));
    if rules == 0 {
        return Ok(None);
    }
    let loggers = Loggers::new(days.iter().map(|(mn, _)| mn.clone()));
    let factors = Factors::default();
    let (context, facts) = load(
        &documents,
        asked.catalogue.sheets(),
        &loggers,
        &factors,
        asked.as_of,
    )
    .await?;
    let mut wanted: BTreeMap<i32, Vec<u32>> = BTreeMap::new();
    for (mn, date) in days {
        if let Some(logger) = loggers.number(mn) {
            wanted.entry(*date).or_default().push(logger);
        }
    }
    let pass = Pass {
        standing: standing(asked, &loggers),
        compiled,
        rules,
        // Days are left out of a run only when every rule of the day was asked about them.
        all_asked: by_day & !rules == 0,
        means: means::wanted(asked.catalogue),
        by_day,
        session: asked.session.clone(),
        loggers,
        factors,
        context,
        facts,
        files,
        wanted,
        threads: asked.session.partitions(),
        as_of: asked.as_of,
    };
    let walked = tokio::task::spawn_blocking(move || pass.run())
        .await
        .map_err(|error| Error::query("screens")(DataFusionError::External(error.into())))?;
    match walked {
        Ok(mut looked) => {
            looked.ms = millis(began);
            Ok(Some(looked))
        }
        // Without the pass every rule looks at everything: slower and the same result.
        Err(error) => {
            tracing::warn!(%error, "screens are not used in this run");
            Ok(None)
        }
    }
}

/// Days next to standing findings, with the rules that made them.
fn standing(asked: &Asked<'_>, loggers: &Loggers) -> HashMap<(u32, i32), u128> {
    let index: BTreeMap<&str, usize> = asked
        .catalogue
        .rules()
        .iter()
        .enumerate()
        .map(|(rule, configured)| (configured.rule.id.as_str(), rule))
        .collect();
    let mut found: HashMap<(u32, i32), u128> = HashMap::new();
    for anomaly in &asked.open {
        let (Some(logger), Some(rule)) = (
            anomaly.mn.as_deref().and_then(|mn| loggers.number(mn)),
            index.get(anomaly.rule_id.as_str()),
        ) else {
            continue;
        };
        let (first, last) = anomaly.days();
        for date in first - 1..=last + 1 {
            *found.entry((logger, date)).or_default() |= bit(*rule);
        }
    }
    found
}

/// Everything a pass needs, owned, so that it can leave the threads of queries alone.
struct Pass {
    standing: HashMap<(u32, i32), u128>,
    compiled: Vec<Compiled>,
    rules: u128,
    /// Whether days may be settled for all rules of the day, so that their sums come from here.
    all_asked: bool,
    /// Whether means of days are kept as well.
    means: bool,
    /// Rules of the day; the others judge days that are over.
    by_day: u128,
    session: Session,
    loggers: Loggers,
    factors: Factors,
    context: Context,
    facts: Facts,
    files: BTreeMap<i32, Vec<std::path::PathBuf>>,
    wanted: BTreeMap<i32, Vec<u32>>,
    threads: usize,
    as_of: i64,
}

/// What a pass has come to so far.
#[derive(Default)]
struct Sum {
    open: BTreeMap<i32, Vec<u128>>,
    settled: BTreeMap<usize, Settled>,
    kept: BTreeMap<i32, Kept>,
    heard: HashMap<u32, i64>,
}

impl Pass {
    fn run(self) -> Result<Looked, DataFusionError> {
        let sum = Mutex::new(Sum::default());
        let plan = Plan {
            files: &self.files,
            loggers: &self.loggers,
            factors: &self.factors,
            context: &self.context,
            wanted: &self.wanted,
        };
        let rows = walk(&plan, self.threads, &|_, stats| {
            self.day(stats, &sum).map_err(Fault)
        })
        .map_err(|Fault(error)| error)?;
        let sum = sum.into_inner().unwrap_or_else(PoisonError::into_inner);
        let names = self.loggers.names();
        let heard = sum
            .heard
            .into_iter()
            .map(|(logger, until)| (names[logger as usize].clone(), until))
            .collect();
        let (masses, means): (Vec<_>, Vec<_>) = sum
            .kept
            .into_values()
            .map(|kept| (kept.masses, kept.means))
            .unzip();
        Ok(Looked {
            days: self.wanted,
            open: sum.open,
            asked: self.rules,
            settled: sum.settled,
            masses,
            means: means.into_iter().flatten().collect(),
            heard,
            rows,
            ms: 0,
            loggers: self.loggers,
        })
    }

    /// Asks every screen about one day.
    fn day(&self, stats: Stats, sum: &Mutex<Sum>) -> Result<(), DataFusionError> {
        let date = stats.date;
        let (keys, numbers) = stats.into_batch()?;
        let batch = self.with_facts(date, &keys, &numbers)?;
        let groups: Vec<std::ops::Range<usize>> = groups(&keys);
        let mut open: Vec<u128> = groups
            .iter()
            .map(|group| {
                let key = keys[group.start];
                let standing = self.standing.get(&(key.logger, date));
                if key.odd {
                    u128::MAX
                } else {
                    standing.copied().unwrap_or(0)
                }
            })
            .collect();
        let mut settled = BTreeMap::new();
        for one in &self.compiled {
            let count = batch.num_rows();
            let look = one.look.evaluate(&batch)?.into_array(count)?;
            let look = look.as_boolean();
            let passed = one.passed.evaluate(&batch)?.into_array(count)?;
            let passed = passed.as_primitive::<Int64Type>();
            let unevaluated = match &one.unevaluated {
                Some((expr, why)) => Some((expr.evaluate(&batch)?.into_array(count)?, why)),
                None => None,
            };
            let mut mine = Settled::default();
            let long = self.by_day & bit(one.rule) == 0;
            let early = long && !settled_day(date, self.as_of);
            for (group, open) in groups.iter().zip(&mut open) {
                // Rules over many days do not judge days without rows, nor those not yet settled.
                if early || (long && keys[group.start].factor.is_none()) {
                    *open |= bit(one.rule);
                    continue;
                }
                let looks = |row: usize| look.is_null(row) || look.value(row);
                if *open & bit(one.rule) != 0 || group.clone().any(looks) {
                    *open |= bit(one.rule);
                    continue;
                }
                for row in group.clone() {
                    let number = |column: &Int64Array| {
                        if column.is_valid(row) {
                            column.value(row).max(0)
                        } else {
                            0
                        }
                    };
                    mine.passed += u64::try_from(number(passed)).unwrap_or_default();
                    let Some((column, why)) = &unevaluated else {
                        continue;
                    };
                    let windows = number(column.as_primitive::<Int64Type>());
                    if windows > 0 {
                        let subject = self.subject(keys[row], date, one.of_logger, why);
                        *mine.unjudged.entry(subject).or_default() += windows;
                    }
                }
            }
            settled.insert(one.rule, mine);
        }
        let kept = if self.all_asked {
            let settled: Vec<usize> = groups
                .iter()
                .zip(&open)
                .filter(|(_, open)| *open & self.by_day == 0)
                .flat_map(|(group, _)| group.clone())
                .collect();
            Some(self.kept(date, &keys, &settled, &numbers)?)
        } else {
            None
        };
        let until = until(&keys, &numbers, date);
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, mine) in settled {
            let all = sum.settled.entry(rule).or_default();
            all.passed += mine.passed;
            for (subject, windows) in mine.unjudged {
                *all.unjudged.entry(subject).or_default() += windows;
            }
        }
        for (logger, until) in until {
            if until <= self.as_of {
                let known = sum.heard.entry(logger).or_insert(until);
                *known = until.max(*known);
            }
        }
        if let Some(kept) = kept {
            sum.kept.insert(date, kept);
        }
        sum.open.insert(date, open);
        Ok(())
    }

    /// Masses and means of the series that no rule of the day has to judge.
    fn kept(
        &self,
        date: i32,
        keys: &[Key],
        settled: &[usize],
        numbers: &RecordBatch,
    ) -> Result<Kept, ArrowError> {
        let codes = self.factors.codes();
        let names = self.loggers.names();
        kept(
            &self.session,
            date,
            keys,
            settled,
            numbers,
            (names, &codes),
            self.means,
        )
    }

    fn subject(
        &self,
        key: Key,
        date: i32,
        of_logger: bool,
        why: &str,
    ) -> super::super::judge::Unjudged {
        let mn = self.loggers.names()[key.logger as usize].clone();
        let factor = key.factor.filter(|_| !of_logger).map(|factor| {
            let codes = self.factors.codes();
            codes.get(usize::from(factor)).cloned().unwrap_or_default()
        });
        (mn, factor, date, why.to_owned())
    }

    /// The statistics with the facts before them.
    fn with_facts(
        &self,
        date: i32,
        keys: &[Key],
        numbers: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let facts = &self.facts;
        let start = day_start(date);
        let flags = |of: &[bool]| -> ArrayRef {
            Arc::new(BooleanArray::from_iter(
                keys.iter().map(|key| Some(of[key.logger as usize])),
            ))
        };
        let codes = UInt16Array::from_iter(keys.iter().map(|key| key.factor));
        let names = StringArray::from(self.factors.codes());
        let noon = start + 12 * HOUR;
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(DictionaryArray::<UInt16Type>::try_new(
                codes,
                Arc::new(names),
            )?),
            Arc::new(Date32Array::from(vec![date; keys.len()])),
        ];
        for of in [
            &facts.incinerator,
            &facts.process,
            &facts.watched,
            &facts.marked,
            &facts.rated,
            &facts.sewage,
            &facts.ordered,
            &facts.special,
            &facts.sampled,
            &facts.requires,
            &facts.ranged,
            &facts.slow,
            &facts.ended,
        ] {
            columns.push(flags(of));
        }
        columns.push(Arc::new(BooleanArray::from_iter(keys.iter().map(|key| {
            Some(facts.permitted[key.logger as usize].is_some_and(|from| from <= start))
        }))));
        columns.push(Arc::new(Date32Array::from_iter(
            keys.iter().map(|key| facts.expires[key.logger as usize]),
        )));
        columns.push(Arc::new(BooleanArray::from_iter(keys.iter().map(|key| {
            let bound = &facts.bound[key.logger as usize];
            Some(bound.iter().any(|(from, to)| *from <= noon && noon < *to))
        }))));
        columns.push(Arc::new(BooleanArray::from_iter(keys.iter().map(|key| {
            let series = key.factor.map(|factor| (key.logger, factor));
            Some(series.is_some_and(|series| facts.listed.contains(&series)))
        }))));
        columns.extend(numbers.columns().iter().cloned());
        RecordBatch::try_new(schema(), columns)
    }
}

/// An error of the pass.
struct Fault(DataFusionError);

impl From<nonsite_history::Error> for Fault {
    fn from(error: nonsite_history::Error) -> Self {
        Self(DataFusionError::External(error.into()))
    }
}

/// Rows of one logger each.
fn groups(keys: &[Key]) -> Vec<std::ops::Range<usize>> {
    let mut at = 0;
    keys.chunk_by(|a, b| a.logger == b.logger)
        .map(|chunk| {
            let from = at;
            at += chunk.len();
            from..at
        })
        .collect()
}

/// Until when each logger was heard on a day.
fn until(keys: &[Key], numbers: &RecordBatch, date: i32) -> Vec<(u32, i64)> {
    let column = |name: &str| {
        numbers
            .column_by_name(name)
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
    };
    let (Some(last), Some(hours)) = (column("logger_last"), column("logger_hours")) else {
        return Vec::new();
    };
    (0..keys.len())
        .filter(|row| {
            hours.value(*row) > 0 && (*row == 0 || keys[row - 1].logger != keys[*row].logger)
        })
        .map(|row| {
            (
                keys[row].logger,
                day_start(date) + (last.value(row) + 1) * HOUR,
            )
        })
        .collect()
}
