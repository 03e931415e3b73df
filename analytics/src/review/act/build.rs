//! One inspection act out of a case's state, its history and what the officers wrote.
//!
//! Nothing is made up: what nobody said stays empty, and the minimum record names it.

use std::collections::BTreeMap;

use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::code::uscc_fault;
use nonsite_schemas::wire::inspection::{
    ActStatus, Approval, Class, Conclusion, Evidence, Finding, Inspection, Method, Mode, Notice,
    Officer, Org, Unit,
};

use super::super::case::Case;
use super::super::desk::Moved;
use super::super::event::Event;
use super::super::investigation::ACT as JOINT_ACT;
use super::super::parts::Role;
use super::super::registry::{ADMIN_CODE, POSITIVE_LIST};
use super::super::service::Service;
use super::super::step::Attachment;
use super::super::store::ActRow;
use super::Record;

/// Letters and digits of a credit code at the head of a permit code (HJ 608).
const USCC_LENGTH: usize = 18;

/// Everything an act is made from.
pub(super) struct Making<'a> {
    pub(super) service: &'a Service,
    pub(super) before: &'a Case,
    pub(super) moved: &'a Moved,
    /// Rows of the case so far.
    pub(super) events: &'a [Event],
    /// Acts of the case so far.
    pub(super) written: &'a [ActRow],
    /// The case and what was merged into it.
    pub(super) findings: &'a [Case],
    pub(super) now: i64,
}

impl Making<'_> {
    /// The act of this change, followed by the correction of an earlier one, if there is any.
    pub(super) fn acts(&self) -> Vec<Inspection> {
        let mode_of = |state: &str| self.service.machine().state(state)?.act;
        let external = self.text("act");
        match (mode_of(&self.before.state), mode_of(&self.moved.case.state)) {
            (Some(Mode::Offsite), _) => match external {
                Some(_) => Vec::new(),
                None => vec![self.offsite()],
            },
            // The visit is on record under the case that led.
            (_, Some(Mode::Onsite)) if self.moved.case.investigation.is_some() => {
                let joint = self.text(JOINT_ACT);
                joint
                    .and_then(|act| self.corrected(act))
                    .into_iter()
                    .collect()
            }
            (Some(Mode::Onsite), _) if self.before.investigation.is_some() => Vec::new(),
            (_, Some(Mode::Onsite)) => match external {
                Some(other) => self.corrected(other).into_iter().collect(),
                None => vec![self.onsite()],
            },
            (Some(Mode::Onsite), _) => self.visit_decided().into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn offsite(&self) -> Inspection {
        let id = self.next_id(Mode::Offsite);
        let mut act = self.act(id, Mode::Offsite);
        act.conclusion = self.conclusion();
        act.task_id = Some(self.new_task());
        if act.conclusion == Some(Conclusion::ConvertToOnsite) {
            act.escalated_to = Some(self.next_id(Mode::Onsite));
        }
        act
    }

    fn onsite(&self) -> Inspection {
        let mut act = self.act(self.next_id(Mode::Onsite), Mode::Onsite);
        let grown_from = self
            .open_escalation()
            .filter(|off| off.escalated_to.as_ref() == Some(&act.act_id));
        act.task_id = Some(match &grown_from {
            Some(off) => off.task_id.clone().unwrap_or_default(),
            None => self.new_task(),
        });
        act.escalated_from = grown_from.map(|off| off.act_id);
        act
    }

    /// The off-site act whose visit is recorded elsewhere, under another id than it names.
    fn corrected(&self, other: &str) -> Option<Inspection> {
        let mut act = self.open_escalation()?;
        act.act_version += 1;
        act.recorded_at = Some(Instant(self.now));
        act.escalated_to = Some(other.to_owned());
        Some(act)
    }

    /// The visit once more, with what was decided on it.
    fn visit_decided(&self) -> Option<Inspection> {
        let mut act = self.last()?;
        if act.mode != Some(Mode::Onsite) {
            return None;
        }
        let more = self.act(act.act_id.clone(), Mode::Onsite);
        act.act_version += 1;
        act.recorded_at = Some(Instant(self.now));
        act.conclusion = self.conclusion();
        act.notice = act.notice.or(more.notice);
        act.signed_by = act.signed_by.or(more.signed_by);
        act.approval = more.approval.or(act.approval);
        act.action_code = act.action_code.or(more.action_code);
        for item in more.evidence {
            if !act.evidence.contains(&item) {
                act.evidence.push(item);
            }
        }
        // A case may have become part of the investigation since.
        for finding in more.findings {
            if !act
                .findings
                .iter()
                .any(|known| known.finding_id == finding.finding_id)
            {
                act.findings.push(finding);
            }
        }
        act.rule_versions.extend(more.rule_versions);
        act.checklist.extend(more.checklist);
        Some(act)
    }

    /// What both kinds have in common.
    fn act(&self, act_id: String, mode: Mode) -> Inspection {
        let case = self.before;
        let record = self.record();
        let ended = self.moved.effective_at;
        let permit = case.permit_no.clone();
        let started = match mode {
            Mode::Offsite => Some(Instant(case.entered_at)),
            Mode::Onsite => None,
        };
        let (evidence, findings) = self.evidence_and_findings(&record);
        let mut outlets: Vec<String> = self.findings.iter().filter_map(outlet_code).collect();
        outlets.extend(record.outlets.iter().cloned());
        outlets.sort_unstable();
        outlets.dedup();
        Inspection {
            act_id,
            act_version: 1,
            recorded_at: Some(Instant(self.now)),
            plan_item: record.plan_item.clone(),
            unit: Unit {
                unit_id: permit.clone().unwrap_or_default(),
                uscc: permit
                    .as_deref()
                    .and_then(|permit| permit.get(..USCC_LENGTH))
                    .filter(|code| uscc_fault(code).is_none())
                    .map(str::to_owned),
                permit_no: permit,
                name: case.unit_name.clone(),
                admin_code: self.text(ADMIN_CODE).map(str::to_owned),
                positive_list: self.text(POSITIVE_LIST) == Some("true"),
            },
            org: self.org(),
            mode: Some(mode),
            method: Some(record.method.unwrap_or(match mode {
                Mode::Offsite => Method::AutoMonitor,
                Mode::Onsite => Method::SiteVisit,
            })),
            class: Some(record.class.unwrap_or(Class::Case)),
            status: Some(ActStatus::Closed),
            approval: self.approval(&record, mode),
            team_id: record.team_id.clone(),
            officers: self.officers(&record),
            outlets,
            sources: record.sources.clone(),
            action_code: record
                .action_code
                .clone()
                .or_else(|| self.text("action_code").map(str::to_owned)),
            checklist: record.checklist.clone(),
            findings,
            evidence,
            notice: self.notice(&record),
            started_at: record.started_at.or(started),
            ended_at: Some(record.ended_at.unwrap_or(Instant(ended))),
            completed_at: Some(Instant(ended)),
            signed_by: self.signed_by(&record),
            policy_id: self.service.policy_in_force(ended),
            rule_versions: self
                .findings
                .iter()
                .map(|finding| (finding.rule_id.clone(), finding.rule_version))
                .collect(),
            ..Inspection::default()
        }
    }

    /// Rows of the inspection that runs: since the state it belongs to was come to.
    fn round(&self) -> &[Event] {
        let began = self.events.iter().rposition(|event| {
            event.to_state == self.before.state
                && event.from_state.as_deref() != Some(event.to_state.as_str())
        });
        &self.events[began.unwrap_or(0)..]
    }

    /// A field of this action, else the latest one given since the inspection began.
    fn text(&self, name: &str) -> Option<&str> {
        // A name in an earlier row may belong to another act.
        let earlier = self.round().iter().rev().map(|event| &event.fields);
        let earlier = earlier.take(if name == "act" { 0 } else { usize::MAX });
        std::iter::once(&self.moved.input.fields)
            .chain(earlier)
            .filter_map(|fields| fields.get(name))
            .map(|text| text.trim())
            .find(|text| !text.is_empty())
    }

    fn record(&self) -> Record {
        // Checked when the action was taken.
        self.text("record")
            .and_then(|text| Record::from_json(text).ok())
            .unwrap_or_default()
    }

    fn conclusion(&self) -> Option<Conclusion> {
        self.service
            .machine()
            .way(&self.before.state, &self.moved.action)?
            .conclusion
    }

    fn org(&self) -> Org {
        let actor = self.moved.actor.org.clone();
        let code = actor
            .or_else(|| self.before.org_code.clone())
            .unwrap_or_default();
        let config = &self.service.config;
        let body = config.bodies.get(&code);
        Org {
            name: body.and_then(|body| body.name.clone()),
            level: Some(
                body.and_then(|body| body.level)
                    .unwrap_or(config.body_level),
            ),
            code,
        }
    }

    /// Of a visit what the approver said, else the record. Of an off-site check the record, else the fields:
    /// whoever of the detachment ordered it approved it.
    fn approval(&self, record: &Record, mode: Mode) -> Option<Approval> {
        if mode == Mode::Onsite {
            let approved = self.before.visit_approval.as_ref();
            let approved = approved.map(|approval| Approval {
                approval_id: approval.form.clone(),
                approved_by: approval.by.clone(),
                approved_at: Some(Instant(approval.at)),
            });
            return approved.or_else(|| record.approval.clone());
        }
        if let Some(approval) = &record.approval {
            return Some(approval.clone());
        }
        let approval_id = self.text("approval")?.to_owned();
        let ordered = self.round().first().filter(|event| {
            event.role == Role::Analyst.code() || event.role == Role::Approver.code()
        });
        let approved_by = self
            .text("approved_by")
            .or(ordered.map(|event| event.actor.as_str()));
        let approved_at = self
            .text("approved_at")
            .and_then(|text| crate::ratio::parse_as_of(text).ok())
            .or(ordered.map(|event| event.effective_at));
        Some(Approval {
            approval_id,
            approved_by: approved_by.unwrap_or_default().to_owned(),
            approved_at: approved_at.map(Instant),
        })
    }

    /// Named in the record, in the field, or by their signatures; with every certificate known.
    fn officers(&self, record: &Record) -> Vec<Officer> {
        let mut ids: Vec<String> = split(self.text("officers").unwrap_or_default());
        // The engine, which ends a check when the case becomes S1, is no officer.
        if ids.is_empty() && self.moved.actor.role != Role::Engine {
            ids.extend(self.before.signature.iter().map(|first| first.by.clone()));
            ids.push(self.moved.actor.name.clone());
        }
        ids.sort_unstable();
        ids.dedup();
        let known = self.certificates();
        let mut officers = record.officers.clone();
        for id in ids {
            if !officers.iter().any(|officer| officer.officer_id == id) {
                officers.push(Officer {
                    certificate_no: known.get(&id).cloned().unwrap_or_default(),
                    officer_id: id,
                    name: None,
                });
            }
        }
        officers
    }

    fn certificates(&self) -> BTreeMap<String, String> {
        let mut known = self.service.config.officers.clone();
        let acted = self
            .events
            .iter()
            .map(|event| (&event.actor, &event.actor_certificate));
        let actor = &self.moved.actor;
        for (name, number) in acted.chain([(&actor.name, &actor.certificate)]) {
            if let Some(number) = number {
                known.insert(name.clone(), number.clone());
            }
        }
        for entry in split(self.text("certificates").unwrap_or_default()) {
            if let Some((name, number)) = entry.split_once('=') {
                known.insert(name.trim().to_owned(), number.trim().to_owned());
            }
        }
        known
    }

    fn signed_by(&self, record: &Record) -> Option<String> {
        let said = record.signed_by.as_deref().or(self.text("signed_by"));
        let second = self
            .before
            .signature
            .as_ref()
            .filter(|_| self.moved.actor.role != Role::Engine)
            .map(|_| &self.moved.actor.name);
        said.map(str::to_owned).or(second.cloned())
    }

    fn notice(&self, record: &Record) -> Option<Notice> {
        if let Some(notice) = &record.notice {
            return Some(notice.clone());
        }
        let fields = &self.moved.input.fields;
        let channel = fields
            .get("channel")
            .filter(|text| !text.trim().is_empty())?;
        Some(Notice {
            channel: channel.clone(),
            notified_at: Some(Instant(self.moved.effective_at)),
            receipt: fields.get("receipt").cloned(),
        })
    }

    /// The clue's own findings with their sealed evidence, the files since the inspection began, and
    /// what the officers added.
    fn evidence_and_findings(&self, record: &Record) -> (Vec<Evidence>, Vec<Finding>) {
        let mut evidence = Vec::new();
        let mut findings = Vec::new();
        for finding in self.findings {
            evidence.push(Evidence {
                evidence_id: finding.anomaly_id.clone(),
                kind: match finding.source_system {
                    None => "anomaly".to_owned(),
                    Some(_) => "reported_clue".to_owned(),
                },
                sha256: finding.evidence_sha256.clone(),
                captured_at: None,
            });
            findings.push(Finding {
                finding_id: finding.anomaly_id.clone(),
                text: finding.reason.clone(),
                evidence_ids: vec![finding.anomaly_id.clone()],
                ..Finding::default()
            });
        }
        let earlier = self.round().iter().flat_map(|event| &event.attachments);
        for file in earlier.chain(&self.moved.input.attachments) {
            let item = file_evidence(file);
            if !evidence.contains(&item) {
                evidence.push(item);
            }
        }
        evidence.extend(record.evidence.iter().cloned());
        findings.extend(record.findings.iter().cloned());
        (evidence, findings)
    }

    /// The latest act of the case.
    fn last(&self) -> Option<Inspection> {
        self.written.last().map(ActRow::act)
    }

    /// The off-site act that waits for its visit.
    fn open_escalation(&self) -> Option<Inspection> {
        self.last().filter(|act| {
            act.mode == Some(Mode::Offsite) && act.conclusion == Some(Conclusion::ConvertToOnsite)
        })
    }

    fn next_id(&self, mode: Mode) -> String {
        let infix = match mode {
            Mode::Offsite => "off",
            Mode::Onsite => "on",
        };
        let prefix = format!("{}-{infix}-", self.before.case_id);
        let so_far = self
            .written
            .iter()
            .filter(|row| row.act_version == 1 && row.act_id.starts_with(&prefix));
        format!("{prefix}{}", so_far.count() + 1)
    }

    /// A task is one approved check; what turns on-site stays the same task.
    fn new_task(&self) -> String {
        let tasks: std::collections::BTreeSet<String> = self
            .written
            .iter()
            .filter_map(|row| row.act().task_id)
            .collect();
        format!("{}-task-{}", self.before.case_id, tasks.len() + 1)
    }
}

/// The code of a finding's outlet; its id is the permit's code followed by it.
pub(in crate::review) fn outlet_code(case: &Case) -> Option<String> {
    let uid = case.outlet_uid.as_deref()?;
    let permit = case.permit_no.as_deref().unwrap_or_default();
    Some(uid.strip_prefix(permit).unwrap_or(uid).to_owned())
}

fn file_evidence(file: &Attachment) -> Evidence {
    let short = file.sha256.get(..12).unwrap_or(&file.sha256);
    Evidence {
        evidence_id: format!("file-{short}"),
        kind: file
            .facts
            .as_ref()
            .map_or_else(|| "file".to_owned(), |facts| facts.media.clone()),
        sha256: file.sha256.clone(),
        captured_at: file
            .facts
            .as_ref()
            .and_then(|facts| facts.taken_at)
            .map(Instant),
    }
}

fn split(list: &str) -> Vec<String> {
    list.split([',', '、', '，'])
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .collect()
}
