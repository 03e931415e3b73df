//! Rules that are judged whole: after all others, in every run, over tables that no run cuts down.
//!
//! Table `findings` holds the standing findings of all rules but those of group `aggregate`, as the
//! run leaves them, so a rule over findings answers by the state and not by the run that made it:
//! bit by bit and all at once end alike, and a finding that is withdrawn takes back in the same run
//! what rested on it. Column `set_aside` says why a finding is no ground to build on: an exemption
//! was met (`exempt`), verification refuted it (`refuted`), its rule is suspended (`suspended`), or a
//! flood is suspected to be the platform's fault (`held`, `discarded`, see [`super::flood`]).
//!
//! Invariant: stages come in order ([`Stage::WHOLE`]), so floods are known before anything is built
//! on findings. Rows of these rules are about no logger; they name permit, outlet or a text of their
//! own under `factor`.
//!
//! Cost: the state is in memory anyway; every run pays for planning and for one walk over it. Rules
//! with `daily = true` among them are judged only in runs that judge days that are over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use nonsite_schemas::time::beijing_day;

use super::anomaly::{Anomaly, Phase};
use super::evaluate::{Evaluation, Judging, Which, as_now};
use super::flood::{self, Floods};
use super::inputs::day_batch;
use super::long::SETTLE;
use super::means::{self, daily_means};
use super::stage::Stage;
use super::state::State;
use super::touched::Touched;
use crate::feedback::Suspension;
use crate::feedback::precision::standings_of;
use crate::session::{Error, Session, rows};

/// Group of rules whose findings are made of other findings.
pub(super) const AGGREGATE: &str = "aggregate";
/// Views that these rules read beside the documents.
const VIEWS: [&str; 3] = ["permit_documents", "mn_outlets", "orders"];

impl Judging<'_> {
    /// The rules of all whole stages; `suspension` says when a rule is not dispatched.
    pub(super) async fn whole(
        &self,
        touched: &Touched,
        suspension: &Suspension,
        work: &mut Evaluation,
    ) -> Result<(), Error> {
        let staged = |stage: Stage| {
            let mut rules = self.catalogue.rules().iter();
            rules.any(|configured| configured.rule.stage == stage)
        };
        if !Stage::WHOLE.into_iter().any(staged) {
            return Ok(());
        }
        let run = prepare(self.session).await?;
        let daily = judges_days(touched, self.as_of);
        // The whole table: only where the rules that read it are judged.
        if daily && means::wanted(self.catalogue) {
            let def = daily_means();
            as_now(self.session, &run, &def, &work.core, &work.means).await?;
        }
        let refuted = refuted(self.session, self.as_of).await?;
        let suspended = suspended(self.session, &work.state, suspension, self.as_of).await?;
        let decisions = flood::decisions(self.session, self.as_of).await?;
        for stage in Stage::WHOLE.into_iter().filter(|stage| staged(*stage)) {
            if stage > Stage::Tables {
                let floods = if stage == Stage::Findings {
                    Floods::of(work.state.open(), decisions.clone())
                } else {
                    Floods::default()
                };
                let aside = |anomaly: &Anomaly| {
                    if anomaly.exempt_code.is_some() {
                        Some("exempt")
                    } else if refuted.contains(&anomaly.anomaly_id) {
                        Some("refuted")
                    } else if suspended.contains(&made_by(anomaly)) {
                        Some("suspended")
                    } else {
                        floods.of_finding(anomaly).map(|held| held.code())
                    }
                };
                run.put("findings", findings(&work.state, aside)?)?;
            }
            let which = Which::Whole { stage, daily };
            self.rules(&run, which, &BTreeSet::new(), true, None, work)
                .await?;
        }
        Ok(())
    }
}

/// Whether days that are over have changed or are due again, or one has become so since the run before.
fn judges_days(touched: &Touched, as_of: i64) -> bool {
    // The first day that is not over yet, or only just.
    let running = |at: i64| beijing_day(at - SETTLE);
    touched.full
        || !touched.due.is_empty()
        || touched
            .before
            .is_none_or(|before| running(before) != running(as_of))
        || touched
            .stirred
            .iter()
            .any(|(_, date)| *date < running(as_of))
}

/// A session with the tables whole and no readings.
async fn prepare(session: &Session) -> Result<Session, Error> {
    let none = BTreeSet::new();
    let run = session.scoped(day_batch(&none)?, 0..=0).await?;
    crate::views::register(run.ctx(), &VIEWS).await?;
    run.put("core", day_batch(&none)?)?;
    Ok(run)
}

/// Adds to a session of another stage what these rules read, for where only the form of a query is
/// checked: no findings.
pub(super) async fn bench(run: &Session) -> Result<(), Error> {
    run.put("findings", findings(&State::default(), |_| None)?)?;
    let orders = "orders";
    let known = run.ctx().table_exist(orders);
    if !known.map_err(Error::query(orders))? {
        crate::views::register(run.ctx(), &[orders]).await?;
    }
    Ok(())
}

/// Findings that verification said to be false alarms, by the verdict recorded last.
async fn refuted(session: &Session, as_of: i64) -> Result<BTreeSet<String>, Error> {
    let sql = format!(
        "SELECT anomaly_id FROM (
           SELECT anomaly_id, verdict,
                  row_number() OVER (PARTITION BY anomaly_id
                                     ORDER BY recorded_at DESC, feedback_id DESC) AS place
           FROM anomaly_feedback
           WHERE arrow_cast(recorded_at, 'Int64') <= {as_of}
         ) WHERE place = 1 AND verdict = 'mismatch'"
    );
    let batches = session.rows("refuted findings", &sql).await?;
    let found =
        rows::objects(&batches).map_err(|error| Error::query("refuted findings")(error.into()))?;
    Ok(found
        .iter()
        .filter_map(|row| rows::text(row, "anomaly_id"))
        .collect())
}

/// Rule and version of a finding.
fn made_by(anomaly: &Anomaly) -> (String, i32) {
    (anomaly.rule_id.clone(), anomaly.rule_version)
}

/// Rules and versions behind the findings that stand which verification found mostly wrong.
async fn suspended(
    session: &Session,
    state: &State,
    settings: &Suspension,
    as_of: i64,
) -> Result<BTreeSet<(String, i32)>, Error> {
    let rules = state.open().map(made_by).collect();
    let standings = standings_of(session, &rules, settings, as_of).await?;
    Ok(standings
        .into_iter()
        .filter(|standing| standing.suspended.is_some())
        .map(|standing| (standing.rule_id, standing.rule_version))
        .collect())
}

/// Table `findings`, in order of ids.
fn findings<'a>(
    state: &'a State,
    aside: impl Fn(&'a Anomaly) -> Option<&'static str>,
) -> Result<RecordBatch, Error> {
    let all: Vec<&Anomaly> = state
        .open()
        .filter(|anomaly| anomaly.rule_group != AGGREGATE)
        .collect();
    let instant = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    type Text = fn(&Anomaly) -> Option<&str>;
    let texts: [(&str, Text); 9] = [
        ("anomaly_id", |a| Some(&a.anomaly_id)),
        ("rule_id", |a| Some(&a.rule_id)),
        ("family", |a| Some(&a.rule_group)),
        ("severity", |a| Some(&a.severity)),
        ("permit_no", |a| a.permit_no.as_deref()),
        ("outlet_uid", |a| a.outlet_uid.as_deref()),
        ("mn", |a| a.mn.as_deref()),
        ("factor", |a| a.factor.as_deref()),
        ("org_code", |a| a.org_code.as_deref()),
    ];
    let mut fields: Vec<Field> = Vec::new();
    let mut columns: Vec<ArrayRef> = Vec::new();
    for (name, pick) in texts {
        fields.push(Field::new(name, DataType::Utf8, true));
        columns.push(Arc::new(
            all.iter().map(|a| pick(a)).collect::<StringArray>(),
        ));
    }
    let times = |pick: fn(&Anomaly) -> i64| -> ArrayRef {
        let values = all.iter().map(|a| pick(a));
        Arc::new(TimestampMicrosecondArray::from_iter_values(values).with_timezone("UTC"))
    };
    // 1 is the worst.
    let levels = BTreeMap::from([("S1", 1), ("S2", 2), ("S3", 3), ("S4", 4)]);
    let level = |a: &Anomaly| levels.get(a.severity.as_str()).copied().unwrap_or(4);
    let others: [(Field, ArrayRef); 6] = [
        (
            Field::new("level", DataType::Int64, false),
            Arc::new(Int64Array::from_iter_values(all.iter().map(|a| level(a)))),
        ),
        (
            Field::new("confirmed", DataType::Boolean, false),
            Arc::new(
                all.iter()
                    .map(|a| Some(a.phase == Phase::Confirmed))
                    .collect::<BooleanArray>(),
            ),
        ),
        (
            Field::new("window_start", instant.clone(), false),
            times(|a| a.window_start),
        ),
        (
            Field::new("window_end", instant, false),
            times(|a| a.window_end),
        ),
        (
            Field::new("date", DataType::Date32, false),
            Arc::new(Date32Array::from_iter_values(all.iter().map(|a| a.date))),
        ),
        (
            Field::new("set_aside", DataType::Utf8, true),
            Arc::new(all.iter().map(|a| aside(a)).collect::<StringArray>()),
        ),
    ];
    for (field, column) in others {
        fields.push(field);
        columns.push(column);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
        .map_err(|error| Error::query("findings")(error.into()))
}
