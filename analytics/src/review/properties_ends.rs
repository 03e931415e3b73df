//! Every case comes to an end, and an engine that slept leaves what one that never did would.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::behaviour::config;
use super::calendar::HOUR;
use super::case::Case;
use super::desk::Desk;
use super::machine::Machine;
use super::parts::{Role, Severity};
use super::store::Filter;
use super::testing::{Bench, monday, papers_for, person, triaged};

/// Action, role and waiting time of one random step; indices into the machine's own lists.
type Step = (usize, usize, i64);

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let actions = Machine::built_in().actions().len();
    proptest::collection::vec((0..actions, 0..Role::ALL.len(), 0..60_i64), 1..most)
}

fn severities() -> impl Strategy<Value = Severity> {
    proptest::sample::select(vec![Severity::S1, Severity::S2, Severity::S3])
}

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

/// Applies everything that comes due up to `until`; fails when it never settles.
fn settle(desk: &Desk, mut case: Case, until: i64) -> Case {
    for _ in 0..100 {
        if case.timer_at.is_none_or(|at| at > until) {
            return case;
        }
        let due = case.timer_at.unwrap();
        let moves = desk.expire(&case).unwrap();
        for moved in moves {
            assert!(moved.effective_at >= case.entered_at, "time ran backwards");
            assert!(moved.effective_at <= due.max(case.entered_at));
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
    for way in ways {
        // Somebody new each time: nobody reviews or countersigns what they did before.
        let role = way.roles.iter().find(|role| **role != Role::Engine);
        let actor = person(&format!("p-{turn}"), *role.unwrap());
        let done = desk.step(case, &way.action, &actor, &papers_for(&way.action), now);
        if let Ok(moves) = done {
            return moves.into_iter().last().unwrap().case;
        }
    }
    panic!(
        "nobody can do anything with a case in `{}`: {case:?}",
        case.state
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// After any history the timers settle, and from there the case reaches a final state: either
    /// people take it there, or the scheduler does.
    #[test]
    fn every_case_comes_to_an_end(severity in severities(), steps in steps(80)) {
        let desk = Desk::new(&config());
        let actions: Vec<&str> = desk.machine.actions().into_iter().collect();
        let far = distances();
        let mut now = monday();
        let mut case = triaged(&desk, severity, now);
        for (action, role, hours) in steps {
            now += hours * HOUR;
            case = settle(&desk, case, now);
            let actor = person(&format!("r-{role}"), Role::ALL[role]);
            let action = actions[action];
            if let Ok(moves) = desk.step(&case, action, &actor, &papers_for(action), now) {
                case = moves.into_iter().last().unwrap().case;
            }
            if let Some(due) = case.due_at {
                prop_assert!(due > case.clock_from || !case.clocks.is_empty());
            }
            for clock in &case.clocks {
                prop_assert!(clock.due_at > clock.from, "a clock of no length");
            }
        }
        // The scheduler alone.
        now += 400 * 24 * HOUR;
        case = settle(&desk, case, now);
        prop_assert_eq!(case.timer_at, None);
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// One engine ticks every hour, the other wakes at the end: the same cases come out, and the
    /// sleeper applies what it missed in the order in which it was due.
    #[test]
    fn missed_ticks_catch_up_in_order(
        steps in proptest::collection::vec((steps(2), 0..3_usize), 1..25),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let awake = Bench::sqlite(&config()).await;
            let asleep = Bench::sqlite(&config()).await;
            let mut ids = Vec::new();
            for (id, severity) in [("a", Severity::S1), ("b", Severity::S2), ("c", Severity::S3)] {
                ids.push(awake.open(id, severity).await);
                asleep.open(id, severity).await;
            }
            let actions: Vec<&str> = Machine::built_in().actions().into_iter().collect();
            let tick = |hours: i64| {
                let awake = &awake;
                async move {
                    for _ in 0..hours {
                        awake.clock.advance(HOUR);
                        awake.service.tick().await.unwrap();
                    }
                }
            };
            for (step, case) in steps {
                let (action, role, hours) = step[0];
                tick(hours).await;
                asleep.clock.advance(hours * HOUR);
                let actor = person(&format!("r-{role}"), Role::ALL[role]);
                let input = papers_for(actions[action]);
                let one = awake.service.act(&ids[case], actions[action], &actor, &input).await;
                let two = asleep.service.act(&ids[case], actions[action], &actor, &input).await;
                assert_eq!(one.is_ok(), two.is_ok(), "{one:?} {two:?}");
            }
            tick(300).await;
            asleep.clock.advance(300 * HOUR);
            let fired = asleep.service.tick().await.unwrap();
            assert!(fired.windows(2).all(|pair| pair[0].due_at <= pair[1].due_at), "{fired:?}");
            let cases = |bench: &Bench| {
                let service = bench.service.clone();
                async move {
                    let mut cases = service.list(&Filter::default()).await.unwrap();
                    for case in &mut cases {
                        // When it was recorded is all that may differ.
                        case.updated_at = 0;
                    }
                    cases
                }
            };
            assert_eq!(cases(&awake).await, cases(&asleep).await);
            assert_eq!(asleep.service.audit(None).await.unwrap().fault, None);
        });
    }
}
