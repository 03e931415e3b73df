//! A case that goes on-site and to a penalty: visited, filed, told, heard, decided, served, paid.

use super::{
    ANALYST, ARCHIVIST, ENTERPRISE, LEGAL, MONDAY, OFFICER, PHOTO, Who, by_severity, id, step,
    waiting, walk,
};
use crate::harness::sandbox::Sandbox;

const INVESTIGATOR: Who = ("inv", "investigator");
const APPROVER: Who = ("boss", "approver");

pub(super) fn one_goes_on_site(sandbox: &Sandbox) {
    let cases = waiting(sandbox);
    let case = id(by_severity(&cases, "S3"));
    assert_eq!(
        walk(
            sandbox,
            MONDAY,
            ANALYST,
            &["triage", case, "--decision", "verify"],
            &["--reason", "数据充分"]
        ),
        "verify_off"
    );
    let doubt = [
        "--reason",
        "explanation contradicts the data",
        "--officers",
        "o-1,o-2",
    ];
    assert_eq!(
        walk(sandbox, MONDAY, OFFICER, &["escalate", case], &doubt),
        "onsite_approval"
    );
    sandbox.write("minutes.jpg", PHOTO);
    let visit = [
        "--act",
        "act-2",
        "--officers",
        "o-1,o-2",
        "--field",
        "minutes=笔录 2027-1",
        "--attach",
        "minutes.jpg",
    ];
    step(sandbox, MONDAY, OFFICER, &["onsite", case], &visit)
        .exits(2)
        .complains(&["`onsite_approval`", "approve_onsite"]);
    let team = ["--officers", "o-1,o-2", "--approval", "form-7"];
    let approve = ["do", "approve_onsite", case];
    assert_eq!(
        walk(sandbox, MONDAY, APPROVER, &approve, &team),
        "to_onsite"
    );
    assert_eq!(
        walk(sandbox, MONDAY, OFFICER, &["onsite", case], &visit),
        "onsite_done"
    );
    let facts = [
        "--officers",
        "o-1,o-2",
        "--facts",
        "超标排放",
        "--field",
        "evidence_list=小时数据, 笔录",
        "--field",
        "samples=未采样：停产",
    ];
    step(sandbox, MONDAY, OFFICER, &["file", case], &facts)
        .exits(2)
        .complains(&["缺现场检查视频"]);
    let facts = [&facts[..], &["--field", "no_video=记录仪故障"]].concat();
    assert_eq!(
        walk(sandbox, MONDAY, OFFICER, &["file", case], &facts),
        "filing"
    );
    let number = ["--field", "case_no=2027-1", "--field", "case_form=立审-1"];
    assert_eq!(
        walk(
            sandbox,
            MONDAY,
            LEGAL,
            &["do", "accept_case", case],
            &number
        ),
        "case"
    );
    penalised(sandbox, case);
}

/// From the filed case to the file: told, heard, decided, served, paid.
fn penalised(sandbox: &Sandbox, case: &str) {
    let decision = ["--field", "decision=2027-1-1", "--field", "major=no"];
    let decide = ["do", "decide", case];
    step(sandbox, MONDAY, LEGAL, &decide, &decision)
        .exits(2)
        .complains(&["尚未告知当事人", "notify"]);
    step(sandbox, MONDAY, ARCHIVIST, &["close", case], &[])
        .exits(2)
        .complains(&["尚未作出处罚决定"]);
    let steps: [(Who, &str, &[&str]); 5] = [
        (INVESTIGATOR, "notify", &["--receipt", "送达回证 1"]),
        (
            ENTERPRISE,
            "waive_hearing",
            &["--statement", "放弃", "--receipt", "声明 1"],
        ),
        (LEGAL, "decide", &decision),
        (
            INVESTIGATOR,
            "serve_decision",
            &["--channel", "in person", "--receipt", "送达回证 2"],
        ),
        (INVESTIGATOR, "pay", &["--receipt", "票据 1"]),
    ];
    for (who, action, papers) in steps {
        let words = ["do", action, case];
        assert_eq!(walk(sandbox, MONDAY, who, &words, papers), "case");
    }
    assert_eq!(
        walk(sandbox, MONDAY, ARCHIVIST, &["close", case], &[]),
        "closed"
    );
    let shown = sandbox.run(&["review", "show", case, "--format", "json"]);
    let shown = shown.done().json();
    let closed = shown["events"].as_array().unwrap().last().unwrap();
    let hash = closed["fields"]["files_sha256"].as_str().unwrap();
    assert_eq!(hash.len(), 64);
}
