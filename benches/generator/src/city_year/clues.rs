//! Five thousand clues of the year, each with the way it goes, and what the targets of the case work
//! have to be after that.
//!
//! They come in ten batches of 500, each on a Monday, and each clue has an outlet of its own, so that none merges into another unless it is meant to.

use std::collections::BTreeMap;

use nonsite_schemas::time::{DAY_MICROS, beijing_day_start};
use serde::Serialize;

use super::{BODIES, CityUnit, Counts, UNITS, day_of_year};
use crate::stamp::{HOUR, weekday};

/// Clues of the year.
pub const CLUES: usize = 5_000;
/// Batches they come in.
pub const BATCHES: usize = CLUES / UNITS;

/// The way of a clue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Not confirmed: the enterprise is reminded, nothing follows.
    Reminded,
    /// Merged into the case of another clue.
    Merged,
    /// Left in triage.
    Waiting,
    /// Dismissed in triage.
    Dismissed,
    /// Answered in time, verified, and found to be nothing.
    AnsweredFalse,
    /// Never answered: ends up on-site.
    Unanswered,
    /// Answered, rectified, approved at once, and lasting.
    Rectified,
    /// Answered, rectified, sent back once, then approved, and lasting.
    ReturnedOnce,
}

impl Way {
    /// How many clues of a batch go each way; 500 together.
    const SHARES: [(Self, usize); 8] = [
        (Self::Rectified, 40),
        (Self::ReturnedOnce, 15),
        (Self::AnsweredFalse, 30),
        (Self::Unanswered, 20),
        (Self::Dismissed, 30),
        (Self::Waiting, 5),
        (Self::Merged, 60),
        (Self::Reminded, 300),
    ];

    /// Whether the enterprise was asked, and whether it answered in time.
    const fn answered(self) -> Option<bool> {
        match self {
            Self::AnsweredFalse | Self::Rectified | Self::ReturnedOnce => Some(true),
            Self::Unanswered => Some(false),
            _ => None,
        }
    }

    /// Whether it was judged, and right.
    const fn right(self) -> Option<bool> {
        match self {
            Self::Rectified | Self::ReturnedOnce => Some(true),
            Self::AnsweredFalse | Self::Dismissed => Some(false),
            _ => None,
        }
    }

    /// Whether rectification was ordered, and passed at first.
    const fn first_time(self) -> Option<bool> {
        match self {
            Self::Rectified => Some(true),
            Self::ReturnedOnce => Some(false),
            _ => None,
        }
    }
}

/// A clue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clue {
    /// Id of the anomaly it is.
    pub anomaly_id: String,
    /// Batch, from 0.
    pub batch: usize,
    /// When the queue takes it, microseconds UTC: a Monday, 09:00 in Beijing.
    pub taken_at: i64,
    /// Start of what was judged.
    pub window_start: i64,
    /// Permit of the unit.
    pub permit_no: String,
    /// Name of the unit.
    pub unit_name: String,
    /// Body in charge.
    pub org_code: String,
    /// Outlet.
    pub outlet_uid: String,
    /// Confirmed, so that it becomes a task.
    pub confirmed: bool,
    /// The way it goes.
    pub way: Way,
}

/// The clues of a year, by batch.
pub(super) fn clues(year: i32, units: &[CityUnit]) -> Vec<Clue> {
    let first = day_of_year(year);
    let ways: Vec<Way> = Way::SHARES
        .iter()
        .flat_map(|(way, count)| std::iter::repeat_n(*way, *count))
        .collect();
    let mut clues: Vec<Clue> = Vec::with_capacity(CLUES);
    for batch in 0..BATCHES {
        let near = first + 7 + batch as i32 * 33;
        let monday = near + (7 - weekday(near) as i32) % 7;
        let taken_at = beijing_day_start(monday) + 9 * HOUR;
        let begin = clues.len();
        for (at, way) in ways.iter().enumerate() {
            // Units take turns, so that each goes every way in the course of the year.
            let host = begin + at % 40;
            let (unit, outlet_uid) = if *way == Way::Merged {
                let host = &clues[host];
                let unit = units.iter().find(|unit| unit.permit_no == host.permit_no);
                (unit.unwrap_or(&units[0]), host.outlet_uid.clone())
            } else {
                let unit = &units[(at + batch * 53) % UNITS];
                (unit, format!("{}DA{:03}", unit.permit_no, batch + 1))
            };
            let later = if *way == Way::Merged { HOUR } else { 0 };
            clues.push(Clue {
                anomaly_id: format!("clue-{year}-{batch:02}-{at:03}"),
                batch,
                taken_at,
                window_start: taken_at - 3 * DAY_MICROS + later,
                permit_no: unit.permit_no.clone(),
                unit_name: unit.name.clone(),
                org_code: BODIES[unit.body].0.to_owned(),
                outlet_uid,
                confirmed: *way != Way::Reminded,
                way: *way,
            });
        }
    }
    clues
}

/// What the targets of the case work have to be: by code and body, hits and of.
pub fn case_work(clues: &[Clue]) -> BTreeMap<&'static str, BTreeMap<String, Counts>> {
    let mut all: BTreeMap<&'static str, BTreeMap<String, Counts>> = BTreeMap::new();
    let mut add = |code: &'static str, org: &str, hit: bool| {
        let counts = all
            .entry(code)
            .or_default()
            .entry(org.to_owned())
            .or_default();
        counts.0 += u64::from(hit);
        counts.1 += 1;
    };
    for clue in clues {
        let org = &clue.org_code;
        if let Some(hit) = clue.way.answered() {
            add("answered_in_time", org, hit);
        }
        if let Some(hit) = clue.way.right() {
            add("clue_precision", org, hit);
        }
        if let Some(hit) = clue.way.first_time() {
            add("passed_first_time", org, hit);
            // Each submission is decided in time; the one that was sent back came twice.
            add("reviewed_in_time", org, true);
            if !hit {
                add("reviewed_in_time", org, true);
            }
            add("rectified_for_good", org, true);
            add("chain_closed", org, true);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::city_year::CityYear;

    #[test]
    fn five_thousand_go_every_way() {
        let city = CityYear::new(2025, 7);
        assert_eq!(city.clues.len(), CLUES);
        let ids: std::collections::BTreeSet<&str> = city
            .clues
            .iter()
            .map(|clue| clue.anomaly_id.as_str())
            .collect();
        assert_eq!(ids.len(), CLUES);
        let work = case_work(&city.clues);
        let sum = |code: &str| {
            work[code]
                .values()
                .fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
        };
        assert_eq!(sum("answered_in_time"), (850, 1_050));
        assert_eq!(sum("clue_precision"), (550, 1_150));
        assert_eq!(sum("passed_first_time"), (400, 550));
        assert_eq!(sum("reviewed_in_time"), (700, 700));
        let own = |clue: &Clue| clue.way != Way::Merged;
        let outlets: std::collections::BTreeSet<&str> = city
            .clues
            .iter()
            .filter(|clue| own(clue))
            .map(|clue| clue.outlet_uid.as_str())
            .collect();
        assert_eq!(outlets.len(), CLUES - 600);
        assert!(
            city.clues
                .iter()
                .all(|clue| weekday(nonsite_schemas::time::beijing_day(clue.taken_at)) == 0)
        );
    }
}
