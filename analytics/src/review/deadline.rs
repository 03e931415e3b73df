//! When a state has to be left: which rule applies, from when it runs, and when it ends.

use nonsite_schemas::time::beijing_day_start;
use nonsite_schemas::wire::inspection::Mode;

use super::calendar::{parse_day, said_at};
use super::case::{Case, HeldDeadline};
use super::clocks::remind_at;
use super::desk::{Desk, Moved};
use super::error::Error;
use super::guard::Guard;
use super::machine::Machine;
use super::parts::{Counts, DeadlineRule, Severity, Transition};
use super::step::{Actor, Input};
use super::terms::Terms;
use super::visit;

/// What hands in a rectification.
const SUBMIT: &str = "submit";
/// What takes an S1 on-site without anybody deciding.
const ESCALATE_S1: &str = "escalate_s1";

impl Desk {
    /// Sets the deadline of the state a case has come to.
    pub(super) fn set_deadline(
        &self,
        after: &mut Case,
        before: &Case,
        way: &Transition,
        (actor, input): (&Actor, &Input),
        effective_at: i64,
    ) -> Result<(), Error> {
        let clock_from = self.clock_start(before, way, input, effective_at)?;
        after.held_deadline = match before.due_at {
            Some(due_at) if way.holds_deadline => Some(HeldDeadline {
                state: Some(before.state.clone()),
                by: Some(actor.name.clone()),
                from: before.clock_from,
                due_at,
                remind_at: before.remind_at,
                overdue: before.overdue,
                terms: before.terms.clone(),
            }),
            _ => None,
        };
        if way.action == SUBMIT {
            after.submit_by = before.due_at.filter(|due| effective_at < *due);
        } else if self.machine.way(&after.state, SUBMIT).is_some() {
            after.submit_by = None;
        }
        if way.resumes_deadline
            && let Some(held) = &before.held_deadline
        {
            after.clock_from = held.from;
            after.due_at = Some(held.due_at);
            after.terms.clone_from(&held.terms);
            after.overdue = held.overdue;
            // Of what ended in the meantime nobody has to be reminded any more.
            after.remind_at = held.remind_at.filter(|_| held.due_at > effective_at);
            return Ok(());
        }
        let Some(rule) = self.rule_of(after) else {
            after.clock_from = clock_from;
            after.due_at = None;
            after.overdue = false;
            after.terms = None;
            return Ok(());
        };
        // A case that came into its state under an earlier workflow has laid nothing aside.
        if (way.keeps_deadline || way.resumes_deadline) && before.due_at.is_some() {
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
            after.plan = None;
        }
        after.clock_from = clock_from;
        after.due_at = Some(due);
        after.overdue = false;
        after.remind_at = reminder(rule, due, clock_from);
        after.terms = Terms::of(&self.machine, &after.state);
        Ok(())
    }

    fn is_visit(&self, state: &str) -> bool {
        let state = self.machine.state(state);
        state.is_some_and(|state| state.act == Some(Mode::Onsite))
    }

    /// The clock of an answer starts at delivery, that of a visit's papers at its end; both may lie before
    /// they were recorded.
    fn clock_start(
        &self,
        before: &Case,
        way: &Transition,
        input: &Input,
        effective_at: i64,
    ) -> Result<i64, Error> {
        if way.to != before.state && self.is_visit(&way.to) {
            // A guard of the way made sure that it can be read.
            let ended = visit::ended(input, before.opened_at, effective_at)
                .ok()
                .flatten();
            return Ok(ended.map_or(effective_at, |ended| ended.min(effective_at)));
        }
        let Some(text) = input.get("delivered_at") else {
            return Ok(effective_at);
        };
        let at = said_at(text, before.entered_at, effective_at)
            .map_err(|error| self.refused(before, &way.action, error.to_string()))?;
        if at < before.entered_at || at > effective_at {
            let why =
                format!("field `delivered_at`: {text} lies before the dispatch or in the future");
            return Err(self.refused(before, &way.action, why));
        }
        Ok(at)
    }

    /// The rule that a deadline of the case's state would be set by now.
    pub(super) fn rule_of<'m>(&'m self, case: &Case) -> Option<&'m DeadlineRule> {
        self.machine
            .state(&case.state)?
            .deadline
            .iter()
            .find(|rule| rule.fits(case.severity, case.unit_kind))
    }

    /// The rule that the running deadline goes by: with the lengths it was started under, which for a
    /// case from before they were recorded are the workflow's own.
    fn running_rule(&self, case: &Case) -> Option<DeadlineRule> {
        let rule = self.rule_of(case)?;
        let own;
        let terms = match &case.terms {
            Some(terms) => terms,
            None => {
                own = Terms::of(Machine::built_in(), &case.state)?;
                &own
            }
        };
        let length = terms.length_for(case.severity, case.unit_kind)?;
        Some(rule.with(length))
    }

    fn length(&self, rule: &DeadlineRule, from: i64) -> i64 {
        if let Some(length) = rule.by_the_clock() {
            return from + length;
        }
        // The machine's check makes sure that exactly one length is given.
        match (rule.days, rule.working_days) {
            (Some(days), _) => self.calendar.after_days(from, days),
            (_, Some(days)) => self.calendar.after_working_days(from, days),
            _ => self.calendar.after_working_days(from, 0),
        }
    }

    /// Takes a worse severity over at `now` (microseconds UTC); a shorter deadline comes with it. One
    /// that would have passed already runs from now: nobody is late for what nobody knew. What was
    /// overdue gets a new end when the engine acts at that end.
    pub(super) fn worsen(&self, case: &mut Case, severity: Severity, now: i64) {
        if severity >= case.severity {
            return;
        }
        case.severity = severity;
        let (Some(rule), Some(due)) = (self.running_rule(case), case.due_at) else {
            return;
        };
        if rule.order || (case.overdue && rule.timer.is_none()) {
            return;
        }
        let from_start = self.length(&rule, case.clock_from);
        let end = match from_start > now {
            true => from_start,
            false => self.length(&rule, now),
        };
        let shorter = if case.overdue { end } else { end.min(due) };
        case.due_at = Some(shorter);
        case.overdue = false;
        case.remind_at =
            reminder(&rule, shorter, case.clock_from).filter(|_| case.remind_at.is_some());
        self.arm(case);
    }

    /// What the engine does at once with a case that has become S1 where nobody is on the way.
    pub(super) fn at_once(
        &self,
        before: Severity,
        case: &Case,
        now: i64,
    ) -> Result<Vec<Moved>, Error> {
        let way = self.machine.way(&case.state, ESCALATE_S1);
        let waits = way.is_none_or(|way| way.guards.contains(&Guard::DeadlinePassed));
        if waits || before == Severity::S1 || case.severity != Severity::S1 {
            return Ok(Vec::new());
        }
        let input = Input::default().with("reason", Severity::S1.code());
        self.step(case, ESCALATE_S1, &Actor::engine(), &input, now)
    }
}

/// When the holder of a state is reminded of its deadline.
fn reminder(rule: &DeadlineRule, due: i64, from: i64) -> Option<i64> {
    match rule.remind_first {
        true => Some(from),
        false => remind_at(rule.reminded_before(), due, from),
    }
}
