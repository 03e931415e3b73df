//! A rule: TOML front matter and one SELECT.
//!
//! ```text
//! /*---
//! id = "Q03"
//! ...
//! [params.hours]
//! default = 1
//! min = 1
//! max = 24
//! unit = "h"
//! ---*/
//! SELECT ...
//! ```
//!
//! Parameters appear in the query as `$name` and are put in as typed numbers after their bounds
//! were checked; `$as_of` is the run's time. Everything else about a rule is data too, so adding a
//! rule needs no Rust.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::screen::Screen;
use super::stage::Stage;
use crate::session::Error;

/// Opens the front matter.
pub(super) const OPEN: &str = "/*---";
/// Closes it.
pub(super) const CLOSE: &str = "---*/";

/// Longest look-back of a rule: 31 days.
pub const LONGEST_LOOKBACK_H: u32 = 31 * 24;

/// How bad a finding is; the order is the order of severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Severity {
    /// Reminder.
    S4,
    /// The enterprise has to explain.
    S3,
    /// Probable violation: verify within one working day.
    S2,
    /// Fraud, evasion or no permit: on site at once.
    S1,
}

impl Severity {
    /// Its code.
    pub fn code(self) -> &'static str {
        match self {
            Self::S1 => "S1",
            Self::S2 => "S2",
            Self::S3 => "S3",
            Self::S4 => "S4",
        }
    }

    /// Reads a code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::S1, Self::S2, Self::S3, Self::S4]
            .into_iter()
            .find(|known| known.code() == code)
    }
}

/// A parameter's value: whole or not, as its default is written.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Number {
    /// A whole number.
    Whole(i64),
    /// A number with a fraction.
    Real(f64),
}

impl Number {
    /// As a floating-point number.
    pub fn real(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }
}

/// One parameter of a rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Param {
    /// Value when nothing is configured.
    pub default: Number,
    /// Smallest value allowed.
    pub min: Number,
    /// Largest value allowed.
    pub max: Number,
    /// Defaults for loggers that report at a step, by seconds between two values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_cadence: BTreeMap<String, Number>,
    /// Unit, `1` for a plain number.
    pub unit: String,
    /// What it does.
    pub doc: String,
}

/// How flagged windows become one finding.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Episode {
    /// Windows of one subject at most this many hours apart are one finding; absent: each window is
    /// a finding of its own.
    pub quiet_gap_h: Option<f64>,
    /// From this many windows in direct succession on, `severity` applies.
    pub consecutive: Option<usize>,
    /// Severity of such a finding.
    pub severity: Option<Severity>,
    /// Which window's value is told: the largest (default) or the smallest.
    pub lowest: bool,
}

/// Kinds of outlet a rule can be about; `unit` is none: the unit as a whole.
pub const OUTLETS: [&str; 4] = ["any", "gas", "water", "unit"];

/// What a rule is about, for those who read it; which rows it judges is the query's to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// Industries, or `any`.
    pub industry: String,
    /// Kind of outlet, see [`OUTLETS`].
    pub outlet: String,
    /// Factors, or `any`.
    pub factor: String,
}

/// One sentence about a finding in both languages.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sentence {
    /// Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// Parts of the evidence a rule may list: hours around the finding, minute values of the worst window,
/// the limit with the rule's granularity, the hourly limits of the worst window.
pub const EVIDENCE: [&str; 4] = ["hours", "minutes", "limit", "limit_hour"];

/// What a sentence may fill in.
const PLACEHOLDERS: [&str; 12] = [
    "observed",
    "limit",
    "unit",
    "start",
    "end",
    "day",
    "points",
    "factor",
    "mn",
    "permit_no",
    "outlet",
    "unit_name",
];

/// The front matter.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Short id, e.g. `E01`.
    pub id: String,
    /// Version; changing what a rule finds means raising it.
    pub version: i32,
    /// Chinese name.
    pub name_zh: String,
    /// English name.
    pub name_en: String,
    /// exceedance, quality, transmission or permit.
    pub group: String,
    /// Severity unless a row or the episode says otherwise.
    pub severity: Severity,
    /// Legal or technical basis.
    pub basis: String,
    /// Beijing day from which on this version is used. This and the two keys below are asked of every
    /// file ([`super::validate`]); texts that were recorded before they existed read without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<NaiveDate>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// Who answers for it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub owner: String,
    /// What one window is: realtime, minute, hour, day.
    pub granularity: String,
    /// Hours before a window that are needed to judge it, at most [`LONGEST_LOOKBACK_H`]. Over 24
    /// the rule judges days that are over, see [`Rule::long`].
    #[serde(default)]
    pub lookback_h: u32,
    /// Whether it judges days that are over, as rules with a long look-back do.
    #[serde(default)]
    pub daily: bool,
    /// Whether time alone can make it fire: such a rule reads `silences` and `core` only, and is
    /// asked at every run.
    #[serde(default)]
    pub clock: bool,
    /// When in a run it is judged.
    #[serde(default)]
    pub stage: Stage,
    /// Whether it runs unless the configuration says so.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What belongs into the evidence, see [`EVIDENCE`].
    #[serde(default)]
    pub evidence: Vec<String>,
    /// Exemption codes the rule considers.
    #[serde(default)]
    pub exempts: Vec<String>,
    /// Chinese sentence; `{observed}`, `{limit}`, `{unit}`, `{start}`, `{end}`, `{day}` (Beijing day
    /// of the start), `{points}`, `{factor}`, `{mn}`, `{permit_no}`, `{outlet}`, `{unit_name}` are filled in.
    pub reason_zh: String,
    /// English sentence, same placeholders.
    pub reason_en: String,
    /// Further sentences by name; a row chooses one with its column `say`, null being the sentence
    /// above. A rule with such sentences returns that column.
    #[serde(default)]
    pub reason: BTreeMap<String, Sentence>,
    /// How windows are merged.
    #[serde(default)]
    pub episode: Episode,
    /// Which days it can leave alone.
    #[serde(default)]
    pub screen: Option<Screen>,
    /// Parameters by name.
    #[serde(default)]
    pub params: BTreeMap<String, Param>,
    /// The SELECT.
    #[serde(skip)]
    pub sql: String,
    /// The whole file, so that a finding can be judged again after the catalogue changed.
    #[serde(skip)]
    pub text: String,
}

fn yes() -> bool {
    true
}

impl Rule {
    /// Whether it judges whole days, once they are over: because it looks back further than a day,
    /// which would cost too much every minute, or because it says so.
    pub fn long(&self) -> bool {
        self.stage == Stage::Rows && (self.daily || self.lookback_h > 24)
    }

    /// Days before a judged day that its inputs have to hold.
    pub fn lookback_days(&self) -> i32 {
        i32::try_from(self.lookback_h.div_ceil(24))
            .unwrap_or(1)
            .max(1)
    }

    /// Reads a rule file; `name` is its file name without extension and must be the id.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let fault = |what: String| Error::Rule {
            rule: name.to_owned(),
            what,
        };
        let body = text
            .trim_start()
            .strip_prefix(OPEN)
            .ok_or_else(|| fault(format!("must begin with `{OPEN}` and TOML front matter")))?;
        let (head, sql) = body
            .split_once(CLOSE)
            .ok_or_else(|| fault(format!("the front matter must end with `{CLOSE}`")))?;
        let mut rule: Self =
            toml::from_str(head).map_err(|error| fault(format!("front matter: {error}")))?;
        sql.trim().clone_into(&mut rule.sql);
        text.clone_into(&mut rule.text);
        if rule.id != name {
            return Err(fault(format!(
                "front matter says id = \"{}\", the file is named `{name}.sql`",
                rule.id
            )));
        }
        if rule.lookback_h > LONGEST_LOOKBACK_H {
            return Err(fault(format!("lookback_h is at most {LONGEST_LOOKBACK_H}")));
        }
        for (param, spec) in &rule.params {
            let (min, max) = (spec.min.real(), spec.max.real());
            if !(min..=max).contains(&spec.default.real()) {
                return Err(fault(format!(
                    "parameter `{param}`: default is outside {min}..={max}"
                )));
            }
            for (seconds, value) in &spec.by_cadence {
                if !seconds.parse::<u32>().is_ok_and(|s| s > 0)
                    || !(min..=max).contains(&value.real())
                {
                    return Err(fault(format!(
                        "parameter `{param}`: by_cadence `{seconds}` = {} must be seconds and a value in {min}..={max}",
                        value.real()
                    )));
                }
            }
            if !rule.sql.contains(&format!("${param}")) {
                return Err(fault(format!(
                    "parameter `{param}` is not used in the query"
                )));
            }
        }
        rule.check_sentences().map_err(fault)?;
        for part in &rule.evidence {
            if !EVIDENCE.contains(&part.as_str()) {
                return Err(fault(format!(
                    "unknown evidence `{part}`; known: {}",
                    EVIDENCE.join(", ")
                )));
            }
        }
        rule.query(&rule.values(&BTreeMap::new())?, 0)?;
        Ok(rule)
    }

    /// Refuses a sentence that fills in what does not exist, and one that no row can choose.
    fn check_sentences(&self) -> Result<(), String> {
        let mut all = vec![("reason_zh".to_owned(), &self.reason_zh)];
        all.push(("reason_en".to_owned(), &self.reason_en));
        for (name, sentence) in &self.reason {
            if !self.sql.contains(&format!("'{name}'")) {
                return Err(format!(
                    "[reason.{name}] is never chosen: the query does not mention '{name}' (column `say`)"
                ));
            }
            all.push((format!("reason.{name}.zh"), &sentence.zh));
            all.push((format!("reason.{name}.en"), &sentence.en));
        }
        for (key, text) in all {
            for part in text.split('{').skip(1) {
                let name = part.split('}').next().unwrap_or_default();
                if !PLACEHOLDERS.contains(&name) {
                    return Err(format!(
                        "{key}: there is no `{{{name}}}`; known: {}",
                        PLACEHOLDERS.join(", ")
                    ));
                }
            }
        }
        Ok(())
    }

    /// The sentences of a variant, the rule's own when none is named; nothing for a name that is
    /// not in the front matter.
    pub fn sentence(&self, say: Option<&str>) -> Option<(&str, &str)> {
        match say {
            None => Some((&self.reason_zh, &self.reason_en)),
            Some(name) => {
                let sentence = self.reason.get(name)?;
                Some((&sentence.zh, &sentence.en))
            }
        }
    }

    /// Values of all parameters, with the given ones put over the defaults; each is checked.
    pub fn values(
        &self,
        given: &BTreeMap<String, Number>,
    ) -> Result<BTreeMap<String, Number>, Error> {
        let fault = |what: String| Error::Rule {
            rule: self.id.clone(),
            what,
        };
        if let Some(unknown) = given.keys().find(|name| !self.params.contains_key(*name)) {
            let known: Vec<&str> = self.params.keys().map(String::as_str).collect();
            return Err(fault(format!(
                "has no parameter `{unknown}`; it has: {}",
                known.join(", ")
            )));
        }
        self.params
            .iter()
            .map(|(name, spec)| {
                let value = given.get(name).copied().unwrap_or(spec.default);
                let (min, max) = (spec.min.real(), spec.max.real());
                if !(min..=max).contains(&value.real()) {
                    return Err(fault(format!(
                        "parameter `{name}` = {} is outside {min}..={max} {}",
                        value.real(),
                        spec.unit
                    )));
                }
                let value = match (spec.default, value) {
                    (Number::Whole(_), Number::Real(real)) if real.fract() == 0.0 => {
                        Number::Whole(real as i64)
                    }
                    (Number::Whole(_), Number::Real(real)) => {
                        return Err(fault(format!("parameter `{name}` = {real} must be whole")));
                    }
                    (Number::Real(_), whole) => Number::Real(whole.real()),
                    (_, whole) => whole,
                };
                Ok((name.clone(), value))
            })
            .collect()
    }

    /// The query with the parameters and the run's time (microseconds UTC) put in as typed numbers.
    pub fn query(&self, values: &BTreeMap<String, Number>, as_of: i64) -> Result<String, Error> {
        self.fill(&self.sql, values, as_of)
    }

    /// The same for another text of the rule.
    pub(super) fn fill(
        &self,
        sql: &str,
        values: &BTreeMap<String, Number>,
        as_of: i64,
    ) -> Result<String, Error> {
        let mut out = String::with_capacity(sql.len() + 256);
        let mut rest = sql;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            let end = after
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(after.len());
            let name = &after[..end];
            // Writing to a string cannot fail.
            let _ = match (name, values.get(name)) {
                ("as_of", _) => write!(
                    out,
                    "arrow_cast({as_of}, 'Timestamp(Microsecond, Some(\"UTC\"))')"
                ),
                (_, Some(Number::Whole(number))) => write!(out, "CAST({number} AS BIGINT)"),
                (_, Some(Number::Real(number))) => write!(out, "CAST({number:e} AS DOUBLE)"),
                (unknown, None) => {
                    return Err(Error::Rule {
                        rule: self.id.clone(),
                        what: format!("the query uses `${unknown}`, which is no parameter"),
                    });
                }
            };
            rest = &after[end..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// SHA-256 of the rule file, hex.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.text))
    }

    /// SHA-256 over the parameter values, hex: two runs with the same hash asked the same question.
    pub fn params_hash(values: &BTreeMap<String, Number>) -> String {
        let mut hash = Sha256::new();
        for (name, value) in values {
            hash.update(format!("{name}={:e};", value.real()));
        }
        hex::encode(hash.finalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"/*---
id = "X1"
version = 2
name_zh = "名"
name_en = "name"
group = "quality"
severity = "S3"
basis = "none"
granularity = "hour"
reason_zh = "零"
reason_en = "zero"
[params.hours]
default = 2
min = 1
max = 24
unit = "h"
doc = "how many"
[params.share]
default = 0.75
min = 0.0
max = 1.0
unit = "1"
doc = "share"
---*/
SELECT $hours AS a, $share AS b, $as_of AS c"#;

    #[test]
    fn parameters_are_typed_bounded_and_put_in() {
        let rule = Rule::parse("X1", TEXT).expect("rule");
        let values = rule
            .values(&BTreeMap::from([("hours".into(), Number::Real(3.0))]))
            .expect("ok");
        let query = rule.query(&values, 7).expect("query");
        assert!(query.starts_with(
            "SELECT CAST(3 AS BIGINT) AS a, CAST(7.5e-1 AS DOUBLE) AS b, arrow_cast(7,"
        ));
        let out = rule
            .values(&BTreeMap::from([("hours".into(), Number::Whole(25))]))
            .unwrap_err();
        assert!(out.to_string().contains("outside 1..=24 h"), "{out}");
        let unknown = rule
            .values(&BTreeMap::from([("hour".into(), Number::Whole(2))]))
            .unwrap_err();
        assert!(
            unknown.to_string().contains("it has: hours, share"),
            "{unknown}"
        );
        assert_ne!(
            Rule::params_hash(&values),
            Rule::params_hash(&rule.values(&BTreeMap::new()).expect("ok"))
        );
    }

    #[test]
    fn a_faulty_file_is_refused_with_its_fault() {
        for (broken, part) in [
            (TEXT.replace("/*---", "/*"), "must begin with"),
            (TEXT.replace("id = \"X1\"", "id = \"X2\""), "file is named"),
            (TEXT.replace("$hours", "2"), "is not used"),
            (
                TEXT.replace("$share AS b", "$share AS b, $shore AS d"),
                "$shore",
            ),
            (
                TEXT.replace("version = 2", "version = 2\ncolour = 1"),
                "colour",
            ),
            (TEXT.replace("\"zero\"", "\"{nought}\""), "no `{nought}`"),
            (
                TEXT.replace(
                    "[params.hours]",
                    "[reason.gone]\nzh = \"a\"\nen = \"b\"\n[params.hours]",
                ),
                "[reason.gone] is never chosen",
            ),
        ] {
            let error = Rule::parse("X1", &broken).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
