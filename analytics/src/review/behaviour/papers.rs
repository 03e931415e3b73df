//! What every step has to be given, and who may not give it.

use super::super::step::Input;
use super::super::testing::{finding, papers, papers_for, person};
use super::*;

async fn refusal(
    bench: &Bench,
    case: &str,
    action: &str,
    who: (&str, Role),
    input: &Input,
) -> String {
    let actor = person(who.0, who.1);
    match bench.service.act(case, action, &actor, input).await {
        Ok(case) => panic!("`{action}` was possible and led to `{}`", case.state),
        Err(error) => error.to_string(),
    }
}

fn without(field: &str) -> Input {
    let mut input = papers_for("any");
    input.fields.remove(field);
    input
}

fn no_files() -> Input {
    Input {
        attachments: Vec::new(),
        ..papers()
    }
}

pub(super) async fn every_step_asks_for_its_papers(bench: Bench) {
    let ana = ("ana", Role::Analyst);
    let officer = ("o-1", Role::Officer);
    let case = bench.open("papers", Severity::S3).await;
    for action in ["dispatch", "verify"] {
        let why = refusal(&bench, &case, action, ana, &without("reason")).await;
        assert!(why.contains("missing: `reason`"), "{why}");
    }
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    let why = refusal(&bench, &case, "file", officer, &without("evidence_list")).await;
    assert!(why.contains("missing: `evidence_list`"), "{why}");
    bench.act(&case, "escalate", "o-1", Role::Officer).await;
    bench
        .act(&case, "approve_onsite", "boss", Role::Approver)
        .await;
    let why = refusal(&bench, &case, "onsite", officer, &without("minutes")).await;
    assert!(why.contains("missing: `minutes`"), "{why}");
    // Minutes alone are no evidence of a visit.
    bench.clock.advance(60_000_000);
    let visitor = person("o-1", Role::Officer);
    let visit = bench
        .service
        .act(&case, "onsite", &visitor, &no_files())
        .await;
    assert_eq!(visit.unwrap().state, "onsite_done");
    for action in ["rectify", "file", "dismiss"] {
        let why = refusal(&bench, &case, action, officer, &no_files()).await;
        assert!(why.contains("nothing is attached"), "{action}: {why}");
    }
    bench.act(&case, "file", "o-1", Role::Officer).await;
    bench.act(&case, "accept_case", "law", Role::Legal).await;
    let why = refusal(
        &bench,
        &case,
        "transfer",
        ("law", Role::Legal),
        &without("list"),
    )
    .await;
    assert!(why.contains("missing: `list`"), "{why}");
    sound(&bench).await;
}

pub(super) async fn codes_are_those_of_the_table(bench: Bench) {
    let case = bench.open("codes", Severity::S3).await;
    bench.act(&case, "dispatch", "ana", Role::Analyst).await;
    bench.act(&case, "deliver", "ana", Role::Analyst).await;
    let plant = ("plant", Role::Enterprise);
    let why = refusal(
        &bench,
        &case,
        "answer",
        plant,
        &papers().with("cause", "weather"),
    )
    .await;
    assert!(
        why.contains("field `cause`: `weather` is not one of real_exceedance, process_fault"),
        "{why}"
    );
    let fields = bench.service.machine().fields();
    let causes = fields.iter().find(|field| field.name == "cause").unwrap();
    assert_eq!(causes.values, crate::feedback::CAUSES);
    bench.act(&case, "answer", "plant", Role::Enterprise).await;
}

pub(super) async fn an_enterprise_plans_what_it_will_do(bench: Bench) {
    let case = bench.open("plan", Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    let plant = ("plant", Role::Enterprise);
    for field in ["owner", "plan_due"] {
        let nobody = refusal(&bench, &case, "submit", plant, &without(field)).await;
        assert!(nobody.contains("nobody is responsible"), "{nobody}");
    }
    let before = bench.service.show(&case).await.unwrap().case;
    let late = papers().with("plan_due", "2026-03-31");
    let why = refusal(&bench, &case, "plan", plant, &late).await;
    assert!(why.contains("lies after the end of the order"), "{why}");
    let files = [bench
        .service
        .keep(&super::super::evidence::fixture("pump.jpg"))
        .await
        .unwrap()];
    let actor = person("plant", Role::Enterprise);
    bench
        .service
        .attach(&case, &actor, &files, None)
        .await
        .unwrap();
    let plan = no_files().with("plan_due", "2026-03-04");
    let planned = bench
        .service
        .act(&case, "plan", &actor, &plan)
        .await
        .unwrap();
    assert_eq!(
        (planned.state.as_str(), planned.due_at),
        ("rectify", before.due_at)
    );
    let kept = planned.plan.unwrap();
    assert_eq!(
        (kept.owner.as_str(), kept.due.as_str()),
        ("manager, 13800000000", "2026-03-04")
    );
    // What was handed in before the plan still counts, and the plan names who is responsible.
    let mut bare = no_files();
    bare.fields.remove("owner");
    bare.fields.remove("plan_due");
    let done = bench
        .service
        .act(&case, "submit", &actor, &bare)
        .await
        .unwrap();
    assert_eq!(done.state, "submitted");
    sound(&bench).await;
}

pub(super) async fn penalties_are_barred_after_two_years(bench: Bench) {
    let mut old = finding("old", Severity::S3);
    old.window_start -= 3 * 365 * DAY;
    old.window_end -= 3 * 365 * DAY;
    bench.service.take_anomalies(&[old.clone()]).await.unwrap();
    let case = super::super::case::Case::id_of(&old.anomaly_id);
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    let officer = ("o-1", Role::Officer);
    let barred = refusal(&bench, &case, "file", officer, &papers()).await;
    assert!(barred.contains("more than two years ago"), "{barred}");
    let tomorrow = papers().with("violation_end", "2026-03-03");
    let early = refusal(&bench, &case, "file", officer, &tomorrow).await;
    assert!(early.contains("is not over"), "{early}");
    let ancient = papers()
        .with("violation_end", "2020-01-01")
        .with("limitation", "serious harm");
    let gone = refusal(&bench, &case, "file", officer, &ancient).await;
    assert!(gone.contains("five years"), "{gone}");
    let going_on = papers().with("violation_end", "2026-02-01");
    bench.clock.advance(60_000_000);
    let actor = person("o-1", Role::Officer);
    let filed = bench.service.act(&case, "file", &actor, &going_on).await;
    assert_eq!(filed.unwrap().state, "filing");
    let legal = ("law", Role::Legal);
    let again = refusal(&bench, &case, "accept_case", legal, &papers()).await;
    assert!(again.contains("time-barred"), "{again}");
    let serious = papers().with("limitation", "serious harm");
    let law = person("law", Role::Legal);
    let accepted = bench
        .service
        .act(&case, "accept_case", &law, &serious)
        .await;
    assert_eq!(accepted.unwrap().state, "case");
}

pub(super) async fn who_investigates_does_not_decide(bench: Bench) {
    let case = bench.open("split", Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "file", "o-1", Role::Officer).await;
    let own = bench
        .refuses(&case, "accept_case", "o-1", Role::Legal)
        .await;
    assert!(own.contains("handled this case"), "{own}");
    bench.act(&case, "accept_case", "law", Role::Legal).await;
    bench.act(&case, "notify", "inv", Role::Investigator).await;
    let role = bench
        .refuses(&case, "decide", "inv", Role::Investigator)
        .await;
    assert!(role.contains("it belongs to: legal"), "{role}");
    for action in ["decide", "no_penalty"] {
        let own = bench.refuses(&case, action, "inv", Role::Legal).await;
        assert!(own.contains("handled this case"), "{own}");
    }
    bench
        .act(&case, "waive_hearing", "plant", Role::Enterprise)
        .await;
    bench.act(&case, "decide", "law", Role::Legal).await;
    sound(&bench).await;
}
