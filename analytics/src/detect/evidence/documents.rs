//! What documents and process values say about a finding's logger and time: marks of the enterprise
//! with who set them and when, the filing of the instrument, and whether production ran.
//!
//! Invariant: nothing here changes by a document that does not reopen the finding's days (see
//! [`super::super::documents`]): the time up to which a filing holds is left out, because a later one
//! ends it without a word about the days before.

use serde_json::{Map, Value};

use super::{fetch, give};
use crate::session::{Error, Session};

/// Every version of every mark that touches the finding's time, withdrawn ones included.
const MARKS: &str = "
    SELECT w.no, m.mark_id, m.version, m.mn, m.factors, m.scope, m.code, m.starts_at, m.ends_at,
           m.source, m.author, m.marked_at, m.known_from, m.reason, m.ticket_id, m.revoked_at,
           m.revoke_reason, m.received_at, m.kafka_topic, m.kafka_partition, m.kafka_offset
    FROM wanted w
    JOIN marks_history m
      ON m.mn = w.mn AND m.starts_at < w.window_to
     AND (m.ends_at IS NULL OR m.ends_at > w.window_from)
    WHERE w.factor IS NULL OR m.factors IS NULL
       OR strpos(concat(',', m.factors, ','), concat(',', w.factor, ',')) > 0
    ORDER BY w.no, m.mark_id, m.version";

/// What was filed of the instrument for the time of the worst window.
const FILINGS: &str = "
    SELECT w.no, f.filing_id, f.version, f.mn, f.factor, h.model, h.serial_no, f.parameter, f.value,
           f.value_text, f.unit, f.tolerance, f.in_force_from, f.filed_at, h.filed_by, h.reason,
           f.ticket_id, h.received_at, h.kafka_topic, h.kafka_partition, h.kafka_offset
    FROM wanted w
    JOIN filed_parameters f
      ON f.mn = w.mn AND w.worst_from >= f.in_force_from AND w.worst_from < f.in_force_to
    JOIN (
      SELECT DISTINCT filing_id, version, model, serial_no, filed_by, reason, received_at, kafka_topic,
             kafka_partition, kafka_offset
      FROM filings_history
    ) h ON h.filing_id = f.filing_id AND h.version = f.version
    WHERE w.factor IS NULL OR f.factor IS NULL OR f.factor = w.factor
    ORDER BY w.no, f.factor, f.parameter, f.filing_id, f.version";

/// Hours in which power or process values watched the production.
const PRODUCTION: &str = "
    SELECT w.no, p.hour, p.quarters_on, p.quarters_off, p.at_rest
    FROM wanted w
    JOIN production_hours p ON p.mn = w.mn AND p.hour >= w.window_from AND p.hour < w.window_to
    ORDER BY w.no, p.hour";

/// Adds them to the parts of findings about a logger, which table `wanted` names.
pub(super) async fn of_documents(
    run: &Session,
    parts: &mut [Map<String, Value>],
) -> Result<(), Error> {
    let known = run.ctx().table_exist("production_hours");
    let known = known.map_err(Error::query("evidence"))?;
    for (name, sql) in [
        ("platform_marks", MARKS),
        ("filings", FILINGS),
        ("production", PRODUCTION),
    ] {
        if name == "production" && !known {
            continue;
        }
        let rows = fetch(run, sql).await?;
        give(parts, name, rows);
    }
    Ok(())
}
