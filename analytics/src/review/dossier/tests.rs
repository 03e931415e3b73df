//! A page over real readings: what still fails, what has become silent, what nobody can tell.

use arrow::array::RecordBatch;
use serde_json::{Value, json};

use super::Dossier;
use crate::detect::{Catalogue, Config};
use crate::fixtures::{PERMIT_NO, Permit, at, minutes, permits, table};
use crate::review::evidence::fixture;
use crate::review::parts::{Role, Severity};
use crate::review::recheck::{Verdict, rechecked};
use crate::review::settings::Config as Queue;
use crate::review::testing::{Bench, finding, papers_for, person};
use crate::review::{Case, Service};
use crate::session::{Session, in_memory};
use nonsite_schemas::tables;

/// The case's logger; its SO2 may be 50 mg/m3.
const MN: &str = "A";

async fn session(readings: Vec<Value>, outlet: (f64, f64)) -> Session {
    session_with(readings, outlet, Vec::new()).await
}

async fn session_with(
    readings: Vec<Value>,
    outlet: (f64, f64),
    papers: Vec<(&'static str, RecordBatch)>,
) -> Session {
    let mut given = permits(&[Permit::of(MN, "a21026", 50.0)]);
    let outlets = json!({
        "permit_no": PERMIT_NO, "outlet_uid": format!("{PERMIT_NO}DA001"), "outlet_code": "DA001",
        "version": 1, "issued_at": at("2020-01-01 00:00"), "doc_valid": true,
        "latitude": outlet.0, "longitude": outlet.1,
    });
    given.push((
        "permit_outlets",
        table(&tables::permit_outlets(), vec![outlets]),
    ));
    given.push(("readings_raw", table(&tables::readings_raw(), readings)));
    given.extend(papers);
    in_memory(given, &crate::session::Config::default())
        .await
        .unwrap()
}

/// Twelve hours of minutes from the morning after the measures.
fn readings(value: f64) -> Vec<Value> {
    minutes(MN, "a21026", at("2026-03-03 00:00"), 1, 12 * 60, value)
}

/// A case whose rectification waits for its review, with a photo of last summer.
async fn submitted(bench: &Bench) -> String {
    submitted_because(bench, "abatement_fault").await
}

async fn submitted_because(bench: &Bench, cause: &str) -> String {
    let mut found = finding("page", Severity::S2);
    found.mn = Some(MN.to_owned());
    found.permit_no = Some(PERMIT_NO.to_owned());
    found.outlet_uid = Some(format!("{PERMIT_NO}DA001"));
    bench
        .service
        .take_anomalies(std::slice::from_ref(&found))
        .await
        .unwrap();
    let case = Case::id_of(&found.anomaly_id);
    for (action, name, role) in [
        ("dispatch", "ana", Role::Analyst),
        ("deliver", "ana", Role::Analyst),
        ("answer", "plant", Role::Enterprise),
        ("verify", "o-1", Role::Officer),
        ("rectify", "o-1", Role::Officer),
    ] {
        let input = papers_for(action).with("cause", cause);
        bench.clock.advance(60_000_000);
        bench
            .service
            .act(&case, action, &person(name, role), &input)
            .await
            .unwrap();
    }
    let photo = bench.service.keep(&fixture("pump.jpg")).await.unwrap();
    let plant = person("plant", Role::Enterprise);
    bench.clock.advance(60_000_000);
    bench
        .service
        .attach(&case, &plant, &[photo], None)
        .await
        .unwrap();
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    case
}

async fn page(service: &Service, case: &str, session: &Session) -> Dossier {
    let config = Config::default();
    let catalogue = Catalogue::load(&config).unwrap();
    service
        .dossier(case, session, &config, &catalogue)
        .await
        .unwrap()
}

fn codes(page: &Dossier) -> Vec<&'static str> {
    page.conflicts
        .iter()
        .map(|conflict| conflict.code)
        .collect()
}

async fn the_page_says_what_does_not_fit(bench: Bench) {
    let case = submitted(&bench).await;
    // Where the photo was taken.
    let here = (37.4348, 118.6747);
    bench.clock.set(at("2026-03-04 13:00"));

    let failing = page(&bench.service, &case, &session(readings(80.0), here).await).await;
    let rerun = failing.rerun.as_ref().unwrap();
    assert_eq!(rerun.from, at("2026-03-03 00:00"));
    assert_eq!(rerun.passed, 0);
    assert!(!rerun.findings.is_empty());
    assert_eq!(codes(&failing), ["photo_from_the_future", "still_failing"]);
    let marked: Vec<&str> = failing
        .checklist
        .iter()
        .filter(|item| !item.conflicts.is_empty())
        .map(|item| item.item.name.as_str())
        .collect();
    assert_eq!(marked, ["data", "photos"]);
    assert_eq!(failing.submissions, 1);
    assert_eq!(failing.submission.as_ref().unwrap().by, "plant");
    assert!(failing.finding.is_none(), "this store has no such anomaly");

    let silent = page(&bench.service, &case, &session(readings(20.0), here).await).await;
    let rerun = silent.rerun.as_ref().unwrap();
    assert_eq!((rerun.days, rerun.passed), (1, 12));
    assert_eq!(codes(&silent), ["photo_from_the_future"]);

    // Without data nothing is silent: nobody can tell. And the photo is from somewhere else.
    let elsewhere = session(Vec::new(), (36.0, 118.6747)).await;
    let nobody = page(&bench.service, &case, &elsewhere).await;
    assert_eq!(
        codes(&nobody),
        ["photo_from_the_future", "photo_elsewhere", "nothing_judged"]
    );
}

async fn a_rule_is_run_again_over_hours_of_normal_operation(bench: Bench) {
    let case = submitted(&bench).await;
    let case = bench.service.show(&case).await.unwrap().case;
    let config = Config::default();
    let catalogue = Catalogue::load(&config).unwrap();
    let asked = async |rows: Vec<Value>| {
        let tables = session(rows, (37.4348, 118.6747)).await;
        let until = at("2026-03-06 00:00");
        rechecked(&case, &tables, &config, &catalogue, until)
            .await
            .unwrap()
    };
    let failing = asked(readings(80.0)).await;
    assert_eq!(failing.verdict, Verdict::StillFailing);
    assert!(
        failing
            .first
            .is_some_and(|first| first >= at("2026-03-03 00:00"))
    );
    let short = asked(readings(20.0)).await;
    assert_eq!(
        (short.verdict, short.hours, short.needed),
        (Verdict::TooShort, 12, 24)
    );
    let long = minutes(MN, "a21026", at("2026-03-03 00:00"), 1, 26 * 60, 20.0);
    let long = asked(long).await;
    assert_eq!((long.verdict, long.hours), (Verdict::Silent, 26));
    assert!(long.passed >= 24, "{long:?}");
    assert_eq!(long.mean_after, Some(20.0));
    assert_eq!(asked(Vec::new()).await.verdict, Verdict::NothingJudged);
}

async fn a_page_knows_the_units_past_and_earlier_answers(bench: Bench) {
    let case = submitted(&bench).await;
    for id in ["p-1", "p-2", "p-3"] {
        let mut past = finding(id, Severity::S3);
        past.permit_no = Some(PERMIT_NO.to_owned());
        bench.service.take_anomalies(&[past]).await.unwrap();
    }
    let punished = Case::id_of("anomaly-p-1");
    for (action, name, role) in [
        ("verify", "ana", Role::Analyst),
        ("file", "o-1", Role::Officer),
        ("accept_case", "law", Role::Legal),
        ("notify", "inv", Role::Investigator),
        ("waive_hearing", "plant", Role::Enterprise),
        ("decide", "law-2", Role::Legal),
    ] {
        bench.act(&punished, action, name, role).await;
    }
    let other = finding("other", Severity::S3);
    bench.service.take_anomalies(&[other]).await.unwrap();
    bench.act(&case, "return", "rev", Role::Reviewer).await;
    let empty = session(Vec::new(), (37.4348, 118.6747)).await;
    let seen = page(&bench.service, &case, &empty).await;
    assert_eq!(seen.history.len(), 3, "{:?}", seen.history);
    assert!(seen.history.iter().all(|past| !past.same_trouble));
    assert_eq!(seen.penalties.len(), 1);
    let penalty = &seen.penalties[0];
    assert_eq!(
        (&penalty.case_id, penalty.outcome.as_str()),
        (&punished, "decided")
    );
    assert_eq!(penalty.decision.as_deref(), Some("decision-1"));
    assert_eq!(seen.risk.score, 3 + 5, "{:?}", seen.risk);
    let (by, answer) = &seen.checklist[0].answered[0];
    assert_eq!((by.as_str(), answer.item.as_str()), ("rev", "order"));
}

/// Papers of every kind, and what does not fit in them.
fn papers() -> Vec<(&'static str, RecordBatch)> {
    let ticket = json!({
        "ticket_id": "t-1", "version": 1, "recorded_at": at("2026-03-02 15:00"), "mn": MN,
        "kind": "repair", "status": "closed", "starts_at": at("2026-03-02 10:00"),
        "ends_at": at("2026-03-02 14:00"), "company": "运维公司", "actions": "更换循环泵",
        "doc_valid": true,
    });
    // Sampled between the clue and the measures, handed in afterwards.
    let sampled = |id: &str, permit_no: &str, mn: &str| {
        json!({
            "result_id": id, "version": 1, "recorded_at": at("2026-03-03 09:00"), "mn": mn,
            "purpose": "comparison", "permit_no": permit_no, "sampled_at": at("2026-03-02 08:00"),
            "factor": "a21026", "value": 21.0, "unit": "mg/m3", "laboratory": "某检测公司",
            "cma_no": "CMA-1", "report_no": "R-7", "doc_valid": true,
        })
    };
    let point = |id: &str, factor: &str, facility: &str, role: &str| {
        json!({
            "point_id": id, "version": 1, "recorded_at": at("2026-01-01 00:00"), "mn": "power",
            "factor": factor, "permit_no": PERMIT_NO, "facility": facility, "name": facility,
            "role": role, "quantity": "power", "unit": "kW", "outlets": "DA001", "on_above": 5.0,
            "valid_from": at("2026-01-01 00:00"), "doc_valid": true,
        })
    };
    let filing = json!({
        "filing_id": "f-1", "version": 1, "recorded_at": at("2026-03-02 15:30"), "mn": MN,
        "factor": "a21026", "filed_at": at("2026-03-02 15:30"), "reason": "更换量程",
        "parameter": "i13001", "value": 200.0, "doc_valid": true,
    });
    let tickets = table(&tables::maintenance_tickets(), vec![ticket]);
    let manual = vec![
        sampled("s-1", PERMIT_NO, MN),
        sampled("s-2", "91370500MA3C000000001P", "other"),
    ];
    let points = vec![
        point("p-1", "p10001", "MF0001", "production"),
        point("p-2", "p10002", "TA001", "treatment"),
    ];
    vec![
        ("maintenance_tickets", tickets),
        ("manual_results", table(&tables::manual_results(), manual)),
        ("process_points", table(&tables::process_points(), points)),
        (
            "equipment_filings",
            table(&tables::equipment_filings(), vec![filing]),
        ),
    ]
}

async fn the_page_shows_curve_papers_and_plant(bench: Bench) {
    let case = submitted_because(&bench, "monitor_fault").await;
    let here = (37.4348, 118.6747);
    bench.clock.set(at("2026-03-04 13:00"));
    let mut data = readings(20.0);
    data.extend(minutes(MN, "a21026", at("2026-03-01 09:00"), 1, 60, 80.0));
    let bare = page(&bench.service, &case, &session(data.clone(), here).await).await;
    assert_eq!(codes(&bare), ["photo_from_the_future", "no_ticket"]);

    data.extend(minutes(
        "power",
        "p10001",
        at("2026-03-03 00:00"),
        1,
        600,
        50.0,
    ));
    data.extend(minutes(
        "power",
        "p10002",
        at("2026-03-03 00:00"),
        1,
        600,
        0.0,
    ));
    let tables = session_with(data, here, papers()).await;
    let seen = page(&bench.service, &case, &tables).await;
    assert_eq!(
        codes(&seen),
        [
            "photo_from_the_future",
            "report_elsewhere",
            "sampled_before_measures",
            "treatment_stands"
        ]
    );
    let proofs = &seen.proofs;
    let clue: Vec<_> = proofs
        .curve
        .hours
        .iter()
        .filter(|hour| hour.of_clue)
        .collect();
    assert_eq!(clue.len(), 1, "{:?}", proofs.curve);
    assert_eq!((clue[0].value, clue[0].limit), (Some(80.0), Some(50.0)));
    assert_eq!(proofs.curve.hours.len(), 1 + 12);
    let papers = &proofs.papers;
    assert_eq!(papers.tickets[0]["ticket_id"], "t-1");
    assert_eq!(papers.manual.len(), 1, "another unit's is not on the page");
    assert_eq!(papers.manual[0]["cma_no"], "CMA-1");
    assert_eq!(papers.filings[0]["parameter"], "i13001");
    assert_eq!(papers.permits[0]["version"], 1);
    let share = |facility: &str| {
        let ran = proofs.running.iter().find(|ran| ran.facility == facility);
        ran.unwrap().running_percent
    };
    assert_eq!(share("MF0001"), Some(100.0));
    assert_eq!(share("TA001"), Some(0.0));
    assert!(seen.problem.basis.as_ref().unwrap().contains("HJ 75"));
    let order = seen.order.as_ref().unwrap().seq;
    assert_eq!(seen.problem.order_no, Some(format!("{case}-{order}")));
}

/// Nothing on the page approves: a checklist does, and from S2 on two of them.
async fn the_checklist_decides_and_two_persons_answer_it(bench: Bench) {
    let case = submitted(&bench).await;
    let act = async |action: &str, name: &str, items: &str| {
        let input = papers_for(action).with("items", items);
        let reviewer = person(name, Role::Reviewer);
        bench.clock.advance(60_000_000);
        bench.service.act(&case, action, &reviewer, &input).await
    };
    let all = papers_for("approve").fields["items"].clone();
    let short = act("approve", "rev", "order=pass")
        .await
        .unwrap_err()
        .to_string();
    assert!(short.contains("not answered: data"), "{short}");
    let failed = all.replace("data=pass", "data=fail:above the limit");
    let fails = act("approve", "rev", &failed)
        .await
        .unwrap_err()
        .to_string();
    assert!(fails.contains("item `data` fails"), "{fails}");
    let no_reason = act("return", "rev", &all).await.unwrap_err().to_string();
    assert!(no_reason.contains("no item fails"), "{no_reason}");
    assert_eq!(
        act("approve", "rev", &all).await.unwrap().state,
        "submitted"
    );
    assert!(
        act("approve", "rev", &all).await.is_err(),
        "the same person"
    );
    let second = act("approve", "rev-2", "").await.unwrap_err().to_string();
    assert!(second.contains("items"), "{second}");
    assert_eq!(
        act("approve", "rev-2", &all).await.unwrap().state,
        "look_back"
    );
}

/// Late is what came after the end of the time it had, whether that was the order's, an extension's or
/// that of a return.
async fn a_late_submission_is_pointed_out(bench: Bench) {
    let case = submitted(&bench).await;
    let empty = session(Vec::new(), (37.4348, 118.6747)).await;
    let seen = async || {
        let page = page(&bench.service, &case, &empty).await;
        let late = codes(&page).contains(&"submitted_late");
        (late, page.problem.due.unwrap())
    };
    assert_eq!(seen().await, (false, "2026-03-09".to_owned()));
    // Five working days from the return, which was on a Friday.
    bench.clock.set(at("2026-03-06 10:00"));
    bench.act(&case, "return", "rev", Role::Reviewer).await;
    assert_eq!(seen().await, (false, "2026-03-13".to_owned()));
    bench.clock.set(at("2026-03-12 10:00"));
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    assert_eq!(seen().await, (false, "2026-03-13".to_owned()));

    let late = submitted_late(&bench).await;
    let page = page(&bench.service, &late, &empty).await;
    assert!(codes(&page).contains(&"submitted_late"), "{page:?}");
    assert_eq!(page.problem.due.as_deref(), Some("2026-03-20"));
}

/// A case that nobody set a day for, submitted two days after its usual one.
async fn submitted_late(bench: &Bench) -> String {
    bench.clock.set(at("2026-03-13 10:00"));
    let case = bench.open("late", Severity::S3).await;
    for (action, name, role) in [
        ("verify", "ana", Role::Analyst),
        ("rectify", "o-1", Role::Officer),
    ] {
        bench.act(&case, action, name, role).await;
    }
    bench.clock.set(at("2026-03-22 10:00"));
    bench.act(&case, "submit", "plant", Role::Enterprise).await;
    case
}

macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(Bench::sqlite(&Queue::default()).await).await;
                }
            )*
        }
        mod postgres {
            use super::*;
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(Bench::postgres(&Queue::default()).await).await;
                }
            )*
        }
    };
}

on_both! {
    the_page_says_what_does_not_fit,
    a_rule_is_run_again_over_hours_of_normal_operation,
    the_page_shows_curve_papers_and_plant,
    a_late_submission_is_pointed_out,
    a_page_knows_the_units_past_and_earlier_answers,
    the_checklist_decides_and_two_persons_answer_it,
}
