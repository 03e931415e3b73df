//! Rules over findings in real tables: the same bit by bit and at once, on any number of threads;
//! rises that are taken back; floods that are held, released and discarded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nonsite_schemas::tables;
use serde_json::{Value, json};

use super::runs::{HOUR, add, only};
use crate::alert::publish::waiting;
use crate::detect::flood::{self, Floods, Ruling};
use crate::detect::rule::Number;
use crate::detect::{Catalogue, Config, Options, Report, dispatch, run};
use crate::feedback::{Feedback, Verdict, record};
use crate::fixtures::{at, minutes, object, query, reading, table};
use crate::session::{self, append, ensure};

/// Loggers, each of a unit of its own in one city.
const LOGGERS: [&str; 7] = ["A", "B", "C", "D", "E", "F", "G"];
const DAYS: i64 = 6;
const MINUTE: i64 = 60_000_000;
/// Hours with 90 mg/m3 where 50 are allowed: logger A on three days, everybody in one hour.
const FLOOD: i64 = 4 * 24 + 10;

fn start() -> i64 {
    at("2025-06-02 00:00")
}

/// Afternoon of the day after the last one with data.
fn end() -> i64 {
    start() + (DAYS * 24 + 14) * HOUR
}

fn over(mn: &str, hour: i64) -> bool {
    hour == FLOOD || (mn == "A" && [8, 24 + 30, 3 * 24 + 8].contains(&hour))
}

/// Readings of some hours. Logger A stands still for five hours on the fourth day.
fn hours(range: std::ops::Range<i64>) -> Vec<Value> {
    let mut rows = Vec::new();
    for hour in range {
        for (seed, mn) in LOGGERS.iter().enumerate() {
            let noise = (seed as i64 * 7_919 + hour * 104_729).rem_euclid(1_000) as f64 / 100.0;
            let value = match over(mn, hour) {
                true => 90.0 + noise,
                false if *mn == "A" && (3 * 24 + 12..3 * 24 + 17).contains(&hour) => 33.0,
                false => 20.0 + noise,
            };
            rows.extend(minutes(mn, "a21026", start() + hour * HOUR, 10, 6, value));
        }
    }
    rows
}

async fn add_units(store: &Path) {
    let mut parts: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for (offset, mn) in LOGGERS.iter().enumerate() {
        let permit = format!("9113020069922961{offset:02}001P");
        let outlet = format!("{permit}DA001");
        let mut add = |name, extra: Value| {
            let mut row = object(json!({
                "permit_no": permit, "version": 1, "issued_at": at("2020-01-01 00:00"),
                "doc_valid": true, "kafka_topic": "p", "kafka_partition": 0,
                "kafka_offset": offset,
            }));
            row.extend(object(extra));
            parts.entry(name).or_default().push(Value::Object(row));
        };
        add(
            "permits",
            json!({"unit_name": format!("热电厂{mn}"), "org_code": "370502",
                   "valid_from": "2020-01-01", "valid_to": "2099-12-31", "status": "valid"}),
        );
        let place = json!({"outlet_uid": outlet, "outlet_code": "DA001", "medium": "air",
                           "valid_from": at("2020-01-01 00:00")});
        let with = |extra: Value| {
            let mut row = object(place.clone());
            row.extend(object(extra));
            Value::Object(row)
        };
        add("permit_bindings", with(json!({"mn": mn})));
        add(
            "permit_limits",
            with(
                json!({"factor": "a21026", "limit_value": 50.0, "unit": "mg/m3",
                        "averaging": "hour", "basis": "raw"}),
            ),
        );
    }
    for (name, rows) in parts {
        let def = tables::by_name(name).expect("table");
        let delta = ensure(store, &def).await.expect("table");
        append(&delta, &def, table(&def, rows), vec![])
            .await
            .expect("append");
    }
}

/// Rules over findings, and what they find something in.
const JUDGED: [&str; 18] = [
    "A01", "A05", "A06", "A10", "A14", "T06", "E01", "E02", "E03", "E04", "Q01", "Q02", "Q03",
    "Q04", "Q05", "Q35", "T01", "T02",
];

async fn judge(store: &Path, as_of: i64, full: bool, partitions: usize) -> Report {
    let given = |name: &str, value| (name.to_owned(), Number::Whole(value));
    let config = Config {
        logger_days: 10,
        params: BTreeMap::from([(
            flood::RULE.to_owned(),
            BTreeMap::from([given("outlets", 5), given("history_d", 2)]),
        )]),
        ..only(&JUDGED)
    };
    let catalogue = Catalogue::load(&config).expect("rules");
    let session = session::Config {
        partitions,
        ..session::Config::default()
    };
    run(
        store,
        &config,
        &session,
        &catalogue,
        Options { as_of, full },
    )
    .await
    .expect("run")
}

async fn open(store: &Path) -> session::Session {
    session::open(store, &session::Config::default())
        .await
        .expect("session")
}

/// Standing findings of group `aggregate`, without what tells runs apart.
async fn aggregates(store: &Path) -> Vec<String> {
    let session = open(store).await;
    let sql = "SELECT anomaly_id, rule_id, severity, phase, permit_no, outlet_uid, factor, window_start,
                      window_end, observed, limit_value, points, reason, evidence
               FROM anomalies WHERE status = 'open' AND rule_group = 'aggregate' ORDER BY anomaly_id";
    query(&session, sql)
        .await
        .into_iter()
        .map(|row| Value::Object(row).to_string())
        .collect()
}

async fn rules_of(store: &Path) -> BTreeSet<String> {
    let session = open(store).await;
    let sql =
        "SELECT DISTINCT rule_id FROM anomalies WHERE status = 'open' AND rule_group = 'aggregate'";
    query(&session, sql)
        .await
        .iter()
        .filter_map(|row| Some(row.get("rule_id")?.as_str()?.to_owned()))
        .collect()
}

/// Effective severities of standing findings of a rule on logger A, by start.
async fn severities(store: &Path, rule: &str) -> Vec<(String, Option<u8>)> {
    let session = open(store).await;
    let told = dispatch(&session, end()).await.expect("dispatch");
    let sql = format!(
        "SELECT anomaly_id, severity FROM anomalies
         WHERE status = 'open' AND rule_id = '{rule}' AND mn = 'A' ORDER BY window_start"
    );
    query(&session, &sql)
        .await
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().expect("text").to_owned();
            let rise = told.rises.get(&text("anomaly_id"));
            (text("severity"), rise.map(|rise| rise.levels))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_about_findings_does_not_depend_on_how_they_came() {
    let bits = tempfile::tempdir().expect("folder");
    add_units(bits.path()).await;
    // In order, with a late piece of the second day at the end.
    let mut last = 0;
    for to in [20, 24 + 20, FLOOD + 1, FLOOD + 6, DAYS * 24] {
        let mut rows = hours(last..to);
        rows.retain(|row| {
            let time = row["data_time"].as_i64().expect("time");
            !(row["mn"] == "A" && (24 + 28..24 + 32).contains(&((time - start()) / HOUR)))
        });
        add(bits.path(), rows).await;
        judge(bits.path(), start() + to * HOUR + 20 * MINUTE, false, 1).await;
        last = to;
    }
    judge(bits.path(), end(), false, 3).await;
    let mut late = hours(24 + 28..24 + 32);
    late.retain(|row| row["mn"] == "A");
    add(bits.path(), late).await;
    let report = judge(bits.path(), end(), false, 2).await;
    assert!(!report.full);

    let once = tempfile::tempdir().expect("folder");
    add_units(once.path()).await;
    add(once.path(), hours(0..DAYS * 24)).await;
    let report = judge(once.path(), end(), false, 5).await;
    assert!(report.full);
    let (by_bits, at_once) = (aggregates(bits.path()).await, aggregates(once.path()).await);
    assert_eq!(by_bits, at_once);
    let wanted = ["A01", "A06", "A10"].map(str::to_owned);
    assert_eq!(rules_of(once.path()).await, BTreeSet::from(wanted));
    // The exceedance of the fourth day: the third of the unit, and next to a value that stood still.
    let e01 = severities(once.path(), "E01").await;
    let rises: Vec<Option<u8>> = e01.iter().map(|(_, rise)| *rise).collect();
    assert_eq!(rises, [None, None, Some(3), None], "{e01:?}");
    // A second look at everything changes nothing.
    let again = judge(once.path(), end(), true, 1).await;
    assert_eq!((again.opened, again.withdrawn, again.alerts), (0, 0, 0));
    assert_eq!(aggregates(once.path()).await, at_once);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_base_finding_that_falls_takes_the_rise_back() {
    let store = tempfile::tempdir().expect("folder");
    add_units(store.path()).await;
    add(store.path(), hours(0..DAYS * 24)).await;
    judge(store.path(), end(), false, 1).await;
    let on_a = async || {
        let session = open(store.path()).await;
        let sql =
            "SELECT rule_id FROM anomalies WHERE status = 'open' AND rule_id IN ('A01', 'A06')
                   ORDER BY rule_id";
        let rows = query(&session, sql).await;
        rows.iter()
            .filter_map(|row| Some(row.get("rule_id")?.as_str()?.to_owned()))
            .collect::<Vec<_>>()
    };
    assert_eq!(on_a().await, ["A01", "A06"]);
    // Later data: the first exceedance was none.
    let first = start() + 8 * HOUR;
    let corrected = (0..6)
        .map(|i| {
            let extra = json!({"received_at": end(), "kafka_offset": 9_000_000_000_i64 + i});
            let time = first + i * 10 * MINUTE;
            reading("A", "a21026", "minute", time, 21.0 + i as f64, extra)
        })
        .collect();
    add(store.path(), corrected).await;
    judge(store.path(), end(), false, 1).await;
    assert_eq!(on_a().await, ["A06"], "two days are no repetition");
    let rises: Vec<Option<u8>> = severities(store.path(), "E01")
        .await
        .into_iter()
        .map(|(_, rise)| rise)
        .collect();
    assert_eq!(rises, [None, Some(3), None]);
    // Verification refutes the exceedance beside the value that stood still.
    let session = open(store.path()).await;
    let sql = "SELECT anomaly_id, rule_version FROM anomalies
               WHERE status = 'open' AND rule_id = 'E01' AND mn = 'A' ORDER BY window_start";
    let rows = query(&session, sql).await;
    let refuted = Feedback {
        anomaly_id: rows[1]["anomaly_id"].as_str().expect("id").to_owned(),
        rule_id: "E01".to_owned(),
        rule_version: 1,
        org_code: None,
        verdict: Verdict::Mismatch,
        cause: None,
        note: None,
        by: "李四".to_owned(),
        case_id: None,
        recorded_at: end(),
    };
    record(store.path(), &session, &[refuted])
        .await
        .expect("recorded");
    judge(store.path(), end() + MINUTE, false, 1).await;
    assert!(on_a().await.is_empty());
    let rises = severities(store.path(), "E01").await;
    assert!(rises.iter().all(|(_, rise)| rise.is_none()), "{rises:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_is_held_until_somebody_decides() {
    let store = tempfile::tempdir().expect("folder");
    add_units(store.path()).await;
    add(store.path(), hours(0..FLOOD)).await;
    judge(store.path(), start() + FLOOD * HOUR + 20 * MINUTE, false, 1).await;
    let sent = async |as_of: i64| {
        waiting(store.path(), "x", as_of)
            .await
            .expect("outbox")
            .len()
    };
    let before = start() + (FLOOD + 1) * HOUR + 20 * MINUTE;
    let earlier = sent(before).await;
    add(store.path(), hours(FLOOD..FLOOD + 1)).await;
    let report = judge(store.path(), before, false, 1).await;
    // Ten-minute notices (E09) of the same hour are a flood of their own.
    let of_hours = |report: &Report| -> Vec<String> {
        let mut floods = report.floods.clone();
        floods.retain(|flood| flood.contains("E01/3705"));
        floods
    };
    let hourly = of_hours(&report);
    assert_eq!(hourly.len(), 1, "{:?}", report.floods);
    assert!(report.held >= LOGGERS.len(), "one alert per outlet is held");
    // What was found beside the flood goes out, the flood itself among it.
    let beside = sent(before).await;
    assert_eq!(beside - earlier, report.alerts);
    let session = open(store.path()).await;
    let told = query(
        &session,
        "SELECT kind, scope, why FROM alerts_held
         WHERE kind = 'flood' AND scope = 'E01/3705' ORDER BY alert_id",
    )
    .await;
    assert_eq!(told.len(), LOGGERS.len());
    assert!(
        told[0]["why"]
            .as_str()
            .expect("why")
            .contains("疑似平台故障")
    );
    let kept = async |as_of: i64| {
        let session = open(store.path()).await;
        let told = dispatch(&session, as_of).await.expect("dispatch");
        let sql = "SELECT anomaly_id FROM anomalies WHERE status = 'open' AND rule_id = 'E01'";
        let rows = query(&session, sql).await;
        rows.iter()
            .filter(|row| {
                let id = row["anomaly_id"].as_str().expect("id");
                told.kept.contains_key(id)
            })
            .count()
    };
    assert_eq!(kept(before).await, LOGGERS.len());

    // A repeated run holds no more and no less.
    let again = judge(store.path(), before, true, 3).await;
    assert_eq!((again.alerts, again.held, again.opened), (0, 0, 0));
    assert_eq!(again.floods, report.floods);

    let floods = Floods::load(&session, before).await.expect("floods");
    let flood = flood::find(&floods, &hourly[0][..12]).expect("held");
    let decide = async |ruling: Ruling, at: i64| {
        flood::decide(store.path(), flood, ruling, "王五", "looked", at)
            .await
            .expect("decided");
    };
    let nameless = flood::decide(store.path(), flood, Ruling::Release, " ", "why", before).await;
    assert!(nameless.unwrap_err().to_string().contains("--by"));
    decide(Ruling::Discard, before + MINUTE).await;
    let later = before + 2 * MINUTE;
    assert_eq!(
        (kept(later).await, sent(later).await),
        (LOGGERS.len(), beside)
    );
    let report = judge(store.path(), later, false, 1).await;
    assert!(of_hours(&report).is_empty(), "{:?}", report.floods);
    decide(Ruling::Release, later + MINUTE).await;
    let after = later + 2 * MINUTE;
    assert_eq!(kept(after).await, 0);
    assert_eq!(sent(after).await, beside + LOGGERS.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outlet_is_told_of_one_rule_once_a_day() {
    let store = tempfile::tempdir().expect("folder");
    add_units(store.path()).await;
    let day = at("2025-06-02 00:00");
    // Logger B: three hours apart by more than a cause, the last at more than twice the limit.
    let values = |hour: i64| match hour {
        1 | 10 => 60.0,
        20 => 150.0,
        _ => 20.0 + (hour % 7) as f64,
    };
    let mut told = Vec::new();
    for (from, to) in [(0, 5), (5, 14), (14, 24)] {
        let rows = (from..to)
            .flat_map(|hour| minutes("B", "a21026", day + hour * HOUR, 10, 6, values(hour)))
            .collect();
        add(store.path(), rows).await;
        let report = judge(store.path(), day + to * HOUR + 20 * MINUTE, false, 1).await;
        told.push((report.alerts, report.collapsed));
    }
    assert_eq!(told[0], (1, 0), "{told:?}");
    assert_eq!(told[1], (0, 1), "the same again: {told:?}");
    assert_eq!(told[2], (1, 0), "more severe: {told:?}");
    let session = open(store.path()).await;
    let rows = query(
        &session,
        "SELECT h.kind, h.why FROM alerts_held h JOIN alerts a ON a.alert_id = h.alert_id",
    )
    .await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0]["kind"], json!("collapsed"));
    assert_eq!(
        waiting(store.path(), "x", end())
            .await
            .expect("outbox")
            .len(),
        2
    );
}
