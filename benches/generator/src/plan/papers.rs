//! Faults of what is on paper: permits and execution reports. They concern a unit, not an hour.

use super::{Episode, PermitCase, Planner, ReportCase};
use crate::factor::Role;
use crate::kind::Kind;
use crate::layout::{Medium, Point};
use crate::supporting;

impl Planner<'_> {
    /// Faults of a permit take a unit with one point for the whole run.
    pub(super) fn place_permit(&mut self, kind: Kind, index: usize) -> bool {
        let point: &Point = &self.layout.points[index];
        let unit = point.unit;
        let days = self.scale.days as usize;
        let taken = &mut self.busy[index * days..(index + 1) * days];
        if self.layout.units[unit].points.len() != 1 || taken.iter().any(|busy| *busy) {
            return false;
        }
        // A long run has many faults: they must not leave too few points for the other kinds.
        let most = self.layout.points.len().div_ceil(30);
        if self
            .permit_faults
            .iter()
            .filter(|placed| **placed == kind)
            .count()
            >= most
        {
            return false;
        }
        let change = matches!(kind, Kind::LimitTightened | Kind::RelaxedLimit);
        if change && (point.medium != Medium::Air || point.channels[0].hour_limit.is_none()) {
            return false;
        }
        let hours = self.scale.hours();
        let from_hour = if days > 1 { hours / 48 * 24 } else { 12 };
        let limit = point.channels[0].hour_limit.unwrap_or(0.0);
        let mut episode = |kind, first_hour, hours, ratio: f64, limit: Option<f64>| {
            self.plan.episodes[index].push(Episode {
                kind,
                point: index,
                channel: Some(0),
                first_hour,
                hours,
                level: limit.unwrap_or(0.0) * ratio,
                limit,
            });
        };
        self.plan.permits[unit] = match kind {
            Kind::LimitTightened => {
                // 0.85 of the old limit is 1.21 of the new one.
                episode(Kind::BeforeTightening, from_hour - 4, 2, 0.85, Some(limit));
                episode(
                    Kind::LimitTightened,
                    from_hour + 3,
                    3,
                    0.85 / 0.7,
                    Some(limit * 0.7),
                );
                PermitCase::Changed {
                    channel: 0,
                    from_hour,
                    factor: 0.7,
                }
            }
            Kind::RelaxedLimit => {
                // 1.2 of the old limit is 0.8 of the new one.
                episode(Kind::RelaxedLimit, from_hour + 3, 3, 0.8, Some(limit * 1.5));
                PermitCase::Changed {
                    channel: 0,
                    from_hour,
                    factor: 1.5,
                }
            }
            Kind::MassOver => {
                let air = point.medium == Medium::Air;
                let candidate = usize::from(air);
                if point.channels[candidate].factor.role != Role::Pollutant
                    || point.flow_channel().is_none()
                {
                    return false;
                }
                PermitCase::MassOver { channel: candidate }
            }
            Kind::MonthMassOver => {
                let candidate = usize::from(point.medium == Medium::Air);
                if point.channels[candidate].factor.role != Role::Pollutant
                    || point.flow_channel().is_none()
                {
                    return false;
                }
                PermitCase::MonthOver { channel: candidate }
            }
            Kind::PermitExpired => PermitCase::Ends {
                last_day: days as i32 / 2 - 1,
            },
            _ => PermitCase::Ends {
                last_day: days as i32 + 30,
            },
        };
        let taken = &mut self.busy[index * days..(index + 1) * days];
        taken.fill(true);
        self.permit_faults.push(kind);
        true
    }

    /// A report that is missing or late concerns no reading. Most units of a region hand in theirs:
    /// where few do, nobody can tell a missing one from a source that fails.
    pub(super) fn place_report(&mut self, kind: Kind, unit: usize) -> bool {
        let Some(quarter) = supporting::last_quarter(self.scale.start_day) else {
            return false;
        };
        let region = &self.layout.units[unit].org_code;
        let of_region = || {
            self.layout
                .units
                .iter()
                .filter(|other| other.org_code == *region)
        };
        let in_time = of_region()
            .filter(|other| self.plan.reports[other.index] == ReportCase::InTime)
            .count();
        if self.plan.reports[unit] != ReportCase::InTime
            || quarter.due_day + supporting::LATE_DAYS >= self.scale.start_day
            || in_time < 5
            || in_time * 3 < of_region().count() * 2 + 3
        {
            return false;
        }
        self.plan.reports[unit] = if kind == Kind::ReportLate {
            ReportCase::Late
        } else {
            ReportCase::Missing
        };
        true
    }
}
