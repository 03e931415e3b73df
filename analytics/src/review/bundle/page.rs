//! Pages for print (A4): one HTML file per document, with everything it needs inside.

use askama::Template;
use serde::Serialize;

use super::super::calendar::beijing_text;
use super::super::error::Error;
use super::super::event::Event;
use super::super::evidence::CaseFile;
use super::super::investigation::OnsiteView;
use super::super::machine::Machine;
use super::super::service::Shown;
use super::values::Values;
use super::{Bundle, Table};

/// A printed document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Printed {
    /// Name of its file: number and name of the document.
    pub name: String,
    /// Title.
    pub title: String,
    /// The page.
    #[serde(skip)]
    pub html: String,
}

#[derive(Template)]
#[template(path = "document.html")]
struct Page<'a> {
    title: &'a str,
    confirmed: bool,
    paragraphs: Vec<String>,
    tables: Vec<Grid>,
    org: String,
    date: String,
    bundle: &'a str,
    version: &'a str,
    case_id: &'a str,
    row: i64,
    hash: &'a str,
}

struct Grid {
    title: &'static str,
    head: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

pub(super) fn print(
    bundle: &Bundle,
    shown: &Shown,
    values: &Values,
    files: &[CaseFile],
    machine: &Machine,
) -> Result<Vec<Printed>, Error> {
    let last = shown.events.last();
    // What is handed over on entering says whom else the visit is about.
    let entering = bundle.when.iter().any(|action| action == "onsite");
    let merged = shown.onsite.as_ref().filter(|_| entering);
    let merged = merged.and_then(OnsiteView::printed);
    bundle
        .documents
        .iter()
        .enumerate()
        .map(|(index, document)| {
            let page = Page {
                title: &document.zh,
                confirmed: document.confirmed,
                paragraphs: document
                    .text
                    .iter()
                    .map(|text| values.fill(text))
                    .chain(merged.clone().filter(|_| index == 0))
                    .collect(),
                tables: document
                    .show
                    .iter()
                    .map(|table| grid(*table, shown, files, machine))
                    .collect(),
                org: values.fill("{org_name}"),
                date: values.fill("{date}"),
                bundle: &bundle.zh,
                version: &bundle.version,
                case_id: &shown.case.case_id,
                row: last.map_or(0, |event| event.seq),
                hash: last.map_or("", |event| event.hash.as_str()),
            };
            let html = page
                .render()
                .map_err(|error| Error::Bundle(format!("document `{}`: {error}", document.name)))?;
            Ok(Printed {
                name: format!("{:02}-{}.html", index + 1, document.name),
                title: document.zh.clone(),
                html,
            })
        })
        .collect()
}

fn grid(table: Table, shown: &Shown, files: &[CaseFile], machine: &Machine) -> Grid {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    match table {
        Table::Findings => Grid {
            title: "异常线索",
            head: &["规则", "级别", "起", "止", "因子", "内容", "证据 SHA-256"],
            rows: std::iter::once(&shown.case)
                .chain(&shown.merged)
                .map(|case| {
                    vec![
                        format!("{} v{}", case.rule_id, case.rule_version),
                        case.severity.code().to_owned(),
                        beijing_text(case.window_start),
                        beijing_text(case.window_end),
                        text(&case.factor),
                        case.reason.clone(),
                        case.evidence_sha256.clone(),
                    ]
                })
                .collect(),
        },
        Table::Order => Grid {
            title: "整改要求",
            head: &["日期", "办理人", "要求", "期限"],
            rows: shown
                .events
                .iter()
                .filter(|event| event.action == "rectify")
                .map(|event| {
                    let field = |name: &str| event.fields.get(name).cloned().unwrap_or_default();
                    vec![
                        beijing_text(event.effective_at),
                        event.actor.clone(),
                        field("measures"),
                        field("due"),
                    ]
                })
                .collect(),
        },
        Table::Acts => Grid {
            title: "执法检查",
            head: &["编号", "版本", "方式", "结论", "计入占比", "SHA-256"],
            rows: shown
                .acts
                .iter()
                .map(|act| {
                    vec![
                        act.act_id.clone(),
                        act.act_version.to_string(),
                        act.mode
                            .map(|mode| mode.as_str().to_owned())
                            .unwrap_or_default(),
                        act.conclusion
                            .map(|conclusion| conclusion.as_str().to_owned())
                            .unwrap_or_default(),
                        match &act.not_counted {
                            None => "是".to_owned(),
                            Some(why) => format!("否：{why}"),
                        },
                        act.sha256.clone(),
                    ]
                })
                .collect(),
        },
        Table::Deadlines => Grid {
            title: "期限",
            head: &["期限", "起", "止", "状态"],
            rows: shown
                .case
                .clocks
                .iter()
                .map(|clock| {
                    let def = machine.clocks().iter().find(|def| def.name == clock.name);
                    vec![
                        def.map_or_else(|| clock.name.clone(), |def| def.zh.clone()),
                        beijing_text(clock.from),
                        beijing_text(clock.due_at),
                        if clock.overdue { "逾期" } else { "计时中" }.to_owned(),
                    ]
                })
                .collect(),
        },
        Table::Timeline => Grid {
            title: "办理过程",
            head: &["记录", "时间", "步骤", "状态", "办理人", "内容", "SHA-256"],
            rows: shown
                .events
                .iter()
                .map(|event| step(event, machine))
                .collect(),
        },
        Table::Evidence => Grid {
            title: "证据",
            head: &["来源", "名称", "类型", "提交人", "时间", "SHA-256"],
            rows: std::iter::once(&shown.case)
                .chain(&shown.merged)
                .map(|case| {
                    vec![
                        "异常证据包".to_owned(),
                        case.anomaly_id.clone(),
                        case.rule_id.clone(),
                        String::new(),
                        beijing_text(case.opened_at),
                        case.evidence_sha256.clone(),
                    ]
                })
                .chain(files.iter().map(|file| {
                    let facts = file.file.facts.as_deref();
                    vec![
                        format!("审计记录 {}", file.seq),
                        file.file.name.clone(),
                        facts.map(|facts| facts.media.clone()).unwrap_or_default(),
                        file.by.clone(),
                        beijing_text(file.at),
                        file.file.sha256.clone(),
                    ]
                }))
                .collect(),
        },
    }
}

fn step(event: &Event, machine: &Machine) -> Vec<String> {
    let state = |name: &str| {
        machine
            .state(name)
            .map_or_else(|| name.to_owned(), |state| state.zh.clone())
    };
    let mut told: Vec<String> = event
        .fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    told.extend(event.note.clone());
    vec![
        event.seq.to_string(),
        beijing_text(event.effective_at),
        event.action.clone(),
        match &event.from_state {
            Some(from) if *from != event.to_state => {
                format!("{} → {}", state(from), state(&event.to_state))
            }
            _ => state(&event.to_state),
        },
        format!("{}（{}）", event.actor, event.role),
        told.join("；"),
        event.hash.clone(),
    ]
}
