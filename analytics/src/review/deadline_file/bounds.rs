//! What a number in the file may be: of a size that is no typing mistake, within the law, and with a
//! reminder that comes while the deadline runs.

use std::ops::Range;

use toml::Spanned;

use super::super::calendar::HOUR;
use super::super::parts::{DeadlineRule, Law};
use super::{Entry, Fault, Given, UNITS, fault};

/// The unit of a rule's own length; `None` when it ends with the day it starts on.
pub(super) fn own_unit(rule: &DeadlineRule) -> Option<usize> {
    let own = [rule.minutes, rule.hours, rule.days, rule.working_days];
    own.iter().position(Option::is_some)
}

/// The one length of an entry, if it has any.
pub(super) fn length(entry: &Entry) -> Result<Option<Given>, Fault> {
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
            return fault(
                count.span(),
                "a deadline has one length: leave the other out",
            );
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

pub(super) fn number(name: &str, most: i64, given: &Spanned<i64>) -> Result<u32, Fault> {
    let count = *given.get_ref();
    match u32::try_from(count) {
        Ok(fits) if (1..=most).contains(&count) => Ok(fits),
        _ => fault(
            given.span(),
            format!("{name} = {count} is out of range: 1 to {most}"),
        ),
    }
}

pub(super) fn by_law(law: Option<&Law>) -> String {
    law.map(|law| format!(" ({})", law.basis))
        .unwrap_or_default()
}

/// Whether the law lets a length be; it counts in the unit of the workflow's own.
pub(super) fn lawful(law: Option<&Law>, own: Option<usize>, given: &Given) -> Result<(), Fault> {
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
pub(super) fn reminded(
    entry: &Entry,
    rule: &mut DeadlineRule,
    at: &Range<usize>,
) -> Result<(), Fault> {
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
            return fault(
                minutes.span(),
                "a deadline is reminded of once: give one of the two",
            );
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
