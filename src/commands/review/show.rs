//! How cases look on a terminal.

use nonsite_analytics::review::{
    AuditReport, Case, CheckResult, Checked, Fired, Hearing, Machine, Shown, beijing_text,
    late_payment, yuan,
};
use nonsite_schemas::time::beijing_day;

use super::handover;
use super::timeline::timeline;
use crate::exit::Exit;
use crate::output::{Format, Listing};

/// A deadline. The end of a day is written as such: `2026-03-02 24:00`, not the next day's midnight.
pub(super) fn due_text(due: i64) -> String {
    let text = beijing_text(due);
    if !text.ends_with(" 00:00") {
        return text;
    }
    let day_before = beijing_text(due - 1);
    format!("{}24:00", day_before.trim_end_matches("23:59"))
}

/// A measured value without the digits that no instrument has.
fn measured(value: f64) -> String {
    let rounded: f64 = format!("{value:.5e}").parse().unwrap_or(value);
    rounded.to_string()
}

fn plural(count: u32, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn list(
    cases: &[Case],
    machine: &Machine,
    format: Format,
    now: i64,
) -> anyhow::Result<()> {
    let mut listing = Listing::new(&[
        "case", "severity", "state", "due", "left", "held by", "unit", "outlet", "factor", "rule",
        "finding",
    ]);
    for case in cases {
        let shorten = format == Format::Table;
        listing.row([
            case.case_id.clone(),
            case.severity.code().to_owned(),
            match machine.state(&case.state) {
                Some(state) if shorten => format!("{} {}", state.name, state.zh),
                _ => case.state.clone(),
            },
            case.due_at.map(due_text).unwrap_or_default(),
            countdown(case, now),
            case.held_by(now).unwrap_or_default().to_owned(),
            case.unit_name.clone().unwrap_or_default(),
            case.outlet_uid
                .clone()
                .or_else(|| case.mn.clone())
                // A finding about a permit as a whole has no outlet.
                .or_else(|| case.permit_no.clone())
                .unwrap_or_default(),
            case.factor.clone().unwrap_or_default(),
            case.rule_id.clone(),
            if shorten {
                short(&case.reason, 40)
            } else {
                case.reason.clone()
            },
        ]);
    }
    listing.print(format, cases)
}

/// The line after a step: where the case stands, until when, and who is next.
pub(super) fn done(
    action: &str,
    after: &Case,
    machine: &Machine,
    format: Format,
    now: i64,
) -> anyhow::Result<()> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(after)?);
        return Ok(());
    }
    if let Some(first) = after
        .signature
        .as_ref()
        .filter(|first| first.action == action)
    {
        println!(
            "{}: {} signed `{action}`; a second person has to sign as well",
            after.case_id, first.by
        );
        return Ok(());
    }
    let holder = machine
        .state(&after.state)
        .map_or("", |state| state.holder.code());
    let left = countdown(after, now);
    let until = after
        .due_at
        .map(|due| format!("; due {} ({left})", due_text(due)))
        .unwrap_or_default();
    let zh = machine
        .state(&after.state)
        .map_or("", |state| state.zh.as_str());
    println!(
        "{}: {action} -> {} {zh} (next: {holder}){until}",
        after.case_id, after.state
    );
    // Only where the visit is on its way or its result is open; later it is history.
    if let Some(part) = &after.investigation
        && after.is_onsite(machine)
    {
        println!("  {part}");
    }
    Ok(())
}

/// What `--format json` shows.
#[derive(serde::Serialize)]
struct Whole<'a> {
    #[serde(flatten)]
    shown: &'a Shown,
    already_checked: &'a [Checked],
}

pub(super) fn case(
    shown: &Shown,
    checked: &[Checked],
    machine: &Machine,
    format: Format,
    now: i64,
) -> anyhow::Result<()> {
    if format == Format::Json {
        let all = Whole {
            shown,
            already_checked: checked,
        };
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    let case = &shown.case;
    let zh = machine
        .state(&case.state)
        .map_or("", |state| state.zh.as_str());
    println!(
        "{}  {}  {} {zh}",
        case.case_id,
        case.severity.code(),
        case.state
    );
    let line = |name: &str, value: String| {
        if !value.is_empty() {
            println!("  {name:<10} {value}");
        }
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    line(
        "unit",
        format!("{} {}", text(&case.unit_name), text(&case.permit_no))
            .trim()
            .to_owned(),
    );
    let subject = [&case.outlet_uid, &case.mn, &case.factor];
    line(
        "subject",
        subject
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join("  "),
    );
    line("finding", case.reason.clone());
    if let Some(observed) = case.observed {
        let unit = text(&case.unit);
        let quantity = |value: f64| format!("{} {unit}", measured(value)).trim_end().to_owned();
        let limit = case
            .limit_value
            .map(|limit| format!(", compared with {}", quantity(limit)));
        line(
            "observed",
            format!("{}{}", quantity(observed), limit.unwrap_or_default()),
        );
    }
    line(
        "window",
        format!(
            "{} to {}",
            beijing_text(case.window_start),
            beijing_text(case.window_end)
        ),
    );
    line(
        "rule",
        format!(
            "{} version {}, {}",
            case.rule_id,
            case.rule_version,
            plural(case.fire_count, "finding")
        ),
    );
    line(
        "evidence",
        format!(
            "anomaly {}, sha256 {}",
            case.anomaly_id, case.evidence_sha256
        ),
    );
    if case.source_system.is_some() {
        line("source", source(case));
    }
    line("withdrawn", text(&case.withdrawn));
    line("part of", text(&case.parent_id));
    for other in &shown.merged {
        let whence = match other.source_system {
            None => other.rule_id.clone(),
            Some(_) => source(other),
        };
        line("also found", format!("{whence} {}", other.reason));
    }
    for before in checked {
        println!("  {}", handover::line(before));
    }
    if let Some(onsite) = &shown.onsite {
        line("on-site", onsite.to_string());
    }
    for act in &shown.acts {
        let counts = match &act.not_counted {
            None => "counts".to_owned(),
            Some(why) => format!("not counted: {why}"),
        };
        line(
            "act",
            format!(
                "{} version {} {} {}; {counts}",
                act.act_id,
                act.act_version,
                act.mode.map(|mode| mode.as_str()).unwrap_or_default(),
                act.conclusion
                    .map(|conclusion| conclusion.as_str())
                    .unwrap_or_default(),
            ),
        );
    }
    for clock in &case.clocks {
        let zh = machine
            .clocks()
            .iter()
            .find(|def| def.name == clock.name)
            .map_or("", |def| def.zh.as_str());
        let late = if clock.overdue { " 逾期 overdue" } else { "" };
        line(
            "clock",
            format!("{} {zh} until {}{late}", clock.name, due_text(clock.due_at)),
        );
        if let Some(terms) = &clock.terms {
            line("", set(&terms.version, &terms.sha256));
        }
    }
    line("fine", fine(case, now));
    if let Some(at) = case.procedure.notified_at {
        let hearing = match case.procedure.hearing {
            None => "",
            Some(Hearing::Requested) => "; 申请听证 a hearing was asked for",
            Some(Hearing::Set) => "; 已定听证日期 the hearing has a day",
            Some(Hearing::Announced) => "; 已通知听证 the hearing was announced",
            Some(Hearing::Held) => "; 已听证 the hearing was held",
            Some(Hearing::Waived) => "; 放弃陈述申辩和听证 it waives defence and hearing",
        };
        line(
            "rights",
            format!("已告知 told {}{hearing}", beijing_text(at)),
        );
    }
    line(
        "wanted",
        case.procedure.evidence_wanted.clone().unwrap_or_default(),
    );
    if let Some(review) = &case.procedure.legal_review {
        line(
            "law",
            format!(
                "法制审核 reviewed by {} {}",
                review.by,
                beijing_text(review.at)
            ),
        );
    }
    line("held by", case.held_by(now).unwrap_or_default().to_owned());
    if let Some(due) = case.due_at {
        let then = shown.timer.as_ref().map(|timer| format!(", then {timer}"));
        line(
            "due",
            format!(
                "{} ({}{})",
                due_text(due),
                countdown(case, now),
                then.unwrap_or_default()
            ),
        );
    }
    if let Some(terms) = &case.terms {
        line("terms", set(&terms.version, &terms.sha256));
    }
    if case.return_count + case.extension_count > 0 {
        line(
            "order",
            format!(
                "returned {}, extended {}",
                plural(case.return_count, "time"),
                plural(case.extension_count, "time")
            ),
        );
    }
    if let Some(plan) = &case.plan {
        line(
            "plan",
            format!("{} by {}, {}", plan.measures, plan.due, plan.owner),
        );
    }
    for check in &case.checks {
        let said = match check.result {
            CheckResult::Passed => "复核通过 / the rule was silent",
            CheckResult::NotJudged => {
                "无可判定数据 / nothing could be judged: silence proves nothing"
            }
            CheckResult::Fired => "再次触发 / the rule fired again",
        };
        line("look-back", format!("day {}: {said}", check.day));
    }
    if let Some(first) = &case.signature {
        line(
            "signed",
            format!(
                "{} by {}; a second person is missing",
                first.action, first.by
            ),
        );
    }
    println!("\ntimeline (Beijing)");
    for event in &shown.events {
        println!("  {}", timeline(event));
    }
    println!("\nnext");
    for step in &shown.next {
        let mut needs = step.requires.join(", ");
        if !step.conditions.is_empty() {
            needs = format!(
                "{needs}{}if {}",
                if needs.is_empty() { "" } else { "; " },
                step.conditions.join(", ")
            );
        }
        if step.two_signatures {
            needs.push_str("; two persons sign");
        }
        println!(
            "  {step} -> {}{}",
            step.to,
            if needs.is_empty() {
                String::new()
            } else {
                format!("  [{needs}]")
            }
        );
    }
    if shown.next.is_empty() {
        println!("  nothing: the case rests here");
    }
    Ok(())
}

pub(super) fn fired(fired: &[Fired], format: Format) -> anyhow::Result<()> {
    if fired.is_empty() && format == Format::Table {
        println!("no deadline has passed");
        return Ok(());
    }
    let mut listing = Listing::new(&["case", "due", "from", "to", "what"]);
    for timer in fired {
        listing.row([
            timer.case_id.clone(),
            due_text(timer.due_at),
            timer.from.clone(),
            timer.to.clone(),
            timer.action.clone(),
        ]);
    }
    listing.print(format, fired)
}

pub(super) fn audit(report: &AuditReport, format: Format) -> anyhow::Result<Exit> {
    if format == Format::Json {
        println!("{}", serde_json::to_string_pretty(report)?);
    } else {
        match &report.fault {
            Some(fault) => println!("BROKEN: {fault}; sound up to row {}", report.rows),
            None => println!("sound: {} rows, {} cases", report.rows, report.cases),
        }
        println!("head {}", report.head);
    }
    Ok(if report.fault.is_some() {
        Exit::Finding
    } else {
        Exit::Done
    })
}

/// What was fined, and what late payment has added to it by now.
fn fine(case: &Case, now: i64) -> String {
    let fined = case.procedure.fine_fen;
    let mut text = fined.map_or_else(String::new, |fen| format!("罚款 {} 元 yuan", yuan(fen)));
    if let Some(late) = late_payment(case, beijing_day(now)) {
        let added = late.added_fen.map_or_else(
            || "3 % of the fine a day".to_owned(),
            |fen| format!("{} 元 yuan", yuan(fen)),
        );
        let before = if text.is_empty() { "" } else { "; " };
        text.push_str(&format!(
            "{before}逾期 {} 日，加处 late, which adds {added}",
            late.days
        ));
    }
    text
}

/// Where a clue comes from, and its number there.
fn source(case: &Case) -> String {
    let (system, reference) = case.source();
    format!("{} {} {reference}", system.zh(), system.code())
}

/// Which lengths a clock was started under.
fn set(version: &str, sha256: &str) -> String {
    format!(
        "时限版本 lengths {version} ({})",
        sha256.get(..12).unwrap_or(sha256)
    )
}

/// `2 d 3 h left`, `5 h late`, or nothing without a deadline.
pub(super) fn countdown(case: &Case, now: i64) -> String {
    let Some(due) = case.due_at else {
        return String::new();
    };
    let minutes = (due - now).abs() / 60_000_000;
    let (days, hours, rest) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    let length = match (days, hours) {
        (0, 0) => format!("{rest} min"),
        (0, _) => format!("{hours} h {rest} min"),
        _ => format!("{days} d {hours} h"),
    };
    format!("{length} {}", if due > now { "left" } else { "late" })
}

fn short(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_at_midnight_is_the_end_of_its_day() {
        let at = |text| nonsite_analytics::ratio::parse_as_of(text).unwrap();
        assert_eq!(due_text(at("2026-03-03 00:00")), "2026-03-02 24:00");
        assert_eq!(due_text(at("2026-03-03 00:01")), "2026-03-03 00:01");
    }

    #[test]
    fn values_are_shown_as_measured() {
        assert_eq!(measured(-1.803_997_194_950_912), "-1.804");
        assert_eq!(measured(35.0), "35");
        assert_eq!(measured(0.000_123_456_7), "0.000123457");
    }

    #[test]
    fn long_findings_are_shortened_by_characters() {
        assert_eq!(short("二氧化硫超标", 6), "二氧化硫超标");
        assert_eq!(short("二氧化硫超标了", 6), "二氧化硫超…");
    }
}
