//! Writes what a run found: outbox and records first, findings with the marker last.
//!
//! The commit to `anomalies` carries the markers that say how far the run came, so it is the moment
//! the run happened. What was written before it is found again by stable ids (alerts) or by logger
//! and day (outcomes) when a crash in between makes the next run repeat the work.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use deltalake::DeltaTable;
use deltalake::kernel::Transaction;
use nonsite_schemas::tables::{self, TableDef};
use serde_json::{Map, Value, json};

use super::anomaly::Anomaly;
use super::catalogue::Catalogue;
use super::documents;
use super::evaluate::{Evaluation, stored};
use super::faults;
use super::inputs::day_batch;
use super::masses::daily_masses;
use super::means::{self, daily_means};
use super::outbox::{self, Given, Outbox};
use super::run::Report;
use super::touched::{Markers, PERMIT_TABLES};
use crate::session::{
    Error, Session, append, ensure, load_at, replace_partitions, replace_partitions_by, rows,
    transaction,
};

mod outcomes;

/// Marker of the version of `readings_raw` judged last.
const READINGS: &str = "nonsite-detect/anomalies";
/// Marker of the time of the last run, microseconds UTC.
const AS_OF: &str = "nonsite-detect/as_of";
/// Marker of the rules of the last run.
const RULES: &str = "nonsite-detect/rules";

/// Marker of the version of `rule_params` judged by last.
const PARAMS: &str = "nonsite-detect/rule_params";

fn document_marker(table: &str) -> String {
    format!("nonsite-detect/{table}")
}

/// Tables of documents, each with a marker of its own.
pub(super) fn document_tables() -> impl Iterator<Item = &'static str> {
    PERMIT_TABLES.into_iter().chain(documents::tables())
}

/// The version of `anomalies` that the run at `as_of` wrote, which opened it at version `read`.
pub(super) async fn written(store: &Path, read: i64, as_of: i64) -> Result<i64, Error> {
    let mut version = u64::try_from(read + 1).unwrap_or_default();
    loop {
        let table = load_at(store, tables::anomalies().name, Some(version)).await?;
        if let Some(table) = table
            && transaction(&table, AS_OF).await? == Some(as_of)
        {
            return Ok(i64::try_from(version).unwrap_or(i64::MAX));
        }
        version += 1;
    }
}

/// The findings as a session has them.
pub(super) async fn stored_findings(session: &Session) -> Result<Vec<Anomaly>, Error> {
    let batches = session.rows("anomalies", "SELECT * FROM anomalies").await?;
    objects(&batches)?
        .into_iter()
        .map(|row| {
            Anomaly::from_row(row).map_err(|error| Error::Rule {
                rule: "anomalies".to_owned(),
                what: format!("a stored row does not read back: {error}"),
            })
        })
        .collect()
}

/// The tables a run writes.
pub(super) struct Writer {
    store: PathBuf,
    anomalies: DeltaTable,
}

impl Writer {
    /// Opens the tables, creating what does not exist.
    pub(super) async fn open(store: &Path) -> Result<Self, Error> {
        let anomalies = ensure(store, &tables::anomalies()).await?;
        Ok(Self {
            store: store.to_owned(),
            anomalies,
        })
    }

    /// How far earlier runs came.
    pub(super) async fn markers(&self) -> Result<Markers, Error> {
        let mut documents = BTreeMap::new();
        for table in document_tables() {
            if let Some(version) = transaction(&self.anomalies, &document_marker(table)).await? {
                documents.insert(table, version);
            }
        }
        Ok(Markers {
            readings: transaction(&self.anomalies, READINGS).await?,
            documents,
            as_of: transaction(&self.anomalies, AS_OF).await?,
            params: transaction(&self.anomalies, PARAMS).await?,
            rules: transaction(&self.anomalies, RULES).await?,
        })
    }

    /// Writes everything; answers what became of the alerts.
    pub(super) async fn write(
        &self,
        session: &Session,
        catalogue: &Catalogue,
        evaluation: &Evaluation,
        report: &Report,
        fingerprint: i64,
        as_of: i64,
    ) -> Result<Outbox, Error> {
        let given = Given {
            state: &evaluation.state,
            suspended: &report.suspended,
            per_day: outbox::per_day(catalogue),
            as_of,
        };
        let alerts = outbox::write(&self.store, session, &given).await?;
        faults::after("alerts");
        self.outcomes(session, catalogue, evaluation, report, as_of)
            .await?;
        faults::after("outcomes");
        self.runs(catalogue, evaluation, report, as_of).await?;
        faults::after("runs");
        self.by_day(session, evaluation, &daily_masses(), &evaluation.masses)
            .await?;
        faults::after("masses");
        if means::wanted(catalogue) {
            self.by_day(session, evaluation, &daily_means(), &evaluation.means)
                .await?;
            faults::after("means");
        }
        super::record::write(&self.store, session, catalogue, &report.run_id, as_of).await?;
        faults::after("inputs");
        self.findings(session, evaluation, fingerprint, as_of)
            .await?;
        faults::after("findings");
        Ok(alerts)
    }

    /// Replaces the rows of the judged logger-days in a table by logger and day.
    async fn by_day(
        &self,
        session: &Session,
        evaluation: &Evaluation,
        def: &TableDef,
        fresh: &[RecordBatch],
    ) -> Result<(), Error> {
        let what = def.name;
        let dates: BTreeSet<i32> = evaluation.core.iter().map(|(_, date)| *date).collect();
        if dates.is_empty() {
            return Ok(());
        }
        let partitions: Vec<String> = dates.iter().map(|date| date_text(*date)).collect();
        let mut all = Vec::new();
        if session.version(def.name) >= 0 {
            session.put("judged", day_batch(&evaluation.core)?)?;
            let columns: Vec<String> = def.schema.fields().iter().map(stored).collect();
            // By position: the columns that were cast bear the names of those they came from.
            let places: Vec<String> = ["date", "mn", "factor"]
                .iter()
                .filter_map(|name| def.schema.index_of(name).ok())
                .map(|at| (at + 1).to_string())
                .collect();
            let kept = format!(
                "SELECT {} FROM {} m
                 LEFT ANTI JOIN judged j ON j.mn = m.mn AND j.date = m.date
                 WHERE m.date IN ({})
                 ORDER BY {}",
                columns.join(", "),
                def.name,
                listed(&dates),
                places.join(", ")
            );
            all = session.rows(what, &kept).await?;
        } else if fresh.iter().all(|batch| batch.num_rows() == 0) {
            return Ok(());
        }
        let table = ensure(&self.store, def).await?;
        let all = all.iter().chain(fresh).map(|batch| {
            RecordBatch::try_new(Arc::clone(&def.schema), batch.columns().to_vec())
                .map_err(|error| Error::query(what)(error.into()))
        });
        replace_partitions_by(&table, def, &partitions, all, Vec::new()).await
    }

    async fn runs(
        &self,
        catalogue: &Catalogue,
        evaluation: &Evaluation,
        report: &Report,
        as_of: i64,
    ) -> Result<(), Error> {
        let rows: Vec<Map<String, Value>> = catalogue
            .rules()
            .iter()
            .zip(&evaluation.rules)
            .filter_map(|(configured, rule)| {
                let skipped: u64 = rule.not_evaluated.values().sum();
                let row = json!({
                    "run_id": report.run_id, "rule_id": rule.rule,
                    "rule_version": configured.rule.version, "params_hash": configured.params_hash,
                    "from_version": report.from_version, "readings_version": report.readings_version,
                    "evaluated": rule.flagged + rule.passed + skipped, "flagged": rule.flagged,
                    "passed": rule.passed, "not_evaluated": json!(rule.not_evaluated).to_string(),
                    "ms": rule.ms, "as_of": as_of,
                });
                if let Value::Object(row) = row { Some(row) } else { None }
            })
            .collect();
        self.add(&tables::detect_runs(), &rows).await
    }

    async fn findings(
        &self,
        session: &Session,
        evaluation: &Evaluation,
        fingerprint: i64,
        as_of: i64,
    ) -> Result<(), Error> {
        let state = &evaluation.state;
        let dates: BTreeSet<i32> = state
            .changed()
            .iter()
            .filter_map(|id| Some(state.get(id)?.date))
            .collect();
        let mut rows: Vec<&Anomaly> = state
            .all()
            .filter(|anomaly| dates.contains(&anomaly.date))
            .collect();
        rows.sort_by_key(|a| {
            (
                a.date,
                &a.rule_id,
                &a.mn,
                &a.factor,
                a.window_start,
                &a.anomaly_id,
            )
        });
        let rows: Vec<Map<String, Value>> = rows.into_iter().map(Anomaly::row).collect();
        let mut markers = vec![
            Transaction::new(READINGS, session.version("readings_raw")),
            Transaction::new(AS_OF, as_of),
            Transaction::new(RULES, fingerprint),
            Transaction::new(PARAMS, session.version("rule_params")),
        ];
        markers.extend(
            document_tables()
                .map(|table| Transaction::new(document_marker(table), session.version(table))),
        );
        let partitions: Vec<String> = dates.iter().map(|date| date_text(*date)).collect();
        let def = tables::anomalies();
        replace_partitions(
            &self.anomalies,
            &def,
            &partitions,
            batch(&def, &rows)?,
            markers,
        )
        .await
    }

    async fn add(&self, def: &TableDef, rows: &[Map<String, Value>]) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let table = ensure(&self.store, def).await?;
        append(&table, def, batch(def, rows)?, Vec::new()).await
    }
}

fn batch(def: &TableDef, rows: &[Map<String, Value>]) -> Result<RecordBatch, Error> {
    rows::batch(&def.schema, rows)
        .map_err(|error| Error::query(format!("rows of table `{}`", def.name))(error.into()))
}

fn objects(batches: &[RecordBatch]) -> Result<Vec<Map<String, Value>>, Error> {
    rows::objects(batches).map_err(|error| Error::query("stored rows")(error.into()))
}

/// Days as a list of a query.
fn listed(dates: &BTreeSet<i32>) -> String {
    let list: Vec<String> = dates
        .iter()
        .map(|date| format!("arrow_cast({date}, 'Date32')"))
        .collect();
    list.join(", ")
}

/// A Beijing day as a partition value.
fn date_text(date: i32) -> String {
    chrono::NaiveDate::default()
        .checked_add_signed(chrono::TimeDelta::days(i64::from(date)))
        .map_or_else(
            || date.to_string(),
            |day| day.format("%Y-%m-%d").to_string(),
        )
}
