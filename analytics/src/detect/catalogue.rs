//! All rules: the ones built in and those of a configured folder, with their parameters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::plant::Sheets;
use super::rule::{Number, Rule};
use super::validate;
use crate::feedback::Suspension;
use crate::session::Error;

mod built_in {
    include!(concat!(env!("OUT_DIR"), "/rules.rs"));
}

/// `[detect]`: what is looked for, and how often.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Seconds between two runs of the loop, 5 to 86,400.
    pub interval_s: u64,
    /// Folder with further rule files (`ID.sql`); one with a built-in id replaces it.
    pub rules_dir: Option<PathBuf>,
    /// Ids of rules that are switched off.
    pub disabled: Vec<String>,
    /// Ids of rules that are off by default and switched on.
    pub enabled: Vec<String>,
    /// Parameters that differ from a rule's defaults: `[detect.params.E01] factor = 1.1`.
    pub params: BTreeMap<String, BTreeMap<String, Number>>,
    /// Folder with plant sheets (`*.toml`): which values are which signal, and a plant's thresholds.
    pub plants_dir: Option<PathBuf>,
    /// Logger-days evaluated at once; bounds the memory of a run over a long history.
    pub logger_days: usize,
    /// Whether rules are spared the days on which their screens see nothing to judge. The result is
    /// the same either way; without, every query runs over everything.
    pub screens: bool,
    /// When a rule whose findings are mostly wrong stops being dispatched.
    pub suspension: Suspension,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval_s: 60,
            rules_dir: None,
            disabled: Vec::new(),
            enabled: Vec::new(),
            params: BTreeMap::new(),
            plants_dir: None,
            logger_days: 1_000,
            screens: true,
            suspension: Suspension::default(),
        }
    }
}

/// A rule with the values it runs with.
#[derive(Debug, Clone)]
pub struct Configured {
    /// The rule.
    pub rule: Rule,
    /// Its parameters.
    pub values: BTreeMap<String, Number>,
    /// Hash of the parameters.
    pub params_hash: String,
}

impl Configured {
    /// A rule as its file has it.
    pub(super) fn defaults(rule: Rule) -> Result<Self, Error> {
        Self::new(rule, &BTreeMap::new())
    }

    /// The same rule with these values.
    pub(super) fn with(&self, given: &BTreeMap<String, Number>) -> Result<Self, Error> {
        Self::new(self.rule.clone(), given)
    }

    fn new(rule: Rule, given: &BTreeMap<String, Number>) -> Result<Self, Error> {
        let values = rule.values(given)?;
        let params_hash = Rule::params_hash(&values);
        Ok(Self {
            rule,
            values,
            params_hash,
        })
    }
}

/// Every rule by id: those that run, and those that are switched off.
#[derive(Debug, Clone)]
pub struct Catalogue {
    rules: Vec<Configured>,
    off: Vec<Configured>,
    golden: BTreeMap<String, String>,
    sheets: Sheets,
    screens: bool,
}

impl Catalogue {
    /// Reads all rules and checks the configuration against them.
    pub fn load(config: &Config) -> Result<Self, Error> {
        let fault = |key: &str, what: String| Error::Config {
            key: format!("detect.{key}"),
            what,
        };
        if !(5..=86_400).contains(&config.interval_s) {
            return Err(fault(
                "interval_s",
                format!("{} is outside 5..=86400", config.interval_s),
            ));
        }
        if config.logger_days == 0 {
            return Err(fault("logger_days", "must be at least 1".to_owned()));
        }
        config.suspension.validate()?;
        let mut rules = BTreeMap::new();
        let mut golden: BTreeMap<String, String> = BTreeMap::new();
        for (name, text) in built_in::RULES {
            rules.insert((*name).to_owned(), Rule::parse(name, text)?);
        }
        for (name, text) in built_in::GOLDEN {
            golden.insert((*name).to_owned(), (*text).to_owned());
        }
        if let Some(folder) = &config.rules_dir {
            for (name, text) in files(folder, "sql")? {
                rules.insert(name.clone(), of_folder(folder, &name, &text)?);
                // The cases of a rule that was replaced say nothing about the one in its place.
                golden.remove(&name);
            }
            let cases = folder.join("golden");
            if cases.is_dir() {
                golden.extend(files(&cases, "toml")?);
            }
        }
        let named = config.params.keys();
        for id in named.chain(&config.disabled).chain(&config.enabled) {
            if !rules.contains_key(id) {
                let known: Vec<&str> = rules.keys().map(String::as_str).collect();
                return Err(fault(
                    "params",
                    format!("there is no rule `{id}`; there are: {}", known.join(", ")),
                ));
            }
        }
        if let Some(id) = golden.keys().find(|id| !rules.contains_key(*id)) {
            return Err(fault(
                "rules_dir",
                format!("`golden/{id}.toml` belongs to no rule: there is no `{id}.sql`"),
            ));
        }
        let configured = rules
            .into_values()
            .map(|rule| {
                let given = config.params.get(&rule.id).cloned().unwrap_or_default();
                Configured::new(rule, &given)
            })
            .collect::<Result<Vec<_>, Error>>()?;
        let (rules, off) = configured.into_iter().partition(|configured| {
            let id = &configured.rule.id;
            (configured.rule.enabled || config.enabled.contains(id))
                && !config.disabled.contains(id)
        });
        let sheets = match &config.plants_dir {
            Some(folder) => Sheets::folder(folder)?,
            None => Sheets::default(),
        };
        Ok(Self {
            rules,
            off,
            golden,
            sheets,
            screens: config.screens,
        })
    }

    /// The rules that are switched off.
    pub fn off(&self) -> &[Configured] {
        &self.off
    }

    /// Golden files by the rule they belong to.
    pub fn golden(&self) -> &BTreeMap<String, String> {
        &self.golden
    }

    /// A catalogue of one rule, switched on, with these parameters over its defaults.
    pub fn only(&self, id: &str, given: &BTreeMap<String, Number>) -> Result<Self, Error> {
        let Some(found) = self.get(id) else {
            return Err(Error::Rule {
                rule: id.to_owned(),
                what: "there is no such rule".to_owned(),
            });
        };
        Ok(Self {
            rules: vec![Configured::new(found.rule.clone(), given)?],
            off: Vec::new(),
            golden: BTreeMap::new(),
            sheets: self.sheets.clone(),
            screens: self.screens,
        })
    }

    /// Whether the rule with this id runs.
    pub fn runs(&self, id: &str) -> bool {
        self.rules.iter().any(|configured| configured.rule.id == id)
    }

    /// A catalogue of one rule as it once ran.
    pub(super) fn of(rule: Rule, values: BTreeMap<String, Number>) -> Self {
        let params_hash = Rule::params_hash(&values);
        Self {
            rules: vec![Configured {
                rule,
                values,
                params_hash,
            }],
            off: Vec::new(),
            golden: BTreeMap::new(),
            sheets: Sheets::default(),
            screens: true,
        }
    }

    /// Pretends a rule has this version, so that a test does not follow the catalogue.
    #[cfg(test)]
    pub(crate) fn set_version(&mut self, id: &str, version: i32) {
        for configured in self.rules.iter_mut().filter(|c| c.rule.id == id) {
            configured.rule.version = version;
        }
    }

    /// The rules that run, in order of their ids.
    pub fn rules(&self) -> &[Configured] {
        &self.rules
    }

    /// What is known about plants' process values.
    pub fn sheets(&self) -> &Sheets {
        &self.sheets
    }

    /// Whether rules are spared the days their screens settle.
    pub(super) fn screens(&self) -> bool {
        self.screens
    }

    /// The same rules with other sheets.
    pub fn with_sheets(self, sheets: Sheets) -> Self {
        Self { sheets, ..self }
    }

    /// The rule with this id, switched on or not.
    pub fn get(&self, id: &str) -> Option<&Configured> {
        self.rules
            .iter()
            .chain(&self.off)
            .find(|configured| configured.rule.id == id)
    }

    /// A number that changes when any rule, its text, its parameters or a plant's sheet change; such a change calls
    /// for a full run.
    pub fn fingerprint(&self) -> i64 {
        let mut hash = Sha256::new();
        for configured in &self.rules {
            let rule = &configured.rule;
            hash.update(format!(
                "{}/{}/{}/",
                rule.id, rule.version, configured.params_hash
            ));
            hash.update(&rule.sql);
        }
        hash.update(self.sheets.digest());
        let digest = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(first) & i64::MAX
    }
}

/// A rule of an operator's folder; what is wrong with it is told by line and column.
fn of_folder(folder: &Path, name: &str, text: &str) -> Result<Rule, Error> {
    let (rule, faults) = validate::parse(&folder.join(format!("{name}.sql")), text);
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    rule.ok_or_else(|| Error::Config {
        key: "detect.rules_dir".to_owned(),
        what: told.join("; "),
    })
}

fn files(folder: &Path, extension: &str) -> Result<Vec<(String, String)>, Error> {
    let fault = |what: String| Error::Config {
        key: "detect.rules_dir".to_owned(),
        what,
    };
    let entries = std::fs::read_dir(folder)
        .map_err(|error| fault(format!("`{}`: {error}", folder.display())))?;
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| fault(error.to_string()))?.path();
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .map(str::to_owned);
        if let (Some(name), true) = (name, path.extension().is_some_and(|e| e == extension)) {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| fault(format!("`{}`: {error}", path.display())))?;
            found.push((name, text));
        }
    }
    found.sort();
    Ok(found)
}
