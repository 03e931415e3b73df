//! The checklist of one permit: the industry's items, asked of what this permit states.

use nonsite_schemas::time::{DAY_MICROS, beijing_day};
use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::inspection::{
    ActStatus, AnswerCode, ChecklistAnswer, ChecklistForm, DataSource, Inspection, Method, Mode,
    Org, OrgLevel, Unit,
};
use nonsite_schemas::wire::permit::{MassLevel, MonitoringMethod, Permit, PermitStatus};
use serde::Serialize;

use super::Error;
use super::checklist::{Check, Checklist, Item, Per};
use super::facts::{self, Fact, Facts, Scope, date, verdict};
use super::permit::InForce;
use super::reports;
use crate::session::Session;

/// Share of due hours from which transmission passes when the item names none, percent.
const MIN_PERCENT: f64 = 90.0;

/// One question of a form.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Question {
    /// `ITEM` or `ITEM:SUBJECT`; what an answer refers to.
    pub item_id: String,
    /// What is asked, Chinese.
    pub zh: String,
    /// What is asked, English.
    pub en: String,
    /// What the permit states about it.
    pub requirement: String,
    /// Legal or technical basis.
    pub basis: String,
    /// How to find out without entering.
    pub how: String,
    /// What the data say, where they can: a suggestion, never an answer.
    pub fact: Option<Fact>,
}

/// A checklist made from a permit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Form {
    /// The checklist.
    pub checklist_id: String,
    /// Its version.
    pub version: i32,
    /// Its name, Chinese.
    pub name_zh: String,
    /// The permit.
    pub permit_no: String,
    /// Version of the permit.
    pub permit_version: i32,
    /// The unit.
    pub unit_name: String,
    /// Industry it was chosen by.
    pub industry: String,
    /// Start of what was looked at, microseconds UTC.
    pub from: i64,
    /// End (exclusive).
    pub to: i64,
    /// The questions.
    pub questions: Vec<Question>,
    /// Queries the facts come from: kind, text, rows.
    pub sources: Vec<(String, String, i64)>,
}

/// What an item is asked about: subject and what the permit states.
struct Subject {
    key: Option<String>,
    requirement: String,
}

/// The questions without any data: what must be answered.
pub fn questions(list: &Checklist, permit: &Permit, as_of: i64) -> Vec<Question> {
    let mut questions: Vec<Question> = Vec::new();
    for item in &list.items {
        for subject in subjects(item.per, permit, as_of) {
            let item_id = match &subject.key {
                Some(key) => format!("{}:{key}", item.id),
                None => item.id.clone(),
            };
            // A permit may state one thing twice, such as a limit by two standards.
            if questions.iter().any(|known| known.item_id == item_id) {
                continue;
            }
            questions.push(Question {
                item_id,
                zh: item.zh.clone(),
                en: item.en.clone(),
                requirement: subject.requirement,
                basis: item.basis.clone(),
                how: item.how.clone(),
                fact: None,
            });
        }
    }
    questions
}

/// The form of a permit over the `days` before `as_of` (microseconds UTC), with what the data say.
///
/// # Errors
/// [`Error::Tables`] when the tables cannot be read.
pub async fn form(
    session: &Session,
    list: &Checklist,
    in_force: &InForce,
    as_of: i64,
    days: u32,
) -> Result<Form, Error> {
    let permit = &in_force.permit;
    let scope = Scope {
        permit,
        from: as_of - i64::from(days) * DAY_MICROS,
        to: as_of,
    };
    let data = Data::load(session, scope).await?;
    let mut questions = questions(list, permit, as_of);
    for question in &mut questions {
        let (id, subject) = question
            .item_id
            .split_once(':')
            .unwrap_or((&question.item_id, ""));
        let item = list.items.iter().find(|item| item.id == id);
        question.fact = item.and_then(|item| data.fact(item, subject, permit, as_of));
    }
    Ok(Form {
        checklist_id: list.checklist_id.clone(),
        version: list.version,
        name_zh: list.name_zh.clone(),
        permit_no: permit.permit_no.clone(),
        permit_version: permit.version,
        unit_name: permit.unit_name.clone(),
        industry: in_force.industry().to_owned(),
        from: scope.from,
        to: scope.to,
        questions,
        sources: data.sources(),
    })
}

struct Data {
    limits: Facts,
    transmission: Facts,
    shares: std::collections::BTreeMap<String, f64>,
    masses: Facts,
    reports: Facts,
    samplings: Facts,
    findings: Facts,
}

impl Data {
    async fn load(session: &Session, scope: Scope<'_>) -> Result<Self, Error> {
        let (transmission, shares) = facts::transmission(session, scope).await?;
        Ok(Self {
            limits: facts::limits(session, scope).await?,
            transmission,
            shares,
            masses: facts::masses(session, scope).await?,
            reports: reports::reports(session, scope).await?,
            samplings: facts::samplings(session, scope).await?,
            findings: facts::findings(session, scope).await?,
        })
    }

    fn fact(&self, item: &Item, subject: &str, permit: &Permit, as_of: i64) -> Option<Fact> {
        let of = |facts: &Facts, zh: &str, en: &str| {
            let found = facts.by_subject.get(subject).cloned();
            Some(found.unwrap_or_else(|| Fact::none(zh, en)))
        };
        match item.check? {
            Check::PermitValid => Some(permit_valid(permit, as_of)),
            Check::Limit => of(&self.limits, "无有效数据", "no valid data"),
            Check::Connected => Some(match self.transmission.by_subject.get(subject) {
                Some(fact) => Fact::new(
                    verdict(true),
                    fact.rows,
                    "已联网，有数据".to_owned(),
                    "connected, data come in".to_owned(),
                ),
                None => Fact::new(
                    verdict(false),
                    0,
                    "时段内无数据".to_owned(),
                    "no data in this time".to_owned(),
                ),
            }),
            Check::Transmission => {
                let mut fact = of(&self.transmission, "无数据", "no data")?;
                if let Some(share) = self.shares.get(subject) {
                    fact.suggests = verdict(*share >= item.min_percent.unwrap_or(MIN_PERCENT));
                }
                Some(fact)
            }
            Check::Sampled => of(&self.samplings, "无监测频次要求", "no interval is stated"),
            Check::Mass => of(
                &self.masses,
                "无当年许可量",
                "no mass is permitted for this year",
            ),
            Check::Report => of(&self.reports, "无应交报告", "none is due"),
            Check::Findings => self.findings.by_subject.get("findings").cloned(),
        }
    }

    fn sources(&self) -> Vec<(String, String, i64)> {
        [
            &self.limits,
            &self.transmission,
            &self.masses,
            &self.reports,
            &self.samplings,
            &self.findings,
        ]
        .into_iter()
        .map(|facts| {
            let rows = facts.by_subject.values().map(|fact| fact.rows).sum();
            (facts.kind.to_owned(), one_line(&facts.query), rows)
        })
        .collect()
    }
}

fn one_line(query: &str) -> String {
    query.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn permit_valid(permit: &Permit, as_of: i64) -> Fact {
    let today = beijing_day(as_of - 1);
    let inside = permit.valid_from.is_none_or(|day| day.0 <= today)
        && permit.valid_to.is_none_or(|day| day.0 >= today);
    let status = permit.status.map_or("", PermitStatus::as_str);
    let good = matches!(
        permit.status,
        Some(PermitStatus::Valid | PermitStatus::Changing)
    );
    let until = permit
        .valid_to
        .map(|day| date(day.0).to_string())
        .unwrap_or_default();
    Fact::new(
        verdict(inside && good),
        1,
        format!("状态{status}，有效期至{until}"),
        format!("status {status}, valid to {until}"),
    )
}

fn subjects(per: Per, permit: &Permit, as_of: i64) -> Vec<Subject> {
    let keyed = |key: String, requirement: String| Subject {
        key: Some(key),
        requirement,
    };
    let outlets = permit.outlets.iter();
    match per {
        Per::Unit => vec![Subject {
            key: None,
            requirement: String::new(),
        }],
        Per::Outlet => outlets
            .map(|outlet| {
                let name = outlet.name.clone().unwrap_or_default();
                let direction = outlet.direction.clone().unwrap_or_default();
                keyed(
                    outlet.code.clone(),
                    format!("{name} {direction}").trim().to_owned(),
                )
            })
            .collect(),
        Per::Limit => outlets.flat_map(limit_subjects).collect(),
        Per::Auto => outlets
            .flat_map(|outlet| {
                outlet.required_auto.iter().map(move |factor| {
                    let exempt = outlet.auto_exempt_reason.clone().unwrap_or_default();
                    keyed(format!("{}/{factor}", outlet.code), exempt)
                })
            })
            .collect(),
        Per::Manual => permit
            .monitoring
            .iter()
            .filter(|duty| duty.method == Some(MonitoringMethod::Manual))
            .map(|duty| {
                let days = duty.interval_days.map(|days| format!("每{days}天"));
                keyed(
                    format!("{}/{}", duty.outlet, duty.factor),
                    days.unwrap_or_default(),
                )
            })
            .collect(),
        Per::Mass => permit
            .mass_limits
            .iter()
            .filter(|mass| {
                [
                    mass.year_1,
                    mass.year_2,
                    mass.year_3,
                    mass.year_4,
                    mass.year_5,
                ]
                .iter()
                .any(Option::is_some)
            })
            .map(|mass| {
                let level = mass.level.map_or("", MassLevel::as_str);
                let outlet = mass.outlet.as_ref().map(|code| format!("{code}/"));
                keyed(
                    format!("{level}/{}{}", outlet.unwrap_or_default(), mass.factor),
                    mass.pollutant.clone().unwrap_or_default(),
                )
            })
            .collect(),
        Per::Report => reports::due_reports(permit, as_of)
            .iter()
            .map(|report| keyed(report.subject(), String::new()))
            .collect(),
    }
}

/// Ordinary concentration limits of an outlet; those of special periods hold in them only.
fn limit_subjects(outlet: &nonsite_schemas::wire::permit::Outlet) -> Vec<Subject> {
    outlet
        .limits
        .iter()
        .filter(|limit| limit.period_id.is_none())
        .filter(|limit| limit.conc_limit.is_some() || limit.low_limit.is_some())
        .map(|limit| {
            let averaging = limit
                .averaging
                .map_or("hour", |averaging| averaging.as_str());
            let low = limit
                .low_limit
                .map(|low| format!("{low}至"))
                .unwrap_or_default();
            let high = limit
                .conc_limit
                .map(|high| high.to_string())
                .unwrap_or_default();
            Subject {
                key: Some(format!("{}/{}/{averaging}", outlet.code, limit.factor)),
                requirement: format!(
                    "{low}{high} {} {}",
                    limit.unit.clone().unwrap_or_default(),
                    limit.standard.clone().unwrap_or_default()
                )
                .trim()
                .to_owned(),
            }
        })
        .collect()
}

impl Form {
    /// The beginning of an act's record: unit, body, data looked at, and the questions with what was
    /// suggested. Answers, officers, approval, findings, notice and signature are left to people.
    pub fn draft(&self, permit: &Permit) -> Inspection {
        Inspection {
            act_version: 1,
            unit: Unit {
                unit_id: permit.permit_no.clone(),
                permit_no: Some(permit.permit_no.clone()),
                uscc: Some(permit.uscc.clone()),
                name: Some(permit.unit_name.clone()),
                admin_code: permit.admin_code.clone(),
                positive_list: permit.positive_list,
            },
            org: Org {
                code: permit.org_code.clone().unwrap_or_default(),
                name: None,
                level: Some(OrgLevel::SubBureau),
            },
            mode: Some(Mode::Offsite),
            method: Some(Method::Documents),
            status: Some(ActStatus::Running),
            outlets: permit
                .outlets
                .iter()
                .map(|outlet| outlet.code.clone())
                .collect(),
            sources: self
                .sources
                .iter()
                .map(|(kind, query, rows)| DataSource {
                    kind: kind.clone(),
                    from: Some(Instant(self.from)),
                    to: Some(Instant(self.to)),
                    query: Some(query.clone()),
                    rows: Some(*rows),
                })
                .collect(),
            checklist_form: Some(ChecklistForm {
                checklist_id: self.checklist_id.clone(),
                version: self.version,
                permit_version: Some(self.permit_version),
            }),
            checklist: self
                .questions
                .iter()
                .map(|question| ChecklistAnswer {
                    item_id: question.item_id.clone(),
                    answer: None,
                    suggested: question.suggestion(),
                    ..ChecklistAnswer::default()
                })
                .collect(),
            ..Inspection::default()
        }
    }
}

impl Question {
    /// What the data suggest.
    pub fn suggestion(&self) -> Option<AnswerCode> {
        self.fact.as_ref().and_then(|fact| fact.suggests)
    }
}
