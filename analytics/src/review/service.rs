//! The queue at work: every change is one transaction of case, audit rows and commit.

use std::sync::Arc;
use std::time::Duration;

use nonsite_schemas::time::Clock;
use serde::Serialize;

use crate::ratio::RatioPolicies;

use super::act::{ActView, merged_into};
use super::bundle::Bundles;
use super::caller::Caller;
use super::case::{Case, sha256_of};
use super::desk::{Desk, Moved};
use super::error::{Error, Refusal};
use super::event::{Event, GENESIS};
use super::investigation::OnsiteView;
use super::machine::Machine;
use super::marks;
use super::parts::Role;
use super::penalty;
use super::postgres::PostgresStore;
use super::recheck::{Recheck, WRITTEN_BY_THE_PROGRAM, WithoutTables};
use super::registry::{Registry, WithoutPermits};
use super::review_row::redact;
use super::settings::Config;
use super::sqlite::SqliteStore;
use super::step::{Actor, Input, NextStep};
use super::store::{FileRow, Filter, Store, StoreError, Tx};
use super::templates;

/// How often a change is tried again when somebody else was faster.
pub(super) const ATTEMPTS: u32 = 5;

/// The review queue.
#[derive(Debug, Clone)]
pub struct Service {
    pub(super) store: Arc<dyn Store>,
    pub(super) desk: Arc<Desk>,
    pub(super) config: Arc<Config>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) caller: Arc<Caller>,
    pub(super) policies: Arc<RatioPolicies>,
    pub(super) bundles: Arc<Bundles>,
    pub(super) recheck: Arc<dyn Recheck>,
    pub(super) registry: Arc<dyn Registry>,
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
    /// Inspection acts the workflow wrote for it, every version in order.
    pub acts: Vec<ActView>,
    /// The findings that one order is about: those merged into the case.
    pub merged: Vec<Case>,
    /// The on-site investigation of the furnace that it leads, is part of, or would become part of.
    pub onsite: Option<OnsiteView>,
}

impl Service {
    /// Opens the configured SQLite file or PostgreSQL database.
    ///
    /// # Errors
    /// [`Error::Config`] for a wrong setting, [`Error::Store`] when the database cannot be used.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let config = &config.with_calendar_file()?;
        config.validate()?;
        let machine = config.machine()?;
        let bundles = Bundles::load(config.bundles.as_deref())?;
        let patience = Duration::from_secs(u64::from(config.busy_timeout_s));
        let store: Arc<dyn Store> = match config.postgres() {
            Some(address) => Arc::new(PostgresStore::open(address, patience).await?),
            None => Arc::new(SqliteStore::open(&config.database, patience).await?),
        };
        let mut service = Self::on(store, config, clock).with_machine(machine);
        service.bundles = Arc::new(bundles);
        Ok(service)
    }

    /// The queue on any store.
    pub fn on(store: Arc<dyn Store>, config: &Config, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            desk: Arc::new(Desk::new(config)),
            config: Arc::new(config.clone()),
            clock,
            caller: Arc::default(),
            policies: Arc::default(),
            bundles: Arc::default(),
            recheck: Arc::new(WithoutTables),
            registry: Arc::new(WithoutPermits),
        }
    }

    /// The same queue with other lengths of its deadlines ([`Config::machine`]); the workflow's own until
    /// then.
    pub(super) fn with_machine(mut self, machine: Machine) -> Self {
        let desk = Desk {
            machine: Arc::new(machine),
            ..Desk::clone(&self.desk)
        };
        self.desk = Arc::new(desk);
        self
    }

    /// The same queue, which runs rules again by these means: for approvals and for the checks of the
    /// look-back. Until then it says that it could not.
    pub fn with_recheck(mut self, recheck: Arc<dyn Recheck>) -> Self {
        self.recheck = recheck;
        self
    }

    /// The same queue, which looks units up in these permits for the acts it writes. Until then an act
    /// states neither the division of the site nor the positive list.
    pub fn with_registry(mut self, registry: Arc<dyn Registry>) -> Self {
        self.registry = registry;
        self
    }

    /// The same queue with these counting policies, whose ids its acts name; the built-in one until
    /// then.
    pub fn with_policies(mut self, policies: RatioPolicies) -> Self {
        self.policies = Arc::new(policies);
        self
    }

    /// The counting policy in force at an instant.
    pub(super) fn policy_in_force(&self, at: i64) -> Option<String> {
        let policy = self.policies.in_force(at).ok()?;
        Some(policy.policy_id.clone())
    }

    /// What is missing for right deadlines: years without a single public holiday.
    pub fn calendar_warning(&self) -> Option<String> {
        let years = self.desk.calendar.unknown_years(self.clock.now_micros());
        if years.is_empty() {
            return None;
        }
        let years: Vec<String> = years.iter().map(i32::to_string).collect();
        Some(format!(
            "no public holidays are known for {}: deadlines in working days that span some end too \
             early; set [review] calendar",
            years.join(" and ")
        ))
    }

    /// The workflow.
    pub fn machine(&self) -> &Machine {
        &self.desk.machine
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
        let mut attempt = 1;
        loop {
            let (whole, looked_at) = self.looked_into(case_id, action, actor, input).await?;
            let whole = self.with_unit(case_id, action, actor, whole).await?;
            self.run_checks(case_id).await?;
            let decide = |case: &Case, now: i64| {
                self.of_body(case, action, actor)?;
                let mut reserved = WRITTEN_BY_THE_PROGRAM.iter();
                let forged = reserved.find(|name| {
                    input.fields.contains_key(**name) && !marks::is_given(action, name)
                });
                if let Some(name) = forged {
                    let why = format!("field `{name}` is written by the program alone");
                    return Err(self.desk.refused_as(Refusal::Field, case, action, why));
                }
                match looked_at {
                    // A file that came in between is one that nobody looked into.
                    Some(version) if version != case.version => Err(case.has_to_be_looked_at()),
                    Some(_) => {
                        let whole = Self::timed(case, actor, &whole, now);
                        self.desk.step(case, action, actor, &whole, now)
                    }
                    None => self.desk.step(case, action, actor, &whole, now),
                }
            };
            match self.try_change(case_id, &decide).await {
                Err(Error::Store(StoreError::Conflict { .. })) if attempt < ATTEMPTS => {
                    attempt += 1
                }
                done => return done,
            }
        }
    }

    /// Cases within the caller's scope, the worst and most urgent first unless asked otherwise.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, filter: &Filter) -> Result<Vec<Case>, Error> {
        Ok(self.store.cases(&self.bounded(filter)).await?)
    }

    /// Number of cases per state within the caller's scope.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn counts(&self) -> Result<Vec<(String, i64)>, Error> {
        Ok(self.store.counts(&self.caller.scope).await?)
    }

    /// A case with everything around it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Store`].
    pub async fn show(&self, case_id: &str) -> Result<Shown, Error> {
        let case = self.visible(self.store.case(case_id).await?, case_id)?;
        let mut events = self.store.events_of(case_id).await?;
        if self.caller.scope.permits.is_some() {
            for event in &mut events {
                redact(&mut event.fields);
            }
        }
        let next = self.desk.next_steps(&case);
        let acts = self.acts_of(case_id).await?;
        let onsite = self.onsite_view(&case, &events).await?;
        let mut merged = Vec::new();
        for id in merged_into(&events) {
            let part = self.store.case(id).await?;
            merged.extend(part.filter(|part| self.caller.scope.covers_case(part)));
        }
        let timer = case
            .due_at
            .filter(|_| !case.overdue)
            .and_then(|_| self.desk.timer_of(&case))
            .map(str::to_owned);
        Ok(Shown {
            case,
            events,
            next,
            timer,
            acts,
            merged,
            onsite,
        })
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
            _ => Err(Error::Ambiguous {
                prefix: text.to_owned(),
                candidates: ids,
            }),
        }
    }

    /// Applies the deadlines of a case that have passed, so that what is printed of it is what a
    /// change finds.
    pub(super) async fn catch_up(&self, case_id: &str) -> Result<(), Error> {
        self.run_checks(case_id).await?;
        let mut tx = self.store.begin().await?;
        let now = self.clock.now_micros();
        let Some(before) = tx.case(case_id).await? else {
            return Ok(());
        };
        let mut case = before.clone();
        while now >= case.updated_at && case.timer_at.is_some_and(|at| at <= now) {
            if Desk::check_waits(&case, now) {
                return Err(case.has_to_be_looked_at());
            }
            let moves = self.desk.expire(&case)?;
            case = self.record(tx.as_mut(), &case, moves, now).await?;
        }
        if case.version != before.version {
            tx.commit().await?;
        }
        Ok(())
    }

    /// One change of one case in a transaction, tried again when another writer was faster.
    pub(super) async fn change(
        &self,
        case_id: &str,
        decide: impl Fn(&Case, i64) -> Result<Vec<Moved>, Error> + Send + Sync,
    ) -> Result<Case, Error> {
        let mut attempt = 1;
        loop {
            self.run_checks(case_id).await?;
            match self.try_change(case_id, &decide).await {
                Err(Error::Store(StoreError::Conflict { .. })) if attempt < ATTEMPTS => {
                    attempt += 1
                }
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
        if let Some(done) = self.done_before(tx.as_mut()).await? {
            return Ok(done);
        }
        let mut case = self.visible(tx.case(case_id).await?, case_id)?;
        if now < case.updated_at {
            return Err(Error::ClockBehind {
                case_id: case.case_id,
                now,
                last: case.updated_at,
            });
        }
        while case.timer_at.is_some_and(|at| at <= now) {
            if Desk::check_waits(&case, now) {
                return Err(case.has_to_be_looked_at());
            }
            let moves = self.desk.expire(&case)?;
            case = self.record(tx.as_mut(), &case, moves, now).await?;
        }
        let decided = self.check_version(&case).and_then(|()| decide(&case, now));
        match decided {
            Ok(moves) => {
                let after = self.record(tx.as_mut(), &case, moves, now).await?;
                self.remember(tx.as_mut(), &after, now).await?;
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

    /// Writes the versions of a case and their audit rows, and what follows from them for the on-site
    /// investigation of a furnace; returns the last version.
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
        let after = stored.unwrap_or_else(|| before.clone());
        // On the heap: cases are large, and what follows is part of every change there is.
        Box::pin(self.investigate(tx, before, after, now)).await
    }

    /// Writes one version of a case (`before` is `None` for a new one) and its audit row.
    pub(super) async fn record_one(
        &self,
        tx: &mut dyn Tx,
        before: Option<&Case>,
        mut moved: Moved,
        now: i64,
    ) -> Result<Case, Error> {
        let acts = self.make_acts(tx, before, &mut moved, now).await?;
        self.seal_files(tx, before, &mut moved).await?;
        marks::write(before, &mut moved, now);
        penalty::write(before, &mut moved);
        templates::write(self.machine(), &mut moved);
        let mut case = moved.case;
        case.updated_at = now;
        let (seq, prev_hash) = tx
            .head()
            .await?
            .map_or((1, GENESIS.to_owned()), |(seq, hash)| (seq + 1, hash));
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
            case_sha256: sha256_of(&case.document()),
            prev_hash,
            hash: String::new(),
        };
        event.hash = event.expected_hash();
        tx.put(&case, before, seq).await?;
        tx.append(&event).await?;
        for (position, file) in (0_i64..).zip(&event.attachments) {
            if let Some(facts) = &file.facts {
                tx.put_file(&FileRow {
                    seq,
                    position,
                    case_id: event.case_id.clone(),
                    name: file.name.clone(),
                    sha256: file.sha256.clone(),
                    picture: facts.picture.clone(),
                    kind: file.kind.map(|kind| kind.code().to_owned()),
                    at: now,
                })
                .await?;
            }
        }
        for mut act in acts {
            act.seq = seq;
            tx.put_act(&act).await?;
        }
        Ok(case)
    }
}
