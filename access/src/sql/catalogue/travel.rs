//! Tables as they were, in SQL: `at('permits', 12)`, `at('permits', '2025-06-01T00:00:00Z')`, and
//! `readings_at(...)` for the readings with their resends resolved as of then.
//!
//! A restricted user's filter holds here as well: it is the one of today, so that a user who may
//! see a logger now sees its past, and one who may not any more sees none of it.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::prelude::{Expr, SessionContext};
use nonsite_analytics::session::Session;
use nonsite_analytics::session::travel::Moment;
use nonsite_analytics::views;

use crate::sql::scope::Scope;
use crate::sql::{Fault, FaultKind};

/// Which of the two functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// `at(table, moment)`.
    AnyTable,
    /// `readings_at(moment)`.
    Readings,
}

/// A table function over the store.
pub(super) struct At {
    pub(super) what: What,
    pub(super) session: Session,
    /// Context with the functions, for planning the view.
    pub(super) plain: SessionContext,
    pub(super) scope: Option<Arc<Scope>>,
}

impl std::fmt::Debug for At {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("At")
            .field("what", &self.what)
            .finish_non_exhaustive()
    }
}

impl TableFunctionImpl for At {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let (table, moment) = match (self.what, args.exprs()) {
            (What::AnyTable, [table, moment]) => (text(table)?, moment),
            (What::Readings, [moment]) => ("readings_raw".to_owned(), moment),
            (What::AnyTable, _) => {
                return Err(usage(
                    "at(table, version) or at(table, time), e.g. at('permits', 12)",
                ));
            }
            (What::Readings, _) => {
                return Err(usage("readings_at(version) or readings_at(time)"));
            }
        };
        let moment = moment_of(moment)?;
        let (session, plain) = (self.session.clone(), self.plain.clone());
        let (scope, what) = (self.scope.clone(), self.what);
        // The planner calls this without awaiting; the tables are read on a thread of its own, so
        // that no thread of the runtime waits for itself.
        let runtime = tokio::runtime::Handle::try_current()
            .map_err(|error| DataFusionError::Execution(error.to_string()))?;
        let reading = std::thread::spawn(move || {
            runtime.block_on(read(
                &session,
                &plain,
                scope.as_deref(),
                what,
                &table,
                moment,
            ))
        });
        match reading.join() {
            Ok(table) => table.map_err(DataFusionError::from),
            Err(_) => Err(DataFusionError::Execution(
                "the table of that time could not be read".to_owned(),
            )),
        }
    }
}

async fn read(
    session: &Session,
    plain: &SessionContext,
    scope: Option<&Scope>,
    what: What,
    name: &str,
    moment: Moment,
) -> Result<Arc<dyn TableProvider>, Fault> {
    let table = session
        .table_at(name, moment)
        .await
        .map_err(|error| Fault::new(FaultKind::Value, error.to_string()))?;
    let table = match scope {
        None => table,
        Some(scope) => scope.filtered(name, table)?.ok_or_else(|| {
            Fault::new(
                FaultKind::Denied,
                format!("permission denied for table {name}"),
            )
        })?,
    };
    if what == What::AnyTable {
        return Ok(table);
    }
    let state = plain.state();
    let ctx = SessionContext::new_with_config_rt(state.config().clone(), plain.runtime_env());
    ctx.register_table("readings_raw", table)?;
    views::register(&ctx, &["readings"])
        .await
        .map_err(|error| Fault::new(FaultKind::Engine, error.to_string()))?;
    Ok(ctx.table_provider("readings").await?)
}

fn usage(what: &str) -> DataFusionError {
    Fault::new(FaultKind::Wrong, format!("write {what}")).into()
}

fn text(expr: &Expr) -> Result<String> {
    match expr {
        Expr::Literal(
            ScalarValue::Utf8(Some(text))
            | ScalarValue::Utf8View(Some(text))
            | ScalarValue::LargeUtf8(Some(text)),
            _,
        ) => Ok(text.strip_prefix("nonsite.").unwrap_or(text).to_owned()),
        other => Err(usage(&format!("the table's name as a text, not {other}"))),
    }
}

/// A version as a number, an instant as a text or a timestamp; all of them literals.
fn moment_of(expr: &Expr) -> Result<Moment> {
    let wrong = || {
        usage(&format!(
            "a version (12) or an instant ('2025-06-01T00:00:00Z', or a day of UTC) instead of {expr}"
        ))
    };
    let expr = match expr {
        Expr::Cast(cast) => cast.expr.as_ref(),
        other => other,
    };
    let Expr::Literal(value, _) = expr else {
        return Err(wrong());
    };
    if let ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) = value {
        return instant(text).map(Moment::At).ok_or_else(wrong);
    }
    if let ScalarValue::TimestampMicrosecond(..)
    | ScalarValue::TimestampNanosecond(..)
    | ScalarValue::TimestampMillisecond(..)
    | ScalarValue::TimestampSecond(..) = value
    {
        let unit =
            arrow::datatypes::DataType::Timestamp(arrow::datatypes::TimeUnit::Microsecond, None);
        let ScalarValue::TimestampMicrosecond(Some(micros), _) = value.cast_to(&unit)? else {
            return Err(wrong());
        };
        return DateTime::from_timestamp_micros(micros)
            .map(Moment::At)
            .ok_or_else(wrong);
    }
    match value.cast_to(&arrow::datatypes::DataType::Int64)? {
        ScalarValue::Int64(Some(version)) => u64::try_from(version)
            .map(Moment::Version)
            .map_err(|_| wrong()),
        _ => Err(wrong()),
    }
}

fn instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.with_timezone(&Utc));
    }
    for form in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"] {
        if let Ok(at) = NaiveDateTime::parse_from_str(text, form) {
            return Some(at.and_utc());
        }
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(day.and_hms_opt(0, 0, 0)?.and_utc())
}
