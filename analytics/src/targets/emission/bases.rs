//! Where masses come from: permits, execution reports, statistics.

use std::collections::BTreeMap;

use chrono::Datelike;
use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::permit::{MassLevel, MassLimit, Permit, YearBasis};
use serde_json::Value;

use super::super::Asked;
use super::super::config::TargetsFile;
use super::POLLUTANTS;
use super::masses::{Masses, Part};
use crate::inspection::Error;
use crate::inspection::facts::{date, day_number};
use crate::inspection::permit::InForce;
use crate::session::{Session, rows};

/// Masses by level.
type Levels = Vec<(MassLevel, f64)>;

/// Masses that permits in force allow for the year.
pub(super) fn permitted(live: &[&InForce], as_of: i64) -> (Masses, String) {
    let day = beijing_day(as_of);
    let mut masses = Masses::default();
    for one in live {
        let of = |factor: &str| annual_masses(&one.permit, factor, day);
        masses.silent += u64::from(!add(&mut masses, one, of));
    }
    let note = format!(
        "basis: masses permitted for the year by {} permits in force; {} of them permit none of the pollutants",
        live.len(),
        masses.silent
    );
    (masses, note)
}

/// Takes in what is known of a unit; whether anything is.
fn add(masses: &mut Masses, one: &InForce, of: impl Fn(&str) -> Levels) -> bool {
    let mut any = false;
    for (pollutant, (_, factors)) in POLLUTANTS.iter().enumerate() {
        for (level, mass_t) in factors.iter().flat_map(|factor| of(factor)) {
            any |= mass_t > 0.0;
            let part = Part {
                permit_no: one.permit.permit_no.clone(),
                unit_name: one.permit.unit_name.clone(),
                level: level.as_str(),
                mass_t,
            };
            masses.add(pollutant, one.industry(), part);
        }
    }
    any
}

/// Of the levels that are stated, the widest: the plant's total, else main and general outlets or the
/// organised total with the fugitive, else the outlets.
fn widest(of: impl Fn(MassLevel) -> Option<f64>) -> Levels {
    let all = |levels: &[MassLevel]| -> Levels {
        let stated = levels
            .iter()
            .filter_map(|level| Some((*level, of(*level)?)));
        stated.collect()
    };
    let plant = all(&[MassLevel::PlantTotal]);
    if !plant.is_empty() {
        return plant;
    }
    let organised = [
        &[MassLevel::OrganisedTotal][..],
        &[MassLevel::MainTotal, MassLevel::GeneralTotal],
        &[MassLevel::Outlet],
    ];
    let mut parts = organised
        .into_iter()
        .map(all)
        .find(|parts| !parts.is_empty())
        .unwrap_or_default();
    parts.extend(all(&[MassLevel::Fugitive]));
    parts
}

/// What a permit allows of a factor in the year that holds `day`.
pub(super) fn annual_masses(permit: &Permit, factor: &str, day: i32) -> Levels {
    let year = permit_year(permit, day);
    widest(|level| {
        let stated: Vec<f64> = permit
            .mass_limits
            .iter()
            .filter(|mass| mass.factor == factor && mass.level == Some(level))
            .filter_map(|mass| of_year(mass, year))
            .collect();
        (!stated.is_empty()).then(|| stated.iter().sum())
    })
}

/// Permit year, from 1; a day outside the permit's time belongs to its first or last year.
fn permit_year(permit: &Permit, day: i32) -> usize {
    let Some(from) = permit.valid_from else {
        return 1;
    };
    let (start, now) = (date(from.0), date(day));
    let years = match permit.year_basis {
        YearBasis::Calendar => now.year() - start.year(),
        YearBasis::Anniversary => {
            let anniversary = day_number(start.with_year(now.year()).unwrap_or(start));
            now.year() - start.year() - i32::from(day < anniversary)
        }
    };
    years.clamp(0, 4) as usize + 1
}

fn of_year(mass: &MassLimit, year: usize) -> Option<f64> {
    let years = [
        mass.year_1,
        mass.year_2,
        mass.year_3,
        mass.year_4,
        mass.year_5,
    ];
    // A permit that states fewer years means the last one to hold on.
    years.get(..year)?.iter().rev().find_map(|mass| *mass)
}

/// Masses in execution reports of the year.
pub(super) async fn reported(
    session: &Session,
    live: &[&InForce],
    asked: Asked<'_>,
) -> Result<(Masses, String), Error> {
    let what = "masses of execution reports";
    let year = asked.period.from.year();
    // The year's report where there is one, else the quarters', else the months'. Of its levels the
    // widest that is stated.
    let sql = format!(
        "SELECT permit_no, factor, period, level, sum(mass_t) AS mass_t FROM report_figures
         WHERE date_part('year', period_start) = {year} AND mass_t IS NOT NULL
           AND arrow_cast(submitted_at, 'Int64') <= {}
         GROUP BY permit_no, factor, period, level",
        asked.as_of
    );
    let found = session.rows(what, &sql).await?;
    let mut stated: BTreeMap<(String, String, String, String), f64> = BTreeMap::new();
    for row in rows::objects(&found).map_err(Error::rows(what))? {
        let text = |column: &str| rows::text(&row, column).unwrap_or_default();
        let mass = row
            .get("mass_t")
            .and_then(Value::as_f64)
            .unwrap_or_default();
        stated.insert(
            (
                text("permit_no"),
                text("factor"),
                text("period"),
                text("level"),
            ),
            mass,
        );
    }
    let mut masses = Masses::default();
    for one in live {
        let of = |factor: &str, period: &str, level: MassLevel| {
            let key = (
                one.permit.permit_no.clone(),
                factor.to_owned(),
                period.to_owned(),
                level.as_str().to_owned(),
            );
            stated.get(&key).copied()
        };
        let levels = |factor: &str| {
            ["year", "quarter", "month"]
                .into_iter()
                .map(|period| widest(|level| of(factor, period, level)))
                .find(|parts| !parts.is_empty())
                .unwrap_or_default()
        };
        masses.silent += u64::from(!add(&mut masses, one, levels));
    }
    let note = format!(
        "basis: masses in execution reports for {year}; {} of {} units reported none",
        masses.silent,
        live.len()
    );
    Ok((masses, note))
}

/// Masses of the targets file.
pub(super) fn stated(file: &TargetsFile) -> (Masses, String) {
    let mut masses = Masses::default();
    for statistic in &file.statistic {
        let pollutant = POLLUTANTS
            .iter()
            .position(|(name, _)| *name == statistic.pollutant);
        if let Some(pollutant) = pollutant {
            let part = Part {
                permit_no: String::new(),
                unit_name: String::new(),
                level: "statistics",
                mass_t: statistic.mass_t,
            };
            masses.add(pollutant, &statistic.industry, part);
        }
    }
    let note = format!(
        "basis: {} rows of statistics in the targets file",
        file.statistic.len()
    );
    (masses, note)
}
