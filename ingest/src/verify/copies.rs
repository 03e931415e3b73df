//! Rows that are in a table more than once.
//!
//! The readers guarantee that no two rows of one record are equal: a reading that a message gives
//! more than once is noted `repeated_factor` from the second time on, an equal state is left out,
//! parts in quarantine are numbered, a document is one row of its own table. So two equal rows of
//! one record, notes of repetition aside, were written twice, whether all rows of the record are
//! there twice, three times, or only some. The lists inside a permit document carry no such
//! guarantee; of their tables only records count of which *every* row is there more than once.
//!
//! Finding equal rows among very many without keeping them takes two steps. While the table is
//! read, a [`Filter`] of two bytes per row answers "not seen before" or "perhaps"; it never
//! misses a copy. Records with a "perhaps" are read once more and counted exactly ([`confirm`]);
//! wrong suspicions (less than one row in a hundred) end there.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::{ArrayRef, AsArray, BooleanArray};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use futures::StreamExt;

use super::VerifyError;
use crate::store::Store;
use crate::target::Target;

/// Bits of the filter per row.
const BITS_PER_ROW: u64 = 16;
/// Bits set per row.
const PROBES: u64 = 4;
/// Smallest filter, bits: small tables raise no wrong suspicion.
const LEAST_BITS: u64 = 1 << 20;

/// A Bloom filter of row hashes.
#[derive(Debug)]
pub(super) struct Filter {
    words: Vec<u64>,
}

impl Filter {
    pub(super) fn for_rows(rows: u64) -> Self {
        let bits = rows.saturating_mul(BITS_PER_ROW).max(LEAST_BITS);
        let words = usize::try_from(bits.div_ceil(64)).unwrap_or(usize::MAX);
        Self {
            words: vec![0; words],
        }
    }

    /// Takes a row in; whether one with this hash may have been there before.
    pub(super) fn insert(&mut self, hash: u64) -> bool {
        let bits = self.words.len() as u128 * 64;
        let (mut at, step) = (hash, hash.rotate_left(32) | 1);
        let mut known = true;
        for _ in 0..PROBES {
            at = at.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(step);
            // The hash as a fraction of the filter.
            let bit = ((u128::from(at) * bits) >> 64) as usize;
            let (word, mask) = (&mut self.words[bit / 64], 1_u64 << (bit % 64));
            known &= *word & mask != 0;
            *word |= mask;
        }
        known
    }
}

/// The hash of a row of a record.
pub(super) fn hash(partition: i32, offset: i64, row: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (partition, offset, row).hash(&mut hasher);
    hasher.finish()
}

/// How often the rows of a record are in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Copies {
    /// Different rows.
    rows: usize,
    /// Those that are there more than once.
    copied: usize,
    /// Fewest and most copies of one row.
    copies: (u32, u32),
}

impl Copies {
    fn of(counts: &HashMap<u64, u32>) -> Option<Self> {
        let copies = (*counts.values().min()?, *counts.values().max()?);
        Some(Self {
            rows: counts.len(),
            copied: counts.values().filter(|count| **count > 1).count(),
            copies,
        })
    }
}

impl fmt::Display for Copies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.copies;
        if least > 1 && least == most {
            write!(f, "all rows of these records are in the table {most} times")
        } else {
            write!(
                f,
                "{} of the {} rows of each of these records are in the table more than once, up to {most} times",
                self.copied, self.rows
            )
        }
    }
}

/// Whether the readers guarantee that a record's rows differ from each other.
fn is_distinct(table: Target) -> bool {
    matches!(
        table,
        Target::ReadingsRaw
            | Target::DeviceStates
            | Target::Quarantine
            | Target::Permits
            | Target::Inspections
    )
}

/// Which of these records (partition, offset) have rows that are there more than once.
pub(super) async fn confirm(
    store: &Store,
    table: Target,
    topic: &str,
    suspects: &HashSet<(i32, i64)>,
) -> Result<BTreeMap<(i32, i64), Copies>, VerifyError> {
    if suspects.is_empty() {
        return Ok(BTreeMap::new());
    }
    let name = table.name();
    let fault = |detail: String| VerifyError::Rows {
        table: name,
        detail,
    };
    let unmarked = if table == Target::ReadingsRaw {
        "AND coalesce(note, '') NOT LIKE '%repeated_factor%'"
    } else {
        ""
    };
    let bound = |bound: Option<i64>| bound.unwrap_or_default();
    let sql = format!(
        "SELECT kafka_partition AS origin_p, kafka_offset AS origin_o, * FROM {name} \
         WHERE kafka_topic = '{}' AND kafka_offset >= {} AND kafka_offset <= {} {unmarked}",
        topic.replace('\'', "''"),
        bound(suspects.iter().map(|(_, offset)| *offset).min()),
        bound(suspects.iter().map(|(_, offset)| *offset).max()),
    );
    let session = store.session(&[name]).await?;
    let frame = session
        .sql(&sql)
        .await
        .map_err(|error| fault(error.to_string()))?;
    let mut stream = frame
        .execute_stream()
        .await
        .map_err(|error| fault(error.to_string()))?;
    let broken = |error: ArrowError| fault(error.to_string());
    let fields = stream.schema().fields()[2..]
        .iter()
        .map(|field| SortField::new(field.data_type().clone()))
        .collect();
    let converter = RowConverter::new(fields).map_err(broken)?;
    let mut counts: HashMap<(i32, i64), HashMap<u64, u32>> = HashMap::new();
    while let Some(batch) = stream.next().await {
        let batch = batch.map_err(|error| fault(error.to_string()))?;
        let places = |batch: &arrow::array::RecordBatch| -> Result<Vec<(i32, i64)>, ArrowError> {
            let partitions = cast(batch.column(0), &DataType::Int32)?;
            let offsets = cast(batch.column(1), &DataType::Int64)?;
            let partitions = partitions.as_primitive::<Int32Type>().values();
            let offsets = offsets.as_primitive::<Int64Type>().values();
            Ok(partitions
                .iter()
                .copied()
                .zip(offsets.iter().copied())
                .collect())
        };
        let suspected: BooleanArray = places(&batch)
            .map_err(broken)?
            .iter()
            .map(|place| Some(suspects.contains(place)))
            .collect();
        let batch = filter_record_batch(&batch, &suspected).map_err(broken)?;
        let columns: Vec<ArrayRef> = batch.columns()[2..].to_vec();
        let rows = converter.convert_columns(&columns).map_err(broken)?;
        for ((partition, offset), row) in places(&batch).map_err(broken)?.into_iter().zip(&rows) {
            let hash = hash(partition, offset, row.as_ref());
            let counts = counts.entry((partition, offset)).or_default();
            *counts.entry(hash).or_default() += 1;
        }
    }
    Ok(counts
        .into_iter()
        .filter_map(|(place, counts)| Some((place, Copies::of(&counts)?)))
        .filter(|(_, copies)| {
            let (least, most) = copies.copies;
            most > 1 && (least > 1 || is_distinct(table))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_misses_no_copy_and_suspects_few() {
        let rows = 200_000_i64;
        let mut filter = Filter::for_rows(rows.cast_unsigned());
        let wrong = (0..rows)
            .filter(|n| filter.insert(hash(0, n / 10, &n.to_le_bytes())))
            .count();
        assert!(wrong < 2_000, "{wrong} wrong suspicions");
        assert!((0..rows).all(|n| filter.insert(hash(0, n / 10, &n.to_le_bytes()))));
    }
}
