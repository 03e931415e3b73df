//! A package as its receiver opens it: with `unzip` and `sha256sum`.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Package;
use crate::fixtures::{PERMIT_NO, Permit, at, minutes, permits, table};
use crate::review::bundle::{Serving, served};
use crate::review::evidence::fixture;
use crate::review::parts::{Role, Severity};
use crate::review::settings::Config;
use crate::review::testing::{Bench, finding, person};
use crate::review::{Case, Error};
use crate::session::{Session, in_memory};
use nonsite_schemas::tables;

const MN: &str = "A";

async fn session() -> Session {
    let mut given = permits(&[Permit::of(MN, "a21026", 50.0)]);
    let mut readings = minutes(MN, "a21026", at("2026-03-01 08:00"), 1, 180, 80.0);
    // The meter of the scrubber hangs on another logger of the unit.
    readings.extend(minutes("P", "e10101", at("2026-03-01 09:00"), 1, 2, 7.5));
    given.push(("readings_raw", table(&tables::readings_raw(), readings)));
    let point = json!({
        "point_id": "p1", "version": 1, "mn": "P", "factor": "e10101", "permit_no": PERMIT_NO,
        "facility": "TA001", "on_above": 5.0, "valid_from": at("2020-01-01 00:00"), "doc_valid": true,
    });
    given.push((
        "process_points",
        table(&tables::process_points(), vec![point]),
    ));
    let mark = |id: &str, version: i64, from: &str, to: &str| {
        json!({
            "mark_id": id, "version": version, "mn": MN, "code": "calibration", "scope": "device",
            "starts_at": at(from), "ends_at": at(to), "recorded_at": version, "doc_valid": true,
        })
    };
    let marks = vec![
        mark("m1", 1, "2026-03-01 09:00", "2026-03-01 10:00"),
        mark("m1", 2, "2026-03-01 09:00", "2026-03-01 09:30"),
        mark("old", 1, "2026-01-01 09:00", "2026-01-01 10:00"),
    ];
    given.push(("marks", table(&tables::marks(), marks)));
    let tickets = vec![
        json!({"ticket_id": "t1", "version": 1, "mn": MN, "kind": "repair", "status": "open",
               "noticed_at": at("2026-03-01 10:00"), "doc_valid": true}),
        json!({"ticket_id": "t2", "version": 1, "mn": MN, "kind": "repair", "status": "closed",
               "starts_at": at("2026-02-20 10:00"), "ends_at": at("2026-02-20 12:00"),
               "doc_valid": true}),
    ];
    given.push((
        "maintenance_tickets",
        table(&tables::maintenance_tickets(), tickets),
    ));
    in_memory(given, &crate::session::Config::default())
        .await
        .unwrap()
}

/// A filed case with a photo.
async fn filed(bench: &Bench) -> String {
    let mut found = finding("package", Severity::S2);
    found.mn = Some(MN.to_owned());
    found.permit_no = Some(PERMIT_NO.to_owned());
    found.outlet_uid = Some(format!("{PERMIT_NO}DA001"));
    bench
        .service
        .take_anomalies(&[found.clone()])
        .await
        .unwrap();
    let case = Case::id_of(&found.anomaly_id);
    bench.act(&case, "verify", "ana", Role::Analyst).await;
    let photo = bench.service.keep(&fixture("pump.jpg")).await.unwrap();
    let officer = person("o-1", Role::Officer);
    bench
        .service
        .attach(&case, &officer, &[photo], None)
        .await
        .unwrap();
    for (action, name, role) in [
        ("file", "o-1", Role::Officer),
        ("accept_case", "law", Role::Legal),
    ] {
        // The papers' own photo is a hash alone.
        bench.act(&case, action, name, role).await;
    }
    case
}

async fn hand_over(
    bench: &Bench,
    case: &str,
    session: &Session,
    out: &Path,
) -> Result<Package, Error> {
    let legal = person("law", Role::Legal);
    bench.clock.advance(60_000_000);
    bench
        .service
        .package(case, "transfer", "市公安局", &legal, session, out)
        .await
}

/// Runs a tool in a folder; its output.
fn tool(folder: &Path, words: &[&str]) -> String {
    let output = Command::new(words[0])
        .args(&words[1..])
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; deploy/dev/setup.sh test installs it",
                words[0]
            )
        });
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{words:?}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    said
}

/// Rows of a table of the package, as Parquet has them.
fn parquet_rows(inside: &Path, name: &str) -> u64 {
    let parquet = std::fs::File::open(inside.join(format!("data/{name}.parquet"))).unwrap();
    let rows = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(parquet)
        .unwrap()
        .build()
        .unwrap();
    rows.map(|batch| batch.unwrap().num_rows() as u64).sum()
}

async fn a_receiver_checks_a_package(bench: Bench) {
    let case = filed(&bench).await;
    let session = session().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("案件.zip");
    let made = hand_over(&bench, &case, &session, &out).await.unwrap();

    let inside = folder.path().join("inside");
    std::fs::create_dir(&inside).unwrap();
    tool(folder.path(), &["unzip", "-q", "案件.zip", "-d", "inside"]);
    let checked = tool(&inside, &["sha256sum", "-c", "--strict", "SHA256SUMS"]);
    // All but the sums themselves.
    assert_eq!(checked.lines().count(), made.files - 1);
    assert!(
        checked.lines().all(|line| line.ends_with(": OK")),
        "{checked}"
    );
    for path in [
        "documents/01-transfer_letter.html",
        "audit/events.jsonl",
        "evidence/02-pump.jpg",
        "data/readings.csv",
        "case.json",
    ] {
        assert!(checked.contains(path), "no {path} in\n{checked}");
    }
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(inside.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest["receiver"], "市公安局");
    assert_eq!(manifest["documents_confirmed"], false);
    let absent = manifest["absent"].as_array().unwrap();
    assert_eq!(
        absent.len(),
        4,
        "three photos known by hash, one finding: {absent:?}"
    );
    let letter = std::fs::read_to_string(inside.join("documents/01-transfer_letter.html")).unwrap();
    for text in [
        "案件移送书",
        "市公安局",
        "待本局确认",
        PERMIT_NO,
        "size: A4",
    ] {
        assert!(letter.contains(text), "no `{text}`");
    }
    let csv = std::fs::read_to_string(inside.join("data/readings.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + 180);
    let events = bench.service.show(&case).await.unwrap().events.len() as u64;
    // The row about the package itself is in none.
    let expected = [
        ("audit_rows", events - 1),
        ("facility_values", 2),
        ("findings", 0),
        ("limits", 1),
        ("maintenance_tickets", 1),
        ("marks", 2),
        ("permit_limits", 1),
        ("permits", 1),
        ("readings", 180),
    ];
    let told = manifest["data"]["rows"].as_object().unwrap();
    let told: Vec<(&str, u64)> = told
        .iter()
        .map(|(name, rows)| (name.as_str(), rows.as_u64().unwrap()))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(manifest["data"]["from"], "2026-02-28 09:00");
    for (name, rows) in expected {
        for end in ["csv", "parquet"] {
            let path = format!("data/{name}.{end}");
            assert!(checked.contains(&path), "no {path} in\n{checked}");
            let mut listed = manifest["files"].as_array().unwrap().iter();
            assert!(listed.any(|file| file["path"] == path), "no {path}");
        }
        assert_eq!(parquet_rows(&inside, name), rows, "{name}");
    }
    let limits = std::fs::read_to_string(inside.join("data/limits.csv")).unwrap();
    let header = limits.lines().next().unwrap();
    assert!(header.contains("permit_version"), "{header}");

    let shown = bench.service.show(&case).await.unwrap();
    let row = shown.events.last().unwrap();
    assert_eq!(
        (row.action.as_str(), &row.fields["sha256"]),
        ("package", &made.sha256)
    );
    assert_eq!(row.fields["receiver"], "市公安局");
    let whole = tool(folder.path(), &["sha256sum", "案件.zip"]);
    assert!(whole.starts_with(&made.sha256));
    assert_eq!(bench.service.audit(None).await.unwrap().fault, None);
}

async fn the_same_state_gives_the_same_bytes(bench: Bench) {
    let case = filed(&bench).await;
    let session = session().await;
    let folder = tempfile::tempdir().unwrap();
    let (one, two) = (folder.path().join("1.zip"), folder.path().join("2.zip"));
    let first = hand_over(&bench, &case, &session, &one).await.unwrap();
    let second = hand_over(&bench, &case, &session, &two).await.unwrap();
    assert_eq!(
        first.sha256, second.sha256,
        "packages say nothing of packages"
    );
    bench.act(&case, "notify", "law", Role::Legal).await;
    let third = hand_over(&bench, &case, &session, &two).await.unwrap();
    assert_ne!(first.sha256, third.sha256);
}

async fn a_package_is_whole_or_is_not_made(bench: Bench) {
    let case = filed(&bench).await;
    let session = session().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.zip");
    let officer = person("o-1", Role::Officer);
    let refused = bench
        .service
        .package(&case, "transfer", "police", &officer, &session, &out)
        .await
        .unwrap_err();
    assert!(
        refused.to_string().contains("it belongs to: legal"),
        "{refused}"
    );
    let files = bench.service.files(&case).await.unwrap();
    let photo = files.iter().find(|file| file.file.facts.is_some()).unwrap();
    std::fs::write(bench.service.file_path(&photo.file), b"another").unwrap();
    let refused = hand_over(&bench, &case, &session, &out).await.unwrap_err();
    assert!(refused.to_string().contains("is altered"), "{refused}");
    let open = bench.open("open", Severity::S3).await;
    let refused = hand_over(&bench, &open, &session, &out).await.unwrap_err();
    assert!(refused.to_string().contains("state `triage`"), "{refused}");
    assert!(!out.exists());
    let shown = bench.service.show(&case).await.unwrap();
    assert!(shown.events.iter().all(|event| event.action != "package"));
}

async fn what_was_served_stays_as_it_was(bench: Bench) {
    let case = filed(&bench).await;
    let pages = bench
        .service
        .print_bundle(&case, "four_notices", None)
        .await
        .unwrap();
    let legal = person("law", Role::Legal);
    let serving = Serving {
        channel: "in person".to_owned(),
        receipt: "R-17".to_owned(),
        served_at: None,
    };
    bench.clock.advance(60_000_000);
    bench
        .service
        .serve_bundle(&case, "four_notices", &legal, &serving)
        .await
        .unwrap();
    let row = bench
        .service
        .show(&case)
        .await
        .unwrap()
        .events
        .pop()
        .unwrap();
    let (kind, kept) = served(&row).unwrap();
    assert_eq!((kind, kept.len()), ("four_notices", 4));

    // The case goes on, and the same bundle says something else by now.
    bench.act(&case, "notify", "law", Role::Legal).await;
    let printed = bench
        .service
        .print_bundle(&case, "four_notices", None)
        .await
        .unwrap();
    assert_ne!(printed, pages);
    for (page, kept) in pages.iter().zip(&kept) {
        assert_eq!(page.name, kept.name);
        let content = std::fs::read(bench.service.made_path(&kept.sha256)).unwrap();
        assert_eq!(content, page.html.as_bytes());
    }
    let files = bench.service.files(&case).await.unwrap();
    assert!(
        files.iter().all(|file| !file.file.name.ends_with(".html")),
        "what was served is no evidence"
    );

    let session = session().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out.zip");
    hand_over(&bench, &case, &session, &out).await.unwrap();
    tool(folder.path(), &["unzip", "-q", "out.zip", "-d", "inside"]);
    let inside = folder.path().join("inside");
    tool(&inside, &["sha256sum", "-c", "--strict", "SHA256SUMS"]);
    let shelf = inside.join(format!("served/{}-four_notices", row.seq));
    for page in &pages {
        let content = std::fs::read(shelf.join(&page.name)).unwrap();
        assert_eq!(content, page.html.as_bytes());
    }
    // A page that is not what it was stops the next one.
    std::fs::write(bench.service.made_path(&kept[0].sha256), b"another").unwrap();
    let refused = hand_over(&bench, &case, &session, &out).await.unwrap_err();
    let refused = refused.to_string();
    assert!(
        refused.contains(&kept[0].name) && refused.contains("is altered"),
        "{refused}"
    );
    // Whoever may not serve leaves nothing behind.
    let shelves = || std::fs::read_dir(bench.files.path().join("evidence")).unwrap();
    let before = shelves().count();
    let reviewer = person("rev", Role::Reviewer);
    let refused = bench
        .service
        .serve_bundle(&case, "four_notices", &reviewer, &serving)
        .await;
    assert!(refused.unwrap_err().to_string().contains("may not serve"));
    assert_eq!(shelves().count(), before);
    assert_eq!(bench.service.audit(None).await.unwrap().fault, None);
}

macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Bench::sqlite(&super::Config::default()).await).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(super::Bench::postgres(&super::Config::default()).await).await;
                }
            )*
        }
    };
}

on_both! {
    a_receiver_checks_a_package,
    the_same_state_gives_the_same_bytes,
    a_package_is_whole_or_is_not_made,
    what_was_served_stays_as_it_was,
}
