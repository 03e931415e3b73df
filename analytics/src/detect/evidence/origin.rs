//! Where the rows of a finding's window came from, and the marks they carry.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{Rows, fetch, give};
use crate::session::{Error, Session};

/// Where the rows of the window came from, and the marks they carry. `same` joins them.
pub(super) async fn of_origin(
    run: &Session,
    same: &str,
    parts: &mut [Map<String, Value>],
) -> Result<(), Error> {
    // One walk over the raw rows for both: each group is small.
    let sql = format!(
        "SELECT w.no, r.kafka_topic AS topic, r.kafka_partition AS partition,
                min(r.kafka_offset) AS first_offset, max(r.kafka_offset) AS last_offset,
                r.granularity, coalesce(r.flag, '') AS flag, count(*) AS row_count,
                min(r.data_time) AS first_time, max(r.data_time) AS last_time
         FROM wanted w
         JOIN readings_raw r ON {same}
                            AND r.data_time >= w.window_from AND r.data_time < w.window_to
         GROUP BY w.no, r.kafka_topic, r.kafka_partition, r.granularity, coalesce(r.flag, '')
         ORDER BY w.no, topic, partition, granularity, flag"
    );
    let groups = fetch(run, &sql).await?;
    let by = |keys: &[&str], ends: &[&str]| -> Rows {
        groups
            .iter()
            .map(|(no, rows)| (*no, folded(rows, keys, ends)))
            .collect()
    };
    let sources = by(&["topic", "partition"], &["first_offset", "last_offset"]);
    let marks = by(&["granularity", "flag"], &["first_time", "last_time"]);
    give(parts, "sources", sources);
    give(parts, "marks", marks);
    Ok(())
}

/// Groups rows by some keys: counts added up, from the first of `ends` to the last.
fn folded(rows: &[Value], keys: &[&str], ends: &[&str]) -> Vec<Value> {
    let mut groups: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for row in rows {
        let own = || {
            keys.iter()
                .chain(ends)
                .chain(&["row_count"])
                .map(|key| {
                    (
                        (*key).to_owned(),
                        row.get(*key).cloned().unwrap_or_default(),
                    )
                })
                .collect::<Map<_, _>>()
        };
        let key: Vec<String> = keys
            .iter()
            .map(|key| match row.get(*key) {
                // Numbers in their order, not that of their digits.
                Some(Value::Number(number)) => format!("{:020}", number.as_i64().unwrap_or(0)),
                Some(other) => other.to_string(),
                None => String::new(),
            })
            .collect();
        let Some(group) = groups.get_mut(&key.join("\n")) else {
            groups.insert(key.join("\n"), own());
            continue;
        };
        let count = |value: Option<&Value>| value.and_then(Value::as_i64).unwrap_or(0);
        let total = count(group.get("row_count")) + count(row.get("row_count"));
        group.insert("row_count".to_owned(), Value::from(total));
        for (end, later) in ends.iter().zip([false, true]) {
            if let (Some(held), Some(new)) = (group.get_mut(*end), row.get(*end))
                && later == after(new, held)
                && new != held
            {
                *held = new.clone();
            }
        }
    }
    groups.into_values().map(Value::Object).collect()
}

/// Whether an offset or a Beijing time lies after another.
fn after(left: &Value, right: &Value) -> bool {
    match (left.as_i64(), right.as_i64()) {
        (Some(left), Some(right)) => left > right,
        _ => left.as_str() > right.as_str(),
    }
}
