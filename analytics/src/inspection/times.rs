//! Times in the file of a record as people write them: to the minute, as everything is shown, and `24:00`
//! for the end of a day.
//!
//! Messages of the inspection system have seconds, and what is kept and sent has them too; so what an officer
//! wrote otherwise is written out. A day alone is no time, and stays what it is.

use nonsite_schemas::wire::Instant;
use serde_json::Value;

use crate::ratio::parse_as_of;

/// Fields of a record, at any depth, that hold a time.
const TIMES: [&str; 9] = [
    "recorded_at",
    "approved_at",
    "started_at",
    "ended_at",
    "completed_at",
    "captured_at",
    "notified_at",
    "from",
    "to",
];

/// Letters of a day without a time, `2026-03-02`.
const DAY_LENGTH: usize = 10;

/// Writes the times of a document out with seconds; answers whether any was not.
pub fn with_seconds(document: &mut Value) -> bool {
    match document {
        Value::Object(fields) => {
            let mut changed = false;
            for (name, value) in fields.iter_mut() {
                changed |= match written_out(name, value) {
                    Some(time) => {
                        *value = Value::String(time);
                        true
                    }
                    None => with_seconds(value),
                };
            }
            changed
        }
        Value::Array(items) => {
            let mut changed = false;
            for item in items {
                changed |= with_seconds(item);
            }
            changed
        }
        _ => false,
    }
}

/// The time with seconds that a field holds without them.
fn written_out(name: &str, value: &Value) -> Option<String> {
    let text = value.as_str().filter(|_| TIMES.contains(&name))?;
    let has_seconds = serde_json::from_value::<Instant>(value.clone()).is_ok();
    if has_seconds || text.trim().len() <= DAY_LENGTH {
        return None;
    }
    let at = parse_as_of(text).ok()?;
    Some(Instant(at).to_string())
}

/// The bytes of a JSON document with its times written out; as they are when none had to be, or when they
/// are no JSON, which whoever reads them says better.
pub fn bytes_with_seconds(bytes: Vec<u8>) -> Vec<u8> {
    let Ok(mut document) = serde_json::from_slice::<Value>(&bytes) else {
        return bytes;
    };
    if !with_seconds(&mut document) {
        return bytes;
    }
    serde_json::to_vec(&document).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_taken_as_they_are_shown() {
        let mut record = serde_json::json!({
            "started_at": "2026-03-02 15:20",
            "ended_at": "2026-03-02 24:00",
            "sources": [{"from": "2026-03-01 00:00:00", "to": "2026-03-02T08:30", "kind": "2026-03-02 15:20"}],
            "approval": {"approved_at": "2026-03-02T07:00:00Z"},
        });
        assert!(with_seconds(&mut record));
        assert_eq!(record["started_at"], "2026-03-02T15:20:00+08:00");
        assert_eq!(record["ended_at"], "2026-03-03T00:00:00+08:00");
        assert_eq!(record["sources"][0]["to"], "2026-03-02T08:30:00+08:00");
        // What has seconds, or is no time, stays as it was written.
        assert_eq!(record["sources"][0]["from"], "2026-03-01 00:00:00");
        assert_eq!(record["sources"][0]["kind"], "2026-03-02 15:20");
        assert_eq!(record["approval"]["approved_at"], "2026-03-02T07:00:00Z");
        assert!(!with_seconds(&mut record));
    }

    #[test]
    fn what_is_no_time_stays_what_it_is() {
        for text in [
            "2026-03-02",
            "soon",
            "2026-03-02 25:00",
            "2026-02-30 10:00",
            "",
        ] {
            let mut record = serde_json::json!({ "ended_at": text });
            assert!(!with_seconds(&mut record), "{text}");
            assert_eq!(record["ended_at"], text);
        }
        let bytes = br#"{ "ended_at": "2026-03-02 10:00:00" }"#.to_vec();
        assert_eq!(bytes_with_seconds(bytes.clone()), bytes, "not a byte of it");
        assert_eq!(bytes_with_seconds(b"{".to_vec()), b"{");
        let shown = br#"{"ended_at":"2026-03-02 10:00"}"#.to_vec();
        let written = br#"{"ended_at":"2026-03-02T10:00:00+08:00"}"#;
        assert_eq!(bytes_with_seconds(shown), written);
    }
}
