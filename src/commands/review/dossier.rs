//! A reviewer's page for reading: what is proven, what does not fit, what has to be answered.

use nonsite_analytics::detect::{Catalogue, Rerun};
use nonsite_analytics::review::{Dossier, ItemView, Submission, Verdict, beijing_text};
use nonsite_analytics::session;

use super::show::{countdown, due_text};
use super::{Desk, files, proofs};
use crate::commands::detect::classed;
use crate::output::{Format, Listing};
use crate::settings::Settings;

/// Findings of the rerun and earlier cases that are printed; the JSON form has all.
const MOST: usize = 10;

impl Desk {
    pub(super) async fn dossier(&self, case: &str, settings: &Settings) -> anyhow::Result<()> {
        let id = self.service.resolve(case).await?;
        let session = session::open(&settings.store.path, &settings.session)
            .await
            .map_err(classed)?;
        let catalogue = Catalogue::load(&settings.detect).map_err(classed)?;
        let page = self
            .service
            .dossier(&id, &session, &settings.detect, &catalogue)
            .await?;
        if self.format == Format::Json {
            println!("{}", serde_json::to_string_pretty(&page)?);
            return Ok(());
        }
        print(&page)
    }
}

fn print(page: &Dossier) -> anyhow::Result<()> {
    let case = &page.case;
    println!(
        "{}  {}  {}  {} 审核卷宗 / dossier of {}",
        case.case_id,
        case.severity.code(),
        case.state,
        case.unit_name.clone().unwrap_or_default(),
        beijing_text(page.at)
    );
    println!("  finding    {} {}", case.rule_id, case.reason);
    println!(
        "             evidence: nonsite anomaly show {}",
        case.anomaly_id
    );
    if let Some(basis) = &page.problem.basis {
        println!("  basis      {basis}");
    }
    if let Some(order_no) = &page.problem.order_no {
        let due = page.problem.due.as_deref().unwrap_or("not known");
        println!("  order no.  {order_no}  due {due}");
    }
    if let Some(due) = case.due_at {
        println!(
            "  clock      {} until {} ({})",
            case.state,
            due_text(due),
            countdown(case, page.at)
        );
    }
    told("order", page.order.as_ref());
    told("answer", page.answer.as_ref());
    told("submitted", page.submission.as_ref());
    println!(
        "  so far     submitted {}, returned {}, extended {}",
        page.submissions, case.return_count, case.extension_count
    );

    proofs::curve(&page.proofs.curve);
    println!("\n整改后数据 the same rule since the measures");
    match (&page.rerun, &page.no_rerun) {
        (Some(rerun), _) => reran(rerun),
        (None, why) => println!("  not run: {}", why.clone().unwrap_or_default()),
    }
    proofs::running(&page.proofs.running);
    proofs::papers(&page.proofs.papers);
    println!("\n附件 files");
    files::print(&page.files, Format::Table)?;

    println!(
        "\n历史 other cases of the unit in 24 months: {}",
        page.history.len()
    );
    for past in page.history.iter().take(MOST) {
        println!(
            "  {} {}  {} {}  {}  returned {}{}",
            beijing_text(past.opened_at),
            past.case_id,
            past.rule_id,
            past.severity,
            past.state,
            past.return_count,
            if past.same_trouble {
                "  同类 the same trouble"
            } else {
                ""
            }
        );
    }
    for penalty in &page.penalties {
        println!(
            "  处罚 penalty case {} {} {} {} {}",
            penalty.case_id,
            penalty.case_no.as_deref().unwrap_or_default(),
            penalty.outcome,
            penalty.decision.as_deref().unwrap_or_default(),
            beijing_text(penalty.at)
        );
    }
    println!(
        "  风险 risk {} {}",
        page.risk.score,
        page.risk.why.join("; ")
    );
    for checked in &page.checked {
        println!("  {}", super::handover::line(checked));
    }
    println!("\n矛盾 what does not fit: {}", page.conflicts.len());
    for conflict in &page.conflicts {
        println!("  [{}] {}", conflict.item, conflict.text);
    }
    println!("\n审核清单 checklist (--item NAME=pass, NAME=fail:REASON or NAME=na:REASON)");
    let mut listing = Listing::new(&["item", "中文", "passes when", "machine", "answered before"]);
    for item in &page.checklist {
        listing.row([
            item.item.name.clone(),
            item.item.zh.clone(),
            item.item.text.clone(),
            item.conflicts.join(", "),
            answered(item),
        ]);
    }
    println!("{}", listing.table());
    println!("\nnext");
    for step in &page.next {
        let two = if step.two_signatures {
            "  [two persons sign]"
        } else {
            ""
        };
        println!("  {step} -> {}{two}", step.to);
    }
    Ok(())
}

fn told(what: &str, submission: Option<&Submission>) {
    let Some(told) = submission else {
        return;
    };
    let fields: Vec<String> = told
        .fields
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    println!(
        "  {what:<10} {} by {}: {}",
        beijing_text(told.at),
        told.by,
        fields.join("; ")
    );
}

fn reran(rerun: &Rerun) {
    let windows: u64 = rerun.not_evaluated.values().sum();
    println!(
        "  {} version {} from {} to {}: {} days with readings, {} windows passed, {windows} not \
         evaluated, {} findings",
        rerun.rule_id,
        rerun.rule_version,
        beijing_text(rerun.from),
        beijing_text(rerun.as_of),
        rerun.days,
        rerun.passed,
        rerun.findings.len()
    );
    for (why, windows) in &rerun.not_evaluated {
        println!("    not evaluated: {why} {windows}");
    }
    for found in rerun.findings.iter().take(MOST) {
        let exempt = found
            .exempt_code
            .as_ref()
            .map(|code| format!(" (exempt {code})"));
        println!(
            "    {} {}{}",
            beijing_text(found.window_start),
            found.reason,
            exempt.unwrap_or_default()
        );
    }
}

fn answered(item: &ItemView) -> String {
    let texts: Vec<String> = item
        .answered
        .iter()
        .map(|(by, answer)| {
            let verdict = match answer.verdict {
                Verdict::Pass => "pass",
                Verdict::Fail => "fail",
                Verdict::Na => "na",
            };
            match &answer.reason {
                Some(reason) => format!("{by}: {verdict} ({reason})"),
                None => format!("{by}: {verdict}"),
            }
        })
        .collect();
    texts.join("; ")
}
