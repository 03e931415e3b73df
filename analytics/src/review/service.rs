//! The queue at work: every change is one transaction of case, audit rows and commit.

use std::sync::Arc;
use std::time::Duration;

use nonsite_schemas::time::Clock;
use serde::Serialize;

use super::case::Case;
use super::desk::{Desk, Moved};
use super::error::Error;
use super::event::{ChainFault, ChainWalk, Event, GENESIS};
use super::machine::{Machine, Role};
use super::settings::Config;
use super::sqlite::SqliteStore;
use super::step::{Actor, Input, NextStep};
use super::store::{Filter, Store, StoreError, Tx};

/// How often a change is tried again when somebody else was faster.
const ATTEMPTS: u32 = 5;
/// Rows of the audit chain read at once.
const AUDIT_PAGE: u32 = 1_000;
/// Cases looked at when work is handed out; those the person may not take are skipped.
const CLAIM_PAGE: u32 = 50;

/// The review queue.
#[derive(Debug, Clone)]
pub struct Service {
    pub(super) store: Arc<dyn Store>,
    pub(super) desk: Arc<Desk>,
    pub(super) config: Arc<Config>,
    pub(super) clock: Arc<dyn Clock>,
}

/// A case with its history and its future.
#[derive(Debug, Clone, Serialize)]
pub struct Shown {
    /// The case.
    pub case: Case,
    /// Its audit rows in order.
    pub events: Vec<Event>,
    /// What can be done next.
    pub next: Vec<NextStep>,
    /// The engine's next action on it, when its deadline passes.
    pub timer: Option<String>,
}

/// Result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// Rows in the chain up to the first fault.
    pub rows: i64,
    /// Cases checked.
    pub cases: usize,
    /// Hash of the last sound row; keep it to notice that the end was cut off.
    pub head: String,
    /// The first fault, if there is one.
    pub fault: Option<ChainFault>,
}

impl Service {
    /// Opens the configured SQLite file.
    ///
    /// # Errors
    /// [`Error::Config`] for a wrong setting, [`Error::Store`] when the file cannot be used.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        config.validate()?;
        let patience = Duration::from_secs(u64::from(config.busy_timeout_s));
        let store = SqliteStore::open(&config.database, patience).await?;
        Ok(Self::on(Arc::new(store), config, clock))
    }

    /// The queue on any store.
    pub fn on(store: Arc<dyn Store>, config: &Config, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            desk: Arc::new(Desk::new(config)),
            config: Arc::new(config.clone()),
            clock,
        }
    }

    /// The workflow.
    pub fn machine(&self) -> &'static Machine {
        self.desk.machine
    }

    /// Takes an action on a case. Deadlines that have passed take effect first, so that nobody gains
    /// from the engine being late.
    ///
    /// # Errors
    /// [`Error::Refused`] with the reason and with what is possible instead; [`Error::NotFound`];
    /// [`Error::Store`].
    pub async fn act(
        &self,
        case_id: &str,
        action: &str,
        actor: &Actor,
        input: &Input,
    ) -> Result<Case, Error> {
        if actor.role == Role::Engine {
            return Err(Error::NotAPerson);
        }
        self.change(case_id, |case, now| self.desk.step(case, action, actor, input, now)).await
    }

    /// Claims one case for a person.
    ///
    /// # Errors
    /// [`Error::Refused`] when somebody else holds it or the role has nothing to do in its state.
    pub async fn claim(&self, case_id: &str, actor: &Actor) -> Result<Case, Error> {
        self.change(case_id, |case, now| {
            if !self.acts_here(case, actor.role) {
                let why = format!("role `{}` has nothing to do in this state", actor.role);
                return Err(self.desk.refused(case, "claim", why));
            }
            if let Some(holder) = case.held_by(now)
                && holder != actor.name
            {
                return Err(self.desk.refused(case, "claim", format!("{holder} has claimed the case")));
            }
            Ok(vec![self.claimed(case, actor, now)])
        })
        .await
    }

    /// Claims the worst and most urgent case that is waiting for the actor's role, of one body if
    /// asked. `None` when nothing waits. No case is ever handed to two people.
    ///
    /// # Errors
    /// [`Error::NothingToClaim`] when no state waits for the role; [`Error::Store`].
    pub async fn claim_next(
        &self,
        actor: &Actor,
        states: &[String],
        org_code: Option<&str>,
    ) -> Result<Option<Case>, Error> {
        let states = if states.is_empty() { self.states_of(actor.role) } else { states.to_vec() };
        if states.is_empty() {
            return Err(Error::NothingToClaim(actor.role));
        }
        let mut tx = self.store.begin().await?;
        let now = self.clock.now_micros();
        let mut offset = 0;
        loop {
            let page = tx.unclaimed(&states, org_code, now, CLAIM_PAGE, offset).await?;
            let mine = page.iter().find(|case| self.may_take(case, actor, now));
            if let Some(case) = mine {
                let moved = self.claimed(case, actor, now);
                let after = self.record(tx.as_mut(), case, vec![moved], now).await?;
                tx.commit().await?;
                return Ok(Some(after));
            }
            if page.len() < CLAIM_PAGE as usize {
                return Ok(None);
            }
            offset += CLAIM_PAGE;
        }
    }

    /// Gives a claim back.
    ///
    /// # Errors
    /// [`Error::Refused`] when the actor does not hold the case.
    pub async fn release(&self, case_id: &str, actor: &Actor) -> Result<Case, Error> {
        self.change(case_id, |case, now| {
            if case.held_by(now) != Some(actor.name.as_str()) {
                let why = format!("{} does not hold the case", actor.name);
                return Err(self.desk.refused(case, "release", why));
            }
            Ok(vec![Desk::mark(case, "release", actor, Input::default(), now, |after| {
                after.assignee = None;
                after.claimed_until = None;
            })])
        })
        .await
    }

    /// Cases, the worst and most urgent first.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Case>, Error> {
        Ok(self.store.cases(filter).await?)
    }

    /// Number of cases per state.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn counts(&self) -> Result<Vec<(String, i64)>, Error> {
        Ok(self.store.counts().await?)
    }

    /// A case with everything around it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn show(&self, case_id: &str) -> Result<Shown, Error> {
        let case = self
            .store
            .case(case_id)
            .await?
            .ok_or_else(|| Error::NotFound(case_id.to_owned()))?;
        let events = self.store.events_of(case_id).await?;
        let next = self.desk.next_steps(&case);
        let timer = case.timer_at.and_then(|_| self.desk.timer_of(&case)).map(str::to_owned);
        Ok(Shown { case, events, next, timer })
    }

    /// The id a (possibly shortened) id stands for.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ambiguous`].
    pub async fn resolve(&self, text: &str) -> Result<String, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Error::NotFound(String::new()));
        }
        let mut ids = self.store.ids_like(text, 5).await?;
        if ids.iter().any(|id| id == text) {
            return Ok(text.to_owned());
        }
        match ids.len() {
            0 => Err(Error::NotFound(text.to_owned())),
            1 => Ok(ids.remove(0)),
            _ => Err(Error::Ambiguous { prefix: text.to_owned(), candidates: ids }),
        }
    }

    /// Walks the whole audit chain and compares every case with its last row. `expected_head` is a
    /// hash that was kept from an earlier audit.
    ///
    /// # Errors
    /// [`Error::Store`]; a broken chain is part of the report, not an error.
    pub async fn audit(&self, expected_head: Option<&str>) -> Result<AuditReport, Error> {
        // Nobody writes between the head and the cases; rows appended later are beyond `end`.
        let mut walk = ChainWalk::new();
        let mut after = 0;
        let mut head = GENESIS.to_owned();
        let mut head_seen = expected_head.is_none_or(|expected| expected == GENESIS);
        let mut fault = None;
        let mut tx = self.store.begin().await?;
        let end = tx.head().await?.map_or(0, |(seq, _)| seq);
        let cases = self.store.fingerprints().await?;
        drop(tx);
        'chain: while after < end {
            let mut page = self.store.events(after, AUDIT_PAGE).await?;
            page.retain(|event| event.seq <= end);
            if page.is_empty() {
                fault = Some(ChainFault::Missing { seq: after + 1, found: end });
                break;
            }
            for event in &page {
                if let Err(found) = walk.step(event) {
                    fault = Some(found);
                    break 'chain;
                }
                after = event.seq;
                head.clone_from(&event.hash);
                head_seen |= expected_head == Some(event.hash.as_str());
            }
        }
        let checked = cases.len();
        if fault.is_none() {
            fault = cases
                .iter()
                .find_map(|(id, version, hash)| walk.case(id, *version, hash).err())
                .or_else(|| walk.finish().err());
        }
        if let (None, false, Some(expected)) = (&fault, head_seen, expected_head) {
            fault = Some(ChainFault::HeadMissing { expected: expected.to_owned() });
        }
        Ok(AuditReport { rows: after, cases: checked, head, fault })
    }

    /// The states in which something waits for a role.
    fn states_of(&self, role: Role) -> Vec<String> {
        self.machine()
            .states()
            .iter()
            .filter(|state| state.holder == role)
            .map(|state| state.name.clone())
            .collect()
    }

    fn acts_here(&self, case: &Case, role: Role) -> bool {
        self.machine().from(&case.state).any(|way| way.roles.contains(&role))
    }

    /// Work that is handed out is work the person can do: not a second signature of their own, not
    /// the review of what they handled, not a case whose deadline is about to move it.
    fn may_take(&self, case: &Case, actor: &Actor, now: i64) -> bool {
        let signed = case.signature.as_ref().is_some_and(|first| first.by == actor.name);
        let handled = actor.role == Role::Reviewer && case.handlers.contains(&actor.name);
        let moves_now = case.timer_at.is_some_and(|at| at <= now)
            && self.desk.timer_of(case).is_some();
        !signed && !handled && !moves_now && self.acts_here(case, actor.role)
    }

    fn claimed(&self, case: &Case, actor: &Actor, now: i64) -> Moved {
        let until = self.config.claim_until(now);
        Desk::mark(case, "claim", actor, Input::default(), now, |after| {
            after.assignee = Some(actor.name.clone());
            after.claimed_until = Some(until);
        })
    }

    /// One change of one case in a transaction, tried again when another writer was faster.
    pub(super) async fn change(
        &self,
        case_id: &str,
        decide: impl Fn(&Case, i64) -> Result<Vec<Moved>, Error> + Send + Sync,
    ) -> Result<Case, Error> {
        let mut attempt = 1;
        loop {
            match self.try_change(case_id, &decide).await {
                Err(Error::Store(StoreError::Conflict { .. })) if attempt < ATTEMPTS => attempt += 1,
                other => return other,
            }
        }
    }

    async fn try_change(
        &self,
        case_id: &str,
        decide: &(impl Fn(&Case, i64) -> Result<Vec<Moved>, Error> + Send + Sync),
    ) -> Result<Case, Error> {
        let mut tx = self.store.begin().await?;
        // The clock is read inside the transaction: the order of the chain is the order of time.
        let now = self.clock.now_micros();
        let mut case =
            tx.case(case_id).await?.ok_or_else(|| Error::NotFound(case_id.to_owned()))?;
        if now < case.updated_at {
            return Err(Error::ClockBehind { case_id: case.case_id, now, last: case.updated_at });
        }
        while case.timer_at.is_some_and(|at| at <= now) {
            let moves = self.expire(&case)?;
            case = self.record(tx.as_mut(), &case, moves, now).await?;
        }
        match decide(&case, now) {
            Ok(moves) => {
                let after = self.record(tx.as_mut(), &case, moves, now).await?;
                tx.commit().await?;
                Ok(after)
            }
            Err(refusal) => {
                // The deadlines passed whether or not the action was possible.
                tx.commit().await?;
                Err(refusal)
            }
        }
    }

    /// What the engine does when a case's timer is due, as of the moment it was due.
    pub(super) fn expire(&self, case: &Case) -> Result<Vec<Moved>, Error> {
        let due = case.timer_at.unwrap_or(case.entered_at).max(case.entered_at);
        let engine = Actor::engine();
        match self.desk.timer_of(case) {
            Some(action) => self.desk.step(case, action, &engine, &Input::default(), due),
            None => Ok(vec![Desk::mark(case, "overdue", &engine, Input::default(), due, |after| {
                after.overdue = true;
                after.timer_at = None;
            })]),
        }
    }

    /// Writes the versions of a case and their audit rows; returns the last version.
    pub(super) async fn record(
        &self,
        tx: &mut dyn Tx,
        before: &Case,
        moves: Vec<Moved>,
        now: i64,
    ) -> Result<Case, Error> {
        let mut stored = Some(before.clone());
        for moved in moves {
            stored = Some(self.record_one(tx, stored.as_ref(), moved, now).await?);
        }
        Ok(stored.unwrap_or_else(|| before.clone()))
    }

    /// Writes one version of a case (`before` is `None` for a new one) and its audit row.
    pub(super) async fn record_one(
        &self,
        tx: &mut dyn Tx,
        before: Option<&Case>,
        moved: Moved,
        now: i64,
    ) -> Result<Case, Error> {
        let mut case = moved.case;
        case.updated_at = now;
        let (seq, prev_hash) =
            tx.head().await?.map_or((1, GENESIS.to_owned()), |(seq, hash)| (seq + 1, hash));
        let mut event = Event {
            seq,
            case_id: case.case_id.clone(),
            from_state: moved.from,
            to_state: case.state.clone(),
            case_version: case.version,
            action: moved.action,
            actor: moved.actor.name,
            actor_certificate: moved.actor.certificate,
            role: moved.actor.role.code().to_owned(),
            org_code: moved.actor.org,
            at: now,
            effective_at: moved.effective_at,
            reason_code: moved.input.get("reason").map(str::to_owned),
            note: moved.input.note,
            fields: moved.input.fields,
            attachments: moved.input.attachments,
            client: moved.actor.client,
            rule_version: case.rule_version,
            policy_version: self.machine().version().to_owned(),
            case_sha256: case.sha256(),
            prev_hash,
            hash: String::new(),
        };
        event.hash = event.expected_hash();
        tx.put(&case, before).await?;
        tx.append(&event).await?;
        Ok(case)
    }
}
