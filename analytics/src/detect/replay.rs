//! A finding computed again from what its run read: the same tables at the same versions, the same
//! rule file, the same parameters, the same time.
//!
//! The rule comes from table `rule_texts` and the parameters from the evidence, so a catalogue that
//! changed since does not matter. What does matter is the program: views and functions are its own,
//! and [`Replay::engine_changed`] says when they are no longer those of the run.
//!
//! The phase is not compared: it changes by time alone. Failure modes: the run left no record
//! ([`Error::Asked`]); the files of that time were vacuumed ([`Error::Gone`]).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::anomaly::Anomaly;
use super::catalogue::{Catalogue, Config};
use super::commit;
use super::evaluate::evaluate;
use super::plant::Sheets;
use super::record;
use super::rule::Number;
use super::stage::Stage;
use super::state::State;
use super::touched::{LoggerDay, Touched};
use crate::session::{self, Error, Session, rows};

/// Columns that tell runs apart and not findings, or that time alone changes.
const VOLATILE: [&str; 4] = ["phase", "first_seen_at", "last_seen_at", "readings_version"];
/// How the reason begins when a finding was withdrawn for another cause than data or time.
const BY_RULE: [&str; 2] = ["replaced by version", "the rule's parameters changed"];
/// A finding longer than this many days is judged from its two ends.
const LONG_DAYS: i32 = 31;

/// One value that is not what was recorded.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// Column, or path within the evidence such as `evidence.hours[3].value`.
    pub field: String,
    /// What the table has.
    pub recorded: Value,
    /// What came out now.
    pub recomputed: Value,
}

/// What came of a replay.
#[derive(Debug, Clone, Serialize)]
pub struct Replay {
    /// The finding.
    pub anomaly_id: String,
    /// Rule and version it was judged by.
    pub rule_id: String,
    /// Version of the rule.
    pub rule_version: i32,
    /// SHA-256 of the rule file.
    pub rule_sha256: String,
    /// The run whose inputs were used.
    pub run_id: String,
    /// Version of `readings_raw`.
    pub readings_version: i64,
    /// Time the run was told, microseconds UTC.
    pub as_of: i64,
    /// Program and views that made the finding.
    pub engine: String,
    /// Whether this program is another one.
    pub engine_changed: bool,
    /// Whether everything came out as recorded.
    pub equal: bool,
    /// What did not, the most telling first.
    pub differences: Vec<Difference>,
}

/// The anomaly whose id begins with `id`.
pub async fn find(session: &Session, id: &str) -> Result<Anomaly, Error> {
    let asked = |what: String| Error::Asked { what };
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(asked(format!(
            "`{id}` is no anomaly id; ids are hexadecimal, `nonsite anomaly list` shows them"
        )));
    }
    let sql = format!(
        "SELECT * FROM anomalies WHERE starts_with(anomaly_id, '{id}') ORDER BY anomaly_id, last_seen_at DESC"
    );
    let batches = session.rows("anomaly", &sql).await?;
    let rows = rows::objects(&batches).map_err(|error| Error::query("anomaly")(error.into()))?;
    let ids: BTreeSet<String> = rows
        .iter()
        .filter_map(|row| rows::text(row, "anomaly_id"))
        .collect();
    if ids.len() > 1 {
        let ids: Vec<&str> = ids.iter().map(String::as_str).take(5).collect();
        return Err(asked(format!(
            "several anomalies begin with `{id}`: {} ...; give more of the id",
            ids.join(", ")
        )));
    }
    let row = rows.into_iter().next().ok_or_else(|| {
        asked(format!(
            "there is no anomaly `{id}`; `nonsite anomaly list` shows them"
        ))
    })?;
    Anomaly::from_row(row).map_err(|error| asked(format!("anomaly `{id}`: {error}")))
}

/// Computes a finding again and compares it with what the table has.
pub async fn replay(store: &Path, config: &session::Config, id: &str) -> Result<Replay, Error> {
    replay_with(store, config, &Sheets::default(), id).await
}

/// The same with the plants' sheets as they are now: a sheet that changed since is a difference.
pub async fn replay_with(
    store: &Path,
    config: &session::Config,
    sheets: &Sheets,
    id: &str,
) -> Result<Replay, Error> {
    let now = session::open_tables(store, config).await?;
    let recorded = find(&now, id).await?;
    let asked = |what: String| Error::Asked {
        what: format!("anomaly {}: {what}", recorded.anomaly_id),
    };
    if let Some(why) = &recorded.withdrawn_reason
        && BY_RULE.iter().any(|begin| why.starts_with(begin))
    {
        return Err(asked(format!(
            "withdrawn because {why}: there is nothing to compute again"
        )));
    }
    let inputs = record::inputs(&now, recorded.last_seen_at, recorded.readings_version)
        .await?
        .ok_or_else(|| {
            asked("table detect_inputs has no record of the run that made it".to_owned())
        })?;
    let (rule_sha256, values) = rule_of(&recorded).map_err(&asked)?;
    let rule = record::rule(&now, &recorded.rule_id, &rule_sha256)
        .await?
        .ok_or_else(|| asked(format!("table rule_texts has no rule file {rule_sha256}")))?;
    if rule.sha256() != rule_sha256 {
        return Err(asked(format!(
            "the rule file in table rule_texts is not the one with SHA-256 {rule_sha256}"
        )));
    }
    let mut versions = inputs.versions.clone();
    let over_findings = rule.stage > Stage::Tables;
    if over_findings {
        // It was made of what the other rules of its run had found.
        let read = versions.get("anomalies").copied().unwrap_or(-1);
        let written = commit::written(store, read, inputs.as_of).await?;
        versions.insert("anomalies".to_owned(), written);
    }
    let then = session::open_versions(store, config, &versions).await?;
    let mut given = Vec::new();
    if over_findings {
        given = commit::stored_findings(&then).await?;
        given.retain(|anomaly| anomaly.rule_id != recorded.rule_id);
    }
    let catalogue = Catalogue::of(rule, values).with_sheets(sheets.clone());
    // Changed days, so that rules that look back over many days judge them, too.
    let days = days(&recorded);
    let touched = Touched {
        stirred: days.clone(),
        days,
        ..Touched::default()
    };
    let evaluation = evaluate(
        &then,
        &catalogue,
        &Config::default(),
        &touched,
        State::of(given),
        inputs.as_of,
    )
    .await
    .map_err(|error| {
        if error.is_missing_file() {
            Error::Gone {
                what: format!(
                    "anomaly {}: readings_raw version {} cannot be read ({error})",
                    recorded.anomaly_id, recorded.readings_version
                ),
            }
        } else {
            error
        }
    })?;
    let again = evaluation.state.get(&recorded.anomaly_id);
    let differences = match (recorded.is_open(), again) {
        (true, Some(again)) => compared(&recorded, again),
        (false, None) => Vec::new(),
        (open, _) => vec![Difference {
            field: "status".to_owned(),
            recorded: Value::from(if open { "open" } else { "withdrawn" }),
            recomputed: Value::from(if open { "not found" } else { "found" }),
        }],
    };
    Ok(Replay {
        anomaly_id: recorded.anomaly_id,
        rule_id: recorded.rule_id,
        rule_version: recorded.rule_version,
        rule_sha256,
        run_id: inputs.run_id,
        readings_version: recorded.readings_version,
        as_of: inputs.as_of,
        engine_changed: inputs.engine != record::engine(&now),
        engine: inputs.engine,
        equal: differences.is_empty(),
        differences,
    })
}

/// Hash of the rule file and parameters, as the evidence names them.
fn rule_of(recorded: &Anomaly) -> Result<(String, BTreeMap<String, Number>), String> {
    let evidence: Value = serde_json::from_str(&recorded.evidence)
        .map_err(|error| format!("its evidence cannot be read: {error}"))?;
    let rule = &evidence["rule"];
    let sha256 = rule["sha256"]
        .as_str()
        .ok_or("its evidence does not name its rule file")?;
    let mut values: BTreeMap<String, Number> = serde_json::from_value(rule["params"].clone())
        .map_err(|error| format!("its evidence has no parameters: {error}"))?;
    // What an override put in is put in again from the table, at its version of that time.
    for given in rule["overrides"].as_array().into_iter().flatten() {
        let base = serde_json::from_value(given["instead_of"].clone())
            .map_err(|error| format!("its evidence has an override without a base: {error}"))?;
        let parameter = given["parameter"].as_str().unwrap_or_default();
        values.insert(parameter.to_owned(), base);
    }
    Ok((sha256.to_owned(), values))
}

/// The logger-days a finding lies on; none for one about a permit.
fn days(anomaly: &Anomaly) -> BTreeSet<LoggerDay> {
    let Some(mn) = &anomaly.mn else {
        return BTreeSet::new();
    };
    let (first, last) = anomaly.days();
    if last - first > LONG_DAYS {
        [(mn.clone(), first), (mn.clone(), last)].into()
    } else {
        (first..=last).map(|date| (mn.clone(), date)).collect()
    }
}

/// Differences of two findings: columns first, then places in the evidence.
fn compared(recorded: &Anomaly, again: &Anomaly) -> Vec<Difference> {
    let (left, right) = (recorded.row(), again.row());
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let mut differences = Vec::new();
    let mut evidence = Vec::new();
    for key in keys {
        let of = |row: &Map<String, Value>| row.get(key).cloned().unwrap_or_default();
        let (old, new) = (of(&left), of(&right));
        if old == new || VOLATILE.contains(&key.as_str()) || key == "evidence_sha256" {
            continue;
        }
        if key == "evidence" {
            let parsed = |text: &str| serde_json::from_str(text).unwrap_or_default();
            walk(
                "evidence",
                &parsed(&recorded.evidence),
                &parsed(&again.evidence),
                &mut evidence,
            );
            continue;
        }
        differences.push(Difference {
            field: key.clone(),
            recorded: old,
            recomputed: new,
        });
    }
    // Hashes follow from what they are taken over, which is told itself.
    evidence.retain(|difference| !difference.field.starts_with("evidence.manifest"));
    differences.append(&mut evidence);
    if differences.is_empty() && recorded.evidence_sha256 != again.evidence_sha256 {
        differences.push(Difference {
            field: "evidence_sha256".to_owned(),
            recorded: Value::from(recorded.evidence_sha256.as_str()),
            recomputed: Value::from(again.evidence_sha256.as_str()),
        });
    }
    differences
}

fn walk(path: &str, left: &Value, right: &Value, found: &mut Vec<Difference>) {
    match (left, right) {
        (Value::Object(old), Value::Object(new)) => {
            let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
            for key in keys {
                let of = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
                walk(&format!("{path}.{key}"), &of(old), &of(new), found);
            }
        }
        (Value::Array(old), Value::Array(new)) if old.len() == new.len() => {
            for (at, (old, new)) in old.iter().zip(new).enumerate() {
                walk(&format!("{path}[{at}]"), old, new, found);
            }
        }
        (old, new) if old == new => {}
        (old, new) => found.push(Difference {
            field: path.to_owned(),
            recorded: old.clone(),
            recomputed: new.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_told_by_their_place() {
        let old = json!({"a": [{"v": 1.0}, {"v": 2.0}], "b": "x", "c": [1]});
        let new = json!({"a": [{"v": 1.0}, {"v": 3.0}], "c": [1, 2]});
        let mut found = Vec::new();
        walk("evidence", &old, &new, &mut found);
        let fields: Vec<&str> = found.iter().map(|d| d.field.as_str()).collect();
        assert_eq!(fields, ["evidence.a[1].v", "evidence.b", "evidence.c"]);
        assert_eq!(found[1].recomputed, Value::Null);
        let mut none = Vec::new();
        walk("evidence", &old, &old, &mut none);
        assert!(none.is_empty());
    }
}
