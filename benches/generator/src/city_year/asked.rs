//! Which figure is asked for: when, over which days, and by which rule.

use serde::Serialize;

/// An answer to the open questions of the counting rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// 0 collapse, 1 separate, 2 off-site only.
    pub escalation: usize,
    /// Whether reviews of rectification count.
    pub rectification_review: bool,
    /// Classes in the denominator.
    pub classes: &'static [&'static str],
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            escalation: 0,
            rectification_review: false,
            classes: &["daily", "special", "case"],
        }
    }
}

impl Reading {
    /// Every combination of answers that the default policy's band looks at.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for classes in [&["daily", "special", "case"][..], &["daily", "special"]] {
            for escalation in 0..3 {
                for rectification_review in [false, true] {
                    all.push(Self {
                        escalation,
                        rectification_review,
                        classes,
                    });
                }
            }
        }
        all
    }
}

/// What is counted once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Once {
    /// A unit in a task.
    Act,
    /// A task.
    Task,
    /// A unit's acts that hang together.
    Case,
    /// A unit.
    Firm,
}

/// Which body is credited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Credited {
    /// The one that carried it out.
    Executing,
    /// The one that gave the task.
    Dispatching,
    /// The one in whose territory the unit lies.
    Territorial,
}

/// The switches of a policy besides the open questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// Days within which acts of a unit, method and team are one; 0 never.
    pub window_days: u32,
    /// The same over methods.
    pub ignores_method: bool,
    /// What is counted once.
    pub once: Once,
    /// Each body of a joint inspection has its own act.
    pub split_joint: bool,
    /// Which body is credited.
    pub credited: Credited,
    /// Bodies above the city count.
    pub higher_level: bool,
    /// Units on the positive list count.
    pub positive_list: bool,
    /// Void acts are left out.
    pub excludes_withdrawn: bool,
    /// Poor records are left out.
    pub min_evidence: bool,
    /// The year is frozen in the next one.
    pub freezes: bool,
    /// Methods that are off-site inspections; all that the default policy names when empty.
    pub methods: &'static [&'static str],
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            window_days: 1,
            ignores_method: false,
            once: Once::Act,
            split_joint: false,
            credited: Credited::Executing,
            higher_level: false,
            positive_list: true,
            excludes_withdrawn: true,
            min_evidence: true,
            freezes: true,
            methods: &[],
        }
    }
}

/// A figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// What is recorded later is not seen.
    pub as_of: i64,
    /// What arrives later is not seen.
    pub known_at: i64,
    /// First day and the day after the last one (days since 1970-01-01); the year when left out.
    pub days: Option<(i32, i32)>,
    /// The open questions.
    pub reading: Reading,
    /// The other switches.
    pub switches: Switches,
}

impl Asked {
    /// The year's figure by the default policy.
    pub fn at(as_of: i64, known_at: i64) -> Self {
        Self {
            as_of,
            known_at,
            days: None,
            reading: Reading::default(),
            switches: Switches::default(),
        }
    }

    /// The same by another reading.
    #[must_use]
    pub fn read(self, reading: Reading) -> Self {
        Self { reading, ..self }
    }

    /// The same by other switches.
    #[must_use]
    pub fn switched(self, switches: Switches) -> Self {
        Self { switches, ..self }
    }
}
