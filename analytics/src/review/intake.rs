//! Findings become clues: opened, reminded, merged, confirmed, or marked as withdrawn.
//!
//! Taking the same finding twice changes nothing: a case's id is made of the anomaly's id. What a
//! later run says about a known finding is compared with what the case knows, and only a difference
//! makes an audit row.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::case::Case;
use super::desk::{Desk, Moved};
use super::error::Error;
use super::parts::{Severity, UnitKind};
use super::penalty::Procedure;
use super::relapse::Parent;
use super::service::ATTEMPTS;
use super::service::Service;
use super::settings::classify;
use super::step::{Actor, Input};
use super::store::{StoreError, Tx};
use crate::detect::Dispatch;

/// A finding of a rule, as far as the queue needs it. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable id of the anomaly.
    pub anomaly_id: String,
    /// Rule that fired.
    pub rule_id: String,
    /// Its version.
    pub rule_version: i32,
    /// Its group: findings of one group on one subject are one case.
    pub rule_group: String,
    /// S1 to S4.
    pub severity: Severity,
    /// Past the marking deadline.
    pub confirmed: bool,
    /// Disproved by later data, and why.
    pub withdrawn: Option<String>,
    /// Exemption that was met: the finding is explained and becomes a reminder.
    pub exempt_code: Option<String>,
    /// Permit of the unit.
    pub permit_no: Option<String>,
    /// Name of the unit.
    pub unit_name: Option<String>,
    /// Body in charge.
    pub org_code: Option<String>,
    /// Outlet.
    pub outlet_uid: Option<String>,
    /// Logger.
    pub mn: Option<String>,
    /// Factor.
    pub factor: Option<String>,
    /// Start of what was judged.
    pub window_start: i64,
    /// End of what was judged.
    pub window_end: i64,
    /// What was observed.
    pub observed: Option<f64>,
    /// What it was compared with.
    pub limit_value: Option<f64>,
    /// Unit of both.
    pub unit: Option<String>,
    /// One sentence, Chinese and English.
    pub reason: String,
    /// SHA-256 of the evidence.
    pub evidence_sha256: String,
}

/// What an intake did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Intake {
    /// Clues that went to triage, confirmed reminders included.
    pub triage: u64,
    /// Reminders (provisional, S4 or exempt).
    pub reminded: u64,
    /// Merged into an open case.
    pub merged: u64,
    /// Relapses: merged into a case in its look-back, which was reopened.
    pub reopened: u64,
    /// Cases marked because their finding was withdrawn.
    pub withdrawn: u64,
    /// Not queued, because their rule is suspended from dispatch or a fault of the platform is
    /// suspected.
    pub held: u64,
    /// Cases that became more severe because of other findings, and those that are so no longer.
    pub raised: u64,
    /// Findings that were known and said nothing new, or were withdrawn before they were ever taken.
    pub unchanged: u64,
}

impl Service {
    /// Takes findings, in order of their windows. Each is one transaction: an intake that is
    /// interrupted is simply done again.
    ///
    /// # Errors
    /// [`Error::Store`]; what was taken before stays taken.
    pub async fn take_anomalies(&self, findings: &[Finding]) -> Result<Intake, Error> {
        self.take_dispatched(findings, &BTreeSet::new()).await
    }

    /// The same, except that findings of these rules open no case and become no clue. That they
    /// were withdrawn is still told to the cases they have.
    ///
    /// # Errors
    /// [`Error::Store`]; what was taken before stays taken.
    pub async fn take_dispatched(
        &self,
        findings: &[Finding],
        suspended: &BTreeSet<String>,
    ) -> Result<Intake, Error> {
        self.take_with(findings, suspended, &Dispatch::default())
            .await
    }

    /// The same with what other findings say about these: some are more severe by them, and some
    /// open no case. A case that exists is raised with the reason in its audit row; when nothing
    /// raises it any more it gets its own severity back, as long as it is not merged or over.
    ///
    /// # Errors
    /// [`Error::Store`]; what was taken before stays taken.
    pub async fn take_with(
        &self,
        findings: &[Finding],
        suspended: &BTreeSet<String>,
        dispatch: &Dispatch,
    ) -> Result<Intake, Error> {
        let mut order: Vec<&Finding> = findings.iter().collect();
        // Worst first, so that others merge into the worst; then by time, then by id.
        order.sort_by(|left, right| {
            (left.severity, left.window_start, &left.anomaly_id).cmp(&(
                right.severity,
                right.window_start,
                &right.anomaly_id,
            ))
        });
        let mut intake = Intake::default();
        for finding in order {
            let held = suspended.contains(&finding.rule_id)
                || dispatch.kept.contains_key(&finding.anomaly_id);
            let mut attempt = 1;
            loop {
                let mut counted = intake;
                match self.take_one(finding, held, dispatch, &mut counted).await {
                    // The look-back it concerns is checked first; nothing was written.
                    Err(Error::Store(StoreError::Conflict { case_id, .. }))
                        if attempt < ATTEMPTS =>
                    {
                        attempt += 1;
                        self.run_checks(&case_id).await?;
                    }
                    done => {
                        done?;
                        intake = counted;
                        break;
                    }
                }
            }
        }
        Ok(intake)
    }

    /// One finding in one transaction.
    async fn take_one(
        &self,
        finding: &Finding,
        held: bool,
        dispatch: &Dispatch,
        intake: &mut Intake,
    ) -> Result<(), Error> {
        let mut tx = self.store.begin().await?;
        let now = self.clock.now_micros();
        let known = tx.case(&Case::id_of(&finding.anomaly_id)).await?;
        let held_before = intake.held;
        let changed = match known {
            Some(case) if held && case.withdrawn == finding.withdrawn => {
                intake.held += u64::from(case.state == "reminded");
                false
            }
            Some(case) => self.known(tx.as_mut(), &case, finding, now, intake).await?,
            None if finding.withdrawn.is_some() => false,
            None if held => {
                intake.held += 1;
                false
            }
            None => {
                Box::pin(self.open_case(tx.as_mut(), finding, now, intake)).await?;
                true
            }
        };
        let raised = match held {
            false => {
                let rise = dispatch.rises.get(&finding.anomaly_id);
                self.rise(tx.as_mut(), finding, rise, now, intake).await?
            }
            true => false,
        };
        if changed || raised {
            tx.commit().await?;
        } else if intake.held == held_before {
            intake.unchanged += 1;
        }
        Ok(())
    }

    async fn open_case(
        &self,
        tx: &mut dyn Tx,
        finding: &Finding,
        now: i64,
        intake: &mut Intake,
    ) -> Result<(), Error> {
        let mut case = new_case(finding, self.machine().initial(), now);
        classify(&mut case, &self.config);
        let opened = Moved {
            from: None,
            case,
            action: "open".to_owned(),
            actor: Actor::engine(),
            input: Input::default(),
            effective_at: now,
        };
        let case = self.record_one(tx, None, opened, now).await?;
        self.sort(tx, case, finding, now, intake).await
    }

    /// Reminder, part of an open case, or a clue of its own.
    pub(super) async fn sort(
        &self,
        tx: &mut dyn Tx,
        case: Case,
        finding: &Finding,
        now: i64,
        intake: &mut Intake,
    ) -> Result<(), Error> {
        let engine = Actor::engine();
        let reminder =
            !finding.confirmed || finding.severity == Severity::S4 || finding.exempt_code.is_some();
        if reminder {
            let input = match &finding.exempt_code {
                Some(code) => Input::default().with("reason", code),
                None => Input::default(),
            };
            let moves = self.desk.step(&case, "remind", &engine, &input, now)?;
            self.record(tx, &case, moves, now).await?;
            intake.reminded += 1;
            return Ok(());
        }
        match self.parent_of(tx, &case, now).await? {
            Parent::Relapsed(parent) => {
                Box::pin(self.reopen(tx, &parent, &case, now)).await?;
                intake.reopened += 1;
            }
            Parent::Open(parent) => {
                Box::pin(self.merge(tx, &parent, &case, now)).await?;
                intake.merged += 1;
            }
            Parent::None => {
                let moves = self
                    .desk
                    .step(&case, "accept", &engine, &Input::default(), now)?;
                self.record(tx, &case, moves, now).await?;
                intake.triage += 1;
            }
        }
        Ok(())
    }

    /// A finding that has a case: it may have been withdrawn, confirmed, or found again.
    async fn known(
        &self,
        tx: &mut dyn Tx,
        case: &Case,
        finding: &Finding,
        now: i64,
        intake: &mut Intake,
    ) -> Result<bool, Error> {
        let engine = Actor::engine();
        if finding.withdrawn != case.withdrawn {
            let (action, input) = match &finding.withdrawn {
                Some(why) => ("withdrawn", Input::default().with("reason", why)),
                None => ("found_again", Input::default()),
            };
            let moved = Desk::mark(case, action, &engine, input, now, |after| {
                after.withdrawn.clone_from(&finding.withdrawn);
            });
            let marked = self.record(tx, case, vec![moved], now).await?;
            if marked.state == "reminded" && marked.withdrawn.is_some() {
                // A reminder of nothing: there is nothing left for anybody to do.
                let input = Input::default().with("reason", "withdrawn");
                let moves = self.desk.step(&marked, "withdraw", &engine, &input, now)?;
                self.record(tx, &marked, moves, now).await?;
            }
            intake.withdrawn += u64::from(finding.withdrawn.is_some());
            return Ok(true);
        }
        let becomes_clue = (case.state == "reminded" || case.only_reminded)
            && finding.confirmed
            && finding.severity <= Severity::S3
            && finding.exempt_code.is_none()
            && finding.withdrawn.is_none();
        if !becomes_clue {
            return Ok(false);
        }
        let moved = Desk::mark(case, "confirmed", &engine, Input::default(), now, |after| {
            after.confirmed = true;
            after.severity = finding.severity;
            after.reason.clone_from(&finding.reason);
            after.evidence_sha256.clone_from(&finding.evidence_sha256);
            after.observed = finding.observed;
            after.window_end = finding.window_end;
        });
        let confirmed = self.record(tx, case, vec![moved], now).await?;
        self.sort(tx, confirmed, finding, now, intake).await?;
        Ok(true)
    }
}

pub(super) fn new_case(finding: &Finding, state: &str, now: i64) -> Case {
    let subject = finding
        .outlet_uid
        .clone()
        .or_else(|| finding.mn.clone())
        .or_else(|| finding.permit_no.clone())
        .unwrap_or_else(|| finding.anomaly_id.clone());
    Case {
        case_id: Case::id_of(&finding.anomaly_id),
        version: 1,
        state: state.to_owned(),
        parent_id: None,
        anomaly_id: finding.anomaly_id.clone(),
        rule_id: finding.rule_id.clone(),
        rule_version: finding.rule_version,
        rule_group: finding.rule_group.clone(),
        severity: finding.severity,
        confirmed: finding.confirmed,
        source_system: None,
        source_ref: None,
        subject,
        permit_no: finding.permit_no.clone(),
        unit_name: finding.unit_name.clone(),
        unit_kind: UnitKind::General,
        org_code: finding.org_code.clone(),
        outlet_uid: finding.outlet_uid.clone(),
        mn: finding.mn.clone(),
        factor: finding.factor.clone(),
        window_start: finding.window_start,
        window_end: finding.window_end,
        observed: finding.observed.filter(|value| value.is_finite()),
        limit_value: finding.limit_value.filter(|value| value.is_finite()),
        unit: finding.unit.clone(),
        reason: finding.reason.clone(),
        evidence_sha256: finding.evidence_sha256.clone(),
        fire_count: 1,
        withdrawn: None,
        severity_before: None,
        assignee: None,
        claimed_until: None,
        claimed_at: None,
        entered_at: now,
        clock_from: now,
        due_at: None,
        terms: None,
        timer_at: None,
        overdue: false,
        remind_at: None,
        held_deadline: None,
        clocks: Vec::new(),
        procedure: Procedure::default(),
        order_length: None,
        submit_by: None,
        files_added: 0,
        videos_added: 0,
        measured_from: None,
        checks: Vec::new(),
        check_at: None,
        plan: None,
        visit_approval: None,
        investigation: None,
        only_reminded: false,
        look_back_until: None,
        return_count: 0,
        extension_count: 0,
        handlers: BTreeSet::new(),
        signature: None,
        rule_match: None,
        true_cause: None,
        opened_at: now,
        updated_at: now,
        closed_at: None,
    }
}
