//! Process values of plants: what rules about furnaces, filters and power read.
//!
//! Tables of a run, filled here from the sheets ([`Sheets`]), filed process points and the readings at
//! hand:
//! - `process_units`: mn, unit, kind of every unit with a sheet;
//! - `process_signals`: mn, unit, role, factor; a logger without a sheet has the power of its
//!   filed process points, and furnace temperatures under the codes of HJ 212 (`i3331N`, `i3332N`);
//! - `process_thresholds`: mn, unit, name, value;
//! - `process_values`: one row per unit, role, factor and instant, the copy received last. `value` is
//!   null when the instant carries a mark that forbids to judge it, or when the logger sent other
//!   signals of the unit at that instant and not this one (`mark` is then `missing`);
//! - `furnace_temperature`: mn, unit, data_time, value, the temperature that counts;
//! - `incinerators`: mn of waste incineration;
//! - `production_points`, `production_hours`: which values watch the production behind a logger, and
//!   in which hours they show it at rest.
//!
//! Cost: without sheets one pass over the factor column of the days at hand.

mod events;
mod production;
mod sheet;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};

pub use events::{Count, Event, Workbench};
pub use sheet::{ROLES, Sheets, THRESHOLDS, Unit};

use crate::session::{Error, Session, rows};

/// Sheets as tables, and the values they speak of.
pub(super) async fn prepare(run: &Session, sheets: &Sheets) -> Result<(), Error> {
    let units = sheets.units();
    run.put(
        "process_units",
        batch(
            "process_units",
            vec![
                ("mn", texts(units.iter().map(|unit| unit.mn.as_str()))),
                ("unit", texts(units.iter().map(|unit| unit.name.as_str()))),
                ("kind", texts(units.iter().map(|unit| unit.kind.as_str()))),
            ],
        )?,
    )?;
    let signals: Vec<[&str; 4]> = units
        .iter()
        .flat_map(|unit| {
            unit.signals.iter().flat_map(|(role, factors)| {
                factors
                    .iter()
                    .map(|factor| [unit.mn.as_str(), &unit.name, role, factor])
            })
        })
        .collect();
    let column = |at: usize| texts(signals.iter().map(|row| row[at]));
    run.put(
        "sheet_signals",
        batch(
            "sheet_signals",
            vec![
                ("mn", column(0)),
                ("unit", column(1)),
                ("role", column(2)),
                ("factor", column(3)),
            ],
        )?,
    )?;
    let thresholds: Vec<(&str, &str, &str, f64)> = units
        .iter()
        .flat_map(|unit| {
            unit.thresholds
                .iter()
                .map(|(name, value)| (unit.mn.as_str(), unit.name.as_str(), name.as_str(), *value))
        })
        .collect();
    let values: ArrayRef = Arc::new(Float64Array::from_iter_values(
        thresholds.iter().map(|row| row.3),
    ));
    run.put(
        "sheet_thresholds",
        batch(
            "sheet_thresholds",
            vec![
                ("mn", texts(thresholds.iter().map(|row| row.0))),
                ("unit", texts(thresholds.iter().map(|row| row.1))),
                ("name", texts(thresholds.iter().map(|row| row.2))),
                ("value", values),
            ],
        )?,
    )?;
    for (name, sql) in [
        ("incinerators", include_str!("incinerators.sql")),
        ("power_points", include_str!("power_points.sql")),
        ("process_thresholds", include_str!("process_thresholds.sql")),
        ("process_signals", include_str!("process_signals.sql")),
        ("process_values", include_str!("process_values.sql")),
        (
            "furnace_temperature",
            include_str!("furnace_temperature.sql"),
        ),
    ] {
        run.materialise(name, sql).await?;
    }
    production::prepare(run).await
}

/// Rows of a small query.
async fn rows_of(
    run: &Session,
    what: &str,
    sql: &str,
) -> Result<Vec<serde_json::Map<String, serde_json::Value>>, Error> {
    let batches = run.rows(what, sql).await?;
    rows::objects(&batches).map_err(|error| Error::query(what)(error.into()))
}

fn texts<'a>(values: impl Iterator<Item = &'a str>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn batch(what: &str, columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch, Error> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), false))
        .collect();
    debug_assert!(
        fields
            .iter()
            .all(|field| matches!(field.data_type(), DataType::Utf8 | DataType::Float64))
    );
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::query(what)(error.into()))
}
