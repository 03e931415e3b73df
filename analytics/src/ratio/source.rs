//! Rows of table `inspections` as acts.
//!
//! A row that cannot be read is an error, not a row less: a ratio that silently leaves records out
//! is wrong in a way nobody can see. Documents with faults are different: their rows are whole, say
//! `doc_valid = false`, and become acts that are shown as not counted.

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type, Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use datafusion::prelude::{DataFrame, SessionContext, col};
use nonsite_schemas::tables::timestamp_type;

use super::act::{Act, Mode, OrgLevel};

/// The method code of a review of rectification (整改审核).
const RECTIFICATION_REVIEW: &str = "rectification_review";

/// The body of an act whose record names none.
pub(crate) const UNKNOWN_BODY: &str = "(unknown)";

/// The columns an act is read from; everything else of the table stays on disk.
const COLUMNS: [&str; 32] = [
    "act_id",
    "act_version",
    "task_id",
    "unit_id",
    "unit_name",
    "admin_code",
    "positive_list",
    "org_code",
    "org_level",
    "dispatch_org_code",
    "joint_orgs",
    "mode",
    "method",
    "class",
    "status",
    "approval_id",
    "completed_at",
    "team_id",
    "officers",
    "escalated_to",
    "escalated_from",
    "collapsed_into",
    "excluded_by_sender",
    "not_counted_reason",
    "record_faults",
    "doc_valid",
    "doc_faults",
    "document",
    "recorded_at",
    "received_at",
    "kafka_partition",
    "kafka_offset",
];

/// Why the acts could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The table's columns are not those of `inspections`.
    #[error(
        "table `inspections`: column `{column}` is missing; create the table with this version"
    )]
    MissingColumn {
        /// The column.
        column: &'static str,
    },
    /// A column cannot be converted.
    #[error("table `inspections`, column `{column}`: {source}")]
    Column {
        /// The column.
        column: &'static str,
        /// What the conversion said.
        source: ArrowError,
    },
    /// A field that must be there is null.
    #[error(
        "table `inspections`, act `{act}` (partition {partition}, offset {offset}): `{column}` is \
         null, which its definition forbids; the ratio cannot be computed without it"
    )]
    Null {
        /// The act's id, as far as known.
        act: String,
        /// The column.
        column: &'static str,
        /// Kafka partition of the row.
        partition: i32,
        /// Kafka offset of the row.
        offset: i64,
    },
    /// The query failed.
    #[error("table `inspections`: {0}")]
    Query(#[from] DataFusionError),
    /// The permits that checklists are made from cannot be read.
    #[error("table `permits`: {0}")]
    Permits(String),
    /// The table as it was at a version cannot be opened.
    #[error(transparent)]
    Version(#[from] crate::session::Error),
}

/// Reads every version of every act from the session's table `inspections`.
///
/// # Errors
/// [`SourceError`], naming the column and, where there is one, the act.
pub async fn load_acts(session: &SessionContext) -> Result<Vec<Act>, SourceError> {
    acts_from_batches(&columns_of(session.table("inspections").await?).await?)
}

/// What acts are read from.
pub(super) async fn columns_of(table: DataFrame) -> Result<Vec<RecordBatch>, SourceError> {
    Ok(table.select(COLUMNS.map(col))?.collect().await?)
}

/// The documents of one batch, row by row.
pub(super) fn documents(batch: &RecordBatch) -> Result<StringArray, SourceError> {
    let column = "document";
    let array = batch
        .column_by_name(column)
        .ok_or(SourceError::MissingColumn { column })?;
    let array =
        cast(array, &DataType::Utf8).map_err(|source| SourceError::Column { column, source })?;
    Ok(array.as_string::<i32>().clone())
}

/// Reads acts from rows with (at least) the columns of `inspections`.
///
/// # Errors
/// [`SourceError`], naming the column and, where there is one, the act.
pub fn acts_from_batches(batches: &[RecordBatch]) -> Result<Vec<Act>, SourceError> {
    let mut acts = Vec::with_capacity(batches.iter().map(RecordBatch::num_rows).sum());
    for batch in batches {
        let rows = Rows::of(batch)?;
        for row in 0..batch.num_rows() {
            acts.push(rows.act(row)?);
        }
    }
    Ok(acts)
}

/// The columns of one batch, converted to the types they are read as: engines hand out texts as
/// plain, view or dictionary arrays.
struct Rows {
    columns: Vec<(&'static str, std::sync::Arc<dyn Array>)>,
}

impl Rows {
    fn of(batch: &RecordBatch) -> Result<Self, SourceError> {
        let mut columns = Vec::with_capacity(COLUMNS.len());
        for column in COLUMNS {
            let array = batch
                .column_by_name(column)
                .ok_or(SourceError::MissingColumn { column })?;
            let read_as = match column {
                "act_version" | "kafka_partition" => DataType::Int32,
                "kafka_offset" => DataType::Int64,
                "positive_list" | "excluded_by_sender" | "doc_valid" => DataType::Boolean,
                "completed_at" | "recorded_at" | "received_at" => timestamp_type(),
                _ => DataType::Utf8,
            };
            let array =
                cast(array, &read_as).map_err(|source| SourceError::Column { column, source })?;
            columns.push((column, array));
        }
        Ok(Self { columns })
    }

    fn array(&self, column: &'static str) -> &dyn Array {
        // Every name used below is in COLUMNS, and `of` has taken all of them.
        self.columns
            .iter()
            .find(|(name, _)| *name == column)
            .map_or_else(
                || unreachable!("column `{column}` is not in COLUMNS"),
                |(_, array)| array,
            )
    }

    fn text(&self, column: &'static str, row: usize) -> Option<String> {
        let array = self.array(column).as_string::<i32>();
        array.is_valid(row).then(|| array.value(row).to_owned())
    }

    fn filled(&self, column: &'static str, row: usize) -> Option<String> {
        self.text(column, row)
            .filter(|text| !text.trim().is_empty())
    }

    fn int(&self, column: &'static str, row: usize) -> Option<i32> {
        let array = self.array(column).as_primitive::<Int32Type>();
        array.is_valid(row).then(|| array.value(row))
    }

    fn truth(&self, column: &'static str, row: usize) -> Option<bool> {
        let array = self.array(column).as_boolean();
        array.is_valid(row).then(|| array.value(row))
    }

    fn instant(&self, column: &'static str, row: usize) -> Option<i64> {
        let array = self
            .array(column)
            .as_primitive::<TimestampMicrosecondType>();
        array.is_valid(row).then(|| array.value(row))
    }

    fn offset(&self, row: usize) -> i64 {
        let array = self.array("kafka_offset").as_primitive::<Int64Type>();
        if array.is_valid(row) {
            array.value(row)
        } else {
            -1
        }
    }

    fn act(&self, row: usize) -> Result<Act, SourceError> {
        let origin = (
            self.int("kafka_partition", row).unwrap_or(-1),
            self.offset(row),
        );
        let null = |column| SourceError::Null {
            act: self.text("act_id", row).unwrap_or_default(),
            column,
            partition: origin.0,
            offset: origin.1,
        };
        let text = |column| self.text(column, row).ok_or_else(|| null(column));
        let truth = |column| self.truth(column, row).ok_or_else(|| null(column));
        let instant = |column| self.instant(column, row).ok_or_else(|| null(column));

        let act_id = text("act_id")?;
        let mut document_faults = Vec::new();
        if !truth("doc_valid")? {
            document_faults.push(
                self.filled("doc_faults", row)
                    .unwrap_or_else(|| "not named".to_owned()),
            );
        }
        let mode = self
            .filled("mode", row)
            .as_deref()
            .and_then(Mode::from_code);
        if mode.is_none() {
            document_faults.push("neither offsite nor onsite".to_owned());
        }
        let mode = mode.unwrap_or(Mode::Offsite);
        // A body of unknown level is taken for one of the city's own: its acts stay in the figure.
        let level = self
            .filled("org_level", row)
            .as_deref()
            .and_then(OrgLevel::from_code);
        let org_code = self
            .filled("org_code", row)
            .unwrap_or_else(|| UNKNOWN_BODY.to_owned());
        let method = self.filled("method", row).unwrap_or_default();
        let document = self.text("document", row).unwrap_or_default();
        let late_edit: LateEdit = serde_json::from_str(&document).unwrap_or_default();
        Ok(Act {
            act_version: i64::from(
                self.int("act_version", row)
                    .ok_or_else(|| null("act_version"))?,
            ),
            task_id: self.filled("task_id", row),
            // Acts on units that nobody named are not the same unit.
            unit_id: self
                .filled("unit_id", row)
                .unwrap_or_else(|| format!("(unit of {act_id})")),
            unit_name: self.text("unit_name", row).unwrap_or_default(),
            mode,
            rectification_review: method == RECTIFICATION_REVIEW,
            method,
            class: self.filled("class", row).unwrap_or_default(),
            status: self.filled("status", row).unwrap_or_default(),
            org_level: level.unwrap_or(OrgLevel::County),
            dispatching_org: self.filled("dispatch_org_code", row),
            territorial_org: self.filled("admin_code", row),
            // In the record of a joint inspection the executing body is the leading one.
            lead_org: self.filled("joint_orgs", row).map(|_| org_code.clone()),
            org_code,
            team_id: self.filled("team_id", row),
            officers: self
                .text("officers", row)
                .unwrap_or_default()
                .split(',')
                .map(|officer| officer.trim().to_owned())
                .filter(|officer| !officer.is_empty())
                .collect(),
            counts_for_ratio: !truth("excluded_by_sender")?,
            not_counted_reason: self.filled("not_counted_reason", row),
            completed_at: self.instant("completed_at", row),
            approval_id: self.filled("approval_id", row),
            escalated_to: self.filled("escalated_to", row),
            escalated_from: self.filled("escalated_from", row),
            collapsed_into: self.filled("collapsed_into", row),
            positive_list: truth("positive_list")?,
            document_faults,
            // An on-site visit with a poor record still is one; leaving it out would raise the ratio.
            missing_evidence: self
                .filled("record_faults", row)
                .filter(|_| mode == Mode::Offsite)
                .into_iter()
                .collect(),
            open_items: None,
            edit_reason: late_edit.edit_reason,
            edit_second_person: late_edit.edit_second_person,
            recorded_at: instant("recorded_at")?,
            received_at: instant("received_at")?,
            origin,
            act_id,
        })
    }
}

/// The part of a document that justifies an edit of a frozen year.
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
struct LateEdit {
    edit_reason: Option<String>,
    edit_second_person: Option<String>,
}
