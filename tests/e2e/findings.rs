//! What is done with findings after detection: shown, exported, computed again, verified; and what
//! verification and known faults say about the rules.

use std::process::Command;

use nonsite_generator::Scale;
use nonsite_generator::truth::TruthRow;
use serde_json::Value as Json;

use crate::harness::sandbox::Sandbox;
use crate::pipeline::province;

/// The rules this store is judged by: planning all of them run after run would only take time.
const RULES: [&str; 3] = ["E01", "P02", "Q03"];

fn text<'a>(value: &'a Json, key: &str) -> &'a str {
    value[key]
        .as_str()
        .unwrap_or_else(|| panic!("no text `{key}` in {value}"))
}

/// A small province judged by a few rules, its truth, and the end of its data.
fn judged() -> (Sandbox, Vec<TruthRow>, String) {
    let mut sandbox = Sandbox::new("findings");
    let listed = sandbox.run(&["rules", "list", "--format", "json"]).done();
    let others: Vec<toml::Value> = listed
        .json()
        .as_array()
        .unwrap()
        .iter()
        .filter(|rule| rule["runs"] == true)
        .map(|rule| text(rule, "id"))
        .filter(|id| !RULES.contains(id))
        .map(toml::Value::from)
        .collect();
    assert!(others.len() > 60, "most rules run by default");
    sandbox.set("detect.disabled", others);
    let scale = Scale {
        points: 10,
        days: 2,
        factors: 6,
        ..Scale::default()
    };
    let (summary, truth) = province(&mut sandbox, scale);
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let detect = ["detect", "--once", "--no-alerts", "--as-of"];
    sandbox
        .run(&[&detect[..], &[summary.end.as_str()]].concat())
        .done();
    (sandbox, truth, summary.end)
}

#[test]
fn a_finding_is_shown_exported_computed_again_and_judged() {
    let (mut sandbox, truth, _) = judged();
    let listed = sandbox
        .run(&["anomaly", "list", "--rule", "E01", "--format", "json"])
        .done()
        .json();
    let id = text(&listed[0], "anomaly_id").to_owned();

    shown(&sandbox, &id);
    exported(&sandbox, &id);
    computed_again(&sandbox, &id);
    verified(&mut sandbox, &id);
    no_flood_is_held(&sandbox);
    held_against_known_faults(&sandbox, &truth);
}

fn shown(sandbox: &Sandbox, id: &str) {
    let page = sandbox.run(&["anomaly", "show", &id[..10]]).done().stdout;
    for part in [
        id,
        "E01 v",
        "小时均值超标",
        "hourly-mean exceedance",
        "限值 limit",
        "小时曲线",
        "来源 origin of the rows",
        "完整 sound",
        "curve.svg",
        "nonsite anomaly replay",
    ] {
        assert!(page.contains(part), "no `{part}` in:\n{page}");
    }
    let json = sandbox
        .run(&["anomaly", "show", id, "--format", "json"])
        .done()
        .json();
    assert_eq!(json["anomaly"]["anomaly_id"], id);
    assert_eq!(json["evidence"]["rule"]["id"], "E01");
    assert_eq!(json["bundle"]["faults"], Json::Array(Vec::new()));
    for no_such in ["0000000000000000", "not-an-id"] {
        sandbox
            .run(&["anomaly", "show", no_such])
            .exits(2)
            .complains(&[no_such]);
    }
}

fn exported(sandbox: &Sandbox, id: &str) {
    let export = ["anomaly", "export", id, "copy", "--by", "张三"];
    let told = sandbox.run(&export).done().stdout;
    let folder = sandbox.file("copy");
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&folder)
        .status()
        .unwrap();
    assert!(checked.success(), "a file is not what SHA256SUMS says");
    let whole = Command::new("sha256sum")
        .arg("SHA256SUMS")
        .current_dir(&folder)
        .output()
        .unwrap();
    let whole = String::from_utf8(whole.stdout).unwrap();
    let whole = whole.split_whitespace().next().unwrap();
    assert!(told.contains(whole), "no `{whole}` in:\n{told}");

    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let sums = read("SHA256SUMS");
    for name in [
        "anomaly.json",
        "curve.svg",
        "extraction.json",
        "hours.json",
        "limit.json",
        "marks.json",
        "minutes.json",
        "query.json",
        "readings.json",
        "rule.json",
        "rule.sql",
        "sources.json",
        "versions.json",
        "windows.json",
    ] {
        assert!(
            sums.contains(&format!("  {name}\n")),
            "no {name} in\n{sums}"
        );
    }
    assert!(read("curve.svg").starts_with("<svg "));
    let extraction: Json = serde_json::from_str(&read("extraction.json")).unwrap();
    assert_eq!(extraction["extracted_by"], "张三");
    assert_eq!(extraction["signatures"].as_array().unwrap().len(), 2);
    let rows: Json = serde_json::from_str(&read("readings.json")).unwrap();
    let row = &rows["rows"][0];
    for key in ["mn", "factor", "data_time", "received_at", "kafka_offset"] {
        assert!(!row[key].is_null(), "no `{key}` in {row}");
    }
    sandbox
        .run(&export)
        .exits(2)
        .complains(&["copy", "not empty"]);
}

fn computed_again(sandbox: &Sandbox, id: &str) {
    let told = sandbox.run(&["anomaly", "replay", id]).done().stdout;
    assert!(told.contains("equal: every column"), "{told}");
    let json = sandbox
        .run(&["anomaly", "replay", id, "--format", "json"])
        .done()
        .json();
    assert_eq!(json["equal"], true);
    assert_eq!(json["differences"], Json::Array(Vec::new()));
    sandbox
        .run(&["anomaly", "replay", "0000000000000000"])
        .exits(2)
        .complains(&["0000000000000000"]);
}

/// One wrong finding suspends the rule here, and an operator lifts that.
fn verified(sandbox: &mut Sandbox, id: &str) {
    sandbox.set("detect.suspension.verified", 1);
    let lift = ["rules", "lift", "E01", "--by", "王五", "--why", "span gas"];
    sandbox.run(&lift).exits(2).complains(&["not suspended"]);
    sandbox
        .run(&[
            "anomaly",
            "feedback",
            id,
            "--verdict",
            "perhaps",
            "--by",
            "李四",
        ])
        .exits(2)
        .complains(&["perhaps"]);
    sandbox
        .run(&[
            "anomaly",
            "feedback",
            id,
            "--verdict",
            "不符合",
            "--cause",
            "calibration",
            "--by",
            "李四",
        ])
        .done();
    let standing = |sandbox: &Sandbox| {
        let told = sandbox.run(&["rules", "precision", "--format", "json"]);
        let told = told.done().json();
        let mut rules = told.as_array().unwrap().iter();
        let found = rules.find(|rule| rule["rule_id"] == "E01");
        found.unwrap_or_else(|| panic!("no E01 in {told}")).clone()
    };
    let before = standing(sandbox);
    assert_eq!(before["tally"]["mismatches"], 1);
    assert!(before["suspended"].is_string(), "{before}");
    let table = sandbox.run(&["rules", "precision"]).done().stdout;
    assert!(table.contains("suspended"), "{table}");
    let by_org = sandbox
        .run(&["rules", "precision", "--by-org"])
        .done()
        .stdout;
    assert!(by_org.contains("E01"), "{by_org}");

    sandbox.run(&lift).done();
    let after = standing(sandbox);
    assert!(after["suspended"].is_null(), "{after}");
    assert_eq!(after["tally"]["mismatches"], 0, "counted anew: {after}");
    assert_eq!(after["lift"]["by"], "王五");
}

fn no_flood_is_held(sandbox: &Sandbox) {
    let floods = sandbox.run(&["rules", "floods", "--format", "json"]);
    assert_eq!(floods.done().json(), Json::Array(Vec::new()));
    for decide in ["release", "discard"] {
        let args = ["rules", decide, "9f3c", "--by", "王五", "--why", "fog"];
        sandbox.run(&args).exits(2).complains(&["9f3c"]);
    }
}

fn held_against_known_faults(sandbox: &Sandbox, truth: &[TruthRow]) {
    let lines: Vec<String> = truth
        .iter()
        .map(|row| serde_json::to_string(row).unwrap())
        .collect();
    sandbox.write("truth.jsonl", lines.join("\n"));
    sandbox.write(
        "guide.md",
        "before\n<!-- backtest: begin -->\nold figures\n<!-- backtest: end -->\nafter\n",
    );
    let score = sandbox
        .run(&[
            "rules",
            "backtest",
            "--truth",
            "truth.jsonl",
            "--rule",
            "E01",
            "--rule",
            "Q03",
            "--made-by",
            "make a province",
            "--out",
            "guide.md",
            "--format",
            "json",
        ])
        .done()
        .json();
    let of_rule = score["rules"].as_array().unwrap().iter();
    let hourly = of_rule.clone().find(|line| line["rule"] == "E01").unwrap();
    assert!(hourly["found"].as_u64() > Some(0), "{hourly}");
    assert!(
        of_rule.clone().all(|line| line["rule"] != "P02"),
        "only those asked for"
    );
    assert!(score["overall"]["planted"].as_u64() >= hourly["planted"].as_u64());

    let page = std::fs::read_to_string(sandbox.file("guide.md")).unwrap();
    assert!(
        page.starts_with("before\n") && page.ends_with("\nafter\n"),
        "{page}"
    );
    assert!(!page.contains("old figures"), "{page}");
    for part in [
        "| E01 |",
        "| all |",
        "make a province",
        "nonsite rules backtest --truth truth.jsonl",
    ] {
        assert!(page.contains(part), "no `{part}` in:\n{page}");
    }
    sandbox
        .run(&["rules", "backtest", "--truth", "nowhere.jsonl"])
        .exits(2)
        .complains(&["nowhere.jsonl"]);
    sandbox
        .run(&[
            "rules",
            "backtest",
            "--truth",
            "truth.jsonl",
            "--rule",
            "Z9",
        ])
        .exits(2)
        .complains(&["Z9"]);
}

#[test]
fn single_series_are_checked_line_by_line() {
    let sandbox = Sandbox::without_broker("check-series");
    let input = r#"{"case":"a","check":"constant_run","params":{"min_points":3},"t0":0,"step_s":60,"v":[1,1,1,2,null]}
{"case":"b","check":"range","params":{"min":0,"max":10},"t0":0,"step_s":60,"v":[-1,0,10,11]}
"#;
    let told = sandbox
        .run_with_input(&["rules", "check-series", "-"], input.as_bytes())
        .done()
        .json_lines();
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], serde_json::json!({"case": "a", "flags": "11100"}));
    assert_eq!(told[1], serde_json::json!({"case": "b", "flags": "1001"}));
    let broken = format!(
        "{input}{{\"case\":\"c\",\"check\":\"unheard_of\",\"t0\":0,\"step_s\":60,\"v\":[1]}}\n"
    );
    sandbox
        .run_with_input(&["rules", "check-series", "-"], broken.as_bytes())
        .exits(2)
        .complains(&["line 3"]);
    sandbox
        .run(&["rules", "check-series", "nowhere.jsonl"])
        .exits(2)
        .complains(&["nowhere.jsonl"]);
}
