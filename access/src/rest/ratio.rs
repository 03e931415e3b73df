//! The off-site ratio: the figure with its band, breakdowns, and the acts behind it.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, NaiveDate, Utc};
use nonsite_analytics::ratio::{
    Act, Cutoff, Decision, Dimension, Group, Outcome, Period, RatioReport, compute, forecast,
    load_judged,
};
use nonsite_analytics::session::Session;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::answers::{Everyone, Reading};
use super::app::App;
use super::cases::{cursor, instant, limit, place};
use super::extract::{Asked, plain};
use super::fault::internal;
use super::figures::days;
use super::identity::Principal;
use super::outlook::{BandView, ForecastView, QualityView};
use super::problem::{BAD_QUERY, Problem};
use super::view::{Page, time};

/// How a figure is broken down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum By {
    /// Body the act is credited to.
    Org,
    /// Month of completion.
    Month,
    /// Quarter of completion.
    Quarter,
    /// Running sums: from the start of the period to the end of each month. They are no breakdown:
    /// they do not add up to the figure.
    ToDate,
    /// Method.
    Method,
    /// Class.
    Class,
}

impl By {
    fn groups(self, report: &RatioReport<'_>) -> Vec<Group> {
        report.by(match self {
            Self::Org => Dimension::Org,
            Self::Month => Dimension::Month,
            Self::Quarter => Dimension::Quarter,
            Self::ToDate => return report.to_date(),
            Self::Method => Dimension::Method,
            Self::Class => Dimension::Class,
        })
    }
}

/// Which figure.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct FigureWanted {
    /// Calendar year; the period of the policy when left out.
    #[param(minimum = 1970, maximum = 9998)]
    year: Option<i32>,
    /// First Beijing day of a period of one's own, such as a campaign's; goes with `to`, not with `year`.
    from: Option<NaiveDate>,
    /// Its last day.
    to: Option<NaiveDate>,
    /// How it stood then: an instant, a Beijing time, or a Beijing day (its end); now when left out.
    #[serde(deserialize_with = "plain")]
    as_of: Option<String>,
    /// Leave out records that arrived later than this.
    #[serde(deserialize_with = "plain")]
    known_at: Option<String>,
    /// Break the figure down.
    #[param(inline)]
    by: Option<By>,
}

/// What a figure is computed from.
pub(super) struct Basis {
    pub(super) acts: Vec<Act>,
    pub(super) cutoff: Cutoff,
    pub(super) period: Option<Period>,
}

impl Basis {
    /// Reads what was asked; `now` stands in for what was left out.
    pub(super) async fn read(
        app: &App,
        session: &Session,
        period: Option<Period>,
        as_of: Option<&str>,
        known_at: Option<&str>,
        now: i64,
    ) -> Result<Self, Problem> {
        let cutoff = Cutoff {
            as_of: instant("as_of", as_of)?.unwrap_or(now),
            known_at: instant("known_at", known_at)?.unwrap_or(now),
        };
        Ok(Self {
            period,
            cutoff,
            acts: load_judged(session.ctx(), app.policies().checklists())
                .await
                .map_err(|error| internal(&error))?,
        })
    }

    pub(super) fn report(&self, app: &App) -> Result<RatioReport<'_>, Problem> {
        let policy = app
            .policies()
            .in_force(self.cutoff.as_of)
            .map_err(|error| Problem::new(&BAD_QUERY, format!("as_of: {error}")).at("as_of"))?;
        let period = self
            .period
            .clone()
            .unwrap_or_else(|| Period::containing(policy.period, self.cutoff.as_of));
        Ok(compute(&self.acts, policy, self.cutoff, &period))
    }
}

/// Two counts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Share)]
pub(super) struct ShareView {
    /// Off-site inspections.
    pub(super) off: u64,
    /// On-site inspections.
    pub(super) on: u64,
}

impl From<nonsite_analytics::ratio::Share> for ShareView {
    fn from(share: nonsite_analytics::ratio::Share) -> Self {
        Self {
            off: share.off,
            on: share.on,
        }
    }
}

/// One line of a breakdown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RatioGroup)]
pub(super) struct GroupView {
    /// Body, month, quarter, method or class; the month a running sum ends with.
    key: String,
    /// Its counted acts.
    share: ShareView,
    /// Percent with two decimals.
    percent: Option<String>,
    /// More decimals, when two of them hide that the target is missed.
    percent_below_target: Option<String>,
    /// `reached`, `missed` or `no inspections`.
    verdict: String,
}

/// The figure with what is printed beside it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ratio)]
pub(super) struct RatioView {
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
    /// Its fingerprint.
    policy_fingerprint: String,
    /// The target, percent.
    target: String,
    /// The counted acts.
    share: ShareView,
    /// Percent with two decimals, half up; null without acts.
    percent: Option<String>,
    /// More decimals, when two of them hide that the target is missed.
    percent_below_target: Option<String>,
    /// `reached`, `missed` or `no inspections`, compared without rounding.
    verdict: String,
    /// The figure in one sentence.
    sentence: String,
    /// How far the open questions of the counting rule could move it.
    band: BandView,
    /// The band in one sentence.
    band_sentence: String,
    /// Outlook at the end of the period.
    forecast: Option<ForecastView>,
    /// Why there is none.
    no_forecast: Option<String>,
    /// Acts of bodies above the city, shown apart.
    higher_level: ShareView,
    /// Acts on units of the positive list, shown apart.
    positive_list: ShareView,
    /// Whether the inspections were done or only recorded.
    quality: QualityView,
    /// Hints for auditors.
    flags: Vec<String>,
    /// SHA-256 over every version of an act that the two instants let through.
    acts_digest: String,
    /// The breakdown asked for; its sums are the figure, except for `to_date`.
    groups: Vec<GroupView>,
}

impl RatioView {
    pub(super) fn of(report: &RatioReport<'_>, by: Option<By>) -> Self {
        let outlook = forecast(report);
        let groups = by.map(|by| by.groups(report)).unwrap_or_default();
        let target = report.policy.target_percent;
        Self {
            from: report.period.from,
            until: report.period.until,
            as_of: time(report.cutoff.as_of),
            known_at: time(report.cutoff.known_at),
            policy_id: report.policy.policy_id.clone(),
            policy_fingerprint: report.policy_fingerprint.clone(),
            target: target.to_string(),
            share: report.share.into(),
            percent: report.percent.clone(),
            percent_below_target: report.percent_below_target.clone(),
            verdict: report.verdict.text().to_owned(),
            sentence: report.sentence(),
            band: BandView::from(&report.band),
            band_sentence: report.band.sentence(target),
            no_forecast: outlook.as_ref().err().map(|&why| why.to_owned()),
            forecast: outlook.as_ref().ok().map(ForecastView::from),
            higher_level: report.higher_level.into(),
            positive_list: report.positive_list.into(),
            quality: report.quality.into(),
            flags: report.flags.iter().map(ToString::to_string).collect(),
            acts_digest: report.acts_digest.clone(),
            groups: groups
                .into_iter()
                .map(|group| GroupView {
                    key: group.key,
                    share: group.share.into(),
                    percent: group.percent,
                    percent_below_target: group.percent_below_target,
                    verdict: group.verdict.text().to_owned(),
                })
                .collect(),
        }
    }
}

/// The off-site ratio with its band.
#[utoipa::path(
    get, path = "/ratio", tag = "ratio", operation_id = "ratio", params(FigureWanted, Everyone),
    security(("token" = [])),
    responses((status = 200, description = "the figure", body = RatioView), Reading)
)]
pub(super) async fn figure(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<FigureWanted>,
) -> Result<Json<RatioView>, Problem> {
    who.of_a_body("read the ratio")?;
    let period = days(wanted.year, wanted.from, wanted.to)?;
    let tables = app.tables().await?;
    let (as_of, known_at) = (wanted.as_of.as_deref(), wanted.known_at.as_deref());
    let now = app.now();
    let basis = Basis::read(&app, &tables.session, period, as_of, known_at, now).await?;
    let report = basis.report(&app)?;
    Ok(Json(RatioView::of(&report, wanted.by)))
}

/// Which acts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fate {
    /// Counted ones.
    Counted,
    /// Those not counted, with the reason.
    Excluded,
    /// All.
    #[default]
    All,
}

/// Which acts of a figure, and where to go on.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct ActsWanted {
    /// Calendar year; the period of the policy when left out.
    #[param(minimum = 1970, maximum = 9998)]
    year: Option<i32>,
    /// First Beijing day of a period of one's own, such as a campaign's; goes with `to`, not with `year`.
    from: Option<NaiveDate>,
    /// Its last day.
    to: Option<NaiveDate>,
    /// How it stood then; now when left out.
    #[serde(deserialize_with = "plain")]
    as_of: Option<String>,
    /// Leave out records that arrived later than this.
    #[serde(deserialize_with = "plain")]
    known_at: Option<String>,
    /// Counted, excluded or all.
    #[param(required = false, inline)]
    list: Fate,
    /// Entries of a page.
    #[param(minimum = 1, maximum = 200, default = 50)]
    limit: Option<u32>,
    /// Where to go on: `next` of the page before.
    cursor: Option<String>,
}

/// An act and what became of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Act)]
pub(super) struct ActView {
    /// The act.
    act_id: String,
    /// The version that was looked at.
    act_version: i64,
    /// When it was completed.
    completed_at: Option<DateTime<Utc>>,
    /// Body that carried it out.
    org_code: String,
    /// `offsite` or `onsite`.
    mode: String,
    /// Method.
    method: String,
    /// Class.
    class: String,
    /// The unit.
    unit_id: String,
    /// Its name.
    unit_name: String,
    /// Whether it counts.
    counted: bool,
    /// Why not.
    reason: Option<String>,
    /// The particulars.
    detail: Option<String>,
    /// The act that stands in its place.
    in_favour_of: Option<String>,
}

impl ActView {
    fn of(decision: &Decision<'_>) -> Self {
        let act = decision.act;
        let (reason, detail, in_favour_of) = match &decision.outcome {
            Outcome::Counted => (None, None, None),
            Outcome::NotCounted {
                reason,
                detail,
                in_favour_of,
            } => (
                Some(reason.code().to_owned()),
                Some(detail.clone()),
                in_favour_of.clone(),
            ),
        };
        Self {
            act_id: act.act_id.clone(),
            act_version: act.act_version,
            completed_at: act.completed_at.map(time),
            org_code: act.org_code.clone(),
            mode: act.mode.code().to_owned(),
            method: act.method.clone(),
            class: act.class.clone(),
            unit_id: act.unit_id.clone(),
            unit_name: act.unit_name.clone(),
            counted: decision.is_counted(),
            reason,
            detail,
            in_favour_of,
        }
    }
}

/// The acts behind a figure that your body or those below carried out, by their ids.
#[utoipa::path(
    get, path = "/ratio/acts", tag = "ratio", operation_id = "ratio_acts",
    params(ActsWanted, Everyone), security(("token" = [])),
    responses((status = 200, description = "one page", body = Page<ActView>), Reading)
)]
pub(super) async fn acts_behind(
    who: Principal,
    State(app): State<App>,
    Asked(wanted): Asked<ActsWanted>,
) -> Result<Json<Page<ActView>>, Problem> {
    who.of_a_body("read the ratio")?;
    let of = "acts";
    let after = place::<String>(of, wanted.cursor.as_deref())?;
    let most = limit(wanted.limit)? as usize;
    let period = days(wanted.year, wanted.from, wanted.to)?;
    let tables = app.tables().await?;
    let (as_of, known_at) = (wanted.as_of.as_deref(), wanted.known_at.as_deref());
    let now = app.now();
    let basis = Basis::read(&app, &tables.session, period, as_of, known_at, now).await?;
    let report = basis.report(&app)?;
    let scope = who.scope();
    let mut found: Vec<&Decision<'_>> = report
        .decisions
        .iter()
        .filter(|decision| match wanted.list {
            Fate::Counted => decision.is_counted(),
            Fate::Excluded => !decision.is_counted(),
            Fate::All => true,
        })
        .filter(|decision| scope.covers(Some(&decision.act.org_code), None))
        .filter(|decision| after.as_ref().is_none_or(|id| decision.act.act_id > *id))
        .collect();
    found.sort_by(|left, right| left.act.act_id.cmp(&right.act.act_id));
    let more = found.len() > most;
    found.truncate(most);
    let next = found
        .last()
        .filter(|_| more)
        .map(|last| cursor(of, last.act.act_id.clone()));
    Ok(Json(Page {
        items: found.into_iter().map(ActView::of).collect(),
        next,
    }))
}
