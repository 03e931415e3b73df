//! What this process consumes, and where each table stands.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Topic;
use crate::target::{PerTable, Target};

/// What the tables that are ahead say about a record that is read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is rows.
    Rows,
    /// It is quarantined as a whole.
    Quarantined,
}

/// One assigned partition.
#[derive(Debug, Clone)]
pub(crate) struct Slot {
    /// The topic's settings.
    pub(crate) topic: Arc<Topic>,
    /// Partition number.
    pub(crate) partition: i32,
    /// Application id in the tables.
    pub(crate) app_id: String,
    /// Offset from which records are consumed: the lowest of the tables (N8).
    pub(crate) start: i64,
    /// Offset reading begins at, not after `start`. The records in between are settled; they are
    /// read again for the times that later parts of their split packets need, and for nothing
    /// else.
    pub(crate) read_from: i64,
    /// Where each table remembers that reading has to begin; see [`Slot::read_from`].
    pub(crate) marks: PerTable<Option<i64>>,
    /// First offset the pipeline ever read of it, as the tables remember it (or `start`).
    pub(crate) first: i64,
    /// From here on no table has anything.
    pub(crate) all_lack_from: i64,
    /// Where each table was when the partition was assigned; `None` if it has no offset yet.
    pub(crate) at: PerTable<Option<i64>>,
    /// Records that one table has and another lacks, after a crash between their commits. What was
    /// decided first stands: the record must not be accepted by one table and refused by another
    /// because settings changed in between (N1).
    pub(crate) settled: HashMap<i64, Settled>,
}

impl Slot {
    /// The tables this partition feeds.
    pub(crate) fn targets(&self) -> &'static [Target] {
        Target::of(self.topic.content)
    }

    /// N8: whether `table` still lacks the rows of the record at `offset`.
    pub(crate) fn lacks(&self, table: Target, offset: i64) -> bool {
        self.at[table].is_none_or(|next| offset >= next)
    }

    /// Which tables lack the rows of the record at `offset`.
    pub(crate) fn wanted(&self, offset: i64) -> PerTable<bool> {
        if offset >= self.all_lack_from && offset >= self.start {
            return PerTable::all(true);
        }
        let mut wanted = PerTable::all(false);
        if offset < self.start {
            return wanted;
        }
        if self.settled.get(&offset) == Some(&Settled::Quarantined) {
            return wanted;
        }
        for table in self.targets() {
            wanted[*table] = self.lacks(*table, offset);
        }
        wanted
    }

    /// Whether the record may still be refused as a whole.
    pub(crate) fn may_refuse(&self, offset: i64) -> bool {
        self.settled.is_empty() || !self.settled.contains_key(&offset)
    }

    /// `topic/partition`, for messages.
    pub(crate) fn name(&self) -> String {
        format!("{}/{}", self.topic.name, self.partition)
    }
}

/// The partitions of one epoch.
#[derive(Debug, Default)]
pub(crate) struct Assignment {
    /// Epoch of the permit under which they are published.
    pub(crate) epoch: u64,
    /// The partitions, in a fixed order: a slot's number is its place here.
    pub(crate) slots: Vec<Slot>,
}
