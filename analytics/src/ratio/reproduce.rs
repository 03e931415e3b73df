//! A reported figure computed again, from the records it was counted from.
//!
//! The two instants of a figure do not bring back what it saw: the time of arrival is the timestamp of
//! the Kafka record, and a record can be ingested after the figure was published with a timestamp before
//! it. A published figure therefore names the version of table `inspections` it was counted from, and is
//! counted from that version again. Maintenance removes old versions in the end; then the table as it is
//! stands in, and the answer says so.

use serde::Serialize;

use super::act::Act;
use super::compute::compute;
use super::open_items::as_found;
use super::publish::KeptFigure;
use super::snapshot::SnapshotDifference;
use super::source::{SourceError, acts_from_batches, columns_of, load_acts};
use crate::session::travel::Moment;
use crate::session::{Error, Session};

/// The table acts are counted from.
const TABLE: &str = "inspections";

/// What came of computing a figure again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reproduction {
    /// What is not as it was published, and what came out differently; empty means reproduced.
    pub differences: Vec<SnapshotDifference>,
    /// Version of table `inspections` it was counted from this time, -1 when there was none.
    pub inspections_version: i64,
    /// Why that is not the version it was counted from before.
    pub note: Option<String>,
}

/// Computes a figure again and compares.
///
/// # Errors
/// [`SourceError`] when the records cannot be read.
pub async fn reproduce(
    session: &Session,
    figure: &KeptFigure,
) -> Result<Reproduction, SourceError> {
    let today = session.version(TABLE);
    let then = match figure.inspections_version {
        Some(version) => at_version(session, version).await?,
        None => None,
    };
    let (mut acts, inspections_version, note) = match (then, figure.inspections_version) {
        (Some(acts), Some(version)) => (acts, version, None),
        (_, version) => {
            let acts = load_acts(session.ctx()).await?;
            (acts, today, Some(stands_in(version, today)))
        }
    };
    let saved = &figure.snapshot;
    as_found(&mut acts, &saved.open_items);
    let now = compute(&acts, &saved.policy, saved.cutoff, &saved.period).snapshot();
    let mut differences = figure.altered.clone();
    differences.extend(saved.differences(&now));
    Ok(Reproduction {
        differences,
        inspections_version,
        note,
    })
}

fn stands_in(version: Option<i64>, today: i64) -> String {
    let why = match version {
        Some(version) => format!(
            "version {version} of table `{TABLE}`, which the figure was counted from, is gone \
             ([maintain] says how long versions are kept)"
        ),
        None => {
            format!("the figure does not name the version of table `{TABLE}` it was counted from")
        }
    };
    format!(
        "{why}; counted from version {today} instead: a record that was ingested since with an earlier \
         time of arrival can make a difference"
    )
}

/// The acts at a version of the table; nothing when its files are gone.
async fn at_version(session: &Session, version: i64) -> Result<Option<Vec<Act>>, SourceError> {
    let Ok(version) = u64::try_from(version) else {
        // Counted before there was a table.
        return Ok(Some(Vec::new()));
    };
    let table = match session.table_at(TABLE, Moment::Version(version)).await {
        Ok(table) => table,
        Err(Error::Gone { .. } | Error::Asked { .. }) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match columns_of(session.ctx().read_table(table)?).await {
        Ok(batches) => Ok(Some(acts_from_batches(&batches)?)),
        Err(SourceError::Query(error)) => {
            let error = Error::query(format!("version {version} of table `{TABLE}`"))(error);
            if error.is_missing_file() {
                Ok(None)
            } else {
                Err(error.into())
            }
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
