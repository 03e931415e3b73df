//! Parameters in layers: over real tables, incremental, replayed, revoked, and one that is bad.

use std::path::Path;

use serde_json::{Map, Value};

use super::runs::{HOUR, add, add_permits, batch, detect, documents};
use crate::detect::params::store::{in_force, revoke, set};
use crate::detect::params::{Layer, Override, store::all};
use crate::detect::replay::replay;
use crate::detect::{Catalogue, Config};
use crate::fixtures::{PERMIT_NO, at, query, table};
use crate::session::{self, Error, Session, append, ensure};
use nonsite_schemas::tables;

async fn session(store: &Path) -> Session {
    session::open(store, &session::Config::default())
        .await
        .expect("session")
}

fn given(value: f64, from_h: i64, to_h: i64) -> Override {
    let start = at("2025-06-01 00:00");
    Override {
        rule_id: "E01".to_owned(),
        parameter: "factor".to_owned(),
        layer: Layer::Outlet,
        key: format!("{PERMIT_NO}DA001"),
        value,
        reason: "试运行".to_owned(),
        author: "张三".to_owned(),
        from_time: start + from_h * HOUR,
        expires_at: start + to_h * HOUR,
        recorded_at: start + 48 * HOUR,
        revoked: false,
    }
}

async fn put(store: &Path, row: &Override) -> Result<(), Error> {
    let catalogue = Catalogue::load(&Config::default()).expect("rules");
    set(store, &session(store).await, &catalogue, row).await
}

/// Open findings of E01 without what tells runs apart.
async fn found(store: &Path) -> Vec<Map<String, Value>> {
    query(
        &session(store).await,
        "SELECT * EXCEPT (readings_version, first_seen_at, last_seen_at) FROM anomalies
         WHERE rule_id = 'E01' AND status = 'open' ORDER BY window_start, factor",
    )
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_override_holds_for_its_outlet_and_its_time_only() {
    let store = tempfile::tempdir().expect("folder");
    let store = store.path();
    let start = at("2025-06-01 00:00");
    let end = start + 48 * HOUR + 20 * 60_000_000;
    add_permits(store, &documents()).await;
    add(store, batch(0..48)).await;
    detect(store, end, false, 1).await;
    let before = found(store).await;
    assert!(!before.is_empty());

    // Half the limit from the second day on: more is found there, with the override in the evidence.
    put(store, &given(0.5, 24, 999)).await.expect("set");
    let report = detect(store, end, false, 2).await;
    assert!(
        !report.full,
        "an override reopens only the days it is about"
    );
    let tight = found(store).await;
    let noon = start + 24 * HOUR;
    let early = |rows: &[Map<String, Value>]| -> Vec<Map<String, Value>> {
        let mut rows = rows.to_vec();
        rows.retain(|row| row["window_end"].as_i64() <= Some(noon));
        rows
    };
    assert_eq!(early(&before), early(&tight), "the first day is as before");
    let told: Vec<&Map<String, Value>> = tight
        .iter()
        .filter(|row| row["window_start"].as_i64() >= Some(noon))
        .collect();
    assert!(told.len() > before.len() - early(&before).len(), "{told:?}");
    let config = session::Config::default();
    // Each replay judges its days anew: two are enough.
    for row in told.iter().take(2) {
        let evidence: Value =
            serde_json::from_str(row["evidence"].as_str().expect("text")).expect("json");
        let told = &evidence["rule"]["overrides"][0];
        assert_eq!(told["author"], "张三");
        assert_eq!(told["instead_of"], 1.0);
        assert_eq!(evidence["rule"]["params"]["factor"], 0.5);
        let id = row["anomaly_id"].as_str().expect("id");
        let again = replay(store, &config, id).await.expect("replay");
        assert!(again.equal, "{:#?}", again.differences);
    }
    // Everything at once says the same, and so does a run with other threads.
    for partitions in [1, 3] {
        detect(store, end, true, partitions).await;
        assert_eq!(found(store).await, tight);
    }

    // Revoked: as if it had never been, while what was made with it can still be computed again.
    let end_it = Override {
        recorded_at: start + 49 * HOUR,
        ..given(0.0, 24, 0)
    };
    let row = revoke(store, &session(store).await, end_it.clone()).await;
    assert!(row.expect("revoked").revoked);
    let again = revoke(store, &session(store).await, end_it).await;
    assert!(again.is_err(), "nothing is left to revoke");
    let rows = all(&session(store).await).await.expect("rows");
    assert_eq!(rows.len(), 2);
    assert!(in_force(&rows, noon).is_empty());
    detect(store, end, false, 1).await;
    assert_eq!(found(store).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_refused_or_told() {
    let store = tempfile::tempdir().expect("folder");
    let store = store.path();
    let start = at("2025-06-01 00:00");
    let end = start + 24 * HOUR + 20 * 60_000_000;
    add_permits(store, &documents()).await;
    add(store, batch(0..24)).await;
    let good = given(2.0, 0, 999);
    type Change = fn(&mut Override);
    let wrong: [(&str, Change); 8] = [
        ("reason", |row| row.reason.clear()),
        ("author", |row| row.author = " ".to_owned()),
        ("not after", |row| row.expires_at = row.from_time),
        ("outside", |row| row.value = 9.0),
        ("no parameter", |row| row.parameter = "faktor".to_owned()),
        ("no rule", |row| row.rule_id = "E99".to_owned()),
        ("no permit names", |row| row.key = "X".to_owned()),
        ("industry code", |row| row.layer = Layer::Industry),
    ];
    for (what, change) in wrong {
        let mut row = good.clone();
        change(&mut row);
        let error = put(store, &row).await.expect_err(what).to_string();
        assert!(error.contains(what), "`{what}` is not in: {error}");
    }
    // Bounds that were tightened since: such a row is in the table all the same.
    let bad = Override { value: 9.0, ..good };
    let def = tables::rule_params();
    let delta = ensure(store, &def).await.expect("table");
    let row = serde_json::to_value(&bad).expect("row");
    append(&delta, &def, table(&def, vec![row]), vec![])
        .await
        .expect("append");
    let report = detect(store, end, false, 1).await;
    let rule = report
        .rules
        .iter()
        .find(|rule| rule.rule == "E01")
        .expect("E01");
    assert!(rule.not_evaluated["bad_override"] >= 48, "{rule:?}");
    assert_eq!(report.problems.len(), 1);
    assert!(
        report.problems[0].contains("9 is outside 0.5..=5"),
        "{:?}",
        report.problems
    );
    assert!(
        found(store).await.is_empty(),
        "A's only outlet cannot be judged"
    );
    let why = query(
        &session(store).await,
        "SELECT count(*) AS n FROM rule_outcomes WHERE why = 'bad_override' AND mn = 'A'",
    )
    .await;
    assert!(why[0]["n"].as_i64() > Some(0));
}
