//! The whole way: a generated province through Kafka into tables, anomalies, alerts, the ratio and
//! the review queue, compared with what the generator says it put in.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nonsite_generator::truth::{Summary, TruthRow};
use nonsite_generator::{ProduceOptions, Province, Scale, Topics, produce};
use nonsite_schemas::settings::KafkaSettings;
use serde_json::Value as Json;

use crate::harness::sandbox::Sandbox;
use crate::harness::{broker, topics};

const PARTITIONS: i32 = 3;
/// Kinds of fault that a province must have and that rules must find.
const FAULTS: [&str; 8] = [
    "exceed_hour",
    "constant",
    "zero",
    "negative",
    "spike",
    "dilution",
    "offline",
    "parameter_change",
];

fn text<'a>(row: &'a Json, key: &str) -> &'a str {
    row[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text `{key}` in {row}"))
}

/// Generates a province onto topics of the sandbox.
pub(crate) fn province(sandbox: &mut Sandbox, scale: Scale) -> (Summary, Vec<TruthRow>) {
    sandbox.topic("hj212", PARTITIONS, "hj212", "readings");
    sandbox.topic("readings", PARTITIONS, "json", "readings");
    sandbox.topic("permits", 1, "json", "permits");
    sandbox.topic("inspections", 1, "json", "inspections");
    sandbox.topic("documents", 1, "json", "documents");
    let prefix = sandbox.topic_name("");
    let settings = KafkaSettings {
        brokers: broker::bootstrap().to_owned(),
        ..KafkaSettings::default()
    };
    let options = ProduceOptions {
        topics: Topics::with_prefix(prefix.trim_end_matches('.')),
        partitions: PARTITIONS,
        create: false,
        rate: None,
        may_send: None,
        flush_timeout: Duration::from_secs(60),
    };
    let mut province = Province::new(scale).unwrap();
    produce(&mut province, &settings, options, |_| {}).unwrap();
    (province.summary(), province.truth())
}

/// Counts by a text column.
fn counts(sandbox: &Sandbox, sql: &str) -> BTreeMap<String, u64> {
    let rows = sandbox.query(sql);
    rows.iter()
        .map(|row| (text(row, "k").to_owned(), row["n"].as_u64().unwrap()))
        .collect()
}

#[test]
fn a_province_comes_out_as_it_was_put_in() {
    let mut sandbox = Sandbox::new("province");
    let alerts = sandbox.topic_name("alerts");
    topics::create(&alerts, 1);
    sandbox.set("alerts.topic", alerts.as_str());
    let scale = Scale {
        points: 24,
        days: 3,
        factors: 8,
        ..Scale::default()
    };
    let (summary, truth) = province(&mut sandbox, scale.clone());
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    sandbox.verify();

    tables_hold_what_was_sent(&sandbox, &summary);

    let as_of = ["--as-of", summary.end.as_str()];
    sandbox
        .run(&[&["detect", "--once"][..], &as_of].concat())
        .done();
    let found = anomalies(&sandbox);
    let history_h = f64::from(scale.days) * 24.0;
    compare_with_truth(&sandbox, &found, &truth, history_h);
    nobody_is_accused_wrongly(&found, &truth);

    // D3: a second look at the same data changes nothing.
    sandbox
        .run(&[&["detect", "--once", "--full"][..], &as_of].concat())
        .done();
    assert_eq!(ids(&anomalies(&sandbox)), ids(&found));

    alerts_are_published_once_each(&sandbox, &alerts);
    the_ratio_counts_what_was_generated(&sandbox, &summary);
    anomalies_become_cases_once(&sandbox);
}

fn anomalies_become_cases_once(sandbox: &Sandbox) {
    let cases = || {
        sandbox.run(&["review", "take"]).done();
        let list = ["review", "list", "--limit", "0", "--format", "json"];
        sandbox.run(&list).done().json().as_array().unwrap().len()
    };
    let first = cases();
    assert!(first > 0, "anomalies become cases of the review queue");
    assert_eq!(cases(), first, "taking them again adds none");
}

fn tables_hold_what_was_sent(sandbox: &Sandbox, summary: &Summary) {
    let sent = &summary.counts;
    assert!(
        sent.resent > 0 && !sent.quarantined.is_empty(),
        "the province is disorderly"
    );
    let count = |sql: &str| sandbox.count(sql) as u64;
    assert_eq!(
        count("SELECT count(*) FROM readings_raw"),
        sent.readings_rows
    );
    assert_eq!(
        count("SELECT count(*) FROM readings"),
        sent.distinct_readings
    );
    assert_eq!(
        count("SELECT count(*) FROM device_states"),
        sent.device_state_rows
    );
    assert_eq!(
        counts(
            sandbox,
            "SELECT granularity AS k, count(*) AS n FROM readings_raw GROUP BY 1"
        ),
        sent.rows_by_granularity
    );
    let quarantined = |part: &str| {
        counts(
            sandbox,
            &format!(
                "SELECT reason AS k, count(*) AS n FROM quarantine WHERE part {part} GROUP BY 1"
            ),
        )
    };
    assert_eq!(quarantined("IS NULL"), sent.quarantined);
    assert_eq!(quarantined("IS NOT NULL"), sent.bad_parts);
    assert_eq!(
        count("SELECT count(*) FROM permits"),
        summary.permits.documents
    );
    assert_eq!(
        count("SELECT count(*) FROM permits WHERE NOT doc_valid"),
        summary.permits.faulty
    );
    assert_eq!(
        count("SELECT count(DISTINCT permit_no) FROM permits"),
        summary.permits.permits
    );
    assert_eq!(
        count("SELECT count(*) FROM inspections"),
        summary.inspections.documents
    );
    assert_eq!(
        count("SELECT count(DISTINCT act_id) FROM inspections"),
        summary.inspections.acts
    );
    documents_hold_what_was_sent(sandbox, summary);
}

/// Documents by type: every message is in its table, and every id stands once, by its last version.
fn documents_hold_what_was_sent(sandbox: &Sandbox, summary: &Summary) {
    let sent = &summary.documents;
    assert!(sent.late > 0 && sent.faulty > 0, "{sent:?}");
    let mut faulty = 0;
    for (kind, table, id, history) in [
        ("mark", "marks", "mark_id", Some("marks_history")),
        (
            "filing",
            "equipment_filings",
            "filing_id",
            Some("filings_history"),
        ),
        (
            "ticket",
            "maintenance_tickets",
            "ticket_id",
            Some("tickets_history"),
        ),
        (
            "window",
            "control_windows",
            "window_id",
            Some("windows_history"),
        ),
        (
            "execution_report",
            "execution_reports",
            "report_id",
            Some("reports_history"),
        ),
        (
            "manual_result",
            "manual_results",
            "result_id",
            Some("manual_history"),
        ),
        ("binding", "mn_bindings", "binding_id", None),
        ("process_point", "process_points", "point_id", None),
    ] {
        let count = |sql: &str| sandbox.count(sql) as u64;
        let messages = count(&format!("SELECT count(DISTINCT kafka_offset) FROM {table}"));
        assert_eq!(
            messages,
            sent.documents.get(kind).copied().unwrap_or(0),
            "{kind}"
        );
        let ids = count(&format!("SELECT count(DISTINCT {id}) FROM {table}"));
        assert_eq!(ids, sent.ids.get(kind).copied().unwrap_or(0), "{kind}");
        let bad = count(&format!(
            "SELECT count(DISTINCT kafka_offset) FROM {table} WHERE NOT doc_valid"
        ));
        faulty += bad;
        if let Some(history) = history {
            let latest = count(&format!(
                "SELECT count(DISTINCT {id}) FROM {history} WHERE latest"
            ));
            assert_eq!(latest + bad, ids, "{history}");
        }
    }
    assert_eq!(faulty, sent.faulty);
    // What the packets say of the instruments agrees with what was filed, except where hidden.
    let differing = sandbox.count(
        "SELECT count(*) FROM equipment_parameters p JOIN filed_parameters f
           ON f.mn = p.mn AND f.factor = p.factor AND f.parameter = p.parameter
          AND p.in_force_from >= f.in_force_from AND p.in_force_from < f.in_force_to
         WHERE abs(p.value - f.value) > f.tolerance",
    ) as u64;
    let hidden = summary.episodes.get("parameter_change").copied();
    assert_eq!(Some(differing), hidden);
    let unmarked =
        sandbox.count("SELECT count(*) FROM facility_values WHERE role IS NULL OR running IS NULL");
    assert_eq!(unmarked, 0, "every power value is filed as a facility's");
}

/// Present anomalies, each once.
fn anomalies(sandbox: &Sandbox) -> Vec<Json> {
    sandbox.query(
        "SELECT anomaly_id, rule_id, mn, permit_no, factor, status, \
         CAST(window_start AS BIGINT) AS a, CAST(window_end AS BIGINT) AS z \
         FROM anomalies_current WHERE status = 'open'",
    )
}

fn ids(anomalies: &[Json]) -> BTreeSet<String> {
    anomalies
        .iter()
        .map(|row| text(row, "anomaly_id").to_owned())
        .collect()
}

/// Whether an anomaly is about what a truth row describes.
fn concerns(anomaly: &Json, row: &TruthRow) -> bool {
    let subject = match anomaly["mn"].as_str() {
        Some(mn) => mn == row.mn,
        None => anomaly["permit_no"].as_str() == Some(&row.permit_no),
    };
    let factor = match (anomaly["factor"].as_str(), &row.factor) {
        (Some(found), Some(injected)) => found == injected,
        _ => true,
    };
    // The notice of an expiring permit stands where its line was crossed, maybe before the run.
    let time = text(anomaly, "rule_id") == "P02"
        || (anomaly["a"].as_i64().unwrap() < row.end_us
            && anomaly["z"].as_i64().unwrap() > row.start_us);
    subject && factor && time
}

/// Every finding, of whatever rule, tells of something that was put in and that its rule expects or
/// may tell of. A finding over findings (a repeat, several kinds of evidence) rests on two others of
/// the same permit at least, each of which has its own cause.
fn nobody_is_accused_wrongly(found: &[Json], truth: &[TruthRow]) {
    let over_findings = |anomaly: &Json| ["A01", "A06"].contains(&text(anomaly, "rule_id"));
    let rests_on_others = |anomaly: &Json| {
        let others = found
            .iter()
            .filter(|other| !over_findings(other) && other["permit_no"] == anomaly["permit_no"]);
        others.count() >= 2
    };
    let unfounded: Vec<String> = found
        .iter()
        .filter(|anomaly| {
            let rule = text(anomaly, "rule_id");
            if over_findings(anomaly) {
                return !rests_on_others(anomaly);
            }
            !truth.iter().any(|row| {
                row.expected.iter().chain(&row.allowed).any(|id| id == rule)
                    && concerns(anomaly, row)
            })
        })
        .map(Json::to_string)
        .collect();
    assert!(
        unfounded.is_empty(),
        "{} of {} findings without a cause:\n{}",
        unfounded.len(),
        found.len(),
        unfounded.join("\n")
    );
}

/// Every fault is found by each shipped rule that expects it, and no look-alike by a rule that must
/// not. Rules that look back further than the province's history are held by their golden cases.
fn compare_with_truth(sandbox: &Sandbox, found: &[Json], truth: &[TruthRow], history_h: f64) {
    let rules = sandbox
        .run(&["rules", "list", "--format", "json"])
        .done()
        .json();
    let shipped: BTreeSet<&str> = rules
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| text(rule, "id"))
        .collect();
    let beyond_history = |rule: &str| {
        let shown = sandbox.run(&["rules", "show", rule, "--format", "json"]);
        shown.done().json()["lookback_h"].as_f64().unwrap() > history_h
    };
    let by = |rule: &str, row: &TruthRow| {
        found
            .iter()
            .any(|anomaly| text(anomaly, "rule_id") == rule && concerns(anomaly, row))
    };
    let mut wrong = Vec::new();
    let mut kinds = BTreeSet::new();
    for row in truth {
        for rule in row
            .expected
            .iter()
            .filter(|rule| shipped.contains(rule.as_str()))
        {
            if beyond_history(rule) {
                continue;
            }
            kinds.insert(row.kind.as_str());
            if !by(rule, row) {
                wrong.push(format!("missed by {rule}: {row:?}"));
            }
        }
        for rule in row.must_not.iter().filter(|rule| by(rule, row)) {
            wrong.push(format!("flagged by {rule} without cause: {row:?}"));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    let untested: Vec<&&str> = FAULTS
        .iter()
        .filter(|kind| !kinds.contains(*kind))
        .collect();
    assert!(
        untested.is_empty(),
        "injected and expected of no rule, or not injected: {untested:?}; tested: {kinds:?}"
    );
}

fn alerts_are_published_once_each(sandbox: &Sandbox, topic: &str) {
    let stored: BTreeSet<String> = sandbox
        .query("SELECT alert_id FROM alerts")
        .iter()
        .map(|row| text(row, "alert_id").to_owned())
        .collect();
    let published: Vec<String> = topics::read_all(topic, 1)
        .iter()
        .map(|message| {
            let event: Json = serde_json::from_slice(message).unwrap();
            assert_eq!(event["specversion"], "1.0", "a CloudEvent: {event}");
            for key in ["type", "source", "time", "data"] {
                assert!(!event[key].is_null(), "no `{key}` in {event}");
            }
            text(&event, "id").to_owned()
        })
        .collect();
    assert!(!stored.is_empty());
    assert_eq!(published.iter().cloned().collect::<BTreeSet<_>>(), stored);
    assert_eq!(
        published.len(),
        stored.len(),
        "without a crash each alert is sent once"
    );
}

fn the_ratio_counts_what_was_generated(sandbox: &Sandbox, summary: &Summary) {
    let answer = sandbox
        .run(&["ratio", "--as-of", summary.end.as_str(), "--format", "json"])
        .done()
        .json();
    let want = &summary.inspections;
    let share = &answer["share"];
    assert_eq!(share["off"], want.offsite, "{share}");
    assert_eq!(share["on"], want.onsite, "{share}");
}
