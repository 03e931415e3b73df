//! The proof that nothing was changed, removed or put in between.

use serde::Serialize;

use super::error::Error;
use super::event::{ChainFault, ChainWalk, GENESIS};
use super::service::Service;

/// Rows of the audit chain read at once.
const AUDIT_PAGE: u32 = 1_000;

/// Result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Rows in the chain up to the first fault.
    pub rows: i64,
    /// Cases checked.
    pub cases: usize,
    /// Hash of the last sound row; keep it to notice that the end was cut off.
    pub head: String,
    /// The first fault, if there is one.
    pub fault: Option<ChainFault>,
}

impl Service {
    /// Walks the whole audit chain and compares every case with its last row. `expected_head` is a
    /// hash that was kept from an earlier audit.
    ///
    /// # Errors
    /// [`Error::OutOfScope`] for a caller who sees a part of the queue; [`Error::Store`]. A broken chain is part of the report, not an error.
    pub async fn audit(&self, expected_head: Option<&str>) -> Result<AuditReport, Error> {
        if !self.caller.scope.is_everything() {
            return Err(Error::OutOfScope("the audit chain"));
        }
        // Nobody writes between the head and the cases; rows appended later are beyond `end`.
        let mut walk = ChainWalk::new();
        let mut after = 0;
        let mut head = GENESIS.to_owned();
        let mut head_seen = expected_head.is_none_or(|expected| expected == GENESIS);
        let mut fault = None;
        let mut tx = self.store.begin().await?;
        let end = tx.head().await?.map_or(0, |(seq, _)| seq);
        let cases = self.store.fingerprints().await?;
        drop(tx);
        'chain: while after < end {
            let mut page = self.store.events(after, AUDIT_PAGE).await?;
            page.retain(|event| event.seq <= end);
            if page.is_empty() {
                fault = Some(ChainFault::Missing {
                    seq: after + 1,
                    found: end,
                });
                break;
            }
            for event in &page {
                if let Err(found) = walk.step(event) {
                    fault = Some(found);
                    break 'chain;
                }
                after = event.seq;
                head.clone_from(&event.hash);
                head_seen |= expected_head == Some(event.hash.as_str());
            }
        }
        let checked = cases.len();
        if fault.is_none() {
            fault = cases
                .iter()
                .find_map(|(id, version, hash)| walk.case(id, *version, hash).err())
                .or_else(|| walk.finish().err());
        }
        if let (None, false, Some(expected)) = (&fault, head_seen, expected_head) {
            fault = Some(ChainFault::HeadMissing {
                expected: expected.to_owned(),
            });
        }
        Ok(AuditReport {
            rows: after,
            cases: checked,
            head,
            fault,
        })
    }
}
