//! `format(pattern, ...)` of PostgreSQL: `%s` for a text, `%I` for a name, `%L` for a literal, `%%`.
//!
//! Tools build names with it while they read the catalogue. Width, position and flags are not there.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Signature, SimpleScalarUDF, Volatility};

/// The function.
pub(super) fn function() -> ScalarUDF {
    let answer = |args: &[ColumnarValue]| {
        let columns = ColumnarValue::values_to_arrays(args)?;
        let texts = columns
            .iter()
            .map(|column| cast(column, &DataType::Utf8))
            .collect::<std::result::Result<Vec<ArrayRef>, _>>()?;
        let rows = texts.first().map_or(0, Array::len);
        let mut answers = Vec::with_capacity(rows);
        for row in 0..rows {
            let value = |i: usize| -> Option<Option<&str>> {
                let column = texts.get(i)?;
                let text = column.as_string::<i32>();
                Some(text.is_valid(row).then(|| text.value(row)))
            };
            answers.push(match value(0).flatten() {
                Some(pattern) => Some(formatted(pattern, |place| value(place + 1))?),
                None => None,
            });
        }
        Ok(ColumnarValue::Array(Arc::new(StringArray::from(answers))))
    };
    ScalarUDF::from(SimpleScalarUDF::new_with_signature(
        "format",
        Signature::variadic_any(Volatility::Immutable),
        DataType::Utf8,
        Arc::new(answer),
    ))
}

/// The pattern with its values, which are asked for by their place.
fn formatted<'v>(
    pattern: &str,
    value: impl Fn(usize) -> Option<Option<&'v str>>,
) -> Result<String> {
    let mut text = String::with_capacity(pattern.len());
    let mut place = 0;
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            text.push(character);
            continue;
        }
        let kind = characters.next();
        if kind == Some('%') {
            text.push('%');
            continue;
        }
        let Some(given) = value(place) else {
            return exec_err!("too few arguments for format()");
        };
        place += 1;
        match (kind, given) {
            (Some('s'), given) => text.push_str(given.unwrap_or_default()),
            (Some('I'), Some(name)) => text.push_str(&name_of(name)),
            (Some('I'), None) => {
                return exec_err!("null values cannot be formatted as an SQL name");
            }
            (Some('L'), Some(literal)) => {
                text.push('\'');
                text.push_str(&literal.replace('\'', "''"));
                text.push('\'');
            }
            (Some('L'), None) => text.push_str("NULL"),
            _ => return exec_err!("format() knows %s, %I, %L and %%"),
        }
    }
    Ok(text)
}

/// A name as it has to be written: in quotation marks unless it is plain.
fn name_of(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_put_where_they_belong() {
        let values = [Some("Öl"), Some("it's"), None];
        let format = |pattern: &str| formatted(pattern, |i| values.get(i).copied());
        assert_eq!(format("%I.%L %s%%").expect("fits"), "\"Öl\".'it''s' %");
        assert_eq!(format("no place").expect("fits"), "no place");
        assert!(format("%s%s%s%s").is_err());
        assert!(format("%d").is_err());
        assert_eq!(name_of("readings_raw"), "readings_raw");
        assert_eq!(name_of("2x"), "\"2x\"");
    }
}
