//! A first version of an inspection record: the data that the clue rests on, really queried. That is the
//! readings of the time that was judged; where that is an instant (a parameter of an instrument that was
//! changed), also what the instruments said of themselves in its hour.
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
    /// The readings of every finding of a case, by granularity, and the states of the instruments of one
    /// about an instant, each with its window, query, number of rows and the hash of the rows as CSV.
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
            let mut asked: Vec<Asked> = ["realtime", "minute", "hour", "day"]
                .map(|granularity| readings(case, mn, granularity))
                .into();
            if is_instant(case.window_start, case.window_end) {
                asked.push(states(case, mn));
            }
            for asked in asked {
                if let Some((source, evidence)) = asked.source(session).await? {
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

/// Whether what was judged is shorter than any reading's time.
fn is_instant(start: i64, end: i64) -> bool {
    end - start < HOUR / 60
}

/// The window whose readings are looked at: what was judged, and of an instant (a parameter of an
/// instrument that was changed), in which no reading lies, the hour around it.
fn window(start: i64, end: i64) -> (i64, i64) {
    if !is_instant(start, end) {
        return (start, end);
    }
    let hour = start - start.rem_euclid(HOUR);
    (hour, hour + HOUR)
}

/// A question to the tables.
struct Asked {
    kind: String,
    from: i64,
    to: i64,
    query: String,
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The readings of a finding.
fn readings(case: &Case, mn: &str, granularity: &str) -> Asked {
    let factor = |name: String| format!(" AND factor = {name}");
    let only = case.factor.as_deref().map(literal).map(factor);
    asked(
        case,
        mn,
        format!("{granularity}_readings"),
        "factor, data_time, value, zs_value, flag FROM readings_raw",
        &format!(
            "{} AND granularity = '{granularity}'",
            only.unwrap_or_default()
        ),
        "factor, data_time",
    )
}

/// What the instruments of a finding's factor, and those of none, said of themselves.
fn states(case: &Case, mn: &str) -> Asked {
    let factor = |name: String| format!(" AND (factor = {name} OR factor IS NULL)");
    let only = case.factor.as_deref().map(literal).map(factor);
    asked(
        case,
        mn,
        "device_states".to_owned(),
        "factor, item, data_time, value, value_text, flag FROM device_states",
        &only.unwrap_or_default(),
        "factor, item, data_time",
    )
}

/// The rows of a logger in the window of a finding, in an order that any reader gets again.
fn asked(case: &Case, mn: &str, kind: String, what: &str, only: &str, order: &str) -> Asked {
    let (from, to) = window(case.window_start, case.window_end);
    let query = format!(
        "SELECT mn, {what} WHERE mn = {}{only} \
         AND data_time >= to_timestamp_micros({from}) AND data_time < to_timestamp_micros({to}) \
         ORDER BY {order}, received_at, kafka_partition, kafka_offset",
        literal(mn),
    );
    Asked {
        kind,
        from,
        to,
        query,
    }
}

impl Asked {
    /// What it brings, if anything.
    async fn source(self, session: &Session) -> Result<Option<(DataSource, Evidence)>, Error> {
        let what = "data that was reviewed";
        let batches = session.rows(what, &self.query).await?;
        let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        if rows == 0 {
            return Ok(None);
        }
        let csv =
            render::csv(&batches).map_err(|error| session::Error::query(what)(error.into()))?;
        let sha256 = hex::encode(Sha256::digest(csv.as_bytes()));
        let evidence = Evidence {
            evidence_id: format!("rows-{}", sha256.get(..12).unwrap_or_default()),
            kind: "query_rows_csv".to_owned(),
            sha256,
            captured_at: None,
        };
        let source = DataSource {
            kind: self.kind,
            from: Some(Instant(self.from)),
            to: Some(Instant(self.to)),
            query: Some(self.query),
            rows: i64::try_from(rows).ok(),
        };
        Ok(Some((source, evidence)))
    }
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
