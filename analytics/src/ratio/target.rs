//! The share to be reached, as an exact number.

use serde::{Deserialize, Serialize};

use super::policies::PolicyError;

/// The share to be reached, exact to a hundredth of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Target(u32);

impl Target {
    /// 40 %, the target of the published plans.
    pub const FORTY_PERCENT: Self = Self(4_000);

    /// Reads a percentage from 0 to 100 with at most two decimals, such as `40` or `42.5`.
    ///
    /// # Errors
    /// [`PolicyError::Target`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let bad = || PolicyError::Target(text.to_owned());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty()
            || whole.len() > 3
            || decimals.len() > 2
            || !digits(whole)
            || !digits(decimals)
        {
            return Err(bad());
        }
        let hundredths: u32 = format!("{whole}{decimals:0<2}")
            .parse()
            .map_err(|_| bad())?;
        if hundredths > 10_000 {
            Err(bad())
        } else {
            Ok(Self(hundredths))
        }
    }

    /// Hundredths of a percent: 4000 for 40 %.
    pub fn basis_points(self) -> u32 {
        self.0
    }
}

impl TryFrom<String> for Target {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 % 100 {
            0 => write!(f, "{}", self.0 / 100),
            rest => write!(f, "{}.{rest:02}", self.0 / 100),
        }
    }
}
