//! What the queue does, whatever it is stored in: every test here is written against [`Bench`] and
//! runs once per store (`suite!` at the end).

use super::calendar::{HOUR, beijing_text};
use super::error::Error;
use super::machine::{Role, Severity};
use super::settings::Config;
use super::step::Input;
use super::store::Filter;
use super::testing::{Bench, finding, monday, papers, person};

const DAY: i64 = 24 * HOUR;

async fn state(bench: &Bench, id: &str) -> String {
    bench.service.show(id).await.unwrap().case.state
}

async fn sound(bench: &Bench) {
    let report = bench.service.audit(None).await.unwrap();
    assert_eq!(report.fault, None);
}

/// Opens a case and takes it to `submitted`.
async fn submitted(bench: &Bench, id: &str, severity: Severity) -> String {
    let case = bench.open(id, severity).await;
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.act(&case, "deliver", "ana", Role::Analyst).await;
    bench.act(&case, "answer", "plant", Role::Enterprise).await;
    bench.act(&case, "verify", "o-1", Role::Officer).await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    assert_eq!(bench.act(&case, "submit", "plant", Role::Enterprise).await, "submitted");
    case
}

pub(super) async fn the_core_path_runs_to_the_end(bench: Bench) {
    let case = bench.open("core", Severity::S3).await;
    assert_eq!(state(&bench, &case).await, "triage");
    for (action, name, role, expected) in [
        ("dispatch", "ana", Role::Analyst, "dispatched"),
        ("deliver", "ana", Role::Analyst, "self_check"),
        ("answer", "plant", Role::Enterprise, "answered"),
        ("verify", "o-1", Role::Officer, "verify_off"),
        ("rectify", "o-1", Role::Officer, "rectify"),
        ("submit", "plant", Role::Enterprise, "submitted"),
        ("return", "rev", Role::Reviewer, "returned"),
        ("submit", "plant", Role::Enterprise, "submitted"),
        ("approve", "rev", Role::Reviewer, "look_back"),
    ] {
        assert_eq!(bench.act(&case, action, name, role).await, expected, "{action}");
    }
    let early = bench.refuses(&case, "close", "arch", Role::Archivist).await;
    assert!(early.contains("the deadline has not passed"), "{early}");
    bench.clock.advance(8 * DAY);
    assert_eq!(bench.act(&case, "close", "arch", Role::Archivist).await, "closed");
    let shown = bench.service.show(&case).await.unwrap();
    assert_eq!(shown.case.rule_match.as_deref(), Some("match"));
    assert_eq!(shown.case.true_cause.as_deref(), Some("abatement_fault"));
    assert_eq!(shown.case.return_count, 1);
    assert!(shown.case.closed_at.is_some());
    let actions: Vec<&str> = shown.events.iter().map(|event| event.action.as_str()).collect();
    assert_eq!(
        actions,
        [
            "open", "accept", "dispatch", "deliver", "answer", "verify", "rectify", "submit",
            "return", "submit", "approve", "look_back", "overdue", "close"
        ]
    );
    assert_eq!(bench.act(&case, "reopen", "sup", Role::Supervisor).await, "reopened");
    assert_eq!(bench.act(&case, "verify", "ana", Role::Analyst).await, "verify_off");
    sound(&bench).await;
}

pub(super) async fn rectification_returned_twice_goes_on_site(bench: Bench) {
    let case = submitted(&bench, "twice", Severity::S3).await;
    bench.act(&case, "return", "rev", Role::Reviewer).await;
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    assert_eq!(bench.act(&case, "return", "rev", Role::Reviewer).await, "to_onsite");
    let no_approval = Input { fields: papers().fields, ..Input::default() };
    let mut without = no_approval.clone();
    without.fields.remove("approval");
    let officer = person("o-1", Role::Officer);
    let refused = bench.service.act(&case, "onsite", &officer, &without).await.unwrap_err();
    assert!(refused.to_string().contains("approval form"), "{refused}");
    let mut alone = no_approval;
    alone.fields.insert("officers".to_owned(), "o-1，o-1".to_owned());
    let refused = bench.service.act(&case, "onsite", &officer, &alone).await.unwrap_err();
    assert!(refused.to_string().contains("two certificate holders"), "{refused}");
    assert_eq!(bench.act(&case, "onsite", "o-1", Role::Officer).await, "onsite_done");
    assert_eq!(bench.act(&case, "file", "o-1", Role::Officer).await, "filing");
    assert_eq!(bench.act(&case, "accept_case", "law", Role::Legal).await, "case");
    assert_eq!(bench.act(&case, "close", "arch", Role::Archivist).await, "closed");
    sound(&bench).await;
}

pub(super) async fn a_serious_case_is_approved_by_two_persons(bench: Bench) {
    let case = submitted(&bench, "four-eyes", Severity::S2).await;
    assert_eq!(bench.act(&case, "approve", "rev", Role::Reviewer).await, "submitted");
    let again = bench.refuses(&case, "approve", "rev", Role::Reviewer).await;
    assert!(again.contains("a second person has to"), "{again}");
    assert_eq!(bench.act(&case, "approve", "rev-2", Role::Reviewer).await, "look_back");

    // A different decision in between discards the first signature.
    let other = submitted(&bench, "discarded", Severity::S2).await;
    bench.act(&other, "approve", "rev", Role::Reviewer).await;
    assert_eq!(bench.act(&other, "return", "rev-2", Role::Reviewer).await, "returned");
    bench.act(&other, "submit", "plant", Role::Enterprise).await;
    assert_eq!(bench.act(&other, "approve", "rev-2", Role::Reviewer).await, "submitted");

    let light = submitted(&bench, "one-person", Severity::S3).await;
    assert_eq!(bench.act(&light, "approve", "rev", Role::Reviewer).await, "look_back");
    sound(&bench).await;
}

pub(super) async fn nobody_reviews_what_they_handled(bench: Bench) {
    let case = submitted(&bench, "handler", Severity::S3).await;
    // o-1 acted, o-2 was named as second officer of the act.
    for handler in ["o-1", "o-2"] {
        for action in ["approve", "return", "escalate"] {
            let refused = bench.refuses(&case, action, handler, Role::Reviewer).await;
            assert!(refused.contains("handled this case and may not review it"), "{refused}");
        }
    }
    let next = bench.service.claim_next(&person("o-2", Role::Reviewer), &[], None).await.unwrap();
    assert_eq!(next, None, "work that a person may not do is not handed to them");
}

pub(super) async fn dismissing_takes_two_persons_and_not_the_rule_owner(bench: Bench) {
    let case = bench.open("dismiss", Severity::S3).await;
    let owner = bench.refuses(&case, "dismiss", "owner", Role::Analyst).await;
    assert!(owner.contains("owns rule E01"), "{owner}");
    assert_eq!(bench.act(&case, "dismiss", "ana", Role::Analyst).await, "triage");
    let second = bench.refuses(&case, "dismiss", "owner", Role::Analyst).await;
    assert!(second.contains("owns rule E01"), "{second}");
    assert_eq!(bench.act(&case, "dismiss", "ana-2", Role::Analyst).await, "dismissed");
    let shown = bench.service.show(&case).await.unwrap();
    assert_eq!(shown.case.rule_match.as_deref(), Some("mismatch"));
    assert_eq!(bench.act(&case, "close", "arch", Role::Archivist).await, "closed");
}

pub(super) async fn what_is_forbidden_is_refused_with_the_reason(bench: Bench) {
    let case = bench.open("forbidden", Severity::S3).await;
    let role = bench.refuses(&case, "dispatch", "plant", Role::Enterprise).await;
    assert!(role.contains("role `enterprise` may not; it belongs to: analyst"), "{role}");
    let way = bench.refuses(&case, "approve", "rev", Role::Reviewer).await;
    assert!(way.contains("a case in state `triage` does not take it"), "{way}");
    assert!(way.contains("Possible now: dismiss (analyst), dispatch (analyst)"), "{way}");
    let unknown = bench.refuses(&case, "teleport", "ana", Role::Analyst).await;
    assert!(unknown.contains("there is no such action"), "{unknown}");
    let mild = bench.refuses(&case, "escalate", "ana", Role::Analyst).await;
    assert!(mild.contains("only S1 goes on-site from here"), "{mild}");
    let bare = bench
        .service
        .act(&case, "dispatch", &person("ana", Role::Analyst), &Input::default())
        .await
        .unwrap_err()
        .to_string();
    assert!(bare.contains("missing: `channel` (how the enterprise is told"), "{bare}");
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    let early = bench.refuses(&case, "close", "arch", Role::Archivist).await;
    assert!(early.contains("state `dispatched`"), "{early}");
    let engine = bench.refuses(&case, "deliver", "engine", Role::Engine).await;
    assert!(engine.contains("a person acts in another role"), "{engine}");
    let nobody = bench.refuses(&case, "deliver", " ", Role::Analyst).await;
    assert!(nobody.contains("nobody is named"), "{nobody}");
    let missing = bench.service.show("c00").await.unwrap_err();
    assert!(matches!(missing, Error::NotFound(_)));
    assert_eq!(state(&bench, &case).await, "dispatched");
    sound(&bench).await;
}

pub(super) async fn deadlines_run_from_delivery_and_pass_in_order(bench: Bench) {
    let case = bench.open("late", Severity::S3).await;
    let due = bench.service.show(&case).await.unwrap().case.due_at.unwrap();
    assert_eq!(beijing_text(due), "2026-03-04 00:00", "one working day after Monday ends Tuesday");
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.clock.advance(HOUR);
    let delivered = papers().with("delivered_at", "2026-03-02 09:30:00");
    let analyst = person("ana", Role::Analyst);
    let after = bench.service.act(&case, "deliver", &analyst, &delivered).await.unwrap();
    assert_eq!(beijing_text(after.due_at.unwrap()), "2026-03-04 09:30", "48 h from delivery");

    // The engine sleeps for a week: reminder after 48 h, on-site 24 h after that, approval overdue.
    bench.clock.set(monday() + 20 * DAY);
    let fired = bench.service.tick().await.unwrap();
    let steps: Vec<(String, &str)> =
        fired.iter().map(|timer| (beijing_text(timer.due_at), timer.to.as_str())).collect();
    assert_eq!(
        steps,
        [
            ("2026-03-04 09:30".to_owned(), "no_answer"),
            ("2026-03-05 09:30".to_owned(), "to_onsite"),
            ("2026-03-12 00:00".to_owned(), "to_onsite"),
        ]
    );
    let shown = bench.service.show(&case).await.unwrap();
    assert!(shown.case.overdue);
    assert_eq!(shown.case.timer_at, None);
    assert_eq!(bench.service.tick().await.unwrap(), []);
    sound(&bench).await;
}

pub(super) async fn a_late_engine_gives_nobody_an_advantage(bench: Bench) {
    let case = bench.open("race", Severity::S3).await;
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.act(&case, "deliver", "ana", Role::Analyst).await;
    // 49 h later, before any tick: the answer is late and says so.
    bench.clock.advance(49 * HOUR);
    assert_eq!(bench.act(&case, "answer", "plant", Role::Enterprise).await, "answered");
    let events = bench.service.show(&case).await.unwrap().events;
    assert!(events.iter().any(|event| event.action == "no_answer"));

    let other = bench.open("too-late", Severity::S3).await;
    bench.act(&other, "dispatch", "ana", Role::Analyst).await;
    bench.act(&other, "deliver", "ana", Role::Analyst).await;
    bench.clock.advance(73 * HOUR);
    let refused = bench.refuses(&other, "answer", "plant", Role::Enterprise).await;
    assert!(refused.contains("`to_onsite`"), "{refused}");
    assert_eq!(state(&bench, &other).await, "to_onsite", "the refusal does not undo the deadline");
    sound(&bench).await;
}

pub(super) async fn units_answer_within_their_own_time(bench: Bench) {
    for (id, permit, hours) in [("key", "KEY", 4), ("burn", "BURN", 6), ("plain", "ANY", 48)] {
        let mut finding = finding(id, Severity::S3);
        finding.permit_no = Some(permit.to_owned());
        bench.service.take_anomalies(&[finding.clone()]).await.unwrap();
        let case = super::case::Case::id_of(&finding.anomaly_id);
        bench.act(&case, "dispatch", "ana", Role::Analyst).await;
        bench.act(&case, "deliver", "ana", Role::Analyst).await;
        let case = bench.service.show(&case).await.unwrap().case;
        assert_eq!(case.due_at.unwrap() - case.clock_from, hours * HOUR, "{id}");
    }
}

pub(super) async fn extensions_are_bounded(bench: Bench) {
    let case = bench.open("extension", Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    let officer = person("o-1", Role::Officer);
    let ordered = papers().with("due", "2026-03-06");
    bench.service.act(&case, "rectify", &officer, &ordered).await.unwrap();
    let enterprise = person("plant", Role::Enterprise);
    let approver = person("boss", Role::Approver);
    for (round, day) in [(1, "2026-03-10"), (2, "2026-03-14")] {
        let asked = papers().with("due", day);
        bench.service.act(&case, "request_extension", &enterprise, &asked).await.unwrap();
        if round == 1 {
            let greedy = papers().with("due", "2026-03-20");
            let refused =
                bench.service.act(&case, "grant_extension", &approver, &greedy).await.unwrap_err();
            assert!(refused.to_string().contains("more time than the order gave"), "{refused}");
        }
        let after = bench.service.act(&case, "grant_extension", &approver, &asked).await.unwrap();
        assert_eq!(after.extension_count, round);
        assert!(beijing_text(after.due_at.unwrap() - 1).starts_with(day));
    }
    let third = papers().with("due", "2026-03-16");
    let refused =
        bench.service.act(&case, "request_extension", &enterprise, &third).await.unwrap_err();
    assert!(refused.to_string().contains("2 extensions were granted"), "{refused}");
    sound(&bench).await;
}

pub(super) async fn claims_bind_and_run_out(bench: Bench) {
    let case = bench.open("claim", Severity::S3).await;
    let ana = person("ana", Role::Analyst);
    let claimed = bench.service.claim(&case, &ana).await.unwrap();
    assert_eq!(claimed.held_by(bench.clock_now()), Some("ana"));
    let taken = bench.service.claim(&case, &person("bob", Role::Analyst)).await.unwrap_err();
    assert!(taken.to_string().contains("ana has claimed the case"), "{taken}");
    let acting = bench.refuses(&case, "dispatch", "bob", Role::Analyst).await;
    assert!(acting.contains("ana has claimed the case"), "{acting}");
    let wrong = bench.service.claim(&case, &person("plant", Role::Enterprise)).await.unwrap_err();
    assert!(wrong.to_string().contains("nothing to do in this state"), "{wrong}");
    let none = bench.service.claim_next(&person("bob", Role::Analyst), &[], None).await.unwrap();
    assert_eq!(none, None);
    bench.clock.advance(9 * HOUR);
    let next = bench.service.claim_next(&person("bob", Role::Analyst), &[], None).await.unwrap();
    assert_eq!(next.map(|case| case.case_id), Some(case.clone()), "the claim ran out after 8 h");
    let not_mine = bench.service.release(&case, &ana).await.unwrap_err();
    assert!(not_mine.to_string().contains("does not hold"), "{not_mine}");
    bench.service.release(&case, &person("bob", Role::Analyst)).await.unwrap();
    assert_eq!(bench.act(&case, "dispatch", "ana", Role::Analyst).await, "dispatched");
    sound(&bench).await;
}

pub(super) async fn the_worst_and_most_urgent_is_handed_out_first(bench: Bench) {
    bench.open("mild", Severity::S3).await;
    bench.clock.advance(HOUR);
    let worst = bench.open("worst", Severity::S1).await;
    let serious = bench.open("serious", Severity::S2).await;
    let ana = person("ana", Role::Analyst);
    let mut order = Vec::new();
    while let Some(case) = bench.service.claim_next(&ana, &[], Some("370522")).await.unwrap() {
        order.push(case.case_id);
    }
    assert_eq!(order.len(), 3);
    assert_eq!(order[..2], [worst, serious]);
    let elsewhere = bench.service.claim_next(&ana, &[], Some("000000")).await.unwrap();
    assert_eq!(elsewhere, None);
    let nothing = bench.service.claim_next(&person("x", Role::Investigator), &[], None).await;
    assert!(nothing.is_ok(), "investigators have the case state");
}

pub(super) async fn findings_are_taken_once(bench: Bench) {
    let first = finding("a", Severity::S3);
    let mut same_outlet = finding("b", Severity::S2);
    same_outlet.outlet_uid = first.outlet_uid.clone();
    let mut other_group = finding("c", Severity::S3);
    other_group.outlet_uid = first.outlet_uid.clone();
    other_group.rule_group = "quality".to_owned();
    let mut provisional = finding("d", Severity::S2);
    provisional.confirmed = false;
    let mild = finding("e", Severity::S4);
    let mut exempt = finding("f", Severity::S3);
    exempt.exempt_code = Some("M4".to_owned());
    let mut gone = finding("g", Severity::S3);
    gone.withdrawn = Some("back-filled".to_owned());
    let all = [first, same_outlet, other_group, provisional.clone(), mild, exempt, gone];
    let taken = bench.service.take_anomalies(&all).await.unwrap();
    assert_eq!((taken.triage, taken.merged, taken.reminded, taken.unchanged), (2, 1, 3, 1));
    let again = bench.service.take_anomalies(&all).await.unwrap();
    assert_eq!((again.unchanged, again.triage, again.merged, again.reminded), (7, 0, 0, 0));

    // The worse of the two on one outlet was opened first, the other joined it.
    let parent = super::case::Case::id_of("anomaly-b");
    let child = bench.service.show(&super::case::Case::id_of("anomaly-a")).await.unwrap().case;
    assert_eq!((child.state.as_str(), child.parent_id.as_deref()), ("merged", Some(parent.as_str())));
    assert_eq!(bench.service.show(&parent).await.unwrap().case.fire_count, 2);

    provisional.confirmed = true;
    let later = bench.service.take_anomalies(&[provisional.clone()]).await.unwrap();
    assert_eq!(later.triage, 1, "a reminder that was confirmed becomes a clue");
    provisional.withdrawn = Some("marked as maintenance".to_owned());
    let withdrawn = bench.service.take_anomalies(&[provisional.clone()]).await.unwrap();
    assert_eq!(withdrawn.withdrawn, 1);
    let case = bench.service.show(&super::case::Case::id_of("anomaly-d")).await.unwrap();
    assert_eq!(case.case.withdrawn.as_deref(), Some("marked as maintenance"));
    assert_eq!(case.case.state, "triage", "a person decides what a withdrawal means");
    assert_eq!(bench.service.take_anomalies(&[provisional]).await.unwrap().unchanged, 1);
    sound(&bench).await;
}

pub(super) async fn a_worse_finding_makes_its_case_worse(bench: Bench) {
    let case = bench.open("mild", Severity::S3).await;
    let before = bench.service.show(&case).await.unwrap().case;
    let mut worse = finding("worse", Severity::S1);
    worse.outlet_uid = before.outlet_uid.clone();
    bench.service.take_anomalies(&[worse]).await.unwrap();
    let after = bench.service.show(&case).await.unwrap().case;
    assert_eq!(after.severity, Severity::S1);
    assert_eq!(after.due_at.unwrap() - after.clock_from, 2 * HOUR);
    assert_eq!(bench.act(&case, "escalate", "ana", Role::Analyst).await, "to_onsite");
    let due = bench.service.show(&case).await.unwrap().case.due_at.unwrap();
    assert_eq!(beijing_text(due), "2026-03-03 00:00", "S1 is visited the same day");
}

pub(super) async fn lists_filter_and_ids_can_be_shortened(bench: Bench) {
    let one = bench.open("one", Severity::S3).await;
    bench.open("two", Severity::S2).await;
    bench.act(&one, "dispatch", "ana", Role::Analyst).await;
    let list = |filter: Filter| {
        let service = bench.service.clone();
        async move { service.list(&filter).await.unwrap() }
    };
    assert_eq!(list(Filter::default()).await.len(), 2);
    let triage = Filter { states: vec!["triage".to_owned()], ..Filter::default() };
    assert_eq!(list(triage).await.len(), 1);
    assert_eq!(list(Filter { limit: 1, ..Filter::default() }).await[0].severity, Severity::S2);
    let elsewhere = Filter { org_code: Some("x".to_owned()), ..Filter::default() };
    assert!(list(elsewhere).await.is_empty());
    assert_eq!(bench.service.resolve(&one[..9]).await.unwrap(), one);
    assert!(matches!(bench.service.resolve("c").await, Err(Error::Ambiguous { .. })));
    assert!(matches!(bench.service.resolve("%").await, Err(Error::NotFound(_))));
    let counts = bench.service.counts().await.unwrap();
    assert_eq!(counts, [("dispatched".to_owned(), 1), ("triage".to_owned(), 1)]);
}

pub(super) async fn a_clock_that_runs_backwards_writes_nothing(bench: Bench) {
    let case = bench.open("clock", Severity::S3).await;
    bench.clock.set(monday() - HOUR);
    let refused = bench.refuses(&case, "dispatch", "ana", Role::Analyst).await;
    assert!(refused.contains("check the machine's clock"), "{refused}");
    assert_eq!(state(&bench, &case).await, "triage");
    sound(&bench).await;
}

/// Settings the suite needs.
pub(super) fn config() -> Config {
    Config {
        key_units: ["KEY".to_owned()].into(),
        incineration_units: ["BURN".to_owned()].into(),
        rule_owners: [("E01".to_owned(), "owner".to_owned())].into(),
        ..Config::default()
    }
}

macro_rules! suite {
    ($store:ident, $bench:expr; $($test:ident),* $(,)?) => {
        mod $store {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test($bench.await).await;
                }
            )*
        }
    };
}

suite! {
    sqlite, Bench::sqlite(&config());
    the_core_path_runs_to_the_end,
    rectification_returned_twice_goes_on_site,
    a_serious_case_is_approved_by_two_persons,
    nobody_reviews_what_they_handled,
    dismissing_takes_two_persons_and_not_the_rule_owner,
    what_is_forbidden_is_refused_with_the_reason,
    deadlines_run_from_delivery_and_pass_in_order,
    a_late_engine_gives_nobody_an_advantage,
    units_answer_within_their_own_time,
    extensions_are_bounded,
    claims_bind_and_run_out,
    the_worst_and_most_urgent_is_handed_out_first,
    findings_are_taken_once,
    a_worse_finding_makes_its_case_worse,
    lists_filter_and_ids_can_be_shortened,
    a_clock_that_runs_backwards_writes_nothing,
}
