//! What is sent back: rows, lines, and words.

use std::fmt::Debug;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use datafusion_postgres::arrow_pg::datatypes::{
    PG_OID_ALIAS_KEY, arrow_schema_to_pg_fields, encode_recordbatch,
};
use datafusion_postgres::pgwire::api::portal::{Format, Portal};
use datafusion_postgres::pgwire::api::query::{send_execution_response, send_query_response};
use datafusion_postgres::pgwire::api::results::{
    CopyResponse, FieldInfo, QueryResponse, Response, Tag,
};
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::api::store::{MemPortalStore, PortalStore};
use datafusion_postgres::pgwire::api::{ClientInfo, ClientPortalStore};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::copy::CopyData;
use datafusion_postgres::pgwire::messages::response::{EmptyQueryResponse, TransactionStatus};
use datafusion_postgres::pgwire::messages::startup::ParameterStatus;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use futures::{Sink, SinkExt, Stream, StreamExt, stream};

use super::prepared::Prepared;
use super::{copy, settings};
use crate::sql::guard::{CopyForm, Setting, Step};
use crate::sql::run::Answer;
use crate::sql::{Fault, FaultKind};

/// What a step comes to.
pub(super) enum Outcome {
    Reply(Response),
    /// Lines, after the line of names if one was asked for; that one is no row.
    Copy(CopyResponse, Option<CopyData>),
    /// A setting changed that clients are told of.
    Set(Setting),
    /// A cursor was opened, and is there to be described by its name.
    Declared(String),
}

/// How rows are written for a client.
pub(super) struct Form {
    format: Format,
    options: Arc<FormatOptions>,
}

impl Form {
    /// The form a client asked for.
    pub(super) fn of<C: ClientInfo>(client: &C, format: Format) -> Self {
        Self {
            format,
            options: Arc::new(FormatOptions::from_client_metadata(client.metadata())),
        }
    }
}

pub(super) fn fields(schema: &Schema, form: &Form) -> PgWireResult<Arc<Vec<FieldInfo>>> {
    let options = Some(Arc::clone(&form.options));
    arrow_schema_to_pg_fields(&ids_are_numbers(schema), &form.format, options).map(Arc::new)
}

/// The schema without the note "an id of the catalogue" on what is no number any more: a cast to text
/// keeps the note, and clients would read the text as a number.
pub(super) fn ids_are_numbers(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| {
        let mut field = field.as_ref().clone();
        if field.data_type() != &DataType::Int32 {
            field.metadata_mut().remove(PG_OID_ALIAS_KEY);
        }
        field
    });
    Schema::new(fields.collect::<Vec<_>>())
}

/// The rows of an answer.
pub(super) fn answered(answer: Answer, form: &Form) -> PgWireResult<QueryResponse> {
    let schema = answer.schema();
    rows(&schema, answer, form)
}

/// Rows as they come, encoded.
pub(super) fn rows<S>(schema: &Schema, batches: S, form: &Form) -> PgWireResult<QueryResponse>
where
    S: Stream<Item = Result<RecordBatch, Fault>> + Send + 'static,
{
    let fields = fields(schema, form)?;
    let encoded = Arc::clone(&fields);
    let rows = batches.flat_map(move |batch| match batch {
        Ok(batch) => stream::iter(encode_recordbatch(Arc::clone(&encoded), batch)).left_stream(),
        Err(fault) => stream::iter([Err(fault.into())]).right_stream(),
    });
    Ok(QueryResponse::new(fields, rows))
}

/// Rows as lines of text.
pub(super) fn copied(answer: Answer, form: CopyForm) -> PgWireResult<Outcome> {
    let schema = answer.schema();
    let fields = Arc::new(arrow_schema_to_pg_fields(
        &schema,
        &Format::UnifiedText,
        None,
    )?);
    let columns = fields.len();
    let head = form.header.then(|| {
        let names = schema.fields().iter().map(|field| field.name().as_str());
        copy::header(names, &form)
    });
    let lines = answer.flat_map(move |batch| match batch {
        Ok(batch) => {
            let form = form.clone();
            let rows = encode_recordbatch(Arc::clone(&fields), batch);
            stream::iter(rows.map(move |row| row.map(|row| copy::row(&row, &form)))).left_stream()
        }
        Err(fault) => stream::iter([Err(fault.into())]).right_stream(),
    });
    Ok(Outcome::Copy(CopyResponse::new(0, columns, lines), head))
}

/// Whether a transaction that failed lets this through.
pub(super) fn allowed(status: TransactionStatus, step: &Step) -> Result<(), Fault> {
    if status == TransactionStatus::Error && !matches!(step, Step::End { .. }) {
        return Err(Fault::new(
            FaultKind::Aborted,
            "current transaction is aborted, commands ignored until end of transaction block",
        ));
    }
    Ok(())
}

/// Sends what a step came to.
pub(super) async fn reply<C>(client: &mut C, outcome: Outcome, described: bool) -> PgWireResult<()>
where
    C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
    C::PortalStore: PortalStore,
    C::Error: Debug,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    match outcome {
        Outcome::Reply(Response::Query(rows)) => {
            send_query_response(client, rows, !described).await
        }
        Outcome::Copy(copy, head) => copy::send(client, copy, head).await,
        Outcome::Reply(Response::TransactionStart(tag)) => {
            send_execution_response(client, tag).await?;
            client.set_transaction_status(TransactionStatus::Transaction);
            Ok(())
        }
        Outcome::Reply(Response::TransactionEnd(tag)) => {
            send_execution_response(client, tag).await?;
            client.set_transaction_status(TransactionStatus::Idle);
            Ok(())
        }
        Outcome::Reply(Response::Execution(tag)) => send_execution_response(client, tag).await,
        Outcome::Reply(_) => {
            client
                .feed(PgWireBackendMessage::EmptyQueryResponse(
                    EmptyQueryResponse::new(),
                ))
                .await?;
            Ok(())
        }
        Outcome::Declared(name) => {
            // Some drivers ask for the columns of a cursor by its name.
            let step = Step::Fetch {
                name: name.clone(),
                rows: Some(1),
            };
            let statement = Prepared {
                text: "".into(),
                step: Arc::new(step),
                planned: None,
            };
            let stored = StoredStatement::new(name.clone(), statement, Vec::new());
            let portal = Portal::new_cursor(name, Arc::new(stored));
            let store = client.portal_store().as_any();
            if let Some(store) = store.downcast_ref::<MemPortalStore<Prepared>>() {
                store.put_portal(Arc::new(portal));
            }
            send_execution_response(client, Tag::new("DECLARE CURSOR")).await
        }
        Outcome::Set(setting) => {
            let value = setting.value.clone().unwrap_or_default();
            if settings::REPORTED.contains(&setting.name) {
                let status = ParameterStatus::new(setting.name.to_owned(), value.clone());
                client
                    .feed(PgWireBackendMessage::ParameterStatus(status))
                    .await?;
            }
            // Where the encoder looks for how to write values.
            client
                .metadata_mut()
                .insert(setting.name.to_ascii_lowercase(), value);
            send_execution_response(client, Tag::new("SET")).await
        }
    }
}
