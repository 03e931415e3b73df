//! Comparison samples: what a laboratory found while the instrument measured.

use nonsite_schemas::time::DAY_MICROS;
use nonsite_schemas::wire::Instant;
use nonsite_schemas::wire::documents::{ManualResult, ManualValue, Purpose};

use super::Stack;
use crate::layout::{Medium, Point, Unit};
use crate::plan::{Kind, Plan};
use crate::stamp::HOUR;

/// A failed sample, as a multiple of the usual level.
const FAILED: f64 = 2.2;

/// The comparisons of a point: the result is there on the morning after.
pub(super) fn samples(stack: &mut Stack, unit: &Unit, point: &Point, plan: &Plan, start: i64) {
    for episode in &plan.episodes[point.index] {
        let times = match episode.kind {
            Kind::ComparisonFailed => FAILED,
            Kind::ComparisonPassed => 1.0,
            _ => continue,
        };
        let Some(channel) = episode.channel.map(|at| &point.channels[at]) else {
            continue;
        };
        let sampled = start + i64::from(episode.first_hour) * HOUR;
        let known = start + (i64::from(episode.first_hour) / 24 + 1) * DAY_MICROS + 9 * HOUR;
        let measured_in = if point.medium == Medium::Air {
            "mg/m3"
        } else {
            "mg/L"
        };
        let id = format!("CP-{}-{:05}", point.mn, episode.first_hour);
        let result = ManualResult {
            result_id: id.clone(),
            version: 1,
            recorded_at: Some(Instant(known)),
            purpose: Some(Purpose::Comparison),
            mn: Some(point.mn.clone()),
            permit_no: Some(unit.permit_no.clone()),
            outlet: Some(point.outlet_code.clone()),
            sampled_at: Some(Instant(sampled)),
            sampled_to: Some(Instant(sampled + HOUR)),
            laboratory: Some("东营示例检测有限公司".to_owned()),
            cma_no: Some("191512340000".to_owned()),
            // A laboratory numbers its reports: the same number elsewhere would be a finding.
            report_no: Some(format!(
                "DY-B{:05}-{:05}",
                point.index + 1,
                episode.first_hour
            )),
            values: vec![ManualValue {
                factor: channel.factor.code.to_owned(),
                value: Some((channel.base * times * 1e3).round() / 1e3),
                unit: measured_in.to_owned(),
                ..ManualValue::default()
            }],
            ..ManualResult::default()
        };
        stack.add(known, "manual_result", &id, 1, &result);
    }
}
