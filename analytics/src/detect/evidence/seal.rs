//! The seal on evidence: canonical JSON, one SHA-256 per artefact, one over all of them.
//!
//! Canonical JSON here means: keys in the order of their bytes, no blanks, UTF-8, numbers as written
//! when the finding was made. Hashes are always taken over those very bytes, never over a value that
//! was parsed and printed again, so that whoever checks needs `sha256sum` and no agreement about how
//! numbers are printed.
//!
//! ```text
//! {"hours":[..],"limit":[..],..., "manifest":{"hours":"<sha256 of the text of hours>",..}}
//!  \__________________ canonical text = column `evidence`, its SHA-256 = `evidence_sha256` _____/
//! ```

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::detect::anomaly::Anomaly;

/// Key under which the hashes of the other parts stand.
pub const MANIFEST: &str = "manifest";

/// One piece of evidence: a file by its name, with the bytes that were hashed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Artefact {
    /// File name, e.g. `hours.json`.
    pub name: String,
    /// SHA-256 of `text`, hex.
    pub sha256: String,
    /// The bytes, which are UTF-8.
    pub text: String,
}

impl Artefact {
    /// A file of this name with this text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            name: name.into(),
            sha256: Anomaly::sha256(&text),
            text,
        }
    }
}

/// The parts with their manifest, as canonical JSON.
pub(super) fn sealed(mut parts: Map<String, Value>) -> String {
    parts.remove(MANIFEST);
    let manifest: Map<String, Value> = parts
        .iter()
        .map(|(name, part)| {
            (
                name.clone(),
                Value::from(Anomaly::sha256(&part.to_string())),
            )
        })
        .collect();
    parts.insert(MANIFEST.to_owned(), Value::Object(manifest));
    Value::Object(parts).to_string()
}

/// Takes sealed evidence apart into artefacts, with what does not match its hash.
///
/// The bytes are those of the stored text; nothing is parsed and printed again.
pub fn opened(evidence: &str, expected: &str) -> Result<Vec<Artefact>, Vec<String>> {
    let mut faults = Vec::new();
    if Anomaly::sha256(evidence) != expected {
        faults.push("the evidence does not match evidence_sha256".to_owned());
    }
    let parts: BTreeMap<&str, &RawValue> = match serde_json::from_str(evidence) {
        Ok(parts) => parts,
        Err(error) => {
            faults.push(format!("the evidence is no JSON object: {error}"));
            return Err(faults);
        }
    };
    let manifest: BTreeMap<&str, String> = match parts.get(MANIFEST) {
        None => BTreeMap::new(),
        Some(raw) => match serde_json::from_str(raw.get()) {
            Ok(manifest) => manifest,
            Err(error) => {
                faults.push(format!("the manifest cannot be read: {error}"));
                return Err(faults);
            }
        },
    };
    let mut artefacts = Vec::new();
    for (name, raw) in parts.iter().filter(|(name, _)| **name != MANIFEST) {
        let artefact = Artefact::new(format!("{name}.json"), raw.get());
        match manifest.get(name) {
            Some(sha256) if *sha256 == artefact.sha256 => {}
            Some(_) => faults.push(format!("artefact `{name}` does not match its SHA-256")),
            None => faults.push(format!("artefact `{name}` has no SHA-256")),
        }
        artefacts.push(artefact);
    }
    for name in manifest.keys().filter(|name| !parts.contains_key(**name)) {
        faults.push(format!("artefact `{name}` is missing"));
    }
    if faults.is_empty() {
        Ok(artefacts)
    } else {
        Err(faults)
    }
}

/// The list `sha256sum --check` reads: one line per artefact, in order of names.
pub fn sums(artefacts: &[Artefact]) -> String {
    let mut lines: Vec<String> = artefacts
        .iter()
        .map(|artefact| format!("{}  {}\n", artefact.sha256, artefact.name))
        .collect();
    lines.sort_by(|a, b| a[64..].cmp(&b[64..]));
    lines.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Map<String, Value> {
        crate::fixtures::object(serde_json::json!({
            "hours": [{"value": 60.0, "hour": "2025-06-01T08:00:00+08:00", "name": "热电厂"}],
            "limit": [{"limit_value": 1e-7}],
        }))
    }

    #[test]
    fn keys_are_sorted_without_blanks_and_hashes_are_those_of_the_bytes() {
        let text = sealed(parts());
        let hours = r#"[{"hour":"2025-06-01T08:00:00+08:00","name":"热电厂","value":60.0}]"#;
        let limit = r#"[{"limit_value":1e-7}]"#;
        let expected = format!(
            r#"{{"hours":{hours},"limit":{limit},"manifest":{{"hours":"{}","limit":"{}"}}}}"#,
            Anomaly::sha256(hours),
            Anomaly::sha256(limit)
        );
        assert_eq!(text, expected);
        let artefacts = opened(&text, &Anomaly::sha256(&text)).expect("sound");
        assert_eq!(artefacts[0].text, hours);
        assert_eq!(
            sums(&artefacts),
            format!(
                "{}  hours.json\n{}  limit.json\n",
                artefacts[0].sha256, artefacts[1].sha256
            )
        );
    }

    #[test]
    fn any_change_is_told_by_name() {
        let text = sealed(parts());
        let sha256 = Anomaly::sha256(&text);
        let faults = |text: &str| opened(text, &sha256).unwrap_err();
        assert_eq!(
            faults(&text.replace("60.0", "6.0")),
            [
                "the evidence does not match evidence_sha256",
                "artefact `hours` does not match its SHA-256"
            ]
        );
        let added = text.replacen('{', r#"{"extra":1,"#, 1);
        assert!(faults(&added).contains(&"artefact `extra` has no SHA-256".to_owned()));
        let removed = text.replace(r#""limit":[{"limit_value":1e-7}],"#, "");
        assert!(faults(&removed).contains(&"artefact `limit` is missing".to_owned()));
        assert!(faults("[").len() == 2);
    }
}
