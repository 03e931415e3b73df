//! How much a call makes of its arguments.
//!
//! Arguments are columns; one that is the same for all rows has one row. Numbers are of bytes, and
//! rather too large than too small, but for functions people write every day: what these make in a batch
//! of ordinary rows stays below the bound by far.

use arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use arrow::compute::kernels::length::length;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNanoType, IntervalUnit, TimeUnit};
use datafusion::error::Result;

use super::weight::Weights;

/// Bytes an element of a list is taken for, and a value that is no text.
pub(super) const ELEMENT: i128 = 16;
/// Nanoseconds of a day.
const DAY: i128 = 86_400_000_000_000;
/// A replacement of a pattern up to so many bytes makes a text no more than so many times longer.
const SHORT: i128 = 64;
/// A pattern of a time becomes a text no more than so many times longer.
const TIME: i128 = 20;

/// What a call makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Makes {
    /// The first argument as often as the second says.
    Copies,
    /// Something as long as the second argument says.
    Length,
    /// A list with the first argument as often as the second says.
    Elements,
    /// The first argument, a list, with the third as often as the second says.
    Resized,
    /// A list with all arguments, or all they hold.
    Listed,
    /// The first argument, a list, with the third in all its places.
    Exchanged,
    /// The first argument with two bytes for each of its own.
    Doubled,
    /// The first argument as often as the second has groups.
    Groups,
    /// A text as long as the second argument, a pattern of a time, makes it.
    Shown,
    /// The first argument with the third wherever the second stands.
    Replaced,
    /// The first argument with the third wherever the second fits.
    Matched,
    /// Everything from the first to the second argument in steps of the third.
    Steps,
    /// All arguments one after the other.
    Together,
    /// All arguments but the first one after the other, with the first between them.
    Separated,
    /// The elements of the first argument one after the other, with the second between them and the
    /// third for those that are missing.
    Joined,
    /// The first argument with the others in the places it has for them.
    Filled,
}

/// Whole numbers of an argument by row.
pub(super) struct Each(Int64Array);

impl Each {
    fn get(&self, row: usize) -> Option<i128> {
        let row = place(self.0.len(), row);
        (row < self.0.len() && self.0.is_valid(row)).then(|| i128::from(self.0.value(row)))
    }

    /// The number; nothing where there is none or it is negative.
    pub(super) fn size(&self, row: usize) -> i128 {
        self.get(row).unwrap_or(0).max(0)
    }
}

/// Where the value of a row stands in a column.
pub(super) fn place(length: usize, row: usize) -> usize {
    if length == 1 { 0 } else { row }
}

/// Bytes a call would make.
pub(super) fn made(makes: Makes, columns: &[ArrayRef]) -> Result<i128> {
    let rows = match columns.iter().any(|column| column.is_empty()) {
        true => 0,
        false => columns.iter().map(Array::len).max().unwrap_or(0),
    };
    let second = columns.get(1);
    let many = |column: Option<&ArrayRef>| -> Result<i128> {
        let Some(column) = column else { return Ok(0) };
        let each = whole(column)?;
        Ok((0..rows).map(|row| each.size(row)).sum())
    };
    let Some(first) = columns.first() else {
        return Ok(0);
    };
    match (makes, second) {
        (Makes::Copies, Some(times)) => {
            let (lengths, times) = (sizes(first)?, whole(times)?);
            // Characters of more than one byte are rare and bounded by four.
            let each = (0..rows).map(|row| lengths.size(row) * times.size(row));
            Ok(each.sum())
        }
        (Makes::Replaced, Some(from)) => match columns.get(2) {
            Some(to) => replaced(rows, first, from, to),
            None => Ok(0),
        },
        (Makes::Matched, Some(_)) => match columns.get(2) {
            Some(to) => matched(rows, first, to),
            None => Ok(0),
        },
        (Makes::Length, second) => many(second),
        (Makes::Elements, Some(times)) => repeated(rows, first, times),
        (Makes::Resized, Some(times)) => {
            let value = columns.get(2);
            let more = match value {
                Some(value) => repeated(rows, value, times)?,
                None => many(second)? * ELEMENT,
            };
            Ok(listed(rows, std::slice::from_ref(first))? + more)
        }
        (Makes::Listed, _) => listed(rows, columns),
        (Makes::Exchanged, _) => exchanged(rows, columns),
        (Makes::Doubled, _) => Ok(2 * together(rows, std::slice::from_ref(first), 1)?),
        (Makes::Groups, Some(pattern)) => groups(rows, first, pattern),
        (Makes::Shown, Some(pattern)) => {
            Ok(TIME * together(rows, std::slice::from_ref(pattern), 1)?)
        }
        (Makes::Steps, None) => Ok(many(Some(first))? * ELEMENT),
        (Makes::Steps, Some(to)) => Ok(steps(rows, first, to, columns.get(2))? * ELEMENT),
        (Makes::Together, _) => together(rows, columns, 1),
        (Makes::Separated, _) => {
            let between = i128::try_from(columns.len()).unwrap_or(1);
            together(rows, columns, between)
        }
        (Makes::Filled, _) => filled(rows, columns),
        (Makes::Joined, Some(between)) => joined(rows, first, between, columns.get(2)),
        // The function itself complains of what is missing.
        (
            Makes::Copies
            | Makes::Elements
            | Makes::Groups
            | Makes::Joined
            | Makes::Matched
            | Makes::Replaced
            | Makes::Resized
            | Makes::Shown,
            None,
        ) => Ok(0),
    }
}

/// Whole numbers of a column; what is none counts for nothing, the function itself complains.
pub(super) fn whole(column: &ArrayRef) -> Result<Each> {
    let safe = CastOptions {
        safe: true,
        ..CastOptions::default()
    };
    let column = cast_with_options(column, &DataType::Int64, &safe)?;
    Ok(Each(column.as_primitive::<Int64Type>().clone()))
}

/// Bytes of texts, elements of lists; of other values what they are taken for.
fn sizes(column: &ArrayRef) -> Result<Each> {
    match column.data_type() {
        DataType::Null => Ok(Each(Int64Array::from(vec![0_i64; column.len()]))),
        DataType::Utf8
        | DataType::LargeUtf8
        | DataType::Utf8View
        | DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_)
        | DataType::List(_)
        | DataType::LargeList(_)
        | DataType::FixedSizeList(..)
        | DataType::Map(..) => whole(&length(column.as_ref())?),
        _ => Ok(Each(Int64Array::from(vec![ELEMENT as i64; column.len()]))),
    }
}

/// Bytes of all arguments, the first one so many times.
fn together(rows: usize, columns: &[ArrayRef], first: i128) -> Result<i128> {
    let mut total = 0;
    for (at, column) in columns.iter().enumerate() {
        let each = sizes(column)?;
        let bytes: i128 = (0..rows).map(|row| each.size(row)).sum();
        total += if at == 0 { bytes * first } else { bytes };
    }
    Ok(total)
}

/// Bytes of a pattern with its values: each stands in one place at most.
fn filled(rows: usize, columns: &[ArrayRef]) -> Result<i128> {
    // A quotation mark in a value becomes two.
    Ok(2 * together(rows, columns, 1)?)
}

/// Bytes of lists with a value as often as a number says.
fn repeated(rows: usize, value: &ArrayRef, times: &ArrayRef) -> Result<i128> {
    let (weights, times) = (Weights::of(value)?, whole(times)?);
    let each = (0..rows).map(|row| weights.get(row) * times.size(row));
    Ok(each.sum())
}

/// Bytes of all arguments with all they hold.
fn listed(rows: usize, columns: &[ArrayRef]) -> Result<i128> {
    let mut total = 0;
    for column in columns {
        let weights = Weights::of(column)?;
        total += (0..rows).map(|row| weights.get(row)).sum::<i128>();
    }
    Ok(total)
}

/// Bytes of lists with something else in the place of each element.
fn exchanged(rows: usize, columns: &[ArrayRef]) -> Result<i128> {
    let [lists, _, to, ..] = columns else {
        return Ok(0);
    };
    let (elements, weights, to) = (sizes(lists)?, Weights::of(lists)?, Weights::of(to)?);
    let each = (0..rows).map(|row| weights.get(row) + elements.size(row) * to.get(row));
    Ok(each.sum())
}

/// Bytes of the groups of a pattern, of which each may hold the whole text.
fn groups(rows: usize, text: &ArrayRef, pattern: &ArrayRef) -> Result<i128> {
    let texts = sizes(text)?;
    let patterns = cast_with_options(pattern, &DataType::LargeUtf8, &CastOptions::default())?;
    let each = (0..rows).map(|row| {
        let groups = value(&patterns, row).map_or(0, |pattern| pattern.matches('(').count());
        texts.size(row) * (groups as i128).max(1)
    });
    Ok(each.sum())
}

/// Bytes of lists as texts.
fn joined(
    rows: usize,
    lists: &ArrayRef,
    between: &ArrayRef,
    missing: Option<&ArrayRef>,
) -> Result<i128> {
    let (weights, between) = (Weights::of(lists)?, sizes(between)?);
    let missing = missing.map(sizes).transpose()?;
    let each = (0..rows).map(|row| {
        let missing = missing.as_ref().map_or(0, |missing| missing.size(row));
        // Lists in lists are written out as well; no element weighs less.
        let elements = weights.get(row) / ELEMENT;
        weights.get(row) + elements * (between.size(row) + missing)
    });
    Ok(each.sum())
}

/// Bytes by which texts may grow once a longer replacement stands wherever a pattern fits.
fn matched(rows: usize, text: &ArrayRef, to: &ArrayRef) -> Result<i128> {
    let (text, to) = (sizes(text)?, sizes(to)?);
    let each = (0..rows).map(|row| match to.size(row) {
        short if short <= SHORT => 0,
        // It fits before every character and at the end, and the replacement may name what fitted.
        long => 2 * (text.size(row) + 1) * long,
    });
    Ok(each.sum())
}

/// Bytes by which texts grow once something longer stands in them.
fn replaced(rows: usize, text: &ArrayRef, from: &ArrayRef, to: &ArrayRef) -> Result<i128> {
    // Without any of the three the answer is null.
    if [text, from, to]
        .into_iter()
        .any(|column| column.data_type() == &DataType::Null)
    {
        return Ok(0);
    }
    let (texts, froms, tos) = (sizes(text)?, sizes(from)?, sizes(to)?);
    // What it would be at the very most, which is enough for nearly every question.
    let most: i128 = (0..rows)
        .map(|row| {
            let [text, from, to] = [&texts, &froms, &tos].map(|each| each.size(row));
            // Nothing is found before every character and at the end.
            (text / from.max(1) + 1) * (to - from).max(0)
        })
        .sum();
    if most <= super::MOST {
        return Ok(most);
    }
    let plain = |column: &ArrayRef| {
        cast_with_options(column, &DataType::LargeUtf8, &CastOptions::default())
    };
    let (text, from, to) = (plain(text)?, plain(from)?, plain(to)?);
    let mut total = 0;
    for row in 0..rows {
        let (Some(text), Some(from), Some(to)) =
            (value(&text, row), value(&from, row), value(&to, row))
        else {
            continue;
        };
        let places = text.matches(from).count() as i128;
        total += places * (to.len() as i128 - from.len() as i128).max(0);
    }
    Ok(total)
}

/// The text of a row.
fn value(column: &ArrayRef, row: usize) -> Option<&str> {
    let column = column.as_string::<i64>();
    let row = place(column.len(), row);
    column.is_valid(row).then(|| column.value(row))
}

/// How many elements there are from one column to the other.
fn steps(rows: usize, from: &ArrayRef, to: &ArrayRef, step: Option<&ArrayRef>) -> Result<i128> {
    let units = |kind: &DataType| -> i128 {
        match kind {
            DataType::Date32 => DAY,
            DataType::Timestamp(TimeUnit::Second, _) => 1_000_000_000,
            DataType::Timestamp(TimeUnit::Millisecond, _) | DataType::Date64 => 1_000_000,
            DataType::Timestamp(TimeUnit::Microsecond, _) => 1_000,
            _ => 1,
        }
    };
    let scale = (units(from.data_type()), units(to.data_type()));
    let (from, to) = (whole(from)?, whole(to)?);
    let mut total = 0;
    for row in 0..rows {
        let (Some(from), Some(to)) = (from.get(row), to.get(row)) else {
            continue;
        };
        let way = to * scale.1 - from * scale.0;
        let step = match step {
            Some(step) => one_step(step, row)?,
            None => 1,
        };
        total += way.abs() / step + 1;
    }
    Ok(total)
}

/// The least one step covers.
fn one_step(column: &ArrayRef, row: usize) -> Result<i128> {
    let at = place(column.len(), row);
    if !column.is_valid(at) {
        return Ok(1);
    }
    let covers = if column.data_type() == &DataType::Interval(IntervalUnit::MonthDayNano) {
        let step = column.as_primitive::<IntervalMonthDayNanoType>().value(at);
        i128::from(step.months) * 28 * DAY
            + i128::from(step.days) * DAY
            + i128::from(step.nanoseconds)
    } else {
        whole(column)?.get(row).unwrap_or(1)
    };
    Ok(covers.abs().max(1))
}
