//! What a series looks like as a whole: mean, spread, memory. The rules' functions and the
//! statistics of a day compute them with the same steps, so that both have the same bits.

/// Mean of at least one value.
pub fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// Standard deviation (of the population) around a mean.
pub fn spread(values: &[f64], mean_of_them: f64) -> f64 {
    mean(values.iter().map(|value| (value - mean_of_them).powi(2))).sqrt()
}

/// Correlation of two equally long series; not a number when either is constant.
pub fn correlation(pairs: impl ExactSizeIterator<Item = (f64, f64)> + Clone) -> f64 {
    let (mean_a, mean_b) = (
        mean(pairs.clone().map(|pair| pair.0)),
        mean(pairs.clone().map(|pair| pair.1)),
    );
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (a, b) in pairs {
        let (a, b) = (a - mean_a, b - mean_b);
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    if aa > 0.0 && bb > 0.0 {
        ab / (aa.sqrt() * bb.sqrt())
    } else {
        f64::NAN
    }
}

/// Correlation of each value with the next; not a number for a constant series or a single value.
pub fn lag1(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return f64::NAN;
    }
    correlation(values.windows(2).map(|pair| (pair[0], pair[1])))
}

/// Number of different values; sorts them.
pub fn different(values: &mut [f64]) -> usize {
    values.sort_unstable_by(f64::total_cmp);
    values.chunk_by(|a, b| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_has_memory_or_not() {
        assert!((lag1(&[1.0, 3.0, 1.0, 3.0]) + 1.0).abs() < 1e-12);
        assert!(lag1(&[2.0, 2.0, 2.0]).is_nan());
        assert!(lag1(&[2.0]).is_nan());
        assert_eq!(different(&mut [2.0, 1.0, 2.0]), 2);
        assert_eq!(different(&mut []), 0);
    }
}
