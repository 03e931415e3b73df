//! Two counts and what may be said about their share, in integers only.

use serde::{Deserialize, Serialize};

use super::target::Target;

/// Decimals beyond which a figure that is still not told apart from the target is printed as is.
/// `u64` counts differ from a two-decimal target within 20 digits at the latest.
const MOST_DECIMALS: u32 = 20;

/// Whether the target is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The share is at least the target (以上 includes the number).
    Reached,
    /// The share is below the target, even if it rounds to it.
    Missed,
    /// There is no inspection, hence no share.
    NoInspections,
}

impl Verdict {
    /// The verdict in words.
    pub fn text(self) -> &'static str {
        match self {
            Self::Reached => "reached",
            Self::Missed => "missed",
            Self::NoInspections => "no inspections",
        }
    }
}

/// Off-site and on-site inspections that count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Share {
    /// Off-site inspections.
    pub off: u64,
    /// On-site inspections.
    pub on: u64,
}

impl Share {
    /// All inspections.
    pub fn total(self) -> u64 {
        self.off + self.on
    }

    /// Compares without rounding.
    pub fn verdict(self, target: Target) -> Verdict {
        if self.total() == 0 {
            Verdict::NoInspections
        } else if u128::from(self.off) * 10_000
            >= u128::from(target.basis_points()) * u128::from(self.total())
        {
            Verdict::Reached
        } else {
            Verdict::Missed
        }
    }

    /// Percent with two decimals, rounded half up; `None` without inspections.
    pub fn percent(self) -> Option<String> {
        self.percent_with(2)
    }

    /// The figure with as many decimals as it takes to see that it is below the target, when two
    /// decimals hide it: 39,999 of 100,000 prints as `40.00` and is `39.999`.
    pub fn percent_below_target(self, target: Target) -> Option<String> {
        if self.verdict(target) != Verdict::Missed || !self.rounds_to(target, 2) {
            return None;
        }
        (3..=MOST_DECIMALS)
            .find(|&decimals| !self.rounds_to(target, decimals))
            .and_then(|decimals| self.percent_with(decimals))
    }

    /// The share as a number for plotting and SQL, never for deciding.
    pub fn approximate_percent(self) -> Option<f64> {
        (self.total() > 0).then(|| self.off as f64 * 100.0 / self.total() as f64)
    }

    /// Orders two shares exactly; a share of nothing is smaller than any other.
    pub fn compare(self, other: Self) -> std::cmp::Ordering {
        match (self.total(), other.total()) {
            (0, 0) => std::cmp::Ordering::Equal,
            (0, _) => std::cmp::Ordering::Less,
            (_, 0) => std::cmp::Ordering::Greater,
            (mine, theirs) => (u128::from(self.off) * u128::from(theirs))
                .cmp(&(u128::from(other.off) * u128::from(mine))),
        }
    }

    /// Adds the counts of another group.
    pub fn plus(self, other: Self) -> Self {
        Self {
            off: self.off + other.off,
            on: self.on + other.on,
        }
    }

    /// Long division by hand, because no scaled integer type holds 20 decimals of a `u64` share.
    fn percent_with(self, decimals: u32) -> Option<String> {
        let total = u128::from(self.total());
        if total == 0 {
            return None;
        }
        let scaled = u128::from(self.off) * 100;
        let mut digits: Vec<u8> = (scaled / total).to_string().into_bytes();
        let whole = digits.len();
        let mut rest = scaled % total;
        for _ in 0..decimals {
            rest *= 10;
            // A remainder below `total` times ten is below ten totals: one decimal digit.
            digits.push(b'0' + u8::try_from(rest / total).unwrap_or(9));
            rest %= total;
        }
        if rest * 2 >= total {
            round_up(&mut digits);
        }
        let point = digits.len() - decimals as usize;
        debug_assert!(point >= whole);
        let mut text = String::from_utf8(digits).unwrap_or_default();
        if decimals > 0 {
            text.insert(point, '.');
        }
        Some(text)
    }

    /// Whether the share, rounded half up to `decimals`, shows the target or more.
    fn rounds_to(self, target: Target, decimals: u32) -> bool {
        // rounded >= target  <=>  off/total*100 + half a unit of the last decimal >= target,
        // because the target itself has at most two decimals.
        let total = u128::from(self.total());
        let gap = u128::from(target.basis_points()) * total - u128::from(self.off) * 10_000;
        let Some(scale) = 10_u128.checked_pow(decimals) else {
            return false;
        };
        // gap / (100 * total) percent <= 0.5 / scale
        gap.checked_mul(2 * scale)
            .is_some_and(|left| left <= 100 * total)
    }
}

fn round_up(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit == b'9' {
            *digit = b'0';
        } else {
            *digit += 1;
            return;
        }
    }
    digits.insert(0, b'1');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(off: u64, total: u64) -> Share {
        Share {
            off,
            on: total - off,
        }
    }

    fn target() -> Target {
        Target::parse("40").unwrap()
    }

    #[test]
    fn published_figures_come_out() {
        assert_eq!(share(142, 307).percent().unwrap(), "46.25");
        assert_eq!(share(29, 60).percent().unwrap(), "48.33");
        assert_eq!(share(58, 120).percent().unwrap(), "48.33");
        assert_eq!(share(87, 180).percent().unwrap(), "48.33");
    }

    #[test]
    fn the_target_itself_is_reached_and_anything_below_is_not() {
        assert_eq!(share(2, 5).verdict(target()), Verdict::Reached);
        assert_eq!(share(2, 5).percent().unwrap(), "40.00");
        assert_eq!(share(399, 1000).verdict(target()), Verdict::Missed);
        assert_eq!(share(399, 1000).percent().unwrap(), "39.90");
        assert_eq!(share(399, 1000).percent_below_target(target()), None);
        assert_eq!(share(2, 5).percent_below_target(target()), None);
    }

    #[test]
    fn a_figure_that_rounds_to_the_target_without_reaching_it_says_so() {
        let near = share(39_999, 100_000);
        assert_eq!(near.percent().unwrap(), "40.00");
        assert_eq!(near.verdict(target()), Verdict::Missed);
        assert_eq!(near.percent_below_target(target()).unwrap(), "39.999");
        // 39.9966..: two decimals hide it, three show 39.997.
        let other = share(11_999, 30_000);
        assert_eq!(other.percent().unwrap(), "40.00");
        assert_eq!(other.percent_below_target(target()).unwrap(), "39.997");
        let vast = Share {
            off: 4_000_000_000_000_000 - 1,
            on: 6_000_000_000_000_001,
        };
        assert_eq!(vast.verdict(target()), Verdict::Missed);
        assert_eq!(
            vast.percent_below_target(target()).unwrap(),
            "39.99999999999999"
        );
    }

    #[test]
    fn nothing_has_no_share() {
        assert_eq!(Share::default().percent(), None);
        assert_eq!(Share::default().verdict(target()), Verdict::NoInspections);
        assert_eq!(Share::default().approximate_percent(), None);
    }

    #[test]
    fn rounding_is_half_up_and_carries() {
        assert_eq!(share(1, 800).percent().unwrap(), "0.13"); // 0.125
        assert_eq!(share(1, 1).percent().unwrap(), "100.00");
        assert_eq!(share(99_999, 100_000).percent().unwrap(), "100.00");
        assert_eq!(share(0, 7).percent().unwrap(), "0.00");
        assert_eq!(share(1_999, 2_000).percent_with(0).unwrap(), "100");
    }

    #[test]
    fn shares_compare_as_fractions() {
        use std::cmp::Ordering;
        assert_eq!(share(1, 3).compare(share(2, 6)), Ordering::Equal);
        assert_eq!(share(39_999, 100_000).compare(share(2, 5)), Ordering::Less);
        assert_eq!(Share::default().compare(share(0, 1)), Ordering::Less);
    }
}
