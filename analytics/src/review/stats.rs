//! How the work itself is doing: targets counted from the audit chain, each with its rows.
//!
//! Every figure is a count over decisions that were made, so it can be walked back to the audit rows
//! it rests on. What is not decided yet is told apart and counts neither way. Times are those at
//! which things took effect; a decision belongs to the Beijing day on which it did.

use std::collections::{BTreeMap, BTreeSet};

use nonsite_schemas::time::beijing_day;
use serde::Serialize;

use super::bundle::Bundle;
use super::calendar::HOUR;
use super::error::Error;
use super::event::Event;
use super::service::Service;
use super::store::Filter;
use crate::ratio::Period;

/// Rows of the chain read at a time.
const PAGE: u32 = 10_000;

/// Hits of so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Rate {
    /// Decisions that meet the target.
    pub hits: u64,
    /// All decisions.
    pub of: u64,
}

impl Rate {
    fn add(&mut self, hit: bool) {
        self.hits += u64::from(hit);
        self.of += 1;
    }

    /// Percent with two decimals, half up; `None` without decisions.
    pub fn percent(self) -> Option<String> {
        if self.of == 0 {
            return None;
        }
        let hundredths = (self.hits * 20_000 + self.of) / (self.of * 2);
        Some(format!("{}.{:02}", hundredths / 100, hundredths % 100))
    }
}

/// One decision a figure counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatRow {
    /// The case.
    pub case_id: String,
    /// Body in charge.
    pub org_code: Option<String>,
    /// The audit row of the decision.
    pub seq: i64,
    /// When it took effect, microseconds UTC.
    pub at: i64,
    /// What was done.
    pub action: String,
    /// By whom.
    pub by: String,
    /// Whether it meets the target.
    pub hit: bool,
    /// How long it took, microseconds, where the target is about time.
    pub took: Option<i64>,
}

/// One target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figure {
    /// Stable code.
    pub code: &'static str,
    /// Chinese name.
    pub zh: &'static str,
    /// What is counted.
    pub text: &'static str,
    /// The count.
    pub rate: Rate,
    /// In percent with two decimals; nothing without decisions.
    pub percent: Option<String>,
    /// Begun by the end of the period and not decided yet.
    pub undecided: u64,
    /// Median time it took, hours.
    pub median_hours: Option<f64>,
    /// By body in charge; their sums are the figure.
    pub by_org: BTreeMap<String, Rate>,
    /// The decisions, in the order of the chain.
    #[serde(skip)]
    pub rows: Vec<StatRow>,
}

/// What a case's rows say about a target: decisions, and whether one is still to be made.
#[derive(Default)]
struct Seen<'e> {
    /// Decision, hit, beginning where time matters.
    decided: Vec<(&'e Event, bool, Option<i64>)>,
    /// Beginnings without a decision.
    undecided: u64,
}

struct Definition {
    code: &'static str,
    zh: &'static str,
    text: &'static str,
    read: for<'e> fn(&[&'e Event]) -> Seen<'e>,
}

const TARGETS: [Definition; 6] = [
    Definition {
        code: "answered_in_time",
        zh: "按时反馈率",
        text: "orders to explain that were answered before their deadline",
        read: answered,
    },
    Definition {
        code: "clue_precision",
        zh: "线索准确率",
        text: "judged clues that were right, at least partly (the last judgement of a case)",
        read: precision,
    },
    Definition {
        code: "reviewed_in_time",
        zh: "按时审核率",
        text: "submissions decided before the review was overdue",
        read: reviewed,
    },
    Definition {
        code: "passed_first_time",
        zh: "一次通过率",
        text: "orders to rectify whose first submission was approved",
        read: first_time,
    },
    Definition {
        code: "rectified_for_good",
        zh: "整改有效率",
        text: "approved rectifications that lasted through their look-back",
        read: lasting,
    },
    Definition {
        code: "chain_closed",
        zh: "闭环率",
        text: "cases with an order to rectify that are on file by now",
        read: closed,
    },
];

/// Read with the configured bundles.
const SERVED: Definition = Definition {
    code: "served_same_day",
    zh: "告知同达率",
    text: "acts and decisions whose document bundle was served on the same day",
    read: |_| Seen::default(),
};

impl Service {
    /// All targets over the decisions on the caller's cases that took effect in `period`, up to `as_of` (microseconds UTC).
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn stats(&self, period: &Period, as_of: i64) -> Result<Vec<Figure>, Error> {
        let orgs: BTreeMap<String, Option<String>> = self
            .store
            .cases(&self.bounded(&Filter::default()))
            .await?
            .into_iter()
            .map(|case| (case.case_id, case.org_code))
            .collect();
        let mut events = Vec::new();
        let mut after = 0;
        loop {
            let page = self.store.events(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            events.extend(page.into_iter().filter(|event| event.effective_at <= as_of));
        }
        let mut by_case: BTreeMap<&str, Vec<&Event>> = BTreeMap::new();
        for event in &events {
            if orgs.contains_key(&event.case_id) {
                by_case.entry(&event.case_id).or_default().push(event);
            }
        }
        let mut figures: Vec<Figure> = TARGETS
            .iter()
            .map(|target| figure(target, target.read, &by_case, &orgs, period))
            .collect();
        let bundles = self.bundles().all();
        figures.push(figure(
            &SERVED,
            |rows| served(rows, bundles, as_of),
            &by_case,
            &orgs,
            period,
        ));
        Ok(figures)
    }
}

fn figure<'e>(
    target: &Definition,
    read: impl Fn(&[&'e Event]) -> Seen<'e>,
    by_case: &BTreeMap<&str, Vec<&'e Event>>,
    orgs: &BTreeMap<String, Option<String>>,
    period: &Period,
) -> Figure {
    let mut figure = Figure {
        code: target.code,
        zh: target.zh,
        text: target.text,
        rate: Rate::default(),
        percent: None,
        undecided: 0,
        median_hours: None,
        by_org: BTreeMap::new(),
        rows: Vec::new(),
    };
    for (case_id, events) in by_case {
        let seen = read(events);
        figure.undecided += seen.undecided;
        let org_code = orgs.get(*case_id).cloned().flatten();
        for (event, hit, began) in seen.decided {
            if !period.contains(beijing_day(event.effective_at)) {
                continue;
            }
            figure.rate.add(hit);
            let org = org_code.clone().unwrap_or_default();
            figure.by_org.entry(org).or_default().add(hit);
            figure.rows.push(StatRow {
                case_id: event.case_id.clone(),
                org_code: org_code.clone(),
                seq: event.seq,
                at: event.effective_at,
                action: event.action.clone(),
                by: event.actor.clone(),
                hit,
                took: began.map(|began| event.effective_at - began),
            });
        }
    }
    figure.rows.sort_by_key(|row| row.seq);
    figure.percent = figure.rate.percent();
    figure.median_hours = median(figure.rows.iter().filter_map(|row| row.took).collect());
    figure
}

/// The middle one, or the mean of the two in the middle, in hours.
fn median(mut times: Vec<i64>) -> Option<f64> {
    times.sort_unstable();
    let upper = *times.get(times.len() / 2)?;
    let lower = times[(times.len() - 1) / 2];
    Some((lower + upper) as f64 / 2.0 / HOUR as f64)
}

/// Pairs of a beginning and the first decision after it.
fn pairs<'e>(
    events: &[&'e Event],
    begins: impl Fn(&Event) -> bool,
    decides: impl Fn(&Event) -> bool,
    hit: impl Fn(&[&'e Event]) -> bool,
) -> Seen<'e> {
    let mut seen = Seen::default();
    for (at, begin) in events.iter().enumerate().filter(|(_, event)| begins(event)) {
        let rest = &events[at + 1..];
        match rest.iter().position(|event| decides(event)) {
            Some(end) => {
                let way = &rest[..=end];
                seen.decided
                    .push((rest[end], hit(way), Some(begin.effective_at)));
            }
            None => seen.undecided += 1,
        }
    }
    seen
}

fn answered<'e>(events: &[&'e Event]) -> Seen<'e> {
    pairs(
        events,
        |event| event.action == "deliver",
        |event| event.from_state.as_deref() == Some("self_check") && leaves(event),
        |way| way.last().is_some_and(|event| event.action == "answer"),
    )
}

fn leaves(event: &Event) -> bool {
    event.from_state.as_deref() != Some(event.to_state.as_str())
}

/// A reviewer who asks for an extension has not decided yet; the approver's answer may do so.
fn decides_submission(event: &Event) -> bool {
    match event.from_state.as_deref() {
        Some("submitted") => leaves(event) && event.to_state != "extended",
        Some("extended") => leaves(event) && event.to_state != "submitted",
        _ => false,
    }
}

fn review_is_overdue(event: &Event) -> bool {
    event.action == "overdue" && event.from_state.as_deref() == Some("submitted")
}

fn reviewed<'e>(events: &[&'e Event]) -> Seen<'e> {
    pairs(
        events,
        |event| event.action == "submit",
        decides_submission,
        |way| !way.iter().any(|event| review_is_overdue(event)),
    )
}

fn first_time<'e>(events: &[&'e Event]) -> Seen<'e> {
    // Of every order: one that was extended is still the same.
    let mut ordered = false;
    let mut firsts = BTreeSet::new();
    for event in events {
        match event.action.as_str() {
            "rectify" => ordered = true,
            "submit" if ordered => {
                ordered = false;
                firsts.insert(event.seq);
            }
            _ => {}
        }
    }
    pairs(
        events,
        |event| firsts.contains(&event.seq),
        decides_submission,
        |way| way.last().is_some_and(|event| event.action == "approve"),
    )
}

fn precision<'e>(events: &[&'e Event]) -> Seen<'e> {
    let mut judged = events.iter().filter_map(|event| {
        let right = match event.action.as_str() {
            "dismiss" => false,
            "rectify" | "file" => true,
            _ => return None,
        };
        let told = event.fields.get("match").map(|told| told.trim());
        let right = match told {
            Some("mismatch") => false,
            Some("match" | "partly") => true,
            _ => right,
        };
        Some((*event, right, None))
    });
    Seen {
        decided: judged.next_back().into_iter().collect(),
        // A clue nobody looked at yet says nothing about clues.
        undecided: 0,
    }
}

fn lasting<'e>(events: &[&'e Event]) -> Seen<'e> {
    let mut seen = Seen::default();
    let starts = |event: &&Event| event.action == "look_back";
    let mut rest = events;
    while let Some(start) = rest.iter().position(starts) {
        rest = &rest[start + 1..];
        let next = rest.iter().position(starts).unwrap_or(rest.len());
        let own = &rest[..next];
        // A relapse that came to light after the end counts against it all the same.
        let relapse = own.iter().find(|event| event.action == "relapse");
        let end = own.iter().find(|event| {
            event.action == "close" && event.from_state.as_deref() == Some("look_back")
        });
        match (relapse, end) {
            (Some(relapse), _) => seen.decided.push((relapse, false, None)),
            (None, Some(end)) => seen.decided.push((end, true, None)),
            (None, None) => seen.undecided += 1,
        }
    }
    seen
}

/// Every action for which a bundle is due, once per bundle; that very day it may still come. What was
/// served on entering is recorded before the visit is.
fn served<'e>(events: &[&'e Event], bundles: &[Bundle], as_of: i64) -> Seen<'e> {
    let mut seen = Seen::default();
    let mut used = BTreeSet::new();
    for event in events {
        let day = beijing_day(event.effective_at);
        for bundle in bundles
            .iter()
            .filter(|bundle| bundle.when.contains(&event.action))
        {
            let hit = events.iter().find(|other| {
                other.action == "serve"
                    && other.fields.get("bundle") == Some(&bundle.kind)
                    && beijing_day(other.effective_at) == day
                    && !used.contains(&other.seq)
            });
            match hit {
                Some(hit) => {
                    // One service is of one action.
                    used.insert(hit.seq);
                    let took = Some(event.effective_at.min(hit.effective_at));
                    seen.decided.push((*hit, true, took));
                }
                None if day == beijing_day(as_of) => seen.undecided += 1,
                None => seen.decided.push((*event, false, None)),
            }
        }
    }
    seen
}

fn closed<'e>(events: &[&'e Event]) -> Seen<'e> {
    let order = events.iter().rfind(|event| event.action == "rectify");
    let on_file = events
        .last()
        .is_some_and(|event| event.to_state == "closed");
    Seen {
        decided: order
            .map(|order| (*order, on_file, None))
            .into_iter()
            .collect(),
        undecided: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_rounded_half_up_and_medians_lie_between() {
        let percent = |hits, of| Rate { hits, of }.percent();
        assert_eq!(percent(1_063, 1_121).as_deref(), Some("94.83"));
        assert_eq!(percent(1, 3).as_deref(), Some("33.33"));
        assert_eq!(percent(2, 3).as_deref(), Some("66.67"));
        assert_eq!(percent(7, 7).as_deref(), Some("100.00"));
        assert_eq!(percent(0, 0), None);
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![3 * HOUR, HOUR]), Some(2.0));
        assert_eq!(median(vec![5 * HOUR, HOUR, 2 * HOUR]), Some(2.0));
    }
}
