//! Collects what belongs to one instant, although it is spread over several rows.
//!
//! Some exports write one instant as several lines a second apart, each with a part of the
//! columns; long exports write one line per factor. Here they become one group per (MN, instant).
//! Only the last [`WINDOW`] groups stay open, so memory does not grow with the file; the oldest
//! closes first, so the order of messages is the order in which instants first appear.
//!
//! What comes for an instant whose group has closed opens a new one: a second message for the same
//! instant. That is correct (a reading's key does not depend on its message) and only costs the
//! message. A cell that contradicts one already in the group goes to a further *layer*, sent after
//! it as a resend, so that neither version is lost and the later one is current.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

use super::mapping::Statistic;
use super::message::{Field, Put, Reading};

/// Groups that stay open; at 60 factors a group this is about 30 MB.
const WINDOW: usize = 4_096;

/// Readings of one instant by series number.
pub(super) type Layer = BTreeMap<u32, Reading>;

/// A group that is complete as far as the window can tell.
#[derive(Debug)]
pub(super) struct Group {
    /// Number of the MN.
    pub(super) mn: u32,
    /// Microseconds UTC.
    pub(super) instant: i64,
    /// First what came first, then each contradiction.
    pub(super) layers: Vec<Layer>,
    /// Whether no earlier group had this MN and instant.
    pub(super) first: bool,
}

/// What a cell brings.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Content {
    /// A number, or the text in its place.
    Field(Statistic, Field),
    /// A data mark.
    Flag(String),
}

/// Puts one cell into the first layer that has room for it.
pub(super) fn put(layers: &mut Vec<Layer>, series: u32, content: &Content) -> Put {
    let mut outcome = Put::New;
    // The newest version decides whether a cell repeats or contradicts, so look from the end.
    let taken = layers.iter().rposition(|layer| {
        let Some(reading) = layer.get(&series) else {
            return false;
        };
        let mut probe = reading.clone();
        let put = put_into(&mut probe, content);
        if put != Put::New {
            outcome = put;
        }
        put != Put::New
    });
    let target = match (taken, outcome) {
        (Some(_), Put::Same) => return Put::Same,
        (Some(index), _) => index + 1,
        (None, _) => 0,
    };
    if target == layers.len() {
        layers.push(Layer::new());
    }
    put_into(layers[target].entry(series).or_default(), content);
    outcome
}

fn put_into(reading: &mut Reading, content: &Content) -> Put {
    match content {
        Content::Field(statistic, field) => reading.put(*statistic, field),
        Content::Flag(flag) => reading.put_flag(flag),
    }
}

/// Completes every layer from the ones before it: a resend replaces the whole reading.
pub(super) fn complete(layers: &mut [Layer]) {
    for index in 1..layers.len() {
        let (before, rest) = layers.split_at_mut(index);
        for (series, reading) in &mut rest[0] {
            if let Some(earlier) = before.iter().rev().find_map(|layer| layer.get(series)) {
                reading.complete_from(earlier);
            }
        }
    }
}

/// The open groups.
#[derive(Debug, Default)]
pub(super) struct Assembler {
    open: HashMap<(u32, i64), Vec<Layer>>,
    order: VecDeque<(u32, i64)>,
    starts: BTreeMap<(u32, i64), ()>,
    closed: HashSet<(u32, i64)>,
    merge_within: i64,
}

impl Assembler {
    /// Groups rows at most `merge_within` microseconds apart.
    pub(super) fn new(merge_within: i64) -> Self {
        Self {
            merge_within,
            ..Self::default()
        }
    }

    /// The instant of the open group that a row at `instant` belongs to, else `instant`.
    pub(super) fn resolve(&self, mn: u32, instant: i64) -> i64 {
        if self.merge_within == 0 || self.open.contains_key(&(mn, instant)) {
            return instant;
        }
        let from = (mn, instant.saturating_sub(self.merge_within));
        let to = (mn, instant.saturating_add(self.merge_within));
        self.starts
            .range(from..=to)
            .map(|((_, start), ())| *start)
            .min_by_key(|start| start.abs_diff(instant))
            .unwrap_or(instant)
    }

    /// Adds a cell to the group of (`mn`, `instant`).
    pub(super) fn put(&mut self, mn: u32, instant: i64, series: u32, content: &Content) -> Put {
        let key = (mn, instant);
        let layers = self.open.entry(key).or_insert_with(|| {
            self.order.push_back(key);
            if self.merge_within > 0 {
                self.starts.insert(key, ());
            }
            Vec::new()
        });
        put(layers, series, content)
    }

    /// The oldest group when more are open than the window holds.
    pub(super) fn overdue(&mut self) -> Option<Group> {
        if self.order.len() > WINDOW {
            self.close_oldest()
        } else {
            None
        }
    }

    /// The oldest group; `None` when none is open.
    pub(super) fn close_oldest(&mut self) -> Option<Group> {
        let key = self.order.pop_front()?;
        self.starts.remove(&key);
        let mut layers = self.open.remove(&key)?;
        complete(&mut layers);
        let first = self.closed.insert(key);
        Some(Group {
            mn: key.0,
            instant: key.1,
            layers,
            first,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: f64) -> Content {
        Content::Field(Statistic::Value, Field::Number(value))
    }

    #[test]
    fn rows_a_few_seconds_apart_are_one_instant() {
        let mut assembler = Assembler::new(5_000_000);
        assembler.put(0, 1_000_000, 0, &number(1.0));
        let joined = assembler.resolve(0, 4_000_000);
        assert_eq!(joined, 1_000_000);
        assembler.put(0, joined, 1, &number(2.0));
        assert_eq!(
            assembler.resolve(0, 7_000_000),
            7_000_000,
            "six seconds later is another"
        );
        assert_eq!(
            assembler.resolve(1, 4_000_000),
            4_000_000,
            "another logger is another"
        );
        let group = assembler.close_oldest().expect("one group");
        assert_eq!(group.layers.len(), 1);
        assert_eq!(group.layers[0].len(), 2);
        assert!(group.first);
        assert!(assembler.close_oldest().is_none());
    }

    #[test]
    fn a_contradiction_becomes_a_second_layer_with_everything_else_taken_over() {
        let mut assembler = Assembler::new(0);
        assert_eq!(assembler.put(0, 1, 0, &number(1.0)), Put::New);
        assert_eq!(assembler.put(0, 1, 0, &Content::Flag("N".into())), Put::New);
        assert_eq!(assembler.put(0, 1, 0, &number(1.0)), Put::Same);
        assert_eq!(assembler.put(0, 1, 0, &number(2.0)), Put::Differs);
        assert_eq!(assembler.put(0, 1, 0, &number(2.0)), Put::Same);
        assert_eq!(
            assembler.put(0, 1, 0, &number(1.0)),
            Put::Differs,
            "and back again"
        );
        let group = assembler.close_oldest().expect("one group");
        let values: Vec<_> = group
            .layers
            .iter()
            .map(|layer| serde_json::to_string(&format!("{:?}", layer[&0])).expect("text"))
            .collect();
        assert_eq!(values.len(), 3);
        assert!(
            values
                .iter()
                .all(|reading| reading.contains("Some(\\\"N\\\")")),
            "{values:?}"
        );
    }

    #[test]
    fn the_window_bounds_what_is_open() {
        let mut assembler = Assembler::new(0);
        for instant in 0..10_000 {
            assembler.put(0, instant, 0, &number(1.0));
            while assembler.overdue().is_some() {}
        }
        assert_eq!(assembler.open.len(), WINDOW);
        assembler.put(0, 0, 0, &number(1.0));
        let mut late = 0;
        while let Some(group) = assembler.close_oldest() {
            late += u32::from(!group.first);
        }
        assert_eq!(late, 1, "an instant that came back is not counted twice");
    }
}
