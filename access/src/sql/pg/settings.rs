//! Settings of a connection as clients see them.

use std::collections::BTreeMap;

use super::connection::Connection;
use crate::sql::catalogue::default_setting;

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
    default_setting(name).to_owned()
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
