//! Decodes the records of a batch, with what their split packets need besides.

use std::collections::BTreeSet;

use nonsite_schemas::reason::Reason;
use nonsite_schemas::wire::Origin;

use super::super::QuarantineError;
use super::super::read::{self, Neighbour};
use super::judge::Record;
use super::types::{Decoded, Redecode, StillBad};
use crate::store::Store;

/// What becomes of each record. Records come ordered by topic, partition and offset.
pub(super) async fn decode(
    store: &Store,
    decoder: &mut dyn Redecode,
    records: &[Record],
) -> Result<Vec<Decoded>, QuarantineError> {
    let same = |a: &Record, b: &Record| {
        let (a, b) = (a.first(), b.first());
        (&a.topic, a.partition) == (&b.topic, b.partition)
    };
    let mut all = Vec::with_capacity(records.len());
    for records in records.chunk_by(same) {
        let first = records[0].first();
        if decoder.tables(&first.topic).is_none() {
            let detail = format!(
                "topic `{}` is not configured; add it to [[ingest.topics]]",
                first.topic
            );
            all.extend(records.iter().map(|record| {
                Err(StillBad {
                    reason: record.first().reason.clone(),
                    detail: detail.clone(),
                })
            }));
            continue;
        }
        let messages: Vec<(&[u8], Origin<'_>)> = records
            .iter()
            .map(|record| (record.first().raw.as_slice(), record.origin()))
            .collect();
        let decoded = decoder.decode_all(&messages);
        let waiting = decoded.iter().zip(records).filter_map(|(decoded, record)| {
            let fault = decoded.as_ref().err()?;
            let waits = fault.reason == Reason::SplitIncomplete.code();
            waits.then(|| record.first().received_at)
        });
        let around = waiting.fold(None, |range: Option<(i64, i64)>, at| {
            Some(range.map_or((at, at), |(from, to)| (from.min(at), to.max(at))))
        });
        let Some((from, to)) = around else {
            all.extend(decoded);
            continue;
        };
        let apart = decoder.split_timeout_micros();
        let range = (from.saturating_sub(apart), to.saturating_add(apart));
        let mut others = read::neighbours(store, &first.topic, first.partition, range).await?;
        let chosen: BTreeSet<i64> = messages.iter().map(|(_, origin)| origin.offset).collect();
        others.retain(|other| !chosen.contains(&other.offset));
        all.extend(together(decoder, &messages, &others, &chosen));
    }
    Ok(all)
}

/// What becomes of `messages` when `others` of their partition are read with them.
fn together(
    decoder: &mut dyn Redecode,
    messages: &[(&[u8], Origin<'_>)],
    others: &[Neighbour],
    chosen: &BTreeSet<i64>,
) -> Vec<Decoded> {
    let (topic, partition) = messages
        .first()
        .map_or(("", 0), |(_, origin)| (origin.topic, origin.partition));
    let mut everything: Vec<(&[u8], Origin<'_>)> = messages.to_vec();
    everything.extend(others.iter().map(|other| {
        let origin = Origin {
            topic,
            partition,
            offset: other.offset,
            received_at: other.received_at,
        };
        (other.raw.as_slice(), origin)
    }));
    everything.sort_by_key(|(_, origin)| origin.offset);
    let decoded = decoder.decode_all(&everything);
    everything
        .iter()
        .zip(decoded)
        .filter(|((_, origin), _)| chosen.contains(&origin.offset))
        .map(|(_, decoded)| decoded)
        .collect()
}
