//! `daily_masses`: what each logger's factors discharged per day, kept so that a year's sum does
//! not walk a year of readings.
//!
//! A run replaces the rows of the logger-days it judged; the rows follow from the readings alone,
//! so writing them again after a crash gives the same table.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use nonsite_schemas::tables::{COMMENT, TableDef};

/// Definition of the table.
pub fn daily_masses() -> TableDef {
    let column = |name: &str, data_type: DataType, comment: &str| {
        Field::new(name, data_type, false)
            .with_metadata(HashMap::from([(COMMENT.to_owned(), comment.to_owned())]))
    };
    TableDef {
        name: "daily_masses",
        schema: Arc::new(Schema::new(vec![
            column(
                "mn",
                DataType::Utf8,
                "unique id of the data logger (HJ 212 MN)",
            ),
            column("factor", DataType::Utf8, "factor code of HJ 524/525"),
            column(
                "mass_kg",
                DataType::Float64,
                "discharged mass in kg: concentration as measured times volume, over the day's valid hours",
            ),
            column(
                "hours",
                DataType::Int64,
                "valid hours the mass was added up over",
            ),
            column(
                "hours_missing",
                DataType::Int64,
                "due hours of the day without a valid value; not substituted",
            ),
            column("date", DataType::Date32, "Beijing day; partition"),
        ])),
        partition_columns: &["date"],
        comment: "Discharged mass per logger, factor and day, as far as valid hours tell.",
        sort_columns: &["mn", "factor"],
    }
}

/// Masses of the judged days, from the run's `daily`: concentration in mg/m3 or mg/L (whatever the
/// station sends is converted, a factor of unknown unit has no mass) times volume in m3.
pub(super) const FRESH: &str = "
SELECT arrow_cast(d.mn, 'Utf8') AS mn, arrow_cast(d.factor, 'Utf8') AS factor,
       CASE WHEN is_gas(d.factor) THEN d.mass * unit_scale(reading_unit(d.mn, d.factor), 'mg/m3') * 1e-6
            ELSE d.mass * unit_scale(reading_unit(d.mn, d.factor), 'mg/L') * 1e-3 END AS mass_kg,
       arrow_cast(d.n_used, 'Int64') AS hours, arrow_cast(d.n_due - d.n_used, 'Int64') AS hours_missing,
       d.date
FROM daily d
LEFT SEMI JOIN core c ON c.mn = d.mn AND c.date = d.date
WHERE d.mass IS NOT NULL AND is_concentration(d.factor)
  AND unit_scale(reading_unit(d.mn, d.factor), 'mg/m3') IS NOT NULL
ORDER BY 6, 1, 2";
