//! Random walks through the workflow that really go somewhere: what is tried is mostly what the state
//! allows, by somebody who may, with papers that fit the moment; the rest is noise.

use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;

use super::calendar::{HOUR, beijing_text};
use super::case::Case;
use super::desk::{Desk, Moved};
use super::intake::{Finding, new_case};
use super::machine::Machine;
use super::parts::{Role, Severity, Transition};
use super::recheck::{self, Verdict};
use super::review_row;
use super::step::{Actor, Input};
use super::testing::{finding, papers_in, person, rechecked};
use nonsite_schemas::time::{beijing_day, beijing_day_start};

const NAMES: [&str; 12] = [
    "o-1", "o-2", "o-3", "ana", "bo", "rev", "rev-2", "law", "inv", "plant", "boss", "arch",
];

/// What happens in one step.
#[derive(Debug, Clone)]
pub(super) struct Move {
    /// Anything by anybody, instead of a way out of the state.
    noise: bool,
    way: Index,
    role: Index,
    name: usize,
    pub(super) hours: i64,
    papers: Papers,
    /// What detection says of the finding before the step.
    told: Told,
    /// What a check of the look-back comes to.
    check: usize,
}

/// How the papers of a step are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Papers {
    Whole,
    NoFile,
    /// Some field is missing.
    Gap(usize),
    WrongCause,
    StillFailing,
    Overridden,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Confirmed,
    Withdrawn,
    FoundAgain,
    Worse(Severity),
}

pub(super) fn any_move() -> impl Strategy<Value = Move> {
    let hours = prop_oneof![12 => 0..3_i64, 6 => 0..80_i64, 1 => 0..1_500_i64];
    let papers = prop_oneof![
        16 => Just(Papers::Whole),
        1 => Just(Papers::NoFile),
        2 => (0..32_usize).prop_map(Papers::Gap),
        1 => Just(Papers::WrongCause),
        1 => Just(Papers::StillFailing),
        1 => Just(Papers::Overridden),
    ];
    let told = prop_oneof![
        24 => Just(Told::Nothing),
        3 => Just(Told::Confirmed),
        1 => Just(Told::Withdrawn),
        1 => Just(Told::FoundAgain),
        1 => prop_oneof![Just(Severity::S1), Just(Severity::S2)].prop_map(Told::Worse),
    ];
    (
        prop::bool::weighted(0.2),
        any::<Index>(),
        any::<Index>(),
        0..NAMES.len(),
        hours,
        papers,
        told,
        0..8_usize,
    )
        .prop_map(
            |(noise, way, role, name, hours, papers, told, check)| Move {
                noise,
                way,
                role,
                name,
                hours,
                papers,
                told,
                check,
            },
        )
}

/// A Beijing day as it is written in papers.
fn day_text(day: i32) -> String {
    beijing_text(beijing_day_start(day))[..10].to_owned()
}

/// How a finding begins: severity, confirmed or not.
pub(super) fn any_start() -> impl Strategy<Value = (Severity, bool)> {
    let severities = [Severity::S1, Severity::S2, Severity::S3, Severity::S4];
    (prop::sample::select(severities.to_vec()), any::<bool>())
}

/// What was done with a case before a walk begins: nothing, mostly. The others begin where whole walks
/// rarely come to, or rarely stay.
const BEGINNINGS: [&[&str]; 4] = [
    &[],
    &["accept", "verify", "file", "accept_case"],
    &["accept", "dispatch", "deliver"],
    &["accept", "verify", "rectify", "submit", "approve"],
];

/// Where a walk begins.
pub(super) fn any_beginning() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0), 1 => Just(1), 1 => Just(2), 1 => Just(3)]
}

/// A case at the beginning of a walk, led there by people who do nothing else.
pub(super) fn led(desk: &Desk, beginning: usize, start: (Severity, bool), now: i64) -> Case {
    let actions = BEGINNINGS[beginning];
    if actions.is_empty() {
        return detected(start, now);
    }
    led_along(desk, detected((Severity::S3, true), now), actions, now)
}

/// A case after these actions.
pub(super) fn led_along(desk: &Desk, mut case: Case, actions: &[&str], now: i64) -> Case {
    for action in actions {
        let role = desk.machine.way(&case.state, action).unwrap().roles[0];
        let actor = match role {
            Role::Engine => Actor::engine(),
            _ => person(&format!("the {role}"), role),
        };
        let input = found(papers_at(&case, action, now), Verdict::Silent);
        let moves = desk.step(&case, action, &actor, &input, now);
        case = moves.unwrap().pop().unwrap().case;
    }
    case
}

/// Papers with what the program finds before a review.
pub(super) fn found(papers: Input, verdict: Verdict) -> Input {
    let conflicts = match verdict {
        Verdict::StillFailing => r#"[{"code":"still_failing","item":"data","text":"it fires"}]"#,
        _ => "[]",
    };
    papers
        .with(recheck::VERDICT, verdict.code())
        .with(review_row::CONFLICTS, conflicts)
}

/// A case that was detected just now.
pub(super) fn detected((severity, confirmed): (Severity, bool), now: i64) -> Case {
    let mut found = finding("x", severity);
    found.confirmed = confirmed;
    new_case(&found, Machine::built_in().initial(), now)
}

/// The papers of an action at a moment, complete.
pub(super) fn papers_at(case: &Case, action: &str, now: i64) -> Input {
    let today = beijing_day(now);
    let later = case
        .order_end()
        .map_or(today + 5, |due| beijing_day(due) + 1);
    let mut input = papers_in(&case.state, action)
        .with("measure_date", &day_text(today))
        .with("hearing_day", &day_text(today + 40))
        .with("plan_due", &day_text(today));
    if action.ends_with("extension") {
        input = input.with("due", &day_text(later));
    }
    input
}

impl Move {
    /// Who tries what; `None` in a state that nobody leaves.
    pub(super) fn attempt(&self, case: &Case, people_only: bool) -> Option<(String, Actor)> {
        let machine = Machine::built_in();
        let (action, role) = if self.noise {
            let actions: Vec<&str> = machine.actions().into_iter().collect();
            let action = actions[self.way.index(actions.len())];
            (
                action.to_owned(),
                Role::ALL[self.role.index(Role::ALL.len())],
            )
        } else {
            let ways: Vec<&Transition> = machine
                .from(&case.state)
                .filter(|way| !way.automatic)
                .filter(|way| !people_only || way.roles != [Role::Engine])
                .collect();
            if ways.is_empty() {
                return None;
            }
            let way = *self.way.get(&ways);
            let role = way.roles[self.role.index(way.roles.len())];
            (way.action.clone(), role)
        };
        let actor = match role {
            Role::Engine => Actor::engine(),
            _ => person(NAMES[self.name], role),
        };
        Some((action, actor))
    }

    /// What detection says of a finding by now.
    pub(super) fn detection_says(&self, found: &mut Finding, now: i64) {
        match self.told {
            Told::Nothing => {}
            Told::Confirmed | Told::FoundAgain => found.confirmed = true,
            Told::Withdrawn => found.withdrawn = Some("late data".to_owned()),
            Told::Worse(severity) => {
                // Another finding on the same outlet, of now.
                found.anomaly_id = format!("{}-{now}", found.anomaly_id);
                found.severity = severity;
                found.confirmed = true;
                found.window_start = now - HOUR;
                found.window_end = now;
            }
        }
    }

    /// The papers that go with it.
    pub(super) fn input(&self, case: &Case, action: &str, now: i64) -> Input {
        let mut input = papers_at(case, action, now);
        match self.papers {
            Papers::Whole | Papers::StillFailing => {}
            Papers::NoFile => input.attachments.clear(),
            Papers::Gap(at) => {
                let name = input.fields.keys().nth(at % input.fields.len()).cloned();
                input.fields.remove(&name.unwrap());
            }
            Papers::WrongCause => input = input.with("cause", "weather"),
            Papers::Overridden => {
                input = input
                    .with("override", "measured by hand")
                    .with("unpaid", "no_fine");
            }
        }
        input
    }

    /// The same for the core, which sees what the program writes as well.
    fn input_of_the_core(&self, case: &Case, action: &str, now: i64) -> Input {
        let verdict = match self.papers {
            Papers::StillFailing | Papers::Overridden => Verdict::StillFailing,
            _ => Verdict::Silent,
        };
        let mut input = found(self.input(case, action, now), verdict);
        if action == "merge" {
            input = input.with("parent", "c0000000000000000");
        }
        // A quarter of the relapses lies inside the look-back, so that some last.
        let aside = if self.check < 2 { 30 } else { -30 };
        let began = case.measured_from.unwrap_or(now) + aside * HOUR;
        input.with("relapse_at", &beijing_text(began))
    }
}

/// A case of the core with everything that was seen on the way.
pub(super) struct Walk<'a> {
    pub(super) desk: &'a Desk,
    pub(super) case: Case,
    pub(super) now: i64,
    pub(super) seen: BTreeSet<String>,
    /// The ways that were taken: state and action.
    pub(super) ways: BTreeSet<(String, String)>,
}

impl Walk<'_> {
    /// Time passes, detection speaks, somebody acts. `check` sees the case before and every change.
    pub(super) fn go(
        &mut self,
        step: &Move,
        check: &impl Fn(&Case, &Moved) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        self.now += step.hours * HOUR;
        self.settle(step, check)?;
        self.detection(step, check)?;
        let Some((action, actor)) = step.attempt(&self.case, false) else {
            return Ok(());
        };
        // A part of another case stays one: it must not swallow every walk. Nor must what ends a
        // penalty procedure before it has begun.
        let swallows = action == "merge" || ["no_penalty", "transfer"].contains(&action.as_str());
        if swallows && step.check > 0 {
            return Ok(());
        }
        let input = step.input_of_the_core(&self.case, &action, self.now);
        match self
            .desk
            .step(&self.case, &action, &actor, &input, self.now)
        {
            Ok(moves) => self.take(moves, check),
            Err(_) => Ok(()),
        }
    }

    /// Everything that is due, in order.
    pub(super) fn settle(
        &mut self,
        step: &Move,
        check: &impl Fn(&Case, &Moved) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        for _ in 0..100 {
            let Some(due) = self.case.timer_at.filter(|at| *at <= self.now) else {
                return Ok(());
            };
            let moves = if Desk::check_waits(&self.case, self.now) {
                let verdict = match step.check {
                    0 => Verdict::StillFailing,
                    1 => Verdict::NothingJudged,
                    _ => Verdict::Silent,
                };
                let mut found = rechecked(verdict);
                found.first = found.first.and(self.case.measured_from);
                self.desk.checked(&self.case, &found)
            } else {
                self.desk.expire(&self.case)
            };
            let moves = moves.map_err(|error| TestCaseError::fail(error.to_string()))?;
            for moved in &moves {
                prop_assert!(
                    moved.effective_at <= due.max(self.case.entered_at),
                    "in the future"
                );
            }
            self.take(moves, check)?;
        }
        Err(TestCaseError::fail(format!(
            "the timers of a case in `{}` never settle",
            self.case.state
        )))
    }

    fn detection(
        &mut self,
        step: &Move,
        check: &impl Fn(&Case, &Moved) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        let (engine, now) = (Actor::engine(), self.now);
        let before = self.case.severity;
        let mark = |action: &str, change: &dyn Fn(&mut Case)| {
            Desk::mark(&self.case, action, &engine, Input::default(), now, change)
        };
        let moved = match step.told {
            Told::Nothing => return Ok(()),
            Told::Confirmed => mark("confirmed", &|after| after.confirmed = true),
            Told::Withdrawn => mark("withdrawn", &|after| {
                after.withdrawn = Some("late".to_owned())
            }),
            Told::FoundAgain => mark("found_again", &|after| after.withdrawn = None),
            Told::Worse(severity) => mark("raise", &|after| self.desk.worsen(after, severity, now)),
        };
        let more = self
            .desk
            .at_once(before, &moved.case, now)
            .map_err(|error| TestCaseError::fail(error.to_string()))?;
        self.take(std::iter::once(moved).chain(more).collect(), check)
    }

    fn take(
        &mut self,
        moves: Vec<Moved>,
        check: &impl Fn(&Case, &Moved) -> Result<(), TestCaseError>,
    ) -> Result<(), TestCaseError> {
        for moved in moves {
            check(&self.case, &moved)?;
            let from = moved.from.clone().unwrap_or_default();
            if Machine::built_in().way(&from, &moved.action).is_some() {
                self.ways.insert((from, moved.action.clone()));
            }
            self.seen.insert(moved.case.state.clone());
            self.case = moved.case;
        }
        Ok(())
    }
}
