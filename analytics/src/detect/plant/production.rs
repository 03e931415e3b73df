//! Whether the production behind a logger runs, where a power or process value tells: table
//! `production_hours` of a run, from which the shared view `normal_hours` knows normal production.
//!
//! The meter may report under another logger than the one whose outlet it stands for. Its values are
//! then outside the run's logger-days and are looked up in the whole table, for the days at hand.
//!
//! Cost: nothing where no point is filed and no sheet names a production meter; else one pass over
//! the factor column of the days at hand.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use serde_json::{Map, Value};

use super::rows_of;
use crate::session::{Error, Session};

/// Readings of the run's own logger-days.
const OWN: &str = "readings_raw";
/// What is read out of the readings.
const COLUMNS: &str = "r.mn, r.factor, r.granularity, r.data_time, r.value, r.flag, r.received_at, r.kafka_partition, r.kafka_offset";

/// Fills `production_points` and `production_hours`; signals and sheets are there already.
pub(super) async fn prepare(run: &Session) -> Result<(), Error> {
    run.materialise("production_points", include_str!("production_points.sql"))
        .await?;
    let points = "SELECT count(*) AS points, count(*) FILTER (WHERE watch_mn <> mn) AS elsewhere
                  FROM production_points";
    let points = rows_of(run, "production points", points).await?;
    if number(&points, "points") == 0 {
        return run.put("production_hours", RecordBatch::new_empty(hours()));
    }
    let readings = if number(&points, "elsewhere") == 0 {
        OWN.to_owned()
    } else {
        let days = "SELECT arrow_cast(min(date), 'Int64') AS first_day,
                           arrow_cast(max(date), 'Int64') AS last_day FROM scope";
        let days = rows_of(run, "days at hand", days).await?;
        format!(
            "(SELECT {COLUMNS} FROM readings_raw_all r
              WHERE r.date BETWEEN arrow_cast({}, 'Date32') AND arrow_cast({}, 'Date32'))",
            number(&days, "first_day"),
            number(&days, "last_day")
        )
    };
    let sql = include_str!("production_hours.sql").replace("{readings}", &readings);
    run.materialise("production_hours", &sql).await
}

/// A number of the only row; 0 where there is none.
fn number(rows: &[Map<String, Value>], name: &str) -> i64 {
    let row = rows.first();
    row.and_then(|row| row.get(name))
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// Columns of `production_hours`.
fn hours() -> SchemaRef {
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("mn", DataType::Utf8, true),
        Field::new("hour", instant, true),
        Field::new("quarters_on", DataType::Int64, true),
        Field::new("quarters_off", DataType::Int64, true),
        Field::new("at_rest", DataType::Boolean, true),
    ]))
}
