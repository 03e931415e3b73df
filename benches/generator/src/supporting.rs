//! Documents that go with the readings: marks, tickets, filings, bindings, process points, windows,
//! reports, manual results.
//!
//! They say the same as the packets: an interval marked M has a mark and a ticket, a stop is marked
//! as a stop, a change of slope that was filed has a ticket and a filing of that hour, the power of a
//! logger is filed as that of a production line and its treatment. What an enterprise would leave out
//! on purpose (a ticket for a changed slope, a mark in time) is left out here as well, and is in the
//! truth file. Versions arrive out of order now and then, and one document is faulty.

mod comparisons;
mod upkeep;

use std::collections::BTreeMap;

use nonsite_schemas::time::{DAY_MICROS, beijing_day_start};
use nonsite_schemas::wire::documents::{
    ExecutionReport, LoggerBinding, ManualResult, ManualValue, ProcessPoint, Purpose, Quantity,
    ReportItem, ReportPeriod, ReportStatus, Role as FacilityRole, Window,
};
use nonsite_schemas::wire::permit::{MassLevel, PeriodKind, WarningLevel};
use nonsite_schemas::wire::{Day, Instant};
use serde::{Deserialize, Serialize};

use crate::factor::Role;
use crate::layout::{Layout, Medium, Point, Unit};
use crate::noise::{Domain, Noise};
use crate::packet::POWER_CODES;
use crate::permits::Document;
use crate::plan::{Plan, ReportCase};
use crate::scale::Scale;
use crate::stamp::{HOUR, SECOND, civil};

/// A document as it goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// Key of the message: the document's id, so that its versions share a partition.
    pub key: String,
    /// The document.
    pub json: Vec<u8>,
}

/// What the documents topic holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentCounts {
    /// Messages by type.
    pub documents: BTreeMap<String, u64>,
    /// Different ids by type.
    pub ids: BTreeMap<String, u64>,
    /// Messages that fail validation.
    pub faulty: u64,
    /// Messages that arrive after a later version of theirs.
    pub late: u64,
}

/// Collects documents while they are made.
pub(crate) struct Stack {
    papers: Vec<Document<Paper>>,
    counts: DocumentCounts,
}

impl Stack {
    /// Adds a document of a type with an id; the first version of an id is counted as one more id.
    pub(crate) fn add(
        &mut self,
        arrival: i64,
        kind: &str,
        id: &str,
        version: i32,
        body: &impl Serialize,
    ) {
        crate::truth::add(&mut self.counts.documents, kind, 1);
        if version == 1 {
            crate::truth::add(&mut self.counts.ids, kind, 1);
        }
        self.papers.push(Document {
            arrival,
            body: Paper {
                key: id.to_owned(),
                // Texts, numbers and lists: they always serialise.
                json: serde_json::to_vec(body).unwrap_or_default(),
            },
        });
    }

    pub(crate) fn late(&mut self) {
        self.counts.late += 1;
    }
}

/// Whether a logger's binding is a document of its own instead of a part of the permit.
pub(crate) fn is_bound_elsewhere(point: &Point) -> bool {
    point.index % 29 == 11
}

/// All documents by arrival, and their counts.
pub fn documents(
    scale: &Scale,
    layout: &Layout,
    plan: &Plan,
) -> (Vec<Document<Paper>>, DocumentCounts) {
    let start = beijing_day_start(scale.start_day);
    let mut stack = Stack {
        papers: Vec::new(),
        counts: DocumentCounts::default(),
    };
    for point in &layout.points {
        let unit = &layout.units[point.unit];
        let arrival = start - 800 * SECOND + point.index as i64 * 10_000;
        let mut noise = Noise::new(scale.seed, Domain::Documents, point.index as u64);
        upkeep::filings(&mut stack, unit, point, plan, start, arrival);
        upkeep::marks_and_tickets(&mut stack, unit, point, plan, start);
        if is_bound_elsewhere(point) {
            binding(&mut stack, scale, unit, point, start, arrival);
        }
        if point.has_power() {
            process_points(&mut stack, unit, point, start, arrival);
        }
        comparisons::samples(&mut stack, unit, point, plan, start);
        manual(&mut stack, unit, point, start, arrival, &mut noise);
    }
    for unit in &layout.units {
        reports(
            &mut stack,
            scale,
            unit,
            &layout.points[unit.points.clone()],
            plan.reports[unit.index],
            start,
        );
    }
    window(&mut stack, scale, layout, start);
    let Stack {
        mut papers,
        mut counts,
    } = stack;
    faulty(&mut papers, &mut counts, start);
    papers.sort_by(|a, b| (a.arrival, &a.body.key).cmp(&(b.arrival, &b.body.key)));
    (papers, counts)
}

/// A mark without a logger: stored, and used by nobody.
fn faulty(papers: &mut Vec<Document<Paper>>, counts: &mut DocumentCounts, start: i64) {
    let id = "MK-FAULTY";
    let text = format!(
        "{{\"type\":\"mark\",\"mark_id\":\"{id}\",\"version\":1,\"scope\":\"device\",\
         \"code\":\"calibration\",\"source\":\"auto\",\"starts_at\":\"{}\"}}",
        crate::stamp::rfc3339(start)
    );
    crate::truth::add(&mut counts.documents, "mark", 1);
    crate::truth::add(&mut counts.ids, "mark", 1);
    counts.faulty += 1;
    papers.push(Document {
        arrival: start + HOUR,
        body: Paper {
            key: id.to_owned(),
            json: text.into_bytes(),
        },
    });
}

fn binding(stack: &mut Stack, scale: &Scale, unit: &Unit, point: &Point, start: i64, arrival: i64) {
    let id = format!("B-{}", point.mn);
    let binding = LoggerBinding {
        binding_id: id.clone(),
        version: 1,
        recorded_at: Some(Instant(start - 20 * DAY_MICROS)),
        mn: point.mn.clone(),
        permit_no: unit.permit_no.clone(),
        outlet: point.outlet_code.clone(),
        cadence_s: i32::try_from(scale.cadence_s).ok(),
        valid_from: Some(Instant(start - 30 * DAY_MICROS)),
        replaces_mn: Some(format!("OLD{:08}", point.index)),
        filed_by: Some(unit.name.clone()),
        ..LoggerBinding::default()
    };
    stack.add(arrival, "binding", &id, 1, &binding);
}

fn process_points(stack: &mut Stack, unit: &Unit, point: &Point, start: i64, arrival: i64) {
    let number = point.index - unit.points.start + 1;
    let (production, treatment) = (format!("MF{number:04}"), format!("TA{number:03}"));
    let sides = [
        (
            POWER_CODES[0],
            &production,
            &treatment,
            FacilityRole::Production,
            50.0,
            420.0,
            "生产线",
        ),
        (
            POWER_CODES[1],
            &treatment,
            &production,
            FacilityRole::Treatment,
            10.0,
            95.0,
            "治理设施",
        ),
    ];
    for (code, facility, linked, role, on_above, rated, name) in sides {
        let id = format!("PP-{}-{code}", point.mn);
        let filed = ProcessPoint {
            point_id: id.clone(),
            version: 1,
            recorded_at: Some(Instant(start - 60 * DAY_MICROS)),
            mn: point.mn.clone(),
            factor: code.to_owned(),
            permit_no: Some(unit.permit_no.clone()),
            facility: Some(facility.clone()),
            name: Some(format!("{name}{number}")),
            role: Some(role),
            quantity: Some(Quantity::Power),
            unit: Some("kW".to_owned()),
            outlets: vec![point.outlet_code.clone()],
            linked: vec![linked.clone()],
            on_above: Some(on_above),
            rated: Some(rated),
            valid_from: Some(Instant(start - 60 * DAY_MICROS)),
            ..ProcessPoint::default()
        };
        stack.add(arrival, "process_point", &id, 1, &filed);
    }
}

/// Self-monitoring of the month before the run: values in the usual range of the outlet.
fn manual(
    stack: &mut Stack,
    unit: &Unit,
    point: &Point,
    start: i64,
    arrival: i64,
    noise: &mut Noise,
) {
    let id = format!("MR-{}-1", point.mn);
    let sampled = start - (5 + point.index as i64 % 20) * DAY_MICROS + 10 * HOUR;
    let measured_in = if point.medium == Medium::Air {
        "mg/m3"
    } else {
        "mg/L"
    };
    let values = point
        .channels
        .iter()
        .filter(|channel| channel.factor.role == Role::Pollutant)
        .take(3)
        .map(|channel| {
            let value = channel.base * noise.between(0.9, 1.1);
            ManualValue {
                factor: channel.factor.code.to_owned(),
                value: Some((value * 1e3).round() / 1e3),
                unit: measured_in.to_owned(),
                ..ManualValue::default()
            }
        })
        .collect();
    let result = ManualResult {
        result_id: id.clone(),
        version: 1,
        recorded_at: Some(Instant(sampled + 3 * DAY_MICROS)),
        purpose: Some(Purpose::SelfMonitoring),
        mn: Some(point.mn.clone()),
        permit_no: Some(unit.permit_no.clone()),
        outlet: Some(point.outlet_code.clone()),
        sampled_at: Some(Instant(sampled)),
        sampled_to: Some(Instant(sampled + HOUR)),
        laboratory: Some("东营示例检测有限公司".to_owned()),
        cma_no: Some("191512340000".to_owned()),
        report_no: Some(format!("DY-{:05}", point.index + 1)),
        values,
        ..ManualResult::default()
    };
    stack.add(arrival, "manual_result", &id, 1, &result);
}

/// Days after the end of a period within which its report is due.
const REPORT_DUE_DAYS: i32 = 15;
/// Days after that on which a late report arrives.
pub(crate) const LATE_DAYS: i32 = 14;

/// A quarter whose report is due apart from the year's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Quarter {
    year: i32,
    /// First month.
    month: u32,
    /// The day from which on its report is late.
    pub(crate) due_day: i32,
}

/// The last full quarter before the run; none where that is the last one of a year, which the year's
/// report covers.
pub(crate) fn last_quarter(start_day: i32) -> Option<Quarter> {
    let (year, month, _) = civil(start_day);
    let month = ((month - 1) / 3).checked_sub(1)? * 3 + 1;
    Some(Quarter {
        year,
        month,
        due_day: day_number(chrono::NaiveDate::from_ymd_opt(year, month + 3, 1)?)?
            + REPORT_DUE_DAYS,
    })
}

/// Days since 1970-01-01.
fn day_number(date: chrono::NaiveDate) -> Option<i32> {
    let epoch = chrono::NaiveDate::default();
    i32::try_from(date.signed_duration_since(epoch).num_days()).ok()
}

/// The reports of the last full quarter and year before the run, handed in on time unless the plan
/// says otherwise of the quarter's.
fn reports(
    stack: &mut Stack,
    scale: &Scale,
    unit: &Unit,
    points: &[Point],
    case: ReportCase,
    start: i64,
) {
    let (year, _, _) = civil(scale.start_day);
    let mut periods = vec![(ReportPeriod::Year, year - 1, 1, 8_400.0)];
    periods.extend(match last_quarter(scale.start_day) {
        Some(quarter) => Some((ReportPeriod::Quarter, quarter.year, quarter.month, 2_100.0)),
        None => Some((ReportPeriod::Quarter, year - 1, 10, 2_100.0)),
    });
    for (period, year, month, hours) in periods {
        let quarterly = period == ReportPeriod::Quarter;
        if quarterly && case == ReportCase::Missing {
            continue;
        }
        let Some(first) = chrono::NaiveDate::from_ymd_opt(year, month, 1) else {
            continue;
        };
        let months = if quarterly { 3 } else { 12 };
        let Some(after) = first.checked_add_months(chrono::Months::new(months)) else {
            continue;
        };
        let (Some(first), Some(after)) = (day_number(first), day_number(after)) else {
            continue;
        };
        let items = points
            .iter()
            .flat_map(|point| {
                point
                    .channels
                    .iter()
                    .filter(|channel| channel.factor.role == Role::Pollutant)
                    .take(3)
                    .filter_map(move |channel| {
                        let mass = crate::permits::expected_mass(point, channel, hours)?;
                        Some(ReportItem {
                            level: Some(MassLevel::Outlet),
                            outlet: Some(point.outlet_code.clone()),
                            factor: channel.factor.code.to_owned(),
                            mass_t: Some((mass * 1e4).round() / 1e4),
                            exceedances: Some(0),
                            ..ReportItem::default()
                        })
                    })
            })
            .collect();
        let id = format!("ER-{}-{}-{}", unit.permit_no, period.as_str(), first);
        let handed_in = if quarterly && case == ReportCase::Late {
            after + REPORT_DUE_DAYS + LATE_DAYS - 1
        } else {
            after + 9
        };
        let submitted = beijing_day_start(handed_in) + 10 * HOUR;
        let report = ExecutionReport {
            report_id: id.clone(),
            version: 1,
            recorded_at: Some(Instant(submitted)),
            permit_no: unit.permit_no.clone(),
            period: Some(period),
            period_start: Some(Day(first)),
            submitted_at: Some(Instant(submitted)),
            status: Some(ReportStatus::Accepted),
            run_hours: Some(hours),
            items,
            ..ExecutionReport::default()
        };
        let arrival = start - 700 * SECOND + unit.index as i64 * 10_000;
        stack.add(arrival, "execution_report", &id, 1, &report);
    }
}

/// A yellow warning over one county on the last day, lifted six hours early; no unit has to stop.
fn window(stack: &mut Stack, scale: &Scale, layout: &Layout, start: i64) {
    let Some(unit) = layout.units.first() else {
        return;
    };
    let id = format!("HW-{}", scale.start_day);
    let day = start + i64::from(scale.days - 1) * DAY_MICROS;
    let ordered = Window {
        window_id: id.clone(),
        version: 1,
        recorded_at: Some(Instant(day - 6 * HOUR)),
        kind: Some(PeriodKind::HeavyPollution),
        level: Some(WarningLevel::Yellow),
        issued_by: "370500".to_owned(),
        starts_at: Some(Instant(day)),
        ends_at: Some(Instant(day + DAY_MICROS)),
        admin_codes: vec![unit.admin_code.to_owned()],
        measures: Some("减少使用国四及以下柴油货车".to_owned()),
        ..Window::default()
    };
    let lifted = Window {
        version: 2,
        recorded_at: Some(Instant(day + 12 * HOUR)),
        ends_at: Some(Instant(day + 18 * HOUR)),
        ..ordered.clone()
    };
    stack.add(day - 5 * HOUR, "window", &id, 1, &ordered);
    stack.add(day + 12 * HOUR, "window", &id, 2, &lifted);
}

#[cfg(test)]
mod tests;
