//! Flagged windows of one subject become one finding, so that a cause is told once.
//!
//! Windows at most the rule's quiet gap apart belong together. The finding's value is its worst
//! window's; it may be more severe when enough windows follow each other directly.
//!
//! A rule that looks back over many days judges day by day, and what it finds may last for months.
//! Its findings end with the Beijing month, so that a run has to judge at most one month again to
//! know where a finding begins; what goes on is told again each month.

use chrono::Datelike;
use nonsite_schemas::time::beijing_day;

use super::judge::Window;
use super::rule::{Rule, Severity};

/// Microseconds per hour.
const HOUR: f64 = 3_600_000_000.0;

/// One finding: windows in order of time, at least one.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    pub(super) windows: Vec<Window>,
    /// Position of the window whose value is told.
    pub(super) worst: usize,
    pub(super) severity: Severity,
}

impl Finding {
    /// The worst window.
    pub(super) fn worst(&self) -> &Window {
        &self.windows[self.worst]
    }

    /// Start of the first window.
    pub(super) fn start(&self) -> i64 {
        self.windows[0].start
    }

    /// Latest end of a window.
    pub(super) fn end(&self) -> i64 {
        self.windows
            .iter()
            .map(|window| window.end)
            .max()
            .unwrap_or_else(|| self.start())
    }

    /// Whether it reaches into the judged days.
    pub(super) fn core(&self) -> bool {
        self.windows.iter().any(|window| window.core)
    }
}

/// Beijing month of an instant, counted from year 0.
pub(super) fn month(micros: i64) -> i32 {
    month_of_day(beijing_day(micros))
}

/// Month of a day, counted from year 0.
pub(super) fn month_of_day(day: i32) -> i32 {
    let date = chrono::NaiveDate::default() + chrono::TimeDelta::days(i64::from(day));
    date.year() * 12 + date.month0().cast_signed()
}

/// Puts windows together.
pub(super) fn merge(rule: &Rule, mut windows: Vec<Window>) -> Vec<Finding> {
    let subject = |window: &Window| {
        let registry = |part: &Option<String>| part.clone().filter(|_| window.mn.is_none());
        (
            window.mn.clone(),
            registry(&window.permit_no),
            registry(&window.outlet_uid),
            window.factor.clone(),
        )
    };
    // Down to the detail: windows of one time come in whatever order they were computed in.
    windows.sort_by(|a, b| {
        let whole = |w: &Window| (w.start, w.end, w.outlet_uid.clone(), w.detail.clone());
        (subject(a), whole(a)).cmp(&(subject(b), whole(b)))
    });
    let mut groups: Vec<Vec<Window>> = Vec::new();
    for window in windows {
        let gap = rule.episode.quiet_gap_h.map(|hours| (hours * HOUR) as i64);
        let joins = groups
            .last()
            .and_then(|group| group.last())
            .is_some_and(|before| {
                gap.is_some_and(|gap| {
                    subject(before) == subject(&window)
                        && window.start - before.end <= gap
                        && (!rule.long() || month(before.start) == month(window.start))
                })
            });
        match groups.last_mut() {
            Some(group) if joins => group.push(window),
            _ => groups.push(vec![window]),
        }
    }
    groups
        .into_iter()
        .map(|windows| finding(rule, windows))
        .collect()
}

fn finding(rule: &Rule, windows: Vec<Window>) -> Finding {
    let badness = |window: &Window| {
        let observed = window.observed.unwrap_or(f64::NEG_INFINITY);
        if rule.episode.lowest {
            -observed
        } else {
            observed / window.limit.unwrap_or(1.0)
        }
    };
    let worst = windows
        .iter()
        .enumerate()
        .rev()
        .max_by(|(_, a), (_, b)| badness(a).total_cmp(&badness(b)))
        .map_or(0, |(at, _)| at);
    let mut severity = windows
        .iter()
        .map(|window| window.severity.unwrap_or(rule.severity))
        .max()
        .unwrap_or(rule.severity);
    if let (Some(needed), Some(raised)) = (rule.episode.consecutive, rule.episode.severity) {
        let longest = windows
            .chunk_by(|a, b| b.start <= a.end)
            .map(<[Window]>::len)
            .max()
            .unwrap_or(0);
        if longest >= needed {
            severity = severity.max(raised);
        }
    }
    // What the enterprise marked in time is kept as a reminder, never deleted.
    if windows.iter().all(|window| window.marked) {
        severity = Severity::S4;
    }
    Finding {
        windows,
        worst,
        severity,
    }
}
