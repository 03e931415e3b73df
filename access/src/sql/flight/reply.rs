//! Answers as Flight sends them.

use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow::ipc::writer::IpcWriteOptions;
use arrow::record_batch::RecordBatch;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use arrow_flight::flight_service_server::FlightService;
use arrow_flight::{FlightDescriptor, FlightEndpoint, FlightInfo, IpcMessage, SchemaAsIpc, Ticket};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use tonic::{Response, Status};

use super::plain::{plain, rows};
use super::service::Service;
use crate::sql::{Fault, FaultKind, sent};

/// Bytes of the rows whose texts are written out at the same time.
const SLICE: u64 = 4 << 20;

/// Rows on their way to a client.
pub(super) type Rows = <Service as FlightService>::DoGetStream;

impl From<Fault> for Status {
    fn from(fault: Fault) -> Self {
        let code = match fault.kind {
            FaultKind::Syntax | FaultKind::Wrong | FaultKind::Value => tonic::Code::InvalidArgument,
            FaultKind::Refused | FaultKind::Denied => tonic::Code::PermissionDenied,
            FaultKind::NoTable | FaultKind::NoStatement => tonic::Code::NotFound,
            FaultKind::Unsupported => tonic::Code::Unimplemented,
            FaultKind::Timeout => tonic::Code::DeadlineExceeded,
            FaultKind::Cancelled => tonic::Code::Cancelled,
            FaultKind::TooLarge | FaultKind::Memory | FaultKind::Busy => {
                tonic::Code::ResourceExhausted
            }
            FaultKind::Aborted => tonic::Code::Aborted,
            FaultKind::Engine => tonic::Code::Internal,
        };
        Self::new(code, fault.what)
    }
}

/// Encodes rows.
pub(super) fn encoded<S>(schema: &Schema, batches: S) -> Response<Rows>
where
    S: Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static,
{
    let schema = plain(schema);
    let plain = Arc::clone(&schema);
    let slices = batches.flat_map(|batch| {
        let slices: Vec<Result<RecordBatch, FlightError>> = match batch {
            Ok(batch) => sent::slices(&batch, SLICE).into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        };
        stream::iter(slices)
    });
    let batches =
        slices.map(move |batch| -> Result<RecordBatch, FlightError> { Ok(rows(&batch?, &plain)?) });
    let stream = FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .build(batches)
        .map_err(Status::from);
    Response::new(Box::pin(stream))
}

/// One batch.
pub(super) fn one(schema: &Schema, batch: Result<RecordBatch, FlightError>) -> Response<Rows> {
    encoded(schema, stream::iter([batch]))
}

/// An answer for a client that comes back with the same command as its ticket.
pub(super) fn info(
    schema: &Schema,
    ticket: Vec<u8>,
    descriptor: FlightDescriptor,
) -> Result<Response<FlightInfo>, Status> {
    let endpoint = FlightEndpoint::new().with_ticket(Ticket::new(ticket));
    let info = FlightInfo::new()
        .try_with_schema(&plain(schema))
        .map_err(|error| Status::internal(error.to_string()))?
        .with_endpoint(endpoint)
        .with_descriptor(descriptor);
    Ok(Response::new(info))
}

/// Columns as a message.
pub(super) fn described(schema: &Schema) -> Result<bytes::Bytes, Status> {
    let message: IpcMessage = SchemaAsIpc::new(&plain(schema), &IpcWriteOptions::default())
        .try_into()
        .map_err(|error: arrow::error::ArrowError| Status::internal(error.to_string()))?;
    Ok(message.0)
}
