//! `nonsite inspection answers`: what was answered to checklists, item by item.

use chrono::NaiveDate;
use nonsite_analytics::inspection::answers::{Answered, answered, by_item};
use nonsite_analytics::inspection::stored::Wanted;
use nonsite_analytics::review::beijing_text;
use nonsite_schemas::wire::inspection::AnswerCode;

use super::{fault, open};
use crate::exit::Exit;
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Only answers to this checklist.
    #[arg(long, value_name = "ID")]
    checklist: Option<String>,
    /// Only answers to this item; lists them one by one.
    #[arg(long, value_name = "ITEM")]
    item: Option<String>,
    /// Only acts of this body.
    #[arg(long, value_name = "CODE")]
    org: Option<String>,
    /// Only acts on this unit, by its id or its permit.
    #[arg(long, value_name = "ID")]
    unit: Option<String>,
    /// First Beijing day of completion.
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Last Beijing day of completion.
    #[arg(long, value_name = "DATE")]
    to: Option<NaiveDate>,
    /// Only requirements that are not met; lists them one by one.
    #[arg(long)]
    failed: bool,
    /// Only what officers saw otherwise than the data suggested; lists them one by one.
    #[arg(long)]
    otherwise: bool,
}

pub(super) async fn run(args: &Args, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    let session = open(settings).await?;
    let wanted = Wanted {
        org: args.org.clone(),
        unit: args.unit.clone(),
        from: args.from,
        to: args.to,
        ..Wanted::default()
    };
    let mut answers = answered(&session, &wanted).await.map_err(fault)?;
    answers.retain(|answer| {
        let checklist = args.checklist.is_none() || args.checklist == answer.checklist_id;
        let item = args.item.as_ref().is_none_or(|item| *item == answer.item);
        let failed = !args.failed || answer.answer == Some(AnswerCode::Fail);
        checklist && item && failed && (!args.otherwise || answer.otherwise())
    });
    if args.item.is_some() || args.failed || args.otherwise {
        one_by_one(&answers, format)?;
        return Ok(Exit::Done);
    }
    let items = by_item(&answers);
    let mut listing = Listing::new(&[
        "checklist",
        "item",
        "acts",
        "pass",
        "fail",
        "not applicable",
        "open",
        "otherwise",
    ]);
    for item in &items {
        listing.row([
            item.checklist_id.clone().unwrap_or_default(),
            item.item.clone(),
            item.acts.to_string(),
            item.passed.to_string(),
            item.failed.to_string(),
            item.not_applicable.to_string(),
            item.open.to_string(),
            item.otherwise.to_string(),
        ]);
    }
    listing.print(format, &items)?;
    Ok(Exit::Done)
}

fn one_by_one(answers: &[Answered], format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "act",
        "unit",
        "body",
        "completed",
        "checklist",
        "item",
        "of",
        "answer",
        "suggested",
        "remark",
    ]);
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let code = |code: Option<AnswerCode>| code.map_or("", AnswerCode::as_str).to_owned();
    for answer in answers {
        listing.row([
            answer.act_id.clone(),
            text(&answer.unit_name),
            text(&answer.org_code),
            answer.completed_at.map(beijing_text).unwrap_or_default(),
            text(&answer.checklist_id),
            answer.item.clone(),
            text(&answer.subject),
            code(answer.answer),
            code(answer.suggested),
            text(&answer.remark),
        ]);
    }
    listing.print(format, answers)
}
