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

use super::period::day_number;
use super::report::{Dimension, Group, RatioReport};
use super::share::{Share, Verdict};
use super::snapshot::{Snapshot, SnapshotDifference, id_of};
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

/// Keeps a figure in table `ratio_snapshots`: one row for the total and one per body, month, quarter,
/// method and class and per month of the running sum, in one commit. `inspections_version` is the
/// version of table `inspections` it was counted from, -1 when there was none.
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

/// A figure as it is kept, with what tells whether it still is what was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFigure {
    /// The id it was published under.
    pub snapshot_id: String,
    /// The figure.
    pub snapshot: Snapshot,
    /// Version of table `inspections` it was counted from, -1 when there was none; nothing when it is
    /// not known.
    pub inspections_version: Option<i64>,
    /// What is not as it was published: the document against the id, the columns against the document.
    pub altered: Vec<SnapshotDifference>,
}

/// A published figure.
///
/// # Errors
/// [`Error`] when the table cannot be read.
pub async fn published(session: &Session, snapshot_id: &str) -> Result<Option<KeptFigure>, Error> {
    if !is_id(snapshot_id) {
        return Ok(None);
    }
    let what = "published figure";
    let sql = format!(
        "SELECT document, inspections_version, n_off, n_on, percent FROM ratio_snapshots \
         WHERE snapshot_id = '{snapshot_id}' AND document IS NOT NULL LIMIT 1"
    );
    let found = session.rows(what, &sql).await?;
    let found = rows::objects(&found).map_err(|error| Error::query(what)(error.into()))?;
    let Some(row) = found.first() else {
        return Ok(None);
    };
    let document = rows::text(row, "document").unwrap_or_default();
    let snapshot: Snapshot = serde_json::from_str(&document).map_err(|error| {
        Error::query(what)(datafusion::error::DataFusionError::External(error.into()))
    })?;
    Ok(Some(KeptFigure {
        snapshot_id: snapshot_id.to_owned(),
        inspections_version: row.get("inspections_version").and_then(Value::as_i64),
        altered: altered(row, &document, &snapshot, snapshot_id),
        snapshot,
    }))
}

/// The text is hashed as it is kept: a later version of the program may write a figure otherwise.
fn altered(
    row: &Map<String, Value>,
    document: &str,
    snapshot: &Snapshot,
    snapshot_id: &str,
) -> Vec<SnapshotDifference> {
    let none = || "none".to_owned();
    let column = |name: &str| match row.get(name) {
        None | Some(Value::Null) => none(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let share = snapshot.share;
    [
        ("id", snapshot_id.to_owned(), id_of(document)),
        ("column n_off", column("n_off"), share.off.to_string()),
        ("column n_on", column("n_on"), share.on.to_string()),
        (
            "column percent",
            column("percent"),
            snapshot.percent.clone().unwrap_or_else(none),
        ),
    ]
    .into_iter()
    .filter(|(_, kept, meant)| kept != meant)
    .map(|(what, reported, now)| SnapshotDifference {
        what,
        reported,
        now,
    })
    .collect()
}

/// Whether a text has the form of a figure's id.
pub fn is_id(text: &str) -> bool {
    text.strip_prefix('r').is_some_and(|digits| {
        digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

pub(super) fn figures(
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
        assert_eq!(found.snapshot, report.snapshot());
        assert_eq!(
            (found.inspections_version, found.altered),
            (Some(7), vec![])
        );
        assert!(found.snapshot.differences(&report.snapshot()).is_empty());
        assert!(!found.snapshot.differences(&other.snapshot()).is_empty());
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
