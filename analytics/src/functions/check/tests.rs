use std::collections::{BTreeMap, HashMap};
use std::io::Read;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::value::RawValue;

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
    // Taken over as they are written: numbers must not pass through another reader first.
    type Parts = BTreeMap<String, Box<RawValue>>;
    let parts = |line: &str| serde_json::from_str::<Parts>(line).expect("a line");
    let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).expect("a text");
    let series: HashMap<String, Parts> =
        std::fs::read_to_string(folder.join("reference_series.jsonl"))
            .expect("series")
            .lines()
            .map(|line| {
                let entry = parts(line);
                (text(&entry["id"]), entry)
            })
            .collect();
    let mut packed = String::new();
    let file = std::fs::File::open(folder.join("reference_flags.jsonl.gz")).expect("flags");
    flate2::read::GzDecoder::new(file)
        .read_to_string(&mut packed)
        .expect("gzip");
    let mut checked = 0;
    for line in packed.lines() {
        let expected = parts(line);
        let of = &series[&text(&expected["series"])];
        let given = ["case", "check", "params"].map(|key| (key, expected.get(key)));
        let measured = ["t", "t0", "step_s", "v"].map(|key| (key, of.get(key)));
        let members: Vec<String> = given
            .into_iter()
            .chain(measured)
            .filter_map(|(key, raw)| Some(format!("\"{key}\":{}", raw?.get())))
            .collect();
        let case = format!("{{{}}}", members.join(","));
        let answer: Value =
            serde_json::from_str(&check_line(&case).expect("answer")).expect("json");
        for key in ["flags", "missing_epochs"] {
            let expected: Option<Value> = expected
                .get(key)
                .map(|raw| serde_json::from_str(raw.get()).expect("json"));
            assert_eq!(answer.get(key), expected.as_ref(), "{case}");
        }
        checked += 1;
    }
    assert_eq!(checked, 1_398);
}

#[test]
fn limits_that_are_differences_of_the_values_are_not_exceeded_by_them() {
    // As another language prints them: the shortest text that is read as the same number.
    let mut state = 7_u64;
    for _ in 0..2_000 {
        let mut next = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            (state >> 11) as f64 / (1_u64 << 53) as f64 * 97.0
        };
        let (before, now) = (next(), next());
        let step = (now - before).abs();
        let line = format!(
            r#"{{"case":1,"check":"step_change_abs","params":{{"max_abs_diff":{step:?}}},"t0":0,"step_s":60,"v":[{before:?},{now:?}]}}"#
        );
        assert_eq!(
            check_line(&line),
            Ok(r#"{"case":1,"flags":"00"}"#.to_owned()),
            "{line}"
        );
        let near = f64::from_bits(now.to_bits() + 1);
        let line = format!(
            r#"{{"case":1,"check":"constant_run","params":{{"min_points":2}},"t0":0,"step_s":60,"v":[{now:?},{near:?},{now:?}]}}"#
        );
        assert_eq!(
            check_line(&line),
            Ok(r#"{"case":1,"flags":"000"}"#.to_owned()),
            "{line}"
        );
    }
}

#[test]
fn parameters_that_mean_nothing_are_refused_and_not_answered_with_zeros() {
    let range = r#"{"case":1,"check":"range","params":{"low":1},"v":[5]}"#;
    assert!(check_line(range).unwrap_err().contains("params.min"));
    let text = r#"{"case":1,"check":"range","params":{"min":"1"},"v":[5]}"#;
    assert!(check_line(text).unwrap_err().contains("no number"));
    let one_sided = r#"{"case":1,"check":"range","params":{"min":null,"max":4},"v":[5,null]}"#;
    assert_eq!(
        check_line(one_sided),
        Ok(r#"{"case":1,"flags":"10"}"#.to_owned())
    );
    let times = |params: &str, t: &str| {
        format!(r#"{{"case":1,"check":"missing_timestamps","params":{params},"t":{t},"v":[1,2]}}"#)
    };
    for (params, t, part) in [
        (r#"{"step_s":1}"#, "[0,9e15]", "more than"),
        (r#"{"step_s":60}"#, "[0,1e999]", "no number"),
    ] {
        let error = check_line(&times(params, t)).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
    let backwards = times(r#"{"step_s":-3600,"grid_start":7200}"#, "[7200,0]");
    assert_eq!(
        check_line(&backwards),
        Ok(r#"{"case":1,"missing_epochs":[]}"#.to_owned())
    );
    // A start that was written as a real number is a start.
    let line = times(r#"{"step_s":60,"grid_start":0.0}"#, "[60,180]");
    assert_eq!(
        check_line(&line),
        Ok(r#"{"case":1,"missing_epochs":[0,120]}"#.to_owned())
    );
}

#[test]
fn a_bad_line_says_what_is_expected() {
    assert!(check_line("{}").unwrap_err().contains("expected case"));
    let unknown = r#"{"case":1,"check":"magic","v":[1]}"#;
    assert!(check_line(unknown).unwrap_err().contains("constant_run"));
    let no_time = r#"{"case":1,"check":"time_gap","params":{"max_gap_hours":1},"v":[1]}"#;
    assert!(check_line(no_time).unwrap_err().contains("t0"));
}
