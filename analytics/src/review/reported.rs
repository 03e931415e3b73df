//! Clues that no rule found: complaints, transfers, what another platform or an officer tells.
//!
//! A reported clue goes the way of any other: it is merged into an open case of the same cause, or waits
//! for triage. Its id is made of where it comes from, so that one complaint is one case however often
//! it is put in. It is confirmed by whoever puts it in, who is the actor of its first audit row, and has
//! no rule: nothing can be run again over data, and whoever approves its rectification says on what.
//!
//! Failure modes: a clue that says too little to be worked on, or that lies in the future, is refused with
//! the reason and nothing is written.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::case::Case;
use super::desk::Moved;
use super::error::{Error, Refusal};
use super::evidence::misnamed;
use super::intake::{Finding, Intake, new_case};
use super::parts::{Role, Severity};
use super::service::{ATTEMPTS, Service};
use super::settings::classify;
use super::step::{Actor, Input};
use super::store::StoreError;

/// Who may put clues in.
const MAY: [Role; 3] = [Role::Analyst, Role::Officer, Role::Supervisor];
/// What stands in the place of a rule and its group.
pub(super) const NO_RULE: &str = "reported";
/// Characters of a reference at most.
const LONGEST_REF: usize = 100;
/// What an action of this kind is called in refusals.
const ACTION: &str = "report";

/// Where a clue comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceSystem {
    /// A rule of this program.
    Rule,
    /// A complaint or petition.
    Complaint,
    /// Handed over by another body or department.
    Transfer,
    /// Another platform: ministry, province, basin, county.
    Platform,
    /// Seen by officers during an inspection.
    Inspection,
    /// Anything else.
    Other,
}

impl SourceSystem {
    /// Those by which a person puts a clue in.
    pub const REPORTED: [Self; 5] = [
        Self::Complaint,
        Self::Transfer,
        Self::Platform,
        Self::Inspection,
        Self::Other,
    ];

    /// Its code in audit rows and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::Rule => "rule",
            Self::Complaint => "complaint",
            Self::Transfer => "transfer",
            Self::Platform => "platform",
            Self::Inspection => "inspection",
            Self::Other => "other",
        }
    }

    /// Its Chinese name.
    pub fn zh(self) -> &'static str {
        match self {
            Self::Rule => "规则",
            Self::Complaint => "信访投诉",
            Self::Transfer => "移送",
            Self::Platform => "其他平台",
            Self::Inspection => "检查发现",
            Self::Other => "其他",
        }
    }

    /// Reads the code of one by which a clue is put in.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::REPORTED
            .into_iter()
            .find(|system| system.code() == code)
    }
}

/// A clue as somebody puts it in. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clue {
    /// Where it comes from; not a rule.
    pub source_system: SourceSystem,
    /// Its number there: one number, one case.
    pub source_ref: String,
    /// S1 to S3.
    pub severity: Severity,
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
    /// Since when, as far as is known.
    pub from: i64,
    /// Until when.
    pub to: i64,
    /// What is said, in a sentence.
    pub text: String,
}

impl Clue {
    /// What stands in the place of an anomaly's id.
    pub fn anomaly_id(&self) -> String {
        format!("{}:{}", self.source_system.code(), self.source_ref.trim())
    }

    fn finding(&self) -> Finding {
        // Texts and numbers into memory: nothing here can fail to serialise.
        let document = serde_json::to_string(self).unwrap_or_default();
        Finding {
            anomaly_id: self.anomaly_id(),
            rule_id: NO_RULE.to_owned(),
            rule_version: 0,
            rule_group: NO_RULE.to_owned(),
            severity: self.severity,
            confirmed: true,
            withdrawn: None,
            exempt_code: None,
            permit_no: self.permit_no.clone(),
            unit_name: self.unit_name.clone(),
            org_code: self.org_code.clone(),
            outlet_uid: self.outlet_uid.clone(),
            mn: self.mn.clone(),
            factor: self.factor.clone(),
            window_start: self.from,
            window_end: self.to,
            observed: None,
            limit_value: None,
            unit: None,
            reason: self.text.trim().to_owned(),
            evidence_sha256: hex::encode(Sha256::digest(document.as_bytes())),
        }
    }

    /// What is missing, or cannot be.
    fn fault(&self, now: i64) -> Option<String> {
        let reference = self.source_ref.trim();
        let texts = [
            Some(&self.source_ref),
            Some(&self.text),
            self.permit_no.as_ref(),
            self.unit_name.as_ref(),
            self.org_code.as_ref(),
            self.outlet_uid.as_ref(),
            self.mn.as_ref(),
            self.factor.as_ref(),
        ];
        let control = |text: &&String| text.chars().any(char::is_control);
        let why = if self.source_system == SourceSystem::Rule {
            "source_system: a rule puts its findings in by itself"
        } else if reference.is_empty() || reference.chars().count() > LONGEST_REF {
            "source_ref: give the number of the complaint, transfer or task, 1 to 100 characters"
        } else if self.text.trim().is_empty() {
            "text: say in a sentence what is reported"
        } else if texts.into_iter().flatten().any(|text| control(&text)) {
            "a text holds control characters"
        } else if self.severity == Severity::S4 {
            "severity: S1 to S3; what needs no decision is no clue"
        } else if [&self.permit_no, &self.outlet_uid, &self.mn]
            .into_iter()
            .all(Option::is_none)
        {
            "say whom it is about: permit_no, outlet_uid or mn"
        } else if self.to < self.from {
            "it ends before it begins"
        } else if self.to > now {
            "it lies in the future"
        } else {
            return None;
        };
        Some(why.to_owned())
    }
}

impl Case {
    /// Where the clue comes from, and its number there; for the finding of a rule that is the anomaly.
    pub fn source(&self) -> (SourceSystem, &str) {
        match (self.source_system, &self.source_ref) {
            (Some(system), Some(reference)) => (system, reference),
            _ => (SourceSystem::Rule, &self.anomaly_id),
        }
    }
}

impl Service {
    /// Puts a clue in. One that is there already is left as it is, whatever it says this time.
    ///
    /// # Errors
    /// [`Error::Refused`] for somebody who may not, and for a clue that says too little;
    /// [`Error::Store`].
    pub async fn report(&self, clue: &Clue, actor: &Actor, input: &Input) -> Result<Case, Error> {
        if actor.role == Role::Engine {
            return Err(Error::NotAPerson);
        }
        let mut attempt = 1;
        loop {
            match self.try_report(clue, actor, input).await {
                // The look-back it concerns is checked first; nothing was written.
                Err(Error::Store(StoreError::Conflict { case_id, .. })) if attempt < ATTEMPTS => {
                    attempt += 1;
                    self.run_checks(&case_id).await?;
                }
                done => return done,
            }
        }
    }

    async fn try_report(&self, clue: &Clue, actor: &Actor, input: &Input) -> Result<Case, Error> {
        let mut tx = self.store.begin().await?;
        let now = self.clock.now_micros();
        let finding = clue.finding();
        let mut case = new_case(&finding, self.machine().initial(), now);
        self.may_report(&case, clue, actor, input, now)?;
        if let Some(done) = self.done_before(tx.as_mut()).await? {
            return Ok(done);
        }
        if let Some(known) = tx.case(&case.case_id).await? {
            return self.visible(Some(known), &case.case_id);
        }
        case.source_system = Some(clue.source_system);
        case.source_ref = Some(clue.source_ref.trim().to_owned());
        classify(&mut case, &self.config);
        let input = input
            .clone()
            .with("source_system", clue.source_system.code())
            .with("source_ref", clue.source_ref.trim());
        let opened = Moved {
            from: None,
            case,
            action: "open".to_owned(),
            actor: actor.clone(),
            input,
            effective_at: now,
        };
        let case = self.record_one(tx.as_mut(), None, opened, now).await?;
        let id = case.case_id.clone();
        let mut intake = Intake::default();
        self.sort(tx.as_mut(), case, &finding, now, &mut intake)
            .await?;
        let after = self.visible(tx.case(&id).await?, &id)?;
        self.remember(tx.as_mut(), &after, now).await?;
        tx.commit().await?;
        Ok(after)
    }

    fn may_report(
        &self,
        case: &Case,
        clue: &Clue,
        actor: &Actor,
        input: &Input,
        now: i64,
    ) -> Result<(), Error> {
        let refused = |kind, why: String| Err(self.desk.refused_as(kind, case, ACTION, why));
        if !MAY.contains(&actor.role) || self.caller.scope.permits.is_some() {
            let may = MAY.map(Role::code).join(", ");
            let why = format!("role `{}` may not; it belongs to: {may}", actor.role);
            return refused(Refusal::Role, why);
        }
        if actor.name.trim().is_empty() {
            return refused(Refusal::Rule, "nobody is named as acting".to_owned());
        }
        if let Some(why) = clue.fault(now) {
            return refused(Refusal::Field, why);
        }
        if let Some(what) = input.unwritable() {
            let why = format!("`{what}` holds control characters");
            return refused(Refusal::Field, why);
        }
        if let Some(why) = misnamed(&input.attachments) {
            return refused(Refusal::Field, why);
        }
        if !self.caller.scope.covers_case(case) {
            let why = "org_code: it is no body of yours".to_owned();
            return refused(Refusal::Role, why);
        }
        self.of_body(case, ACTION, actor)
    }
}
