//! Prepared statements of Flight clients, with the values they were given last.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use datafusion::common::{ParamValues, ScalarValue};
use parking_lot::Mutex;
use tonic::Status;

/// Statements kept at the same time; the oldest goes first.
const MOST: usize = 10_000;

/// A statement and its values.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) user: String,
    pub(super) text: String,
    pub(super) values: Option<RecordBatch>,
}

/// All of them, by handle; handles grow, so the first one is the oldest.
#[derive(Debug, Default)]
pub(super) struct Statements(Mutex<BTreeMap<String, Kept>>);

impl Statements {
    /// Keeps a statement.
    pub(super) fn keep(&self, user: &str, text: &str) -> String {
        let handle = uuid::Uuid::now_v7().to_string();
        let mut all = self.0.lock();
        if all.len() >= MOST {
            all.pop_first();
        }
        let kept = Kept {
            user: user.to_owned(),
            text: text.to_owned(),
            values: None,
        };
        all.insert(handle.clone(), kept);
        handle
    }

    /// A statement of this user.
    pub(super) fn get(&self, user: &str, handle: &[u8]) -> Result<Kept, Status> {
        let handle = String::from_utf8_lossy(handle);
        let all = self.0.lock();
        all.get(handle.as_ref())
            .filter(|kept| kept.user == user)
            .cloned()
            .ok_or_else(|| Status::not_found("there is no such prepared statement any more"))
    }

    /// Gives a statement its values.
    pub(super) fn bind(
        &self,
        user: &str,
        handle: &[u8],
        values: RecordBatch,
    ) -> Result<(), Status> {
        let handle = String::from_utf8_lossy(handle);
        let mut all = self.0.lock();
        let kept = all
            .get_mut(handle.as_ref())
            .filter(|kept| kept.user == user)
            .ok_or_else(|| Status::not_found("there is no such prepared statement any more"))?;
        kept.values = Some(values);
        Ok(())
    }

    /// Forgets a statement.
    pub(super) fn close(&self, user: &str, handle: &[u8]) {
        let handle = String::from_utf8_lossy(handle);
        let mut all = self.0.lock();
        if all
            .get(handle.as_ref())
            .is_some_and(|kept| kept.user == user)
        {
            all.remove(handle.as_ref());
        }
    }
}

impl Kept {
    /// The values of its parameters.
    pub(super) fn params(&self) -> Result<Option<ParamValues>, Status> {
        let Some(values) = &self.values else {
            return Ok(None);
        };
        if values.num_rows() != 1 {
            return Err(Status::invalid_argument(format!(
                "a query takes one row of values, not {}",
                values.num_rows()
            )));
        }
        let values = values
            .columns()
            .iter()
            .map(|column| ScalarValue::try_from_array(column, 0))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
        Ok(Some(ParamValues::from(values)))
    }
}
