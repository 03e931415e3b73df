//! Published figures and the policies they were counted by: listed, and shown whole.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nonsite_analytics::ratio::{
    KeptFigure, PublishedLine, PublishedPlace, PublishedWanted, RatioPolicy, published_list,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Freely, Reading};
use super::app::App;
use super::cases::{RowsWanted, cursor, instant, limit, place};
use super::extract::{Asked, Named, plain};
use super::figures::days;
use super::identity::Principal;
use super::kept::{PolicyRules, SnapshotDocument};
use super::problem::Problem;
use super::publication::{DifferenceView, figure};
use super::ratio::ShareView;
use super::view::{Page, time};

/// Which published figures, and where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct SnapshotsWanted {
    /// Counting policy.
    #[serde(deserialize_with = "plain")]
    policy_id: Option<String>,
    /// Figures of this calendar year.
    #[param(minimum = 1970, maximum = 9998)]
    year: Option<i32>,
    /// Figures of a period of one's own: its first Beijing day; goes with `to`, not with `year`.
    from: Option<NaiveDate>,
    /// Its last day.
    to: Option<NaiveDate>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// A published figure in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SnapshotLine {
    /// Its id.
    snapshot_id: String,
    /// First day of the period.
    from: NaiveDate,
    /// The day after the last one.
    until: NaiveDate,
    /// The instant the figure stands for.
    as_of: DateTime<Utc>,
    /// The instant until which records had arrived.
    known_at: DateTime<Utc>,
    /// The counting policy.
    policy_id: String,
    /// The counted acts.
    share: ShareView,
    /// Percent with two decimals; null without acts.
    percent: Option<String>,
    /// Whether the target was reached, compared without rounding; null without acts.
    reached: Option<bool>,
    /// Version of table `inspections` it was counted from, -1 when there was none.
    inspections_version: i64,
}

impl From<PublishedLine> for SnapshotLine {
    fn from(line: PublishedLine) -> Self {
        Self {
            from: line.period.from,
            until: line.period.until,
            as_of: time(line.as_of),
            known_at: time(line.known_at),
            policy_id: line.policy_id,
            share: line.share.into(),
            percent: line.percent,
            reached: line.reached,
            inspections_version: line.inspections_version,
            snapshot_id: line.snapshot_id,
        }
    }
}

/// Published figures, the one of the latest instant first.
#[utoipa::path(
    get, path = "/ratio/snapshots", tag = "ratio", operation_id = "list_published_ratios",
    params(SnapshotsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<SnapshotLine>), Reading)
)]
pub(super) async fn list(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<SnapshotsWanted>,
) -> Result<Json<Page<SnapshotLine>>, Problem> {
    who.of_a_body("read the ratio")?;
    let of = "published figures";
    let most = limit(wanted.limit)?;
    let wanted = PublishedWanted {
        period: days(wanted.year, wanted.from, wanted.to)?,
        after: place(of, wanted.cursor.as_deref())?,
        policy_id: wanted.policy_id,
        limit: most + 1,
    };
    let tables = app.tables().await?;
    let mut lines = published_list(&tables.session, &wanted).await?;
    let more = lines.len() > most as usize;
    lines.truncate(most as usize);
    let next = lines.last().filter(|_| more).map(|last| {
        let at = PublishedPlace {
            as_of: last.as_of,
            snapshot_id: last.snapshot_id.clone(),
        };
        cursor(of, at)
    });
    Ok(Json(Page {
        items: lines.into_iter().map(SnapshotLine::from).collect(),
        next,
    }))
}

/// Counts of a published figure for one body, month, quarter, method or class.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SnapshotGroup {
    /// `org`, `month`, `quarter`, `method` or `class`.
    breakdown: String,
    /// Which one.
    key: String,
    /// Its counted acts.
    share: ShareView,
}

/// A published figure.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SnapshotView {
    /// Its id.
    snapshot_id: String,
    /// First day of the period.
    from: NaiveDate,
    /// The day after the last one.
    until: NaiveDate,
    /// The instant the figure stands for.
    as_of: DateTime<Utc>,
    /// The instant until which records had arrived.
    known_at: DateTime<Utc>,
    /// The counting policy.
    policy_id: String,
    /// The counted acts.
    share: ShareView,
    /// Percent with two decimals; null without acts.
    percent: Option<String>,
    /// Its breakdowns; each adds up to the figure.
    groups: Vec<SnapshotGroup>,
    /// Version of table `inspections` it was counted from, -1 when there was none; null when it is not
    /// known.
    inspections_version: Option<i64>,
    /// What is kept no longer as it was published; empty for a sound figure.
    altered: Vec<DifferenceView>,
    /// The whole figure with its policy, band, quality and digest; instants are microseconds UTC.
    #[schema(value_type = SnapshotDocument)]
    document: Freely,
}

impl SnapshotView {
    fn of(kept: KeptFigure) -> Result<Self, Problem> {
        let figure = &kept.snapshot;
        let org = ("org", &figure.by_org);
        let others = figure
            .groups
            .iter()
            .map(|(name, groups)| (name.as_str(), groups));
        let groups = std::iter::once(org)
            .chain(others)
            .flat_map(|(breakdown, groups)| {
                groups.iter().map(move |(key, share)| SnapshotGroup {
                    breakdown: breakdown.to_owned(),
                    key: key.clone(),
                    share: (*share).into(),
                })
            })
            .collect();
        Ok(Self {
            from: figure.period.from,
            until: figure.period.until,
            as_of: time(figure.cutoff.as_of),
            known_at: time(figure.cutoff.known_at),
            policy_id: figure.policy.policy_id.clone(),
            share: figure.share.into(),
            percent: figure.percent.clone(),
            groups,
            inspections_version: kept.inspections_version,
            document: Freely::of(figure)?,
            altered: kept.altered.into_iter().map(DifferenceView::from).collect(),
            snapshot_id: kept.snapshot_id,
        })
    }
}

/// A published figure with everything it was made from.
#[utoipa::path(
    get, path = "/ratio/snapshots/{snapshot_id}", tag = "ratio",
    operation_id = "show_published_ratio",
    params(("snapshot_id" = String, Path, description = "id of the figure"), Everyone),
    security(("token" = [])),
    responses((status = 200, description = "the figure", body = SnapshotView), Reading)
)]
pub(super) async fn show(
    who: Principal,
    State(app): State<App>,
    Named(snapshot_id): Named<String>,
) -> Result<Json<SnapshotView>, Problem> {
    who.of_a_body("read the ratio")?;
    let tables = app.tables().await?;
    let kept = figure(&tables, &snapshot_id).await?;
    Ok(Json(SnapshotView::of(kept)?))
}

/// When a policy has to be in force.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct InForceWhen {
    /// `in_force` then: an instant, a Beijing time, or a Beijing day (its end); now when left out.
    #[serde(deserialize_with = "plain")]
    #[param(example = "2026-06-30")]
    as_of: Option<String>,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// A counting policy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RatioPolicy)]
pub(super) struct PolicyView {
    /// Its id.
    policy_id: String,
    /// Beijing day from which it counts.
    effective_from: Option<NaiveDate>,
    /// Its fingerprint: another one under the same id is another policy.
    fingerprint: String,
    /// It is the one in force.
    in_force: bool,
    /// The target, percent.
    target: String,
    /// Every switch, as the policy file has them.
    #[schema(value_type = PolicyRules)]
    policy: Freely,
}

/// The counting policies that are configured, the earliest first.
#[utoipa::path(
    get, path = "/ratio/policies", tag = "ratio", operation_id = "ratio_policies",
    params(InForceWhen, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<PolicyView>), Reading)
)]
pub(super) async fn policies(
    who: Principal,
    State(app): State<App>,
    Asked(when): Asked<InForceWhen>,
) -> Result<Json<Page<PolicyView>>, Problem> {
    who.of_a_body("read the ratio")?;
    let at = instant("as_of", when.as_of.as_deref())?.unwrap_or_else(|| app.now());
    // Before the first one takes effect none is in force.
    let in_force = app.policies().in_force(at).ok();
    let view = |policy: &RatioPolicy| -> Result<PolicyView, Problem> {
        Ok(PolicyView {
            policy_id: policy.policy_id.clone(),
            effective_from: policy.effective_from,
            fingerprint: policy.fingerprint(),
            in_force: in_force.is_some_and(|one| one.policy_id == policy.policy_id),
            target: policy.target_percent.to_string(),
            policy: Freely::of(policy)?,
        })
    };
    let wanted = RowsWanted::new(when.limit, when.cursor);
    let views: Result<Vec<PolicyView>, Problem> = app.policies().rows().iter().map(view).collect();
    Ok(Json(wanted.whole("policies", views?)?))
}
