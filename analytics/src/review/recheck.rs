//! The rule that fired, run again over the data since the measures: what an approval asks for, and
//! what the look-back checks.
//!
//! A rule that says nothing proves nothing unless it could judge: besides findings, the hours of
//! normal operation since the measures are counted, and 24 of them have to be there (seven days of
//! them for rules that look back over half a month). What was found is written into the audit row
//! under names that people cannot write.
//!
//! Failure modes: tables that cannot be read are an error ([`Error::Tables`]), so that a check waits
//! instead of passing; what can never be run (a finding about a permit as a whole, a rule that is
//! gone) is an answer of its own.

use std::path::PathBuf;

use super::case::Case;
use super::dossier;
use super::error::Error;
use super::registry;
use super::review_row::Reviewed;
use super::service::Service;
use super::step::Input;
use crate::detect::{self, Catalogue, Rerun};
use crate::session::{self, Session, rows};

/// Field with the verdict's code.
pub(super) const VERDICT: &str = "recheck";
/// Field with the verdict in a sentence.
pub(super) const WHY: &str = "recheck_why";
/// Code of the verdict that an approval needs.
pub(super) const SILENT: &str = "silent";

/// Fields that the program alone writes: what is told about a case by them is no person's word.
pub(super) const WRITTEN_BY_THE_PROGRAM: [&str; 39] = [
    VERDICT,
    WHY,
    "recheck_hours",
    "recheck_needed",
    "recheck_passed",
    "recheck_not_judged",
    "recheck_findings",
    "mean_before",
    "mean_after",
    "readings_version",
    "check",
    "result",
    "relapse_at",
    "parent",
    "merged",
    "act_sha256",
    "corrected_act",
    "corrected_act_sha256",
    "by_anomaly",
    "from",
    "to",
    super::review_row::CONFLICTS,
    super::review_row::SECONDS,
    super::review_row::SIGNATURE_VOID,
    super::manifest::SHA256,
    super::manifest::COUNT,
    super::marks::ID,
    super::marks::DOCUMENT,
    registry::ADMIN_CODE,
    registry::POSITIVE_LIST,
    registry::PERMIT_VERSION,
    registry::NOT_KNOWN,
    super::penalty::LATE_DAYS,
    super::penalty::LATE_FINE,
    super::investigation::LEAD,
    super::investigation::SINCE,
    super::investigation::PART,
    super::investigation::ACT,
    super::templates::VERSION,
];

/// Hours of normal operation a rule has to be silent for.
const HOURS: u32 = 24;
/// The same for rules that look back over half a month: seven days.
const HOURS_HALF_MONTH: u32 = 7 * 24;
/// From this look-back on a rule is one of them, hours.
const HALF_MONTH_H: u32 = 14 * 24;

/// What running the rule again came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It judged, for long enough, and found nothing.
    Silent,
    /// It found nothing, but not for long enough yet.
    TooShort,
    /// It could judge nothing.
    NothingJudged,
    /// It fires.
    StillFailing,
    /// It cannot be run on this finding.
    NotRun,
}

impl Verdict {
    /// Its code in audit rows.
    pub fn code(self) -> &'static str {
        match self {
            Self::Silent => SILENT,
            Self::TooShort => "too_short",
            Self::NothingJudged => "nothing_judged",
            Self::StillFailing => "still_failing",
            Self::NotRun => "not_run",
        }
    }
}

/// What was found. Instants are microseconds UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Rechecked {
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict in one sentence, Chinese and English.
    pub why: String,
    /// Hours of normal operation since the measures.
    pub hours: u32,
    /// Hours that are asked for.
    pub needed: u32,
    /// Windows that passed.
    pub passed: u64,
    /// Windows that could not be judged.
    pub not_judged: u64,
    /// Findings, exempt ones aside.
    pub findings: u64,
    /// Start of the first of them.
    pub first: Option<i64>,
    /// Mean of the value in what was judged then.
    pub mean_before: Option<f64>,
    /// Mean of the value since the measures.
    pub mean_after: Option<f64>,
    /// Version of the readings that were looked at.
    pub readings_version: Option<i64>,
}

impl Rechecked {
    /// Nothing was run, and why.
    pub fn not_run(why: &str) -> Self {
        Self {
            verdict: Verdict::NotRun,
            why: format!("规则未能复核 / the rule was not run again: {why}"),
            hours: 0,
            needed: HOURS,
            passed: 0,
            not_judged: 0,
            findings: 0,
            first: None,
            mean_before: None,
            mean_after: None,
            readings_version: None,
        }
    }

    /// The input with what was found.
    pub(super) fn written(&self, input: Input) -> Input {
        let mut input = input
            .with(VERDICT, self.verdict.code())
            .with(WHY, &self.why)
            .with("recheck_hours", &self.hours.to_string())
            .with("recheck_needed", &self.needed.to_string())
            .with("recheck_passed", &self.passed.to_string())
            .with("recheck_not_judged", &self.not_judged.to_string())
            .with("recheck_findings", &self.findings.to_string());
        for (name, mean) in [
            ("mean_before", self.mean_before),
            ("mean_after", self.mean_after),
        ] {
            if let Some(mean) = mean {
                input = input.with(name, &format!("{mean:.4}"));
            }
        }
        if let Some(version) = self.readings_version {
            input = input.with("readings_version", &version.to_string());
        }
        input
    }

    fn judged(mut self) -> Self {
        let (hours, needed) = (self.hours, self.needed);
        (self.verdict, self.why) = if self.findings > 0 {
            (
                Verdict::StillFailing,
                format!(
                    "整改后仍触发规则 {} 次 / the rule fires {} times since the measures",
                    self.findings, self.findings
                ),
            )
        } else if self.passed == 0 {
            (
                Verdict::NothingJudged,
                "整改后无可判定数据 / nothing could be judged since the measures: silence proves \
                 nothing"
                    .to_owned(),
            )
        } else if hours < needed {
            (
                Verdict::TooShort,
                format!(
                    "整改后正常运行 {hours} 小时，不足 {needed} 小时 / {hours} h of normal operation \
                     since the measures, {needed} h are needed"
                ),
            )
        } else {
            (
                Verdict::Silent,
                format!(
                    "整改后正常运行 {hours} 小时未再触发 / silent for {hours} h of normal operation"
                ),
            )
        };
        self
    }
}

/// Who can run a case's rule again.
#[async_trait::async_trait]
pub trait Recheck: Send + Sync + std::fmt::Debug {
    /// The rule over the data since the case's measures and before `until` (microseconds UTC).
    ///
    /// # Errors
    /// [`Error::Tables`] when tables or the rule cannot be read; trying again may help.
    async fn run(&self, case: &Case, until: i64) -> Result<Rechecked, Error>;

    /// What a review of the case has to know: the same, and what does not fit together. Without
    /// tables that is what the queue alone shows.
    ///
    /// # Errors
    /// As [`Self::run`], and [`Error::Store`].
    async fn review(&self, service: &Service, case: &Case, until: i64) -> Result<Reviewed, Error> {
        Ok(Reviewed {
            rechecked: self.run(case, until).await?,
            conflicts: service.conflicts_in_queue(&case.case_id).await?,
        })
    }
}

/// For a queue that stands alone: nothing can be run, and every answer says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct WithoutTables;

#[async_trait::async_trait]
impl Recheck for WithoutTables {
    async fn run(&self, _case: &Case, _until: i64) -> Result<Rechecked, Error> {
        Ok(Rechecked::not_run("this queue has no tables at hand"))
    }
}

/// Runs rules over the tables of a store, opened anew for every run.
#[derive(Debug, Clone)]
pub struct TableRecheck {
    /// Folder or bucket of the tables.
    pub store: PathBuf,
    /// How sessions are opened.
    pub session: session::Config,
    /// Rules and parameters.
    pub detect: detect::Config,
}

#[async_trait::async_trait]
impl Recheck for TableRecheck {
    async fn run(&self, case: &Case, until: i64) -> Result<Rechecked, Error> {
        let catalogue = Catalogue::load(&self.detect)?;
        let session = session::open(&self.store, &self.session).await?;
        rechecked(case, &session, &self.detect, &catalogue, until).await
    }

    async fn review(&self, service: &Service, case: &Case, until: i64) -> Result<Reviewed, Error> {
        let catalogue = Catalogue::load(&self.detect)?;
        let session = session::open(&self.store, &self.session).await?;
        let page = service
            .put_together(&case.case_id, &session, &self.detect, &catalogue)
            .await?;
        let rechecked = match &page.rerun {
            Some(rerun) => judged(case, &session, &catalogue, rerun, until).await?,
            None => Rechecked::not_run(page.no_rerun.as_deref().unwrap_or_default()),
        };
        Ok(Reviewed {
            rechecked,
            conflicts: page.conflicts,
        })
    }
}

/// The same in a session that is open.
pub(super) async fn rechecked(
    case: &Case,
    session: &Session,
    config: &detect::Config,
    catalogue: &Catalogue,
    until: i64,
) -> Result<Rechecked, Error> {
    match dossier::rerun(case, session, config, catalogue, until).await? {
        Ok(rerun) => judged(case, session, catalogue, &rerun, until).await,
        Err(why) => Ok(Rechecked::not_run(&why)),
    }
}

/// What a run of the rule proves.
async fn judged(
    case: &Case,
    session: &Session,
    catalogue: &Catalogue,
    rerun: &Rerun,
    until: i64,
) -> Result<Rechecked, Error> {
    let half_month = catalogue
        .get(&case.rule_id)
        .is_some_and(|found| found.rule.lookback_h >= HALF_MONTH_H);
    // The day of the measures itself belongs to neither side.
    let from = case.measured_from.unwrap_or(rerun.from);
    let within = rerun
        .findings
        .iter()
        .filter(|found| found.exempt_code.is_none() && (from..until).contains(&found.window_start));
    let before = values(case, session, case.window_start, case.window_end).await?;
    let after = values(case, session, from, until).await?;
    let found = Rechecked {
        hours: after.hours,
        needed: if half_month { HOURS_HALF_MONTH } else { HOURS },
        passed: rerun.passed,
        not_judged: rerun.not_evaluated.values().sum(),
        findings: within.clone().count() as u64,
        first: within.map(|found| found.window_start).min(),
        mean_before: before.mean,
        mean_after: after.mean,
        readings_version: Some(rerun.readings_version),
        ..Rechecked::not_run("")
    };
    Ok(found.judged())
}

/// Hours with values that are flagged as normal, and their mean.
struct Values {
    hours: u32,
    mean: Option<f64>,
}

async fn values(case: &Case, session: &Session, from: i64, until: i64) -> Result<Values, Error> {
    let quoted = |text: &str| text.replace('\'', "''");
    let factor = case
        .factor
        .as_ref()
        .map(|factor| format!(" AND factor = '{}'", quoted(factor)));
    let query = format!(
        "SELECT count(DISTINCT date_trunc('hour', data_time)) AS hours, \
                CAST(avg(value) AS DOUBLE) AS mean \
         FROM readings_raw WHERE mn = '{}'{} AND (flag = 'N' OR flag IS NULL) \
         AND data_time >= to_timestamp_micros({from}) AND data_time < to_timestamp_micros({until})",
        quoted(case.mn.as_deref().unwrap_or_default()),
        factor.unwrap_or_default(),
    );
    let what = "hours of normal operation";
    let found = session.rows(what, &query).await?;
    let found = rows::objects(&found).map_err(|error| session::Error::query(what)(error.into()))?;
    let cell = |name: &str| found.first()?.get(name).cloned();
    Ok(Values {
        hours: cell("hours")
            .and_then(|value| value.as_u64())
            .and_then(|hours| u32::try_from(hours).ok())
            .unwrap_or(0),
        mean: cell("mean").and_then(|value| value.as_f64()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(findings: u64, passed: u64, hours: u32) -> Verdict {
        let one = Rechecked {
            findings,
            passed,
            hours,
            ..Rechecked::not_run("")
        };
        one.judged().verdict
    }

    #[test]
    fn silence_counts_when_the_rule_could_judge_for_long_enough() {
        assert_eq!(found(0, 24, 24), Verdict::Silent);
        assert_eq!(found(0, 23, 23), Verdict::TooShort);
        assert_eq!(found(0, 0, 48), Verdict::NothingJudged);
        assert_eq!(found(1, 100, 100), Verdict::StillFailing);
    }
}
