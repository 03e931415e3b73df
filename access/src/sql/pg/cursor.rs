//! Cursors: answers that are read in portions.
//!
//! A portion is sent as it is made, so that `FETCH ALL` holds no more in memory than the query itself
//! would. Until its last batch is made the cursor belongs to it; then it goes back to the connection. What
//! fails, or is not read to its end, takes the cursor with it.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use futures::{Stream, StreamExt, stream};

use super::connection::Connection;
use crate::sql::Fault;
use crate::sql::run::Answer;

/// A cursor between two FETCHes.
#[derive(Debug)]
pub(super) struct Cursor {
    answer: Answer,
    /// What is left of the batch that was cut last.
    rest: Option<RecordBatch>,
}

impl Cursor {
    /// At the beginning of an answer.
    pub(super) fn of(answer: Answer) -> Self {
        Self { answer, rest: None }
    }

    /// Its columns.
    pub(super) fn schema(&self) -> SchemaRef {
        self.answer.schema()
    }

    async fn next(&mut self) -> Option<Result<RecordBatch, Fault>> {
        match self.rest.take() {
            Some(rest) => Some(Ok(rest)),
            None => self.answer.next().await,
        }
    }
}

/// The next rows of a cursor of this name; all when there is no number.
pub(super) fn portion(
    connection: Arc<Connection>,
    name: String,
    cursor: Cursor,
    wanted: Option<usize>,
) -> impl Stream<Item = Result<RecordBatch, Fault>> + Send + 'static {
    let missing = wanted.unwrap_or(usize::MAX);
    stream::unfold(
        Some((connection, name, cursor, missing)),
        |state| async move {
            let (connection, name, mut cursor, missing) = state?;
            if missing == 0 {
                connection.put_cursor(name, cursor);
                return None;
            }
            match cursor.next().await {
                None => {
                    connection.put_cursor(name, cursor);
                    None
                }
                Some(Err(fault)) => Some((Err(fault), None)),
                Some(Ok(batch)) => {
                    let taken = batch.num_rows().min(missing);
                    if taken < batch.num_rows() {
                        cursor.rest = Some(batch.slice(taken, batch.num_rows() - taken));
                    }
                    let batch = batch.slice(0, taken);
                    if taken == missing {
                        connection.put_cursor(name, cursor);
                        return Some((Ok(batch), None));
                    }
                    let state = (connection, name, cursor, missing - taken);
                    Some((Ok(batch), Some(state)))
                }
            }
        },
    )
}
