//! Files of cases: kept, counted as evidence, compared with what was handed in before.

use super::super::evidence::{CaseFile, Kept, fixture};
use super::super::step::Attachment;
use super::*;

async fn keep(bench: &Bench, name: &str) -> Attachment {
    bench.service.keep(&fixture(name)).await.unwrap()
}

/// Files handed in by `attach`, not those the steps of the test bring as name and hash alone.
async fn attached(bench: &Bench, case: &str) -> Vec<CaseFile> {
    let mut files = bench.service.files(case).await.unwrap();
    assert!(files.iter().any(|file| file.kept == Kept::NotKept));
    files.retain(|file| file.action == "attach");
    files
}

async fn attach(bench: &Bench, case: &str, files: &[Attachment]) -> Result<(), Error> {
    let plant = person("plant", Role::Enterprise);
    let done = bench.service.attach(case, &plant, files, None).await;
    done.map(|_| ())
}

/// Opens a case and takes it to where the enterprise rectifies.
async fn rectifying(bench: &Bench, id: &str) -> String {
    let case = bench.open(id, Severity::S3).await;
    for (action, name, role) in [
        ("dispatch", "ana", Role::Analyst),
        ("deliver", "ana", Role::Analyst),
        ("answer", "plant", Role::Enterprise),
        ("verify", "o-1", Role::Officer),
        ("rectify", "o-1", Role::Officer),
    ] {
        bench.act(&case, action, name, role).await;
    }
    case
}

pub(super) async fn files_added_before_count_as_evidence(bench: Bench) {
    let case = rectifying(&bench, "files").await;
    let nothing = Input {
        attachments: Vec::new(),
        ..papers()
    };
    let plant = person("plant", Role::Enterprise);
    let submit = || bench.service.act(&case, "submit", &plant, &nothing);
    let refused = submit().await.unwrap_err().to_string();
    assert!(refused.contains("nothing is attached"), "{refused}");

    // What an officer adds is no evidence of the enterprise's measures.
    let officer = person("o-2", Role::Officer);
    let valve = [keep(&bench, "valve.png").await];
    bench
        .service
        .attach(&case, &officer, &valve, None)
        .await
        .unwrap();
    assert!(submit().await.is_err());
    let pump = [keep(&bench, "pump.jpg").await];
    attach(&bench, &case, &pump).await.unwrap();
    assert_eq!(submit().await.unwrap().state, "submitted");

    // A new order is a new count, and the enterprise adds only when it is asked.
    let late = attach(&bench, &case, &pump).await.unwrap_err().to_string();
    assert!(late.contains("does not wait for the enterprise"), "{late}");
    bench.act(&case, "return", "rev", Role::Reviewer).await;
    assert!(submit().await.is_err());
    sound(&bench).await;
}

pub(super) async fn a_file_seen_before_is_pointed_out(bench: Bench) {
    let first = rectifying(&bench, "first").await;
    let second = rectifying(&bench, "second").await;
    let pump = keep(&bench, "pump.jpg").await;
    attach(&bench, &first, std::slice::from_ref(&pump))
        .await
        .unwrap();
    bench.clock.advance(DAY);
    let again = keep(&bench, "pump_again.jpg").await;
    let valve = keep(&bench, "valve.png").await;
    let files = [again, valve.clone(), pump.clone(), valve];
    attach(&bench, &second, &files).await.unwrap();

    let files = attached(&bench, &second).await;
    let seen: Vec<Vec<(&str, bool)>> = files
        .iter()
        .map(|file| {
            file.seen_before
                .iter()
                .map(|seen| (seen.case_id.as_str(), seen.identical))
                .collect()
        })
        .collect();
    assert_eq!(
        seen,
        [
            vec![(first.as_str(), false)],
            vec![],
            vec![(first.as_str(), true), (second.as_str(), false)],
            vec![(second.as_str(), true)],
        ]
    );
    let of_first = attached(&bench, &first).await;
    assert_eq!(
        of_first[0].seen_before,
        [],
        "what came later is not earlier"
    );
    assert_eq!(of_first[0].kept, Kept::Sound);
    let facts = pump.facts.as_ref().unwrap();
    assert_eq!(facts.media, "image/jpeg");
    assert_eq!(facts.device.as_deref(), Some("Huawei P60"));
    sound(&bench).await;

    let kept = bench.service.file_path(&pump);
    std::fs::write(&kept, b"something else").unwrap();
    assert_eq!(attached(&bench, &first).await[0].kept, Kept::Altered);
    std::fs::remove_file(&kept).unwrap();
    assert_eq!(attached(&bench, &first).await[0].kept, Kept::Missing);
    // Handing it in again puts it back.
    keep(&bench, "pump.jpg").await;
    assert_eq!(attached(&bench, &first).await[0].kept, Kept::Sound);
}

pub(super) async fn what_is_no_evidence_is_refused_by_name(bench: Bench) {
    let file = |name: &str, content: &[u8]| {
        let path = bench.files.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let refused = |error: Error| error.to_string();
    let program = file("pump.jpg", b"MZ\x90\0 renamed");
    let said = refused(bench.service.keep(&program).await.unwrap_err());
    assert!(
        said.contains("pump.jpg") && said.contains("no kind"),
        "{said}"
    );
    let mut huge = b"%PDF-1.7".to_vec();
    huge.resize(2 << 20, 0);
    let huge = file("huge.pdf", &huge);
    let small = Config {
        evidence_max_mb: 1,
        evidence_dir: bench.files.path().join("small"),
        ..config()
    };
    let service = super::super::Service::on(
        std::sync::Arc::clone(&bench.service.store),
        &small,
        std::sync::Arc::clone(&bench.service.clock),
    );
    let said = refused(service.keep(&huge).await.unwrap_err());
    assert!(said.contains("larger than 1 MiB"), "{said}");
    let left: Vec<_> = std::fs::read_dir(&small.evidence_dir).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    let said = refused(
        service
            .keep(&bench.files.path().join("none"))
            .await
            .unwrap_err(),
    );
    assert!(said.contains("none"), "{said}");

    let case = bench.open("closed", Severity::S3).await;
    let said = refused(attach(&bench, &case, &[]).await.unwrap_err());
    assert!(said.contains("does not wait for the enterprise"), "{said}");
    let analyst = person("ana", Role::Analyst);
    let none = bench.service.attach(&case, &analyst, &[], None).await;
    assert!(refused(none.unwrap_err()).contains("no file is given"));
}
