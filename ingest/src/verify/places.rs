//! Which offsets of a topic have rows in a table.
//!
//! The table is read once, as a stream of its origin and key columns. Per offset two things are
//! kept: a mark (has rows; is a whole record in quarantine) and the exclusive or of its rows'
//! hashes. A record whose rows are all there twice has an exclusive or of zero; those few
//! suspects are then looked at exactly ([`is_double`]).

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type};
use arrow::row::{RowConverter, SortField};
use futures::StreamExt;

use super::{Range, VerifyError};
use crate::store::Store;
use crate::target::Target;

const ROWS: u8 = 1;
const WHOLE: u8 = 2;

/// The offsets of one partition, from `base` on.
#[derive(Debug, Default)]
struct Partition {
    base: i64,
    marks: Vec<u8>,
    hashes: Vec<u64>,
    rows: u64,
}

impl Partition {
    fn add(&mut self, offset: i64, mark: u8, hash: u64) {
        if self.marks.is_empty() {
            self.base = offset;
        }
        if offset < self.base {
            let shift = usize::try_from(self.base - offset).unwrap_or(usize::MAX);
            self.marks.splice(0..0, std::iter::repeat_n(0, shift));
            self.hashes.splice(0..0, std::iter::repeat_n(0, shift));
            self.base = offset;
        }
        let index = usize::try_from(offset - self.base).unwrap_or(usize::MAX);
        if index >= self.marks.len() {
            self.marks.resize(index + 1, 0);
            self.hashes.resize(index + 1, 0);
        }
        self.marks[index] |= mark;
        self.hashes[index] ^= hash;
        self.rows += 1;
    }

    fn mark(&self, offset: i64) -> u8 {
        let index = usize::try_from(offset.saturating_sub(self.base)).ok();
        index
            .and_then(|index| self.marks.get(index))
            .copied()
            .unwrap_or(0)
    }

    fn offsets(&self, chosen: impl Fn(u8, u64) -> bool) -> impl Iterator<Item = i64> {
        let marks = self.marks.iter().zip(&self.hashes);
        (self.base..)
            .zip(marks)
            .filter(move |(_, (mark, hash))| chosen(**mark, **hash))
            .map(|(offset, _)| offset)
    }
}

/// Which offsets of a topic have rows in a table.
#[derive(Debug, Default)]
pub(super) struct Places {
    partitions: BTreeMap<i32, Partition>,
}

/// The columns that tell a record's rows apart.
fn keys(table: Target) -> &'static str {
    match table {
        Target::ReadingsRaw => "mn, granularity, factor, data_time",
        Target::DeviceStates => "mn, item, data_time, value, value_text, flag",
        Target::Quarantine => "quarantine_id",
        Target::Permits
        | Target::PermitOutlets
        | Target::PermitLimits
        | Target::PermitMassLimits
        | Target::PermitBindings
        | Target::PermitPeriods
        | Target::Inspections
        | Target::Marks
        | Target::EquipmentFilings
        | Target::MaintenanceTickets
        | Target::ControlWindows
        | Target::ExecutionReports
        | Target::ExecutionReportItems
        | Target::ManualResults
        | Target::MnBindings
        | Target::ProcessPoints => "*",
    }
}

impl Places {
    /// Reads the origin of every row of `topic` in `table`.
    pub(super) async fn read(
        store: &Store,
        table: Target,
        topic: &str,
    ) -> Result<Self, VerifyError> {
        let name = table.name();
        let fault = |detail: String| VerifyError::Rows {
            table: name,
            detail,
        };
        let whole = if table == Target::Quarantine {
            "part IS NULL"
        } else {
            "false"
        };
        let sql = format!(
            "SELECT kafka_partition AS p, kafka_offset AS o, {whole} AS w, {} FROM {name} \
             WHERE kafka_topic = '{}'",
            keys(table),
            topic.replace('\'', "''"),
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
        let fields = stream.schema().fields()[3..]
            .iter()
            .map(|field| SortField::new(field.data_type().clone()))
            .collect();
        let converter = RowConverter::new(fields).map_err(|error| fault(error.to_string()))?;
        let mut places = Self::default();
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(|error| fault(error.to_string()))?;
            places
                .add(&batch, &converter)
                .map_err(|error| fault(error.to_string()))?;
        }
        Ok(places)
    }

    fn add(
        &mut self,
        batch: &RecordBatch,
        converter: &RowConverter,
    ) -> Result<(), arrow::error::ArrowError> {
        let partitions = cast(batch.column(0), &DataType::Int32)?;
        let partitions = partitions.as_primitive::<Int32Type>();
        let offsets = cast(batch.column(1), &DataType::Int64)?;
        let offsets = offsets.as_primitive::<Int64Type>();
        let whole = cast(batch.column(2), &DataType::Boolean)?;
        let whole = whole.as_boolean();
        let keys: Vec<ArrayRef> = batch.columns()[3..].to_vec();
        let keys = converter.convert_columns(&keys)?;
        for row in 0..batch.num_rows() {
            let mut hasher = DefaultHasher::new();
            keys.row(row).as_ref().hash(&mut hasher);
            let mark = if whole.is_valid(row) && whole.value(row) {
                ROWS | WHOLE
            } else {
                ROWS
            };
            let partition = self.partitions.entry(partitions.value(row)).or_default();
            partition.add(offsets.value(row), mark, hasher.finish());
        }
        Ok(())
    }

    /// Partitions with rows.
    pub(super) fn partitions(&self) -> impl Iterator<Item = i32> {
        self.partitions.keys().copied()
    }

    /// Number of rows.
    pub(super) fn rows(&self, partition: i32) -> u64 {
        self.partitions
            .get(&partition)
            .map_or(0, |places| places.rows)
    }

    /// Lowest and highest offset with rows.
    pub(super) fn bounds(&self, partition: i32) -> Option<(i64, i64)> {
        let places = self.partitions.get(&partition)?;
        let length = i64::try_from(places.marks.len()).ok()?;
        Some((places.base, places.base + length - 1))
    }

    /// Whether an offset has rows.
    pub(super) fn has(&self, partition: i32, offset: i64) -> bool {
        self.partitions
            .get(&partition)
            .is_some_and(|places| places.mark(offset) != 0)
    }

    /// Offsets that are quarantined as a whole.
    pub(super) fn whole(&self, partition: i32) -> Vec<i64> {
        let places = self.partitions.get(&partition);
        places.map_or_else(Vec::new, |places| {
            places.offsets(|mark, _| mark & WHOLE != 0).collect()
        })
    }

    /// Number of offsets in `range` that are quarantined as a whole.
    pub(super) fn count_whole(&self, partition: i32, range: Range) -> u64 {
        self.whole(partition)
            .into_iter()
            .filter(|offset| range.contains(*offset))
            .count() as u64
    }

    /// Offsets whose rows may all be there twice.
    pub(super) fn doubled(&self, partition: i32) -> Vec<i64> {
        let places = self.partitions.get(&partition);
        places.map_or_else(Vec::new, |places| {
            places
                .offsets(|mark, hash| mark != 0 && hash == 0)
                .collect()
        })
    }
}

/// Whether every row of a record is there at least twice, by an exact count. Rows that a logger
/// itself sent twice in one packet are marked as such and do not count.
pub(super) async fn is_double(
    store: &Store,
    table: Target,
    (topic, partition, offset): (&str, i32, i64),
) -> Result<bool, VerifyError> {
    let name = table.name();
    // `*` for one row per document and item: all columns are the key, rows repeat as a whole.
    let keys = keys(table);
    let unmarked = if table == Target::ReadingsRaw {
        "AND coalesce(note, '') NOT LIKE '%repeated_factor%'"
    } else {
        ""
    };
    let sql = format!(
        "SELECT {keys} FROM {name} WHERE kafka_topic = '{}' AND kafka_partition = {partition} \
         AND kafka_offset = {offset} {unmarked}",
        topic.replace('\'', "''"),
    );
    let fault = |error: arrow::error::ArrowError| VerifyError::Rows {
        table: name,
        detail: error.to_string(),
    };
    let mut counts: BTreeMap<Vec<u8>, u32> = BTreeMap::new();
    for batch in store.query(&[name], &sql).await? {
        let fields = batch
            .schema()
            .fields()
            .iter()
            .map(|field| SortField::new(field.data_type().clone()))
            .collect();
        let converter = RowConverter::new(fields).map_err(fault)?;
        let rows = converter.convert_columns(batch.columns()).map_err(fault)?;
        for row in &rows {
            *counts.entry(row.as_ref().to_vec()).or_default() += 1;
        }
    }
    Ok(!counts.is_empty() && counts.values().all(|count| *count > 1))
}

/// Records that became rows after they had been quarantined: partition and offset.
pub(super) async fn redriven(
    store: &Store,
    topic: &str,
) -> Result<BTreeSet<(i32, i64)>, VerifyError> {
    const TABLE: &str = "quarantine_redriven";
    if !store.exists(TABLE).await? {
        return Ok(BTreeSet::new());
    }
    let sql = format!("SELECT DISTINCT quarantine_id FROM {TABLE} WHERE outcome = 'rows'");
    let mut redriven = BTreeSet::new();
    for batch in store.query(&[TABLE], &sql).await? {
        let ids = cast(batch.column(0), &DataType::Utf8).map_err(|error| VerifyError::Rows {
            table: TABLE,
            detail: error.to_string(),
        })?;
        for id in ids.as_string::<i32>().iter().flatten() {
            let place = id
                .strip_prefix(topic)
                .and_then(|rest| rest.strip_prefix('/'))
                .and_then(|rest| rest.split('#').next())
                .and_then(|rest| rest.split_once('/'));
            if let Some((partition, offset)) = place
                && let (Ok(partition), Ok(offset)) = (partition.parse(), offset.parse())
            {
                redriven.insert((partition, offset));
            }
        }
    }
    Ok(redriven)
}
