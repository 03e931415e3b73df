//! The file with what no topic carries: sub-bureaus, emission statistics, audits from before there was
//! a table of them.

use std::path::Path;

use chrono::{Datelike, NaiveDate};
use serde::Deserialize;

use crate::inspection::Error;

/// `[inspection] targets`.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetsFile {
    /// Codes of all sub-bureaus (分局); those that permits and inspections name when left out.
    pub sub_bureaus: Vec<String>,
    /// Audits (稽查) of sub-bureaus besides those of table `bureau_audits`. They hold at every instant
    /// after they ended: the file does not say when they were recorded.
    pub audit: Vec<Audit>,
    /// Emissions by industry and pollutant, for the basis `statistics`.
    pub statistic: Vec<Statistic>,
    /// Days of the year by which the evaluations have to be done.
    pub evaluations: Deadlines,
}

/// Days of the year, `MM-DD`, by which the evaluations have to be done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Deadlines {
    /// Sub-bureaus evaluate themselves.
    pub self_by: String,
    /// The city evaluates.
    pub city_by: String,
    /// The year is evaluated.
    pub year_by: String,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            self_by: "09-20".to_owned(),
            city_by: "10-10".to_owned(),
            year_by: "12-31".to_owned(),
        }
    }
}

/// A day of a year, written `MM-DD`.
pub(super) fn day_of(year: i32, text: &str) -> Option<NaiveDate> {
    format!("{year:04}-{text}")
        .parse::<NaiveDate>()
        .ok()
        .filter(|day| day.format("%m-%d").to_string() == text && day.year() == year)
}

/// One audit of a sub-bureau.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    /// Audited body.
    pub org_code: String,
    /// Who audited.
    pub team: String,
    /// Whether the team came from other districts (跨区).
    #[serde(default)]
    pub cross_region: bool,
    /// Day it ended; not counted without one.
    #[serde(default)]
    pub completed_on: Option<NaiveDate>,
    /// Record of it.
    #[serde(default)]
    pub record: Option<String>,
}

/// The emission of one pollutant by one industry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statistic {
    /// Industry, 4 digits (GB/T 4754).
    pub industry: String,
    /// SO2, NOx, PM, VOCs, COD, NH3-N, TP or TN.
    pub pollutant: String,
    /// Tons a year.
    pub mass_t: f64,
}

impl TargetsFile {
    /// Reads the file; without one nothing is stated.
    ///
    /// # Errors
    /// [`Error::Asked`], naming the file and what is wrong with it.
    pub fn load(path: Option<&Path>) -> Result<Self, Error> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let fault =
            |what: String| Error::Asked(format!("targets file `{}`: {what}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        let file: Self = toml::from_str(&text).map_err(|error| fault(error.to_string()))?;
        let days = &file.evaluations;
        for (name, text) in [
            ("self_by", &days.self_by),
            ("city_by", &days.city_by),
            ("year_by", &days.year_by),
        ] {
            // A year without 29 February, so that the day is there in every year.
            if day_of(2001, text).is_none() {
                return Err(fault(format!(
                    "evaluations.{name}: `{text}` is no day of every year, write MM-DD"
                )));
            }
        }
        for statistic in &file.statistic {
            if !super::emission::POLLUTANTS
                .iter()
                .any(|(name, _)| *name == statistic.pollutant)
            {
                let known: Vec<&str> = super::emission::POLLUTANTS
                    .iter()
                    .map(|(name, _)| *name)
                    .collect();
                return Err(fault(format!(
                    "`{}` is no pollutant of the target; there are: {}",
                    statistic.pollutant,
                    known.join(", ")
                )));
            }
            if !(statistic.mass_t >= 0.0 && statistic.mass_t.is_finite()) {
                return Err(fault(format!(
                    "industry {}: mass_t is not a mass",
                    statistic.industry
                )));
            }
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_every_year() {
        assert_eq!(day_of(2026, "09-20"), NaiveDate::from_ymd_opt(2026, 9, 20));
        for text in ["9-20", "02-30", "13-01", "soon", "09-20 "] {
            assert_eq!(day_of(2001, text), None, "{text}");
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("targets.toml");
        std::fs::write(&path, "[evaluations]\nself_by = \"02-29\"\n").unwrap();
        let refused = TargetsFile::load(Some(&path)).unwrap_err().to_string();
        assert!(
            refused.contains("evaluations.self_by: `02-29`"),
            "{refused}"
        );
        std::fs::write(&path, "[evaluations]\nself_by = \"09-30\"\n").unwrap();
        let file = TargetsFile::load(Some(&path)).unwrap();
        assert_eq!(file.evaluations.self_by, "09-30");
        assert_eq!(file.evaluations.city_by, "10-10");
    }
}
