//! Where a new finding belongs: to an open case, to one whose rectification did not last, or to none.
//!
//! After approval a case is looked back on. The same kind of finding on the same outlet that began
//! after the measures and before the end of the look-back is a relapse: the case is reopened, with
//! the new finding merged into it. What began before the measures is the old trouble, told late, and
//! merges quietly. A look-back that ends in silence closes the case (a timer of the machine).
//!
//! What was decided on takes in nothing more. A dismissal, a decision not to punish, a transfer and a
//! penalty speak of what was known then, and nobody would look at what is added to them; so a finding
//! that comes afterwards is a clue of its own, with the decision shown as already checked. An approval
//! answers the old trouble, but only up to the severity it was given for: what turns out to be worse is
//! a clue of its own as well.
//!
//! Order after downtime: a finding from inside the look-back goes before its end even when both are
//! applied on the same day; and when the end was applied first, the closed case is reopened, because
//! the relapse was there. Either way the same state comes out.

use super::calendar::beijing_text;
use super::case::Case;
use super::desk::Desk;
use super::error::Error;
use super::penalty;
use super::service::Service;
use super::step::{Actor, Input};
use super::store::Tx;

/// Reason code of a reopening by the look-back.
const RELAPSE: &str = "relapse";

/// What a finding becomes part of.
pub(super) enum Parent {
    /// An open case.
    Open(Case),
    /// A case that was rectified, as the look-back shows in vain.
    Relapsed(Case),
    /// Nothing: it is a clue of its own.
    None,
}

/// The open case that has the cause of a finding: the same kind of rule on the same outlet, else any
/// rule on the same outlet or logger at the same time. One cause gives one order, however many rules
/// see it. Findings about a permit as a whole span months; they go by their kind alone.
fn one_cause(mut open: Vec<Case>, case: &Case) -> Option<Case> {
    let same_kind = open
        .iter()
        .position(|other| other.rule_group == case.rule_group);
    let found = same_kind.or_else(|| {
        let placed = case.outlet_uid.is_some() || case.mn.is_some();
        open.iter().position(|other| placed && overlap(other, case))
    })?;
    Some(open.swap_remove(found))
}

/// Whether what was judged overlaps in time; an instant counts as a microsecond.
fn overlap(one: &Case, other: &Case) -> bool {
    let end = |case: &Case| case.window_end.max(case.window_start + 1);
    one.window_start < end(other) && other.window_start < end(one)
}

impl Desk {
    /// Whether a case was decided on, so that what is found now is no part of it.
    pub(super) fn is_decided(&self, case: &Case) -> bool {
        let state = self.machine.state(&case.state);
        state.is_some_and(|state| state.decided) || penalty::is_decided(case)
    }
}

impl Service {
    /// Looks for the case a finding belongs to, after deadlines that passed took effect on it. A
    /// conflict names a case whose look-back has to be checked first.
    pub(super) async fn parent_of(
        &self,
        tx: &mut dyn Tx,
        case: &Case,
        now: i64,
    ) -> Result<Parent, Error> {
        let began = case.window_start;
        let mut open = tx.open_cases_on(&case.subject, &case.case_id).await?;
        open.retain(|other| !self.desk.is_decided(other));
        if let Some(mut open) = one_cause(open, case) {
            if open.state == "look_back" && open.is_relapse(began) {
                return Ok(Parent::Relapsed(open));
            }
            while open.timer_at.is_some_and(|at| at <= now) {
                if Desk::check_waits(&open, now) {
                    return Err(open.has_to_be_looked_at());
                }
                let moves = self.desk.expire(&open)?;
                open = self.record(tx, &open, moves, now).await?;
            }
            let is_open = self
                .machine()
                .state(&open.state)
                .is_some_and(|state| !state.is_final);
            let worse_than_approved = open.state == "look_back" && case.severity < open.severity;
            if is_open && !worse_than_approved {
                return Ok(Parent::Open(open));
            }
        }
        let closed = tx
            .looked_back_on(&case.subject, &case.rule_group, began)
            .await?;
        Ok(match closed {
            Some(closed) if closed.is_relapse(began) => Parent::Relapsed(closed),
            _ => Parent::None,
        })
    }

    /// Merges a finding's case into an open one.
    pub(super) async fn merge(
        &self,
        tx: &mut dyn Tx,
        parent: &Case,
        case: &Case,
        now: i64,
    ) -> Result<(), Error> {
        let engine = Actor::engine();
        let input = Input::default().with("parent", &parent.case_id);
        let moves = self.desk.step(case, "merge", &engine, &input, now)?;
        self.record(tx, case, moves, now).await?;
        let input = Input::default().with("merged", &case.case_id);
        let absorbed = Desk::mark(parent, "absorb", &engine, input, now, |after| {
            after.fire_count += 1;
            after.window_start = after.window_start.min(case.window_start);
            after.window_end = after.window_end.max(case.window_end);
            self.desk.worsen(after, case.severity, now);
        });
        self.record_worse(tx, parent, absorbed, now).await?;
        Ok(())
    }

    /// Reopens a case by a relapse and merges the finding into it.
    pub(super) async fn reopen(
        &self,
        tx: &mut dyn Tx,
        parent: &Case,
        case: &Case,
        now: i64,
    ) -> Result<(), Error> {
        let since = beijing_text(case.window_start);
        let mut input = Input::default()
            .with("reason", RELAPSE)
            .with("relapse_at", &since);
        input.note = Some(format!(
            "回头看期间同类异常再次出现（{} {since}）/ back during the look-back: {}",
            case.rule_id, case.reason
        ));
        let moves = self
            .desk
            .step(parent, "relapse", &Actor::engine(), &input, now)?;
        let reopened = self.record(tx, parent, moves, now).await?;
        self.merge(tx, &reopened, case, now).await
    }
}
