//! The query of a rule as the parser and the planner see it.
//!
//! Looked for: what does not parse or plan, columns that are missing or unknown, statements that are
//! no SELECT, tables that no run bounds, and windows that reach past the days a run holds. A run
//! holds the judged days with a day around them, or as many days before them as the rule's
//! `lookback_h`; an aggregate over "everything before" would answer by how much a run happens to hold,
//! and the same data would give different findings.

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{cast, col};
use datafusion::sql::parser::Statement;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, Interval, NamedWindowExpr, Select, Spanned, Visit, Visitor, WindowFrameBound,
    WindowFrameUnits, WindowSpec, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Span;

use super::Fault;
use super::text::{Place, Source};
use crate::detect::catalogue::Configured;
use crate::detect::judge::{COLUMNS, REQUIRED};
use crate::session::{Error, Session};

/// Tables of a run that hold rows over time.
const OVER_TIME: [&str; 16] = [
    "readings",
    "readings_raw",
    "series_hours",
    "hour_companions",
    "hourly",
    "daily",
    "normal_hours",
    "normal_days",
    "hours_judged",
    "days_judged",
    "incinerator_days",
    "process_values",
    "production_hours",
    "furnace_temperature",
    "contacts",
    "facility_values",
];
/// Those of them with one row per hour.
const BY_HOUR: [&str; 6] = [
    "series_hours",
    "hour_companions",
    "hourly",
    "normal_hours",
    "production_hours",
    "hours_judged",
];
/// Tables that hold everything ever received or found, whatever a run judges.
const UNBOUNDED: [&str; 4] = ["readings_raw_all", "rule_outcomes", "anomalies", "alerts"];
/// Window functions that answer by position and not by how far back rows reach.
const POSITIONAL: [&str; 6] = ["row_number", "rank", "dense_rank", "lag", "lead", "ntile"];
/// Words in PARTITION BY that bound a window by themselves.
const BOUNDING: [&str; 7] = ["date", "day", "hour", "month", "year", "permit", "window"];
/// Hours around the judged days that every run holds.
const MARGIN_H: f64 = 24.0;

/// Parses, plans and reads the query of a rule; nothing is computed.
pub(super) async fn check(
    bench: &Session,
    source: &Source<'_>,
    rule: &Configured,
) -> Result<Vec<Fault>, Error> {
    let sql = rule.rule.query(&rule.values, 0)?;
    let state = bench.ctx().state();
    let dialect = state.config().options().sql_parser.dialect;
    let statement = match state.sql_to_statement(&sql, &dialect) {
        Ok(statement) => statement,
        Err(error) => return Ok(vec![refused(source, &error)]),
    };
    let mut faults = Vec::new();
    let tables = tables(bench, &statement);
    for table in &tables {
        if UNBOUNDED.contains(&table.as_str()) {
            let at = source.word(table).unwrap_or((1, 1));
            let what = format!(
                "`{table}` holds everything there ever was, so the rule's cost has no bound and its \
                 findings would depend on the history of runs; read `readings_raw`, `hourly` or `daily`"
            );
            faults.push(source.error(at, what));
        }
    }
    let plan = match bench
        .ctx()
        .sql_with_options(&sql, super::super::judge::read_only())
        .await
    {
        Ok(frame) => frame,
        Err(error) => {
            faults.push(refused(source, &error));
            return Ok(faults);
        }
    };
    columns(source, rule, &plan, &mut faults);
    if let Statement::Statement(statement) = &statement {
        let mut look = Look {
            source,
            lookback_h: f64::from(rule.rule.lookback_h),
            over_time: tables
                .iter()
                .any(|table| OVER_TIME.contains(&table.as_str())),
            by_hour: tables.iter().any(|table| BY_HOUR.contains(&table.as_str())),
            windows: Vec::new(),
            faults: &mut faults,
        };
        let _ = statement.visit(&mut look);
    }
    Ok(faults)
}

/// Names of the tables and views that a statement reads, each once.
pub(super) fn tables(session: &Session, statement: &Statement) -> Vec<String> {
    let mut names: Vec<String> = session
        .ctx()
        .state()
        .resolve_table_references(statement)
        .unwrap_or_default()
        .iter()
        .map(|table| table.table().to_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// What the engine says, with the place it names.
fn refused(source: &Source<'_>, error: &DataFusionError) -> Fault {
    let text = error.strip_backtrace();
    let place = error
        .diagnostic()
        .and_then(|diagnostic| diagnostic.span)
        .map(|span| source.of_parser(span.start.line, span.start.column))
        .or_else(|| told(source, &text))
        .or_else(|| quoted(source, &text))
        .unwrap_or_else(|| source.in_query(0));
    let first = text.lines().next().unwrap_or_default();
    source.error(place, first)
}

/// The place a parser's text ends with: `at Line: 3, Column: 5`.
fn told(source: &Source<'_>, text: &str) -> Option<Place> {
    let (_, rest) = text.split_once("Line: ")?;
    let (line, rest) = rest.split_once(", Column: ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(source.of_parser(line.trim().parse().ok()?, digits.parse().ok()?))
}

/// The place of the first name in quotes that the query mentions.
fn quoted(source: &Source<'_>, text: &str) -> Option<Place> {
    let parts = text.split(['\'', '"', '`']).skip(1).step_by(2);
    parts
        .flat_map(|name| name.rsplit('.').next())
        .find_map(|name| source.word(name))
}

/// The columns that come back, and whether they can be read as what they stand for.
fn columns(
    source: &Source<'_>,
    rule: &Configured,
    frame: &datafusion::dataframe::DataFrame,
    faults: &mut Vec<Fault>,
) {
    let schema = frame.schema();
    let has = |name: &str| schema.has_column_with_unqualified_name(name);
    let last = last_select(source);
    let say = !rule.rule.reason.is_empty();
    for name in REQUIRED.iter().copied().chain(say.then_some("say")) {
        if !has(name) {
            let why = if name == "say" {
                " (the front matter has [reason.NAME])"
            } else {
                ""
            };
            faults.push(source.error(last, format!("the SELECT returns no column `{name}`{why}")));
        }
    }
    for field in schema.fields() {
        let name = field.name().as_str();
        let known = COLUMNS.iter().any(|(known, _)| *known == name) || name == "say";
        if !known {
            let at = source.word(name).unwrap_or(last);
            let what = format!(
                "column `{name}` is not one a rule returns and is dropped; put it into `detail`"
            );
            faults.push(source.warning(at, what));
        }
    }
    for (name, data_type) in COLUMNS {
        let Ok(data_type) = data_type.parse::<DataType>() else {
            continue;
        };
        if has(name)
            && let Err(error) = frame
                .clone()
                .select(vec![cast(col(name), data_type.clone())])
        {
            let what = format!(
                "column `{name}` cannot be read as {data_type}: {}",
                error.strip_backtrace().lines().next().unwrap_or_default()
            );
            faults.push(source.error(source.word(name).unwrap_or(last), what));
        }
    }
}

/// The last SELECT that begins a line: what a rule returns is written there.
fn last_select(source: &Source<'_>) -> Place {
    let query = source.query();
    let upper = query.to_ascii_uppercase();
    let at = upper
        .match_indices("SELECT")
        .map(|(at, _)| at)
        .filter(|at| *at == 0 || upper.as_bytes()[at - 1] == b'\n')
        .last();
    source.in_query(at.unwrap_or(0))
}

/// Looks at every expression of a query.
struct Look<'a, 'b> {
    source: &'a Source<'b>,
    lookback_h: f64,
    over_time: bool,
    by_hour: bool,
    /// Named windows of the SELECTs around the expression, the innermost last.
    windows: Vec<Vec<(String, WindowSpec)>>,
    faults: &'a mut Vec<Fault>,
}

impl Visitor for Look<'_, '_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        let named = select
            .named_window
            .iter()
            .filter_map(|window| match &window.1 {
                NamedWindowExpr::WindowSpec(spec) => Some((window.0.value.clone(), spec.clone())),
                NamedWindowExpr::NamedWindow(_) => None,
            });
        self.windows.push(named.collect());
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, _: &Select) -> ControlFlow<()> {
        self.windows.pop();
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.at(expr);
        ControlFlow::Continue(())
    }
}

impl Look<'_, '_> {
    fn at(&mut self, expr: &Expr) {
        if !self.over_time {
            return;
        }
        match expr {
            Expr::Function(function) => self.function(function),
            Expr::Interval(interval) => {
                let reach = hours(interval).filter(|hours| *hours > self.lookback_h + MARGIN_H);
                if let Some(reach) = reach {
                    let place = self.place(interval.value.span(), &interval.value.to_string());
                    let what = format!(
                        "{reach} h is further than the rule looks back (lookback_h = {}): rows of \
                         readings that far away are not in a run",
                        self.lookback_h
                    );
                    self.faults.push(self.source.warning(place, what));
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, function: &Function) {
        let name = function.name.to_string().to_ascii_lowercase();
        let place = self.place(function.name.span(), &name);
        let spec = match &function.over {
            None => return,
            Some(WindowType::WindowSpec(spec)) => spec.clone(),
            Some(WindowType::NamedWindow(window)) => {
                let all = self.windows.iter().rev().flatten();
                let named = |(known, _): &&(String, WindowSpec)| *known == window.value;
                match all.into_iter().find(named) {
                    Some((_, spec)) => spec.clone(),
                    // The planner refuses a name that nobody defines.
                    None => return,
                }
            }
        };
        let spec = &spec;
        // The functions `trailing_...` take their reach as an argument.
        let by_itself = POSITIONAL.contains(&name.as_str()) || name.starts_with("trailing_");
        if by_itself || bounded_by_key(spec) {
            return;
        }
        let Some((start, end, units)) = bounds(spec) else {
            let what = format!(
                "`{name}` is taken over everything before the row: what it answers depends on how \
                 many days a run holds; bound it (ROWS or RANGE ... PRECEDING) or partition by day"
            );
            self.faults.push(self.source.error(place, what));
            return;
        };
        for reach in [start, end].into_iter().flatten() {
            let hours = match (units, reach) {
                (WindowFrameUnits::Range, Expr::Interval(interval)) => hours(interval),
                (WindowFrameUnits::Rows, rows) if self.by_hour => rows.to_string().parse().ok(),
                _ => None,
            };
            if let Some(hours) = hours.filter(|hours| *hours > self.lookback_h + MARGIN_H) {
                let what = format!(
                    "`{name}` looks {hours} h back, the rule {} h: raise `lookback_h` to {}",
                    self.lookback_h,
                    (hours - MARGIN_H).max(0.0).ceil()
                );
                self.faults.push(self.source.error(place, what));
            }
        }
    }

    fn place(&self, span: Span, word: &str) -> Place {
        if span.start.line > 0 {
            return self.source.of_parser(span.start.line, span.start.column);
        }
        self.source
            .word(word.trim_matches('\''))
            .unwrap_or_else(|| self.source.in_query(0))
    }
}

/// Whether PARTITION BY alone keeps a window within a day, a month or a document.
fn bounded_by_key(spec: &WindowSpec) -> bool {
    spec.partition_by.iter().any(|key| {
        let text = key.to_string().to_ascii_lowercase();
        BOUNDING.iter().any(|word| text.contains(word))
    })
}

/// How far a window reaches to both sides (nothing for the row itself) and in what it counts; nothing
/// when one side is unbounded.
fn bounds(spec: &WindowSpec) -> Option<(Option<&Expr>, Option<&Expr>, WindowFrameUnits)> {
    let frame = spec.window_frame.as_ref()?;
    let bounded = |bound: Option<&WindowFrameBound>| match bound {
        None | Some(WindowFrameBound::CurrentRow) => true,
        Some(WindowFrameBound::Preceding(reach) | WindowFrameBound::Following(reach)) => {
            reach.is_some()
        }
    };
    if !bounded(Some(&frame.start_bound)) || !bounded(frame.end_bound.as_ref()) {
        return None;
    }
    let start = match &frame.start_bound {
        WindowFrameBound::Preceding(Some(reach)) => Some(reach.as_ref()),
        _ => None,
    };
    let end = match &frame.end_bound {
        Some(WindowFrameBound::Following(Some(reach))) => Some(reach.as_ref()),
        _ => None,
    };
    Some((start, end, frame.units))
}

/// Hours of an interval literal; nothing for one that is computed.
fn hours(interval: &Interval) -> Option<f64> {
    let text = interval.value.to_string();
    let text = text.trim_matches('\'').to_ascii_lowercase();
    let field = interval
        .leading_field
        .as_ref()
        .map(|field| field.to_string().to_ascii_lowercase());
    let words: Vec<&str> = text.split_whitespace().chain(field.as_deref()).collect();
    let mut total = 0.0;
    for pair in words.chunks(2) {
        let [count, unit] = pair else { return None };
        let count: f64 = count.parse().ok()?;
        let hours = match unit.trim_end_matches('s') {
            "microsecond" | "millisecond" | "second" => 0.0,
            "minute" => 1.0 / 60.0,
            "hour" => 1.0,
            "day" => 24.0,
            "week" => 168.0,
            "month" => 744.0,
            "year" => 8_784.0,
            _ => return None,
        };
        total += count.abs() * hours;
    }
    Some(total)
}
