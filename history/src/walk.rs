//! Days in order, over several threads; memory is three days per thread.
//!
//! Each thread takes a stretch of consecutive days, so only the days at the edges of a stretch are
//! read twice.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::Error;
use crate::context::Context;
use crate::files::{Day, Factors, Loggers, read};
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
    /// Loggers of each day that get a row, in order; days in between may be left out.
    pub wanted: &'a BTreeMap<i32, Vec<u32>>,
}

/// Calls `each` with the statistics of every wanted day; days come in order within a thread. Answers
/// the number of rows that were read.
pub fn walk<E: From<Error> + Send>(
    plan: &Plan<'_>,
    threads: usize,
    each: &(dyn Fn(usize, Stats) -> Result<(), E> + Sync),
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
    each: &(dyn Fn(usize, Stats) -> Result<(), E> + Sync),
    rows: &AtomicU64,
) -> Result<(), E> {
    // The three days around the one that is described.
    let mut held: Vec<Day> = Vec::new();
    for &date in days {
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
            &plan.wanted[&date],
            &codes,
            plan.context,
        );
        each(thread, stats)?;
    }
    Ok(())
}
