//! With and without screens a run ends in the same anomalies, outcomes, counts and masses.

use std::path::Path;

use nonsite_schemas::tables;
use serde_json::{Map, Value, json};

use super::runs::{HOUR, add, add_permits};
use crate::detect::{Catalogue, Config, Options, Report, run};
use crate::fixtures::{Permit, at, minutes, object, query, reading, table};
use crate::session::{self, append, ensure};

/// A small generator of numbers: the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) % sides
    }
}

const GAS: [(&str, f64); 7] = [
    ("a00000", 60.0),
    ("a01011", 12.0),
    ("a01012", 110.0),
    ("a01014", 8.0),
    ("a19001", 9.0),
    ("a21002", 60.0),
    ("a21026", 20.0),
];
const WATER: [(&str, f64); 4] = [
    ("w00000", 12.0),
    ("w01001", 7.5),
    ("w01018", 40.0),
    ("w21003", 5.0),
];

/// Something that happens to one series for some hours of a day.
#[derive(Clone, Copy, PartialEq)]
enum Event {
    High,
    Near,
    Frozen,
    Zero,
    Negative,
    Missing,
    Mark(&'static str),
    Empty,
    Twice,
    Sentinel,
    Minutes,
    Half,
    Stated(f64),
    Amount,
}

impl Event {
    /// Whether such a day is left to the full rules.
    fn is_odd(self) -> bool {
        matches!(
            self,
            Self::Twice | Self::Sentinel | Self::Minutes | Self::Half
        )
    }
}

fn event(dice: &mut Dice) -> Event {
    match dice.roll(18) {
        0 => Event::High,
        1 => Event::Near,
        2 => Event::Frozen,
        3 => Event::Zero,
        4 => Event::Negative,
        5 => Event::Missing,
        6 => Event::Mark("D"),
        7 => Event::Mark("F"),
        8 => Event::Mark("T"),
        9 => Event::Mark("M"),
        10 => Event::Empty,
        11 => Event::Twice,
        12 => Event::Sentinel,
        13 => Event::Minutes,
        14 => Event::Half,
        15 => Event::Stated(1.0),
        16 => Event::Stated(1.3),
        _ => Event::Amount,
    }
}

/// How eventful a history is.
#[derive(Clone, Copy, PartialEq)]
enum Life {
    /// Something happens to every third day of a logger, often something that takes the full rules.
    Eventful,
    /// Something plain happens to every tenth day, and some series have a habit that rules over many
    /// days look for.
    Habitual,
}

/// What a habitual series has in an hour, with its mark: its level, drawn noise (-0.5 to 0.5) and time.
fn habit(mn: &str, factor: &str, noise: f64, day: i64, hour: i64) -> Option<(f64, &'static str)> {
    let night = !(5..21).contains(&hour);
    let value = match (mn, factor) {
        // More by night, of pollutant and flow.
        ("A", "a21002") => 40.0 * if night { 1.8 } else { 1.0 } * (1.0 + 0.2 * noise),
        ("A", "a00000") => 60.0 * if night { 1.7 } else { 1.0 },
        // Memory, which is lost for two days.
        ("A", "a21026") if day % 12 < 10 => {
            20.0 + 8.0 * ((day * 24 + hour) as f64 / 4.0).sin() + 0.2 * noise
        }
        // Close below the limit of 50, hardly moving.
        ("B", "a21026") => 48.0 + 0.3 * noise,
        // In maintenance six hours a day, and at another level afterwards.
        ("B", "a21002") if day >= 8 && (9..15).contains(&hour) => return Some((60.0, "M")),
        ("B", "a21002") if day % 2 == 1 => 90.0 + noise,
        // Every third day is the one three days before.
        ("C", "a21002") if day % 3 == 0 => 60.0 + ((hour * 7_919) % 31) as f64,
        // Jumps that end flat.
        ("C", "a21026") => [20.0, 40.0][usize::from(hour / 8 % 2 == 1)] + 0.02 * noise,
        // Air, while the rest looks like operation.
        ("C", "a19001") if hour < 16 => 20.5 + 0.1 * noise,
        _ => return None,
    };
    Some(((value * 1_000.0).round() / 1_000.0, "N"))
}

/// Power of B's production by the hour, which a meter reports under a logger of its own: at rest now
/// and then, and now and then silent.
fn power(seed: u64, days: std::ops::Range<i64>) -> Vec<Value> {
    let start = at("2025-06-01 00:00");
    let mut dice = Dice(seed * 7_919 + 17);
    let mut rows = Vec::new();
    for hour in days.start * 24..days.end * 24 {
        let kilowatts = match dice.roll(8) {
            0 => continue,
            1 | 2 => 0.5,
            _ => 200.0,
        };
        let time = start + hour * HOUR;
        let extra = json!({"period_s": 3_600});
        rows.push(reading("M", "p00101", "hour", time, kilowatts, extra));
    }
    rows
}

/// Hours of some loggers over some days: mostly ordinary, with events. Logger D is bound to nothing,
/// and C has no humidity.
fn readings(seed: u64, days: std::ops::Range<i64>, life: Life) -> Vec<Value> {
    let start = at("2025-06-01 00:00");
    let mut rows = power(seed, days.clone());
    for (number, mn) in ["A", "B", "C", "D", "W"].iter().enumerate() {
        let factors: &[(&str, f64)] = if *mn == "W" { &WATER } else { &GAS };
        for day in days.clone() {
            let mut dice = Dice(seed * 1_000 + number as u64 * 100 + day.unsigned_abs() + 1);
            (0..8).for_each(|_| {
                dice.roll(2);
            });
            let (missing, eventful) = match life {
                Life::Eventful => (12, 3),
                Life::Habitual => (40, 10),
            };
            let whole_day_missing = dice.roll(missing) == 0;
            let day_event = (dice.roll(eventful) == 0).then(|| event(&mut dice));
            // B alone has days that take the full rules.
            let plain = life == Life::Habitual && *mn != "B";
            let day_event = day_event.filter(|event| !plain || !event.is_odd());
            let struck = dice.roll(factors.len() as u64);
            let (from, length) = (dice.roll(24) as i64, 1 + dice.roll(30) as i64);
            if whole_day_missing {
                continue;
            }
            for (place, (factor, level)) in factors.iter().enumerate() {
                if *mn == "C" && *factor == "a01014" {
                    continue;
                }
                for hour in 0..24 {
                    let hit = (from..from + length).contains(&hour)
                        && (struck == place as u64 || day_event == Some(Event::Missing));
                    let time = start + (day * 24 + hour) * HOUR;
                    let noise = dice.roll(1_000) as f64 / 1_000.0 - 0.5;
                    let mut value = ((level * (1.0 + 0.2 * noise)) * 1_000.0).round() / 1_000.0;
                    let mut extra = json!({"period_s": 3_600});
                    let habits = (life == Life::Habitual)
                        .then(|| habit(mn, factor, noise, day, hour))
                        .flatten();
                    if let Some((habitual, mark)) = habits {
                        value = habitual;
                        extra["flag"] = json!(mark);
                    }
                    match day_event.filter(|_| hit) {
                        Some(Event::High) => value *= 4.0,
                        Some(Event::Near) => value = 48.0,
                        Some(Event::Frozen) => value = *level,
                        Some(Event::Zero) => value = 0.0,
                        Some(Event::Negative) => value = -0.5,
                        Some(Event::Missing) => continue,
                        Some(Event::Mark(mark)) => extra["flag"] = json!(mark),
                        Some(Event::Empty) => extra["value"] = Value::Null,
                        Some(Event::Sentinel) => extra["note"] = json!("sentinel_value"),
                        Some(Event::Twice) => {
                            rows.push(reading(
                                mn,
                                factor,
                                "hour",
                                time,
                                value + 5.0,
                                extra.clone(),
                            ));
                            extra["received_at"] = json!(time + 9_000_000_000_i64);
                        }
                        Some(Event::Minutes) => {
                            rows.extend(minutes(mn, factor, time, 10, 6, value));
                            continue;
                        }
                        Some(Event::Half) => extra["data_time"] = json!(time + HOUR / 2),
                        Some(Event::Stated(times)) => {
                            extra["zs_value"] = json!(value * times * 10.0 / 12.0);
                        }
                        Some(Event::Amount) => extra["cou"] = json!(value * 3.0),
                        None => {}
                    }
                    rows.push(reading(mn, factor, "hour", time, value, extra));
                }
            }
        }
    }
    rows
}

/// The permit of A, with reference oxygen for one factor.
fn documents() -> Vec<Permit> {
    let of = |factor: &'static str, limit: f64, averaging: &'static str| Permit {
        averaging,
        ..Permit::of("A", factor, limit)
    };
    vec![
        Permit {
            ref_o2: Some(9.0),
            ..of("a21026", 50.0, "hour")
        },
        of("a21002", 100.0, "hour"),
        of("a21002", 70.0, "day"),
    ]
}

/// A permit that binds one more logger, with hourly and daily limits; the limits of one factor end
/// and begin anew within a day.
async fn permit(store: &Path, number: i64, mn: &str, medium: &str, limits: &[(&str, f64)]) {
    let permit_no = format!("9113020069922961{number:02}X001P");
    let outlet = format!("{permit_no}XX001");
    let issued = at("2021-01-01 00:00");
    let with = |extra: Value| {
        let mut row = json!({
            "permit_no": permit_no, "version": 1, "issued_at": issued, "doc_valid": true,
            "received_at": number, "kafka_topic": "q", "kafka_partition": 0,
            "kafka_offset": number, "outlet_uid": outlet, "outlet_code": "XX001",
            "medium": medium, "valid_from": issued,
        });
        for (key, value) in extra.as_object().into_iter().flatten() {
            row[key] = value.clone();
        }
        row
    };
    let mut stated = Vec::new();
    for (place, (factor, limit)) in limits.iter().enumerate() {
        for (averaging, share) in [("hour", 1.0), ("day", 0.8)] {
            let row = with(json!({
                "factor": factor, "limit_value": limit * share, "averaging": averaging,
                "unit": match *factor { "w01001" => "1", code if code.starts_with('w') => "mg/L", _ => "mg/m3" },
                "limit_low": if *factor == "w01001" { json!(6.0) } else { Value::Null },
                "basis": "raw",
            }));
            if place == 0 {
                let change = at("2025-06-03 09:00");
                let (mut first, mut then) = (row.clone(), row);
                first["valid_to"] = json!(change);
                then["valid_from"] = json!(change);
                then["limit_value"] = json!(limit * share * 0.9);
                stated.extend([first, then]);
            } else {
                stated.push(row);
            }
        }
    }
    let head = with(json!({
        "unit_name": "厂", "org_code": "370500", "valid_from": "2021-01-01",
        "valid_to": "2025-06-05", "status": "valid",
    }));
    for (name, rows) in [
        ("permits", vec![head]),
        ("permit_limits", stated),
        ("permit_bindings", vec![with(json!({"mn": mn}))]),
    ] {
        let def = tables::by_name(name).expect("table");
        let known: Vec<&String> = def.schema.fields().iter().map(|f| f.name()).collect();
        let rows = rows
            .into_iter()
            .map(|row| {
                let mut row = object(row);
                row.retain(|key, value| known.contains(&key) && !value.is_null());
                Value::Object(row)
            })
            .collect();
        let delta = ensure(store, &def).await.expect("table");
        append(&delta, &def, table(&def, rows), vec![])
            .await
            .expect("append");
    }
}

async fn papers(store: &Path) {
    add_permits(store, &documents()).await;
    permit(store, 1, "B", "air", &[("a21026", 50.0), ("a21002", 100.0)]).await;
    permit(
        store,
        2,
        "W",
        "water",
        &[("w01018", 60.0), ("w21003", 8.0), ("w01001", 9.0)],
    )
    .await;
    // The meter of M stands for the production behind B's outlet.
    let def = tables::process_points();
    let point = json!({
        "point_id": "1", "version": 1, "recorded_at": at("2021-01-01 00:00"), "mn": "M",
        "factor": "p00101", "permit_no": format!("9113020069922961{:02}X001P", 1),
        "facility": "MF0001", "role": "production", "quantity": "power", "unit": "kW",
        "outlets": "XX001", "on_above": 50.0, "valid_from": at("2021-01-01 00:00"),
        "doc_valid": true, "kafka_topic": "d",
    });
    let delta = ensure(store, &def).await.expect("table");
    append(&delta, &def, table(&def, vec![point]), vec![])
        .await
        .expect("append");
}

async fn detect(store: &Path, screens: bool, as_of: i64, full: bool) -> Report {
    let config = Config {
        logger_days: 10_000,
        screens,
        ..Config::default()
    };
    let catalogue = Catalogue::load(&config).expect("rules");
    let session = session::Config {
        partitions: 2,
        ..session::Config::default()
    };
    let options = Options { as_of, full };
    run(store, &config, &session, &catalogue, options)
        .await
        .expect("run")
}

/// What a store's tables say after a run.
async fn tables_of(store: &Path) -> Vec<(&'static str, Vec<Map<String, Value>>)> {
    let session = session::open(store, &session::Config::default())
        .await
        .expect("session");
    let mut found = Vec::new();
    for (name, sql) in [
        ("anomalies", "SELECT * FROM anomalies ORDER BY anomaly_id"),
        (
            "outcomes",
            "SELECT rule_id, mn, factor, date, why, windows FROM rule_outcomes
             ORDER BY rule_id, mn, factor, date, why",
        ),
        (
            "masses",
            "SELECT * FROM daily_masses ORDER BY mn, factor, date",
        ),
        (
            "means",
            "SELECT * FROM daily_means ORDER BY mn, factor, date",
        ),
    ] {
        found.push((name, query(&session, sql).await));
    }
    found
}

/// Rules' counts, as far as they do not depend on how they were come by.
fn counts(report: &Report) -> Vec<(String, u64, u64, String)> {
    report
        .rules
        .iter()
        .map(|rule| {
            let not = format!("{:?}", rule.not_evaluated);
            (rule.rule.clone(), rule.flagged, rule.passed, not)
        })
        .collect()
}

fn same(plain: &Report, screened: &Report, context: &str) {
    for (a, b) in counts(plain).iter().zip(&counts(screened)) {
        assert_eq!(a, b, "{context}: without screens (left) and with");
    }
}

async fn seed(store: &Path, rows: Vec<Value>) {
    papers(store).await;
    add(store, rows).await;
}

async fn stores_agree(a: &Path, b: &Path, context: &str) {
    for ((name, plain), (_, screened)) in tables_of(a).await.iter().zip(&tables_of(b).await) {
        for (plain, screened) in plain.iter().zip(screened) {
            assert_eq!(plain, screened, "{context}: {name}");
        }
        assert_eq!(plain.len(), screened.len(), "{context}: {name}");
    }
}

/// A full run with and without screens over a history; what the one with screens reports.
async fn both_ways(number: u64, days: i64, life: Life) -> Report {
    let (plain, screened) = (
        tempfile::tempdir().expect("folder"),
        tempfile::tempdir().expect("folder"),
    );
    for store in [plain.path(), screened.path()] {
        seed(store, readings(number, 0..days, life)).await;
    }
    let end = at("2025-06-01 00:00") + days * 24 * HOUR + 20 * 60_000_000;
    let without = detect(plain.path(), false, end, true).await;
    let with = detect(screened.path(), true, end, true).await;
    assert!(with.screened_rows > 0 && without.screened_rows == 0);
    same(&without, &with, &format!("seed {number}"));
    stores_agree(plain.path(), screened.path(), &format!("seed {number}")).await;
    with
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_change_nothing_but_the_work() {
    let mut settled: std::collections::BTreeMap<String, u64> = Default::default();
    for number in 1..=3_u64 {
        let with = both_ways(number, 6, Life::Eventful).await;
        let hourly = with
            .rules
            .iter()
            .find(|rule| rule.rule == "E01")
            .expect("E01");
        assert!(
            hourly.not_evaluated.contains_key("not_in_production"),
            "{hourly:?}"
        );
        for rule in with.rules {
            *settled.entry(rule.rule).or_default() += rule.settled;
        }
    }
    // A screen that never settles anything would pass this test by doing nothing.
    for rule in [
        "E01", "E02", "E03", "E04", "E05", "E10", "P01", "P03", "P04", "Q01", "Q03", "Q04", "Q14",
        "Q28", "Q32", "Q35", "T01", "T02", "T03", "T10",
    ] {
        assert!(settled[rule] > 0, "{rule} never settles a day: {settled:?}");
    }
}

/// Rules that look back, or judge days that are over.
const LONG: [&str; 24] = [
    "Q02", "Q06", "Q08", "Q09", "Q10", "Q11", "Q12", "Q13", "Q16", "Q18", "Q19", "Q20", "Q22",
    "Q23", "Q24", "Q25", "Q26", "Q27", "Q34", "Q37", "Q38", "T04", "T05", "T09",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn screens_over_many_days_change_nothing_but_the_work() {
    let mut settled: std::collections::BTreeMap<String, u64> = Default::default();
    let mut finding: std::collections::BTreeSet<String> = Default::default();
    for number in 40..=41_u64 {
        for rule in both_ways(number, 34, Life::Habitual).await.rules {
            if rule.flagged > 0 && LONG.contains(&rule.rule.as_str()) {
                finding.insert(rule.rule.clone());
            }
            *settled.entry(rule.rule).or_default() += rule.settled;
        }
    }
    for rule in LONG {
        assert!(settled[rule] > 0, "{rule} never settles a day: {settled:?}");
    }
    // Nor would it say much if there were nothing to lose.
    assert!(finding.len() >= 6, "only these flag anything: {finding:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hour_by_hour_screens_change_nothing_either() {
    let start = at("2025-06-01 00:00");
    for number in 20..=20_u64 {
        let (plain, screened) = (
            tempfile::tempdir().expect("folder"),
            tempfile::tempdir().expect("folder"),
        );
        let rows = readings(number, 0..4, Life::Eventful);
        let time = |row: &Value| row["data_time"].as_i64().unwrap_or_default();
        let cuts = [2 * 24 + 7, 2 * 24 + 8, 3 * 24 + 3];
        for store in [plain.path(), screened.path()] {
            papers(store).await;
        }
        let mut before = 0;
        for cut in cuts {
            let (from, to) = (start + before * HOUR, start + cut * HOUR);
            before = cut;
            let part: Vec<Value> = rows
                .iter()
                .filter(|row| (from..to).contains(&time(row)))
                .cloned()
                .collect();
            for store in [plain.path(), screened.path()] {
                let def = tables::readings_raw();
                let delta = ensure(store, &def).await.expect("table");
                append(&delta, &def, table(&def, part.clone()), vec![])
                    .await
                    .expect("append");
            }
            let as_of = to + 5 * 60_000_000;
            let without = detect(plain.path(), false, as_of, false).await;
            let with = detect(screened.path(), true, as_of, false).await;
            let context = format!("seed {number}, hour {cut}");
            same(&without, &with, &context);
            stores_agree(plain.path(), screened.path(), &context).await;
        }
    }
}
