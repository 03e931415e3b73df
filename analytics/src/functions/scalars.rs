//! Scalar functions: what a mark or a factor code means.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::columns::texts;
use super::marks::{Mark, class_name};
use super::{is_concentration, is_gas};

/// What a function of one text answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Question {
    /// `mark_class(flag)`: normal, over_range, instrument, manual, stopped, condition, unknown.
    MarkClass,
    /// `mark_exemption(flag)`: M1, M2, M3 or null.
    MarkExemption,
    /// `is_concentration(factor)`: whether the factor is a pollutant with a concentration.
    IsConcentration,
    /// `is_gas(factor)`: whether the factor belongs to waste gas.
    IsGas,
}

/// All scalar functions.
pub(super) fn all() -> Vec<ScalarUDF> {
    use Question::{IsConcentration, IsGas, MarkClass, MarkExemption};
    [MarkClass, MarkExemption, IsConcentration, IsGas]
        .into_iter()
        .map(|question| {
            let signature = Signature::exact(vec![DataType::Utf8View], Volatility::Immutable);
            ScalarUDF::from(OfText {
                question,
                signature,
            })
        })
        .collect()
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct OfText {
    question: Question,
    signature: Signature,
}

impl ScalarUDFImpl for OfText {
    fn name(&self) -> &str {
        match self.question {
            Question::MarkClass => "mark_class",
            Question::MarkExemption => "mark_exemption",
            Question::IsConcentration => "is_concentration",
            Question::IsGas => "is_gas",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(match self.question {
            Question::MarkClass | Question::MarkExemption => DataType::Utf8View,
            Question::IsConcentration | Question::IsGas => DataType::Boolean,
        })
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let column = texts(&columns[0])?;
        let each = (0..column.len()).map(|i| column.is_valid(i).then(|| column.value(i)));
        let answer: ArrayRef = match self.question {
            Question::MarkClass => Arc::new(StringViewArray::from_iter_values(
                each.map(|flag| class_name(Mark::parse(flag).class())),
            )),
            Question::MarkExemption => Arc::new(StringViewArray::from_iter(
                each.map(|flag| Mark::parse(flag).exemption()),
            )),
            Question::IsConcentration => Arc::new(BooleanArray::from_iter(
                each.map(|code| Some(code.is_some_and(is_concentration))),
            )),
            Question::IsGas => Arc::new(BooleanArray::from_iter(
                each.map(|code| Some(code.is_some_and(is_gas))),
            )),
        };
        Ok(ColumnarValue::Array(answer))
    }
}
