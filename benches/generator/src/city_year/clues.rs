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

/// Hours after its batch is taken at which a clue is sent to the enterprise.
pub const SENT: i64 = 1;
/// At which the enterprise answers.
pub const ANSWERED: i64 = 24;
/// At which what was found is judged, and rectification ordered.
pub const JUDGED: i64 = 26;
/// At which the trouble of a rectification that did not last comes back.
pub const BACK: i64 = 5 * 24;
/// Hours the enterprise has for its answer.
const ANSWER_DUE: i64 = 48;

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
    /// The same, approved after the review was overdue.
    LateReview,
    /// Severity S2: approved by two persons, and lasting.
    TwoSignatures,
    /// Approved, and back within the look-back.
    Relapsed,
    /// Ordered to rectify, and nothing came.
    Ordered,
    /// Submitted, and nobody decided.
    Pending,
    /// Answered, visited, rectified, approved, and lasting; the visit is an act of the workflow.
    Visited,
}

/// Evidence of a rectification, in hours after the batch was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Submission {
    /// When it is handed in.
    pub submitted: i64,
    /// When it is decided, if it ever is.
    pub decided: Option<i64>,
    /// Approved, else returned.
    pub approved: bool,
    /// Before the review was overdue.
    pub in_time: bool,
}

impl Submission {
    const fn decided(submitted: i64, decided: i64, approved: bool) -> Self {
        Self {
            submitted,
            decided: Some(decided),
            approved,
            in_time: true,
        }
    }
}

/// Evidence that is approved two hours later.
const AT_ONCE: [Submission; 1] = [Submission::decided(48, 50, true)];
const AGAIN: [Submission; 2] = [
    Submission::decided(48, 50, false),
    Submission::decided(72, 74, true),
];
/// After holidays of a week as well.
const TOO_LATE: [Submission; 1] = [Submission {
    in_time: false,
    ..Submission::decided(48, 12 * 24 + 2, true)
}];
const TWICE_SIGNED: [Submission; 1] = [Submission::decided(48, 52, true)];
const NOBODY: [Submission; 1] = [Submission {
    decided: None,
    approved: false,
    ..Submission::decided(48, 0, false)
}];

impl Way {
    /// How many clues of a batch go each way; 500 together. Others merge into the first 40.
    pub const SHARES: [(Self, usize); 14] = [
        (Self::Rectified, 40),
        (Self::ReturnedOnce, 15),
        (Self::LateReview, 6),
        (Self::TwoSignatures, 6),
        (Self::Relapsed, 4),
        (Self::Ordered, 5),
        (Self::Pending, 3),
        (Self::Visited, 5),
        (Self::AnsweredFalse, 30),
        (Self::Unanswered, 20),
        (Self::Dismissed, 30),
        (Self::Waiting, 5),
        (Self::Merged, 60),
        (Self::Reminded, 271),
    ];

    /// What the enterprise hands in; nothing where rectification was not ordered, or nothing came.
    pub const fn submissions(self) -> &'static [Submission] {
        match self {
            Self::Rectified | Self::Relapsed | Self::Visited => &AT_ONCE,
            Self::ReturnedOnce => &AGAIN,
            Self::LateReview => &TOO_LATE,
            Self::TwoSignatures => &TWICE_SIGNED,
            Self::Pending => &NOBODY,
            _ => &[],
        }
    }

    /// Whether rectification was ordered.
    pub const fn ordered(self) -> bool {
        !self.submissions().is_empty() || matches!(self, Self::Ordered)
    }

    /// Whether the enterprise was asked, and whether it answered in time.
    pub const fn answered(self) -> Option<bool> {
        match self {
            Self::AnsweredFalse => Some(true),
            Self::Unanswered => Some(false),
            _ if self.ordered() => Some(true),
            _ => None,
        }
    }

    /// Whether it was judged, and right.
    const fn right(self) -> Option<bool> {
        match self {
            Self::AnsweredFalse | Self::Dismissed => Some(false),
            _ if self.ordered() => Some(true),
            _ => None,
        }
    }

    /// When its rectification was approved.
    pub fn approved(self) -> Option<i64> {
        let last = self.submissions().last()?;
        last.decided.filter(|_| last.approved)
    }

    /// Whether an approved rectification lasted.
    fn lasting(self) -> Option<bool> {
        self.approved().map(|_| self != Self::Relapsed)
    }

    /// Whether its case is on file in the end.
    pub fn on_file(self) -> bool {
        matches!(self, Self::Dismissed | Self::AnsweredFalse) || self.lasting() == Some(true)
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

/// What a target of the case work has to be.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CaseFigure {
    /// Hits and of, by body.
    pub by_org: BTreeMap<String, Counts>,
    /// Begun and not decided.
    pub undecided: u64,
    /// How long each decision took, hours; empty where the target is not about time.
    pub took: Vec<i64>,
}

impl CaseFigure {
    fn add(&mut self, org: &str, hit: bool) {
        let counts = self.by_org.entry(org.to_owned()).or_default();
        counts.0 += u64::from(hit);
        counts.1 += 1;
    }

    /// The sum over all bodies.
    pub fn total(&self) -> Counts {
        self.by_org
            .values()
            .fold((0, 0), |sum, own| (sum.0 + own.0, sum.1 + own.1))
    }

    /// The middle one of the times, or the mean of the two in the middle.
    pub fn median(&self) -> Option<f64> {
        let mut took = self.took.clone();
        took.sort_unstable();
        let upper = *took.get(took.len() / 2)?;
        let lower = took[(took.len() - 1) / 2];
        Some((lower + upper) as f64 / 2.0)
    }
}

/// What the targets of the case work have to be, by code; those of the chain have times in hours too.
pub fn case_work(clues: &[Clue]) -> BTreeMap<&'static str, CaseFigure> {
    let mut all: BTreeMap<&'static str, CaseFigure> = BTreeMap::new();
    for clue in clues {
        let (way, org) = (clue.way, clue.org_code.as_str());
        let mut decided = |code: &'static str, hit: bool, took: Option<i64>| {
            let figure = all.entry(code).or_default();
            figure.add(org, hit);
            figure.took.extend(took);
        };
        if let Some(hit) = way.answered() {
            let took = if hit { ANSWERED - SENT } else { ANSWER_DUE };
            decided("answered_in_time", hit, Some(took));
        }
        if let Some(hit) = way.right() {
            decided("clue_precision", hit, None);
        }
        for (at, one) in way.submissions().iter().enumerate() {
            let took = one.decided.map(|decided| decided - one.submitted);
            if took.is_some() {
                decided("reviewed_in_time", one.in_time, took);
                if at == 0 {
                    decided("passed_first_time", one.approved, took);
                }
            }
        }
        if let Some(hit) = way.lasting() {
            decided("rectified_for_good", hit, None);
        }
        if way.ordered() {
            let lasting = way.lasting() == Some(true);
            let approved = way.approved().filter(|_| lasting);
            decided("chain_closed", lasting, None);
            decided("chain_complete", lasting, None);
            decided("chain_initiated", true, Some(SENT));
            decided("chain_checked", true, Some(JUDGED - SENT));
            decided("chain_handled", true, Some(0));
            decided("chain_rectified", lasting, approved.map(|at| at - JUDGED));
        }
        let waits = way.submissions().iter().any(|one| one.decided.is_none());
        for code in ["reviewed_in_time", "passed_first_time"] {
            all.entry(code).or_default().undecided += u64::from(waits);
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
        assert_eq!(
            Way::SHARES.iter().map(|(_, many)| many).sum::<usize>(),
            UNITS
        );
        let city = CityYear::new(2025, 7);
        assert_eq!(city.clues.len(), CLUES);
        let ids: std::collections::BTreeSet<&str> = city
            .clues
            .iter()
            .map(|clue| clue.anomaly_id.as_str())
            .collect();
        assert_eq!(ids.len(), CLUES);
        let work = case_work(&city.clues);
        let sum = |code: &str| work[code].total();
        assert_eq!(sum("answered_in_time"), (1_140, 1_340));
        assert_eq!(sum("clue_precision"), (840, 1_440));
        assert_eq!(sum("passed_first_time"), (610, 760));
        assert_eq!(sum("reviewed_in_time"), (850, 910));
        assert_eq!(sum("rectified_for_good"), (720, 760));
        assert_eq!(sum("chain_closed"), (720, 840));
        assert_eq!(sum("chain_rectified"), (720, 840));
        assert_eq!(work["reviewed_in_time"].undecided, 30);
        assert_eq!(work["answered_in_time"].median(), Some(23.0));
        assert_eq!(work["chain_rectified"].median(), Some(24.0));
        assert_eq!(work["clue_precision"].median(), None);
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
