//! The few settings a client may change, all of them of its own connection.
//!
//! A setting of the engine is never changed: a client could give itself more memory or read times
//! in another zone than the one next to it.

use std::time::Duration;

use datafusion::sql::sqlparser::ast::{Expr, Reset, ResetStatement, Set, Value};

use super::Step;
use crate::sql::{Fault, FaultKind};

/// Settings that are kept and shown, in the spelling clients are told; they change nothing but how
/// values are written.
const KEPT: &[&str] = &[
    "application_name",
    "bytea_output",
    "client_encoding",
    "client_min_messages",
    "DateStyle",
    "extra_float_digits",
    "IntervalStyle",
    "search_path",
    "standard_conforming_strings",
    "statement_timeout",
    "TimeZone",
];

/// Settings clients send by habit; they are taken and change nothing here, since nothing here
/// locks, writes or compiles.
const IGNORED: &[&str] = &[
    "default_transaction_isolation",
    "default_transaction_read_only",
    "escape_string_warning",
    "geqo",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "jit",
    "lock_timeout",
    "row_security",
    "synchronize_seqscans",
    "synchronous_commit",
    "tcp_keepalives_idle",
    "transaction_timeout",
    "xmloption",
];

/// A setting and its new value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Name, in the spelling clients are told.
    pub name: &'static str,
    /// Value as text; none goes back to the default.
    pub value: Option<String>,
    /// For `statement_timeout`: how long; none is as long as the server allows.
    pub timeout: Option<Duration>,
}

/// The spelling of a setting that is kept.
pub fn canonical(name: &str) -> Option<&'static str> {
    KEPT.iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .copied()
}

pub(super) fn set(set: &Set) -> Result<Step, Fault> {
    match set {
        Set::SingleAssignment {
            hivevar: false,
            variable,
            values,
            ..
        } => {
            let value: Vec<String> = values.iter().map(text).collect();
            assign_step(&variable.to_string(), &value.join(", "))
        }
        Set::SetTimeZone { value, .. } => assign_step("TimeZone", &text(value)),
        Set::SetNames { charset_name, .. } => assign_step("client_encoding", &charset_name.value),
        // Every transaction reads one state of the tables and writes nothing, whatever it is called.
        Set::SetTransaction { .. } => Ok(Step::Nothing("SET")),
        other => Err(Fault::refused(format!("SET {other}"))),
    }
}

/// `RESET name`, `RESET ALL`.
pub(super) fn reset(reset: &ResetStatement) -> Result<Step, Fault> {
    match &reset.reset {
        Reset::ALL => Ok(Step::Reset),
        Reset::ConfigurationParameter(name) => match canonical(&name.to_string()) {
            Some(name) => assign_step(name, "default"),
            // Nobody could set it.
            None => Ok(Step::Nothing("RESET")),
        },
    }
}

/// A literal or a bare word as text.
fn text(value: &Expr) -> String {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        Expr::Identifier(word) => word.value.clone(),
        other => other.to_string(),
    }
}

fn assign_step(name: &str, value: &str) -> Result<Step, Fault> {
    let name = name.trim_matches('"');
    if IGNORED.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        return Ok(Step::Nothing("SET"));
    }
    let Some(name) = canonical(name) else {
        return Err(Fault::refused(format!(
            "SET {name}: a client can set {}; SET of any other key",
            KEPT.join(", ")
        )));
    };
    let default = value.eq_ignore_ascii_case("default");
    let mut setting = Setting {
        name,
        value: (!default).then(|| value.to_owned()),
        timeout: None,
    };
    match name {
        "client_encoding" if !default => {
            let plain = value.to_ascii_lowercase().replace(['-', '_'], "");
            if !["utf8", "unicode", "sqlascii"].contains(&plain.as_str()) {
                return Err(Fault::new(
                    FaultKind::Unsupported,
                    format!("client_encoding {value}: texts are sent as UTF8 only"),
                ));
            }
            setting.value = Some("UTF8".to_owned());
        }
        "statement_timeout" if !default => setting.timeout = timeout(value)?,
        _ => {}
    }
    Ok(Step::Set(setting))
}

/// A setting that is sent along with a login.
///
/// # Errors
/// A key nobody may set, or a value that cannot be.
pub fn assign(name: &str, value: &str) -> Result<Setting, Fault> {
    match assign_step(name, value)? {
        Step::Set(setting) => Ok(setting),
        _ => Err(Fault::refused(format!("SET {name}"))),
    }
}

/// `5000`, `'5s'`, `'2min'`, `'1h'`; 0 is no limit of one's own.
fn timeout(value: &str) -> Result<Option<Duration>, Fault> {
    let value = value.trim();
    let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = value.split_at(digits);
    let scale = match unit.trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        _ => 0,
    };
    let ms = number.parse::<u64>().ok().filter(|_| scale > 0);
    let Some(ms) = ms else {
        return Err(Fault::new(
            FaultKind::Value,
            format!(
                "statement_timeout {value}: write milliseconds, or a number with ms, s, min or h"
            ),
        ));
    };
    Ok((ms > 0).then(|| Duration::from_millis(ms.saturating_mul(scale))))
}

pub(super) fn show(words: &[&str]) -> Result<Step, Fault> {
    let name = words.join("_").to_ascii_lowercase();
    let known = [
        "server_version",
        "server_version_num",
        "server_encoding",
        "transaction_isolation",
        "transaction_isolation_level",
        "transaction_read_only",
        "default_transaction_read_only",
        "default_transaction_isolation",
        "integer_datetimes",
        "is_superuser",
        "max_identifier_length",
        "session_authorization",
        "lc_collate",
        "lc_ctype",
        "lc_messages",
        "in_hot_standby",
        "time_zone",
        "ssl",
    ];
    if canonical(&name).is_some() || known.contains(&name.as_str()) || name == "all" {
        return Ok(Step::Show(name));
    }
    Err(Fault::new(
        FaultKind::Wrong,
        format!("SHOW {name}: there is no such setting"),
    ))
}
