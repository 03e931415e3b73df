//! The versioned rows of a policy file, and which of them is in force.

use std::path::Path;
use std::sync::Arc;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::period::date_of;
use super::policy::RatioPolicy;
use crate::inspection::checklist::Checklists;

/// A policy file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file is missing or unreadable.
    #[error("policy file `{path}`: {source}; give the path of a TOML or JSON file")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file's text is not a policy.
    #[error("policy file `{path}`: {message}")]
    Syntax {
        /// The file.
        path: String,
        /// Where and what.
        message: String,
    },
    /// The target is not a percentage.
    #[error("`{0}` is not a target: write a percentage from 0 to 100 with at most two decimals")]
    Target(String),
    /// A key contradicts another or is empty.
    #[error("policy `{policy}`, key `{key}`: {problem}")]
    Key {
        /// Id of the policy row.
        policy: String,
        /// The key at fault.
        key: &'static str,
        /// What to change.
        problem: String,
    },
    /// No policy had taken effect yet.
    #[error("no policy is in force on {day}: the earliest takes effect on {earliest}")]
    NoneInForce {
        /// The day of the figure.
        day: NaiveDate,
        /// First `effective_from` of the file.
        earliest: NaiveDate,
    },
}

/// The versioned rows of one policy file, earliest first, and the checklists acts have to answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RatioPolicies {
    ratio_policy: Vec<RatioPolicy>,
    #[serde(skip)]
    checklists: Option<Arc<Checklists>>,
}

impl Default for RatioPolicies {
    fn default() -> Self {
        Self {
            ratio_policy: vec![RatioPolicy::built_in()],
            checklists: None,
        }
    }
}

impl RatioPolicies {
    /// Reads a TOML (`[[ratio_policy]]` tables) or JSON (`{"ratio_policy": [...]}`) file.
    ///
    /// # Errors
    /// [`PolicyError`], naming the file, the row and the key.
    pub fn load(path: &Path) -> Result<Self, PolicyError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| PolicyError::Read {
            path: name.clone(),
            source,
        })?;
        let is_json = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("json"));
        Self::parse(&text, is_json, &name)
    }

    /// As [`RatioPolicies::load`], from text; `name` is used in messages.
    ///
    /// # Errors
    /// See [`RatioPolicies::load`].
    pub fn parse(text: &str, is_json: bool, name: &str) -> Result<Self, PolicyError> {
        let syntax = |message: String| PolicyError::Syntax {
            path: name.to_owned(),
            message,
        };
        let policies: Self = if is_json {
            serde_json::from_str(text).map_err(|error| syntax(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| syntax(error.to_string()))?
        };
        Self::of(policies.ratio_policy).map_err(|error| match error {
            PolicyError::Key { .. } => error,
            other => syntax(other.to_string()),
        })
    }

    /// Checks the rows and puts them in order of effect.
    ///
    /// # Errors
    /// [`PolicyError::Key`] for a row that contradicts itself or repeats an id or a date.
    pub fn of(mut rows: Vec<RatioPolicy>) -> Result<Self, PolicyError> {
        for row in &rows {
            row.check()?;
        }
        rows.sort_by_key(|row| row.effective_from);
        for (index, row) in rows.iter().enumerate() {
            let repeated = |key, problem: String| {
                Err(PolicyError::Key {
                    policy: row.policy_id.clone(),
                    key,
                    problem,
                })
            };
            let earlier = rows.iter().take(index);
            for other in earlier {
                if other.policy_id == row.policy_id {
                    return repeated(
                        "policy_id",
                        "used by two rows: every version has its own id".to_owned(),
                    );
                }
                if other.effective_from == row.effective_from {
                    return repeated(
                        "effective_from",
                        format!("the same day as policy `{}`", other.policy_id),
                    );
                }
            }
        }
        if rows.is_empty() {
            return Err(PolicyError::Key {
                policy: String::new(),
                key: "ratio_policy",
                problem: "the file has no row".to_owned(),
            });
        }
        Ok(Self {
            ratio_policy: rows,
            checklists: None,
        })
    }

    /// The same rows; an off-site act that names one of these checklists has to answer it.
    #[must_use]
    pub fn with_checklists(self, checklists: Checklists) -> Self {
        Self {
            checklists: Some(Arc::new(checklists)),
            ..self
        }
    }

    /// The checklists that acts have to answer; without them none is looked at.
    pub fn checklists(&self) -> Option<&Checklists> {
        self.checklists.as_deref()
    }

    /// The row in force at an instant (microseconds UTC): the latest that has taken effect.
    ///
    /// # Errors
    /// [`PolicyError::NoneInForce`] before the first row.
    pub fn in_force(&self, at: i64) -> Result<&RatioPolicy, PolicyError> {
        let day = date_of(at);
        self.ratio_policy
            .iter()
            .rev()
            .find(|row| row.effective_from.is_some_and(|from| from <= day))
            .ok_or_else(|| PolicyError::NoneInForce {
                day,
                earliest: self
                    .ratio_policy
                    .first()
                    .and_then(|row| row.effective_from)
                    .unwrap_or(NaiveDate::MAX),
            })
    }

    /// Every row, the earliest first.
    pub fn rows(&self) -> &[RatioPolicy] {
        &self.ratio_policy
    }

    /// The row with this id.
    pub fn by_id(&self, policy_id: &str) -> Option<&RatioPolicy> {
        self.ratio_policy
            .iter()
            .find(|row| row.policy_id == policy_id)
    }
}
