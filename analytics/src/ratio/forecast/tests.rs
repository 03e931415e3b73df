use super::super::testing::{act, acts, noon, policy, report};
use super::super::{Cutoff, compute};
use super::*;

fn year() -> Period {
    Period::year(2026).unwrap()
}

fn first_day() -> i32 {
    day_number(year().from)
}

/// `off` and `on` acts, evenly over `passed` days.
fn even(off: u64, on: u64, passed: i32) -> Vec<(i32, Mode)> {
    let spread = |count: u64, mode: Mode| {
        (0..count).map(move |index| {
            let day =
                i64::try_from(index).unwrap() * i64::from(passed) / i64::try_from(count).unwrap();
            (first_day() + i32::try_from(day).unwrap(), mode)
        })
    };
    spread(off, Mode::Offsite)
        .chain(spread(on, Mode::Onsite))
        .collect()
}

fn seen(days: &[(i32, Mode)], passed: i32) -> Result<Forecast, &'static str> {
    outlook(days, &year(), first_day() + passed, policy().target_percent)
}

fn after(off: u64, on: u64, passed: i32) -> Result<Forecast, &'static str> {
    seen(&even(off, on, passed), passed)
}

#[test]
fn an_even_pace_goes_on_and_the_effort_adds_up() {
    // 73 days are a fifth of the year: four times as many days are left.
    let seen = after(20, 40, 73).unwrap();
    assert_eq!((seen.days_passed, seen.days_left), (73, 292));
    assert_eq!((seen.so_far.off, seen.so_far.on), (20, 40));
    assert!((seen.expected - 1.0 / 3.0).abs() < 1e-9);
    assert!(seen.low < seen.expected && seen.expected < seen.high);
    // 200 on-site at the end: 40 % takes 133.33 off-site, 113.33 of them in 292 days.
    let needed = |on: f64| (on * 0.4 / 0.6 - 20.0) / 292.0 * MONTH;
    assert!((seen.needed_per_month - needed(200.0)).abs() < 1e-9);
    // Five blocks; 160 more on-site acts with variance 40 x 4 x 5.
    let more = 2.132 * (40.0_f64 * 4.0 * 5.0 * seen.dispersion).sqrt();
    assert!((seen.needed_low - needed(200.0 - more)).abs() < 1e-9);
    assert!((seen.needed_high - needed(200.0 + more)).abs() < 1e-9);
    let sentence = seen.sentence(policy().target_percent);
    assert!(sentence.contains("33.3 % on 2026-12-31"), "{sentence}");
    assert!(
        sentence.contains("40 % takes 11.8 off-site per month ("),
        "{sentence}"
    );
}

#[test]
fn nothing_is_needed_when_the_target_is_safe() {
    let seen = after(90, 10, 300).unwrap();
    assert_eq!((seen.needed_per_month, seen.needed_high), (0.0, 0.0));
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
    // The same number of acts, off-site ones within ten days.
    let mut days = even(40, 60, 73);
    let campaign = (0..).zip(days.iter_mut().filter(|(_, mode)| *mode == Mode::Offsite));
    for (at, (day, _)) in campaign {
        *day = first_day() + 20 + at % 10;
    }
    let bursts = seen(&days, 73).unwrap();
    assert!(bursts.dispersion > 5.0);
    assert!(width(&bursts) > 1.5 * width(&early));
    assert!(bursts.low >= 0.0 && bursts.high <= 1.0);
}

#[test]
fn too_little_gives_no_forecast() {
    assert_eq!(
        after(20, 40, 55),
        Err("less than 56 days of the year have passed")
    );
    assert_eq!(
        after(3, 4, 100),
        Err("fewer than 10 inspections count in the year so far")
    );
    assert_eq!(after(20, 40, 365), Err("the year is over"));
    // Thirty off-site acts on seven days are seven campaigns at most.
    let mut days = even(30, 40, 100);
    for (day, mode) in &mut days {
        if *mode == Mode::Offsite {
            *day = first_day() + (*day - first_day()) / 15 * 15;
        }
    }
    assert_eq!(acting_days(&days, Mode::Offsite), 7);
    assert_eq!(
        seen(&days, 100),
        Err("fewer than 8 days of the year had an off-site inspection")
    );
    assert_eq!(
        after(40, 7, 100),
        Err("fewer than 8 days of the year had an on-site inspection")
    );
    let acts = acts(20, 20);
    assert_eq!(
        forecast(&report(&acts, &policy())),
        Err("the year is over"),
        "as of 31 December"
    );
}

/// A quarter's figure looks ahead to the end of the year as well, over the acts of the year.
#[test]
fn the_outlook_is_the_years_whatever_the_figure_covers() {
    let acts: Vec<Act> = (0..180)
        .map(|day| {
            let mode = if day % 3 == 0 {
                Mode::Offsite
            } else {
                Mode::Onsite
            };
            Act {
                completed_at: Some(noon(day)),
                recorded_at: noon(day),
                received_at: noon(day),
                ..act(&format!("a{day}"), mode)
            }
        })
        .collect();
    let over = |period: &Period, as_of: i64| {
        forecast(&compute(&acts, &policy(), Cutoff::at(as_of), period))
    };
    let whole = over(&year(), noon(179)).unwrap();
    assert_eq!((whole.so_far.off, whole.so_far.on), (60, 120));
    let days =
        |from: &str, to: &str| Period::days(from.parse().unwrap(), to.parse().unwrap()).unwrap();
    for period in [
        days("2026-04-01", "2026-06-30"),
        days("2026-02-01", "2026-02-28"),
        days("2025-07-01", "2026-06-30"),
    ] {
        assert_eq!(over(&period, noon(179)), Ok(whole.clone()), "{period}");
    }
    let before = days("2025-01-01", "2025-12-31");
    assert_eq!(over(&before, noon(179)), Err("the period is over"));
    let next = days("2027-01-01", "2027-12-31");
    assert_eq!(over(&next, noon(179)), Err("the period has not begun"));
}

/// Numbers that repeat.
struct Chance(u64);

impl Chance {
    /// From 0 to below 1.
    fn part(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// How many events a day has that expects so many.
    fn poisson(&mut self, expected: f64) -> u32 {
        let (least, mut product, mut count) = ((-expected).exp(), self.part(), 0);
        while product > least {
            product *= self.part();
            count += 1;
        }
        count
    }
}

/// A kind of year: acts a day, how many a campaign has, and over how many days it goes.
#[derive(Debug, Clone, Copy)]
struct Habit {
    rates: [f64; 2],
    campaigns: [u32; 2],
    days: i32,
}

impl Habit {
    /// One year, as day of the year and mode.
    fn play(&self, chance: &mut Chance) -> Vec<(i32, Mode)> {
        let mut all = Vec::new();
        for (at, mode) in [Mode::Offsite, Mode::Onsite].into_iter().enumerate() {
            let size = self.campaigns[at];
            // Some campaigns have begun before the year.
            for day in -self.days..365 {
                for _ in 0..chance.poisson(self.rates[at] / f64::from(size)) {
                    for _ in 0..size {
                        let day = day + (chance.part() * f64::from(self.days)) as i32;
                        if (0..365).contains(&day) {
                            all.push((first_day() + day, mode));
                        }
                    }
                }
            }
        }
        all
    }

    /// Of so many years played out, how many had a forecast on this day and how many of them ended
    /// inside it.
    fn coverage(&self, passed: i32, years: u32) -> (u32, u32) {
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
        let (mut made, mut inside) = (0, 0);
        for _ in 0..years {
            let all = self.play(&mut chance);
            let until = first_day() + passed;
            let before: Vec<_> = all
                .iter()
                .copied()
                .filter(|(day, _)| *day < until)
                .collect();
            let Ok(forecast) = seen(&before, passed) else {
                continue;
            };
            let end = share_of(&all);
            let truth = end.off as f64 / end.total() as f64;
            made += 1;
            inside += u32::from((forecast.low..=forecast.high).contains(&truth));
        }
        (made, inside)
    }
}

/// A city has 560 inspections a year, a county 160.
const CITY: [f64; 2] = [0.71, 0.82];
const COUNTY: [f64; 2] = [0.2, 0.25];

/// Years played out: of those in which enough was seen, at least 85 of 100 end inside.
#[test]
fn most_years_end_inside() {
    const YEARS: u32 = 400;
    let mut all = (0, 0);
    for rates in [CITY, COUNTY] {
        for (campaigns, days) in [
            ([1, 1], 1),
            ([10, 10], 1),
            ([10, 10], 7),
            ([10, 1], 7),
            ([20, 20], 7),
            ([20, 1], 1),
            ([20, 1], 7),
        ] {
            let habit = Habit {
                rates,
                campaigns,
                days,
            };
            for passed in [60, 120, 150] {
                let (made, inside) = habit.coverage(passed, YEARS);
                all = (all.0 + made, all.1 + inside);
                // Years in which by chance enough was seen are not years like the others.
                if made >= YEARS / 4 {
                    assert!(
                        inside * 100 >= made * 85,
                        "{habit:?}, day {passed}: {inside} of {made} ended inside"
                    );
                }
                if campaigns == [1, 1] && rates == CITY {
                    assert_eq!(made, YEARS, "day {passed}");
                }
            }
        }
    }
    assert!(all.1 * 100 >= all.0 * 85, "{all:?}");
    assert!(
        all.1 < all.0,
        "an interval that nothing ever leaves says nothing"
    );
}

/// Campaigns of twenty on one day each are too few to be told apart from a pace.
#[test]
fn a_handful_of_campaigns_has_no_forecast() {
    let habit = Habit {
        rates: COUNTY,
        campaigns: [20, 20],
        days: 1,
    };
    for passed in [60, 120, 150] {
        assert_eq!(habit.coverage(passed, 200), (0, 0), "day {passed}");
    }
}
