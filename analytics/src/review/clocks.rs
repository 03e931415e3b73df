//! When the engine has to look at a case again, and what it does then: reminders, clocks that run
//! side by side, the deadline of the state.
//!
//! A case carries one instant (`timer_at`), the earliest of all that wait, so that a tick takes what
//! is due in its order in time, however many clocks run. A state has either a deadline of its own or
//! clocks (penalty procedure); the earliest clock is then the deadline that lists show.

use super::calendar::{HOUR, beijing_text, parse_day};
use super::case::{Case, RunningClock};
use super::desk::{Desk, Moved};
use super::error::Error;
use super::machine::Machine;
use super::parts::{ClockDef, Transition};
use super::recheck::Rechecked;
use super::step::{Actor, Input};
use super::terms::ClockTerms;

impl Desk {
    /// Starts, prolongs and stops the clocks that a way concerns; what belongs to another state ends.
    pub(super) fn run_clocks(
        &self,
        after: &mut Case,
        before: &Case,
        way: &Transition,
        input: &Input,
        effective_at: i64,
    ) -> Result<(), Error> {
        let defined = |name: &str| self.machine.clocks().iter().find(|def| def.name == name);
        after.clocks.retain(|clock| {
            defined(&clock.name)
                .is_some_and(|def| def.state == after.state && !def.until.contains(&way.action))
        });
        if let Some(name) = &way.extends {
            self.prolong(after, before, way, name)?;
        }
        for def in self.machine.clocks() {
            if def.state != after.state || !def.from.contains(&way.action) {
                continue;
            }
            let due_at = self.clock_end(before, way, def, input, effective_at)?;
            after.clocks.retain(|clock| clock.name != def.name);
            after.clocks.push(RunningClock {
                name: def.name.clone(),
                from: effective_at,
                due_at,
                remind_at: remind_at(before_end(def.remind_hours), due_at, effective_at),
                extensions: 0,
                overdue: false,
                terms: Some(ClockTerms::of(&self.machine, def)),
            });
        }
        Ok(())
    }

    fn clock_end(
        &self,
        before: &Case,
        way: &Transition,
        def: &ClockDef,
        input: &Input,
        from: i64,
    ) -> Result<i64, Error> {
        let days = def.days.or(def.working_days).unwrap_or(0);
        let Some(field) = &def.before else {
            return Ok(match def.days {
                Some(_) => self.calendar.after_days(from, days),
                None => self.calendar.after_working_days(from, days),
            });
        };
        let refused = |why: String| self.refused(before, &way.action, why);
        let text = input.get(field).unwrap_or_default();
        let day = parse_day(text).ok_or_else(|| {
            refused(format!(
                "field `{field}`: `{text}` is no day, write YYYY-MM-DD"
            ))
        })?;
        let due = self.calendar.before_working_days(day, days);
        if due <= from {
            return Err(refused(format!(
                "field `{field}`: {text} is too early: {days} working days have to lie between the \
                 notice and it"
            )));
        }
        Ok(due)
    }

    fn prolong(
        &self,
        after: &mut Case,
        before: &Case,
        way: &Transition,
        name: &str,
    ) -> Result<(), Error> {
        let running = after.clocks.iter_mut().find(|clock| clock.name == name);
        let Some(clock) = running else {
            let why = format!("clock `{name}` does not run");
            return Err(self.refused(before, &way.action, why));
        };
        // A clock from before its terms were recorded was started under the workflow's own.
        let own = Machine::built_in();
        let def = own.clocks().iter().find(|def| def.name == name);
        let terms = clock
            .terms
            .clone()
            .or_else(|| def.map(|def| ClockTerms::of(own, def)));
        let (extensions, remind_hours) = terms.map_or((Vec::new(), None), |terms| {
            (terms.extensions, terms.remind_hours)
        });
        let Some(days) = extensions.get(clock.extensions as usize) else {
            let why = format!(
                "clock `{name}` was prolonged {} times, more is not possible",
                clock.extensions
            );
            return Err(self.refused(before, &way.action, why));
        };
        clock.extensions += 1;
        // From the day the clock ended on: its end is the beginning of the next one.
        clock.due_at = self.calendar.after_days(clock.due_at - 1, *days);
        clock.overdue = false;
        clock.remind_at = remind_at(before_end(remind_hours), clock.due_at, clock.from);
        Ok(())
    }

    /// Sets the one instant at which the engine has to look again.
    pub(super) fn arm(&self, case: &mut Case) {
        if self.rule_of(case).is_none() {
            case.due_at = case.clocks.iter().map(|clock| clock.due_at).min();
            case.overdue = case.clocks.iter().any(|clock| clock.overdue);
            case.remind_at = None;
        }
        let own = match self.rule_of(case) {
            Some(_) if !case.overdue => case.due_at,
            _ => None,
        };
        let clocks = case.clocks.iter().flat_map(|clock| {
            let end = (!clock.overdue).then_some(clock.due_at);
            clock.remind_at.into_iter().chain(end)
        });
        case.timer_at = clocks
            .chain(case.remind_at)
            .chain(case.check_at)
            .chain(own)
            .min();
    }

    /// What the engine does when a case's timer is due, as of the moment it was due. A check of the
    /// look-back is no business of this function: it is run first ([`Self::check_waits`]); here it
    /// would be noted as one that nobody ran.
    pub(super) fn expire(&self, case: &Case) -> Result<Vec<Moved>, Error> {
        let at = case.timer_at.unwrap_or(case.entered_at);
        let effective_at = at.max(case.entered_at);
        let engine = Actor::engine();
        let note = |action: &str, due: i64, change: &dyn Fn(&mut Case)| {
            let input = Input::default().with("due", &beijing_text(due));
            let mut moved = Self::mark(case, action, &engine, input, effective_at, change);
            self.arm(&mut moved.case);
            Ok(vec![moved])
        };
        if case.check_at == Some(at) {
            return self.checked(case, &Rechecked::not_run("nobody ran it"));
        }
        if case.remind_at == Some(at) {
            let due = case.due_at.unwrap_or(at);
            return note("reminder", due, &|after| after.remind_at = None);
        }
        for (index, clock) in case.clocks.iter().enumerate() {
            let (name, due) = (&clock.name, clock.due_at);
            if clock.remind_at == Some(at) {
                return note(&format!("reminder:{name}"), due, &|after| {
                    after.clocks[index].remind_at = None;
                });
            }
            if due == at && !clock.overdue {
                let lapses = self
                    .machine
                    .clocks()
                    .iter()
                    .any(|def| &def.name == name && def.lapses);
                return match lapses {
                    true => note(&format!("lapsed:{name}"), due, &|after| {
                        after.clocks.remove(index);
                    }),
                    false => note(&format!("overdue:{name}"), due, &|after| {
                        after.clocks[index].overdue = true;
                    }),
                };
            }
        }
        match self.timer_of(case) {
            Some(action) => self.step(case, action, &engine, &Input::default(), effective_at),
            None => Ok(vec![Self::mark(
                case,
                "overdue",
                &engine,
                Input::default(),
                effective_at,
                |after| {
                    after.overdue = true;
                    self.arm(after);
                },
            )]),
        }
    }
}

/// When to remind of an end, that long before it (microseconds), if that lies after the start.
pub(super) fn remind_at(before_end: Option<i64>, due: i64, from: i64) -> Option<i64> {
    let at = due - before_end?;
    (at > from).then_some(at)
}

/// Hours in microseconds.
fn before_end(hours: Option<u32>) -> Option<i64> {
    hours.map(|hours| i64::from(hours) * HOUR)
}
