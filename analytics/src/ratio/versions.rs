//! Which version of an act a figure made at `as_of` sees.
//!
//! Corrections never overwrite: they are new versions. A figure takes the highest version that was
//! recorded by `as_of` and had arrived by `known_at`, except that an edit of a frozen year is only
//! admitted with a reason and a second person; otherwise the version before it stays in force.
//!
//! Two instants, because they answer two questions. `as_of` asks how the year stood on a day, also
//! for records that were brought in later. `known_at` pins what had arrived when a figure was
//! published, which is what it takes to get that figure again.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use nonsite_schemas::time::beijing_day_start;
use serde::{Deserialize, Serialize};

use super::act::Act;
use super::period::{date_of, day_number};
use super::policy::RatioPolicy;

/// The acts a figure sees.
pub(super) struct Visible<'a> {
    /// One admitted version per act, ordered by act id.
    pub(super) current: Vec<&'a Act>,
    /// Acts of which only inadmissible late versions exist.
    pub(super) frozen_out: Vec<&'a Act>,
    /// Late versions that were not admitted over an earlier one.
    pub(super) refused_edits: Vec<&'a Act>,
    /// Every version that is seen, in a fixed order; what the digest is made of.
    pub(super) arrived: Vec<&'a Act>,
    /// Acts per year whose record, dated before the freeze, arrived after it.
    pub(super) arrived_after_freeze: BTreeMap<i32, u64>,
}

/// The two instants that bound what a figure sees, microseconds UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cutoff {
    /// Versions recorded and acts completed later are not seen.
    pub as_of: i64,
    /// Versions that arrived here later are not seen.
    pub known_at: i64,
}

impl Cutoff {
    /// One instant for both: what was recorded and known then.
    pub fn at(instant: i64) -> Self {
        Self {
            as_of: instant,
            known_at: instant,
        }
    }

    /// As the year stood at `as_of`, whenever the records arrived.
    pub fn as_of(as_of: i64) -> Self {
        Self {
            as_of,
            known_at: i64::MAX,
        }
    }

    fn sees(self, act: &Act) -> bool {
        act.recorded_at <= self.as_of && act.received_at <= self.known_at
    }
}

/// Selects the versions a figure sees.
pub(super) fn visible<'a>(acts: &'a [Act], policy: &RatioPolicy, cutoff: Cutoff) -> Visible<'a> {
    let mut by_act: BTreeMap<&str, Vec<&Act>> = BTreeMap::new();
    for act in acts.iter().filter(|act| cutoff.sees(act)) {
        by_act.entry(act.act_id.as_str()).or_default().push(act);
    }
    let mut seen = Visible {
        current: Vec::with_capacity(by_act.len()),
        frozen_out: Vec::new(),
        refused_edits: Vec::new(),
        arrived: Vec::with_capacity(acts.len()),
        arrived_after_freeze: BTreeMap::new(),
    };
    for versions in by_act.values_mut() {
        versions.sort_by_key(|act| {
            (
                act.act_version,
                act.recorded_at,
                act.received_at,
                act.origin,
            )
        });
        // The same record delivered twice is one version, not an edit.
        versions.dedup_by_key(|act| {
            (
                act.act_version,
                act.recorded_at,
                act.received_at,
                act.origin,
            )
        });
        seen.arrived.extend(versions.iter());
        let mut admitted: Option<&Act> = None;
        for &version in versions.iter() {
            if is_admissible(version, admitted, policy) {
                admitted = Some(version);
            } else if admitted.is_some() {
                seen.refused_edits.push(version);
            }
        }
        match (admitted, versions.last()) {
            (Some(act), _) => {
                if let Some(year) = arrived_after_freeze(act, policy) {
                    *seen.arrived_after_freeze.entry(year).or_default() += 1;
                }
                seen.current.push(act);
            }
            (None, Some(&last)) => seen.frozen_out.push(last),
            (None, None) => {}
        }
    }
    seen
}

/// An edit touches the year the act was counted in and the year it is moved to.
fn is_admissible(version: &Act, before: Option<&Act>, policy: &RatioPolicy) -> bool {
    let filled =
        |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
    if filled(&version.edit_reason) && filled(&version.edit_second_person) {
        return true;
    }
    let touches_frozen_year = [Some(version), before]
        .into_iter()
        .flatten()
        .filter_map(|act| act.completed_at)
        .filter_map(|completed_at| frozen_from(completed_at, policy))
        .any(|frozen_from| version.recorded_at >= frozen_from);
    !touches_frozen_year
}

/// The year of an act whose record is dated before the freeze but arrived after it. Imports of old
/// years look like this, and so does back-dating, so it is told and not judged.
fn arrived_after_freeze(act: &Act, policy: &RatioPolicy) -> Option<i32> {
    let completed_at = act.completed_at?;
    let frozen_from = frozen_from(completed_at, policy)?;
    (act.recorded_at < frozen_from && act.received_at >= frozen_from)
        .then(|| date_of(completed_at).year())
}

/// The instant from which on the year of `completed_at` is frozen.
fn frozen_from(completed_at: i64, policy: &RatioPolicy) -> Option<i64> {
    let (month, day) = policy.freeze()?;
    let date = NaiveDate::from_ymd_opt(date_of(completed_at).year() + 1, month, day)?;
    Some(beijing_day_start(day_number(date)))
}
