//! Where the year ends if inspections go on as they did, and what it takes to reach the target.
//!
//! Method: the acts counted so far give a rate of off-site and of on-site acts per day; the days that
//! are left get the same rates. The interval follows from how unsure such a rate is: the number of
//! future acts varies as a Poisson number does, and the rate was itself measured over finitely many
//! days, so `n` acts in `d` days give `n·r/d` more in the `r` days left, with variance
//! `n·r/d·(1 + r/d)`. Inspections come in campaigns, so the variance is multiplied by how much the
//! weekly counts scatter beyond Poisson (never less than 1). The share's own variance is the first
//! term of its Taylor series. 90 % of such intervals hold the outcome when the pace does not change;
//! a change of pace is what the forecast is for, and no interval knows it.
//!
//! Too little to say anything: fewer than [`LEAST_DAYS`] days or [`LEAST_ACTS`] acts. Then there is no
//! forecast, rather than a wide one.

use chrono::NaiveDate;
use serde::Serialize;

use super::act::Mode;
use super::decide::Decision;
use super::period::{Period, date_of, day_number};
use super::report::RatioReport;
use super::share::Share;
use super::target::Target;

/// Days that must have passed.
const LEAST_DAYS: i32 = 28;
/// Acts that must have been counted.
const LEAST_ACTS: u64 = 10;
/// Half-width of a 90 % interval in standard deviations.
const Z: f64 = 1.645;
/// Average length of a month, days.
const MONTH: f64 = 365.2425 / 12.0;

/// The outlook at the end of the period.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Forecast {
    /// Last day of the period.
    pub until: NaiveDate,
    /// Days behind and ahead.
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
    /// How much more than Poisson the weekly counts scatter, at least 1.
    pub dispersion: f64,
    /// Off-site acts per month that reach the target when on-site acts go on as before; 0 when it is
    /// reached without a further one.
    pub needed_per_month: f64,
}

/// The outlook, or why there is none.
pub fn forecast(report: &RatioReport<'_>) -> Result<Forecast, &'static str> {
    let counted: Vec<&Decision<'_>> = report
        .decisions
        .iter()
        .filter(|decision| decision.is_counted())
        .collect();
    let days: Vec<(i32, Mode)> = counted
        .iter()
        .filter_map(|decision| Some((decision.act.completed_day()?, decision.act.mode)))
        .collect();
    outlook(
        &days,
        report.share,
        &report.period,
        day_number(date_of(report.cutoff.as_of)) + 1,
        report.policy.target_percent,
    )
}

/// `today` is the first day that is not counted (days since 1970-01-01).
fn outlook(
    days: &[(i32, Mode)],
    share: Share,
    period: &Period,
    today: i32,
    target: Target,
) -> Result<Forecast, &'static str> {
    let (from, until) = (day_number(period.from), day_number(period.until));
    let today = today.clamp(from, until);
    let (passed, left) = (today - from, until - today);
    if left == 0 {
        return Err("the period is over");
    }
    if passed < LEAST_DAYS {
        return Err("less than 28 days have passed");
    }
    if share.total() < LEAST_ACTS {
        return Err("fewer than 10 inspections count so far");
    }
    let ahead = f64::from(left) / f64::from(passed);
    let (off, on) = (share.off as f64, share.on as f64);
    let (more_off, more_on) = (off * ahead, on * ahead);
    let total = off + on + more_off + more_on;
    let expected = (off + more_off) / total;
    let dispersion = scatter(days, from, passed);
    // Of a kind that was never seen, not even that it never comes is known: half an act.
    let variance = |seen: f64| seen.max(0.5) * ahead * (1.0 + ahead) * dispersion;
    let spread =
        ((1.0 - expected).powi(2) * variance(off) + expected.powi(2) * variance(on)).sqrt() / total;
    // What is counted already cannot be undone.
    let (least, most) = bounds(off, on, more_off, more_on, dispersion, ahead);
    let share_needed = f64::from(target.basis_points()) / 10_000.0;
    let needed = if share_needed >= 1.0 {
        f64::INFINITY
    } else {
        (share_needed * (on + more_on) / (1.0 - share_needed) - off).max(0.0)
    };
    let monthly = |acts: f64, days: i32| acts / f64::from(days) * MONTH;
    Ok(Forecast {
        until: period.until.pred_opt().unwrap_or(period.until),
        days_passed: passed,
        days_left: left,
        off_per_month: monthly(off, passed),
        on_per_month: monthly(on, passed),
        expected,
        low: (expected - Z * spread).max(least),
        high: (expected + Z * spread).min(most),
        dispersion,
        needed_per_month: monthly(needed, left),
    })
}

/// The share can at worst fall to where only on-site acts follow, in an already unlikely number, and
/// at best rise to where only off-site acts do.
fn bounds(
    off: f64,
    on: f64,
    more_off: f64,
    more_on: f64,
    dispersion: f64,
    ahead: f64,
) -> (f64, f64) {
    let many = |more: f64| more + 2.0 * Z * (more.max(0.5) * (1.0 + ahead) * dispersion).sqrt();
    (
        off / (off + on + many(more_on)),
        (off + many(more_off)) / (off + on + many(more_off)),
    )
}

/// Variance over mean of the counts of whole weeks, of the kind that scatters more; at least 1.
fn scatter(days: &[(i32, Mode)], from: i32, passed: i32) -> f64 {
    let weeks = usize::try_from(passed / 7).unwrap_or(0);
    let of = |mode: Mode| {
        let mut counts = vec![0.0_f64; weeks];
        for (day, _) in days.iter().filter(|(_, kind)| *kind == mode) {
            let week = usize::try_from((day - from) / 7).unwrap_or(usize::MAX);
            if let Some(count) = counts.get_mut(week) {
                *count += 1.0;
            }
        }
        let mean = counts.iter().sum::<f64>() / weeks as f64;
        if mean <= 0.0 {
            return 1.0;
        }
        let squares: f64 = counts.iter().map(|count| (count - mean).powi(2)).sum();
        squares / (weeks as f64 - 1.0) / mean
    };
    of(Mode::Offsite).max(of(Mode::Onsite)).max(1.0)
}

impl Forecast {
    /// The outlook in one sentence.
    pub fn sentence(&self, target: Target) -> String {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let effort = if self.needed_per_month == 0.0 {
            format!("{target} % is kept without a further off-site inspection")
        } else if self.needed_per_month.is_finite() {
            format!(
                "{target} % takes {:.1} off-site per month",
                self.needed_per_month
            )
        } else {
            format!("{target} % is out of reach once an on-site inspection counts")
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
mod tests {
    use super::super::testing::{acts, policy, report};
    use super::*;

    fn period() -> Period {
        Period::year(2026).unwrap()
    }

    fn first_day() -> i32 {
        day_number(period().from)
    }

    /// `off` and `on` acts, evenly over `passed` days.
    fn even(off: u64, on: u64, passed: i32) -> Vec<(i32, Mode)> {
        let spread = |count: u64, mode: Mode| {
            (0..count).map(move |index| {
                let day = i64::try_from(index).unwrap() * i64::from(passed)
                    / i64::try_from(count).unwrap();
                (first_day() + i32::try_from(day).unwrap(), mode)
            })
        };
        spread(off, Mode::Offsite)
            .chain(spread(on, Mode::Onsite))
            .collect()
    }

    fn after(off: u64, on: u64, passed: i32) -> Result<Forecast, &'static str> {
        let days = even(off, on, passed);
        let target = policy().target_percent;
        outlook(
            &days,
            Share { off, on },
            &period(),
            first_day() + passed,
            target,
        )
    }

    #[test]
    fn an_even_pace_goes_on_and_the_effort_adds_up() {
        // 73 days are a fifth of the year: four times as many days are left.
        let seen = after(20, 40, 73).unwrap();
        assert_eq!((seen.days_passed, seen.days_left), (73, 292));
        assert!((seen.expected - 1.0 / 3.0).abs() < 1e-9);
        assert!(seen.low < seen.expected && seen.expected < seen.high);
        // 200 on-site at the end: 40 % takes 133.33 off-site, 113.33 of them in 292 days.
        let needed = (200.0 * 0.4 / 0.6 - 20.0) / 292.0 * MONTH;
        assert!((seen.needed_per_month - needed).abs() < 1e-9);
        let sentence = seen.sentence(policy().target_percent);
        assert!(sentence.contains("33.3 % on 2026-12-31"), "{sentence}");
        assert!(
            sentence.contains("40 % takes 11.8 off-site per month"),
            "{sentence}"
        );
    }

    #[test]
    fn nothing_is_needed_when_the_target_is_safe() {
        let seen = after(90, 10, 300).unwrap();
        assert_eq!(seen.needed_per_month, 0.0);
        assert!(
            seen.sentence(policy().target_percent)
                .contains("is kept without")
        );
    }

    #[test]
    fn the_interval_narrows_as_the_year_passes_and_widens_with_campaigns() {
        let width = |forecast: &Forecast| forecast.high - forecast.low;
        let (early, late) = (after(40, 60, 73).unwrap(), after(40, 60, 330).unwrap());
        assert!(width(&late) < width(&early) / 2.0);
        // The same number of acts, off-site ones all in one week.
        let mut days = even(40, 60, 73);
        for (day, mode) in &mut days {
            if *mode == Mode::Offsite {
                *day = first_day() + 8;
            }
        }
        let share = Share { off: 40, on: 60 };
        let target = policy().target_percent;
        let bursts = outlook(&days, share, &period(), first_day() + 73, target).unwrap();
        assert!(bursts.dispersion > 5.0);
        assert!(width(&bursts) > 1.5 * width(&early));
        assert!(bursts.low >= 0.0 && bursts.high <= 1.0);
    }

    /// Years played out at a steady pace: nine of ten end inside the interval.
    #[test]
    fn nine_of_ten_years_end_inside() {
        let mut state = 7_u64;
        let mut uniform = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let (mut inside, mut years) = (0, 0);
        let target = policy().target_percent;
        while years < 2_000 {
            let mut all = Vec::new();
            for day in 0..365 {
                for (mode, rate) in [(Mode::Offsite, 0.35), (Mode::Onsite, 0.5)] {
                    // At most a few acts a day: thin slices of the day, each with one or none.
                    for _ in 0..20 {
                        if uniform() < rate / 20.0 {
                            all.push((first_day() + day, mode));
                        }
                    }
                }
            }
            let share = |until: i32| {
                let mut share = Share::default();
                for (_, mode) in all.iter().filter(|(day, _)| *day < until) {
                    match mode {
                        Mode::Offsite => share.off += 1,
                        Mode::Onsite => share.on += 1,
                    }
                }
                share
            };
            let today = first_day() + 150;
            let seen: Vec<_> = all
                .iter()
                .copied()
                .filter(|(day, _)| *day < today)
                .collect();
            let outlook = outlook(&seen, share(today), &period(), today, target).unwrap();
            let end = share(i32::MAX);
            let truth = end.off as f64 / end.total() as f64;
            inside += i32::from((outlook.low..=outlook.high).contains(&truth));
            years += 1;
        }
        let share = f64::from(inside) / 2_000.0;
        assert!(
            (0.88..=0.97).contains(&share),
            "{share} of the years ended inside"
        );
    }

    #[test]
    fn too_little_gives_no_forecast() {
        assert_eq!(after(20, 40, 20), Err("less than 28 days have passed"));
        assert_eq!(
            after(3, 4, 100),
            Err("fewer than 10 inspections count so far")
        );
        assert_eq!(after(20, 40, 365), Err("the period is over"));
        let acts = acts(20, 20);
        assert_eq!(
            forecast(&report(&acts, &policy())),
            Err("the period is over"),
            "as of 31 December"
        );
    }
}
