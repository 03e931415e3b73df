//! The lengths a clock was started under: which set of them, and what it said.
//!
//! Lengths are the workflow's own, or changed by a file of the operator's. A case carries those that
//! were in force when its clock was started, with the version and the hash of the set they come from, so
//! that neither a later file nor a later program moves a clock that runs. What a reminder, a worse
//! severity or an extension does to such a clock follows from them as well.

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::calendar::HOUR;
use super::machine::Machine;
use super::parts::{ClockDef, DeadlineRule, Severity, State, UnitKind};

/// Microseconds in a minute.
const MINUTE: i64 = HOUR / 60;

/// One length of a state, and for whom it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Length {
    /// For these severities only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub severity: Vec<Severity>,
    /// For this kind of unit only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitKind>,
    /// Minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minutes: Option<u32>,
    /// Hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<u32>,
    /// Calendar days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
    /// Working days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_days: Option<u32>,
    /// How many hours before the end the holder is reminded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_hours: Option<u32>,
    /// The same in minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_minutes: Option<u32>,
}

/// What a deadline was started under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Version of the set of lengths: the file's, or the workflow's.
    pub version: String,
    /// SHA-256 of the set, hex.
    pub sha256: String,
    /// The lengths of the state; the first that fits applies.
    pub lengths: Vec<Length>,
    /// Days of the checks of a look-back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<u32>,
}

/// What a clock of the penalty procedure was started under.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockTerms {
    /// Version of the set of lengths: the file's, or the workflow's.
    pub version: String,
    /// SHA-256 of the set, hex.
    pub sha256: String,
    /// How many hours before its end the holder is reminded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind_hours: Option<u32>,
    /// Days by which it may be prolonged, each once, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extensions: Vec<u32>,
}

impl Length {
    /// Without a number it ends with the day on which the clock starts.
    fn is_same_day(&self) -> bool {
        let numbers = [self.minutes, self.hours, self.days, self.working_days];
        numbers.iter().all(Option::is_none)
    }
}

impl DeadlineRule {
    /// The part of the rule that is a length.
    pub(super) fn length(&self) -> Length {
        Length {
            severity: self.severity.clone(),
            unit: self.unit,
            minutes: self.minutes,
            hours: self.hours,
            days: self.days,
            working_days: self.working_days,
            remind_hours: self.remind_hours,
            remind_minutes: self.remind_minutes,
        }
    }

    /// The same rule with another length.
    pub(super) fn with(&self, length: &Length) -> Self {
        Self {
            minutes: length.minutes,
            hours: length.hours,
            days: length.days,
            working_days: length.working_days,
            same_day: length.is_same_day(),
            remind_hours: length.remind_hours,
            remind_minutes: length.remind_minutes,
            ..self.clone()
        }
    }

    /// How long before the end the holder is reminded, microseconds.
    pub(super) fn reminded_before(&self) -> Option<i64> {
        let hours = self.remind_hours.map(|hours| i64::from(hours) * HOUR);
        hours.or_else(|| self.remind_minutes.map(|count| i64::from(count) * MINUTE))
    }

    /// The length of a rule that runs by the clock, microseconds; `None` when it counts days.
    pub(super) fn by_the_clock(&self) -> Option<i64> {
        let minutes = self.minutes.map(|minutes| i64::from(minutes) * MINUTE);
        minutes.or_else(|| self.hours.map(|hours| i64::from(hours) * HOUR))
    }

    /// Whether it applies to a case of this severity and kind of unit.
    pub(super) fn fits(&self, severity: Severity, unit: UnitKind) -> bool {
        fits(&self.severity, self.unit, severity, unit)
    }
}

fn fits(
    severities: &[Severity],
    only: Option<UnitKind>,
    severity: Severity,
    unit: UnitKind,
) -> bool {
    (severities.is_empty() || severities.contains(&severity))
        && only.is_none_or(|kind| kind == unit)
}

impl Terms {
    /// Those of a state under a machine; `None` for a state without a deadline.
    pub(super) fn of(machine: &Machine, state: &str) -> Option<Self> {
        let state = machine.state(state)?;
        if state.deadline.is_empty() {
            return None;
        }
        let (version, sha256) = machine.lengths();
        Some(Self {
            version: version.to_owned(),
            sha256: sha256.to_owned(),
            lengths: state.deadline.iter().map(DeadlineRule::length).collect(),
            checks: state.checks.clone(),
        })
    }

    /// The length for a case of this severity and kind of unit.
    pub(super) fn length_for(&self, severity: Severity, unit: UnitKind) -> Option<&Length> {
        self.lengths
            .iter()
            .find(|length| fits(&length.severity, length.unit, severity, unit))
    }
}

impl ClockTerms {
    /// Those of a clock under a machine.
    pub(super) fn of(machine: &Machine, def: &ClockDef) -> Self {
        let (version, sha256) = machine.lengths();
        Self {
            version: version.to_owned(),
            sha256: sha256.to_owned(),
            remind_hours: def.remind_hours,
            extensions: def.extensions.clone(),
        }
    }
}

/// SHA-256 of a whole set of lengths, hex: of all states with their checks and all clocks, as JSON.
pub(super) fn sha256_of(version: &str, states: &[State], clocks: &[ClockDef]) -> String {
    let states = states
        .iter()
        .filter(|state| !state.deadline.is_empty())
        .map(|state| {
            let lengths: Vec<Length> = state.deadline.iter().map(DeadlineRule::length).collect();
            json!({"name": state.name, "lengths": lengths, "checks": state.checks})
        });
    let clocks = clocks.iter().map(|clock| {
        json!({
            "name": clock.name,
            "days": clock.days,
            "working_days": clock.working_days,
            "remind_hours": clock.remind_hours,
            "extensions": clock.extensions,
        })
    });
    let set = json!({
        "version": version,
        "states": states.collect::<Vec<_>>(),
        "clocks": clocks.collect::<Vec<_>>(),
    });
    hex::encode(Sha256::digest(set.to_string().as_bytes()))
}
