//! Tables as they were: at a version, or at an instant.
//!
//! A figure that was given to somebody names the versions it was computed from; with these it can
//! be computed again, as long as the maintenance of the tables keeps that far back.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::catalog::TableProvider;
use futures::TryStreamExt;
use nonsite_schemas::tables::TableDef;

use super::{Error, Session, all_tables, load, store};

/// Which state of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The state after this commit, from 0.
    Version(u64),
    /// The state at this instant: after the last commit up to then.
    At(DateTime<Utc>),
}

/// One commit of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Name of the table.
    pub table: String,
    /// Version the commit made.
    pub version: i64,
    /// When it was written, microseconds since the epoch.
    pub at: Option<i64>,
    /// What was done: WRITE, OPTIMIZE, VACUUM ...
    pub operation: Option<String>,
}

/// Definition of every table a session knows, in the order of the documentation.
pub fn definitions() -> Vec<TableDef> {
    all_tables()
}

impl Session {
    /// A table as it was, in the order of columns it had then.
    ///
    /// # Errors
    /// There is no such table, or its files of that time are gone.
    pub async fn table_at(
        &self,
        name: &str,
        moment: Moment,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let missing = |what: String| Error::Asked { what };
        let Some(def) = all_tables().into_iter().find(|def| def.name == name) else {
            let names: Vec<&str> = all_tables().iter().map(|def| def.name).collect();
            return Err(missing(format!(
                "`{name}` is no table that keeps versions; there are: {}",
                names.join(", ")
            )));
        };
        let table = match moment {
            Moment::Version(version) => {
                store::load_at(&self.store, def.name, Some(version)).await?
            }
            Moment::At(at) => store::load_when(&self.store, def.name, at).await?,
        };
        let Some(table) = table else {
            return Err(missing(format!("table `{name}` has no versions yet")));
        };
        table
            .update_datafusion_session(&self.ctx.state())
            .map_err(Error::table(def.name))?;
        super::provider(&self.ctx, &def, &table).await
    }
}

/// The latest commits of every table, newest first, at most `limit` of each.
///
/// # Errors
/// A log that cannot be read.
pub async fn commits(store: &Path, limit: usize) -> Result<Vec<Commit>, Error> {
    let mut commits = Vec::new();
    for def in all_tables() {
        let Some(table) = load(store, def.name).await? else {
            continue;
        };
        let state = table.snapshot().map_err(Error::table(def.name))?;
        let newest = i64::try_from(state.version()).unwrap_or(i64::MAX);
        let infos: Vec<_> = table
            .history(Some(limit))
            .try_collect()
            .await
            .map_err(Error::table(def.name))?;
        for (back, info) in (0_i64..).zip(infos) {
            commits.push(Commit {
                table: def.name.to_owned(),
                version: newest - back,
                at: info.timestamp.map(|ms| ms.saturating_mul(1_000)),
                operation: info.operation,
            });
        }
    }
    Ok(commits)
}

/// What stands for the state of the store without reading it: of every table the newest entry of
/// its log. Two equal values mean that no table changed in between.
pub fn fingerprint(store: &Path) -> BTreeMap<&'static str, String> {
    all_tables()
        .into_iter()
        .filter_map(|def| {
            let newest = std::fs::read_dir(store.join(def.name).join("_delta_log"))
                .ok()?
                .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
                .filter(|name| name.ends_with(".json") && name.as_bytes()[0].is_ascii_digit())
                .max()?;
            Some((def.name, newest))
        })
        .collect()
}
