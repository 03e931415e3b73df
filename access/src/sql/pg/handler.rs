//! Answering statements: one after the other, each in full before the next begins.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::common::ParamValues;
use datafusion::logical_expr::LogicalPlan;
use datafusion_postgres::pgwire::api::portal::{Format, Portal, PortalExecutionState};
use datafusion_postgres::pgwire::api::query::{
    ExtendedQueryHandler, SimpleQueryHandler, send_execution_response, send_partial_query_response,
    send_query_response, send_ready_for_query,
};
use datafusion_postgres::pgwire::api::results::{
    DataRowEncoder, FieldFormat, FieldInfo, QueryResponse, Response, Tag,
};
use datafusion_postgres::pgwire::api::store::{Entry, PortalStore};
use datafusion_postgres::pgwire::api::{
    ClientInfo, ClientPortalStore, DEFAULT_NAME, PgWireConnectionState, Type,
};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::extendedquery::Execute;
use datafusion_postgres::pgwire::messages::response::EmptyQueryResponse;
use datafusion_postgres::pgwire::messages::simplequery::Query;
use futures::{Sink, SinkExt, stream};

use super::connection::Connection;
use super::cursor::{Cursor, portion};
use super::prepared::{Parser, Planned, Prepared, no_cursor, planned};
use super::reply::{Form, Outcome, allowed, answered, copied, reply, rows};
use super::{parameters, settings};
use crate::sql::guard::{self, Step};
use crate::sql::run::Answer;
use crate::sql::{Fault, FaultKind};

/// Answers the statements of one connection.
pub(super) struct Handler {
    connection: Arc<Connection>,
    parser: Arc<Parser>,
}

impl Handler {
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self {
            parser: Arc::new(Parser(Arc::clone(&connection))),
            connection,
        }
    }

    /// Carries out a step. `bound` is its plan with the values in it, where it came prepared.
    async fn carry_out(
        &self,
        text: &str,
        step: &Step,
        bound: Option<(Planned, LogicalPlan)>,
        form: &Form,
    ) -> Result<Outcome, PgWireError> {
        let connection = &self.connection;
        let done = |word: &str| Ok(Outcome::Reply(Response::Execution(Tag::new(word))));
        match step {
            Step::Query(query) => {
                let answer = self.answer(text, query, bound).await?;
                Ok(Outcome::Reply(Response::Query(answered(answer, form)?)))
            }
            Step::CopyOut { query, form } => {
                let answer = self.answer(text, query, bound).await?;
                copied(answer, form.clone())
            }
            Step::Execute { name, values } => {
                let query = connection.kept(name).ok_or_else(|| {
                    Fault::new(
                        FaultKind::NoStatement,
                        format!("prepared statement \"{name}\" does not exist"),
                    )
                })?;
                let planned = self.noted(text, planned(connection, &query).await)?;
                let values = self.values(&planned, values).await?;
                let plan = planned
                    .plan
                    .as_ref()
                    .clone()
                    .replace_params_with_values(&values)
                    .map_err(Fault::from)?;
                let answer = self.answer(text, &query, Some((planned, plan))).await?;
                Ok(Outcome::Reply(Response::Query(answered(answer, form)?)))
            }
            Step::Set(setting) => {
                connection.set(setting);
                Ok(Outcome::Set(setting.clone()))
            }
            Step::Show(name) => Ok(Outcome::Reply(Response::Query(self.shown(name)?))),
            Step::Begin => {
                connection.pin().await?;
                Ok(Outcome::Reply(Response::TransactionStart(Tag::new(
                    "BEGIN",
                ))))
            }
            Step::End { rollback } => {
                connection.unpin();
                let word = if *rollback { "ROLLBACK" } else { "COMMIT" };
                Ok(Outcome::Reply(Response::TransactionEnd(Tag::new(word))))
            }
            Step::Prepare { name, query } => {
                // Planned now, so that what is wrong with it is told now.
                planned(connection, query).await?;
                connection.keep(name.clone(), query.as_ref().clone());
                done("PREPARE")
            }
            Step::Deallocate(None) => {
                connection.forget(None);
                done("DEALLOCATE ALL")
            }
            Step::Reset => {
                connection.reset();
                done("RESET")
            }
            Step::Discard => {
                connection.reset();
                connection.forget(None);
                connection.close_cursor(None);
                done("DISCARD ALL")
            }
            Step::Deallocate(Some(name)) => {
                if connection.forget(Some(name)) {
                    done("DEALLOCATE")
                } else {
                    Err(Fault::new(
                        FaultKind::NoStatement,
                        format!("prepared statement \"{name}\" does not exist"),
                    )
                    .into())
                }
            }
            Step::Declare { name, query } => {
                let answer = self.answer(text, query, bound).await?;
                connection.put_cursor(name.clone(), Cursor::of(answer));
                Ok(Outcome::Declared(name.clone()))
            }
            Step::Fetch { name, rows } => {
                let fetched = self.fetched(name, *rows, form)?;
                Ok(Outcome::Reply(Response::Query(fetched)))
            }
            Step::Close(name) => {
                connection.close_cursor(name.as_deref());
                done("CLOSE CURSOR")
            }
            Step::Nothing(word) => done(word),
        }
    }

    /// Starts a query, planned now unless it came planned.
    async fn answer(
        &self,
        text: &str,
        query: &datafusion::sql::sqlparser::ast::Statement,
        bound: Option<(Planned, LogicalPlan)>,
    ) -> Result<Answer, Fault> {
        let connection = &self.connection;
        let (catalogue, plan) = match bound {
            Some((planned, plan)) => (planned.catalogue, plan),
            None => {
                let planned = self.noted(text, planned(connection, query).await)?;
                let plan = planned.plan.as_ref().clone();
                (planned.catalogue, plan)
            }
        };
        // Values may have been put in since the first check; it costs next to nothing.
        guard::check(&plan)?;
        connection
            .run(text, connection.state(&catalogue)?, plan)
            .await
    }

    /// Notes a query that cannot be planned; one that runs notes its own end.
    fn noted(&self, text: &str, planned: Result<Planned, Fault>) -> Result<Planned, Fault> {
        planned.inspect_err(|fault| {
            let log = self.connection.engine().log();
            log.refuse(self.connection.asked(text), fault);
        })
    }

    /// Values of an EXECUTE: expressions without columns.
    async fn values(
        &self,
        planned: &Planned,
        values: &[datafusion::sql::sqlparser::ast::Expr],
    ) -> Result<ParamValues, Fault> {
        if values.is_empty() {
            return Ok(ParamValues::List(Vec::new()));
        }
        let list: Vec<String> = values
            .iter()
            .enumerate()
            .map(|(i, value)| format!("{value} AS v{i}"))
            .collect();
        let text = format!("SELECT {}", list.join(", "));
        let state = self.connection.state(&planned.catalogue)?;
        let Some(Step::Query(query)) = guard::steps(&text)?.pop() else {
            return Err(Fault::new(FaultKind::Value, "EXECUTE takes values"));
        };
        let plan = self.connection.plan(&planned.catalogue, &query).await?;
        let batches = self
            .connection
            .run(&text, state, plan)
            .await?
            .collect()
            .await?;
        let row = batches.iter().find(|batch| batch.num_rows() == 1);
        let row = row.ok_or_else(|| Fault::new(FaultKind::Value, "EXECUTE takes single values"))?;
        let values = row
            .columns()
            .iter()
            .map(|column| datafusion::common::ScalarValue::try_from_array(column, 0))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(ParamValues::from(values))
    }

    /// The next rows of a cursor.
    fn fetched(
        &self,
        name: &str,
        wanted: Option<usize>,
        form: &Form,
    ) -> Result<QueryResponse, PgWireError> {
        let connection = Arc::clone(&self.connection);
        let cursor = connection
            .take_cursor(name)
            .ok_or_else(|| no_cursor(name))?;
        let schema = cursor.schema();
        let portion = portion(connection, name.to_owned(), cursor, wanted);
        let mut response = rows(&schema, portion, form)?;
        response.set_command_tag("FETCH");
        Ok(response)
    }

    fn shown(&self, name: &str) -> PgWireResult<QueryResponse> {
        let text =
            |name: &str| FieldInfo::new(name.to_owned(), None, None, Type::TEXT, FieldFormat::Text);
        let rows: Vec<Vec<String>> = if name == "all" {
            settings::all(&self.connection)
                .into_iter()
                .map(|(name, value)| vec![name, value])
                .collect()
        } else {
            vec![vec![settings::value(&self.connection, name)]]
        };
        let fields = Arc::new(if name == "all" {
            vec![text("name"), text("setting")]
        } else {
            vec![text(name)]
        });
        let mut encoder = DataRowEncoder::new(Arc::clone(&fields));
        let mut encoded = Vec::with_capacity(rows.len());
        for row in rows {
            for value in row {
                encoder.encode_field(&value)?;
            }
            encoded.push(Ok(encoder.take_row()));
        }
        let mut response = QueryResponse::new(fields, stream::iter(encoded));
        response.set_command_tag("SHOW");
        Ok(response)
    }

    /// Notes the end of a step that is no query; queries note theirs when they ran.
    fn note(&self, text: &str, step: &Step, outcome: &Result<Outcome, PgWireError>) {
        let ran = matches!(
            step,
            Step::Query(_) | Step::CopyOut { .. } | Step::Execute { .. } | Step::Declare { .. }
        );
        if let (false, Err(error)) = (ran, outcome) {
            let fault = Fault::new(FaultKind::Engine, error.to_string());
            let log = self.connection.engine().log();
            log.refuse(self.connection.asked(text), &fault);
        }
    }
}

#[async_trait]
impl SimpleQueryHandler for Handler {
    async fn on_query<C>(&self, client: &mut C, query: Query) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        client.set_state(PgWireConnectionState::QueryInProgress);
        self.connection.begin();
        let text = query.query.as_str();
        let steps = guard::steps(text).inspect_err(|fault| {
            let log = self.connection.engine().log();
            log.refuse(self.connection.asked(text), fault);
        })?;
        if steps.is_empty() {
            client
                .feed(PgWireBackendMessage::EmptyQueryResponse(
                    EmptyQueryResponse::new(),
                ))
                .await?;
        }
        for step in &steps {
            allowed(client.transaction_status(), step)?;
            let form = Form::of(client, Format::UnifiedText);
            let outcome = self.carry_out(text, step, None, &form).await;
            self.note(text, step, &outcome);
            let outcome = outcome?;
            reply(client, outcome, false).await?;
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        let status = client.transaction_status();
        send_ready_for_query(client, status).await
    }

    async fn do_query<C>(&self, _client: &mut C, _query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        // Answers are sent one by one above, never gathered.
        Err(Fault::new(FaultKind::Unsupported, "statements are answered one by one").into())
    }
}

#[async_trait]
impl ExtendedQueryHandler for Handler {
    type Statement = Prepared;
    type QueryParser = Parser;

    fn query_parser(&self) -> Arc<Parser> {
        Arc::clone(&self.parser)
    }

    async fn on_execute<C>(&self, client: &mut C, message: Execute) -> PgWireResult<()>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        if !matches!(client.state(), PgWireConnectionState::ReadyForQuery) {
            return Err(PgWireError::NotReadyForQuery);
        }
        client.set_state(PgWireConnectionState::QueryInProgress);
        self.connection.begin();
        let name = message.name.as_deref().unwrap_or(DEFAULT_NAME);
        let most = usize::try_from(message.max_rows).unwrap_or(0);
        let portal = match client.portal_store().get_portal(name) {
            Some(Entry::Value(portal)) => portal,
            Some(Entry::Empty) => {
                client
                    .feed(PgWireBackendMessage::EmptyQueryResponse(
                        EmptyQueryResponse::new(),
                    ))
                    .await?;
                client.set_state(PgWireConnectionState::ReadyForQuery);
                return Ok(());
            }
            None => return Err(PgWireError::PortalNotFound(name.to_owned())),
        };
        let state = portal.state();
        let mut state = state.lock().await;
        if matches!(*state, PortalExecutionState::Initial) {
            match self.start(client, &portal).await? {
                Outcome::Reply(Response::Query(rows)) => {
                    *state = PortalExecutionState::Suspended(rows);
                }
                outcome => {
                    *state = PortalExecutionState::Finished;
                    reply(client, outcome, true).await?;
                    client.set_state(PgWireConnectionState::ReadyForQuery);
                    return Ok(());
                }
            }
        }
        match &mut *state {
            PortalExecutionState::Suspended(rows) if most > 0 => {
                if !send_partial_query_response(client, rows, most).await? {
                    *state = PortalExecutionState::Finished;
                }
            }
            PortalExecutionState::Suspended(_) => {
                let taken = std::mem::replace(&mut *state, PortalExecutionState::Finished);
                if let PortalExecutionState::Suspended(rows) = taken {
                    send_query_response(client, rows, false).await?;
                }
            }
            _ => send_execution_response(client, Tag::new("SELECT").with_rows(0)).await?,
        }
        client.set_state(PgWireConnectionState::ReadyForQuery);
        Ok(())
    }

    async fn do_query<C>(
        &self,
        _client: &mut C,
        _portal: &Portal<Prepared>,
        _max_rows: usize,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Prepared>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        Err(Fault::new(
            FaultKind::Unsupported,
            "portals are answered as they are executed",
        )
        .into())
    }
}

impl Handler {
    /// Carries out the statement of a portal with its values.
    async fn start<C: ClientInfo>(
        &self,
        client: &C,
        portal: &Portal<Prepared>,
    ) -> Result<Outcome, PgWireError> {
        let prepared = &portal.statement.statement;
        allowed(client.transaction_status(), &prepared.step)?;
        let bound = match &prepared.planned {
            Some(before) if !matches!(*prepared.step, Step::Execute { .. }) => {
                let planned = match prepared.step.as_ref() {
                    Step::Query(query)
                    | Step::CopyOut { query, .. }
                    | Step::Declare { query, .. } => {
                        let now = self.connection.catalogue(query).await?;
                        match Arc::ptr_eq(&now, &before.catalogue) {
                            true => before.clone(),
                            false => planned(&self.connection, query).await?,
                        }
                    }
                    _ => before.clone(),
                };
                let plan = parameters::bound(&planned.plan, portal)?;
                Some((planned, plan))
            }
            _ => None,
        };
        let form = Form::of(client, portal.result_column_format.clone());
        let outcome = self
            .carry_out(&prepared.text, &prepared.step, bound, &form)
            .await;
        self.note(&prepared.text, &prepared.step, &outcome);
        outcome
    }
}
