//! What receivers are told of a finding from its first hour to its end, and after a correction.

use std::path::Path;

use nonsite_schemas::wire::alert::{Alert, AlertAnomaly, AlertKind, Phase};
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
        // What was said of it at a run; other findings of the same hours may stand in the same alerts.
        let said = |as_of: i64| -> Vec<(AlertKind, AlertAnomaly)> {
            let of_run = alerts.iter().filter(|alert| alert.time.0 == as_of);
            of_run
                .map(|alert| {
                    let mut found = alert.data.anomalies.iter();
                    let found = found.find(|a| a.rule_id == "E01").expect("E01").clone();
                    (alert.kind, found)
                })
                .collect()
        };
        let first = said(day() + 9 * HOUR + HOUR / 3);
        assert_eq!((first.len(), first[0].0), (1, AlertKind::Opened));
        assert_eq!(first[0].1.window_end.0, day() + 9 * HOUR);
        assert_eq!(first[0].1.phase, Phase::Provisional);
        let id = &first[0].1.anomaly_id;

        let second = said(day() + 10 * HOUR + HOUR / 3);
        if !bounded {
            // The second hour at once, not only when the day is over.
            assert_eq!((second.len(), second[0].0), (1, AlertKind::Updated));
            assert_eq!(second[0].1.window_end.0, day() + 10 * HOUR);
        }

        let confirmed = said(noon);
        assert_eq!((confirmed.len(), confirmed[0].0), (1, AlertKind::Updated));
        assert_eq!(confirmed[0].1.window_end.0, day() + 10 * HOUR);
        assert_eq!(confirmed[0].1.phase, Phase::Confirmed);

        let withdrawn = said(fell);
        assert_eq!((withdrawn.len(), withdrawn[0].0), (1, AlertKind::Withdrawn));
        let reason = &withdrawn[0].1.reason;
        assert!(
            reason.contains("已撤回") && reason.contains("withdrawn"),
            "{reason}"
        );

        let back = said(stands);
        assert!(back.iter().any(|(kind, _)| *kind == AlertKind::Updated));
        let all = [&first, &second, &confirmed, &withdrawn, &back];
        assert!(all.into_iter().flatten().all(|(_, a)| a.anomaly_id == *id));
        // Told once: the same run again has nothing to add.
        judge(store, &config, stands).await;
        assert_eq!(told(store).await.len(), alerts.len());
    }
}
