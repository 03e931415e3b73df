//! What is told beside the off-site ratio: its band, its outlook, and whether the inspections were done.

use chrono::NaiveDate;
use nonsite_analytics::ratio::{Band, BandPoint, Forecast, Quality};
use serde::Serialize;
use utoipa::ToSchema;

use super::papers::code;
use super::ratio::ShareView;

/// One combination of answers to the open questions of the counting rule, and the figure it gives.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = BandPoint)]
pub(super) struct PointView {
    /// What an off-site act that turned on-site counts as: `collapse`, `separate` or `offsite_only`.
    escalation: String,
    /// Whether reviews of rectification count.
    count_rectification_review: bool,
    /// Classes in the denominator.
    denominator_classes: Vec<String>,
    /// The counted acts.
    share: ShareView,
    /// Percent with two decimals; null when it counts no act.
    percent: Option<String>,
}

impl From<&BandPoint> for PointView {
    fn from(point: &BandPoint) -> Self {
        Self {
            escalation: code(point.escalation).unwrap_or_default(),
            count_rectification_review: point.count_rectification_review,
            denominator_classes: point.denominator_classes.clone(),
            share: point.share.into(),
            percent: point.percent.clone(),
        }
    }
}

/// How far the open questions of the counting rule could move the figure.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Band)]
pub(super) struct BandView {
    /// The smallest ratio; null without acts.
    min: Option<PointView>,
    /// The largest ratio; null without acts.
    max: Option<PointView>,
    /// Some readings reach the target and others miss it.
    crosses_target: bool,
    /// Every combination, in a fixed order.
    points: Vec<PointView>,
}

impl From<&Band> for BandView {
    fn from(band: &Band) -> Self {
        Self {
            min: band.min.as_ref().map(PointView::from),
            max: band.max.as_ref().map(PointView::from),
            crosses_target: band.crosses_target,
            points: band.points.iter().map(PointView::from).collect(),
        }
    }
}

/// Where the calendar year ends if inspections go on as they did, and what it takes to reach the target.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Forecast)]
pub(super) struct ForecastView {
    /// Last day of the year.
    until: NaiveDate,
    /// What was counted in the year so far.
    so_far: ShareView,
    /// Days behind.
    days_passed: i32,
    /// Days ahead.
    days_left: i32,
    /// Off-site acts per month so far.
    off_per_month: f64,
    /// On-site acts per month so far.
    on_per_month: f64,
    /// Expected share at the end, 0 to 1.
    expected: f64,
    /// Lower end of the 90 % interval.
    low: f64,
    /// Upper end of the 90 % interval.
    high: f64,
    /// How much more than independent acts the counts scatter, at least 1.
    dispersion: f64,
    /// Off-site acts per month that reach the target when on-site acts go on as before; null when no
    /// number does.
    needed_per_month: Option<f64>,
    /// The same when few on-site acts come (lower end of a 90 % interval).
    needed_low: Option<f64>,
    /// The same when many come (upper end).
    needed_high: Option<f64>,
}

impl From<&Forecast> for ForecastView {
    fn from(outlook: &Forecast) -> Self {
        let reachable = |needed: f64| needed.is_finite().then_some(needed);
        Self {
            until: outlook.until,
            so_far: outlook.so_far.into(),
            days_passed: outlook.days_passed,
            days_left: outlook.days_left,
            off_per_month: outlook.off_per_month,
            on_per_month: outlook.on_per_month,
            expected: outlook.expected,
            low: outlook.low,
            high: outlook.high,
            dispersion: outlook.dispersion,
            needed_per_month: reachable(outlook.needed_per_month),
            needed_low: reachable(outlook.needed_low),
            needed_high: reachable(outlook.needed_high),
        }
    }
}

/// Whether the inspections were done or only recorded: off-site acts of the period.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Quality)]
pub(super) struct QualityView {
    /// All of them.
    offsite: u64,
    /// Opened and closed within three minutes.
    too_short: u64,
    /// Lacking part of the minimum record; the short ones are among them.
    incomplete: u64,
    /// Officers' days with more counted acts than the policy's cap.
    officer_days_over_cap: u64,
    /// The most counted acts an officer closed on one day.
    most_in_a_day: u32,
}

impl From<Quality> for QualityView {
    fn from(quality: Quality) -> Self {
        Self {
            offsite: quality.offsite,
            too_short: quality.too_short,
            incomplete: quality.incomplete,
            officer_days_over_cap: quality.officer_days_over_cap,
            most_in_a_day: quality.most_in_a_day,
        }
    }
}
