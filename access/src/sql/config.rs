//! `[serve.sql]`: what a query may use.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Queries that run at the same time on the smallest machine.
const LEAST_AT_ONCE: usize = 4;

/// `[serve.sql]`. Queries of analysts run on threads and in memory of their own, so that
/// ingestion and detection on the same machine keep theirs.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Threads queries run on; 0 means half the cores, at least two, so that a question that keeps one
    /// busy leaves another one.
    pub threads: usize,
    /// Queries that run at the same time; further ones wait. 0 means two per thread, at least four, so
    /// that one that takes minutes does not hold up the short ones of others.
    pub queries: usize,
    /// Queries of one user that run at the same time; never all of `queries` while that is two or more.
    pub queries_per_user: usize,
    /// Connections of the PostgreSQL wire at the same time.
    pub connections: usize,
    /// Memory of one query, MiB (at least 16); what sorts, joins and groups need beyond it spills.
    pub query_memory_mb: usize,
    /// Folder of spill files; the system's temporary folder when absent.
    pub spill: Option<PathBuf>,
    /// Disk all queries together may spill to, MiB.
    pub spill_mb: u64,
    /// Seconds a query may take from its arrival to its last row.
    pub timeout_s: u64,
    /// Rows of one result; more is an error, never a silently shortened result.
    pub max_rows: u64,
    /// Size of one result as it is sent, MiB: a text counts in every row.
    pub max_result_mb: u64,
    /// Seconds after which a new query looks for new versions of the tables.
    pub refresh_s: u64,
    /// Queries the log keeps.
    pub log_queries: usize,
    /// Milliseconds from which a query stands in `nonsite_meta.slow_queries`.
    pub slow_ms: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            threads: 0,
            queries: 0,
            queries_per_user: 4,
            connections: 100,
            query_memory_mb: 512,
            spill: None,
            spill_mb: 10_240,
            timeout_s: 300,
            max_rows: 10_000_000,
            max_result_mb: 2_048,
            refresh_s: 10,
            log_queries: 10_000,
            slow_ms: 5_000,
        }
    }
}

impl Config {
    /// Refuses settings that cannot work, naming the key.
    ///
    /// # Errors
    /// A value outside its range.
    pub fn validate(&self) -> Result<(), Error> {
        let fault = |key: &str, what: String| {
            Err(Error::Config {
                key: format!("serve.sql.{key}"),
                what,
            })
        };
        if self.query_memory_mb < 16 {
            return fault(
                "query_memory_mb",
                format!("{} is too small, use at least 16", self.query_memory_mb),
            );
        }
        for (key, value) in [
            ("queries_per_user", self.queries_per_user as u64),
            ("connections", self.connections as u64),
            ("timeout_s", self.timeout_s),
            ("max_rows", self.max_rows),
            ("max_result_mb", self.max_result_mb),
        ] {
            if value == 0 {
                return fault(
                    key,
                    "0 would let nothing through, use at least 1".to_owned(),
                );
            }
        }
        Ok(())
    }

    /// Threads queries run on.
    pub fn worker_threads(&self) -> usize {
        if self.threads > 0 {
            return self.threads;
        }
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        (cores / 2).max(2)
    }

    /// Queries that run at the same time.
    pub fn at_once(&self) -> usize {
        if self.queries > 0 {
            self.queries
        } else {
            (2 * self.worker_threads()).max(LEAST_AT_ONCE)
        }
    }
}
