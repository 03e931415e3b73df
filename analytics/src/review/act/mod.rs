//! Inspection acts that the workflow writes: off-site verification and the visit.
//!
//! Leaving `verify_off` writes an off-site act with its conclusion. Coming to `onsite_done` writes
//! the visit; deciding its result writes the visit's second version, with the conclusion. An off-site
//! act that ends on-site names the visit that follows, and both share the task. The visit of a furnace that
//! serves several cases is one act, that of the case that led ([`super::investigation`]); the others write
//! none, and their off-site acts name it.
//!
//! Invariants:
//! - an act is written in the transaction of the audit row it comes from, and the row holds the act's
//!   id and SHA-256; rows of acts are never changed (triggers refuse it);
//! - an act reaches table `inspections` once: [`deliver`] commits it together with how far it got,
//!   [`publish`] looks for what a broken attempt left behind before it sends anything again;
//! - an act that lacks part of the minimum record is kept and told as not counted, with the reason.
//!
//! When the action names an act of the inspection system (field `act`), that record arrives by its
//! topic and nothing is written here.

mod build;
mod deliver;
mod draft;
mod publish;
mod record;
#[cfg(test)]
mod tests;

use nonsite_schemas::wire::inspection::{Conclusion, Inspection, Mode, minimum_record};
use serde::Serialize;
use sha2::{Digest, Sha256};

pub(super) use self::build::outlet_code;
pub(super) use self::deliver::TOPIC;
pub use self::publish::Target;
pub use self::record::Record;
use super::case::Case;
use super::desk::Moved;
use super::error::Error;
use super::event::Event;
use super::investigation::ACT as JOINT_ACT;
use super::service::Service;
use super::store::{ActRow, Tx};

/// A version of an act as the case shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActView {
    /// Audit row it came from.
    pub seq: i64,
    /// Id of the act.
    pub act_id: String,
    /// Version.
    pub act_version: i32,
    /// Off-site or on-site.
    pub mode: Option<Mode>,
    /// What it ended with.
    pub conclusion: Option<Conclusion>,
    /// The visit it turned into.
    pub escalated_to: Option<String>,
    /// Whether it may count for the off-site ratio.
    pub counts: bool,
    /// Why not.
    pub not_counted: Option<String>,
    /// Everything the minimum record lacks.
    pub lacking: Vec<String>,
    /// SHA-256 of the document, hex.
    pub sha256: String,
    /// When it was recorded, microseconds UTC.
    pub at: i64,
}

impl ActView {
    pub(super) fn of(row: &ActRow) -> Self {
        let act = row.act();
        let not_counted = act.not_counted(act.validate().is_empty());
        Self {
            seq: row.seq,
            act_id: row.act_id.clone(),
            act_version: row.act_version,
            mode: act.mode,
            conclusion: act.conclusion,
            escalated_to: act.escalated_to.clone(),
            counts: not_counted.is_none(),
            not_counted,
            lacking: minimum_record(&act)
                .iter()
                .map(ToString::to_string)
                .collect(),
            sha256: row.sha256.clone(),
            at: row.at,
        }
    }
}

impl ActRow {
    /// The act as it was written.
    pub(super) fn act(&self) -> Inspection {
        // Written by this program from the very type.
        serde_json::from_str(&self.document).unwrap_or_default()
    }
}

impl Service {
    /// Every version of every act the workflow wrote for a case, in order.
    pub(super) async fn acts_of(&self, case_id: &str) -> Result<Vec<ActView>, Error> {
        let rows = self.store.acts_of(case_id).await?;
        Ok(rows.iter().map(ActView::of).collect())
    }

    /// The acts a change writes, ready to be stored; their ids and hashes go into its audit row.
    pub(super) async fn make_acts(
        &self,
        tx: &mut dyn Tx,
        before: Option<&Case>,
        moved: &mut Moved,
        now: i64,
    ) -> Result<Vec<ActRow>, Error> {
        let Some(before) = before.filter(|before| self.is_inspection(before, moved)) else {
            return Ok(Vec::new());
        };
        let events = tx.events_of(&before.case_id).await?;
        let written = tx.acts_of(&before.case_id).await?;
        let mut findings = vec![before.clone()];
        for id in merged_into(&events) {
            findings.extend(tx.case(id).await?);
        }
        findings.extend(self.investigated_with(tx, before, &events).await?);
        let making = build::Making {
            service: self,
            before,
            moved,
            events: &events,
            written: &written,
            findings: &findings,
            now,
        };
        let acts = making.acts();
        let rows: Vec<ActRow> = acts
            .into_iter()
            .map(|act| {
                // Texts, numbers and codes into memory: nothing here can fail to serialise.
                let document = serde_json::to_string(&act).unwrap_or_default();
                ActRow {
                    seq: 0,
                    case_id: before.case_id.clone(),
                    act_version: act.act_version,
                    sha256: hex::encode(Sha256::digest(document.as_bytes())),
                    at: now,
                    act_id: act.act_id,
                    document,
                }
            })
            .collect();
        let fields = &mut moved.input.fields;
        for row in &rows {
            // The second one is a correction of the act before.
            let corrects = fields.contains_key("act") || fields.contains_key(JOINT_ACT);
            let (id, hash) = match corrects {
                false => ("act", "act_sha256"),
                true => ("corrected_act", "corrected_act_sha256"),
            };
            fields.insert(id.to_owned(), row.act_id.clone());
            fields.insert(hash.to_owned(), row.sha256.clone());
        }
        Ok(rows)
    }

    /// Whether a change ends an inspection, or brings one back.
    fn is_inspection(&self, before: &Case, moved: &Moved) -> bool {
        let inspects = |state: &str| {
            self.machine()
                .state(state)
                .is_some_and(|state| state.act.is_some())
        };
        moved.case.state != before.state && (inspects(&before.state) || inspects(&moved.case.state))
    }
}

/// The cases whose findings became part of this one, in order.
pub(super) fn merged_into(events: &[Event]) -> impl Iterator<Item = &str> {
    events
        .iter()
        .filter(|event| event.action == "absorb")
        .filter_map(|event| event.fields.get("merged"))
        .map(String::as_str)
}
