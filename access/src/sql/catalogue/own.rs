//! Functions whose answer is a connection's own: its number, its settings, its search path; and those
//! that stop another connection of the same user.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, StringArray};
use arrow::datatypes::{DataType, Field};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};
use datafusion::prelude::SessionContext;
use datafusion::scalar::ScalarValue;

use super::TABLES;
use super::functions::{constant, function, numbers, rows_of, volatile};
use super::settings::default;
use crate::sql::connections::Connections;
use crate::sql::users::User;

/// What a connection was set to.
#[derive(Debug, Clone, Default)]
pub struct Own {
    /// Its number; none where there is no connection.
    pub number: Option<i32>,
    /// The schema names are looked up in.
    pub schema: Option<String>,
    /// Settings it made, by name.
    pub settings: BTreeMap<&'static str, String>,
}

impl Own {
    /// Makes the functions answer for this connection.
    ///
    /// # Errors
    /// Never in practice: nothing is locked.
    pub fn register(self, state: &mut SessionState) -> Result<()> {
        for function in self.functions() {
            state.register_udf(Arc::new(function))?;
        }
        Ok(())
    }

    fn functions(self) -> [ScalarUDF; 4] {
        let schema = self.schema.clone().unwrap_or_else(|| TABLES.to_owned());
        let name = ScalarValue::Utf8(Some(schema.clone()));
        [
            constant("pg_backend_pid", &[0], ScalarValue::Int32(self.number)),
            constant("current_schema", &[0], name),
            schemas(schema),
            self.current_setting(),
        ]
    }

    fn value(&self, name: &str) -> Option<String> {
        let own = self
            .settings
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        if let Some((_, value)) = own {
            return Some(value.clone());
        }
        let value = default(name);
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// `current_setting(name)`, `current_setting(name, missing_ok)`.
    fn current_setting(self) -> ScalarUDF {
        let answer = move |args: &[ColumnarValue]| {
            let names = args[0].cast_to(&DataType::Utf8, None)?;
            match names {
                ColumnarValue::Scalar(ScalarValue::Utf8(name)) => Ok(ColumnarValue::Scalar(
                    ScalarValue::Utf8(name.and_then(|name| self.value(&name))),
                )),
                other => {
                    let names = other.into_array(rows_of(args))?;
                    let names = names.as_string::<i32>();
                    let values: StringArray = names
                        .iter()
                        .map(|name| name.and_then(|name| self.value(name)))
                        .collect();
                    Ok(ColumnarValue::Array(Arc::new(values)))
                }
            }
        };
        function("current_setting", &[1, 2], DataType::Utf8, Arc::new(answer))
    }
}

/// Registers what answers where there is no connection, and the functions that stop one.
pub(super) fn register(ctx: &SessionContext, user: &User, connections: &Connections) {
    for function in Own::default().functions() {
        ctx.register_udf(function);
    }
    for name in ["pg_cancel_backend", "pg_terminate_backend"] {
        let (user, connections) = (user.clone(), connections.clone());
        let answer = move |args: &[ColumnarValue]| {
            let asked = numbers(&args[0], rows_of(args))?;
            let done: BooleanArray = asked
                .iter()
                .map(|number| {
                    let number = i32::try_from(number?).ok();
                    Some(number.is_some_and(|number| connections.cancel(number, &user)))
                })
                .collect();
            Ok(ColumnarValue::Array(Arc::new(done)))
        };
        ctx.register_udf(volatile(name, &[1], DataType::Boolean, Arc::new(answer)));
    }
}

/// `current_schemas(implicit)`.
fn schemas(first: String) -> ScalarUDF {
    let item = Arc::new(Field::new_list_field(DataType::Utf8, true));
    function(
        "current_schemas",
        &[1],
        DataType::List(item),
        Arc::new(move |args: &[ColumnarValue]| {
            let implicit = args[0].cast_to(&DataType::Boolean, None)?;
            let implicit = matches!(
                implicit,
                ColumnarValue::Scalar(ScalarValue::Boolean(Some(true)))
            );
            let names = if implicit {
                vec!["pg_catalog", first.as_str()]
            } else {
                vec![first.as_str()]
            };
            let list = SingleRowListArrayBuilder::new(Arc::new(StringArray::from(names)));
            Ok(ColumnarValue::Scalar(ScalarValue::List(Arc::new(
                list.build_list_array(),
            ))))
        }),
    )
}
