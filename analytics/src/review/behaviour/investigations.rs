//! On-site investigations of one furnace: within five days they are one visit and one act (Order 10 of 2019).

use std::sync::Arc;

use nonsite_schemas::wire::inspection::Mode;

use super::super::case::Case;
use super::super::guard::Guard;
use super::super::intake::Finding;
use super::super::investigation::Share;
use super::super::machine::Machine;
use super::super::service::Shown;
use super::super::step::{Actor, Input};
use super::super::testing::{finding, monday};
use super::acts::{RECORD, counted, own};
use super::*;

const FURNACE: &str = "BURNDA001";

/// A finding on a furnace, of a kind of its own, about an hour so long after Monday 09:00.
fn burning(id: &str, severity: Severity, outlet: &str, after: i64) -> Finding {
    let mut found = finding(id, severity);
    found.permit_no = Some("BURN".to_owned());
    found.outlet_uid = Some(outlet.to_owned());
    found.mn = Some(format!("mn-{outlet}"));
    found.rule_group = format!("group-{id}");
    found.window_start = monday() + after;
    found.window_end = found.window_start + HOUR;
    found
}

async fn taken(bench: &Bench, found: &Finding) -> String {
    let findings = std::slice::from_ref(found);
    let intake = bench.service.take_anomalies(findings).await.unwrap();
    assert_eq!(intake.triage, 1, "{}", found.anomaly_id);
    Case::id_of(&found.anomaly_id)
}

/// An S1 that an analyst has just sent on-site; the state it comes to.
async fn on_site(bench: &Bench, found: &Finding) -> (String, String) {
    let case = taken(bench, found).await;
    let state = bench.act(&case, "escalate", "ana", Role::Analyst).await;
    (case, state)
}

/// Papers of a visit, or of the decision on it, that is recorded by the workflow.
fn visit() -> Input {
    let mut input = papers();
    input.fields.remove("act");
    input
}

/// An officer acts without naming an act of another system; the state afterwards.
async fn officer_does(bench: &Bench, case: &str, action: &str, input: &Input) -> String {
    bench.clock.advance(60_000_000);
    let officer = person("o-1", Role::Officer);
    let done = bench.service.act(case, action, &officer, input).await;
    done.unwrap_or_else(|error| panic!("{error}")).state
}

async fn shown(bench: &Bench, case: &str) -> Shown {
    bench.service.show(case).await.unwrap()
}

/// Whether a case is part of an investigation under another one.
async fn is_part_of(bench: &Bench, case: &str, lead: &str) -> bool {
    let part = shown(bench, case).await.case.investigation;
    part.is_some_and(|part| part.lead == lead)
}

pub(super) async fn visits_of_a_furnace_within_five_days_are_one(bench: Bench) {
    let (first, state) = on_site(&bench, &burning("a", Severity::S1, FURNACE, -24 * HOUR)).await;
    assert_eq!(state, "to_onsite");
    assert_eq!(shown(&bench, &first).await.onsite, None, "nothing merged");
    // Monday is day 1, Friday day 5.
    bench.clock.advance(4 * DAY);
    let found = burning("b", Severity::S1, FURNACE, 4 * DAY - 3 * HOUR);
    let second = taken(&bench, &found).await;
    let before = shown(&bench, &second).await.onsite.unwrap();
    assert_eq!(
        (before.share, before.lead.as_str()),
        (Share::WouldMerge, first.as_str())
    );
    bench.act(&second, "escalate", "ana", Role::Analyst).await;

    let part = shown(&bench, &second).await;
    assert_eq!(part.case.state, "to_onsite");
    let row = part.events.last().unwrap();
    assert_eq!(
        (row.action.as_str(), row.role.as_str()),
        ("join_onsite", "engine")
    );
    assert_eq!(row.fields["investigation"], first);
    assert_eq!(row.fields["onsite_since"], "2026-03-02");
    let notice = part.onsite.unwrap();
    assert_eq!(notice.share, Share::Merged);
    let said =
        format!("already being investigated on site since 2026-03-02 under case {first}; merged");
    assert!(notice.to_string().ends_with(&said), "{notice}");
    assert_eq!(row.note.as_deref(), Some(notice.to_string().as_str()));
    let lead = shown(&bench, &first).await;
    assert_eq!(lead.case.investigation, None);
    assert_eq!(lead.events.last().unwrap().fields["joined"], second);
    let leads = lead.onsite.unwrap();
    assert_eq!(leads.share, Share::Leads);
    assert_eq!(leads.cases, std::slice::from_ref(&second));
    let why = bench.refuses(&second, "onsite", "o-1", Role::Officer).await;
    assert!(why.contains(&said) && why.contains("own_visit"), "{why}");

    // One visit is recorded, and serves both.
    assert_eq!(
        officer_does(&bench, &first, "onsite", &visit()).await,
        "onsite_done"
    );
    let lead = shown(&bench, &first).await;
    let part = shown(&bench, &second).await;
    assert_eq!(part.case.state, "onsite_done");
    assert!(part.acts.is_empty(), "the act is the leading case's");
    let row = part.events.last().unwrap();
    assert_eq!(
        (row.action.as_str(), row.role.as_str()),
        ("visited_jointly", "engine")
    );
    assert_eq!(row.fields["investigation"], first);
    assert_eq!(row.fields["joint_act"], lead.acts[0].act_id);
    // The joint visit is its own, and nothing that was checked before.
    let checked = bench.service.already_checked(&row.case_id, None).await;
    assert_eq!(checked.unwrap(), []);
    assert!(part.case.handlers.contains("o-1") && part.case.handlers.contains("o-2"));

    // What the visit brings back, its approval too, counts for both.
    let mut papers = visit();
    papers.attachments.clear();
    let officer = person("o-1", Role::Officer);
    let early = bench.service.act(&second, "file", &officer, &papers).await;
    let why = early.unwrap_err().to_string();
    assert!(why.contains("现场检查审批手续须补办"), "{why}");
    bench
        .act(&first, "approve_onsite", "boss", Role::Approver)
        .await;
    let part = shown(&bench, &second).await;
    assert_eq!(part.events.last().unwrap().action, "visit_shared");
    assert_eq!(part.case.visit_approval.as_ref().unwrap().by, "boss");
    // Each is decided on for itself.
    assert_eq!(
        officer_does(&bench, &second, "file", &papers).await,
        "filing"
    );
    assert_eq!(
        officer_does(&bench, &first, "rectify", &papers).await,
        "rectify"
    );
    assert!(shown(&bench, &second).await.acts.is_empty());
    let rows = bench.service.store.acts_of(&first).await.unwrap();
    assert_eq!(rows.len(), 2, "the visit, and once more with its result");
    for row in &rows {
        let act = row.act();
        let found: Vec<&str> = act
            .findings
            .iter()
            .map(|one| one.finding_id.as_str())
            .collect();
        assert_eq!(found, ["anomaly-a", "anomaly-b"]);
        assert_eq!(act.mode, Some(Mode::Onsite));
    }
    assert_eq!(counted(&bench).await, (0, 1), "one inspection");
    sound(&bench).await;
}

/// Day 5 merges, day 6 does not; a late finding about what was visited, so that the days alone decide.
pub(super) async fn on_the_sixth_day_a_visit_is_another(bench: Bench) {
    for (number, days, expected) in [(1, 4, "onsite_done"), (2, 5, "to_onsite")] {
        let outlet = format!("BURNDA{number:03}");
        let began = bench.clock_now() - monday();
        let early = burning(
            &format!("early-{number}"),
            Severity::S1,
            &outlet,
            began - 24 * HOUR,
        );
        let (first, _) = on_site(&bench, &early).await;
        assert_eq!(
            officer_does(&bench, &first, "onsite", &visit()).await,
            "onsite_done"
        );
        bench.clock.advance(days * DAY);
        let late = burning(
            &format!("late-{number}"),
            Severity::S1,
            &outlet,
            began - 12 * HOUR,
        );
        let (second, state) = on_site(&bench, &late).await;
        assert_eq!(state, expected, "day {}", days + 1);
        assert_eq!(is_part_of(&bench, &second, &first).await, days == 4);
        if days == 5 {
            officer_does(&bench, &second, "onsite", &visit()).await;
            assert_eq!(shown(&bench, &second).await.acts.len(), 1);
        }
        // The next furnace is another week's.
        bench.clock.advance(DAY);
    }
    assert_eq!(
        counted(&bench).await,
        (0, 3),
        "two of the first furnace are one"
    );

    // An operator may let fewer days merge, or none.
    let mut bench = bench;
    bench.service.config = Arc::new(Config {
        onsite_merge_days: 0,
        ..Config::clone(&bench.service.config)
    });
    let (first, _) = on_site(&bench, &burning("off-1", Severity::S1, "BURNDA009", 0)).await;
    let (second, _) = on_site(
        &bench,
        &burning("off-2", Severity::S1, "BURNDA009", 5 * HOUR),
    )
    .await;
    assert!(!is_part_of(&bench, &second, &first).await);
    sound(&bench).await;
}

pub(super) async fn what_began_after_a_visit_is_visited_itself(bench: Bench) {
    let (first, _) = on_site(&bench, &burning("a", Severity::S1, FURNACE, -24 * HOUR)).await;
    bench.clock.advance(HOUR);
    officer_does(&bench, &first, "onsite", &visit()).await;
    bench.clock.advance(DAY);
    let began = bench.clock_now() - monday() - 4 * HOUR;
    let later = burning("later", Severity::S1, FURNACE, began);
    let (second, state) = on_site(&bench, &later).await;
    assert_eq!(state, "to_onsite");
    assert!(!is_part_of(&bench, &second, &first).await);
    officer_does(&bench, &second, "onsite", &visit()).await;
    assert_eq!(counted(&bench).await, (0, 2), "two visits were made");
    sound(&bench).await;
}

pub(super) async fn what_was_decided_takes_no_investigation_in(bench: Bench) {
    let (first, _) = on_site(&bench, &burning("a", Severity::S1, FURNACE, -24 * HOUR)).await;
    officer_does(&bench, &first, "onsite", &visit()).await;
    bench
        .act(&first, "approve_onsite", "boss", Role::Approver)
        .await;
    officer_does(&bench, &first, "file", &visit()).await;
    let (second, state) = on_site(&bench, &burning("b", Severity::S1, FURNACE, -12 * HOUR)).await;
    assert_eq!(state, "to_onsite");
    assert_eq!(shown(&bench, &second).await.case.investigation, None);
    sound(&bench).await;
}

pub(super) async fn another_furnace_industry_or_body_is_visited_itself(bench: Bench) {
    let pair = |number: usize, change: &dyn Fn(&mut Finding), both: bool| {
        let outlet = format!("BURNDA{number:03}");
        let hours = |hours: i64| hours * HOUR;
        let mut one = burning(&format!("one-{number}"), Severity::S1, &outlet, hours(-24));
        let mut other = burning(
            &format!("other-{number}"),
            Severity::S1,
            &outlet,
            hours(-12),
        );
        change(&mut other);
        if both {
            change(&mut one);
        }
        (one, other)
    };
    let pairs = [
        ("same", pair(1, &|_| {}, true)),
        (
            "another furnace of the plant",
            pair(
                2,
                &|found| found.outlet_uid = Some("BURNDA102".to_owned()),
                false,
            ),
        ),
        (
            "another industry",
            pair(3, &|found| found.permit_no = Some("PLAIN".to_owned()), true),
        ),
        (
            "its waste water",
            pair(
                4,
                &|found| found.outlet_uid = Some("BURNDW004".to_owned()),
                true,
            ),
        ),
        (
            "another body",
            pair(
                5,
                &|found| found.org_code = Some("370523".to_owned()),
                false,
            ),
        ),
        (
            "the plant as a whole",
            pair(
                6,
                &|found| (found.outlet_uid, found.mn) = (None, None),
                true,
            ),
        ),
    ];
    let anywhere = Actor {
        org: None,
        ..person("ana", Role::Analyst)
    };
    for (what, (one, other)) in pairs {
        let mut cases = Vec::new();
        for found in [&one, &other] {
            let case = taken(&bench, found).await;
            bench.clock.advance(60_000_000);
            let sent = bench
                .service
                .act(&case, "escalate", &anywhere, &papers())
                .await;
            assert_eq!(sent.unwrap().state, "to_onsite", "{what}");
            cases.push(case);
        }
        let merged = is_part_of(&bench, &cases[1], &cases[0]).await;
        assert_eq!(merged, what == "same", "{what}");
    }
    sound(&bench).await;
}

/// Both were checked off-site before: the ratio sees one inspection, on-site.
pub(super) async fn a_check_that_turns_into_a_merged_visit_names_it(bench: Bench) {
    let mut cases = Vec::new();
    for (id, after) in [("a", -24 * HOUR), ("b", -12 * HOUR)] {
        let case = taken(&bench, &burning(id, Severity::S2, FURNACE, after)).await;
        bench.act(&case, "verify", "ana", Role::Analyst).await;
        bench.clock.advance(600_000_000);
        let doubt = own(Some(RECORD));
        assert_eq!(
            officer_does(&bench, &case, "escalate", &doubt).await,
            "onsite_approval"
        );
        // Each waits for its own approval, and merges then.
        assert_eq!(shown(&bench, &case).await.case.investigation, None);
        bench
            .act(&case, "approve_onsite", "boss", Role::Approver)
            .await;
        bench.clock.advance(HOUR);
        cases.push(case);
    }
    let [first, second] = &cases[..] else {
        panic!()
    };
    assert!(is_part_of(&bench, second, first).await);
    officer_does(&bench, first, "onsite", &own(Some(RECORD))).await;
    let visit = shown(&bench, first).await.acts[1].act_id.clone();
    let part = shown(&bench, second).await;
    let versions: Vec<_> = part
        .acts
        .iter()
        .map(|act| (act.mode, act.act_version, act.escalated_to.clone()))
        .collect();
    let never = format!("{second}-on-1");
    let off = Some(Mode::Offsite);
    assert_eq!(versions, [(off, 1, Some(never)), (off, 2, Some(visit))]);
    let row = part.events.last().unwrap();
    assert_eq!(row.fields["corrected_act"], part.acts[1].act_id);
    for case in [first, second] {
        officer_does(&bench, case, "rectify", &own(None)).await;
    }
    assert_eq!(counted(&bench).await, (0, 1), "one inspection, on-site");
    sound(&bench).await;
}

pub(super) async fn a_merged_case_is_visited_apart_for_a_reason(bench: Bench) {
    let (first, _) = on_site(&bench, &burning("a", Severity::S1, FURNACE, -24 * HOUR)).await;
    let (second, _) = on_site(&bench, &burning("b", Severity::S1, FURNACE, -12 * HOUR)).await;
    assert!(is_part_of(&bench, &second, &first).await);
    let apart = visit().with("own_visit", "the sampler comes tomorrow");
    assert_eq!(
        officer_does(&bench, &second, "onsite", &apart).await,
        "onsite_done"
    );
    assert_eq!(shown(&bench, &second).await.case.investigation, None);
    bench.clock.advance(DAY);
    officer_does(&bench, &first, "onsite", &visit()).await;
    for case in [&first, &second] {
        let rows = bench.service.store.acts_of(case).await.unwrap();
        let act = rows.last().unwrap().act();
        assert_eq!((rows.len(), act.findings.len()), (1, 1), "{case}");
    }
    assert_eq!(counted(&bench).await, (0, 2));
    // The fields of the program are not for people.
    let forged = visit().with("joint_act", "act-9");
    let officer = person("o-1", Role::Officer);
    let refused = bench
        .service
        .act(&first, "rectify", &officer, &forged)
        .await;
    let why = refused.unwrap_err().to_string();
    assert!(why.contains("written by the program alone"), "{why}");
    sound(&bench).await;
}

/// S00 needs its evidence bundle: without the seal there is no case, and the intake says of which finding.
pub(super) async fn a_clue_without_sealed_evidence_is_no_case(bench: Bench) {
    let machine = Machine::built_in();
    let mut ways = machine.from(machine.initial());
    assert!(ways.all(|way| way.guards.contains(&Guard::Sealed)));
    type Breaks = (&'static str, fn(&mut Finding));
    let broken: [Breaks; 5] = [
        ("none", |found| found.evidence_sha256.clear()),
        ("short", |found| found.evidence_sha256 = "00".to_owned()),
        ("text", |found| found.evidence_sha256 = "x".repeat(64)),
        ("capitals", |found| found.evidence_sha256 = "AB".repeat(32)),
        ("silent", |found| found.reason = " ".to_owned()),
    ];
    for (id, change) in broken {
        for (severity, confirmed) in [(Severity::S1, true), (Severity::S3, false)] {
            let mut found = finding(id, severity);
            found.confirmed = confirmed;
            change(&mut found);
            let findings = std::slice::from_ref(&found);
            let refused = bench.service.take_anomalies(findings).await;
            let why = refused.unwrap_err().to_string();
            assert!(why.contains("线索证据包不完整"), "{why}");
            assert!(why.contains(&found.anomaly_id), "{why}");
            let missing = bench.service.show(&Case::id_of(&found.anomaly_id)).await;
            assert!(matches!(missing, Err(Error::NotFound(_))), "{id}");
        }
    }
    assert_eq!(
        bench.service.audit(None).await.unwrap().rows,
        0,
        "no row of it"
    );
    bench.open("whole", Severity::S3).await;
    sound(&bench).await;
}
