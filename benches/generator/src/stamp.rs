//! Calendar times as text, and decimals written by integer arithmetic.
//!
//! JSON readings and the truth file carry RFC 3339 times with the Beijing offset and decimals with
//! as many digits as the instrument resolves. (HJ 212 packets are written by
//! `nonsite_schemas::hj212::encode`.)

use nonsite_schemas::time::BEIJING_OFFSET_MICROS;

/// Microseconds in a second.
pub(crate) const SECOND: i64 = 1_000_000;
/// Microseconds in an hour.
pub(crate) const HOUR: i64 = 3_600 * SECOND;

/// Year, month and day of a day number (days since 1970-01-01, proleptic Gregorian).
pub(crate) fn civil(day: i32) -> (i32, u32, u32) {
    use chrono::Datelike as _;
    let date = chrono::NaiveDate::from_num_days_from_ce_opt(day.saturating_add(719_163))
        .unwrap_or_default();
    (date.year(), date.month(), date.day())
}

/// Monday is 0, Sunday is 6.
pub(crate) fn weekday(day: i32) -> u32 {
    (day + 3).rem_euclid(7).unsigned_abs()
}

/// Splits an instant into Beijing day number and second of the day.
pub(crate) fn beijing(micros: i64) -> (i32, i64) {
    let seconds = (micros + BEIJING_OFFSET_MICROS).div_euclid(SECOND);
    (
        seconds.div_euclid(86_400) as i32,
        seconds.rem_euclid(86_400),
    )
}

/// Beijing time as `YYYY-MM-DDThh:mm:ss+08:00` (RFC 3339).
pub(crate) fn rfc3339(micros: i64) -> String {
    let (day, second) = beijing(micros);
    let (year, month, date) = civil(day);
    format!(
        "{year:04}-{month:02}-{date:02}T{:02}:{:02}:{:02}+08:00",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

/// A day number as `YYYY-MM-DD`.
pub(crate) fn date_text(day: i32) -> String {
    let (year, month, date) = civil(day);
    format!("{year:04}-{month:02}-{date:02}")
}

/// Writes `scaled / 10^decimals` with exactly that many decimals (0 to 9).
#[inline]
pub(crate) fn push_decimal(out: &mut Vec<u8>, scaled: i64, decimals: u8) {
    let mut digits = [0_u8; 24];
    let mut at = digits.len();
    let mut rest = scaled.unsigned_abs();
    let decimals = usize::from(decimals.min(9));
    let mut written = 0;
    while rest > 0 || written <= decimals {
        if written == decimals && decimals > 0 {
            at -= 1;
            digits[at] = b'.';
        }
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        written += 1;
    }
    if scaled < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    out.extend_from_slice(&digits[at..]);
}

/// 10 to the power of `decimals` (0 to 9).
pub(crate) const fn power_of_ten(decimals: u8) -> i64 {
    const POWERS: [i64; 10] = [
        1,
        10,
        100,
        1_000,
        10_000,
        100_000,
        1_000_000,
        10_000_000,
        100_000_000,
        1_000_000_000,
    ];
    POWERS[if decimals > 9 { 9 } else { decimals as usize }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use nonsite_schemas::time::beijing_day_start;

    fn decimal(scaled: i64, decimals: u8) -> String {
        let mut out = Vec::new();
        push_decimal(&mut out, scaled, decimals);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn decimals_have_the_digits_asked_for() {
        assert_eq!(decimal(0, 0), "0");
        assert_eq!(decimal(0, 2), "0.00");
        assert_eq!(decimal(5, 2), "0.05");
        assert_eq!(decimal(-5, 1), "-0.5");
        assert_eq!(decimal(12_345, 2), "123.45");
        assert_eq!(decimal(-12_345, 0), "-12345");
        assert_eq!(decimal(100, 2), "1.00");
        for scaled in (-20_000..20_000).step_by(7) {
            let expected = format!("{:.3}", scaled as f64 / 1_000.0);
            assert_eq!(decimal(scaled, 3), expected);
        }
    }

    #[test]
    fn times_are_beijing_wall_time() {
        let start = beijing_day_start(20_605);
        assert_eq!(rfc3339(start), "2026-06-01T00:00:00+08:00");
        assert_eq!(date_text(20_605), "2026-06-01");
        assert_eq!(weekday(20_605), 0, "2026-06-01 is a Monday");
    }
}
