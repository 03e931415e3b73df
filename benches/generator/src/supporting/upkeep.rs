//! What is done to the instruments: filings, tickets and marks.

use nonsite_schemas::time::DAY_MICROS;
use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::documents::{
    Filing, Mark, MarkCode, MarkScope, MarkSource, Parameter, Ticket, TicketKind, TicketStatus,
};

use super::Stack;
use crate::hour_plan::SERVICE_HOURS;
use crate::layout::{Point, Unit};
use crate::plan::{Episode, Kind, Plan};
use crate::point::FILED_SLOPE;
use crate::stamp::{HOUR, SECOND};

/// Analysers whose parameters loggers report: the first three channels.
const ANALYSERS: usize = 3;

/// Start of an hour of the run.
fn hour_start(start: i64, hour: u32) -> i64 {
    start + i64::from(hour) * HOUR
}

/// The filed cross-section of a duct whose flow is calculated from the velocity.
fn cross_section(stack: &mut Stack, unit: &Unit, point: &Point, start: i64, arrival: i64) {
    let Some(area) = point.cross_section() else {
        return;
    };
    let id = format!("F-{}-duct", point.mn);
    let filed = Filing {
        filing_id: id.clone(),
        version: 1,
        recorded_at: Some(Instant(start - 90 * DAY_MICROS)),
        mn: point.mn.clone(),
        permit_no: Some(unit.permit_no.clone()),
        outlet: Some(point.outlet_code.clone()),
        valid_from: Some(Instant(start - 90 * DAY_MICROS)),
        filed_by: Some(unit.name.clone()),
        parameters: vec![Parameter {
            parameter: "cross_section".to_owned(),
            value: Some(area),
            ..Parameter::default()
        }],
        ..Filing::default()
    };
    stack.add(arrival, "filing", &id, 1, &filed);
}

/// The filed parameters of every analyser, and the changes that were filed.
pub(super) fn filings(
    stack: &mut Stack,
    unit: &Unit,
    point: &Point,
    plan: &Plan,
    start: i64,
    arrival: i64,
) {
    cross_section(stack, unit, point, start, arrival);
    for at in 0..ANALYSERS.min(point.channels.len()) {
        let factor = point.channels[at].factor.code;
        let id = format!("F-{}-{factor}", point.mn);
        let parameter = |name: &str, value: f64, tolerance: f64| Parameter {
            parameter: name.to_owned(),
            value: Some(value),
            tolerance: Some(tolerance),
            ..Parameter::default()
        };
        let mut parameters = vec![
            parameter("i13008", 1.0, 0.005),
            parameter("i13007", 0.0, 0.005),
        ];
        parameters.extend(point.range(at).map(|range| parameter("i13001", range, 0.5)));
        let filed = Filing {
            filing_id: id.clone(),
            version: 1,
            recorded_at: Some(Instant(start - 90 * DAY_MICROS)),
            mn: point.mn.clone(),
            permit_no: Some(unit.permit_no.clone()),
            outlet: Some(point.outlet_code.clone()),
            factor: Some(factor.to_owned()),
            model: Some(format!("CEMS-{}", 100 + at)),
            valid_from: Some(Instant(start - 90 * DAY_MICROS)),
            filed_by: Some(unit.name.clone()),
            parameters,
            ..Filing::default()
        };
        stack.add(arrival, "filing", &id, 1, &filed);
        let changes = plan.episodes[point.index]
            .iter()
            .filter(|episode| episode.kind == Kind::FiledChange && episode.channel == Some(at));
        for (number, episode) in (2..).zip(changes) {
            let from = hour_start(start, episode.first_hour);
            let mut changed = Filing {
                version: number,
                recorded_at: Some(Instant(from + 2 * HOUR)),
                // The logger reports the new slope ten minutes after the hour.
                valid_from: Some(Instant(from + 500 * SECOND)),
                reason: Some("比对后调整斜率".to_owned()),
                ticket_id: Some(ticket_id(point, episode)),
                ..filed.clone()
            };
            changed.parameters[0].value = Some(FILED_SLOPE);
            stack.add(from + 2 * HOUR, "filing", &id, number, &changed);
        }
    }
}

fn ticket_id(point: &Point, episode: &Episode) -> String {
    format!("WO-{}-{:05}", point.mn, episode.first_hour)
}

/// Tickets of what was maintained, and the marks of every stretch that is marked in the packets.
pub(super) fn marks_and_tickets(
    stack: &mut Stack,
    unit: &Unit,
    point: &Point,
    plan: &Plan,
    start: i64,
) {
    for episode in &plan.episodes[point.index] {
        let from = hour_start(start, episode.first_hour);
        let hours = if episode.kind == Kind::LevelShift {
            SERVICE_HOURS
        } else {
            episode.hours
        };
        let to = hour_start(start, episode.first_hour + hours);
        let kind = match episode.kind {
            Kind::Maintained | Kind::LevelShift => Some(TicketKind::Maintenance),
            Kind::FaultRepaired => Some(TicketKind::Repair),
            // As in the packets: even hours are maintenance, odd ones calibration.
            Kind::MarkedExceed if episode.first_hour % 2 == 0 => Some(TicketKind::Maintenance),
            Kind::MarkedExceed => Some(TicketKind::Calibration),
            Kind::FiledChange => Some(TicketKind::ParameterChange),
            _ => None,
        };
        if let Some(kind) = kind {
            ticket(stack, unit, point, episode, kind, from, to);
        }
        let marks: &[(MarkScope, MarkCode, i64, i64)] = match (episode.kind, kind) {
            (Kind::MarkedExceed, Some(TicketKind::Calibration)) => {
                &[(MarkScope::Device, MarkCode::Calibration, from, to)]
            }
            (
                Kind::Maintained
                | Kind::LevelShift
                | Kind::FaultRepaired
                | Kind::MarkedExceed
                | Kind::FalseMark,
                _,
            ) => &[(MarkScope::Device, MarkCode::Maintenance, from, to)],
            (Kind::Stopped, _) => &[
                (MarkScope::Condition, MarkCode::Stopped, from, to),
                (MarkScope::Condition, MarkCode::StartUp, to, to + HOUR),
            ],
            (Kind::FalseStop, _) => &[(MarkScope::Condition, MarkCode::Stopped, from, to)],
            (Kind::GapBackfilled, _) => {
                &[(MarkScope::Device, MarkCode::CommunicationBreak, from, to)]
            }
            _ => &[],
        };
        for (number, mark) in marks.iter().enumerate() {
            let id = format!("MK-{}-{:05}-{number}", point.mn, episode.first_hour);
            let ticket = kind.map(|_| ticket_id(point, episode));
            mark_versions(stack, unit, point, episode, (&id, ticket), *mark, start);
        }
    }
}

fn ticket(
    stack: &mut Stack,
    unit: &Unit,
    point: &Point,
    episode: &Episode,
    kind: TicketKind,
    from: i64,
    to: i64,
) {
    let id = ticket_id(point, episode);
    let factors = episode
        .channel
        .filter(|_| kind == TicketKind::ParameterChange)
        .map(|at| point.channels[at].factor.code.to_owned());
    let opened = Ticket {
        ticket_id: id.clone(),
        version: 1,
        recorded_at: Some(Instant(from - HOUR / 2)),
        mn: point.mn.clone(),
        permit_no: Some(unit.permit_no.clone()),
        outlet: Some(point.outlet_code.clone()),
        factors: factors.into_iter().collect(),
        kind: Some(kind),
        status: Some(TicketStatus::Open),
        starts_at: Some(Instant(from)),
        noticed_at: (kind == TicketKind::Repair).then_some(Instant(from)),
        reported_at: (kind == TicketKind::Repair).then_some(Instant(from + HOUR / 2)),
        company: Some(format!("示例运维{}公司", point.index % 5 + 1)),
        technician: Some(format!("运维员{:02}", point.index % 40 + 1)),
        ..Ticket::default()
    };
    let closed = Ticket {
        version: 2,
        recorded_at: Some(Instant(to + HOUR / 4)),
        status: Some(TicketStatus::Closed),
        ends_at: Some(Instant(to)),
        actions: Some("完成".to_owned()),
        ..opened.clone()
    };
    stack.add(to + HOUR / 4, "ticket", &id, 2, &closed);
    // Some companies send everything at once in the evening, the last version first.
    let first = if point.index.is_multiple_of(3) {
        stack.late();
        to + HOUR / 2
    } else {
        from - HOUR / 2
    };
    stack.add(first, "ticket", &id, 1, &opened);
}

fn mark_versions(
    stack: &mut Stack,
    unit: &Unit,
    point: &Point,
    episode: &Episode,
    (id, ticket_id): (&str, Option<String>),
    (scope, code, from, to): (MarkScope, MarkCode, i64, i64),
    start: i64,
) {
    let next_day = start + (i64::from(episode.first_hour) / 24 + 1) * DAY_MICROS;
    let marked_at = match episode.kind {
        // Days after 12:00 of the next day.
        Kind::FalseMark => next_day + 2 * DAY_MICROS + 10 * HOUR,
        _ => next_day + 9 * HOUR,
    };
    let automatic = code == MarkCode::CommunicationBreak;
    let marked_at = if automatic { to } else { marked_at };
    let factors = episode
        .channel
        .filter(|_| episode.kind == Kind::FalseMark)
        .map(|at| point.channels[at].factor.code.to_owned());
    let mark = Mark {
        mark_id: id.to_owned(),
        version: 1,
        factors: factors.into_iter().collect(),
        recorded_at: Some(Instant(marked_at)),
        mn: point.mn.clone(),
        permit_no: Some(unit.permit_no.clone()),
        outlet: Some(point.outlet_code.clone()),
        scope: Some(scope),
        code: Some(code),
        starts_at: Some(Instant(from)),
        ends_at: Some(Instant(to)),
        source: Some(if automatic {
            MarkSource::Auto
        } else {
            MarkSource::Manual
        }),
        author: (!automatic).then(|| format!("环保专员{:04}", unit.index + 1)),
        marked_at: Some(Instant(marked_at)),
        reason: (!automatic).then(|| "按规则标记".to_owned()),
        ticket_id,
        ..Mark::default()
    };
    if point.index % 4 == 1 && episode.kind == Kind::Maintained {
        // First marked an hour short, corrected in time; the correction arrives first.
        let short = Mark {
            ends_at: Some(Instant((to - HOUR).max(from + HOUR / 2))),
            ..mark.clone()
        };
        let corrected = Mark {
            version: 2,
            recorded_at: Some(Instant(marked_at + HOUR)),
            ..mark
        };
        stack.add(marked_at + HOUR, "mark", id, 2, &corrected);
        stack.add(marked_at + 2 * HOUR, "mark", id, 1, &short);
        stack.late();
    } else {
        stack.add(marked_at, "mark", id, 1, &mark);
    }
}
