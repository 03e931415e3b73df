//! Functions PostgreSQL's clients call by themselves, answered for this catalogue and this user.
//!
//! None of them changes anything: `set_config` hands back the value it is given, the advisory locks
//! that pools release do not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::{Array, BooleanArray, Int32Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionImplementation, ScalarUDF, Signature, SimpleScalarUDF,
    TypeSignature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;

use super::lists::DATABASE;
use crate::sql::users::User;

/// The version clients are told; some refuse to work without a number.
pub const SERVER_VERSION: &str = "16.6";

/// Descriptions by the id of the table and the number of the column, 0 for the table.
pub(super) type Descriptions = Arc<BTreeMap<(i64, i64), String>>;

/// A function that answers the same as long as a statement runs.
pub(super) fn function(
    name: &str,
    arity: &[usize],
    returns: DataType,
    answer: ScalarFunctionImplementation,
) -> ScalarUDF {
    of_volatility(name, arity, returns, answer, Volatility::Stable)
}

/// A function that is called when rows are made, once for each.
pub(super) fn volatile(
    name: &str,
    arity: &[usize],
    returns: DataType,
    answer: ScalarFunctionImplementation,
) -> ScalarUDF {
    of_volatility(name, arity, returns, answer, Volatility::Volatile)
}

fn of_volatility(
    name: &str,
    arity: &[usize],
    returns: DataType,
    answer: ScalarFunctionImplementation,
    volatility: Volatility,
) -> ScalarUDF {
    let signatures = arity
        .iter()
        .map(|count| match count {
            0 => TypeSignature::Nullary,
            count => TypeSignature::Any(*count),
        })
        .collect();
    let signature = Signature::one_of(signatures, volatility);
    ScalarUDF::from(SimpleScalarUDF::new_with_signature(
        name, signature, returns, answer,
    ))
}

/// A function with one answer.
pub(super) fn constant(name: &str, arity: &[usize], value: ScalarValue) -> ScalarUDF {
    let returns = value.data_type();
    function(
        name,
        arity,
        returns,
        Arc::new(move |_: &[ColumnarValue]| Ok(ColumnarValue::Scalar(value.clone()))),
    )
}

fn text(value: impl Into<String>) -> ScalarValue {
    ScalarValue::Utf8(Some(value.into()))
}

/// How many arguments a function takes.
const NONE: &[usize] = &[0];
const ONE: &[usize] = &[1];
const TWO: &[usize] = &[2];
const ONE_TWO: &[usize] = &[1, 2];
const ONE_THREE: &[usize] = &[1, 3];
const THREE_FOUR: &[usize] = &[3, 4];

/// Registers those of this user.
pub(super) fn register(ctx: &SessionContext, user: &User) {
    let version = format!(
        "PostgreSQL {SERVER_VERSION} (nonsite {}, read-only)",
        env!("CARGO_PKG_VERSION")
    );
    for (name, arity, value) in [
        ("version", NONE, text(version)),
        ("current_database", NONE, text(DATABASE)),
        ("current_catalog", NONE, text(DATABASE)),
        ("session_user", NONE, text(&user.name)),
        ("current_user", NONE, text(&user.name)),
        ("pg_get_userbyid", ONE, text(&user.name)),
        ("pg_is_in_recovery", NONE, ScalarValue::Boolean(Some(false))),
        ("pg_advisory_unlock_all", NONE, ScalarValue::Utf8(None)),
        ("pg_get_viewdef", ONE_TWO, ScalarValue::Utf8(None)),
        ("pg_get_indexdef", ONE_THREE, ScalarValue::Utf8(None)),
        ("pg_get_constraintdef", ONE_TWO, ScalarValue::Utf8(None)),
        ("pg_get_serial_sequence", TWO, ScalarValue::Utf8(None)),
        ("pg_get_function_result", ONE, ScalarValue::Utf8(None)),
        ("pg_get_function_arguments", ONE, ScalarValue::Utf8(None)),
        (
            "pg_get_function_identity_arguments",
            ONE,
            ScalarValue::Utf8(None),
        ),
        // Types of extensions that a driver looks for: there are none.
        ("to_regtype", ONE, ScalarValue::Int32(None)),
        ("pg_get_functiondef", ONE, ScalarValue::Utf8(None)),
        // Sizes belong to operations; a client that asks is told that they are unknown.
        ("pg_size_pretty", ONE, ScalarValue::Utf8(None)),
        ("pg_table_size", ONE, ScalarValue::Int64(None)),
        ("pg_total_relation_size", ONE, ScalarValue::Int64(None)),
        ("shobj_description", TWO, ScalarValue::Utf8(None)),
        (
            "has_column_privilege",
            THREE_FOUR,
            ScalarValue::Boolean(Some(true)),
        ),
        ("txid_current", NONE, ScalarValue::Int64(Some(0))),
        ("inet_server_port", NONE, ScalarValue::Int32(None)),
    ] {
        ctx.register_udf(constant(name, arity, value));
    }
    ctx.register_udf(function(
        "set_config",
        &[3],
        DataType::Utf8,
        Arc::new(|args: &[ColumnarValue]| args[1].cast_to(&DataType::Utf8, None)),
    ));
}

/// Whole numbers of an argument, whatever type a client's cast made of them.
pub(super) fn numbers(value: &ColumnarValue, rows: usize) -> Result<Int64Array> {
    let array = value.clone().into_array(rows)?;
    // A text that is no number is no id: null.
    let array = cast(&array, &DataType::Int64).map_err(DataFusionError::from)?;
    Ok(array.as_primitive::<Int64Type>().clone())
}

/// Rows a call is about.
pub(super) fn rows_of(args: &[ColumnarValue]) -> usize {
    args.iter()
        .find_map(|arg| match arg {
            ColumnarValue::Array(array) => Some(array.len()),
            ColumnarValue::Scalar(_) => None,
        })
        .unwrap_or(1)
}

/// The functions that need to know the ids of the tables.
pub(super) fn register_described(
    ctx: &SessionContext,
    described: &Descriptions,
    visible: Arc<BTreeSet<i64>>,
) {
    let of = Arc::clone(described);
    ctx.register_udf(function(
        "obj_description",
        &[1, 2],
        DataType::Utf8,
        Arc::new(move |args: &[ColumnarValue]| {
            let tables = numbers(&args[0], rows_of(args))?;
            let texts: StringArray = tables
                .iter()
                .map(|table| of.get(&(table?, 0)).cloned())
                .collect();
            Ok(ColumnarValue::Array(Arc::new(texts)))
        }),
    ));
    let of = Arc::clone(described);
    ctx.register_udf(function(
        "col_description",
        &[2],
        DataType::Utf8,
        Arc::new(move |args: &[ColumnarValue]| {
            let rows = rows_of(args);
            let (tables, columns) = (numbers(&args[0], rows)?, numbers(&args[1], rows)?);
            let texts: StringArray = tables
                .iter()
                .zip(columns.iter())
                .map(|(table, column)| of.get(&(table?, column?)).cloned())
                .collect();
            Ok(ColumnarValue::Array(Arc::new(texts)))
        }),
    ));
    // Objects that are no tables (types, functions) are all visible.
    ctx.register_udf(function(
        "pg_table_is_visible",
        &[1],
        DataType::Boolean,
        Arc::new(move |args: &[ColumnarValue]| {
            let tables = numbers(&args[0], rows_of(args))?;
            let seen: BooleanArray = tables
                .iter()
                .map(|table| table.map(|table| visible.contains(&table)))
                .collect();
            Ok(ColumnarValue::Array(Arc::new(seen)))
        }),
    ));
    for name in [
        "pg_type_is_visible",
        "pg_function_is_visible",
        "pg_collation_is_visible",
        "pg_opclass_is_visible",
    ] {
        ctx.register_udf(constant(name, &[1], ScalarValue::Boolean(Some(true))));
    }
}

/// `to_regclass(name)`: id of a table by its name, with or without its schema.
pub(super) fn to_regclass(ids: BTreeMap<(String, String), i32>) -> ScalarUDF {
    function(
        "to_regclass",
        ONE,
        DataType::Int32,
        Arc::new(move |args: &[ColumnarValue]| {
            let names = args[0].cast_to(&DataType::Utf8, None)?;
            let names = names.into_array(rows_of(args))?;
            let found: Int32Array = names
                .as_string::<i32>()
                .iter()
                .map(|name| {
                    let parts = identifiers(name?);
                    let found = match parts.as_slice() {
                        [table] => ["nonsite", "pg_catalog"]
                            .iter()
                            .find_map(|schema| ids.get(&((*schema).to_owned(), table.clone()))),
                        [schema, table] => ids.get(&(schema.clone(), table.clone())),
                        _ => None,
                    };
                    found.copied()
                })
                .collect();
            Ok(ColumnarValue::Array(Arc::new(found)))
        }),
    )
}

/// The parts of `a.b`, `"A"."b"`: small letters unless they stand in quotation marks.
fn identifiers(name: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted = false;
    let mut characters = name.trim().chars().peekable();
    while let Some(character) = characters.next() {
        let part = parts.len() - 1;
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                parts[part].push('"');
            }
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(String::new()),
            _ if quoted => parts[part].push(character),
            _ => parts[part].extend(character.to_lowercase()),
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_as_postgresql_does() {
        assert_eq!(identifiers("Readings"), ["readings"]);
        assert_eq!(identifiers("nonsite.\"A.b\"\"c\""), ["nonsite", "A.b\"c"]);
    }
}
