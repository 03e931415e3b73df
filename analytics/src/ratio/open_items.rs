//! What acts leave open of the permit checklist they name.
//!
//! A record may say that it answers a permit checklist. Then it has to: an off-site act with open
//! questions lacks part of the minimum record, whoever sent it. What is asked follows from the permit.
//!
//! Invariants:
//! - an act is judged by the permits that had arrived when its record did, so that a permit which
//!   arrives later changes no figure; where none had, only by what every permit is asked;
//! - an act that names a checklist or a version nobody has here is not judged: what was asked is not
//!   known;
//! - a figure keeps what was found ([`Snapshot::open_items`](super::Snapshot)), because checklists are
//!   changed and the figure has to come out again.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, RecordBatch};
use datafusion::prelude::SessionContext;
use nonsite_schemas::wire::inspection::{self, Inspection};
use nonsite_schemas::wire::permit::{self, Permit};
use serde_json::Value;

use super::act::{Act, Mode};
use super::source::{SourceError, acts_from_batches, columns_of, documents};
use crate::inspection::checklist::Checklists;
use crate::inspection::record::open_items;
use crate::session::rows;

/// Open questions that are named; the others are counted.
const NAMED: usize = 5;

/// Reads every version of every act as [`load_acts`](super::load_acts) does, with what it leaves open
/// of one of `lists`.
///
/// # Errors
/// [`SourceError`], naming the column and, where there is one, the act.
pub async fn load_judged(
    session: &SessionContext,
    lists: Option<&Checklists>,
) -> Result<Vec<Act>, SourceError> {
    let batches = columns_of(session.table("inspections").await?).await?;
    let mut acts = acts_from_batches(&batches)?;
    if let Some(lists) = lists {
        judge(session, lists, &batches, &mut acts).await?;
    }
    Ok(acts)
}

/// The acts with what was found about them before, instead of looking again.
pub(super) fn as_found(acts: &mut [Act], found: &BTreeMap<String, String>) {
    if found.is_empty() {
        return;
    }
    for act in acts {
        act.open_items = found.get(&act.origin_key()).cloned();
    }
}

async fn judge(
    session: &SessionContext,
    lists: &Checklists,
    batches: &[RecordBatch],
    acts: &mut [Act],
) -> Result<(), SourceError> {
    let named = naming_a_list(batches, acts)?;
    let permit_nos: BTreeSet<&str> = named
        .iter()
        .filter_map(|(_, record)| record.unit.permit_no.as_deref())
        .collect();
    let permits = permits(session, &permit_nos).await?;
    for (index, record) in &named {
        let Some(form) = &record.checklist_form else {
            continue;
        };
        let list = lists
            .get(&form.checklist_id)
            .filter(|list| list.version == form.version);
        let Some(list) = list else {
            continue;
        };
        let permit = known(&permits, record, &acts[*index]);
        let open = open_items(record, list, permit);
        acts[*index].open_items = (!open.is_empty()).then(|| told(&form.checklist_id, &open));
    }
    Ok(())
}

fn told(checklist_id: &str, open: &[String]) -> String {
    let first: Vec<&str> = open.iter().take(NAMED).map(String::as_str).collect();
    let more = match open.len().saturating_sub(NAMED) {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    format!(
        "checklist `{checklist_id}`: not answered: {}{more}",
        first.join(", ")
    )
}

/// Finished off-site acts whose record names a checklist, by their place among the acts.
fn naming_a_list(
    batches: &[RecordBatch],
    acts: &[Act],
) -> Result<Vec<(usize, Inspection)>, SourceError> {
    let mut named = Vec::new();
    let mut first = 0;
    for batch in batches {
        let documents = documents(batch)?;
        for row in 0..batch.num_rows() {
            let act = &acts[first + row];
            let finished = act.is_closed() || act.is_withdrawn();
            if act.mode != Mode::Offsite || !finished || documents.is_null(row) {
                continue;
            }
            let text = documents.value(row);
            // Most records name none: they are not read again.
            if !text.contains("checklist_form") {
                continue;
            }
            if let Ok(document) = inspection::decode(text.as_bytes()) {
                named.push((first + row, document.value));
            }
        }
        first += batch.num_rows();
    }
    Ok(named)
}

/// A good permit document as it arrived.
struct Arrived {
    permit: Permit,
    /// Issued, version, arrived, partition, offset: the newest of a permit is the largest.
    order: (i64, i32, i64, i64, i64),
}

/// The permit in force when the check began, as far as it had arrived when the record did.
fn known<'p>(permits: &'p [Arrived], record: &Inspection, act: &Act) -> Option<&'p Permit> {
    let permit_no = record.unit.permit_no.as_deref()?;
    let began = record
        .started_at
        .map_or(act.recorded_at, |started| started.0);
    permits
        .iter()
        .filter(|one| one.permit.permit_no == permit_no)
        .filter(|one| one.order.0 <= began && one.order.2 <= act.received_at)
        .max_by_key(|one| one.order)
        .map(|one| &one.permit)
}

async fn permits(
    session: &SessionContext,
    permit_nos: &BTreeSet<&str>,
) -> Result<Vec<Arrived>, SourceError> {
    let fault = SourceError::Permits;
    if permit_nos.is_empty() || !session.table_exist("permits")? {
        return Ok(Vec::new());
    }
    let quoted: Vec<String> = permit_nos
        .iter()
        .map(|permit_no| format!("'{}'", permit_no.replace('\'', "''")))
        .collect();
    let sql = format!(
        "SELECT document, version, arrow_cast(issued_at, 'Int64') AS issued_at,
                arrow_cast(received_at, 'Int64') AS received_at, kafka_partition, kafka_offset
         FROM permits WHERE doc_valid AND permit_no IN ({})",
        quoted.join(", ")
    );
    let found = session.sql(&sql).await?.collect().await;
    let found = found.map_err(|error| fault(error.to_string()))?;
    let found = rows::objects(&found).map_err(|error| fault(error.to_string()))?;
    found
        .iter()
        .map(|row| {
            let number = |column: &str| row.get(column).and_then(Value::as_i64).unwrap_or(-1);
            let text = rows::text(row, "document").unwrap_or_default();
            let document = permit::decode(text.as_bytes()).map_err(|refused| {
                fault(format!(
                    "partition {}, offset {}: {refused}",
                    number("kafka_partition"),
                    number("kafka_offset")
                ))
            })?;
            Ok(Arrived {
                order: (
                    number("issued_at"),
                    document.value.version,
                    number("received_at"),
                    number("kafka_partition"),
                    number("kafka_offset"),
                ),
                permit: document.value,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests;
