//! How much of the city's emissions comes from industries that have an inspection checklist.
//!
//! For each pollutant: emissions of industries with a checklist over all emissions. The headline is
//! the smallest of them, because 90 % of one pollutant says nothing about another. Where masses come
//! from is a setting; none of the bases is complete, and the note says what was left out.

mod bases;
mod masses;

use std::collections::BTreeSet;

use super::config::TargetsFile;
use super::{Asked, Target, percent};
use crate::inspection::EmissionBasis;
use crate::inspection::Error;
use crate::inspection::checklist::Checklists;
use crate::inspection::permit::InForce;
use crate::session::Session;
use bases::{permitted, reported, stated};
use masses::Masses;
use nonsite_schemas::wire::permit::PermitStatus;

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
    "checklist",
    "next",
    "industry t",
    "industry %",
    "cumulative %",
    "permit",
    "unit",
    "level",
    "mass t",
];

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
    let industries = masses.industries();
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

/// Industries by their share, the largest first, each with the masses it is the sum of.
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
    let mut rows = Vec::new();
    for (industry, mass) in shares {
        sum += mass;
        let listed = if listed.contains(industry) {
            "yes"
        } else {
            "no"
        };
        for part in masses.parts(pollutant, industry) {
            rows.push(vec![
                name.to_owned(),
                industry.to_owned(),
                listed.to_owned(),
                if next == Some(industry) { "next" } else { "" }.to_owned(),
                format!("{mass:.3}"),
                percent(mass, total),
                percent(sum, total),
                part.permit_no.clone(),
                part.unit_name.clone(),
                part.level.to_owned(),
                format!("{:.3}", part.mass_t),
            ]);
        }
    }
    rows
}

#[cfg(test)]
mod tests;
