//! A long history of hourly readings, written as the tables of the project: for measuring detection
//! over far more than a broker could be filled with in a benchmark's time.
//!
//! Gas outlets with eight factors each: three pollutants with hourly and daily limits, and oxygen,
//! flow, velocity, temperature and pressure. Values wander around a level below the limit; on a share
//! of the logger-days something happens (an exceedance, a frozen value, zeros, missing hours, marks).
//! One file per day, sorted and encoded as ingestion does it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel as _;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, StructType};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use nonsite_analytics::session::rows;
use nonsite_schemas::tables::{self, TableDef};
use nonsite_schemas::time::beijing_day_start;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use serde_json::{Map, Value, json};

/// Microseconds per hour.
pub const HOUR: i64 = 3_600_000_000;

/// Factor, level, and how far values go from it.
const FACTORS: [(&str, f64, f64); 8] = [
    ("a00000", 60.0, 6.0),
    ("a01011", 12.0, 1.5),
    ("a01012", 110.0, 8.0),
    ("a01013", -150.0, 20.0),
    ("a19001", 9.0, 1.2),
    ("a21002", 60.0, 12.0),
    ("a21026", 17.0, 4.0),
    ("a34013", 5.0, 1.2),
];

/// Hourly and daily limits of the pollutants, mg/m3.
const LIMITS: [(&str, f64, f64); 3] = [
    ("a21002", 100.0, 85.0),
    ("a21026", 35.0, 30.0),
    ("a34013", 10.0, 8.0),
];

/// How long, how wide, how eventful.
#[derive(Debug, Clone, Copy)]
pub struct History {
    /// Outlets, one logger each.
    pub outlets: usize,
    /// Days.
    pub days: i32,
    /// First Beijing day, days since 1970.
    pub first_day: i32,
    /// Share of logger-days on which something happens.
    pub eventful: f64,
}

/// Number of a logger as text.
pub fn mn(outlet: usize) -> String {
    format!("HIST{outlet:020}")
}

/// A well-mixed number from some numbers.
fn mixed(parts: [u64; 3]) -> u64 {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for part in parts {
        state ^= part.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        state ^= state >> 29;
        state = state.wrapping_mul(0x94d0_49bb_1331_11eb);
        state ^= state >> 32;
    }
    state
}

/// A number from 0 to 1.
fn share(state: u64) -> f64 {
    (state >> 11) as f64 / (1_u64 << 53) as f64
}

/// What happens on a logger's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Nothing,
    Exceedance,
    Frozen,
    Zeros,
    Missing,
    Marked,
}

impl History {
    fn event(&self, outlet: usize, day: i32) -> Event {
        let state = mixed([outlet as u64, u64::from(day.unsigned_abs()), 77]);
        if share(state) >= self.eventful {
            return Event::Nothing;
        }
        match mixed([state, 5, 5]) % 5 {
            0 => Event::Exceedance,
            1 => Event::Frozen,
            2 => Event::Zeros,
            3 => Event::Missing,
            _ => Event::Marked,
        }
    }

    /// Rows of the whole history, about.
    pub fn rows(&self) -> u64 {
        self.outlets as u64 * FACTORS.len() as u64 * 24 * u64::from(self.days.unsigned_abs())
    }

    /// The readings of some hours of one day.
    fn batch(
        &self,
        schema: &SchemaRef,
        day: i32,
        hours: std::ops::Range<i64>,
    ) -> anyhow::Result<RecordBatch> {
        let start = beijing_day_start(day);
        let mut mns = Vec::new();
        let (mut factors, mut times, mut values, mut flags) = (vec![], vec![], vec![], vec![]);
        for outlet in 0..self.outlets {
            let name = mn(outlet);
            let event = self.event(outlet, day);
            for (number, (factor, level, width)) in FACTORS.iter().enumerate() {
                for hour in hours.clone() {
                    let state = mixed([
                        outlet as u64 * 16 + number as u64,
                        u64::from(day.unsigned_abs()),
                        hour.unsigned_abs(),
                    ]);
                    let own = 0.9 + 0.2 * share(mixed([outlet as u64, 1, 1]));
                    let noise = share(state) + share(mixed([state, 2, 3])) - 1.0;
                    let mut value = level * own + width * noise;
                    let mut flag = "N";
                    let struck = number >= 5 && (8..14).contains(&hour);
                    match event {
                        Event::Exceedance if struck => value *= 2.2,
                        Event::Frozen if struck => value = *level,
                        Event::Zeros if struck => value = 0.0,
                        Event::Missing if (8..14).contains(&hour) => continue,
                        Event::Marked if struck => flag = "D",
                        _ => {}
                    }
                    mns.push(name.clone());
                    factors.push(*factor);
                    times.push(start + hour * HOUR);
                    values.push((value * 100.0).round() / 100.0);
                    flags.push(flag);
                }
            }
        }
        let count = times.len();
        let same = |text: &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                text, count,
            )))
        };
        let instants = |values: Vec<i64>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(values).with_timezone("UTC"))
        };
        let columns: Vec<ArrayRef> = schema
            .fields()
            .iter()
            .map(|field| -> ArrayRef {
                match field.name().as_str() {
                    "mn" => Arc::new(StringArray::from(mns.clone())),
                    "factor" => Arc::new(StringArray::from(factors.clone())),
                    "granularity" => same("hour"),
                    "data_time" => instants(times.clone()),
                    "value" => Arc::new(Float64Array::from(values.clone())),
                    "flag" => Arc::new(StringArray::from(flags.clone())),
                    "period_s" => Arc::new(Int32Array::from(vec![3_600; count])),
                    "st" => same("31"),
                    "cn" => same("2061"),
                    "resend" => Arc::new(BooleanArray::from(vec![false; count])),
                    "received_at" => {
                        instants(times.iter().map(|time| time + HOUR + 90_000_000).collect())
                    }
                    "kafka_topic" => same("history"),
                    "kafka_partition" => Arc::new(Int32Array::from(vec![0; count])),
                    "kafka_offset" => {
                        let first = i64::from(day) * 1_000_000_000 + hours.start * 10_000_000;
                        Arc::new(Int64Array::from_iter_values(first..first + count as i64))
                    }
                    _ => new_null_array(field.data_type(), count),
                }
            })
            .collect();
        RecordBatch::try_new(Arc::clone(schema), columns).context("readings")
    }

    /// Writes all readings and the permits of all outlets into tables below `store`.
    ///
    /// # Errors
    /// A table or file cannot be written.
    pub async fn write(&self, store: &Path) -> anyhow::Result<()> {
        self.permits(store).await?;
        let days: Vec<i32> = (self.first_day..self.first_day + self.days).collect();
        let mut adds = Vec::new();
        // Two days at a time: one per core of a small machine.
        for pair in days.chunks(2) {
            let written: Vec<anyhow::Result<Add>> = std::thread::scope(|scope| {
                let handles: Vec<_> = pair
                    .iter()
                    .map(|day| scope.spawn(|| self.file(store, *day, 0..24)))
                    .collect();
                handles
                    .into_iter()
                    .map(|handle| {
                        handle
                            .join()
                            .unwrap_or_else(|_| anyhow::bail!("a writer failed"))
                    })
                    .collect()
            });
            for add in written {
                adds.push(add?);
            }
        }
        commit(store, &tables::readings_raw(), adds).await
    }

    /// Adds some hours of one day in a commit of their own, as ingestion does.
    ///
    /// # Errors
    /// The file cannot be written or committed.
    pub async fn add_hours(
        &self,
        store: &Path,
        day: i32,
        hours: std::ops::Range<i64>,
    ) -> anyhow::Result<()> {
        let add = self.file(store, day, hours)?;
        commit(store, &tables::readings_raw(), vec![add]).await
    }

    fn file(&self, store: &Path, day: i32, hours: std::ops::Range<i64>) -> anyhow::Result<Add> {
        let def = tables::readings_raw();
        let fields: Vec<Field> = def
            .schema
            .fields()
            .iter()
            .filter(|field| field.name() != "date")
            .map(|field| field.as_ref().clone().with_metadata(Default::default()))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let batch = self.batch(&schema, day, hours.clone())?;
        file(
            store,
            &def,
            &batch,
            Some(day),
            &format!("{}-{}", hours.start, hours.end),
        )
    }

    async fn permits(&self, store: &Path) -> anyhow::Result<()> {
        let issued = beijing_day_start(self.first_day - 400);
        let (mut heads, mut outlets, mut limits, mut bindings) = (vec![], vec![], vec![], vec![]);
        for outlet in 0..self.outlets {
            let permit_no = format!("91{outlet:016}X001P");
            let uid = format!("{permit_no}DA001");
            let common = json!({
                "permit_no": permit_no, "version": 1, "issued_at": issued, "doc_valid": true,
                "received_at": issued, "kafka_topic": "p", "kafka_partition": 0, "kafka_offset": outlet,
                "outlet_uid": uid, "outlet_code": "DA001", "medium": "air", "valid_from": issued,
            });
            let with = |extra: Value| object(&common, extra);
            heads.push(with(json!({
                "unit_name": format!("unit {outlet}"), "org_code": "370500", "industry_codes": "4430",
                "valid_from": "2020-01-01", "valid_to": "2099-12-31", "status": "valid",
                "mgmt_class": "other",
            })));
            outlets.push(with(json!({"kind": "main"})));
            bindings.push(with(json!({"mn": mn(outlet)})));
            for (factor, hour, day) in LIMITS {
                for (averaging, limit) in [("hour", hour), ("day", day)] {
                    limits.push(with(json!({
                        "factor": factor, "limit_value": limit, "unit": "mg/m3",
                        "averaging": averaging, "basis": "raw",
                    })));
                }
            }
        }
        for (name, rows) in [
            ("permits", heads),
            ("permit_outlets", outlets),
            ("permit_limits", limits),
            ("permit_bindings", bindings),
        ] {
            let def = tables::by_name(name).with_context(|| format!("no table {name}"))?;
            let rows: Vec<_> = rows.into_iter().map(|row| fitted(&def, row)).collect();
            let batch = rows::batch(&def.schema, &rows)?;
            let add = file(store, &def, &batch, None, "all")?;
            commit(store, &def, vec![add]).await?;
        }
        Ok(())
    }
}

fn object(common: &Value, extra: Value) -> Map<String, Value> {
    let mut row = common.as_object().cloned().unwrap_or_default();
    row.extend(extra.as_object().cloned().unwrap_or_default());
    row
}

/// A row with the columns of its table only, required ones filled in.
fn fitted(def: &TableDef, row: Map<String, Value>) -> Map<String, Value> {
    let mut fitted = Map::new();
    for field in def.schema.fields() {
        let neutral = match field.data_type() {
            _ if field.is_nullable() => Value::Null,
            DataType::Utf8 => json!(""),
            DataType::Boolean => json!(false),
            DataType::Float64 => json!(0.0),
            _ => json!(0),
        };
        let value = row.get(field.name()).cloned().unwrap_or(neutral);
        if !value.is_null() {
            fitted.insert(field.name().clone(), value);
        }
    }
    fitted
}

/// Writes one file of a table; `day` is its partition.
fn file(
    store: &Path,
    def: &TableDef,
    batch: &RecordBatch,
    day: Option<i32>,
    name: &str,
) -> anyhow::Result<Add> {
    let date = day.map(|day| {
        let epoch = chrono::NaiveDate::default();
        (epoch + chrono::TimeDelta::days(i64::from(day))).to_string()
    });
    let folder = date
        .as_ref()
        .map_or_else(PathBuf::new, |date| PathBuf::from(format!("date={date}")));
    let path = folder.join(format!("part-{name}.parquet"));
    std::fs::create_dir_all(store.join(def.name).join(&folder))?;
    let full = store.join(def.name).join(&path);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(1 << 20))
        .set_statistics_enabled(EnabledStatistics::Page);
    for field in batch.schema().fields() {
        if matches!(field.data_type(), DataType::Timestamp(..) | DataType::Int64) {
            let column = ColumnPath::from(field.name().as_str());
            properties = properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
    }
    let mut writer = ArrowWriter::try_new(
        File::create(&full)?,
        batch.schema(),
        Some(properties.build()),
    )?;
    writer.write(batch)?;
    writer.close()?;
    let size = std::fs::metadata(&full)?.len();
    Ok(Add {
        path: path.to_string_lossy().into_owned(),
        partition_values: date
            .into_iter()
            .map(|date| ("date".to_owned(), Some(date)))
            .collect(),
        size: i64::try_from(size)?,
        modification_time: 0,
        data_change: true,
        stats: Some(format!("{{\"numRecords\":{}}}", batch.num_rows())),
        tags: None,
        deletion_vector: None,
        base_row_id: None,
        default_row_commit_version: None,
        clustering_provider: None,
    })
}

/// Commits files to a table, which is created when it is not there.
async fn commit(store: &Path, def: &TableDef, adds: Vec<Add>) -> anyhow::Result<()> {
    let folder = std::path::absolute(store.join(def.name))?;
    let url = url::Url::from_directory_path(&folder)
        .map_err(|()| anyhow::anyhow!("{} is no folder", folder.display()))?;
    let table = if folder.join("_delta_log").is_dir() {
        deltalake::open_table(url).await?
    } else {
        let schema: StructType = def.schema.as_ref().try_into_kernel()?;
        CreateBuilder::new()
            .with_location(url.as_str())
            .with_table_name(def.name)
            .with_columns(schema.fields().cloned())
            .with_partition_columns(def.partition_columns.iter().copied())
            .with_save_mode(SaveMode::Ignore)
            .await?
    };
    CommitBuilder::from(CommitProperties::default())
        .with_actions(adds.into_iter().map(Action::Add).collect())
        .build(
            Some(table.snapshot()?.snapshot()),
            table.log_store(),
            DeltaOperation::Write {
                mode: SaveMode::Append,
                partition_by: None,
                predicate: None,
            },
        )
        .await?;
    Ok(())
}
