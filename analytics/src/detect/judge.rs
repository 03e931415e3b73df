//! Runs one rule's query and sorts its rows: flagged, passed, not evaluated.
//!
//! Invariant: the three counts add up to the windows of the judged days; an outcome the contract
//! does not know is an error, never silently a pass.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, ArrayRef, AsArray, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::{cast, col, lit};
use futures::{Stream, StreamExt};
use nonsite_schemas::time::beijing_day;

use super::ahead::{Cause, Failed};
use super::catalogue::Configured;
use super::once;
use super::params::{BAD_OVERRIDE, Part, Take};
use super::rule::{Rule, Severity};
use super::touched::LoggerDay;
use crate::session::{Error, Session};

/// The columns a rule returns, with the type each is read as.
pub const COLUMNS: [(&str, &str); 16] = [
    ("mn", "Utf8"),
    ("factor", "Utf8"),
    ("outlet_uid", "Utf8"),
    ("permit_no", "Utf8"),
    ("permit_version", "Int32"),
    ("window_start", "Timestamp(Microsecond, Some(\"UTC\"))"),
    ("window_end", "Timestamp(Microsecond, Some(\"UTC\"))"),
    ("observed", "Float64"),
    ("limit_value", "Float64"),
    ("unit", "Utf8"),
    ("points", "Int64"),
    ("outcome", "Utf8"),
    ("why", "Utf8"),
    ("exempt", "Utf8"),
    ("severity", "Utf8"),
    ("detail", "Utf8"),
];

/// The columns every rule returns; the others are null where it does not.
pub(super) const REQUIRED: [&str; 4] = ["mn", "window_start", "window_end", "outcome"];

/// One flagged window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub(super) mn: Option<String>,
    pub(super) factor: Option<String>,
    pub(super) outlet_uid: Option<String>,
    pub(super) permit_no: Option<String>,
    pub(super) permit_version: Option<i32>,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) observed: Option<f64>,
    pub(super) limit: Option<f64>,
    pub(super) unit: Option<String>,
    pub(super) points: i64,
    pub(super) exempt: Option<String>,
    pub(super) severity: Option<Severity>,
    pub(super) detail: Option<String>,
    /// Which of the rule's sentences tells it.
    pub(super) say: Option<String>,
    /// Whether its exemption comes from a mark of the enterprise.
    pub(super) marked: bool,
    /// Whether it lies on a judged day.
    pub(super) core: bool,
}

/// Subject and day of windows that could not be judged: logger, factor, day, reason.
pub(super) type Unjudged = (String, Option<String>, i32, String);

/// A window as it can be asked for: logger (permit where there is none), factor, start.
pub(super) type WindowKey = (Option<String>, Option<String>, i64);

/// What became of a window that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) passed: bool,
    pub(super) why: Option<String>,
}

/// What a rule said.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    pub(super) flagged: Vec<Window>,
    pub(super) flagged_count: u64,
    pub(super) passed: u64,
    pub(super) not_evaluated: BTreeMap<String, u64>,
    pub(super) unjudged: BTreeMap<Unjudged, i64>,
    /// Outcome of the windows that were asked for.
    pub(super) asked: BTreeMap<WindowKey, Said>,
}

impl Verdicts {
    /// Adds what another part of the windows came to.
    pub(super) fn add(&mut self, mut other: Self) {
        self.flagged.append(&mut other.flagged);
        self.flagged_count += other.flagged_count;
        self.passed += other.passed;
        for (why, count) in other.not_evaluated {
            *self.not_evaluated.entry(why).or_default() += count;
        }
        for (subject, count) in other.unjudged {
            *self.unjudged.entry(subject).or_default() += count;
        }
        self.asked.append(&mut other.asked);
    }
}

/// What a rule's rows are sorted by.
#[derive(Clone, Copy)]
pub(super) struct Sorting<'a> {
    /// The judged logger-days.
    pub(super) core: &'a BTreeSet<LoggerDay>,
    /// Whether rows about no logger count.
    pub(super) registry: bool,
    /// Windows whose outcome is asked for.
    pub(super) ask: &'a BTreeSet<WindowKey>,
    /// The windows to which these parameters apply, all of them when it is absent.
    pub(super) part: Option<&'a Part<'a>>,
}

/// Runs a rule over a prepared session. `registry` says whether rows about no logger count; `part`
/// chooses the windows to which these parameters apply, all of them when it is absent.
pub(super) async fn judge(
    run: &Session,
    configured: &Configured,
    as_of: i64,
    core: &BTreeSet<LoggerDay>,
    registry: bool,
    ask: &BTreeSet<WindowKey>,
    part: Option<&Part<'_>>,
) -> Result<Verdicts, Error> {
    let (rows, _held) = query(run, configured, as_of)
        .await
        .map_err(|failed| failed.error)?;
    let rows = rows.map(|batch| batch.map_err(|error| fault(&configured.rule.id, &error)));
    let sorting = Sorting {
        core,
        registry,
        ask,
        part,
    };
    sorted(&configured.rule, rows, sorting).await
}

/// A rule's rows with the columns of the contract, as they are computed, and the memory that is held
/// for them meanwhile.
pub(super) async fn query(
    run: &Session,
    configured: &Configured,
    as_of: i64,
) -> Result<(SendableRecordBatchStream, Vec<MemoryReservation>), Failed> {
    let rule = &configured.rule;
    let query = rule
        .query(&configured.values, as_of)
        .map_err(|error| Failed {
            error,
            cause: Cause::Rule,
        })?;
    let fault = |error: DataFusionError| Failed {
        cause: Cause::of(&error),
        error: fault(&rule.id, &error),
    };
    let (frame, held) = once::frame(run, &query).await.map_err(fault)?;
    let told = |name: &str| frame.schema().has_column_with_unqualified_name(name);
    let mut typed = Vec::with_capacity(COLUMNS.len() + 1);
    // Only a rule that has several sentences says which one a row is told with.
    let say = (!rule.reason.is_empty()).then_some(("say", "Utf8"));
    for (name, data_type) in COLUMNS.into_iter().chain(say) {
        let data_type: DataType = data_type
            .parse()
            .map_err(|error: arrow::error::ArrowError| fault(error.into()))?;
        let value = if told(name) || REQUIRED.contains(&name) || name == "say" {
            col(name)
        } else {
            lit(ScalarValue::Null)
        };
        typed.push(cast(value, data_type).alias(name));
    }
    if say.is_none() {
        typed.push(cast(lit(ScalarValue::Null), DataType::Utf8).alias("say"));
    }
    let frame = frame.select(typed).map_err(fault)?;
    let rows = frame.execute_stream().await.map_err(fault)?;
    Ok((rows, held))
}

/// The error of a rule whose query cannot be planned or computed.
pub(super) fn fault(rule: &str, error: &DataFusionError) -> Error {
    Error::Rule {
        rule: rule.to_owned(),
        what: format!(
            "{error}; a rule returns {}, and of the columns {} those it knows",
            REQUIRED.join(", "),
            names()
        ),
    }
}

/// Sorts a rule's rows.
pub(super) async fn sorted(
    rule: &Rule,
    mut rows: impl Stream<Item = Result<RecordBatch, Error>> + Unpin,
    sorting: Sorting<'_>,
) -> Result<Verdicts, Error> {
    let mut verdicts = Verdicts::default();
    let index = index(sorting.core);
    while let Some(batch) = rows.next().await {
        let given = Given {
            core: &index,
            registry: sorting.registry,
            ask: sorting.ask,
            part: sorting.part,
        };
        sort(rule, &batch?, &given, &mut verdicts)?;
    }
    Ok(verdicts)
}

/// A rule may only read: whatever defines, changes or sets something is refused before it runs.
pub(super) fn read_only() -> SQLOptions {
    SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false)
}

fn names() -> String {
    COLUMNS.map(|(name, _)| name).join(", ")
}

/// Judged days by logger.
fn index(core: &BTreeSet<LoggerDay>) -> BTreeMap<&str, BTreeSet<i32>> {
    let mut index: BTreeMap<&str, BTreeSet<i32>> = BTreeMap::new();
    for (mn, date) in core {
        index.entry(mn).or_default().insert(*date);
    }
    index
}

fn text(column: &ArrayRef) -> &StringArray {
    column.as_string::<i32>()
}

fn owned(column: &StringArray, i: usize) -> Option<String> {
    column.is_valid(i).then(|| column.value(i).to_owned())
}

/// What rows are sorted by.
struct Given<'a> {
    core: &'a BTreeMap<&'a str, BTreeSet<i32>>,
    registry: bool,
    ask: &'a BTreeSet<WindowKey>,
    part: Option<&'a Part<'a>>,
}

fn sort(
    rule: &Rule,
    batch: &RecordBatch,
    given: &Given<'_>,
    verdicts: &mut Verdicts,
) -> Result<(), Error> {
    let Given {
        core,
        registry,
        ask,
        part,
    } = *given;
    let columns = batch.columns();
    let (mn, factor) = (text(&columns[0]), text(&columns[1]));
    let start = columns[5].as_primitive::<TimestampMicrosecondType>();
    let end = columns[6].as_primitive::<TimestampMicrosecondType>();
    let (outcome, why) = (text(&columns[11]), text(&columns[12]));
    let mut last: (Option<&str>, Option<&BTreeSet<i32>>) = (None, None);
    for i in 0..batch.num_rows() {
        if start.is_null(i) || end.is_null(i) {
            return Err(Error::Rule {
                rule: rule.id.clone(),
                what: "returned a row without window_start or window_end".to_owned(),
            });
        }
        let (from, to) = (start.value(i), end.value(i));
        let judged = if mn.is_valid(i) {
            if last.0 != Some(mn.value(i)) {
                last = (Some(mn.value(i)), core.get(mn.value(i)));
            }
            let days = beijing_day(from)..=beijing_day((to - 1).max(from));
            last.1
                .is_some_and(|judged| judged.range(days).next().is_some())
        } else {
            registry
        };
        let mut bad = false;
        if let Some(part) = part {
            let of = |at: usize| {
                let column = text(&columns[at]);
                column.is_valid(i).then(|| column.value(i))
            };
            let subject = (of(0), of(1), of(2), of(3));
            match part.take(subject, from) {
                Take::Mine => {}
                Take::Other => continue,
                Take::Bad => bad = true,
            }
        }
        let flagged = match outcome.value(i) {
            "flagged" => !bad,
            "passed" | "not_evaluated" => false,
            other => {
                return Err(Error::Rule {
                    rule: rule.id.clone(),
                    what: format!("outcome `{other}`; known: flagged, passed, not_evaluated"),
                });
            }
        };
        if flagged {
            let say = columns[16].as_string::<i32>();
            if say.is_valid(i) && rule.sentence(Some(say.value(i))).is_none() {
                return Err(Error::Rule {
                    rule: rule.id.clone(),
                    what: format!(
                        "`say` is `{}`, but the front matter has no [reason.{0}]",
                        say.value(i)
                    ),
                });
            }
            if judged || mn.is_valid(i) {
                verdicts.flagged.push(window(columns, i, judged));
            }
            verdicts.flagged_count += u64::from(judged);
            continue;
        }
        if !judged {
            continue;
        }
        if !ask.is_empty() {
            let subject = owned(mn, i).or_else(|| owned(text(&columns[3]), i));
            let key = (subject, owned(factor, i), from);
            if ask.contains(&key) {
                let passed = outcome.value(i) == "passed" && !bad;
                let why = if bad {
                    Some(BAD_OVERRIDE.to_owned())
                } else {
                    owned(why, i)
                };
                verdicts.asked.insert(key, Said { passed, why });
            }
        }
        if outcome.value(i) == "passed" && !bad {
            verdicts.passed += 1;
        } else {
            let why = if bad {
                BAD_OVERRIDE
            } else if why.is_valid(i) {
                why.value(i)
            } else {
                "unknown"
            };
            match verdicts.not_evaluated.get_mut(why) {
                Some(count) => *count += 1,
                None => {
                    verdicts.not_evaluated.insert(why.to_owned(), 1);
                }
            }
            let subject = (
                owned(mn, i).unwrap_or_default(),
                owned(factor, i),
                beijing_day(from),
                why.to_owned(),
            );
            *verdicts.unjudged.entry(subject).or_default() += 1;
        }
    }
    Ok(())
}

fn window(columns: &[ArrayRef], i: usize, core: bool) -> Window {
    let of = |at: usize| owned(text(&columns[at]), i);
    let number = |at: usize| {
        let column = columns[at].as_primitive::<Float64Type>();
        (column.is_valid(i) && column.value(i).is_finite()).then(|| column.value(i))
    };
    let version: &Int32Array = columns[4].as_primitive::<Int32Type>();
    let points: &Int64Array = columns[10].as_primitive::<Int64Type>();
    Window {
        mn: of(0),
        factor: of(1),
        outlet_uid: of(2),
        permit_no: of(3),
        permit_version: version.is_valid(i).then(|| version.value(i)),
        start: columns[5]
            .as_primitive::<TimestampMicrosecondType>()
            .value(i),
        end: columns[6]
            .as_primitive::<TimestampMicrosecondType>()
            .value(i),
        observed: number(7),
        limit: number(8),
        unit: of(9),
        points: if points.is_valid(i) {
            points.value(i)
        } else {
            1
        },
        exempt: of(13),
        severity: of(14).as_deref().and_then(Severity::parse),
        detail: of(15),
        say: of(16),
        marked: false,
        core,
    }
}

/// Runs every rule over empty tables: does its query plan, and does it return the columns?
pub async fn test_rules(
    catalogue: &super::Catalogue,
) -> Result<Vec<(String, Result<(), Error>)>, Error> {
    let session = crate::session::in_memory(Vec::new(), &crate::session::Config::default()).await?;
    let none = BTreeSet::new();
    let run = super::inputs::prepare(&session, &none, Some(&none), None, 0).await?;
    super::plant::prepare(&run, catalogue.sheets()).await?;
    super::shared::register(&run).await?;
    super::whole::bench(&run).await?;
    let mut outcomes = Vec::new();
    for configured in catalogue.rules().iter().chain(catalogue.off()) {
        let outcome = judge(&run, configured, 0, &none, true, &BTreeSet::new(), None).await;
        let outcome = outcome.and_then(|_| super::screen::check(run.ctx(), configured));
        outcomes.push((configured.rule.id.clone(), outcome));
    }
    Ok(outcomes)
}
