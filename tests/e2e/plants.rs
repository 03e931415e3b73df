//! Two real plants: their exports through real Kafka into the tables, and what is in them.
//!
//! The expectations are computed here from the export itself, by other code than the product's,
//! or come from the files beside the export.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::harness::data::data_file;
use crate::harness::sandbox::Sandbox;
use crate::harness::topics;

/// Pollutants of plant K: column, factor, hourly limit in mg/m3 (GB 18485 as the plant wrote it).
const POLLUTANTS: [(&str, &str, f64); 5] = [
    ("烟气粉尘", "a34013", 30.0),
    ("烟气Nox", "a21002", 300.0),
    ("烟气SO2", "a21026", 100.0),
    ("烟气HCL", "a21024", 60.0),
    ("烟气CO", "a21005", 100.0),
];
const O2: &str = "烟气O2";
const INSTANTS: i64 = 42_219;
const COLUMNS: i64 = 40;

fn mapping(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/mappings")
        .join(name);
    path.to_str().expect("a path in UTF-8").to_owned()
}

fn unzip(path: &PathBuf) -> String {
    let output = Command::new("gzip").arg("-dc").arg(path).output().unwrap();
    assert!(output.status.success(), "gzip -dc {}", path.display());
    String::from_utf8(output.stdout).unwrap()
}

/// The export as columns: heading to values, in the order of the rows.
struct Export {
    times: Vec<String>,
    columns: BTreeMap<String, Vec<f64>>,
}

fn plant_k(path: &PathBuf) -> Export {
    let text = unzip(path);
    let mut lines = text.lines();
    let headings: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut export = Export {
        times: Vec::new(),
        columns: BTreeMap::new(),
    };
    for line in lines {
        let mut cells = line.split(',');
        export.times.push(cells.next().unwrap().to_owned());
        for (heading, cell) in headings[1..].iter().zip(cells) {
            let column = export.columns.entry((*heading).to_owned()).or_default();
            column.push(cell.parse().unwrap());
        }
    }
    export
}

impl Export {
    /// Mean of a column per key of the time's text (13 characters: hour, 10: day).
    fn means(&self, column: &str, key: usize) -> BTreeMap<String, (f64, usize)> {
        let mut sums: BTreeMap<String, (f64, usize)> = BTreeMap::new();
        for (time, value) in self.times.iter().zip(&self.columns[column]) {
            let sum = sums.entry(time[..key].to_owned()).or_default();
            *sum = (sum.0 + value, sum.1 + 1);
        }
        sums.into_iter()
            .map(|(key, (sum, n))| (key, (sum / n as f64, n)))
            .collect()
    }
}

/// Plant K's permit: one stack, hourly limits at 11 % oxygen.
fn permit() -> String {
    let limits: Vec<_> = POLLUTANTS
        .iter()
        .map(|(_, factor, limit)| {
            json!({
                "factor": factor, "conc_limit": limit, "unit": "mg/m3", "basis": "converted",
                "ref_o2": 11.0, "averaging": "hour", "standard": "GB 18485-2014"
            })
        })
        .collect();
    json!({
        "permit_no": "91370500MAK0000K0T001P", "version": 1,
        "issued_at": "2024-01-01T00:00:00+08:00",
        "uscc": "91370500MAK0000K0T", "unit_name": "Plant K", "mgmt_class": "key",
        "valid_from": "2024-01-01", "valid_to": "2028-12-31", "status": "valid",
        "outlets": [{"code": "DA001", "kind": "main", "medium": "air", "limits": limits}],
        "bindings": [{"mn": "PLANTK0000000000000000F1", "outlet": "DA001", "cadence_s": 120}]
    })
    .to_string()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0)
}

#[test]
fn plant_k_is_accounted_for_and_its_means_gaps_runs_and_exceedances_are_right() {
    let Some(path) = data_file("plant_k_2min.csv.gz") else {
        return;
    };
    let export = plant_k(&path);
    assert_eq!(export.times.len() as i64, INSTANTS);

    let mut sandbox = Sandbox::new("plant-k");
    let topic = sandbox.topic("readings", 2, "json", "readings");
    let permits = sandbox.topic("permits", 1, "json", "permits");
    topics::produce(&permits, [(0, permit().into_bytes())]);
    let file = path.to_str().unwrap();
    let report = sandbox
        .run(&[
            "import",
            file,
            "--mapping",
            &mapping("plant_k.toml"),
            "--topic",
            &topic,
            "--json",
        ])
        .done()
        .json();
    assert_eq!(report["readings"], INSTANTS * COLUMNS, "{report}");
    sandbox.run(&["ingest", "--until-caught-up"]).done();

    // Accounted for: every instant of every factor, once.
    let rows = sandbox.query(
        "SELECT factor, count(*) AS n, count(DISTINCT data_time) AS instants, count(value) AS v \
         FROM readings_raw GROUP BY factor",
    );
    assert_eq!(rows.len() as i64, COLUMNS);
    for row in &rows {
        for count in ["n", "instants", "v"] {
            assert_eq!(row[count], INSTANTS, "{count} of {row}");
        }
    }
    assert_eq!(sandbox.count("SELECT count(*) FROM quarantine"), 0);
    sandbox.verify();

    hourly_and_daily_means(&sandbox, &export);
    gaps_and_runs(&sandbox);
    exceedances(&sandbox, &export);
}

fn hourly_and_daily_means(sandbox: &Sandbox, export: &Export) {
    for (view, time, key) in [("hourly", "hour", 13), ("daily", "date", 10)] {
        // `hour` is an instant, `date` a Beijing day.
        let label = if view == "hourly" {
            format!("substr(CAST({time} + INTERVAL '8 hours' AS VARCHAR), 1, 13)")
        } else {
            format!("CAST({time} AS VARCHAR)")
        };
        let rows = sandbox.query(&format!(
            "SELECT factor, {label} AS t, value, converted FROM {view} WHERE valid \
             AND factor IN ('a34013', 'a21002', 'a21026', 'a21024', 'a21005')"
        ));
        let oxygen = export.means(O2, key);
        let mut checked = 0;
        for (column, factor, _) in POLLUTANTS {
            let means = export.means(column, key);
            for row in rows.iter().filter(|row| row["factor"] == factor) {
                let at = row["t"].as_str().unwrap().replace('T', " ");
                let (mean, n) = means[&at];
                // A day's mean is the mean of its valid hours: the same as the mean of its
                // instants only when every hour is complete.
                if n != if view == "hourly" { 30 } else { 720 } {
                    continue;
                }
                let converted = mean * 10.0 / (21.0 - oxygen[&at].0);
                assert!(
                    close(row["value"].as_f64().unwrap(), mean),
                    "{view} {mean} {row}"
                );
                let found = row["converted"].as_f64();
                assert!(
                    found.is_some_and(|c| close(c, converted)),
                    "{view} {converted} {row}"
                );
                checked += 1;
            }
        }
        assert!(
            checked > if view == "hourly" { 6_000 } else { 200 },
            "{view}: {checked} checked"
        );
    }
}

/// Lines of an expected file without its heading.
fn expected(name: &str) -> BTreeSet<String> {
    let path = data_file(name).expect("beside the export");
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .skip(1)
        .map(str::to_owned)
        .collect()
}

/// By the functions that rules and analysts use, compared with the files beside the export.
fn gaps_and_runs(sandbox: &Sandbox) {
    let beijing = |instant: &str| {
        format!("replace(substr(CAST({instant} + INTERVAL '8 hours' AS VARCHAR), 1, 19), 'T', ' ')")
    };
    let rows = sandbox.query(&format!(
        "SELECT {} AS last_before, {} AS first_after, g['seconds'] AS s FROM ( \
           SELECT unnest(time_gaps(data_time, 3600)) AS g FROM readings \
           WHERE factor = 'a21026' GROUP BY mn)",
        beijing("g['last_before']"),
        beijing("g['first_after']")
    ));
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    let gaps: BTreeSet<String> = rows
        .iter()
        .map(|row| {
            let (before, after) = (text(row, "last_before"), text(row, "first_after"));
            format!("{before},{after},{}", row["s"].as_i64().unwrap())
        })
        .collect();
    assert_eq!(gaps, expected("plant_k_gaps_gt_1h.csv"));

    let channels = [
        ("SO2,烟气SO2", "a21026"),
        ("NOx,烟气Nox", "a21002"),
        ("CO,烟气CO", "a21005"),
        ("HCl,烟气HCL", "a21024"),
        ("dust,烟气粉尘", "a34013"),
        ("O2,烟气O2", "a19001"),
    ];
    let mut runs = BTreeSet::new();
    for (channel, factor) in channels {
        let rows = sandbox.query(&format!(
            "SELECT {} AS a, {} AS z, r['points'] AS n, r['value'] AS v FROM ( \
               SELECT unnest(constant_runs(data_time, value, 30, NULL)) AS r FROM readings \
               WHERE factor = '{factor}' GROUP BY mn)",
            beijing("r['from_time']"),
            beijing("r['to_time']")
        ));
        for row in rows {
            let (from, to) = (text(&row, "a"), text(&row, "z"));
            let (n, v) = (&row["n"], row["v"].as_f64().unwrap());
            runs.insert(format!("{channel},{from},{to},{n},{v:?}"));
        }
    }
    assert_eq!(runs, expected("plant_k_constant_runs_ge30.csv"));
}

/// The rule finds exactly the hours whose converted mean is over the limit, among them the four
/// whose mean as measured is over it as well.
fn exceedances(sandbox: &Sandbox, export: &Export) {
    let oxygen = export.means(O2, 13);
    let mut over = BTreeSet::new();
    let mut over_as_measured = BTreeSet::new();
    for (column, factor, limit) in POLLUTANTS {
        for (hour, (mean, n)) in export.means(column, 13) {
            // Valid: at least 45 of 60 minutes.
            if n < 23 {
                continue;
            }
            if mean * 10.0 / (21.0 - oxygen[&hour].0) > limit {
                over.insert((hour.clone(), factor.to_owned()));
            }
            if mean > limit {
                over_as_measured.insert((hour, factor.to_owned()));
            }
        }
    }
    assert_eq!(over_as_measured.len(), 4);
    assert_eq!(over.len(), 9);

    sandbox
        .run(&[
            "detect",
            "--once",
            "--full",
            "--as-of",
            "2025-07-21T00:00:00+08:00",
        ])
        .done();
    // Consecutive hours of one factor are one finding: take its window apart again.
    let rows = sandbox.query(
        "SELECT CAST(window_start AS BIGINT) AS a, CAST(window_end AS BIGINT) AS z, factor \
         FROM anomalies_current WHERE rule_id = 'E01' AND status = 'open'",
    );
    let mut found = BTreeSet::new();
    for row in &rows {
        let (from, to) = (row["a"].as_i64().unwrap(), row["z"].as_i64().unwrap());
        for start in (from..to).step_by(3_600_000_000) {
            let hour = chrono::DateTime::from_timestamp_micros(start).unwrap()
                + chrono::TimeDelta::hours(8);
            let factor = row["factor"].as_str().unwrap().to_owned();
            assert!(
                found.insert((hour.format("%Y-%m-%d %H").to_string(), factor)),
                "twice: {row}"
            );
        }
    }
    assert_eq!(found, over);
    assert!(found.is_superset(&over_as_measured));
}

/// Four rows a second apart make one instant; `--` is missing and never zero.
#[test]
fn plant_j_imports_with_missing_as_missing() {
    let Some(path) = data_file("plant_j_raw_june.csv.gz") else {
        return;
    };
    let text = unzip(&path);
    let cells: usize = text
        .lines()
        .skip(1)
        .map(|line| {
            line.split(',')
                .skip(1)
                .filter(|cell| !["", "--"].contains(cell))
                .count()
        })
        .sum();
    let zeros = text
        .lines()
        .skip(1)
        .flat_map(|line| line.split(',').skip(1))
        .filter(|cell| cell.parse() == Ok(0.0))
        .count();
    assert!(cells > 100_000 && zeros < cells);

    let mut sandbox = Sandbox::new("plant-j");
    let topic = sandbox.topic("readings", 1, "json", "readings");
    let file = path.to_str().unwrap();
    let output = sandbox.run(&[
        "import",
        file,
        "--mapping",
        &mapping("plant_j.toml"),
        "--topic",
        &topic,
        "--json",
    ]);
    assert!([0, 1].contains(&output.code), "{}", output.stderr);
    let report = output.json();
    sandbox.run(&["ingest", "--until-caught-up"]).done();
    let rows = sandbox.count("SELECT count(*) FROM readings_raw");
    assert_eq!(rows, report["readings"].as_i64().unwrap(), "{report}");
    assert_eq!(
        sandbox.count("SELECT count(*) FROM readings_raw WHERE value IS NULL"),
        0
    );
    let zero_rows = sandbox.count("SELECT count(*) FROM readings_raw WHERE value = 0.0");
    assert!(
        zero_rows as usize <= zeros,
        "{zero_rows} zeros from {zeros} in the export"
    );
    // Many columns on one instant: the quarter rows were put together.
    let widest = sandbox
        .count("SELECT max(n) FROM (SELECT count(*) AS n FROM readings_raw GROUP BY data_time)");
    assert!(widest > 40, "{widest} factors on one instant");
    sandbox.verify();
}

/// Every event of the plant's own system that an independent implementation confirms, by start and
/// kind, and nothing else: the rules with the plant's sheet as parameters.
#[test]
fn plant_k_events_are_reproduced_one_by_one() {
    let Some(path) = data_file("plant_k_2min.csv.gz") else {
        return;
    };
    let sandbox = Sandbox::without_broker("plant-k-events");
    let sheet = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/plants/plant_k.toml");
    let listed = sandbox
        .run(&[
            "rules",
            "events",
            path.to_str().unwrap(),
            "--mapping",
            &mapping("plant_k.toml"),
            "--sheet",
            sheet.to_str().unwrap(),
            "--format",
            "json",
        ])
        .done()
        .json();
    let mut found: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut hours_over = BTreeSet::new();
    for event in listed.as_array().unwrap() {
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        assert_eq!(
            text("unit").is_empty(),
            text("rule").starts_with("E07"),
            "{event}"
        );
        match text("rule").as_str() {
            "E08" | "W07" => *found.entry((text("time"), text("event"))).or_default() += 1,
            "E07H" => {
                hours_over.insert((text("time")[..13].to_owned(), text("factor")));
            }
            _ => panic!("no day of the plant is over a limit: {event}"),
        }
    }
    let mut reproduced: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut doubted = 0;
    for line in expected("plant_k_events.csv") {
        let cells: Vec<&str> = line.split(',').collect();
        if cells[3] == "1" {
            let key = (cells[0].to_owned(), cells[2].to_owned());
            *reproduced.entry(key).or_default() += 1;
        } else {
            doubted += 1;
        }
    }
    assert_eq!(reproduced.values().sum::<usize>(), 3_090);
    assert_eq!(doubted, 2);
    let missing: Vec<_> = reproduced
        .keys()
        .filter(|key| !found.contains_key(*key))
        .collect();
    let extra: Vec<_> = found
        .keys()
        .filter(|key| !reproduced.contains_key(*key))
        .collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "missing {missing:?}, extra {extra:?}"
    );
    assert_eq!(found, reproduced);

    // The plant's system leaves out what a box plot calls an outlier before it tests a limit and so
    // hides every exceedance; this one does not.
    let export = plant_k(&path);
    let oxygen = export.means(O2, 13);
    let mut over = BTreeSet::new();
    for (column, factor, limit) in POLLUTANTS {
        for (hour, (mean, n)) in export.means(column, 13) {
            if n >= 23 && mean * 10.0 / (21.0 - oxygen[&hour].0) > limit {
                over.insert((hour, factor.to_owned()));
            }
        }
    }
    assert_eq!(hours_over, over);
    assert_eq!(over.len(), 9);
}

/// A sheet that names what the export does not have, and rules that find nothing to judge: said, not
/// left out.
#[test]
fn what_an_export_lacks_for_its_sheet_is_said() {
    let sandbox = Sandbox::without_broker("plant-lacks");
    let rows: String = (0..30)
        .map(|n| format!("2025-06-01 08:{:02}:00,8.5\n", n * 2))
        .collect();
    sandbox.write("plant.csv", format!("time,oxygen\n{rows}"));
    sandbox.write(
        "mapping.toml",
        r#"
layout = "wide"
[time]
column = "time"
format = "%Y-%m-%d %H:%M:%S"
[reading]
mn = "PLANTX0000000000000000F1"
granularity = "minute"
period_s = 120
[[columns]]
name = "oxygen"
factor = "a19001"
"#,
    );
    sandbox.write(
        "sheet.toml",
        r#"
[[unit]]
mn = "PLANTX0000000000000000F1"
name = "1"
signals = { furnace_oxygen = ["a19001"], bag_pressure = ["x_dp"] }
"#,
    );
    let told = sandbox
        .run(&[
            "rules",
            "events",
            "plant.csv",
            "--mapping",
            "mapping.toml",
            "--sheet",
            "sheet.toml",
        ])
        .done();
    for line in [
        "the sheet names `x_dp` of logger `PLANTX0000000000000000F1`",
        "E08: not evaluated, the export has nothing that it judges",
        "no_value 2",
    ] {
        assert!(
            told.stderr.contains(line),
            "no `{line}` in:\n{}",
            told.stderr
        );
    }
}
