//! Schema `nonsite_meta`: what the system knows about itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::error::{DataFusionError, Result};
use nonsite_analytics::detect;
use nonsite_analytics::review::ReadsWanted;
use nonsite_analytics::session::travel::{self, Commit};
use nonsite_schemas::tables::{COMMENT, timestamp_type};

use super::comments::Comments;
use super::lazy::Lazy;
use crate::sql::log::QueryLog;
use crate::sql::reads::{self, ReadLog};
use crate::sql::users::User;

/// Commits of a table that `versions` lists.
const COMMITS: usize = 1_000;

/// What one row of each table here is, and of the views that are shown here as well.
pub(super) const COMMENTS: &[(&str, &str)] = &[
    (
        "access_log",
        "The latest 100,000 reading requests over the REST API: who read which case, file or finding. A user sees its own, an administrator all.",
    ),
    ("comments", "What every table, view and column means."),
    (
        "ledger",
        "How far every topic partition was consumed into every table.",
    ),
    (
        "quarantine",
        "Messages, or parts of messages, that could not be used.",
    ),
    (
        "query_log",
        "The latest queries: who asked what, and how it went. A user sees its own, an administrator all.",
    ),
    ("rules", "The rules as this server knows them."),
    ("runs", "What each run of each rule did."),
    (
        "slow_queries",
        "Queries of the log that took serve.sql.slow_ms or longer.",
    ),
    (
        "versions",
        "The latest commits of every table: what `at(table, version)` goes back to.",
    ),
];

fn field(name: &str, kind: DataType, null: bool, comment: &str) -> Field {
    Field::new(name, kind, null).with_metadata([(COMMENT.to_owned(), comment.to_owned())].into())
}

/// Columns of `rules`.
fn rules_schema() -> SchemaRef {
    let text = |name: &str, comment: &str| field(name, DataType::Utf8, false, comment);
    Arc::new(Schema::new(vec![
        text("rule_id", "id of the rule, e.g. E01"),
        field("version", DataType::Int32, false, "version of the rule"),
        text("name_zh", "Chinese name"),
        text("name_en", "English name"),
        text(
            "rule_group",
            "exceedance, quality, transmission, permit ...",
        ),
        text(
            "severity",
            "S1 (worst) to S4, unless a finding says otherwise",
        ),
        text("basis", "legal or technical basis"),
        text(
            "granularity",
            "what one window is: realtime, minute, hour, day",
        ),
        field(
            "lookback_h",
            DataType::Int64,
            false,
            "hours before a window that are needed to judge it",
        ),
        text("params", "parameters it runs with, as a JSON object"),
        field("enabled", DataType::Boolean, false, "whether it runs"),
    ]))
}

/// The rules as rows.
///
/// # Errors
/// Never in practice: the columns are those of the schema.
pub fn rules(catalogue: &detect::Catalogue) -> Result<RecordBatch> {
    let mut all: Vec<_> = catalogue
        .rules()
        .iter()
        .map(|rule| (rule, true))
        .chain(catalogue.off().iter().map(|rule| (rule, false)))
        .collect();
    all.sort_by(|(a, _), (b, _)| a.rule.id.cmp(&b.rule.id));
    let texts = |text: &dyn Fn(&detect::catalogue::Configured) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(
            all.iter().map(|(rule, _)| text(rule)),
        ))
    };
    let versions: Int32Array = all
        .iter()
        .map(|(rule, _)| Some(rule.rule.version))
        .collect();
    let lookback: Int64Array = all
        .iter()
        .map(|(rule, _)| Some(i64::from(rule.rule.lookback_h)))
        .collect();
    let enabled: BooleanArray = all.iter().map(|(_, on)| Some(*on)).collect();
    Ok(RecordBatch::try_new(
        rules_schema(),
        vec![
            texts(&|rule| rule.rule.id.clone()),
            Arc::new(versions),
            texts(&|rule| rule.rule.name_zh.clone()),
            texts(&|rule| rule.rule.name_en.clone()),
            texts(&|rule| rule.rule.group.clone()),
            texts(&|rule| rule.rule.severity.code().to_owned()),
            texts(&|rule| rule.rule.basis.clone()),
            texts(&|rule| rule.rule.granularity.clone()),
            Arc::new(lookback),
            texts(&|rule| serde_json::to_string(&rule.values).unwrap_or_default()),
            Arc::new(enabled),
        ],
    )?)
}

fn versions_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        field("table_name", DataType::Utf8, false, "name of the table"),
        field("version", DataType::Int64, false, "version the commit made"),
        field(
            "committed_at",
            timestamp_type(),
            true,
            "when it was written",
        ),
        field(
            "operation",
            DataType::Utf8,
            true,
            "what was done: WRITE, OPTIMIZE, VACUUM ...",
        ),
        field(
            "is_current",
            DataType::Boolean,
            false,
            "whether it is the latest one",
        ),
    ]))
}

fn versions(commits: &[Commit]) -> Result<RecordBatch> {
    let names = StringArray::from_iter_values(commits.iter().map(|commit| commit.table.as_str()));
    let numbers = Int64Array::from_iter_values(commits.iter().map(|commit| commit.version));
    let at: TimestampMicrosecondArray = commits.iter().map(|commit| commit.at).collect();
    let done: StringArray = commits
        .iter()
        .map(|commit| commit.operation.clone())
        .collect();
    // Newest first within a table, so the first one of a table is the current one.
    let current: BooleanArray = commits
        .iter()
        .enumerate()
        .map(|(i, commit)| Some(i == 0 || commits[i - 1].table != commit.table))
        .collect();
    Ok(RecordBatch::try_new(
        versions_schema(),
        vec![
            Arc::new(names),
            Arc::new(numbers),
            Arc::new(at.with_timezone("UTC")),
            Arc::new(done),
            Arc::new(current),
        ],
    )?)
}

fn comments_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        field(
            "table_schema",
            DataType::Utf8,
            false,
            "nonsite or nonsite_meta",
        ),
        field(
            "table_name",
            DataType::Utf8,
            false,
            "name of the table or view",
        ),
        field(
            "column_name",
            DataType::Utf8,
            true,
            "name of the column; null for the table itself",
        ),
        field(
            "comment",
            DataType::Utf8,
            false,
            "what it means: unit, standard, where it comes from",
        ),
    ]))
}

fn comments(all: &Comments) -> Result<RecordBatch> {
    let rows = all.all();
    let text = |pick: &dyn Fn(usize) -> Option<String>| -> ArrayRef {
        Arc::new((0..rows.len()).map(pick).collect::<StringArray>())
    };
    Ok(RecordBatch::try_new(
        comments_schema(),
        vec![
            text(&|i| Some(rows[i].schema.clone())),
            text(&|i| Some(rows[i].table.clone())),
            text(&|i| rows[i].column.clone()),
            text(&|i| Some(rows[i].text.clone())),
        ],
    )?)
}

/// What the tables here are made from.
pub(super) struct Sources<'s> {
    /// Folder of the tables.
    pub(super) store: &'s Path,
    /// The rules as rows.
    pub(super) rules: &'s RecordBatch,
    /// The query log.
    pub(super) log: &'s QueryLog,
    /// Who read what over the REST API.
    pub(super) reads: Option<&'s Arc<dyn ReadLog>>,
    /// Milliseconds from which a query is slow.
    pub(super) slow_ms: u64,
    /// Who looks.
    pub(super) user: &'s User,
}

/// The tables of the schema; `tables` are those of `nonsite`, some of which are shown here too.
pub(super) fn tables(
    sources: &Sources<'_>,
    tables: &BTreeMap<String, Arc<dyn TableProvider>>,
) -> Result<BTreeMap<String, Arc<dyn TableProvider>>> {
    let mut meta: BTreeMap<String, Arc<dyn TableProvider>> = BTreeMap::new();
    for (name, of) in [
        ("runs", "detect_runs"),
        ("ledger", "ledger"),
        ("quarantine", "quarantine"),
    ] {
        // A restricted user lacks some of them.
        if let Some(table) = tables.get(of) {
            meta.insert(name.to_owned(), Arc::clone(table));
        }
    }
    let rules = MemTable::try_new(sources.rules.schema(), vec![vec![sources.rules.clone()]])?;
    meta.insert("rules".to_owned(), Arc::new(rules));
    let store: PathBuf = sources.store.to_owned();
    let made = Lazy::new(
        versions_schema(),
        Arc::new(move || {
            let store = store.clone();
            Box::pin(async move {
                let commits = travel::commits(&store, COMMITS)
                    .await
                    .map_err(|error| DataFusionError::External(Box::new(error)))?;
                versions(&commits)
            })
        }),
    );
    meta.insert("versions".to_owned(), Arc::new(made));
    let own = (!sources.user.admin).then(|| sources.user.name.clone());
    for (name, slow) in [("query_log", None), ("slow_queries", Some(sources.slow_ms))] {
        let (log, own) = (sources.log.clone(), own.clone());
        let made = Lazy::new(
            QueryLog::schema(),
            Arc::new(move || {
                let (log, own) = (log.clone(), own.clone());
                Box::pin(async move { Ok(log.rows(own.as_deref(), slow)?) })
            }),
        );
        meta.insert(name.to_owned(), Arc::new(made));
    }
    meta.insert(
        "access_log".to_owned(),
        Arc::new(access_log(sources.reads.cloned(), own)),
    );
    Ok(meta)
}

/// Who read what, looked up when the table is read; one person's rows, or all.
fn access_log(log: Option<Arc<dyn ReadLog>>, own: Option<String>) -> Lazy {
    Lazy::new(
        reads::schema(),
        Arc::new(move || {
            let wanted = ReadsWanted {
                actor: own.clone(),
                limit: reads::LATEST,
                ..ReadsWanted::default()
            };
            let log = log.clone();
            Box::pin(async move {
                let found = match &log {
                    Some(log) => log
                        .reads(wanted)
                        .await
                        .map_err(DataFusionError::Execution)?,
                    None => Vec::new(),
                };
                Ok(reads::batch(&found)?)
            })
        }),
    )
}

/// The table `comments`, which comes last because it describes the others and itself.
pub(super) fn comments_table(all: &Comments) -> Result<Arc<dyn TableProvider>> {
    let rows = comments(all)?;
    Ok(Arc::new(MemTable::try_new(
        rows.schema(),
        vec![vec![rows]],
    )?))
}
