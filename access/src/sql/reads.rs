//! Who read which case, file or finding over the REST API, as `nonsite_meta.access_log`.
//!
//! The rows stand in the database of the review queue, which is no table of the store: whoever puts the
//! engine together says where they come from ([`ReadLog`]). They are looked up when the table is read.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use futures::future::BoxFuture;
use nonsite_analytics::review::{Read, ReadsWanted};
use nonsite_schemas::tables::{COMMENT, timestamp_type};

/// Latest rows that the table shows; the API pages through all of them.
pub(super) const LATEST: u32 = 100_000;

/// Where the rows come from.
pub trait ReadLog: std::fmt::Debug + Send + Sync {
    /// Reads, the latest first.
    ///
    /// # Errors
    /// Why they cannot be looked up, in one sentence.
    fn reads(&self, wanted: ReadsWanted) -> BoxFuture<'_, Result<Vec<Read>, String>>;
}

/// Columns of the table.
pub(super) fn schema() -> SchemaRef {
    let field = |name: &str, kind: DataType, null: bool, comment: &str| {
        Field::new(name, kind, null)
            .with_metadata([(COMMENT.to_owned(), comment.to_owned())].into())
    };
    let text = |name: &str, comment: &str| field(name, DataType::Utf8, false, comment);
    let maybe = |name: &str, comment: &str| field(name, DataType::Utf8, true, comment);
    Arc::new(Schema::new(vec![
        field("seq", DataType::Int64, false, "position in the log"),
        field("at", timestamp_type(), false, "when it was answered"),
        text("actor", "who read"),
        text("role", "in which role"),
        maybe("org_code", "their body"),
        text("client", "what they read through, such as api"),
        text(
            "operation",
            "what was asked for, as the API's description names it",
        ),
        text(
            "kind",
            "what kind of thing: case, file, anomaly, inspection ...",
        ),
        maybe("subject", "which one, by its id; null for a list"),
        maybe(
            "part",
            "which part: the hash of a file, the name of a bundle",
        ),
        maybe("query", "the query of the request"),
        field(
            "status",
            DataType::Int64,
            false,
            "HTTP status of the answer: below 400 it was given",
        ),
    ]))
}

/// The rows as a batch.
///
/// # Errors
/// Never in practice: the columns are those of the schema.
pub(super) fn batch(reads: &[Read]) -> Result<RecordBatch, ArrowError> {
    let texts = |text: &dyn Fn(&Read) -> &str| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(reads.iter().map(text)))
    };
    let maybe = |text: &dyn Fn(&Read) -> Option<&str>| -> ArrayRef {
        Arc::new(reads.iter().map(text).collect::<StringArray>())
    };
    let numbers = |number: &dyn Fn(&Read) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(reads.iter().map(number)))
    };
    let at = TimestampMicrosecondArray::from_iter_values(reads.iter().map(|read| read.at));
    RecordBatch::try_new(
        schema(),
        vec![
            numbers(&|read| read.seq),
            Arc::new(at.with_timezone("UTC")),
            texts(&|read| &read.actor),
            texts(&|read| &read.role),
            maybe(&|read| read.org_code.as_deref()),
            texts(&|read| &read.client),
            texts(&|read| &read.operation),
            texts(&|read| &read.kind),
            maybe(&|read| read.subject.as_deref()),
            maybe(&|read| read.part.as_deref()),
            maybe(&|read| read.query.as_deref()),
            numbers(&|read| read.status),
        ],
    )
}
