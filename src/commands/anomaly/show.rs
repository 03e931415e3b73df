//! `nonsite anomaly show`: one finding for a person to read, or as JSON.

use nonsite_analytics::detect::bundle::Bundle;
use nonsite_analytics::review::beijing_text;
use serde_json::{Map, Value, json};

use super::chart::{Point, draw, short};
use crate::output::{Format, Listing};

/// Rows of one kind printed; the JSON form has all.
const MOST: usize = 40;

pub(super) fn print(bundle: &Bundle, format: Format) -> anyhow::Result<()> {
    let evidence: Value = serde_json::from_str(&bundle.anomaly.evidence).unwrap_or_default();
    if format == Format::Json {
        let mut anomaly = bundle.anomaly.row();
        anomaly.remove("evidence");
        let all = json!({"anomaly": anomaly, "evidence": evidence, "bundle": bundle});
        println!("{}", serde_json::to_string_pretty(&all)?);
        return Ok(());
    }
    for section in [
        head(bundle, &evidence),
        curve(bundle, &evidence),
        table(
            "标记窗口 windows",
            &evidence["windows"],
            &["start", "end", "observed", "limit", "exempt", "detail"],
        ),
        table(
            "许可限值 limit in force",
            &evidence["limit"],
            &[
                "limit_value",
                "unit",
                "averaging",
                "basis",
                "ref_o2",
                "special",
                "permit_no",
                "permit_version",
                "in_force_from",
                "in_force_to",
            ],
        ),
        table(
            "许可证 permit",
            &evidence["permit"],
            &[
                "permit_no",
                "version",
                "unit_name",
                "status",
                "valid_from",
                "valid_to",
                "issued_at",
                "kafka_topic",
                "kafka_partition",
                "kafka_offset",
            ],
        ),
        table(
            "小时值 hours",
            &evidence["hours"],
            &[
                "hour",
                "value",
                "converted",
                "o2",
                "flow",
                "valid",
                "mark",
                "source",
                "n_due",
                "n_used",
                "dropped",
                "copies",
                "changed",
            ],
        ),
        recomputation(&evidence["recomputation"]),
        considered(&evidence),
        table(
            "平台标记 marks of the enterprise",
            &evidence["platform_marks"],
            &[
                "mark_id",
                "version",
                "scope",
                "code",
                "factors",
                "starts_at",
                "ends_at",
                "author",
                "source",
                "marked_at",
                "reason",
                "revoked_at",
            ],
        ),
        table(
            "设备备案 filing of the instrument",
            &evidence["filings"],
            &[
                "filing_id",
                "version",
                "model",
                "serial_no",
                "parameter",
                "value",
                "value_text",
                "unit",
                "tolerance",
                "in_force_from",
                "filed_at",
                "filed_by",
            ],
        ),
        table(
            "生产工况 production by power or process values",
            &evidence["production"],
            &["hour", "quarters_on", "quarters_off", "at_rest"],
        ),
        table(
            "来源 origin of the rows",
            &evidence["sources"],
            &[
                "topic",
                "partition",
                "first_offset",
                "last_offset",
                "row_count",
            ],
        ),
        seal(bundle, &evidence),
    ]
    .into_iter()
    .flatten()
    {
        println!("{section}\n");
    }
    Ok(())
}

fn head(bundle: &Bundle, evidence: &Value) -> Option<String> {
    let a = &bundle.anomaly;
    let rule = &evidence["rule"];
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let phase = match serde_json::to_value(a.phase).ok()?.as_str()? {
        "confirmed" => "已确认 confirmed",
        _ => "暂定 provisional (marks may still come until 12:00 of the next day)",
    };
    let status = match &a.withdrawn_reason {
        Some(why) => format!("已撤销 withdrawn: {why}"),
        None => "成立 open".to_owned(),
    };
    let severity = match a.severity.as_str() {
        "S1" => "S1 立即现场 on site at once",
        "S2" => "S2 一个工作日内核查 verify within one working day",
        "S3" => "S3 企业说明 the enterprise explains",
        _ => "S4 提醒 reminder",
    };
    let (zh, en) = sentences(&a.reason);
    let or = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let lines = [
        format!(
            "{} v{}  {}  {}",
            a.rule_id,
            a.rule_version,
            text(&rule["name_zh"]),
            text(&rule["name_en"])
        ),
        zh,
        en,
        String::new(),
        format!("id        {}", a.anomaly_id),
        format!("级别      {severity}"),
        format!("阶段      {phase}"),
        format!("状态      {status}"),
        format!(
            "单位      {}  许可证 permit {} v{}",
            or(&a.unit_name),
            or(&a.permit_no),
            a.permit_version
                .map_or_else(|| "-".to_owned(), |v| v.to_string())
        ),
        format!(
            "排放口    {}  MN {}  因子 factor {}",
            or(&a.outlet_uid),
            or(&a.mn),
            or(&a.factor)
        ),
        format!(
            "时间      {} … {}",
            beijing_text(a.window_start),
            beijing_text(a.window_end)
        ),
        format!(
            "数值      {} {unit}  限值 limit {} {unit}  倍数 ratio {}  点数 points {}",
            number(a.observed),
            number(a.limit_value),
            number(a.excess_ratio),
            a.points,
            unit = a.unit.as_deref().unwrap_or_default()
        ),
        format!("依据      {}", text(&rule["basis"])),
        format!("参数      {}", rule["params"]),
    ];
    Some(lines.join("\n"))
}

/// The Chinese and the English sentence of a reason.
fn sentences(reason: &str) -> (String, String) {
    match reason.split_once("。 / ") {
        Some((zh, en)) => (format!("{zh}。"), en.to_owned()),
        None => (reason.to_owned(), String::new()),
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), short)
}

/// The hours around the finding with the limit as a line.
fn curve(bundle: &Bundle, evidence: &Value) -> Option<String> {
    let limit = &evidence["limit"][0];
    let column = if limit["basis"] == "converted" {
        "converted"
    } else {
        "value"
    };
    let windows = evidence["windows"].as_array()?;
    let points: Vec<Point> = evidence["hours"]
        .as_array()?
        .iter()
        .map(|row| {
            let time = row["hour"].as_str().unwrap_or_default();
            Point {
                time: time.chars().take(16).collect::<String>().replace('T', " "),
                value: row[column].as_f64(),
                flagged: windows.iter().any(|window| {
                    let at = |key: &str| window[key].as_str().unwrap_or_default().to_owned();
                    at("start").as_str() <= time && time < at("end").as_str()
                }),
            }
        })
        .collect();
    let picture = draw(&points, limit["limit_value"].as_f64())?;
    Some(format!(
        "小时曲线 hourly {column}, {}; ┼ 限值 limit, ^ 标记 flagged, ? 无值 no value\n{picture}",
        bundle.anomaly.unit.as_deref().unwrap_or("-")
    ))
}

fn recomputation(part: &Value) -> Option<String> {
    let formula = part["formula"].as_str()?;
    let rows = if part["hours"].is_array() {
        &part["hours"]
    } else {
        &part["days"]
    };
    let columns = [
        "hour",
        "day",
        "value",
        "converted",
        "o2",
        "ref_o2",
        "mass",
        "volume_m3",
        "uploaded_value",
        "n_due",
        "n_received",
        "n_used",
        "n_dropped",
        "dropped",
    ];
    let table = table("重算 recomputation", rows, &columns)?;
    Some(format!("{table}\n{formula}"))
}

/// Marks that the rows carry and exemptions that were considered.
fn considered(evidence: &Value) -> Option<String> {
    let exemptions: Vec<&str> = evidence["rule"]["exemptions_considered"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let marks = table(
        "数据标记 marks of the rows",
        &evidence["marks"],
        &[
            "granularity",
            "flag",
            "row_count",
            "first_time",
            "last_time",
        ],
    );
    let told = if exemptions.is_empty() {
        "none".to_owned()
    } else {
        exemptions.join(", ")
    };
    let line = format!("考虑的豁免 exemptions considered: {told}");
    Some(marks.map_or_else(|| line.clone(), |marks| format!("{marks}\n{line}")))
}

/// What proves that nothing was changed, and how to compute it again.
fn seal(bundle: &Bundle, evidence: &Value) -> Option<String> {
    let a = &bundle.anomaly;
    let mut lines = vec!["证据封存 seal".to_owned()];
    match &bundle.inputs {
        Some(inputs) => lines.push(format!(
            "readings_raw version {}, run {}, as of {}, {}",
            a.readings_version,
            inputs.run_id,
            beijing_text(inputs.as_of),
            inputs.engine
        )),
        None => lines.push(format!("readings_raw version {}", a.readings_version)),
    }
    lines.push(format!("evidence_sha256 {}", a.evidence_sha256));
    for artefact in &bundle.artefacts {
        if artefact.name != "extraction.json" {
            lines.push(format!("  {}  {}", artefact.sha256, artefact.name));
        }
    }
    if bundle.faults.is_empty() {
        lines.push("完整 sound: every part matches its SHA-256".to_owned());
    }
    for fault in &bundle.faults {
        lines.push(format!("异常 fault: {fault}"));
    }
    lines.push(format!(
        "复算 compute again: nonsite anomaly replay {}",
        a.anomaly_id
    ));
    if let Some(query) = evidence["query"].as_str() {
        lines.push(format!("查询 see more: nonsite sql -e \"{query}\""));
    }
    Some(lines.join("\n"))
}

/// Rows of a part as an aligned table; columns that no row has are left out.
fn table(title: &str, part: &Value, columns: &[&'static str]) -> Option<String> {
    let rows: Vec<&Map<String, Value>> = part
        .as_array()?
        .iter()
        .filter_map(Value::as_object)
        .collect();
    if rows.is_empty() {
        return None;
    }
    let held: Vec<&'static str> = columns
        .iter()
        .copied()
        .filter(|column| {
            rows.iter()
                .any(|row| row.get(*column).is_some_and(|value| !value.is_null()))
        })
        .collect();
    let mut listing = Listing::new(&held);
    for row in rows.iter().take(MOST) {
        listing.cells(held.iter().map(|column| cell(row.get(*column))).collect());
    }
    let more = rows.len().saturating_sub(MOST);
    let more = if more > 0 {
        format!("\n... and {more} more (--format json)")
    } else {
        String::new()
    };
    Some(format!("{title}\n{}{more}", listing.table()))
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => match text.strip_suffix(":00+08:00") {
            Some(time) => time.replace('T', " "),
            None => text.clone(),
        },
        Some(Value::Number(number)) => number.as_f64().map_or_else(|| number.to_string(), short),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_sentences_are_told_apart() {
        let (zh, en) = sentences("小时均值 60 mg/m3 / 超标。 / The mean was 60 mg/m3.");
        assert_eq!(zh, "小时均值 60 mg/m3 / 超标。");
        assert_eq!(en, "The mean was 60 mg/m3.");
    }

    #[test]
    fn tables_show_only_columns_that_hold_something() {
        let rows = json!([{"hour": "2025-06-01T08:00:00+08:00", "value": 60.0, "o2": null}]);
        let text = table("t", &rows, &["hour", "value", "o2", "flow"]).expect("table");
        assert!(
            text.contains("2025-06-01 08:00") && text.contains("60"),
            "{text}"
        );
        assert!(!text.contains("o2") && !text.contains("flow"), "{text}");
        assert_eq!(table("t", &json!([]), &["hour"]), None);
        assert_eq!(table("t", &Value::Null, &["hour"]), None);
    }
}
