//! Reading PostgreSQL's dialect.
//!
//! Questions about the catalogue, as clients ask them by themselves, need a good deal rewritten
//! before the engine understands them, and some of what is rewritten changes the answer: a
//! correlated subquery among the columns becomes null. That is right for a client that draws a
//! tree of tables and wrong for an analyst. So only statements that name the catalogue go that way;
//! of all others, only what has one meaning is rewritten.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments,
    GroupByExpr, Ident, ObjectName, ObjectNamePart, Query, SelectItem, SetExpr, Statement,
    TableFactor, Value, Visit, Visitor, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::{GenericDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion_postgres::datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_postgres::datafusion_pg_catalog::sql::rules::{
    CurrentUserVariableToSessionUserFunctionCall, FixArrayLiteral, FixVersionColumnName,
    RewriteArrayAnyAllOperation, RewritePgCatalogOperator, SqlStatementRewriteRule,
    StripCallableQualifier, StripCollate,
};

use crate::sql::{Fault, FaultKind};

static CATALOGUE: LazyLock<PostgresCompatibilityParser> =
    LazyLock::new(PostgresCompatibilityParser::new);

/// Deeper nesting than this is no question of a person.
const DEPTH: usize = 100;

/// Reads a text; an empty one has no statements.
pub(super) fn parse(text: &str) -> Result<Vec<Statement>, Fault> {
    let fault = |error: &dyn std::fmt::Display| Fault::new(FaultKind::Syntax, error.to_string());
    let plain = Parser::new(&PostgreSqlDialect {})
        .with_recursion_limit(DEPTH)
        .try_with_sql(text)
        .and_then(|mut parser| parser.parse_statements());
    match plain {
        Ok(statements) if !statements.iter().any(names_catalogue) => {
            Ok(statements.into_iter().map(rewrite).collect())
        }
        Ok(_) => catalogue(text).map_err(|error| fault(&error)),
        // Some clients' own questions are not in the dialect's grammar and are known by their text.
        Err(error) => match catalogue(text) {
            Ok(statements) if statements.iter().any(names_catalogue) => Ok(statements),
            // What the engine understands beyond PostgreSQL, such as SELECT * EXCEPT (...).
            _ => Parser::new(&GenericDialect {})
                .with_recursion_limit(DEPTH)
                .try_with_sql(text)
                .and_then(|mut parser| parser.parse_statements())
                .map(|statements| statements.into_iter().map(rewrite).collect())
                .map_err(|_| fault(&error)),
        },
    }
}

/// Reads a question about the catalogue.
fn catalogue(text: &str) -> Result<Vec<Statement>, ParserError> {
    let mut statements = CATALOGUE.parse(text)?;
    for statement in &mut statements {
        let _ = visit_expressions_mut(statement, |expr| {
            if is_nothing(expr) {
                *expr = Expr::value(Value::Null);
            } else if let Expr::Subquery(query) = expr {
                at_most_one_row(query);
            }
            ControlFlow::<()>::Continue(())
        });
    }
    Ok(statements)
}

/// Tables of the catalogue that have no rows here: nothing has a default, a sequence or a collation of
/// its own.
const EMPTY: [&str; 3] = ["pg_attrdef", "pg_sequence", "pg_collation"];
/// Functions that tell of what there is none of here.
const NOTHING: [&str; 2] = ["pg_get_function_sqlbody", "pg_get_serial_sequence"];

/// Whether an expression about the catalogue is null whatever is asked: rights in PostgreSQL's form
/// (`relacl` and its like), options of storage, and what is looked up where there is nothing. Parts
/// are visited before the whole.
fn is_nothing(expr: &Expr) -> bool {
    match expr {
        Expr::CompoundIdentifier(parts) => parts.last().is_some_and(|part| {
            part.value == "reloptions" || part.value.len() == 6 && part.value.ends_with("acl")
        }),
        Expr::Function(function) => {
            let name = function.name.to_string().to_ascii_lowercase();
            let name = name.rsplit('.').next().unwrap_or_default();
            match name {
                // psql lists roles and policies with ARRAY(SELECT ...); there are no memberships
                // and no policies of PostgreSQL's kind here.
                "array" => matches!(function.args, FunctionArguments::Subquery(_)),
                // What is joined from such lists is nothing, too.
                "array_to_string" => function.args.to_string().starts_with("(NULL"),
                _ => NOTHING.contains(&name),
            }
        }
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => select.from.first().is_some_and(|from| {
                let TableFactor::Table { name, .. } = &from.relation else {
                    return false;
                };
                let name = name.to_string().to_ascii_lowercase();
                EMPTY.contains(&name.rsplit('.').next().unwrap_or_default())
            }),
            _ => false,
        },
        _ => false,
    }
}

/// Says of a subquery that is a value what PostgreSQL checks while it runs: that there is one row at
/// most. The engine wants to know beforehand; the least of one value is that value.
fn at_most_one_row(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    let plain = query.limit_clause.is_none()
        && select.having.is_none()
        && matches!(&select.group_by, GroupByExpr::Expressions(by, _) if by.is_empty());
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] =
        select.projection.as_mut_slice()
    else {
        return;
    };
    if !plain || matches!(value, Expr::Function(_)) || select.from.is_empty() {
        return;
    }
    query.order_by = None;
    let inner = std::mem::replace(value, Expr::value(Value::Null));
    *value = Expr::Function(least(inner));
}

/// `min(value)`.
fn least(value: Expr) -> Function {
    Function {
        name: ObjectName::from(vec![Ident::new("min")]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(value))],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    }
}

/// Rewrites that keep the meaning.
fn rewrite(statement: Statement) -> Statement {
    let rules: [&dyn SqlStatementRewriteRule; 7] = [
        &RewriteArrayAnyAllOperation,
        &StripCallableQualifier,
        &FixArrayLiteral,
        &CurrentUserVariableToSessionUserFunctionCall,
        &StripCollate,
        &RewritePgCatalogOperator,
        &FixVersionColumnName,
    ];
    rules
        .iter()
        .fold(statement, |statement, rule| rule.rewrite(statement))
}

/// Whether a statement asks about the catalogue.
fn names_catalogue(statement: &Statement) -> bool {
    struct Names;
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            let named = relation.0.iter().any(|part| {
                matches!(part, ObjectNamePart::Identifier(name)
                    if name.value.to_ascii_lowercase().starts_with("pg_"))
            });
            if named {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        }

        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                // 'x'::regclass and the like.
                Expr::Cast { data_type, .. }
                    if data_type.to_string().to_ascii_lowercase().contains("reg") =>
                {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    statement.visit(&mut Names).is_break()
}

/// What a statement that reads as a query would write, if anything.
pub(super) fn writes(statement: &Statement) -> Option<&'static str> {
    struct Writes;
    impl Visitor for Writes {
        type Break = &'static str;
        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<&'static str> {
            if !query.locks.is_empty() {
                return ControlFlow::Break("SELECT ... FOR UPDATE");
            }
            body(&query.body)
        }

        fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<&'static str> {
            // FROM 'path' and FROM `url`: a name is a word here, never a place.
            if let TableFactor::Table { name, .. } = factor {
                let place = name.0.iter().any(|part| {
                    matches!(part, ObjectNamePart::Identifier(word)
                        if word.quote_style == Some('\'') || word.value.contains('/'))
                });
                if place {
                    return ControlFlow::Break("a file or an address as a table");
                }
            }
            ControlFlow::Continue(())
        }
    }
    fn body(set: &SetExpr) -> ControlFlow<&'static str> {
        match set {
            SetExpr::Select(select) if select.into.is_some() => {
                ControlFlow::Break("SELECT ... INTO")
            }
            SetExpr::SetOperation { left, right, .. } => {
                body(left)?;
                body(right)
            }
            SetExpr::Insert(_) => ControlFlow::Break("INSERT"),
            SetExpr::Update(_) => ControlFlow::Break("UPDATE"),
            SetExpr::Delete(_) => ControlFlow::Break("DELETE"),
            SetExpr::Merge(_) => ControlFlow::Break("MERGE"),
            _ => ControlFlow::Continue(()),
        }
    }
    match statement.visit(&mut Writes) {
        ControlFlow::Break(what) => Some(what),
        ControlFlow::Continue(()) => None,
    }
}
