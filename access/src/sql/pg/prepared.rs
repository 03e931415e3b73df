//! Statements a client prepares: parsed once, described, and run with values.
//!
//! A plan is tied to the tables as they were when it was made. Drivers keep prepared statements for
//! hours, so a statement is planned again when the tables have changed since.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use datafusion_postgres::arrow_pg::datatypes::arrow_schema_to_pg_fields;
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{FieldFormat, FieldInfo};
use datafusion_postgres::pgwire::api::stmt::QueryParser;
use datafusion_postgres::pgwire::api::{ClientInfo, Type};
use datafusion_postgres::pgwire::error::PgWireResult;

use super::connection::Connection;
use super::parameters;
use super::reply::ids_are_numbers;
use crate::sql::catalogue::Catalogue;
use crate::sql::guard::{self, Step};
use crate::sql::{Fault, FaultKind};

/// A parsed statement.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// As sent.
    pub(super) text: Arc<str>,
    /// What it does.
    pub(super) step: Arc<Step>,
    /// Its plan, if it is a query.
    pub(super) planned: Option<Planned>,
}

/// A plan and what it was made in.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) catalogue: Arc<Catalogue>,
    pub(super) plan: Arc<LogicalPlan>,
}

/// Plans a query of this connection in the tables as they are now.
pub(super) async fn planned(
    connection: &Connection,
    query: &datafusion::sql::sqlparser::ast::Statement,
) -> Result<Planned, Fault> {
    let catalogue = connection.catalogue(query).await?;
    let plan = connection.plan(&catalogue, query).await?;
    Ok(Planned {
        catalogue,
        plan: Arc::new(plan),
    })
}

impl Prepared {
    /// Parses one statement and, if it is a query, plans it.
    pub(super) async fn parse(connection: &Connection, text: &str) -> Result<Option<Self>, Fault> {
        connection.begin();
        let parsed = async {
            let mut steps = guard::steps(text)?;
            if steps.len() > 1 {
                return Err(Fault::new(
                    FaultKind::Syntax,
                    "cannot insert multiple commands into a prepared statement",
                ));
            }
            let Some(step) = steps.pop() else {
                return Ok(None);
            };
            let query = match &step {
                Step::Query(query) | Step::CopyOut { query, .. } | Step::Declare { query, .. } => {
                    Some(query.as_ref().clone())
                }
                Step::Execute { name, .. } => Some(connection.kept(name).ok_or_else(|| {
                    Fault::new(
                        FaultKind::NoStatement,
                        format!("prepared statement \"{name}\" does not exist"),
                    )
                })?),
                _ => None,
            };
            let planned = match query {
                Some(query) => Some(planned(connection, &query).await?),
                None => None,
            };
            Ok(Some(Self {
                text: text.into(),
                step: Arc::new(step),
                planned,
            }))
        };
        let outcome = parsed.await;
        if let Err(fault) = &outcome {
            connection
                .engine()
                .log()
                .refuse(connection.asked(text), fault);
        }
        outcome
    }

    /// Columns of its rows in this form; none when it has no rows.
    pub(super) fn fields(
        &self,
        connection: &Connection,
        format: &Format,
    ) -> PgWireResult<Vec<FieldInfo>> {
        let schema = match (self.step.as_ref(), &self.planned) {
            (Step::Query(_) | Step::Execute { .. }, Some(planned)) => {
                planned.plan.schema().inner().as_ref().clone()
            }
            (Step::Fetch { name, .. }, _) => match connection.cursor_schema(name) {
                Some(schema) => schema.as_ref().clone(),
                None => return Err(no_cursor(name).into()),
            },
            (Step::Show(name), _) => {
                let text = |name: &str| {
                    FieldInfo::new(name.to_owned(), None, None, Type::TEXT, FieldFormat::Text)
                };
                return Ok(if name == "all" {
                    vec![text("name"), text("setting")]
                } else {
                    vec![text(name)]
                });
            }
            _ => return Ok(Vec::new()),
        };
        let fields = arrow_schema_to_pg_fields(&ids_are_numbers(&schema), format, None)?;
        Ok(parameters::ids_as_asked(fields, &self.text))
    }
}

/// The fault of a cursor that is not open.
pub(super) fn no_cursor(name: &str) -> Fault {
    Fault::new(
        FaultKind::NoStatement,
        format!("cursor \"{name}\" does not exist"),
    )
}

/// Parses the statements of one connection.
#[derive(Debug)]
pub(super) struct Parser(pub(super) Arc<Connection>);

#[async_trait]
impl QueryParser for Parser {
    type Statement = Prepared;

    async fn parse_sql<C>(
        &self,
        _client: &C,
        sql: &str,
        _types: &[Option<Type>],
    ) -> PgWireResult<Option<Prepared>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        Ok(Prepared::parse(&self.0, sql).await?)
    }

    fn get_parameter_types(&self, statement: &Prepared) -> PgWireResult<Vec<Type>> {
        match &statement.planned {
            Some(planned) => parameters::types(&planned.plan, &statement.text),
            None => Ok(Vec::new()),
        }
    }

    fn get_result_schema(
        &self,
        statement: &Prepared,
        format: Option<&Format>,
    ) -> PgWireResult<Vec<FieldInfo>> {
        statement.fields(&self.0, format.unwrap_or(&Format::UnifiedText))
    }
}
