//! The checks of the look-back: the rule run again after 7 and after 30 days.
//!
//! A check is a timer of the case like any other, but what it comes to stands in the tables. It is
//! therefore run outside of the writing transaction and recorded in one of its own, as of the moment
//! it was due; until then nothing else happens to the case. A check that finds the trouble again
//! reopens the case at once; one that could judge nothing is noted as such, and a case that is closed
//! on it carries that on ([`Case::closed_unjudged`]). Tables that cannot be read leave the check
//! waiting for the next tick.

use super::calendar::beijing_text;
use super::case::{Case, CheckResult, LookBackCheck};
use super::desk::{Desk, Moved};
use super::error::Error;
use super::machine::{Machine, RELAPSE};
use super::recheck::{Rechecked, Verdict};
use super::service::Service;
use super::step::{Actor, Input};
use super::tick::Fired;

impl Desk {
    /// When a check is due that has not been run, in the case's state.
    pub(super) fn next_check(&self, case: &Case) -> Option<i64> {
        let day = self.check_day(case)?;
        Some(self.calendar.after_days(case.clock_from, day))
    }

    /// The check whose turn it is, by its day.
    fn check_day(&self, case: &Case) -> Option<u32> {
        let checks = match &case.terms {
            Some(terms) => &terms.checks,
            None => &Machine::built_in().state(&case.state)?.checks,
        };
        checks.get(case.checks.len()).copied()
    }

    /// Whether the next thing that happens to a case is a check.
    pub(super) fn check_waits(case: &Case, now: i64) -> bool {
        case.check_at
            .is_some_and(|at| at <= now && case.timer_at == Some(at))
    }

    /// What a check's result does to its case.
    pub(super) fn checked(&self, case: &Case, found: &Rechecked) -> Result<Vec<Moved>, Error> {
        let engine = Actor::engine();
        let at = case
            .check_at
            .unwrap_or(case.entered_at)
            .max(case.entered_at);
        let day = self.check_day(case).unwrap_or(0);
        let result = match found.verdict {
            Verdict::StillFailing => CheckResult::Fired,
            Verdict::Silent | Verdict::TooShort => CheckResult::Passed,
            Verdict::NothingJudged | Verdict::NotRun => CheckResult::NotJudged,
        };
        let input = found
            .written(Input::default())
            .with("check", &day.to_string())
            .with("result", result.code());
        let mut moved = Self::mark(case, "check", &engine, input, at, |after| {
            after.checks.push(LookBackCheck { day, at, result });
            after.check_at = self.next_check(after);
        });
        self.arm(&mut moved.case);
        let mut moves = vec![moved];
        if let (CheckResult::Fired, Some(first)) = (result, found.first) {
            let mut input = Input::default()
                .with("reason", RELAPSE)
                .with("relapse_at", &beijing_text(first));
            input.note = Some(format!(
                "回头看第 {day} 天复核 / check of day {day}: {}",
                found.why
            ));
            let after = moves[0].case.clone();
            moves.extend(self.step(&after, RELAPSE, &engine, &input, at)?);
        }
        Ok(moves)
    }
}

impl Service {
    /// Runs the check that a case waits for; nothing when somebody else was faster.
    ///
    /// # Errors
    /// [`Error::Tables`], [`Error::Store`]: the check goes on waiting.
    pub(super) async fn check(&self, case: &Case) -> Result<Option<Fired>, Error> {
        let due_at = case.check_at.unwrap_or(case.entered_at);
        let found = self.recheck.run(case, due_at).await?;
        let mut tx = self.store.begin().await?;
        let now = self.clock.now_micros();
        let stored = tx.case(&case.case_id).await?;
        let Some(stored) = stored.filter(|stored| stored.version == case.version) else {
            return Ok(None);
        };
        if now < stored.updated_at {
            return Err(Error::ClockBehind {
                case_id: stored.case_id,
                now,
                last: stored.updated_at,
            });
        }
        let moves = self.desk.checked(&stored, &found)?;
        let after = self.record(tx.as_mut(), &stored, moves, now).await?;
        tx.commit().await?;
        Ok(Some(Fired {
            case_id: stored.case_id,
            due_at,
            from: stored.state,
            to: after.state,
            action: "check".to_owned(),
        }))
    }

    /// Runs the checks of a case that are due, so that whatever happens next finds them done.
    pub(super) async fn run_checks(&self, case_id: &str) -> Result<(), Error> {
        loop {
            let now = self.clock.now_micros();
            match self.store.case(case_id).await? {
                Some(case) if Desk::check_waits(&case, now) && now >= case.updated_at => {
                    self.check(&case).await?;
                }
                _ => return Ok(()),
            }
        }
    }
}
