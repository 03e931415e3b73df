//! Table `rule_params`: read, and added to after checks. Rows are never changed.

use std::collections::BTreeMap;
use std::path::Path;

use nonsite_schemas::tables;
use serde_json::Value;

use super::{Layer, Override};
use crate::detect::catalogue::Catalogue;
use crate::detect::evidence::beijing;
use crate::detect::rule::Number;
use crate::session::{Error, Session, append, ensure, rows};

fn asked(what: impl Into<String>) -> Error {
    Error::Asked { what: what.into() }
}

/// All rows, in the order in which they were recorded.
///
/// # Errors
/// What the table says.
pub async fn all(session: &Session) -> Result<Vec<Override>, Error> {
    let batches = session
        .rows(
            "overrides",
            "SELECT * FROM rule_params
             ORDER BY recorded_at, rule_id, parameter, layer, key, from_time, revoked, value",
        )
        .await?;
    rows::objects(&batches)
        .map_err(|error| Error::query("overrides")(error.into()))?
        .into_iter()
        .map(|row| {
            serde_json::from_value(Value::Object(row))
                .map_err(|error| asked(format!("table rule_params: {error}")))
        })
        .collect()
}

/// Those rows that say what is in force at a time (microseconds UTC).
pub fn in_force(all: &[Override], at: i64) -> Vec<&Override> {
    let mut last: BTreeMap<_, &Override> = BTreeMap::new();
    for row in all.iter().filter(|row| row.holds(at)) {
        last.insert((row.rule_id.as_str(), row.slot()), row);
    }
    last.into_values().filter(|row| !row.revoked).collect()
}

/// Sets a value after checking it.
///
/// # Errors
/// [`Error::Asked`] without reason, author or a time that ends after it begins; for a rule or
/// parameter that is not there, a value outside its bounds, an outlet or industry no permit names.
pub async fn set(
    store: &Path,
    session: &Session,
    catalogue: &Catalogue,
    given: &Override,
) -> Result<(), Error> {
    said(given)?;
    if given.expires_at <= given.from_time {
        return Err(asked(format!(
            "expires {} is not after from {}",
            beijing(given.expires_at),
            beijing(given.from_time)
        )));
    }
    if given.expires_at <= given.recorded_at {
        return Err(asked(format!(
            "expires {} has passed already",
            beijing(given.expires_at)
        )));
    }
    let configured = catalogue.get(&given.rule_id).ok_or_else(|| {
        asked(format!(
            "there is no rule `{}`; `nonsite rules list` shows them",
            given.rule_id
        ))
    })?;
    let values = BTreeMap::from([(given.parameter.clone(), Number::Real(given.value))]);
    configured
        .rule
        .values(&values)
        .map_err(|error| asked(error.to_string()))?;
    known(session, given).await?;
    add(store, given).await
}

/// Ends an override from `given.from_time` on; the row to end is the one recorded last.
///
/// # Errors
/// [`Error::Asked`] without reason or author, or where nothing is in force from then on.
pub async fn revoke(store: &Path, session: &Session, given: Override) -> Result<Override, Error> {
    said(&given)?;
    let all = all(session).await?;
    let same = |row: &&Override| row.rule_id == given.rule_id && row.slot() == given.slot();
    let later = |row: &&Override| row.expires_at > given.from_time;
    let last = all.iter().filter(same).rfind(later);
    let last = last.filter(|row| !row.revoked).ok_or_else(|| {
        asked(format!(
            "no override of {} {} for {} {} is in force after {}; `nonsite rules params list` shows them",
            given.rule_id,
            given.parameter,
            given.layer.code(),
            given.key,
            beijing(given.from_time)
        ))
    })?;
    let until = all.iter().filter(same).map(|row| row.expires_at).max();
    let row = Override {
        value: last.value,
        expires_at: until.unwrap_or(last.expires_at),
        revoked: true,
        ..given
    };
    add(store, &row).await?;
    Ok(row)
}

fn said(given: &Override) -> Result<(), Error> {
    for (name, text) in [("reason", &given.reason), ("author", &given.author)] {
        if text.trim().is_empty() {
            return Err(asked(format!("{name}: must not be empty")));
        }
    }
    Ok(())
}

/// Refuses a key that no permit and no filed binding names.
async fn known(session: &Session, given: &Override) -> Result<(), Error> {
    let key = given.key.replace('\'', "''");
    let sql = match given.layer {
        Layer::Outlet => format!(
            "SELECT 1 AS known FROM permit_outlets WHERE outlet_uid = '{key}'
             UNION ALL SELECT 1 AS known FROM permit_bindings WHERE outlet_uid = '{key}'
             UNION ALL SELECT 1 AS known FROM mn_bindings WHERE outlet_uid = '{key}'"
        ),
        Layer::Industry => {
            if !(2..=4).contains(&key.len()) || !key.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(asked(format!(
                    "`{key}` is no industry code: two to four digits (GB/T 4754)"
                )));
            }
            format!(
                "SELECT permit_no FROM permits
                 WHERE strpos(concat(',', industry_codes), ',{key}') > 0 LIMIT 1"
            )
        }
        Layer::Cadence => {
            return Err(asked(
                "values by cadence are stated in the rule's file (by_cadence)",
            ));
        }
    };
    let found = session.rows("whom an override is for", &sql).await?;
    if found.iter().all(|batch| batch.num_rows() == 0) {
        return Err(asked(format!(
            "no permit names {} `{}`",
            given.layer.code(),
            given.key
        )));
    }
    Ok(())
}

async fn add(store: &Path, row: &Override) -> Result<(), Error> {
    let def = tables::rule_params();
    let Value::Object(row) = serde_json::to_value(row).unwrap_or_default() else {
        return Err(asked("an override that is no row"));
    };
    let batch = rows::batch(&def.schema, &[row])
        .map_err(|error| Error::query("rows of table `rule_params`")(error.into()))?;
    let table = ensure(store, &def).await?;
    append(&table, &def, batch, Vec::new()).await
}
