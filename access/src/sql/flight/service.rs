//! The calls of Flight SQL.

use std::pin::Pin;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use arrow_flight::sql::server::{FlightSqlService, PeekableFlightDataStream};
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
    ActionCreatePreparedStatementResult, Any, CommandGetCatalogs, CommandGetCrossReference,
    CommandGetDbSchemas, CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys,
    CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, CommandGetXdbcTypeInfo,
    CommandPreparedStatementQuery, CommandStatementQuery, DoPutPreparedStatementResult,
    ProstMessageExt, SqlInfo, TicketStatementQuery,
};
use arrow_flight::{
    Action, FlightDescriptor, FlightInfo, HandshakeRequest, HandshakeResponse, Ticket,
};
use datafusion::common::ParamValues;
use datafusion::logical_expr::LogicalPlan;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use prost::Message;
use tonic::{Request, Response, Status, Streaming};

use super::NAME;
use super::listing::{about, foreign_keys, primary_keys, tables, types};
use super::plain::plain_type;
use super::prepared::Statements;
use super::reply::{Rows, described, encoded, info, one};
use super::tokens::{Tokens, credentials};
use crate::sql::catalogue::{Catalogue, DATABASE, META, TABLES};
use crate::sql::guard::{self, Step};
use crate::sql::log::Asked;
use crate::sql::parameters::kinds;
use crate::sql::run::{Answer, Run, Stop};
use crate::sql::users::User;
use crate::sql::{Engine, Fault};

/// Answers the calls of all clients.
#[derive(Debug, Clone)]
pub(super) struct Service {
    engine: Arc<Engine>,
    tokens: Arc<Tokens>,
    statements: Arc<Statements>,
}

impl Service {
    pub(super) fn new(engine: Arc<Engine>) -> Self {
        Self {
            engine,
            tokens: Arc::default(),
            statements: Arc::default(),
        }
    }

    fn user<T>(&self, request: &Request<T>) -> Result<User, Status> {
        self.tokens.user(self.engine.users(), request.metadata())
    }

    fn asked<T>(request: &Request<T>, user: &User, text: &str) -> Asked {
        let agent = request.metadata().get("user-agent");
        Asked {
            user: user.name.clone(),
            via: NAME,
            client: request
                .remote_addr()
                .map(|address| address.to_string())
                .unwrap_or_default(),
            application: agent
                .and_then(|agent| agent.to_str().ok())
                .unwrap_or_default()
                .to_owned(),
            text: text.to_owned(),
        }
    }

    /// An answer that is read with the same command.
    fn listed(
        &self,
        schema: &Schema,
        ticket: &Any,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        self.user(&request)?;
        info(schema, ticket.encode_to_vec(), request.into_inner())
    }

    /// No rows.
    fn none(&self, request: &Request<Ticket>, schema: SchemaRef) -> Result<Response<Rows>, Status> {
        self.user(request)?;
        let empty = RecordBatch::new_empty(Arc::clone(&schema));
        Ok(one(&schema, Ok(empty)))
    }

    /// Plans one query for a user.
    async fn planned(
        &self,
        asked: &Asked,
        user: &User,
        params: Option<&ParamValues>,
    ) -> Result<(Arc<Catalogue>, LogicalPlan), Fault> {
        let planned = async {
            let mut steps = guard::steps(&asked.text)?;
            let step = steps.pop();
            let (Some(Step::Query(mut query)), true) = (step, steps.is_empty()) else {
                return Err(Fault::refused("anything but one query"));
            };
            guard::number_parameters(&mut query);
            let catalogue = self.engine.catalogue_for(user, &query).await?;
            let state = catalogue.state();
            let stop = Stop::default();
            let planned = self.engine.plan(&user.name, state, *query, None, &stop);
            let mut plan = planned.await?;
            if let Some(params) = params {
                plan = plan.replace_params_with_values(params)?;
                guard::check(&plan)?;
            }
            Ok((catalogue, plan))
        };
        let outcome = planned.await;
        if let Err(fault) = &outcome {
            self.engine.log().refuse(asked.clone(), fault);
        }
        outcome
    }

    async fn run(
        &self,
        asked: Asked,
        user: &User,
        params: Option<&ParamValues>,
    ) -> Result<Response<Rows>, Status> {
        let (catalogue, plan) = self.planned(&asked, user, params).await?;
        let run = Run {
            asked,
            state: catalogue.state(),
            plan,
            timeout: None,
            stop: Stop::default(),
        };
        let answer: Answer = self.engine.run(run).await?;
        let schema = answer.schema();
        let rows = answer
            .map(|batch| batch.map_err(|fault| FlightError::Tonic(Box::new(Status::from(fault)))));
        Ok(encoded(&schema, rows))
    }
}

#[tonic::async_trait]
impl FlightSqlService for Service {
    type FlightService = Self;

    async fn do_handshake(
        &self,
        request: Request<Streaming<HandshakeRequest>>,
    ) -> Result<
        Response<Pin<Box<dyn Stream<Item = Result<HandshakeResponse, Status>> + Send>>>,
        Status,
    > {
        let (name, password) = credentials(request.metadata())?;
        let users = self.engine.users().clone();
        // The check takes its time on purpose, on a thread that may.
        let (asked, login) = (name.clone(), move || users.login(&name, &password));
        let user = tokio::task::spawn_blocking(login)
            .await
            .map_err(|error| Status::internal(error.to_string()))?;
        let Some(user) = user else {
            tracing::warn!(user = asked, client = ?request.remote_addr(), "flight: login failed");
            return Err(Status::unauthenticated(
                "the user name or the password is wrong",
            ));
        };
        let token = self.tokens.issue(&user);
        let answer = HandshakeResponse {
            protocol_version: 0,
            payload: token.clone().into(),
        };
        let stream: Pin<Box<dyn Stream<Item = _> + Send>> = Box::pin(stream::iter([Ok(answer)]));
        let mut response = Response::new(stream);
        let bearer = format!("Bearer {token}")
            .parse()
            .map_err(|_| Status::internal("a token is ASCII"))?;
        response.metadata_mut().insert("authorization", bearer);
        Ok(response)
    }

    async fn get_flight_info_statement(
        &self,
        query: CommandStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let user = self.user(&request)?;
        let asked = Self::asked(&request, &user, &query.query);
        let (_, plan) = self.planned(&asked, &user, None).await?;
        let ticket = TicketStatementQuery {
            statement_handle: query.query.into(),
        };
        let schema = plan.schema().as_arrow();
        info(
            schema,
            ticket.as_any().encode_to_vec(),
            request.into_inner(),
        )
    }

    async fn do_get_statement(
        &self,
        ticket: TicketStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        let user = self.user(&request)?;
        let text = String::from_utf8(ticket.statement_handle.to_vec())
            .map_err(|_| Status::invalid_argument("the ticket is not one of this server"))?;
        let asked = Self::asked(&request, &user, &text);
        self.run(asked, &user, None).await
    }

    async fn do_action_create_prepared_statement(
        &self,
        query: ActionCreatePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<ActionCreatePreparedStatementResult, Status> {
        let user = self.user(&request)?;
        let asked = Self::asked(&request, &user, &query.query);
        let (_, plan) = self.planned(&asked, &user, None).await?;
        let params: Vec<Field> = kinds(&plan)?
            .into_iter()
            .map(|(place, kind)| {
                let kind = kind.as_ref().map_or(DataType::Utf8, plain_type);
                Field::new(format!("${place}"), kind, true)
            })
            .collect();
        Ok(ActionCreatePreparedStatementResult {
            prepared_statement_handle: self.statements.keep(&user.name, &query.query).into(),
            dataset_schema: described(plan.schema().as_arrow())?,
            parameter_schema: described(&Schema::new(params))?,
        })
    }

    async fn do_action_close_prepared_statement(
        &self,
        query: ActionClosePreparedStatementRequest,
        request: Request<Action>,
    ) -> Result<(), Status> {
        let user = self.user(&request)?;
        self.statements
            .close(&user.name, &query.prepared_statement_handle);
        Ok(())
    }

    async fn do_put_prepared_statement_query(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<PeekableFlightDataStream>,
    ) -> Result<DoPutPreparedStatementResult, Status> {
        let user = self.user(&request)?;
        let data = request.into_inner().map_err(FlightError::from);
        let batches: Vec<RecordBatch> = FlightRecordBatchStream::new_from_flight_data(data)
            .try_collect()
            .await
            .map_err(Status::from)?;
        let values = batches.into_iter().find(|batch| batch.num_rows() > 0);
        if let Some(values) = values {
            let handle = &query.prepared_statement_handle;
            self.statements.bind(&user.name, handle, values)?;
        }
        Ok(DoPutPreparedStatementResult {
            prepared_statement_handle: Some(query.prepared_statement_handle),
        })
    }

    async fn get_flight_info_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let user = self.user(&request)?;
        let kept = self
            .statements
            .get(&user.name, &query.prepared_statement_handle)?;
        let asked = Self::asked(&request, &user, &kept.text);
        let params = kept.params()?;
        let (_, plan) = self.planned(&asked, &user, params.as_ref()).await?;
        let schema = plan.schema().as_arrow();
        info(schema, query.as_any().encode_to_vec(), request.into_inner())
    }

    async fn do_get_prepared_statement(
        &self,
        query: CommandPreparedStatementQuery,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        let user = self.user(&request)?;
        let kept = self
            .statements
            .get(&user.name, &query.prepared_statement_handle)?;
        let asked = Self::asked(&request, &user, &kept.text);
        let params = kept.params()?;
        self.run(asked, &user, params.as_ref()).await
    }

    async fn get_flight_info_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&query.into_builder().schema(), &ticket, request)
    }

    async fn do_get_catalogs(
        &self,
        query: CommandGetCatalogs,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.user(&request)?;
        let mut builder = query.into_builder();
        builder.append(DATABASE);
        Ok(one(&builder.schema(), builder.build()))
    }

    async fn get_flight_info_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&query.into_builder().schema(), &ticket, request)
    }

    async fn do_get_schemas(
        &self,
        query: CommandGetDbSchemas,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.user(&request)?;
        let mut builder = query.into_builder();
        for schema in [TABLES, META] {
            builder.append(DATABASE, schema);
        }
        Ok(one(&builder.schema(), builder.build()))
    }

    async fn get_flight_info_tables(
        &self,
        query: CommandGetTables,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&query.into_builder().schema(), &ticket, request)
    }

    async fn do_get_tables(
        &self,
        query: CommandGetTables,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        let user = self.user(&request)?;
        let catalogue = self.engine.catalogue(&user).await?;
        let (schema, rows) = tables(&catalogue, query).await?;
        Ok(one(&schema, rows))
    }

    async fn get_flight_info_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&query.into_builder().schema(), &ticket, request)
    }

    async fn do_get_table_types(
        &self,
        query: CommandGetTableTypes,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.user(&request)?;
        let mut builder = query.into_builder();
        for kind in ["TABLE", "VIEW"] {
            builder.append(kind);
        }
        Ok(one(&builder.schema(), builder.build()))
    }

    async fn get_flight_info_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&query.into_builder(about()?).schema(), &ticket, request)
    }

    async fn do_get_sql_info(
        &self,
        query: CommandGetSqlInfo,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.user(&request)?;
        let builder = query.into_builder(about()?);
        Ok(one(&builder.schema(), builder.build()))
    }

    async fn get_flight_info_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&query.into_builder(types()?).schema(), &ticket, request)
    }

    async fn do_get_xdbc_type_info(
        &self,
        query: CommandGetXdbcTypeInfo,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.user(&request)?;
        let builder = query.into_builder(types()?);
        Ok(one(&builder.schema(), builder.build()))
    }

    async fn get_flight_info_primary_keys(
        &self,
        query: CommandGetPrimaryKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&primary_keys(), &ticket, request)
    }

    async fn do_get_primary_keys(
        &self,
        _query: CommandGetPrimaryKeys,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.none(&request, primary_keys())
    }

    async fn get_flight_info_exported_keys(
        &self,
        query: CommandGetExportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&foreign_keys(), &ticket, request)
    }

    async fn do_get_exported_keys(
        &self,
        _query: CommandGetExportedKeys,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.none(&request, foreign_keys())
    }

    async fn get_flight_info_imported_keys(
        &self,
        query: CommandGetImportedKeys,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&foreign_keys(), &ticket, request)
    }

    async fn do_get_imported_keys(
        &self,
        _query: CommandGetImportedKeys,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.none(&request, foreign_keys())
    }

    async fn get_flight_info_cross_reference(
        &self,
        query: CommandGetCrossReference,
        request: Request<FlightDescriptor>,
    ) -> Result<Response<FlightInfo>, Status> {
        let ticket = query.as_any();
        self.listed(&foreign_keys(), &ticket, request)
    }

    async fn do_get_cross_reference(
        &self,
        _query: CommandGetCrossReference,
        request: Request<Ticket>,
    ) -> Result<Response<Rows>, Status> {
        self.none(&request, foreign_keys())
    }

    async fn register_sql_info(&self, _id: i32, _result: &SqlInfo) {}
}
