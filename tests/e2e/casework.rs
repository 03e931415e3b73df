//! A case by hand: an officer's, an enterprise's and a reviewer's commands, from finding to file.
//!
//! Every step is told its time (`--at`), so that deadlines pass when the test says so.

mod acts;
mod pages;
mod visit;

use nonsite_generator::Scale;
use serde_json::Value as Json;

use crate::harness::sandbox::{Output, Sandbox};
use crate::harness::{postgres, topics};
use crate::pipeline::province;
use pages::{a_photo_is_recognised, a_reviewer_reads, figures_lead_to_their_rows};

/// A Monday after the data; working hours in Beijing.
const MONDAY: &str = "2027-03-01 09:00:00";

/// When the rules look: after the data, and after the marking deadline of what they found.
const CONFIRMED: [&str; 2] = ["2026-06-06T12:00:00+08:00", "2026-06-09T12:00:00+08:00"];

/// A photo with time, place and device in it.
const PHOTO: &[u8] = include_bytes!("../../analytics/src/review/evidence/fixtures/pump.jpg");

/// An approval: opinion, checklist, why it does not wait for the rule to be silent, and how what does
/// not fit was resolved.
const APPROVED: [&str; 18] = [
    // No data come in after the measures.
    "--field",
    "override=手工监测报告 7",
    // One photo serves every case here, and was taken before any of them.
    "--resolve",
    "photo_reused=同一台水泵",
    "--resolve",
    "photo_before_order=相机时钟错误",
    "--resolve",
    "photo_elsewhere=定位漂移",
    "--resolve",
    "same_trouble_again=已约谈",
    "--resolve",
    "treatment_stands=无数据",
    "--resolve",
    "no_ticket=企业自修",
    "--opinion",
    "整改到位",
    "--items",
    "order=pass; data=pass; statement=pass; photos=pass; repair=pass; lab=na:自动监测; \
     permit=na:未变更; history=pass",
];

/// Who acts: name and role.
type Who = (&'static str, &'static str);
const ANALYST: Who = ("ana", "analyst");
const ENTERPRISE: Who = ("plant", "enterprise");
const OFFICER: Who = ("o-1", "officer");
const REVIEWER: Who = ("rev", "reviewer");
const SECOND: Who = ("rev-2", "reviewer");
const LEGAL: Who = ("law", "legal");
const ARCHIVIST: Who = ("arch", "archivist");

/// `nonsite review STEP CASE --by NAME --role ROLE --at TIME ...`.
fn step(sandbox: &Sandbox, at: &str, who: Who, words: &[&str], papers: &[&str]) -> Output {
    let who = [
        "--by", who.0, "--role", who.1, "--at", at, "--format", "json",
    ];
    sandbox.run(&[&["review"][..], words, &who, papers].concat())
}

/// A step that works; the state it led to.
fn walk(sandbox: &Sandbox, at: &str, who: Who, words: &[&str], papers: &[&str]) -> String {
    let after = step(sandbox, at, who, words, papers).done().json();
    after["state"].as_str().unwrap().to_owned()
}

/// Cases in triage, the worst first.
fn waiting(sandbox: &Sandbox) -> Vec<Json> {
    let list = [
        "review", "list", "--state", "triage", "--limit", "0", "--format", "json",
    ];
    match sandbox.run(&list).done().json() {
        Json::Array(cases) => cases,
        other => panic!("no list: {other}"),
    }
}

fn id(case: &Json) -> &str {
    case["case_id"].as_str().unwrap()
}

/// The way of every case that ends in rectification, up to the submission.
fn to_submitted(sandbox: &Sandbox, case: &str) {
    let steps: [(Who, &[&str], &[&str], &str); 5] = [
        (
            ANALYST,
            &["dispatch", case],
            &["--channel", "client", "--reason", "需企业说明"],
            "dispatched",
        ),
        (
            ANALYST,
            &["deliver", case],
            &["--receipt", "read 09:05"],
            "self_check",
        ),
        (
            ENTERPRISE,
            &["answer", case],
            &[
                "--cause",
                "abatement_fault",
                "--statement",
                "循环泵故障",
                "--field",
                "no_proof=见维修工单",
            ],
            "answered",
        ),
        (OFFICER, &["verify", case], &[], "verify_off"),
        (
            OFFICER,
            &["rectify", case],
            &[
                "--act",
                "act-1",
                "--officers",
                "o-1,o-2",
                "--measures",
                "更换循环泵",
            ],
            "rectify",
        ),
    ];
    for (who, words, papers, state) in steps {
        assert_eq!(walk(sandbox, MONDAY, who, words, papers), state);
    }
    submit(sandbox, case);
}

fn submit(sandbox: &Sandbox, case: &str) {
    sandbox.write("pump.jpg", PHOTO);
    let papers = [
        "--measures",
        "已更换",
        "--measure-date",
        "2027-03-01",
        "--promise",
        "厂长",
        "--field",
        "owner=厂长 13800000000",
        "--field",
        "plan_due=2027-03-03",
        "--attach",
        "after=pump.jpg",
    ];
    assert_eq!(
        walk(sandbox, MONDAY, ENTERPRISE, &["submit", case], &papers),
        "submitted"
    );
}

#[test]
fn a_case_is_walked_from_finding_to_file() {
    let mut sandbox = Sandbox::new("casework");
    let alerts = sandbox.topic_name("alerts");
    topics::create(&alerts, 1);
    sandbox.set("alerts.topic", alerts.as_str());
    let scale = Scale {
        points: 32,
        days: 2,
        factors: 6,
        ..Scale::default()
    };
    let (summary, _) = province(&mut sandbox, scale);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert!(summary.end.as_str() < CONFIRMED[0]);
    // The loggers are silent after the data; days later all findings are past their marking time.
    for as_of in CONFIRMED {
        sandbox.run(&["detect", "--once", "--as-of", as_of]).done();
    }
    let rows = walk_every_way(&sandbox);
    analysts_join_the_mirror(&sandbox, rows);
    acts::checks_become_inspections(&mut sandbox);
    acts::a_receiver_checks_a_package(&sandbox);

    let team = postgres::address();
    sandbox.set("review.database", team);
    assert_eq!(
        walk_every_way(&sandbox),
        rows,
        "the same rows in PostgreSQL"
    );
}

/// Every way of a case, on an empty queue; the length of the audit chain.
fn walk_every_way(sandbox: &Sandbox) -> i64 {
    let taken = sandbox.run(&["review", "take", "--at", MONDAY]).done();
    let warning = "no public holidays are known for 2027";
    assert!(taken.stderr.contains(warning), "{}", taken.stderr);
    let cases = waiting(sandbox);
    assert!(cases.len() >= 8, "{} cases", cases.len());

    let first = id(by_severity(&cases, "S3"));
    one_case_to_the_end(sandbox, first);
    let serious = id(by_severity(&cases, "S2"));
    two_persons_for_a_serious_one(sandbox, serious);
    a_photo_is_recognised(sandbox, first, serious);
    visit::one_goes_on_site(sandbox);
    two_people_want_the_same(sandbox);
    look_back_ends_by_itself(sandbox, id(by_severity(&cases, "S3")));

    figures_lead_to_their_rows(sandbox);
    let audit = ["audit", "verify", "--format", "json"];
    let audit = sandbox.run(&audit).done().json();
    assert_eq!(audit["fault"], Json::Null, "{audit}");
    let head = audit["head"].as_str().unwrap();
    let index = ["review", "reindex", "--format", "json"];
    let index = sandbox.run(&index).done().json();
    assert_eq!(index["cases"], audit["cases"], "nothing is lost by it");
    sandbox
        .run(&["review", "audit", "--expect-head", head])
        .done();
    let elsewhere = "0".repeat(63) + "1";
    sandbox
        .run(&["audit", "verify", "--expect-head", &elsewhere])
        .exits(1);
    audit["rows"].as_i64().unwrap()
}

#[test]
fn an_address_without_a_server_or_with_a_password_is_refused() {
    let mut sandbox = Sandbox::without_broker("no-postgres");
    sandbox.set(
        "review.database",
        "postgres://nonsite:secret@localhost/queue",
    );
    let refused = sandbox.run(&["review", "counts"]).exits(2);
    assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
    refused.complains(&["[review] database", "PGPASSWORD"]);
    sandbox.set(
        "review.database",
        "postgres://nonsite@%2Fno%2Fsuch%2Ffolder/queue",
    );
    sandbox
        .run(&["review", "counts"])
        .exits(3)
        .complains(&["cannot be opened", "no%2Fsuch"]);
}

fn by_severity<'a>(cases: &'a [Json], severity: &str) -> &'a Json {
    cases
        .iter()
        .find(|case| case["severity"] == severity)
        .unwrap_or_else(|| panic!("no {severity} case among {}", cases.len()))
}

fn one_case_to_the_end(sandbox: &Sandbox, case: &str) {
    // What is not possible says why, and what is.
    step(sandbox, MONDAY, ARCHIVIST, &["close", case], &[])
        .exits(2)
        .complains(&[
            "`triage`",
            "`close` is not possible",
            "Possible now: dismiss (analyst)",
        ]);
    step(
        sandbox,
        MONDAY,
        OFFICER,
        &["dispatch", case],
        &["--channel", "sms"],
    )
    .exits(2)
    .complains(&["role `officer` may not", "analyst"]);
    step(sandbox, MONDAY, ANALYST, &["dispatch", case], &[])
        .exits(2)
        .complains(&["missing: `channel`", "--NAME VALUE"]);
    step(
        sandbox,
        MONDAY,
        ANALYST,
        &["dispatch", "cffffffffffffffff"],
        &[],
    )
    .exits(2)
    .complains(&["there is no case", "review list"]);
    to_submitted(sandbox, case);
    // The officers of the act do not review it.
    for handler in [("o-1", "reviewer"), ("o-2", "reviewer")] {
        step(sandbox, MONDAY, handler, &["approve", case], &APPROVED)
            .exits(2)
            .complains(&["handled this case and may not review it"]);
    }
    step(
        sandbox,
        MONDAY,
        REVIEWER,
        &["return", case],
        &["--items", "缺少更换后照片"],
    )
    .exits(2)
    .complains(&["write ITEM=pass"]);
    let items = ["--item", "photos=fail:缺少更换后照片"];
    assert_eq!(
        walk(sandbox, MONDAY, REVIEWER, &["return", case], &items),
        "returned"
    );
    submit(sandbox, case);
    a_reviewer_reads(sandbox, case);
    let opinion = ["--opinion", "整改到位"];
    step(sandbox, MONDAY, REVIEWER, &["approve", case], &opinion)
        .exits(2)
        .complains(&["missing: `items`"]);
    let unresolved = [&APPROVED[..2], &APPROVED[14..]].concat();
    step(sandbox, MONDAY, REVIEWER, &["approve", case], &unresolved)
        .exits(2)
        .complains(&["系统发现的矛盾尚未说明", "photo_reused", "`resolved`"]);
    let opinion = APPROVED;
    assert_eq!(
        walk(sandbox, MONDAY, REVIEWER, &["approve", case], &opinion),
        "look_back"
    );
    let words = ["review", "messages", "--format", "json"];
    let told = sandbox.run(&words).done().json();
    let repairs: Vec<&Json> = told
        .as_array()
        .unwrap()
        .iter()
        .filter(|message| message["kind"] == "credit_repair" && message["case_id"] == case)
        .collect();
    assert_eq!(repairs.len(), 1, "{told}");
    assert_eq!(repairs[0]["measures"], "已更换");
    let since = repairs[0]["seq"].to_string();
    let words = [&words[..], &["--since", since.as_str()]].concat();
    assert_eq!(sandbox.run(&words).done().json(), Json::Array(Vec::new()));
    let shown = sandbox
        .run(&["review", "show", case, "--at", MONDAY])
        .done();
    for text in [
        "回头看",
        "timeline (Beijing)",
        "returned 1 time,",
        "pump.jpg",
        "then close",
    ] {
        assert!(
            shown.stdout.contains(text),
            "no `{text}` in\n{}",
            shown.stdout
        );
    }
}

fn two_persons_for_a_serious_one(sandbox: &Sandbox, case: &str) {
    to_submitted(sandbox, case);
    let opinion = APPROVED;
    let approve = |who| walk(sandbox, MONDAY, who, &["approve", case], &opinion);
    assert_eq!(approve(REVIEWER), "submitted", "one signature");
    step(sandbox, MONDAY, REVIEWER, &["approve", case], &opinion)
        .exits(2)
        .complains(&["a second person has to"]);
    assert_eq!(approve(SECOND), "look_back");
}

/// Two people ask for one case, and six for the next one, all at the same time.
fn two_people_want_the_same(sandbox: &Sandbox) {
    let claim = |name: &'static str, case: Option<&str>| {
        let mut words = vec!["review", "claim"];
        words.extend(case);
        words.extend([
            "--by", name, "--role", "analyst", "--at", MONDAY, "--format", "json",
        ]);
        let mut command = sandbox.command(&words);
        command
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped());
        command.spawn().unwrap()
    };
    let cases = waiting(sandbox);
    let wanted = id(cases.last().unwrap());
    let racers = ["ana", "bo"].map(|name| claim(name, Some(wanted)));
    let mut codes: Vec<i32> = Vec::new();
    for racer in racers {
        let output = racer.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        codes.extend(output.status.code());
        assert!(
            output.status.success() || said.contains("has claimed the case"),
            "{said}"
        );
    }
    codes.sort_unstable();
    assert_eq!(codes, [0, 2], "one has it, the other is told who");

    let racers = ["c", "d", "e", "f", "g", "h"].map(|name| claim(name, None));
    let mut got = Vec::new();
    for racer in racers {
        let output = racer.wait_with_output().unwrap();
        assert!(output.status.success());
        let case: Json = serde_json::from_slice(&output.stdout).unwrap();
        if !case.is_null() {
            got.push(id(&case).to_owned());
        }
    }
    let handed_out = got.len();
    assert_eq!(
        handed_out,
        6.min(cases.len() - 1),
        "nobody waits while there is work"
    );
    got.push(wanted.to_owned());
    got.sort();
    got.dedup();
    assert_eq!(got.len(), handed_out + 1, "no case is handed out twice");
}

fn look_back_ends_by_itself(sandbox: &Sandbox, case: &str) {
    let tick = |at: &str| {
        let output = sandbox
            .run(&["review", "tick", "--at", at, "--format", "json"])
            .done();
        output.json().as_array().unwrap().iter().any(|fired| {
            fired["case_id"] == case && fired["from"] == "look_back" && fired["to"] == "closed"
        })
    };
    assert!(!tick("2027-03-08 23:59:00"), "the seventh day is not over");
    assert!(!tick("2027-03-30 12:00:00"), "checked, and watched on");
    assert!(tick("2027-04-01 08:00:00"));
    let shown = sandbox
        .run(&["review", "show", case, "--format", "json"])
        .done()
        .json();
    let closed = shown["events"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&closed["action"], &closed["actor"]),
        (&Json::from("close"), &Json::from("engine"))
    );
    assert!(
        closed["effective_at"].as_i64() < closed["at"].as_i64(),
        "as of its end"
    );
    let checks: Vec<(&str, &str)> = shown["events"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|event| event["action"] == "check")
        .map(|event| {
            let field = |name: &str| event["fields"][name].as_str().unwrap();
            (field("check"), field("result"))
        })
        .collect();
    // The loggers are silent: nothing could be judged, and the file says so.
    assert_eq!(checks, [("7", "not_judged"), ("30", "not_judged")]);
}

fn analysts_join_the_mirror(sandbox: &Sandbox, rows: i64) {
    let mirror = || {
        sandbox
            .run(&["review", "mirror", "--format", "json"])
            .done()
            .json()
    };
    // Figures bring the mirror up to date as well, so there may be nothing left to do.
    let first = mirror()["events"].as_i64();
    assert!(
        first.is_some_and(|events| events <= rows),
        "{first:?} of {rows}"
    );
    let again = mirror();
    assert_eq!(
        (&again["events"], &again["cases"]),
        (&Json::from(0), &Json::from(0))
    );
    assert_eq!(
        sandbox.count("SELECT count(*) AS n FROM review_events"),
        rows
    );
    assert_eq!(
        sandbox.count(
            "SELECT count(*) AS n FROM review_cases c JOIN review_events e \
             ON e.case_id = c.case_id AND e.case_version = c.version AND e.to_state = c.state"
        ),
        rows,
        "every version of every case"
    );
    let closed = sandbox.query(
        "SELECT DISTINCT c.case_id, a.reason FROM review_cases c JOIN anomalies a USING (anomaly_id) \
         WHERE c.state = 'closed'",
    );
    assert!(
        closed.len() >= 2,
        "the archived and the looked back on: {closed:?}"
    );
}
