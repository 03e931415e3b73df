//! Policies, published figures and drawings as they are kept, for the description. They are passed on byte
//! for byte, since their ids are hashes of them: the types here are never filled.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use utoipa::ToSchema;

use super::outlook::QualityView;
use super::ratio::ShareView;

/// Sets of classes that the band looks at besides the policy's own.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "describes a part of a policy")]
pub(super) enum BandSets {
    /// Every set of classes that is not empty.
    EverySubset,
    /// These sets.
    Sets(Vec<Vec<String>>),
}

/// Every switch of a counting policy, as the policy file has them (`docs/ratio.md`).
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a policy, which is passed on as it is")]
pub(super) struct PolicyRules {
    /// Its id.
    policy_id: String,
    /// First Beijing day it holds for.
    effective_from: Option<NaiveDate>,
    /// Where the rule comes from.
    basis: String,
    /// Share to reach, percent.
    target_percent: String,
    /// What is counted once.
    count_unit: String,
    /// Period of a figure when none is named.
    period: String,
    /// Classes that enter.
    denominator_classes: Vec<String>,
    /// Methods that are off-site inspections.
    offsite_methods: Vec<String>,
    /// Whether reviews of rectification count.
    count_rectification_review: bool,
    /// What an off-site act that turned on-site counts as.
    escalation: String,
    /// Days within which acts on one unit by one method and team are one.
    dedup_window_days: u32,
    /// Whether they are merged over methods as well.
    dedup_ignores_method: bool,
    /// Acts a day above which an officer is listed for audit.
    daily_cap_per_officer: u32,
    /// Whether teams of the province and the ministry count.
    include_higher_level: bool,
    /// Whether units on the positive list count.
    include_positive_list: bool,
    /// Whether the minimum record is required.
    min_evidence: bool,
    /// How a joint inspection counts; the default when left out.
    #[schema(required = false)]
    joint_inspection: String,
    /// Which body is credited.
    org_attribution: String,
    /// Whether withdrawn acts are left out.
    exclude_withdrawn: bool,
    /// Month and day from which on the year before is frozen.
    freeze_on: String,
    /// Sets of classes the band looks at.
    band_classes: BandSets,
}

/// The two instants of a figure, microseconds UTC.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of a figure")]
pub(super) struct CutoffMicros {
    /// Versions recorded and acts completed later are not seen.
    as_of: i64,
    /// Versions that arrived later are not seen.
    known_at: i64,
}

/// Beijing days: `from` is inside, `until` is not.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of a figure")]
pub(super) struct Days {
    /// First day.
    from: NaiveDate,
    /// The day after the last one.
    until: NaiveDate,
}

/// A published figure with everything it was made from, as its hash was taken of it.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a figure, which is passed on as it is kept"
)]
pub(super) struct SnapshotDocument {
    /// The policy.
    policy: PolicyRules,
    /// Its fingerprint.
    policy_fingerprint: String,
    /// The two instants.
    cutoff: CutoffMicros,
    /// Days covered.
    period: Days,
    /// The counts.
    share: ShareView,
    /// Percent with two decimals.
    percent: Option<String>,
    /// Lower end of the band.
    band_min: Option<ShareView>,
    /// Upper end of the band.
    band_max: Option<ShareView>,
    /// Counts by body.
    by_org: BTreeMap<String, ShareView>,
    /// Counts by month, quarter, method and class; nothing in figures kept before these were.
    #[schema(required = false)]
    groups: BTreeMap<String, BTreeMap<String, ShareView>>,
    /// Digest of the acts.
    acts_digest: String,
    /// The quality floor.
    quality: Option<QualityView>,
    /// Acts of bodies above the city.
    higher_level: Option<ShareView>,
    /// Acts on units of the positive list.
    positive_list: Option<ShareView>,
    /// What acts were found to leave open of their checklists, by the origin of the record.
    #[schema(required = false)]
    open_items: BTreeMap<String, String>,
}

/// A unit or case on the list of a drawing.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of a drawing")]
pub(super) struct DrawnListed {
    /// Its id; what the ticket is made of.
    id: String,
    /// Its name.
    name: String,
    /// Tickets it holds.
    weight: u32,
    /// Why it holds more than one.
    #[schema(required = false)]
    why: Vec<String>,
}

/// An officer of a drawing.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of a drawing")]
pub(super) struct DrawnOfficer {
    /// Id of the officer.
    officer_id: String,
    /// Number of the enforcement certificate.
    certificate_no: String,
    /// Units the officer has to avoid (回避).
    #[schema(required = false)]
    avoids: Vec<String>,
}

/// One that was drawn.
#[derive(ToSchema)]
#[expect(dead_code, reason = "describes a part of a drawing")]
pub(super) struct DrawnChosen {
    /// Place, from 1.
    place: u32,
    /// Its id.
    id: String,
    /// Its name.
    name: String,
    /// The ticket it was drawn with, hex.
    ticket: String,
    /// Officers drawn for it.
    #[schema(required = false)]
    officers: Vec<String>,
}

/// A whole drawing, as `nonsite inspection draw --verify FILE` reads it.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes a drawing, which is passed on as it is kept"
)]
pub(super) struct DrawingDocument {
    /// How it is drawn.
    algorithm: String,
    /// `draw` or `sample`.
    kind: String,
    /// What the list is, and where the seed comes from.
    basis: String,
    /// The published seed.
    seed: String,
    /// How many are drawn.
    count: u32,
    /// How many of them with one ticket each.
    unweighted: u32,
    /// Officers to a unit.
    officers_each: u32,
    /// The list, by id.
    list: Vec<DrawnListed>,
    /// The officers, by id.
    #[schema(required = false)]
    officers: Vec<DrawnOfficer>,
    /// What was drawn, by place.
    chosen: Vec<DrawnChosen>,
}
