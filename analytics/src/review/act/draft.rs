//! A first version of an inspection record: the data that the clue rests on, really queried.
//!
//! The officer looks at these rows, adds what else was looked at, answers the checklist and signs. The
//! draft holds what a machine can know and nothing a person has to say.

use std::collections::BTreeSet;

use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{DataSource, Evidence};
use sha2::{Digest, Sha256};

use super::super::calendar::HOUR;
use super::super::case::Case;
use super::super::error::Error;
use super::super::service::Service;
use super::Record;
use crate::session::{self, Session, render};

impl Service {
    /// The readings of every finding of a case, by granularity, each with its window, query, number of
    /// rows and the hash of the rows as CSV.
    ///
    /// # Errors
    /// [`Error::ForBodies`] for an enterprise; [`Error::NotFound`], [`Error::Store`], [`Error::Tables`].
    pub async fn draft_record(&self, case_id: &str, session: &Session) -> Result<Record, Error> {
        self.for_bodies("draft an inspection record")?;
        let shown = self.show(case_id).await?;
        let mut record = Record::default();
        let mut seen = BTreeSet::new();
        for case in std::iter::once(&shown.case).chain(&shown.merged) {
            let Some(mn) = &case.mn else { continue };
            let subject = (
                mn.clone(),
                case.factor.clone(),
                case.window_start,
                case.window_end,
            );
            if !seen.insert(subject) {
                continue;
            }
            for granularity in ["realtime", "minute", "hour", "day"] {
                if let Some((source, evidence)) = source(case, mn, granularity, session).await? {
                    record.sources.push(source);
                    // Windows that differ may hold the same rows.
                    if !record.evidence.contains(&evidence) {
                        record.evidence.push(evidence);
                    }
                }
            }
        }
        Ok(record)
    }
}

/// The window whose readings are looked at: what was judged, and of an instant (a parameter of an
/// instrument that was changed), in which no reading lies, the hour around it.
fn window(start: i64, end: i64) -> (i64, i64) {
    if end - start >= HOUR / 60 {
        return (start, end);
    }
    let hour = start - start.rem_euclid(HOUR);
    (hour, hour + HOUR)
}

async fn source(
    case: &Case,
    mn: &str,
    granularity: &str,
    session: &Session,
) -> Result<Option<(DataSource, Evidence)>, Error> {
    let quoted = |text: &str| text.replace('\'', "''");
    let (from, to) = window(case.window_start, case.window_end);
    let factor = case
        .factor
        .as_ref()
        .map(|factor| format!(" AND factor = '{}'", quoted(factor)));
    let query = format!(
        "SELECT mn, factor, data_time, value, zs_value, flag FROM readings_raw \
         WHERE mn = '{}'{} AND granularity = '{granularity}' \
         AND data_time >= to_timestamp_micros({}) AND data_time < to_timestamp_micros({}) \
         ORDER BY factor, data_time, received_at, kafka_partition, kafka_offset",
        quoted(mn),
        factor.unwrap_or_default(),
        from,
        to,
    );
    let what = "readings that were reviewed";
    let batches = session.rows(what, &query).await?;
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    if rows == 0 {
        return Ok(None);
    }
    let csv = render::csv(&batches).map_err(|error| session::Error::query(what)(error.into()))?;
    let sha256 = hex::encode(Sha256::digest(csv.as_bytes()));
    let evidence = Evidence {
        evidence_id: format!("rows-{}", sha256.get(..12).unwrap_or_default()),
        kind: "query_rows_csv".to_owned(),
        sha256,
        captured_at: None,
    };
    let source = DataSource {
        kind: format!("{granularity}_readings"),
        from: Some(Instant(from)),
        to: Some(Instant(to)),
        query: Some(query),
        rows: i64::try_from(rows).ok(),
    };
    Ok(Some((source, evidence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_looked_at_with_its_hour() {
        let at = |text| crate::ratio::parse_as_of(text).unwrap();
        let (ten, eleven) = (at("2026-06-01 10:00:00"), at("2026-06-01 11:00:00"));
        assert_eq!(window(ten, eleven), (ten, eleven));
        let changed = at("2026-06-01 10:10:02");
        assert_eq!(window(changed, changed + 1_000_000), (ten, eleven));
        let minute = at("2026-06-01 10:11:02");
        assert_eq!(window(changed, minute), (changed, minute));
    }
}
