//! Detection: rules over what is new, findings that stand or are withdrawn, alerts in an outbox.
//!
//! Invariants (design D1 to D6), each with the place that keeps it:
//! - **incremental**: [`touched`] names the logger-days that changed; work follows them;
//! - **deterministic**: time is an argument; sums are ordered; rows are sorted before they are
//!   written; nothing depends on the number of threads;
//! - **idempotent**: an anomaly's id is a hash of rule, rule version, subject and window start
//!   ([`anomaly`]); a run replaces the rows it judged again, in one commit with the marker that says
//!   how far it came ([`commit`]);
//! - **three outcomes**: flagged, passed and not evaluated are counted apart ([`judge`]);
//! - **explained**: every finding carries rows, limit, marks and origin under a seal ([`evidence`]),
//!   and can be computed again from what its run read ([`record`], [`replay`]);
//! - **as of then**: limits are joined on the time of the data (`mn_limits`).
//!
//! A run over a long history is a sequence of runs over stretches of days that share one state in
//! memory, so "everything" and "only what is new" end in the same anomalies.
//!
//! Failure modes: a crash before the commit leaves nothing but outbox rows that the next run finds
//! by their stable ids; two runs at once collide on the marker and one of them starts over.

mod abreast;
mod ahead;
pub mod anomaly;
mod backward;
pub mod bundle;
pub mod catalogue;
mod commit;
mod compose;
mod curve;
mod documents;
pub(crate) mod dry;
mod episode;
mod evaluate;
pub mod evidence;
mod faults;
pub mod flood;
pub mod golden;
mod inputs;
mod judge;
pub mod listed;
mod long;
mod marks;
pub mod masses;
pub mod means;
mod once;
mod original;
mod outbox;
pub mod page;
pub mod params;
pub mod plant;
mod quiet;
pub mod record;
pub mod replay;
mod rise;
pub mod rule;
mod run;
pub mod screen;
mod service;
mod shared;
pub mod stage;
mod state;
mod touched;
pub mod validate;
mod whole;

pub use catalogue::{Catalogue, Config};
pub use dry::{Again, Rerun, since};
pub use evaluate::Told;
pub use judge::{COLUMNS as RULE_COLUMNS, test_rules};
pub use quiet::Memory;
pub(crate) use rise::base;
pub use rise::{Dispatch, Rise, Rises, dispatch};
pub use run::{Options, Report, RuleReport, run, run_again};
pub use service::Service;

#[cfg(test)]
mod tests;
