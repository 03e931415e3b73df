//! Catalogues that nobody can add to once they are built, in a fixed order.
//!
//! The engine's own ones take new tables at any time and list names in no order; the ids a client
//! sees in `pg_class` follow that order and have to stay the same from one question to the next.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use parking_lot::RwLock;

use crate::sql::Fault;

/// The one database.
pub const DATABASE: &str = "nonsite";

/// A list of one catalogue.
#[derive(Debug)]
pub(super) struct OneCatalogue(pub(super) Arc<Schemas>);

impl CatalogProviderList for OneCatalogue {
    fn register_catalog(
        &self,
        _name: String,
        _catalog: Arc<dyn CatalogProvider>,
    ) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![DATABASE.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == DATABASE).then(|| Arc::clone(&self.0) as _)
    }
}

/// Schemas by name; open while it is built, closed afterwards.
#[derive(Debug, Default)]
pub(super) struct Schemas {
    schemas: RwLock<BTreeMap<String, Arc<dyn SchemaProvider>>>,
    closed: AtomicBool,
}

impl Schemas {
    /// From now on nothing can be added.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}

impl CatalogProvider for Schemas {
    fn schema_names(&self) -> Vec<String> {
        self.schemas.read().keys().cloned().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        self.schemas.read().get(name).cloned()
    }

    fn register_schema(
        &self,
        name: &str,
        schema: Arc<dyn SchemaProvider>,
    ) -> Result<Option<Arc<dyn SchemaProvider>>> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Fault::refused("CREATE SCHEMA").into());
        }
        Ok(self.schemas.write().insert(name.to_owned(), schema))
    }
}

/// Tables by name; none can be added.
#[derive(Debug)]
pub(super) struct Tables(pub(super) BTreeMap<String, Arc<dyn TableProvider>>);

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        Ok(self.0.get(name).cloned())
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.0.get(name).map(|table| table.table_type()))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }
}

/// A schema of which one table is another's.
#[derive(Debug)]
pub(super) struct Overlaid {
    /// What is asked first.
    pub(super) over: BTreeMap<String, Arc<dyn TableProvider>>,
    /// What is asked for the rest.
    pub(super) under: Arc<dyn SchemaProvider>,
}

#[async_trait]
impl SchemaProvider for Overlaid {
    fn table_names(&self) -> Vec<String> {
        let mut names = self.under.table_names();
        names.extend(self.over.keys().cloned());
        names.sort();
        names.dedup();
        names
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        match self.over.get(name) {
            Some(table) => Ok(Some(Arc::clone(table))),
            None => self.under.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.over.contains_key(name) || self.under.table_exist(name)
    }
}
