//! What holds after any sequence of actions by anybody, and after any tampering.

use std::time::Duration;

use proptest::prelude::*;
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};

use super::behaviour::config;
use super::calendar::HOUR;
use super::desk::Desk;
use super::event::ChainFault;
use super::guard::Guard;
use super::machine::Machine;
use super::parts::{Role, Severity};
use super::settings::Config;
use super::step::Actor;
use super::store::Filter;
use super::testing::{Bench, monday, papers_for, person};

const NAMES: [&str; 4] = ["o-1", "o-2", "ana", "rev"];

#[derive(Debug, Clone)]
struct Move {
    action: usize,
    role: usize,
    name: usize,
    hours: i64,
}

fn any_move() -> impl Strategy<Value = Move> {
    (
        any::<proptest::sample::Index>(),
        any::<proptest::sample::Index>(),
        0..NAMES.len(),
        0..60_i64,
    )
        .prop_map(|(action, role, name, hours)| Move {
            action: action.index(Machine::built_in().actions().len()),
            role: role.index(Role::ALL.len()),
            name,
            hours,
        })
}

fn any_severity() -> impl Strategy<Value = Severity> {
    proptest::sample::select(vec![Severity::S1, Severity::S2, Severity::S3])
}

/// Pairs of states that no case may ever pass directly, with the state that must lie between.
const NEVER: [(&str, &str); 5] = [
    ("dispatched", "closed"),
    ("submitted", "closed"),
    ("submitted", "look_back"),
    ("triage", "closed"),
    ("rectify", "approved"),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// W1 and W4 on the pure core: only ways of the machine, in allowed roles, and deadlines that
    /// end after their clock starts. Timers fire before actions, as in the service.
    #[test]
    fn any_sequence_stays_on_the_ways(
        severity in any_severity(),
        moves in proptest::collection::vec(any_move(), 1..120),
    ) {
        let machine = Machine::built_in();
        let actions: Vec<&str> = machine.actions().into_iter().collect();
        let desk = Desk::new(&config());
        let mut now = monday();
        let mut case = super::testing::triaged(&desk, severity, now);
        let engine = Actor::engine();
        for step in moves {
            now += step.hours * HOUR;
            let actor = person(NAMES[step.name], Role::ALL[step.role]);
            let mut asked = Some((actions[step.action].to_owned(), actor, now));
            loop {
                // As in the service: every deadline that has passed comes before what is asked.
                let due = case.timer_at.filter(|due| *due <= now);
                let timed = due.is_some();
                let (action, actor, at) = if let Some(due) = due {
                    prop_assert!(due >= case.entered_at);
                    let own = !case.overdue && case.due_at == Some(due) && case.remind_at != Some(due);
                    if let (true, Some(timer)) = (own, desk.timer_of(&case)) {
                        (timer.to_owned(), engine.clone(), due)
                    } else {
                        let made = desk.expire(&case).unwrap();
                        prop_assert_eq!(made.len(), 1);
                        case = made.into_iter().next().unwrap().case;
                        continue;
                    }
                } else if let Some(asked) = asked.take() {
                    asked
                } else {
                    break;
                };
                let made = desk.step(&case, &action, &actor, &papers_for(&action), at);
                let Ok(made) = made else {
                    prop_assert!(!timed, "the engine's own way `{action}` is refused");
                    continue;
                };
                for moved in made {
                    let from = moved.from.as_deref().unwrap();
                    let to = moved.case.state.as_str();
                    prop_assert!(!NEVER.contains(&(from, to)), "{from} to {to}");
                    prop_assert_eq!(moved.case.version, case.version + 1);
                    if let Some(signed) = moved.action.strip_prefix("sign:") {
                        prop_assert_eq!(from, to);
                        prop_assert!(machine.way(from, signed).unwrap().four_eyes.is_some());
                    } else {
                        let way = machine.way(from, &moved.action).unwrap();
                        prop_assert_eq!(&way.to, to);
                        prop_assert!(way.roles.contains(&moved.actor.role));
                        if way.guards.contains(&Guard::NotHandler) {
                            prop_assert!(!case.handlers.contains(&moved.actor.name));
                        }
                        if to == "approved" && severity <= Severity::S2 {
                            let first = case.signature.as_ref().unwrap();
                            prop_assert_ne!(&first.by, &moved.actor.name);
                        }
                    }
                    if let (true, Some(due)) = (moved.case.clocks.is_empty(), moved.case.due_at) {
                        prop_assert!(due > moved.case.clock_from, "a deadline of no length");
                    }
                    prop_assert!(moved.case.return_count <= 2);
                    prop_assert!(moved.case.extension_count <= 2);
                    case = moved.case;
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    /// W2 through the store: whatever happens, the chain is sound and every case is what it says.
    #[test]
    fn any_sequence_leaves_a_sound_chain(
        moves in proptest::collection::vec((any_move(), 0..3_usize), 1..60),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::sqlite(&Config::default()).await;
            let cases = [
                bench.open("a", Severity::S1).await,
                bench.open("b", Severity::S2).await,
                bench.open("c", Severity::S3).await,
            ];
            let actions: Vec<&str> = Machine::built_in().actions().into_iter().collect();
            for (step, case) in moves {
                bench.clock.advance(step.hours * HOUR);
                let actor = person(NAMES[step.name], Role::ALL[step.role]);
                let action = actions[step.action];
                let _refusal =
                    bench.service.act(&cases[case], action, &actor, &papers_for(action)).await;
                if step.hours > 40 {
                    bench.service.tick().await.unwrap();
                }
            }
            let report = bench.service.audit(None).await.unwrap();
            assert_eq!(report.fault, None);
            for case in bench.service.list(&Filter::default()).await.unwrap() {
                let events = bench.service.show(&case.case_id).await.unwrap().events;
                assert_eq!(events.len() as i64, case.version);
                for pair in events.windows(2) {
                    assert_eq!(pair[1].from_state.as_deref(), Some(pair[0].to_state.as_str()));
                    assert!(pair[1].at >= pair[0].at);
                }
            }
        });
    }
}

/// Runs SQL behind the queue's back.
async fn tamper(bench: &Bench, statements: &[&str]) -> Result<(), sqlx::Error> {
    let path = bench.path();
    let mut connection = SqliteConnection::connect(&format!("sqlite://{}", path.display())).await?;
    for statement in statements {
        sqlx::raw_sql(AssertSqlSafe((*statement).to_owned()))
            .execute(&mut connection)
            .await?;
    }
    connection.close().await
}

async fn filled() -> Bench {
    let bench = Bench::sqlite(&Config::default()).await;
    for id in ["a", "b"] {
        let case = bench.open(id, Severity::S3).await;
        bench.act(&case, "dispatch", "ana", Role::Analyst).await;
        bench.act(&case, "deliver", "ana", Role::Analyst).await;
    }
    assert_eq!(bench.service.audit(None).await.unwrap().rows, 8);
    bench
}

const UNLOCK: &str = "DROP TRIGGER review_events_unchanged; DROP TRIGGER review_events_stay; \
                      DROP TRIGGER review_cases_stay; PRAGMA foreign_keys = OFF";

#[tokio::test]
async fn the_database_refuses_to_change_history() {
    let bench = filled().await;
    for statement in [
        "UPDATE review_events SET actor = 'nobody' WHERE seq = 3",
        "DELETE FROM review_events WHERE seq = 3",
        "DELETE FROM review_cases",
    ] {
        let refused = tamper(&bench, &[statement]).await.unwrap_err().to_string();
        assert!(
            refused.contains("append-only") || refused.contains("never deleted"),
            "{refused}"
        );
    }
    assert_eq!(bench.service.audit(None).await.unwrap().fault, None);
}

#[tokio::test]
async fn an_audit_names_the_first_broken_row() {
    let fault = |statement: &'static str| async move {
        let bench = filled().await;
        tamper(&bench, &[UNLOCK, statement]).await.unwrap();
        bench.service.audit(None).await.unwrap().fault.unwrap()
    };
    let altered = fault("UPDATE review_events SET actor = 'nobody' WHERE seq = 3").await;
    assert!(
        matches!(altered, ChainFault::Altered { seq: 3, .. }),
        "{altered}"
    );
    let missing = fault("DELETE FROM review_events WHERE seq = 5").await;
    assert_eq!(missing, ChainFault::Missing { seq: 5, found: 6 });
    let moved = fault("UPDATE review_events SET at = at - 1 WHERE seq = 6").await;
    assert!(
        matches!(moved, ChainFault::Altered { seq: 6, .. }),
        "{moved}"
    );
    let relinked = fault("UPDATE review_events SET prev_hash = 'x' WHERE seq = 4").await;
    assert!(
        matches!(relinked, ChainFault::Unlinked { seq: 4, .. }),
        "{relinked}"
    );
    let behind = fault(
        "UPDATE review_cases SET document = replace(document, 'self_check', 'closed') \
         WHERE anomaly_id = 'anomaly-a'",
    )
    .await;
    assert!(
        matches!(behind, ChainFault::CaseAltered { seq: 4, .. }),
        "{behind}"
    );
    let cut = fault("DELETE FROM review_events WHERE seq = 8").await;
    assert!(
        matches!(cut, ChainFault::CaseAltered { seq: 7, .. }),
        "{cut}"
    );
}

#[tokio::test]
async fn a_kept_head_shows_that_the_end_was_cut_off() {
    let bench = filled().await;
    let head = bench.service.audit(None).await.unwrap().head;
    let case = bench.open("c", Severity::S3).await;
    assert_eq!(bench.service.audit(Some(&head)).await.unwrap().fault, None);
    let later = bench.service.audit(None).await.unwrap().head;
    let cut = format!("DELETE FROM review_events WHERE case_id = '{case}'");
    let gone = format!("DELETE FROM review_cases WHERE case_id = '{case}'");
    tamper(&bench, &[UNLOCK, &cut, &gone]).await.unwrap();
    assert_eq!(
        bench.service.audit(None).await.unwrap().fault,
        None,
        "the chain alone is sound"
    );
    let found = bench
        .service
        .audit(Some(&later))
        .await
        .unwrap()
        .fault
        .unwrap();
    assert!(matches!(found, ChainFault::HeadMissing { .. }), "{found}");
}

#[tokio::test]
async fn a_database_of_a_newer_program_is_left_alone() {
    let bench = filled().await;
    tamper(&bench, &["PRAGMA user_version = 99"]).await.unwrap();
    let refused = super::sqlite::SqliteStore::open(&bench.path(), Duration::from_secs(1))
        .await
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("schema version 99, this program knows 6"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_foreign_lock_is_told_as_busy() {
    let bench = filled().await;
    let url = format!("sqlite://{}", bench.path().display());
    let mut other = SqliteConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE")
        .execute(&mut other)
        .await
        .unwrap();
    let store = super::sqlite::SqliteStore::open(&bench.path(), Duration::from_millis(50)).await;
    let refused = store.unwrap_err().to_string();
    assert!(refused.contains("is busy"), "{refused}");
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
    Config::default().validate().unwrap();
}
