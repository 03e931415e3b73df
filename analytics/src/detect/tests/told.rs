//! What receivers are told of a finding from its first hour to its end, and after a correction.

use std::path::Path;

use nonsite_schemas::wire::alert::{Alert, AlertKind, Phase};
use serde_json::{Value, json};

use super::runs::{HOUR, add, add_permits};
use crate::detect::{Catalogue, Config, Options, run};
use crate::fixtures::{Permit, at, minutes, query, reading};
use crate::session;

fn day() -> i64 {
    at("2025-06-03 00:00")
}

/// Logger A: two hours over its limit of 50, otherwise a day like any other.
fn hours(range: std::ops::Range<i64>) -> Vec<Value> {
    range
        .flat_map(|hour| {
            let value = match hour {
                8 | 9 => 60.0,
                _ => 20.0 + (hour % 7) as f64,
            };
            minutes("A", "a21026", day() + hour * HOUR, 10, 6, value)
        })
        .collect()
}

/// The two hours, sent again.
fn again(value: f64, received_at: i64) -> Vec<Value> {
    (0..12)
        .map(|i| {
            let origin = json!({"received_at": received_at, "kafka_offset": received_at + i});
            let time = day() + 8 * HOUR + i * HOUR / 6;
            reading(
                "A",
                "a21026",
                "minute",
                time,
                value + i as f64 / 10.0,
                origin,
            )
        })
        .collect()
}

async fn judge(store: &Path, config: &Config, as_of: i64) {
    let catalogue = Catalogue::load(config).expect("rules");
    let options = Options { as_of, full: false };
    let session = session::Config::default();
    run(store, config, &session, &catalogue, options)
        .await
        .expect("run");
}

/// Every alert about the exceedance in the order they were made in.
async fn told(store: &Path) -> Vec<Alert> {
    let session = session::open(store, &session::Config::default())
        .await
        .expect("session");
    let sql = "SELECT payload FROM alerts ORDER BY created_at, alert_id";
    query(&session, sql)
        .await
        .iter()
        .map(|row| row["payload"].as_str().expect("text"))
        .map(|payload| serde_json::from_str::<Alert>(payload).expect("alert"))
        .filter(|alert| alert.data.anomalies.iter().any(|a| a.rule_id == "E01"))
        .collect()
}

/// With its days' alerts bounded and unbounded: the way of one finding.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receivers_know_how_long_a_finding_lasts_that_it_is_confirmed_and_that_it_fell() {
    for bounded in [true, false] {
        let store = tempfile::tempdir().expect("folder");
        let store = store.path();
        let mut config = Config::default();
        if !bounded {
            config.disabled.push("A10".to_owned());
        }
        add_permits(store, &[Permit::of("A", "a21026", 50.0)]).await;
        let noon = day() + 36 * HOUR;
        for (from, to, as_of) in [
            (0, 9, day() + 9 * HOUR + HOUR / 3),
            (9, 10, day() + 10 * HOUR + HOUR / 3),
            (10, 24, noon),
        ] {
            add(store, hours(from..to)).await;
            judge(store, &config, as_of).await;
        }
        let (fell, stands) = (noon + HOUR, noon + 2 * HOUR);
        add(store, again(21.0, fell)).await;
        judge(store, &config, fell).await;
        add(store, again(60.0, stands)).await;
        judge(store, &config, stands).await;
        let alerts = told(store).await;
        let kinds: Vec<AlertKind> = alerts.iter().map(|alert| alert.kind).collect();
        let (opened, updated) = (AlertKind::Opened, AlertKind::Updated);
        let mut expected = vec![opened, updated, AlertKind::Withdrawn, updated];
        if !bounded {
            // The second hour at once, not only when the day is over.
            expected.insert(1, updated);
        }
        assert_eq!(kinds, expected, "bounded: {bounded}");

        let of_rule = |alert: &Alert| {
            let mut found = alert.data.anomalies.iter();
            found.find(|a| a.rule_id == "E01").expect("E01").clone()
        };
        let found: Vec<_> = alerts.iter().map(of_rule).collect();
        assert!(found.iter().all(|a| a.anomaly_id == found[0].anomaly_id));
        assert_eq!(found[0].window_end.0, day() + 9 * HOUR);
        assert_eq!(found[0].phase, Phase::Provisional);
        let confirmed = &found[found.len() - 3];
        assert_eq!(confirmed.window_end.0, day() + 10 * HOUR);
        assert_eq!(confirmed.phase, Phase::Confirmed);
        let withdrawn = &found[found.len() - 2].reason;
        assert!(
            withdrawn.contains("已撤回") && withdrawn.contains("withdrawn"),
            "{withdrawn}"
        );
        // Told once: the same run again has nothing to add.
        judge(store, &config, stands).await;
        assert_eq!(told(store).await.len(), alerts.len());
    }
}
