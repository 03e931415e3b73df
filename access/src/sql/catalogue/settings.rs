//! Settings nobody made, and table `pg_settings`: what drivers look up before they ask anything else.
//!
//! JDBC takes the longest key from `max_index_keys` and gives up without it; tools show the rest. None of
//! these can be set, so the table is the same for everybody.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;

use super::SERVER_VERSION;

/// Value of a setting nobody made; an empty text when there is no such setting.
pub fn default(name: &str) -> &'static str {
    match name.to_ascii_lowercase().as_str() {
        "server_version" => SERVER_VERSION,
        "server_version_num" => "160006",
        "server_encoding" | "client_encoding" => "UTF8",
        "transaction_isolation"
        | "transaction_isolation_level"
        | "default_transaction_isolation" => "repeatable read",
        "transaction_read_only"
        | "default_transaction_read_only"
        | "integer_datetimes"
        | "standard_conforming_strings" => "on",
        "is_superuser" | "in_hot_standby" | "jit" | "ssl" => "off",
        "max_identifier_length" => "63",
        "lc_collate" | "lc_ctype" | "lc_messages" => "C.UTF-8",
        "datestyle" => "ISO, MDY",
        "intervalstyle" => "postgres",
        "timezone" | "time_zone" => "UTC",
        "search_path" => "nonsite",
        "extra_float_digits" => "1",
        "bytea_output" => "hex",
        "statement_timeout" => "0",
        "client_min_messages" => "notice",
        _ => "",
    }
}

/// Name and value.
const SETTINGS: [(&str, &str); 9] = [
    ("block_size", "8192"),
    ("default_transaction_read_only", "on"),
    ("integer_datetimes", "on"),
    ("max_identifier_length", "63"),
    ("max_index_keys", "32"),
    ("server_encoding", "UTF8"),
    ("standard_conforming_strings", "on"),
    ("timezone", "UTC"),
    ("transaction_isolation", "repeatable read"),
];
/// Columns of PostgreSQL's table that are empty here.
const EMPTY: [&str; 8] = [
    "unit",
    "category",
    "short_desc",
    "extra_desc",
    "context",
    "vartype",
    "source",
    "reset_val",
];

/// The table.
pub(super) fn table() -> Result<Arc<dyn TableProvider>, DataFusionError> {
    let mut fields: Vec<Field> = ["name", "setting"]
        .map(|name| Field::new(name, DataType::Utf8, false))
        .into();
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(
            SETTINGS.map(|(name, _)| name),
        )),
        Arc::new(StringArray::from_iter_values(
            SETTINGS.map(|(_, value)| value),
        )),
    ];
    for name in EMPTY {
        fields.push(Field::new(name, DataType::Utf8, true));
        columns.push(new_null_array(&DataType::Utf8, SETTINGS.len()));
    }
    let schema = Arc::new(Schema::new(fields));
    let rows = RecordBatch::try_new(Arc::clone(&schema), columns)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![rows]])?))
}
