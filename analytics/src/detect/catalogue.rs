//! All rules: the ones built in and those of a configured folder, with their parameters.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::rule::{Number, Rule};
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
    /// Parameters that differ from a rule's defaults: `[detect.params.E01] factor = 1.1`.
    pub params: BTreeMap<String, BTreeMap<String, Number>>,
    /// Logger-days evaluated at once; bounds the memory of a run over a long history.
    pub logger_days: usize,
    /// When a rule whose findings are mostly wrong stops being dispatched.
    pub suspension: Suspension,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval_s: 60,
            rules_dir: None,
            disabled: Vec::new(),
            params: BTreeMap::new(),
            logger_days: 10_000,
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

/// Every rule that runs, by id.
#[derive(Debug, Clone)]
pub struct Catalogue {
    rules: Vec<Configured>,
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
        for (name, text) in built_in::RULES {
            rules.insert((*name).to_owned(), Rule::parse(name, text)?);
        }
        if let Some(folder) = &config.rules_dir {
            for (name, text) in files(folder)? {
                rules.insert(name.clone(), Rule::parse(&name, &text)?);
            }
        }
        for id in config.params.keys().chain(&config.disabled) {
            if !rules.contains_key(id) {
                let known: Vec<&str> = rules.keys().map(String::as_str).collect();
                return Err(fault(
                    "params",
                    format!("there is no rule `{id}`; there are: {}", known.join(", ")),
                ));
            }
        }
        let rules = rules
            .into_values()
            .filter(|rule| !config.disabled.contains(&rule.id))
            .map(|rule| {
                let given = config.params.get(&rule.id).cloned().unwrap_or_default();
                let values = rule.values(&given)?;
                let params_hash = Rule::params_hash(&values);
                Ok(Configured {
                    rule,
                    values,
                    params_hash,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { rules })
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
        }
    }

    /// Pretends a rule has this version, so that a test does not follow the catalogue.
    #[cfg(test)]
    pub(crate) fn set_version(&mut self, id: &str, version: i32) {
        for configured in self.rules.iter_mut().filter(|c| c.rule.id == id) {
            configured.rule.version = version;
        }
    }

    /// The rules in order of their ids.
    pub fn rules(&self) -> &[Configured] {
        &self.rules
    }

    /// The rule with this id.
    pub fn get(&self, id: &str) -> Option<&Configured> {
        self.rules
            .iter()
            .find(|configured| configured.rule.id == id)
    }

    /// A number that changes when any rule, its text or its parameters change; such a change calls
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
        let digest = hash.finalize();
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        i64::from_be_bytes(first) & i64::MAX
    }
}

fn files(folder: &Path) -> Result<Vec<(String, String)>, Error> {
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
        if let (Some(name), true) = (name, path.extension().is_some_and(|e| e == "sql")) {
            let text = std::fs::read_to_string(&path)
                .map_err(|error| fault(format!("`{}`: {error}", path.display())))?;
            found.push((name, text));
        }
    }
    found.sort();
    Ok(found)
}
