//! The chain 任务发起 – 检查实施 – 处理处罚 – 问题整改 of every problem, with the time each link takes.

use nonsite_schemas::time::{DAY_MICROS, beijing_day};

use super::{Asked, Target};
use crate::inspection::casebook::CaseFile;

/// Links of the chain: code, Chinese, what it is, and what begins and ends it.
const LINKS: [(&str, &str, &str); 4] = [
    (
        "chain_initiated",
        "任务发起",
        "clues that became a task: dispatched, verified or sent on-site",
    ),
    ("chain_checked", "检查实施", "tasks whose check was judged"),
    (
        "chain_handled",
        "处理处罚",
        "problems with an order to rectify or a filed case that was decided",
    ),
    (
        "chain_rectified",
        "问题整改",
        "problems rectified and accepted, or closed by the case",
    ),
];

const COLUMNS: &[&str] = &[
    "case",
    "unit",
    "body",
    "initiated d",
    "checked d",
    "handled d",
    "rectified d",
    "all four",
    "now",
];

/// When each link of a case's chain closed, microseconds UTC.
fn links(case: &CaseFile) -> [Option<i64>; 4] {
    let first = |actions: &[&str]| {
        case.steps
            .iter()
            .find(|step| actions.contains(&step.action.as_str()))
            .map(|step| step.at)
    };
    // An S1 that nobody decided on goes on-site by itself.
    let initiated = first(&["dispatch", "verify", "escalate", "escalate_s1"]);
    let judged = first(&["rectify", "file"]);
    let filed = case.last("file");
    let decided = case
        .steps
        .iter()
        .rfind(|step| {
            // The first workflow decided in the step that put the case on file.
            matches!(step.action.as_str(), "decide" | "no_penalty" | "transfer")
                || (step.action == "close" && step.fields.contains_key("decision"))
        })
        .map(|step| step.at);
    let ordered = case.last("rectify").map(|step| step.at);
    let handled = if filed.is_some() { decided } else { ordered };
    let approved = case.last("approve").map(|step| step.at);
    let reopened = case
        .steps
        .iter()
        .rfind(|step| step.to == "reopened")
        .map(|step| step.at);
    let rectified = match (ordered, filed) {
        (Some(_), _) => approved.filter(|at| reopened.is_none_or(|reopened| reopened < *at)),
        (None, Some(_)) => decided
            .and(case.last("close"))
            .filter(|_| case.state() == "closed")
            .map(|step| step.at),
        (None, None) => None,
    };
    [initiated, judged, handled, rectified]
}

/// The whole chain, then each link with its median time.
pub(super) fn chain(asked: Asked<'_>, cases: &[CaseFile]) -> Vec<Target> {
    // A problem is a case that was judged to be one in the period.
    let problems: Vec<(&CaseFile, [Option<i64>; 4])> = cases
        .iter()
        .map(|case| (case, links(case)))
        .filter(|(_, links)| links[1].is_some_and(|at| asked.period.contains(beijing_day(at))))
        .collect();
    let mut rows = Vec::new();
    let mut times: [Vec<i64>; 4] = Default::default();
    let mut closed = [0_u32; 4];
    let mut all_four = 0_u32;
    for (case, links) in &problems {
        let mut row = vec![
            case.case_id.clone(),
            case.unit_name.clone(),
            case.org_code.clone(),
        ];
        let mut before = case.steps.first().map(|step| step.at);
        for (link, at) in links.iter().enumerate() {
            // A link can close together with the one before it, never earlier.
            let took = at.zip(before).map(|(at, before)| (at - before).max(0));
            if at.is_some() {
                closed[link] += 1;
            }
            if let Some(took) = took {
                times[link].push(took);
            }
            row.push(took.map(days).unwrap_or_default());
            before = at.or(before);
        }
        let all = links.iter().all(Option::is_some);
        all_four += u32::from(all);
        row.push(all.to_string());
        row.push(case.state().to_owned());
        rows.push(row);
    }
    let of = problems.len() as f64;
    let note = "problems are cases of the mirrored queue that were judged to be one in the period; \
                days since the link before";
    let mut targets = vec![Target::counted(
        "chain_complete",
        "整改链条完整率",
        "problems with all four links closed",
        "cases",
        None,
        (f64::from(all_four), of),
        note.to_owned(),
        COLUMNS,
        rows.clone(),
    )];
    for (link, (code, zh, text)) in LINKS.into_iter().enumerate() {
        let mut target = Target::counted(
            code,
            zh,
            text,
            "cases",
            None,
            (f64::from(closed[link]), of),
            note.to_owned(),
            COLUMNS,
            rows.clone(),
        );
        target.median_days = median(&mut times[link]).map(|micros| micros / DAY_MICROS as f64);
        targets.push(target);
    }
    targets
}

fn days(micros: i64) -> String {
    format!("{:.2}", micros as f64 / DAY_MICROS as f64)
}

fn median(times: &mut [i64]) -> Option<f64> {
    times.sort_unstable();
    let upper = *times.get(times.len() / 2)?;
    let lower = times[(times.len() - 1) / 2];
    Some((lower + upper) as f64 / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspection::Config;
    use crate::inspection::casebook::Step;
    use crate::ratio::{Period, RatioPolicy, parse_as_of};

    fn case(id: &str, steps: &[(&str, &str, i64)]) -> CaseFile {
        let start = parse_as_of("2026-03-02 00:00:00").unwrap();
        CaseFile {
            case_id: id.to_owned(),
            steps: steps
                .iter()
                .map(|(action, to, day)| Step {
                    seq: *day,
                    from: None,
                    to: (*to).to_owned(),
                    action: (*action).to_owned(),
                    actor: "x".to_owned(),
                    role: "x".to_owned(),
                    at: start + day * DAY_MICROS,
                    fields: Default::default(),
                    files: Vec::new(),
                })
                .collect(),
            ..CaseFile::default()
        }
    }

    #[test]
    fn links_close_one_after_the_other() {
        let open = [
            ("detected", "detected", 0),
            ("dispatch", "dispatched", 1),
            ("rectify", "rectify", 3),
        ];
        let done = [
            &open[..],
            &[
                ("submit", "submitted", 8),
                ("approve", "approved", 9),
                ("close", "closed", 20),
            ],
        ]
        .concat();
        let back = [&done[..], &[("relapse", "reopened", 25)]].concat();
        let dismissed = [
            ("detected", "detected", 0),
            ("dismiss", "dismissed", 2),
            ("close", "closed", 3),
        ];
        let filed = [
            ("detected", "detected", 0),
            ("escalate", "to_onsite", 0),
            ("file", "filing", 4),
            ("no_penalty", "no_penalty", 10),
            ("close", "closed", 12),
        ];
        let fined = [
            ("detected", "detected", 0),
            ("escalate_s1", "to_onsite", 1),
            ("onsite", "onsite_done", 1),
            ("file", "filing", 3),
            ("accept_case", "case", 5),
            ("decide", "case", 9),
            ("close", "closed", 40),
        ];
        let cases = [
            case("open", &open),
            case("done", &done),
            case("back", &back),
            case("dismissed", &dismissed),
            case("filed", &filed),
            case("fined", &fined),
        ];
        let (period, config) = (Period::year(2026).unwrap(), Config::default());
        let asked = Asked {
            period: &period,
            as_of: i64::MAX,
            policy: &RatioPolicy::built_in(),
            config: &config,
        };
        let targets = chain(asked, &cases);
        let counts: Vec<(f64, f64)> = targets.iter().map(|one| (one.hits, one.of)).collect();
        assert_eq!(
            counts,
            [(3.0, 5.0), (5.0, 5.0), (5.0, 5.0), (5.0, 5.0), (3.0, 5.0)]
        );
        // 1, 1, 1, 0 and 1 days; 2, 2, 2, 4 and 2; 0, 0, 0, 6 and 6; 6, 2 and 31.
        let medians: Vec<Option<f64>> = targets.iter().map(|one| one.median_days).collect();
        assert_eq!(medians, [None, Some(1.0), Some(2.0), Some(0.0), Some(6.0)]);
        let row = targets[0].rows.iter().find(|row| row[0] == "done").unwrap();
        assert_eq!(
            row[3..],
            ["1.00", "2.00", "0.00", "6.00", "true", "closed"].map(str::to_owned)
        );
    }
}
