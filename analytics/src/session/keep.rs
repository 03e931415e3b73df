//! Queries whose rows are kept for the rest of a session, so that many rules share one computation.

use std::sync::Arc;

use arrow::compute::cast;
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;

use super::{Error, Session};

impl Session {
    /// Runs one query and keeps its rows under `name` for the rest of the session, replacing a
    /// view of that name. Rules then share the result instead of computing it again.
    pub(crate) async fn materialise(&self, name: &str, sql: &str) -> Result<(), Error> {
        let what = format!("intermediate table `{name}`");
        let frame = self.ctx.sql(sql).await.map_err(Error::query(&what))?;
        let schema = plain(frame.schema().as_arrow());
        let parts = frame
            .collect_partitioned()
            .await
            .map_err(Error::query(&what))?;
        self.keep(name, schema, parts)
    }

    /// Reads the rows of a scoped session once and keeps them, because most of what a run prepares
    /// begins with them.
    pub(crate) async fn hold_readings(&self) -> Result<(), Error> {
        self.materialise("readings_raw", "SELECT * FROM readings_raw")
            .await?;
        // It was planned over the files.
        let view = "readings";
        self.ctx
            .deregister_table(view)
            .map_err(Error::query(view))?;
        crate::views::register(&self.ctx, &[view]).await
    }

    /// The same for a query that groups by logger, one thread per range of loggers: `bounds` are
    /// the loggers at which the second and every further range begins.
    ///
    /// Aggregates that keep a whole series would hold it three times when spread over threads: as
    /// rows of the first step, encoded between the steps, and as rows of the second. A thread that
    /// has all rows of its loggers needs one step.
    pub(crate) async fn materialise_by_logger(
        &self,
        name: &str,
        sql: &str,
        bounds: &[String],
    ) -> Result<(), Error> {
        let what = format!("intermediate table `{name}`");
        let mut state = self.ctx.state();
        state.config_mut().options_mut().execution.target_partitions = 1;
        let one = SessionContext::new_with_state(state);
        let quoted = |mn: &String| format!("'{}'", mn.replace('\'', "''"));
        let mut tasks = Vec::new();
        let mut schema = None;
        for at in 0..=bounds.len() {
            let from = at
                .checked_sub(1)
                .map(|before| format!("mn >= {}", quoted(&bounds[before])));
            let to = bounds.get(at).map(|mn| format!("mn < {}", quoted(mn)));
            let range: Vec<String> = from.into_iter().chain(to).collect();
            let range = if range.is_empty() {
                "TRUE".to_owned()
            } else {
                range.join(" AND ")
            };
            let sql = format!("SELECT * FROM (\n{sql}\n) AS part WHERE {range}");
            let frame = one.sql(&sql).await.map_err(Error::query(&what))?;
            schema.get_or_insert_with(|| plain(frame.schema().as_arrow()));
            tasks.push(tokio::spawn(frame.collect()));
        }
        let mut parts = Vec::with_capacity(tasks.len());
        for task in tasks {
            let part = task
                .await
                .map_err(|error| Error::query(&what)(DataFusionError::External(error.into())))?;
            parts.push(part.map_err(Error::query(&what))?);
        }
        match schema {
            Some(schema) => self.keep(name, schema, parts),
            None => Ok(()),
        }
    }

    /// Registers computed rows under `name`.
    fn keep(
        &self,
        name: &str,
        schema: SchemaRef,
        parts: Vec<Vec<RecordBatch>>,
    ) -> Result<(), Error> {
        let what = format!("intermediate table `{name}`");
        let parts = parts
            .into_iter()
            .map(|part| part.iter().map(|batch| recast(&schema, batch)).collect())
            .collect::<Result<Vec<Vec<RecordBatch>>, _>>()
            .map_err(|error| Error::query(&what)(error.into()))?;
        let table = MemTable::try_new(schema, parts).map_err(Error::query(&what))?;
        self.ctx
            .deregister_table(name)
            .map_err(Error::query(&what))?;
        self.ctx
            .register_table(name, Arc::new(table))
            .map_err(Error::query(&what))?;
        Ok(())
    }

    /// Parallelism of this session's queries.
    pub(crate) fn partitions(&self) -> usize {
        self.ctx.copied_config().target_partitions()
    }
}

/// A planned schema as a table's: any column may be null, whatever the plan knew about it.
pub(crate) fn plain(schema: &Schema) -> SchemaRef {
    let fields: Vec<Field> = schema
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), field.data_type().clone(), true))
        .collect();
    Arc::new(Schema::new(fields))
}

/// A batch under another schema of the same columns.
pub(crate) fn recast(schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = schema
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, column)| {
            if column.data_type() == field.data_type() {
                Ok(Arc::clone(column))
            } else {
                cast(column, field.data_type())
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(schema), columns)
}
