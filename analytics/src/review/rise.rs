//! Cases that other findings make more severe: a repeated offence, independent kinds of evidence.
//!
//! What raises a finding is told by detection; here the case follows. A rise is an audit row with
//! the finding that raises and its sentence, which proposes a visit where it calls for one; a
//! shorter deadline comes with it, and a case that becomes S1 while it waits for the enterprise goes
//! on-site at once. When nothing raises the case any more it gets its own severity
//! back, with a row of its own; the deadline stays, because somebody may be working by it.
//!
//! Invariant: taking the same findings twice makes no second row. A case that was merged passes its
//! rise on to the case it is part of, which keeps it: others may have given it the same severity.

use super::case::Case;
use super::desk::{Desk, Moved};
use super::error::Error;
use super::intake::{Finding, Intake};
use super::parts::Severity;
use super::service::Service;
use super::step::{Actor, Input};
use super::store::Tx;
use crate::detect::Rise;

impl Service {
    /// Raises the case of a finding, or takes the rise back; answers whether anything changed.
    pub(super) async fn rise(
        &self,
        tx: &mut dyn Tx,
        finding: &Finding,
        rise: Option<&Rise>,
        now: i64,
        intake: &mut Intake,
    ) -> Result<bool, Error> {
        let Some(case) = tx.case(&Case::id_of(&finding.anomaly_id)).await? else {
            return Ok(false);
        };
        // A reminder is no clue yet: it is raised once it is confirmed. What was decided stays decided.
        let apart = case.state == "reminded"
            || self.desk.is_decided(&case)
            || self
                .machine()
                .state(&case.state)
                .is_none_or(|state| state.is_final && case.state != "merged");
        if apart || (rise.is_none() && case.severity_before.is_none()) {
            return Ok(false);
        }
        let rise = rise.filter(|_| finding.withdrawn.is_none());
        let own = case.severity_before.unwrap_or(case.severity);
        let wanted = rise.map_or(own, |rise| worse(own, rise.levels));
        let changed = match rise {
            Some(_) => wanted < case.severity,
            None => case.severity_before.is_some(),
        };
        if !changed {
            return Ok(false);
        }
        let (action, input) = match rise {
            Some(rise) => ("raise", said(&case, wanted, rise)),
            None => (
                "raise_taken_back",
                Input::default()
                    .with("from", case.severity.code())
                    .with("to", wanted.code()),
            ),
        };
        let engine = Actor::engine();
        let moved = Desk::mark(&case, action, &engine, input, now, |after| {
            if rise.is_some() {
                after.severity_before = Some(own);
                self.desk.worsen(after, wanted, now);
            } else {
                after.severity_before = None;
                after.severity = wanted;
            }
        });
        self.record_worse(tx, &case, moved, now).await?;
        intake.raised += 1;
        if let (Some(rise), Some(parent)) = (rise, case.parent_id.as_ref()) {
            self.pass_on(tx, parent, wanted, rise, now).await?;
        }
        Ok(true)
    }

    /// Raises the case that a raised one is part of.
    async fn pass_on(
        &self,
        tx: &mut dyn Tx,
        parent: &str,
        wanted: Severity,
        rise: &Rise,
        now: i64,
    ) -> Result<(), Error> {
        let Some(parent) = tx.case(parent).await? else {
            return Ok(());
        };
        let open = self
            .machine()
            .state(&parent.state)
            .is_some_and(|state| !state.is_final)
            && !self.desk.is_decided(&parent);
        if !open || parent.severity <= wanted {
            return Ok(());
        }
        let input = said(&parent, wanted, rise);
        let moved = Desk::mark(&parent, "raise", &Actor::engine(), input, now, |after| {
            self.desk.worsen(after, wanted, now);
        });
        self.record_worse(tx, &parent, moved, now).await?;
        Ok(())
    }

    /// Records a change that may have made a case more severe, with what follows from that at once.
    pub(super) async fn record_worse(
        &self,
        tx: &mut dyn Tx,
        before: &Case,
        moved: Moved,
        now: i64,
    ) -> Result<Case, Error> {
        let more = self.desk.at_once(before.severity, &moved.case, now)?;
        let moves = std::iter::once(moved).chain(more).collect();
        self.record(tx, before, moves, now).await
    }
}

/// What the audit row says.
fn said(case: &Case, wanted: Severity, rise: &Rise) -> Input {
    let mut input = Input::default()
        .with("reason", &rise.rule_id)
        .with("by_anomaly", &rise.anomaly_id)
        .with("from", case.severity.code())
        .with("to", wanted.code());
    input.note = Some(rise.reason.clone());
    input
}

/// A severity some levels worse; a reminder stays one.
fn worse(own: Severity, levels: u8) -> Severity {
    let order = [Severity::S1, Severity::S2, Severity::S3];
    match order.iter().position(|level| *level == own) {
        Some(at) => order[at.saturating_sub(usize::from(levels))],
        None => own,
    }
}
