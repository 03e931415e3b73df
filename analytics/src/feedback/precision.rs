//! Precision per rule and region, and which rules are suspended from dispatch.
//!
//! Counted are verdicts on findings of a rule's present version, recorded after the last lift: a
//! mended rule and a rule that an operator let go on start anew. Time is an argument: verdicts and
//! lifts recorded later do not exist for a run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Verdict, objects};
use crate::detect::Catalogue;
use crate::session::{Error, Session, rows};

/// `[detect.suspension]`: when a rule stops being dispatched.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Suspension {
    /// Precision below which a rule is suspended, 0 to 1; 0 suspends none.
    pub floor: f64,
    /// Verified findings it takes, at least 1.
    pub verified: u64,
    /// What a finding that conforms in part counts, 0 to 1.
    pub partly: f64,
}

impl Default for Suspension {
    fn default() -> Self {
        Self {
            floor: 0.5,
            verified: 20,
            partly: 0.5,
        }
    }
}

impl Suspension {
    /// Refuses settings that cannot work, naming the key.
    ///
    /// # Errors
    /// [`Error::Config`].
    pub fn validate(&self) -> Result<(), Error> {
        let share = 0.0..=1.0;
        for (key, value) in [("floor", self.floor), ("partly", self.partly)] {
            if !share.contains(&value) {
                return Err(Error::Config {
                    key: format!("detect.suspension.{key}"),
                    what: format!("{value} is outside 0..=1"),
                });
            }
        }
        if self.verified == 0 {
            return Err(Error::Config {
                key: "detect.suspension.verified".to_owned(),
                what: "must be at least 1".to_owned(),
            });
        }
        Ok(())
    }
}

/// Verdicts added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Tally {
    /// 符合.
    pub matches: u64,
    /// 部分符合.
    pub partly: u64,
    /// 不符合.
    pub mismatches: u64,
}

impl Tally {
    fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Match => self.matches += 1,
            Verdict::Partly => self.partly += 1,
            Verdict::Mismatch => self.mismatches += 1,
        }
    }

    /// Findings with a verdict.
    pub fn verified(&self) -> u64 {
        self.matches + self.partly + self.mismatches
    }

    /// Share that was right, with a part for what conforms in part; nothing without a verdict.
    pub fn precision(&self, settings: &Suspension) -> Option<f64> {
        let verified = self.verified();
        (verified > 0)
            .then(|| (self.matches as f64 + self.partly as f64 * settings.partly) / verified as f64)
    }
}

/// An operator's decision to let a rule go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lift {
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// When, microseconds UTC.
    pub at: i64,
}

/// How a rule stands with those who verify its findings.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Standing {
    /// Rule.
    pub rule_id: String,
    /// Its present version.
    pub rule_version: i32,
    /// Verdicts since the last lift.
    pub tally: Tally,
    /// The same by enforcement body (`-` where none is known).
    pub regions: BTreeMap<String, Tally>,
    /// Precision of `tally`.
    pub precision: Option<f64>,
    /// Why its findings are not dispatched, if they are not.
    pub suspended: Option<String>,
    /// The last lift of this version.
    pub lift: Option<Lift>,
}

/// How every rule of the catalogue stands at `as_of`, in order of ids.
///
/// # Errors
/// What the tables say.
pub async fn standings(
    session: &Session,
    catalogue: &Catalogue,
    settings: &Suspension,
    as_of: i64,
) -> Result<Vec<Standing>, Error> {
    let rules = catalogue
        .rules()
        .iter()
        .map(|configured| (configured.rule.id.clone(), configured.rule.version))
        .collect();
    standings_of(session, &rules, settings, as_of).await
}

/// The same of rules by id and version, whether or not a catalogue has them.
pub(crate) async fn standings_of(
    session: &Session,
    rules: &BTreeSet<(String, i32)>,
    settings: &Suspension,
    as_of: i64,
) -> Result<Vec<Standing>, Error> {
    let batches = session.rows("lifts", "SELECT * FROM rule_lifts").await?;
    let mut lifts: BTreeMap<(String, i64), Lift> = BTreeMap::new();
    for row in objects(&batches)? {
        let number = |key: &str| row.get(key).and_then(Value::as_i64).unwrap_or_default();
        let text = |key: &str| rows::text(&row, key).unwrap_or_default();
        let lift = Lift {
            by: text("by"),
            why: text("why"),
            at: number("at"),
        };
        let key = (text("rule_id"), number("rule_version"));
        if lift.at <= as_of && lifts.get(&key).is_none_or(|known| known.at <= lift.at) {
            lifts.insert(key, lift);
        }
    }
    let sql = format!(
        "SELECT anomaly_id, rule_id, rule_version, org_code, verdict, recorded_at
         FROM (
           SELECT *, row_number() OVER (PARTITION BY anomaly_id
                                        ORDER BY recorded_at DESC, feedback_id DESC) AS place
           FROM anomaly_feedback
           WHERE arrow_cast(recorded_at, 'Int64') <= {as_of}
         )
         WHERE place = 1"
    );
    let batches = session.rows("feedback", &sql).await?;
    let mut standings: BTreeMap<(String, i64), Standing> = rules
        .iter()
        .map(|(id, version)| {
            let key = (id.clone(), i64::from(*version));
            let standing = Standing {
                rule_id: id.clone(),
                rule_version: *version,
                lift: lifts.remove(&key),
                ..Standing::default()
            };
            (key, standing)
        })
        .collect();
    for row in objects(&batches)? {
        let number = |key: &str| row.get(key).and_then(Value::as_i64).unwrap_or_default();
        let text = |key: &str| rows::text(&row, key).unwrap_or_default();
        let Some(standing) = standings.get_mut(&(text("rule_id"), number("rule_version"))) else {
            continue;
        };
        let forgiven = standing
            .lift
            .as_ref()
            .is_some_and(|lift| number("recorded_at") <= lift.at);
        if let (false, Some(verdict)) = (forgiven, Verdict::parse(&text("verdict"))) {
            standing.tally.add(verdict);
            let region = rows::text(&row, "org_code").unwrap_or_else(|| "-".to_owned());
            standing.regions.entry(region).or_default().add(verdict);
        }
    }
    Ok(standings
        .into_values()
        .map(|mut standing| {
            standing.precision = standing.tally.precision(settings);
            let verified = standing.tally.verified();
            standing.suspended = standing
                .precision
                .filter(|precision| *precision < settings.floor && verified >= settings.verified)
                .map(|precision| {
                    format!(
                        "{:.1} % right of {verified} verified, below {:.0} %",
                        precision * 100.0,
                        settings.floor * 100.0
                    )
                });
            standing
        })
        .collect())
}

/// Ids of the rules that are suspended at `as_of`.
///
/// # Errors
/// What the tables say.
pub async fn suspended(
    session: &Session,
    catalogue: &Catalogue,
    settings: &Suspension,
    as_of: i64,
) -> Result<BTreeSet<String>, Error> {
    let standings = standings(session, catalogue, settings, as_of).await?;
    Ok(standings
        .into_iter()
        .filter(|standing| standing.suspended.is_some())
        .map(|standing| standing.rule_id)
        .collect())
}
