//! What files show, and what an enterprise is told of earlier ones.

use std::collections::BTreeSet;

use super::super::by_hand::tamper;
use super::super::caller::{Caller, Scope};
use super::super::case::Case;
use super::super::evidence::{CaseFile, EvidenceKind, fixture};
use super::super::step::{Attachment, Input};
use super::super::testing::{Bench, finding, papers_for, person};
use super::*;

/// Opens a case and takes it to where the enterprise rectifies.
async fn rectifying(bench: &Bench, id: &str) -> String {
    let case = bench.open(id, Severity::S3).await;
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    bench.act(&case, "rectify", "o-1", Role::Officer).await;
    case
}

async fn keep(bench: &Bench, name: &str, kind: Option<EvidenceKind>) -> Attachment {
    let kept = bench.service.keep(&fixture(name)).await.unwrap();
    kept.showing(kind)
}

async fn hand_in(bench: &Bench, case: &str, files: &[Attachment]) {
    let officer = person("o-9", Role::Officer);
    bench.clock.advance(60_000_000);
    let done = bench.service.attach(case, &officer, files, None).await;
    done.unwrap();
}

pub(super) async fn an_approval_asks_for_a_photo_of_the_state_after(bench: Bench) {
    let case = rectifying(&bench, "photo").await;
    let plant = person("plant", Role::Enterprise);
    let reviewer = person("rev", Role::Reviewer);
    let submit = async |kind: Option<EvidenceKind>| {
        let mut input = papers_for("submit");
        for file in &mut input.attachments {
            file.kind = kind;
        }
        bench.clock.advance(60_000_000);
        let done = bench.service.act(&case, "submit", &plant, &input).await;
        assert_eq!(done.unwrap().state, "submitted");
    };
    let approve = async |resolved: Option<&str>| {
        let mut input = papers_for("approve");
        input.fields.remove("resolved");
        if let Some(resolved) = resolved {
            input = input.with("resolved", resolved);
        }
        bench.clock.advance(60_000_000);
        let done = bench.service.act(&case, "approve", &reviewer, &input).await;
        done.map(|case| case.state)
            .map_err(|error| error.to_string())
    };
    for kind in [None, Some(EvidenceKind::Before)] {
        submit(kind).await;
        let open = approve(None).await.unwrap_err();
        assert!(
            open.contains("no_photo_after (称已整改而无整改后照片或视频"),
            "{open}"
        );
        if kind.is_none() {
            // What a reviewer hands in shows something too, so this return has no file.
            let mut input = papers_for("return");
            input.attachments.clear();
            bench.clock.advance(60_000_000);
            let done = bench.service.act(&case, "return", &reviewer, &input).await;
            done.unwrap();
        }
    }
    // What is not asked for a second time is what an officer brought meanwhile.
    let after = keep(&bench, "valve.png", Some(EvidenceKind::After)).await;
    hand_in(&bench, &case, &[after]).await;
    assert_eq!(approve(None).await.as_deref(), Ok("look_back"));

    // Nothing to photograph: the reviewer says so.
    let other = rectifying(&bench, "paper").await;
    let mut input = papers_for("submit");
    input.attachments[0].kind = Some(EvidenceKind::PermitChange);
    let done = bench.service.act(&other, "submit", &plant, &input).await;
    assert_eq!(done.unwrap().state, "submitted");
    let said = papers_for("approve").with("resolved", "no_photo_after=变更许可，无现场措施");
    let done = bench.service.act(&other, "approve", &reviewer, &said).await;
    assert_eq!(done.unwrap().state, "look_back");
    sound(&bench).await;
}

pub(super) async fn what_a_file_shows_is_on_record(bench: Bench) {
    let case = rectifying(&bench, "kinds").await;
    let report = bench.files.path().join("report.pdf");
    std::fs::write(&report, b"%PDF-1.7\n").unwrap();
    let report = bench.service.keep(&report).await.unwrap();
    let plant = person("plant", Role::Enterprise);
    // A document is no photo, neither beside a step nor with one.
    let wrong = report.clone().showing(Some(EvidenceKind::After));
    let attach = bench
        .service
        .attach(&case, &plant, std::slice::from_ref(&wrong), None)
        .await;
    let with_step = Input {
        attachments: vec![wrong],
        ..papers_for("submit")
    };
    let step = bench.service.act(&case, "submit", &plant, &with_step).await;
    for refused in [attach, step] {
        let said = refused.unwrap_err().to_string();
        assert!(
            said.contains("`after` is for photos and videos") && said.contains("report.pdf"),
            "{said}"
        );
    }
    let files = [
        report.showing(Some(EvidenceKind::LabReport)),
        keep(&bench, "pump.jpg", Some(EvidenceKind::After)).await,
        keep(&bench, "valve.png", None).await,
    ];
    bench
        .service
        .attach(&case, &plant, &files, None)
        .await
        .unwrap();
    let kinds: Vec<Option<EvidenceKind>> = bench
        .service
        .files(&case)
        .await
        .unwrap()
        .iter()
        .filter(|file| file.action == "attach")
        .map(|file| file.file.kind)
        .collect();
    assert_eq!(
        kinds,
        [
            Some(EvidenceKind::LabReport),
            Some(EvidenceKind::After),
            None
        ]
    );
    sound(&bench).await;
    // Neither the index nor the row can be made to say something else.
    for damage in [
        "UPDATE review_files SET kind = 'before' WHERE kind = 'after'",
        "UPDATE review_files SET kind = 'after' WHERE kind IS NULL",
    ] {
        tamper(&bench, damage).await;
        let fault = bench.service.audit(None).await.unwrap().fault.unwrap();
        assert!(fault.to_string().contains("the index of files"), "{fault}");
        tamper(
            &bench,
            "UPDATE review_files SET kind = CASE name WHEN 'pump.jpg' THEN 'after' \
             WHEN 'report.pdf' THEN 'lab_report' END",
        )
        .await;
        sound(&bench).await;
    }
    tamper(
        &bench,
        "UPDATE review_events SET attachments = \
         replace(attachments, '\"kind\":\"lab_report\"', '\"kind\":\"other\"')",
    )
    .await;
    let fault = bench.service.audit(None).await.unwrap().fault.unwrap();
    assert!(fault.to_string().contains("was altered"), "{fault}");
}

fn seen(files: &[CaseFile]) -> Vec<Vec<&str>> {
    files
        .iter()
        .filter(|file| file.action == "attach")
        .map(|file| {
            let before = file.seen_before.iter();
            before.map(|seen| seen.case_id.as_str()).collect()
        })
        .collect()
}

pub(super) async fn an_enterprise_is_told_of_its_own_pictures_alone(bench: Bench) {
    let mut foreign = finding("foreign", Severity::S3);
    foreign.permit_no = Some("91370500MA3C00000X009P".to_owned());
    bench
        .service
        .take_anomalies(std::slice::from_ref(&foreign))
        .await
        .unwrap();
    let foreign = Case::id_of(&foreign.anomaly_id);
    let pump = keep(&bench, "pump.jpg", None).await;
    let valve = keep(&bench, "valve.png", None).await;
    hand_in(&bench, &foreign, std::slice::from_ref(&pump)).await;
    let first = bench.open("first", Severity::S3).await;
    hand_in(&bench, &first, std::slice::from_ref(&valve)).await;

    let second = rectifying(&bench, "second").await;
    let permit = finding("any", Severity::S3).permit_no.unwrap();
    let plant = bench.service.on_behalf(Caller {
        scope: Scope {
            org: None,
            permits: Some(BTreeSet::from([permit])),
        },
        ..Caller::default()
    });
    let again = keep(&bench, "pump_again.jpg", None).await;
    let files = [again, valve, pump.clone(), pump];
    let who = person("plant", Role::Enterprise);
    plant.attach(&second, &who, &files, None).await.unwrap();

    let judged = bench.service.files(&second).await.unwrap();
    assert_eq!(
        seen(&judged),
        [
            vec![foreign.as_str()],
            vec![first.as_str()],
            vec![foreign.as_str(), second.as_str()],
            vec![foreign.as_str(), second.as_str(), second.as_str()],
        ]
    );
    let own = [
        vec![],
        vec![first.as_str()],
        vec![second.as_str()],
        vec![second.as_str(), second.as_str()],
    ];
    let told = plant.files(&second).await.unwrap();
    assert_eq!(seen(&told), own);
    // So is whoever acts for it at the machine of the queue.
    let at_the_machine = bench.service.files_as(&second, Role::Enterprise).await;
    assert_eq!(seen(&at_the_machine.unwrap()), own);
    let officer = bench.service.files_as(&second, Role::Officer).await;
    assert_eq!(seen(&officer.unwrap()), seen(&judged));
    let everything = serde_json::to_string(&told).unwrap();
    assert!(!everything.contains(&foreign), "{everything}");
    sound(&bench).await;
}
