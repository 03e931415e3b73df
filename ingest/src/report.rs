//! What a run did, for people and programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::loss::Loss;
use crate::pipeline::assignment::Assignment;
use crate::pipeline::publish::Published;
use crate::target::Target;

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Report {
    /// Seconds from start to end.
    pub seconds: f64,
    /// Offsets that became part of the tables.
    pub records: i64,
    /// Rows committed by table.
    pub rows: BTreeMap<&'static str, u64>,
    /// Partitions that moved.
    pub partitions: Vec<PartitionReport>,
    /// Partitions that stopped (N6).
    pub stopped: Vec<Loss>,
}

/// A partition's way during a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PartitionReport {
    /// Kafka topic.
    pub topic: String,
    /// Kafka partition.
    pub partition: i32,
    /// Next offset at the start.
    pub from: i64,
    /// Next offset at the end.
    pub to: i64,
}

/// Counts over all epochs of a run.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    rows: BTreeMap<&'static str, u64>,
    ways: BTreeMap<(String, i32), (i64, i64)>,
    names: BTreeMap<u64, Vec<(String, i32)>>,
}

impl Totals {
    /// A new epoch begins.
    pub(crate) fn enter(&mut self, assignment: &Assignment) {
        let names: Vec<(String, i32)> = assignment
            .slots
            .iter()
            .map(|slot| (slot.topic.name.clone(), slot.partition))
            .collect();
        for (slot, name) in assignment.slots.iter().zip(&names) {
            self.ways
                .entry(name.clone())
                .or_insert((slot.start, slot.start));
        }
        self.names.insert(assignment.epoch, names);
        // Outcomes of older epochs are not waited for longer than this.
        while self.names.len() > 4 {
            self.names.pop_first();
        }
    }

    /// A batch was committed.
    pub(crate) fn add(&mut self, published: &Published) {
        for table in Target::ALL {
            let rows = published.rows[table];
            if rows > 0 {
                *self.rows.entry(table.name()).or_default() += rows;
            }
        }
        let Some(names) = self.names.get(&published.epoch) else {
            return;
        };
        for (slot, end) in &published.positions {
            if let Some(way) = names
                .get(*slot as usize)
                .and_then(|name| self.ways.get_mut(name))
            {
                way.1 = way.1.max(*end);
            }
        }
    }

    /// The report of the run.
    pub(crate) fn report(&self, seconds: f64, stopped: Vec<Loss>) -> Report {
        let partitions: Vec<PartitionReport> = self
            .ways
            .iter()
            .filter(|(_, (from, to))| to > from)
            .map(|((topic, partition), (from, to))| PartitionReport {
                topic: topic.clone(),
                partition: *partition,
                from: *from,
                to: *to,
            })
            .collect();
        let records = partitions
            .iter()
            .map(|partition| partition.to - partition.from)
            .sum();
        Report {
            seconds,
            records,
            rows: self.rows.clone(),
            partitions,
            stopped,
        }
    }
}
