//! Everything a reviewer has to see before approving or returning a rectification, on one page.
//!
//! Assembled by the program so that nothing is overlooked: the problem with its basis and the order,
//! what the enterprise says, its files with earlier ones like them, the finding with its evidence and
//! curve, the same rule run again over the data since the measures, how production and treatment ran,
//! tickets, calibrations, laboratory reports and filings ([`proofs`]), the unit's past with penalties
//! and risk ([`past`]), and the contradictions a machine can see ([`conflicts`]). It decides nothing: a
//! conflict wants an answer from whoever approves, and the absence of conflicts gives no approval.
//! Nothing is written; the same queue, tables and time give the same page.
//!
//! Failure modes: tables that cannot be read ([`Error::Tables`]); a rule that is no longer in the
//! catalogue, or a finding about a permit as a whole, leaves [`Dossier::rerun`] empty and says why.

mod conflicts;
mod past;
mod proofs;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde_json::Value;

pub(super) use self::conflicts::CODES;
pub use self::conflicts::Conflict;
use self::conflicts::Looked;
pub use self::past::{Penalty, Risk};
pub use self::proofs::{Curve, CurveHour, Papers, Proofs, Running};
use super::calendar::until_text;
use super::case::Case;
use super::checked::Checked;
use super::checklist::{self, Answer};
use super::error::Error;
use super::event::Event;
use super::evidence::CaseFile;
use super::mirror::read;
use super::parts::ItemDef;
use super::service::Service;
use super::step::NextStep;
use crate::detect::anomaly::Anomaly;
use crate::detect::{Catalogue, Config, Rerun, replay, since};
use crate::session::{self, Session, rows};

/// Audit rows in which a reviewer answers the checklist.
const REVIEWS: [&str; 3] = ["sign:approve", "approve", "return"];

/// The page.
#[derive(Debug, Clone, Serialize)]
pub struct Dossier {
    /// When it was put together, microseconds UTC.
    pub at: i64,
    /// The case as it stands, with deadline, returns and extensions.
    pub case: Case,
    /// What is wrong, on which basis, under which order.
    pub problem: Problem,
    /// The order to rectify.
    pub order: Option<Submission>,
    /// What the enterprise explained.
    pub answer: Option<Submission>,
    /// What it says it did, the last time it submitted.
    pub submission: Option<Submission>,
    /// How often it submitted.
    pub submissions: usize,
    /// Row of table `anomalies`, its evidence as an object; nothing when the table has it no more.
    pub finding: Option<Value>,
    /// The same rule over the data since the measures.
    pub rerun: Option<Rerun>,
    /// Why there is no rerun.
    pub no_rerun: Option<String>,
    /// Curve, papers and running times from the tables.
    pub proofs: Proofs,
    /// Files in order, with earlier ones like them.
    pub files: Vec<CaseFile>,
    /// Other cases of the unit in the last 24 months, the latest first.
    pub history: Vec<PastCase>,
    /// Penalty cases among them and what they came to.
    pub penalties: Vec<Penalty>,
    /// Points for the unit's past.
    pub risk: Risk,
    /// What was checked on the same outlet of late.
    pub checked: Vec<Checked>,
    /// What does not fit together.
    pub conflicts: Vec<Conflict>,
    /// The checklist, with what machine and earlier reviewers say of each item.
    pub checklist: Vec<ItemView>,
    /// What can be done next.
    pub next: Vec<NextStep>,
}

/// What is wrong, and where that is written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The finding in one sentence.
    pub text: String,
    /// Name of the rule; nothing when the catalogue has it no more.
    pub rule_zh: Option<String>,
    /// Its name in English.
    pub rule_en: Option<String>,
    /// Legal or technical basis.
    pub basis: Option<String>,
    /// Number of the order to rectify: case and audit row.
    pub order_no: Option<String>,
    /// By when it has to be done, or had to be when it was last submitted, extensions and returns counted:
    /// a Beijing day, which ends it, or a time.
    pub due: Option<String>,
}

/// What an action carried, from its audit row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Submission {
    /// The audit row.
    pub seq: i64,
    /// Who.
    pub by: String,
    /// When it took effect, microseconds UTC.
    pub at: i64,
    /// The fields.
    pub fields: std::collections::BTreeMap<String, String>,
    /// Free text.
    pub note: Option<String>,
}

/// Another case of the unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PastCase {
    /// The case.
    pub case_id: String,
    /// When it was opened, microseconds UTC.
    pub opened_at: i64,
    /// The rule.
    pub rule_id: String,
    /// Its severity.
    pub severity: String,
    /// Where it stands.
    pub state: String,
    /// How often it was returned.
    pub return_count: u32,
    /// Whether it is about the same outlet and kind of rule.
    pub same_trouble: bool,
}

/// An item of the checklist as the reviewer finds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemView {
    /// The item.
    #[serde(flatten)]
    pub item: ItemDef,
    /// Codes of conflicts that concern it.
    pub conflicts: Vec<&'static str>,
    /// What was answered before, the latest last, each with who.
    pub answered: Vec<(String, Answer)>,
}

impl Service {
    /// Puts a case's page together from the queue and the tables of `session`.
    ///
    /// # Errors
    /// [`Error::ForBodies`] for an enterprise; [`Error::NotFound`], [`Error::Store`]; [`Error::Tables`]
    /// when tables or the rule cannot be read.
    pub async fn dossier(
        &self,
        case_id: &str,
        session: &Session,
        config: &Config,
        catalogue: &Catalogue,
    ) -> Result<Dossier, Error> {
        self.for_bodies("read a reviewer's dossier")?;
        self.put_together(case_id, session, config, catalogue).await
    }

    /// The same for the program itself, which looks for contradictions before it takes a decision.
    pub(super) async fn put_together(
        &self,
        case_id: &str,
        session: &Session,
        config: &Config,
        catalogue: &Catalogue,
    ) -> Result<Dossier, Error> {
        let now = self.clock.now_micros();
        let shown = self.show(case_id).await?;
        let case = shown.case;
        let files = self.files(case_id).await?;
        let (rerun, no_rerun) = match rerun(&case, session, config, catalogue, now).await? {
            Ok(rerun) => (Some(rerun), None),
            Err(why) => (None, Some(why)),
        };
        let (history, penalties) = self.past(&case, now).await?;
        let order = last(&shown.events, "rectify");
        let until = self.submitted_until(order.as_ref(), &shown.events).await?;
        let clue = finding(&case, session).await?;
        let mut page = Dossier {
            at: now,
            problem: problem(&case, order.as_ref(), until, catalogue),
            order,
            answer: last(&shown.events, "answer"),
            submission: last(&shown.events, "submit"),
            submissions: count(&shown.events, "submit"),
            finding: clue.as_ref().map(told),
            rerun,
            no_rerun,
            proofs: proofs::find(&case, session, now).await?,
            files,
            risk: past::risk(&history, &penalties),
            history,
            penalties,
            checked: self.already_checked(case_id, Some(session)).await?,
            conflicts: Vec::new(),
            checklist: Vec::new(),
            next: shown.next,
            case,
        };
        let place = place(&page.case, session).await?;
        page.conflicts = conflicts::find(&page.looked(until), place);
        page.conflicts
            .extend(clue.as_ref().and_then(conflicts::clue_altered));
        page.checklist = self.checklist(&page, &shown.events);
        Ok(page)
    }

    /// What does not fit together as far as the queue alone shows it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub(super) async fn conflicts_in_queue(&self, case_id: &str) -> Result<Vec<Conflict>, Error> {
        let shown = self.show(case_id).await?;
        let files = self.files(case_id).await?;
        let (history, _) = self.past(&shown.case, self.clock.now_micros()).await?;
        let told = ["rectify", "answer", "submit"].map(|action| last(&shown.events, action));
        let [order, answer, submission] = &told;
        let looked = Looked {
            case: &shown.case,
            order: order.as_ref(),
            until: self.submitted_until(order.as_ref(), &shown.events).await?,
            answer: answer.as_ref(),
            submission: submission.as_ref(),
            files: &files,
            history: &history,
            rerun: None,
            proofs: None,
        };
        Ok(conflicts::find(&looked, None))
    }

    /// The end of the time in which the last submission was due, as it stood when it came: nothing while the
    /// order waits for its first one, or when the version it was made on was not kept.
    async fn submitted_until(
        &self,
        order: Option<&Submission>,
        events: &[Event],
    ) -> Result<Option<i64>, Error> {
        let submitted = events.iter().rfind(|event| event.action == "submit");
        let Some((order, submitted)) = order.zip(submitted) else {
            return Ok(None);
        };
        if submitted.seq < order.seq {
            return Ok(None);
        }
        let before = submitted.case_version - 1;
        match self.store.version(&submitted.case_id, before).await? {
            Some(row) => Ok(read(&row)?.due_at),
            None => Ok(None),
        }
    }

    fn checklist(&self, page: &Dossier, events: &[Event]) -> Vec<ItemView> {
        // Answers of earlier reviews; rows from before the checklist hold free text.
        let given: Vec<(String, Answer)> = events
            .iter()
            .filter(|event| REVIEWS.contains(&event.action.as_str()))
            .filter_map(|event| Some((event, event.fields.get("items")?)))
            .filter_map(|(event, text)| Some((event, checklist::answers(text).ok()?)))
            .flat_map(|(event, answers)| {
                answers
                    .into_iter()
                    .map(|answer| (event.actor.clone(), answer))
            })
            .collect();
        self.machine()
            .items()
            .iter()
            .map(|item| ItemView {
                conflicts: page
                    .conflicts
                    .iter()
                    .filter(|conflict| conflict.item == item.name)
                    .map(|conflict| conflict.code)
                    .collect(),
                answered: given
                    .iter()
                    .filter(|(_, answer)| answer.item == item.name)
                    .cloned()
                    .collect(),
                item: item.clone(),
            })
            .collect()
    }
}

impl Dossier {
    fn looked(&self, until: Option<i64>) -> Looked<'_> {
        Looked {
            case: &self.case,
            order: self.order.as_ref(),
            until,
            answer: self.answer.as_ref(),
            submission: self.submission.as_ref(),
            files: &self.files,
            history: &self.history,
            rerun: self.rerun.as_ref(),
            proofs: Some(&self.proofs),
        }
    }
}

fn count(events: &[Event], action: &str) -> usize {
    events.iter().filter(|event| event.action == action).count()
}

fn last(events: &[Event], action: &str) -> Option<Submission> {
    let event = events.iter().rfind(|event| event.action == action)?;
    Some(Submission {
        seq: event.seq,
        by: event.actor.clone(),
        at: event.effective_at,
        fields: event.fields.clone(),
        note: event.note.clone(),
    })
}

fn problem(
    case: &Case,
    order: Option<&Submission>,
    until: Option<i64>,
    catalogue: &Catalogue,
) -> Problem {
    let rule = catalogue.get(&case.rule_id);
    // While an extension is asked for, the end of the order waits.
    let runs = match case.state.as_str() {
        "extended" => case.order_end().or(until),
        "rectify" | "returned" => case.due_at,
        _ => until,
    };
    Problem {
        text: case.reason.clone(),
        rule_zh: rule.map(|rule| rule.rule.name_zh.clone()),
        rule_en: rule.map(|rule| rule.rule.name_en.clone()),
        basis: rule.map(|rule| rule.rule.basis.clone()),
        order_no: order.map(|order| format!("{}-{}", case.case_id, order.seq)),
        due: order.and_then(|order| {
            let ordered = || order.fields.get("due").cloned();
            runs.map(until_text).or_else(ordered)
        }),
    }
}

/// The rule once more over the data since the measures, or why not.
pub(super) async fn rerun(
    case: &Case,
    session: &Session,
    config: &Config,
    catalogue: &Catalogue,
    now: i64,
) -> Result<Result<Rerun, String>, Error> {
    let Some(from) = case.measured_from else {
        return Ok(Err("no day of measures was given yet".to_owned()));
    };
    if case.source_system.is_some() {
        return Ok(Err(
            "the clue was reported: no rule found it, and none can be run again".to_owned(),
        ));
    }
    let Some(mn) = &case.mn else {
        return Ok(Err(
            "the finding is about the permit, not about a logger's data".to_owned(),
        ));
    };
    if catalogue.get(&case.rule_id).is_none() {
        return Ok(Err(format!(
            "rule {} is no longer in the catalogue",
            case.rule_id
        )));
    }
    let subject = (mn.as_str(), case.factor.as_deref());
    let rerun = since(
        session,
        config,
        catalogue,
        &case.rule_id,
        subject,
        from,
        now,
    )
    .await?;
    Ok(Ok(rerun))
}

/// The finding as the table has it, if it has it.
pub(super) async fn finding(case: &Case, session: &Session) -> Result<Option<Anomaly>, Error> {
    match replay::find(session, &case.anomaly_id).await {
        Ok(anomaly) => Ok(Some(anomaly)),
        Err(session::Error::Asked { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A finding for a reader, its evidence as an object.
pub(super) fn told(anomaly: &Anomaly) -> Value {
    let mut row = anomaly.row();
    if let Ok(evidence) = serde_json::from_str(&anomaly.evidence) {
        row.insert("evidence".to_owned(), evidence);
    }
    Value::Object(row)
}

/// Latitude and longitude of the outlet, else of the site, in degrees.
async fn place(case: &Case, session: &Session) -> Result<Option<(f64, f64)>, Error> {
    let quoted = |text: &str| text.replace('\'', "''");
    let mut queries = Vec::new();
    if let Some(outlet) = &case.outlet_uid {
        queries.push(format!(
            "SELECT latitude, longitude FROM permit_outlets WHERE outlet_uid = '{}'",
            quoted(outlet)
        ));
    }
    if let Some(permit) = &case.permit_no {
        queries.push(format!(
            "SELECT latitude, longitude FROM permits WHERE permit_no = '{}'",
            quoted(permit)
        ));
    }
    for query in queries {
        let query = format!(
            "{query} AND latitude IS NOT NULL AND longitude IS NOT NULL \
             ORDER BY issued_at DESC LIMIT 1"
        );
        let what = "place of the outlet";
        let found = session.rows(what, &query).await?;
        let found =
            rows::objects(&found).map_err(|error| session::Error::query(what)(error.into()))?;
        let degrees = |name: &str| found.first()?.get(name)?.as_f64();
        if let Some(place) = degrees("latitude").zip(degrees("longitude")) {
            return Ok(Some(place));
        }
    }
    Ok(None)
}
