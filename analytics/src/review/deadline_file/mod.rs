//! The file of deadlines: lengths of an operator's own in the place of the workflow's.
//!
//! ```toml
//! version = "2026-12"
//!
//! [[deadline]]
//! state = "triage"
//! severity = "S1"
//! minutes = 90
//! remind_minutes = 30
//!
//! [[deadline]]
//! clock = "filing"
//! days = 10
//! ```
//!
//! A file changes lengths and nothing else: what a clock starts from, who has to meet it and what the
//! engine does at its end stay those of the workflow. What the law sets a bound to is not changed beyond
//! it. A wrong length moves deadlines of people, so what does not fit is refused with its line.

mod bounds;
#[cfg(test)]
mod tests;

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use self::bounds::{by_law, lawful, length, number, own_unit, reminded};
use super::machine::Machine;
use super::parts::{ClockDef, DeadlineRule, Severity, State, UnitKind};
use super::terms::Length;

/// Units of a length, each with the largest number that is no typing mistake: 90 days, a year.
const UNITS: [(&str, i64); 4] = [
    ("minutes", 129_600),
    ("hours", 2_160),
    ("days", 366),
    ("working_days", 250),
];
/// Characters of a version at most; it stands in every case.
const LONGEST_VERSION: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: Spanned<String>,
    #[serde(default)]
    deadline: Vec<Spanned<Entry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    state: Option<Spanned<String>>,
    clock: Option<Spanned<String>>,
    severity: Option<Spanned<String>>,
    unit: Option<Spanned<String>>,
    minutes: Option<Spanned<i64>>,
    hours: Option<Spanned<i64>>,
    days: Option<Spanned<i64>>,
    working_days: Option<Spanned<i64>>,
    remind_hours: Option<Spanned<i64>>,
    remind_minutes: Option<Spanned<i64>>,
    checks: Option<Spanned<Vec<i64>>>,
    extensions: Option<Spanned<Vec<i64>>>,
}

/// What is wrong, and where in the text.
struct Fault {
    at: Range<usize>,
    problem: String,
}

fn fault<T>(at: Range<usize>, problem: impl Into<String>) -> Result<T, Fault> {
    Err(Fault {
        at,
        problem: problem.into(),
    })
}

/// A length that was given: its unit by position in [`UNITS`], the number, and where it stands.
struct Given {
    unit: usize,
    count: u32,
    at: Range<usize>,
}

/// Reads a file; the workflow with its lengths.
///
/// # Errors
/// What is wrong, naming the file and the line.
pub(super) fn load(path: &Path) -> Result<Machine, String> {
    std::fs::read_to_string(path)
        .map_err(|error| error.to_string())
        .and_then(|text| parse(&text))
        .map_err(|problem| format!("`{}`: {problem}", path.display()))
}

/// The same with a text.
pub(super) fn parse(text: &str) -> Result<Machine, String> {
    let file: Text = toml::from_str(text).map_err(|error| error.to_string())?;
    changed(&file).map_err(|fault| {
        let before = text.get(..fault.at.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        format!("line {line}: {}", fault.problem)
    })
}

fn changed(file: &Text) -> Result<Machine, Fault> {
    let own = Machine::built_in();
    let version = file.version.get_ref().trim();
    let bad = |c: char| c.is_control();
    if version.is_empty() || version.chars().count() > LONGEST_VERSION || version.contains(bad) {
        let why = format!("version: give it a name of 1 to {LONGEST_VERSION} characters");
        return fault(file.version.span(), why);
    }
    if version == own.version() {
        let why = format!("version: `{version}` is the workflow's own, take another name");
        return fault(file.version.span(), why);
    }
    let (mut states, mut clocks) = (own.states().to_vec(), own.clocks().to_vec());
    let mut seen: Vec<String> = Vec::new();
    for entry in &file.deadline {
        let at = entry.span();
        let entry = entry.get_ref();
        let what = match (&entry.state, &entry.clock) {
            (Some(state), None) => of_state(entry, state, &at, &mut states)?,
            (None, Some(clock)) => of_clock(entry, clock, &at, &mut clocks)?,
            _ => return fault(at, "a deadline is that of one `state` or of one `clock`"),
        };
        if seen.contains(&what) {
            return fault(at, format!("{what} is changed a second time"));
        }
        seen.push(what);
    }
    own.with_lengths(version, |into, running| {
        into.clone_from_slice(&states);
        running.clone_from_slice(&clocks);
    })
    .or_else(|error| fault(0..0, error.to_string()))
}

/// Changes a state's deadline; which one that is.
fn of_state(
    entry: &Entry,
    name: &Spanned<String>,
    at: &Range<usize>,
    states: &mut [State],
) -> Result<String, Fault> {
    let with_deadline = |state: &&State| !state.deadline.is_empty();
    let names: Vec<String> = states
        .iter()
        .filter(with_deadline)
        .map(|state| state.name.clone())
        .collect();
    let found = states
        .iter_mut()
        .find(|state| state.name == *name.get_ref());
    let Some(state) = found.filter(|state| !state.deadline.is_empty()) else {
        let why = format!(
            "`{}` is no state with a deadline; there are: {}",
            name.get_ref(),
            names.join(", ")
        );
        return fault(name.span(), why);
    };
    if let Some(extensions) = &entry.extensions {
        let why =
            "extensions: those of an order are two by the workflow; only clocks have their own";
        return fault(extensions.span(), why);
    }
    let (severity, unit) = whose(entry)?;
    let wanted: Vec<Severity> = severity.into_iter().collect();
    let position = state
        .deadline
        .iter()
        .position(|rule| rule.severity == wanted && rule.unit == unit);
    let Some(position) = position else {
        let known: Vec<String> = state.deadline.iter().map(for_whom).collect();
        let why = format!(
            "state `{}` has no such deadline; it has one for: {}",
            state.name,
            known.join(", ")
        );
        return fault(name.span(), why);
    };
    let what = format!(
        "`{}` for {}",
        state.name,
        for_whom(&state.deadline[position])
    );
    let mut given = length(entry)?;
    if let Some(checks) = &entry.checks {
        state.checks = check_days(checks, state)?;
        // The last check and the end of the state are on the same day.
        let last = state.checks.last().copied().unwrap_or(0);
        given = match given {
            Some(given) if given.unit != 2 || given.count != last => {
                let why =
                    format!("the last check is on day {last}, so `days` is {last} or left out");
                return fault(given.at, why);
            }
            _ => Some(Given {
                unit: 2,
                count: last,
                at: checks.span(),
            }),
        };
    } else if let Some(given) = given.as_ref().filter(|_| !state.checks.is_empty()) {
        let why = "give `checks`: the last of them is on the last day";
        return fault(given.at.clone(), why);
    }
    let rule = &mut state.deadline[position];
    if let Some(given) = &given {
        lawful(rule.law.as_ref(), own_unit(rule), given)?;
        let own = rule.length();
        let count = |unit: usize| (unit == given.unit).then_some(given.count);
        *rule = rule.with(&Length {
            minutes: count(0),
            hours: count(1),
            days: count(2),
            working_days: count(3),
            ..own
        });
    }
    reminded(entry, rule, given.as_ref().map_or(at, |given| &given.at))?;
    if given.is_none() && entry.remind_hours.is_none() && entry.remind_minutes.is_none() {
        return fault(at.clone(), format!("{what}: nothing is changed"));
    }
    Ok(what)
}

/// Changes a clock of the penalty procedure; which one that is.
fn of_clock(
    entry: &Entry,
    name: &Spanned<String>,
    at: &Range<usize>,
    clocks: &mut [ClockDef],
) -> Result<String, Fault> {
    let names: Vec<String> = clocks.iter().map(|clock| clock.name.clone()).collect();
    let Some(clock) = clocks
        .iter_mut()
        .find(|clock| clock.name == *name.get_ref())
    else {
        let why = format!(
            "`{}` is no clock; there are: {}",
            name.get_ref(),
            names.join(", ")
        );
        return fault(name.span(), why);
    };
    let what = format!("clock `{}`", clock.name);
    if let Some(text) = entry.severity.as_ref().or(entry.unit.as_ref()) {
        let why = "a clock runs alike for every severity and kind of unit";
        return fault(text.span(), why);
    }
    if let Some(checks) = &entry.checks {
        return fault(checks.span(), "checks: only a look-back has them");
    }
    let given = length(entry)?;
    let in_working_days = clock.working_days.is_some();
    if let Some(given) = &given {
        let own = if in_working_days { 3 } else { 2 };
        if given.unit != own {
            let why = format!("{what} is counted in `{}`", UNITS[own].0);
            return fault(given.at.clone(), why);
        }
        lawful(clock.law.as_ref(), Some(own), given)?;
        match in_working_days {
            true => clock.working_days = Some(given.count),
            false => clock.days = Some(given.count),
        }
    }
    if let Some(remind) = &entry.remind_minutes {
        return fault(remind.span(), "a clock counts days: give `remind_hours`");
    }
    if let Some(remind) = &entry.remind_hours {
        if clock.lapses {
            return fault(remind.span(), "nobody is reminded of a right that lapses");
        }
        clock.remind_hours = Some(number("remind_hours", UNITS[1].1, remind)?);
    }
    let days = clock.days.or(clock.working_days).unwrap_or(0);
    if clock.remind_hours.is_some_and(|hours| hours >= days * 24) {
        let at = given.as_ref().map_or(at, |given| &given.at).clone();
        let why = format!(
            "{what}: its reminder, {} h before the end, would come before it begins: give another \
             `remind_hours`",
            clock.remind_hours.unwrap_or(0)
        );
        return fault(at, why);
    }
    if let Some(extensions) = &entry.extensions {
        clock.extensions = prolonged(clock, extensions)?;
    } else if given.is_none() && entry.remind_hours.is_none() {
        return fault(at.clone(), format!("{what}: nothing is changed"));
    }
    Ok(what)
}

/// Extensions within those of the workflow, which are what the law lets there be.
fn prolonged(clock: &ClockDef, given: &Spanned<Vec<i64>>) -> Result<Vec<u32>, Fault> {
    let own = &clock.extensions;
    let days = given.get_ref();
    if days.len() > own.len() {
        let why = format!(
            "clock `{}` may be prolonged {} times at most, not {}",
            clock.name,
            own.len(),
            days.len()
        );
        return fault(given.span(), why);
    }
    let within = |(days, most): (&i64, &u32)| {
        u32::try_from(*days)
            .ok()
            .filter(|days| (1..=*most).contains(days))
    };
    match days.iter().zip(own).map(within).collect() {
        Some(extensions) => Ok(extensions),
        None => {
            let most: Vec<String> = own.iter().map(u32::to_string).collect();
            let why = format!(
                "extensions: clock `{}` may be prolonged by 1 to {} days{}",
                clock.name,
                most.join(", then 1 to "),
                by_law(clock.law.as_ref())
            );
            fault(given.span(), why)
        }
    }
}

/// The days of the checks of a look-back, in order.
fn check_days(given: &Spanned<Vec<i64>>, state: &State) -> Result<Vec<u32>, Fault> {
    if state.checks.is_empty() {
        let why = format!(
            "checks: state `{}` has none, only a look-back has",
            state.name
        );
        return fault(given.span(), why);
    }
    let (unit, most) = UNITS[2];
    let days: Option<Vec<u32>> = given
        .get_ref()
        .iter()
        .map(|day| {
            u32::try_from(*day)
                .ok()
                .filter(|day| (1..=most).contains(&i64::from(*day)))
        })
        .collect();
    match days {
        Some(days) if !days.is_empty() && days.is_sorted_by(|one, next| one < next) => Ok(days),
        _ => {
            let why = format!("checks: give {unit} of 1 to {most}, each later than the one before");
            fault(given.span(), why)
        }
    }
}

fn whose(entry: &Entry) -> Result<(Option<Severity>, Option<UnitKind>), Fault> {
    let severity = match &entry.severity {
        None => None,
        Some(text) => match Severity::from_code(text.get_ref()) {
            Some(severity) => Some(severity),
            None => return fault(text.span(), "severity: there are S1, S2, S3, S4"),
        },
    };
    let unit = match &entry.unit {
        None => None,
        Some(text) => match text.get_ref().as_str() {
            "key" => Some(UnitKind::Key),
            "incineration" => Some(UnitKind::Incineration),
            _ => return fault(text.span(), "unit: there are key, incineration"),
        },
    };
    Ok((severity, unit))
}

fn for_whom(rule: &DeadlineRule) -> String {
    let severity = rule.severity.iter().map(|severity| severity.code());
    let unit = rule.unit.map(|unit| match unit {
        UnitKind::General => "unit general",
        UnitKind::Key => "unit key",
        UnitKind::Incineration => "unit incineration",
    });
    let named: Vec<&str> = severity.chain(unit).collect();
    match named.is_empty() {
        true => "every other case".to_owned(),
        false => named.join(" "),
    }
}
