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

/// What was walked before, as figures: every one is the number of its rows.
pub(super) fn figures_lead_to_their_rows(sandbox: &Sandbox) {
    let year = [
        "stats",
        "--year",
        "2027",
        "--as-of",
        "2027-12-31",
        "--format",
        "json",
    ];
    let figures = sandbox.run(&year).done().json();
    // The targets of the case work; those counted from tables have no rate of decisions.
    let figures = figures.as_array().unwrap().iter();
    let figures: Vec<&Json> = figures
        .filter(|figure| figure["rate"].is_object())
        .collect();
    assert_eq!(figures.len(), 7);
    for figure in figures {
        let code = figure["code"].as_str().unwrap();
        let rows = sandbox.run(&[&year[..], &["--rows", code]].concat());
        let rows = rows.done().json();
        let rows = rows.as_array().unwrap();
        let hits = rows.iter().filter(|row| row["hit"] == true).count();
        assert_eq!(figure["rate"]["of"], rows.len(), "{code}");
        assert_eq!(figure["rate"]["hits"], hits, "{code}");
        assert!(!rows.is_empty(), "{code}");
    }
    let shown = sandbox.run(&["stats", "--year", "2027", "--by-org"]);
    assert!(shown.done().stdout.contains("线索准确率"));
    sandbox
        .run(&["stats", "--rows", "weather"])
        .exits(2)
        .complains(&["no target", "clue_precision"]);
}
