//! Marks straight into table `marks`, each once.
//!
//! As with acts, the commit that holds the rows holds the position in the audit chain up to which marks
//! were delivered, so a crash leaves both or neither, and a second process has its commit refused. The
//! rows are those that the same document would become by its topic, with the audit row's position as
//! offset, and received when the enterprise set them.

use std::path::Path;

use deltalake::kernel::Transaction;
use nonsite_schemas::tables;
use nonsite_schemas::wire::Origin;
use nonsite_schemas::wire::documents::{self, DocumentTables};

use super::super::act::TOPIC;
use super::super::error::Error;
use super::super::event::Event;
use super::super::service::Service;
use super::DOCUMENT;
use crate::session::{self, append, ensure, load, transaction};

/// How often a commit is tried that met another writer.
const ATTEMPTS: u32 = 5;
/// Marker: position in the audit chain.
const MARKER: &str = "nonsite-review/marks";

impl Service {
    /// Brings the marks that enterprises set from their cases into table `marks` in the store's folder;
    /// how many were added.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Tables`]. What was committed before stays.
    pub async fn deliver_marks(&self, store: &Path) -> Result<usize, Error> {
        let def = tables::marks();
        let mut attempt = 1;
        loop {
            // Nothing to do creates no table.
            let before = delivered(store).await?;
            if self.store.marks_waiting(before).await?.is_empty() {
                return Ok(0);
            }
            // What is left is asked of the very state the commit builds on: a commit that lands in
            // between is then met as a conflict, and never overlooked.
            let table = ensure(store, &def).await?;
            let done = transaction(&table, MARKER).await?.unwrap_or(0);
            let waiting = self.store.marks_waiting(done).await?;
            let Some(last) = waiting.last() else {
                return Ok(0);
            };
            let batch =
                rows(&waiting).map_err(|error| session::Error::query(def.name)(error.into()))?;
            let Some(batch) = batch else { return Ok(0) };
            let added = batch.num_rows();
            let marker = Transaction::new(MARKER, last.seq);
            match append(&table, &def, batch, vec![marker]).await {
                Ok(()) => return Ok(added),
                Err(error) => {
                    // Somebody else was faster, or the commit landed although its answer was lost:
                    // the marker says so. Otherwise the table itself came about at this moment.
                    if delivered(store).await? <= done && attempt == ATTEMPTS {
                        return Err(error.into());
                    }
                    attempt += 1;
                }
            }
        }
    }
}

/// Position in the audit chain up to which marks are in the table.
async fn delivered(store: &Path) -> Result<i64, Error> {
    match load(store, tables::marks().name).await? {
        Some(table) => Ok(transaction(&table, MARKER).await?.unwrap_or(0)),
        None => Ok(0),
    }
}

fn rows(
    events: &[Event],
) -> Result<Option<arrow::record_batch::RecordBatch>, arrow::error::ArrowError> {
    let mut rows = DocumentTables::new()?;
    for event in events {
        let Some(document) = event.fields.get(DOCUMENT) else {
            continue;
        };
        let origin = Origin {
            topic: TOPIC,
            partition: 0,
            offset: event.seq,
            received_at: event.at,
        };
        // Written by this program from the very type: it is always a document with its identity.
        let _refused = documents::decode(document.as_bytes(), &origin, &mut rows);
    }
    Ok(rows.finish()?.into_iter().next().map(|(_, batch)| batch))
}
