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
