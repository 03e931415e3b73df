//! How good the rules are: findings held against faults that are known to be in the data.
//!
//! The rules run over a whole store in memory; nothing is written, so parameters can be tried on
//! real tables. [`truth`] is the list of known faults, [`mod@score`] compares, [`page`](mod@page) tells it.

pub mod page;
pub mod score;
pub mod truth;

use std::collections::BTreeSet;
use std::path::Path;

use arrow::array::AsArray;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};

use crate::detect::anomaly::Anomaly;
use crate::detect::{Catalogue, Config, Told, dry};
use crate::session::{self, Error, Session};

pub use score::{Score, score};
pub use truth::{Expectations, Fault, read};

/// Microseconds per hour.
const HOUR: i64 = 3_600_000_000;

/// What was judged.
#[derive(Debug, Clone)]
pub struct Judged {
    /// Standing findings.
    pub findings: Vec<Anomaly>,
    /// Ids of the rules that ran.
    pub rules: BTreeSet<String>,
    /// Data loggers with readings.
    pub points: u64,
    /// Beijing days with readings.
    pub days: u64,
    /// First instant of the data, microseconds UTC.
    pub from: i64,
    /// The time the rules were told, microseconds UTC.
    pub as_of: i64,
    /// Version of `readings_raw`.
    pub readings_version: i64,
}

/// Runs all rules over everything in a store at `as_of`, at the end of the data when not given. `told`
/// hears how far it is.
///
/// # Errors
/// A store without readings ([`Error::Asked`]); what tables and rules say.
pub async fn judge(
    store: &Path,
    config: &Config,
    session_config: &session::Config,
    catalogue: &Catalogue,
    as_of: Option<i64>,
    told: Told<'_>,
) -> Result<Judged, Error> {
    let session = session::open_tables(store, session_config).await?;
    let [points, days, first, last] = extent(&session).await?;
    if points == 0 {
        return Err(Error::Asked {
            what: format!("the store `{}` has no readings", store.display()),
        });
    }
    // The hour of the last value has closed.
    let as_of = as_of.unwrap_or((last.div_euclid(HOUR) + 1) * HOUR);
    let findings = dry::findings(&session, config, catalogue, as_of, told).await?;
    Ok(Judged {
        findings,
        rules: catalogue
            .rules()
            .iter()
            .map(|configured| configured.rule.id.clone())
            .collect(),
        points: u64::try_from(points).unwrap_or_default(),
        days: u64::try_from(days).unwrap_or_default(),
        from: first,
        as_of,
        readings_version: session.version("readings_raw"),
    })
}

/// Loggers, days, the first and the last time in `readings_raw`.
async fn extent(session: &Session) -> Result<[i64; 4], Error> {
    let sql = "SELECT count(DISTINCT mn), count(DISTINCT date),
                      coalesce(min(arrow_cast(data_time, 'Int64')), 0),
                      coalesce(max(arrow_cast(data_time, 'Int64')), 0)
               FROM readings_raw";
    let batches = session.rows("extent of the data", sql).await?;
    let mut extent = [0; 4];
    for batch in batches.iter().filter(|batch| batch.num_rows() > 0) {
        for (at, column) in batch.columns().iter().enumerate().take(extent.len()) {
            let column = cast(column, &DataType::Int64)
                .map_err(|error| Error::query("extent of the data")(error.into()))?;
            extent[at] = column.as_primitive::<Int64Type>().value(0);
        }
    }
    Ok(extent)
}
