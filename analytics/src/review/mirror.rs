//! The queue's rows in the tables, for analysts: `review_events` and `review_cases`.
//!
//! Each table's commit carries how far the audit chain was mirrored (the position of the last row),
//! in the same log entry as the rows, so nothing is mirrored twice and nothing is left out, whatever
//! crashes. A second mirror that runs at the same time has its commit refused and goes on from
//! where the first one came.
//!
//! Every version of a case has exactly one row of the chain and is written with the batch that holds it,
//! however many versions came between two passes. Of a case from before versions were kept, what was
//! replaced until then is not there to be written; the chain has its rows.
//!
//! Failure mode: a queue that was put back from a backup ends before the mirror does. That is an
//! error ([`Error::MirrorAhead`]): the mirror shows what the queue no longer knows.

use std::path::Path;

use deltalake::kernel::Transaction;
use nonsite_schemas::tables::{self, TableDef};
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::case::Case;
use super::error::Error;
use super::event::{ChainFault, Event};
use super::service::Service;
use super::store::VersionRow;
use crate::session::{append, ensure, rows, transaction};

/// Rows of the chain in one commit.
const PAGE: u32 = 10_000;
/// Markers: position in the audit chain.
pub(super) const EVENTS: &str = "nonsite-review/events";
pub(super) const CASES: &str = "nonsite-review/cases";

/// What a mirror pass wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Mirrored {
    /// Rows of `review_events`.
    pub events: usize,
    /// Rows of `review_cases`.
    pub cases: usize,
}

impl Service {
    /// Brings `review_events` and `review_cases` in the store's folder up to the end of the chain.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Tables`]; [`Error::MirrorAhead`] when the tables know more than the
    /// queue. What was committed before stays.
    pub async fn mirror(&self, store: &Path) -> Result<Mirrored, Error> {
        Ok(Mirrored {
            events: self.fill(store, &tables::review_events(), EVENTS).await?,
            cases: self.fill(store, &tables::review_cases(), CASES).await?,
        })
    }

    pub(super) async fn fill(
        &self,
        store: &Path,
        def: &TableDef,
        marker: &str,
    ) -> Result<usize, Error> {
        let mut written = 0;
        loop {
            let table = ensure(store, def).await?;
            let done = transaction(&table, marker).await?.unwrap_or(0);
            self.check_not_ahead(def, done).await?;
            let events = self.store.events(done, PAGE).await?;
            let Some(last) = events.last() else {
                return Ok(written);
            };
            let rows = match marker {
                EVENTS => events.iter().map(event_row).collect(),
                _ => self.case_rows(done, last.seq).await?,
            };
            let batch = rows::batch(&def.schema, &rows)
                .map_err(|error| crate::session::Error::query(def.name)(error.into()))?;
            let mark = Transaction::new(marker, last.seq);
            match append(&table, def, batch, vec![mark]).await {
                Ok(()) => written += rows.len(),
                Err(error) => {
                    // Somebody else was faster, or the commit landed although its answer was lost:
                    // the marker says so.
                    let table = ensure(store, def).await?;
                    if transaction(&table, marker).await?.unwrap_or(0) <= done {
                        return Err(error.into());
                    }
                }
            }
        }
    }

    async fn check_not_ahead(&self, def: &TableDef, done: i64) -> Result<(), Error> {
        if done > 0 && self.store.events(done - 1, 1).await?.is_empty() {
            return Err(Error::MirrorAhead {
                table: def.name,
                seq: done,
            });
        }
        Ok(())
    }

    /// The versions of cases that the rows after `after` up to `until` brought.
    async fn case_rows(&self, after: i64, until: i64) -> Result<Vec<Map<String, Value>>, Error> {
        let versions = self.store.versions_between(after, until).await?;
        versions
            .iter()
            .map(|row| Ok(case_row(&read(row)?)))
            .collect()
    }
}

/// The case that a kept version holds.
pub(super) fn read(row: &VersionRow) -> Result<Case, Error> {
    serde_json::from_str(&row.document).map_err(|error| {
        Error::Chain(ChainFault::Unreadable {
            what: "a version of case".to_owned(),
            id: row.case_id.clone(),
            problem: error.to_string(),
        })
    })
}

pub(super) fn event_row(event: &Event) -> Map<String, Value> {
    object(json!({
        "seq": event.seq, "case_id": event.case_id, "from_state": event.from_state,
        "to_state": event.to_state, "case_version": event.case_version, "action": event.action,
        "actor": event.actor, "actor_certificate": event.actor_certificate, "role": event.role,
        "org_code": event.org_code, "at": event.at, "effective_at": event.effective_at,
        "reason_code": event.reason_code, "note": event.note,
        "fields": json!(event.fields).to_string(),
        "attachments": json!(event.attachments).to_string(), "client": event.client,
        "rule_version": event.rule_version, "policy_version": event.policy_version,
        "case_sha256": event.case_sha256, "prev_hash": event.prev_hash, "hash": event.hash,
    }))
}

pub(super) fn case_row(case: &Case) -> Map<String, Value> {
    object(json!({
        "case_id": case.case_id, "version": case.version, "state": case.state,
        "parent_id": case.parent_id, "anomaly_id": case.anomaly_id, "rule_id": case.rule_id,
        "rule_version": case.rule_version, "severity": case.severity.code(),
        "permit_no": case.permit_no, "unit_name": case.unit_name, "org_code": case.org_code,
        "outlet_uid": case.outlet_uid, "mn": case.mn, "factor": case.factor,
        "window_start": case.window_start, "window_end": case.window_end,
        "assignee": case.assignee, "due_at": case.due_at, "overdue": case.overdue,
        "return_count": case.return_count, "extension_count": case.extension_count,
        "rule_match": case.rule_match, "true_cause": case.true_cause,
        "look_back_until": case.look_back_until,
        "opened_at": case.opened_at, "updated_at": case.updated_at, "closed_at": case.closed_at,
        "source_system": case.source_system, "source_ref": case.source_ref,
    }))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        // The macro above was given braces.
        _ => Map::new(),
    }
}
