//! Patterns of times as PostgreSQL writes them (`YYYY-MM-DD HH24:MI`), in calls of `to_char`,
//! `to_timestamp` and `to_date`. The engine knows those of `strftime` only; a pattern with a percent
//! sign is one of these already and is left alone.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Statement, Value, visit_expressions_mut,
};

/// What PostgreSQL writes and what `strftime` does; longer ones before those they begin with.
const FIELDS: &[(&str, &str)] = &[
    ("YYYY", "%Y"),
    ("IYYY", "%G"),
    ("YY", "%y"),
    ("MONTH", "%B"),
    ("MON", "%b"),
    ("MM", "%m"),
    ("MI", "%M"),
    ("MS", "%3f"),
    ("DDD", "%j"),
    ("DD", "%d"),
    ("DAY", "%A"),
    ("DY", "%a"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("HH", "%I"),
    ("SS", "%S"),
    ("US", "%6f"),
    ("IW", "%V"),
    ("AM", "%p"),
    ("PM", "%p"),
    ("TZ", "%Z"),
];

/// A statement with its patterns translated.
pub(super) fn translated(mut statement: Statement) -> Statement {
    let _ = visit_expressions_mut(&mut statement, |expr| {
        if let Expr::Function(function) = expr
            && let FunctionArguments::List(list) = &mut function.args
            && let [
                _,
                FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(pattern))),
            ] = list.args.as_mut_slice()
            && let Value::SingleQuotedString(pattern) = &mut pattern.value
            && matches!(
                function.name.to_string().to_ascii_lowercase().as_str(),
                "to_char" | "to_timestamp" | "to_date"
            )
            && !pattern.contains('%')
        {
            *pattern = strftime(pattern);
        }
        ControlFlow::<()>::Continue(())
    });
    statement
}

/// The pattern as `strftime` has it; what stands in quotation marks is a text.
fn strftime(pattern: &str) -> String {
    let mut written = String::with_capacity(2 * pattern.len());
    let mut rest = pattern;
    let mut quoted = false;
    while let Some(character) = rest.chars().next() {
        if character == '"' {
            quoted = !quoted;
            rest = &rest[1..];
            continue;
        }
        let field = FIELDS.iter().find(|(name, _)| {
            let start = rest.get(..name.len());
            !quoted && start.is_some_and(|start| start.eq_ignore_ascii_case(name))
        });
        if let Some((name, field)) = field {
            written.push_str(field);
            rest = &rest[name.len()..];
        } else {
            written.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_translated_field_by_field() {
        for (pattern, wanted) in [
            ("YYYY-MM-DD HH24:MI:SS.US", "%Y-%m-%d %H:%M:%S.%6f"),
            ("yyyy\"年\"mm\"月\"", "%Y年%m月"),
            ("Mon DDD \"MI\"", "%b %j MI"),
        ] {
            assert_eq!(strftime(pattern), wanted);
        }
    }

    #[test]
    fn only_patterns_of_these_functions_are_touched() {
        for (text, wanted) in [
            ("SELECT to_char(t, 'YYYY')", "SELECT to_char(t, '%Y')"),
            ("SELECT to_date(t, '%d')", "SELECT to_date(t, '%d')"),
            ("SELECT strpos(t, 'DD')", "SELECT strpos(t, 'DD')"),
        ] {
            let statement = super::super::compat::parse(text).expect("SQL").remove(0);
            assert_eq!(statement.to_string(), wanted);
        }
    }
}
