//! Golden cases: for every rule inputs that are flagged, pass and are not evaluated.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::detect::anomaly::Anomaly;
use crate::detect::catalogue::{Catalogue, Config};
use crate::detect::run::{Evaluation, RuleReport, evaluate};
use crate::detect::state::State;
use crate::detect::touched::days;
use crate::fixtures::{PERMIT_NO, Permit, at, minutes, reading, session, table};
use crate::session::{self as open, Session};

const HOUR: i64 = 3_600_000_000;

/// Runs all rules over everything in a session.
async fn judged(session: &Session, as_of: i64) -> Evaluation {
    let config = Config::default();
    let catalogue = Catalogue::load(&config).expect("rules");
    let all = days(session, "SELECT DISTINCT mn, date FROM readings_raw")
        .await
        .expect("days");
    evaluate(
        session,
        &catalogue,
        &config,
        &all,
        Some(&all),
        State::default(),
        as_of,
    )
    .await
    .expect("evaluation")
}

fn report<'a>(evaluation: &'a Evaluation, rule: &str) -> &'a RuleReport {
    evaluation
        .rules
        .iter()
        .find(|report| report.rule == rule)
        .expect("rule ran")
}

fn found<'a>(evaluation: &'a Evaluation, rule: &str) -> Vec<&'a Anomaly> {
    let mut found: Vec<_> = evaluation
        .state
        .open()
        .filter(|a| a.rule_id == rule)
        .collect();
    found.sort_by_key(|a| (a.mn.clone(), a.factor.clone(), a.window_start));
    found
}

fn counts(report: &RuleReport) -> (u64, u64, BTreeMap<&str, u64>) {
    let why = report
        .not_evaluated
        .iter()
        .map(|(why, count)| (why.as_str(), *count))
        .collect();
    (report.flagged, report.passed, why)
}

/// Hours of one factor with 10-minute values.
fn hours(mn: &str, factor: &str, start: i64, values: &[f64]) -> Vec<Value> {
    values
        .iter()
        .enumerate()
        .flat_map(|(i, value)| minutes(mn, factor, start + i as i64 * HOUR, 10, 6, *value))
        .collect()
}

fn marked(mut rows: Vec<Value>, flag: &str) -> Vec<Value> {
    rows.iter_mut().for_each(|row| row["flag"] = json!(flag));
    rows
}

#[tokio::test]
async fn e01_judges_valid_hours_against_the_limit_then_in_force() {
    let start = at("2025-06-01 08:00");
    // Exactly the limit passes; two hours above with a quiet hour between are one finding.
    let mut rows = hours("A", "a21026", start, &[50.0, 60.0, 40.0, 70.0]);
    rows.extend(marked(
        hours("A", "a21026", start + 4 * HOUR, &[500.0]),
        "M",
    ));
    rows.extend(hours("A", "a21026", start + 5 * HOUR, &[500.0])[..4].to_vec());
    rows.extend(hours("A", "a34013", start, &[500.0]));
    rows.extend(hours("B", "a21026", start, &[500.0]));
    let session = session(rows, &[Permit::of("A", "a21026", 50.0)], 2).await;
    let evaluation = judged(&session, at("2025-06-01 20:00")).await;
    assert_eq!(
        counts(report(&evaluation, "E01")),
        (
            2,
            2,
            BTreeMap::from([
                ("marked_instrument", 1),
                ("too_few_valid_minutes", 1),
                ("no_limit", 1),
                ("no_permit", 1)
            ])
        )
    );
    let found = found(&evaluation, "E01");
    assert_eq!(found.len(), 1);
    let finding = found[0];
    assert_eq!(
        (finding.window_start, finding.window_end),
        (start + HOUR, start + 4 * HOUR)
    );
    assert_eq!(
        (finding.observed, finding.limit_value, finding.points),
        (Some(70.0), Some(50.0), 2)
    );
    assert_eq!(
        (finding.severity.as_str(), finding.permit_version),
        ("S3", Some(1))
    );
    assert_eq!(finding.unit_name.as_deref(), Some("热电厂"));
    let evidence: Value = serde_json::from_str(&finding.evidence).expect("JSON");
    assert_eq!(evidence["minutes"].as_array().map(Vec::len), Some(6));
    assert_eq!(evidence["limit"][0]["limit_value"], json!(50.0));
    assert_eq!(evidence["sources"][0]["topic"], json!("t"));
    assert!(
        finding.reason.contains("70") && finding.reason.contains("50"),
        "{}",
        finding.reason
    );
}

#[tokio::test]
async fn e01_is_worse_for_three_hours_in_a_row_or_twice_the_limit() {
    let start = at("2025-06-01 08:00");
    let mut rows = hours("A", "a21026", start, &[60.0, 60.0, 60.0, 40.0]);
    rows.extend(hours("A", "a21002", start, &[100.0]));
    let permits = [
        Permit::of("A", "a21026", 50.0),
        Permit::of("A", "a21002", 50.0),
    ];
    let evaluation = judged(&session(rows, &permits, 2).await, at("2025-06-01 20:00")).await;
    let severities: Vec<&str> = found(&evaluation, "E01")
        .iter()
        .map(|a| a.severity.as_str())
        .collect();
    assert_eq!(severities, ["S2", "S2"]);
}

#[tokio::test]
async fn e01_uses_the_converted_value_and_the_limit_of_its_time() {
    let start = at("2025-06-01 08:00");
    let mut rows = hours("A", "a21026", start, &[30.0, 30.0, 30.0]);
    rows.extend(hours("A", "a19001", start, &[16.0, 6.0]));
    let document = |version, issued: &str, limit, offset| Permit {
        version,
        issued: at(issued),
        offset,
        ref_o2: Some(11.0),
        ..Permit::of("A", "a21026", limit)
    };
    // The stricter limit begins at 09:00; its document arrived before the older one.
    let permits = [
        document(2, "2025-06-01 09:00", 15.0, 0),
        document(1, "2024-01-01 00:00", 100.0, 1),
    ];
    let evaluation = judged(&session(rows, &permits, 2).await, at("2025-06-01 20:00")).await;
    // 08:00: 30 * 10/5 = 60 <= 100; 09:00: 30 * 10/15 = 20 > 15; 10:00: no oxygen.
    assert_eq!(
        counts(report(&evaluation, "E01")),
        (1, 1, BTreeMap::from([("no_conversion", 1)]))
    );
    let found = found(&evaluation, "E01");
    assert_eq!(
        (found[0].observed, found[0].limit_value),
        (Some(20.0), Some(15.0))
    );
    assert_eq!(found[0].permit_version, Some(2));
}

#[tokio::test]
async fn e01_compares_like_with_like() {
    let start = at("2025-06-01 08:00");
    let mut rows = hours("A", "a21026", start, &[60.0]);
    rows.extend(hours("A", "a21002", start, &[60.0]));
    rows.extend(hours("A", "a24088", start, &[60.0]));
    rows.extend(hours("A", "a21001", start, &[60.0]));
    let limit = |factor, limit, unit| Permit {
        unit,
        ..Permit::of("A", factor, limit)
    };
    // 50,000 ug/m3 are 50 mg/m3; 500,000 ug/m3 are not exceeded by 60 mg/m3.
    let permits = [
        limit("a21026", 50_000.0, "ug/m3"),
        limit("a21002", 500_000.0, "ug/m3"),
        limit("a24088", 50.0, "ppm"),
        limit("a21001", 50.0, "mg/m3"),
    ];
    let evaluation = judged(&session(rows, &permits, 2).await, at("2025-06-01 20:00")).await;
    assert_eq!(
        counts(report(&evaluation, "E01")),
        (
            1,
            1,
            BTreeMap::from([("unit_mismatch", 1), ("unit_unknown", 1)])
        )
    );
    let finding = found(&evaluation, "E01")[0];
    assert_eq!(
        (
            finding.observed,
            finding.limit_value,
            finding.unit.as_deref()
        ),
        (Some(60.0), Some(50.0), Some("mg/m3"))
    );
    let evidence: Value = serde_json::from_str(&finding.evidence).expect("JSON");
    assert_eq!(evidence["limit"][0]["stated_value"], json!(50_000.0));
    assert_eq!(evidence["limit"][0]["stated_unit"], json!("ug/m3"));
}

#[tokio::test]
async fn e03_and_e04_recompute_the_day() {
    let day = at("2025-06-01 00:00");
    let mut rows = hours("A", "a21026", day, &[60.0; 20]);
    rows.extend(hours("A", "a21002", day, &[10.0; 24]));
    rows.extend(hours("A", "a34013", day, &[60.0; 19]));
    let mut flow = hours("W", "w00000", day, &[1.0; 12]);
    flow.extend(hours("W", "w00000", day + 12 * HOUR, &[9.0; 12]));
    rows.extend(flow);
    // Arithmetic mean 55, weighted by flow 19: passes.
    rows.extend(hours("W", "w01018", day, &[100.0; 12]));
    rows.extend(hours("W", "w01018", day + 12 * HOUR, &[10.0; 12]));
    rows.extend(hours("W", "w21003", day, &[30.0; 24]));
    rows.extend(hours("W", "w01012", day, &[900.0; 24]));
    let daily = |mn, factor, limit| Permit {
        averaging: "day",
        ..Permit::of(mn, factor, limit)
    };
    let water = |factor, limit, offset| Permit {
        version: offset + 1,
        offset,
        ..daily("W", factor, limit)
    };
    let permits = [
        daily("A", "a21026", 50.0),
        daily("A", "a21002", 50.0),
        daily("A", "a34013", 50.0),
    ];
    let gas = judged(
        &session(rows.clone(), &permits, 2).await,
        at("2025-06-02 01:00"),
    )
    .await;
    assert_eq!(
        counts(report(&gas, "E03")),
        (1, 1, BTreeMap::from([("too_few_valid_hours", 1)]))
    );
    assert_eq!(found(&gas, "E03")[0].observed, Some(60.0));
    let mut permits = [
        water("w01018", 50.0, 0),
        water("w21003", 20.0, 0),
        water("w01012", 20.0, 0),
    ];
    permits.iter_mut().for_each(|permit| permit.version = 1);
    let water = judged(&session(rows, &permits, 2).await, at("2025-06-02 01:00")).await;
    assert_eq!(counts(report(&water, "E04")).0, 1);
    assert_eq!(counts(report(&water, "E04")).1, 1);
    assert_eq!(found(&water, "E04")[0].factor.as_deref(), Some("w21003"));
}

#[tokio::test]
async fn q01_q03_q04_look_at_valid_hours_only() {
    let start = at("2025-06-01 08:00");
    let mut rows = hours("A", "a21026", start, &[5.0, 5.0, 5.0, 5.0, 6.0, 7.0]);
    rows.extend(hours("A", "a21002", start, &[5.0, 5.0, 5.0, 6.0, 5.0]));
    rows.extend(marked(hours("A", "a34013", start, &[5.0; 6]), "F"));
    rows.extend(hours("A", "a21005", start, &[1.0, -0.5, 2.0, 3.0, 4.0]));
    rows.extend(hours("A", "a21024", start, &[1.0, 0.0, 0.0, 3.0]));
    rows.extend(hours("A", "a21018", start, &[1.0, 0.0, 2.0, 3.0]));
    let evaluation = judged(
        &session(rows, &[Permit::of("A", "a21026", 50.0)], 2).await,
        at("2025-06-01 20:00"),
    )
    .await;
    assert_eq!(
        counts(report(&evaluation, "Q01")),
        (1, 4, BTreeMap::from([("no_valid_hour", 1)]))
    );
    let flat = found(&evaluation, "Q01");
    assert_eq!((flat[0].points, flat[0].window_end), (4, start + 4 * HOUR));
    let negative = report(&evaluation, "Q03");
    assert_eq!(
        (negative.flagged, negative.not_evaluated["marked_stopped"]),
        (1, 6)
    );
    assert_eq!(found(&evaluation, "Q03")[0].observed, Some(-0.5));
    let zero = found(&evaluation, "Q04");
    assert_eq!(zero.len(), 1);
    assert_eq!(
        (zero[0].factor.as_deref(), zero[0].points),
        (Some("a21024"), 2)
    );
    assert_eq!(
        counts(report(&evaluation, "Q04")).2,
        BTreeMap::from([("no_valid_hour", 1)])
    );
}

#[tokio::test]
async fn t01_and_t02_see_what_did_not_come() {
    let start = at("2025-06-01 08:00");
    let mut rows = hours("A", "a21026", start, &[1.0, 2.0]);
    rows.extend(hours("A", "a21026", start + 5 * HOUR, &[3.0, 4.0]));
    // One of two factors lacks three of six values in one hour.
    rows.extend(hours(
        "B",
        "a21026",
        start,
        &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    ));
    rows.extend(
        hours("B", "a21002", start, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
            .into_iter()
            .skip(3),
    );
    let as_of = start + 7 * HOUR + 10 * 60_000_000;
    let evaluation = judged(&session(rows, &[], 2).await, as_of).await;
    let silent = found(&evaluation, "T01");
    assert_eq!(silent.len(), 1);
    assert_eq!(
        (silent[0].mn.as_deref(), silent[0].observed),
        (Some("A"), Some(180.0))
    );
    assert_eq!(silent[0].severity, "S3");
    assert_eq!(
        (silent[0].window_start, silent[0].window_end),
        (start + 2 * HOUR, start + 5 * HOUR)
    );
    assert_eq!(counts(report(&evaluation, "T01")), (1, 1, BTreeMap::new()));
    let short = found(&evaluation, "T02");
    assert_eq!(short.len(), 2);
    assert_eq!((short[0].mn.as_deref(), short[0].points), (Some("A"), 3));
    assert_eq!((short[1].mn.as_deref(), short[1].points), (Some("B"), 1));
    // Half an hour later everything that is quiet then is still open.
    let later = judged(&session_again().await, start + 3 * HOUR).await;
    assert_eq!(found(&later, "T01")[0].window_end, start + 3 * HOUR);
}

#[tokio::test]
async fn t01_sees_a_logger_that_stops_at_midnight() {
    let day = at("2025-06-01 00:00");
    let session = session(hours("A", "a21026", day, &[1.5; 24]), &[], 1).await;
    let evaluation = judged(&session, day + 27 * HOUR).await;
    let silent = found(&evaluation, "T01");
    assert_eq!(silent.len(), 1);
    assert_eq!(
        (silent[0].window_start, silent[0].window_end),
        (day + 24 * HOUR, day + 27 * HOUR)
    );
}

async fn session_again() -> Session {
    session(
        hours("A", "a21026", at("2025-06-01 08:00"), &[1.0, 2.0]),
        &[],
        1,
    )
    .await
}

#[tokio::test]
async fn p02_gives_one_notice_per_line_and_one_finding_once_expired() {
    let day = at("2025-06-02 12:00");
    let rows = hours("A", "a21026", at("2025-06-02 08:00"), &[1.0, 2.0]);
    let found_with = async |valid_to: &'static str| {
        let permit = Permit {
            valid_to,
            ..Permit::of("A", "a21026", 50.0)
        };
        let evaluation = judged(&session(rows.clone(), &[permit], 2).await, day).await;
        let told: Vec<_> = found(&evaluation, "P02")
            .iter()
            .map(|a| {
                assert_eq!(a.unit_name.as_deref(), Some("热电厂"), "{a:?}");
                assert_eq!(a.org_code.as_deref(), Some("370500"), "{a:?}");
                (
                    a.mn.clone(),
                    a.severity.clone(),
                    a.observed,
                    a.limit_value,
                    a.reason.clone(),
                )
            })
            .collect();
        (
            told,
            (
                report(&evaluation, "P02").flagged,
                report(&evaluation, "P02").passed,
            ),
        )
    };
    // 91 days left: nothing yet; 90, 60 and 30 days are inclusive; the last day is a valid day.
    for (valid_to, left, line) in [
        ("2025-09-01", 91.0, None),
        ("2025-08-31", 90.0, Some(90.0)),
        ("2025-08-02", 61.0, Some(90.0)),
        ("2025-08-01", 60.0, Some(60.0)),
        ("2025-07-02", 30.0, Some(30.0)),
        ("2025-06-02", 0.0, Some(30.0)),
    ] {
        let (told, _) = found_with(valid_to).await;
        let expected: Vec<_> = line
            .iter()
            .map(|line| (None, "S4".to_owned(), Some(left), Some(*line)))
            .collect();
        let seen: Vec<_> = told
            .iter()
            .map(|t| (t.0.clone(), t.1.clone(), t.2, t.3))
            .collect();
        assert_eq!(seen, expected, "{valid_to}");
    }
    let (told, counts) = found_with("2025-05-30").await;
    assert_eq!(told.len(), 2, "{told:?}");
    let notice = &told[0];
    assert_eq!((&notice.0, notice.1.as_str()), (&None, "S4"));
    assert!(
        notice.4.contains("已过期 3 天") && notice.4.contains("expired 3 days ago"),
        "{}",
        notice.4
    );
    let clue = &told[1];
    assert_eq!((clue.0.as_deref(), clue.1.as_str()), (Some("A"), "S1"));
    assert!(clue.4.contains("无证排污"), "{}", clue.4);
    assert_eq!((counts.0, counts.1), (2, 3), "three notices are over");
}

#[tokio::test]
async fn p02_says_why_a_permit_is_not_judged() {
    let mut given = crate::fixtures::permits(&[Permit {
        valid_to: "2025-06-20",
        ..Permit::of("A", "a21026", 50.0)
    }]);
    let def = nonsite_schemas::tables::permits();
    let heads: Vec<Value> = ["changing", "revoked"]
        .iter()
        .enumerate()
        .map(|(i, status)| {
            json!({
                "permit_no": format!("P{i}"), "version": 1, "issued_at": 0, "doc_valid": true,
                "valid_from": "2020-01-01", "valid_to": "2025-06-20", "status": status,
                "kafka_topic": "p", "kafka_offset": i,
            })
        })
        .chain([json!({
            "permit_no": "P9", "version": 1, "issued_at": 0, "doc_valid": true,
            "valid_from": "2020-01-01", "status": "valid", "kafka_topic": "p", "kafka_offset": 9,
        })])
        .collect();
    given[0].1 = table(&def, heads);
    let session = open::in_memory(given, &open::Config::default())
        .await
        .expect("session");
    let evaluation = judged(&session, at("2025-06-02 12:00")).await;
    assert_eq!(
        counts(report(&evaluation, "P02")).2,
        BTreeMap::from([
            ("no_validity", 1),
            ("permit_revoked", 3),
            ("renewal_in_process", 3)
        ])
    );
    assert!(found(&evaluation, "P02").is_empty());
}

#[tokio::test]
async fn p06_adds_up_the_year() {
    let day = at("2025-06-01 00:00");
    // 100 mg/m3 x 3,600,000 m3/h (1,000 m3/s) = 360 kg/h; 24 h = 8.64 t.
    let mut rows = hours("A", "a21026", day, &[100.0; 24]);
    rows.extend(hours("A", "a00000", day, &[1_000.0; 24]));
    let limit = |mass: f64| {
        json!({
            "permit_no": PERMIT_NO, "version": 1, "issued_at": at("2020-01-01 00:00"),
            "doc_valid": true, "level": "plant_total", "factor": "a21026", "period": "year",
            "year_no": 1, "starts_on": "2025-01-01", "ends_on": "2025-12-31", "mass_t": mass,
            "kafka_topic": "p",
        })
    };
    for (mass, flagged) in [(8.6, 1), (8.7, 0)] {
        let mut given = crate::fixtures::permits(&[Permit::of("A", "a21026", 500.0)]);
        let def = nonsite_schemas::tables::permit_mass_limits();
        given.push(("permit_mass_limits", table(&def, vec![limit(mass)])));
        let def = nonsite_schemas::tables::readings_raw();
        given.push(("readings_raw", table(&def, rows.clone())));
        let session = open::in_memory(given, &open::Config::default())
            .await
            .expect("session");
        let evaluation = judged(&session, at("2025-06-02 12:00")).await;
        assert_eq!(report(&evaluation, "P06").flagged, flagged, "{mass}");
        assert_eq!(report(&evaluation, "P06").passed, 1 - flagged);
    }
    let none = judged(
        &session(
            vec![reading("A", "a21026", "hour", day, 1.0, json!({}))],
            &[],
            1,
        )
        .await,
        day + 2 * HOUR,
    )
    .await;
    assert_eq!(counts(report(&none, "P06")), (0, 0, BTreeMap::new()));
}
