//! The permits of all units, as documents on a topic.
//!
//! Every unit's permit is there before its first reading. During the run some are issued anew: with
//! a lower or a higher limit, or unchanged and with a later version overtaking an earlier one. One
//! further document has a credit code with a wrong check character: it has to be kept and marked.

use nonsite_schemas::time::{DAY_MICROS, beijing_day_start};
use nonsite_schemas::wire::permit::{
    Averaging, Basis, Binding, DischargeMode, Limit, MassLevel, MassLimit, Medium as WireMedium,
    MgmtClass, Outlet, OutletKind, Permit, PermitStatus,
};
use nonsite_schemas::wire::{Day, Instant};
use serde::{Deserialize, Serialize};

use crate::factor::Role;
use crate::layout::{Business, Channel, Layout, Medium, Point, Unit};
use crate::plan::{PermitCase, Plan};
use crate::scale::Scale;
use crate::stamp::{HOUR, SECOND};

/// Documents on the permits topic.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermitCounts {
    /// All of them.
    pub documents: u64,
    /// Different permit numbers.
    pub permits: u64,
    /// Documents that fail validation.
    pub faulty: u64,
    /// Documents that arrive after a later version.
    pub late: u64,
}

/// A document and when it arrives, microseconds UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Document<T> {
    /// Arrival.
    pub arrival: i64,
    /// The document.
    pub body: T,
}

/// Permitted mass rate, as a multiple of that at the limit with the usual flow.
const RATE_OF_LIMIT: f64 = 1.25;

/// Days a permit is valid.
const VALID_DAYS: i32 = 1_826;

/// All documents by arrival, and their counts.
pub fn documents(
    scale: &Scale,
    layout: &Layout,
    plan: &Plan,
) -> (Vec<Document<Permit>>, PermitCounts) {
    let start = beijing_day_start(scale.start_day);
    let run = i64::from(scale.days) * DAY_MICROS;
    let mut documents = Vec::new();
    let mut late = 0;
    for unit in &layout.units {
        let case = plan.permits[unit.index];
        let first = permit(scale, layout, unit, case);
        // The registry sends what it has before the run.
        let arrival = start - 900 * SECOND + unit.index as i64 * 10_000;
        match case {
            PermitCase::Changed {
                channel,
                from_hour,
                factor,
            } => {
                let issued = start + i64::from(from_hour) * HOUR;
                let mut second = reissued(&first, 2, issued);
                let point = &layout.points[unit.points.start];
                let code = point.channels[channel].factor.code;
                for limit in second
                    .outlets
                    .iter_mut()
                    .flat_map(|outlet| &mut outlet.limits)
                {
                    if limit.factor == code {
                        for value in [&mut limit.conc_limit, &mut limit.rate_limit_kg_h] {
                            *value = value.map(|value| rounded(value * factor));
                        }
                    }
                }
                documents.push(Document {
                    arrival: issued + 300 * SECOND,
                    body: second,
                });
            }
            PermitCase::Reissued => {
                let third = start + run * 2 / 3;
                let second = reissued(&first, 2, start + run / 3);
                documents.push(Document {
                    arrival: third + 300 * SECOND,
                    body: reissued(&first, 3, third),
                });
                documents.push(Document {
                    arrival: third + 900 * SECOND,
                    body: second,
                });
                late += 1;
            }
            PermitCase::Plain
            | PermitCase::MassOver { .. }
            | PermitCase::MonthOver { .. }
            | PermitCase::Ends { .. } => {}
        }
        documents.push(Document {
            arrival,
            body: first,
        });
    }
    let faulty = wrong_check_character(&documents[documents.len() - 1].body);
    documents.push(Document {
        arrival: start + 2 * HOUR,
        body: faulty,
    });
    documents.sort_by_key(|document| document.arrival);
    let counts = PermitCounts {
        documents: documents.len() as u64,
        permits: layout.units.len() as u64 + 1,
        faulty: 1,
        late,
    };
    (documents, counts)
}

fn permit(scale: &Scale, layout: &Layout, unit: &Unit, case: PermitCase) -> Permit {
    let last_day = match case {
        PermitCase::Ends { last_day } => scale.start_day + last_day,
        // Not due for renewal within the year after the run, and the run is not in year 6.
        _ => scale.start_day + scale.days as i32 + 500 + (unit.index as i32 * 37) % 700,
    };
    let first_day = last_day - VALID_DAYS + 1;
    let points = &layout.points[unit.points.clone()];
    Permit {
        permit_no: unit.permit_no.clone(),
        version: 1,
        issued_at: Instant(beijing_day_start(first_day - 15) + 9 * HOUR),
        uscc: unit.uscc.clone(),
        unit_name: unit.name.clone(),
        legal_person: Some(format!("法人{:04}", unit.index + 1)),
        tech_contact: Some(format!("联系人{:04}", unit.index + 1)),
        address: Some(format!("山东省东营市示例路{}号", unit.index + 1)),
        longitude: Some(118.3 + f64::from((unit.index % 97) as u32) * 0.008),
        latitude: Some(37.2 + f64::from((unit.index % 89) as u32) * 0.008),
        admin_code: Some(unit.admin_code.to_owned()),
        org_code: Some(unit.org_code.clone()),
        industry_codes: vec![unit.business.industry().to_owned()],
        mgmt_class: Some(MgmtClass::Key),
        issue_authority: Some("东营市生态环境局".to_owned()),
        first_issued_on: Some(Day(first_day - 15)),
        valid_from: Some(Day(first_day)),
        valid_to: Some(Day(last_day)),
        status: Some(PermitStatus::Valid),
        is_key_unit: true,
        positive_list: unit.index % 10 == 9,
        outlets: points.iter().map(outlet).collect(),
        mass_limits: points
            .iter()
            .flat_map(|point| mass_limits(scale, point, case))
            .collect(),
        bindings: points
            .iter()
            // Some loggers were exchanged after the permit was issued: filed as documents.
            .filter(|point| !crate::supporting::is_bound_elsewhere(point))
            .map(|point| Binding {
                mn: point.mn.clone(),
                outlet: point.outlet_code.clone(),
                cadence_s: i32::try_from(scale.cadence_s).ok(),
                source: Some("registry".to_owned()),
                ..Binding::default()
            })
            .collect(),
        ..Permit::default()
    }
}

fn outlet(point: &Point) -> Outlet {
    let standard = point.business.standard(point.medium).to_owned();
    let mut limits: Vec<Limit> = Vec::new();
    for channel in &point.channels {
        let code = channel.factor.code;
        if channel.factor.role == Role::Ph {
            limits.push(Limit {
                factor: code.to_owned(),
                conc_limit: Some(9.0),
                low_limit: Some(6.0),
                unit: Some("1".to_owned()),
                basis: Some(Basis::Raw),
                averaging: Some(Averaging::Hour),
                standard: Some(standard.clone()),
                ..Limit::default()
            });
        }
        for (value, averaging) in [
            (channel.hour_limit, Averaging::Hour),
            (channel.day_limit, Averaging::Day),
        ] {
            if let Some(value) = value {
                limits.push(limit(point, channel, value, averaging, &standard));
            }
        }
    }
    let air = point.medium == Medium::Air;
    Outlet {
        code: point.outlet_code.clone(),
        kind: Some(OutletKind::Main),
        medium: Some(if air {
            WireMedium::Air
        } else {
            WireMedium::Water
        }),
        name: Some(format!(
            "{}排放口{}",
            if air { "废气" } else { "废水" },
            point.outlet_code
        )),
        height_m: air.then_some(80.0),
        inner_diameter_m: air.then(|| {
            let area = point.cross_section().unwrap_or(5.3);
            (2.0 * (area / std::f64::consts::PI).sqrt() * 100.0).round() / 100.0
        }),
        discharge_mode: Some(DischargeMode::Continuous),
        direction: (!air).then(|| "广利河".to_owned()),
        required_auto: point
            .channels
            .iter()
            .filter(|channel| channel.day_limit.is_some())
            .map(|channel| channel.factor.code.to_owned())
            .collect(),
        standard: Some(standard),
        limits,
        ..Outlet::default()
    }
}

fn limit(
    point: &Point,
    channel: &Channel,
    value: f64,
    averaging: Averaging,
    standard: &str,
) -> Limit {
    let unit = match (point.medium, channel.factor.code) {
        (Medium::Air, _) => "mg/m3",
        (Medium::Water, "w20117") => "ug/L",
        (Medium::Water, _) => "mg/L",
    };
    Limit {
        factor: channel.factor.code.to_owned(),
        conc_limit: Some(value),
        unit: Some(unit.to_owned()),
        basis: Some(if channel.converted {
            Basis::Converted
        } else {
            Basis::Raw
        }),
        ref_o2: point.reference_oxygen.filter(|_| channel.converted),
        averaging: Some(averaging),
        rate_limit_kg_h: point
            .flow_channel()
            .filter(|_| point.has_rate_limit() && averaging == Averaging::Hour)
            .map(|flow| rounded(value * point.channels[flow].base * RATE_OF_LIMIT * 3.6e-3)),
        standard: Some(standard.to_owned()),
        ..Limit::default()
    }
}

/// Mass of a channel in tonnes over `hours` of normal operation.
pub(crate) fn expected_mass(point: &Point, channel: &Channel, hours: f64) -> Option<f64> {
    let flow = point.channels[point.flow_channel()?].base;
    // mg/m3 x m3/s, or mg/L x L/s: both are mg/s.
    let per_second = channel.base * flow * 0.9;
    Some(per_second * 3_600.0 * hours / 1e9)
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// Permitted annual mass of a point's channel when its unit's case is to pass it halfway through
/// the run, tonnes.
pub(crate) fn tight_mass(scale: &Scale, point: &Point, case: PermitCase) -> Option<(usize, f64)> {
    let PermitCase::MassOver { channel } = case else {
        return None;
    };
    let mass = expected_mass(
        point,
        &point.channels[channel],
        f64::from(scale.hours()) / 2.0,
    )?;
    Some((channel, rounded(mass).max(0.0001)))
}

/// Permitted masses of the months in tonnes: cement kilns have them, for the months in which they take
/// turns standing still; one that is to be passed is that of half of the run's part of its last month.
fn months(scale: &Scale, point: &Point, at: usize, case: PermitCase) -> Vec<Option<f64>> {
    let mass = |hours: f64| {
        expected_mass(point, &point.channels[at], hours).map(|mass| rounded(mass).max(0.0001))
    };
    let ample = mass(744.0 * 1.6).filter(|_| point.business == Business::Cement);
    let mut months = vec![ample; 12];
    if case == (PermitCase::MonthOver { channel: at }) {
        let (month, hours) = last_month(scale);
        months[month as usize - 1] = mass(f64::from(hours) / 2.0);
    }
    if months.iter().all(Option::is_none) {
        months.clear();
    }
    months
}

/// The month in which the run ends, and how many hours of the run lie in it.
pub(crate) fn last_month(scale: &Scale) -> (u32, u32) {
    let last = scale.start_day + scale.days as i32 - 1;
    let (_, month, day) = crate::stamp::civil(last);
    (month, 24 * day.min(scale.days))
}

fn mass_limits(scale: &Scale, point: &Point, case: PermitCase) -> Vec<MassLimit> {
    let tight = tight_mass(scale, point, case);
    point
        .channels
        .iter()
        .enumerate()
        // Masses are permitted for the main pollutants: SO2, NOx and PM, COD, NH3-N and TP.
        .filter(|(at, channel)| *at < 3 && channel.factor.role == Role::Pollutant)
        .filter_map(|(at, channel)| {
            let mass = match tight {
                Some((limited, mass)) if limited == at => mass,
                _ => rounded(expected_mass(point, channel, 8_760.0 * 1.6)?).max(0.0001),
            };
            let year = Some(mass);
            Some(MassLimit {
                level: Some(MassLevel::Outlet),
                outlet: Some(point.outlet_code.clone()),
                factor: channel.factor.code.to_owned(),
                year_1: year,
                year_2: year,
                year_3: year,
                year_4: year,
                year_5: year,
                months: months(scale, point, at, case),
                ..MassLimit::default()
            })
        })
        .collect()
}

fn reissued(permit: &Permit, version: i32, issued: i64) -> Permit {
    Permit {
        version,
        issued_at: Instant(issued),
        ..permit.clone()
    }
}

/// A copy of a permit under a credit code whose check character is wrong, without loggers.
fn wrong_check_character(permit: &Permit) -> Permit {
    let mut uscc = permit.uscc.clone();
    let check = uscc.pop();
    uscc.push(if check == Some('0') { '1' } else { '0' });
    Permit {
        permit_no: format!("{uscc}001P"),
        uscc,
        version: 1,
        unit_name: "示例校验位错误有限公司".to_owned(),
        bindings: Vec::new(),
        ..permit.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_validate_except_the_one_that_must_not() {
        let scale = Scale {
            points: 60,
            factors: 12,
            ..Scale::default()
        };
        let layout = Layout::new(&scale);
        let plan = Plan::new(&scale, &layout);
        let (documents, counts) = documents(&scale, &layout, &plan);
        let mut faulty = 0;
        for document in &documents {
            let faults = document.body.validate();
            if document.body.unit_name.contains("校验位错误") {
                assert!(!faults.is_empty());
                faulty += 1;
            } else {
                assert!(faults.is_empty(), "{}: {faults:?}", document.body.unit_name);
            }
        }
        assert_eq!(faulty, counts.faulty);
        assert!(counts.late >= 1);
        let text = serde_json::to_string(&documents[0].body).unwrap();
        let back: Permit = serde_json::from_str(&text).unwrap();
        assert_eq!(back, documents[0].body);
    }
}
