//! Numbers in the data area.
//!
//! HJ 212 declares widths (`N5.2`), real instruments exceed them (15 decimals have been seen), and a
//! condition mark may stand where a number is expected. So a text is a number, nothing, a word, or
//! damaged; only words and numbers are kept. The declared width matters once: a device that cannot
//! compute a value sends the largest number its format can hold (99999.99), which is no measurement.

use super::reference::{Medium, canonical, factor};

/// No quantity reported here is larger; beyond it the conversion is broken.
pub(crate) const MAX_MAGNITUDE: f64 = 1e12;

/// What a text means where a number is expected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A number within [`MAX_MAGNITUDE`].
    Value(f64),
    /// Nothing: the value is missing.
    Empty,
    /// A word, such as the condition marks of the 2025 edition.
    Word,
    /// Neither number nor word.
    Malformed,
    /// A number that no instrument measures.
    OutOfRange,
}

/// Reads a number.
#[inline]
pub(super) fn number(text: &str) -> Number {
    match lexical_core::parse::<f64>(text.as_bytes()) {
        // Not a number compares false, so it is out of range as well.
        Ok(value) if value.abs() <= MAX_MAGNITUDE => Number::Value(value),
        Ok(_) => Number::OutOfRange,
        Err(_) => unusual(text),
    }
}

#[cold]
fn unusual(text: &str) -> Number {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Number::Empty;
    }
    if trimmed.len() < text.len() {
        return number(trimmed);
    }
    let word = text.chars().next().is_some_and(char::is_alphabetic)
        && text.chars().count() <= 32
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' '));
    if word {
        Number::Word
    } else {
        Number::Malformed
    }
}

/// Whether a number is the largest its format can hold, of either sign.
#[inline]
pub(crate) fn is_sentinel(text: &str, code: &str, medium: impl FnOnce() -> Option<Medium>) -> bool {
    // Nearly every text is ruled out by its last digit.
    text.as_bytes().last() == Some(&b'9') && is_sentinel_closely(text, code, medium)
}

fn is_sentinel_closely(text: &str, code: &str, medium: impl FnOnce() -> Option<Medium>) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if !whole
        .bytes()
        .chain(fraction.bytes())
        .all(|byte| byte == b'9')
    {
        return false;
    }
    // 9999.9 and longer can hardly be measured by chance; shorter ones count if the factor's
    // declared format ends exactly there.
    if whole.len() >= 5 || whole.len() == 4 && !fraction.is_empty() {
        return true;
    }
    let code = canonical(code, medium).unwrap_or(code);
    factor(code).is_some_and(|factor| {
        [&factor.format_2017, &factor.format_2025]
            .into_iter()
            .any(|format| declared(format) == Some((whole.len(), fraction.len())))
    })
}

/// Integer and decimal digits of a declared format `N5.2`; whole numbers under four digits are left
/// out, since their largest value is an ordinary one.
fn declared(format: &str) -> Option<(usize, usize)> {
    let (whole, fraction) = format
        .strip_prefix('N')?
        .split_once('.')
        .unwrap_or_else(|| (format.trim_start_matches('N'), "0"));
    let (whole, fraction) = (whole.parse().ok()?, fraction.parse().ok()?);
    (fraction > 0 || whole >= 4).then_some((whole, fraction))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_words_and_damage() {
        for (text, expected) in [
            ("1.35", Number::Value(1.35)),
            ("-130.7116", Number::Value(-130.7116)),
            ("234.778252430297", Number::Value(234.778252430297)),
            ("+5", Number::Value(5.0)),
            ("1e3", Number::Value(1_000.0)),
            (" 7.1 ", Number::Value(7.1)),
            ("", Number::Empty),
            ("  ", Number::Empty),
            ("St", Number::Word),
            ("N", Number::Word),
            ("停运", Number::Word),
            ("12.3.4", Number::Malformed),
            ("1,5", Number::Malformed),
            ("--", Number::Malformed),
            ("***", Number::Malformed),
            ("1O.5", Number::Malformed),
            ("0x1F", Number::Malformed),
            ("NaN", Number::OutOfRange),
            ("-inf", Number::OutOfRange),
            ("1e13", Number::OutOfRange),
            ("1e999", Number::OutOfRange),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn sentinels() {
        for (text, code, expected) in [
            ("9999.99", "a21002", true),
            ("-9999.99", "x", true),
            ("99999.9", "w01018", true),
            ("99999", "x", true),
            ("99.99", "a19001", true),
            ("99.99", "a21026", false),
            ("999.9", "a01012", true),
            ("999.9", "w01018", false),
            ("9999", "a34013", true),
            ("9999", "a21026", false),
            ("99", "i12001", false),
            ("9.99", "w01001", false),
            ("19999.99", "a21002", false),
            ("9999.98", "a21002", false),
            ("9", "x", false),
            ("", "x", false),
            ("-", "x", false),
        ] {
            assert_eq!(is_sentinel(text, code, || None), expected, "{text} {code}");
        }
        assert!(is_sentinel("99.99", "S01", || Some(Medium::Air)));
        assert!(!is_sentinel("99.99", "S01", || None));
    }
}
