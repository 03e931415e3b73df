//! What golden cases cannot say: one permit over many days, and texts.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::detect::anomaly::Anomaly;
use crate::detect::catalogue::{Catalogue, Config};
use crate::detect::evaluate::{Evaluation, evaluate};
use crate::detect::run::RuleReport;
use crate::detect::state::State;
use crate::detect::touched::{Touched, days};
use crate::fixtures::{Permit, at, minutes, session, table};
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
        &Touched::everything(all),
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
