//! Screens as expressions the engine can evaluate: parsed and checked once for a whole pass.
//!
//! What several rules ask for alike (a number remembered of each day, a window over it) is computed
//! once for all of them.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionContext;
use nonsite_history::stats;

use super::super::catalogue::Configured;
use super::trail::{KEPT, Window};
use super::{FACTS, Screen, Trailing};
use crate::session::Error;

/// One expression of a screen.
pub(super) type Expr = Arc<dyn PhysicalExpr>;

/// A rule's screen, ready to run.
pub(super) struct Compiled {
    pub(super) rule: usize,
    /// Days before a judged day that must not be odd either.
    pub(super) lookback: i32,
    pub(super) look: Expr,
    pub(super) passed: Expr,
    /// How many windows are not evaluated, by number of the reason.
    pub(super) unevaluated: Vec<(Expr, usize)>,
    pub(super) of_logger: bool,
    pub(super) factor: Option<String>,
    /// The columns it sees beside those of the day, in order.
    pub(super) own: Vec<Own>,
    /// Names and types of all columns it sees.
    pub(super) schema: SchemaRef,
}

/// A column of one screen's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Own {
    /// A sum over the rows of the logger's day.
    Sum(usize),
    /// A window over the days before.
    Window(usize),
}

/// A number per row that is summed by logger, or remembered.
pub(super) struct Number {
    sql: String,
    pub(super) of_logger: bool,
    pub(super) expr: Expr,
}

/// All screens of a pass.
#[derive(Default)]
pub(super) struct Screens {
    pub(super) rules: Vec<Compiled>,
    pub(super) sums: Vec<Number>,
    pub(super) remembered: Vec<Number>,
    pub(super) windows: Vec<Window>,
    /// Why windows are not evaluated, by number.
    pub(super) reasons: Vec<String>,
    /// Whether any of them asks about copies of the days before.
    pub(super) copies: bool,
}

/// The columns of a day that every screen sees.
pub(super) fn schema() -> SchemaRef {
    let mut fields = vec![
        Field::new(
            "factor",
            DataType::Dictionary(Box::new(DataType::UInt16), Box::new(DataType::Utf8)),
            true,
        ),
        Field::new("date", DataType::Date32, false),
    ];
    for (name, _) in &FACTS[2..] {
        let kind = if *name == "expires" {
            DataType::Date32
        } else {
            DataType::Boolean
        };
        fields.push(Field::new(*name, kind, true));
    }
    fields.extend(
        stats::schema()
            .fields()
            .iter()
            .map(|field| field.as_ref().clone()),
    );
    Arc::new(Schema::new(fields))
}

/// The schema of a day with one screen's own columns.
fn with_own(own: &[String]) -> SchemaRef {
    let base = schema();
    let mut fields: Vec<Arc<Field>> = base.fields().iter().cloned().collect();
    fields.extend(
        own.iter()
            .map(|name| Arc::new(Field::new(name, DataType::Float64, true))),
    );
    Arc::new(Schema::new(fields))
}

/// What one rule's expressions are parsed with.
struct Parser<'a> {
    ctx: &'a SessionContext,
    configured: &'a Configured,
    as_of: i64,
}

impl Parser<'_> {
    fn fault(&self, key: &str, what: impl std::fmt::Display) -> Error {
        Error::Rule {
            rule: self.configured.rule.id.clone(),
            what: format!("[screen] {key}: {what}"),
        }
    }

    fn filled(&self, sql: &str) -> Result<String, Error> {
        let rule = &self.configured.rule;
        rule.fill(sql, &self.configured.values, self.as_of)
    }

    fn expr(&self, key: &str, sql: &str, kind: &str, schema: &SchemaRef) -> Result<Expr, Error> {
        let sql = format!("CAST({} AS {kind})", self.filled(sql)?);
        let fault = |error: DataFusionError| self.fault(key, error);
        let schema = DFSchema::try_from(Arc::clone(schema)).map_err(fault)?;
        let expr = self.ctx.parse_sql_expr(&sql, &schema).map_err(fault)?;
        self.ctx.create_physical_expr(expr, &schema).map_err(fault)
    }

    /// A number of days, which may name parameters and no columns.
    fn days(&self, key: &str, sql: &str) -> Result<i32, Error> {
        let none = Arc::new(Schema::empty());
        let expr = self.expr(key, sql, "BIGINT", &none)?;
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let days = RecordBatch::try_new_with_options(none, Vec::new(), &options)
            .map_err(DataFusionError::from)
            .and_then(|row| expr.evaluate(&row)?.into_array(1))
            .map_err(|error| self.fault(key, error))?;
        let days = days.as_primitive::<Int64Type>();
        let days = days.is_valid(0).then(|| days.value(0));
        days.and_then(|days| i32::try_from(days).ok())
            .filter(|days| (1..=KEPT).contains(days))
            .ok_or_else(|| self.fault(key, format!("days have to be 1 to {KEPT}")))
    }
}

/// The number of an expression among others, added when it is new.
fn number(of: &mut Vec<Number>, sql: &str, of_logger: bool, expr: Expr) -> usize {
    let known = of
        .iter()
        .position(|known| known.sql == sql && known.of_logger == of_logger);
    known.unwrap_or_else(|| {
        of.push(Number {
            sql: sql.to_owned(),
            of_logger,
            expr,
        });
        of.len() - 1
    })
}

impl Screens {
    /// Adds a rule's screen; `rule` is its number in the catalogue.
    pub(super) fn add(
        &mut self,
        ctx: &SessionContext,
        rule: usize,
        configured: &Configured,
        screen: &Screen,
        as_of: i64,
    ) -> Result<(), Error> {
        let parser = Parser {
            ctx,
            configured,
            as_of,
        };
        let base = schema();
        let (mut own, mut names) = (Vec::new(), Vec::new());
        for (name, sql) in &screen.logger {
            let expr = parser.expr(name, sql, "DOUBLE", &base)?;
            let sql = parser.filled(sql)?;
            own.push(Own::Sum(number(&mut self.sums, &sql, true, expr)));
            names.push(name.clone());
        }
        for (name, trailing) in &screen.trailing {
            own.push(self.window(&parser, name, trailing, &base)?);
            names.push(name.clone());
        }
        if let Some(name) = names
            .iter()
            .enumerate()
            .find(|(at, name)| base.index_of(name).is_ok() || names[..*at].contains(name))
        {
            return Err(parser.fault(name.1, "there is a column of that name already"));
        }
        let schema = with_own(&names);
        let mut unevaluated = Vec::new();
        for (why, sql) in &screen.unevaluated {
            if !configured.rule.sql.contains(&format!("'{why}'")) {
                return Err(parser.fault("unevaluated", format!("the query never says '{why}'")));
            }
            let known = self.reasons.iter().position(|known| known == why);
            let reason = known.unwrap_or_else(|| {
                self.reasons.push(why.clone());
                self.reasons.len() - 1
            });
            unevaluated.push((parser.expr(why, sql, "BIGINT", &schema)?, reason));
        }
        let texts = [&screen.look, &screen.passed].into_iter();
        self.copies |= texts
            .chain(screen.unevaluated.values())
            .any(|sql| sql.contains("repeated"));
        self.rules.push(Compiled {
            rule,
            lookback: if configured.rule.long() {
                configured.rule.lookback_days()
            } else {
                0
            },
            look: parser.expr("look", &screen.look, "BOOLEAN", &schema)?,
            passed: parser.expr("passed", &screen.passed, "BIGINT", &schema)?,
            unevaluated,
            of_logger: screen.of_logger,
            factor: screen.factor.clone(),
            own,
            schema,
        });
        Ok(())
    }

    fn window(
        &mut self,
        parser: &Parser<'_>,
        name: &str,
        trailing: &Trailing,
        base: &SchemaRef,
    ) -> Result<Own, Error> {
        let (how, sql) = trailing.of().ok_or_else(|| {
            parser.fault(
                name,
                "name one of sum, count, min, max, median, and the days",
            )
        })?;
        let expr = parser.expr(name, sql, "DOUBLE", base)?;
        let sql = parser.filled(sql)?;
        let window = Window {
            number: number(&mut self.remembered, &sql, trailing.of_logger, expr),
            how,
            days: parser.days(name, &trailing.days)?,
        };
        let known = self.windows.iter().position(|known| *known == window);
        Ok(Own::Window(known.unwrap_or_else(|| {
            self.windows.push(window);
            self.windows.len() - 1
        })))
    }

    /// How many days before a day a pass has to have seen.
    pub(super) fn lookback(&self) -> i32 {
        let odd = self.rules.iter().map(|compiled| compiled.lookback);
        let windows = self.windows.iter().map(|window| window.days - 1);
        let copies = self.copies.then_some(nonsite_history::past::DAYS);
        odd.chain(windows).chain(copies).max().unwrap_or(0)
    }
}

/// Whether a rule's screen can be understood.
pub(in crate::detect) fn check(ctx: &SessionContext, configured: &Configured) -> Result<(), Error> {
    let Some(screen) = &configured.rule.screen else {
        return Ok(());
    };
    if screen.of_presence {
        return Ok(());
    }
    Screens::default().add(ctx, 0, configured, screen, 0)
}
