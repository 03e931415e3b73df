//! A plant's sheet: which of its values are what, and its own thresholds.
//!
//! Process values come under codes and private names that differ from plant to plant. A sheet says
//! once per furnace or line which factor is the upper furnace temperature, the pressure over the bag
//! filter, the power of the production; rules speak of these roles only. A threshold in the sheet
//! replaces the rule's parameter of the same name for this unit.
//!
//! Invariant: what a sheet names is known: an unknown role or threshold is refused with the file and
//! the names that exist, so that a typing mistake cannot silently switch a check off.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::session::Error;

/// What a signal can be, with its unit.
pub const ROLES: [(&str, &str); 11] = [
    ("furnace_upper", "degC"),
    ("furnace_middle", "degC"),
    ("furnace_oxygen", "%"),
    ("bag_pressure", "Pa"),
    ("carbon_feed", "kg/h"),
    ("production_power", "kW"),
    ("abatement_power", "kW"),
    ("production_load", "%"),
    ("fan", "1 running, 0 off; or Hz, A"),
    ("reagent", "flow, 0 off"),
    ("waste_feed", "t/h, 0 off"),
];

/// Thresholds a sheet may set; each is named like the rule parameter it replaces.
pub const THRESHOLDS: [&str; 30] = [
    "bag_dp_high",
    "bag_dp_low",
    "o2_high",
    "o2_low",
    "furnace_hot",
    "furnace_very_hot",
    "carbon_low",
    "low_temp",
    "low_windows",
    "day_a34013",
    "day_a21002",
    "day_a21026",
    "day_a21024",
    "day_a21005",
    "hour_a34013",
    "hour_a21002",
    "hour_a21026",
    "hour_a21024",
    "hour_a21005",
    "ref_o2",
    "production_on_kw",
    "abatement_on_kw",
    "power_minutes",
    "stop_temp",
    "stop_o2",
    "day_w01018",
    "day_w21003",
    "day_w21011",
    "day_w21001",
    "design_m3_day",
];

/// One file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// Name of the plant, for people.
    #[serde(default)]
    plant: String,
    unit: Vec<Unit>,
}

/// One furnace or production line with its abatement.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Data logger its values come under (HJ 212 MN).
    pub mn: String,
    /// Its name, e.g. the furnace's number; units of one logger have different names.
    #[serde(default)]
    pub name: String,
    /// `incinerator` for waste incineration, `wwtp_inlet` for the inlet of a sewage plant, else empty.
    #[serde(default)]
    pub kind: String,
    /// Role to factors; several factors of one role are thermocouples, fans or reagents of one kind.
    #[serde(default)]
    pub signals: BTreeMap<String, Vec<String>>,
    /// Thresholds that replace a rule's parameters.
    #[serde(default)]
    pub thresholds: BTreeMap<String, f64>,
}

/// All sheets of a folder.
#[derive(Debug, Clone, Default)]
pub struct Sheets {
    units: Vec<Unit>,
    digest: String,
}

impl Sheets {
    /// Sheets of these units.
    ///
    /// # Errors
    /// [`Error::Config`]: a unit names what does not exist.
    pub fn of(units: Vec<Unit>) -> Result<Self, Error> {
        let digest = match units.len() {
            0 => String::new(),
            _ => hex::encode(Sha256::digest(format!("{units:?}"))),
        };
        for unit in &units {
            check(Path::new("units"), unit)?;
        }
        Ok(Self { units, digest })
    }

    /// Reads every `*.toml` of a folder.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file: it cannot be read, is no sheet, or names what does not
    /// exist.
    pub fn folder(folder: &Path) -> Result<Self, Error> {
        let entries = std::fs::read_dir(folder)
            .map_err(|error| fault(folder, &format!("cannot be listed: {error}")))?;
        let mut files = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|error| fault(folder, &error.to_string()))?
                .path();
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                files.push(path);
            }
        }
        files.sort();
        Self::files(&files)
    }

    /// Reads these files.
    ///
    /// # Errors
    /// See [`Sheets::folder`].
    pub fn files(files: &[PathBuf]) -> Result<Self, Error> {
        let mut units: Vec<Unit> = Vec::new();
        let mut hash = Sha256::new();
        for path in files {
            let text = std::fs::read_to_string(path)
                .map_err(|error| fault(path, &format!("cannot be read: {error}")))?;
            hash.update(&text);
            for unit in parse(path, &text)? {
                if units.iter().any(|u| u.mn == unit.mn && u.name == unit.name) {
                    return Err(fault(
                        path,
                        &format!("unit `{}` of `{}` is described twice", unit.name, unit.mn),
                    ));
                }
                units.push(unit);
            }
        }
        let digest = if units.is_empty() {
            String::new()
        } else {
            hex::encode(hash.finalize())
        };
        Ok(Self { units, digest })
    }

    /// The units, in order of files.
    pub fn units(&self) -> &[Unit] {
        &self.units
    }

    /// SHA-256 of the texts, hex; empty without units. A change calls for a full run.
    pub fn digest(&self) -> &str {
        &self.digest
    }
}

fn fault(path: &Path, what: &str) -> Error {
    Error::Config {
        key: "detect.plants_dir".to_owned(),
        what: format!("`{}`: {what}", path.display()),
    }
}

fn parse(path: &Path, text: &str) -> Result<Vec<Unit>, Error> {
    let file: File = toml::from_str(text).map_err(|error| fault(path, &error.to_string()))?;
    for unit in &file.unit {
        check(path, unit)?;
    }
    let plant = &file.plant;
    tracing::debug!(plant, units = file.unit.len(), "plant sheet read");
    Ok(file.unit)
}

/// Refuses what does not exist.
fn check(path: &Path, unit: &Unit) -> Result<(), Error> {
    let named = |what: String| fault(path, &format!("unit `{}`: {what}", unit.name));
    if unit.mn.trim().is_empty() {
        return Err(named("`mn` is empty".to_owned()));
    }
    // It is told within JSON, by the rules' own text.
    if unit
        .name
        .contains(|c: char| c == '"' || c == '\\' || c.is_control())
    {
        return Err(named(
            "a name has no quotation mark, backslash or line break".to_owned(),
        ));
    }
    if !["", "incinerator", "wwtp_inlet"].contains(&unit.kind.as_str()) {
        return Err(named(format!(
            "kind `{}` is unknown; leave it out or write `incinerator` or `wwtp_inlet`",
            unit.kind
        )));
    }
    for (role, factors) in &unit.signals {
        if !ROLES.iter().any(|(known, _)| known == role) {
            let known = ROLES.map(|(known, _)| known).join(", ");
            return Err(named(format!(
                "there is no signal `{role}`; there are: {known}"
            )));
        }
        if factors.is_empty() {
            return Err(named(format!(
                "signal `{role}` has no factor; leave it out"
            )));
        }
    }
    for (name, value) in &unit.thresholds {
        if !THRESHOLDS.contains(&name.as_str()) {
            let known = THRESHOLDS.join(", ");
            return Err(named(format!(
                "there is no threshold `{name}`; there are: {known}"
            )));
        }
        if !value.is_finite() {
            return Err(named(format!("threshold `{name}` is no number")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
plant = "P"
[[unit]]
mn = "A"
name = "1"
kind = "incinerator"
signals = { furnace_upper = ["i33311", "i33312"], bag_pressure = ["x_dp"] }
thresholds = { bag_dp_high = 1800 }
"#;

    #[test]
    fn a_sheet_names_signals_and_thresholds() {
        let units = parse(Path::new("p.toml"), GOOD).expect("a sheet");
        assert_eq!(units[0].signals["furnace_upper"].len(), 2);
        assert_eq!(units[0].thresholds["bag_dp_high"], 1800.0);
    }

    #[test]
    fn what_does_not_exist_is_refused_with_file_and_names() {
        for (broken, part) in [
            (
                GOOD.replace("bag_pressure", "bag_presure"),
                "there is no signal `bag_presure`",
            ),
            (
                GOOD.replace("bag_dp_high", "dp_high"),
                "there is no threshold `dp_high`",
            ),
            (GOOD.replace("[\"x_dp\"]", "[]"), "has no factor"),
            (GOOD.replace("\"incinerator\"", "\"kiln\""), "kind `kiln`"),
            (GOOD.replace("mn = \"A\"", "mn = \" \""), "`mn` is empty"),
            (GOOD.replace("name =", "nome ="), "nome"),
            (
                GOOD.replace("name = \"1\"", "name = 'furnace \"1\"'"),
                "no quotation mark",
            ),
        ] {
            let error = parse(Path::new("p.toml"), &broken).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("p.toml"), "{error}");
        }
    }

    #[test]
    fn one_unit_is_described_once() {
        let folder = tempfile::tempdir().expect("folder");
        for name in ["a.toml", "b.toml"] {
            std::fs::write(folder.path().join(name), GOOD).expect("written");
        }
        std::fs::write(folder.path().join("notes.txt"), "not a sheet").expect("written");
        let error = Sheets::folder(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("twice") && error.contains("b.toml"),
            "{error}"
        );
        std::fs::remove_file(folder.path().join("b.toml")).expect("removed");
        let sheets = Sheets::folder(folder.path()).expect("sheets");
        assert_eq!((sheets.units().len(), sheets.digest().len()), (1, 64));
    }
}
