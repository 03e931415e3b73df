//! Runs over real tables in a folder: incremental, repeated, with other parallelism, after a fault.

use std::path::Path;

use nonsite_schemas::tables;
use serde_json::{Map, Value, json};

use crate::detect::{Catalogue, Config, Memory, Options, Report, run, run_again};
use crate::fixtures::{Permit, at, minutes, permits, query, reading, table};
use crate::session::{self, append, ensure};

pub(super) const HOUR: i64 = 3_600_000_000;

pub(in crate::detect) async fn add(store: &Path, readings: Vec<Value>) {
    let def = tables::readings_raw();
    let delta = ensure(store, &def).await.expect("table");
    append(&delta, &def, table(&def, readings), vec![])
        .await
        .expect("append");
}

pub(super) async fn add_permits(store: &Path, documents: &[Permit]) {
    for (name, batch) in permits(documents) {
        let def = tables::by_name(name).expect("table");
        let delta = ensure(store, &def).await.expect("table");
        append(&delta, &def, batch, vec![]).await.expect("append");
    }
}

/// Settings with these rules alone: what a test does not ask about need not be judged run after run.
pub(super) fn only(rules: &[&str]) -> Config {
    let all = Catalogue::load(&Config::default()).expect("rules");
    let ids = all.rules().iter().map(|c| c.rule.id.clone());
    Config {
        logger_days: 3,
        disabled: ids.filter(|id| !rules.contains(&id.as_str())).collect(),
        ..Config::default()
    }
}

pub(super) async fn detect(store: &Path, as_of: i64, full: bool, partitions: usize) -> Report {
    let config = Config {
        logger_days: 3,
        ..Config::default()
    };
    detect_with(&config, store, as_of, full, partitions).await
}

pub(super) async fn detect_with(
    config: &Config,
    store: &Path,
    as_of: i64,
    full: bool,
    partitions: usize,
) -> Report {
    let catalogue = Catalogue::load(config).expect("rules");
    let session = session::Config {
        partitions,
        ..session::Config::default()
    };
    run(store, config, &session, &catalogue, Options { as_of, full })
        .await
        .expect("run")
}

/// Anomalies without what tells runs apart.
pub(super) async fn anomalies(store: &Path) -> Vec<Map<String, Value>> {
    let session = session::open(store, &session::Config::default())
        .await
        .expect("session");
    let mut rows = query(
        &session,
        "SELECT * FROM anomalies ORDER BY rule_id, mn, factor, window_start, anomaly_id",
    )
    .await;
    for row in &mut rows {
        for volatile in ["readings_version", "first_seen_at", "last_seen_at"] {
            row.remove(volatile);
        }
    }
    rows
}

pub(super) async fn open(store: &Path) -> Vec<Map<String, Value>> {
    let mut rows = anomalies(store).await;
    rows.retain(|row| row["status"] == "open");
    rows
}

/// Values of an hour: ordinary with now and then something to find.
fn value(seed: i64, hour: i64) -> f64 {
    let noise = (seed * 7_919 + hour * 104_729).rem_euclid(1_000) as f64 / 100.0;
    match (seed + hour / 5).rem_euclid(11) {
        0 => 90.0 + noise,
        1 => 33.0,
        2 => -1.0 - noise,
        3 => 0.0,
        _ => 20.0 + noise,
    }
}

/// Rows of some hours of four loggers; one logger is silent for a while.
pub(in crate::detect) fn batch(hours: std::ops::Range<i64>) -> Vec<Value> {
    let start = at("2025-06-01 00:00");
    let mut rows = Vec::new();
    for hour in hours {
        for (seed, mn) in ["A", "B", "C", "D"].iter().enumerate() {
            if *mn == "C" && (20..40).contains(&hour) {
                continue;
            }
            for factor in ["a21026", "a21002", "a19001"] {
                let value = if factor == "a19001" {
                    10.0 + (hour % 3) as f64
                } else {
                    value(seed as i64, hour)
                };
                rows.extend(minutes(mn, factor, start + hour * HOUR, 10, 6, value));
            }
        }
    }
    rows
}

pub(super) fn documents() -> [Permit; 2] {
    [
        Permit {
            ref_o2: Some(11.0),
            ..Permit::of("A", "a21026", 50.0)
        },
        Permit::of("A", "a21002", 50.0),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_new_bit_by_bit_ends_like_everything_at_once() {
    let start = at("2025-06-01 00:00");
    // Soon after the last value, so that no silence makes every logger worth a look.
    let end = start + 72 * HOUR + 20 * 60_000_000;
    let bits = tempfile::tempdir().expect("folder");
    add_permits(bits.path(), &documents()).await;
    // In order, then a late piece, then a correction that disproves a finding.
    let late = 30..34;
    for (from, to) in [(0, 7), (7, 30), (34, 72)] {
        add(bits.path(), batch(from..to)).await;
        detect(bits.path(), start + to * HOUR + 20 * 60_000_000, false, 1).await;
    }
    add(bits.path(), batch(late.clone())).await;
    detect(bits.path(), end, false, 1).await;
    let before = open(bits.path()).await;
    let worst = before
        .iter()
        .find(|row| row["rule_id"] == "E01")
        .expect("an exceedance")
        .clone();
    let correction = |mn: &str| -> Vec<Value> {
        let from = worst["window_start"].as_i64().expect("time");
        (0..24)
            .map(|i| {
                reading(
                    mn,
                    "a21026",
                    "minute",
                    from + i * 600_000_000,
                    21.0 + i as f64,
                    json!({"received_at": end, "kafka_offset": 9_000_000_000_i64 + i}),
                )
            })
            .collect()
    };
    add(bits.path(), correction(worst["mn"].as_str().expect("mn"))).await;
    let last = detect(bits.path(), end, false, 1).await;
    assert!(!last.full && last.withdrawn > 0, "{last:?}");
    assert!(last.logger_days < 16, "only what was touched: {last:?}");

    let once = tempfile::tempdir().expect("folder");
    add_permits(once.path(), &documents()).await;
    let mut all = batch(0..72);
    all.extend(correction(worst["mn"].as_str().expect("mn")));
    add(once.path(), all).await;
    let report = detect(once.path(), end, false, 2).await;
    assert!(report.full);
    let (bits_open, once_open) = (open(bits.path()).await, open(once.path()).await);
    let rules = |rows: &[Map<String, Value>]| {
        rows.iter()
            .map(|row| {
                format!(
                    "{} {:?} {:?} {} {}",
                    row["rule_id"],
                    row.get("mn"),
                    row.get("factor"),
                    row["window_start"],
                    row["window_end"]
                )
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(rules(&bits_open), rules(&once_open));
    let mut differing = Vec::new();
    for (left, right) in bits_open.iter().zip(&once_open) {
        // Offsets of the records differ because the rows were made in another order.
        let plain = |row: &Map<String, Value>| {
            let mut row = row.clone();
            row.remove("evidence");
            row.remove("evidence_sha256");
            row
        };
        if plain(left) != plain(right) {
            differing.push((plain(left), plain(right)));
        }
    }
    assert!(differing.is_empty(), "{differing:#?}");
    for rule in ["E01", "Q01", "Q03", "Q04", "T01", "T02"] {
        assert!(
            once_open.iter().any(|row| row["rule_id"] == rule),
            "{rule} found nothing"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_data_give_the_same_bytes_on_any_number_of_threads() {
    let end = at("2025-06-03 00:00");
    let mut seen = Vec::new();
    for partitions in [1, 2, 5] {
        let store = tempfile::tempdir().expect("folder");
        add_permits(store.path(), &documents()).await;
        add(store.path(), batch(0..48)).await;
        detect(store.path(), end, false, partitions).await;
        let session = session::open(store.path(), &session::Config::default())
            .await
            .expect("session");
        let rows = query(&session, "SELECT * FROM anomalies ORDER BY anomaly_id").await;
        let outcomes = query(
            &session,
            "SELECT * FROM rule_outcomes ORDER BY date, rule_id, mn, factor, why",
        )
        .await;
        assert!(!outcomes.is_empty());
        seen.push((
            serde_json::to_string(&rows).expect("json"),
            serde_json::to_string(&outcomes).expect("json"),
        ));
        // Again, with nothing new and everything asked for: the same ids, nothing doubled.
        let again = detect(store.path(), end, true, partitions).await;
        assert_eq!((again.opened, again.withdrawn, again.alerts), (0, 0, 0));
        let session = session::open(store.path(), &session::Config::default())
            .await
            .expect("session");
        assert_eq!(
            query(&session, "SELECT * FROM anomalies ORDER BY anomaly_id").await,
            rows
        );
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_new_means_no_work_and_a_permit_reopens_its_days() {
    let store = tempfile::tempdir().expect("folder");
    let as_of = at("2025-06-01 10:20");
    add(store.path(), batch(0..10)).await;
    let first = detect(store.path(), as_of, false, 1).await;
    assert!(first.full);
    let e01 = |report: &Report| {
        report
            .rules
            .iter()
            .find(|rule| rule.rule == "E01")
            .expect("E01")
            .clone()
    };
    assert_eq!(e01(&first).flagged, 0);
    assert!(e01(&first).not_evaluated["no_permit"] > 0);
    let second = detect(store.path(), as_of + 60_000_000, false, 1).await;
    assert_eq!((second.full, second.logger_days), (false, 0));
    let runs = |store| async move {
        let session = session::open(store, &session::Config::default())
            .await
            .expect("session");
        query(&session, "SELECT DISTINCT run_id FROM detect_runs")
            .await
            .len()
    };
    assert_eq!(
        runs(store.path()).await,
        1,
        "an idle look leaves nothing behind"
    );
    add_permits(store.path(), &documents()).await;
    let third = detect(store.path(), as_of + 120_000_000, false, 1).await;
    assert_eq!(
        third.logger_days, 2,
        "the day of the data and the one after"
    );
    assert!(e01(&third).flagged > 0, "{third:?}");
    assert!(third.alerts > 0);
    // After noon of the next day the same findings are confirmed.
    detect(store.path(), at("2025-06-02 12:00"), false, 1).await;
    let rows = open(store.path()).await;
    let exceeding: Vec<_> = rows.iter().filter(|row| row["rule_id"] == "E01").collect();
    assert!(!exceeding.is_empty() && exceeding.iter().all(|row| row["phase"] == "confirmed"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silence_is_told_at_the_next_run_and_nothing_is_written_in_between() {
    const MINUTE: i64 = 60_000_000;
    let store = tempfile::tempdir().expect("folder");
    let start = at("2025-06-01 08:00");
    // A sends until 10:00, B goes on.
    add(store.path(), minutes("A", "a21026", start, 10, 12, 5.5)).await;
    add(store.path(), minutes("B", "a21026", start, 10, 30, 5.5)).await;
    let end = start + 2 * HOUR;
    let config = Config::default();
    let catalogue = Catalogue::load(&config).expect("rules");
    let session_config = session::Config {
        partitions: 1,
        ..session::Config::default()
    };
    let mut memory = Memory::default();
    let look = async |minutes: i64, memory: &mut Memory| {
        let options = Options {
            as_of: end + minutes * MINUTE,
            full: false,
        };
        let report = run_again(
            store.path(),
            &config,
            &session_config,
            &catalogue,
            options,
            memory,
        )
        .await
        .expect("run");
        let session = session::open_tables(store.path(), &session_config)
            .await
            .expect("session");
        (report, session.version("anomalies"))
    };
    let (first, mut version) = look(10, &mut memory).await;
    assert!(first.full);
    assert_eq!(first.opened, 0);
    // Minutes after 10:00: what is told then; between the marks nothing is written.
    for (minutes, told) in [
        (20, None),
        (30, None),
        (31, Some(30)),
        (32, Some(30)),
        (45, Some(30)),
        (118, Some(30)),
    ] {
        // The hour that closes at 11:00 is judged with all that it brings.
        let before = version;
        let (report, now) = look(minutes, &mut memory).await;
        version = now;
        let silent: Vec<i64> = open(store.path())
            .await
            .iter()
            .filter(|row| row["rule_id"] == "T01" && row["mn"] == "A")
            .filter_map(|row| Some(row["window_end"].as_i64()? - end))
            .map(|micros| micros / MINUTE)
            .collect();
        assert_eq!(silent, Vec::from_iter(told), "{minutes}");
        match minutes {
            31 => assert_eq!((report.opened, report.logger_days), (1, 0), "{report:?}"),
            118 => {}
            _ => assert_eq!(before, now, "nothing to say at {minutes}: {report:?}"),
        }
    }
    // A process that starts anew finds the same.
    let mut fresh = Memory::default();
    look(121, &mut fresh).await;
    let row = open(store.path())
        .await
        .into_iter()
        .find(|row| row["rule_id"] == "T01" && row["mn"] == "A")
        .expect("silence");
    assert_eq!(row["severity"], json!("S3"));
    assert_eq!(row["window_end"], json!(end + 120 * MINUTE));
    // And so does a run over everything.
    let once = tempfile::tempdir().expect("folder");
    add(once.path(), minutes("A", "a21026", start, 10, 12, 5.5)).await;
    add(once.path(), minutes("B", "a21026", start, 10, 30, 5.5)).await;
    detect(once.path(), end + 121 * MINUTE, true, 1).await;
    let plain = |rows: Vec<Map<String, Value>>| -> Vec<Value> {
        rows.into_iter()
            .map(|row| json!([row["anomaly_id"], row["window_end"], row["reason"]]))
            .collect()
    };
    assert_eq!(
        plain(open(store.path()).await),
        plain(open(once.path()).await)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_alert_is_made_once_for_one_cause() {
    let store = tempfile::tempdir().expect("folder");
    add_permits(store.path(), &documents()).await;
    add(store.path(), batch(0..24)).await;
    let report = detect(store.path(), at("2025-06-02 00:10"), false, 1).await;
    let session = session::open(store.path(), &session::Config::default())
        .await
        .expect("session");
    let rows = query(&session, "SELECT * FROM alerts ORDER BY alert_id").await;
    assert_eq!(rows.len(), report.alerts + report.collapsed);
    assert_eq!(report.held, 0);
    assert!(
        rows.len() < report.opened,
        "{} alerts for {} findings",
        rows.len(),
        report.opened
    );
    for row in rows {
        let payload = row["payload"].as_str().expect("text");
        let event: nonsite_schemas::wire::alert::Alert =
            serde_json::from_str(payload).expect("alert");
        assert_eq!(Some(event.id.as_str()), row["alert_id"].as_str());
        assert!(!event.data.anomalies.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permit_gets_its_notices_one_after_the_other() {
    let store = tempfile::tempdir().expect("folder");
    let permit = Permit {
        valid_to: "2025-09-01",
        ..Permit::of("A", "a21026", 50.0)
    };
    add_permits(store.path(), &[permit]).await;
    let mut alerts = 0;
    for (day, line, left) in [
        ("2025-06-01 10:00", None, 92.0),
        ("2025-06-10 10:00", Some(90.0), 83.0),
        ("2025-07-10 10:00", Some(60.0), 53.0),
        ("2025-08-10 10:00", Some(30.0), 22.0),
        ("2025-09-05 10:00", None, 4.0),
    ] {
        let report = detect(store.path(), at(day), false, 1).await;
        alerts += report.alerts;
        let standing: Vec<_> = open(store.path()).await;
        if left > 90.0 {
            assert!(standing.is_empty(), "{standing:?}");
            continue;
        }
        assert_eq!(standing.len(), 1, "{day}: {standing:?}");
        assert_eq!(standing[0]["observed"], json!(left), "{day}");
        assert_eq!(standing[0].get("limit_value").and_then(Value::as_f64), line);
        assert_eq!(standing[0]["unit_name"], json!("热电厂"));
        assert_eq!(report.opened, 1, "{day}: {report:?}");
    }
    let reasons: Vec<String> = anomalies(store.path())
        .await
        .iter()
        .filter_map(|row| Some(row.get("withdrawn_reason")?.as_str()?.to_owned()))
        .collect();
    assert_eq!(
        reasons,
        [
            "no longer applies: next_notice_reached",
            "no longer applies: next_notice_reached",
            "no longer applies: permit_expired"
        ]
    );
    assert!(alerts >= 4, "{alerts}");
}
