//! What a run read, kept so that its findings can be computed again: table versions and rule files.
//!
//! Invariant: before a run's findings are committed, the versions of all tables it read and the
//! text of every rule it ran are on record. `daily_masses` and `daily_means` are recorded as the run
//! left them, because sums and comparisons use the days that the same run judged.
//!
//! Failure mode: a crash between this record and the findings leaves a record without findings;
//! the next run writes its own, and of several for one time and version the newest is meant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nonsite_schemas::tables;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::catalogue::Catalogue;
use super::rule::Rule;
use crate::session::{Error, Session, append, ensure, load, rows};
use crate::views::VIEWS;

/// What a run read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inputs {
    /// Id of the run.
    pub run_id: String,
    /// Time the run was told, microseconds UTC.
    pub as_of: i64,
    /// Versions of all tables; -1 for one that did not exist.
    pub versions: BTreeMap<String, i64>,
    /// Program and views.
    pub engine: String,
}

/// The program's version and a hash over the views that rules read and the units that readings are
/// stated to be in.
pub fn engine(session: &Session) -> String {
    let mut hash = Sha256::new();
    for (name, sql) in VIEWS {
        hash.update(format!("{name}\n{sql}\n"));
    }
    hash.update(format!("{:?}", session.units().stated()));
    let views = hex::encode(hash.finalize());
    format!(
        "nonsite {} views {}",
        env!("CARGO_PKG_VERSION"),
        &views[..16]
    )
}

/// Puts a run on record. Masses must be written before.
pub(super) async fn write(
    store: &Path,
    session: &Session,
    catalogue: &Catalogue,
    run_id: &str,
    as_of: i64,
) -> Result<(), Error> {
    let batches = session
        .rows("rule texts", "SELECT rule_sha256 FROM rule_texts")
        .await?;
    let known: BTreeSet<String> = objects(&batches)?
        .iter()
        .filter_map(|row| rows::text(row, "rule_sha256"))
        .collect();
    let mut rules = Map::new();
    let mut fresh = Vec::new();
    for configured in catalogue.rules() {
        let rule = &configured.rule;
        let sha256 = rule.sha256();
        rules.insert(rule.id.clone(), Value::from(sha256.as_str()));
        if !known.contains(&sha256) {
            fresh.push(json!({
                "rule_sha256": sha256, "rule_id": rule.id, "rule_version": rule.version,
                "text": rule.text, "first_seen_at": as_of,
            }));
        }
    }
    add(store, &tables::rule_texts(), fresh).await?;
    let mut versions: BTreeMap<&str, i64> = session
        .versions()
        .iter()
        .map(|(table, version)| (table.as_str(), *version))
        .collect();
    for name in [
        super::masses::daily_masses().name,
        super::means::daily_means().name,
    ] {
        if let Some(table) = load(store, name).await? {
            let version = table.version().unwrap_or_default();
            versions.insert(name, i64::try_from(version).unwrap_or(i64::MAX));
        }
    }
    let row = json!({
        "run_id": run_id, "as_of": as_of, "readings_version": session.version("readings_raw"),
        "table_versions": json!(versions).to_string(), "rules": Value::Object(rules).to_string(),
        "engine": engine(session),
    });
    add(store, &tables::detect_inputs(), vec![row]).await
}

async fn add(store: &Path, def: &tables::TableDef, given: Vec<Value>) -> Result<(), Error> {
    if given.is_empty() {
        return Ok(());
    }
    let given: Vec<Map<String, Value>> = given
        .into_iter()
        .filter_map(|row| match row {
            Value::Object(row) => Some(row),
            _ => None,
        })
        .collect();
    let batch = rows::batch(&def.schema, &given)
        .map_err(|error| Error::query(format!("rows of table `{}`", def.name))(error.into()))?;
    let table = ensure(store, def).await?;
    append(&table, def, batch, Vec::new()).await
}

/// What the run read that wrote anomalies with this time and version of `readings_raw`.
pub async fn inputs(
    session: &Session,
    as_of: i64,
    readings_version: i64,
) -> Result<Option<Inputs>, Error> {
    let sql = format!(
        "SELECT run_id, table_versions, engine FROM detect_inputs
         WHERE arrow_cast(as_of, 'Int64') = {as_of} AND readings_version = {readings_version}"
    );
    let batches = session.rows("inputs of a run", &sql).await?;
    let mut found: Option<Inputs> = None;
    for row in objects(&batches)? {
        let text = |key| rows::text(&row, key).unwrap_or_default();
        let versions: BTreeMap<String, i64> = serde_json::from_str(&text("table_versions"))
            .map_err(|error| Error::Asked {
                what: format!("table detect_inputs, run {}: {error}", text("run_id")),
            })?;
        let candidate = Inputs {
            run_id: text("run_id"),
            as_of,
            versions,
            engine: text("engine"),
        };
        // Tables only grow, so the newest run has seen the most versions.
        let seen = |inputs: &Inputs| inputs.versions.values().sum::<i64>();
        if found
            .as_ref()
            .is_none_or(|known| seen(known) <= seen(&candidate))
        {
            found = Some(candidate);
        }
    }
    Ok(found)
}

/// The rule file with this hash, as it was when it ran.
pub async fn rule(session: &Session, rule_id: &str, sha256: &str) -> Result<Option<Rule>, Error> {
    let sql = format!(
        "SELECT text FROM rule_texts WHERE rule_sha256 = '{}' LIMIT 1",
        sha256.replace('\'', "''")
    );
    let batches = session.rows("rule text", &sql).await?;
    let text = objects(&batches)?
        .first()
        .and_then(|row| rows::text(row, "text"));
    text.map(|text| Rule::parse(rule_id, &text)).transpose()
}

fn objects(batches: &[arrow::record_batch::RecordBatch]) -> Result<Vec<Map<String, Value>>, Error> {
    rows::objects(batches).map_err(|error| Error::query("stored rows")(error.into()))
}
