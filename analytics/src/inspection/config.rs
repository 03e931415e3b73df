//! `[inspection]` of the configuration.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Checklists, and what the targets beside the ratio are counted from.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder with further checklists (TOML); a file with the id of a built-in one replaces it.
    pub checklists: Option<PathBuf>,
    /// File with what no topic carries: sub-bureaus, audits of them, emission statistics.
    pub targets: Option<PathBuf>,
    /// What the emissions of an industry are: `permit`, `report` or `statistics`.
    pub emission_basis: EmissionBasis,
}

/// What the emissions of an industry are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmissionBasis {
    /// Permitted annual masses.
    #[default]
    Permit,
    /// Masses in the execution reports of the year.
    Report,
    /// Environmental statistics, from the targets file.
    Statistics,
}

impl EmissionBasis {
    /// The basis as it is written in the configuration.
    pub fn code(self) -> &'static str {
        match self {
            Self::Permit => "permit",
            Self::Report => "report",
            Self::Statistics => "statistics",
        }
    }
}
