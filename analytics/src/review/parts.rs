//! What a workflow is made of: roles, severities, states, deadlines, transitions, fields.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use nonsite_schemas::wire::inspection::{Conclusion, Mode};

use super::guard::Guard;
use super::messages::MessageKind;
use super::penalty::Fact;

/// In which capacity somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The program itself: intake and timers.
    Engine,
    /// Analyst of the city detachment (研判).
    Analyst,
    /// The inspected unit.
    Enterprise,
    /// Officer of a county brigade or sub-bureau.
    Officer,
    /// Reviewer of rectification; never somebody who handled the case.
    Reviewer,
    /// Holder of the power to approve visits and extensions.
    Approver,
    /// Legal section.
    Legal,
    /// Investigator of a penalty case.
    Investigator,
    /// Keeper of the files.
    Archivist,
    /// Supervision of the bodies (稽查).
    Supervisor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 10] = [
        Self::Engine,
        Self::Analyst,
        Self::Enterprise,
        Self::Officer,
        Self::Reviewer,
        Self::Approver,
        Self::Legal,
        Self::Investigator,
        Self::Archivist,
        Self::Supervisor,
    ];

    /// The role as it is written in files, tables and on the command line.
    pub fn code(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Analyst => "analyst",
            Self::Enterprise => "enterprise",
            Self::Officer => "officer",
            Self::Reviewer => "reviewer",
            Self::Approver => "approver",
            Self::Legal => "legal",
            Self::Investigator => "investigator",
            Self::Archivist => "archivist",
            Self::Supervisor => "supervisor",
        }
    }

    /// Reads a role's code.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.code() == code)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}

/// How serious a finding is; `S1` is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Fraud or evasion: on-site at once.
    S1,
    /// Probable violation.
    S2,
    /// Needs the enterprise's explanation.
    S3,
    /// Reminder.
    S4,
}

impl Severity {
    /// Reads `S1` to `S4`.
    pub fn from_code(code: &str) -> Option<Self> {
        Some(match code {
            "S1" => Self::S1,
            "S2" => Self::S2,
            "S3" => Self::S3,
            "S4" => Self::S4,
            _ => return None,
        })
    }

    /// `S1` to `S4`.
    pub fn code(self) -> &'static str {
        match self {
            Self::S1 => "S1",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::S4 => "S4",
        }
    }
}

/// What kind of unit answers; its deadline depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// Any unit: 48 h.
    #[default]
    General,
    /// A key unit: 4 h.
    Key,
    /// A waste incineration plant: 6 h.
    Incineration,
}

/// One way a deadline may be set; see the head of `machine.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DeadlineRule {
    /// Applies to these severities only.
    pub severity: Vec<Severity>,
    /// Applies to this kind of unit only.
    pub unit: Option<UnitKind>,
    /// Minutes from the start of the clock.
    pub minutes: Option<u32>,
    /// Hours from the start of the clock.
    pub hours: Option<u32>,
    /// Calendar days, ending with the last one, moved to the next working day.
    pub days: Option<u32>,
    /// Working days, ending with the last one.
    pub working_days: Option<u32>,
    /// End of the day on which the clock starts.
    pub same_day: bool,
    /// The day given with the action goes first.
    pub order: bool,
    /// What the engine does when it passes.
    pub timer: Option<String>,
    /// How many hours before the end the holder of the state is reminded.
    pub remind_hours: Option<u32>,
    /// The same in minutes.
    pub remind_minutes: Option<u32>,
    /// The holder is reminded as soon as the clock starts, and not again.
    pub remind_first: bool,
    /// What the law lets the length be.
    pub law: Option<Law>,
}

/// What the law lets a length be, in the unit of that length.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// Not shorter than this.
    #[serde(default)]
    pub least: Option<u32>,
    /// Not longer than this.
    #[serde(default)]
    pub most: Option<u32>,
    /// The law.
    pub basis: String,
}

/// A state of a case.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Number of the state in the reference (S00 to S22).
    pub code: String,
    /// Name used in commands, tables and audit rows.
    pub name: String,
    /// Chinese name.
    pub zh: String,
    /// Who has to act next.
    pub holder: Role,
    /// What the state means.
    pub text: String,
    /// The case rests here.
    #[serde(default, rename = "final")]
    pub is_final: bool,
    /// The inspection this state is: leaving an off-site check and coming back from a visit write an
    /// act.
    #[serde(default)]
    pub act: Option<Mode>,
    /// The approval of a visit still holds here.
    #[serde(default)]
    pub approved: bool,
    /// Deadlines; the first that fits applies.
    #[serde(default)]
    pub deadline: Vec<DeadlineRule>,
    /// Calendar days after which the rule that fired is run again, in order.
    #[serde(default)]
    pub checks: Vec<u32>,
    /// It was decided on, and what is left is paper: what is found now is a clue of its own.
    #[serde(default)]
    pub decided: bool,
    /// Coming to it writes the hash of everything that was handed in.
    #[serde(default)]
    pub manifest: bool,
}

/// When a second person has to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FourEyes {
    /// Every time.
    Always,
    /// For S1 and S2.
    FromS2,
}

/// What a transition counts on the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Counts {
    /// A return of rectification.
    Return,
    /// A granted extension.
    Extension,
}

/// A way from states to a state.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transition {
    /// States it starts in.
    pub from: Vec<String>,
    /// State it ends in.
    pub to: String,
    /// What is done.
    pub action: String,
    /// Who may do it.
    pub roles: Vec<Role>,
    /// What must hold.
    #[serde(default)]
    pub guards: Vec<Guard>,
    /// Fields that must be filled.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Whether a second person has to sign.
    #[serde(default)]
    pub four_eyes: Option<FourEyes>,
    /// The engine takes it as soon as its guards hold.
    #[serde(default)]
    pub automatic: bool,
    /// The running deadline goes on instead of the new state's own.
    #[serde(default)]
    pub keeps_deadline: bool,
    /// The running deadline is laid aside while the new state has its own.
    #[serde(default)]
    pub holds_deadline: bool,
    /// The deadline that was laid aside is taken up again.
    #[serde(default)]
    pub resumes_deadline: bool,
    /// What it counts.
    #[serde(default)]
    pub counts: Option<Counts>,
    /// Feedback it gives to the rule unless the field `match` says otherwise.
    #[serde(default)]
    pub rule_match: Option<String>,
    /// What the inspection that ends by it came to.
    #[serde(default)]
    pub conclusion: Option<Conclusion>,
    /// The clock it prolongs.
    #[serde(default)]
    pub extends: Option<String>,
    /// Possible only while this clock runs.
    #[serde(default)]
    pub during: Option<String>,
    /// What it notes about the visit or the penalty procedure.
    #[serde(default)]
    pub notes: Option<Fact>,
    /// The message it sends.
    #[serde(default)]
    pub tells: Option<MessageKind>,
    /// By field, those of its codes that fit this way.
    #[serde(default)]
    pub codes: BTreeMap<String, Vec<String>>,
}

/// A clock that runs beside others inside a state.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockDef {
    /// Name in commands and audit rows.
    pub name: String,
    /// Chinese name.
    pub zh: String,
    /// The state it runs in; leaving the state ends it.
    pub state: String,
    /// Actions that start it.
    pub from: Vec<String>,
    /// Actions that stop it.
    pub until: Vec<String>,
    /// Who has to meet it; the holder of the state when left out.
    #[serde(default)]
    pub holder: Option<Role>,
    /// Calendar days, moved to the next working day.
    #[serde(default)]
    pub days: Option<u32>,
    /// Working days.
    #[serde(default)]
    pub working_days: Option<u32>,
    /// It ends that many working days before the day in this field, instead of after its start.
    #[serde(default)]
    pub before: Option<String>,
    /// How many hours before its end the holder is reminded.
    #[serde(default)]
    pub remind_hours: Option<u32>,
    /// Days by which it may be prolonged, each once, in this order.
    #[serde(default)]
    pub extensions: Vec<u32>,
    /// When it passes a right is gone and nobody is late.
    #[serde(default)]
    pub lapses: bool,
    /// What the law lets its length be; what it lets it be prolonged by are its own extensions.
    #[serde(default)]
    pub law: Option<Law>,
    /// What has to happen by its end.
    pub text: String,
}

/// A field an action may carry.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldDef {
    /// Name, also on the command line.
    pub name: String,
    /// What it holds.
    pub text: String,
    /// The codes it may hold; any text when there are none.
    #[serde(default)]
    pub values: Vec<String>,
}

impl FieldDef {
    /// What it holds, its codes included.
    pub fn meaning(&self) -> String {
        match self.values.is_empty() {
            true => self.text.clone(),
            false => format!("{}: {}", self.text, self.values.join(", ")),
        }
    }
}

/// An item of the reviewer's checklist.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ItemDef {
    /// Name in the field `items`.
    pub name: String,
    /// Chinese name.
    pub zh: String,
    /// What has to be so.
    pub text: String,
}
