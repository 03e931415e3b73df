//! The values themselves: what is labelled shows in the data, and nothing else does.
//!
//! Judges every hour of a province the way a rule would, from decoded packets and permit documents
//! alone, and compares with the truth.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nonsite_generator::truth::TruthRow;
use nonsite_generator::{Province, Scale, Topic};
use nonsite_schemas::hj212::{Decoder, Granularity, Head, Limits, Sink, Stations, Value};
use nonsite_schemas::reason::Reason;
use nonsite_schemas::wire::permit::{Averaging, Basis, Permit};

const HOUR: i64 = 3_600_000_000;

#[derive(Debug, Clone)]
struct Hour {
    value: f64,
    converted: Option<f64>,
    flag: String,
}

#[derive(Default)]
struct Table {
    /// By station and factor, then by start of the hour.
    hours: BTreeMap<(String, String), BTreeMap<i64, Hour>>,
    /// Minute intervals by station and start of the hour.
    minutes: BTreeMap<(String, i64), BTreeSet<i64>>,
}

impl Sink for Table {
    fn reading(&mut self, head: &Head<'_>, value: &Value<'_>) {
        match head.granularity {
            Granularity::Hour => {
                let hour = Hour {
                    value: value.value.unwrap(),
                    converted: value.zs_value,
                    flag: value.flag.unwrap().to_owned(),
                };
                let key = (head.mn.to_owned(), value.factor.to_owned());
                self.hours
                    .entry(key)
                    .or_default()
                    .insert(head.data_time, hour);
            }
            Granularity::Minute => {
                let hour = head.data_time.div_euclid(HOUR) * HOUR;
                let key = (head.mn.to_owned(), hour);
                self.minutes.entry(key).or_default().insert(head.data_time);
            }
            _ => {}
        }
    }

    fn state(&mut self, _: &Head<'_>, _: &str, _: Option<f64>, _: Option<&str>, _: Option<&str>) {}

    fn bad_part(&mut self, _: &Head<'_>, _: &str, _: Reason, _: &str) {}
}

/// An hourly limit: issued at, value, on converted values.
type HourLimit = (i64, f64, bool);

struct World {
    table: Table,
    limits: BTreeMap<(String, String), Vec<HourLimit>>,
    truth: Vec<TruthRow>,
    period: (i64, i64),
}

fn world() -> World {
    let scale = Scale {
        points: 120,
        days: 4,
        json_rate: 0.0,
        ..Scale::default()
    };
    let mut province = Province::new(scale).unwrap();
    let mut table = Table::default();
    let mut limits: BTreeMap<(String, String), Vec<HourLimit>> = BTreeMap::new();
    let mut decoder = Decoder::new(Arc::new(Stations::default()), Limits::default());
    for message in &mut province {
        match message.topic {
            Topic::Hj212 => {
                decoder.decode(&message.payload, message.timestamp_ms * 1_000, &mut table);
            }
            Topic::Permits => {
                let permit: Permit = serde_json::from_slice(&message.payload).unwrap();
                for binding in &permit.bindings {
                    let outlet = permit
                        .outlets
                        .iter()
                        .find(|outlet| outlet.code == binding.outlet);
                    for limit in &outlet.unwrap().limits {
                        if limit.averaging == Some(Averaging::Hour) && limit.low_limit.is_none() {
                            let key = (binding.mn.clone(), limit.factor.clone());
                            limits.entry(key).or_default().push((
                                permit.issued_at.0,
                                limit.conc_limit.unwrap(),
                                limit.basis == Some(Basis::Converted),
                            ));
                        }
                    }
                }
            }
            _ => {}
        }
    }
    World {
        table,
        limits,
        truth: province.truth(),
        period: province.period(),
    }
}

/// Kinds of episodes that cover an hour of a factor.
fn labels<'a>(world: &'a World, mn: &str, factor: &str, at: i64) -> BTreeSet<&'a str> {
    world
        .truth
        .iter()
        .filter(|row| row.mn == mn && row.factor.as_deref().is_none_or(|own| own == factor))
        .filter(|row| (row.start_us..row.end_us).contains(&at))
        .map(|row| row.kind.as_str())
        .collect()
}

#[test]
fn hours_are_over_their_limit_exactly_where_labelled() {
    let world = world();
    let mut over = 0;
    for ((mn, factor), hours) in &world.table.hours {
        let Some(limits) = world.limits.get(&(mn.clone(), factor.clone())) else {
            continue;
        };
        for (at, hour) in hours.iter().filter(|(_, hour)| hour.flag == "N") {
            let (_, limit, converted) = limits
                .iter()
                .filter(|limit| limit.0 <= *at)
                .max_by_key(|limit| limit.0)
                .unwrap();
            let value = if *converted {
                hour.converted.unwrap()
            } else {
                hour.value
            };
            let labels = labels(&world, mn, factor, *at);
            let expected = ["exceed_hour", "limit_tightened", "over_range"]
                .iter()
                .any(|kind| labels.contains(kind));
            assert_eq!(
                value > *limit,
                expected,
                "{mn} {factor} {value} of {limit}: {labels:?}"
            );
            assert!(
                !expected || value > 1.1 * limit,
                "{mn} {factor} {value} is too near {limit}"
            );
            over += u32::from(expected);
        }
    }
    assert!(over >= 5, "{over}");
}

/// Whether a factor shows nothing because the plant stands still and nobody marked it.
fn at_rest(labels: &BTreeSet<&str>, factor: &str) -> bool {
    const OF_AIR_AT_REST: [&str; 4] = ["a19001", "a01012", "a01014", "a01013"];
    labels.contains("stop_unmarked") && !OF_AIR_AT_REST.contains(&factor)
}

#[test]
fn zeros_negatives_and_constants_are_exactly_where_labelled() {
    let world = world();
    for ((mn, factor), hours) in &world.table.hours {
        // Static pressure is negative by nature.
        if factor == "a01013" {
            continue;
        }
        let mut run = 0;
        let mut before = None;
        for (at, hour) in hours {
            let labels = labels(&world, mn, factor, *at);
            if hour.flag != "N" {
                before = None;
                continue;
            }
            assert_eq!(
                hour.value < 0.0,
                labels.contains("negative"),
                "{mn} {factor} {at}"
            );
            assert_eq!(
                hour.value == 0.0,
                labels.contains("zero") || at_rest(&labels, factor),
                "{mn} {factor} {at}"
            );
            run = if before == Some(hour.value) {
                run + 1
            } else {
                1
            };
            before = Some(hour.value);
            assert!(
                run < 4 || labels.contains("constant") || labels.contains("stop_unmarked"),
                "{mn} {factor} {at} {}",
                hour.value
            );
        }
    }
    for row in world.truth.iter().filter(|row| row.kind == "constant") {
        let hours = &world.table.hours[&(row.mn.clone(), row.factor.clone().unwrap())];
        let values: Vec<f64> = hours
            .range(row.start_us..row.end_us)
            .map(|(_, hour)| hour.value)
            .collect();
        assert!(
            values.len() >= 4 && values.iter().all(|value| *value == values[0]),
            "{row:?}"
        );
    }
}

#[test]
fn hours_are_missing_or_incomplete_exactly_where_labelled() {
    let world = world();
    let stations: BTreeSet<&String> = world.table.hours.keys().map(|(mn, _)| mn).collect();
    let mut incomplete = 0;
    for mn in stations {
        for at in (world.period.0..world.period.1).step_by(HOUR as usize) {
            let labels = labels(&world, mn, "", at);
            let due = match () {
                () if labels.contains("offline") => 0,
                () if labels.contains("hour_incomplete") => 3,
                () => 6,
            };
            let have = world
                .table
                .minutes
                .get(&(mn.clone(), at))
                .map_or(0, BTreeSet::len);
            assert_eq!(have, due, "{mn} {at} {labels:?}");
            incomplete += u32::from(due < 6);
        }
    }
    assert!(incomplete >= 4, "{incomplete}");
}

/// Hourly values of a factor in and outside a labelled stretch, marked N.
fn around(world: &World, row: &TruthRow, factor: &str) -> (Vec<f64>, Vec<f64>) {
    let hours = &world.table.hours[&(row.mn.clone(), factor.to_owned())];
    let normal = hours.iter().filter(|(_, hour)| hour.flag == "N");
    let (inside, outside): (Vec<_>, Vec<_>) =
        normal.partition(|(at, _)| (row.start_us..row.end_us).contains(*at));
    let values = |hours: Vec<(&i64, &Hour)>| hours.iter().map(|(_, hour)| hour.value).collect();
    (values(inside), values(outside))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[test]
fn faults_of_days_flows_and_ph_have_the_shape_their_rules_describe() {
    let world = world();
    let mut kinds = BTreeSet::new();
    for row in &world.truth {
        let factor = row.factor.as_deref();
        // Median of a factor in the stretch over its median elsewhere.
        let level = |factor: &str| {
            let (inside, outside) = around(&world, row, factor);
            median(inside) / median(outside)
        };
        match row.kind.as_str() {
            "exceed_rate" => {
                assert!(level("a00000") > 1.5, "{row:?}");
                assert!(
                    (level("a01011") / level("a00000") - 1.0).abs() < 0.1,
                    "{row:?}"
                );
                let (inside, _) = around(&world, row, factor.unwrap());
                assert!(inside.iter().all(|value| *value < row.limit.unwrap()));
            }
            "flow_understated" => {
                let share = level("a00000") / level("a01011");
                assert!((share - 0.7).abs() < 0.05, "{share} {row:?}");
            }
            "ph_out" => {
                let (inside, outside) = around(&world, row, "w01001");
                assert!(inside.len() >= 2 && inside.iter().all(|value| *value > 9.2));
                assert!(outside.iter().all(|value| *value < 9.0));
            }
            "micro_fluctuation" => {
                let (inside, _) = around(&world, row, factor.unwrap());
                let (least, most) = inside
                    .iter()
                    .fold((f64::MAX, f64::MIN), |(a, z), v| (a.min(*v), z.max(*v)));
                assert!(
                    least < most && most - least < 0.005 * least,
                    "{least} {most}"
                );
            }
            "copied_history" => {
                let hours = &world.table.hours[&(row.mn.clone(), "a21026".to_owned())];
                let same = hours
                    .range(row.start_us..row.end_us)
                    .filter(|(at, hour)| hours[&(**at - 24 * HOUR)].value == hour.value)
                    .count();
                assert!(same >= 22, "{same} {row:?}");
            }
            "stop_unmarked" => {
                let (oxygen, _) = around(&world, row, "a19001");
                assert!(oxygen.iter().all(|value| *value > 20.0), "{row:?}");
            }
            "low_load" => {
                let flow = if row.outlet.contains("DW") {
                    "w00000"
                } else {
                    "a00000"
                };
                assert!(level(flow) < 0.7, "{row:?}");
            }
            _ => continue,
        }
        kinds.insert(row.kind.as_str());
    }
    assert_eq!(kinds.len(), 7, "{kinds:?}");
}
