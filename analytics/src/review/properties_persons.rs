//! Nobody decides alone, and nothing decides but people: the persons behind every decision, after any
//! sequence of actions by anybody. Who acted is kept here from what every change says of itself, and not
//! from what the case says of its signatures.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::behaviour::config;
use super::case::Case;
use super::desk::{Desk, Moved};
use super::machine::Machine;
use super::parts::{FourEyes, Role, Severity, Transition};
use super::testing::monday;
use super::walk::{Walk, any_beginning, any_move, any_start, detected, led, led_along};

/// Actions that were decisions, and whether the case was an S1 or S2.
type Decisions = BTreeSet<(String, bool)>;

/// Whether a way decides what becomes of a suspicion: accepted as put right, dismissed, not punished,
/// transferred, punished.
fn decides(way: &Transition) -> bool {
    let decided = Machine::built_in()
        .state(&way.to)
        .is_some_and(|state| state.decided);
    decided || way.to == "approved" || way.action == "decide"
}

/// Who had to do with a case.
struct Persons {
    /// Those of the authority who acted since it last came up to be decided on.
    acted: BTreeSet<String>,
    /// What one person signed, while a second one has to, and who.
    signed: Option<(String, String)>,
    decisions: Decisions,
}

impl Persons {
    /// Of a case that [`led`] brought to where it is.
    fn of(case: &Case) -> Self {
        let before = case.handlers.iter().filter(|name| name.starts_with("the "));
        Self {
            acted: before.cloned().collect(),
            signed: None,
            decisions: Decisions::new(),
        }
    }

    /// W7 of one change: two persons where there have to be two, and never the program.
    fn see(&mut self, case: &Case, moved: &Moved) -> Result<(), TestCaseError> {
        let actor = &moved.actor;
        if ![Role::Engine, Role::Enterprise].contains(&actor.role) {
            self.acted.insert(actor.name.clone());
        }
        if let Some(action) = moved.action.strip_prefix("sign:") {
            prop_assert_ne!(actor.role, Role::Engine, "the program signed");
            self.signed = Some((action.to_owned(), actor.name.clone()));
            return Ok(());
        }
        let Some(way) = Machine::built_in().way(&case.state, &moved.action) else {
            // What the first person could not see.
            let what = |of: &Case| (of.severity, of.fire_count, of.withdrawn.clone());
            if what(case) != what(&moved.case) {
                self.signed = None;
            }
            return Ok(());
        };
        // Whatever was decided, a signature was for this and no other time.
        let first = self.signed.take();
        let serious = case.severity <= Severity::S2;
        let two = match way.four_eyes {
            Some(FourEyes::Always) => true,
            Some(FourEyes::FromS2) => serious,
            None => false,
        };
        if way.to == "dismissed" || (way.to == "approved" && serious) {
            prop_assert!(two, "one person is enough for `{}`", moved.action);
        }
        if two {
            let Some((action, by)) = first else {
                let why = format!("nobody signed `{}` before", moved.action);
                return Err(TestCaseError::fail(why));
            };
            prop_assert_eq!(&action, &moved.action);
            prop_assert_ne!(&by, &actor.name, "the same person signed twice");
        }
        if decides(way) {
            let of_the_authority = ![Role::Engine, Role::Enterprise].contains(&actor.role);
            prop_assert!(of_the_authority, "{} decided", actor.role);
            prop_assert!(self.acted.len() >= 2, "{:?} decided alone", self.acted);
            self.decisions.insert((moved.action.clone(), serious));
        }
        if let (None, Some(approval)) = (&case.visit_approval, &moved.case.visit_approval) {
            prop_assert_eq!(actor.role, Role::Approver);
            prop_assert_eq!(&approval.by, &actor.name);
            prop_assert!(!case.handlers.contains(&actor.name), "who visits approved");
        }
        // What begins anew is decided anew.
        if way.to != case.state && ["triage", "reopened"].contains(&way.to.as_str()) {
            self.acted.clear();
        }
        Ok(())
    }
}

/// A case whose rectification waits for its review.
fn submitted(desk: &Desk, severity: Severity, now: i64) -> Case {
    let actions: &[&str] = match severity {
        Severity::S1 => &[
            "accept",
            "escalate",
            "onsite",
            "approve_onsite",
            "rectify",
            "submit",
        ],
        _ => &["accept", "verify", "rectify", "submit"],
    };
    led_along(desk, detected((severity, true), now), actions, now)
}

fn walks(runner: &mut TestRunner) -> Decisions {
    let desk = Desk::new(&config());
    let decisions = RefCell::new(Decisions::new());
    let severities = vec![Severity::S1, Severity::S2, Severity::S3];
    // Half of them begin where an approval is near: whole walks rarely come to that of an S2.
    let review = prop::option::of(prop::sample::select(severities));
    let moves = proptest::collection::vec(any_move(), 1..120);
    let sequences = (any_beginning(), any_start(), review, moves);
    runner
        .run(&sequences, |(beginning, start, review, moves)| {
            let now = monday();
            let case = match review {
                Some(severity) => submitted(&desk, severity, now),
                None => led(&desk, beginning, start, now),
            };
            let persons = RefCell::new(Persons::of(&case));
            let mut walk = Walk {
                desk: &desk,
                case,
                now,
                seen: BTreeSet::new(),
                ways: BTreeSet::new(),
            };
            for step in &moves {
                walk.go(step, &|case: &Case, moved: &Moved| {
                    persons.borrow_mut().see(case, moved)
                })?;
            }
            decisions
                .borrow_mut()
                .extend(persons.into_inner().decisions);
            Ok(())
        })
        .unwrap_or_else(|fault| panic!("{fault}"));
    decisions.into_inner()
}

#[test]
fn nobody_decides_alone() {
    walks(&mut TestRunner::new(ProptestConfig::with_cases(300)));
}

/// The walks of the test above come to decisions of every kind: with the same dice every time, so that
/// this test says something about the walks and not about luck.
#[test]
fn the_walks_come_to_decisions() {
    let dice = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let settings = ProptestConfig::with_cases(2_000);
    let made = walks(&mut TestRunner::new_with_rng(settings, dice));
    for serious in [true, false] {
        assert!(
            made.contains(&("approve".to_owned(), serious)),
            "nothing was approved (S1 or S2: {serious}): {made:?}"
        );
    }
    for action in ["dismiss", "no_penalty", "transfer"] {
        assert!(
            made.iter().any(|(done, _)| done == action),
            "no `{action}`: {made:?}"
        );
    }
}

/// The same of the machine itself: no way on which something is decided or approved belongs to the program or
/// to the enterprise.
#[test]
fn only_people_of_the_authority_decide() {
    let machine = Machine::built_in();
    let deciding: Vec<&Transition> = machine
        .transitions()
        .iter()
        .filter(|way| decides(way) || way.action.starts_with("approve"))
        .collect();
    assert!(!deciding.is_empty());
    for way in deciding {
        assert!(
            !way.automatic
                && !way.roles.contains(&Role::Engine)
                && !way.roles.contains(&Role::Enterprise),
            "`{}` to `{}`",
            way.action,
            way.to
        );
    }
}
