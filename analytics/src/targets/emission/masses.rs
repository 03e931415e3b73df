//! The masses a figure is the sum of: one for each permit and level, or for each line of statistics.

use std::collections::{BTreeMap, BTreeSet};

use super::POLLUTANTS;

/// One mass.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    /// Permit code; empty in statistics.
    pub(super) permit_no: String,
    /// Name of the unit; empty in statistics.
    pub(super) unit_name: String,
    /// What of the unit it covers; `statistics` in statistics.
    pub(super) level: &'static str,
    /// The mass, t.
    pub(super) mass_t: f64,
}

/// Masses by pollutant (index) and industry.
#[derive(Debug, Default)]
pub(super) struct Masses {
    by_industry: BTreeMap<(usize, String), Vec<Part>>,
    /// Units whose mass is not known.
    pub(super) silent: u64,
}

impl Masses {
    /// Takes a mass in; what is not above zero is none.
    pub(super) fn add(&mut self, pollutant: usize, industry: &str, part: Part) {
        if part.mass_t > 0.0 {
            let key = (pollutant, industry.to_owned());
            self.by_industry.entry(key).or_default().push(part);
        }
    }

    /// Every industry with a mass.
    pub(super) fn industries(&self) -> BTreeSet<&str> {
        self.by_industry
            .keys()
            .map(|(_, industry)| industry.as_str())
            .collect()
    }

    /// What an industry's mass of a pollutant is the sum of, the largest first.
    pub(super) fn parts(&self, pollutant: usize, industry: &str) -> Vec<&Part> {
        let key = (pollutant, industry.to_owned());
        let mut parts: Vec<&Part> = self.by_industry.get(&key).into_iter().flatten().collect();
        parts.sort_by(|left, right| {
            let by_mass = right.mass_t.total_cmp(&left.mass_t);
            by_mass
                .then_with(|| (&left.permit_no, left.level).cmp(&(&right.permit_no, right.level)))
        });
        parts
    }

    pub(super) fn total(&self, pollutant: usize) -> f64 {
        self.of(pollutant).map(|(_, mass)| mass).sum()
    }

    /// The industries of a pollutant with their masses.
    pub(super) fn of(&self, pollutant: usize) -> impl Iterator<Item = (&str, f64)> {
        self.by_industry
            .iter()
            .filter(move |((of, _), _)| *of == pollutant)
            .map(|((_, industry), parts)| {
                let mass = parts.iter().map(|part| part.mass_t).sum();
                (industry.as_str(), mass)
            })
    }

    pub(super) fn covered(&self, pollutant: usize, industries: &BTreeSet<&str>) -> f64 {
        self.of(pollutant)
            .filter(|(industry, _)| industries.contains(industry))
            .map(|(_, mass)| mass)
            .sum()
    }

    /// The smallest coverage over the pollutants that are emitted at all, and which it is.
    pub(super) fn headline(&self, industries: &BTreeSet<&str>) -> Option<(usize, f64)> {
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
