//! One query session over all tables at fixed versions.
//!
//! Everything that reads (rules, ratio, review, analysts) goes through a [`Session`], so that a
//! table means the same everywhere: the Delta tables of `nonsite_schemas::tables`, the views of
//! [`crate::views`] and the functions of [`crate::functions`].
//!
//! Invariants:
//! - the version of every table is fixed when the session opens and is told by
//!   [`Session::version`]; two queries of one session see the same data;
//! - a table that does not exist yet is an empty table with its declared columns, so that a query
//!   written for a full system runs on an empty one; a store whose folder is not there is an error,
//!   because it is more likely a mistyped path than an empty system;
//! - a query that needs more than the configured memory fails with an error instead of growing.
//!
//! Failure modes: an unreadable folder or log ([`Error::Store`], [`Error::Table`]).

mod error;
mod files;
mod keep;
mod readings;
pub mod render;
pub mod rows;
mod sift;
mod store;
pub mod travel;

use std::collections::BTreeMap;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::cache::cache_manager::{CacheManagerConfig, FileMetadataCache};
use datafusion::execution::cache::default_cache::DefaultCache;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};
use deltalake::DeltaTable;
use deltalake::delta_datafusion::{DeltaScanConfig, DeltaScanNext};
use nonsite_schemas::copies;
use nonsite_schemas::tables::{self, TableDef};
use serde::{Deserialize, Serialize};

use crate::functions::units::Units;
pub use error::Error;
pub(crate) use keep::{plain, recast};
pub(crate) use readings::Readings;
pub use store::present;
pub(crate) use store::{
    append, ensure, load, load_at, replace_partitions, replace_partitions_by, transaction,
};

/// `[session]`: what one query may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Memory a session's queries may hold together, MiB (at least 64).
    pub memory_mb: usize,
    /// Parallelism of one query; 0 means one per core. Results do not depend on it.
    pub partitions: usize,
    /// Units of readings where they differ from HJ 212-2017: `FACTOR` or `MN/FACTOR` to the unit
    /// the station sends (`"a21001" = "mg/m3"`).
    pub units: BTreeMap<String, String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            memory_mb: 1_024,
            partitions: 0,
            units: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Refuses settings that cannot work, naming the key.
    pub fn validate(&self) -> Result<(), Error> {
        if self.memory_mb < 64 {
            return Err(Error::Config {
                key: "session.memory_mb".to_owned(),
                what: format!("{} is too small, use at least 64", self.memory_mb),
            });
        }
        self.units().map(|_| ())
    }

    /// What stations send.
    fn units(&self) -> Result<Arc<Units>, Error> {
        Units::new(&self.units)
            .map(Arc::new)
            .map_err(|(key, what)| Error::Config {
                key: format!("session.units.\"{key}\""),
                what,
            })
    }
}

/// A query session over one store at fixed table versions; derefs to the engine's context.
#[derive(Clone)]
pub struct Session {
    ctx: SessionContext,
    store: PathBuf,
    versions: BTreeMap<String, i64>,
    units: Arc<Units>,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("store", &self.store)
            .field("versions", &self.versions)
            .finish_non_exhaustive()
    }
}

impl Deref for Session {
    type Target = SessionContext;

    fn deref(&self) -> &SessionContext {
        &self.ctx
    }
}

impl Session {
    /// The engine's context.
    pub fn ctx(&self) -> &SessionContext {
        &self.ctx
    }

    /// Folder of the tables.
    pub fn store(&self) -> &Path {
        &self.store
    }

    /// Version of a table this session reads; -1 when the table does not exist yet.
    pub fn version(&self, table: &str) -> i64 {
        self.versions.get(table).copied().unwrap_or(-1)
    }

    /// Whether a table may have rows; those of a session in memory have no version.
    pub(crate) fn may_hold(&self, table: &str) -> bool {
        self.store.as_os_str().is_empty() || self.version(table) >= 0
    }

    /// Versions of all tables that exist.
    pub fn versions(&self) -> &BTreeMap<String, i64> {
        &self.versions
    }

    /// The units readings are in where they differ from the standard's.
    pub(crate) fn units(&self) -> &Units {
        &self.units
    }

    /// Runs one query and collects its rows; `what` names it in an error.
    pub async fn rows(&self, what: &str, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        let frame = self.ctx.sql(sql).await.map_err(Error::query(what))?;
        frame.collect().await.map_err(Error::query(what))
    }

    /// Runs one query that may only read: whatever defines, changes or sets something is refused
    /// before it runs. An empty result keeps its columns.
    pub async fn read(&self, sql: &str) -> Result<Vec<RecordBatch>, Error> {
        let options = SQLOptions::new()
            .with_allow_ddl(false)
            .with_allow_dml(false)
            .with_allow_statements(false);
        let frame = self
            .ctx
            .sql_with_options(sql, options)
            .await
            .map_err(|error| self.not_understood(error))?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let mut batches = frame.collect().await.map_err(Error::query("query"))?;
        if batches.is_empty() {
            batches.push(RecordBatch::new_empty(schema));
        }
        Ok(batches)
    }

    /// The error of a question that cannot be planned; one that asks for an unknown table is told
    /// which there are.
    fn not_understood(&self, error: DataFusionError) -> Error {
        let unknown = match error.find_root() {
            DataFusionError::Plan(what) => what
                .strip_prefix("table '")
                .and_then(|rest| rest.strip_suffix("' not found"))
                .map(|name| name.strip_prefix("datafusion.public.").unwrap_or(name)),
            _ => None,
        };
        let Some(name) = unknown else {
            return Error::query("query")(error);
        };
        let mut known: Vec<String> = self
            .ctx
            .catalog("datafusion")
            .and_then(|catalog| catalog.schema("public"))
            .map(|schema| schema.table_names())
            .unwrap_or_default();
        known.sort();
        Error::Asked {
            what: format!(
                "query: there is no table or view `{name}`; there are: {}",
                known.join(", ")
            ),
        }
    }

    /// The same tables at the same versions, cut down to what a run looks at: `readings_raw` holds
    /// only the logger-days of `scope` (columns mn, date) between the two dates, and so does the
    /// view `readings`. The uncut table is `readings_raw_all`. Memory and settings are shared.
    pub(crate) async fn scoped(
        &self,
        scope: RecordBatch,
        dates: std::ops::RangeInclusive<i32>,
    ) -> Result<Self, Error> {
        let ctx =
            SessionContext::new_with_config_rt(self.ctx.copied_config(), self.ctx.runtime_env());
        crate::functions::register(&ctx, &self.units);
        for def in all_tables() {
            let what = format!("table `{}`", def.name);
            let table = self
                .ctx
                .table_provider(def.name)
                .await
                .map_err(Error::query(&what))?;
            let name = if def.name == "readings_raw" {
                "readings_raw_all"
            } else {
                def.name
            };
            ctx.register_table(name, table)
                .map_err(Error::query(&what))?;
        }
        let session = Self {
            ctx,
            store: self.store.clone(),
            versions: self.versions.clone(),
            units: Arc::clone(&self.units),
        };
        session.put("scope", scope)?;
        let cut = format!(
            // The small side stands left: it is the one held in memory while the other streams by.
            "SELECT r.* FROM scope s
             RIGHT SEMI JOIN readings_raw_all r ON r.mn = s.mn AND r.date = s.date
             WHERE r.date BETWEEN arrow_cast({}, 'Date32') AND arrow_cast({}, 'Date32')",
            dates.start(),
            dates.end()
        );
        let frame = session
            .ctx
            .sql(&cut)
            .await
            .map_err(Error::query("scope of the run"))?;
        session
            .ctx
            .register_table("readings_raw", frame.into_view())
            .map_err(Error::query("scope of the run"))?;
        // The other views become tables of the run; planning them here as well would cost more
        // than a small run's rules.
        crate::views::register(&session.ctx, &["readings"]).await?;
        self.share(&session.ctx, crate::views::DOCUMENTS).await?;
        Ok(session)
    }

    /// Gives another context views that do not depend on its scope: as planned here, else planned
    /// there.
    async fn share(&self, ctx: &SessionContext, names: &[&str]) -> Result<(), Error> {
        for name in names {
            let what = format!("view `{name}`");
            if self.ctx.table_exist(*name).map_err(Error::query(&what))? {
                let view = self
                    .ctx
                    .table_provider(*name)
                    .await
                    .map_err(Error::query(&what))?;
                ctx.register_table(*name, view)
                    .map_err(Error::query(&what))?;
            } else {
                crate::views::register(ctx, &[*name]).await?;
            }
        }
        Ok(())
    }

    /// A session with the same functions, settings and memory, and no tables.
    pub(crate) fn bare(&self) -> Self {
        let ctx =
            SessionContext::new_with_config_rt(self.ctx.copied_config(), self.ctx.runtime_env());
        crate::functions::register(&ctx, &self.units);
        Self {
            ctx,
            ..self.clone()
        }
    }

    /// Registers rows under `name`, replacing a table or view of that name.
    pub(crate) fn put(&self, name: &str, batch: RecordBatch) -> Result<(), Error> {
        self.put_all(name, &batch.schema(), vec![batch])
    }

    /// The same for any number of batches of these columns.
    pub(crate) fn put_all(
        &self,
        name: &str,
        schema: &SchemaRef,
        batches: Vec<RecordBatch>,
    ) -> Result<(), Error> {
        let what = format!("table `{name}`");
        let batches = batches
            .into_iter()
            .map(|batch| RecordBatch::try_new(Arc::clone(schema), batch.columns().to_vec()))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Error::query(&what)(error.into()))?;
        let table =
            MemTable::try_new(Arc::clone(schema), vec![batches]).map_err(Error::query(&what))?;
        self.ctx
            .deregister_table(name)
            .map_err(Error::query(&what))?;
        self.ctx
            .register_table(name, Arc::new(table))
            .map_err(Error::query(&what))?;
        Ok(())
    }
}

/// Memory for footers and page indexes of data files; beyond it, those not asked for longest are read
/// again when they are needed.
const FOOTER_BYTES: usize = 256 << 20;

/// Footers and page indexes of data files. Files never change, and sessions come and go with every
/// commit, so the process keeps one cache for all of them.
static FOOTERS: LazyLock<Arc<FileMetadataCache>> = LazyLock::new(|| {
    let cache = DefaultCache::new(FOOTER_BYTES).with_name("footers of data files");
    Arc::new(cache)
});

/// Every table a session knows.
fn all_tables() -> Vec<TableDef> {
    let mut tables = tables::all();
    tables.push(crate::detect::masses::daily_masses());
    tables.push(crate::detect::means::daily_means());
    tables
}

/// Definition of the table called `name`, if a session knows one.
pub(crate) fn table_def(name: &str) -> Option<TableDef> {
    all_tables().into_iter().find(|table| table.name == name)
}

/// An engine context with the functions registered and no tables.
pub fn context(config: &Config) -> Result<SessionContext, Error> {
    config.validate()?;
    let mut options = SessionConfig::new().with_information_schema(true);
    if config.partitions > 0 {
        options = options.with_target_partitions(config.partitions);
    }
    let settings = options.options_mut();
    settings.execution.parquet.pushdown_filters = true;
    settings.execution.parquet.reorder_filters = true;
    settings.execution.time_zone = Some("UTC".to_owned());
    // A view like `hourly` sorts in dozens of places, most of them a few rows: what each of them sets
    // aside for the case that it has to spill must not use up a query's memory by itself.
    settings.execution.sort_spill_reservation_bytes = 512 << 10;
    // Comments of columns are metadata, and over a union of tables that comment a column differently
    // the two planners do not agree on what becomes of them: grouping by it would be refused.
    settings.execution.skip_physical_aggregate_schema_check = true;
    let caches = CacheManagerConfig::default()
        .with_file_metadata_cache(Some(Arc::clone(&FOOTERS)))
        .with_metadata_cache_limit(FOOTER_BYTES);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_limit(config.memory_mb.saturating_mul(1 << 20), 1.0)
        .with_cache_manager(caches)
        .build_arc()
        .map_err(Error::query("memory limit"))?;
    let ctx = SessionContext::new_with_config_rt(options, runtime);
    crate::functions::register(&ctx, &config.units()?);
    Ok(ctx)
}

/// Opens a session over the tables in `store`: all tables, views and functions registered.
///
/// # Errors
/// There is no such folder ([`Error::Store`]), or a log or table cannot be read.
pub async fn open(store: &Path, config: &Config) -> Result<Session, Error> {
    present(store)?;
    open_early(store, config).await
}

/// The same for a server, which may be started before anything was ingested: as long as the folder
/// is not there, every table is empty.
///
/// # Errors
/// A log or table cannot be read.
pub async fn open_early(store: &Path, config: &Config) -> Result<Session, Error> {
    let session = open_at(store, config, None).await?;
    crate::views::register(&session.ctx, &[]).await?;
    Ok(session)
}

/// Like [`open`] without views, for those who bring their own.
pub(crate) async fn open_tables(store: &Path, config: &Config) -> Result<Session, Error> {
    present(store)?;
    open_at(store, config, None).await
}

/// The tables as they were: at these versions, absent where none is named or it is negative.
pub(crate) async fn open_versions(
    store: &Path,
    config: &Config,
    versions: &BTreeMap<String, i64>,
) -> Result<Session, Error> {
    open_at(store, config, Some(versions)).await
}

async fn open_at(
    store: &Path,
    config: &Config,
    at: Option<&BTreeMap<String, i64>>,
) -> Result<Session, Error> {
    let ctx = context(config)?;
    let mut versions = BTreeMap::new();
    for def in all_tables() {
        let wanted = at.map(|at| at.get(def.name).copied().unwrap_or(-1));
        let table = match wanted.map(u64::try_from) {
            Some(Err(_)) => None,
            wanted => load_at(store, def.name, wanted.and_then(Result::ok)).await?,
        };
        match table {
            Some(table) => {
                table
                    .update_datafusion_session(&ctx.state())
                    .map_err(Error::table(def.name))?;
                let state = table.snapshot().map_err(Error::table(def.name))?;
                versions.insert(
                    def.name.to_owned(),
                    i64::try_from(state.version()).unwrap_or(i64::MAX),
                );
                ctx.register_table(def.name, provider(&ctx, &def, &table).await?)
            }
            None => {
                let empty = MemTable::try_new(Arc::clone(&def.schema), vec![vec![]])
                    .map_err(Error::query(format!("table `{}`", def.name)))?;
                ctx.register_table(def.name, Arc::new(empty))
            }
        }
        .map_err(Error::query(format!("table `{}`", def.name)))?;
    }
    Ok(Session {
        ctx,
        store: store.to_owned(),
        versions,
        units: config.units()?,
    })
}

/// A version of a table as a query reads it.
async fn provider(
    ctx: &SessionContext,
    def: &TableDef,
    table: &DeltaTable,
) -> Result<Arc<dyn TableProvider>, Error> {
    let state = table.snapshot().map_err(Error::table(def.name))?;
    let config = DeltaScanConfig::new_from_session(&ctx.state()).with_wrap_partition_values(false);
    let scan = DeltaScanNext::new(state.snapshot().clone(), config)
        .map_err(Error::query(format!("table `{}`", def.name)))?;
    // The one table whose size decides how long a query takes.
    if def.name == copies::TABLE {
        let files = files::FileTable::open(table, scan.schema()).await;
        if let Some(files) = files.map_err(Error::table(def.name))? {
            return Ok(Arc::new(files));
        }
    }
    Ok(Arc::new(scan))
}

/// A session over tables held in memory, for tests of views and rules: tables that are not given
/// are empty.
pub async fn in_memory(given: Vec<(&str, RecordBatch)>, config: &Config) -> Result<Session, Error> {
    let ctx = context(config)?;
    let mut given: BTreeMap<&str, RecordBatch> = given.into_iter().collect();
    for def in all_tables() {
        let parts = given
            .remove(def.name)
            .map_or_else(Vec::new, |batch| vec![batch]);
        let table = MemTable::try_new(Arc::clone(&def.schema), vec![parts])
            .map_err(Error::query(format!("table `{}`", def.name)))?;
        ctx.register_table(def.name, Arc::new(table))
            .map_err(Error::query(format!("table `{}`", def.name)))?;
    }
    crate::views::register(&ctx, &[]).await?;
    Ok(Session {
        ctx,
        store: PathBuf::new(),
        versions: BTreeMap::new(),
        units: config.units()?,
    })
}

#[cfg(test)]
mod tests;
