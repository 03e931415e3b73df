use std::collections::HashMap;
use std::io::Read;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::check_line;

/// Folder of the reference data: `NONSITE_DATA`, else next to the checkout.
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("NONSITE_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")),
        PathBuf::from,
    );
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "reference data is missing: set NONSITE_DATA (looked in {})",
        folder.display()
    );
    eprintln!("skipped: no reference data in {}", folder.display());
    None
}

#[test]
fn every_reference_case_is_answered_alike() {
    let Some(folder) = data() else { return };
    let series: HashMap<String, Value> =
        std::fs::read_to_string(folder.join("reference_series.jsonl"))
            .expect("series")
            .lines()
            .map(|line| {
                let entry: Value = serde_json::from_str(line).expect("series line");
                (entry["id"].as_str().expect("id").to_owned(), entry)
            })
            .collect();
    let mut text = String::new();
    let packed = std::fs::File::open(folder.join("reference_flags.jsonl.gz")).expect("flags");
    flate2::read::GzDecoder::new(packed)
        .read_to_string(&mut text)
        .expect("gzip");
    let mut checked = 0;
    for line in text.lines() {
        let expected: Value = serde_json::from_str(line).expect("flags line");
        let of = &series[expected["series"].as_str().expect("series id")];
        let mut case = json!({
            "case": expected["case"], "check": expected["check"],
            "params": expected["params"], "v": of["v"],
        });
        for key in ["t", "t0", "step_s"] {
            if let Some(value) = of.get(key) {
                case[key] = value.clone();
            }
        }
        let answer: Value =
            serde_json::from_str(&check_line(&case.to_string()).expect("answer")).expect("json");
        for key in ["flags", "missing_epochs"] {
            assert_eq!(answer.get(key), expected.get(key), "{}", expected["case"]);
        }
        checked += 1;
    }
    assert_eq!(checked, 1_398);
}

#[test]
fn a_bad_line_says_what_is_expected() {
    assert!(check_line("{}").unwrap_err().contains("expected case"));
    let unknown = r#"{"case":1,"check":"magic","v":[1]}"#;
    assert!(check_line(unknown).unwrap_err().contains("constant_run"));
    let no_time = r#"{"case":1,"check":"time_gap","params":{"max_gap_hours":1},"v":[1]}"#;
    assert!(check_line(no_time).unwrap_err().contains("t0"));
}
