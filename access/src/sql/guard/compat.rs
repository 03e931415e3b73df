//! Reading PostgreSQL's dialect.
//!
//! Questions about the catalogue, as clients ask them by themselves, need a good deal rewritten
//! before the engine understands them ([`super::questions`]), and some of what is rewritten changes
//! the answer: a correlated subquery among the columns becomes null. That is right for a client that
//! draws a tree of tables and wrong for an analyst. So only statements that name the catalogue go that
//! way; of all others, only what has one meaning is rewritten.

use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, Query, SetExpr, Statement, TableFactor, Value, ValueWithSpan,
    Visit, Visitor, visit_expressions_mut,
};
use datafusion::sql::sqlparser::dialect::{GenericDialect, PostgreSqlDialect};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion_postgres::datafusion_pg_catalog::sql::PostgresCompatibilityParser;
use datafusion_postgres::datafusion_pg_catalog::sql::rules::{
    CurrentUserVariableToSessionUserFunctionCall, FixArrayLiteral, FixVersionColumnName,
    RewriteArrayAnyAllOperation, RewritePgCatalogOperator, SqlStatementRewriteRule,
    StripCallableQualifier, StripCollate,
};

use super::questions::{mend, qualified};
use super::templates::translated;
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
        Ok(statements) => {
            let qualified = qualified(statements);
            catalogue(qualified.as_deref().unwrap_or(text)).map_err(|error| fault(&error))
        }
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
    statements.iter_mut().for_each(mend);
    let statements = statements.into_iter().map(escaped).map(translated);
    Ok(statements.collect())
}

/// Patterns with an escape character of their own, as the engine reads them: with a backslash.
fn escaped(mut statement: Statement) -> Statement {
    let _ = visit_expressions_mut(&mut statement, |expr| {
        if let Expr::Like {
            pattern,
            escape_char,
            ..
        }
        | Expr::ILike {
            pattern,
            escape_char,
            ..
        } = expr
            && let Some(escape) = escape_char.as_ref().and_then(one_character)
            && escape != '\\'
        {
            let was = std::mem::replace(pattern.as_mut(), Expr::value(Value::Null));
            let swap = |of: Expr, from: String, to: String| {
                call("replace", vec![of, literal(from), literal(to)])
            };
            // An escape that is escaped stands for itself, and a backslash was none.
            let doubled = swap(was, format!("{escape}{escape}"), PUT_ASIDE.to_string());
            let plain = swap(doubled, "\\".to_owned(), "\\\\".to_owned());
            let escaped = swap(plain, escape.to_string(), "\\".to_owned());
            *pattern.as_mut() = swap(escaped, PUT_ASIDE.to_string(), escape.to_string());
            *escape_char = None;
        }
        ControlFlow::<()>::Continue(())
    });
    statement
}

/// A character that no text has: it belongs to nobody.
const PUT_ASIDE: char = '\u{E000}';

fn one_character(value: &ValueWithSpan) -> Option<char> {
    let Value::SingleQuotedString(text) = &value.value else {
        return None;
    };
    let mut characters = text.chars();
    characters.next().filter(|_| characters.next().is_none())
}

/// A text.
pub(super) fn literal(text: String) -> Expr {
    Expr::value(Value::SingleQuotedString(text))
}

/// A call of a function.
pub(super) fn call(name: &str, args: Vec<Expr>) -> Expr {
    let args = args.into_iter();
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args
                .map(|arg| FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)))
                .collect(),
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
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
    let rewritten = rules
        .iter()
        .fold(statement, |statement, rule| rule.rewrite(statement));
    translated(escaped(rewritten))
}

/// Whether a name is one of the catalogue's tables or schemas.
fn is_catalogue(name: &str) -> bool {
    name.starts_with("pg_") || name == "information_schema"
}

/// Whether a statement asks about the catalogue.
fn names_catalogue(statement: &Statement) -> bool {
    struct Names;
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
            let named = relation.0.iter().any(|part| {
                matches!(part, ObjectNamePart::Identifier(name)
                    if is_catalogue(&name.value.to_ascii_lowercase()))
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

/// Numbers the question marks of a statement as its text has them: JDBC knows no other parameters, the
/// engine takes all of them for one.
pub(crate) fn number_parameters(statement: &mut Statement) {
    let mut count = 0;
    let _ = visit_expressions_mut(statement, |expr| {
        if let Expr::Value(ValueWithSpan {
            value: Value::Placeholder(place),
            ..
        }) = expr
            && place == "?"
        {
            count += 1;
            *place = format!("${count}");
        }
        ControlFlow::<()>::Continue(())
    });
}
