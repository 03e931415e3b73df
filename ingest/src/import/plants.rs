//! Two plants' real exports and twelve air stations, parsed and counted to the last cell.
//!
//! The data are not ours to distribute: their folder comes from `NONSITE_DATA` (default
//! `../shared/data` beside the workspace). Without it these tests have nothing to say on a
//! developer's machine and fail in CI.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nonsite_schemas::hj212::{Granularity, Head, Sink, Value};
use nonsite_schemas::reason::Reason;
use nonsite_schemas::wire::reading;
use serde::Deserialize;

use super::tests::Kept;
use super::*;

/// The data folder; `None` when it is absent and nobody insists on it.
fn data() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = std::env::var_os("NONSITE_DATA")
        .map_or_else(|| workspace.join("../shared/data"), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var_os("CI").is_none() && std::env::var_os("NONSITE_DATA").is_none(),
        "the data folder `{}` is missing; set NONSITE_DATA to where it is",
        folder.display()
    );
    eprintln!("skipped: no data folder at `{}`", folder.display());
    None
}

fn mapping(name: &str) -> Mapping {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/mappings");
    Mapping::load(&folder.join(name)).expect("a good mapping")
}

fn run(file: &Path, mapping: &Mapping) -> (Report, Kept) {
    let mut kept = Kept::default();
    let report = import(file, mapping, &Options::default(), &mut kept, &mut |_| {});
    (report.expect("an import"), kept)
}

#[derive(Deserialize)]
struct Sent {
    factor: String,
    data_time: String,
    value: Option<f64>,
}

/// Factor to its (instant in seconds of local time, value), in the order sent.
fn series(kept: &Kept) -> BTreeMap<String, Vec<(i64, f64)>> {
    let mut series: BTreeMap<String, Vec<(i64, f64)>> = BTreeMap::new();
    for (_, message) in &kept.0 {
        let readings: Vec<Sent> = serde_json::from_slice(message).expect("JSON readings");
        for reading in readings {
            let time = chrono::DateTime::parse_from_rfc3339(&reading.data_time)
                .expect("RFC 3339")
                .naive_local()
                .and_utc()
                .timestamp();
            let value = reading.value.expect("these exports have values only");
            series
                .entry(reading.factor)
                .or_default()
                .push((time, value));
        }
    }
    series
}

fn local(seconds: i64) -> String {
    let time = chrono::DateTime::from_timestamp(seconds, 0).expect("a time");
    time.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Steps longer than an hour: (last before, first after, seconds).
fn gaps(times: &[i64]) -> Vec<(String, String, i64)> {
    times
        .windows(2)
        .filter(|pair| pair[1] - pair[0] > 3_600)
        .map(|pair| (local(pair[0]), local(pair[1]), pair[1] - pair[0]))
        .collect()
}

/// Runs of at least `least` exactly equal neighbours: (start, end, points, value).
fn constant_runs(points: &[(i64, f64)], least: usize) -> Vec<(String, String, usize, f64)> {
    points
        .chunk_by(|a, b| a.1 == b.1)
        .filter(|run| run.len() >= least)
        .map(|run| {
            (
                local(run[0].0),
                local(run[run.len() - 1].0),
                run.len(),
                run[0].1,
            )
        })
        .collect()
}

fn expected(folder: &Path, name: &str) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(folder.join(name)).expect("an expected file");
    let rows = reader
        .records()
        .map(|row| row.expect("a row").iter().map(str::to_owned).collect());
    rows.collect()
}

#[test]
fn plant_k_every_instant_and_factor() {
    let Some(folder) = data() else { return };
    let (report, kept) = run(
        &folder.join("plant_k_2min.csv.gz"),
        &mapping("plant_k.toml"),
    );
    assert_eq!(report.rows, 42_219);
    assert_eq!(report.instants, 42_219);
    assert_eq!(report.messages, 42_219);
    assert_eq!(report.readings, 42_219 * 40);
    assert_eq!(
        (report.missing, report.bad_cells, report.bad_rows),
        (0, 0, 0)
    );
    assert_eq!(
        (report.duplicates, report.conflicts, report.empty_rows),
        (0, 0, 0)
    );
    assert!(report.unmapped.is_empty());
    assert_eq!(report.first.as_deref(), Some("2025-05-23T00:00:00+08:00"));
    let series = series(&kept);
    assert_eq!(series.len(), 40);
    assert!(series.values().all(|points| points.len() == 42_219));
    let first = |factor: &str| series[factor][0].1;
    assert_eq!(first("a21026"), 56.36);
    assert_eq!(first("a01013"), -0.04268, "Pa become kPa");
    assert_eq!(first("a00000"), 10.667625, "m3/h become m3/s");
    assert_eq!(first("i33311"), 988.84);
}

/// Counts what the reader of the topic makes of the messages.
#[derive(Default)]
struct Read {
    readings: u64,
    sum: f64,
    bad_parts: u64,
}

impl Sink for Read {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        assert_eq!(head.granularity, Granularity::Minute);
        assert_eq!(head.period_s, Some(120));
        self.readings += 1;
        self.sum += value.value.expect("every cell of this plant is a number");
    }

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {
        panic!("an import has readings only");
    }

    fn bad_part(&mut self, _: &Head<'_>, part: &str, reason: Reason, detail: &str) {
        eprintln!("{reason}: {detail}: {part}");
        self.bad_parts += 1;
    }
}

#[test]
fn plant_k_is_read_by_the_reader_of_the_topic_as_it_was_sent() {
    let Some(folder) = data() else { return };
    let (_, kept) = run(
        &folder.join("plant_k_2min.csv.gz"),
        &mapping("plant_k.toml"),
    );
    // Just after the export's last instant.
    let received_at = 1_753_200_000_000_000;
    let mut read = Read::default();
    for (_, message) in &kept.0 {
        reading::decode_line(message, received_at, &mut read).expect("a usable message");
    }
    assert_eq!((read.readings, read.bad_parts), (42_219 * 40, 0));
    let sent: f64 = series(&kept)
        .values()
        .flatten()
        .map(|(_, value)| value)
        .sum();
    assert!(
        (read.sum - sent).abs() < 1e-6 * sent.abs(),
        "{} {sent}",
        read.sum
    );
}

#[test]
fn plant_k_gaps_and_constant_runs_are_exactly_the_known_ones() {
    let Some(folder) = data() else { return };
    let (_, kept) = run(
        &folder.join("plant_k_2min.csv.gz"),
        &mapping("plant_k.toml"),
    );
    let series = series(&kept);
    let times: Vec<i64> = series["a21026"].iter().map(|(time, _)| *time).collect();
    let found: Vec<Vec<String>> = gaps(&times)
        .into_iter()
        .map(|(before, after, seconds)| vec![before, after, seconds.to_string()])
        .collect();
    assert_eq!(found, expected(&folder, "plant_k_gaps_gt_1h.csv"));

    let channels = [
        ("SO2", "烟气SO2", "a21026"),
        ("NOx", "烟气Nox", "a21002"),
        ("CO", "烟气CO", "a21005"),
        ("HCl", "烟气HCL", "a21024"),
        ("dust", "烟气粉尘", "a34013"),
        ("O2", "烟气O2", "a19001"),
    ];
    let mut found = Vec::new();
    for (channel, column, factor) in channels {
        for (start, end, points, value) in constant_runs(&series[factor], 30) {
            let value = format!("{value:?}");
            found.push(vec![
                channel.into(),
                column.into(),
                start,
                end,
                points.to_string(),
                value,
            ]);
        }
    }
    assert_eq!(found, expected(&folder, "plant_k_constant_runs_ge30.csv"));
}

#[test]
fn plant_j_quarter_rows_become_instants_and_missing_stays_missing() {
    let Some(folder) = data() else { return };
    let (report, kept) = run(
        &folder.join("plant_j_raw_june.csv.gz"),
        &mapping("plant_j.toml"),
    );
    assert_eq!(report.rows, 35_500);
    assert_eq!(report.instants, 9_013);
    assert_eq!(report.messages, 9_013);
    // All non-missing cells of the file but the six columns of the plant's own clock.
    assert_eq!(report.numbers, 504_112 - 6 * 8_828);
    assert_eq!(report.readings, report.numbers);
    assert_eq!(report.numbers + report.missing, 35_500 * 51);
    assert_eq!((report.bad_cells, report.bad_rows), (0, 0));
    assert_eq!((report.duplicates, report.conflicts), (0, 0));
    assert_eq!(report.empty_rows, 271, "quarter rows with nothing but `--`");
    assert!(report.unmapped.is_empty());
    let missing: BTreeMap<&str, u64> = report
        .columns
        .iter()
        .map(|column| (column.column.as_str(), column.missing))
        .collect();
    assert_eq!(missing["SO2浓度"], 26_487);
    assert_eq!(missing["入炉垃圾量"], 26_672);
    assert_eq!(missing["除尘器差压"], 26_601);
    assert_eq!(missing["A辅助燃烧器运行信号"], 26_990);
    let series = series(&kept);
    assert_eq!(series["a21026"].len(), 35_500 - 26_487);
    assert_eq!(
        series["a21026"][0],
        (1_748_736_000, 8.46),
        "00:00:01 is the slot 00:00"
    );
    assert!(series["a21026"].iter().all(|(time, _)| time % 120 == 0));
}

#[test]
fn twelve_air_stations_from_parquet() {
    let Some(folder) = data() else { return };
    let (report, kept) = run(
        &folder.join("air_hourly_12_stations.parquet"),
        &mapping("air_hourly.toml"),
    );
    assert_eq!(report.rows, 420_768);
    assert_eq!(report.numbers + report.missing, 420_768 * 11);
    assert_eq!(report.readings, report.numbers);
    assert!(report.missing > 0, "these series have real gaps");
    assert!(report.is_clean());
    let stations: std::collections::BTreeSet<&str> =
        kept.0.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(stations.len(), 12);
    assert_eq!(report.first.as_deref(), Some("2013-03-01T00:00:00+08:00"));
}
