//! The reading message as a type: for those who send readings, and for the exported schema.
//!
//! The decoder does not go through this type; a test holds the two together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::wire::Instant;
use crate::wire::permit::codes;

codes! {
    /// The kind of time a reading belongs to.
    Granularity {
        /// An instant.
        Realtime = "realtime",
        /// An interval of minutes, stamped with its start.
        Minute = "minute",
        /// An hour, stamped with its start.
        Hour = "hour",
        /// A Beijing day, stamped with its start.
        Day = "day",
    }
}

/// One factor at one time, as a platform forwards it. A message is one of these or a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Reading {
    /// Unique id of the data logger (HJ 212 MN).
    pub mn: String,
    /// Factor code of HJ 524/525, e.g. `a21026`.
    pub factor: String,
    /// The kind of time.
    pub granularity: Granularity,
    /// Start of the interval, or the instant.
    pub data_time: Instant,
    /// Mean (or instantaneous value) as measured; a text where the logger sends one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Number>,
    /// Value converted to reference oxygen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zs_value: Option<Number>,
    /// Minimum of the interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<Number>,
    /// Maximum of the interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<Number>,
    /// Mass or volume discharged in the interval, in the factor's mass unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cou: Option<Number>,
    /// Minimum of the interval, converted to reference oxygen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zs_min: Option<Number>,
    /// Maximum of the interval, converted to reference oxygen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zs_max: Option<Number>,
    /// Data mark (HJ 212 Flag), 1 to 4 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4))]
    pub flag: Option<String>,
    /// Length of the interval in seconds; 3600 for hour, 86400 for day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub period_s: Option<i32>,
    /// Whether it is sent again (back-filled).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub resend: bool,
    /// When the logger sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Instant>,
    /// Any further texts or numbers; they are kept beside the reading.
    #[serde(flatten)]
    pub extra: BTreeMap<String, Number>,
}

/// What one message on a readings topic holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
#[expect(
    clippy::large_enum_variant,
    reason = "one per message, never kept in numbers"
)]
pub enum ReadingMessage {
    /// One reading.
    One(Reading),
    /// Several readings.
    List(Vec<Reading>),
}

/// A number, or the text that stands where a number was expected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Number {
    /// A number.
    Number(f64),
    /// A number as text, or a text such as a condition mark.
    Text(String),
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}
