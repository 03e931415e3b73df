//! What each state asks for before it is left, one row per state, and what the program adds itself.

use sha2::{Digest, Sha256};

use super::super::calendar::beijing_text;
use super::super::evidence::fixture;
use super::super::testing::{monday, papers_in};
use super::*;

/// What is missing in the papers.
enum Gap {
    /// A field.
    Field(&'static str),
    /// Every file.
    Files,
    /// Nothing, but a field holds a code that does not fit.
    Code(&'static str, &'static str),
}

struct Row {
    state: &'static str,
    /// What leads there from triage.
    steps: &'static [Step],
    /// What leaves it.
    leaving: Step,
    gap: Gap,
    said: &'static str,
}

type Step = (&'static str, &'static str, Role);

const DISPATCH: Step = ("dispatch", "ana", Role::Analyst);
const DELIVER: Step = ("deliver", "ana", Role::Analyst);
const ANSWER: Step = ("answer", "plant", Role::Enterprise);
const VERIFY: Step = ("verify", "ana", Role::Analyst);
const RECTIFY: Step = ("rectify", "o-1", Role::Officer);
const SUBMIT: Step = ("submit", "plant", Role::Enterprise);
const RETURN: Step = ("return", "rev", Role::Reviewer);
const ESCALATE: Step = ("escalate", "o-1", Role::Officer);
const APPROVE_VISIT: Step = ("approve_onsite", "boss", Role::Approver);
const ONSITE: Step = ("onsite", "o-1", Role::Officer);
const FILE: Step = ("file", "o-1", Role::Officer);
const ACCEPT: Step = ("accept_case", "law", Role::Legal);
const NOTIFY: Step = ("notify", "inv", Role::Investigator);
const WAIVE: Step = ("waive_hearing", "plant", Role::Enterprise);
const TRANSFER: Step = ("transfer", "law", Role::Legal);
const NO_PENALTY: Step = ("no_penalty", "law", Role::Legal);
const APPROVE: Step = ("approve", "rev", Role::Reviewer);
const DECIDE: Step = ("decide", "law", Role::Legal);
const DISMISS: [Step; 2] = [
    ("dismiss", "ana", Role::Analyst),
    ("dismiss", "bo", Role::Analyst),
];
const CLOSE: Step = ("close", "arch", Role::Archivist);
const REOPEN: Step = ("reopen", "sup", Role::Supervisor);
const EXTEND: Step = ("request_extension", "plant", Role::Enterprise);

const fn row(
    state: &'static str,
    steps: &'static [Step],
    leaving: Step,
    gap: Gap,
    said: &'static str,
) -> Row {
    Row {
        state,
        steps,
        leaving,
        gap,
        said,
    }
}

const ROWS: [Row; 28] = [
    row(
        "triage",
        &[],
        DISPATCH,
        Gap::Field("reason"),
        "missing: `reason`",
    ),
    row(
        "dismissed",
        &DISMISS,
        CLOSE,
        Gap::Field("closing"),
        "missing: `closing`",
    ),
    row(
        "dismissed",
        &DISMISS,
        CLOSE,
        Gap::Code("closing", "taken_over"),
        "write one of false_alarm",
    ),
    row(
        "dispatched",
        &[DISPATCH],
        DELIVER,
        Gap::Field("receipt"),
        "missing: `receipt`",
    ),
    row(
        "self_check",
        &[DISPATCH, DELIVER],
        ANSWER,
        Gap::Field("cause"),
        "missing: `cause`",
    ),
    row(
        "self_check",
        &[DISPATCH, DELIVER],
        ANSWER,
        Gap::Files,
        "反馈缺附件",
    ),
    row(
        "verify_off",
        &[VERIFY],
        RECTIFY,
        Gap::Field("officers"),
        "missing: `officers`",
    ),
    row(
        "rectify",
        &[VERIFY, RECTIFY],
        SUBMIT,
        Gap::Field("owner"),
        "整改计划缺责任人",
    ),
    row(
        "rectify",
        &[VERIFY, RECTIFY],
        SUBMIT,
        Gap::Field("plan_due"),
        "整改计划缺责任人或完成日期",
    ),
    row(
        "rectify",
        &[VERIFY, RECTIFY],
        EXTEND,
        Gap::Files,
        "延期理由缺证明材料",
    ),
    row(
        "rectify",
        &[VERIFY, RECTIFY],
        EXTEND,
        Gap::Field("reason"),
        "missing: `reason`",
    ),
    row(
        "submitted",
        &[VERIFY, RECTIFY, SUBMIT],
        APPROVE,
        Gap::Field("opinion"),
        "missing: `opinion`",
    ),
    row(
        "verify_off",
        &[VERIFY],
        ESCALATE,
        Gap::Field("officers"),
        "missing: `officers`",
    ),
    row(
        "onsite_approval",
        &[VERIFY, ESCALATE],
        APPROVE_VISIT,
        Gap::Field("approval"),
        "missing: `approval`",
    ),
    row(
        "to_onsite",
        &[VERIFY, ESCALATE, APPROVE_VISIT],
        ONSITE,
        Gap::Field("minutes"),
        "missing: `minutes`",
    ),
    row(
        "onsite_done",
        &[VERIFY, ESCALATE, APPROVE_VISIT, ONSITE],
        FILE,
        Gap::Field("evidence_list"),
        "missing: `evidence_list`",
    ),
    row(
        "onsite_done",
        &[VERIFY, ESCALATE, APPROVE_VISIT, ONSITE],
        FILE,
        Gap::Field("samples"),
        "missing: `samples`",
    ),
    row(
        "onsite_done",
        &[VERIFY, ESCALATE, APPROVE_VISIT, ONSITE],
        FILE,
        Gap::Field("no_video"),
        "缺现场检查视频",
    ),
    row(
        "returned",
        &[VERIFY, RECTIFY, SUBMIT, RETURN],
        SUBMIT,
        Gap::Field("promise"),
        "missing: `promise`",
    ),
    row(
        "filing",
        &[VERIFY, FILE],
        ACCEPT,
        Gap::Field("case_no"),
        "missing: `case_no`",
    ),
    row(
        "filing",
        &[VERIFY, FILE],
        ACCEPT,
        Gap::Field("case_form"),
        "missing: `case_form`",
    ),
    row(
        "filing",
        &[VERIFY, FILE],
        NO_PENALTY,
        Gap::Field("finding"),
        "missing: `finding`",
    ),
    row(
        "case",
        &[VERIFY, FILE, ACCEPT, NOTIFY, WAIVE],
        DECIDE,
        Gap::Field("major"),
        "missing: `major`",
    ),
    row(
        "case",
        &[VERIFY, FILE, ACCEPT],
        TRANSFER,
        Gap::Field("list"),
        "missing: `list`",
    ),
    row(
        "transferred",
        &[VERIFY, FILE, ACCEPT, TRANSFER],
        CLOSE,
        Gap::Code("closing", "false_alarm"),
        "write one of taken_over",
    ),
    row(
        "no_penalty",
        &[VERIFY, FILE, NO_PENALTY],
        CLOSE,
        Gap::Field("education"),
        "missing: `education`",
    ),
    row(
        "no_penalty",
        &[VERIFY, FILE, NO_PENALTY],
        CLOSE,
        Gap::Field("closing"),
        "missing: `closing`",
    ),
    row(
        "reopened",
        &[VERIFY, FILE, NO_PENALTY, CLOSE, REOPEN],
        VERIFY,
        Gap::Field("reason"),
        "missing: `reason`",
    ),
];

pub(super) async fn every_state_asks_for_what_leaves_it(bench: Bench) {
    for (number, row) in ROWS.iter().enumerate() {
        let case = bench.open(&format!("row-{number}"), Severity::S3).await;
        for (action, name, role) in row.steps {
            bench.act(&case, action, name, *role).await;
        }
        let place = format!("row {number}, state {}", row.state);
        assert_eq!(state(&bench, &case).await, row.state, "{place}");
        let (action, name, role) = row.leaving;
        let whole = papers_in(row.state, action).with("due", "2026-03-12");
        let mut short = whole.clone();
        match row.gap {
            Gap::Field(field) => assert!(short.fields.remove(field).is_some(), "{place}"),
            Gap::Files => short.attachments.clear(),
            Gap::Code(field, code) => short = short.with(field, code),
        }
        let who = person(name, role);
        let refused = bench.service.act(&case, action, &who, &short).await;
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains(row.said), "{place}: {refused}");
        bench.clock.advance(60_000_000);
        let done = bench.service.act(&case, action, &who, &whole).await;
        assert!(done.is_ok(), "{place}: {done:?}");
    }
    // Instead of a proof an explicit reason, and instead of fields with the submission a plan before it.
    let case = bench.open("proof", Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    let reason = Input {
        attachments: Vec::new(),
        ..papers()
    };
    let reason = reason
        .with("due", "2026-03-12")
        .with("no_proof", "the supplier has not written yet");
    let plant = person("plant", Role::Enterprise);
    let asked = bench
        .service
        .act(&case, "request_extension", &plant, &reason)
        .await;
    assert_eq!(asked.unwrap().state, "extended");
    sound(&bench).await;
}

pub(super) async fn a_case_is_closed_with_its_manifest(bench: Bench) {
    let case = bench.open("manifest", Severity::S3).await;
    let files = [
        bench.service.keep(&fixture("pump.jpg")).await.unwrap(),
        bench.service.keep(&fixture("valve.png")).await.unwrap(),
    ];
    let analyst = person("ana", Role::Analyst);
    bench
        .service
        .attach(&case, &analyst, &files, None)
        .await
        .unwrap();
    for (action, name, role) in DISMISS {
        bench.act(&case, action, name, role).await;
    }
    let archivist = person("arch", Role::Archivist);
    let forged = papers_in("dismissed", "close").with("files_sha256", "00");
    let forged = bench.service.act(&case, "close", &archivist, &forged).await;
    let forged = forged.unwrap_err().to_string();
    assert!(forged.contains("written by the program alone"), "{forged}");
    bench.act(&case, "close", "arch", Role::Archivist).await;
    let events = bench.service.show(&case).await.unwrap().events;
    let mut manifest = String::new();
    let mut count = 0;
    for file in events.iter().flat_map(|event| &event.attachments) {
        manifest.push_str(&format!("{}  {}\n", file.sha256, file.name));
        count += 1;
    }
    assert!(manifest.contains(&files[0].sha256) && manifest.contains("valve.png"));
    let row = events.last().unwrap();
    assert_eq!(row.fields["files_count"], count.to_string());
    let sha256 = hex::encode(Sha256::digest(manifest.as_bytes()));
    assert_eq!(row.fields["files_sha256"], sha256);
    sound(&bench).await;
}

pub(super) async fn an_extension_is_decided_in_a_day(bench: Bench) {
    let case = bench.open("extended", Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    let plant = person("plant", Role::Enterprise);
    let later = papers().with("due", "2026-03-12");
    bench
        .service
        .act(&case, "request_extension", &plant, &later)
        .await
        .unwrap();
    let due = async || {
        let case = bench.service.show(&case).await.unwrap().case;
        (case.state, beijing_text(case.due_at.unwrap()), case.overdue)
    };
    let is = |state: &str, due: &str, late: bool| (state.to_owned(), due.to_owned(), late);
    // The approver's own day, and the approver is late; the order's end waits.
    assert_eq!(due().await, is("extended", "2026-03-04 00:00", false));
    bench.clock.set(monday() + 2 * DAY);
    let fired = bench.service.tick().await.unwrap();
    let actions: Vec<&str> = fired.iter().map(|fired| fired.action.as_str()).collect();
    assert_eq!(actions, ["reminder", "overdue"]);
    assert_eq!(due().await, is("extended", "2026-03-04 00:00", true));
    bench
        .act(&case, "refuse_extension", "boss", Role::Approver)
        .await;
    assert_eq!(due().await, is("rectify", "2026-03-10 00:00", false));
    // The enterprise is reminded of it as before.
    bench.clock.set(monday() + 7 * DAY);
    let fired = bench.service.tick().await.unwrap();
    assert_eq!((fired.len(), fired[0].action.as_str()), (1, "reminder"));

    // What is granted is counted from the order's end, not from the approver's.
    bench
        .service
        .act(&case, "request_extension", &plant, &later)
        .await
        .unwrap();
    bench.clock.advance(HOUR);
    let approver = person("boss", Role::Approver);
    bench
        .service
        .act(&case, "grant_extension", &approver, &later)
        .await
        .unwrap();
    assert_eq!(due().await, is("rectify", "2026-03-13 00:00", false));
    sound(&bench).await;
}
