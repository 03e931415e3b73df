//! The off-site ratio: off-site inspections as a share of all inspections, against the target.
//!
//! A county reports between 60 and 200 inspections a year, so one wrongly counted record moves
//! the figure by up to 1.7 points. This module therefore prefers being explainable over being
//! quick: every act that was seen ends in exactly one [`Decision`], counted or not counted with a
//! reason, and the headline is nothing but the sum of the counted ones.
//!
//! How to count is not fixed by a published text. It is data: one [`RatioPolicy`] row with an id
//! and a date of effect. Every figure names the policy it was made with, and is shown beside the
//! [`Band`] that the open questions span.
//!
//! Invariants:
//! - **R1** Counted plus not counted equals the acts visible at the [`Cutoff`].
//! - **R2** Ratios are compared as integers (`off x 100 x scale >= target x total`); a float never
//!   decides, and a figure that rounds up to the target without reaching it says so.
//! - **R3** Nothing depends on the order in which acts are given.
//! - **R4** The sum over bodies is the total: a city's figure is never a mean of ratios.
//! - **R5** Same acts, policy, period and [`Cutoff`] give the same figures; `acts_digest` proves that
//!   the acts are the same. A published figure names the version of table `inspections` it was counted
//!   from, because a record can be ingested later with an earlier time of arrival ([`reproduce()`]).
//!
//! Failure modes: a policy that contradicts itself is refused when it is loaded ([`PolicyError`]);
//! a row of `inspections` that cannot be read as an act is an error that names the act
//! ([`SourceError`]), because leaving it out would change the figure unseen.

mod act;
mod band;
mod compute;
mod decide;
mod forecast;
mod listing;
mod merge;
mod open_items;
mod period;
mod policies;
mod policy;
mod publish;
mod quality;
mod report;
mod reproduce;
mod share;
mod snapshot;
mod source;
mod target;
mod versions;
mod view;
mod view_rows;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod vectors;
#[cfg(test)]
mod vectors_proof;
#[cfg(test)]
mod vectors_units;

pub use act::{Act, Mode, OrgLevel};
pub use band::{Band, BandPoint};
pub use compute::compute;
pub use decide::{Decision, NotCounted, Outcome};
pub use forecast::{Forecast, forecast};
pub use listing::{PublishedLine, PublishedPlace, PublishedWanted, published_list};
pub use open_items::load_judged;
pub use period::{Period, PeriodError, parse_as_of};
pub use policies::{PolicyError, RatioPolicies};
pub use policy::{
    BandClasses, Config, CountUnit, Escalation, JointInspection, OrgAttribution, PeriodKind,
    RatioPolicy,
};
pub use publish::{KeptFigure, Publication, is_id, publish, published};
pub use quality::Quality;
pub use report::{Dimension, Flag, Group, RatioReport};
pub use reproduce::{Reproduction, reproduce};
pub use share::{Share, Verdict};
pub use snapshot::{Snapshot, SnapshotDifference};
pub(crate) use source::UNKNOWN_BODY;
pub use source::{SourceError, acts_from_batches, load_acts};
pub use target::Target;
pub use versions::Cutoff;
pub use view::{OffSiteRatio, register_view};
