//! Who holds a case: claiming, handing out the next one, giving back.
//!
//! Handing out happens inside one writing transaction, so the case that was found is the case that
//! is claimed; a second person who asks at the same moment gets the next one.

use super::caller::reaches;
use super::case::Case;
use super::desk::{Desk, Moved};
use super::error::{Error, Refusal};
use super::parts::Role;
use super::service::Service;
use super::step::{Actor, Input};

/// Cases looked at when work is handed out; those the person may not take are skipped.
const CLAIM_PAGE: u32 = 50;

impl Service {
    /// Claims one case for a person.
    ///
    /// # Errors
    /// [`Error::Refused`] when somebody else holds it or the role has nothing to do in its state.
    pub async fn claim(&self, case_id: &str, actor: &Actor) -> Result<Case, Error> {
        self.change(case_id, |case, now| {
            self.of_body(case, "claim", actor)?;
            if !self.acts_here(case, actor.role) {
                let why = format!("role `{}` has nothing to do in this state", actor.role);
                return Err(self.desk.refused_as(Refusal::Role, case, "claim", why));
            }
            if let Some(holder) = case.held_by(now)
                && holder != actor.name
            {
                return Err(self.desk.refused_as(
                    Refusal::Held,
                    case,
                    "claim",
                    format!("{holder} has claimed the case"),
                ));
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
        let states = if states.is_empty() {
            self.states_of(actor.role)
        } else {
            states.to_vec()
        };
        if states.is_empty() {
            return Err(Error::NothingToClaim(actor.role));
        }
        let mut tx = self.store.begin().await?;
        let now = self.clock.now_micros();
        if let Some(done) = self.done_before(tx.as_mut()).await? {
            return Ok(Some(done));
        }
        let mut offset = 0;
        loop {
            let page = tx
                .unclaimed(&states, org_code, now, CLAIM_PAGE, offset)
                .await?;
            let mine = page.iter().find(|case| self.may_take(case, actor, now));
            if let Some(case) = mine {
                let moved = self.claimed(case, actor, now);
                let after = self.record(tx.as_mut(), case, vec![moved], now).await?;
                self.remember(tx.as_mut(), &after, now).await?;
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
            self.of_body(case, "release", actor)?;
            if case.held_by(now) != Some(actor.name.as_str()) {
                let why = format!("{} does not hold the case", actor.name);
                return Err(self.desk.refused_as(Refusal::Held, case, "release", why));
            }
            Ok(vec![Desk::mark(
                case,
                "release",
                actor,
                Input::default(),
                now,
                |after| {
                    after.assignee = None;
                    after.claimed_until = None;
                    after.claimed_at = None;
                },
            )])
        })
        .await
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
        self.machine()
            .from(&case.state)
            .any(|way| way.roles.contains(&role))
    }

    /// Work that is handed out is work the person can do: not a second signature of their own, not
    /// the review of what they handled, not a case whose deadline is about to move it.
    fn may_take(&self, case: &Case, actor: &Actor, now: i64) -> bool {
        let signed = case
            .signature
            .as_ref()
            .is_some_and(|first| first.by == actor.name);
        let handled = actor.role == Role::Reviewer && case.handlers.contains(&actor.name);
        let moves_now = !case.overdue
            && case.due_at.is_some_and(|at| at <= now)
            && self.desk.timer_of(case).is_some();
        self.caller.scope.covers_case(case)
            && reaches(actor, case)
            && !signed
            && !handled
            && !moves_now
            && self.acts_here(case, actor.role)
    }

    fn claimed(&self, case: &Case, actor: &Actor, now: i64) -> Moved {
        let until = self.config.claim_until(now);
        // Who claims again what they hold goes on holding it.
        let since = case
            .claimed_at
            .filter(|_| case.held_by(now) == Some(actor.name.as_str()));
        Desk::mark(case, "claim", actor, Input::default(), now, |after| {
            after.assignee = Some(actor.name.clone());
            after.claimed_until = Some(until);
            after.claimed_at = Some(since.unwrap_or(now));
        })
    }
}
