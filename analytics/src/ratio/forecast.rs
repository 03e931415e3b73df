//! Where the calendar year ends if inspections go on as they did, and what it takes to reach the target.
//!
//! The target is one of the year, so the outlook is for 31 December whatever period the figure covers:
//! the acts counted in the year so far give a rate of off-site and of on-site acts per day, and the days
//! that are left get the same rates.
//!
//! The interval follows from how unsure such a rate is. `n` acts in `d` days give `n·r/d` more in the
//! `r` days left, with variance `n·r/d·(1 + r/d)·f`: future acts vary, and the rate was itself measured
//! over finitely many days. Inspections come in campaigns, so they scatter more than independent acts
//! do (`f` = 1); `f` is variance over mean of the counts of whole blocks of [`BLOCK`] days, of the kind
//! that scatters more. A block is longer than a campaign usually lasts, or one campaign would fill
//! several blocks and its scatter would not show. Few blocks tell a scatter badly, so the half-width is
//! Student's quantile for their number. The share's own variance is the first term of its Taylor series.
//!
//! Assumed is that the pace stays and that campaigns come at random; a plan for the second half of the
//! year is known to people, not to this. Over simulated years, steady ones and ones made of campaigns of
//! ten and twenty, at least 85 % of the intervals hold the outcome (the tests say at which rates).
//!
//! Too little to say anything: fewer than [`LEAST_DAYS`] days, [`LEAST_ACTS`] acts, or [`LEAST_ACTING`]
//! days with an act of either kind, because the scatter of a handful of campaigns cannot be told. Then
//! there is no forecast, rather than one that looks surer than it is.

use std::collections::BTreeSet;

use chrono::{Datelike, NaiveDate};
use serde::Serialize;

use super::act::{Act, Mode};
use super::decide::{NotCounted, Rules, Switches};
use super::period::{Period, date_of, day_number};
use super::report::RatioReport;
use super::share::Share;
use super::target::Target;

/// Days over which counts are compared with each other.
const BLOCK: i32 = 14;
/// Days that must have passed: four blocks.
const LEAST_DAYS: i32 = 4 * BLOCK;
/// Acts that must have been counted.
const LEAST_ACTS: u64 = 10;
/// Days with an act that there must have been, of either kind.
const LEAST_ACTING: usize = 8;
/// Average length of a month, days.
const MONTH: f64 = 365.2425 / 12.0;
/// Half-width of a 90 % interval in standard deviations, when the scatter is told by one more than
/// so many blocks (Student's distribution, from 1). A year has 26 blocks.
const STUDENT: [f64; 26] = [
    6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771,
    1.761, 1.753, 1.746, 1.740, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706,
];

/// The outlook at the end of the year.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Last day of the year.
    pub until: NaiveDate,
    /// What was counted in the year so far.
    pub so_far: Share,
    /// Days behind.
    pub days_passed: i32,
    /// Days ahead.
    pub days_left: i32,
    /// Off-site acts per month so far.
    pub off_per_month: f64,
    /// On-site acts per month so far.
    pub on_per_month: f64,
    /// Expected share at the end, 0 to 1.
    pub expected: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Upper end of the 90 % interval.
    pub high: f64,
    /// How much more than independent acts the counts of blocks scatter, at least 1.
    pub dispersion: f64,
    /// Off-site acts per month that reach the target when on-site acts go on as before; 0 when it is
    /// reached without a further one.
    pub needed_per_month: f64,
    /// The same when as few on-site acts come as in the lower end of a 90 % interval.
    pub needed_low: f64,
    /// The same when as many come as in the upper end.
    pub needed_high: f64,
}

/// The outlook at the end of the year that the cut-off lies in, or why there is none.
pub fn forecast(report: &RatioReport<'_>) -> Result<Forecast, &'static str> {
    let today = date_of(report.cutoff.as_of);
    let Ok(year) = Period::year(today.year()) else {
        return Err("the year cannot be computed");
    };
    if report.period.until <= year.from {
        return Err("the period is over");
    }
    if year.until <= report.period.from {
        return Err("the period has not begun");
    }
    outlook(
        &counted_in(report, &year),
        &year,
        day_number(today) + 1,
        report.policy.target_percent,
    )
}

/// Day and mode of every act that counts in the year, also where the figure covers other days.
fn counted_in(report: &RatioReport<'_>, year: &Period) -> Vec<(i32, Mode)> {
    let counted = |act: &Act| Some((act.completed_day()?, act.mode));
    if report.period == *year {
        return report
            .decisions
            .iter()
            .filter(|decision| decision.is_counted())
            .filter_map(|decision| counted(decision.act))
            .collect();
    }
    // What was refused because its year was frozen is not of the running year.
    let acts: Vec<&Act> = report
        .decisions
        .iter()
        .filter(|decision| decision.reason() != Some(NotCounted::LateEdit))
        .map(|decision| decision.act)
        .collect();
    let switches = Switches::of(&report.policy);
    let rules = Rules {
        policy: &report.policy,
        switches: &switches,
        period: year,
        as_of: report.cutoff.as_of,
    };
    rules
        .decide(&acts)
        .iter()
        .filter(|decision| decision.is_counted())
        .filter_map(|decision| counted(decision.act))
        .collect()
}

/// `today` is the first day that is not counted (days since 1970-01-01).
fn outlook(
    days: &[(i32, Mode)],
    year: &Period,
    today: i32,
    target: Target,
) -> Result<Forecast, &'static str> {
    let (from, until) = (day_number(year.from), day_number(year.until));
    let today = today.clamp(from, until);
    let (passed, left) = (today - from, until - today);
    if left == 0 {
        return Err("the year is over");
    }
    if passed < LEAST_DAYS {
        return Err("less than 56 days of the year have passed");
    }
    let so_far = share_of(days);
    if so_far.total() < LEAST_ACTS {
        return Err("fewer than 10 inspections count in the year so far");
    }
    if acting_days(days, Mode::Offsite) < LEAST_ACTING {
        return Err("fewer than 8 days of the year had an off-site inspection");
    }
    if acting_days(days, Mode::Onsite) < LEAST_ACTING {
        return Err("fewer than 8 days of the year had an on-site inspection");
    }
    let ahead = f64::from(left) / f64::from(passed);
    let (off, on) = (so_far.off as f64, so_far.on as f64);
    let (more_off, more_on) = (off * ahead, on * ahead);
    let total = off + on + more_off + more_on;
    let expected = (off + more_off) / total;
    let blocks = usize::try_from(passed / BLOCK).unwrap_or(0);
    let dispersion = scatter(days, today, blocks);
    let quantile = STUDENT[blocks.saturating_sub(2).min(STUDENT.len() - 1)];
    let deviation = |seen: f64| (seen * ahead * (1.0 + ahead) * dispersion).sqrt();
    let (of_off, of_on) = (deviation(off), deviation(on));
    let spread = ((1.0 - expected) * of_off).hypot(expected * of_on) / total;
    // What is counted already cannot be undone: at worst only on-site acts follow, in an already
    // unlikely number, at best only off-site ones.
    let many = |more: f64, deviation: f64| more + 2.0 * quantile * deviation;
    let (most_on, most_off) = (many(more_on, of_on), many(more_off, of_off));
    let (least, most) = (
        off / (off + on + most_on),
        (off + most_off) / (off + on + most_off),
    );
    let monthly = |acts: f64, days: i32| acts / f64::from(days) * MONTH;
    let needed = |more_on: f64| {
        let share = f64::from(target.basis_points()) / 10_000.0;
        let acts = if share >= 1.0 {
            f64::INFINITY
        } else {
            (share * (on + more_on.max(0.0)) / (1.0 - share) - off).max(0.0)
        };
        monthly(acts, left)
    };
    Ok(Forecast {
        until: year.until.pred_opt().unwrap_or(year.until),
        so_far,
        days_passed: passed,
        days_left: left,
        off_per_month: monthly(off, passed),
        on_per_month: monthly(on, passed),
        expected,
        low: (expected - quantile * spread).max(least),
        high: (expected + quantile * spread).min(most),
        dispersion,
        needed_per_month: needed(more_on),
        needed_low: needed(more_on - quantile * of_on),
        needed_high: needed(more_on + quantile * of_on),
    })
}

fn share_of(days: &[(i32, Mode)]) -> Share {
    let of = |mode: Mode| days.iter().filter(|(_, kind)| *kind == mode).count() as u64;
    Share {
        off: of(Mode::Offsite),
        on: of(Mode::Onsite),
    }
}

fn acting_days(days: &[(i32, Mode)], mode: Mode) -> usize {
    let of_mode = days.iter().filter(|(_, kind)| *kind == mode);
    of_mode.map(|(day, _)| *day).collect::<BTreeSet<_>>().len()
}

/// Variance over mean of the counts of whole blocks, of the kind that scatters more; at least 1. Blocks
/// are counted back from today, so that what is left over is the oldest.
fn scatter(days: &[(i32, Mode)], today: i32, blocks: usize) -> f64 {
    let of = |mode: Mode| {
        let mut counts = vec![0.0_f64; blocks];
        for (day, _) in days.iter().filter(|(_, kind)| *kind == mode) {
            let block = usize::try_from((today - 1 - day) / BLOCK).unwrap_or(usize::MAX);
            if let Some(count) = counts.get_mut(block) {
                *count += 1.0;
            }
        }
        let mean = counts.iter().sum::<f64>() / blocks as f64;
        if mean <= 0.0 {
            return 1.0;
        }
        let squares: f64 = counts.iter().map(|count| (count - mean).powi(2)).sum();
        squares / (blocks as f64 - 1.0) / mean
    };
    of(Mode::Offsite).max(of(Mode::Onsite)).max(1.0)
}

impl Forecast {
    /// The outlook in one sentence.
    pub fn sentence(&self, target: Target) -> String {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let effort = if !self.needed_per_month.is_finite() {
            format!("{target} % is out of reach once an on-site inspection counts")
        } else if self.needed_high == 0.0 {
            format!("{target} % is kept without a further off-site inspection")
        } else {
            format!(
                "{target} % takes {:.1} off-site per month ({:.1} to {:.1}, as on-site ones come)",
                self.needed_per_month, self.needed_low, self.needed_high
            )
        };
        format!(
            "at the present pace {} on {} (90 % interval {} to {}); {effort} (so far {:.1} off-site \
             and {:.1} on-site per month)",
            percent(self.expected),
            self.until,
            percent(self.low),
            percent(self.high),
            self.off_per_month,
            self.on_per_month
        )
    }
}

#[cfg(test)]
mod tests;
