//! `bench-encodings`: what each way of writing readings costs on disk and in time.
//!
//! One batch of `readings_raw` is written in every combination of row order, encoding of the
//! measured values and compression, and read back; everything else is as the program writes it. The
//! rows are those of the process model, or with `--wide` the real series of a wide CSV export (first
//! column the time, then one column per series). One core, best of the runs.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt32Array, new_null_array,
};
use arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};
use arrow::datatypes::{DataType, Field, Float64Type, Schema};
use bytes::Bytes;
use clap::Parser;
use nonsite_benches::rows;
use nonsite_generator::{Message, Province, Scale, Topic};
use nonsite_ingest::write::properties;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;
use serde::Serialize;

/// Measures encodings of `readings_raw`.
#[derive(Debug, Parser)]
struct Args {
    /// Packets of ten factors to take from the generator.
    #[arg(long, default_value_t = 100_000)]
    packets: usize,
    /// A wide CSV export to take real values from instead.
    #[arg(long)]
    wide: Option<PathBuf>,
    /// Runs of each combination; the best counts.
    #[arg(long, default_value_t = 3)]
    runs: u32,
    /// Print the figures as JSON.
    #[arg(long)]
    json: bool,
}

/// How the measured values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Values {
    /// A dictionary while it is small, plain after that.
    Dictionary,
    Plain,
    ByteStreamSplit,
    /// Ten-thousandths as integers, delta-packed: another type in the table.
    Scaled,
}

impl Values {
    const ALL: [Self; 4] = [
        Self::Dictionary,
        Self::Plain,
        Self::ByteStreamSplit,
        Self::Scaled,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Dictionary => "dictionary",
            Self::Plain => "plain",
            Self::ByteStreamSplit => "byte stream split",
            Self::Scaled => "integers, delta",
        }
    }
}

/// Decimal places kept of a value written as an integer.
const SCALE: f64 = 10_000.0;

#[derive(Debug, Serialize)]
struct Figure {
    order: &'static str,
    values: &'static str,
    compression: &'static str,
    bytes_per_row: f64,
    million_rows_written_per_s: f64,
    million_rows_read_per_s: f64,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let arrived = match &args.wide {
        Some(path) => wide(path)?,
        None => generated(args.packets)?,
    };
    let sorted = sort(&arrived)?;
    eprintln!("{} rows", arrived.num_rows());
    let mut figures = Vec::new();
    for (order, batch) in [("sorted", &sorted), ("as arrived", &arrived)] {
        for values in Values::ALL {
            let batch = match values {
                Values::Scaled => scaled(batch)?,
                _ => batch.clone(),
            };
            for (compression, codec) in [
                ("none", Compression::UNCOMPRESSED),
                ("lz4", Compression::LZ4_RAW),
                ("zstd 1", Compression::ZSTD(ZstdLevel::try_new(1)?)),
                ("zstd 3", Compression::ZSTD(ZstdLevel::try_new(3)?)),
            ] {
                let properties = writer(values, codec);
                let (bytes, wrote) = best(args.runs, || write(&batch, properties.clone()))?;
                let (_, read) = best(args.runs, || read(bytes.clone()))?;
                let count = batch.num_rows() as f64;
                figures.push(Figure {
                    order,
                    values: values.name(),
                    compression,
                    bytes_per_row: bytes.len() as f64 / count,
                    million_rows_written_per_s: count / wrote.as_secs_f64() / 1e6,
                    million_rows_read_per_s: count / read.as_secs_f64() / 1e6,
                });
            }
        }
    }
    print(&figures, args.json)
}

/// The quickest of the runs, and what it made.
fn best<T>(
    runs: u32,
    mut work: impl FnMut() -> anyhow::Result<T>,
) -> anyhow::Result<(T, Duration)> {
    let mut quickest: Option<(T, Duration)> = None;
    for _ in 0..runs.max(1) {
        let start = Instant::now();
        let made = work()?;
        let took = start.elapsed();
        if quickest.as_ref().is_none_or(|(_, least)| took < *least) {
            quickest = Some((made, took));
        }
    }
    quickest.context("no run")
}

fn generated(packets: usize) -> anyhow::Result<RecordBatch> {
    let scale = Scale {
        points: 500,
        days: 2,
        factors: 10,
        ..Scale::default()
    };
    let messages: Vec<Message> = Province::new(scale)
        .context("the province")?
        .filter(|message| message.topic == Topic::Hj212 && message.readings > 0)
        .take(packets)
        .collect();
    Ok(rows::batch(&messages)?)
}

/// A wide export as rows of one logger, in the order a logger would have sent them.
fn wide(path: &Path) -> anyhow::Result<RecordBatch> {
    let file = File::open(path).with_context(|| format!("{}", path.display()))?;
    let mut lines = BufReader::new(file).lines();
    let header = lines.next().context("the file is empty")??;
    let names: Vec<&str> = header.split(',').skip(1).collect();
    let (mut factor, mut time, mut value) = (Vec::new(), Vec::new(), Vec::new());
    for line in lines {
        let line = line?;
        let mut cells = line.split(',');
        let text = cells.next().unwrap_or_default();
        let at = chrono::NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S")
            .with_context(|| format!("{}: time `{text}`", path.display()))?
            .and_utc()
            .timestamp_micros();
        for (name, cell) in names.iter().zip(cells) {
            factor.push(*name);
            time.push(at);
            value.push(cell.parse::<f64>().ok());
        }
    }
    let count = factor.len();
    let schema = rows::table().schema;
    let columns = schema
        .fields()
        .iter()
        .map(|field| -> ArrayRef {
            match field.name().as_str() {
                "mn" => Arc::new(StringArray::from(vec!["88888880000001"; count])),
                "factor" => Arc::new(StringArray::from(factor.clone())),
                "granularity" => Arc::new(StringArray::from(vec!["minute"; count])),
                "flag" => Arc::new(StringArray::from(vec!["N"; count])),
                "data_time" | "received_at" => {
                    Arc::new(TimestampMicrosecondArray::from(time.clone()).with_timezone("UTC"))
                }
                "value" => Arc::new(Float64Array::from(value.clone())),
                "kafka_offset" => Arc::new(Int64Array::from_iter_values(0..count as i64)),
                _ => new_null_array(field.data_type(), count),
            }
        })
        .collect();
    // Columns that the export cannot fill are null here though the table requires them.
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_nullable(true))
        .collect();
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

fn sort(batch: &RecordBatch) -> anyhow::Result<RecordBatch> {
    let columns = rows::table()
        .sort_columns
        .iter()
        .map(|name| {
            let values = batch.column_by_name(name).context(*name)?;
            Ok(SortColumn {
                values: Arc::clone(values),
                options: None,
            })
        })
        .collect::<anyhow::Result<Vec<_>>>()?;
    let order: UInt32Array = lexsort_to_indices(&columns, None)?;
    Ok(take_record_batch(batch, &order)?)
}

/// The same rows with measured values as integers.
fn scaled(batch: &RecordBatch) -> anyhow::Result<RecordBatch> {
    let schema = batch.schema();
    let (fields, columns): (Vec<Field>, Vec<ArrayRef>) = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| match column.data_type() {
            DataType::Float64 => {
                let values = column.as_primitive::<Float64Type>();
                let whole: Int64Array = values
                    .iter()
                    .map(|value| value.map(|value| (value * SCALE).round() as i64))
                    .collect();
                let field = field.as_ref().clone().with_data_type(DataType::Int64);
                (field, Arc::new(whole) as ArrayRef)
            }
            _ => (field.as_ref().clone(), Arc::clone(column)),
        })
        .unzip();
    Ok(RecordBatch::try_new(
        Arc::new(Schema::new(fields)),
        columns,
    )?)
}

/// The program's own settings, but for the measured values and the compression.
fn writer(values: Values, compression: Compression) -> WriterProperties {
    let table = rows::table();
    let mut builder: WriterPropertiesBuilder = properties::of(&table)
        .into_builder()
        .set_sorting_columns(None)
        .set_compression(compression);
    for field in table.schema.fields() {
        if field.data_type() != &DataType::Float64 {
            continue;
        }
        let column = ColumnPath::from(field.name().as_str());
        let dictionary = values == Values::Dictionary;
        builder = builder.set_column_dictionary_enabled(column.clone(), dictionary);
        let encoding = match values {
            Values::Dictionary => continue,
            Values::Plain => Encoding::PLAIN,
            Values::ByteStreamSplit => Encoding::BYTE_STREAM_SPLIT,
            Values::Scaled => Encoding::DELTA_BINARY_PACKED,
        };
        builder = builder.set_column_encoding(column, encoding);
    }
    builder.build()
}

fn write(batch: &RecordBatch, properties: WriterProperties) -> anyhow::Result<Bytes> {
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))?;
    writer.write(batch)?;
    writer.close()?;
    Ok(Bytes::from(bytes))
}

fn read(bytes: Bytes) -> anyhow::Result<usize> {
    let mut count = 0;
    for batch in ParquetRecordBatchReaderBuilder::try_new(bytes)?.build()? {
        count += batch?.num_rows();
    }
    Ok(count)
}

fn print(figures: &[Figure], json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(figures)?);
        return Ok(());
    }
    println!(
        "{:<10}  {:<17}  {:<11}  {:>9}  {:>14}  {:>11}",
        "order", "measured values", "compression", "bytes/row", "written, M/s", "read, M/s"
    );
    for figure in figures {
        println!(
            "{:<10}  {:<17}  {:<11}  {:>9.2}  {:>14.2}  {:>11.2}",
            figure.order,
            figure.values,
            figure.compression,
            figure.bytes_per_row,
            figure.million_rows_written_per_s,
            figure.million_rows_read_per_s
        );
    }
    Ok(())
}
