//! Floods: so many outlets of one city flagged by one rule in one hour that the platform, and not the
//! enterprises, is suspected.
//!
//! Rule A10 finds them among the standing findings; its findings name `RULE/CITY` under `factor`,
//! the city being the first four digits of the enforcement body. While such a finding stands, the
//! findings of that rule that begin within it are **held**: no alert goes out, no case is opened, and
//! nothing is built on them. An operator looks and decides: *release* (they are true) or *discard*
//! (they stay in the table and are never dispatched). Decisions are rows of `flood_decisions` that
//! are only ever added; of several about one time the one recorded last counts.
//!
//! Invariant: whether a finding is held follows from tables alone (findings of A10 and decisions), so
//! a repeated run holds the same. A flood that later data disprove is withdrawn, and what it held
//! goes out; a decision to discard outlives that.

use std::path::Path;

use nonsite_schemas::tables;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::anomaly::Anomaly;
use crate::session::{Error, Session, append, ensure, rows};

/// The rule that finds floods.
pub const RULE: &str = "A10";
/// Digits of an enforcement body's code that name its city.
const CITY_DIGITS: usize = 4;

/// What an operator decided about a flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ruling {
    /// The findings are true: alerts and cases as ever.
    Release,
    /// The platform was at fault: nothing of it is dispatched.
    Discard,
}

impl Ruling {
    /// Its code in the table.
    pub fn code(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Discard => "discard",
        }
    }
}

/// One decision. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The finding of A10 it was made on.
    pub anomaly_id: String,
    /// Rule and city, `RULE/CITY`.
    pub scope: String,
    /// Start of the time it is about.
    pub from_time: i64,
    /// End of it (exclusive).
    pub to_time: i64,
    /// What was decided.
    pub ruling: Ruling,
    /// Who.
    pub by: String,
    /// Why.
    pub why: String,
    /// When.
    pub at: i64,
}

/// A standing finding of A10.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flood {
    /// The finding.
    pub anomaly_id: String,
    /// Rule and city, `RULE/CITY`.
    pub scope: String,
    /// Start of its first hour, microseconds UTC.
    pub from_time: i64,
    /// End of its last hour (exclusive), microseconds UTC.
    pub to_time: i64,
    /// The finding in one sentence.
    pub reason: String,
}

/// Why a finding is not dispatched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held<'a> {
    /// A flood that nobody has decided about.
    Undecided(&'a Flood),
    /// A flood that was discarded.
    Discarded(&'a Decision),
}

impl Held<'_> {
    /// Its code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Undecided(_) => "held",
            Self::Discarded(_) => "discarded",
        }
    }

    /// For the outbox and the operator.
    pub fn told(&self) -> String {
        match self {
            Self::Undecided(flood) => format!("suspected platform fault: {}", flood.reason),
            Self::Discarded(decision) => {
                format!("discarded by {}: {}", decision.by, decision.why)
            }
        }
    }
}

/// Floods that stand, and what was decided.
#[derive(Debug, Clone, Default)]
pub struct Floods {
    standing: Vec<Flood>,
    decisions: Vec<Decision>,
}

/// `RULE/CITY` of a finding.
pub fn scope(rule_id: &str, org_code: Option<&str>) -> String {
    let city = org_code.unwrap_or("-");
    let city: String = city.chars().take(CITY_DIGITS).collect();
    format!("{rule_id}/{city}")
}

impl Floods {
    /// Of standing findings; those of other rules than A10 are passed over.
    pub(super) fn of<'a>(
        standing: impl Iterator<Item = &'a Anomaly>,
        decisions: Vec<Decision>,
    ) -> Self {
        let standing = standing
            .filter(|anomaly| anomaly.rule_id == RULE)
            .filter_map(|anomaly| {
                Some(Flood {
                    anomaly_id: anomaly.anomaly_id.clone(),
                    scope: anomaly.factor.clone()?,
                    from_time: anomaly.window_start,
                    to_time: anomaly.window_end,
                    reason: anomaly.reason.clone(),
                })
            })
            .collect();
        Self {
            standing,
            decisions,
        }
    }

    /// As the tables of a session have them at `as_of` (microseconds UTC).
    ///
    /// # Errors
    /// What the tables say.
    pub async fn load(session: &Session, as_of: i64) -> Result<Self, Error> {
        let sql = format!(
            "SELECT anomaly_id, factor AS scope, window_start, window_end, reason FROM anomalies
             WHERE rule_id = '{RULE}' AND status = 'open'
             ORDER BY window_start, factor, anomaly_id"
        );
        let batches = session.rows("floods", &sql).await?;
        let standing = objects(&batches)?
            .iter()
            .filter_map(|row| {
                let time = |name: &str| row.get(name).and_then(Value::as_i64);
                Some(Flood {
                    anomaly_id: rows::text(row, "anomaly_id")?,
                    scope: rows::text(row, "scope")?,
                    from_time: time("window_start")?,
                    to_time: time("window_end")?,
                    reason: rows::text(row, "reason")?,
                })
            })
            .collect();
        Ok(Self {
            standing,
            decisions: decisions(session, as_of).await?,
        })
    }

    /// Whether there is nothing that could hold a finding.
    pub fn is_empty(&self) -> bool {
        self.standing.is_empty() && self.decisions.is_empty()
    }

    /// Floods that stand, decided or not.
    pub fn standing(&self) -> &[Flood] {
        &self.standing
    }

    /// Standing floods with hours that nobody has decided about.
    pub fn undecided(&self) -> impl Iterator<Item = &Flood> {
        self.standing.iter().filter(
            |flood| match self.decision(&flood.scope, flood.to_time - 1) {
                Some(last) => {
                    last.from_time > flood.from_time
                        && self.decision(&flood.scope, flood.from_time).is_none()
                }
                None => true,
            },
        )
    }

    /// The decision that counts for findings of a scope that begin at an instant.
    pub fn decision(&self, scope: &str, begins: i64) -> Option<&Decision> {
        self.decisions
            .iter()
            .rev()
            .find(|d| d.scope == scope && (d.from_time..d.to_time).contains(&begins))
    }

    /// Why findings of a scope that begin at an instant are not dispatched, if they are not.
    pub fn held(&self, scope: &str, begins: i64) -> Option<Held<'_>> {
        match self.decision(scope, begins) {
            Some(decision) if decision.ruling == Ruling::Discard => {
                return Some(Held::Discarded(decision));
            }
            Some(_) => return None,
            None => {}
        }
        self.standing
            .iter()
            .find(|flood| {
                flood.scope == scope && (flood.from_time..flood.to_time).contains(&begins)
            })
            .map(Held::Undecided)
    }

    /// The same of a finding.
    pub(crate) fn of_finding(&self, anomaly: &Anomaly) -> Option<Held<'_>> {
        if self.is_empty() {
            return None;
        }
        let scope = scope(&anomaly.rule_id, anomaly.org_code.as_deref());
        self.held(&scope, anomaly.window_start)
    }
}

/// Decisions recorded until `as_of`, in order.
pub(super) async fn decisions(session: &Session, as_of: i64) -> Result<Vec<Decision>, Error> {
    let sql = format!(
        "SELECT * FROM flood_decisions WHERE arrow_cast(at, 'Int64') <= {as_of}
         ORDER BY at, anomaly_id, ruling"
    );
    let batches = session.rows("decisions about floods", &sql).await?;
    objects(&batches)?
        .into_iter()
        .map(|row| {
            serde_json::from_value(Value::Object(row)).map_err(|error| Error::Asked {
                what: format!("table flood_decisions: a row does not read back: {error}"),
            })
        })
        .collect()
}

/// The undecided flood whose id begins with `id`.
///
/// # Errors
/// [`Error::Asked`] when none or several do.
pub fn find<'a>(floods: &'a Floods, id: &str) -> Result<&'a Flood, Error> {
    let mut found = floods
        .undecided()
        .filter(|flood| !id.is_empty() && flood.anomaly_id.starts_with(id));
    match (found.next(), found.next()) {
        (Some(flood), None) => Ok(flood),
        (None, _) => Err(Error::Asked {
            what: format!("no flood `{id}` is held; `nonsite rules floods` shows them"),
        }),
        (Some(one), Some(other)) => Err(Error::Asked {
            what: format!(
                "several floods begin with `{id}`: {}, {}; give more of the id",
                one.anomaly_id, other.anomaly_id
            ),
        }),
    }
}

/// Records a decision about a flood.
///
/// # Errors
/// [`Error::Asked`] without a name or a reason; what the table says.
pub async fn decide(
    store: &Path,
    flood: &Flood,
    ruling: Ruling,
    by: &str,
    why: &str,
    at: i64,
) -> Result<(), Error> {
    for (key, text) in [("--by", by), ("--why", why)] {
        if text.trim().is_empty() {
            return Err(Error::Asked {
                what: format!("{key} is empty: a decision has a name and a reason"),
            });
        }
    }
    let row = json!({
        "anomaly_id": flood.anomaly_id, "scope": flood.scope, "from_time": flood.from_time,
        "to_time": flood.to_time, "ruling": ruling.code(), "by": by, "why": why, "at": at,
    });
    let Value::Object(row) = row else {
        return Ok(());
    };
    let def = tables::flood_decisions();
    let batch = rows::batch(&def.schema, &[row])
        .map_err(|error| Error::query("decision about a flood")(error.into()))?;
    let table = ensure(store, &def).await?;
    append(&table, &def, batch, Vec::new()).await
}

fn objects(batches: &[arrow::record_batch::RecordBatch]) -> Result<Vec<Map<String, Value>>, Error> {
    rows::objects(batches).map_err(|error| Error::query("floods")(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floods(rulings: &[(Ruling, i64, i64, i64)]) -> Floods {
        Floods {
            standing: vec![Flood {
                anomaly_id: "ab".to_owned(),
                scope: "E01/3705".to_owned(),
                from_time: 100,
                to_time: 200,
                reason: "many".to_owned(),
            }],
            decisions: rulings
                .iter()
                .map(|(ruling, from_time, to_time, at)| Decision {
                    anomaly_id: "ab".to_owned(),
                    scope: "E01/3705".to_owned(),
                    from_time: *from_time,
                    to_time: *to_time,
                    ruling: *ruling,
                    by: "王五".to_owned(),
                    why: "looked".to_owned(),
                    at: *at,
                })
                .collect(),
        }
    }

    #[test]
    fn a_flood_holds_what_begins_in_it_until_somebody_decides() {
        let code =
            |floods: &Floods, scope: &str, at: i64| floods.held(scope, at).map(|held| held.code());
        let undecided = floods(&[]);
        assert_eq!(code(&undecided, "E01/3705", 100), Some("held"));
        assert_eq!(code(&undecided, "E01/3705", 200), None);
        assert_eq!(code(&undecided, "E01/3706", 150), None);
        assert_eq!(code(&undecided, "E02/3705", 150), None);
        assert_eq!(undecided.undecided().count(), 1);
        let released = floods(&[(Ruling::Release, 100, 200, 1)]);
        assert_eq!(code(&released, "E01/3705", 150), None);
        assert_eq!(released.undecided().count(), 0);
        // The flood went on after it was decided about: the further hours are held.
        let half = floods(&[(Ruling::Release, 100, 150, 1)]);
        assert_eq!(code(&half, "E01/3705", 149), None);
        assert_eq!(code(&half, "E01/3705", 150), Some("held"));
        assert_eq!(half.undecided().count(), 1);
        let changed = floods(&[
            (Ruling::Release, 100, 200, 1),
            (Ruling::Discard, 100, 200, 2),
        ]);
        assert_eq!(code(&changed, "E01/3705", 150), Some("discarded"));
        assert!(find(&changed, "ab").is_err());
        assert!(find(&undecided, "a").is_ok() && find(&undecided, "").is_err());
    }

    #[test]
    fn the_city_is_the_first_four_digits_of_the_body() {
        assert_eq!(scope("E01", Some("370502")), "E01/3705");
        assert_eq!(scope("E01", None), "E01/-");
    }
}
