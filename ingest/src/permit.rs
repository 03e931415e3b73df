//! N5: the permit to publish.
//!
//! Every assignment has an epoch. What is buffered carries the epoch it was read in, and may be
//! published only while that epoch is current. Revoking ends the epoch before the callback
//! returns, and waits a bounded time for a commit that is being put at that very moment: once the
//! wait is over the new owner reads offsets that include it. If the wait is not enough nothing is
//! wrong either: the two commits then meet in the log, where N3 lets one of them through.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

#[derive(Debug, Default)]
struct State {
    epoch: u64,
    publishing: usize,
}

/// The permit to publish what was read in the current epoch.
#[derive(Debug, Default)]
pub(crate) struct Permit {
    state: Mutex<State>,
    idle: Condvar,
}

impl Permit {
    /// The current epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.state.lock().epoch
    }

    /// Whether what was read in `epoch` may still be published.
    pub(crate) fn allows(&self, epoch: u64) -> bool {
        self.epoch() == epoch
    }

    /// Announces a commit of `epoch`; `None` if the epoch is over.
    pub(crate) fn begin(self: &Arc<Self>, epoch: u64) -> Option<Publishing> {
        let mut state = self.state.lock();
        if state.epoch != epoch {
            return None;
        }
        state.publishing += 1;
        Some(Publishing(Arc::clone(self)))
    }

    /// Ends the epoch and waits for commits under way, at most `patience`. The new epoch.
    pub(crate) fn withdraw(&self, patience: Duration) -> u64 {
        let mut state = self.state.lock();
        state.epoch += 1;
        let epoch = state.epoch;
        self.idle
            .wait_while_for(&mut state, |state| state.publishing > 0, patience);
        epoch
    }
}

/// A commit under way; ends when dropped.
#[derive(Debug)]
pub(crate) struct Publishing(Arc<Permit>);

impl Drop for Publishing {
    fn drop(&mut self) {
        self.0.state.lock().publishing -= 1;
        self.0.idle.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_withdrawn_epoch_publishes_nothing_more() {
        let permit = Arc::new(Permit::default());
        let epoch = permit.epoch();
        let publishing = permit.begin(epoch).unwrap();
        let waiting = Arc::clone(&permit);
        let revoke = std::thread::spawn(move || waiting.withdraw(Duration::from_secs(60)));
        while permit.allows(epoch) {
            std::thread::yield_now();
        }
        assert!(permit.begin(epoch).is_none());
        assert!(!revoke.is_finished());
        drop(publishing);
        assert_eq!(revoke.join().unwrap(), epoch + 1);
        assert!(permit.begin(epoch + 1).is_some());
    }
}
