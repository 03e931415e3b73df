//! What the tables know about one permit in a stretch of time, one query per kind of question.
//!
//! A [`Fact`] is told as it is and may suggest an answer. Where there are no data there is no
//! suggestion: silence proves nothing. Marks of the enterprise are not weighed here; hours marked by
//! the instrument are left out by the view `hourly`, and the rest is the officer's to judge.

use std::collections::BTreeMap;

use chrono::{Datelike, NaiveDate};
use nonsite_schemas::time::{DAY_MICROS, beijing_day};
use nonsite_schemas::wire::inspection::AnswerCode;
use nonsite_schemas::wire::permit::Permit;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Error;
use super::permit::quoted;
use crate::session::{Session, rows};

/// What was asked of whom for when.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The permit.
    pub permit: &'a Permit,
    /// Start, microseconds UTC.
    pub from: i64,
    /// End (exclusive), microseconds UTC.
    pub to: i64,
}

impl Scope<'_> {
    /// First and last Beijing day, as SQL dates.
    fn days(&self) -> (String, String) {
        (
            sql_day(beijing_day(self.from)),
            sql_day(beijing_day(self.to - 1)),
        )
    }

    fn permit_no(&self) -> String {
        quoted(&self.permit.permit_no)
    }

    fn loggers(&self) -> String {
        format!(
            "SELECT mn FROM mn_outlets WHERE permit_no = '{}' AND arrow_cast(bound_from, 'Int64') < {} \
             AND arrow_cast(bound_to, 'Int64') > {}",
            self.permit_no(),
            self.to,
            self.from
        )
    }
}

/// One thing the data say.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Fact {
    /// The answer it suggests, if any.
    pub suggests: Option<AnswerCode>,
    /// What is so, Chinese.
    pub zh: String,
    /// The same in English.
    pub en: String,
    /// Rows it rests on.
    pub rows: i64,
}

impl Fact {
    pub(super) fn new(suggests: Option<AnswerCode>, rows: i64, zh: String, en: String) -> Self {
        Self {
            suggests,
            zh,
            en,
            rows,
        }
    }

    pub(super) fn none(zh: &str, en: &str) -> Self {
        Self::new(None, 0, zh.to_owned(), en.to_owned())
    }
}

/// Facts of one kind, by subject, with the query they come from.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// What was looked at; the kind of a data source in an act's record.
    pub kind: &'static str,
    /// The query.
    pub query: String,
    /// By subject, such as `DA001/a21026`.
    pub by_subject: BTreeMap<String, Fact>,
}

pub(super) fn verdict(good: bool) -> Option<AnswerCode> {
    Some(if good {
        AnswerCode::Pass
    } else {
        AnswerCode::Fail
    })
}

fn sql_day(day: i32) -> String {
    format!("DATE '{}'", date(day))
}

pub(crate) fn date(day: i32) -> NaiveDate {
    NaiveDate::from_num_days_from_ce_opt(day.saturating_add(719_163)).unwrap_or_default()
}

pub(crate) fn day_number(date: NaiveDate) -> i32 {
    date.num_days_from_ce() - 719_163
}

pub(super) async fn ask(
    session: &Session,
    kind: &'static str,
    query: &str,
) -> Result<Vec<Map<String, Value>>, Error> {
    let found = session.rows(kind, query).await?;
    rows::objects(&found).map_err(Error::rows(kind))
}

pub(super) fn int(row: &Map<String, Value>, column: &str) -> i64 {
    row.get(column).and_then(Value::as_i64).unwrap_or(0)
}

pub(super) fn number(row: &Map<String, Value>, column: &str) -> Option<f64> {
    row.get(column).and_then(Value::as_f64)
}

pub(super) fn text(row: &Map<String, Value>, column: &str) -> String {
    rows::text(row, column).unwrap_or_default()
}

/// Means over their limit, by `OUTLET/FACTOR/AVERAGING`.
///
/// # Errors
/// [`Error::Tables`].
pub async fn limits(session: &Session, scope: Scope<'_>) -> Result<Facts, Error> {
    let (first, last) = scope.days();
    let loggers = scope.loggers();
    let side = |averaging: &str, view: &str, at: &str| {
        format!(
            "SELECT l.outlet_uid, l.factor, '{averaging}' AS averaging, {at} AS at, l.limit_value, l.limit_low,
                    CASE WHEN l.basis = 'converted' THEN v.converted ELSE v.value END AS observed
             FROM {view} v
             JOIN mn_limits l ON l.mn = v.mn AND l.factor = v.factor AND l.averaging = '{averaging}'
              AND {at} >= l.in_force_from AND {at} < l.in_force_to
             WHERE v.valid AND v.date BETWEEN {first} AND {last} AND v.mn IN ({loggers})
               AND l.permit_no = '{}' AND l.unit_problem IS NULL",
            scope.permit_no()
        )
    };
    let query = format!(
        "SELECT outlet_uid, factor, averaging, count(*) AS judged,
                count(*) FILTER (WHERE observed > limit_value OR observed < limit_low) AS n_over,
                max(observed / limit_value) AS worst
         FROM ({} UNION ALL {})
         WHERE observed IS NOT NULL AND arrow_cast(at, 'Int64') >= {} AND arrow_cast(at, 'Int64') < {}
         GROUP BY outlet_uid, factor, averaging ORDER BY outlet_uid, factor, averaging",
        side("hour", "hourly", "v.hour"),
        side("day", "daily", "day_start(v.date)"),
        scope.from,
        scope.to
    );
    let mut facts = Facts {
        kind: "hourly_readings",
        ..Facts::default()
    };
    for row in ask(session, "means over their limits", &query).await? {
        let (judged, over) = (int(&row, "judged"), int(&row, "n_over"));
        let worst = number(&row, "worst")
            .filter(|worst| *worst > 1.0)
            .map(|worst| format!("，最大为限值的{worst:.2}倍"));
        let en_worst = number(&row, "worst")
            .filter(|worst| *worst > 1.0)
            .map(|worst| format!(", at most {worst:.2} times the limit"));
        let fact = Fact::new(
            verdict(over == 0),
            judged,
            format!(
                "有效均值{judged}个，超限{over}个{}",
                worst.unwrap_or_default()
            ),
            format!(
                "{judged} valid means, {over} over the limit{}",
                en_worst.unwrap_or_default()
            ),
        );
        let subject = format!(
            "{}/{}/{}",
            outlet_code(&text(&row, "outlet_uid")),
            text(&row, "factor"),
            text(&row, "averaging")
        );
        facts.by_subject.insert(subject, fact);
    }
    facts.query = query;
    Ok(facts)
}

/// Hours that came in, by `OUTLET/FACTOR`: counted from the first hour of the stretch on, because
/// an outlet may have been connected within it.
///
/// # Errors
/// [`Error::Tables`].
pub async fn transmission(
    session: &Session,
    scope: Scope<'_>,
) -> Result<(Facts, BTreeMap<String, f64>), Error> {
    let (first, last) = scope.days();
    let query = format!(
        "SELECT b.outlet_uid, h.factor, count(DISTINCT h.hour) AS here, max(b.cadence_s) AS cadence_s,
                arrow_cast(min(h.hour), 'Int64') AS since
         FROM hourly h
         JOIN mn_outlets b ON b.mn = h.mn AND h.hour >= b.bound_from AND h.hour < b.bound_to
         WHERE b.permit_no = '{}' AND h.date BETWEEN {first} AND {last} AND h.mn IN ({})
           AND (coalesce(b.factors, '') = ''
                OR strpos(concat(',', b.factors, ','), concat(',', h.factor, ',')) > 0)
           AND arrow_cast(h.hour, 'Int64') >= {} AND arrow_cast(h.hour, 'Int64') < {}
         GROUP BY b.outlet_uid, h.factor ORDER BY b.outlet_uid, h.factor",
        scope.permit_no(),
        scope.loggers(),
        scope.from,
        scope.to
    );
    let mut facts = Facts {
        kind: "transmission",
        ..Facts::default()
    };
    let mut shares = BTreeMap::new();
    for row in ask(session, "hours that came in", &query).await? {
        let here = int(&row, "here");
        let hour = 3_600_000_000;
        let every = (int(&row, "cadence_s") / 3_600).max(1);
        let due = ((scope.to - int(&row, "since")) / hour / every).max(1);
        let share = (here as f64 / due as f64 * 100.0).min(100.0);
        let subject = format!(
            "{}/{}",
            outlet_code(&text(&row, "outlet_uid")),
            text(&row, "factor")
        );
        let since = date(beijing_day(int(&row, "since")));
        let fact = Fact::new(
            None,
            here,
            format!("自{since}起应到{due}小时，实到{here}小时，{share:.1}%"),
            format!("since {since}: {due} hours due, {here} here, {share:.1} %"),
        );
        shares.insert(subject.clone(), share);
        facts.by_subject.insert(subject, fact);
    }
    facts.query = query;
    Ok((facts, shares))
}

/// Discharged mass of the running permit year, by `LEVEL[/OUTLET]/FACTOR`.
///
/// # Errors
/// [`Error::Tables`].
pub async fn masses(session: &Session, scope: Scope<'_>) -> Result<Facts, Error> {
    let today = sql_day(beijing_day(scope.to - 1));
    let query = format!(
        "WITH permitted AS (
           SELECT DISTINCT level, outlet_uid, factor, starts_on, ends_on, mass_t
           FROM permit_mass_limits
           WHERE permit_no = '{permit}' AND version = {version} AND period = 'year' AND doc_valid
             AND starts_on <= {today} AND ends_on >= {today}
         ),
         bound AS (
           SELECT DISTINCT mn, outlet_uid, bound_from, bound_to FROM mn_outlets WHERE permit_no = '{permit}'
         ),
         used AS (
           SELECT b.outlet_uid, d.factor, d.date, sum(d.mass_kg) AS mass_kg, count(*) AS days
           FROM daily_masses d
           JOIN bound b ON b.mn = d.mn AND day_start(d.date) >= b.bound_from AND day_start(d.date) < b.bound_to
           WHERE d.date <= {today}
           GROUP BY b.outlet_uid, d.factor, d.date
         )
         SELECT p.level, p.outlet_uid, p.factor, max(p.mass_t) AS mass_t,
                sum(u.mass_kg) / 1000.0 AS used_t, count(DISTINCT u.date) AS days,
                arrow_cast(min(p.starts_on), 'Int32') AS starts_on
         FROM permitted p
         LEFT JOIN used u ON u.factor = p.factor AND u.date >= p.starts_on
          AND (p.outlet_uid IS NULL OR u.outlet_uid = p.outlet_uid)
         GROUP BY p.level, p.outlet_uid, p.factor ORDER BY p.level, p.outlet_uid, p.factor",
        permit = scope.permit_no(),
        version = scope.permit.version,
    );
    let mut facts = Facts {
        kind: "daily_masses",
        ..Facts::default()
    };
    for row in ask(session, "discharged masses", &query).await? {
        let level = text(&row, "level");
        let outlet = rows::text(&row, "outlet_uid").map(|uid| format!("{}/", outlet_code(&uid)));
        let subject = format!(
            "{level}/{}{}",
            outlet.unwrap_or_default(),
            text(&row, "factor")
        );
        let permitted = number(&row, "mass_t").unwrap_or_default();
        let since = date(i32::try_from(int(&row, "starts_on")).unwrap_or_default());
        let fact = match number(&row, "used_t") {
            None => Fact::none("无排放量数据", "no discharged mass is known"),
            Some(used) => Fact::new(
                verdict(used <= permitted),
                int(&row, "days"),
                format!(
                    "自{since}起有数据的{}天排放{used:.3}吨，许可{permitted}吨/年",
                    int(&row, "days")
                ),
                format!(
                    "{used:.3} t on the {} days with data since {since}, permitted {permitted} t a year",
                    int(&row, "days")
                ),
            ),
        };
        facts.by_subject.insert(subject, fact);
    }
    facts.query = query;
    Ok(facts)
}

/// The latest sampling, by `OUTLET/FACTOR`.
///
/// # Errors
/// [`Error::Tables`].
pub async fn samplings(session: &Session, scope: Scope<'_>) -> Result<Facts, Error> {
    let query = format!(
        "SELECT permit_no, outlet_uid, factor, count(*) AS here,
                arrow_cast(max(sampled_at), 'Int64') AS latest_at
         FROM manual_history
         WHERE latest AND arrow_cast(sampled_at, 'Int64') <= {}
         GROUP BY permit_no, outlet_uid, factor",
        scope.to
    );
    let found = ask(session, "manual monitoring", &query).await?;
    let mut facts = Facts {
        kind: "manual_results",
        ..Facts::default()
    };
    let mut latest: BTreeMap<String, (i64, i64)> = BTreeMap::new();
    for row in &found {
        let uid = text(row, "outlet_uid");
        if uid.starts_with(&scope.permit.permit_no) {
            let subject = format!("{}/{}", outlet_code(&uid), text(row, "factor"));
            latest.insert(subject, (int(row, "latest_at"), int(row, "here")));
        }
    }
    for duty in &scope.permit.monitoring {
        let Some(days) = duty.interval_days else {
            continue;
        };
        let subject = format!("{}/{}", duty.outlet, duty.factor);
        let fact = match latest.get(&subject) {
            None if found.is_empty() => {
                Fact::none("未接入手工监测数据", "no manual monitoring comes in at all")
            }
            None => Fact::new(
                verdict(false),
                0,
                format!("应每{days}天监测一次，未见监测结果"),
                format!("due every {days} days, none is here"),
            ),
            Some(&(at, here)) => {
                let on = date(beijing_day(at));
                Fact::new(
                    verdict(at >= scope.to - i64::from(days) * DAY_MICROS),
                    here,
                    format!("应每{days}天监测一次，最近一次{on}"),
                    format!("due every {days} days, last on {on}"),
                )
            }
        };
        facts.by_subject.insert(subject, fact);
    }
    facts.query = query;
    Ok(facts)
}

/// Open findings of the rules; subject `findings`.
///
/// # Errors
/// [`Error::Tables`].
pub async fn findings(session: &Session, scope: Scope<'_>) -> Result<Facts, Error> {
    let (first, last) = scope.days();
    let query = format!(
        "SELECT rule_id, count(*) AS here FROM anomalies
         WHERE permit_no = '{}' AND status = 'open' AND exempt_code IS NULL
           AND date BETWEEN {first} AND {last}
         GROUP BY rule_id ORDER BY rule_id",
        scope.permit_no()
    );
    let found = ask(session, "open findings", &query).await?;
    let ran = ask(
        session,
        "runs of the rules",
        "SELECT count(*) AS here FROM detect_runs",
    )
    .await?;
    let ran = ran.first().is_some_and(|row| int(row, "here") > 0);
    let sum: i64 = found.iter().map(|row| int(row, "here")).sum();
    let rules: Vec<String> = found
        .iter()
        .map(|row| format!("{} {}", text(row, "rule_id"), int(row, "here")))
        .collect();
    let fact = if sum > 0 {
        let rules = rules.join(", ");
        Fact::new(
            verdict(false),
            sum,
            format!("未撤销的异常{sum}条：{rules}"),
            format!("{sum} open findings: {rules}"),
        )
    } else if ran {
        Fact::new(
            verdict(true),
            0,
            "无未撤销的异常".to_owned(),
            "no open findings".to_owned(),
        )
    } else {
        Fact::none("规则尚未运行", "the rules have not run")
    };
    Ok(Facts {
        kind: "anomalies",
        query,
        by_subject: BTreeMap::from([("findings".to_owned(), fact)]),
    })
}

/// The outlet code at the end of a national outlet id.
fn outlet_code(uid: &str) -> &str {
    uid.get(uid.len().saturating_sub(5)..).unwrap_or(uid)
}
