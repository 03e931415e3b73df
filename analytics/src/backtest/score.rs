//! Findings against known faults: recall, precision, false alarms, delay.
//!
//! Definitions:
//! - a finding **belongs** to a fault when it is about the same logger (or, for a finding about a
//!   permit, the same permit), neither names another factor, and their times overlap or lie within
//!   an hour of each other;
//! - a fault is **found** by a rule it expects when a finding of that rule belongs to it; it is
//!   found overall when one of its expected rules finds it. Faults whose expected rules are all
//!   outside the catalogue are counted apart, never as missed;
//! - a finding is **right** when it belongs to a fault that expects or allows its rule, or is made of
//!   other findings (A01, A06) one of which is right; otherwise a
//!   **false alarm** (also when it belongs to a fault of another nature: it names a wrong cause);
//! - the **delay** of a found fault is from its start until the first of its windows could be judged:
//!   the end of the window, or, where a duration in minutes is held against a threshold, the moment
//!   the threshold was passed. The interval between runs comes on top. It is not measured for faults
//!   that began before the data, nor where the window began long before the fault and still grows
//!   (the sum of a year), because then nothing tells when it could first be judged;
//! - a **point-month** is one logger over 30 days.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::Judged;
use super::truth::Fault;
use crate::detect::anomaly::Anomaly;
use crate::detect::base;

/// How far apart a finding and its fault may lie, microseconds: one hour.
const GRACE: i64 = 3_600_000_000;
/// Microseconds per day.
const DAY: i64 = 24 * GRACE;
/// Days of a month in point-months.
const MONTH_DAYS: f64 = 30.0;
/// Microseconds per hour.
const HOUR: f64 = 3_600_000_000.0;
/// Faults and findings listed as examples of what went wrong, per kind and rule.
const EXAMPLES: usize = 5;

/// One line of the table: a rule, or all of them.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Line {
    /// Rule, or `all`.
    pub rule: String,
    /// Faults it had to find.
    pub planted: u64,
    /// How many of them it found.
    pub found: u64,
    /// found / planted; nothing without a planted fault.
    pub recall: Option<f64>,
    /// Findings.
    pub findings: u64,
    /// Findings that are right.
    pub right: u64,
    /// right / findings; nothing without a finding.
    pub precision: Option<f64>,
    /// Findings that are not.
    pub false_alarms: u64,
    /// Of them, on a look-alike that must not be flagged.
    pub on_look_alikes: u64,
    /// Of them, beside a fault of another nature on the same subject.
    pub beside_faults: u64,
    /// False alarms per point-month.
    pub false_alarms_per_point_month: f64,
    /// Median delay, hours.
    pub delay_median_h: Option<f64>,
    /// 90th percentile of the delay, hours.
    pub delay_p90_h: Option<f64>,
}

/// One kind of fault.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct KindLine {
    /// Kind.
    pub kind: String,
    /// Rules that must flag it, as far as the catalogue has them.
    pub expected: BTreeSet<String>,
    /// How many there are.
    pub planted: u64,
    /// How many were found by at least one expected rule.
    pub found: u64,
    /// How many had only expected rules outside the catalogue.
    pub without_rule: u64,
    /// How many were flagged by a rule that must not, with a finding that no other fault explains.
    pub wrongly_flagged: u64,
    /// Some that were missed.
    pub missed: Vec<String>,
}

/// The whole result.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// Data loggers.
    pub points: u64,
    /// Beijing days with data.
    pub days: u64,
    /// points x days / 30.
    pub point_months: f64,
    /// The time the rules were told, microseconds UTC.
    pub as_of: i64,
    /// Version of `readings_raw`.
    pub readings_version: i64,
    /// Everything together.
    pub overall: Line,
    /// By rule, in order of ids; rules that had nothing to find and found nothing are left out.
    pub rules: Vec<Line>,
    /// By kind of fault.
    pub kinds: Vec<KindLine>,
    /// Some false alarms by rule.
    pub examples: BTreeMap<String, Vec<String>>,
    /// Rules that ran, had nothing to find and found nothing.
    pub silent: Vec<String>,
}

fn belongs(finding: &Anomaly, fault: &Fault) -> bool {
    let subject = match &finding.mn {
        Some(mn) => *mn == fault.mn,
        None => finding.permit_no.is_some() && finding.permit_no == fault.permit_no,
    };
    subject
        && (finding.factor.is_none() || fault.factor.is_none() || finding.factor == fault.factor)
        && finding.window_start < fault.end_us + GRACE
        && finding.window_end > fault.start_us - GRACE
}

/// When a finding could first be told of this fault, microseconds UTC; nothing when its window is
/// one that grew from long before the fault until the time of the judgement.
fn known_at(finding: &Anomaly, fault: &Fault, as_of: i64) -> Option<i64> {
    if finding.unit.as_deref() == Some("min")
        && let (Some(observed), Some(limit)) = (finding.observed, finding.limit_value)
        && observed > limit
    {
        return Some(finding.window_start + (limit * 60e6) as i64);
    }
    if finding.window_end >= as_of && finding.window_start + DAY < fault.start_us {
        return None;
    }
    let evidence: Value = serde_json::from_str(&finding.evidence).unwrap_or_default();
    let instant = |value: &Value| {
        let time = chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
        Some(time.timestamp_micros())
    };
    let first = evidence["windows"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|window| Some((instant(&window["start"])?, instant(&window["end"])?)))
        .filter(|(start, end)| *start < fault.end_us + GRACE && *end > fault.start_us - GRACE)
        .map(|(_, end)| end)
        .min();
    Some(first.unwrap_or(finding.window_end))
}

/// Counts while they grow.
#[derive(Default)]
struct Count {
    line: Line,
    delays: Vec<f64>,
}

impl Count {
    fn done(mut self, rule: &str, point_months: f64) -> Line {
        let share = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        self.delays.sort_by(f64::total_cmp);
        let quantile = |q: f64| {
            let last = self.delays.len().checked_sub(1)?;
            self.delays.get((last as f64 * q).round() as usize).copied()
        };
        let line = &mut self.line;
        rule.clone_into(&mut line.rule);
        line.recall = share(line.found, line.planted);
        line.precision = share(line.right, line.findings);
        line.false_alarms = line.findings - line.right;
        line.false_alarms_per_point_month = line.false_alarms as f64 / point_months.max(1e-9);
        line.delay_median_h = quantile(0.5);
        line.delay_p90_h = quantile(0.9);
        self.line
    }
}

/// Holds findings against known faults.
pub fn score(judged: &Judged, faults: &[Fault]) -> Score {
    let point_months = judged.points as f64 * judged.days as f64 / MONTH_DAYS;
    // Faults that begin after the time of the judgement cannot be known.
    let faults: Vec<&Fault> = faults
        .iter()
        .filter(|fault| fault.start_us < judged.as_of)
        .collect();
    let mut by_subject: BTreeMap<&str, Vec<&Fault>> = BTreeMap::new();
    for fault in &faults {
        by_subject.entry(&fault.mn).or_default().push(fault);
        if let Some(permit) = fault.permit_no.as_deref().filter(|p| *p != fault.mn) {
            by_subject.entry(permit).or_default().push(fault);
        }
    }
    let mut rules: BTreeMap<&str, Count> = BTreeMap::new();
    let mut overall = Count::default();
    let mut examples: BTreeMap<String, Vec<String>> = BTreeMap::new();
    // Findings by rule and subject, for the faults' turn.
    let mut found: BTreeMap<(&str, &str), Vec<&Anomaly>> = BTreeMap::new();
    // Findings that are right: such a one may lie beside a look-alike without being about it.
    let mut explained: BTreeSet<&str> = BTreeSet::new();
    // Findings made of other findings come last: they are right when what they rest on is.
    let made_of_others = |finding: &&Anomaly| !base(&finding.evidence).is_empty();
    let (derived, plain): (Vec<&Anomaly>, Vec<&Anomaly>) =
        judged.findings.iter().partition(made_of_others);
    for finding in plain.into_iter().chain(derived) {
        let rule = finding.rule_id.as_str();
        let subject = finding.mn.as_deref().or(finding.permit_no.as_deref());
        let near: Vec<&&Fault> = subject
            .and_then(|subject| by_subject.get(subject))
            .into_iter()
            .flatten()
            .filter(|fault| belongs(finding, fault))
            .collect();
        let names = |rules: &[String]| rules.iter().any(|id| id == rule);
        let right = near
            .iter()
            .any(|fault| names(&fault.expected) || names(&fault.allowed))
            || base(&finding.evidence)
                .iter()
                .any(|(id, _)| explained.contains(id.as_str()));
        let look_alike = !right && near.iter().any(|fault| names(&fault.must_not));
        let beside = !right && !look_alike && near.iter().any(|f| !f.expected.is_empty());
        for count in [rules.entry(rule).or_default(), &mut overall] {
            count.line.findings += 1;
            count.line.right += u64::from(right);
            count.line.on_look_alikes += u64::from(look_alike);
            count.line.beside_faults += u64::from(beside);
        }
        if right {
            explained.insert(finding.anomaly_id.as_str());
        } else {
            let list = examples.entry(rule.to_owned()).or_default();
            if list.len() < EXAMPLES {
                list.push(told(finding));
            }
        }
        if let Some(subject) = subject {
            found.entry((rule, subject)).or_default().push(finding);
        }
    }
    let mut kinds: BTreeMap<&str, KindLine> = BTreeMap::new();
    for fault in &faults {
        let kind = kinds.entry(&fault.kind).or_default();
        fault.kind.clone_into(&mut kind.kind);
        // Findings of a rule that belong to the fault.
        let of = |rule: &str| -> Vec<&Anomaly> {
            let permit = fault.permit_no.as_deref().filter(|p| *p != fault.mn);
            [Some(fault.mn.as_str()), permit]
                .into_iter()
                .flatten()
                .filter_map(|subject| found.get(&(rule, subject)))
                .flatten()
                .copied()
                .filter(|finding| belongs(finding, fault))
                .collect()
        };
        let unexplained = |finding: &&Anomaly| !explained.contains(finding.anomaly_id.as_str());
        if fault
            .must_not
            .iter()
            .any(|rule| of(rule).iter().any(unexplained))
        {
            kind.wrongly_flagged += 1;
        }
        let expected: Vec<&str> = fault
            .expected
            .iter()
            .map(String::as_str)
            .filter(|rule| judged.rules.contains(*rule))
            .collect();
        kind.planted += 1;
        if expected.is_empty() {
            kind.without_rule += u64::from(!fault.expected.is_empty());
            continue;
        }
        kind.expected
            .extend(expected.iter().map(|rule| (*rule).to_owned()));
        let mut hit = false;
        let mut soonest: Option<f64> = None;
        for rule in expected {
            let mine = of(rule);
            let count = rules.entry(rule).or_default();
            count.line.planted += 1;
            if mine.is_empty() {
                continue;
            }
            hit = true;
            count.line.found += 1;
            let known = mine
                .iter()
                .filter_map(|finding| known_at(finding, fault, judged.as_of))
                .min()
                .filter(|_| fault.start_us >= judged.from);
            if let Some(delay) = known.map(|at| delay(at, fault)) {
                count.delays.push(delay);
                soonest = Some(soonest.map_or(delay, |soonest: f64| soonest.min(delay)));
            }
        }
        overall.line.planted += 1;
        overall.line.found += u64::from(hit);
        overall.delays.extend(soonest);
        kind.found += u64::from(hit);
        if !hit && kind.missed.len() < EXAMPLES {
            kind.missed.push(missed(fault));
        }
    }
    let silent = judged
        .rules
        .iter()
        .filter(|id| !rules.contains_key(id.as_str()));
    Score {
        silent: silent.cloned().collect(),
        points: judged.points,
        days: judged.days,
        point_months,
        as_of: judged.as_of,
        readings_version: judged.readings_version,
        overall: overall.done("all", point_months),
        rules: rules
            .into_iter()
            .map(|(rule, count)| count.done(rule, point_months))
            .collect(),
        kinds: kinds.into_values().collect(),
        examples,
    }
}

/// Hours from a fault's start; a window that began before counts as at once.
fn delay(known_at: i64, fault: &Fault) -> f64 {
    (known_at - fault.start_us).max(0) as f64 / HOUR
}

fn told(finding: &Anomaly) -> String {
    let or = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    format!(
        "{} {} {} {}",
        &finding.anomaly_id[..finding.anomaly_id.len().min(12)],
        or(&finding.mn),
        or(&finding.factor),
        crate::detect::evidence::beijing(finding.window_start)
    )
}

fn missed(fault: &Fault) -> String {
    format!(
        "{} {} {} to {}",
        fault.mn,
        fault.factor.as_deref().unwrap_or("-"),
        crate::detect::evidence::beijing(fault.start_us),
        crate::detect::evidence::beijing(fault.end_us)
    )
}

#[cfg(test)]
mod tests;
