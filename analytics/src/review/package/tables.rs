//! Rows as CSV and as Parquet.

use std::sync::Arc;

use arrow::compute::concat_batches;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::super::error::Error;
use super::zipped::{Content, Entry};
use crate::session::{self, Session, render};

/// The rows of one query, as one batch with its columns even when there is none.
pub(super) async fn query(session: &Session, what: &str, sql: &str) -> Result<RecordBatch, Error> {
    let fault = |error| session::Error::query(what)(error);
    let frame = session.ctx().sql(sql).await.map_err(fault)?;
    let schema = Arc::new(frame.schema().as_arrow().clone());
    let batches = frame.collect().await.map_err(fault)?;
    // Plans differ from their rows in what may be null.
    let schema = batches.first().map_or(schema, RecordBatch::schema);
    Ok(concat_batches(&schema, &batches).map_err(|error| fault(error.into()))?)
}

/// The same rows in both forms.
pub(super) fn both(name: &str, rows: &RecordBatch) -> Result<[Entry; 2], Error> {
    let fault = |problem: String| Error::Bundle(format!("table `{name}`: {problem}"));
    let csv = render::csv(std::slice::from_ref(rows)).map_err(|error| fault(error.to_string()))?;
    let level = ZstdLevel::try_new(3).map_err(|error| fault(error.to_string()))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .build();
    let mut parquet = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut parquet, rows.schema(), Some(properties))
        .map_err(|error| fault(error.to_string()))?;
    writer
        .write(rows)
        .map_err(|error| fault(error.to_string()))?;
    writer.close().map_err(|error| fault(error.to_string()))?;
    let entry = |end: &str, bytes: Vec<u8>| Entry {
        path: format!("data/{name}.{end}"),
        content: Content::Bytes(bytes),
    };
    Ok([entry("csv", csv.into_bytes()), entry("parquet", parquet)])
}
