//! Acts straight into table `inspections`, each version once.
//!
//! The commit that holds the rows holds the position in the audit chain up to which acts were
//! delivered, so a crash leaves both or neither, and a second process has its commit refused. What
//! went by the topic before is left out. The rows' origin is [`TOPIC`] with the audit row's position
//! as offset: from a counted act back to the decision.

use std::path::Path;

use deltalake::kernel::Transaction;
use nonsite_schemas::tables;
use nonsite_schemas::wire::Origin;
use nonsite_schemas::wire::inspection::{self, InspectionRows};

use super::super::error::Error;
use super::super::service::Service;
use super::super::store::ActRow;
use crate::session::{self, append, ensure, load, transaction};

/// What stands in the column for the Kafka topic of acts that came from the queue itself.
pub(in crate::review) const TOPIC: &str = "nonsite-review";
/// How often a commit is tried that met another writer.
const ATTEMPTS: u32 = 5;
/// Marker: position in the audit chain.
const MARKER: &str = "nonsite-review/acts";

impl Service {
    /// Brings the acts the workflow wrote into table `inspections` in the store's folder; how many
    /// versions were added.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Tables`]. What was committed before stays.
    pub async fn deliver_acts(&self, store: &Path) -> Result<usize, Error> {
        let def = tables::inspections();
        let mut attempt = 1;
        loop {
            // Nothing to do creates no table.
            let before = delivered_directly(store).await?;
            if self.store.acts_waiting(before).await?.is_empty() {
                return Ok(0);
            }
            // What is left is asked of the very state the commit builds on: a commit that lands in
            // between is then met as a conflict, and never overlooked.
            let table = ensure(store, &def).await?;
            let done = transaction(&table, MARKER).await?.unwrap_or(0);
            let waiting = self.store.acts_waiting(done).await?;
            let Some(last) = waiting.last() else {
                return Ok(0);
            };
            let batch =
                rows(&waiting).map_err(|error| session::Error::query(def.name)(error.into()))?;
            let Some(batch) = batch else { return Ok(0) };
            let mark = Transaction::new(MARKER, last.seq);
            match append(&table, &def, batch, vec![mark]).await {
                Ok(()) => return Ok(waiting.len()),
                Err(error) => {
                    // Somebody else was faster, or the commit landed although its answer was lost:
                    // the marker says so. Otherwise the table itself came about at this moment.
                    if delivered_directly(store).await? <= done && attempt == ATTEMPTS {
                        return Err(error.into());
                    }
                    attempt += 1;
                }
            }
        }
    }
}

/// Position in the audit chain up to which acts went straight into the table.
pub(super) async fn delivered_directly(store: &Path) -> Result<i64, Error> {
    match load(store, tables::inspections().name).await? {
        Some(table) => Ok(transaction(&table, MARKER).await?.unwrap_or(0)),
        None => Ok(0),
    }
}

fn rows(
    acts: &[ActRow],
) -> Result<Option<arrow::record_batch::RecordBatch>, arrow::error::ArrowError> {
    let mut rows = InspectionRows::new()?;
    for act in acts {
        // Written by this program from the very type: it is always a document with its identity.
        if let Ok(document) = inspection::decode(act.document.as_bytes()) {
            let origin = Origin {
                topic: TOPIC,
                partition: 0,
                offset: act.seq,
                received_at: act.at,
            };
            rows.push(&document, &origin);
        }
    }
    Ok(rows.finish()?.into_iter().next().map(|(_, batch)| batch))
}
