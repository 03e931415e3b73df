//! The passing of time: deadlines that nobody met.
//!
//! A tick applies every timer that is due, one transaction each, in the order in which they were
//! due, also across cases and also those that come due by the effect of another. An engine that was
//! down for a week therefore leaves the same states and deadlines behind as one that never slept;
//! only the time of recording differs, and the audit rows say both.

use std::time::Duration;

use serde::Serialize;

use super::desk::Desk;
use super::error::Error;
use super::service::Service;
use super::store::StoreError;

/// One timer or reminder that was applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fired {
    /// The case.
    pub case_id: String,
    /// When it was due, microseconds UTC.
    pub due_at: i64,
    /// State before.
    pub from: String,
    /// State after; the same when the case was only marked or its holder reminded.
    pub to: String,
    /// What was done: a timer of the workflow, `overdue`, `reminder`, or the latter two and `lapsed`
    /// with the name of a clock after a colon.
    pub action: String,
}

impl Service {
    /// Ticks until `shutdown` resolves, every `tick_interval_s`. A database that is busy is tried
    /// again at the next tick: a deadline takes effect as of when it passed, however late.
    ///
    /// # Errors
    /// What trying again cannot help.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) -> Result<(), Error> {
        let every = Duration::from_secs(u64::from(self.config.tick_interval_s));
        let mut ticks = tokio::time::interval(every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => return Ok(()),
                _ = ticks.tick() => {}
            }
            match self.tick().await {
                Ok(fired) if fired.is_empty() => {}
                Ok(fired) => tracing::info!(deadlines = fired.len(), "deadlines passed"),
                // A clock that is behind catches up.
                Err(error) if error.retry_helps() || matches!(error, Error::ClockBehind { .. }) => {
                    tracing::warn!(%error, "deadlines wait");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Applies all timers due by the clock's instant. A check of a look-back whose tables cannot be
    /// read waits for the next tick and keeps nothing else from being applied.
    ///
    /// # Errors
    /// [`Error::Store`]; what was applied before stays applied.
    pub async fn tick(&self) -> Result<Vec<Fired>, Error> {
        let mut fired = Vec::new();
        let mut waiting = 0;
        loop {
            let mut tx = self.store.begin().await?;
            let now = self.clock.now_micros();
            let Some(case) = tx.next_timer(now, waiting).await? else {
                return Ok(fired);
            };
            if now < case.updated_at {
                return Err(Error::ClockBehind {
                    case_id: case.case_id,
                    now,
                    last: case.updated_at,
                });
            }
            if Desk::check_waits(&case, now) {
                drop(tx);
                match self.check(&case).await {
                    Ok(done) => fired.extend(done),
                    Err(Error::Tables(error)) => {
                        tracing::warn!(case = case.case_id, %error, "a check of the look-back waits");
                        waiting += 1;
                    }
                    Err(error) => return Err(error),
                }
                continue;
            }
            let due_at = case.timer_at.unwrap_or(now);
            let moves = self.desk.expire(&case)?;
            let action = moves
                .first()
                .map(|moved| moved.action.clone())
                .unwrap_or_default();
            let after = match self.record(tx.as_mut(), &case, moves, now).await {
                Err(Error::Store(StoreError::Conflict { .. })) => continue,
                other => other?,
            };
            tx.commit().await?;
            fired.push(Fired {
                case_id: case.case_id,
                due_at,
                from: case.state,
                to: after.state,
                action,
            });
        }
    }
}
