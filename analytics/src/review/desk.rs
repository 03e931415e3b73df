//! Moving a case: rules only, no database and no clock.
//!
//! [`Desk::step`] takes a case and an action and says what becomes of it, or why not. It is a pure
//! function, so every property of the workflow can be tested without a store, and every store
//! behaves the same.

use std::sync::Arc;

use super::calendar::{Calendar, parse_day};
use super::case::{Case, Plan, Signature};
use super::error::{Error, Refusal};
use super::guard::{Guard, Situation};
use super::investigation::{OWN_VISIT, is_onsite};
use super::machine::Machine;
use super::parts::{Counts, FourEyes, Role, Severity, Transition};
use super::penalty::Procedure;
use super::review_row::SIGNATURE_VOID;
use super::settings::Config;
use super::step::{Actor, Input, NextStep};
use super::visit;
use nonsite_schemas::time::beijing_day_start;
use nonsite_schemas::wire::inspection::Mode;

/// The rules at work: machine, calendar and settings.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) machine: Arc<Machine>,
    pub(super) calendar: Calendar,
    pub(super) rule_owners: std::collections::BTreeMap<String, String>,
}

/// One change of a case and what its audit row says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moved {
    /// State before; `None` when the case was opened by it.
    pub(super) from: Option<String>,
    /// The case after.
    pub(super) case: Case,
    pub(super) action: String,
    pub(super) actor: Actor,
    pub(super) input: Input,
    pub(super) effective_at: i64,
}

impl Desk {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            machine: Arc::new(Machine::built_in().clone()),
            calendar: config.calendar(),
            rule_owners: config.rule_owners.clone(),
        }
    }

    /// Takes an action that took effect at `effective_at` (microseconds UTC), followed by whatever
    /// the engine does at once.
    pub(super) fn step(
        &self,
        case: &Case,
        action: &str,
        actor: &Actor,
        input: &Input,
        effective_at: i64,
    ) -> Result<Vec<Moved>, Error> {
        let way = self.machine.way(&case.state, action).ok_or_else(|| {
            let (kind, why) = match self.machine.actions().contains(action) {
                true => (
                    Refusal::Rule,
                    format!("a case in state `{}` does not take it", case.state),
                ),
                false => (Refusal::NoAction, "there is no such action".to_owned()),
            };
            self.refused_as(kind, case, action, why)
        })?;
        if !way.roles.contains(&actor.role) {
            let may: Vec<&str> = way.roles.iter().map(|role| role.code()).collect();
            return Err(self.refused_as(
                Refusal::Role,
                case,
                action,
                format!(
                    "role `{}` may not; it belongs to: {}",
                    actor.role,
                    may.join(", ")
                ),
            ));
        }
        if actor.name.trim().is_empty() {
            return Err(self.refused(case, action, "nobody is named as acting".to_owned()));
        }
        if actor.role != Role::Engine
            && let Some(holder) = case.held_by(effective_at)
            && holder != actor.name
        {
            let why = format!("{holder} has claimed the case");
            return Err(self.refused_as(Refusal::Held, case, action, why));
        }
        if effective_at < case.entered_at {
            let why = "it would lie before the case came into this state".to_owned();
            return Err(self.refused(case, action, why));
        }
        if let Some(clock) = &way.during
            && !case.clock_runs(clock)
        {
            let why = format!("clock `{clock}` does not run");
            return Err(self.refused(case, action, why));
        }
        self.check_fields(case, way, input, effective_at)?;
        self.check_mark(case, action, actor, input, effective_at)?;
        let situation = Situation {
            case,
            actor,
            input,
            rule_owner: self.rule_owners.get(&case.rule_id).map(String::as_str),
            now: effective_at,
        };
        for guard in &way.guards {
            guard
                .check(&situation)
                .map_err(|why| self.refused(case, action, why))?;
        }
        if let Some(first) = self.first_signature(case, way, actor, effective_at)? {
            return Ok(vec![Moved {
                from: Some(case.state.clone()),
                case: first,
                action: format!("sign:{action}"),
                actor: actor.clone(),
                input: input.clone(),
                effective_at,
            }]);
        }
        let mut moves = vec![self.travel(case, way, actor, input, effective_at)?];
        self.follow(&mut moves, effective_at)?;
        Ok(moves)
    }

    /// What the engine does as soon as its guards hold. The machine has no cycle of automatic ways
    /// (a bound makes sure of it).
    fn follow(&self, moves: &mut Vec<Moved>, effective_at: i64) -> Result<(), Error> {
        let engine = Actor::engine();
        for _ in 0..self.machine.states().len() {
            let Some(last) = moves.last() else {
                return Ok(());
            };
            let input = Input::default();
            let situation = Situation {
                case: &last.case,
                actor: &engine,
                input: &input,
                rule_owner: None,
                now: effective_at,
            };
            let next = self.machine.from(&last.case.state).find(|way| {
                way.automatic
                    && way
                        .guards
                        .iter()
                        .all(|guard| guard.check(&situation).is_ok())
            });
            match next {
                Some(way) => {
                    let moved = self.travel(&last.case, way, &engine, &input, effective_at)?;
                    moves.push(moved);
                }
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// A change that leaves the case in its state: claim, release, overdue, withdrawn. Who signed
    /// first, or reviewed a penalty, did so on what there was to see: new files, or a case that is
    /// about something else, void it.
    pub(super) fn mark(
        case: &Case,
        action: &str,
        actor: &Actor,
        mut input: Input,
        effective_at: i64,
        change: impl FnOnce(&mut Case),
    ) -> Moved {
        let mut after = case.clone();
        after.version += 1;
        change(&mut after);
        if !input.attachments.is_empty() || case.is_about_else(&after) {
            after.procedure.legal_review = None;
            if let Some(first) = after.signature.take() {
                input = input.with(SIGNATURE_VOID, &format!("{}: {}", first.action, first.by));
            }
        }
        Moved {
            from: Some(case.state.clone()),
            case: after,
            action: action.to_owned(),
            actor: actor.clone(),
            input,
            effective_at,
        }
    }

    /// Everything that leads on from a case's state, whoever may do it: not what the case, as it is, rules
    /// out whatever papers come with it.
    pub(super) fn next_steps(&self, case: &Case) -> Vec<NextStep> {
        let open = |way: &Transition| {
            let runs = way.during.as_ref().is_none_or(|name| case.clock_runs(name));
            runs && way.guards.iter().all(|guard| guard.may_hold(case))
        };
        self.machine
            .from(&case.state)
            .filter(|way| way.roles != [Role::Engine] && open(way))
            .map(|way| NextStep {
                action: way.action.clone(),
                to: way.to.clone(),
                roles: way.roles.clone(),
                requires: way.requires.clone(),
                conditions: way.guards.iter().map(|guard| guard.text()).collect(),
                two_signatures: needs_two(way, case.severity),
            })
            .collect()
    }

    /// The deadline of the case's state under the rules, and what the engine does when it passes.
    pub(super) fn timer_of<'m>(&'m self, case: &Case) -> Option<&'m str> {
        self.rule_of(case)?.timer.as_deref()
    }

    pub(super) fn refused(&self, case: &Case, action: &str, why: String) -> Error {
        self.refused_as(Refusal::Rule, case, action, why)
    }

    pub(super) fn refused_as(
        &self,
        kind: Refusal,
        case: &Case,
        action: &str,
        why: String,
    ) -> Error {
        Error::Refused {
            case_id: case.case_id.clone(),
            state: case.state.clone(),
            action: action.to_owned(),
            kind,
            why,
            possible: self.next_steps(case),
        }
    }

    /// `Some` when this signature is the first of two and only gets noted.
    fn first_signature(
        &self,
        case: &Case,
        way: &Transition,
        actor: &Actor,
        at: i64,
    ) -> Result<Option<Case>, Error> {
        if !needs_two(way, case.severity) {
            return Ok(None);
        }
        match &case.signature {
            Some(first) if first.action == way.action && first.by == actor.name => Err(self
                .refused(
                    case,
                    &way.action,
                    format!("{} signed already: a second person has to", actor.name),
                )),
            Some(first) if first.action == way.action => Ok(None),
            _ => {
                let mut after = case.clone();
                after.version += 1;
                after.signature = Some(Signature {
                    action: way.action.clone(),
                    by: actor.name.clone(),
                    at,
                });
                // The second person has to be able to take the case.
                after.assignee = None;
                after.claimed_until = None;
                after.claimed_at = None;
                if actor.role == Role::Officer {
                    after.handlers.insert(actor.name.clone());
                }
                Ok(Some(after))
            }
        }
    }

    fn travel(
        &self,
        case: &Case,
        way: &Transition,
        actor: &Actor,
        input: &Input,
        effective_at: i64,
    ) -> Result<Moved, Error> {
        let mut after = case.clone();
        after.version += 1;
        after.state.clone_from(&way.to);
        after.entered_at = effective_at;
        after.signature = None;
        if way.to != case.state {
            after.procedure = Procedure::default();
            let state = self.machine.state(&way.to);
            // What is brought back from a visit is evidence of the visit.
            let visited = state.is_some_and(|state| state.act == Some(Mode::Onsite));
            let brought = if visited { &input.attachments[..] } else { &[] };
            after.files_added = u32::try_from(brought.len()).unwrap_or(u32::MAX);
            after.videos_added = visit::videos(brought);
            after.visit_approval = after
                .visit_approval
                .filter(|_| state.is_some_and(|state| state.approved));
        }
        let onsite = |state: &str| is_onsite(&self.machine, state);
        let apart = way.guards.contains(&Guard::VisitedOnce) && input.get(OWN_VISIT).is_some();
        // Of which investigation it is part is found anew whenever it comes on-site.
        if apart || (onsite(&way.to) && !onsite(&case.state)) {
            after.investigation = None;
        }
        if let Some(fact) = way.notes {
            fact.note(&mut after, actor, input, effective_at);
        }
        after.assignee = None;
        after.claimed_until = None;
        after.claimed_at = None;
        if matches!(actor.role, Role::Officer | Role::Investigator) {
            after.handlers.insert(actor.name.clone());
            after
                .handlers
                .extend(input.list("officers").into_iter().map(str::to_owned));
        }
        match way.counts {
            Some(Counts::Return) => after.return_count += 1,
            Some(Counts::Extension) => after.extension_count += 1,
            None => {}
        }
        if let Some(feedback) = input.get("match").or(way.rule_match.as_deref()) {
            after.rule_match = Some(feedback.to_owned());
        }
        if let Some(cause) = input.get("cause") {
            after.true_cause = Some(cause.to_owned());
        }
        if let Some(parent) = input.get("parent") {
            after.parent_id = Some(parent.to_owned());
        }
        if let Some(done) = input.get("measure_date").and_then(parse_day) {
            after.measured_from = Some(beijing_day_start(done + 1));
        }
        let is_final = self
            .machine
            .state(&way.to)
            .is_some_and(|state| state.is_final);
        after.closed_at = is_final.then_some(effective_at);
        after.only_reminded = way.to == "closed" && case.state == "reminded";
        self.set_deadline(&mut after, case, way, (actor, input), effective_at)?;
        self.run_clocks(&mut after, case, way, input, effective_at)?;
        let planned = ["measures", "owner", "plan_due"].map(|name| input.get(name));
        if let [Some(measures), Some(owner), Some(due)] = planned
            && way.requires.iter().any(|field| field == "plan_due")
        {
            after.plan = Some(Plan {
                measures: measures.to_owned(),
                owner: owner.to_owned(),
                due: due.to_owned(),
                at: effective_at,
            });
        }
        after.check_at = None;
        if after.state == "look_back" {
            after.checks.clear();
            after.check_at = self.next_check(&after);
        }
        self.arm(&mut after);
        match after.state.as_str() {
            "look_back" => after.look_back_until = after.due_at,
            "closed" => {}
            // A case that goes on is measured anew by its next rectification.
            _ => after.look_back_until = None,
        }
        Ok(Moved {
            from: Some(case.state.clone()),
            case: after,
            action: way.action.clone(),
            actor: actor.clone(),
            input: input.clone(),
            effective_at,
        })
    }
}

fn needs_two(way: &Transition, severity: Severity) -> bool {
    match way.four_eyes {
        Some(FourEyes::Always) => true,
        Some(FourEyes::FromS2) => severity <= Severity::S2,
        None => false,
    }
}
