//! Findings computed again from what their run read, and evidence that can be checked.

use nonsite_schemas::tables;
use serde_json::{Map, Value, json};

use super::runs::{HOUR, add, add_permits, batch, detect, documents};
use crate::detect::bundle::{Bundle, Extraction};
use crate::detect::evidence::seal;
use crate::detect::replay::replay;
use crate::fixtures::{at, query, table};
use crate::session::{self, Error, append, ensure, load};

fn config() -> session::Config {
    session::Config::default()
}

async fn rows(store: &std::path::Path, sql: &str) -> Vec<Map<String, Value>> {
    let session = session::open(store, &config()).await.expect("session");
    query(&session, sql).await
}

async fn ids(store: &std::path::Path) -> Vec<(String, String)> {
    rows(
        store,
        "SELECT anomaly_id, rule_id FROM anomalies ORDER BY rule_id, anomaly_id",
    )
    .await
    .iter()
    .map(|row| {
        let text = |key: &str| row[key].as_str().expect("text").to_owned();
        (text("anomaly_id"), text("rule_id"))
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_finding_comes_out_again_whatever_came_since() {
    let store = tempfile::tempdir().expect("folder");
    let start = at("2025-06-01 00:00");
    add_permits(store.path(), &documents()).await;
    for (from, to) in [(0, 20), (20, 48)] {
        add(store.path(), batch(from..to)).await;
        detect(store.path(), start + to * HOUR + 20 * 60_000_000, false, 2).await;
    }
    // Rows that no run has judged yet, and a permit that changes every limit.
    add(store.path(), batch(48..60)).await;
    add(store.path(), batch(10..20)).await;
    let ids = ids(store.path()).await;
    let mut rules = std::collections::BTreeSet::new();
    for (id, rule) in &ids {
        // One finding of each rule more than once would only take time.
        if ids.iter().filter(|(_, other)| other == rule).count() > 4 && id.as_str() > "6" {
            continue;
        }
        let outcome = replay(store.path(), &config(), id).await.expect("replay");
        assert!(outcome.equal, "{rule} {id}: {:#?}", outcome.differences);
        assert!(!outcome.engine_changed);
        rules.insert(rule.clone());
    }
    for rule in ["E01", "Q01", "Q03", "Q04", "T01", "T02"] {
        assert!(rules.contains(rule), "{rule} was not replayed: {rules:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_difference_is_named_and_vacuumed_files_are_told() {
    let store = tempfile::tempdir().expect("folder");
    let start = at("2025-06-01 00:00");
    add_permits(store.path(), &documents()).await;
    add(store.path(), batch(0..24)).await;
    detect(store.path(), start + 24 * HOUR, false, 1).await;
    let found = rows(
        store.path(),
        "SELECT * FROM anomalies WHERE rule_id = 'E01' ORDER BY anomaly_id LIMIT 1",
    )
    .await;
    let mut changed = found[0].clone();
    let id = changed["anomaly_id"].as_str().expect("id").to_owned();
    let extraction = Extraction {
        by: "张三".to_owned(),
        at: start,
    };
    let sound = Bundle::copy(store.path(), &config(), &id[..10], &extraction)
        .await
        .expect("bundle");
    assert_eq!(sound.faults, Vec::<String>::new());
    let original = sound.artefacts.iter().find(|a| a.name == "readings.json");
    let original: Value = serde_json::from_str(&original.expect("rows").text).expect("json");
    assert!(!original["rows"].as_array().expect("rows").is_empty());
    for key in ["mn", "flag", "received_at", "kafka_offset"] {
        let row = &original["rows"][0];
        assert!(!row[key].is_null(), "no `{key}` in {row}");
    }
    let names: Vec<&str> = sound.artefacts.iter().map(|a| a.name.as_str()).collect();
    for name in [
        "anomaly.json",
        "curve.svg",
        "extraction.json",
        "hours.json",
        "limit.json",
        "marks.json",
        "minutes.json",
        "query.json",
        "readings.json",
        "recomputation.json",
        "rule.json",
        "rule.sql",
        "sources.json",
        "versions.json",
        "windows.json",
    ] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    let dir = store.path().join("export");
    sound.write(&dir).expect("written");
    let told = std::fs::read_to_string(dir.join("SHA256SUMS")).expect("sums");
    for line in told.lines() {
        let (sha256, name) = line.split_once("  ").expect("two columns");
        let text = std::fs::read_to_string(dir.join(name)).expect("file");
        assert_eq!(
            crate::detect::anomaly::Anomaly::sha256(&text),
            sha256,
            "{name}"
        );
    }
    assert!(sound.write(&dir).is_err(), "never over existing evidence");

    // Somebody changes the row: a later row of the same id with another value.
    let observed = changed["observed"].as_f64().expect("number");
    changed.insert("observed".to_owned(), json!(observed + 1.0));
    let evidence = changed["evidence"]
        .as_str()
        .expect("text")
        .replace("\"valid\":true", "\"valid\":false");
    assert!(
        seal::opened(
            &evidence,
            changed["evidence_sha256"].as_str().expect("text")
        )
        .is_err()
    );
    changed.insert("evidence".to_owned(), json!(evidence));
    changed.insert("last_seen_at".to_owned(), found[0]["last_seen_at"].clone());
    let def = tables::anomalies();
    let delta = load(store.path(), "anomalies")
        .await
        .expect("table")
        .expect("exists");
    session::replace_partitions(
        &delta,
        &def,
        &["2025-06-01".to_owned()],
        table(&def, vec![Value::Object(changed)]),
        vec![],
    )
    .await
    .expect("replaced");
    let outcome = replay(store.path(), &config(), &id).await.expect("replay");
    assert!(!outcome.equal);
    assert_eq!(outcome.differences[0].field, "observed");
    assert_eq!(outcome.differences[0].recomputed, json!(observed));
    assert!(
        outcome
            .differences
            .iter()
            .any(|d| d.field.starts_with("evidence.hours[")),
        "{:#?}",
        outcome.differences
    );
    let bad = Bundle::load(store.path(), &config(), &id, &extraction)
        .await
        .expect("bundle");
    assert!(!bad.faults.is_empty());

    // The files of that version are gone.
    let day = store.path().join("readings_raw");
    let mut removed = 0;
    for entry in std::fs::read_dir(day).expect("table") {
        let path = entry.expect("entry").path();
        if path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("date="))
        {
            std::fs::remove_dir_all(path).expect("removed");
            removed += 1;
        }
    }
    assert!(removed > 0);
    let error = replay(store.path(), &config(), &id).await.unwrap_err();
    assert!(matches!(error, Error::Gone { .. }), "{error:?}");
    assert!(error.to_string().contains("are gone"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_replayed_says_why() {
    let store = tempfile::tempdir().expect("folder");
    for (id, told) in [("zz", "hexadecimal"), ("abc", "there is no anomaly")] {
        let error = replay(store.path(), &config(), id).await.unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
    // A finding of a run that left no record.
    let def = tables::anomalies();
    let delta = ensure(store.path(), &def).await.expect("table");
    let row = json!({
        "anomaly_id": "ab12", "rule_id": "E01", "phase": "confirmed", "status": "open",
        "evidence": "{}", "window_start": 0, "window_end": 1,
    });
    append(&delta, &def, table(&def, vec![row]), vec![])
        .await
        .expect("append");
    let error = replay(store.path(), &config(), "ab").await.unwrap_err();
    assert!(
        error.to_string().contains("no record of the run"),
        "{error}"
    );
}
