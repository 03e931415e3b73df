//! `hours_of_day`: one day's readings of one factor into hours, by the validity rules.
//!
//! Why here and not in SQL: the same rows have to be cut down to the latest copy, sorted, their
//! interval found, and counted by mark, per hour. One walk does it all.
//!
//! Rules (HJ 212-2017 D.24, HJ 75): an hour is valid with at least 45 minutes of valid minute
//! values, scaled to the station's minute interval; marks decide which values are averaged
//! ([`super::marks`]). In an hour without minute values the uploaded hour value stands in, and where
//! there is neither the real-time values are averaged by the same rule, each standing for the day's
//! usual step between samples; the answer says which it was (`source`).

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type};
use datafusion::common::Result;

use super::columns::{instant, instants, list_type, lists, number, primitive, texts};
use super::fold::{Cursor, Fold};
use super::marks::{Class, Mark};
use super::series;
use super::validity::VALID_SECONDS;

mod columns;
#[cfg(test)]
mod tests;

use columns::{columns, fields};

/// Microseconds per hour.
const HOUR: i64 = 3_600_000_000;
/// Sampling interval assumed for a day with a single real-time value: 1 minute.
const USUAL_SAMPLING_S: i64 = 60;
/// Interval assumed when a day has a single minute value without a stated length: 10 minutes, the
/// usual MinInterval of HJ 212.
const USUAL_INTERVAL_S: i64 = 600;

/// Where an hour's values come from; the order is the order of preference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Source {
    /// Minute values.
    #[default]
    Minutes,
    /// The station's own hour value.
    Uploaded,
    /// Real-time values.
    Realtime,
}

impl Source {
    fn text(self) -> &'static str {
        match self {
            Self::Minutes => "minutes",
            Self::Uploaded => "uploaded",
            Self::Realtime => "realtime",
        }
    }

    fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Minutes,
            1 => Self::Uploaded,
            _ => Self::Realtime,
        }
    }
}

/// One reading, reduced to what the hour needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    time: i64,
    received: i64,
    offset: i64,
    value: f64,
    zs: f64,
    cou: f64,
    partition: i32,
    period_s: i32,
    mark: Mark,
    source: Source,
    sentinel: bool,
}

/// What one hour became.
#[derive(Debug, Clone, Default, PartialEq)]
struct Hour {
    start: i64,
    source: Source,
    interval_s: i64,
    due: i32,
    received: i32,
    used: i32,
    good: i32,
    dropped: i32,
    why: String,
    mark: String,
    valid: bool,
    value: f64,
    zs: f64,
    min: f64,
    max: f64,
    cou: f64,
    uploaded_value: f64,
    uploaded_zs: f64,
    copies: i32,
    changed: i32,
}

/// The fold behind `hours_of_day`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct HoursOfDay;

impl Fold for HoursOfDay {
    type Row = Reading;
    const WIDTH: usize = 6 * 8 + 2 * 4 + 3;

    fn name(&self) -> &'static str {
        "hours_of_day"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![
            instant(),
            DataType::Utf8View,
            DataType::Float64,
            DataType::Float64,
            DataType::Float64,
            DataType::Utf8View,
            DataType::Utf8View,
            DataType::Int32,
            instant(),
            DataType::Int32,
            DataType::Int64,
        ]
    }

    fn answer(&self) -> DataType {
        list_type(&fields())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Reading>>> {
        let time = instants(&columns[0])?;
        let granularity = texts(&columns[1])?;
        let value = primitive::<Float64Type>(&columns[2])?;
        let zs = primitive::<Float64Type>(&columns[3])?;
        let cou = primitive::<Float64Type>(&columns[4])?;
        let flag = texts(&columns[5])?;
        let note = texts(&columns[6])?;
        let period = primitive::<Int32Type>(&columns[7])?;
        let received = instants(&columns[8])?;
        let partition = primitive::<Int32Type>(&columns[9])?;
        let offset = primitive::<Int64Type>(&columns[10])?;
        Ok((0..time.len())
            .map(|i| {
                let source = match granularity.value(i) {
                    "minute" => Source::Minutes,
                    "hour" => Source::Uploaded,
                    "realtime" => Source::Realtime,
                    _ => return None,
                };
                Some(Reading {
                    time: time.value(i),
                    received: received.value(i),
                    offset: offset.value(i),
                    value: number(value, i),
                    zs: number(zs, i),
                    cou: number(cou, i),
                    partition: partition.value(i),
                    period_s: if period.is_valid(i) {
                        period.value(i)
                    } else {
                        0
                    },
                    mark: Mark::parse(flag.is_valid(i).then(|| flag.value(i))),
                    source,
                    sentinel: note.is_valid(i) && note.value(i).contains("sentinel_value"),
                })
            })
            .collect())
    }

    fn encode(row: &Reading, out: &mut Vec<u8>) {
        for number in [row.time, row.received, row.offset] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [row.value, row.zs, row.cou] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        for number in [row.partition, row.period_s] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&[row.mark.number(), row.source as u8, u8::from(row.sentinel)]);
    }

    fn decode(bytes: &[u8]) -> Reading {
        let mut cursor = Cursor(bytes);
        Reading {
            time: cursor.i64(),
            received: cursor.i64(),
            offset: cursor.i64(),
            value: cursor.f64(),
            zs: cursor.f64(),
            cou: cursor.f64(),
            partition: cursor.i32(),
            period_s: cursor.i32(),
            mark: Mark::from_number(cursor.take::<1>()[0]),
            source: Source::from_number(cursor.take::<1>()[0]),
            sentinel: cursor.take::<1>()[0] != 0,
        }
    }

    fn finish(&self, series: Vec<Vec<Reading>>) -> Result<ArrayRef> {
        let mut lengths = Vec::with_capacity(series.len());
        let mut all = Vec::new();
        for rows in series {
            let hours = hours(rows);
            lengths.push(hours.len());
            all.extend(hours);
        }
        lists(&fields(), columns(&all), lengths)
    }
}

/// Hours of one factor's day. Rows may come in any order and hold several copies.
fn hours(mut rows: Vec<Reading>) -> Vec<Hour> {
    rows.sort_unstable_by_key(|row| {
        (
            row.source,
            row.time,
            row.received,
            row.partition,
            row.offset,
        )
    });
    let mut latest: Vec<(Reading, i32, i32)> = Vec::with_capacity(rows.len());
    for row in rows {
        match latest.last_mut() {
            Some((kept, copies, changed)) if kept.source == row.source && kept.time == row.time => {
                *copies += 1;
                let same = kept.value.to_bits() == row.value.to_bits()
                    || (kept.value.is_nan() && row.value.is_nan());
                *changed += i32::from(!same);
                *kept = row;
            }
            _ => latest.push((row, 0, 0)),
        }
    }
    let (minutes, rest) =
        latest.split_at(latest.partition_point(|(row, ..)| row.source == Source::Minutes));
    let (uploads, samples) =
        rest.split_at(rest.partition_point(|(row, ..)| row.source == Source::Uploaded));
    let mut hours: Vec<Hour> = means(minutes, USUAL_INTERVAL_S);
    for upload in uploads {
        let start = upload.0.time.div_euclid(HOUR) * HOUR;
        match hours.binary_search_by_key(&start, |hour| hour.start) {
            Ok(at) => {
                let hour = &mut hours[at];
                if hour.source == Source::Uploaded {
                    continue;
                }
                hour.uploaded_value = upload.0.value;
                hour.uploaded_zs = upload.0.zs;
                hour.copies += upload.1;
                hour.changed += upload.2;
                if hour.cou.is_nan() {
                    hour.cou = upload.0.cou;
                }
            }
            Err(at) => hours.insert(at, from_upload(upload, start)),
        }
    }
    for sampled in means(samples, USUAL_SAMPLING_S) {
        if let Err(at) = hours.binary_search_by_key(&sampled.start, |hour| hour.start) {
            hours.insert(at, sampled);
        }
    }
    hours
}

/// Hours from values of one kind in order of time; `usual_s` is their interval when a single value
/// does not show one.
fn means(values: &[(Reading, i32, i32)], usual_s: i64) -> Vec<Hour> {
    let interval_s = interval(values, usual_s);
    values
        .chunk_by(|(a, ..), (b, ..)| a.time.div_euclid(HOUR) == b.time.div_euclid(HOUR))
        .map(|chunk| from_values(chunk, interval_s))
        .collect()
}

/// Interval of the day's values in seconds: as stated by most rows, else as seen.
fn interval(minutes: &[(Reading, i32, i32)], usual_s: i64) -> i64 {
    let mut stated: Vec<i64> = minutes
        .iter()
        .map(|(row, ..)| i64::from(row.period_s))
        .filter(|seconds| (1..=3_600).contains(seconds))
        .collect();
    stated.sort_unstable();
    if !stated.is_empty() && stated.len() * 2 >= minutes.len() {
        return stated[stated.len() / 2];
    }
    series::cadence(minutes.iter().map(|(row, ..)| row.time))
        .map(|step| step / 1_000_000)
        .filter(|seconds| (1..=3_600).contains(seconds))
        .unwrap_or(usual_s)
}

/// Counters of dropped values by reason, in a fixed order.
#[derive(Default)]
struct Dropped {
    by_mark: [i32; Mark::COUNT],
    no_value: i32,
    sentinel: i32,
}

impl Dropped {
    fn json(&self) -> String {
        let mut parts: Vec<String> = self
            .by_mark
            .iter()
            .enumerate()
            .filter(|(_, count)| **count > 0)
            .map(|(mark, count)| {
                let mark = Mark::from_number(u8::try_from(mark).unwrap_or(u8::MAX));
                format!("\"{}\":{count}", mark.text())
            })
            .collect();
        for (name, count) in [("no_value", self.no_value), ("sentinel", self.sentinel)] {
            if count > 0 {
                parts.push(format!("\"{name}\":{count}"));
            }
        }
        if parts.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", parts.join(","))
        }
    }
}

fn from_values(chunk: &[(Reading, i32, i32)], interval_s: i64) -> Hour {
    let mut dropped = Dropped::default();
    let mut hour = Hour {
        start: chunk[0].0.time.div_euclid(HOUR) * HOUR,
        source: chunk[0].0.source,
        interval_s,
        due: i32::try_from((3_600 / interval_s).max(1)).unwrap_or(1),
        min: f64::INFINITY,
        max: f64::NEG_INFINITY,
        uploaded_value: f64::NAN,
        uploaded_zs: f64::NAN,
        cou: f64::NAN,
        ..Hour::default()
    };
    let (mut sum, mut zs_sum, mut zs_count, mut over_range) = (0.0, 0.0, 0, 0);
    for (row, copies, changed) in chunk {
        hour.received += 1;
        hour.copies += copies;
        hour.changed += changed;
        let class = row.mark.class();
        if row.cou.is_finite() {
            hour.cou = if hour.cou.is_nan() {
                row.cou
            } else {
                hour.cou + row.cou
            };
        }
        if row.sentinel {
            dropped.sentinel += 1;
        } else if !matches!(class, Class::Normal | Class::OverRange) {
            dropped.by_mark[usize::from(row.mark.number())] += 1;
        } else if !row.value.is_finite() {
            dropped.no_value += 1;
        } else {
            hour.used += 1;
            sum += row.value;
            hour.min = hour.min.min(row.value);
            hour.max = hour.max.max(row.value);
            if class == Class::Normal {
                hour.good += 1;
            } else {
                over_range += 1;
            }
            if row.zs.is_finite() {
                zs_sum += row.zs;
                zs_count += 1;
            }
        }
    }
    hour.dropped = hour.received - hour.used;
    hour.valid = hour.used > 0 && i64::from(hour.good) * interval_s >= VALID_SECONDS;
    // Equal values keep their exact value whatever their number, so that constancy shows.
    hour.value = match hour.used {
        0 => f64::NAN,
        _ if hour.min.to_bits() == hour.max.to_bits() => hour.min,
        used => sum / f64::from(used),
    };
    hour.zs = if zs_count > 0 && zs_count == hour.used {
        zs_sum / f64::from(zs_count)
    } else {
        f64::NAN
    };
    let marks = &dropped.by_mark;
    let missing = hour.due - hour.received;
    let (worst, count) = (0..Mark::COUNT).rev().fold((0, 0), |best, number| {
        if marks[number] >= best.1 {
            (number, marks[number])
        } else {
            best
        }
    });
    hour.mark = if hour.valid {
        if over_range > 0 { "T" } else { "N" }.to_owned()
    } else if count > 0 && count >= missing {
        Mark::from_number(u8::try_from(worst).unwrap_or(u8::MAX))
            .text()
            .to_owned()
    } else {
        Mark::MISSING.text().to_owned()
    };
    hour.why = dropped.json();
    hour
}

fn from_upload((row, copies, changed): &(Reading, i32, i32), start: i64) -> Hour {
    let mut dropped = Dropped::default();
    let class = row.mark.class();
    let usable = matches!(class, Class::Normal | Class::OverRange);
    if row.sentinel {
        dropped.sentinel = 1;
    } else if !usable {
        dropped.by_mark[usize::from(row.mark.number())] = 1;
    } else if !row.value.is_finite() {
        dropped.no_value = 1;
    }
    let used = usable && !row.sentinel && row.value.is_finite();
    let kept = |value: f64| if used { value } else { f64::NAN };
    Hour {
        start,
        source: Source::Uploaded,
        interval_s: 3_600,
        due: 1,
        received: 1,
        used: i32::from(used),
        good: i32::from(used && class == Class::Normal),
        dropped: i32::from(!used),
        why: dropped.json(),
        mark: if used || !usable {
            row.mark
        } else {
            Mark::MISSING
        }
        .text()
        .to_owned(),
        valid: used && class == Class::Normal,
        value: kept(row.value),
        zs: kept(row.zs),
        min: f64::NAN,
        max: f64::NAN,
        cou: row.cou,
        uploaded_value: row.value,
        uploaded_zs: row.zs,
        copies: *copies,
        changed: *changed,
    }
}
