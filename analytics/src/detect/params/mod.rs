//! Parameters of a rule in layers: its default (or configured) value, one for a cadence where the
//! rule's file states it, one for an industry, one for an outlet. The later layer goes before the
//! earlier one.
//!
//! Overrides are rows of table `rule_params` that are only ever added ([`store`]), read at the version
//! the run has on record, so that a finding can be computed again. The start of a window decides
//! which override holds for it. A rule runs once for each set of values that is in force
//! somewhere, and each run keeps the windows its set belongs to.
//!
//! Invariants: every window belongs to exactly one set; a finding consists of windows of one set;
//! without overrides nothing is read and nothing is filtered.
//!
//! Failure mode: an override that the rule's file no longer allows. Its windows are not evaluated,
//! with [`BAD_OVERRIDE`], and each report says so under `problems`.

pub mod store;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::anomaly::Anomaly;
use super::catalogue::{Catalogue, Configured};
use super::compose::{Outlets, Row};
use super::episode::Finding;
use super::evidence::beijing;
use super::rule::{Number, Rule};
use super::touched::LoggerDay;
use crate::session::{Error, Session};

/// Why windows are not evaluated whose override cannot be used.
pub(super) const BAD_OVERRIDE: &str = "bad_override";

/// For whom a parameter differs; the order is the order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// Loggers that report at a step, as the rule's own file states it.
    Cadence,
    /// Units of an industry.
    Industry,
    /// One outlet.
    Outlet,
}

impl Layer {
    /// Its code in the table.
    pub fn code(self) -> &'static str {
        match self {
            Self::Cadence => "cadence",
            Self::Industry => "industry",
            Self::Outlet => "outlet",
        }
    }
}

/// One row of table `rule_params`. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Override {
    /// Rule whose parameter differs.
    pub rule_id: String,
    /// Name of the parameter.
    pub parameter: String,
    /// For whom.
    pub layer: Layer,
    /// Industry code (its leading digits are enough) or outlet id.
    pub key: String,
    /// The value.
    pub value: f64,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub author: String,
    /// Windows that start from then on are judged with it.
    pub from_time: i64,
    /// Windows that start from then on are not.
    pub expires_at: i64,
    /// When it was decided.
    pub recorded_at: i64,
    /// Whether it ends what earlier rows said instead of setting a value.
    pub revoked: bool,
}

impl Override {
    /// Whether it speaks about a time.
    fn holds(&self, at: i64) -> bool {
        self.from_time <= at && at < self.expires_at
    }

    fn slot(&self) -> (&str, Layer, &str) {
        (&self.parameter, self.layer, &self.key)
    }

    fn applies(&self, subject: &Subject<'_>) -> bool {
        match self.layer {
            Layer::Cadence => subject.cadence.as_deref() == Some(&self.key),
            Layer::Industry => subject
                .industries
                .split(',')
                .any(|code| code.trim().starts_with(&self.key)),
            Layer::Outlet => subject.outlet == Some(&self.key),
        }
    }
}

/// Whom a window is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Subject<'a> {
    outlet: Option<&'a str>,
    industries: &'a str,
    cadence: Option<String>,
}

impl<'a> Subject<'a> {
    fn of(row: &'a Row) -> Self {
        let text = |name: &str| row.get(name).and_then(Value::as_str);
        let cadence = row.get("cadence_s").and_then(Value::as_i64);
        Self {
            outlet: text("outlet_uid"),
            industries: text("industry_codes").unwrap_or_default(),
            cadence: cadence.map(|seconds| seconds.to_string()),
        }
    }
}

/// All overrides, by rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Layers(BTreeMap<String, Vec<Override>>);

impl Layers {
    /// The overrides of the session's version of the table; nothing is read where there is none.
    pub(super) async fn load(session: &Session) -> Result<Self, Error> {
        if session.version("rule_params") < 0 {
            return Ok(Self::default());
        }
        Ok(Self::of(store::all(session).await?))
    }

    /// These overrides, in the order in which they were recorded.
    pub(super) fn of(rows: Vec<Override>) -> Self {
        let mut by_rule: BTreeMap<String, Vec<Override>> = BTreeMap::new();
        for row in rows {
            by_rule.entry(row.rule_id.clone()).or_default().push(row);
        }
        Self(by_rule)
    }

    /// The layers of a rule, when it has any.
    pub(super) fn of_rule<'a>(
        &self,
        configured: &'a Configured,
        outlets: &'a Outlets,
    ) -> Option<OfRule<'a>> {
        let rows = self.rows(configured);
        (!rows.is_empty()).then_some(OfRule {
            configured,
            outlets,
            rows,
        })
    }

    /// Whether values of a rule were ever set for an industry or an outlet.
    pub(super) fn any(&self, configured: &Configured) -> bool {
        self.0.contains_key(&configured.rule.id)
    }

    /// Whether a rule has values of its own for loggers of a cadence.
    pub(super) fn paced(configured: &Configured) -> bool {
        !by_cadence(configured).is_empty()
    }

    fn rows(&self, configured: &Configured) -> Vec<Override> {
        let mut rows = by_cadence(configured);
        rows.extend(
            self.0
                .get(&configured.rule.id)
                .into_iter()
                .flatten()
                .cloned(),
        );
        rows
    }

    /// The sets of values of a rule by key, whoever they are for: for a first look that is cheap and
    /// may ask too much.
    pub(super) fn asked(&self, configured: &Configured) -> Vec<Configured> {
        let mut by_key: BTreeMap<(Layer, String), BTreeMap<String, Number>> = BTreeMap::new();
        for row in self.rows(configured).into_iter().filter(|row| !row.revoked) {
            by_key
                .entry((row.layer, row.key))
                .or_insert_with(|| configured.values.clone())
                .insert(row.parameter, Number::Real(row.value));
        }
        by_key
            .into_values()
            .filter_map(|values| configured.with(&values).ok())
            .filter(|with| with.params_hash != configured.params_hash)
            .collect()
    }

    /// What cannot be used of the overrides, for an operator to mend.
    pub(super) fn problems(&self, catalogue: &Catalogue) -> Vec<String> {
        let all = self.0.values().flatten().filter(|row| !row.revoked);
        let problems: BTreeSet<String> = all
            .filter_map(|row| {
                let fault = match catalogue.get(&row.rule_id) {
                    None => format!("there is no rule `{}`", row.rule_id),
                    Some(configured) => {
                        let given = BTreeMap::from([(row.parameter.clone(), Number::Real(row.value))]);
                        configured.rule.values(&given).err()?.to_string()
                    }
                };
                Some(format!(
                    "override of {} {} for {} {} by {} until {} is not used ({BAD_OVERRIDE}): {fault}; \
                     revoke it or set it anew with `nonsite rules params`",
                    row.rule_id,
                    row.parameter,
                    row.layer.code(),
                    row.key,
                    row.author,
                    beijing(row.expires_at),
                ))
            })
            .collect();
        problems.into_iter().collect()
    }
}

/// What the rule's file states for loggers of a cadence; not where the operator configured a value.
fn by_cadence(configured: &Configured) -> Vec<Override> {
    let rule = &configured.rule;
    let mut rows = Vec::new();
    for (name, param) in &rule.params {
        let own = configured.values.get(name).map(|value| value.real());
        if own != Some(param.default.real()) {
            continue;
        }
        rows.extend(param.by_cadence.iter().map(|(seconds, value)| Override {
            rule_id: rule.id.clone(),
            parameter: name.clone(),
            layer: Layer::Cadence,
            key: seconds.clone(),
            value: value.real(),
            reason: "stated by the rule's file".to_owned(),
            author: rule.id.clone(),
            from_time: i64::MIN,
            expires_at: i64::MAX,
            recorded_at: i64::MIN,
            revoked: false,
        }));
    }
    rows
}

/// Logger, factor, outlet and permit of a window.
type About<'a> = (
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
);

/// The layers of one rule in a run.
pub(super) struct OfRule<'a> {
    configured: &'a Configured,
    outlets: &'a Outlets,
    rows: Vec<Override>,
}

impl OfRule<'_> {
    fn subject<'a>(&'a self, (mn, factor, outlet, permit): About<'a>, at: i64) -> Subject<'a> {
        let binding = mn.and_then(|mn| self.outlets.of(mn, factor, at));
        if let Some(binding) = binding {
            return Subject::of(binding);
        }
        let document = permit.and_then(|permit| self.outlets.permit(permit, None, at));
        let mut subject = document.map_or(
            Subject {
                outlet: None,
                industries: "",
                cadence: None,
            },
            Subject::of,
        );
        subject.outlet = outlet;
        subject
    }

    /// The override of each parameter that counts for a subject at a time.
    fn winners(&self, subject: &Subject<'_>, at: i64) -> Vec<&Override> {
        // The row recorded last speaks for its slot, be it to end what the others said.
        let mut last: BTreeMap<(&str, Layer, &str), &Override> = BTreeMap::new();
        for row in &self.rows {
            if row.holds(at) && row.applies(subject) {
                last.insert(row.slot(), row);
            }
        }
        let mut winners: BTreeMap<&str, &Override> = BTreeMap::new();
        for row in last.into_values().filter(|row| !row.revoked) {
            let rank = |row: &Override| (row.layer, row.key.len());
            let best = winners.entry(row.parameter.as_str()).or_insert(row);
            if rank(row) > rank(best) {
                *best = row;
            }
        }
        winners.into_values().collect()
    }

    /// The values for a subject at a time; nothing where they are the configured ones.
    fn effective(
        &self,
        subject: &Subject<'_>,
        at: i64,
    ) -> Result<Option<BTreeMap<String, Number>>, String> {
        let winners = self.winners(subject, at);
        if winners.is_empty() {
            return Ok(None);
        }
        let mut values = self.configured.values.clone();
        for row in winners {
            values.insert(row.parameter.clone(), Number::Real(row.value));
        }
        let values = self.configured.rule.values(&values);
        values.map(Some).map_err(|error| error.to_string())
    }

    /// The hash of these values.
    fn hash(&self, subject: &Subject<'_>, at: i64) -> Result<String, String> {
        Ok(match self.effective(subject, at)? {
            Some(values) => Rule::params_hash(&values),
            None => self.configured.params_hash.clone(),
        })
    }

    /// The sets of values other than the configured one that may be in force for the judged loggers
    /// (and permits).
    pub(super) fn others(&self, core: &BTreeSet<LoggerDay>, registry: bool) -> Vec<Configured> {
        let judged: BTreeSet<&str> = core.iter().map(|(mn, _)| mn.as_str()).collect();
        let mut subjects: BTreeSet<Subject<'_>> = BTreeSet::new();
        for row in self.outlets.bindings() {
            let mn = row.get("mn").and_then(Value::as_str).unwrap_or_default();
            if registry || judged.contains(mn) {
                subjects.insert(Subject::of(row));
                // A window after the end of a binding names outlet and permit itself.
                let subject = Subject::of(row);
                subjects.insert(Subject {
                    cadence: None,
                    ..subject.clone()
                });
                subjects.insert(Subject {
                    outlet: None,
                    cadence: None,
                    ..subject
                });
            }
        }
        if registry {
            subjects.extend(self.outlets.documents().map(Subject::of));
        }
        let times: BTreeSet<i64> = self
            .rows
            .iter()
            .flat_map(|row| [row.from_time, row.expires_at])
            .collect();
        let mut sets: BTreeMap<String, Configured> = BTreeMap::new();
        for subject in &subjects {
            if !self.rows.iter().any(|row| row.applies(subject)) {
                continue;
            }
            for at in &times {
                if let Ok(Some(values)) = self.effective(subject, *at)
                    && let Ok(with) = self.configured.with(&values)
                    && with.params_hash != self.configured.params_hash
                {
                    sets.entry(with.params_hash.clone()).or_insert(with);
                }
            }
        }
        sets.into_values().collect()
    }

    /// The windows that belong to one of the sets.
    pub(super) fn part<'a>(&'a self, with: &'a Configured, others: &'a [Configured]) -> Part<'a> {
        Part {
            layers: self,
            with,
            others,
        }
    }

    /// The hash of the parameters that a finding is to be judged with.
    pub(super) fn hash_of(&self, anomaly: &Anomaly) -> Result<String, String> {
        let about = (
            anomaly.mn.as_deref(),
            anomaly.factor.as_deref(),
            anomaly.outlet_uid.as_deref(),
            anomaly.permit_no.as_deref(),
        );
        let subject = self.subject(about, anomaly.window_start);
        self.hash(&subject, anomaly.window_start)
    }

    /// The overrides a finding was made with, as its evidence tells them; `instead_of` is the value
    /// without them.
    pub(super) fn told(&self, finding: &Finding) -> Vec<Value> {
        let mut told: Vec<Value> = Vec::new();
        for window in &finding.windows {
            let about = (
                window.mn.as_deref(),
                window.factor.as_deref(),
                window.outlet_uid.as_deref(),
                window.permit_no.as_deref(),
            );
            let subject = self.subject(about, window.start);
            for row in self.winners(&subject, window.start) {
                let mut value = json!({
                    "parameter": row.parameter, "layer": row.layer.code(), "key": row.key,
                    "value": row.value, "instead_of": self.configured.values.get(&row.parameter),
                    "reason": row.reason, "author": row.author,
                });
                if row.layer != Layer::Cadence {
                    value["from"] = Value::from(beijing(row.from_time));
                    value["expires"] = Value::from(beijing(row.expires_at));
                    value["recorded_at"] = Value::from(beijing(row.recorded_at));
                }
                if !told.contains(&value) {
                    told.push(value);
                }
            }
        }
        told
    }
}

/// What becomes of a window in one of the runs of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    /// It is judged by this run.
    Mine,
    /// Another run judges it.
    Other,
    /// Its override cannot be used: this run says so.
    Bad,
}

/// The windows of one set of values.
pub(super) struct Part<'a> {
    layers: &'a OfRule<'a>,
    with: &'a Configured,
    others: &'a [Configured],
}

impl Part<'_> {
    /// What becomes of a window.
    pub(super) fn take(&self, about: About<'_>, start: i64) -> Take {
        let base = &self.layers.configured.params_hash;
        let subject = self.layers.subject(about, start);
        let is_base = self.with.params_hash == *base;
        let known = |hash: &String| {
            hash == base || self.others.iter().any(|other| other.params_hash == *hash)
        };
        match self.layers.hash(&subject, start) {
            Ok(hash) if hash == self.with.params_hash => Take::Mine,
            Ok(hash) if known(&hash) => Take::Other,
            // Never silence: what no run judges, the first one reports.
            _ if is_base => Take::Bad,
            _ => Take::Other,
        }
    }
}

#[cfg(test)]
mod tests;
