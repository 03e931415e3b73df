use std::path::Path;

use super::*;
use crate::detect::Config as DetectConfig;
use crate::fixtures::at;

/// A rule file without a fault.
const SOUND: &str = r#"/*---
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

[params.top]
default = 10.0
min = 1.0
max = 100.0
unit = "1"
doc = "above this"
---*/
SELECT mn, factor, hour AS window_start, hour + INTERVAL '1 hour' AS window_end,
       value AS observed,
       CASE WHEN value > $top THEN 'flagged' ELSE 'passed' END AS outcome
FROM hourly
"#;

/// Faults of files with these texts, `line:column level what`. Each has a folder of its own, so that
/// all are named alike.
async fn told(texts: &[String]) -> Vec<Vec<String>> {
    let dir = tempfile::tempdir().expect("folder");
    let mut paths = Vec::new();
    for (no, text) in texts.iter().enumerate() {
        let own = dir.path().join(no.to_string());
        std::fs::create_dir(&own).expect("folder");
        std::fs::write(own.join("Z1.sql"), text).expect("file");
        paths.push(own.join("Z1.sql"));
    }
    let one = |fault: &Fault| {
        let level = if fault.level == Level::Error {
            "error"
        } else {
            "warning"
        };
        format!("{}:{} {level} {}", fault.line, fault.column, fault.what)
    };
    let taken = |fault: &String| fault.contains("is taken: ");
    let checked = check(&paths).await.expect("check");
    checked
        .iter()
        .map(|rule| {
            rule.faults
                .iter()
                .map(one)
                .filter(|fault| !taken(fault))
                .collect()
        })
        .collect()
}

#[tokio::test]
async fn a_sound_file_has_no_fault() {
    assert_eq!(told(&[SOUND.to_owned()]).await, [Vec::<String>::new()]);
}

#[tokio::test]
async fn every_fault_is_told_with_its_place() {
    let edit = |from: &str, to: &str| {
        assert!(SOUND.contains(from), "{from}");
        SOUND.replace(from, to)
    };
    let cases = [
        (edit("/*---", "/*"), "1:1 error", "begins with"),
        (edit("---*/", "*/"), "1:1 error", "has no end"),
        (
            edit("version = 1", "version = = 1"),
            "3:11 error",
            "front matter",
        ),
        (
            edit("version = 1", "version = \"x\""),
            "3:11 error",
            "invalid type",
        ),
        (
            edit("basis = \"none\"\n", ""),
            "1:6 error",
            "`basis` is missing",
        ),
        (
            edit("version = 1", "version = 1\ncolour = 1"),
            "4:1 error",
            "unknown field",
        ),
        (
            edit("id = \"Z1\"", "id = \"Z2\""),
            "2:1 error",
            "named `Z2.sql`",
        ),
        (
            edit("\"quality\"", "\"qualty\""),
            "6:1 error",
            "there is no `qualty`",
        ),
        (
            edit("owner = \"test\"\n", ""),
            "1:6 error",
            "`owner` is missing",
        ),
        (
            edit("2025-01-01", "2025-02-30"),
            "12:18 error",
            "front matter",
        ),
        (
            edit("outlet = \"any\"", "outlet = \"roof\""),
            "13:1 error",
            "no outlet `roof`",
        ),
        (
            edit("industry = \"any\"", "industry = \" \""),
            "13:1 error",
            "of which industry",
        ),
        (
            edit("owner = \"test\"", "owner = \"\""),
            "14:1 error",
            "who answers",
        ),
        (
            edit("default = 10.0", "default = 0.5"),
            "17:1 error",
            "outside 1..=100",
        ),
        (
            edit("max = 100.0", "max = 0.5"),
            "18:1 error",
            "min 1 is above max 0.5",
        ),
        (
            edit(
                "unit = \"1\"",
                "by_cadence = { \"7200\" = 500.0 }\nunit = \"1\"",
            ),
            "20:1 error",
            "by_cadence: `7200` = 500",
        ),
        (edit("> $top", "> 10"), "16:1 error", "never used"),
        (
            edit("> $top", "> $top + $tap"),
            "25:33 error",
            "`$tap` is no parameter",
        ),
        (
            edit("\"{observed}\"\nreason_en", "\"{nought}\"\nreason_en"),
            "10:1 error",
            "no `{nought}`",
        ),
        (
            edit("value AS observed", "valeu AS observed"),
            "24:8 error",
            "valeu",
        ),
        (
            edit("FROM hourly", "FROM hourlies"),
            "26:6 error",
            "hourlies",
        ),
        (edit("FROM hourly", "FORM hourly"), "26:1 error", "FORM"),
        (
            edit("AS outcome", "AS verdict"),
            "23:1 error",
            "no column `outcome`",
        ),
        (
            edit("AS outcome", "AS outcome, flow"),
            "25:76 warning",
            "`flow` is not one",
        ),
        (
            edit("FROM hourly", "FROM readings_raw_all"),
            "26:6 error",
            "everything there ever was",
        ),
        (
            edit(
                "value AS observed",
                "sum(value) OVER (PARTITION BY mn ORDER BY hour) AS observed",
            ),
            "24:8 error",
            "over everything before",
        ),
        (
            edit(
                "value AS observed",
                "avg(value) OVER (PARTITION BY mn ORDER BY hour ROWS BETWEEN 48 PRECEDING AND CURRENT ROW) AS observed",
            ),
            "24:8 error",
            "raise `lookback_h` to 24",
        ),
        (
            edit(
                "FROM hourly",
                "FROM hourly WHERE hour > $as_of - INTERVAL '15 days'",
            ),
            "26:1 warning",
            "360 h is further",
        ),
        (
            edit("value AS observed", "max(value) OVER w AS observed").replace(
                "FROM hourly",
                "FROM hourly WINDOW w AS (PARTITION BY mn ORDER BY hour)",
            ),
            "24:8 error",
            "over everything before",
        ),
        (
            edit("SELECT mn", "CREATE TABLE x AS SELECT mn"),
            "23:1 error",
            "DDL",
        ),
    ];
    let texts: Vec<String> = cases.iter().map(|(text, ..)| text.clone()).collect();
    let mut wrong = Vec::new();
    for ((_, place, part), faults) in cases.iter().zip(told(&texts).await) {
        let there = |fault: &String| fault.starts_with(place) && fault.contains(part);
        if !faults.iter().any(there) {
            wrong.push(format!("expected `{place} ... {part}`, got {faults:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn several_faults_are_told_at_once_and_ids_are_unique() {
    let text = SOUND
        .replace("> $top", "> $tap")
        .replace("\"quality\"", "\"x\"")
        .replace(
            "granularity = \"hour\"",
            "granularity = \"hour\"\nlookback_h = 800",
        );
    let faults = told(&[text]).await;
    assert_eq!(faults[0].len(), 4, "{faults:#?}");
    let dir = tempfile::tempdir().expect("folder");
    let (one, two) = (dir.path().join("Z1.sql"), dir.path().join("Z2.sql"));
    std::fs::write(&one, SOUND).expect("file");
    std::fs::write(&two, SOUND).expect("file");
    let checked = check(&files(dir.path()).expect("files"))
        .await
        .expect("check");
    assert!(checked[0].sound());
    let faults: Vec<String> = checked[1].faults.iter().map(ToString::to_string).collect();
    assert!(
        faults
            .iter()
            .any(|f| f.contains("Z2.sql:2:1: error: id `Z1` is taken")),
        "{faults:?}"
    );
    let folder = DetectConfig {
        rules_dir: Some(dir.path().to_owned()),
        ..DetectConfig::default()
    };
    let error = Catalogue::load(&folder).unwrap_err().to_string();
    assert!(error.contains("Z2.sql:2:1"), "{error}");
    assert!(files(Path::new("/nowhere/at/all")).is_err());
}

#[tokio::test]
async fn the_built_in_rules_pass_their_own_check() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let paths = files(&dir).expect("rules");
    // Golden cases have a test of their own.
    let copies = tempfile::tempdir().expect("folder");
    for path in &paths {
        std::fs::copy(path, copies.path().join(path.file_name().expect("name"))).expect("copy");
    }
    let checked = check(&files(copies.path()).expect("rules"))
        .await
        .expect("check");
    assert_eq!(checked.len(), paths.len());
    let errors: Vec<String> = checked
        .iter()
        .flat_map(|rule| &rule.faults)
        .filter(|fault| fault.level == Level::Error)
        .map(ToString::to_string)
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sample_says_what_the_rule_costs() {
    use crate::detect::tests::runs::{add, batch};
    let store = tempfile::tempdir().expect("folder");
    let rule = Configured::defaults(
        Rule::parse("Z1", &SOUND.replace("default = 10.0", "default = 80.0")).expect("rule"),
    )
    .expect("defaults");
    let sample = Sample {
        logger_days: 100,
        as_of: at("2025-06-03 00:00"),
    };
    let config = Config::default();
    let none = estimate(store.path(), &config, &rule, sample)
        .await
        .expect("estimate");
    assert_eq!(none, None, "an empty store");
    add(store.path(), batch(0..48)).await;
    let cost = estimate(store.path(), &config, &rule, sample)
        .await
        .expect("estimate")
        .expect("readings");
    // Four loggers, two days, three factors; one of them was silent for 20 hours.
    assert_eq!(cost.logger_days, 8);
    let hours: u64 = cost.flagged + cost.passed;
    assert_eq!((cost.rows, cost.tables["hourly"]), (hours, hours));
    assert!(cost.findings > 0 && cost.flagged > 0, "{cost:?}");
    let expected = cost.findings as f64 * 30.0 / 8.0;
    assert!((cost.per_point_month - expected).abs() < 1e-9, "{cost:?}");
}
