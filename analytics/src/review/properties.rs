//! What holds after any sequence of actions by anybody.

use std::cell::RefCell;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::behaviour::config;
use super::calendar::HOUR;
use super::case::Case;
use super::desk::{Desk, Moved};
use super::guard::Guard;
use super::machine::Machine;
use super::parts::Severity;
use super::settings::Config;
use super::store::Filter;
use super::testing::{Bench, finding, monday};
use super::walk::{Move, Walk, any_beginning, any_move, any_start, led};

/// Pairs of states that no case may ever pass directly.
const NEVER: [(&str, &str); 8] = [
    ("dispatched", "closed"),
    ("submitted", "closed"),
    ("submitted", "look_back"),
    ("triage", "closed"),
    ("rectify", "approved"),
    ("filing", "closed"),
    ("to_onsite", "rectify"),
    ("onsite_approval", "onsite_done"),
];

/// W1 and W4 of one change: only ways of the machine, in allowed roles, with the persons and papers
/// that are asked for, and deadlines that end after their clock starts.
fn on_the_ways(case: &Case, moved: &Moved) -> Result<(), TestCaseError> {
    let machine = Machine::built_in();
    let from = moved.from.as_deref().unwrap();
    let to = moved.case.state.as_str();
    prop_assert!(!NEVER.contains(&(from, to)), "{from} to {to}");
    prop_assert_eq!(moved.case.version, case.version + 1);
    prop_assert!(
        moved.effective_at >= case.entered_at || from == to,
        "time ran backwards"
    );
    if let Some(signed) = moved.action.strip_prefix("sign:") {
        prop_assert_eq!(from, to);
        prop_assert!(machine.way(from, signed).unwrap().four_eyes.is_some());
    } else if let Some(way) = machine.way(from, &moved.action) {
        prop_assert_eq!(&way.to, to);
        prop_assert!(way.roles.contains(&moved.actor.role));
        if way.guards.contains(&Guard::NotHandler) {
            prop_assert!(!case.handlers.contains(&moved.actor.name));
        }
        if to == "approved" {
            if case.severity <= Severity::S2 {
                let first = case.signature.as_ref().unwrap();
                prop_assert_ne!(&first.by, &moved.actor.name);
            }
            let silent = moved.input.get("recheck") == Some("silent");
            prop_assert!(silent || moved.input.get("override").is_some());
            prop_assert!(moved.input.get("conflicts").is_some(), "nobody looked");
        }
        let runs = |clock: &str| case.clock_runs(clock);
        if moved.action == "decide" {
            prop_assert!(case.procedure.notified_at.is_some(), "nobody was told");
            prop_assert!(!runs("hearing_request"), "nobody was heard");
        }
        if moved.action == "close" && from == "case" {
            prop_assert!(!runs("decision") && !runs("service"));
            prop_assert!(!runs("payment") || moved.input.get("unpaid").is_some());
        }
        if ["dispatch", "verify"].contains(&moved.action.as_str()) {
            prop_assert!(case.severity > Severity::S1, "an S1 goes on-site");
        }
        if moved.action == "onsite" && case.severity > Severity::S1 {
            prop_assert!(case.visit_approval.is_some(), "nobody approved the visit");
        }
        if from == "onsite_done" && to != from {
            prop_assert!(case.visit_approval.is_some(), "the papers are missing");
            prop_assert!(moved.case.visit_approval.is_none(), "of another visit");
        }
        if moved.action == "refuse_onsite" {
            prop_assert!(case.severity > Severity::S1 || from == "onsite_done");
            prop_assert!(case.visit_approval.is_none() && moved.case.visit_approval.is_none());
        }
        if moved.action == "close" && from == "look_back" {
            prop_assert_eq!(case.checks.len(), 2, "both checks were run");
        }
        if moved.action == "answer" {
            prop_assert_ne!(moved.input.get("cause"), Some("weather"));
        }
        if to == "triage" {
            prop_assert!(case.confirmed && case.severity <= Severity::S3);
        }
    } else {
        prop_assert_eq!(from, to, "`{}` moved the case", moved.action);
    }
    if let (true, Some(due)) = (moved.case.clocks.is_empty(), moved.case.due_at) {
        prop_assert!(due > moved.case.clock_from, "a deadline of no length");
    }
    for clock in &moved.case.clocks {
        prop_assert!(clock.due_at > clock.from, "a clock of no length");
    }
    prop_assert!(moved.case.return_count <= 2);
    prop_assert!(moved.case.extension_count <= 2);
    Ok(())
}

/// States and ways that were seen in all walks of a runner.
#[derive(Default)]
struct Seen {
    states: BTreeSet<String>,
    ways: BTreeSet<(String, String)>,
}

fn walks(runner: &mut TestRunner) -> Seen {
    let desk = Desk::new(&config());
    let seen = RefCell::new(Seen::default());
    let moves = proptest::collection::vec(any_move(), 1..160);
    let sequences = (any_beginning(), any_start(), moves);
    runner
        .run(&sequences, |(beginning, start, moves)| {
            let now = monday();
            let case = led(&desk, beginning, start, now);
            let mut walk = Walk {
                desk: &desk,
                seen: BTreeSet::from([case.state.clone()]),
                case,
                now,
                ways: BTreeSet::new(),
            };
            for step in &moves {
                walk.go(step, &on_the_ways)?;
            }
            let mut seen = seen.borrow_mut();
            seen.states.extend(walk.seen);
            seen.ways.extend(walk.ways);
            Ok(())
        })
        .unwrap_or_else(|fault| panic!("{fault}"));
    seen.into_inner()
}

#[test]
fn any_sequence_stays_on_the_ways() {
    walks(&mut TestRunner::new(ProptestConfig::with_cases(300)));
}

/// The walks of the test above go everywhere: with the same dice every time, so that this test says
/// something about the walks and not about luck.
#[test]
fn the_walks_go_every_way_there_is() {
    let dice = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let settings = ProptestConfig::with_cases(5_000);
    let seen = walks(&mut TestRunner::new_with_rng(settings, dice));
    let machine = Machine::built_in();
    let states: Vec<&str> = machine
        .states()
        .iter()
        .map(|state| state.name.as_str())
        .filter(|name| !seen.states.contains(*name))
        .collect();
    assert!(states.is_empty(), "never came to {states:?}");
    // They need weeks of walking in one place; tests of their own take them where they exist.
    let rare = [
        ("returned", "escalate"),
        ("closed", "relapse"),
        ("case", "hold_hearing"),
        // Needs another case of the same furnace.
        ("to_onsite", "visited_jointly"),
    ];
    let ways: Vec<(&str, &str)> = machine
        .transitions()
        .iter()
        .flat_map(|way| {
            way.from
                .iter()
                .map(|from| (from.as_str(), way.action.as_str()))
        })
        .filter(|(from, action)| {
            !seen
                .ways
                .contains(&((*from).to_owned(), (*action).to_owned()))
        })
        .collect();
    let missed: Vec<_> = ways.iter().filter(|way| !rare.contains(way)).collect();
    assert!(missed.is_empty(), "never taken: {missed:?}");
}

/// W2 through the store: whatever happens, the chain is sound and every case is what it says.
/// The cases are of one furnace, or have nothing to do with each other.
async fn a_sound_chain(
    bench: &Bench,
    one_furnace: bool,
    starts: [(Severity, bool); 3],
    moves: &[(Move, usize)],
) {
    let findings: Vec<_> = ["a", "b", "c"]
        .iter()
        .zip(starts)
        .map(|(id, (severity, confirmed))| {
            let mut found = finding(id, severity);
            found.confirmed = confirmed;
            if one_furnace {
                found.permit_no = Some("BURN".to_owned());
                found.outlet_uid = Some("BURNDA001".to_owned());
                // Neither of one kind nor of one time: on-site they meet.
                found.rule_group = format!("group-{id}");
                let apart = i64::from(id.as_bytes()[0] - b'a') * 2 * HOUR;
                found.window_start += apart;
                found.window_end += apart;
            }
            found
        })
        .collect();
    let service = &bench.service;
    service.take_anomalies(&findings).await.unwrap();
    let cases: Vec<String> = findings
        .iter()
        .map(|found| Case::id_of(&found.anomaly_id))
        .collect();
    for (step, at) in moves {
        bench.clock.advance(step.hours * HOUR);
        if step.hours > 40 {
            service.tick().await.unwrap();
        }
        // What was provisional is confirmed, withdrawn, found again; what relapsed is found anew.
        let mut found = findings[*at].clone();
        step.detection_says(&mut found, bench.clock_now());
        service.take_anomalies(&[found]).await.unwrap();
        let case = service.show(&cases[*at]).await.unwrap().case;
        let Some((action, actor)) = step.attempt(&case, true) else {
            continue;
        };
        let input = step.input(&case, &action, bench.clock_now());
        let _refusal = service.act(&cases[*at], &action, &actor, &input).await;
    }
    assert_eq!(service.audit(None).await.unwrap().fault, None);
    for case in service.list(&Filter::default()).await.unwrap() {
        let events = service.show(&case.case_id).await.unwrap().events;
        assert_eq!(events.len() as i64, case.version);
        for pair in events.windows(2) {
            assert_eq!(
                pair[1].from_state.as_deref(),
                Some(pair[0].to_state.as_str())
            );
            assert!(pair[1].at >= pair[0].at);
        }
        for event in events.iter().filter(|row| row.action == "visited_jointly") {
            assert!(event.fields.contains_key("investigation"), "{event:?}");
            assert!(
                !event.fields.contains_key("act"),
                "one visit, one act: {event:?}"
            );
        }
    }
}

fn any_sequence_leaves_a_sound_chain(on_postgres: bool) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(12));
    let starts = [any_start(), any_start(), any_start()];
    let sequences = (
        any::<bool>(),
        starts,
        proptest::collection::vec((any_move(), 0..3_usize), 1..80),
    );
    let outcome = runner.run(&sequences, |(one_furnace, starts, moves)| {
        runtime.block_on(async {
            let bench = match on_postgres {
                true => Bench::postgres(&config()).await,
                false => Bench::sqlite(&config()).await,
            };
            a_sound_chain(&bench, one_furnace, starts, &moves).await;
        });
        Ok(())
    });
    outcome.unwrap_or_else(|fault| panic!("{fault}"));
}

#[test]
fn any_sequence_leaves_a_sound_chain_in_sqlite() {
    any_sequence_leaves_a_sound_chain(false);
}

#[test]
fn any_sequence_leaves_a_sound_chain_in_postgres() {
    any_sequence_leaves_a_sound_chain(true);
}

#[test]
fn settings_are_checked_by_key() {
    let of = |change: &dyn Fn(&mut Config)| {
        let mut config = Config::default();
        change(&mut config);
        config.validate().unwrap_err().to_string()
    };
    assert!(of(&|config| config.claim_hours = 0).contains("claim_hours"));
    assert!(of(&|config| config.database = "".into()).contains("database"));
    let day = chrono::NaiveDate::from_ymd_opt(2026, 10, 1).unwrap();
    assert!(
        of(&|config| {
            config.holidays.insert(day);
            config.workdays.insert(day);
        })
        .contains("2026-10-01 is a holiday as well")
    );
    assert!(of(&|config| config.onsite_merge_days = 6).contains("0 to 5"));
    Config::default().validate().unwrap();
}
