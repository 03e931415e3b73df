//! The exactly-once invariants, by number.
//!
//! The numbers are used in comments, tests, logs and the metric
//! `nonsite_ingest_invariant_violations_total`. A violation is a fault of this program: it stops
//! a debug build at once and is counted in every build.

use crate::metrics::Metrics;

/// The invariants of ingestion. See the state machine in [`crate::service`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invariant {
    /// N1: every record consumed is in exactly one place: rows in its tables, or quarantine.
    Accounted,
    /// N2: offsets live in the table, and only grow.
    OffsetsInTable,
    /// N3: a commit builds on the very version whose offsets it was checked against.
    CheckedSnapshot,
    /// N4: after an unclear answer the log decides, never a blind retry.
    UnknownOutcome,
    /// N5: nothing of a revoked partition is published.
    Revoke,
    /// N6: records gone on the broker stop the partition; only an operator goes on.
    LossAlarm,
    /// N7: bytes in flight stay under the budget.
    BoundedMemory,
    /// N8: tables of one topic each have their own offset, and each skips what it has.
    TablesApart,
    /// N9: a partly filled batch is committed at its age limit without any traffic.
    TimedFlush,
}

impl Invariant {
    /// Every invariant in order of its number.
    pub const ALL: [Self; 9] = [
        Self::Accounted,
        Self::OffsetsInTable,
        Self::CheckedSnapshot,
        Self::UnknownOutcome,
        Self::Revoke,
        Self::LossAlarm,
        Self::BoundedMemory,
        Self::TablesApart,
        Self::TimedFlush,
    ];

    /// Those that running code checks, and whose violations are counted. The others are kept by
    /// what the store and the types allow, and proved by `verify` and the tests: a count of theirs
    /// would always be 0 and claim a watch that nobody keeps. Their signs at work are ordinary
    /// metrics:
    ///
    /// - N3 `conflicts_total`, N4 `recognised_commits_total`: how often they were needed;
    /// - N5 `resets_total`, `assignments_total`: how often buffers were dropped;
    /// - N6 `lost_records`;
    /// - N7 `memory_bytes` against `memory_limit_bytes`: not counted, since a message of many bad
    ///   parts may take any multiple of its size without a fault (see `budget`);
    /// - N8 none: each table's log has its offsets, and `verify` compares them;
    /// - N9 `batch_age_seconds`, `lag_seconds`: not counted, since a process that was stopped, or
    ///   has no core for a while, is as late without a fault.
    pub const WATCHED: [Self; 2] = [Self::Accounted, Self::OffsetsInTable];

    /// Stable name: number and word, e.g. `N1_accounted`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accounted => "N1_accounted",
            Self::OffsetsInTable => "N2_offsets_in_table",
            Self::CheckedSnapshot => "N3_checked_snapshot",
            Self::UnknownOutcome => "N4_unknown_outcome",
            Self::Revoke => "N5_revoke",
            Self::LossAlarm => "N6_loss_alarm",
            Self::BoundedMemory => "N7_bounded_memory",
            Self::TablesApart => "N8_tables_apart",
            Self::TimedFlush => "N9_timed_flush",
        }
    }
}

/// Counts and logs a violation; stops a debug build. `invariant` is one of those watched.
pub(crate) fn record_violation(metrics: &Metrics, invariant: Invariant, detail: &str) {
    debug_assert!(Invariant::WATCHED.contains(&invariant));
    metrics
        .violations
        .with_label_values(&[invariant.name()])
        .inc();
    tracing::error!(invariant = invariant.name(), detail, "invariant violated");
    debug_assert!(false, "{} violated: {detail}", invariant.name());
}
