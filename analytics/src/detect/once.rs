//! What a rule names once and reads several times is computed once.
//!
//! The engine puts a common table expression into the plan wherever it is read: a rule that reads
//! `series` for what it flags, for what passed and for what neither is computes it three times, and
//! the planner walks through three copies of it. So an expression that is read more than once is
//! computed ahead, kept in memory as long as the query that reads it, and read from there.
//!
//! Invariants: the answer is the same either way (rules call nothing that answers differently the
//! second time); rows are kept only within the session's memory and never more than [`MOST`]
//! bytes an expression: what needs more is computed wherever it is read, as the engine would have it.
//!
//! Failure modes: those of the query itself; want of memory is none.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{Query, Statement, With, visit_relations};
use futures::StreamExt;

use super::judge::read_only;
use crate::session::{Session, plain, recast};

/// Bytes kept of one expression.
const MOST: usize = 64 << 20;

/// Tells the kept tables of rules side by side apart.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// The frame of a query that may only read, and the memory its kept tables hold: to be dropped after
/// the frame was executed.
pub(super) async fn frame(
    run: &Session,
    sql: &str,
) -> Result<(DataFrame, Vec<MemoryReservation>), DataFusionError> {
    let state = run.ctx().state();
    let dialect = state.config_options().sql_parser.dialect;
    let parsed = state.sql_to_statement(sql, &dialect)?;
    let mut held = Vec::new();
    let mut names = Vec::new();
    let parsed = match parsed {
        Parsed::Statement(statement) => match *statement {
            Statement::Query(query) => {
                let query = keeping(run, *query, &mut names, &mut held).await;
                query.map(|query| Parsed::Statement(Box::new(Statement::Query(Box::new(query)))))
            }
            other => Ok(Parsed::Statement(Box::new(other))),
        },
        other => Ok(other),
    };
    let planned = match parsed {
        Ok(parsed) => run.ctx().state().statement_to_plan(parsed).await,
        Err(error) => Err(error),
    };
    // The plan holds what it reads.
    for name in names {
        run.ctx().deregister_table(name)?;
    }
    let plan = planned?;
    read_only().verify_plan(&plan)?;
    Ok((DataFrame::new(run.ctx().state(), plan), held))
}

/// The query with what it reads several times kept in tables of the session, whose names are added.
async fn keeping(
    run: &Session,
    mut query: Query,
    names: &mut Vec<String>,
    held: &mut Vec<MemoryReservation>,
) -> Result<Query, DataFusionError> {
    let read = times_read(&query);
    let Some(with) = query.with.as_mut().filter(|with| !with.recursive) else {
        return Ok(query);
    };
    for at in 0..with.cte_tables.len() {
        let name = with.cte_tables[at].alias.name.value.clone();
        if read.get(&name).is_none_or(|times| *times < 2) {
            continue;
        }
        let known = With {
            cte_tables: with.cte_tables[..=at].to_vec(),
            ..with.clone()
        };
        let mut all = reading(run, &name)?;
        all.with = Some(known);
        if let Some((schema, rows, memory)) = rows(run, all).await? {
            let kept = format!("kept_once_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
            let table = MemTable::try_new(schema, rows)?;
            run.ctx().register_table(&kept, Arc::new(table))?;
            *with.cte_tables[at].query = reading(run, &kept)?;
            names.push(kept);
            held.push(memory);
        }
    }
    Ok(query)
}

/// How often each name is read by a query and its parts.
fn times_read(query: &Query) -> BTreeMap<String, usize> {
    let mut times = BTreeMap::new();
    let _ = visit_relations(query, |name| {
        *times.entry(name.to_string()).or_default() += 1;
        ControlFlow::<()>::Continue(())
    });
    times
}

/// A query for all of a table.
fn reading(run: &Session, name: &str) -> Result<Query, DataFusionError> {
    let state = run.ctx().state();
    let dialect = state.config_options().sql_parser.dialect;
    match state.sql_to_statement(&format!("SELECT * FROM {name}"), &dialect)? {
        Parsed::Statement(statement) => match *statement {
            Statement::Query(query) => Ok(*query),
            other => Err(DataFusionError::Internal(format!("`{other}` is no query"))),
        },
        other => Err(DataFusionError::Internal(format!("{other} is no query"))),
    }
}

type Kept = (SchemaRef, Vec<Vec<RecordBatch>>, MemoryReservation);

/// The rows of a query by partition; nothing when they need more than they may.
async fn rows(run: &Session, query: Query) -> Result<Option<Kept>, DataFusionError> {
    let state = run.ctx().state();
    let parsed = Parsed::Statement(Box::new(Statement::Query(Box::new(query))));
    let plan = state.statement_to_plan(parsed).await?;
    read_only().verify_plan(&plan)?;
    let frame = DataFrame::new(state, plan);
    let schema = plain(frame.schema().as_arrow());
    let memory = MemoryConsumer::new("what a rule reads several times")
        .register(&run.ctx().runtime_env().memory_pool);
    let mut parts = Vec::new();
    let mut streams = futures::stream::select_all(
        frame
            .execute_stream_partitioned()
            .await?
            .into_iter()
            .enumerate()
            .map(|(at, stream)| stream.map(move |batch| (at, batch)).boxed()),
    );
    while let Some((at, batch)) = streams.next().await {
        let batch = batch?;
        let size = batch.get_array_memory_size();
        if memory.size() + size > MOST || memory.try_grow(size).is_err() {
            return Ok(None);
        }
        if parts.len() <= at {
            parts.resize_with(at + 1, Vec::new);
        }
        parts[at].push(recast(&schema, &batch)?);
    }
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    Ok(Some((schema, parts, memory)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::{Config, in_memory};

    async fn session() -> Session {
        in_memory(Vec::new(), &Config::default()).await.unwrap()
    }

    #[test]
    fn names_are_counted_wherever_they_are_read() {
        let sql = "WITH a AS (SELECT 1 AS x), b AS (SELECT * FROM a), c AS (SELECT * FROM b JOIN a USING (x))
                   SELECT * FROM c WHERE EXISTS (SELECT 1 FROM b)";
        let parsed = datafusion::sql::parser::DFParser::parse_sql(sql).unwrap();
        let Parsed::Statement(statement) = parsed[0].clone() else {
            panic!("a statement");
        };
        let Statement::Query(query) = *statement else {
            panic!("a query");
        };
        let times = times_read(&query);
        let of = |name: &str| times.get(name).copied();
        assert_eq!((of("a"), of("b"), of("c")), (Some(2), Some(2), Some(1)));
    }

    #[tokio::test]
    async fn what_is_kept_answers_alike_and_leaves_nothing_behind() {
        let run = session().await;
        let sql = "WITH n(x) AS (SELECT * FROM (VALUES (1), (2), (3)) AS v),
                        twice AS (SELECT x * 2 AS y, NULL AS nothing FROM n)
                   SELECT a.y, b.y AS z, a.nothing FROM twice a JOIN twice b ON a.y <= b.y
                   UNION ALL SELECT x, -x, NULL FROM n ORDER BY 1, 2";
        let (frame, held) = frame(&run, sql).await.unwrap();
        assert_eq!(held.len(), 2, "both are read twice");
        let kept = frame.collect().await.unwrap();
        let plain = run.ctx().sql(sql).await.unwrap().collect().await.unwrap();
        assert_eq!(
            crate::session::render::table(&kept).unwrap(),
            crate::session::render::table(&plain).unwrap()
        );
        let left = run.ctx().catalog("datafusion").unwrap();
        let left = left.schema("public").unwrap().table_names();
        assert!(!left.iter().any(|name| name.starts_with("kept_once")));
    }

    #[tokio::test]
    async fn a_query_that_changes_something_is_refused() {
        let run = session().await;
        for sql in ["CREATE TABLE t AS SELECT 1", "DROP TABLE readings_raw"] {
            assert!(frame(&run, sql).await.is_err(), "{sql}");
        }
    }
}
