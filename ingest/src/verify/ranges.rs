//! Half-open ranges of offsets.

use serde::Serialize;

/// Offsets `from..to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Range {
    /// First offset.
    pub from: i64,
    /// Offset after the last.
    pub to: i64,
}

impl Range {
    /// The range `from..to`; empty if `to` is not after `from`.
    pub fn new(from: i64, to: i64) -> Self {
        Self {
            from,
            to: to.max(from),
        }
    }

    /// Number of offsets.
    pub fn len(self) -> u64 {
        self.to.abs_diff(self.from)
    }

    /// Whether it holds no offset.
    pub fn is_empty(self) -> bool {
        self.to <= self.from
    }

    /// Whether it holds `offset`.
    pub fn contains(self, offset: i64) -> bool {
        (self.from..self.to).contains(&offset)
    }

    /// The part of it that is in `other`.
    #[must_use]
    pub fn within(self, other: Self) -> Self {
        Self::new(self.from.max(other.from), self.to.min(other.to))
    }
}

/// Adds `offset`, which is after all in `ranges`, to the last range or as a new one.
pub(super) fn extend(ranges: &mut Vec<Range>, offset: i64) {
    match ranges.last_mut() {
        Some(last) if last.to == offset => last.to += 1,
        _ => ranges.push(Range::new(offset, offset + 1)),
    }
}

/// Most findings of one kind per partition that are listed one by one.
const LISTED: usize = 20;

/// The first [`LISTED`] of what was `found`, in the order of the offsets, one by one as `told`; and
/// one line with the number of `further` ones, if there are any.
pub(super) fn listed<T>(
    found: &[T],
    further: &str,
    told: impl Fn(&T) -> (Range, String),
) -> Vec<(Range, String)> {
    let (shown, rest) = found.split_at(found.len().min(LISTED));
    let mut list: Vec<_> = shown.iter().map(&told).collect();
    if let (Some(first), Some(last)) = (rest.first(), rest.last()) {
        let range = Range::new(told(first).0.from, told(last).0.to);
        list.push((range, format!("{} further {further}", rest.len())));
    }
    list
}
