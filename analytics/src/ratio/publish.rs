//! Published figures in table `ratio_snapshots`: kept whole, so that each can be computed again.
//!
//! A figure's id is made of its content. Publishing the same figure twice keeps it once; a
//! publication that competes with another one is refused by the table's log and tried again. A
//! figure is never changed: what comes out differently later is another figure.

use std::path::Path;

use deltalake::kernel::Transaction;
use nonsite_schemas::tables;
use nonsite_schemas::time::beijing_day_start;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::period::day_number;
use super::report::{Dimension, Group, RatioReport, Snapshot};
use super::share::{Share, Verdict};
use crate::session::{self, Error, Session, append, ensure, rows, transaction};

/// Marker: number of figures published.
const MARKER: &str = "nonsite-ratio/snapshots";
/// How often a publication is tried again when another one was faster.
const ATTEMPTS: u32 = 10;

/// What became of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// Id of the figure.
    pub snapshot_id: String,
    /// `false` when the very same figure was published before.
    pub fresh: bool,
}

impl Snapshot {
    /// `r` and 16 hex digits of the SHA-256 of the figure with everything it was made from.
    pub fn id(&self) -> String {
        let digest = Sha256::digest(self.document().as_bytes());
        format!("r{}", hex::encode(&digest[..8]))
    }

    fn document(&self) -> String {
        // Texts, numbers and maps into memory: nothing here can fail to serialise.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Keeps a figure in table `ratio_snapshots`: one row for the total and one per body, month, quarter,
/// method and class and per month of the running sum, in one commit. `inspections_version` is the version of the table it was counted from.
///
/// # Errors
/// [`Error`] when the table cannot be read or written.
pub async fn publish(
    store: &Path,
    report: &RatioReport<'_>,
    inspections_version: i64,
) -> Result<Publication, Error> {
    let def = tables::ratio_snapshots();
    let snapshot = report.snapshot();
    let snapshot_id = snapshot.id();
    let figures = figures(report, &snapshot, &snapshot_id, inspections_version);
    let mut attempt = 1;
    loop {
        // The marker is read before the ids: whatever is published after it refuses the commit.
        let table = ensure(store, &def).await?;
        let count = transaction(&table, MARKER).await?.unwrap_or(0);
        let session = session::open_tables(store, &session::Config::default()).await?;
        if published(&session, &snapshot_id).await?.is_some() {
            return Ok(Publication {
                snapshot_id,
                fresh: false,
            });
        }
        let batch = rows::batch(&def.schema, &figures)
            .map_err(|error| Error::query("rows of `ratio_snapshots`")(error.into()))?;
        let marker = vec![Transaction::new(MARKER, count + 1)];
        match append(&table, &def, batch, marker).await {
            Ok(()) => {
                return Ok(Publication {
                    snapshot_id,
                    fresh: true,
                });
            }
            // Refused, or landed although its answer was lost: the next look tells.
            Err(_) if attempt < ATTEMPTS => attempt += 1,
            Err(error) => return Err(error),
        }
    }
}

/// A published figure.
///
/// # Errors
/// [`Error`] when the table cannot be read.
pub async fn published(session: &Session, snapshot_id: &str) -> Result<Option<Snapshot>, Error> {
    if !is_id(snapshot_id) {
        return Ok(None);
    }
    let what = "published figure";
    let sql = format!(
        "SELECT document FROM ratio_snapshots \
         WHERE snapshot_id = '{snapshot_id}' AND document IS NOT NULL LIMIT 1"
    );
    let found = session.rows(what, &sql).await?;
    let found = rows::objects(&found).map_err(|error| Error::query(what)(error.into()))?;
    let Some(document) = found.first().and_then(|row| row.get("document")?.as_str()) else {
        return Ok(None);
    };
    serde_json::from_str(document).map(Some).map_err(|error| {
        Error::query(what)(datafusion::error::DataFusionError::External(error.into()))
    })
}

/// Whether a text has the form of a figure's id.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix('r').is_some_and(|digits| {
        digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

fn figures(
    report: &RatioReport<'_>,
    snapshot: &Snapshot,
    snapshot_id: &str,
    inspections_version: i64,
) -> Vec<Map<String, Value>> {
    let ratio =
        |share: &Share| (share.total() > 0).then(|| share.off as f64 / share.total() as f64);
    let target = f64::from(report.policy.target_percent.basis_points()) / 10_000.0;
    let day = |date| beijing_day_start(day_number(date));
    let row = |breakdown: &str, group: &Group| {
        let total = breakdown == "total";
        let reached = match group.verdict {
            Verdict::Reached => Some(true),
            Verdict::Missed => Some(false),
            Verdict::NoInspections => None,
        };
        let low = snapshot.band_min.as_ref().and_then(ratio);
        let high = snapshot.band_max.as_ref().and_then(ratio);
        let row = json!({
            "snapshot_id": snapshot_id,
            "policy_id": report.policy.policy_id,
            "policy": json!(report.policy).to_string(),
            "as_of": report.cutoff.as_of, "known_at": report.cutoff.known_at,
            "period_from": day(report.period.from), "period_to": day(report.period.until),
            "breakdown": breakdown, "key": group.key,
            "n_off": group.share.off, "n_on": group.share.on,
            "ratio": ratio(&group.share), "percent": group.percent,
            "target": target, "reached": reached,
            "band_low": low.filter(|_| total), "band_high": high.filter(|_| total),
            "band_crosses_target": total.then_some(report.band.crosses_target),
            "inspections_version": inspections_version,
            "acts_sha256": report.acts_digest,
            "document": total.then(|| snapshot.document()),
        });
        match row {
            Value::Object(row) => row,
            // The macro above was given braces.
            _ => Map::new(),
        }
    };
    let total = Group {
        key: "all".to_owned(),
        share: report.share,
        percent: report.percent.clone(),
        percent_below_target: report.percent_below_target.clone(),
        verdict: report.verdict,
    };
    let mut rows = vec![row("total", &total)];
    for dimension in Dimension::ALL {
        rows.extend(
            report
                .by(dimension)
                .iter()
                .map(|group| row(dimension.code(), group)),
        );
    }
    rows.extend(report.to_date().iter().map(|group| row("to_date", group)));
    rows
}

#[cfg(test)]
mod tests {
    use super::super::testing::{acts, policy, report};
    use super::*;

    #[tokio::test]
    async fn a_figure_is_published_once_and_comes_out_again() {
        let folder = tempfile::tempdir().unwrap();
        let (acts, policy) = (acts(2, 1), policy());
        let other = report(&acts[..2], &policy);
        let report = report(&acts, &policy);
        assert_eq!((report.share.off, report.share.on), (2, 1));

        // Three at the same time, two of them the same.
        let (one, two, three) = tokio::join!(
            publish(folder.path(), &report, 7),
            publish(folder.path(), &report, 7),
            publish(folder.path(), &other, 7),
        );
        let (one, two, three) = (one.unwrap(), two.unwrap(), three.unwrap());
        assert_eq!(one.snapshot_id, two.snapshot_id);
        assert!(one.fresh != two.fresh, "one of the two was first");
        assert!(three.fresh && three.snapshot_id != one.snapshot_id);

        let session = session::open(folder.path(), &session::Config::default())
            .await
            .unwrap();
        let found = published(&session, &one.snapshot_id)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(found, report.snapshot());
        assert!(found.differences(&report.snapshot()).is_empty());
        assert!(!found.differences(&other.snapshot()).is_empty());
        assert_eq!(
            published(&session, "r0000000000000000").await.unwrap(),
            None
        );
        assert_eq!(published(&session, "' OR 1=1").await.unwrap(), None);

        let sql = format!(
            "SELECT breakdown, key, n_off, n_on, percent, reached FROM ratio_snapshots \
             WHERE snapshot_id = '{}' AND breakdown IN ('total', 'month') ORDER BY breakdown",
            one.snapshot_id
        );
        let rows = rows::objects(&session.read(&sql).await.unwrap()).unwrap();
        assert_eq!(rows.len(), 2, "{rows:?}");
        assert_eq!(rows[1]["key"], "all");
        assert_eq!(rows[1]["percent"], "66.67");
        assert_eq!(rows[1]["reached"], true);
        assert_eq!(rows[0]["n_off"], 2);
    }
}
