//! Checklist inspections: units drawn and checked, industries that were checked at all.

use std::collections::{BTreeMap, BTreeSet};

use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::inspection;
use serde_json::Value;

use super::{Asked, Target};
use crate::inspection::Error;
use crate::inspection::checklist::Checklists;
use crate::inspection::draw::Kind;
use crate::inspection::kept::Kept;
use crate::inspection::permit::InForce;
use crate::ratio::{Cutoff, NotCounted, OrgLevel, compute, load_judged};
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
        let form = inspection::decode(document.as_bytes())
            .ok()
            .and_then(|document| document.value.checklist_form);
        closed.push(ClosedAct {
            act_id: act.act_id.clone(),
            unit_id: act.unit_id.clone(),
            unit_name: act.unit_name.clone(),
            permit_no: text("permit_no"),
            org_code: act.org_code.clone(),
            org_level: act.org_level,
            completed_at,
            complete: act.document_faults.is_empty()
                && act.open_items.is_none()
                && text("record_faults").is_none(),
            conclusion: text("conclusion").unwrap_or_default(),
            checklist: form.map(|form| form.checklist_id),
            answers: row.map_or(0, |row| number(row, "checklist_count")),
        });
    }
    Ok(closed)
}

impl ClosedAct {
    fn is_of(&self, id: &str) -> bool {
        self.unit_id == id || self.permit_no.as_deref() == Some(id)
    }
}

const UNIT_COLUMNS: &[&str] = &["unit", "name", "draw", "drawn", "act", "checklist"];
const INDUSTRY_COLUMNS: &[&str] = &["industry", "checklist", "units", "checked"];

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
        let checked: BTreeSet<&str> = acts
            .iter()
            .filter(|act| act.checklist.is_some() && act.answers > 0)
            .filter_map(|act| act.permit_no.as_deref())
            .filter(|permit_no| of_industry.contains(permit_no))
            .collect();
        hits += u32::from(!checked.is_empty());
        rows.push(vec![
            (*industry).to_owned(),
            lists
                .of_industry(industry)
                .map(|list| list.checklist_id.clone())
                .unwrap_or_default(),
            permits.len().to_string(),
            checked.len().to_string(),
        ]);
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
