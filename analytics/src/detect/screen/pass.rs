//! The pass itself: statistics of each day, every rule's screen over them, what is left to judge.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int64Array,
    RecordBatch, StringArray, UInt16Array,
};
use arrow::datatypes::{Int64Type, UInt16Type};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use nonsite_history::context::Context;
use nonsite_history::files::{Factors, Loggers};
use nonsite_history::stats::{Key, Stats};
use nonsite_history::walk::{Plan, walk};
use nonsite_history::{HOUR, day_start};

use super::super::long::settled as settled_day;
use super::bit;
use super::compile::{Compiled, Number, Own, Screens, schema};
use super::facts::Facts;
use super::kept::{Kept, kept};
use super::looked::{Looked, NO_FACTOR, Settled, Unjudged};
use super::trail::{Trail, by_logger, numbers};
use crate::session::Session;

/// Everything a pass needs, owned, so that it can leave the threads of queries alone.
pub(super) struct Pass {
    /// Rules that have to judge a logger's day because one of their findings stands near it.
    pub(super) standing: HashMap<(u32, i32), u128>,
    pub(super) screens: Screens,
    /// The rules of these screens, one bit each.
    pub(super) rules: u128,
    /// Rules for which it is kept which series have rows, one bit each.
    pub(super) presence: u128,
    /// Rules with values of their own for loggers of a cadence, one bit each.
    pub(super) by_pace: u128,
    /// Whether days may be settled for all rules of the day, so that their sums come from here.
    pub(super) all_asked: bool,
    /// Whether means of days are kept as well.
    pub(super) means: bool,
    /// Rules of the day; the others judge days that are over.
    pub(super) by_day: u128,
    pub(super) session: Session,
    pub(super) loggers: Loggers,
    pub(super) factors: Factors,
    pub(super) context: Context,
    pub(super) facts: Facts,
    pub(super) files: BTreeMap<i32, Vec<PathBuf>>,
    pub(super) wanted: BTreeMap<i32, Vec<u32>>,
    pub(super) threads: usize,
    pub(super) as_of: i64,
}

/// What a pass has come to so far.
#[derive(Default)]
struct Sum {
    open: BTreeMap<i32, Vec<u128>>,
    settled: BTreeMap<usize, Settled>,
    unjudged: BTreeMap<i32, Vec<Unjudged>>,
    kept: BTreeMap<i32, Kept>,
    present: BTreeMap<i32, Vec<(u32, u16)>>,
    heard: HashMap<u32, i64>,
    weight: (u64, u64),
    /// By rule, the first day its screen failed on, and how.
    failed: BTreeMap<usize, (i32, String)>,
}

/// What all screens say about a day.
#[derive(Default)]
struct Said {
    /// By logger, one bit per rule that has to judge it.
    open: Vec<u128>,
    settled: BTreeMap<usize, Settled>,
    unjudged: Vec<Unjudged>,
    failed: Vec<(usize, String)>,
}

/// A day as the screens see it.
struct Day<'a> {
    date: i32,
    keys: &'a [Key],
    batch: RecordBatch,
    /// Sums and windows of the screens that ask for them.
    sums: Vec<ArrayRef>,
    windows: Vec<ArrayRef>,
    /// Rows of each logger that is judged.
    groups: Vec<Range<usize>>,
}

impl Pass {
    pub(super) fn run(self) -> Result<Looked, DataFusionError> {
        let sum = Mutex::new(Sum::default());
        let trails: Vec<Mutex<Trail>> = (0..self.threads.max(1))
            .map(|_| Mutex::new(Trail::of(self.screens.remembered.len())))
            .collect();
        let plan = Plan {
            files: &self.files,
            loggers: &self.loggers,
            factors: &self.factors,
            context: &self.context,
            wanted: &self.wanted,
            lookback: self.screens.lookback(),
            copies: self.screens.copies,
        };
        let rows = walk(&plan, self.threads, &|thread, stats, wanted| {
            // Each thread has a memory of its own.
            let mut trail = trails[thread]
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            self.day(stats, wanted, &mut trail, &sum).map_err(Fault)
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
            unjudged: sum.unjudged,
            presence: self.presence,
            present: sum.present,
            masses,
            means: means.into_iter().flatten().collect(),
            heard,
            failed: sum
                .failed
                .into_iter()
                .map(|(rule, (_, what))| (rule, what))
                .collect(),
            fault: None,
            weight: sum.weight,
            rows,
            ms: 0,
            factors: self.factors.codes(),
            reasons: self.screens.reasons,
            loggers: self.loggers,
        })
    }

    /// Asks every screen about one day, of the loggers that are wanted.
    fn day(
        &self,
        stats: Stats,
        wanted: &[u32],
        trail: &mut Trail,
        sum: &Mutex<Sum>,
    ) -> Result<(), DataFusionError> {
        let (date, read) = (stats.date, stats.read);
        let (keys, numbers) = stats.into_batch()?;
        trail.note_odd(date, &keys);
        if wanted.is_empty() && self.screens.remembered.is_empty() {
            return Ok(());
        }
        let batch = self.with_facts(date, &keys, &numbers)?;
        let mut groups = groups(&keys);
        let sums = summed(&self.screens.sums, &batch, &groups)?;
        let remembered = summed(&self.screens.remembered, &batch, &groups)?;
        let of_logger: Vec<bool> = remembered.iter().map(|(of_logger, _)| *of_logger).collect();
        trail.remember(date, &keys, &remembered);
        if wanted.is_empty() {
            return Ok(());
        }
        groups.retain(|group| wanted.binary_search(&keys[group.start].logger).is_ok());
        let windows = trail.windows(date, &keys, &self.screens.windows, &of_logger);
        let day = Day {
            date,
            keys: &keys,
            batch,
            sums: sums
                .into_iter()
                .map(|(_, sums)| {
                    let known = sums.into_iter().map(|sum| (!sum.is_nan()).then_some(sum));
                    Arc::new(Float64Array::from_iter(known)) as ArrayRef
                })
                .collect(),
            windows: windows
                .into_iter()
                .map(|column| Arc::new(Float64Array::from(column)) as ArrayRef)
                .collect(),
            groups,
        };
        let Said {
            open,
            settled,
            unjudged,
            failed,
        } = self.asked(&day, trail);
        let kept = if self.all_asked {
            let settled: Vec<usize> = day
                .groups
                .iter()
                .zip(&open)
                .filter(|(_, open)| *open & self.by_day == 0)
                .flat_map(|(group, _)| group.clone())
                .collect();
            Some(self.kept(date, &keys, &settled, &numbers)?)
        } else {
            None
        };
        let until = until(&day, &numbers);
        let present = if self.presence == 0 {
            Vec::new()
        } else {
            let rows = day.groups.iter().flat_map(|group| &keys[group.clone()]);
            rows.filter_map(|key| Some((key.logger, key.factor?)))
                .collect()
        };
        let mut sum = sum.lock().unwrap_or_else(PoisonError::into_inner);
        for (rule, mine) in settled {
            let all = sum.settled.entry(rule).or_default();
            all.passed += mine.passed;
            for (reason, windows) in mine.not_evaluated {
                *all.not_evaluated.entry(reason).or_default() += windows;
            }
        }
        for (rule, what) in failed {
            // Which thread is first must not decide what is told.
            let first = sum.failed.entry(rule).or_insert((date, what.clone()));
            if date < first.0 {
                *first = (date, what);
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
        if !unjudged.is_empty() {
            sum.unjudged.insert(date, unjudged);
        }
        if !present.is_empty() {
            sum.present.insert(date, present);
        }
        sum.weight.0 += read;
        sum.weight.1 += open.len() as u64;
        sum.open.insert(date, open);
        Ok(())
    }

    /// What every screen says about a day. One that fails over it says nothing: its rule judges the day.
    fn asked(&self, day: &Day<'_>, trail: &Trail) -> Said {
        let logger = |group: &Range<usize>| day.keys[group.start].logger;
        let mut open: Vec<u128> = day
            .groups
            .iter()
            .map(|group| {
                let standing = self.standing.get(&(logger(group), day.date));
                if day.keys[group.start].odd {
                    u128::MAX
                } else {
                    standing.copied().unwrap_or(0) | self.paced(logger(group))
                }
            })
            .collect();
        let mut said = Said::default();
        for one in &self.screens.rules {
            let long = self.by_day & bit(one.rule) == 0;
            let early = long && !settled_day(day.date, self.as_of);
            for (group, open) in day.groups.iter().zip(&mut open) {
                // Rules over many days do not judge days without rows, nor those not yet settled, and
                // what they look back on has to be as plain as the day.
                let unsure = long
                    && (early
                        || day.keys[group.start].factor.is_none()
                        || trail.was_odd(logger(group), day.date, one.lookback));
                *open |= if unsure { bit(one.rule) } else { 0 };
            }
            match self.settle(one, day, &mut open, &mut said.unjudged) {
                Ok(mine) => {
                    said.settled.insert(one.rule, mine);
                }
                Err(error) => {
                    for open in &mut open {
                        *open |= bit(one.rule);
                    }
                    said.failed.push((one.rule, error.to_string()));
                }
            }
        }
        said.open = open;
        said
    }

    /// Rules that a logger's cadence gives values of their own: screens are asked with the others.
    fn paced(&self, logger: u32) -> u128 {
        let stated = self.context.paced.get(logger as usize) == Some(&true);
        if stated { self.by_pace } else { 0 }
    }

    /// Asks one screen about the loggers that its rule does not have to judge anyway. When it fails,
    /// nothing is settled.
    fn settle(
        &self,
        one: &Compiled,
        day: &Day<'_>,
        open: &mut [u128],
        unjudged: &mut Vec<Unjudged>,
    ) -> Result<Settled, DataFusionError> {
        let mut columns = day.batch.columns().to_vec();
        columns.extend(one.own.iter().map(|own| match own {
            Own::Sum(at) => Arc::clone(&day.sums[*at]),
            Own::Window(at) => Arc::clone(&day.windows[*at]),
        }));
        let batch = RecordBatch::try_new(Arc::clone(&one.schema), columns)?;
        let count = batch.num_rows();
        let look = one.look.evaluate(&batch)?.into_array(count)?;
        let look = look.as_boolean();
        let passed = one.passed.evaluate(&batch)?.into_array(count)?;
        let passed = passed.as_primitive::<Int64Type>();
        let unevaluated = one
            .unevaluated
            .iter()
            .map(|(expr, reason)| Ok((expr.evaluate(&batch)?.into_array(count)?, *reason)))
            .collect::<Result<Vec<_>, DataFusionError>>()?;
        let named = one.factor.as_ref().map(|code| self.factors.number(code));
        let mut mine = Settled::default();
        let looks = |row: usize| look.is_null(row) || look.value(row);
        let number = |column: &Int64Array, row: usize| {
            let known = column.is_valid(row).then(|| column.value(row));
            known.map_or(0, |number| number.max(0))
        };
        for (group, open) in day.groups.iter().zip(open) {
            if *open & bit(one.rule) != 0 || group.clone().any(looks) {
                *open |= bit(one.rule);
                continue;
            }
            for row in group.clone() {
                mine.passed += u64::try_from(number(passed, row)).unwrap_or_default();
                for (column, reason) in &unevaluated {
                    let windows = number(column.as_primitive::<Int64Type>(), row);
                    if windows == 0 {
                        continue;
                    }
                    *mine.not_evaluated.entry(*reason).or_default() +=
                        u64::try_from(windows).unwrap_or_default();
                    let key = day.keys[row];
                    let factor = if one.of_logger { None } else { key.factor };
                    unjudged.push(Unjudged {
                        logger: key.logger,
                        factor: named.or(factor).unwrap_or(NO_FACTOR),
                        windows: u16::try_from(windows).unwrap_or(u16::MAX),
                        rule: u8::try_from(one.rule).unwrap_or(u8::MAX),
                        reason: u8::try_from(*reason).unwrap_or(u8::MAX),
                    });
                }
            }
        }
        Ok(mine)
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

    /// The statistics with the facts before them.
    fn with_facts(
        &self,
        date: i32,
        keys: &[Key],
        numbers: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let facts = &self.facts;
        let start = day_start(date);
        let noon = start + 12 * HOUR;
        let truth = |of: &dyn Fn(&Key) -> bool| -> ArrayRef {
            Arc::new(BooleanArray::from_iter(
                keys.iter().map(|key| Some(of(key))),
            ))
        };
        let codes = UInt16Array::from_iter(keys.iter().map(|key| key.factor));
        let names = StringArray::from(self.factors.codes());
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(DictionaryArray::<UInt16Type>::try_new(
                codes,
                Arc::new(names),
            )?),
            Arc::new(Date32Array::from(vec![date; keys.len()])),
        ];
        for of in facts.flags() {
            columns.push(truth(&|key| of[key.logger as usize]));
        }
        columns.push(truth(&|key| {
            facts.permitted[key.logger as usize].is_some_and(|from| from <= start)
        }));
        columns.push(Arc::new(Date32Array::from_iter(
            keys.iter().map(|key| facts.expires[key.logger as usize]),
        )));
        columns.push(truth(&|key| {
            let bound = &facts.bound[key.logger as usize];
            bound.iter().any(|(from, to)| *from <= noon && noon < *to)
        }));
        columns.push(truth(&|key| {
            let series = key.factor.map(|factor| (key.logger, factor));
            series.is_some_and(|series| facts.listed.contains(&series))
        }));
        columns.push(truth(&|key| {
            facts.parameter_set.contains(&(key.logger, date))
        }));
        columns.extend(numbers.columns().iter().cloned());
        RecordBatch::try_new(schema(), columns)
    }
}

/// Numbers at each row: as the expression says, or summed over the rows of the logger.
fn summed(
    of: &[Number],
    batch: &RecordBatch,
    groups: &[Range<usize>],
) -> Result<Vec<(bool, Vec<f64>)>, DataFusionError> {
    of.iter()
        .map(|number| {
            let column = number.expr.evaluate(batch)?.into_array(batch.num_rows())?;
            let mut column = numbers(&column)?;
            if number.of_logger {
                column = by_logger(&column, groups);
            }
            Ok((number.of_logger, column))
        })
        .collect()
}

/// An error of the pass.
struct Fault(DataFusionError);

impl From<nonsite_history::Error> for Fault {
    fn from(error: nonsite_history::Error) -> Self {
        Self(DataFusionError::External(error.into()))
    }
}

/// Rows of one logger each.
fn groups(keys: &[Key]) -> Vec<Range<usize>> {
    let mut at = 0;
    keys.chunk_by(|a, b| a.logger == b.logger)
        .map(|chunk| {
            let from = at;
            at += chunk.len();
            from..at
        })
        .collect()
}

/// Until when each judged logger was heard on a day.
fn until(day: &Day<'_>, numbers: &RecordBatch) -> Vec<(u32, i64)> {
    let column = |name: &str| {
        numbers
            .column_by_name(name)
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
    };
    let (Some(last), Some(hours)) = (column("logger_last"), column("logger_hours")) else {
        return Vec::new();
    };
    day.groups
        .iter()
        .map(|group| group.start)
        .filter(|row| hours.value(*row) > 0)
        .map(|row| {
            let until = day_start(day.date) + (last.value(row) + 1) * HOUR;
            (day.keys[row].logger, until)
        })
        .collect()
}
