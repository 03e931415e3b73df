//! Functions PostgreSQL's clients call by themselves, answered for this catalogue and this user.
//!
//! None of them changes anything: `set_config` hands back the value it is given, the advisory locks
//! that pools release do not exist.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::array::{Array, BooleanArray, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::utils::SingleRowListArrayBuilder;
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

fn function(
    name: &str,
    arity: &[usize],
    returns: DataType,
    answer: ScalarFunctionImplementation,
) -> ScalarUDF {
    let signatures = arity
        .iter()
        .map(|count| match count {
            0 => TypeSignature::Nullary,
            count => TypeSignature::Any(*count),
        })
        .collect();
    let signature = Signature::one_of(signatures, Volatility::Stable);
    ScalarUDF::from(SimpleScalarUDF::new_with_signature(
        name, signature, returns, answer,
    ))
}

fn constant(name: &str, arity: &[usize], value: ScalarValue) -> ScalarUDF {
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
        ("current_schema", NONE, text("nonsite")),
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
    ctx.register_udf(schemas());
    ctx.register_udf(function(
        "set_config",
        &[3],
        DataType::Utf8,
        Arc::new(|args: &[ColumnarValue]| args[1].cast_to(&DataType::Utf8, None)),
    ));
    ctx.register_udf(function(
        "current_setting",
        &[1, 2],
        DataType::Utf8,
        Arc::new(|args: &[ColumnarValue]| {
            let name = args[0].cast_to(&DataType::Utf8, None)?;
            let answer = |name: &str| setting(name).map(str::to_owned);
            match name {
                ColumnarValue::Scalar(ScalarValue::Utf8(name)) => Ok(ColumnarValue::Scalar(
                    ScalarValue::Utf8(name.as_deref().and_then(answer)),
                )),
                other => {
                    let names = other.into_array(1)?;
                    let names = names.as_string::<i32>();
                    let values: StringArray =
                        names.iter().map(|name| name.and_then(answer)).collect();
                    Ok(ColumnarValue::Array(Arc::new(values)))
                }
            }
        }),
    ));
}

/// What clients ask for by name.
fn setting(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "server_version" => SERVER_VERSION,
        "server_version_num" => "160006",
        "server_encoding" | "client_encoding" => "UTF8",
        "standard_conforming_strings" | "transaction_read_only" | "integer_datetimes" => "on",
        "default_transaction_read_only" => "on",
        "transaction_isolation" | "default_transaction_isolation" => "repeatable read",
        "search_path" => "nonsite",
        "timezone" => "UTC",
        "datestyle" => "ISO, MDY",
        "jit" | "is_superuser" | "in_hot_standby" => "off",
        "max_identifier_length" => "63",
        _ => return None,
    })
}

/// `current_schemas(implicit)`.
fn schemas() -> ScalarUDF {
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    function(
        "current_schemas",
        &[1],
        DataType::List(item),
        Arc::new(|args: &[ColumnarValue]| {
            let implicit = args[0].cast_to(&DataType::Boolean, None)?;
            let implicit = matches!(
                implicit,
                ColumnarValue::Scalar(ScalarValue::Boolean(Some(true)))
            );
            let names = if implicit {
                vec!["pg_catalog", "nonsite"]
            } else {
                vec!["nonsite"]
            };
            let list = SingleRowListArrayBuilder::new(Arc::new(StringArray::from(names)));
            Ok(ColumnarValue::Scalar(ScalarValue::List(Arc::new(
                list.build_list_array(),
            ))))
        }),
    )
}

/// Whole numbers of an argument, whatever type a client's cast made of them.
fn numbers(value: &ColumnarValue, rows: usize) -> Result<Int64Array> {
    let array = value.clone().into_array(rows)?;
    // A text that is no number is no id: null.
    let array = cast(&array, &DataType::Int64).map_err(DataFusionError::from)?;
    Ok(array.as_primitive::<Int64Type>().clone())
}

fn rows_of(args: &[ColumnarValue]) -> usize {
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
