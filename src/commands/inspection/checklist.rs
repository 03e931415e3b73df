//! `nonsite inspection checklist`.

use nonsite_analytics::inspection::checklist::{Checklist, Checklists};
use nonsite_analytics::inspection::form::{Form, form};
use nonsite_analytics::inspection::permit::in_force;
use nonsite_analytics::review::beijing_text;

use super::{fault, instant, open};
use crate::exit::{Exit, Usage};
use crate::output::{Format, Listing};
use crate::settings::Settings;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Permit code, 22 characters; without one the checklists there are.
    permit: Option<String>,
    /// Use this checklist instead of the one of the permit's industry; alone: show its items.
    #[arg(long, value_name = "ID")]
    checklist: Option<String>,
    /// Look at the data before this: a Beijing day (its end), a Beijing time, or an instant [default: now].
    #[arg(long, value_name = "T")]
    as_of: Option<String>,
    /// How many days of data to look at.
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=1_830))]
    days: u32,
    /// Print the beginning of the act's record (JSON) instead, to be completed and recorded.
    #[arg(long, requires = "permit")]
    draft: bool,
    /// Questions and facts in English.
    #[arg(long)]
    english: bool,
}

pub(super) async fn run(args: &Args, format: Format, settings: &Settings) -> anyhow::Result<Exit> {
    let lists = Checklists::load(settings.inspection.checklists.as_deref()).map_err(fault)?;
    let chosen = match &args.checklist {
        Some(id) => Some(lists.get(id).ok_or_else(|| {
            let known: Vec<&str> = lists.all().map(|list| list.checklist_id.as_str()).collect();
            Usage(format!(
                "there is no checklist `{id}`; there are: {}",
                known.join(", ")
            ))
        })?),
        None => None,
    };
    let Some(permit_no) = &args.permit else {
        match chosen {
            Some(list) => items(list, args.english, format)?,
            None => overview(&lists, format)?,
        }
        return Ok(Exit::Done);
    };
    let session = open(settings).await?;
    let as_of = instant(args.as_of.as_ref())?;
    let permits = in_force(&session, as_of, Some(permit_no))
        .await
        .map_err(fault)?;
    let Some(permit) = permits.first() else {
        return Err(Usage(format!(
            "no permit `{permit_no}` was issued by {} (Beijing); SELECT permit_no, unit_name FROM \
             permits lists them",
            beijing_text(as_of)
        ))
        .into());
    };
    let list = chosen.or_else(|| lists.of_industry(permit.industry())).ok_or_else(|| {
        Usage(format!(
            "industry {} has no checklist: write one ([inspection] checklists) or use --checklist common",
            permit.industry()
        ))
    })?;
    let form = form(&session, list, permit, as_of, args.days)
        .await
        .map_err(fault)?;
    if args.draft {
        println!(
            "{}",
            serde_json::to_string_pretty(&form.draft(&permit.permit))?
        );
        return Ok(Exit::Done);
    }
    print(&form, args.english, format)?;
    Ok(Exit::Done)
}

fn print(form: &Form, english: bool, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(form)?);
        return Ok(());
    }
    if format == Format::Table {
        println!(
            "{} ({} {})  {} {} v{}  {} – {}",
            form.name_zh,
            form.checklist_id,
            form.version,
            form.unit_name,
            form.permit_no,
            form.permit_version,
            beijing_text(form.from),
            beijing_text(form.to)
        );
    }
    let mut listing = Listing::new(&["item", "检查项", "要求", "数据", "建议", "依据", "核查方式"]);
    for question in &form.questions {
        let fact = question.fact.as_ref();
        listing.row([
            question.item_id.clone(),
            if english {
                question.en.clone()
            } else {
                question.zh.clone()
            },
            question.requirement.clone(),
            fact.map(|fact| {
                if english {
                    fact.en.clone()
                } else {
                    fact.zh.clone()
                }
            })
            .unwrap_or_default(),
            question
                .suggestion()
                .map_or("", |answer| answer.as_str())
                .to_owned(),
            question.basis.clone(),
            question.how.clone(),
        ]);
    }
    listing.print(format, &form.questions)
}

fn overview(lists: &Checklists, format: Format) -> anyhow::Result<()> {
    let all: Vec<&Checklist> = lists.all().collect();
    let mut listing = Listing::new(&[
        "checklist",
        "version",
        "名称",
        "name",
        "industries",
        "items",
    ]);
    for list in &all {
        listing.row([
            list.checklist_id.clone(),
            list.version.to_string(),
            list.name_zh.clone(),
            list.name_en.clone(),
            list.industries.join(","),
            list.items.len().to_string(),
        ]);
    }
    listing.print(format, &all)
}

fn items(list: &Checklist, english: bool, format: Format) -> anyhow::Result<()> {
    let mut listing = Listing::new(&["item", "检查项", "依据", "核查方式"]);
    for item in &list.items {
        listing.row([
            item.id.clone(),
            if english {
                item.en.clone()
            } else {
                item.zh.clone()
            },
            item.basis.clone(),
            item.how.clone(),
        ]);
    }
    listing.print(format, &list.items)
}
