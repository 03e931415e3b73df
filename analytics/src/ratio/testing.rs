//! Acts for tests: one that counts, changed where a test wants it different.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::DataType;
use nonsite_schemas::time::beijing_day_start;

use super::act::{Act, Mode, OrgLevel};
use super::compute::compute;
use super::decide::NotCounted;
use super::period::{Period, day_number, parse_as_of};
use super::policy::RatioPolicy;
use super::report::RatioReport;
use super::versions::Cutoff;

pub(super) const YEAR: i32 = 2026;

/// Noon (Beijing) on the n-th day of the year, from 0.
pub(super) fn noon(day: i32) -> i64 {
    let first = day_number(chrono::NaiveDate::from_ymd_opt(YEAR, 1, 1).unwrap());
    beijing_day_start(first + day) + 12 * 3_600 * 1_000_000
}

/// An act on a unit of its own, in a task of its own, with everything it needs to count.
pub(super) fn act(id: &str, mode: Mode) -> Act {
    Act {
        act_id: id.to_owned(),
        act_version: 1,
        task_id: Some(format!("task-{id}")),
        unit_id: format!("unit-{id}"),
        unit_name: format!("Unit {id}"),
        mode,
        method: match mode {
            Mode::Offsite => "auto_monitor".to_owned(),
            Mode::Onsite => "site_visit".to_owned(),
        },
        class: "daily".to_owned(),
        status: "closed".to_owned(),
        org_code: "brigade".to_owned(),
        org_level: OrgLevel::County,
        dispatching_org: None,
        territorial_org: None,
        lead_org: None,
        team_id: None,
        officers: vec!["o-1".to_owned(), "o-2".to_owned()],
        counts_for_ratio: true,
        not_counted_reason: None,
        completed_at: Some(noon(10)),
        approval_id: Some(format!("approval-{id}")),
        escalated_to: None,
        escalated_from: None,
        collapsed_into: None,
        rectification_review: false,
        positive_list: false,
        document_faults: Vec::new(),
        missing_evidence: Vec::new(),
        open_items: None,
        edit_reason: None,
        edit_second_person: None,
        recorded_at: noon(10),
        received_at: noon(10),
        origin: (0, 0),
    }
}

/// `off` off-site and `on` on-site acts that all count.
pub(super) fn acts(off: usize, on: usize) -> Vec<Act> {
    let of = |count: usize, mode: Mode| {
        (0..count).map(move |index| act(&format!("{}-{index}", mode.code()), mode))
    };
    of(off, Mode::Offsite).chain(of(on, Mode::Onsite)).collect()
}

/// The built-in policy.
pub(super) fn policy() -> RatioPolicy {
    RatioPolicy::built_in()
}

/// The report for the whole test year as it stood at its end.
pub(super) fn report<'a>(acts: &'a [Act], policy: &RatioPolicy) -> RatioReport<'a> {
    let end = parse_as_of("2026-12-31").unwrap();
    compute(acts, policy, Cutoff::at(end), &Period::year(YEAR).unwrap())
}

/// Off-site and total.
pub(super) fn counts(acts: &[Act], policy: &RatioPolicy) -> (u64, u64) {
    let share = report(acts, policy).share;
    (share.off, share.total())
}

/// Why an act was not counted.
pub(super) fn reason(report: &RatioReport<'_>, id: &str) -> Option<NotCounted> {
    report
        .decisions
        .iter()
        .find(|decision| decision.act.act_id == id)
        .unwrap_or_else(|| panic!("no decision about act {id}"))
        .reason()
}

/// The acts as rows of table `inspections`.
pub(super) fn rows(acts: &[Act]) -> RecordBatch {
    let schema = nonsite_schemas::tables::inspections().schema;
    let columns = schema
        .fields()
        .iter()
        .map(|field| column(acts, field.name(), field.data_type(), field.is_nullable()))
        .collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

fn column(acts: &[Act], name: &str, data_type: &DataType, nullable: bool) -> ArrayRef {
    let none_or = |empty: &str| (!nullable).then(|| empty.to_owned());
    let text = |act: &Act| match name {
        "act_id" => Some(act.act_id.clone()),
        "task_id" => act.task_id.clone(),
        "unit_id" => Some(act.unit_id.clone()),
        "unit_name" => Some(act.unit_name.clone()),
        "org_code" => Some(act.org_code.clone()),
        "org_level" => Some("sub_bureau".to_owned()),
        "mode" => Some(act.mode.code().to_owned()),
        "method" => Some(act.method.clone()),
        "class" => Some(act.class.clone()),
        "status" => Some(act.status.clone()),
        "officers" => Some(act.officers.join(",")),
        "escalated_to" => act.escalated_to.clone(),
        "approval_id" => act.approval_id.clone(),
        "not_counted_reason" => act.not_counted_reason.clone(),
        "document" => Some("{}".to_owned()),
        _ => none_or(""),
    };
    let truth = |act: &Act| match name {
        "counts_for_ratio" => act.counts_for_ratio,
        "excluded_by_sender" => !act.counts_for_ratio,
        "positive_list" => act.positive_list,
        _ => act.document_faults.is_empty(),
    };
    let instant = |act: &Act| match name {
        "completed_at" => act.completed_at,
        "recorded_at" => Some(act.recorded_at),
        "received_at" => Some(act.received_at),
        _ => None,
    };
    match data_type {
        DataType::Utf8 => Arc::new(StringArray::from_iter(acts.iter().map(text))),
        DataType::Boolean => Arc::new(BooleanArray::from_iter(
            acts.iter().map(|act| Some(truth(act))),
        )),
        DataType::Int32 => Arc::new(Int32Array::from_iter_values(acts.iter().map(|act| {
            if name == "act_version" {
                act.act_version as i32
            } else {
                0
            }
        }))),
        DataType::Int64 => Arc::new(Int64Array::from_iter_values(
            acts.iter().map(|act| act.origin.1),
        )),
        DataType::Timestamp(..) => Arc::new(
            TimestampMicrosecondArray::from_iter(acts.iter().map(instant)).with_timezone("UTC"),
        ),
        other => panic!("column {name} of type {other} is new: fill it here"),
    }
}
