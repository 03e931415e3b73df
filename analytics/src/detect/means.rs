//! `daily_means`: each pollutant's mean of every day, kept so that outlets of one industry can be
//! compared over weeks without walking their readings.
//!
//! Written like `daily_masses`: a run replaces the rows of the logger-days it judged, and they follow
//! from the readings alone. Kept only while a rule reads it; switching such a rule on judges
//! everything once, which fills it.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use nonsite_schemas::tables::{COMMENT, TableDef};

use super::catalogue::Catalogue;

/// Name of the table.
const NAME: &str = "daily_means";

/// Definition of the table.
pub fn daily_means() -> TableDef {
    let column = |name: &str, data_type: DataType, comment: &str| {
        Field::new(name, data_type, false)
            .with_metadata(HashMap::from([(COMMENT.to_owned(), comment.to_owned())]))
    };
    TableDef {
        name: NAME,
        schema: Arc::new(Schema::new(vec![
            column(
                "mn",
                DataType::Utf8,
                "unique id of the data logger (HJ 212 MN)",
            ),
            column("factor", DataType::Utf8, "factor code of HJ 524/525"),
            column(
                "mean",
                DataType::Float64,
                "mean of the day's valid hours in mg/m3 (gas, at reference oxygen where the station converts) or mg/L (water, weighted by flow)",
            ),
            column("hours", DataType::Int64, "valid hours the mean was made of"),
            column("date", DataType::Date32, "Beijing day; partition"),
        ])),
        partition_columns: &["date"],
        comment: "Mean concentration per logger, factor and day, as far as valid hours tell.",
        sort_columns: &["mn", "factor"],
    }
}

/// Whether a rule that runs reads it.
pub(super) fn wanted(catalogue: &Catalogue) -> bool {
    let mut rules = catalogue.rules().iter();
    rules.any(|configured| configured.rule.sql.contains(NAME))
}

/// Means of the judged days, from the run's `daily`.
pub(super) const FRESH: &str = "
SELECT arrow_cast(d.mn, 'Utf8') AS mn, arrow_cast(d.factor, 'Utf8') AS factor,
       CASE WHEN is_gas(d.factor)
            THEN coalesce(d.converted, d.value) * unit_scale(reading_unit(d.mn, d.factor), 'mg/m3')
            ELSE d.value * unit_scale(reading_unit(d.mn, d.factor), 'mg/L') END AS mean,
       arrow_cast(d.n_used, 'Int64') AS hours, d.date
FROM daily d
LEFT SEMI JOIN core c ON c.mn = d.mn AND c.date = d.date
WHERE d.value IS NOT NULL AND is_concentration(d.factor)
  AND unit_scale(reading_unit(d.mn, d.factor), 'mg/m3') IS NOT NULL
ORDER BY 5, 1, 2";
