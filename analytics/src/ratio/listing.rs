//! Published figures in a list, the one of the latest instant first.
//!
//! A line is the total's row of table `ratio_snapshots`; the whole figure is read by its id
//! ([`super::published()`]). Texts that come from outside are part of a statement as quoted literals
//! only.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::period::{Period, date_of};
use super::share::Share;
use crate::session::{Error, Session, rows};

/// The place of a figure in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedPlace {
    /// The instant the figure stands for, microseconds UTC.
    pub as_of: i64,
    /// Its id.
    pub snapshot_id: String,
}

/// Which figures; empty means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublishedWanted {
    /// Counting policy.
    pub policy_id: Option<String>,
    /// Figures over exactly these days.
    pub period: Option<Period>,
    /// Only what comes after this place.
    pub after: Option<PublishedPlace>,
    /// At most this many; 0 means no bound.
    pub limit: u32,
}

/// A figure in the list. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishedLine {
    /// Its id.
    pub snapshot_id: String,
    /// The counting policy.
    pub policy_id: String,
    /// The instant it stands for.
    pub as_of: i64,
    /// The instant until which records had arrived.
    pub known_at: i64,
    /// Days covered.
    pub period: Period,
    /// The counted acts.
    pub share: Share,
    /// The printed percentage; nothing without acts.
    pub percent: Option<String>,
    /// Whether the target was reached, compared unrounded; nothing without acts.
    pub reached: Option<bool>,
    /// Version of table `inspections` it was counted from, -1 when there was none.
    pub inspections_version: i64,
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

impl PublishedWanted {
    fn query(&self) -> String {
        // Without its document a figure can be neither shown nor computed again.
        let mut terms = vec!["breakdown = 'total' AND document IS NOT NULL".to_owned()];
        if let Some(policy_id) = &self.policy_id {
            terms.push(format!("policy_id = {}", literal(policy_id)));
        }
        if let Some(place) = &self.after {
            let (as_of, id) = (place.as_of, literal(&place.snapshot_id));
            terms.push(format!(
                "(arrow_cast(as_of, 'Int64') < {as_of} OR \
                 (arrow_cast(as_of, 'Int64') = {as_of} AND snapshot_id > {id}))"
            ));
        }
        format!(
            "SELECT snapshot_id, policy_id, arrow_cast(as_of, 'Int64') AS as_of_us, \
             arrow_cast(known_at, 'Int64') AS known_at_us, \
             arrow_cast(period_from, 'Int64') AS from_us, arrow_cast(period_to, 'Int64') AS until_us, \
             n_off, n_on, percent, reached, inspections_version FROM ratio_snapshots \
             WHERE {} ORDER BY as_of_us DESC, snapshot_id",
            terms.join(" AND ")
        )
    }
}

fn line(row: &Map<String, Value>) -> PublishedLine {
    let text = |column: &str| rows::text(row, column).unwrap_or_default();
    let number = |column: &str| row.get(column).and_then(Value::as_i64).unwrap_or_default();
    let count = |column: &str| u64::try_from(number(column)).unwrap_or_default();
    PublishedLine {
        snapshot_id: text("snapshot_id"),
        policy_id: text("policy_id"),
        as_of: number("as_of_us"),
        known_at: number("known_at_us"),
        period: Period {
            from: date_of(number("from_us")),
            until: date_of(number("until_us")),
        },
        share: Share {
            off: count("n_off"),
            on: count("n_on"),
        },
        percent: rows::text(row, "percent"),
        reached: row.get("reached").and_then(Value::as_bool),
        inspections_version: number("inspections_version"),
    }
}

/// Published figures, the one of the latest instant first, then by id.
///
/// # Errors
/// [`Error`] when the table cannot be read.
pub async fn published_list(
    session: &Session,
    wanted: &PublishedWanted,
) -> Result<Vec<PublishedLine>, Error> {
    let what = "published figures";
    let found = session.rows(what, &wanted.query()).await?;
    let found = rows::objects(&found).map_err(|error| Error::query(what)(error.into()))?;
    let most = match wanted.limit {
        0 => usize::MAX,
        most => most as usize,
    };
    Ok(found
        .iter()
        .map(line)
        .filter(|line| {
            let period = wanted.period.as_ref();
            period.is_none_or(|period| *period == line.period)
        })
        .take(most)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::publish::publish;
    use super::super::testing::{acts, policy, report};
    use super::*;
    use crate::session::{self, Config};

    #[test]
    fn what_comes_from_outside_stays_a_literal() {
        let wanted = PublishedWanted {
            policy_id: Some("p' OR '1'='1".to_owned()),
            after: Some(PublishedPlace {
                as_of: 1,
                snapshot_id: "r' --".to_owned(),
            }),
            ..PublishedWanted::default()
        };
        let query = wanted.query();
        assert!(query.contains("policy_id = 'p'' OR ''1''=''1'"), "{query}");
        assert!(query.contains("snapshot_id > 'r'' --'"), "{query}");
    }

    #[tokio::test]
    async fn figures_are_listed_once_and_in_pages() {
        let folder = tempfile::tempdir().unwrap();
        let (acts, policy) = (acts(2, 1), policy());
        let (one, two) = (report(&acts, &policy), report(&acts[..2], &policy));
        let first = publish(folder.path(), &one, 7).await.unwrap().snapshot_id;
        let second = publish(folder.path(), &two, 8).await.unwrap().snapshot_id;
        let session = session::open(folder.path(), &Config::default())
            .await
            .unwrap();
        let all = published_list(&session, &PublishedWanted::default())
            .await
            .unwrap();
        // Both stand for the same instant: the id decides.
        let mut ids = [first.clone(), second];
        ids.sort();
        assert_eq!(
            all.iter().map(|line| &line.snapshot_id).collect::<Vec<_>>(),
            ids.iter().collect::<Vec<_>>()
        );
        let line = all.iter().find(|line| line.snapshot_id == first).unwrap();
        assert_eq!(line.share, Share { off: 2, on: 1 });
        assert_eq!(line.period, Period::year(2026).unwrap());
        assert_eq!(
            (line.percent.as_deref(), line.reached),
            (Some("66.67"), Some(true))
        );
        assert_eq!(line.inspections_version, 7);

        let place = |line: &PublishedLine| PublishedPlace {
            as_of: line.as_of,
            snapshot_id: line.snapshot_id.clone(),
        };
        let next = PublishedWanted {
            after: Some(place(&all[0])),
            ..PublishedWanted::default()
        };
        assert_eq!(
            published_list(&session, &next).await.unwrap(),
            all[1..].to_vec()
        );
        let limited = PublishedWanted {
            limit: 1,
            ..PublishedWanted::default()
        };
        assert_eq!(published_list(&session, &limited).await.unwrap().len(), 1);
        let earlier = PublishedWanted {
            period: Some(Period::year(2025).unwrap()),
            ..PublishedWanted::default()
        };
        let none = published_list(&session, &earlier).await.unwrap();
        assert!(none.is_empty(), "{none:?}");
    }
}
