//! Random streams that do not depend on who else draws.
//!
//! Every consumer of randomness (a point's process, its delivery, the plan of faults, each unit's
//! inspections) has a ChaCha8 stream of its own, named by a [`Domain`] and an index. Adding a draw
//! in one place therefore never shifts another, and points can be generated on any thread.

use rand::RngCore as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;

/// What a stream is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Domain {
    /// Units, points and their permits.
    Layout = 1,
    /// Which faults happen where and when.
    Plan = 2,
    /// Values of one point.
    Process = 3,
    /// Delays, resends and broken copies of one point.
    Delivery = 4,
    /// Inspections of one unit.
    Inspections = 5,
    /// Documents of one point.
    Documents = 6,
    /// Units and inspections of a city's year.
    CityYear = 7,
}

/// One random stream.
#[derive(Debug, Clone)]
pub(crate) struct Noise(ChaCha8Rng);

impl Noise {
    /// The stream of `domain` and `index` under `seed`.
    pub(crate) fn new(seed: u64, domain: Domain, index: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream((domain as u64) << 48 | index);
        Self(rng)
    }

    /// 64 random bits.
    #[inline]
    pub(crate) fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from 0 (included) to 1 (excluded).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number from `low` (included) to `high` (excluded).
    pub(crate) fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// A whole number below `bound`; 0 if `bound` is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// True with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A reordering of `items`.
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// Standard normal to within what a process model needs: the sum of the four 16-bit lanes of
/// `bits`, scaled to variance one. Bounded by 3.47 standard deviations, which keeps tails in hand.
#[inline]
pub(crate) fn normal(bits: u64) -> f64 {
    let sum = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
    (sum as f64 - 131_070.0) * (1.732_050_807_568_877_2 / 65_536.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |domain, index| {
            let mut noise = Noise::new(7, domain, index);
            [noise.bits(), noise.bits(), noise.bits()]
        };
        assert_eq!(draw(Domain::Process, 3), draw(Domain::Process, 3));
        assert_ne!(draw(Domain::Process, 3), draw(Domain::Process, 4));
        assert_ne!(draw(Domain::Process, 3), draw(Domain::Delivery, 3));
    }

    #[test]
    fn normal_has_mean_zero_and_variance_one() {
        let mut noise = Noise::new(1, Domain::Process, 0);
        let draws: Vec<f64> = (0..20_000).map(|_| normal(noise.bits())).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
        assert!(draws.iter().all(|x| x.abs() < 3.5));
    }

    #[test]
    fn below_stays_below() {
        let mut noise = Noise::new(1, Domain::Plan, 0);
        assert!((0..1_000).all(|_| noise.below(3) < 3));
        assert_eq!(noise.below(0), 0);
    }
}
