//! From rows of an export to the windows that rules flag, without a broker: for comparing rules
//! with what a plant's own system found.
//!
//! The rows go into tables of a working folder and through the very views and rules of detection;
//! only the last step differs: windows are listed one by one instead of becoming findings. Days are
//! judged a month at a time, so that a year needs no more memory than a month.
//!
//! Failure modes: a rule that is not in the catalogue; a folder that cannot be written.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use nonsite_schemas::tables::{TableDef, readings_raw};
use nonsite_schemas::time::beijing_day;
use serde::Serialize;

use super::super::catalogue::Catalogue;
use super::super::evidence::beijing;
use super::super::inputs;
use super::super::judge::{Window, judge};
use super::super::touched::{LoggerDay, days};
use crate::session::{self, Error, Session};

/// Rows that are written at once.
const CHUNK: usize = 400_000;
/// Days judged at once.
const STRETCH: i32 = 31;
/// Microseconds per day.
const DAY: i64 = 86_400_000_000;

/// One flagged window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Event {
    /// Start, Beijing time, `YYYY-MM-DD HH:MM:SS`.
    pub time: String,
    /// End, exclusive, Beijing time.
    pub end: String,
    /// Furnace or line, as the sheet names it.
    pub unit: String,
    /// What happened, Chinese.
    pub event: String,
    /// The same as a code.
    pub kind: String,
    /// Rule that says so.
    pub rule: String,
    /// Data logger.
    pub mn: String,
    /// Factor.
    pub factor: String,
    /// What was found.
    pub observed: Option<f64>,
    /// What it was compared with.
    pub limit: Option<f64>,
    /// Severity of the window.
    pub severity: String,
    /// Exemption that applies.
    pub exempt: String,
}

/// Outcome of one rule: windows by outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// Id of the rule.
    pub rule: String,
    /// Flagged windows.
    pub flagged: u64,
    /// Windows that passed.
    pub passed: u64,
    /// Windows that were not evaluated, by reason.
    pub not_evaluated: std::collections::BTreeMap<String, u64>,
}

/// A working folder with the readings of an export.
#[derive(Debug)]
pub struct Workbench {
    store: PathBuf,
    def: TableDef,
    wanted: BTreeSet<String>,
    /// Logger and factor of the signals of the sheets that no row brought yet.
    absent: Vec<(String, String)>,
    pending: Vec<RecordBatch>,
    rows: usize,
}

impl Workbench {
    /// A workbench in an empty folder; of the rows only pollutants, flue gas, waste water and what
    /// the sheets name are kept.
    pub fn new(store: &Path, catalogue: &Catalogue) -> Self {
        let signals: BTreeSet<(String, String)> = catalogue
            .sheets()
            .units()
            .iter()
            .flat_map(|unit| {
                let factors = unit.signals.values().flatten();
                factors.map(move |factor| (unit.mn.clone(), factor.clone()))
            })
            .collect();
        Self {
            store: store.to_owned(),
            def: readings_raw(),
            wanted: signals.iter().map(|(_, factor)| factor.clone()).collect(),
            absent: signals.into_iter().collect(),
            pending: Vec::new(),
            rows: 0,
        }
    }

    /// Takes rows of `readings_raw`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub async fn add(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let fault =
            |error: arrow::error::ArrowError| Error::query("rows of an export")(error.into());
        let batch = inputs_of(&self.def, batch).map_err(fault)?;
        let factor = batch
            .column_by_name("factor")
            .map(|column| column.as_string::<i32>().clone());
        let kept: BooleanArray = factor
            .iter()
            .flat_map(|column| column.iter())
            .map(|code| {
                Some(code.is_some_and(|code| {
                    ["a", "w", "i333"]
                        .iter()
                        .any(|prefix| code.starts_with(prefix))
                        || self.wanted.contains(code)
                }))
            })
            .collect();
        let batch = filter_record_batch(&batch, &kept).map_err(fault)?;
        self.saw(&batch);
        self.rows += batch.num_rows();
        self.pending.push(batch);
        if self.rows >= CHUNK {
            self.flush().await?;
        }
        Ok(())
    }

    /// Crosses off the signals that these rows bring.
    fn saw(&mut self, batch: &RecordBatch) {
        let column = |name: &str| batch.column_by_name(name).map(|c| c.as_string::<i32>());
        let (Some(mns), Some(factors)) = (column("mn"), column("factor")) else {
            return;
        };
        for (mn, factor) in mns.iter().zip(factors.iter()) {
            if self.absent.is_empty() {
                return;
            }
            self.absent
                .retain(|(of, signal)| (mn, factor) != (Some(of.as_str()), Some(signal.as_str())));
        }
    }

    /// Signals of the sheets, as logger and factor, of which no row came: what rests on them is not
    /// judged.
    pub fn absent(&self) -> &[(String, String)] {
        &self.absent
    }

    async fn flush(&mut self) -> Result<(), Error> {
        let batch = concat_batches(&self.def.schema, &self.pending)
            .map_err(|error| Error::query("rows of an export")(error.into()))?;
        self.pending.clear();
        self.rows = 0;
        if batch.num_rows() > 0 {
            let table = session::ensure(&self.store, &self.def).await?;
            session::append(&table, &self.def, batch, Vec::new()).await?;
        }
        Ok(())
    }

    /// The windows these rules flag, in order of time, and the counts of every rule.
    ///
    /// # Errors
    /// A rule is unknown or cannot run, or the folder cannot be read.
    pub async fn events(
        mut self,
        config: &session::Config,
        catalogue: &Catalogue,
        rules: &[String],
    ) -> Result<(Vec<Event>, Vec<Count>), Error> {
        self.flush().await?;
        let mut chosen = Vec::new();
        for id in rules {
            chosen.push(catalogue.get(id).ok_or_else(|| Error::Rule {
                rule: id.clone(),
                what: "there is no such rule, or it is switched off".to_owned(),
            })?);
        }
        let session = session::open_tables(&self.store, config).await?;
        let all = days(&session, "SELECT DISTINCT mn, date FROM readings_raw").await?;
        let mut counts: Vec<Count> = rules
            .iter()
            .map(|rule| Count {
                rule: rule.clone(),
                ..Count::default()
            })
            .collect();
        let (Some(first), Some(last)) = (
            all.iter().map(|day| day.1).min(),
            all.iter().map(|day| day.1).max(),
        ) else {
            return Ok((Vec::new(), counts));
        };
        let as_of = (i64::from(last) + 1) * DAY - nonsite_schemas::time::BEIJING_OFFSET_MICROS;
        let mut events = Vec::new();
        for from in (first..=last).step_by(STRETCH as usize) {
            let core: BTreeSet<LoggerDay> = all
                .iter()
                .filter(|day| (from..from + STRETCH).contains(&day.1))
                .cloned()
                .collect();
            if core.is_empty() {
                continue;
            }
            let run = self
                .prepare(&session, catalogue, &core, &all, as_of)
                .await?;
            for (configured, count) in chosen.iter().zip(&mut counts) {
                let verdicts =
                    judge(&run, configured, as_of, &core, true, &BTreeSet::new(), None).await?;
                count.passed += verdicts.passed;
                for (why, n) in verdicts.not_evaluated {
                    *count.not_evaluated.entry(why).or_default() += n;
                }
                for window in verdicts.flagged {
                    // A window belongs to the stretch it begins in.
                    let day = beijing_day(window.start);
                    if window.core && (from..from + STRETCH).contains(&day) {
                        count.flagged += 1;
                        events.push(event(
                            &configured.rule.id,
                            configured.rule.severity.code(),
                            window,
                        ));
                    }
                }
            }
        }
        events.sort_by(|a, b| {
            (&a.time, &a.mn, &a.unit, &a.rule, &a.kind, &a.factor)
                .cmp(&(&b.time, &b.mn, &b.unit, &b.rule, &b.kind, &b.factor))
        });
        Ok((events, counts))
    }

    async fn prepare(
        &self,
        session: &Session,
        catalogue: &Catalogue,
        core: &BTreeSet<LoggerDay>,
        all: &BTreeSet<LoggerDay>,
        as_of: i64,
    ) -> Result<Session, Error> {
        let run = inputs::prepare(session, core, Some(all), None, as_of).await?;
        super::prepare(&run, catalogue.sheets()).await?;
        super::super::shared::register(&run).await?;
        Ok(run)
    }
}

/// The batch with the table's column order and types.
fn inputs_of(def: &TableDef, batch: &RecordBatch) -> Result<RecordBatch, arrow::error::ArrowError> {
    let columns = def
        .schema
        .fields()
        .iter()
        .map(|field| {
            let column = batch.column_by_name(field.name()).ok_or_else(|| {
                arrow::error::ArrowError::SchemaError(format!(
                    "column `{}` is missing",
                    field.name()
                ))
            })?;
            arrow::compute::cast(column, field.data_type())
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(std::sync::Arc::clone(&def.schema), columns)
}

fn event(rule: &str, severity: &str, window: Window) -> Event {
    let detail: serde_json::Value = window
        .detail
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default();
    let said = |key: &str| detail[key].as_str().unwrap_or_default().to_owned();
    let local = |micros: i64| beijing(micros)[..19].replace('T', " ");
    Event {
        time: local(window.start),
        end: local(window.end),
        unit: said("unit"),
        event: said("event"),
        kind: said("kind"),
        rule: rule.to_owned(),
        mn: window.mn.unwrap_or_default(),
        factor: window.factor.unwrap_or_default(),
        observed: window.observed,
        limit: window.limit,
        severity: window.severity.map_or(severity, |s| s.code()).to_owned(),
        exempt: window.exempt.unwrap_or_default(),
    }
}
