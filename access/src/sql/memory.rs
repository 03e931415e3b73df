//! The memory of one query.
//!
//! Whoever asks first gets memory first, up to the limit: a view like `daily` has hundreds of small sorts,
//! and a pool that shares out fairly would leave each of them a few hundred kilobytes. But what can spill
//! does not get all of it. A sort learns that it has to spill by being refused, and then needs memory to
//! merge what it holds into the file: without any left it would fail with the spill space unused.
//!
//! For the same reason its first piece of memory may come out of that part, up to half of it. What holds nothing
//! has nothing to spill: refused, it could only fail, and what holds all the rest (an aggregation that hands its
//! groups to this very sort) would let go of it only after the sort had taken some.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{
    GreedyMemoryPool, MemoryLimit, MemoryPool, MemoryReservation,
};

/// Memory of which a part is kept for those who cannot spill.
#[derive(Debug)]
pub(super) struct QueryMemory {
    all: GreedyMemoryPool,
    /// What those who can spill hold together.
    spillable: AtomicUsize,
    /// What they may hold.
    most: usize,
    /// What they may hold together with those that only begin.
    most_begun: usize,
}

impl QueryMemory {
    /// So many bytes, two thirds of them for those who can spill: two sorts that merge at the same time,
    /// each beside the other's growth, find enough in the third.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            all: GreedyMemoryPool::new(bytes),
            spillable: AtomicUsize::new(0),
            most: bytes - bytes / 3,
            most_begun: bytes - bytes / 6,
        }
    }
}

impl fmt::Display for QueryMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.all, f)
    }
}

impl MemoryPool for QueryMemory {
    fn name(&self) -> &str {
        "query"
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        if reservation.consumer().can_spill() {
            self.spillable.fetch_add(additional, Ordering::Relaxed);
        }
        self.all.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        if reservation.consumer().can_spill() {
            self.spillable.fetch_sub(shrink, Ordering::Relaxed);
        }
        self.all.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        if !reservation.consumer().can_spill() {
            return self.all.try_grow(reservation, additional);
        }
        let held = self.spillable.fetch_add(additional, Ordering::Relaxed);
        let most = match reservation.size() {
            0 => self.most_begun,
            _ => self.most,
        };
        let grown = if held.saturating_add(additional) > most {
            Err(DataFusionError::ResourcesExhausted(format!(
                "{additional} more bytes for {} are not there: what can spill holds {held} of {most}",
                reservation.consumer().name(),
            )))
        } else {
            self.all.try_grow(reservation, additional)
        };
        if grown.is_err() {
            self.spillable.fetch_sub(additional, Ordering::Relaxed);
        }
        grown
    }

    fn reserved(&self) -> usize {
        self.all.reserved()
    }

    fn memory_limit(&self) -> MemoryLimit {
        self.all.memory_limit()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::memory_pool::MemoryConsumer;

    use super::*;

    /// An aggregation that hands out its groups does not spill any more; the sort behind it has to begin.
    #[test]
    fn what_holds_nothing_can_begin() {
        let pool: Arc<dyn MemoryPool> = Arc::new(QueryMemory::new(300));
        let spillable = |name: &str| {
            MemoryConsumer::new(name)
                .with_can_spill(true)
                .register(&pool)
        };
        let (groups, sort) = (spillable("groups"), spillable("sort"));
        groups.try_grow(200).expect("two thirds");
        sort.try_grow(50).expect("the first piece");
        sort.try_grow(1)
            .expect_err("it has something to spill by now");
        spillable("another")
            .try_grow(1)
            .expect_err("the other half of the third is for those who cannot spill");
        let merge = MemoryConsumer::new("merge").register(&pool);
        merge.try_grow(50).expect("the other half");
        sort.shrink(50);
        sort.try_grow(50).expect("after spilling");
    }

    #[test]
    fn what_can_spill_leaves_a_third_to_what_cannot() {
        let pool: Arc<dyn MemoryPool> = Arc::new(QueryMemory::new(300));
        let sort = MemoryConsumer::new("sort")
            .with_can_spill(true)
            .register(&pool);
        let merge = MemoryConsumer::new("merge").register(&pool);
        sort.try_grow(200).expect("two thirds");
        sort.try_grow(1).expect_err("no more");
        merge.try_grow(100).expect("the rest");
        merge.try_grow(1).expect_err("there is no more");
        sort.shrink(200);
        merge.try_grow(200).expect("what cannot spill may have all");
        sort.try_grow(1).expect_err("all is taken");
        merge.shrink(300);
        // What was refused was not counted.
        sort.try_grow(200).expect("two thirds again");
        assert_eq!(pool.reserved(), 200);
    }
}
