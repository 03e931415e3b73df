//! The readings of one Beijing day out of its files, as slots of hours per series.
//!
//! Rows may come in any order and spread over any number of files; where they are sorted by logger
//! and factor (as ingestion and compaction write them) a series costs one look-up.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{
    Array, ArrayRef, AsArray, DictionaryArray, PrimitiveArray, RecordBatch, StringArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Field, Float64Type, Int32Type, Schema, TimeUnit,
    TimestampMicrosecondType,
};
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

use crate::marks::Mark;
use crate::{Error, HOUR, day_start};

/// Hours of a day.
pub const HOURS: usize = 24;
/// Rows decoded at a time.
const BATCH: usize = 32_768;
/// A mark slot without a row.
pub const ABSENT: u8 = u8::MAX;

/// The columns that are read, with the type each is read as.
const COLUMNS: [(&str, Read); 10] = [
    ("mn", Read::Text),
    ("factor", Read::Text),
    ("granularity", Read::Text),
    ("data_time", Read::Instant),
    ("value", Read::Number),
    ("zs_value", Read::Number),
    ("cou", Read::Number),
    ("flag", Read::Text),
    ("note", Read::Text),
    ("period_s", Read::Whole),
];

#[derive(Debug, Clone, Copy)]
enum Read {
    Text,
    Instant,
    Number,
    Whole,
}

impl Read {
    fn data_type(self) -> DataType {
        match self {
            Self::Text => DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)),
            Self::Instant => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Number => DataType::Float64,
            Self::Whole => DataType::Int32,
        }
    }
}

/// The loggers that are looked at, by number; others are skipped.
#[derive(Debug, Clone, Default)]
pub struct Loggers {
    names: Vec<String>,
    numbers: HashMap<String, u32>,
}

impl Loggers {
    /// Numbers loggers in order of their names.
    pub fn new(names: impl IntoIterator<Item = String>) -> Self {
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        let numbers = names
            .iter()
            .zip(0..)
            .map(|(name, number)| (name.clone(), number))
            .collect();
        Self { names, numbers }
    }

    /// Names in order of their numbers.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Number of a logger.
    pub fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }
}

/// Factor codes by number, in order of first sight; shared by the threads of a walk.
#[derive(Debug, Default)]
pub struct Factors(Mutex<Vec<String>>);

impl Factors {
    /// Number of a code, a new one when it was not seen before.
    pub fn number(&self, code: &str) -> u16 {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = codes.iter().position(|known| known == code);
        let at = at.unwrap_or_else(|| {
            codes.push(code.to_owned());
            codes.len() - 1
        });
        u16::try_from(at).unwrap_or(u16::MAX)
    }

    /// All codes in order of their numbers.
    pub fn codes(&self) -> Vec<String> {
        let codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.clone()
    }
}

/// One series' hours of one day.
#[derive(Debug, Clone)]
pub struct Series {
    /// Number of the logger.
    pub logger: u32,
    /// Number of the factor.
    pub factor: u16,
    /// Whether something about it takes the full rules.
    pub odd: bool,
    /// Number of the mark of each hour ([`Mark::number`]), [`ABSENT`] where there is no row.
    pub marks: [u8; HOURS],
    /// Value as sent, NaN where there is none.
    pub value: [f64; HOURS],
    /// Value as sent at reference oxygen, NaN where there is none.
    pub converted: [f64; HOURS],
    /// Amount of the hour as sent (Cou), NaN where there is none.
    pub amount: [f64; HOURS],
}

impl Series {
    fn new(logger: u32, factor: u16) -> Self {
        Self {
            logger,
            factor,
            odd: false,
            marks: [ABSENT; HOURS],
            value: [f64::NAN; HOURS],
            converted: [f64::NAN; HOURS],
            amount: [f64::NAN; HOURS],
        }
    }

    /// The value of an hour, if it is valid: unmarked and finite.
    pub fn valid(&self, hour: usize) -> Option<f64> {
        (self.marks[hour] == Mark::NORMAL.number() && self.value[hour].is_finite())
            .then(|| self.value[hour])
    }
}

/// All series of one day, in order of loggers.
#[derive(Debug, Clone, Default)]
pub struct Day {
    /// Beijing day, days since 1970.
    pub date: i32,
    /// The series.
    pub series: Vec<Series>,
    /// Rows that were read.
    pub rows: u64,
}

impl Day {
    /// Where the series of a logger begin.
    pub fn logger(&self, logger: u32) -> &[Series] {
        let from = self.series.partition_point(|series| series.logger < logger);
        let rest = &self.series[from..];
        &rest[..rest.partition_point(|series| series.logger == logger)]
    }
}

/// Reads the files of a day.
pub fn read(
    date: i32,
    paths: &[PathBuf],
    loggers: &Loggers,
    factors: &Factors,
) -> Result<Day, Error> {
    let mut filling = Filling {
        start: day_start(date),
        day: Day {
            date,
            ..Day::default()
        },
        places: HashMap::new(),
    };
    for path in paths {
        let fault = |what: String| Error {
            path: path.display().to_string(),
            what,
        };
        let file = File::open(path).map_err(|error| fault(error.to_string()))?;
        let reader = reader(file, &COLUMNS).map_err(|error| fault(error.to_string()))?;
        let mut seen = Dictionaries::default();
        for batch in reader {
            let batch = batch.map_err(|error| fault(error.to_string()))?;
            filling
                .take(&batch, &mut seen, loggers, factors)
                .map_err(|error| fault(error.to_string()))?;
        }
    }
    let mut day = filling.day;
    // Within a logger the order of the files stays: nothing below depends on it.
    if !day.series.is_sorted_by_key(|series| series.logger) {
        day.series.sort_by_key(|series| series.logger);
    }
    Ok(day)
}

/// The loggers that have rows in some files.
pub fn loggers_of(paths: &[PathBuf]) -> Result<BTreeSet<String>, Error> {
    let mut found = BTreeSet::new();
    for path in paths {
        let fault = |what: String| Error {
            path: path.display().to_string(),
            what,
        };
        let file = File::open(path).map_err(|error| fault(error.to_string()))?;
        let reader = reader(file, &COLUMNS[..1]).map_err(|error| fault(error.to_string()))?;
        for batch in reader {
            let batch = batch.map_err(|error| fault(error.to_string()))?;
            let mn = texts(&batch, "mn").map_err(|error| fault(error.to_string()))?;
            let mut used = vec![false; mn.values().len()];
            mn.keys()
                .values()
                .iter()
                .for_each(|key| used[*key as usize] = true);
            let names = mn.values().as_string::<i32>();
            for (key, _) in used.iter().enumerate().filter(|(_, used)| **used) {
                if !found.contains(names.value(key)) {
                    found.insert(names.value(key).to_owned());
                }
            }
        }
    }
    Ok(found)
}

/// A reader of the wanted columns that keeps dictionaries as they are.
fn reader(
    file: File,
    columns: &[(&str, Read)],
) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader, parquet::errors::ParquetError> {
    let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let stored = ArrowReaderMetadata::load(&file, plain)?;
    let wanted = |name: &str| columns.iter().find(|(known, _)| *known == name);
    let fields: Vec<Field> = stored
        .schema()
        .fields()
        .iter()
        .map(|field| match wanted(field.name()) {
            Some((name, read)) => Field::new(*name, read.data_type(), field.is_nullable()),
            None => field.as_ref().clone(),
        })
        .collect();
    let options = ArrowReaderOptions::new().with_schema(Arc::new(Schema::new(fields)));
    let metadata = ArrowReaderMetadata::try_new(Arc::clone(stored.metadata()), options)?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    let names = columns.iter().map(|(name, _)| *name);
    let mask = ProjectionMask::columns(builder.parquet_schema(), names);
    builder.with_projection(mask).with_batch_size(BATCH).build()
}

/// A day while its files are read.
struct Filling {
    start: i64,
    day: Day,
    places: HashMap<(u32, u16), usize>,
}

/// What the entries of the dictionaries seen last mean.
#[derive(Default)]
struct Dictionaries {
    mn: Meaning<Option<u32>>,
    factor: Meaning<u16>,
    granularity: Meaning<Grain>,
    flag: Meaning<u8>,
    note: Meaning<bool>,
}

/// What kind of row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grain {
    Hour,
    /// Minute or real-time: the hour has to be computed.
    Finer,
    /// Daily or unknown: no hour comes of it.
    Other,
}

/// Meanings of the entries of one dictionary, kept while batches share it.
struct Meaning<T> {
    of: Option<ArrayRef>,
    by_key: Vec<T>,
}

impl<T> Default for Meaning<T> {
    fn default() -> Self {
        Self {
            of: None,
            by_key: Vec::new(),
        }
    }
}

impl<T> Meaning<T> {
    fn learn(
        &mut self,
        column: &DictionaryArray<Int32Type>,
        mean: impl Fn(&str) -> T,
    ) -> Result<(), ArrowError> {
        let values = column.values();
        if self.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, values)) {
            return Ok(());
        }
        let texts = values
            .as_any()
            .downcast_ref::<StringArray>()
            .ok_or_else(|| ArrowError::CastError("a dictionary of texts was expected".into()))?;
        self.by_key = (0..texts.len()).map(|i| mean(texts.value(i))).collect();
        self.of = Some(Arc::clone(values));
        Ok(())
    }
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef, ArrowError> {
    batch
        .column_by_name(name)
        .ok_or_else(|| ArrowError::SchemaError(format!("column `{name}` is missing")))
}

fn texts<'a>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a DictionaryArray<Int32Type>, ArrowError> {
    column(batch, name)?
        .as_any()
        .downcast_ref()
        .ok_or_else(|| ArrowError::SchemaError(format!("column `{name}` is no text")))
}

fn numbers<'a, T: ArrowPrimitiveType>(
    batch: &'a RecordBatch,
    name: &str,
) -> Result<&'a PrimitiveArray<T>, ArrowError> {
    column(batch, name)?
        .as_primitive_opt()
        .ok_or_else(|| ArrowError::SchemaError(format!("column `{name}` has another type")))
}

/// A column that is often empty: nothing when all of it is null.
fn some<A: Array>(array: &A) -> Option<&A> {
    (array.null_count() < array.len()).then_some(array)
}

impl Filling {
    /// Puts a batch's rows into their slots.
    fn take(
        &mut self,
        batch: &RecordBatch,
        seen: &mut Dictionaries,
        loggers: &Loggers,
        factors: &Factors,
    ) -> Result<(), ArrowError> {
        let (mn, factor) = (texts(batch, "mn")?, texts(batch, "factor")?);
        let granularity = texts(batch, "granularity")?;
        let times = numbers::<TimestampMicrosecondType>(batch, "data_time")?;
        let value = numbers::<Float64Type>(batch, "value")?;
        let converted = some(numbers::<Float64Type>(batch, "zs_value")?);
        let amount = some(numbers::<Float64Type>(batch, "cou")?);
        let flag = some(texts(batch, "flag")?);
        let note = some(texts(batch, "note")?);
        let period = numbers::<Int32Type>(batch, "period_s")?;
        seen.mn.learn(mn, |text| loggers.number(text))?;
        seen.factor.learn(factor, |text| factors.number(text))?;
        seen.granularity.learn(granularity, |text| match text {
            "hour" => Grain::Hour,
            "minute" | "realtime" => Grain::Finer,
            _ => Grain::Other,
        })?;
        if let Some(flag) = flag {
            seen.flag
                .learn(flag, |text| Mark::parse(Some(text)).number())?;
        }
        if let Some(note) = note {
            seen.note
                .learn(note, |text| text.contains("sentinel_value"))?;
        }
        let (mn_keys, factor_keys) = (mn.keys().values(), factor.keys().values());
        let grain_keys = granularity.keys().values();
        let (times, values) = (times.values(), value.values());
        let (periods, whole) = (period.values(), period.null_count() == 0);
        let full = value.null_count() == 0;
        self.day.rows += batch.num_rows() as u64;
        let mut i = 0;
        while i < batch.num_rows() {
            let (m, f) = (mn_keys[i], factor_keys[i]);
            let from = i;
            while i < batch.num_rows() && mn_keys[i] == m && factor_keys[i] == f {
                i += 1;
            }
            let Some(logger) = seen.mn.by_key[m as usize] else {
                continue;
            };
            let factor = seen.factor.by_key[f as usize];
            let place = self.place(logger, factor);
            for row in from..i {
                let series = &mut self.day.series[place];
                match seen.granularity.by_key[grain_keys[row] as usize] {
                    Grain::Hour => {}
                    Grain::Finer => {
                        series.odd = true;
                        continue;
                    }
                    Grain::Other => continue,
                }
                let since = times[row] - self.start;
                let slot = since / HOUR;
                if !(0..HOURS as i64).contains(&slot) || since != slot * HOUR {
                    series.odd = true;
                    continue;
                }
                let slot = slot as usize;
                let stated = whole && periods[row] == 3_600;
                let sentinel = note.is_some_and(|note| {
                    note.is_valid(row) && seen.note.by_key[note.keys().value(row) as usize]
                });
                if series.marks[slot] != ABSENT || !stated || sentinel {
                    series.odd = true;
                    continue;
                }
                series.marks[slot] = match flag {
                    Some(flag) if flag.is_valid(row) => {
                        seen.flag.by_key[flag.keys().value(row) as usize]
                    }
                    _ => Mark::NORMAL.number(),
                };
                if full || value.is_valid(row) {
                    series.value[slot] = values[row];
                }
                if let Some(converted) = converted.filter(|column| column.is_valid(row)) {
                    series.converted[slot] = converted.value(row);
                }
                if let Some(amount) = amount.filter(|column| column.is_valid(row)) {
                    series.amount[slot] = amount.value(row);
                }
            }
        }
        Ok(())
    }

    /// Where a series is kept.
    fn place(&mut self, logger: u32, factor: u16) -> usize {
        if let Some(last) = self.day.series.last()
            && (last.logger, last.factor) == (logger, factor)
        {
            return self.day.series.len() - 1;
        }
        let next = self.day.series.len();
        let place = *self.places.entry((logger, factor)).or_insert(next);
        if place == next {
            self.day.series.push(Series::new(logger, factor));
        }
        place
    }
}
