//! Who acts and what they bring along, as command-line options.

use std::path::PathBuf;

use clap::ValueEnum;
use nonsite_analytics::review::{Actor, Input, Record, Role, Service};

use crate::exit::Usage;

/// What becomes of a clue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Decision {
    /// Ask the enterprise.
    Dispatch,
    /// Verify off-site: the data say enough.
    Verify,
    /// No problem (two persons).
    Dismiss,
    /// On-site at once (S1).
    Escalate,
}

impl Decision {
    /// The action of the workflow.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Dispatch => "dispatch",
            Self::Verify => "verify",
            Self::Dismiss => "dismiss",
            Self::Escalate => "escalate",
        }
    }
}

/// Who acts.
#[derive(Debug, clap::Args)]
pub(super) struct Who {
    /// Your name or id.
    #[arg(long, env = "NONSITE_USER")]
    by: String,
    /// analyst, enterprise, officer, reviewer, approver, legal, investigator, archivist or
    /// supervisor.
    #[arg(long, env = "NONSITE_ROLE")]
    role: String,
    /// Number of your enforcement certificate.
    #[arg(long)]
    certificate: Option<String>,
    /// Your body.
    #[arg(long)]
    body: Option<String>,
}

impl Who {
    pub(super) fn actor(&self, client: &str) -> anyhow::Result<Actor> {
        let role = Role::from_code(&self.role).ok_or_else(|| {
            let roles: Vec<&str> = Role::ALL
                .iter()
                .filter(|role| **role != Role::Engine)
                .map(|role| role.code())
                .collect();
            Usage(format!(
                "`{}` is no role; there are: {}",
                self.role,
                roles.join(", ")
            ))
        })?;
        Ok(Actor {
            name: self.by.trim().to_owned(),
            role,
            certificate: self.certificate.clone(),
            org: self.body.clone(),
            client: client.to_owned(),
        })
    }
}

/// What an action carries. Which of it an action needs, the workflow says.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Papers")]
pub(super) struct Papers {
    /// Reason code or sentence.
    #[arg(long)]
    reason: Option<String>,
    /// Free text for the audit row.
    #[arg(long)]
    note: Option<String>,
    /// How the enterprise is told: client, sms, letter.
    #[arg(long)]
    channel: Option<String>,
    /// Proof of delivery or reading.
    #[arg(long)]
    receipt: Option<String>,
    /// When it was delivered, if before now: a Beijing time, 2026-03-02 15:20.
    #[arg(long, value_name = "T")]
    delivered_at: Option<String>,
    /// Cause category of the answer.
    #[arg(long)]
    cause: Option<String>,
    /// What the enterprise explains.
    #[arg(long)]
    statement: Option<String>,
    /// `act_id` of a record kept in the inspection system; without it the workflow writes the act.
    #[arg(long)]
    act: Option<String>,
    /// Officers of the act, comma list.
    #[arg(long)]
    officers: Option<String>,
    /// Certificate numbers of the officers, OFFICER=NUMBER, comma list.
    #[arg(long)]
    certificates: Option<String>,
    /// The inspection record: data reviewed with windows, checklist, findings, evidence, notice
    /// (TOML or JSON; `nonsite review draft` writes a first one).
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Who reviewed and signed the record.
    #[arg(long)]
    signed_by: Option<String>,
    /// Approval form of the check or visit.
    #[arg(long)]
    approval: Option<String>,
    /// Who approved it.
    #[arg(long)]
    approved_by: Option<String>,
    /// When it was approved, if before now: a Beijing time, 2026-03-02 15:20.
    #[arg(long, value_name = "T")]
    approved_at: Option<String>,
    /// Measures ordered or taken.
    #[arg(long)]
    measures: Option<String>,
    /// Day by which it has to be done.
    #[arg(long, value_name = "YYYY-MM-DD")]
    due: Option<String>,
    /// Day on which it was done.
    #[arg(long, value_name = "YYYY-MM-DD")]
    measure_date: Option<String>,
    /// Who promises that the submission is true.
    #[arg(long)]
    promise: Option<String>,
    /// The whole checklist, entries separated by semicolons.
    #[arg(long, conflicts_with = "item")]
    items: Option<String>,
    /// One item of the checklist: NAME=pass, NAME=fail:REASON or NAME=na:REASON; `dossier` shows
    /// them.
    #[arg(long, value_name = "NAME=VERDICT")]
    item: Vec<String>,
    /// How a conflict that the machine found was resolved; `dossier` shows them.
    #[arg(long, value_name = "CODE=REASON")]
    resolve: Vec<String>,
    /// The reviewer's opinion.
    #[arg(long)]
    opinion: Option<String>,
    /// Facts of a suspected violation.
    #[arg(long)]
    facts: Option<String>,
    /// Feedback on the rule: match, partly or mismatch.
    #[arg(long = "match", value_name = "FEEDBACK")]
    rule_match: Option<String>,
    /// Any field of the workflow.
    #[arg(long, value_name = "NAME=VALUE")]
    field: Vec<String>,
    /// A photo, PDF or video; it is kept, and goes into the audit row with its SHA-256. KIND says what it
    /// shows: before or after the measures, device_label, repair_ticket, calibration_report, lab_report,
    /// permit_change, other.
    #[arg(long, value_name = "[KIND=]FILE")]
    attach: Vec<PathBuf>,
}

impl Papers {
    pub(super) async fn input(self, service: &Service) -> anyhow::Result<Input> {
        let machine = service.machine();
        let mut input = Input {
            note: self.note,
            ..Input::default()
        };
        let items = joined("item", &self.item)?.or(self.items);
        let resolved = joined("resolve", &self.resolve)?;
        let record = match &self.record {
            None => None,
            Some(path) => {
                let place = path.display();
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Usage(format!("record `{place}`: {error}")))?;
                let record = Record::from_text(&text)
                    .map_err(|error| Usage(format!("record `{place}`: {error}")))?;
                Some(record.to_json())
            }
        };
        let given = [
            ("reason", self.reason),
            ("channel", self.channel),
            ("receipt", self.receipt),
            ("delivered_at", self.delivered_at),
            ("cause", self.cause),
            ("statement", self.statement),
            ("act", self.act),
            ("officers", self.officers),
            ("certificates", self.certificates),
            ("record", record),
            ("signed_by", self.signed_by),
            ("approval", self.approval),
            ("approved_by", self.approved_by),
            ("approved_at", self.approved_at),
            ("measures", self.measures),
            ("due", self.due),
            ("measure_date", self.measure_date),
            ("promise", self.promise),
            ("items", items),
            ("resolved", resolved),
            ("opinion", self.opinion),
            ("facts", self.facts),
            ("match", self.rule_match),
        ];
        for (name, value) in given {
            if let Some(value) = value {
                input.fields.insert(name.to_owned(), value);
            }
        }
        for field in self.field {
            let (name, value) = field
                .split_once('=')
                .ok_or_else(|| Usage(format!("--field `{field}`: write NAME=VALUE")))?;
            if !machine.fields().iter().any(|known| known.name == name) {
                let known: Vec<&str> = machine
                    .fields()
                    .iter()
                    .map(|field| field.name.as_str())
                    .collect();
                let message = format!("`{name}` is no field; there are: {}", known.join(", "));
                return Err(Usage(message).into());
            }
            input.fields.insert(name.to_owned(), value.to_owned());
        }
        for path in self.attach {
            input
                .attachments
                .push(super::files::keep(service, &path, None).await?);
        }
        Ok(input)
    }
}

/// The entries of an option that may be given again and again, as the workflow's field has them.
fn joined(option: &str, entries: &[String]) -> anyhow::Result<Option<String>> {
    let split = |entry: &&String| entry.contains([';', '；', '\n']);
    match entries.iter().find(split) {
        Some(entry) => {
            let message = format!("--{option} `{entry}`: a reason may not contain a semicolon");
            Err(Usage(message).into())
        }
        None => Ok((!entries.is_empty()).then(|| entries.join("; "))),
    }
}
