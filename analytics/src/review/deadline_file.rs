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

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;

use super::calendar::HOUR;
use super::machine::Machine;
use super::parts::{ClockDef, DeadlineRule, Law, Severity, State, UnitKind};

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
    let found = states.iter_mut().find(|state| state.name == *name.get_ref());
    let Some(state) = found.filter(|state| !state.deadline.is_empty()) else {
        let why = format!(
            "`{}` is no state with a deadline; there are: {}",
            name.get_ref(),
            names.join(", ")
        );
        return fault(name.span(), why);
    };
    if let Some(extensions) = &entry.extensions {
        let why = "extensions: those of an order are two by the workflow; only clocks have their own";
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
    let what = format!("`{}` for {}", state.name, for_whom(&state.deadline[position]));
    let mut given = length(entry)?;
    if let Some(checks) = &entry.checks {
        state.checks = check_days(checks, state)?;
        // The last check and the end of the state are on the same day.
        let last = state.checks.last().copied().unwrap_or(0);
        given = match given {
            Some(given) if given.unit != 2 || given.count != last => {
                let why = format!("the last check is on day {last}, so `days` is {last} or left out");
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
        *rule = rule.with(&super::terms::Length {
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
    let Some(clock) = clocks.iter_mut().find(|clock| clock.name == *name.get_ref()) else {
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
        let why = format!("checks: state `{}` has none, only a look-back has", state.name);
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

/// The unit of a rule's own length; `None` when it ends with the day it starts on.
fn own_unit(rule: &DeadlineRule) -> Option<usize> {
    let own = [rule.minutes, rule.hours, rule.days, rule.working_days];
    own.iter().position(Option::is_some)
}

/// The one length of an entry, if it has any.
fn length(entry: &Entry) -> Result<Option<Given>, Fault> {
    let counts = [
        &entry.minutes,
        &entry.hours,
        &entry.days,
        &entry.working_days,
    ];
    let mut given = None;
    for (unit, count) in counts.into_iter().enumerate() {
        let Some(count) = count else { continue };
        if given.is_some() {
            return fault(count.span(), "a deadline has one length: leave the other out");
        }
        let (name, most) = UNITS[unit];
        given = Some(Given {
            unit,
            count: number(name, most, count)?,
            at: count.span(),
        });
    }
    Ok(given)
}

fn number(name: &str, most: i64, given: &Spanned<i64>) -> Result<u32, Fault> {
    let count = *given.get_ref();
    match u32::try_from(count) {
        Ok(fits) if (1..=most).contains(&count) => Ok(fits),
        _ => fault(
            given.span(),
            format!("{name} = {count} is out of range: 1 to {most}"),
        ),
    }
}

fn by_law(law: Option<&Law>) -> String {
    law.map(|law| format!(" ({})", law.basis)).unwrap_or_default()
}

/// Whether the law lets a length be; it counts in the unit of the workflow's own.
fn lawful(law: Option<&Law>, own: Option<usize>, given: &Given) -> Result<(), Fault> {
    let (Some(law), Some(own)) = (law, own) else {
        return Ok(());
    };
    let unit = UNITS[own].0;
    if given.unit != own {
        let why = format!("the law counts it in `{unit}` ({})", law.basis);
        return fault(given.at.clone(), why);
    }
    let count = given.count;
    let bound = match (law.least, law.most) {
        (Some(least), Some(most)) if least == most && count != least => format!("sets {least}"),
        (Some(least), _) if count < least => format!("gives {least} at least"),
        (_, Some(most)) if count > most => format!("lets {most} at most"),
        _ => return Ok(()),
    };
    let why = format!("{unit} = {count}: the law {bound} ({})", law.basis);
    fault(given.at.clone(), why)
}

/// Changes the reminder of a rule, and makes sure that it comes while the deadline runs.
fn reminded(entry: &Entry, rule: &mut DeadlineRule, at: &Range<usize>) -> Result<(), Fault> {
    let mut at = at.clone();
    let changed = match (&entry.remind_hours, &entry.remind_minutes) {
        (None, None) => None,
        (Some(hours), None) => {
            let count = number("remind_hours", UNITS[1].1, hours)?;
            Some((Some(count), None, hours.span()))
        }
        (None, Some(minutes)) => {
            let count = number("remind_minutes", UNITS[0].1, minutes)?;
            Some((None, Some(count), minutes.span()))
        }
        (Some(_), Some(minutes)) => {
            return fault(minutes.span(), "a deadline is reminded of once: give one of the two");
        }
    };
    if let Some((hours, minutes, place)) = changed {
        if rule.remind_first {
            return fault(place, "this one is reminded of at once, when it begins");
        }
        (rule.remind_hours, rule.remind_minutes) = (hours, minutes);
        at = place;
    }
    let days = rule.days.or(rule.working_days).unwrap_or(1);
    let lasts = rule
        .by_the_clock()
        .unwrap_or_else(|| i64::from(days) * 24 * HOUR);
    match rule.reminded_before() {
        Some(before) if before >= lasts => fault(
            at,
            "the reminder would come before the deadline begins: give a shorter `remind_hours` or \
             `remind_minutes`",
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(&format!("version = \"t\"\n{text}")).unwrap_err()
    }

    #[test]
    fn the_example_is_a_file_that_is_taken() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/deadlines.toml");
        let machine = load(&path).unwrap();
        let (version, sha256) = machine.lengths();
        assert_eq!((version, sha256.len()), ("2026-12", 64));
        let own = Machine::built_in();
        assert_ne!(sha256, own.lengths().1);
        assert_eq!(own.lengths().0, own.version());
        let triage = &machine.state("triage").unwrap().deadline;
        assert_eq!((triage[0].minutes, triage[0].hours), (Some(90), None));
        assert_eq!(triage[0].remind_minutes, Some(30));
        assert_eq!(triage[0].remind_hours, None);
        assert_eq!(triage[0].timer.as_deref(), Some("escalate_s1"));
        assert_eq!(triage[1], own.state("triage").unwrap().deadline[1]);
        let look_back = machine.state("look_back").unwrap();
        assert_eq!(look_back.checks, [7, 30, 60]);
        assert_eq!(look_back.deadline[0].days, Some(60));
        let visit = &machine.state("to_onsite").unwrap().deadline[0];
        assert_eq!((visit.hours, visit.same_day), (Some(12), false));
        let clock = |name: &str| machine.clocks().iter().find(|clock| clock.name == name);
        assert_eq!(clock("filing").unwrap().days, Some(10));
        assert_eq!(clock("decision").unwrap().extensions, [30]);
    }

    #[test]
    fn the_hash_is_that_of_the_lengths() {
        let one = "version = \"t\"\n[[deadline]]\nclock = \"filing\"\ndays = 10\n";
        let other = "version = 't' # the same\n[[deadline]]\ndays = 10\nclock = 'filing'";
        let sha256 = |text: &str| parse(text).unwrap().lengths().1.to_owned();
        assert_eq!(sha256(one), sha256(other));
        assert_ne!(sha256(one), sha256(&one.replace("10", "11")));
        assert_ne!(sha256(one), sha256(&one.replace("\"t\"", "\"u\"")));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_line() {
        for (text, line, names) in [
            ("[[deadline]]\nstate = \"triag\"\nhours = 1", 3, "`triag` is no state"),
            ("[[deadline]]\nstate = \"case\"\ndays = 1", 3, "`case` is no state with a deadline"),
            ("\n[[deadline]]\nclock = \"nap\"\ndays = 1", 4, "there are: filing, decision"),
            ("[[deadline]]\nstate = \"triage\"\nhours = -3", 4, "hours = -3 is out of range"),
            ("[[deadline]]\nstate = \"triage\"\nhours = 0", 4, "hours = 0"),
            ("[[deadline]]\nstate = \"submitted\"\ndays = 400", 4, "days = 400"),
            ("[[deadline]]\nstate = \"submitted\"\ndays = 4\nhours = 1", 4, "has one length"),
            ("[[deadline]]\nstate = \"triage\"\nseverity = \"S2\"\nhours = 3", 3, "S1, every other case"),
            ("[[deadline]]\nstate = \"triage\"\nseverity = \"S9\"\nhours = 3", 4, "S1, S2, S3, S4"),
            ("[[deadline]]\nstate = \"self_check\"\nunit = \"big\"\nhours = 3", 4, "key, incineration"),
            ("[[deadline]]\nclock = \"filing\"\ndays = 16", 4, "lets 15 at most (生态环境行政处罚办法)"),
            ("[[deadline]]\nclock = \"hearing_request\"\nworking_days = 4", 4, "gives 5 at least"),
            ("[[deadline]]\nclock = \"payment\"\ndays = 20", 4, "sets 15"),
            ("[[deadline]]\nclock = \"service\"\ndays = 7", 4, "counted in `working_days`"),
            ("[[deadline]]\nclock = \"decision\"\nextensions = [30, 31]", 4, "1 to 30, then 1 to 30"),
            ("[[deadline]]\nclock = \"filing\"\nextensions = [5, 5]", 4, "prolonged 1 times at most"),
            ("[[deadline]]\nclock = \"filing\"\nseverity = \"S1\"\ndays = 9", 4, "alike for every"),
            ("[[deadline]]\nclock = \"filing\"\ndays = 3", 4, "before it begins"),
            (
                "[[deadline]]\nstate = \"self_check\"\nunit = \"incineration\"\nhours = 7",
                5,
                "lets 6 at most (生态环境部公告2019年第50号)",
            ),
            (
                "[[deadline]]\nstate = \"self_check\"\nunit = \"incineration\"\nminutes = 60",
                5,
                "the law counts it in `hours`",
            ),
            ("[[deadline]]\nstate = \"triage\"\nseverity = \"S1\"\nhours = 1", 5, "before the deadline begins"),
            ("[[deadline]]\nstate = \"no_answer\"\nremind_hours = 2", 4, "reminded of at once"),
            ("[[deadline]]\nstate = \"look_back\"\ndays = 20", 4, "give `checks`"),
            ("[[deadline]]\nstate = \"look_back\"\ndays = 20\nchecks = [7, 21]", 4, "the last check is on day 21"),
            ("[[deadline]]\nstate = \"look_back\"\nchecks = [30, 7]", 4, "each later than the one before"),
            ("[[deadline]]\nstate = \"triage\"\nchecks = [7]", 4, "only a look-back has"),
        ] {
            let said = refused(text);
            assert!(said.starts_with(&format!("line {line}: ")), "{text}: {said}");
            assert!(said.contains(names), "{text}: {said}");
        }
        for (text, names) in [
            ("[[deadline]]\nhours = 3", "one `state` or of one `clock`"),
            ("[[deadline]]\nstate = \"triage\"", "nothing is changed"),
            (
                "[[deadline]]\nclock = \"filing\"\ndays = 9\n[[deadline]]\nclock = \"filing\"\ndays = 8",
                "a second time",
            ),
            ("[[deadline]]\nstate = \"triage\"\nhuors = 3", "huors"),
        ] {
            let said = refused(text);
            assert!(said.contains(names), "{text}: {said}");
        }
        let own = format!("version = \"{}\"", Machine::built_in().version());
        assert!(parse(&own).unwrap_err().contains("line 1: "), "{own}");
        assert!(parse("version = ' '").unwrap_err().contains("1 to 64"));
        let gone = load(Path::new("no-such-deadlines.toml")).unwrap_err();
        assert!(gone.contains("no-such-deadlines.toml"), "{gone}");
    }

    #[test]
    fn the_law_lets_the_workflow_s_own_lengths_be() {
        let own = Machine::built_in();
        let rules = own.states().iter().flat_map(|state| &state.deadline);
        let lengths = rules
            .filter_map(|rule| Some((rule.law.as_ref()?, rule.hours.or(rule.days)?)))
            .chain(own.clocks().iter().filter_map(|clock| {
                Some((clock.law.as_ref()?, clock.days.or(clock.working_days)?))
            }));
        let mut found = 0;
        for (law, length) in lengths {
            assert!(law.least.is_none_or(|least| length >= least), "{law:?}");
            assert!(law.most.is_none_or(|most| length <= most), "{law:?}");
            found += 1;
        }
        assert_eq!(found, 7);
    }
}
