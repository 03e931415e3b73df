//! `||` of texts and bytes, as a function.
//!
//! The engine's own operator cannot be bounded. The function takes the types the operator takes and gives
//! what it gives, by the same rules and the same kernel: nothing when one of the two is nothing, where
//! `concat` leaves it out. Only `a || b || c` is one call and not two, so that nothing is copied twice.

use std::sync::Arc;

use arrow::array::Array;
use arrow::compute::kernels::concat_elements::concat_elements_dyn;
use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::binary::BinaryTypeCoercer;
use datafusion::logical_expr::{
    ColumnarValue, Operator, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature, Volatility,
};
use datafusion::prelude::Expr;

use super::made::Makes;

/// The function's name; nobody can call it by it.
pub(super) const NAME: &str = "||";

/// The function.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Together {
        signature: Signature::user_defined(Volatility::Immutable),
    })
}

/// What two of these types become together.
///
/// # Errors
/// There is no `||` of them.
pub(super) fn joined(left: &DataType, right: &DataType) -> Result<DataType> {
    BinaryTypeCoercer::new(left, &Operator::StringConcat, right).get_result_type()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Together {
    signature: Signature,
}

impl ScalarUDFImpl for Together {
    fn name(&self) -> &'static str {
        NAME
    }

    /// Columns keep the name the operator gives them.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let names: Vec<String> = args
            .iter()
            .map(|arg| arg.schema_name().to_string())
            .collect();
        Ok(names.join(" || "))
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let (first, others) = arguments.split_first().ok_or_else(nothing)?;
        others
            .iter()
            .try_fold(first.clone(), |all, other| joined(&all, other))
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let kinds = args
            .arg_fields
            .iter()
            .map(|field| field.data_type().clone());
        let kind = self.return_type(&kinds.collect::<Vec<_>>())?;
        let nullable = args.arg_fields.iter().any(|field| field.is_nullable());
        Ok(Arc::new(Field::new(NAME, kind, nullable)))
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        match self.return_type(arguments)? {
            // Each has a length of its own.
            DataType::FixedSizeBinary(_) => Ok(arguments.to_vec()),
            kind => Ok(vec![kind; arguments.len()]),
        }
    }

    fn is_strict(&self) -> bool {
        true
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        super::check(NAME, Makes::Together, &args.args)?;
        let constant = args
            .args
            .iter()
            .all(|argument| matches!(argument, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { args.number_rows };
        let mut columns = args.args.into_iter();
        let mut all = columns.next().ok_or_else(nothing)?.into_array(rows)?;
        for column in columns {
            let column = column.into_array(rows)?;
            let (left, right): (&dyn Array, &dyn Array) = (all.as_ref(), column.as_ref());
            all = concat_elements_dyn(left, right)?;
        }
        Ok(match constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&all, 0)?),
            false => ColumnarValue::Array(all),
        })
    }
}

fn nothing() -> DataFusionError {
    DataFusionError::Internal(format!("{NAME} of nothing"))
}
