//! What people and enterprises are to be told, read from the audit chain: orders, reminders, overdue
//! notices, and the repair of a credit record.
//!
//! A message is not stored: it follows from one audit row, whose position and hash it carries. So each
//! is there exactly once, however often the list is read and whatever was down in the meantime, and a
//! sender that keeps the position of the last one it sent goes on from there. An approval takes effect
//! with its last signature, so only that one gives a message; if the case is reopened later, by a
//! relapse or by a supervisor, one more message takes the repair back.
//!
//! Its text is that of the version which the row names (`templates`).
//!
//! Which way of the workflow tells what, and who has to meet a deadline, stands in the machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::calendar::{beijing_text, until_text};
use super::case::Case;
use super::error::Error;
use super::event::Event;
use super::mirror::read;
use super::parts::Role;
use super::service::Service;
use super::templates;

/// Rows of the chain read at a time.
const PAGE: u32 = 1_000;

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// The enterprise has to do something, or has longer for it.
    Order,
    /// A deadline is near, or a clue is provisional.
    Reminder,
    /// A deadline has passed.
    Overdue,
    /// A rectification was approved: the unit's credit record is repaired with it.
    CreditRepair,
    /// The case was reopened: the repair no longer holds.
    CreditRepairRevoked,
}

impl MessageKind {
    /// Its code, as it is written in lists.
    pub fn code(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Reminder => "reminder",
            Self::Overdue => "overdue",
            Self::CreditRepair => "credit_repair",
            Self::CreditRepairRevoked => "credit_repair_revoked",
        }
    }
}

/// A message. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The audit row it follows from; a row gives one message at most.
    pub seq: i64,
    /// What it is about.
    pub kind: MessageKind,
    /// The case.
    pub case_id: String,
    /// In which capacity the receiver is told.
    pub addressee: Role,
    /// Who had claimed the case then.
    pub person: Option<String>,
    /// Body in charge.
    pub org_code: Option<String>,
    /// Permit of the unit.
    pub permit_no: Option<String>,
    /// Name of the unit.
    pub unit_name: Option<String>,
    /// State of the case after the row.
    pub state: String,
    /// What was done.
    pub action: String,
    /// When it took effect.
    pub at: i64,
    /// By when, Beijing time or day: of an order, the end of the enterprise's time with which the row left
    /// it; nothing when no time runs for whoever is told.
    pub due: Option<String>,
    /// What is ordered, or what was done.
    pub measures: Option<String>,
    /// The message it takes back, by its row.
    pub revokes: Option<i64>,
    /// What it is about, in Chinese and English.
    pub text: String,
    /// The version of that text.
    pub text_template_version: String,
    /// Hash of the audit row.
    pub hash: String,
}

impl Service {
    /// The messages of the rows after position `since` within the caller's scope, in the order of the
    /// chain, at most `limit` (0 for all). An enterprise sees what is addressed to it.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn messages(&self, since: i64, limit: usize) -> Result<Vec<Message>, Error> {
        let mut found = Vec::new();
        let mut known: BTreeMap<String, Option<(Case, Vec<Event>)>> = BTreeMap::new();
        let mut after = since;
        loop {
            let page = self.store.events(after, PAGE).await?;
            let Some(last) = page.last() else {
                return Ok(found);
            };
            after = last.seq;
            for event in &page {
                let Some(kind) = self.kind_of(event) else {
                    continue;
                };
                if !known.contains_key(&event.case_id) {
                    let case = self.store.case(&event.case_id).await?;
                    let case = case.filter(|case| self.caller.scope.covers_case(case));
                    let whole = match case {
                        Some(case) => Some((case, self.store.events_of(&event.case_id).await?)),
                        None => None,
                    };
                    known.insert(event.case_id.clone(), whole);
                }
                let Some(Some((case, events))) = known.get(&event.case_id) else {
                    continue;
                };
                let before = events.partition_point(|other| other.seq < event.seq);
                let told = match self.message(kind, event, case, &events[..before]) {
                    Some(message) if kind == MessageKind::Order => Some(Message {
                        due: self.ordered_until(event).await?,
                        ..message
                    }),
                    told => told,
                };
                found.extend(told.filter(|message| {
                    self.caller.scope.permits.is_none() || message.addressee == Role::Enterprise
                }));
                if limit > 0 && found.len() == limit {
                    return Ok(found);
                }
            }
        }
    }

    /// What a row tells, as far as it says so itself.
    fn kind_of(&self, event: &Event) -> Option<MessageKind> {
        templates::kind_of(self.machine(), event.from_state.as_deref(), &event.action)
    }

    /// The message of a row, given those of its case before it.
    fn message(
        &self,
        kind: MessageKind,
        event: &Event,
        case: &Case,
        before: &[Event],
    ) -> Option<Message> {
        let revokes = match kind {
            MessageKind::CreditRepairRevoked => Some(self.repaired(before)?),
            _ => None,
        };
        let field = |event: &Event, name: &str| event.fields.get(name).cloned();
        let due = match kind {
            MessageKind::Overdue => Some(beijing_text(event.effective_at)),
            _ => field(event, "due"),
        };
        let submitted = || before.iter().rfind(|earlier| earlier.action == "submit");
        let measures = match kind {
            MessageKind::CreditRepair => submitted().and_then(|row| field(row, "measures")),
            _ => field(event, "measures"),
        };
        let addressee = self.addressee(kind, event);
        let (version, text) = templates::told(kind, &event.action, &event.fields);
        Some(Message {
            seq: event.seq,
            kind,
            case_id: event.case_id.clone(),
            person: match addressee {
                Role::Enterprise => None,
                _ => self.holder(before, event.effective_at),
            },
            addressee,
            org_code: case.org_code.clone(),
            permit_no: case.permit_no.clone(),
            unit_name: case.unit_name.clone(),
            state: event.to_state.clone(),
            action: event.action.clone(),
            at: event.effective_at,
            due,
            measures,
            revokes,
            text: text.to_owned(),
            text_template_version: version,
            hash: event.hash.clone(),
        })
    }

    /// By when an enterprise has to do what a row orders: as the row left the case, so that a usual
    /// deadline is told like one that was set. While something is only sent, no time of its own runs.
    async fn ordered_until(&self, event: &Event) -> Result<Option<String>, Error> {
        let state = self.machine().state(&event.to_state);
        if state.is_none_or(|state| state.holder != Role::Enterprise) {
            return Ok(None);
        }
        let kept = self.store.version(&event.case_id, event.case_version);
        Ok(match kept.await? {
            Some(row) => read(&row)?.due_at.map(until_text),
            // From before versions were kept.
            None => event.fields.get("due").cloned(),
        })
    }

    /// Who has to act: the enterprise on what is ordered and of its credit, else whoever has to meet
    /// the clock or holds the state.
    fn addressee(&self, kind: MessageKind, event: &Event) -> Role {
        let state = self.machine().state(&event.to_state);
        let holder = state.map_or(Role::Supervisor, |state| state.holder);
        match kind {
            MessageKind::Reminder | MessageKind::Overdue => event
                .action
                .split_once(':')
                .and_then(|(_, name)| {
                    let mut clocks = self.machine().clocks().iter();
                    clocks.find(|clock| clock.name == name)?.holder
                })
                .unwrap_or(holder),
            _ => Role::Enterprise,
        }
    }

    /// The approval that still stands after these rows, by its position.
    fn repaired(&self, rows: &[Event]) -> Option<i64> {
        let mut told = rows
            .iter()
            .filter_map(|row| Some((row.seq, self.kind_of(row)?)))
            .filter(|(_, kind)| {
                matches!(
                    kind,
                    MessageKind::CreditRepair | MessageKind::CreditRepairRevoked
                )
            });
        match told.next_back() {
            Some((seq, MessageKind::CreditRepair)) => Some(seq),
            _ => None,
        }
    }

    /// Who holds a case by a claim after these rows.
    fn holder(&self, rows: &[Event], at: i64) -> Option<String> {
        let last = rows.iter().rfind(|row| {
            let moved = row.from_state.as_deref() != Some(row.to_state.as_str());
            moved || row.action == "release" || row.action == "claim"
        })?;
        let holds = last.action == "claim" && self.config.claim_until(last.effective_at) > at;
        holds.then(|| last.actor.clone())
    }
}
