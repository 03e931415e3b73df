//! Every case comes to an end, and an engine that slept leaves what one that never did would.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::behaviour::config;
use super::calendar::HOUR;
use super::case::Case;
use super::desk::Desk;
use super::machine::Machine;
use super::parts::{Role, Severity};
use super::recheck::Verdict;
use super::store::Filter;
use super::testing::{Bench, monday, person, rechecked};
use super::walk::{Move, Walk, any_beginning, any_move, any_start, found, led, papers_at};

fn is_final(state: &str) -> bool {
    Machine::built_in()
        .state(state)
        .is_some_and(|state| state.is_final)
}

/// Steps from every state to the nearest final one.
fn distances() -> BTreeMap<&'static str, usize> {
    let machine = Machine::built_in();
    let finals = machine.states().iter().filter(|state| state.is_final);
    let mut far: BTreeMap<&str, usize> = finals.map(|state| (state.name.as_str(), 0)).collect();
    loop {
        let before = far.clone();
        for way in machine.transitions() {
            let Some(next) = far.get(way.to.as_str()).copied() else {
                continue;
            };
            for from in &way.from {
                let known = far.entry(from).or_insert(next + 1);
                *known = (*known).min(next + 1);
            }
        }
        if far == before {
            return far;
        }
    }
}

/// Applies everything that comes due up to `until`; the checks of a look-back are passed.
fn settle(desk: &Desk, mut case: Case, until: i64) -> Case {
    for _ in 0..100 {
        if case.timer_at.is_none_or(|at| at > until) {
            return case;
        }
        let moves = match Desk::check_waits(&case, until) {
            true => desk.checked(&case, &rechecked(Verdict::Silent)),
            false => desk.expire(&case),
        };
        for moved in moves.unwrap() {
            assert!(moved.effective_at >= case.entered_at, "time ran backwards");
            case = moved.case;
        }
    }
    panic!("the timers of a case in `{}` never settle", case.state);
}

/// Takes the way that leads nearest to an end, as willing people would.
fn willing(desk: &Desk, case: &Case, far: &BTreeMap<&str, usize>, turn: usize, now: i64) -> Case {
    let mut ways: Vec<_> = desk
        .machine
        .from(&case.state)
        .filter(|way| way.to != case.state && way.roles != [Role::Engine])
        .collect();
    ways.sort_by_key(|way| far[way.to.as_str()]);
    // Some papers are missing: a visit's approval comes after it.
    let papers = desk
        .machine
        .from(&case.state)
        .filter(|way| way.to == case.state);
    ways.extend(papers.filter(|way| way.action == "approve_onsite"));
    for way in ways {
        // Somebody new each time: nobody reviews or countersigns what they did before.
        let role = way.roles.iter().find(|role| **role != Role::Engine);
        let actor = person(&format!("p-{turn}"), *role.unwrap());
        let input = found(papers_at(case, &way.action, now), Verdict::Silent);
        let done = desk.step(case, &way.action, &actor, &input, now);
        if let Ok(moves) = done {
            return moves.into_iter().last().unwrap().case;
        }
    }
    panic!(
        "nobody can do anything with a case in `{}`: {case:?}",
        case.state
    );
}

/// The states in which nothing happens unless somebody acts; everywhere else the engine goes on. In
/// each of them the case becomes overdue, so that nobody can forget it.
#[test]
fn these_states_wait_for_people() {
    let machine = Machine::built_in();
    // Left in the very transaction in which it is come to: `detected` by the intake, `approved` by
    // itself.
    let passing = |state: &str| {
        state == machine.initial()
            || machine
                .from(state)
                .any(|way| way.automatic && way.guards.is_empty())
    };
    let waiting: Vec<&str> = machine
        .states()
        .iter()
        .filter(|state| !state.is_final && !passing(&state.name))
        .filter(|state| {
            state
                .deadline
                .last()
                .is_none_or(|rule| rule.timer.is_none())
        })
        .map(|state| state.name.as_str())
        .collect();
    assert_eq!(
        waiting,
        [
            "triage",
            "dismissed",
            "dispatched",
            "answered",
            "verify_off",
            "rectify",
            "submitted",
            "onsite_approval",
            "to_onsite",
            "onsite_done",
            "returned",
            "extended",
            "filing",
            "case",
            "transferred",
            "no_penalty",
            "reopened",
        ]
    );
    for name in waiting {
        let timed = !machine.state(name).unwrap().deadline.is_empty();
        let clocked = machine.clocks().iter().any(|clock| clock.state == name);
        assert!(timed || clocked, "nobody would ever be late in `{name}`");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// After any history the timers settle. What then still waits, waits where people have to act, is
    /// overdue, and willing people bring it to its end.
    #[test]
    fn every_case_comes_to_an_end(
        beginning in any_beginning(),
        start in any_start(),
        moves in proptest::collection::vec(any_move(), 1..100),
    ) {
        let desk = Desk::new(&config());
        let far = distances();
        let begin = monday();
        let mut walk = Walk {
            desk: &desk,
            case: led(&desk, beginning, start, begin),
            now: begin,
            seen: BTreeSet::new(),
            ways: BTreeSet::new(),
        };
        for step in &moves {
            walk.go(step, &|_, _| Ok(()))?;
        }
        let (mut case, mut now) = (walk.case, walk.now);
        if case.state == desk.machine.initial() {
            // The intake never leaves it there.
            return Ok(());
        }
        // The scheduler alone.
        now += 400 * 24 * HOUR;
        case = settle(&desk, case, now);
        prop_assert_eq!(case.timer_at, None);
        prop_assert!(is_final(&case.state) || case.overdue, "`{}` is not overdue", case.state);
        // And willing people.
        for turn in 0..60 {
            if is_final(&case.state) {
                break;
            }
            now += HOUR;
            case = match case.state.as_str() {
                // Nobody ends a look-back but time.
                "look_back" => settle(&desk, case, now + 400 * 24 * HOUR),
                _ => willing(&desk, &case, &far, turn, now),
            };
            now = now.max(case.entered_at);
        }
        prop_assert!(is_final(&case.state), "it stays in `{}`", case.state);
    }
}

/// What differs between an engine that never slept and one that did.
async fn cases(bench: &Bench) -> Vec<Case> {
    let mut cases = bench.service.list(&Filter::default()).await.unwrap();
    for case in &mut cases {
        // When it was recorded is all that may differ.
        case.updated_at = 0;
    }
    cases
}

async fn one_sleeps(moves: &[(Move, usize)]) {
    let awake = Bench::sqlite(&config()).await;
    let asleep = Bench::sqlite(&config()).await;
    let mut ids = Vec::new();
    for (id, severity) in [
        ("a", Severity::S1),
        ("b", Severity::S2),
        ("c", Severity::S3),
    ] {
        ids.push(awake.open(id, severity).await);
        asleep.open(id, severity).await;
    }
    let tick = async |hours: i64| {
        for _ in 0..hours {
            awake.clock.advance(HOUR);
            awake.service.tick().await.unwrap();
        }
    };
    for (step, at) in moves {
        let hours = step.hours % 60;
        tick(hours).await;
        asleep.clock.advance(hours * HOUR);
        let case = awake.service.show(&ids[*at]).await.unwrap().case;
        let Some((action, actor)) = step.attempt(&case, true) else {
            continue;
        };
        let input = step.input(&case, &action, awake.clock_now());
        let one = awake.service.act(&ids[*at], &action, &actor, &input).await;
        let two = asleep.service.act(&ids[*at], &action, &actor, &input).await;
        assert_eq!(one.is_ok(), two.is_ok(), "{one:?} {two:?}");
    }
    tick(300).await;
    asleep.clock.advance(300 * HOUR);
    let fired = asleep.service.tick().await.unwrap();
    assert!(
        fired
            .windows(2)
            .all(|pair| pair[0].due_at <= pair[1].due_at),
        "{fired:?}"
    );
    assert_eq!(cases(&awake).await, cases(&asleep).await);
    assert_eq!(asleep.service.audit(None).await.unwrap().fault, None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// One engine ticks every hour, the other wakes at the end: the same cases come out, and the
    /// sleeper applies what it missed in the order in which it was due.
    #[test]
    fn missed_ticks_catch_up_in_order(
        moves in proptest::collection::vec((any_move(), 0..3_usize), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(one_sleeps(&moves));
    }
}
