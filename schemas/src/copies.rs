//! Which copy of a reading counts.
//!
//! Loggers send readings again; `readings_raw` keeps every copy as evidence and the view `readings`
//! gives the current one. Telling them apart at every question would cost more than reading them, so
//! maintenance does it once: when it merges files it writes the copies that count and those that do
//! not into different files, whose names say which they hold. Whoever reads `readings` skips the
//! files of superseded copies, and where the others cannot hold two copies of one reading there is
//! nothing left to resolve.
//!
//! Invariants:
//! - of several rows with the same [`KEY`] the greatest by [`RANK`] counts;
//! - a superseded row stays superseded: rows are only ever added, and one that outranks it is in the
//!   table. So the name of a file stays true whatever comes later;
//! - a file whose name says nothing may hold anything: files of other programs, and of ours as they
//!   come in.

use std::cmp::Ordering;

use arrow::array::{Array, ArrayRef, BooleanArray, DynComparator, RecordBatch, make_comparator};
use arrow::compute::kernels::cmp::not_distinct;
use arrow::compute::{SortOptions, concat_batches, filter_record_batch, not};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;

/// The table whose readings come in copies.
pub const TABLE: &str = "readings_raw";

/// What makes two rows copies of one reading.
pub const KEY: [&str; 4] = ["mn", "factor", "data_time", "granularity"];

/// The order of rows in a file, and what a [`Sieve`] relies on: copies of one reading are neighbours
/// but for other granularities of the same time.
pub const ORDER: [&str; 3] = ["mn", "factor", "data_time"];

/// What ranks the copies of a reading, most significant first: the one received last counts.
pub const RANK: [&str; 3] = ["received_at", "kafka_partition", "kafka_offset"];

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holds {
    /// At most one copy of any reading.
    Current,
    /// Copies that another row of the table outranks.
    Superseded,
    /// Anything, not in [`ORDER`]: a merge of files that were not, so nothing could be told apart.
    Unsorted,
    /// Anything.
    Any,
}

impl Holds {
    /// What the names of such files begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Superseded => "superseded",
            Self::Unsorted => "unsorted",
            Self::Any => "merged",
        }
    }

    /// What a file holds by its path within the table.
    pub fn of(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path);
        let told = |holds: Self| {
            name.strip_prefix(holds.prefix())
                .is_some_and(|rest| rest.starts_with('-'))
        };
        [Self::Current, Self::Superseded, Self::Unsorted]
            .into_iter()
            .find(|holds| told(*holds))
            .unwrap_or(Self::Any)
    }
}

/// Rows told apart.
#[derive(Debug, Default)]
pub struct Sifted {
    /// One copy of every reading.
    pub current: Option<RecordBatch>,
    /// The copies it outranks.
    pub superseded: Option<RecordBatch>,
}

/// Tells the current copies from the superseded ones in rows that come in [`ORDER`].
///
/// Nearly all readings have one copy: a batch in which no two neighbours have the same time goes
/// through untouched, and only where they do are the other columns looked at.
#[derive(Debug)]
pub struct Sieve {
    key: [usize; 4],
    rank: [usize; 3],
    /// Rows that are not decided yet: the next batch may go on with copies of its last reading.
    held: Option<RecordBatch>,
}

impl Sieve {
    /// A sieve for rows of this schema.
    ///
    /// # Errors
    /// A column of [`KEY`] or [`RANK`] is missing.
    pub fn new(schema: &Schema) -> Result<Self, ArrowError> {
        let mut places = [0; 7];
        for (place, name) in places.iter_mut().zip(KEY.iter().chain(&RANK)) {
            *place = schema.index_of(name)?;
        }
        let [mn, factor, data_time, granularity, first, second, third] = places;
        Ok(Self {
            key: [mn, factor, data_time, granularity],
            rank: [first, second, third],
            held: None,
        })
    }

    /// Takes the next rows and gives those that are decided by now.
    ///
    /// # Errors
    /// Columns of types that cannot be compared.
    pub fn push(&mut self, batch: RecordBatch) -> Result<Sifted, ArrowError> {
        if batch.num_rows() == 0 {
            return Ok(Sifted::default());
        }
        let Some(held) = self.held.take() else {
            self.held = Some(batch);
            return Ok(Sifted::default());
        };
        let last = held.num_rows() - 1;
        if !self.goes_on(&held, last, &batch, 0)? {
            self.held = Some(batch);
            return self.sift(held);
        }
        let mut start = last;
        while start > 0 && self.goes_on(&held, start - 1, &held, start)? {
            start -= 1;
        }
        let undecided = held.slice(start, held.num_rows() - start);
        self.held = Some(concat_batches(&held.schema(), [&undecided, &batch])?);
        if start == 0 {
            return Ok(Sifted::default());
        }
        self.sift(held.slice(0, start))
    }

    /// What is left.
    ///
    /// # Errors
    /// As [`Sieve::push`].
    pub fn finish(&mut self) -> Result<Sifted, ArrowError> {
        match self.held.take() {
            Some(held) => self.sift(held),
            None => Ok(Sifted::default()),
        }
    }

    /// Whether a row of `b` is of the same logger, factor and time as one of `a`.
    fn goes_on(
        &self,
        a: &RecordBatch,
        i: usize,
        b: &RecordBatch,
        j: usize,
    ) -> Result<bool, ArrowError> {
        let [mn, factor, data_time, _] = self.key;
        for column in [data_time, factor, mn] {
            let compare = comparator(a.column(column), b.column(column))?;
            if compare(i, j) != Ordering::Equal {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn sift(&self, batch: RecordBatch) -> Result<Sifted, ArrowError> {
        let whole = |batch| Sifted {
            current: Some(batch),
            superseded: None,
        };
        let [mn, factor, data_time, granularity] = self.key.map(|place| batch.column(place));
        let steps = batch.num_rows() - 1;
        if steps == 0 {
            return Ok(whole(batch));
        }
        let same_time = not_distinct(&data_time.slice(0, steps), &data_time.slice(1, steps))?;
        if same_time.true_count() == 0 {
            return Ok(whole(batch));
        }
        let (mn, factor) = (comparator(mn, mn)?, comparator(factor, factor)?);
        let granularity = comparator(granularity, granularity)?;
        let ranks = self.rank.map(|place| batch.column(place));
        let ranks: Vec<DynComparator> = ranks
            .iter()
            .map(|column| comparator(column, column))
            .collect::<Result<_, _>>()?;
        let outranks = |a: usize, b: usize| {
            let mut orders = ranks.iter().map(|rank| rank(a, b));
            orders
                .find(|order| order.is_ne())
                .is_some_and(Ordering::is_gt)
        };
        let mut superseded: Vec<usize> = Vec::new();
        // The best copy of every granularity of the time that ends with the row `last`.
        let mut best: Vec<usize> = Vec::new();
        let mut last = None;
        for step in same_time.values().set_indices() {
            let row = step + 1;
            if mn(step, row).is_ne() || factor(step, row).is_ne() {
                continue;
            }
            if last != Some(step) {
                best.clear();
                best.push(step);
            }
            last = Some(row);
            match best
                .iter_mut()
                .find(|rival| granularity(**rival, row).is_eq())
            {
                None => best.push(row),
                Some(rival) if outranks(row, *rival) => {
                    superseded.push(*rival);
                    *rival = row;
                }
                Some(_) => superseded.push(row),
            }
        }
        if superseded.is_empty() {
            return Ok(whole(batch));
        }
        let mut beaten = vec![false; batch.num_rows()];
        for row in superseded {
            beaten[row] = true;
        }
        let beaten = BooleanArray::from(beaten);
        Ok(Sifted {
            current: Some(filter_record_batch(&batch, &not(&beaten)?)?),
            superseded: Some(filter_record_batch(&batch, &beaten)?),
        })
    }
}

fn comparator(a: &ArrayRef, b: &ArrayRef) -> Result<DynComparator, ArrowError> {
    make_comparator(a.as_ref(), b.as_ref(), SortOptions::default())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use arrow::array::{AsArray, Int32Array, Int64Array, StringArray, TimestampMicrosecondArray};
    use arrow::datatypes::{DataType, Field, Int64Type};
    use proptest::prelude::*;

    use super::*;

    /// mn, factor, data_time, granularity, received_at; the offset is the row's place.
    type Row = (u8, u8, i64, u8, i64);

    fn batch(rows: &[Row], first_offset: i64) -> RecordBatch {
        let text = |f: fn(&Row) -> u8| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(
                rows.iter().map(|row| format!("x{}", f(row))),
            ))
        };
        let instant = |f: fn(&Row) -> i64| -> ArrayRef {
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(rows.iter().map(f))
                    .with_timezone("UTC"),
            )
        };
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("mn", text(|row| row.0)),
            ("factor", text(|row| row.1)),
            ("granularity", text(|row| row.3)),
            ("data_time", instant(|row| row.2)),
            ("received_at", instant(|row| row.4)),
            (
                "kafka_partition",
                Arc::new(Int32Array::from(vec![0; rows.len()])),
            ),
            (
                "kafka_offset",
                Arc::new(Int64Array::from_iter_values(
                    first_offset..first_offset + rows.len() as i64,
                )),
            ),
        ];
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, column)| Field::new(*name, column.data_type().clone(), false))
            .collect();
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap()
    }

    fn offsets(parts: &[RecordBatch]) -> Vec<i64> {
        let mut offsets: Vec<i64> = parts
            .iter()
            .flat_map(|part| {
                let column = part.column_by_name("kafka_offset").unwrap();
                column.as_primitive::<Int64Type>().values().to_vec()
            })
            .collect();
        offsets.sort_unstable();
        offsets
    }

    fn through(rows: &[Row], portion: usize) -> (Vec<i64>, Vec<i64>) {
        let mut sieve = Sieve::new(&batch(&[], 0).schema()).unwrap();
        let (mut current, mut superseded) = (Vec::new(), Vec::new());
        let mut take = |sifted: Sifted| {
            current.extend(sifted.current);
            superseded.extend(sifted.superseded);
        };
        for (number, portion_rows) in rows.chunks(portion).enumerate() {
            let first = (number * portion) as i64;
            take(sieve.push(batch(portion_rows, first)).unwrap());
        }
        take(sieve.finish().unwrap());
        (offsets(&current), offsets(&superseded))
    }

    #[test]
    fn names_tell_what_a_file_holds() {
        let all = [
            Holds::Current,
            Holds::Superseded,
            Holds::Unsorted,
            Holds::Any,
        ];
        for holds in all {
            let path = format!("date=2026-01-01/{}-0b5e.zstd.parquet", holds.prefix());
            assert_eq!(Holds::of(&path), holds);
        }
        assert_eq!(Holds::of("part-00000-c000.snappy.parquet"), Holds::Any);
        assert_eq!(Holds::of("currently.parquet"), Holds::Any);
        assert_eq!(Holds::of("current-events/part-1.parquet"), Holds::Any);
    }

    #[test]
    fn the_copy_received_last_counts_and_granularities_are_apart() {
        let rows = [
            (1, 1, 60, 0, 5),
            (1, 1, 60, 1, 9),
            (1, 1, 60, 0, 7),
            (1, 1, 60, 0, 6),
            (1, 2, 60, 0, 1),
            (2, 2, 60, 0, 1),
        ];
        for portion in 1..=rows.len() {
            assert_eq!(
                through(&rows, portion),
                (vec![1, 2, 4, 5], vec![0, 3]),
                "in portions of {portion}"
            );
        }
        assert!(
            Sieve::new(&Schema::new(vec![Field::new("mn", DataType::Utf8, false)])).is_err(),
            "a sieve needs its columns"
        );
    }

    proptest! {
        #[test]
        fn a_sieve_keeps_what_a_plain_comparison_keeps(
            mut rows in prop::collection::vec((0_u8..3, 0_u8..2, 0_i64..4, 0_u8..3, 0_i64..4), 1..60),
            portion in 1_usize..20,
        ) {
            rows.sort_by_key(|row| (row.0, row.1, row.2));
            let mut best: BTreeMap<(u8, u8, i64, u8), (i64, i64)> = BTreeMap::new();
            for (offset, row) in (0_i64..).zip(&rows) {
                let rank = (row.4, offset);
                let held = best.entry((row.0, row.1, row.2, row.3)).or_insert(rank);
                *held = rank.max(*held);
            }
            let mut expected: Vec<i64> = best.into_values().map(|(_, offset)| offset).collect();
            expected.sort_unstable();
            let (current, superseded) = through(&rows, portion);
            prop_assert_eq!(&current, &expected);
            prop_assert_eq!(current.len() + superseded.len(), rows.len());
        }
    }
}
