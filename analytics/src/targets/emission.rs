//! How much of the city's emissions comes from industries that have an inspection checklist.
//!
//! For each pollutant: emissions of industries with a checklist over all emissions. The headline is
//! the smallest of them, because 90 % of one pollutant says nothing about another. Where masses come
//! from is a setting; none of the bases is complete, and the note says what was left out.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike;

use super::config::TargetsFile;
use super::{Asked, Target, percent};
use crate::inspection::EmissionBasis;
use crate::inspection::Error;
use crate::inspection::checklist::Checklists;
use crate::inspection::facts::{date, day_number};
use crate::inspection::permit::InForce;
use crate::session::{Session, rows};
use nonsite_schemas::time::beijing_day;
use nonsite_schemas::wire::permit::{MassLevel, MassLimit, Permit, PermitStatus, YearBasis};
use serde_json::Value;

/// Pollutants of the target and the factor codes that are them.
pub(super) const POLLUTANTS: [(&str, &[&str]); 8] = [
    ("SO2", &["a21026"]),
    ("NOx", &["a21002"]),
    ("PM", &["a34013"]),
    ("VOCs", &["a24088"]),
    ("COD", &["w01018"]),
    ("NH3-N", &["w21003"]),
    ("TP", &["w21011"]),
    ("TN", &["w21001"]),
];

/// Codes of the figures, in the order of [`POLLUTANTS`].
const CODES: [&str; 8] = [
    "checklist_emission_so2",
    "checklist_emission_nox",
    "checklist_emission_pm",
    "checklist_emission_vocs",
    "checklist_emission_cod",
    "checklist_emission_nh3n",
    "checklist_emission_tp",
    "checklist_emission_tn",
];

/// Share to be covered, percent.
const GOAL: f64 = 90.0;

const COLUMNS: &[&str] = &[
    "pollutant",
    "industry",
    "units",
    "mass t",
    "share %",
    "cumulative %",
    "checklist",
    "next",
];

/// Mass by pollutant (index) and industry, and units by industry.
#[derive(Debug, Default)]
struct Masses {
    mass: BTreeMap<(usize, String), f64>,
    units: BTreeMap<(usize, String), u64>,
    /// Units whose mass is not known.
    silent: u64,
}

impl Masses {
    fn add(&mut self, pollutant: usize, industry: &str, mass: f64) {
        let key = (pollutant, industry.to_owned());
        *self.mass.entry(key.clone()).or_default() += mass;
        *self.units.entry(key).or_default() += 1;
    }

    fn total(&self, pollutant: usize) -> f64 {
        self.of(pollutant).map(|(_, mass)| mass).sum()
    }

    fn of(&self, pollutant: usize) -> impl Iterator<Item = (&str, f64)> {
        self.mass
            .iter()
            .filter(move |((of, _), _)| *of == pollutant)
            .map(|((_, industry), mass)| (industry.as_str(), *mass))
    }

    fn covered(&self, pollutant: usize, industries: &BTreeSet<&str>) -> f64 {
        self.of(pollutant)
            .filter(|(industry, _)| industries.contains(industry))
            .map(|(_, mass)| mass)
            .sum()
    }

    /// The smallest coverage over the pollutants that are emitted at all, and which it is.
    fn headline(&self, industries: &BTreeSet<&str>) -> Option<(usize, f64)> {
        (0..POLLUTANTS.len())
            .filter(|&pollutant| self.total(pollutant) > 0.0)
            .map(|pollutant| {
                (
                    pollutant,
                    self.covered(pollutant, industries) / self.total(pollutant),
                )
            })
            .min_by(|left, right| left.1.total_cmp(&right.1))
    }
}

/// The headline and one figure per pollutant.
pub(super) async fn coverage(
    session: &Session,
    asked: Asked<'_>,
    lists: &Checklists,
    file: &TargetsFile,
    permits: &[InForce],
) -> Result<Vec<Target>, Error> {
    let live: Vec<&InForce> = permits
        .iter()
        .filter(|one| {
            matches!(
                one.permit.status,
                None | Some(PermitStatus::Valid | PermitStatus::Changing)
            )
        })
        .collect();
    let (masses, note) = match asked.config.emission_basis {
        EmissionBasis::Permit => permitted(&live, asked.as_of),
        EmissionBasis::Report => reported(session, &live, asked).await?,
        EmissionBasis::Statistics => stated(file),
    };
    Ok(figures(&masses, lists, &note))
}

fn figures(masses: &Masses, lists: &Checklists, note: &str) -> Vec<Target> {
    let industries: BTreeSet<&str> = masses
        .mass
        .keys()
        .map(|(_, industry)| industry.as_str())
        .collect();
    let listed: BTreeSet<&str> = industries
        .iter()
        .copied()
        .filter(|industry| lists.of_industry(industry).is_some())
        .collect();
    let next = next_industry(masses, &industries, &listed);
    let mut all = Vec::new();
    let mut every_row = Vec::new();
    for (pollutant, (name, _)) in POLLUTANTS.iter().enumerate() {
        let total = masses.total(pollutant);
        let rows = rows_of(masses, pollutant, name, &listed, next.as_deref());
        every_row.extend(rows.iter().cloned());
        all.push(Target::counted(
            CODES[pollutant],
            "清单行业排放占比",
            "emissions of industries that have an inspection checklist",
            "t",
            Some(GOAL),
            (masses.covered(pollutant, &listed), total),
            note.to_owned(),
            COLUMNS,
            rows,
        ));
    }
    let (worst, counts) = match masses.headline(&listed) {
        Some((pollutant, _)) => (
            POLLUTANTS[pollutant].0,
            (masses.covered(pollutant, &listed), masses.total(pollutant)),
        ),
        None => ("none", (0.0, 0.0)),
    };
    let next = next.map_or_else(
        || "no industry without a checklist would raise it".to_owned(),
        |industry| format!("add industry {industry} next"),
    );
    all.insert(
        0,
        Target::counted(
            "checklist_emission",
            "清单式检查行业排放量占比",
            "the smallest of the pollutants' shares",
            "t",
            Some(GOAL),
            counts,
            format!("{worst} decides; {next}; {note}"),
            COLUMNS,
            every_row,
        ),
    );
    all
}

/// The industry whose checklist would raise the headline most; of equals the one that covers most of
/// all pollutants, then the smaller code.
fn next_industry(
    masses: &Masses,
    industries: &BTreeSet<&str>,
    listed: &BTreeSet<&str>,
) -> Option<String> {
    let (worst, _) = masses.headline(listed)?;
    let gain = |industry: &str| {
        let mut with = listed.clone();
        with.insert(industry);
        let headline = masses.headline(&with).map_or(0.0, |(_, share)| share);
        let own = |pollutant: usize| {
            let total = masses.total(pollutant);
            if total > 0.0 {
                masses.covered(pollutant, &BTreeSet::from([industry])) / total
            } else {
                0.0
            }
        };
        let all: f64 = (0..POLLUTANTS.len()).map(own).sum();
        (headline, own(worst), all)
    };
    industries
        .difference(listed)
        .map(|industry| (gain(industry), *industry))
        .max_by(|(left, a), (right, b)| {
            left.0
                .total_cmp(&right.0)
                .then(left.1.total_cmp(&right.1))
                .then(left.2.total_cmp(&right.2))
                .then(b.cmp(a))
        })
        .map(|(_, industry)| industry.to_owned())
}

/// Industries by their share, the largest first.
fn rows_of(
    masses: &Masses,
    pollutant: usize,
    name: &str,
    listed: &BTreeSet<&str>,
    next: Option<&str>,
) -> Vec<Vec<String>> {
    let total = masses.total(pollutant);
    let mut shares: Vec<(&str, f64)> = masses
        .of(pollutant)
        .filter(|(_, mass)| *mass > 0.0)
        .collect();
    shares.sort_by(|left, right| right.1.total_cmp(&left.1).then(left.0.cmp(right.0)));
    let mut sum = 0.0;
    shares
        .into_iter()
        .map(|(industry, mass)| {
            sum += mass;
            let units = masses.units.get(&(pollutant, industry.to_owned()));
            vec![
                name.to_owned(),
                industry.to_owned(),
                units.copied().unwrap_or_default().to_string(),
                format!("{mass:.3}"),
                percent(mass, total),
                percent(sum, total),
                if listed.contains(industry) {
                    "yes"
                } else {
                    "no"
                }
                .to_owned(),
                if next == Some(industry) { "next" } else { "" }.to_owned(),
            ]
        })
        .collect()
}

fn permitted(live: &[&InForce], as_of: i64) -> (Masses, String) {
    let day = beijing_day(as_of);
    let mut masses = Masses::default();
    for one in live {
        let mut any = false;
        for (pollutant, (_, factors)) in POLLUTANTS.iter().enumerate() {
            let mass: f64 = factors
                .iter()
                .filter_map(|factor| annual_mass(&one.permit, factor, day))
                .sum();
            if mass > 0.0 {
                any = true;
                masses.add(pollutant, one.industry(), mass);
            }
        }
        masses.silent += u64::from(!any);
    }
    let note = format!(
        "basis: masses permitted for the year by {} permits in force; {} of them permit none of the pollutants",
        live.len(),
        masses.silent
    );
    (masses, note)
}

/// What a permit allows of a factor in the year that holds `day`: the plant's total if it states one,
/// else main and general outlets or the organised total with the fugitive, else the outlets.
fn annual_mass(permit: &Permit, factor: &str, day: i32) -> Option<f64> {
    let year = permit_year(permit, day);
    let of = |level: MassLevel| {
        let stated: Vec<f64> = permit
            .mass_limits
            .iter()
            .filter(|mass| mass.factor == factor && mass.level == Some(level))
            .filter_map(|mass| of_year(mass, year))
            .collect();
        (!stated.is_empty()).then(|| stated.iter().sum::<f64>())
    };
    let sum = |parts: [Option<f64>; 3]| {
        let known: Vec<f64> = parts.into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>())
    };
    let organised = || {
        of(MassLevel::OrganisedTotal)
            .or_else(|| sum([of(MassLevel::MainTotal), of(MassLevel::GeneralTotal), None]))
            .or_else(|| of(MassLevel::Outlet))
    };
    of(MassLevel::PlantTotal).or_else(|| sum([organised(), of(MassLevel::Fugitive), None]))
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

async fn reported(
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
        let mut any = false;
        for (pollutant, (_, factors)) in POLLUTANTS.iter().enumerate() {
            let mass: f64 = factors
                .iter()
                .filter_map(|factor| {
                    ["year", "quarter", "month"].iter().find_map(|period| {
                        let of = |level: &str| {
                            let key = (
                                one.permit.permit_no.clone(),
                                (*factor).to_owned(),
                                (*period).to_owned(),
                                level.to_owned(),
                            );
                            stated.get(&key).copied()
                        };
                        of("plant_total").or_else(|| {
                            let organised = of("organised_total")
                                .or_else(|| match (of("main_total"), of("general_total")) {
                                    (None, None) => None,
                                    (main, general) => {
                                        Some(main.unwrap_or_default() + general.unwrap_or_default())
                                    }
                                })
                                .or_else(|| of("outlet"));
                            match (organised, of("fugitive")) {
                                (None, None) => None,
                                (organised, fugitive) => Some(
                                    organised.unwrap_or_default() + fugitive.unwrap_or_default(),
                                ),
                            }
                        })
                    })
                })
                .sum();
            if mass > 0.0 {
                any = true;
                masses.add(pollutant, one.industry(), mass);
            }
        }
        masses.silent += u64::from(!any);
    }
    let note = format!(
        "basis: masses in execution reports for {year}; {} of {} units reported none",
        masses.silent,
        live.len()
    );
    Ok((masses, note))
}

fn stated(file: &TargetsFile) -> (Masses, String) {
    let mut masses = Masses::default();
    for statistic in &file.statistic {
        let pollutant = POLLUTANTS
            .iter()
            .position(|(name, _)| *name == statistic.pollutant);
        if let Some(pollutant) = pollutant {
            masses.add(pollutant, &statistic.industry, statistic.mass_t);
        }
    }
    let note = format!(
        "basis: {} rows of statistics in the targets file",
        file.statistic.len()
    );
    (masses, note)
}

#[cfg(test)]
mod tests;
