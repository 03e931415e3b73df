//! Acts whose whole way is in the system (一网统管): 检查, 处罚, 整改审核, 稽查评估, 调度统计.
//!
//! A stage that an act does not call for (no penalty without a case) is not missing. The plan does
//! not say what makes a stage present; here it is:
//!
//! - inspection: the record is complete;
//! - penalty: asked for when the act files a case; there when a case of the queue that names the act
//!   reached filing;
//! - review of rectification: asked for when a problem was handed on (clue, on-site, case) and the
//!   queue has a case that names the act and ordered rectification; there when it was approved or
//!   ended without one. A problem that no case of the queue names is missing;
//! - audit: there when a sample chose the act's case; for an act without one, when a sample that was
//!   drawn after the act chose a case of its body. Standing on the list a sample was drawn from is
//!   not being looked into;
//! - statistics: there when a figure of the ratio was published as of a time after the act.

use std::collections::{BTreeMap, BTreeSet};

use super::checks::ClosedAct;
use super::{Asked, Target};
use crate::inspection::Error;
use crate::inspection::casebook::CaseFile;
use crate::inspection::draw::Kind;
use crate::inspection::kept::Kept;
use crate::session::{Session, rows};
use serde_json::Value;

const COLUMNS: &[&str] = &[
    "act",
    "unit",
    "body",
    "inspection",
    "penalty",
    "rectification",
    "audit",
    "statistics",
    "all",
];

/// Where a stage of an act stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    There,
    Missing,
    NotAskedFor,
}

impl Stage {
    fn of(asked_for: bool, there: bool) -> Self {
        match (asked_for, there) {
            (false, _) => Self::NotAskedFor,
            (true, true) => Self::There,
            (true, false) => Self::Missing,
        }
    }

    fn text(self) -> String {
        match self {
            Self::There => "yes",
            Self::Missing => "no",
            Self::NotAskedFor => "not asked for",
        }
        .to_owned()
    }
}

/// Acts with all stages they call for.
pub(super) async fn online(
    session: &Session,
    asked: Asked<'_>,
    cases: &[CaseFile],
    draws: &[Kept],
    acts: &[ClosedAct],
) -> Result<Target, Error> {
    let what = "published figures";
    let sql = format!(
        "SELECT max(arrow_cast(as_of, 'Int64')) AS latest FROM ratio_snapshots
         WHERE breakdown = 'total' AND arrow_cast(as_of, 'Int64') <= {}",
        asked.as_of
    );
    let found = session.rows(what, &sql).await?;
    let found = rows::objects(&found).map_err(Error::rows(what))?;
    let published = found
        .first()
        .and_then(|row| row.get("latest"))
        .and_then(Value::as_i64)
        .unwrap_or(i64::MIN);
    Ok(figure(asked.as_of, published, cases, draws, acts))
}

fn figure(
    as_of: i64,
    published: i64,
    cases: &[CaseFile],
    draws: &[Kept],
    acts: &[ClosedAct],
) -> Target {
    let mut by_act: BTreeMap<&str, Vec<&CaseFile>> = BTreeMap::new();
    for case in cases {
        for act in case.acts() {
            by_act.entry(act).or_default().push(case);
        }
    }
    let audited = Audited::of(as_of, cases, draws);
    let mut hits = 0_u32;
    let mut rows = Vec::new();
    for act in acts {
        let own = by_act
            .get(act.act_id.as_str())
            .map_or(&[][..], Vec::as_slice);
        let problem = !matches!(act.conclusion.as_str(), "" | "no_problem");
        let files =
            act.conclusion == "file_case" || own.iter().any(|case| case.last("file").is_some());
        let ordered = own.iter().any(|case| case.last("rectify").is_some());
        let approved = own.iter().any(|case| {
            case.last("approve").is_some()
                || (case.last("rectify").is_none() && case.state() == "closed")
        });
        let sampled = match own.is_empty() {
            true => audited
                .bodies
                .get(act.org_code.as_str())
                .is_some_and(|last| *last >= act.completed_at),
            false => own
                .iter()
                .any(|case| audited.cases.contains(case.case_id.as_str())),
        };
        let stages = [
            Stage::of(true, act.complete),
            Stage::of(files, own.iter().any(|case| case.last("file").is_some())),
            Stage::of(problem || ordered, approved),
            Stage::of(true, sampled),
            Stage::of(true, published >= act.completed_at),
        ];
        let all = stages.iter().all(|stage| *stage != Stage::Missing);
        hits += u32::from(all);
        let mut row = vec![
            act.act_id.clone(),
            act.unit_name.clone(),
            act.org_code.clone(),
        ];
        row.extend(stages.into_iter().map(Stage::text));
        row.push(all.to_string());
        rows.push(row);
    }
    Target::counted(
        "stages_online",
        "全流程线上率",
        "closed acts with every stage they call for in the system",
        "acts",
        Some(100.0),
        (f64::from(hits), acts.len() as f64),
        "penalty and rectification are asked for only when the act or its case calls for them"
            .to_owned(),
        COLUMNS,
        rows,
    )
}

/// What samples chose to be looked into.
struct Audited<'d> {
    cases: BTreeSet<&'d str>,
    /// When the last sample was drawn that chose a case of the body.
    bodies: BTreeMap<&'d str, i64>,
}

impl<'d> Audited<'d> {
    fn of(as_of: i64, cases: &'d [CaseFile], draws: &'d [Kept]) -> Self {
        let bodies_of: BTreeMap<&str, &str> = cases
            .iter()
            .map(|case| (case.case_id.as_str(), case.org_code.as_str()))
            .collect();
        let mut audited = Self {
            cases: BTreeSet::new(),
            bodies: BTreeMap::new(),
        };
        let samples = draws
            .iter()
            .filter(|kept| kept.draw.kind == Kind::Sample && kept.drawn_at <= as_of);
        for kept in samples {
            for chosen in &kept.draw.chosen {
                audited.cases.insert(&chosen.id);
                if let Some(body) = bodies_of.get(chosen.id.as_str()) {
                    let last = audited.bodies.entry(body).or_insert(kept.drawn_at);
                    *last = kept.drawn_at.max(*last);
                }
            }
        }
        audited
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspection::casebook::Step;
    use crate::inspection::draw::{Listed, Request, draw};
    use crate::ratio::{Mode, OrgLevel};

    fn act(id: &str, conclusion: &str) -> ClosedAct {
        ClosedAct {
            act_id: id.to_owned(),
            unit_id: "U".to_owned(),
            unit_name: "U".to_owned(),
            permit_no: None,
            org_code: "B1".to_owned(),
            org_level: OrgLevel::SubBureau,
            completed_at: 100,
            visit: false,
            class: "daily".to_owned(),
            mode: Mode::Offsite,
            action_code: None,
            joint: false,
            complete: true,
            conclusion: conclusion.to_owned(),
            checklist: None,
            answers: 1,
        }
    }

    fn step(action: &str, to: &str, act: Option<&str>) -> Step {
        Step {
            seq: 1,
            from: None,
            to: to.to_owned(),
            action: action.to_owned(),
            actor: "x".to_owned(),
            role: "officer".to_owned(),
            at: 50,
            fields: act
                .map(|act| ("act".to_owned(), act.to_owned()))
                .into_iter()
                .collect(),
            files: Vec::new(),
        }
    }

    #[test]
    fn an_act_needs_the_stages_it_calls_for() {
        let case = |id: &str, act: Option<&str>| CaseFile {
            case_id: id.to_owned(),
            org_code: "B1".to_owned(),
            steps: vec![
                step("rectify", "rectify", act),
                step("approve", "approved", None),
                step("close", "closed", None),
            ],
            ..CaseFile::default()
        };
        let cases = [case("c1", Some("clue")), case("c2", None)];
        // A sample of both cases that chose one of them.
        let sample = |chosen: &str, drawn_at: i64| {
            let listed = ["c1", "c2"].map(|id| Listed {
                id: id.to_owned(),
                name: String::new(),
                weight: 1,
                why: Vec::new(),
            });
            let drawn = (0..)
                .map(|seed| {
                    draw(Request {
                        kind: Kind::Sample,
                        basis: "closed cases of all bodies".to_owned(),
                        seed: format!("seed {seed}"),
                        count: 1,
                        unweighted: 1,
                        list: listed.to_vec(),
                        officers: Vec::new(),
                        officers_each: 0,
                    })
                    .unwrap()
                })
                .find(|drawn| drawn.chosen[0].id == chosen);
            Kept {
                draw_id: "d".to_owned(),
                drawn_at,
                draw: drawn.unwrap(),
            }
        };
        let acts = [
            act("plain", "no_problem"),
            act("clue", "clue_to_enterprise"),
            act("lost", "clue_to_enterprise"),
            act("filed", "file_case"),
        ];
        let hits = |published: i64, samples: &[Kept]| {
            let target = figure(200, published, &cases, samples, &acts);
            assert_eq!(target.of, 4.0);
            let complete: Vec<String> = target
                .rows
                .iter()
                .filter(|row| row[8] == "true")
                .map(|row| row[0].clone())
                .collect();
            assert_eq!(target.hits, complete.len() as f64);
            complete
        };
        assert_eq!(hits(100, &[sample("c1", 150)]), ["plain", "clue"]);
        assert!(
            hits(99, &[sample("c1", 150)]).is_empty(),
            "published before the act"
        );
        assert_eq!(
            hits(100, &[sample("c2", 150)]),
            ["plain"],
            "the case of the act stood on the list and was not chosen"
        );
        assert_eq!(
            hits(100, &[sample("c1", 99)]),
            ["clue"],
            "a sample before the act did not look at it"
        );
        assert!(
            hits(100, &[sample("c1", 201)]).is_empty(),
            "drawn after the instant asked for"
        );
        let mut elsewhere = act("plain", "no_problem");
        elsewhere.org_code = "B2".to_owned();
        let target = figure(200, 100, &cases, &[sample("c1", 150)], &[elsewhere]);
        assert_eq!(target.hits, 0.0, "no case of its body was chosen");
        assert!(hits(100, &[]).is_empty());
    }
}
