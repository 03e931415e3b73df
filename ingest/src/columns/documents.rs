//! Rows of the tables that documents (permits, inspections) become.
//!
//! Documents are few and arrive as small batches, one per table; they are only kept together here
//! until a file is written.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::error::ArrowError;

/// Batches of one table under construction.
#[derive(Debug, Default)]
pub(crate) struct DocumentRows {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

impl DocumentRows {
    /// Rows so far.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// Appends the rows of one document.
    pub(crate) fn push(&mut self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            self.rows += batch.num_rows();
            self.bytes += batch.get_array_memory_size();
            self.batches.push(batch);
        }
    }

    /// The rows as one batch, `None` if there are none; the builder is empty afterwards.
    ///
    /// # Errors
    /// The batches have different columns: a fault of this program.
    pub(crate) fn finish(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        let batches = std::mem::take(&mut self.batches);
        self.rows = 0;
        self.bytes = 0;
        batches
            .first()
            .map(|first| concat_batches(&first.schema(), &batches))
            .transpose()
    }

    /// Bytes held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
