//! Settings of a connection as clients see them.

use std::collections::BTreeMap;

use super::connection::Connection;
use crate::sql::catalogue::SERVER_VERSION;

/// Settings whose change a client is told.
pub(super) const REPORTED: &[&str] = &[
    "application_name",
    "client_encoding",
    "DateStyle",
    "IntervalStyle",
    "standard_conforming_strings",
    "TimeZone",
    "search_path",
];

/// Value of a setting: as set, else as it is from the start.
pub(super) fn value(connection: &Connection, name: &str) -> String {
    let canonical = crate::sql::guard::canonical(name);
    if let Some(own) = canonical.and_then(|name| connection.setting(name)) {
        return own;
    }
    if name == "session_authorization" {
        return connection
            .user()
            .map(|user| user.name.clone())
            .unwrap_or_default();
    }
    default(name).to_owned()
}

fn default(name: &str) -> &'static str {
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
        "is_superuser" | "in_hot_standby" | "ssl" => "off",
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

/// All of them, by name.
pub(super) fn all(connection: &Connection) -> BTreeMap<String, String> {
    let names = [
        "server_version",
        "server_encoding",
        "client_encoding",
        "DateStyle",
        "IntervalStyle",
        "TimeZone",
        "search_path",
        "extra_float_digits",
        "bytea_output",
        "statement_timeout",
        "transaction_read_only",
        "transaction_isolation",
        "application_name",
    ];
    let mut all: BTreeMap<String, String> = names
        .iter()
        .map(|name| ((*name).to_owned(), value(connection, name)))
        .collect();
    for (name, value) in connection.settings() {
        all.insert(name.to_owned(), value);
    }
    all
}
