//! What the tables say of a case, on a terminal: the curve, how plant and treatment ran, the papers.

use nonsite_analytics::review::{Curve, Papers, Running, beijing_text};
use serde_json::{Map, Value};

use crate::commands::anomaly::chart::{Point, draw};

/// Rows of one kind that are printed; the JSON form has all.
const MOST: usize = 10;

/// The hours around the clue and since the measures: `^` above the limit, `?` without a value.
pub(super) fn curve(curve: &Curve) {
    let points: Vec<Point> = curve
        .hours
        .iter()
        .map(|hour| {
            let value = hour.value.filter(|_| hour.valid);
            Point {
                time: beijing_text(hour.hour),
                value,
                flagged: value
                    .zip(hour.limit)
                    .is_some_and(|(value, limit)| value > limit),
            }
        })
        .collect();
    let limit = curve.hours.iter().rev().find_map(|hour| hour.limit);
    println!(
        "\n曲线 hours around the clue and since the measures (^ above the limit, ? no valid value)"
    );
    match draw(&points, limit) {
        Some(picture) => println!("{picture}"),
        None => println!("  no valid hour"),
    }
    for mark in curve.marks.iter().take(MOST) {
        println!(
            "  标记 mark {}: {} to {} {}",
            text(mark, "code"),
            instant(mark, "from_time"),
            instant(mark, "to_time"),
            text(mark, "reason")
        );
    }
}

/// Production and treatment, before the clue and since the measures.
pub(super) fn running(all: &[Running]) {
    if all.is_empty() {
        return;
    }
    println!("\n工况 power and process");
    let number = |value: Option<f64>, unit: &str| match value {
        Some(value) => format!("{value:.2}{unit}"),
        None => "-".to_owned(),
    };
    for one in all {
        let unit = format!(" {}", one.unit.as_deref().unwrap_or_default());
        println!(
            "  {} {} {} {}: mean {}, running {} ({} readings)",
            one.facility,
            one.name.as_deref().unwrap_or_default(),
            one.role.as_deref().unwrap_or_default(),
            one.period,
            number(one.mean, unit.trim_end()),
            number(one.running_percent, " %"),
            one.readings
        );
    }
}

/// Tickets, calibrations, laboratory reports, filings, versions of the permit.
pub(super) fn papers(papers: &Papers) {
    section("运维工单 tickets", &papers.tickets, |row| {
        let ended = instant(row, "ends_at");
        format!(
            "{} {} {} {} to {ended} {} {}",
            text(row, "ticket_id"),
            text(row, "kind"),
            text(row, "status"),
            instant(row, "starts_at"),
            text(row, "cause"),
            text(row, "actions")
        )
    });
    section("校准与校验 equipment", &papers.equipment, |row| {
        let passed = match row.get("passed").and_then(Value::as_bool) {
            Some(true) => "passed",
            Some(false) => "failed",
            None => "",
        };
        format!(
            "{} {} {} {passed}",
            instant(row, "at"),
            text(row, "kind"),
            text(row, "factor")
        )
    });
    section("手工监测 manual monitoring", &papers.manual, |row| {
        format!(
            "{} {} {} {} {} CMA {} {}",
            instant(row, "sampled_at"),
            text(row, "factor"),
            row.get("value")
                .map(ToString::to_string)
                .unwrap_or_default(),
            text(row, "unit"),
            text(row, "laboratory"),
            text(row, "cma_no"),
            text(row, "report_no")
        )
    });
    section("备案变更 filings", &papers.filings, |row| {
        format!(
            "{} {} {} {} {}",
            instant(row, "filed_at"),
            text(row, "filing_id"),
            text(row, "parameter"),
            row.get("value")
                .map(ToString::to_string)
                .unwrap_or_default(),
            text(row, "reason")
        )
    });
    section("许可证版本 permit", &papers.permits, |row| {
        format!(
            "version {} issued {} {}",
            row.get("version")
                .map(ToString::to_string)
                .unwrap_or_default(),
            instant(row, "issued_at"),
            text(row, "status")
        )
    });
}

fn section(title: &str, rows: &[Map<String, Value>], line: impl Fn(&Map<String, Value>) -> String) {
    if rows.is_empty() {
        return;
    }
    println!("\n{title}: {}", rows.len());
    // The latest ones are about the measures.
    for row in rows.iter().rev().take(MOST) {
        println!("  {}", line(row).trim_end());
    }
}

fn text<'r>(row: &'r Map<String, Value>, column: &str) -> &'r str {
    row.get(column).and_then(Value::as_str).unwrap_or_default()
}

fn instant(row: &Map<String, Value>, column: &str) -> String {
    let micros = row.get(column).and_then(Value::as_i64);
    micros.map(beijing_text).unwrap_or_default()
}
