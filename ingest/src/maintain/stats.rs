//! Statistics of a merged file from those of its inputs.
//!
//! Nothing has to be read for this: counts add up, minima and maxima compare. A column keeps its
//! bounds only when every input that has values in it has bounds for it, because a bound that is
//! too narrow would make readers skip rows that match.

use serde_json::{Map, Value};

/// The statistics of the union, as the JSON text of an `add` action; `None` when an input has no
/// row count.
pub(super) fn merge(inputs: &[Option<String>]) -> Option<String> {
    let parsed: Vec<Map<String, Value>> = inputs
        .iter()
        .map(|text| serde_json::from_str(text.as_deref()?).ok())
        .collect::<Option<_>>()?;
    let rows: i64 = parsed
        .iter()
        .map(|stats| stats.get("numRecords")?.as_i64())
        .sum::<Option<i64>>()?;
    let mut merged = Map::new();
    merged.insert("numRecords".into(), rows.into());
    merged.insert(
        "minValues".into(),
        Value::Object(bounds(&parsed, "minValues", is_less)),
    );
    merged.insert(
        "maxValues".into(),
        Value::Object(bounds(&parsed, "maxValues", |a, b| is_less(b, a))),
    );
    merged.insert("nullCount".into(), Value::Object(null_counts(&parsed)));
    serde_json::to_string(&merged).ok()
}

fn section<'a>(stats: &'a Map<String, Value>, name: &str) -> Option<&'a Map<String, Value>> {
    stats.get(name)?.as_object()
}

/// Whether an input has no value at all in a column, by its own counts.
fn is_empty(stats: &Map<String, Value>, column: &str) -> bool {
    let nulls = section(stats, "nullCount").and_then(|nulls| nulls.get(column)?.as_i64());
    nulls.is_some() && nulls == stats.get("numRecords").and_then(Value::as_i64)
}

fn bounds(
    inputs: &[Map<String, Value>],
    name: &str,
    better: impl Fn(&Value, &Value) -> Option<bool>,
) -> Map<String, Value> {
    let mut columns: Vec<&String> = inputs
        .iter()
        .filter_map(|stats| section(stats, name))
        .flat_map(Map::keys)
        .collect();
    columns.sort();
    columns.dedup();
    let mut merged = Map::new();
    for column in columns {
        let best = inputs
            .iter()
            .filter(|stats| !is_empty(stats, column))
            .map(|stats| section(stats, name)?.get(column))
            .try_fold(None::<&Value>, |best, value| {
                let value = value?;
                let Some(best) = best else {
                    return Some(Some(value));
                };
                Some(Some(if better(value, best)? { value } else { best }))
            });
        if let Some(Some(best)) = best {
            merged.insert(column.clone(), best.clone());
        }
    }
    merged
}

/// `None` when the two cannot be compared, which drops the column's bounds.
fn is_less(a: &Value, b: &Value) -> Option<bool> {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Some(a < b),
            _ => Some(a.as_f64()? < b.as_f64()?),
        },
        (Value::String(a), Value::String(b)) => match (instant(a), instant(b)) {
            // Writers print instants with different numbers of digits; texts would not compare.
            (Some(a), Some(b)) => Some(a < b),
            _ => Some(a < b),
        },
        (Value::Bool(a), Value::Bool(b)) => Some(!a & b),
        _ => None,
    }
}

fn instant(text: &str) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.timestamp_micros())
}

fn null_counts(inputs: &[Map<String, Value>]) -> Map<String, Value> {
    let Some(first) = inputs.first().and_then(|stats| section(stats, "nullCount")) else {
        return Map::new();
    };
    first
        .keys()
        .filter_map(|column| {
            let sum = inputs
                .iter()
                .map(|stats| section(stats, "nullCount")?.get(column)?.as_i64())
                .sum::<Option<i64>>()?;
            Some((column.clone(), sum.into()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(inputs: &[&str]) -> Value {
        let inputs: Vec<Option<String>> = inputs.iter().map(|s| Some((*s).to_owned())).collect();
        serde_json::from_str(&merge(&inputs).expect("complete inputs")).expect("JSON")
    }

    #[test]
    fn counts_add_up_and_bounds_widen() {
        let stats = merged(&[
            r#"{"numRecords":2,"minValues":{"a":1,"t":"2026-01-01T00:00:00.500Z","s":"b"},
                "maxValues":{"a":5,"t":"2026-01-01T00:00:01Z","s":"c"},"nullCount":{"a":0,"t":0,"s":1}}"#,
            r#"{"numRecords":3,"minValues":{"a":-2.5,"t":"2026-01-01T00:00:00Z","s":"a"},
                "maxValues":{"a":4,"t":"2026-01-01T00:00:01.250Z","s":"bb"},"nullCount":{"a":2,"t":0,"s":0}}"#,
        ]);
        assert_eq!(stats["numRecords"], 5);
        assert_eq!(stats["minValues"]["a"], -2.5);
        assert_eq!(stats["maxValues"]["a"], 5);
        assert_eq!(stats["minValues"]["t"], "2026-01-01T00:00:00Z");
        assert_eq!(stats["maxValues"]["t"], "2026-01-01T00:00:01.250Z");
        assert_eq!(stats["maxValues"]["s"], "c");
        assert_eq!(stats["nullCount"]["a"], 2);
    }

    #[test]
    fn a_bound_that_is_not_known_everywhere_is_dropped() {
        let stats = merged(&[
            r#"{"numRecords":1,"minValues":{"a":1,"b":1},"maxValues":{"a":1},"nullCount":{"a":0,"b":0}}"#,
            r#"{"numRecords":1,"minValues":{"b":2},"maxValues":{},"nullCount":{"a":0,"b":0}}"#,
            r#"{"numRecords":4,"minValues":{},"maxValues":{},"nullCount":{"a":0,"b":4}}"#,
        ]);
        assert_eq!(
            stats["minValues"].get("a"),
            None,
            "the second input may hold anything"
        );
        assert_eq!(
            stats["minValues"]["b"], 1,
            "an input of nulls only has no say"
        );
        assert_eq!(merge(&[None]), None);
    }
}
