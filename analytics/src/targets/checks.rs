//! Checklist inspections: units drawn and checked, industries that were checked at all.

use std::collections::{BTreeMap, BTreeSet};

use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::inspection;
use serde_json::Value;

use super::{Asked, Target};
use crate::inspection::Error;
use crate::inspection::checklist::Checklists;
use crate::inspection::draw::Kind;
use crate::inspection::facts::date;
use crate::inspection::kept::Kept;
use crate::inspection::permit::InForce;
use crate::ratio::{Act, Cutoff, Decision, Mode, NotCounted, OrgLevel, compute, load_judged};
use crate::session::{Error as TableError, Session, rows};

/// One closed act of the period, in the version that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClosedAct {
    pub(super) act_id: String,
    pub(super) unit_id: String,
    pub(super) unit_name: String,
    pub(super) permit_no: Option<String>,
    pub(super) org_code: String,
    pub(super) org_level: OrgLevel,
    pub(super) completed_at: i64,
    /// A visit of one of the city's bodies that is an inspection of its own.
    pub(super) visit: bool,
    /// Class code.
    pub(super) class: String,
    /// Off-site or on-site.
    pub(super) mode: Mode,
    /// 行政行为码 of the act, where the record holds one.
    pub(super) action_code: Option<String>,
    /// Other bodies took part: the record names them, or they kept records of their own in its task.
    pub(super) joint: bool,
    /// The minimum record is complete.
    pub(super) complete: bool,
    pub(super) conclusion: String,
    /// The permit checklist it answered.
    pub(super) checklist: Option<String>,
    /// Answers to a checklist of any kind.
    pub(super) answers: i64,
}

/// The acts of the period that the ratio looked at and did not throw out as void, open, of another
/// time, or of another act.
pub(super) async fn closed_acts(
    session: &Session,
    asked: Asked<'_>,
    lists: &Checklists,
) -> Result<Vec<ClosedAct>, Error> {
    let acts = load_judged(session.ctx(), Some(lists))
        .await
        .map_err(|error| Error::Asked(error.to_string()))?;
    let cutoff = Cutoff::as_of(asked.as_of);
    let report = compute(&acts, asked.policy, cutoff, asked.period);
    let what = "records of inspections";
    let sql = "SELECT act_id, kafka_partition, kafka_offset, permit_no, conclusion, record_faults, \
               checklist_count, joint_orgs, document FROM inspections";
    let found = session.rows(what, sql).await?;
    let found = rows::objects(&found).map_err(|error| TableError::query(what)(error.into()))?;
    let number = |row: &serde_json::Map<String, Value>, column: &str| {
        row.get(column).and_then(Value::as_i64).unwrap_or(-1)
    };
    // The queue's own acts have origins of their own, which may be those of a topic's records.
    let by_origin: BTreeMap<(String, i64, i64), _> = found
        .iter()
        .map(|row| {
            let act_id = rows::text(row, "act_id").unwrap_or_default();
            let (partition, offset) = (number(row, "kafka_partition"), number(row, "kafka_offset"));
            ((act_id, partition, offset), row)
        })
        .collect();
    let together = bodies_by_task(&report.decisions);
    let mut closed = Vec::new();
    for decision in &report.decisions {
        let gone = matches!(
            decision.reason(),
            Some(
                NotCounted::Withdrawn
                    | NotCounted::NotClosed
                    | NotCounted::OutsidePeriod
                    | NotCounted::LateEdit
                    | NotCounted::Merged
                    | NotCounted::SameTask
            )
        );
        let act = decision.act;
        let (Some(completed_at), false) = (act.completed_at, gone) else {
            continue;
        };
        let origin = (act.act_id.clone(), i64::from(act.origin.0), act.origin.1);
        let row = by_origin.get(&origin);
        let text = |column: &str| row.and_then(|row| rows::text(row, column));
        let document = text("document").unwrap_or_default();
        let record = inspection::decode(document.as_bytes())
            .ok()
            .map(|document| document.value)
            .unwrap_or_default();
        closed.push(ClosedAct {
            act_id: act.act_id.clone(),
            unit_id: act.unit_id.clone(),
            unit_name: act.unit_name.clone(),
            permit_no: text("permit_no"),
            org_code: act.org_code.clone(),
            org_level: act.org_level,
            completed_at,
            visit: is_visit(decision),
            class: act.class.clone(),
            mode: act.mode,
            action_code: record.action_code.filter(|code| !code.trim().is_empty()),
            joint: text("joint_orgs").is_some_and(|bodies| !bodies.is_empty())
                || task_of(act)
                    .is_some_and(|task| together.get(&task).is_some_and(|bodies| bodies.len() > 1)),
            complete: act.document_faults.is_empty()
                && act.open_items.is_none()
                && text("record_faults").is_none(),
            conclusion: text("conclusion").unwrap_or_default(),
            checklist: record.checklist_form.map(|form| form.checklist_id),
            answers: row.map_or(0, |row| number(row, "checklist_count")),
        });
    }
    Ok(closed)
}

/// Unit and task of an act that names one.
fn task_of(act: &Act) -> Option<(&str, &str)> {
    let task = act.task_id.as_deref().filter(|task| !task.is_empty())?;
    Some((act.unit_id.as_str(), task))
}

/// The bodies that kept records of visits of one task on one unit.
fn bodies_by_task<'a>(
    decisions: &'a [Decision<'_>],
) -> BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>> {
    let mut bodies: BTreeMap<_, BTreeSet<&str>> = BTreeMap::new();
    for decision in decisions {
        let kept = decision
            .reason()
            .is_none_or(|reason| reason == NotCounted::SameTask);
        if decision.act.mode == Mode::Onsite
            && let Some(task) = task_of(decision.act).filter(|_| kept || is_visit(decision))
        {
            bodies
                .entry(task)
                .or_default()
                .insert(&decision.act.org_code);
        }
    }
    bodies
}

/// Counted, or left out of the ratio for what has nothing to do with the visit itself.
fn is_visit(decision: &Decision<'_>) -> bool {
    let own = matches!(
        decision.reason(),
        None | Some(
            NotCounted::CountedAsOffsite | NotCounted::ClassNotCounted | NotCounted::PositiveList
        )
    );
    own && decision.act.mode == Mode::Onsite && !decision.act.org_level.is_higher()
}

impl ClosedAct {
    fn is_of(&self, id: &str) -> bool {
        self.unit_id == id || self.permit_no.as_deref() == Some(id)
    }
}

const UNIT_COLUMNS: &[&str] = &["unit", "name", "draw", "drawn", "act", "checklist"];
const INDUSTRY_COLUMNS: &[&str] = &[
    "industry",
    "checklist",
    "units",
    "checked",
    "counts",
    "permit",
    "act",
    "completed",
];

/// Units drawn and checked, and industries checked.
pub(super) fn checked(
    asked: Asked<'_>,
    lists: &Checklists,
    permits: &[InForce],
    draws: &[Kept],
    acts: &[ClosedAct],
) -> Vec<Target> {
    vec![units(asked, draws, acts), industries(lists, permits, acts)]
}

fn units(asked: Asked<'_>, draws: &[Kept], acts: &[ClosedAct]) -> Target {
    let of_period: Vec<&Kept> = draws
        .iter()
        .filter(|kept| kept.draw.kind == Kind::Draw && kept.drawn_at <= asked.as_of)
        .filter(|kept| asked.period.contains(beijing_day(kept.drawn_at)))
        .collect();
    // Unit to name and the drawings that chose it.
    let mut list: BTreeMap<&str, (&str, Vec<&Kept>)> = BTreeMap::new();
    for kept in &of_period {
        for listed in &kept.draw.list {
            list.entry(&listed.id).or_insert((&listed.name, Vec::new()));
        }
        for chosen in &kept.draw.chosen {
            if let Some((_, drawn)) = list.get_mut(chosen.id.as_str()) {
                drawn.push(kept);
            }
        }
    }
    let (mut drawn, mut hits) = (0_u32, 0_u32);
    let mut rows = Vec::new();
    for (id, (name, drawings)) in &list {
        let first = drawings.iter().map(|kept| kept.drawn_at).min();
        let act = first.and_then(|first| {
            acts.iter().find(|act| {
                act.is_of(id)
                    && act.checklist.is_some()
                    && act.answers > 0
                    && act.completed_at >= first
            })
        });
        drawn += u32::from(first.is_some());
        hits += u32::from(act.is_some());
        rows.push(vec![
            (*id).to_owned(),
            (*name).to_owned(),
            drawings
                .first()
                .map(|kept| kept.draw_id.clone())
                .unwrap_or_default(),
            first.is_some().to_string(),
            act.map(|act| act.act_id.clone()).unwrap_or_default(),
            act.and_then(|act| act.checklist.clone())
                .unwrap_or_default(),
        ]);
    }
    Target::counted(
        "checklist_units",
        "清单式检查单位覆盖率",
        "units of the drawing lists that were drawn and then checked with their checklist",
        "units",
        Some(100.0),
        (f64::from(hits), list.len() as f64),
        format!(
            "{} drawings; {drawn} units drawn of {} listed, {hits} of them checked",
            of_period.len(),
            list.len()
        ),
        UNIT_COLUMNS,
        rows,
    )
}

fn industries(lists: &Checklists, permits: &[InForce], acts: &[ClosedAct]) -> Target {
    // Listed industries that have units here.
    let mut units: BTreeMap<&str, Vec<&InForce>> = BTreeMap::new();
    for permit in permits {
        if lists.of_industry(permit.industry()).is_some() {
            units.entry(permit.industry()).or_default().push(permit);
        }
    }
    let mut hits = 0_u32;
    let mut rows = Vec::new();
    for (industry, permits) in &units {
        let of_industry: BTreeSet<&str> = permits
            .iter()
            .map(|one| one.permit.permit_no.as_str())
            .collect();
        let of_acts: Vec<(&str, &ClosedAct)> = acts
            .iter()
            .filter(|act| act.checklist.is_some() && act.answers > 0)
            .filter_map(|act| Some((act.permit_no.as_deref()?, act)))
            .filter(|(permit_no, _)| of_industry.contains(permit_no))
            .collect();
        let checked: BTreeSet<&str> = of_acts.iter().map(|(permit_no, _)| *permit_no).collect();
        hits += u32::from(!checked.is_empty());
        let row = |counts: &str, act: [String; 3]| {
            let list = lists.of_industry(industry);
            let mut row = vec![
                (*industry).to_owned(),
                list.map(|list| list.checklist_id.clone())
                    .unwrap_or_default(),
                permits.len().to_string(),
                checked.len().to_string(),
                counts.to_owned(),
            ];
            row.extend(act);
            row
        };
        if of_acts.is_empty() {
            rows.push(row("no", Default::default()));
        }
        for (at, (permit_no, act)) in of_acts.iter().enumerate() {
            // An industry counts once, however often it was checked.
            let counts = if at == 0 { "yes" } else { "" };
            let day = date(beijing_day(act.completed_at)).to_string();
            rows.push(row(
                counts,
                [(*permit_no).to_owned(), act.act_id.clone(), day],
            ));
        }
    }
    Target::counted(
        "checklist_industries",
        "清单式检查行业覆盖率",
        "listed industries with units here of which at least one was checked with the checklist",
        "industries",
        Some(100.0),
        (f64::from(hits), units.len() as f64),
        "by the first industry code of each permit".to_owned(),
        INDUSTRY_COLUMNS,
        rows,
    )
}

#[cfg(test)]
mod tests {
    use nonsite_schemas::wire::permit::Permit;

    use super::*;

    fn act(id: &str, permit_no: &str) -> ClosedAct {
        ClosedAct {
            act_id: id.to_owned(),
            unit_id: permit_no.to_owned(),
            unit_name: permit_no.to_owned(),
            permit_no: Some(permit_no.to_owned()),
            org_code: "B1".to_owned(),
            org_level: OrgLevel::SubBureau,
            completed_at: 0,
            visit: false,
            class: "daily".to_owned(),
            mode: Mode::Offsite,
            action_code: None,
            joint: false,
            complete: true,
            conclusion: "no_problem".to_owned(),
            checklist: Some("thermal-power".to_owned()),
            answers: 9,
        }
    }

    /// An industry counts once, and its rows are the acts it was checked by.
    #[test]
    fn industries_lead_to_acts() {
        let lists = Checklists::load(None).unwrap();
        let permit = |permit_no: &str, industry: &str| InForce {
            permit: Permit {
                permit_no: permit_no.to_owned(),
                industry_codes: vec![industry.to_owned()],
                ..Permit::default()
            },
            origin: (0, 0),
        };
        let permits = [
            permit("P1", "4411"),
            permit("P2", "4411"),
            permit("P3", "3011"),
            // An industry without a checklist.
            permit("P4", "1713"),
        ];
        let mut unanswered = act("d", "P3");
        unanswered.answers = 0;
        let acts = [
            act("a", "P1"),
            act("b", "P1"),
            act("c", "P2"),
            unanswered,
            act("e", "P4"),
        ];
        let target = industries(&lists, &permits, &acts);
        assert_eq!((target.hits, target.of), (1.0, 2.0));
        let shown: Vec<[&str; 5]> = target
            .rows
            .iter()
            .map(|row| [0, 3, 4, 5, 6].map(|column| row[column].as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ["3011", "0", "no", "", ""],
                ["4411", "2", "yes", "P1", "a"],
                ["4411", "2", "", "P1", "b"],
                ["4411", "2", "", "P2", "c"],
            ]
        );
        let counting = |answer: &str| target.rows.iter().filter(|row| row[4] == answer).count();
        let (hits, missing) = (counting("yes") as f64, counting("no") as f64);
        assert_eq!((target.hits, target.of), (hits, hits + missing));
    }
}
