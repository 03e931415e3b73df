//! Rules that an operator drops into the folder while the process runs.

use std::sync::Arc;

use nonsite_schemas::settings::KafkaSettings;
use nonsite_schemas::time::ManualClock;

use super::runs::{add, batch};
use crate::alert::publish;
use crate::detect::{Config, Report, Service};
use crate::fixtures::at;
use crate::session;

/// Flags hours above a value.
const RULE: &str = r#"/*---
id = "Z1"
version = 1
name_zh = "测试"
name_en = "test"
group = "quality"
severity = "S3"
basis = "none"
granularity = "hour"
reason_zh = "{observed}"
reason_en = "{observed}"
effective_from = "2025-01-01"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "test"
---*/
SELECT mn, factor, hour AS window_start, hour + INTERVAL '1 hour' AS window_end, value AS observed,
       CASE WHEN value > 80.0 THEN 'flagged' ELSE 'passed' END AS outcome
FROM hourly"#;

fn flagged(report: &Report) -> Option<u64> {
    let rule = report.rules.iter().find(|rule| rule.rule == "Z1")?;
    Some(rule.flagged)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_dropped_into_the_folder_takes_part_in_the_next_run() {
    let (store, folder) = (
        tempfile::tempdir().expect("folder"),
        tempfile::tempdir().expect("folder"),
    );
    add(store.path(), batch(0..12)).await;
    let config = Config {
        rules_dir: Some(folder.path().to_owned()),
        ..Config::default()
    };
    let service = || {
        Service::new(
            store.path().to_owned(),
            config.clone(),
            session::Config::default(),
            KafkaSettings::default(),
            publish::Config::default(),
            Arc::new(ManualClock::at(at("2025-06-01 13:00"))),
        )
    };
    let running = service().expect("service");
    let first = running.once(None, false).await.expect("run");
    assert_eq!((flagged(&first), first.problems.len()), (None, 0));

    let file = folder.path().join("Z1.sql");
    std::fs::write(&file, RULE).expect("file");
    let second = running.once(None, false).await.expect("run");
    assert!(second.full, "a new rule judges everything");
    let found = flagged(&second).expect("the rule ran");
    assert!(found > 0, "{second:?}");

    // A file that cannot be used: what ran before goes on, and the report says what is wrong where.
    std::fs::write(&file, RULE.replace("quality", "qualty")).expect("file");
    let third = running.once(None, true).await.expect("run");
    assert_eq!(flagged(&third), Some(found));
    assert!(
        third.problems[0].contains("Z1.sql:6:1: error"),
        "{:?}",
        third.problems
    );
    let refused = service().expect_err("a start is refused").to_string();
    assert!(refused.contains("Z1.sql:6:1"), "{refused}");

    std::fs::remove_file(&file).expect("removed");
    let last = running.once(None, false).await.expect("run");
    assert_eq!((flagged(&last), last.problems.len()), (None, 0));
}

/// Windows flagged by the rules that are built in, those over findings left out.
fn by_others(report: &Report) -> Vec<(&str, u64)> {
    let rules = report.rules.iter();
    rules
        .filter(|rule| rule.rule != "Z1" && !rule.rule.starts_with('A'))
        .map(|rule| (rule.rule.as_str(), rule.flagged))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_that_fails_over_the_data_keeps_no_other_from_being_judged() {
    let (store, folder) = (
        tempfile::tempdir().expect("folder"),
        tempfile::tempdir().expect("folder"),
    );
    add(store.path(), batch(0..12)).await;
    let file = folder.path().join("Z1.sql");
    std::fs::write(&file, RULE).expect("file");
    let config = Config {
        rules_dir: Some(folder.path().to_owned()),
        ..Config::default()
    };
    let service = Service::new(
        store.path().to_owned(),
        config,
        session::Config::default(),
        KafkaSettings::default(),
        publish::Config::default(),
        Arc::new(ManualClock::at(at("2025-06-01 13:00"))),
    )
    .expect("service");
    let sound = service.once(None, true).await.expect("run");
    let found = flagged(&sound).expect("the rule ran");
    assert!(found > 0, "{sound:?}");

    for broken in [
        RULE.replace(
            "value AS observed",
            "1 / CAST(value * 0.0 AS BIGINT) AS observed",
        ),
        RULE.replace("'passed'", "'perhaps'"),
    ] {
        std::fs::write(&file, broken).expect("file");
        let report = service.once(None, false).await.expect("the run goes on");
        assert!(report.full, "a changed rule judges everything");
        let rule = report.rules.iter().find(|rule| rule.rule == "Z1");
        let rule = rule.expect("the rule is told");
        assert_eq!((rule.flagged, rule.passed), (0, 0), "{rule:?}");
        assert!(rule.not_evaluated["rule_failed"] > 0, "{rule:?}");
        assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
        assert!(
            report.problems[0].starts_with("rule Z1 failed"),
            "{:?}",
            report.problems
        );
        assert_eq!(by_others(&report), by_others(&sound));
        assert_eq!(report.withdrawn, 0, "what was found before stands");
        assert_eq!(report.open, sound.open);
    }

    std::fs::write(&file, RULE).expect("file");
    let mended = service.once(None, false).await.expect("run");
    assert_eq!(flagged(&mended), Some(found));
    assert_eq!(
        (mended.problems.len(), mended.opened, mended.withdrawn),
        (0, 0, 0)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_that_fails_over_the_data_leaves_the_days_to_its_query() {
    let (store, folder) = (
        tempfile::tempdir().expect("folder"),
        tempfile::tempdir().expect("folder"),
    );
    add(store.path(), batch(0..30)).await;
    let file = folder.path().join("Z1.sql");
    std::fs::write(&file, RULE).expect("file");
    let config = Config {
        rules_dir: Some(folder.path().to_owned()),
        ..Config::default()
    };
    let service = Service::new(
        store.path().to_owned(),
        config,
        session::Config::default(),
        KafkaSettings::default(),
        publish::Config::default(),
        Arc::new(ManualClock::at(at("2025-06-03 13:00"))),
    )
    .expect("service");
    let plain = service.once(None, true).await.expect("run");
    assert!(flagged(&plain) > Some(0), "{plain:?}");

    let screen = "[screen]\nlook = \"1 / (hours - hours) > 0\"\npassed = \"hours\"\n---*/";
    std::fs::write(&file, RULE.replace("---*/", screen)).expect("file");
    let report = service.once(None, true).await.expect("the run goes on");
    let said = |report: &Report| {
        let rule = report.rules.iter().find(|rule| rule.rule == "Z1");
        rule.map(|rule| (rule.flagged, rule.passed, rule.not_evaluated.clone()))
    };
    assert_eq!(said(&report), said(&plain));
    assert_eq!(report.problems.len(), 1, "{:?}", report.problems);
    assert!(
        report.problems[0].starts_with("the [screen] of rule Z1 failed"),
        "{:?}",
        report.problems
    );
    assert_eq!(by_others(&report), by_others(&plain));
    assert!(report.screened_rows > 0, "the other screens are used");
}
