//! Known faults: one JSON line each, as the generator writes them (`truth.jsonl`); a hand-made list
//! of verified cases has the same form.
//!
//! Which rules must, may and must not flag a kind of fault is data: every line says it, and a TOML
//! file can say it again per kind, for a catalogue that has grown since the lines were written.

use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Deserialize;

use crate::session::Error;

/// One known fault, or a look-alike that must not be flagged.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Fault {
    /// Kind, e.g. `constant`.
    pub kind: String,
    /// Rules that must flag it; empty for a look-alike.
    #[serde(default)]
    pub expected: Vec<String>,
    /// Rules that may flag it, for the same cause.
    #[serde(default)]
    pub allowed: Vec<String>,
    /// Rules that must not flag it.
    #[serde(default)]
    pub must_not: Vec<String>,
    /// Data logger.
    pub mn: String,
    /// Permit number of the unit.
    #[serde(default)]
    pub permit_no: Option<String>,
    /// Factor, where it concerns one.
    #[serde(default)]
    pub factor: Option<String>,
    /// First instant, microseconds UTC.
    pub start_us: i64,
    /// End (exclusive), microseconds UTC.
    pub end_us: i64,
}

/// Which rules a kind of fault is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kind {
    /// Rules that must flag it.
    pub expected: Vec<String>,
    /// Rules that may flag it.
    pub allowed: Vec<String>,
    /// Rules that must not flag it.
    pub must_not: Vec<String>,
}

/// Expectations by kind, put over what the lines say.
#[derive(Debug, Clone, Default)]
pub struct Expectations(BTreeMap<String, Kind>);

impl Expectations {
    /// Reads a TOML file of tables `[kind]` with `expected`, `allowed` and `must_not`.
    ///
    /// # Errors
    /// [`Error::Asked`] with the place in the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        toml::from_str(text)
            .map(Self)
            .map_err(|error| Error::Asked {
                what: format!("kinds of faults: {error}"),
            })
    }
}

/// Reads known faults, one JSON object per line.
///
/// # Errors
/// [`Error::Input`] with the number of the line.
pub fn read(input: impl BufRead, expectations: &Expectations) -> Result<Vec<Fault>, Error> {
    let mut faults = Vec::new();
    for (at, line) in input.lines().enumerate() {
        let fault = |what: String| Error::Input { line: at + 1, what };
        let line = line.map_err(|error| fault(error.to_string()))?;
        if line.trim().is_empty() {
            continue;
        }
        let mut row: Fault =
            serde_json::from_str(&line).map_err(|error| fault(error.to_string()))?;
        if row.end_us < row.start_us {
            return Err(fault("end_us lies before start_us".to_owned()));
        }
        if let Some(kind) = expectations.0.get(&row.kind) {
            row.expected.clone_from(&kind.expected);
            row.allowed.clone_from(&kind.allowed);
            row.must_not.clone_from(&kind.must_not);
        }
        faults.push(row);
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_kinds_can_be_said_again() {
        let line =
            r#"{"kind":"spike","expected":["Q09"],"mn":"A","start_us":1,"end_us":2,"level":3.0}"#;
        let plain = read(line.as_bytes(), &Expectations::default()).expect("read");
        assert_eq!(plain[0].expected, ["Q09"]);
        let kinds =
            Expectations::parse("[spike]\nexpected = ['Q08']\nallowed = ['Q09']").expect("ok");
        let changed = read(line.as_bytes(), &kinds).expect("read");
        assert_eq!(
            (changed[0].expected.clone(), changed[0].allowed.clone()),
            (vec!["Q08".to_owned()], vec!["Q09".to_owned()])
        );
        let wrong = format!("{line}\n\n{{\"kind\":1}}");
        let error = read(wrong.as_bytes(), &Expectations::default()).unwrap_err();
        assert!(error.to_string().starts_with("line 3"), "{error}");
        assert!(Expectations::parse("[spike]\nexpects = []").is_err());
    }
}
