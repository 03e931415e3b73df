//! When a state has to be left: which rule applies, from when it runs, and when it ends.

use nonsite_schemas::time::beijing_day_start;

use super::calendar::{HOUR, parse_day};
use super::case::Case;
use super::clocks::remind_at;
use super::desk::Desk;
use super::error::Error;
use super::parts::{Counts, DeadlineRule, Severity, Transition};
use super::step::Input;

impl Desk {
    /// Sets the deadline of the state a case has come to.
    pub(super) fn set_deadline(
        &self,
        after: &mut Case,
        before: &Case,
        way: &Transition,
        input: &Input,
        effective_at: i64,
    ) -> Result<(), Error> {
        let clock_from = self.clock_start(before, way, input, effective_at)?;
        let Some(rule) = self.rule_of(after) else {
            after.clock_from = clock_from;
            after.due_at = None;
            after.overdue = false;
            return Ok(());
        };
        if way.keeps_deadline && before.due_at.is_some() {
            // It goes on as it is: missed once, reminded of once.
            return Ok(());
        }
        let own = self.length(rule, clock_from);
        let ordered = rule
            .order
            .then(|| input.get("due").and_then(parse_day))
            .flatten()
            .map(|day| beijing_day_start(day + 1));
        let due = ordered.unwrap_or(own);
        if due <= clock_from {
            let why = "field `due`: that day is over already".to_owned();
            return Err(self.refused(before, &way.action, why));
        }
        if rule.order && way.counts != Some(Counts::Extension) {
            // A new order: its returns and extensions are counted from the start.
            after.order_length = Some(due - clock_from);
            after.return_count = 0;
            after.extension_count = 0;
        }
        after.clock_from = clock_from;
        after.due_at = Some(due);
        after.overdue = false;
        after.remind_at = remind_at(rule.remind_hours, due, clock_from);
        Ok(())
    }

    /// The clock of an answer starts at delivery, which may lie before it was recorded.
    fn clock_start(
        &self,
        before: &Case,
        way: &Transition,
        input: &Input,
        effective_at: i64,
    ) -> Result<i64, Error> {
        let Some(text) = input.get("delivered_at") else {
            return Ok(effective_at);
        };
        let at = crate::ratio::parse_as_of(text)
            .map_err(|error| self.refused(before, &way.action, error.to_string()))?;
        if at < before.entered_at || at > effective_at {
            let why =
                format!("field `delivered_at`: {text} lies before the dispatch or in the future");
            return Err(self.refused(before, &way.action, why));
        }
        Ok(at)
    }

    pub(super) fn rule_of<'m>(&'m self, case: &Case) -> Option<&'m DeadlineRule> {
        self.machine
            .state(&case.state)?
            .deadline
            .iter()
            .find(|rule| {
                (rule.severity.is_empty() || rule.severity.contains(&case.severity))
                    && rule.unit.is_none_or(|unit| unit == case.unit_kind)
            })
    }

    fn length(&self, rule: &DeadlineRule, from: i64) -> i64 {
        // The machine's check makes sure that exactly one length is given.
        match (rule.hours, rule.days, rule.working_days) {
            (Some(hours), _, _) => from + i64::from(hours) * HOUR,
            (_, Some(days), _) => self.calendar.after_days(from, days),
            (_, _, Some(days)) => self.calendar.after_working_days(from, days),
            _ => self.calendar.after_working_days(from, 0),
        }
    }

    /// Takes a worse severity over from a merged case; a shorter deadline comes with it.
    pub(super) fn worsen(&self, case: &mut Case, severity: Severity) {
        if severity >= case.severity {
            return;
        }
        case.severity = severity;
        if let (Some(rule), Some(due)) = (self.rule_of(case), case.due_at)
            && !rule.order
            && !case.overdue
        {
            let shorter = self.length(rule, case.clock_from).min(due);
            case.due_at = Some(shorter);
            case.remind_at = remind_at(rule.remind_hours, shorter, case.clock_from)
                .filter(|_| case.remind_at.is_some());
            self.arm(case);
        }
    }
}
