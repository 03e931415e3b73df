//! The figures against their definitions.

use serde_json::json;

use super::*;
use crate::fixtures::{at, object};

const H: i64 = 3_600_000_000;

fn finding(rule: &str, mn: &str, factor: Option<&str>, start: i64, hours: i64) -> Anomaly {
    let window = |n: i64| {
        let time = |at| crate::detect::evidence::beijing(at);
        json!({"start": time(start + n * H), "end": time(start + (n + 1) * H)})
    };
    let windows: Vec<Value> = (0..hours).map(window).collect();
    Anomaly::from_row(object(json!({
        "anomaly_id": format!("{rule}{mn}{start}"), "rule_id": rule, "rule_version": 1,
        "params_hash": "", "rule_group": "quality", "severity": "S3", "phase": "confirmed",
        "status": "open", "mn": mn, "factor": factor, "window_start": start,
        "window_end": start + hours * H, "points": 1, "reason": "",
        "evidence": json!({"windows": windows}).to_string(), "evidence_sha256": "",
        "readings_version": 0, "first_seen_at": 0, "last_seen_at": 0, "date": 0,
    })))
    .expect("anomaly")
}

fn fault(kind: &str, expected: &[&str], mn: &str, start: i64, hours: i64) -> Fault {
    let texts = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
    Fault {
        kind: kind.to_owned(),
        expected: texts(expected),
        allowed: texts(&["Q02"]),
        must_not: if expected.is_empty() {
            texts(&["Q01"])
        } else {
            vec![]
        },
        mn: mn.to_owned(),
        permit_no: Some("P".to_owned()),
        factor: Some("x".to_owned()),
        start_us: start,
        end_us: start + hours * H,
    }
}

#[test]
fn every_number_follows_from_its_definition() {
    let start = at("2025-06-01 08:00");
    let far = start + 1_000 * H;
    let faults = [
        fault("constant", &["Q01"], "A", start, 4),
        fault("constant", &["Q01"], "B", start, 4),
        fault("spike", &["Q99"], "C", start, 1),
        fault("stopped", &[], "D", start, 6),
        fault("constant", &["Q01"], "A", far, 4),
    ];
    let judged = Judged {
        findings: vec![
            // Found three hours into the fault; the same fault by an allowed rule.
            finding("Q01", "A", Some("x"), start + 2 * H, 2),
            finding("Q02", "A", Some("x"), start, 1),
            // Another factor of the faulty logger; the look-alike; somewhere else.
            finding("Q01", "A", Some("y"), start, 1),
            finding("Q01", "D", Some("x"), start, 1),
            finding("Q01", "E", None, start, 1),
            // A rule that is not for this fault.
            finding("Q03", "B", Some("x"), start, 1),
        ],
        rules: ["Q01", "Q02", "Q03"].map(str::to_owned).into(),
        points: 5,
        days: 12,
        from: start - H,
        as_of: far,
        readings_version: 3,
    };
    let score = score(&judged, &faults);
    assert_eq!(score.point_months, 2.0);
    let of = |id: &str| {
        score
            .rules
            .iter()
            .find(|line| line.rule == id)
            .expect("line")
    };
    let q01 = of("Q01");
    assert_eq!((q01.planted, q01.found, q01.recall), (2, 1, Some(0.5)));
    assert_eq!((q01.findings, q01.right, q01.precision), (4, 1, Some(0.25)));
    assert_eq!(
        (q01.false_alarms, q01.on_look_alikes, q01.beside_faults),
        (3, 1, 0)
    );
    assert_eq!(q01.false_alarms_per_point_month, 1.5);
    assert_eq!(
        (q01.delay_median_h, q01.delay_p90_h),
        (Some(3.0), Some(3.0))
    );
    assert_eq!((of("Q02").right, of("Q02").planted), (1, 0));
    assert_eq!((of("Q03").false_alarms, of("Q03").beside_faults), (1, 1));
    let all = &score.overall;
    assert_eq!(
        (all.planted, all.found, all.findings, all.right),
        (2, 1, 6, 2)
    );
    let kind = |name: &str| {
        score
            .kinds
            .iter()
            .find(|kind| kind.kind == name)
            .expect("kind")
    };
    assert_eq!((kind("spike").planted, kind("spike").without_rule), (1, 1));
    assert_eq!(kind("stopped").wrongly_flagged, 1);
    assert_eq!(kind("constant").missed.len(), 1);
    assert_eq!(score.examples["Q01"].len(), 3);
}

#[test]
fn a_silence_is_known_when_it_passes_its_threshold() {
    let start = at("2025-06-01 08:00");
    let mut silence = finding("T01", "A", None, start, 5);
    silence.unit = Some("min".to_owned());
    silence.observed = Some(300.0);
    silence.limit_value = Some(30.0);
    let fault = fault("offline", &["T01"], "A", start, 5);
    assert_eq!(
        known_at(&silence, &fault, start + 9 * H),
        Some(start + H / 2)
    );
    // The sum of a year that still grows tells nothing about when it passed its limit.
    let mut sum = finding("P06", "A", None, start - 90 * DAY, 1);
    sum.window_end = start + 9 * H;
    assert_eq!(known_at(&sum, &fault, start + 9 * H), None);
    assert!(known_at(&sum, &fault, start + 10 * H).is_some());
}

#[test]
fn findings_about_a_permit_belong_to_its_faults() {
    let start = at("2025-06-01 08:00");
    let mut notice = finding("P02", "A", None, start, 5);
    notice.mn = None;
    notice.permit_no = Some("P".to_owned());
    let fault = fault("permit_expired", &["P02"], "A", start, 5);
    assert!(belongs(&notice, &fault));
    notice.permit_no = None;
    assert!(!belongs(&notice, &fault));
}
