//! The mapping file: what the columns of an export mean.
//!
//! Exports differ in everything: column names, units, how a missing value is written, whether one
//! instant is one row or four. The mapping states it once, as TOML, so that the import itself has
//! no guesses in it. Unknown keys are refused: a mistyped key would silently change the data.
//!
//! [`Mapping`] is only the shape; [`super::plan`] binds it to the columns a file really has.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::error::ImportError;

/// The granularities a reading may have.
pub(super) const GRANULARITIES: [&str; 4] = ["realtime", "minute", "hour", "day"];

/// How rows carry readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One row per instant, one column per factor.
    Wide,
    /// One row per instant and factor.
    Long,
}

/// Which field of a reading a column fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Default)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The measured value or mean.
    #[default]
    Value,
    /// The value converted to reference oxygen.
    ZsValue,
    /// The smallest value of the interval.
    Min,
    /// The largest value of the interval.
    Max,
    /// The accumulated amount of the interval.
    Cou,
    /// The data mark (`N`, `D`, `M`, ...).
    Flag,
}

impl Statistic {
    /// The numeric statistics, in the order in which a message carries them.
    pub(super) const NUMERIC: [Self; 5] =
        [Self::Value, Self::ZsValue, Self::Min, Self::Max, Self::Cou];

    /// The field's name in the JSON message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::ZsValue => "zs_value",
            Self::Min => "min",
            Self::Max => "max",
            Self::Cou => "cou",
            Self::Flag => "flag",
        }
    }
}

/// A linear unit conversion: `value * scale / divide + offset`.
///
/// `divide` exists because most conversions are divisions (`3600` for m3/h to m3/s) that have no
/// exact decimal factor.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(default)]
pub struct Conversion {
    /// Multiplied first.
    pub scale: f64,
    /// Divided by second; not zero.
    pub divide: f64,
    /// Added last.
    pub offset: f64,
}

impl Default for Conversion {
    fn default() -> Self {
        Self {
            scale: 1.0,
            divide: 1.0,
            offset: 0.0,
        }
    }
}

impl Conversion {
    /// The converted value. Rounded to 15 significant digits unless nothing is converted, so that
    /// 42.68 / 1000 is written as 0.04268 and not as its binary neighbour.
    pub fn apply(&self, value: f64) -> f64 {
        if *self == Self::default() {
            return value;
        }
        let converted = value * self.scale / self.divide + self.offset;
        format!("{converted:.14e}").parse().unwrap_or(converted)
    }

    fn check(&self, key: &str) -> Result<(), String> {
        let finite = self.scale.is_finite() && self.divide.is_finite() && self.offset.is_finite();
        if !finite || self.divide == 0.0 || self.scale == 0.0 {
            return Err(format!(
                "{key}: `scale` and `divide` must be finite and not zero, `offset` finite"
            ));
        }
        Ok(())
    }
}

/// `[csv]`: how the text is cut into cells.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CsvShape {
    /// One character between cells.
    pub delimiter: String,
    /// Lines before the header line that are not data (titles).
    pub skip_lines: u64,
}

impl Default for CsvShape {
    fn default() -> Self {
        Self {
            delimiter: ",".to_owned(),
            skip_lines: 0,
        }
    }
}

/// `[time]`: where the instant is and how it is written.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeColumns {
    /// The column with the time.
    #[serde(default)]
    pub column: Option<String>,
    /// Several columns whose texts are joined by one blank (date and time of day apart).
    #[serde(default)]
    pub columns: Vec<String>,
    /// A chrono pattern (`%Y-%m-%d %H:%M:%S`), `rfc3339`, `unix_s` or `unix_ms`.
    #[serde(default = "default_format")]
    pub format: String,
    /// Zone of times without one: `Asia/Shanghai` (always UTC+8), `UTC`, or an offset `+08:00`.
    #[serde(default = "default_zone")]
    pub zone: String,
    /// Instants are cut down to a multiple of this many seconds of local time; 0 keeps them.
    #[serde(default)]
    pub round_to_s: u32,
    /// Rows at most this many seconds from the first row of an instant belong to it; 0 needs
    /// equal times.
    #[serde(default)]
    pub merge_within_s: u32,
}

fn default_format() -> String {
    "%Y-%m-%d %H:%M:%S".to_owned()
}

fn default_zone() -> String {
    "Asia/Shanghai".to_owned()
}

/// `[reading]`: what holds for every column that does not say otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReadingDefaults {
    /// Unique id of the data logger.
    pub mn: Option<String>,
    /// `realtime`, `minute`, `hour` or `day`.
    pub granularity: Option<String>,
    /// Length of the interval in seconds.
    pub period_s: Option<u32>,
}

/// `[mn]`: the logger is named by a column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MnColumn {
    /// The column.
    pub column: String,
    /// Text in the column to MN; a text that is not listed is the MN itself.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

/// One `[[columns]]` entry of a wide export.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnMapping {
    /// Heading in the export.
    pub name: String,
    /// Factor code (HJ 212) or a private name.
    pub factor: String,
    /// Which field of the reading it fills.
    #[serde(default)]
    pub statistic: Statistic,
    /// Unit after conversion; for people, not used.
    #[serde(default)]
    pub unit: Option<String>,
    /// Multiplied first (see [`Conversion`]).
    #[serde(default = "one")]
    pub scale: f64,
    /// Divided by second.
    #[serde(default = "one")]
    pub divide: f64,
    /// Added last.
    #[serde(default)]
    pub offset: f64,
    /// Overrides `[reading] mn`.
    #[serde(default)]
    pub mn: Option<String>,
    /// Overrides `[reading] granularity`.
    #[serde(default)]
    pub granularity: Option<String>,
    /// Overrides `[reading] period_s`.
    #[serde(default)]
    pub period_s: Option<u32>,
}

fn one() -> f64 {
    1.0
}

impl ColumnMapping {
    /// The column's unit conversion.
    pub fn conversion(&self) -> Conversion {
        Conversion {
            scale: self.scale,
            divide: self.divide,
            offset: self.offset,
        }
    }
}

/// One `[long.factors.NAME]` entry.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorMapping {
    /// Factor code (HJ 212) or a private name.
    pub factor: String,
    /// Unit after conversion; for people, not used.
    #[serde(default)]
    pub unit: Option<String>,
    /// Multiplied first (see [`Conversion`]).
    #[serde(default = "one")]
    pub scale: f64,
    /// Divided by second.
    #[serde(default = "one")]
    pub divide: f64,
    /// Added last.
    #[serde(default)]
    pub offset: f64,
}

impl FactorMapping {
    /// The factor's unit conversion.
    pub fn conversion(&self) -> Conversion {
        Conversion {
            scale: self.scale,
            divide: self.divide,
            offset: self.offset,
        }
    }
}

/// `[long]`: the columns of a long export.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LongColumns {
    /// Column with the factor.
    pub factor: String,
    /// Column with the granularity; absent: `[reading] granularity`.
    pub granularity: Option<String>,
    /// Column with the measured value or mean.
    pub value: Option<String>,
    /// Column with the converted value.
    pub zs_value: Option<String>,
    /// Column with the minimum.
    pub min: Option<String>,
    /// Column with the maximum.
    pub max: Option<String>,
    /// Column with the accumulated amount.
    pub cou: Option<String>,
    /// Column with the data mark.
    pub flag: Option<String>,
    /// Text in the factor column to factor; a text that is not listed is the factor itself.
    pub factors: BTreeMap<String, FactorMapping>,
    /// Text in the granularity column to granularity.
    pub granularities: BTreeMap<String, String>,
}

impl LongColumns {
    /// The statistic columns that are named.
    pub(super) fn statistics(&self) -> Vec<(Statistic, &str)> {
        [
            (Statistic::Value, &self.value),
            (Statistic::ZsValue, &self.zs_value),
            (Statistic::Min, &self.min),
            (Statistic::Max, &self.max),
            (Statistic::Cou, &self.cou),
            (Statistic::Flag, &self.flag),
        ]
        .into_iter()
        .filter_map(|(statistic, column)| Some((statistic, column.as_deref()?)))
        .collect()
    }
}

/// A whole mapping file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Wide or long.
    pub layout: Layout,
    /// Cell texts that mean "no value" (an empty cell always does).
    #[serde(default)]
    pub missing: Vec<String>,
    /// Columns left out on purpose; every other unmapped column is named in the report.
    #[serde(default)]
    pub ignore: Vec<String>,
    /// `[csv]`.
    #[serde(default)]
    pub csv: CsvShape,
    /// `[time]`.
    pub time: TimeColumns,
    /// `[reading]`.
    #[serde(default)]
    pub reading: ReadingDefaults,
    /// `[mn]`.
    #[serde(default)]
    pub mn: Option<MnColumn>,
    /// `[[columns]]` of a wide export.
    #[serde(default)]
    pub columns: Vec<ColumnMapping>,
    /// `[long]` of a long export.
    #[serde(default)]
    pub long: Option<LongColumns>,
    /// `[flags]`: text in a flag column to the mark of HJ 212.
    #[serde(default)]
    pub flags: BTreeMap<String, String>,
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// When the file cannot be read, is not TOML of this shape, or contradicts itself.
    pub fn load(path: &Path) -> Result<Self, ImportError> {
        let text = std::fs::read_to_string(path).map_err(|source| ImportError::File {
            path: path.to_owned(),
            action: "read the mapping",
            source,
        })?;
        Self::from_toml(&text).map_err(|what| ImportError::Mapping {
            path: path.to_owned(),
            what,
        })
    }

    /// Reads a mapping from its text; the error says what is wrong and what to write instead.
    ///
    /// # Errors
    /// When the text is not TOML of this shape or contradicts itself.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        let mapping: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        super::check::check(&mapping)?;
        Ok(mapping)
    }
}

impl Mapping {
    pub(super) fn conversions(&self) -> impl Iterator<Item = Result<(), String>> + '_ {
        let wide = self.columns.iter().map(|column| {
            column
                .conversion()
                .check(&format!("column `{}`", column.name))
        });
        let long = self.long.iter().flat_map(|long| {
            long.factors
                .iter()
                .map(|(name, factor)| factor.conversion().check(&format!("factor `{name}`")))
        });
        wide.chain(long)
    }
}
