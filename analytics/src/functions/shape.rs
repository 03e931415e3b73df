//! What a series looks like as a whole, alone or next to another one.
//!
//! `describe_series(time, value)`: struct of `n`, `mean`, `sd` (of the population), `least`, `most`,
//! `lag1` (correlation of each value with the next, null for a constant series) and `distinct`
//! (number of different values). `compare_series(time, a, b)`: struct of `n`, `r` (correlation, null
//! when either is constant) and `apart` (mean of |a - b| over the mean of both values' sizes).
//! Everything is added up in order of time, so the answer has the same bits on any number of
//! threads. Missing values have to be left out; one row per instant is expected.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StructArray};
use arrow::datatypes::{DataType, Fields, Float64Type};
use datafusion::common::Result;
use nonsite_history::shape::{correlation, different, lag1, mean, spread};

use super::columns::{instant, instants, primitive};
use super::fold::{Cursor, Fold};
use super::walks::{field, longs, numbers};

/// Values of one instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pair {
    time: i64,
    a: f64,
    b: f64,
}

impl Pair {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.time.to_le_bytes());
        out.extend_from_slice(&self.a.to_le_bytes());
        out.extend_from_slice(&self.b.to_le_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let mut cursor = Cursor(bytes);
        Self {
            time: cursor.i64(),
            a: cursor.f64(),
            b: cursor.f64(),
        }
    }
}

fn sorted(mut series: Vec<Pair>) -> Vec<Pair> {
    series.sort_unstable_by_key(|pair| (pair.time, pair.a.to_bits(), pair.b.to_bits()));
    series
}

/// The fold behind `describe_series`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct DescribeSeries;

fn description() -> Fields {
    let number = |name| field(name, DataType::Float64);
    Fields::from(vec![
        field("n", DataType::Int64),
        number("mean"),
        number("sd"),
        number("least"),
        number("most"),
        number("lag1"),
        field("distinct", DataType::Int64),
    ])
}

/// Number of values, mean, standard deviation, least, most, lag-1 correlation, different values.
fn described(series: &[f64]) -> (i64, [f64; 5], i64) {
    if series.is_empty() {
        return (0, [f64::NAN; 5], 0);
    }
    let average = mean(series.iter().copied());
    let spread = spread(series, average);
    let lag1 = lag1(series);
    let mut ordered = series.to_vec();
    let different = different(&mut ordered);
    let (least, most) = (ordered[0], ordered[ordered.len() - 1]);
    let count = |length: usize| i64::try_from(length).unwrap_or(i64::MAX);
    (
        count(series.len()),
        [average, spread, least, most, lag1],
        count(different),
    )
}

impl Fold for DescribeSeries {
    type Row = Pair;
    const WIDTH: usize = 24;

    fn name(&self) -> &'static str {
        "describe_series"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![instant(), DataType::Float64]
    }

    fn answer(&self) -> DataType {
        DataType::Struct(description())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Pair>>> {
        let time = instants(&columns[0])?;
        let value = primitive::<Float64Type>(&columns[1])?;
        Ok((0..time.len())
            .map(|i| {
                (time.is_valid(i) && value.is_valid(i)).then(|| Pair {
                    time: time.value(i),
                    a: value.value(i),
                    b: 0.0,
                })
            })
            .collect())
    }

    fn encode(row: &Pair, out: &mut Vec<u8>) {
        row.encode(out);
    }

    fn decode(bytes: &[u8]) -> Pair {
        Pair::decode(bytes)
    }

    fn finish(&self, series: Vec<Vec<Pair>>) -> Result<ArrayRef> {
        let told: Vec<(i64, [f64; 5], i64)> = series
            .into_iter()
            .map(|series| {
                let values: Vec<f64> = sorted(series).iter().map(|pair| pair.a).collect();
                described(&values)
            })
            .collect();
        let mut columns = vec![longs(told.iter().map(|told| told.0))];
        columns.extend((0..5).map(|at| numbers(told.iter().map(|told| told.1[at]))));
        columns.push(longs(told.iter().map(|told| told.2)));
        Ok(Arc::new(StructArray::try_new(
            description(),
            columns,
            None,
        )?))
    }
}

/// The fold behind `compare_series`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct CompareSeries;

fn comparison() -> Fields {
    Fields::from(vec![
        field("n", DataType::Int64),
        field("r", DataType::Float64),
        field("apart", DataType::Float64),
    ])
}

impl Fold for CompareSeries {
    type Row = Pair;
    const WIDTH: usize = 24;

    fn name(&self) -> &'static str {
        "compare_series"
    }

    fn arguments(&self) -> Vec<DataType> {
        vec![instant(), DataType::Float64, DataType::Float64]
    }

    fn answer(&self) -> DataType {
        DataType::Struct(comparison())
    }

    fn read(&self, columns: &[ArrayRef]) -> Result<Vec<Option<Pair>>> {
        let time = instants(&columns[0])?;
        let a = primitive::<Float64Type>(&columns[1])?;
        let b = primitive::<Float64Type>(&columns[2])?;
        Ok((0..time.len())
            .map(|i| {
                (time.is_valid(i) && a.is_valid(i) && b.is_valid(i)).then(|| Pair {
                    time: time.value(i),
                    a: a.value(i),
                    b: b.value(i),
                })
            })
            .collect())
    }

    fn encode(row: &Pair, out: &mut Vec<u8>) {
        row.encode(out);
    }

    fn decode(bytes: &[u8]) -> Pair {
        Pair::decode(bytes)
    }

    fn finish(&self, series: Vec<Vec<Pair>>) -> Result<ArrayRef> {
        let told: Vec<(i64, f64, f64)> = series
            .into_iter()
            .map(|series| {
                let pairs: Vec<(f64, f64)> =
                    sorted(series).iter().map(|pair| (pair.a, pair.b)).collect();
                if pairs.is_empty() {
                    return (0, f64::NAN, f64::NAN);
                }
                let off = mean(pairs.iter().map(|(a, b)| (a - b).abs()));
                let size = mean(pairs.iter().map(|(a, b)| f64::midpoint(a.abs(), b.abs())));
                let count = i64::try_from(pairs.len()).unwrap_or(i64::MAX);
                (count, correlation(pairs.iter().copied()), off / size)
            })
            .collect();
        let columns = vec![
            longs(told.iter().map(|told| told.0)),
            numbers(told.iter().map(|told| told.1)),
            numbers(told.iter().map(|told| told.2)),
        ];
        Ok(Arc::new(StructArray::try_new(comparison(), columns, None)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_is_described() {
        let (n, [mean, sd, least, most, lag1], distinct) = described(&[1.0, 3.0, 1.0, 3.0]);
        assert_eq!(
            (n, mean, sd, least, most, distinct),
            (4, 2.0, 1.0, 1.0, 3.0, 2)
        );
        assert!((lag1 + 1.0).abs() < 1e-12);
        assert!(described(&[2.0, 2.0, 2.0]).1[4].is_nan());
        assert_eq!(described(&[]).0, 0);
    }

    #[test]
    fn two_series_correlate() {
        let pairs: Vec<(f64, f64)> = (0..9).map(|i| (f64::from(i), 3.0 * f64::from(i))).collect();
        assert!((correlation(pairs.iter().copied()) - 1.0).abs() < 1e-12);
        assert!(correlation([(1.0, 2.0), (1.0, 3.0)].into_iter()).is_nan());
    }
}
