//! Days in order, over several threads; memory is three days per thread, and what is remembered of the
//! days before where that is asked for.
//!
//! Each thread takes a stretch of consecutive days. The days at the edges of a stretch are read
//! twice, and so are those that its first days look back on.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;
use crate::context::Context;
use crate::files::{Day, Factors, Loggers, read};
use crate::past::Past;
use crate::stats::{Codes, Stats, describe};

/// What is walked over.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Files by Beijing day; days next to the wanted ones belong to it.
    pub files: &'a BTreeMap<i32, Vec<PathBuf>>,
    /// The loggers, by number.
    pub loggers: &'a Loggers,
    /// Codes of factors, by number.
    pub factors: &'a Factors,
    /// What documents say.
    pub context: &'a Context,
    /// Loggers of each day that are wanted, in order; days in between may be left out.
    pub wanted: &'a BTreeMap<i32, Vec<u32>>,
    /// Days before each wanted one of which the same logger's statistics are needed first.
    pub lookback: i32,
    /// Whether copies of the days before are looked for; such days have to be within `lookback`.
    pub copies: bool,
}

/// Hears of one day: the thread, its statistics and the loggers wanted of it.
pub type Each<'a, E> = &'a (dyn Fn(usize, Stats, &[u32]) -> Result<(), E> + Sync);

/// Calls `each` with the thread, the statistics of a day and the loggers wanted of it, which may be
/// fewer than those with statistics: days are described as well because later ones look back on them.
/// Days come in order within a thread. Answers the number of rows that were read.
pub fn walk<E: From<Error> + Send>(
    plan: &Plan<'_>,
    threads: usize,
    each: Each<'_, E>,
) -> Result<u64, E> {
    let days: Vec<i32> = plan.wanted.keys().copied().collect();
    let threads = threads.clamp(1, days.len().max(1));
    let rows = AtomicU64::new(0);
    let stretch = days.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let handles: Vec<_> = days
            .chunks(stretch)
            .enumerate()
            .map(|(thread, days)| {
                let rows = &rows;
                scope.spawn(move || one(plan, days, thread, each, rows))
            })
            .collect();
        handles.into_iter().try_for_each(|handle| {
            handle
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })?;
    Ok(rows.into_inner())
}

fn one<E: From<Error>>(
    plan: &Plan<'_>,
    days: &[i32],
    thread: usize,
    each: Each<'_, E>,
    rows: &AtomicU64,
) -> Result<(), E> {
    let mut past = plan.copies.then(Past::default);
    // The three days around the one that is described.
    let mut held: Vec<Day> = Vec::new();
    for (date, described) in described(plan, days) {
        held.retain(|day| day.date >= date - 1);
        for date in date - 1..=date + 1 {
            if held.iter().all(|day| day.date != date) {
                let paths = plan.files.get(&date).map_or(&[][..], Vec::as_slice);
                let day = read(date, paths, plan.loggers, plan.factors)?;
                rows.fetch_add(day.rows, Ordering::Relaxed);
                held.push(day);
            }
        }
        held.sort_unstable_by_key(|day| day.date);
        let codes = Codes::new(&plan.factors.codes());
        let [before, day, after] = &held[..] else {
            continue;
        };
        let stats = describe(
            (before, day, after),
            &described,
            &codes,
            plan.context,
            past.as_mut(),
        );
        let wanted = if days.binary_search(&date).is_ok() {
            plan.wanted[&date].as_slice()
        } else {
            &[]
        };
        each(thread, stats, wanted)?;
    }
    Ok(())
}

/// The loggers of each day that are described for the sake of some days: those wanted, and on days
/// with files those that are wanted up to `lookback` days later.
fn described(plan: &Plan<'_>, days: &[i32]) -> Vec<(i32, Vec<u32>)> {
    let (Some(&first), Some(&last)) = (days.first(), days.last()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    // The next day on which each logger is wanted.
    let mut next: HashMap<u32, i32> = HashMap::new();
    for date in (first - plan.lookback..=last).rev() {
        let wanted = days.binary_search(&date).is_ok();
        if wanted {
            next.extend(plan.wanted[&date].iter().map(|logger| (*logger, date)));
        }
        if !wanted && !plan.files.contains_key(&date) {
            continue;
        }
        let needed = next
            .iter()
            .filter(|(_, wanted)| **wanted <= date + plan.lookback);
        let mut loggers: Vec<u32> = needed.map(|(logger, _)| *logger).collect();
        loggers.sort_unstable();
        if !loggers.is_empty() {
            found.push((date, loggers));
        }
    }
    found.reverse();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_that_others_look_back_on_are_described_first() {
        let (loggers, factors, context) =
            (Loggers::default(), Factors::default(), Context::default());
        let files = (90..=103).map(|date| (date, Vec::new())).collect();
        let wanted = BTreeMap::from([(98, vec![1]), (101, vec![1, 2])]);
        let plan = Plan {
            files: &files,
            loggers: &loggers,
            factors: &factors,
            context: &context,
            wanted: &wanted,
            lookback: 2,
            copies: false,
        };
        let found = described(&plan, &[98, 101]);
        let expected = [
            (96, vec![1]),
            (97, vec![1]),
            (98, vec![1]),
            (99, vec![1, 2]),
            (100, vec![1, 2]),
            (101, vec![1, 2]),
        ];
        assert_eq!(found, expected);
        let plan = Plan {
            lookback: 0,
            ..plan
        };
        let found = described(&plan, &[98, 101]);
        assert_eq!(found, [(98, vec![1]), (101, vec![1, 2])]);
    }
}
