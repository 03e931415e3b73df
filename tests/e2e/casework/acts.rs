//! Checks that the workflow itself records: into the table, by the topic, on paper and as a package.

use std::path::Path;
use std::process::Command;

use serde_json::Value as Json;

use super::{ANALYST, LEGAL, OFFICER, id, walk};
use crate::harness::sandbox::Sandbox;

/// After every deadline that the walk before let pass.
const BEGAN: &str = "2027-04-01 09:00:00";
const ENDED: &str = "2027-04-01 10:00:00";
const NEXT_DAY: &str = "2027-04-02 09:00:00";

/// What the officers add to the draft.
const SIGNED: &str = r#"signed_by = "chief"
"#;
const REST: &str = r#"
[approval]
approval_id = "SP-1"
approved_by = "head"
approved_at = "2027-04-01 08:30:00"
[notice]
channel = "client"
notified_at = "2027-04-01 10:05:00"
[[checklist]]
item_id = "limits"
answer = "fail"
"#;

/// The data a clue rests on, queried; a clue about data that never came has none.
fn draft(sandbox: &Sandbox, case: &str) -> String {
    sandbox.run(&["review", "draft", case]).done().stdout
}

/// Verifies a clue off-site, with a record; its act.
fn verified(sandbox: &Sandbox, case: &str) -> Json {
    let decision = ["--decision", "verify", "--reason", "数据充分"];
    let triage = ["triage", case];
    assert_eq!(
        walk(sandbox, BEGAN, ANALYST, &triage, &decision),
        "verify_off"
    );
    let draft = draft(sandbox, case);
    sandbox.write("record.toml", format!("{SIGNED}{draft}{REST}"));
    let papers = [
        "--officers",
        "o-1,o-2",
        "--certificates",
        "o-1=1501,o-2=1502",
        "--measures",
        "检修",
        "--record",
        "record.toml",
    ];
    assert_eq!(
        walk(sandbox, ENDED, OFFICER, &["rectify", case], &papers),
        "rectify"
    );
    let shown = sandbox.run(&["review", "show", case, "--format", "json"]);
    let shown = shown.done().json();
    let act = shown["acts"][0].clone();
    assert_eq!(act["counts"], true, "{act}");
    assert!(shown["already_checked"].is_array());
    act
}

fn delivered(sandbox: &Sandbox, at: &str) -> i64 {
    let words = ["review", "acts", "--at", at, "--format", "json"];
    sandbox.run(&words).done().json()["acts"].as_i64().unwrap()
}

/// Rows of the act in the table.
fn rows_of(sandbox: &Sandbox, act: &Json) -> i64 {
    let act = act["act_id"].as_str().unwrap();
    sandbox.count(&format!(
        "SELECT count(*) FROM inspections WHERE act_id = '{act}'"
    ))
}

pub(super) fn checks_become_inspections(sandbox: &mut Sandbox) {
    let cases = super::waiting(sandbox);
    let with_data: Vec<&str> = cases
        .iter()
        .filter(|case| case["outlet_uid"].is_string())
        .map(id)
        .filter(|case| draft(sandbox, case).contains("rows = "))
        .take(2)
        .collect();
    let [first, second] = with_data[..] else {
        panic!("{} of {} clues have data", with_data.len(), cases.len());
    };
    // What the walk verified and recorded before.
    assert!(delivered(sandbox, BEGAN) > 0);
    let act = verified(sandbox, first);
    assert_eq!(delivered(sandbox, ENDED), 1);
    assert_eq!(delivered(sandbox, ENDED), 0);
    assert_eq!(rows_of(sandbox, &act), 1);
    let words = [
        "ratio",
        "--year",
        "2027",
        "--as-of",
        "2027-12-31",
        "--known-at",
        "2027-12-31",
        "--list",
        "counted",
        "--format",
        "json",
    ];
    let counted = sandbox.run(&words).done().json();
    let counted = counted.as_array().unwrap();
    assert!(
        counted.iter().any(|other| other["act_id"] == act["act_id"]),
        "{counted:?}"
    );

    // By the topic, as the acts of other systems.
    let topic = sandbox.topic_name("inspections");
    sandbox.set("review.acts_topic", topic.as_str());
    let act = verified(sandbox, second);
    assert_eq!(delivered(sandbox, ENDED), 1);
    assert_eq!(delivered(sandbox, NEXT_DAY), 0);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    assert_eq!(rows_of(sandbox, &act), 1);
    sandbox.verify();
    sandbox.set("review.acts_topic", "");
    assert_eq!(delivered(sandbox, NEXT_DAY), 0);
}

/// Documents and a package of the case that was filed and closed.
pub(super) fn a_receiver_checks_a_package(sandbox: &Sandbox) {
    let words = [
        "review", "list", "--state", "closed", "--limit", "0", "--format", "json",
    ];
    let closed = sandbox.run(&words).done().json();
    let visited = closed.as_array().unwrap().iter().map(id).find(|case| {
        let shown = sandbox.run(&["review", "show", case]).done().stdout;
        shown.contains("accept_case")
    });
    let case = visited.expect("one case was filed");
    let pages = ["review", "bundle", case, "four_notices", "--out", "print"];
    sandbox.run(&pages).done();
    let page = std::fs::read_to_string(sandbox.file("print/01-identity_and_basis.html")).unwrap();
    assert!(page.contains("待本局确认") && page.contains("size: A4"));
    let unknown = ["review", "bundle", case, "six", "--out", "print"];
    sandbox
        .run(&unknown)
        .exits(2)
        .complains(&["no bundle `six`", "four_notices"]);
    let served = [
        "review",
        "serve",
        case,
        "four_notices",
        "--channel",
        "in person",
        "--receipt",
        "R-1",
        "--at",
        NEXT_DAY,
        "--by",
        OFFICER.0,
        "--role",
        OFFICER.1,
    ];
    sandbox.run(&served).done();

    let package = |out: &str| {
        let words = [
            "review",
            "package",
            case,
            "--kind",
            "filing",
            "--receiver",
            "法制科",
            "--out",
            out,
            "--at",
            NEXT_DAY,
            "--by",
            LEGAL.0,
            "--role",
            LEGAL.1,
            "--format",
            "json",
        ];
        sandbox.run(&words).done().json()
    };
    let first = package("one.zip");
    let second = package("two.zip");
    assert_eq!(
        first["sha256"], second["sha256"],
        "the same state, the same bytes"
    );
    tool(sandbox.path(), &["unzip", "-q", "one.zip", "-d", "one"]);
    let checked = tool(
        &sandbox.file("one"),
        &["sha256sum", "-c", "--strict", "SHA256SUMS"],
    );
    assert!(checked.contains("data/readings.parquet: OK"), "{checked}");
    assert!(
        checked.contains("documents/01-filing_form.html: OK"),
        "{checked}"
    );
    let readings = std::fs::read_to_string(sandbox.file("one/data/readings.csv")).unwrap();
    assert!(readings.lines().count() > 1, "no readings went along");
    sandbox.run(&["audit", "verify"]).done();
}

/// Runs a tool of the receiver's in a folder; its output.
fn tool(folder: &Path, words: &[&str]) -> String {
    let output = Command::new(words[0])
        .args(&words[1..])
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}; deploy/dev/setup.sh test", words[0]));
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{words:?}: {said}");
    said
}
