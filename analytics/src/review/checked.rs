//! "Already checked" (已查): what was looked at on the same outlet of late, before anybody asks again.
//!
//! Told wherever a clue is decided on: other cases of the outlet that were decided on or closed, their acts,
//! and acts of the inspection system. What the case itself did stands in the case. It refuses nothing; a person decides whether another order
//! is due.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};

use super::act::outlet_code;
use super::calendar::HOUR;
use super::case::Case;
use super::error::Error;
use super::investigation;
use super::service::Service;
use crate::session::{self, Session, rows};

/// Fields of audit rows that name an act.
const NAMES_AN_ACT: [&str; 3] = ["act", "corrected_act", investigation::ACT];
/// Cases that may hold an act are looked for this far back: two years of at most 366 days.
const OPENED: i64 = 2 * 366 * 24 * HOUR;

/// What was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// `case` or `act`.
    pub kind: &'static str,
    /// Id of the case or act.
    pub id: String,
    /// When the case was decided on or closed, or the act completed, microseconds UTC.
    pub at: i64,
    /// Rule of the case; mode and method of the act.
    pub what: String,
    /// Feedback on the clue, with its state until it is closed; or conclusion of the act.
    pub result: String,
    /// Body in charge.
    pub org_code: Option<String>,
    /// About the very outlet, and not the unit as a whole.
    pub same_outlet: bool,
}

impl Service {
    /// Cases decided or closed and acts completed on a case's outlet in the last `checked_days`, the latest first.
    /// Without a session (or without its table) the queue alone answers.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`], [`Error::Tables`].
    pub async fn already_checked(
        &self,
        case_id: &str,
        session: Option<&Session>,
    ) -> Result<Vec<Checked>, Error> {
        let shown = self.show(case_id).await?;
        let case = shown.case;
        let Some(permit) = case.permit_no.clone() else {
            return Ok(Vec::new());
        };
        let now = self.clock.now_micros();
        let since = now - i64::from(self.config.checked_days) * 24 * HOUR;
        let outlet = outlet_code(&case);
        // The acts of the case: those it wrote, those of other systems it names, and the visit of an
        // investigation that another case leads.
        let named = shown.events.iter().flat_map(|event| {
            let ids = NAMES_AN_ACT
                .iter()
                .filter_map(|name| event.fields.get(*name));
            ids.map(|id| id.trim().to_owned())
        });
        let written = shown.acts.iter().map(|act| act.act_id.clone());
        let own: BTreeSet<String> = written.chain(named).collect();
        let mut found: BTreeMap<(&str, String), Checked> = BTreeMap::new();
        for other in self.store.cases_of_unit(&permit, now - OPENED).await? {
            if other.case_id == case.case_id || !self.caller.scope.covers_case(&other) {
                continue;
            }
            if let Some(checked) = self.decided(&other, &case) {
                found.insert(("case", checked.id.clone()), checked);
            }
            for row in self.store.acts_of(&other.case_id).await? {
                let act = row.act();
                let checked = Checked {
                    kind: "act",
                    id: row.act_id.clone(),
                    at: act.completed_at.map_or(row.at, |at| at.0),
                    what: words(&[
                        act.mode.map(|mode| mode.as_str()),
                        act.method.map(|method| method.as_str()),
                    ]),
                    result: words(&[act.conclusion.map(|conclusion| conclusion.as_str())]),
                    org_code: Some(act.org.code.clone()),
                    same_outlet: outlet
                        .as_ref()
                        .is_some_and(|code| act.outlets.contains(code)),
                };
                // Later versions replace earlier ones.
                found.insert(("act", row.act_id), checked);
            }
        }
        if let Some(session) = session {
            for row in inspections(session, &permit).await? {
                let body = rows::text(&row, "org_code");
                if self.caller.scope.covers(body.as_deref(), Some(&permit))
                    && let Some(checked) = recorded(&row, outlet.as_deref())
                {
                    found.entry(("act", checked.id.clone())).or_insert(checked);
                }
            }
        }
        let mut all: Vec<Checked> = found
            .into_values()
            .filter(|checked| (since..=now).contains(&checked.at))
            .filter(|checked| !own.contains(&checked.id))
            .filter(|checked| checked.same_outlet || outlet.is_none())
            .collect();
        all.sort_by(|one, other| (other.at, &one.id).cmp(&(one.at, &other.id)));
        Ok(all)
    }
}

impl Service {
    /// Another case as a check, when it is closed, or decided on and not on file yet.
    fn decided(&self, other: &Case, case: &Case) -> Option<Checked> {
        // A clue that became part of another is not a check of its own.
        if other.parent_id.is_some() {
            return None;
        }
        // Of a penalty that was decided the clocks that run since then tell when.
        let since = other.clocks.iter().map(|clock| clock.from).min();
        let decided = (self.desk.is_decided(other) || other.state == "look_back")
            .then(|| since.unwrap_or(other.entered_at));
        let state = other.closed_at.is_none().then_some(other.state.as_str());
        Some(Checked {
            kind: "case",
            id: other.case_id.clone(),
            at: other.closed_at.or(decided)?,
            what: other.rule_id.clone(),
            result: words(&[other.rule_match.as_deref(), state]),
            org_code: other.org_code.clone(),
            same_outlet: other.subject == case.subject,
        })
    }
}

/// The last version of every act on a unit.
async fn inspections(session: &Session, permit: &str) -> Result<Vec<Map<String, Value>>, Error> {
    let what = "acts of the unit";
    let query = format!(
        "SELECT act_id, act_version, mode, method, conclusion, status, org_code, completed_at, outlets \
         FROM inspections WHERE permit_no = '{}' ORDER BY act_id, act_version DESC",
        permit.replace('\'', "''")
    );
    let found = session.rows(what, &query).await?;
    let mut found =
        rows::objects(&found).map_err(|error| session::Error::query(what)(error.into()))?;
    found.dedup_by(|later, first| later.get("act_id") == first.get("act_id"));
    Ok(found)
}

fn recorded(row: &Map<String, Value>, outlet: Option<&str>) -> Option<Checked> {
    let text = |name: &str| rows::text(row, name);
    if text("status").as_deref() == Some("withdrawn") {
        return None;
    }
    let outlets = text("outlets").unwrap_or_default();
    Some(Checked {
        kind: "act",
        id: text("act_id")?,
        at: row.get("completed_at")?.as_i64()?,
        what: words(&[text("mode").as_deref(), text("method").as_deref()]),
        result: text("conclusion").unwrap_or_default(),
        org_code: text("org_code"),
        same_outlet: outlet
            .is_some_and(|code| outlets.split(',').any(|named| named.trim() == code)),
    })
}

fn words(parts: &[Option<&str>]) -> String {
    let parts: Vec<&str> = parts.iter().flatten().copied().collect();
    parts.join(" ")
}
