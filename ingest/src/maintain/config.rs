//! `[maintain]`: how often and how far tables are tidied.

use serde::{Deserialize, Serialize};

/// Settings of table maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Seconds between two passes over all tables.
    pub interval_s: u64,
    /// A checkpoint is written when this many versions have been added since the last one.
    pub checkpoint_every: u64,
    /// Size that files are merged up to, in MiB. Files of half this size or more are left alone,
    /// except where readings of a settled day are still to be brought into order.
    pub target_file_mb: u64,
    /// A size class of a partition is merged once it holds this many files; at least 2.
    pub small_file_count: usize,
    /// A partition (a day) in which nothing was written for this many hours is settled: what is left
    /// to merge in it is merged, whatever the size classes; at least 1.
    pub settle_hours: u64,
    /// Most MiB of input that one pass rewrites in one table; the rest waits for the next pass.
    pub rewrite_budget_mb: u64,
    /// Files that no version needs are deleted after this many hours. Must exceed the longest
    /// time between a writer's upload and its commit; at least 1.
    pub retention_hours: u64,
    /// Log entries below a checkpoint are deleted after this many hours; at least 1.
    pub log_retention_hours: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            interval_s: 300,
            checkpoint_every: 100,
            target_file_mb: 256,
            small_file_count: 8,
            settle_hours: 6,
            rewrite_budget_mb: 1_024,
            retention_hours: 168,
            log_retention_hours: 720,
        }
    }
}

impl Config {
    /// Checks the bounds.
    ///
    /// # Errors
    /// One sentence that names the key and its bound.
    pub fn validate(&self) -> Result<(), String> {
        let bounds = [
            ("interval_s", self.interval_s, 1),
            ("checkpoint_every", self.checkpoint_every, 1),
            ("target_file_mb", self.target_file_mb, 1),
            ("small_file_count", self.small_file_count as u64, 2),
            ("settle_hours", self.settle_hours, 1),
            ("rewrite_budget_mb", self.rewrite_budget_mb, 1),
            ("retention_hours", self.retention_hours, 1),
            ("log_retention_hours", self.log_retention_hours, 1),
        ];
        for (key, value, least) in bounds {
            if value < least {
                return Err(format!(
                    "[maintain] {key} is {value}; it must be at least {least}"
                ));
            }
        }
        Ok(())
    }

    /// After how long a partition is settled, milliseconds.
    pub(super) fn settled_ms(&self) -> i64 {
        i64::try_from(self.settle_hours.saturating_mul(3_600_000)).unwrap_or(i64::MAX)
    }

    /// The target size in bytes.
    pub(super) fn target_bytes(&self) -> u64 {
        self.target_file_mb.saturating_mul(1024 * 1024)
    }
}
