//! The curve of a finding as a picture (SVG): the series around it, the limit as a line, what was
//! flagged shaded. A file of the evidence bundle, so that a hearing can be shown it without any program.
//!
//! Invariant: drawn from the sealed evidence alone, so the same finding gives the same bytes and the
//! picture can be made again by whoever doubts it.

use std::fmt::Write as _;

use chrono::DateTime;
use nonsite_schemas::hj212::reference;
use serde_json::Value;

use super::anomaly::Anomaly;
use super::evidence::beijing;

/// Width and height of the picture.
const SIZE: (f64, f64) = (960.0, 320.0);
/// Margins left, top, right and bottom of the plot.
const MARGIN: [f64; 4] = [80.0, 56.0, 16.0, 40.0];
/// Texts along the time axis.
const LABELS: usize = 6;

/// One time of a series: microseconds UTC, and the value unless there is none.
pub(super) type Point = (i64, Option<f64>);

/// The hours of sealed evidence on the limit's basis.
pub(super) fn hours(evidence: &Value) -> Vec<Point> {
    let column = if evidence["limit"][0]["basis"] == "converted" {
        "converted"
    } else {
        "value"
    };
    let rows = evidence["hours"].as_array().into_iter().flatten();
    rows.filter_map(|row| Some((instant(&row["hour"])?, row[column].as_f64())))
        .collect()
}

fn instant(text: &Value) -> Option<i64> {
    let time = DateTime::parse_from_rfc3339(text.as_str()?).ok()?;
    Some(time.timestamp_micros())
}

/// Draws a finding's series; nothing where no point has a value.
pub(super) fn draw(anomaly: &Anomaly, evidence: &Value, points: &[Point]) -> Option<String> {
    let values: Vec<f64> = points.iter().filter_map(|(_, value)| *value).collect();
    if values.is_empty() {
        return None;
    }
    // The limit row is on the curve's basis; where there is none the finding's own is not always.
    let limit = evidence["limit"][0]["limit_value"].as_f64();
    let from = points.iter().map(|(time, _)| *time).min()?;
    let step = step(points);
    let to = points.iter().map(|(time, _)| *time).max()? + step;
    let top = values.iter().copied().chain(limit).fold(0.0, f64::max);
    let bottom = values.iter().copied().chain(limit).fold(0.0, f64::min);
    let plot = Plot {
        from,
        to,
        bottom,
        top: if top > bottom { top } else { bottom + 1.0 },
    };
    let mut out = head(anomaly, evidence);
    for window in evidence["windows"].as_array().into_iter().flatten() {
        if let (Some(start), Some(end)) = (instant(&window["start"]), instant(&window["end"])) {
            shade(&mut out, &plot, start, end);
        }
    }
    axes(&mut out, &plot, limit);
    let stretches = points.split(|(_, value)| value.is_none());
    for stretch in stretches.flat_map(|part| part.chunk_by(move |a, b| b.0 - a.0 <= step)) {
        line(&mut out, &plot, stretch, step);
    }
    out.push_str("</svg>\n");
    Some(out)
}

/// The usual step between points, microseconds.
fn step(points: &[Point]) -> i64 {
    let mut steps: Vec<i64> = points
        .windows(2)
        .map(|pair| pair[1].0 - pair[0].0)
        .filter(|step| *step > 0)
        .collect();
    steps.sort_unstable();
    steps.get(steps.len() / 2).copied().unwrap_or(3_600_000_000)
}

/// Where times and values lie in the picture.
struct Plot {
    from: i64,
    to: i64,
    bottom: f64,
    top: f64,
}

impl Plot {
    fn x(&self, time: i64) -> f64 {
        let width = SIZE.0 - MARGIN[0] - MARGIN[2];
        let time = time.clamp(self.from, self.to);
        MARGIN[0] + width * (time - self.from) as f64 / (self.to - self.from).max(1) as f64
    }

    fn y(&self, value: f64) -> f64 {
        let height = SIZE.1 - MARGIN[1] - MARGIN[3];
        MARGIN[1] + height * (self.top - value) / (self.top - self.bottom)
    }
}

fn head(anomaly: &Anomaly, evidence: &Value) -> String {
    let code = anomaly.factor.as_deref().unwrap_or("-");
    let name = reference::factor(code).map_or_else(String::new, |factor| {
        format!("{} {} ", factor.name_zh, factor.name_en)
    });
    // The finding's own unit may be that of a count or a share.
    let unit = evidence["limit"][0]["unit"].as_str().unwrap_or_default();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{}\" y=\"20\" font-size=\"14\">{}</text>\n\
         <text x=\"{}\" y=\"38\" fill=\"#555\">{}</text>\n",
        SIZE.0,
        SIZE.1,
        MARGIN[0],
        escaped(&format!("{}　{name}({code})　{unit}", anomaly.rule_id)),
        MARGIN[0],
        escaped(&format!(
            "MN {}　{} … {}　阴影为标记窗口 flagged windows shaded",
            anomaly.mn.as_deref().unwrap_or("-"),
            minute(anomaly.window_start),
            minute(anomaly.window_end)
        )),
    )
}

fn minute(micros: i64) -> String {
    beijing(micros)[..16].replace('T', " ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn shade(out: &mut String, plot: &Plot, start: i64, end: i64) {
    let (left, right) = (plot.x(start), plot.x(end));
    if right > left {
        // Writing to a string cannot fail, here and below.
        let _ = writeln!(
            out,
            "<rect x=\"{left:.1}\" y=\"{}\" width=\"{:.1}\" height=\"{}\" fill=\"#fbd5d5\"/>",
            MARGIN[1],
            right - left,
            SIZE.1 - MARGIN[1] - MARGIN[3]
        );
    }
}

fn axes(out: &mut String, plot: &Plot, limit: Option<f64>) {
    let (left, right) = (MARGIN[0], SIZE.0 - MARGIN[2]);
    let floor = SIZE.1 - MARGIN[3];
    let _ = writeln!(
        out,
        "<path d=\"M{left} {}V{floor}H{right}\" fill=\"none\" stroke=\"#333\"/>",
        MARGIN[1]
    );
    for value in [plot.bottom, plot.top] {
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            left - 6.0,
            plot.y(value) + 4.0,
            short(value)
        );
    }
    for label in 0..LABELS {
        let time = plot.from + (plot.to - plot.from) / (LABELS as i64 - 1) * label as i64;
        let anchor = match label {
            0 => "start",
            last if last == LABELS - 1 => "end",
            _ => "middle",
        };
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"{anchor}\">{}</text>",
            plot.x(time),
            floor + 18.0,
            &minute(time)[5..]
        );
    }
    if let Some(limit) = limit {
        let y = plot.y(limit);
        let _ = writeln!(
            out,
            "<path d=\"M{left} {y:.1}H{right}\" stroke=\"#c00\" stroke-dasharray=\"6 4\"/>\n\
             <text x=\"{right}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#c00\">限值 limit {}</text>",
            y - 4.0,
            short(limit)
        );
    }
}

/// A stretch of values without a gap: each is drawn over its step, as it is a mean of that time.
fn line(out: &mut String, plot: &Plot, stretch: &[Point], step: i64) {
    let mut path = String::new();
    for (time, value) in stretch {
        let Some(value) = value else { continue };
        let begin = if path.is_empty() { 'M' } else { 'L' };
        let y = plot.y(*value);
        let _ = write!(
            path,
            "{begin}{:.1} {y:.1}H{:.1}",
            plot.x(*time),
            plot.x(time + step)
        );
    }
    if !path.is_empty() {
        let _ = writeln!(
            out,
            "<path d=\"{path}\" fill=\"none\" stroke=\"#1f4e9c\" stroke-width=\"1.5\"/>"
        );
    }
}

fn short(value: f64) -> String {
    format!("{}", (value * 1e4).round() / 1e4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{at, object};
    use serde_json::json;

    const HOUR: i64 = 3_600_000_000;

    fn finding() -> Anomaly {
        let row = json!({
            "anomaly_id": "a", "rule_id": "E01", "rule_version": 1, "params_hash": "",
            "rule_group": "exceedance", "severity": "S3", "phase": "provisional", "status": "open",
            "mn": "A", "factor": "a21026", "window_start": at("2025-06-01 09:00"),
            "window_end": at("2025-06-01 10:00"), "points": 1, "reason": "", "evidence": "{}",
            "evidence_sha256": "", "readings_version": 1, "first_seen_at": 0, "last_seen_at": 0,
            "date": 0,
        });
        Anomaly::from_row(object(row)).expect("a row")
    }

    fn evidence() -> Value {
        let hour = |n: i64, value: Value| {
            json!({"hour": beijing(at("2025-06-01 08:00") + n * HOUR), "value": value,
                   "converted": 2.0})
        };
        json!({
            "hours": [hour(0, json!(20.0)), hour(1, json!(80.0)), hour(2, Value::Null), hour(3, json!(40.0))],
            "limit": [{"limit_value": 50.0, "basis": "raw"}],
            "windows": [{"start": beijing(at("2025-06-01 09:00")), "end": beijing(at("2025-06-01 10:00"))}],
        })
    }

    #[test]
    fn a_gap_breaks_the_curve_and_the_limit_is_a_line() {
        let evidence = evidence();
        let anomaly = finding();
        let points = hours(&evidence);
        assert_eq!(points.len(), 4);
        let picture = draw(&anomaly, &evidence, &points).expect("picture");
        assert_eq!(
            picture.matches("stroke=\"#1f4e9c\"").count(),
            2,
            "{picture}"
        );
        assert_eq!(picture.matches("#fbd5d5").count(), 1, "{picture}");
        assert!(picture.contains("限值 limit 50"), "{picture}");
        assert!(picture.starts_with("<svg ") && picture.ends_with("</svg>\n"));
        assert_eq!(draw(&anomaly, &evidence, &points), Some(picture));
        assert_eq!(draw(&anomaly, &evidence, &[(0, None)]), None);
    }

    #[test]
    fn the_curve_is_on_the_basis_of_the_limit_and_text_is_escaped() {
        let mut evidence = evidence();
        evidence["limit"][0]["basis"] = json!("converted");
        assert_eq!(hours(&evidence)[1].1, Some(2.0));
        let mut anomaly = finding();
        anomaly.mn = Some("<A&B>".to_owned());
        let picture = draw(&anomaly, &evidence, &hours(&evidence)).expect("picture");
        assert!(picture.contains("MN &lt;A&amp;B&gt;"), "{picture}");
    }
}
