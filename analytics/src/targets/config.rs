//! The file with what no topic carries: sub-bureaus, emission statistics, audits from before there was
//! a table of them.

use std::path::Path;

use chrono::NaiveDate;
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
