//! What a reviewer reads: the dossier of a case, and its files.

use serde_json::Value as Json;

use super::{MONDAY, PHOTO};
use crate::harness::sandbox::Sandbox;

/// The photo made smaller.
const SMALLER: &[u8] =
    include_bytes!("../../../analytics/src/review/evidence/fixtures/pump_again.jpg");

/// The page before the decision; nothing came in since the measures, so nobody can tell.
pub(super) fn a_reviewer_reads(sandbox: &Sandbox, case: &str) {
    let words = ["review", "dossier", case, "--at", "2027-03-04 09:00:00"];
    let page = sandbox.run(&words).done();
    for text in [
        "审核卷宗",
        "nothing could be judged",
        "pump.jpg",
        "缺少更换后照片",
    ] {
        assert!(
            page.stdout.contains(text),
            "no `{text}` in\n{}",
            page.stdout
        );
    }
    let words = [&words[..], &["--format", "json"]].concat();
    let page = sandbox.run(&words).done().json();
    let codes: Vec<&str> = page["conflicts"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|conflict| conflict["code"].as_str())
        .collect();
    for code in ["photo_before_order", "photo_reused", "nothing_judged"] {
        assert!(codes.contains(&code), "{codes:?}");
    }
    assert_eq!(page["finding"]["anomaly_id"], page["case"]["anomaly_id"]);
    assert!(page["finding"]["evidence"].is_object());
    assert_eq!(page["submissions"], 2);
}

/// What a reviewer sees of the files two cases share, and what a changed file does.
pub(super) fn a_photo_is_recognised(sandbox: &Sandbox, first: &str, second: &str) {
    let files = |case: &str| {
        let words = ["review", "files", case, "--format", "json"];
        sandbox.run(&words).done().json()
    };
    let photo = &files(first)[0];
    assert_eq!(photo["facts"]["device"], "Huawei P60");
    assert_eq!(photo["facts"]["latitude_e6"], 37_434_767);
    assert_eq!(photo["kept"], "sound");
    assert_eq!(photo["seen_before"], Json::Array(Vec::new()));
    let reused = &files(second)[0]["seen_before"];
    assert_eq!(reused[0]["case_id"], first, "{reused}");
    assert_eq!(reused[0]["identical"], true);

    sandbox.write("smaller.jpg", SMALLER);
    sandbox.write("notes.pdf", b"no PDF at all");
    let officer = ["--by", "o-9", "--role", "officer", "--at", MONDAY];
    let attach = |file: &str| {
        let words = [&["review", "attach", second, file][..], &officer].concat();
        sandbox.run(&words)
    };
    attach("notes.pdf")
        .exits(2)
        .complains(&["notes.pdf", "JPEG, PNG"]);
    let shown = attach("smaller.jpg").done();
    let text = format!("looks the same in {first}");
    assert!(shown.stdout.contains(&text), "{}", shown.stdout);

    let out = sandbox.file("files-of-the-case");
    let saved = ["review", "files", second, "--save", out.to_str().unwrap()];
    sandbox.run(&saved).done();
    assert_eq!(std::fs::read(out.join("01-pump.jpg")).unwrap(), PHOTO);
}
