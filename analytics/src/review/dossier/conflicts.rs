//! What does not fit together, found by the machine and left to a person to judge.

use nonsite_schemas::time::beijing_day;
use serde::Serialize;
use serde_json::Value;

use super::proofs::{Proofs, Row};
use super::{PastCase, Submission};
use crate::detect::Rerun;
use crate::detect::anomaly::Anomaly;
use crate::detect::evidence::seal;
use crate::review::calendar::{HOUR, beijing_text, parse_day, until_text};
use crate::review::case::Case;
use crate::review::evidence::{CaseFile, EvidenceKind, Kept};
use crate::session::rows;

/// How far a camera's clock may be ahead, microseconds.
const CLOCK_SLACK: i64 = HOUR / 6;
/// How far from the outlet a photo may be taken, metres.
const FAR_M: f64 = 2_000.0;
/// Mean radius of the earth, metres.
const EARTH_M: f64 = 6_371_000.0;
/// Cases of the same trouble in 24 months from which on it is pointed out.
const OFTEN: usize = 3;

/// Every code there is.
pub(in crate::review) const CODES: [&str; 17] = [
    "still_failing",
    "nothing_judged",
    "clue_altered",
    "treatment_stands",
    "report_elsewhere",
    "sampled_before_measures",
    "no_ticket",
    "no_photo_after",
    "photo_reused",
    "photo_before_order",
    "photo_from_the_future",
    "photo_elsewhere",
    "file_missing",
    "file_altered",
    "measures_before_order",
    "submitted_late",
    "same_trouble_again",
];

/// What is gone through; without tables there is neither a rerun nor anything of the proofs.
pub(super) struct Looked<'a> {
    pub(super) case: &'a Case,
    pub(super) order: Option<&'a Submission>,
    /// When the time for what was submitted last was over.
    pub(super) until: Option<i64>,
    pub(super) answer: Option<&'a Submission>,
    pub(super) submission: Option<&'a Submission>,
    pub(super) files: &'a [CaseFile],
    pub(super) history: &'a [PastCase],
    pub(super) rerun: Option<&'a Rerun>,
    pub(super) proofs: Option<&'a Proofs>,
}

/// A contradiction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Conflict {
    /// Stable code.
    pub code: &'static str,
    /// Item of the checklist it concerns.
    pub item: &'static str,
    /// What does not fit, in Chinese and in English.
    pub text: String,
}

/// Goes through a page; `outlet` is where the outlet lies, latitude and longitude in degrees.
pub(super) fn find(page: &Looked<'_>, outlet: Option<(f64, f64)>) -> Vec<Conflict> {
    let mut found = Vec::new();
    let mut add = |item, code, text: String| {
        debug_assert!(CODES.contains(&code), "`{code}` is not among the codes");
        found.push(Conflict { code, item, text });
    };
    no_photo_after(page, &mut add);
    files(page, outlet, &mut add);
    data(page, &mut add);
    if let Some(proofs) = page.proofs {
        papers(page, proofs, &mut add);
    }
    if let (Some(order), Some(done)) = (page.order, page.submission)
        && let Some(day) = done
            .fields
            .get("measure_date")
            .and_then(|text| parse_day(text))
        && day < beijing_day(order.at)
    {
        let text = format!(
            "整改日期早于整改要求 / the measures are dated before the order of {}",
            beijing_text(order.at)
        );
        add("order", "measures_before_order", text);
    }
    if let (Some(until), Some(done)) = (page.until, page.submission)
        && done.at >= until
    {
        let text = format!(
            "提交晚于整改期限 / submitted after the end of the order, {}",
            until_text(until)
        );
        add("order", "submitted_late", text);
    }
    let again = page.history.iter().filter(|past| past.same_trouble).count();
    if again >= OFTEN {
        let text = format!(
            "24 个月内同一排放口同类问题 {again} 起 / {again} other cases of the same trouble in \
             24 months"
        );
        add("history", "same_trouble_again", text);
    }
    found
}

/// The evidence of the clue is no longer what was sealed when the finding was made.
pub(super) fn clue_altered(clue: &Anomaly) -> Option<Conflict> {
    let faults = seal::opened(&clue.evidence, &clue.evidence_sha256).err()?;
    Some(Conflict {
        code: "clue_altered",
        item: "data",
        text: format!(
            "线索证据包被改动 / finding {}: {}",
            clue.anomaly_id,
            faults.join("; ")
        ),
    })
}

/// The measures are said to be done, and nothing handed in since the order is said to show the state
/// after them.
fn no_photo_after(page: &Looked<'_>, add: &mut impl FnMut(&'static str, &'static str, String)) {
    let ordered = page.order.map_or(0, |order| order.seq);
    let done = page
        .submission
        .filter(|done| done.seq > ordered && done.fields.contains_key("measure_date"));
    let shown = page
        .files
        .iter()
        .any(|file| file.seq > ordered && file.file.kind == Some(EvidenceKind::After));
    if let (Some(done), false) = (done, shown) {
        let text = format!(
            "称已整改而无整改后照片或视频 / the measures are said to be done on {}, and no photo or video \
             of the state after them (`after`) was handed in since the order",
            done.fields["measure_date"]
        );
        add("photos", "no_photo_after", text);
    }
}

fn files(
    page: &Looked<'_>,
    outlet: Option<(f64, f64)>,
    add: &mut impl FnMut(&'static str, &'static str, String),
) {
    for file in page.files {
        let name = &file.file.name;
        match file.kept {
            Kept::Missing => add(
                "photos",
                "file_missing",
                format!("附件丢失 / {name}: the kept file is gone"),
            ),
            Kept::Altered => add(
                "photos",
                "file_altered",
                format!("附件被改动 / {name}: the kept file is not what was handed in"),
            ),
            Kept::Sound | Kept::NotKept => {}
        }
        if let Some(before) = file.seen_before.first() {
            let how = match before.identical {
                true => "the same file",
                false => "a picture that looks the same",
            };
            let text = format!(
                "影像重复使用 / {name}: {how} was handed in for {} on {} ({})",
                before.case_id,
                beijing_text(before.at),
                before.name
            );
            add("photos", "photo_reused", text);
        }
        let Some(facts) = &file.file.facts else {
            continue;
        };
        // What was handed in before the order shows the state before it, and so does what is said to.
        let after_order = page
            .order
            .filter(|order| file.seq > order.seq && file.file.kind != Some(EvidenceKind::Before));
        if let (Some(taken), Some(order)) = (facts.taken_at, after_order)
            && taken < order.at
        {
            let text = format!(
                "拍摄时间早于整改要求 / {name}: taken {}, ordered {}",
                beijing_text(taken),
                beijing_text(order.at)
            );
            add("photos", "photo_before_order", text);
        }
        if let Some(taken) = facts
            .taken_at
            .filter(|taken| *taken > file.at + CLOCK_SLACK)
        {
            let text = format!(
                "拍摄时间晚于提交时间 / {name}: taken {}, after it was handed in",
                beijing_text(taken)
            );
            add("photos", "photo_from_the_future", text);
        }
        let spot = facts.latitude_e6.zip(facts.longitude_e6);
        if let (Some((latitude, longitude)), Some(outlet)) = (spot, outlet) {
            let spot = (f64::from(latitude) / 1e6, f64::from(longitude) / 1e6);
            let metres = distance(spot, outlet);
            if metres > FAR_M {
                let text = format!(
                    "拍摄地点远离排放口 / {name}: taken {:.1} km from the outlet",
                    metres / 1_000.0
                );
                add("photos", "photo_elsewhere", text);
            }
        }
    }
}

fn data(page: &Looked<'_>, add: &mut impl FnMut(&'static str, &'static str, String)) {
    let Some(rerun) = page.rerun else {
        return;
    };
    let standing = rerun
        .findings
        .iter()
        .filter(|found| found.exempt_code.is_none());
    if let Some(first) = standing.clone().next() {
        let text = format!(
            "整改后数据仍不符合 / rule {} still fires since the measures: {} times, first {}",
            rerun.rule_id,
            standing.count(),
            beijing_text(first.window_start)
        );
        add("data", "still_failing", text);
    } else if rerun.passed == 0 {
        let why: Vec<String> = rerun
            .not_evaluated
            .iter()
            .map(|(why, windows)| format!("{why} {windows}"))
            .collect();
        let text = format!(
            "整改后没有可评价的数据 / nothing could be judged since the measures ({} days with \
             readings{}{})",
            rerun.days,
            if why.is_empty() {
                ""
            } else {
                "; not evaluated: "
            },
            why.join(", ")
        );
        add("data", "nothing_judged", text);
    }
}

/// Causes after which somebody has to have worked on the instruments.
const REPAIRED: [&str; 3] = ["monitor_fault", "sampling_line", "calibration"];

fn papers(
    page: &Looked<'_>,
    proofs: &Proofs,
    add: &mut impl FnMut(&'static str, &'static str, String),
) {
    for row in &proofs.reports_elsewhere {
        let word = |name: &str| rows::text(row, name).unwrap_or_default();
        let text = format!(
            "监测报告编号在其他单位出现 / report {} also stands in the monitoring of {}",
            word("report_no"),
            word("permit_no")
        );
        add("lab", "report_elsewhere", text);
    }
    let instant = |row: &Row, name: &str| row.get(name).and_then(Value::as_i64);
    if let Some(measured) = page.case.measured_from
        && let Some(order) = page.order
    {
        // Handed in after the order as if it showed the state after the measures.
        let stale = proofs.papers.manual.iter().find(|row| {
            instant(row, "known_from").is_some_and(|known| known > order.at)
                && instant(row, "sampled_at").is_some_and(|sampled| sampled < measured)
                && instant(row, "sampled_at").is_some_and(|sampled| sampled >= page.case.window_end)
        });
        let fresh = proofs
            .papers
            .manual
            .iter()
            .any(|row| instant(row, "sampled_at").is_some_and(|sampled| sampled >= measured));
        if let Some(row) = stale.filter(|_| !fresh) {
            let text = format!(
                "监测采样早于整改完成 / report {} was sampled before the measures were done, and none \
                 after",
                rows::text(row, "report_no").unwrap_or_default()
            );
            add("lab", "sampled_before_measures", text);
        }
    }
    let cause = page.answer.and_then(|answer| answer.fields.get("cause"));
    if let Some(cause) = cause.filter(|cause| REPAIRED.contains(&cause.as_str()))
        && page.submission.is_some()
        && proofs.papers.tickets.is_empty()
        && proofs.papers.equipment.is_empty()
    {
        let text = format!(
            "称仪器故障而无运维记录 / the cause is `{cause}`, and neither a ticket nor the logger tells \
             of any work"
        );
        add("repair", "no_ticket", text);
    }
    stands(proofs, add);
}

/// Production runs and its treatment does not.
fn stands(proofs: &Proofs, add: &mut impl FnMut(&'static str, &'static str, String)) {
    let since = |role: &'static str| {
        proofs.running.iter().filter(move |running| {
            running.period == "since_measures" && running.role.as_deref() == Some(role)
        })
    };
    let produces =
        since("production").any(|running| running.running_percent.is_some_and(|share| share > 0.0));
    let stopped = since("treatment").find(|running| running.running_percent == Some(0.0));
    if let Some(treatment) = stopped.filter(|_| produces) {
        let text = format!(
            "整改后治理设施未运行 / treatment {} never ran since the measures while production did",
            treatment.name.as_deref().unwrap_or(&treatment.facility)
        );
        add("data", "treatment_stands", text);
    }
}

/// Great-circle distance in metres; CGCS2000 and WGS 84 agree to far less than it matters here.
fn distance(one: (f64, f64), other: (f64, f64)) -> f64 {
    let [latitude, longitude, to_latitude, to_longitude] =
        [one.0, one.1, other.0, other.1].map(f64::to_radians);
    let half = |angle: f64| (angle / 2.0).sin().powi(2);
    let chord = half(to_latitude - latitude)
        + latitude.cos() * to_latitude.cos() * half(to_longitude - longitude);
    2.0 * EARTH_M * chord.sqrt().min(1.0).asin()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::object;
    use serde_json::json;

    #[test]
    fn altered_evidence_of_the_clue_is_pointed_out() {
        let clue = |evidence: &str, sealed: &str| {
            let row = json!({
                "anomaly_id": "a1", "rule_id": "E01", "rule_version": 1, "params_hash": "",
                "rule_group": "exceedance", "severity": "S3", "phase": "confirmed", "status": "open",
                "mn": "A", "factor": "a21026", "window_start": 0, "window_end": 1, "points": 1,
                "reason": "", "evidence": evidence, "evidence_sha256": Anomaly::sha256(sealed),
                "readings_version": 1, "first_seen_at": 0, "last_seen_at": 0, "date": 0,
            });
            Anomaly::from_row(object(row)).unwrap()
        };
        assert_eq!(clue_altered(&clue("{}", "{}")), None);
        let found = clue_altered(&clue("{ }", "{}")).unwrap();
        assert!(CODES.contains(&found.code));
        assert!(
            found
                .text
                .contains("finding a1: the evidence does not match"),
            "{}",
            found.text
        );
    }

    #[test]
    fn a_degree_of_latitude_is_111_km() {
        assert!((distance((37.0, 118.0), (38.0, 118.0)) - 111_195.0).abs() < 10.0);
        assert!(distance((37.4, 118.6), (37.4, 118.6)) < 1e-6);
        // At 60 degrees a degree of longitude is half as long.
        assert!((distance((60.0, 10.0), (60.0, 11.0)) - 55_597.0).abs() < 20.0);
    }
}
