//! `factor_name(code)` and `factor_name(code, language)`: what a factor is called (HJ 212-2017 tables
//! B.1 to B.3), Chinese unless `'en'` is asked for. Null for a code the standard does not list.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, StringViewArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature,
    Volatility,
};
use nonsite_schemas::hj212::reference;

use super::columns::texts;

/// The function.
pub(super) fn factor_name() -> ScalarUDF {
    let text = DataType::Utf8View;
    let signatures = vec![
        TypeSignature::Exact(vec![text.clone()]),
        TypeSignature::Exact(vec![text.clone(), text]),
    ];
    ScalarUDF::from(FactorName {
        signature: Signature::one_of(signatures, Volatility::Immutable),
    })
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct FactorName {
    signature: Signature,
}

impl ScalarUDFImpl for FactorName {
    fn name(&self) -> &'static str {
        "factor_name"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let codes = texts(&columns[0])?;
        let languages = columns.get(1).map(texts).transpose()?;
        let mut names = Vec::with_capacity(codes.len());
        for i in 0..codes.len() {
            let language = match languages {
                None => "zh",
                Some(languages) if languages.is_null(i) => "zh",
                Some(languages) => languages.value(i),
            };
            let known = codes
                .is_valid(i)
                .then(|| reference::factor(codes.value(i)))
                .flatten();
            names.push(match language {
                "zh" => known.map(|factor| factor.name_zh.as_str()),
                "en" => known.map(|factor| factor.name_en.as_str()),
                other => {
                    return exec_err!(
                        "factor_name: there are names in 'zh' and 'en', not in '{other}'"
                    );
                }
            });
        }
        let names = names
            .into_iter()
            .map(|name| name.filter(|name| !name.is_empty()));
        let answer: ArrayRef = Arc::new(StringViewArray::from_iter(names));
        Ok(ColumnarValue::Array(answer))
    }
}

#[cfg(test)]
mod tests {
    use crate::fixtures::{query, session};

    #[tokio::test]
    async fn a_factor_has_a_name_in_two_languages() {
        let session = session(Vec::new(), &[], 1).await;
        let rows = query(
            &session,
            "SELECT factor_name('a21026') AS zh, factor_name('a21026', 'en') AS en,
                    factor_name('zz999') AS none",
        )
        .await;
        assert_eq!(rows[0]["zh"], "二氧化硫");
        assert_eq!(rows[0]["en"], "Sulfur dioxide (SO2)");
        assert!(rows[0].get("none").is_none_or(serde_json::Value::is_null));
        let wrong = session
            .rows("test", "SELECT factor_name('a21026', 'fr')")
            .await;
        let error = wrong.expect_err("no such language").to_string();
        assert!(error.contains("'zh' and 'en'"), "{error}");
    }
}
