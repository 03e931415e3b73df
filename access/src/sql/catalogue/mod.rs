//! What one user finds: schemas `nonsite` and `nonsite_meta`, PostgreSQL's catalogue about them,
//! and the functions.
//!
//! A catalogue is built once per user and state of the tables, and then cannot be changed: nothing
//! can be registered in it, so a plan made in it can only read what was put there.
//!
//! Invariant: a restricted user's catalogue holds filtered tables and views planned over these,
//! never a plain table ([`super::scope`]).

mod bounded;
mod comments;
mod format;
mod functions;
mod information;
mod lazy;
mod limits;
mod lists;
mod meta;
mod own;
mod settings;
mod travel;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray, Int32Array, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};
use datafusion::catalog::{CatalogProvider, MemTable, TableProvider};
use datafusion::execution::disk_manager::DiskManager;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::execution::session_state::{SessionState, SessionStateBuilder};
use datafusion::prelude::SessionContext;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::context::EmptyContextProvider;
use datafusion_postgres::datafusion_pg_catalog::pg_catalog::setup_pg_catalog;
use nonsite_analytics::ratio::{RatioPolicies, register_view};
use nonsite_analytics::session::{self, Session};
use nonsite_analytics::views;
use nonsite_schemas::time::Clock;

pub use comments::{Comment, Comments};
pub use functions::SERVER_VERSION;
pub use limits::load as load_limits;
pub use lists::DATABASE;
pub use meta::rules;
pub use own::Own;
pub use settings::default as default_setting;

use super::config::Config;
use super::connections::Connections;
use super::log::QueryLog;
use super::reads::ReadLog;
use super::scope::Scope;
use super::users::User;
use super::{Fault, FaultKind};
use information::INFORMATION;
use lazy::Lazy;
use lists::{OneCatalogue, Overlaid, Schemas, Tables};
use travel::{At, What};

/// Schema of the tables and views.
pub const TABLES: &str = "nonsite";
/// Schema of what the system knows about itself.
pub const META: &str = "nonsite_meta";

/// What one user finds in one state of the tables.
#[derive(Debug)]
pub struct Catalogue {
    user: User,
    state: SessionState,
    comments: Comments,
}

/// What a catalogue is built from.
pub(super) struct Ground<'g> {
    /// All tables and views, unfiltered.
    pub(super) session: &'g Session,
    /// Settings of the session.
    pub(super) session_config: &'g session::Config,
    /// Settings of the queries.
    pub(super) config: &'g Config,
    /// Policies of the ratio.
    pub(super) policies: &'g RatioPolicies,
    /// The rules as rows.
    pub(super) rules: &'g RecordBatch,
    /// The query log.
    pub(super) log: &'g QueryLog,
    /// Who read what over the REST API.
    pub(super) reads: Option<&'g Arc<dyn ReadLog>>,
    /// The open connections.
    pub(super) connections: &'g Connections,
    /// Where queries spill to.
    pub(super) disk: &'g Arc<DiskManager>,
    /// The clock of the ratio.
    pub(super) clock: &'g Arc<dyn Clock>,
}

impl Catalogue {
    /// Whose it is.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// A state to plan and run in; it shares nothing that a query could change.
    pub fn state(&self) -> SessionState {
        self.state.clone()
    }

    /// Comments of all tables and columns.
    pub fn comments(&self) -> &Comments {
        &self.comments
    }

    /// Names of the tables and views of a schema, sorted.
    pub fn names(&self, schema: &str) -> Vec<String> {
        let catalogue = self.state.catalog_list().catalog(DATABASE);
        let schema = catalogue.and_then(|catalogue| catalogue.schema(schema));
        schema
            .map(|schema| schema.table_names())
            .unwrap_or_default()
    }

    /// Names of the functions.
    pub fn functions(&self) -> Vec<String> {
        let state = &self.state;
        let names = state
            .scalar_functions()
            .keys()
            .chain(state.aggregate_functions().keys())
            .chain(state.window_functions().keys())
            .chain(state.table_functions().keys());
        names.cloned().collect()
    }

    /// A table or view.
    ///
    /// # Errors
    /// It cannot be opened.
    pub async fn table(
        &self,
        schema: &str,
        name: &str,
    ) -> Result<Option<Arc<dyn TableProvider>>, Fault> {
        let catalogue = self.state.catalog_list().catalog(DATABASE);
        match catalogue.and_then(|catalogue| catalogue.schema(schema)) {
            Some(schema) => Ok(schema.table(name).await?),
            None => Ok(None),
        }
    }

    /// Builds the catalogue of a user.
    ///
    /// # Errors
    /// Tables that cannot be read.
    pub(super) async fn build(ground: &Ground<'_>, user: &User) -> Result<Self, Fault> {
        let all = ground.session.ctx();
        let plain = session::context(ground.session_config)
            .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?;
        let scope = match &user.orgs {
            Some(orgs) => Some(Arc::new(Scope::of(all, orgs).await?)),
            None => None,
        };
        let source = match &scope {
            Some(scope) => filtered(ground, scope).await?,
            None => all.clone(),
        };
        let tables = everything(&source).await?;

        let schemas = Arc::new(Schemas::default());
        let state = SessionStateBuilder::new_from_existing(all.state())
            .with_config(
                all.copied_config()
                    .with_default_catalog_and_schema(DATABASE, TABLES)
                    .with_create_default_catalog_and_schema(false)
                    // Ours is registered below.
                    .with_information_schema(false),
            )
            .with_catalog_list(Arc::new(OneCatalogue(Arc::clone(&schemas))))
            .with_expr_planners(bounded::planners(&all.state()))
            // Nothing that opens a file or an address by its name.
            .with_table_factories(std::collections::HashMap::new())
            .with_runtime_env(Arc::new(RuntimeEnv {
                disk_manager: Arc::clone(ground.disk),
                ..all.runtime_env().as_ref().clone()
            }))
            .build();
        let ctx = SessionContext::new_with_state(state);

        let mut comments = Comments::default();
        for (name, table) in &tables {
            comments.add(TABLES, name, &table.schema());
        }
        let mut known = meta::tables(
            &meta::Sources {
                store: ground.session.store(),
                rules: ground.rules,
                log: ground.log,
                reads: ground.reads,
                slow_ms: ground.config.slow_ms,
                user,
            },
            &tables,
        )?;
        known.insert("comments".to_owned(), meta::comments_table(&comments)?);
        for (name, table) in &known {
            comments.add(META, name, &table.schema());
        }
        known.insert("comments".to_owned(), meta::comments_table(&comments)?);
        let information = information::schema(&[(TABLES, &tables), (META, &known)], &user.name)?;
        schemas.register_schema(INFORMATION, Arc::new(information))?;
        schemas.register_schema(TABLES, Arc::new(Tables(tables)))?;
        schemas.register_schema(META, Arc::new(Tables(known)))?;

        setup_pg_catalog(&ctx, DATABASE, EmptyContextProvider).map_err(|error| *error)?;
        functions::register(&ctx, user);
        own::register(&ctx, user, ground.connections);
        ctx.register_udf(format::function());
        bounded::register(&ctx);
        ctx.register_udf(limits::function());
        for (name, what) in [("at", What::AnyTable), ("readings_at", What::Readings)] {
            let function = At {
                what,
                session: ground.session.clone(),
                plain: plain.clone(),
                scope: scope.clone(),
            };
            ctx.register_udtf(name, Arc::new(function));
        }
        let activity = activity(user, ground.connections);
        describe(&ctx, &schemas, &comments, activity).await?;
        schemas.close();
        Ok(Self {
            user: user.clone(),
            state: ctx.state(),
            comments,
        })
    }
}

/// Tables cut down to what a restricted user sees, and the views over them. A view over something
/// hidden is left out.
async fn filtered(ground: &Ground<'_>, scope: &Scope) -> Result<SessionContext, Fault> {
    let ctx = session::context(ground.session_config)
        .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?;
    for def in session::travel::definitions() {
        let table = ground.session.ctx().table_provider(def.name).await?;
        if let Some(table) = scope.filtered(def.name, table)? {
            ctx.register_table(def.name, table)?;
        }
    }
    for (name, _) in views::VIEWS {
        if let Err(error) = views::register(&ctx, &[name]).await {
            tracing::debug!(view = name, %error, "left out for a restricted user");
        }
    }
    register_view(&ctx, ground.policies, Arc::clone(ground.clock)).await?;
    Ok(ctx)
}

/// Every table and view of a context.
async fn everything(
    ctx: &SessionContext,
) -> Result<BTreeMap<String, Arc<dyn TableProvider>>, Fault> {
    let schema = ctx
        .catalog("datafusion")
        .and_then(|catalogue| catalogue.schema("public"));
    let mut tables = BTreeMap::new();
    let Some(schema) = schema else {
        return Ok(tables);
    };
    for name in schema.table_names() {
        if let Some(table) = schema.table(&name).await? {
            tables.insert(name, table);
        }
    }
    Ok(tables)
}

/// The connections this user sees, as they are when the table is read.
fn activity(user: &User, connections: &Connections) -> Arc<dyn TableProvider> {
    let (user, connections) = (user.clone(), connections.clone());
    let make = move || {
        let rows = connections.rows(&user, DATABASE).map_err(Into::into);
        Box::pin(std::future::ready(rows)) as _
    };
    Arc::new(Lazy::new(Connections::schema(), Arc::new(make)))
}

/// Id of the table of tables in PostgreSQL, for a catalogue that does not list itself.
const PG_CLASS: i32 = 1259;

/// Puts the comments where clients look for them. The ids of tables are handed out by the first
/// question about them, so that question is asked here, in a fixed order.
async fn describe(
    ctx: &SessionContext,
    schemas: &Schemas,
    comments: &Comments,
    activity: Arc<dyn TableProvider>,
) -> Result<(), Fault> {
    let rows = ctx
        .sql(
            "SELECT n.nspname, c.relname, c.oid FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace",
        )
        .await?
        .collect()
        .await?;
    let mut ids: BTreeMap<(String, String), i32> = BTreeMap::new();
    for batch in &rows {
        let text = |i: usize| -> Result<StringArray, Fault> {
            let column = cast(batch.column(i), &DataType::Utf8)
                .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?;
            Ok(column.as_string::<i32>().clone())
        };
        let (schema, table) = (text(0)?, text(1)?);
        let oid = cast(batch.column(2), &DataType::Int32)
            .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?;
        let oid = oid.as_primitive::<Int32Type>();
        for i in 0..batch.num_rows() {
            let key = (schema.value(i).to_owned(), table.value(i).to_owned());
            ids.insert(key, oid.value(i));
        }
    }
    let visible: BTreeSet<i64> = ids
        .iter()
        .filter(|((schema, _), _)| schema != META && schema != INFORMATION)
        .map(|(_, id)| i64::from(*id))
        .collect();
    let mut described = BTreeMap::new();
    let (mut tables, mut columns, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    for comment in comments.all() {
        let Some(id) = ids.get(&(comment.schema.clone(), comment.table.clone())) else {
            continue;
        };
        described.insert(
            (i64::from(*id), i64::from(comment.number)),
            comment.text.clone(),
        );
        tables.push(*id);
        columns.push(comment.number);
        texts.push(comment.text.clone());
    }
    functions::register_described(ctx, &Arc::new(described), Arc::new(visible));
    ctx.register_udf(functions::to_regclass(ids.clone()));
    let schema = Arc::new(Schema::new(vec![
        Field::new("objoid", DataType::Int32, false),
        Field::new("classoid", DataType::Int32, false),
        Field::new("objsubid", DataType::Int32, false),
        Field::new("description", DataType::Utf8, false),
    ]));
    // Descriptions are of rows of pg_class: its own id here is what `'pg_class'::regclass` finds.
    let pg_class = ids.get(&("pg_catalog".to_owned(), "pg_class".to_owned()));
    let of_class = Int32Array::from(vec![pg_class.copied().unwrap_or(PG_CLASS); tables.len()]);
    let rows = RecordBatch::try_new(
        Arc::clone(&schema),
        vec![
            Arc::new(Int32Array::from(tables)),
            Arc::new(of_class),
            Arc::new(Int32Array::from(columns)),
            Arc::new(StringArray::from(texts)),
        ],
    )
    .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?;
    let descriptions: Arc<dyn TableProvider> =
        Arc::new(MemTable::try_new(schema, vec![vec![rows]])?);
    // The library lists one more, which nobody can log in to.
    let databases = ctx
        .sql(&format!(
            "SELECT * FROM pg_catalog.pg_database WHERE datname = '{DATABASE}'"
        ))
        .await?;
    let kinds = Arc::clone(databases.schema().inner());
    let databases = MemTable::try_new(kinds, vec![databases.collect().await?])?;
    if let Some(under) = schemas.schema("pg_catalog") {
        let over = BTreeMap::from([
            (
                "pg_database".to_owned(),
                Arc::new(databases) as Arc<dyn TableProvider>,
            ),
            ("pg_description".to_owned(), descriptions),
            ("pg_settings".to_owned(), settings::table()?),
            ("pg_stat_activity".to_owned(), activity),
        ]);
        schemas.register_schema("pg_catalog", Arc::new(Overlaid { over, under }))?;
    }
    Ok(())
}
