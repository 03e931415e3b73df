//! Decides, without touching a table, what a record's decoded message means for its entries.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use nonsite_schemas::wire::Origin;

use super::super::Entry;
use super::super::read::{BECAME_ROWS, QUARANTINE};
use super::outcome;
use super::present::Present;
use super::types::{Decoded, Outcome};

/// The outcome that leaves an entry open.
const STILL_BAD: &str = "still_bad";

/// A Kafka record with its open entries: the whole record, or some of its parts.
pub(super) struct Record {
    pub(super) entries: Vec<Entry>,
}

impl Record {
    pub(super) fn first(&self) -> &Entry {
        // Built by `chunk_by`, which never gives an empty run.
        &self.entries[0]
    }

    pub(super) fn is_whole(&self) -> bool {
        self.entries.iter().any(|entry| entry.part.is_none())
    }

    pub(super) fn origin(&self) -> Origin<'_> {
        let entry = self.first();
        Origin {
            topic: &entry.topic,
            partition: entry.partition,
            offset: entry.offset,
            received_at: entry.received_at,
        }
    }
}

/// What is to be written and reported.
#[derive(Debug, Default)]
pub(super) struct Judged {
    /// Rows that are not there yet, by table.
    pub(super) rows: BTreeMap<&'static str, Vec<RecordBatch>>,
    /// What became of the entries.
    pub(super) outcomes: Vec<Outcome>,
    /// Entries that are neither.
    pub(super) inconsistent: Vec<String>,
    /// Rows that were there already.
    pub(super) already_there: u64,
}

/// Decides per record what is to be written and what its entries' outcomes are.
pub(super) fn judge(
    records: &[Record],
    decoded: Vec<Decoded>,
    present: &BTreeMap<&'static str, Present>,
) -> Result<Judged, ArrowError> {
    let mut judged = Judged::default();
    for (record, decoded) in records.iter().zip(decoded) {
        let tables = match decoded {
            Ok(tables) => tables,
            Err(fault) => {
                let there = present
                    .iter()
                    .any(|(table, present)| *table != QUARANTINE && present.has(&record.origin()));
                for entry in &record.entries {
                    if record.is_whole() && there {
                        judged.inconsistent.push(entry.quarantine_id.clone());
                    } else {
                        judged
                            .outcomes
                            .push(still_bad(entry, &fault.reason, &fault.detail));
                    }
                }
                continue;
            }
        };
        let mut total = 0;
        let mut added = 0;
        let mut bad_parts = Vec::new();
        for (table, batch) in tables {
            if table == QUARANTINE {
                bad_parts.extend(outcome::bad_parts(&batch)?);
                if !record.is_whole() {
                    // Its parts are in quarantine already, each under its own id.
                    continue;
                }
            } else {
                total += batch.num_rows() as u64;
            }
            let missing = match present.get(table) {
                Some(present) => present.missing(&record.origin(), table, &batch)?,
                None => batch.clone(),
            };
            if table != QUARANTINE {
                added += missing.num_rows() as u64;
                if record.is_whole() {
                    judged.already_there += (batch.num_rows() - missing.num_rows()) as u64;
                }
            }
            if missing.num_rows() > 0 {
                judged.rows.entry(table).or_default().push(missing);
            }
        }
        for entry in &record.entries {
            let bad = entry.part_raw.as_deref().and_then(|text| {
                bad_parts
                    .iter()
                    .find(|part| part.text.as_deref() == Some(text))
            });
            match (entry.part, bad) {
                (Some(_), Some(part)) => {
                    judged
                        .outcomes
                        .push(still_bad(entry, &part.reason, &part.detail))
                }
                (part, _) => {
                    // Which of several parts a row belongs to cannot be told: the first gets all.
                    let count = if part.is_none() {
                        total
                    } else {
                        std::mem::take(&mut added)
                    };
                    judged.outcomes.push(Outcome {
                        quarantine_id: entry.quarantine_id.clone(),
                        outcome: BECAME_ROWS,
                        rows: count,
                        reason: None,
                        detail: None,
                    });
                }
            }
        }
    }
    Ok(judged)
}

fn still_bad(entry: &Entry, reason: &str, detail: &str) -> Outcome {
    Outcome {
        quarantine_id: entry.quarantine_id.clone(),
        outcome: STILL_BAD,
        rows: 0,
        reason: Some(reason.to_owned()),
        detail: Some(detail.to_owned()),
    }
}
