//! What a run has to look at: the logger-days that changed since the last run, by data, by permit
//! or by the passing of time.
//!
//! Causes, each found without reading more than it names:
//! - files added to `readings_raw` since the version judged last (compaction does not count), and the
//!   same days of loggers whose production is watched by a meter under another logger;
//! - new permit documents: all days of the loggers that permits or filings bind to their outlets;
//! - other new documents (marks, tickets, samples, ...): the days they speak about ([`documents`]);
//! - the clock: hours that closed since the last run, days that may no longer be marked (12:00 of the
//!   next day) or back-filled (of the eighth) since then (silences are looked for in [`super::quiet`]);
//! - an override of a parameter that was set or revoked: the days it speaks about;
//! - a changed rule or parameter, a time before the last run's, a lost log, or `--full`: everything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deltalake::DeltaTable;
use deltalake::delta_datafusion::{
    DeltaScanConfig, DeltaScanNext, FileSelection, MissingSelectedFilePolicy,
};
use deltalake::kernel::{Action, Add};
use deltalake::logstore::get_actions;
use nonsite_schemas::time::beijing_day;

use super::documents;
use super::long::SETTLE;
use crate::session::{Error, Session, load, rows};

/// Microseconds per hour.
const HOUR: i64 = 3_600_000_000;

/// A logger and a Beijing day.
pub(super) type LoggerDay = (String, i32);

/// How far earlier runs came.
#[derive(Debug, Clone, Default)]
pub(super) struct Markers {
    /// Version of `readings_raw` judged last.
    pub(super) readings: Option<i64>,
    /// Versions of the permit tables and of those of other documents seen last.
    pub(super) documents: BTreeMap<&'static str, i64>,
    /// Time of the last run, microseconds UTC.
    pub(super) as_of: Option<i64>,
    /// Version of `rule_params` seen last.
    pub(super) params: Option<i64>,
    /// Fingerprint of the rules it ran.
    pub(super) rules: Option<i64>,
}

impl Markers {
    /// Version of a table of documents seen last; -1 before any.
    pub(super) fn document(&self, table: &str) -> i64 {
        self.documents.get(table).copied().unwrap_or(-1)
    }
}

/// Tables whose changes reopen the days they speak about.
pub(super) const PERMIT_TABLES: [&str; 6] = [
    "permits",
    "permit_limits",
    "permit_bindings",
    "permit_mass_limits",
    "permit_outlets",
    "permit_periods",
];

/// Logger-days in the reach of any override: the table is small, and what it said before counts, too.
/// The columns are computed because the two tables comment them differently, which a union refuses.
const OVERRIDDEN: &str = "
    SELECT DISTINCT r.mn, r.date
    FROM readings_raw r
    JOIN (
      SELECT DISTINCT b.mn,
             arrow_cast(p.from_time + INTERVAL '8 hours', 'Date32') AS first_day,
             arrow_cast(p.expires_at + INTERVAL '8 hours', 'Date32') AS last_day
      FROM rule_params p
      JOIN (
        SELECT concat(mn, '') AS mn, concat(outlet_uid, '') AS outlet_uid,
               concat(permit_no, '') AS permit_no FROM permit_bindings
        UNION SELECT concat(mn, '') AS mn, concat(outlet_uid, '') AS outlet_uid,
               concat(permit_no, '') AS permit_no FROM mn_bindings
      ) b ON true
      LEFT JOIN permits d ON d.permit_no = b.permit_no
      WHERE p.layer = 'outlet' AND p.key = b.outlet_uid
         OR p.layer = 'industry' AND strpos(concat(',', d.industry_codes), concat(',', p.key)) > 0
    ) o ON o.mn = r.mn
    WHERE r.date BETWEEN o.first_day AND o.last_day";

/// The work of one run.
#[derive(Debug, Default)]
pub(super) struct Touched {
    /// Logger-days to judge.
    pub(super) days: BTreeSet<LoggerDay>,
    /// Those of them whose data or documents changed; the others only for the passing of time.
    pub(super) stirred: BTreeSet<LoggerDay>,
    /// Those of them that are judged again because a deadline passed: for marking, for back-filling.
    pub(super) due: BTreeSet<LoggerDay>,
    /// Time of the run before, microseconds UTC.
    pub(super) before: Option<i64>,
    /// Files that brought the changes; all files of `readings_raw` when everything is judged.
    pub(super) files: usize,
    /// Rows in these files.
    pub(super) rows: u64,
    /// Whether this is everything there is.
    pub(super) full: bool,
    /// Whether there is nothing to judge at all: no logger-day, no permit document, no new day.
    pub(super) idle: bool,
}

impl Touched {
    /// All there is.
    pub(super) fn everything(days: BTreeSet<LoggerDay>) -> Self {
        Self {
            stirred: days.clone(),
            days,
            due: BTreeSet::new(),
            before: None,
            files: 0,
            rows: 0,
            full: true,
            idle: false,
        }
    }
}

/// Finds the work of a run at `as_of`.
pub(super) async fn find(
    session: &Session,
    markers: &Markers,
    rules: i64,
    as_of: i64,
    full: bool,
) -> Result<Touched, Error> {
    let everything = full
        || markers.readings.is_none()
        || markers.rules != Some(rules)
        || markers.as_of.is_none_or(|before| as_of < before);
    let added = match (everything, markers.readings) {
        (false, Some(version)) => added(session, "readings_raw", version).await?,
        _ => None,
    };
    let Some(added) = added else {
        let days = match super::screen::logger_days(session).await? {
            Some(days) => days,
            None => days(session, "SELECT DISTINCT mn, date FROM readings_raw").await?,
        };
        let (files, rows) = all_files(session).await?;
        return Ok(Touched {
            files,
            rows,
            ..Touched::everything(days)
        });
    };
    let mut found = in_files(session, &added).await?;
    found.extend(watched_by(session, &found).await?);
    found.extend(of_permits(session, markers).await?);
    let params_changed = markers.params.unwrap_or(-1) < session.version("rule_params");
    if params_changed {
        found.extend(days(session, OVERRIDDEN).await?);
    }
    let reopened = documents::reopened(session, markers, as_of, &found).await?;
    found.extend(reopened);
    let stirred = found.clone();
    let mut due = BTreeSet::new();
    if let Some(before) = markers.as_of {
        found.extend(of_clock(session, before, as_of).await?);
        due = of_deadlines(session, before, as_of).await?;
        found.extend(due.iter().cloned());
    }
    let same_day = markers
        .as_of
        .is_some_and(|before| beijing_day(before) == beijing_day(as_of));
    let documents_changed =
        permits_changed(session, markers) || documents::changed(session, markers);
    let idle = found.is_empty() && same_day && !documents_changed && !params_changed;
    Ok(Touched {
        days: found,
        stirred,
        due,
        before: markers.as_of,
        files: added.len(),
        rows: added.iter().map(rows_of).sum(),
        full: false,
        idle,
    })
}

/// Rows of a file, as its statistics say.
fn rows_of(add: &Add) -> u64 {
    let stats = add.stats.as_deref().unwrap_or("{}");
    let stats: serde_json::Value = serde_json::from_str(stats).unwrap_or_default();
    stats["numRecords"].as_u64().unwrap_or_default()
}

/// Number and rows of all files of `readings_raw`.
async fn all_files(session: &Session) -> Result<(usize, u64), Error> {
    let table = "readings_raw";
    let Some(delta) = load_at(session, table).await? else {
        return Ok((0, 0));
    };
    let state = delta.snapshot().map_err(Error::table(table))?;
    let rows: Vec<u64> = state
        .log_data()
        .iter()
        .map(|file| u64::try_from(file.num_records().unwrap_or_default()).unwrap_or_default())
        .collect();
    Ok((rows.len(), rows.iter().sum()))
}

/// Files added with new data after `version`; nothing when the log does not reach back that far.
pub(super) async fn added(
    session: &Session,
    table: &str,
    version: i64,
) -> Result<Option<Vec<Add>>, Error> {
    let Some(delta) = load(session.store(), table).await? else {
        return Ok(Some(Vec::new()));
    };
    let mut adds = Vec::new();
    for version in version + 1..=session.version(table) {
        let number = u64::try_from(version).unwrap_or_default();
        let entry = delta
            .log_store()
            .read_commit_entry(number)
            .await
            .map_err(Error::table(table))?;
        let Some(bytes) = entry else { return Ok(None) };
        for action in get_actions(number, &bytes).map_err(Error::table(table))? {
            if let Action::Add(add) = action
                && add.data_change
            {
                adds.push(add);
            }
        }
    }
    Ok(Some(adds))
}

/// Logger-days with rows in these files. Files that were rewritten since are looked up by day.
async fn in_files(session: &Session, adds: &[Add]) -> Result<BTreeSet<LoggerDay>, Error> {
    if adds.is_empty() {
        return Ok(BTreeSet::new());
    }
    let table = "readings_raw";
    let Some(delta) = load_at(session, table).await? else {
        return Ok(BTreeSet::new());
    };
    let state = delta.snapshot().map_err(Error::table(table))?;
    let active: BTreeSet<String> = state
        .log_data()
        .iter()
        .map(|file| file.path().into_owned())
        .collect();
    let (here, gone): (Vec<&Add>, Vec<&Add>) =
        adds.iter().partition(|add| active.contains(&add.path));
    let config =
        DeltaScanConfig::new_from_session(&session.ctx().state()).with_wrap_partition_values(false);
    let selection = FileSelection::from_adds(here.into_iter().cloned())
        .with_missing_file_policy(MissingSelectedFilePolicy::Ignore);
    let scan = DeltaScanNext::new(state.snapshot().clone(), config)
        .map_err(Error::query("files added since the last run"))?
        .with_file_selection(selection);
    let ctx = session.ctx();
    let register = "files_added";
    ctx.deregister_table(register)
        .map_err(Error::query("files added"))?;
    ctx.register_table(register, Arc::new(scan))
        .map_err(Error::query("files added"))?;
    let mut found = days(session, "SELECT DISTINCT mn, date FROM files_added").await?;
    let dates: BTreeSet<&str> = gone
        .iter()
        .filter_map(|add| add.partition_values.get("date")?.as_deref())
        .collect();
    for date in dates {
        let sql = format!("SELECT DISTINCT mn, date FROM readings_raw WHERE date = DATE '{date}'");
        found.extend(days(session, &sql).await?);
    }
    Ok(found)
}

/// Loggers whose production a point filed under another logger watches. More than rules ask for: levels
/// and times of the points do not count.
const WATCHES: &str = "
    WITH filed AS (
      SELECT mn, permit_no, unnest(outlets) AS outlet
      FROM (
        SELECT concat(mn, '') AS mn, concat(permit_no, '') AS permit_no,
               string_to_array(outlets, ',') AS outlets
        FROM process_points
        WHERE role = 'production' AND outlets IS NOT NULL
      )
    )
    SELECT DISTINCT f.mn AS watch_mn, b.mn
    FROM filed f
    JOIN {loggers} b
      ON b.outlet_uid = CASE WHEN starts_with(f.outlet, f.permit_no) THEN f.outlet
                             ELSE concat(f.permit_no, f.outlet) END
    WHERE f.mn <> b.mn";

/// The days of other loggers that these days' values say something about: whether their production ran.
async fn watched_by(
    session: &Session,
    found: &BTreeSet<LoggerDay>,
) -> Result<BTreeSet<LoggerDay>, Error> {
    if found.is_empty() || session.version("process_points") < 0 {
        return Ok(BTreeSet::new());
    }
    let sql = WATCHES.replace("{loggers}", documents::LOGGERS);
    let batches = session.rows("watched production", &sql).await?;
    let mut watched: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in objects(&batches)? {
        if let (Some(by), Some(mn)) = (rows::text(&row, "watch_mn"), rows::text(&row, "mn")) {
            watched.entry(by).or_default().push(mn);
        }
    }
    if watched.is_empty() {
        return Ok(BTreeSet::new());
    }
    let others: BTreeSet<(String, i32, i32)> = found
        .iter()
        .filter_map(|(mn, date)| Some((watched.get(mn)?, date)))
        .flat_map(|(loggers, date)| loggers.iter().map(|mn| (mn.clone(), *date)))
        .filter(|day| !found.contains(day))
        .map(|(mn, date)| (mn, date, date))
        .collect();
    documents::with_readings(session, &others).await
}

/// The table at the version this session reads.
pub(super) async fn load_at(session: &Session, table: &str) -> Result<Option<DeltaTable>, Error> {
    let Some(mut delta) = load(session.store(), table).await? else {
        return Ok(None);
    };
    let version = u64::try_from(session.version(table)).unwrap_or_default();
    if delta.version() != Some(version) {
        delta
            .load_version(version)
            .await
            .map_err(Error::table(table))?;
    }
    Ok(Some(delta))
}

/// Whether a permit table has commits that no run has seen.
fn permits_changed(session: &Session, markers: &Markers) -> bool {
    PERMIT_TABLES
        .iter()
        .any(|table| markers.document(table) < session.version(table))
}

/// All days of loggers at the outlets of permits with new documents, bound by a permit or beside it.
pub(super) async fn of_permits(
    session: &Session,
    markers: &Markers,
) -> Result<BTreeSet<LoggerDay>, Error> {
    if !permits_changed(session, markers) {
        return Ok(BTreeSet::new());
    }
    // Documents that came in since the last look, whichever table was committed first. A table that an
    // earlier program did not look at has no marker: all its rows count, which costs one run's work
    // and misses nothing.
    let mut permits = BTreeSet::new();
    for table in PERMIT_TABLES {
        let since = markers.document(table);
        if !documents::register_added(session, table, since).await? {
            continue;
        }
        let batches = session
            .rows(
                "permit documents added",
                "SELECT DISTINCT permit_no FROM documents_added",
            )
            .await?;
        for row in objects(&batches)? {
            permits.extend(
                row.get("permit_no")
                    .and_then(|v| v.as_str())
                    .map(str::to_owned),
            );
        }
    }
    if permits.is_empty() {
        return Ok(BTreeSet::new());
    }
    let list: Vec<String> = permits
        .iter()
        .map(|permit| format!("'{}'", permit.replace('\'', "''")))
        .collect();
    let sql = format!(
        "SELECT DISTINCT r.mn, r.date FROM readings_raw r
         LEFT SEMI JOIN {} b ON b.mn = r.mn AND b.permit_no IN ({})",
        documents::LOGGERS,
        list.join(", ")
    );
    days(session, &sql).await
}

/// Days that are judged again because a deadline passed between two times: a day after 12:00 of the
/// next one, when it may no longer be marked, and after 12:00 of the eighth, when back-filling ends.
fn settled_again(before: i64, as_of: i64) -> BTreeSet<i32> {
    let noons = beijing_day(before - 12 * HOUR) + 1..=beijing_day(as_of - 12 * HOUR);
    noons.flat_map(|noon| [noon - 1, noon - 8]).collect()
}

/// Logger-days of hours that closed and of days that have settled in between.
async fn of_clock(
    session: &Session,
    before: i64,
    as_of: i64,
) -> Result<BTreeSet<LoggerDay>, Error> {
    let mut found = BTreeSet::new();
    if before.div_euclid(HOUR) != as_of.div_euclid(HOUR) {
        let sql = format!(
            "SELECT DISTINCT mn, date FROM readings_raw
             WHERE date BETWEEN arrow_cast({}, 'Date32') AND arrow_cast({}, 'Date32')",
            // The hour that was running then is judged now, and so is a day that has settled.
            beijing_day(before.div_euclid(HOUR) * HOUR - SETTLE),
            beijing_day(as_of)
        );
        found.extend(days(session, &sql).await?);
    }
    Ok(found)
}

/// Logger-days that are due again because a deadline passed in between.
async fn of_deadlines(
    session: &Session,
    before: i64,
    as_of: i64,
) -> Result<BTreeSet<LoggerDay>, Error> {
    let again: Vec<String> = settled_again(before, as_of)
        .iter()
        .map(|date| format!("arrow_cast({date}, 'Date32')"))
        .collect();
    if again.is_empty() {
        return Ok(BTreeSet::new());
    }
    let sql = format!(
        "SELECT DISTINCT mn, date FROM readings_raw WHERE date IN ({})",
        again.join(", ")
    );
    days(session, &sql).await
}

pub(super) fn objects(
    batches: &[arrow::record_batch::RecordBatch],
) -> Result<Vec<serde_json::Map<String, serde_json::Value>>, Error> {
    rows::objects(batches).map_err(|error| Error::query("rows of a query")(error.into()))
}

/// Logger-days a query names.
pub(super) async fn days(session: &Session, sql: &str) -> Result<BTreeSet<LoggerDay>, Error> {
    let batches = session.rows("logger-days", sql).await?;
    Ok(objects(&batches)?
        .into_iter()
        .filter_map(|row| {
            let mn = row.get("mn")?.as_str()?.to_owned();
            let date = i32::try_from(row.get("date")?.as_i64()?).ok()?;
            Some((mn, date))
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::at;

    #[test]
    fn a_day_is_judged_again_at_noon_of_the_next_and_of_the_eighth() {
        let day = |text: &str| beijing_day(at(text));
        let of = |from: &str, to: &str| settled_again(at(from), at(to));
        assert!(of("2025-06-10 11:58", "2025-06-10 11:59").is_empty());
        assert_eq!(
            of("2025-06-10 11:59", "2025-06-10 12:00"),
            BTreeSet::from([day("2025-06-09 00:00"), day("2025-06-02 00:00")])
        );
        assert!(of("2025-06-10 12:00", "2025-06-11 11:59").is_empty());
        assert_eq!(of("2025-06-09 13:00", "2025-06-11 13:00").len(), 4);
    }
}
