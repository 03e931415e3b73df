//! An operator's rule: checked with places, then dropped into the folder.

use crate::harness::sandbox::Sandbox;

const RULE: &str = r#"/*---
id = "Z1"
version = 1
name_zh = "测试"
name_en = "test"
group = "quality"
severity = "S3"
basis = "house rule"
granularity = "hour"
reason_zh = "{observed}"
reason_en = "{observed}"
effective_from = "2025-01-01"
scope = { industry = "any", outlet = "any", factor = "any" }
owner = "house"

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

const GOLDEN: &str = r#"always_evaluated = "every hour has a value here"

[[case]]
name = "one of two hours"
as_of = "2025-06-01 20:00"
flagged = 1
passed = 1
series = [{ mn = "A", factor = "a21026", from = "2025-06-01 08:00", hourly = "5 50" }]
finding = [{ mn = "A", observed = 50, from = "2025-06-01 09:00" }]
"#;

#[test]
fn a_rule_is_validated_with_places_and_runs_from_its_folder() {
    let mut sandbox = Sandbox::without_broker("rule-folder");
    std::fs::create_dir_all(sandbox.file("rules/golden")).unwrap();
    let broken = RULE
        .replace("> $top", "> $tap")
        .replace("default = 10.0", "default = 0.5");
    sandbox.write("rules/Z1.sql", &broken);
    let told = sandbox.run(&["rules", "validate", "rules"]).exits(1);
    for place in [
        "rules/Z1.sql:17:1: error: parameter `top`: default 0.5 is outside 1..=100",
        "rules/Z1.sql:16:1: error: parameter `top` is never used",
        "rules/Z1.sql:25:26: error: `$tap` is no parameter",
    ] {
        assert!(
            told.stdout.contains(place),
            "no `{place}` in:\n{}",
            told.stdout
        );
    }
    // The same file keeps a start from happening.
    sandbox.set("detect.rules_dir", "rules");
    sandbox
        .run(&["rules", "list"])
        .exits(2)
        .complains(&["Z1.sql:17:1"]);

    sandbox.write("rules/Z1.sql", RULE);
    sandbox.write("rules/golden/Z1.toml", GOLDEN);
    let validated = sandbox
        .run(&["rules", "validate", "rules/Z1.sql", "--format", "json"])
        .done()
        .json();
    assert_eq!(validated[0]["sound"], true);
    assert_eq!(validated[0]["golden_cases"], 1);
    assert!(
        validated[0]["cost"].is_null(),
        "an empty store costs nothing"
    );
    let listed = sandbox.run(&["rules", "list"]).done();
    assert!(listed.stdout.contains("Z1"), "{}", listed.stdout);

    sandbox.write(
        "rules/golden/Z1.toml",
        GOLDEN.replace("flagged = 1", "flagged = 2"),
    );
    let told = sandbox.run(&["rules", "validate", "rules"]).exits(1);
    assert!(
        told.stdout.contains("golden/Z1.toml:1:1: error"),
        "{}",
        told.stdout
    );
    sandbox
        .run(&["rules", "validate", "nowhere"])
        .exits(2)
        .complains(&["nowhere"]);
}
