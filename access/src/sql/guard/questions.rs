//! Questions about the catalogue, as tools ask them, mended for the engine.
//!
//! PostgreSQL's catalogue has columns and functions for what there is none of here (keys, indexes,
//! composed types, defaults, rights in its own form), and tools ask for them every time they draw a
//! tree. Most of what is mended is the answer null; the rest is a form the engine does not read.
//!
//! Invariant: only statements that name the catalogue come here ([`super::compat`]), for some of this
//! would change what an analyst asked.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, FunctionArguments, GroupByExpr, Ident, ObjectName, Query,
    SelectItem, SetExpr, Statement, Subscript, TableFactor, Value, visit_expressions_mut,
    visit_relations_mut,
};

use super::compat::{call, literal};

/// Mends a statement that names the catalogue.
pub(super) fn mend(statement: &mut Statement) {
    let _ = visit_expressions_mut(statement, |expr| {
        if is_nothing(expr) {
            *expr = Expr::value(Value::Null);
        } else if let Expr::Subquery(query) = expr {
            at_most_one_row(query);
        } else if let Expr::Function(function) = expr
            && function
                .name
                .to_string()
                .to_ascii_lowercase()
                .ends_with("_pg_expandarray")
        {
            *expr = no_key();
        } else if let Expr::Cast {
            expr: of,
            data_type,
            ..
        } = expr
            && is_composed(of)
            && data_type
                .to_string()
                .to_ascii_lowercase()
                .ends_with("regclass")
        {
            // A name that is put together for every row.
            let of = std::mem::replace(of.as_mut(), Expr::value(Value::Null));
            *expr = call("to_regclass", vec![of]);
        } else if let Expr::Case { conditions, .. } = expr {
            // What a type is made of: asked for row by row, of kinds of types that are not here.
            for when in conditions {
                if let Some(nothing) = parts_of_no_type(&when.condition, &when.result) {
                    when.result = nothing;
                }
            }
        } else if let Expr::BinaryOp { left, op, right } = expr
            && *op == BinaryOperator::Eq
            && is_flag(left)
            && let Some(is) = truth(right)
        {
            // `indisprimary = 'f'`: PostgreSQL reads the text as what it is compared with.
            **right = Expr::value(Value::Boolean(is));
        } else if let Expr::CompoundFieldAccess { root, access_chain } = expr
            && matches!(root.as_ref(), Expr::Nested(_))
        {
            // (value).field, which the engine writes value['field'].
            for access in access_chain {
                if let AccessExpr::Dot(Expr::Identifier(field)) = access {
                    let index = literal(field.value.clone());
                    *access = AccessExpr::Subscript(Subscript::Index { index });
                }
            }
        }
        ControlFlow::<()>::Continue(())
    });
    let _ = visit_relations_mut(statement, |relation| {
        let own = relation.to_string().to_ascii_lowercase();
        if OURS.contains(&own.as_str()) {
            *relation = ObjectName::from(vec![Ident::new("pg_catalog"), Ident::new(own)]);
        }
        ControlFlow::<()>::Continue(())
    });
    named(statement);
}

/// Tables of the catalogue that are ours: the library puts the schema before those it knows.
const OURS: [&str; 1] = ["pg_stat_activity"];
/// Tables of the catalogue that have no rows here: nothing has a default, a sequence or a collation of
/// its own.
const EMPTY: [&str; 3] = ["pg_attrdef", "pg_sequence", "pg_collation"];
/// Functions that tell of what there is none of here.
const NOTHING: [&str; 4] = [
    "pg_database_size",
    "pg_get_function_sqlbody",
    "pg_get_serial_sequence",
    "pg_tablespace_size",
];
/// Columns that list the columns of keys and indexes, which there are none of.
const KEYS: [&str; 6] = [
    "indkey",
    "indclass",
    "indcollation",
    "indoption",
    "conkey",
    "confkey",
];

/// What `CASE WHEN typtype = 'c' THEN (SELECT ...)` comes to: there are no composed types and no domains.
fn parts_of_no_type(condition: &Expr, result: &Expr) -> Option<Expr> {
    let Expr::Subquery(query) = result else {
        return None;
    };
    let condition = condition.to_string().to_ascii_lowercase();
    let kind = if condition.ends_with("typtype = 'd'") {
        "Int32"
    } else if !condition.ends_with("typtype = 'c'") {
        return None;
    } else if query.to_string().contains("attname") {
        "List(Utf8)"
    } else {
        "List(Int32)"
    };
    let nothing = Expr::value(Value::Null);
    Some(call("arrow_cast", vec![nothing, literal(kind.to_owned())]))
}

/// Whether an expression is a column of the catalogue that is true or false.
fn is_flag(expr: &Expr) -> bool {
    let name = match expr {
        Expr::Identifier(name) => Some(name),
        Expr::CompoundIdentifier(parts) => parts.last(),
        _ => None,
    };
    name.is_some_and(|name| {
        let name = name.value.to_ascii_lowercase();
        name.starts_with("indis") || name == "attisdropped" || name == "attnotnull"
    })
}

/// What a text says as a boolean, in PostgreSQL's one letter or the word.
fn truth(expr: &Expr) -> Option<bool> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => match text.to_ascii_lowercase().as_str() {
                "t" | "true" => Some(true),
                "f" | "false" => Some(false),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Whether an expression makes a text, and is not the number of something.
fn is_composed(expr: &Expr) -> bool {
    match expr {
        Expr::Function(_) => true,
        Expr::BinaryOp { op, .. } => *op == BinaryOperator::StringConcat,
        Expr::Nested(inner) => is_composed(inner),
        _ => false,
    }
}

/// What JDBC takes the columns of a key apart with, of no key: a row of two numbers.
fn no_key() -> Expr {
    let number = || {
        let kind = literal("Int32".to_owned());
        call("arrow_cast", vec![Expr::value(Value::Null), kind])
    };
    let (x, n) = (literal("x".to_owned()), literal("n".to_owned()));
    call("named_struct", vec![x, number(), n, number()])
}

/// Names columns that are null: the engine wants all names to differ.
fn named(statement: &mut Statement) {
    let Statement::Query(query) = statement else {
        return;
    };
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    for (at, item) in select.projection.iter_mut().enumerate() {
        if let SelectItem::UnnamedExpr(expr) = item
            && matches!(expr, Expr::Value(value) if value.value == Value::Null)
        {
            *item = SelectItem::ExprWithAlias {
                expr: Expr::value(Value::Null),
                alias: Ident::new(format!("null_{}", at + 1)),
            };
        }
    }
}

/// The text with the schema in names of catalogue tables that are looked up (`'pg_class'::regclass`):
/// PostgreSQL looks there first, whatever the search path; functions stay names. None when there are no
/// such casts.
pub(super) fn qualified(mut statements: Vec<Statement>) -> Option<String> {
    let mut found = false;
    for statement in &mut statements {
        let _ = visit_expressions_mut(statement, |expr| {
            let Expr::Cast {
                expr: of,
                data_type,
                ..
            } = expr
            else {
                return ControlFlow::<()>::Continue(());
            };
            let kind = data_type.to_string().to_ascii_lowercase();
            let Expr::Value(value) = of.as_mut() else {
                return ControlFlow::Continue(());
            };
            let Value::SingleQuotedString(name) = &mut value.value else {
                return ControlFlow::Continue(());
            };
            if kind.ends_with("regclass") && name.starts_with("pg_") {
                name.insert_str(0, "pg_catalog.");
                found = true;
            } else if kind.ends_with("regproc") {
                // Types name their functions here and do not number them.
                let last = name.rsplit('.').next().unwrap_or_default().to_owned();
                *expr = literal(last);
                found = true;
            }
            ControlFlow::Continue(())
        });
    }
    let texts = statements.iter().map(ToString::to_string);
    found.then(|| texts.collect::<Vec<_>>().join("; "))
}

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
                "unnest" | "generate_subscripts" | "array_contains" => {
                    let args = function.args.to_string().to_ascii_lowercase();
                    let first = args.trim_matches(['(', ')']).split(',').next();
                    let column = first.and_then(|first| first.rsplit('.').next());
                    column.is_some_and(|column| KEYS.contains(&column.trim()))
                }
                _ => NOTHING.contains(&name),
            }
        }
        // One of the columns of a key.
        Expr::CompoundFieldAccess { .. } => {
            let text = expr.to_string().to_ascii_lowercase();
            let column = text.split_once('[').map(|(column, _)| column);
            let column = column.and_then(|column| column.rsplit('.').next());
            column.is_some_and(|column| KEYS.iter().any(|key| column.ends_with(key)))
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
    *value = call("min", vec![inner]);
}

#[cfg(test)]
mod tests;
