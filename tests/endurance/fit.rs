//! A straight line through samples: how fast something grows, and how sure that is.

/// A slope with its standard error, both in units of y a unit of x.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slope {
    pub(crate) value: f64,
    pub(crate) error: f64,
}

/// By least squares. Samples that follow each other closely say little more than one: the error is widened by how much
/// the residuals resemble those before them (first-order autocorrelation). `None` of fewer than ten samples.
pub(crate) fn slope(samples: &[(f64, f64)]) -> Option<Slope> {
    let count = samples.len() as f64;
    if samples.len() < 10 {
        return None;
    }
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let spread: f64 = samples.iter().map(|sample| (sample.0 - x).powi(2)).sum();
    let common: f64 = samples.iter().map(|sample| (sample.0 - x) * (sample.1 - y)).sum();
    let value = common / spread;
    let residuals: Vec<f64> = samples.iter().map(|sample| sample.1 - y - value * (sample.0 - x)).collect();
    let squares: f64 = residuals.iter().map(|residual| residual * residual).sum();
    let neighbours: f64 = residuals.iter().zip(residuals.iter().skip(1)).map(|(a, b)| a * b).sum();
    let alike = if squares > 0.0 { (neighbours / squares).clamp(0.0, 0.99) } else { 0.0 };
    let error = (squares / (count - 2.0) / spread).sqrt() * ((1.0 + alike) / (1.0 - alike)).sqrt();
    Some(Slope { value, error })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_with_its_error() {
        let straight: Vec<_> = (0..100).map(|n| (f64::from(n), 3.0 + 0.5 * f64::from(n))).collect();
        let found = slope(&straight).unwrap();
        assert!((found.value - 0.5).abs() < 1e-9 && found.error < 1e-6, "{found:?}");
        let zigzag: Vec<_> = (0..100).map(|n| (f64::from(n), if n % 2 == 0 { 1.0 } else { -1.0 })).collect();
        let found = slope(&zigzag).unwrap();
        assert!(found.value.abs() < 2.0 * found.error, "{found:?}");
        assert_eq!(slope(&straight[..9]), None);
    }

    #[test]
    fn samples_that_resemble_each_other_are_less_sure() {
        // The same values, once in blocks of ten and once alternating.
        let blocks: Vec<_> =
            (0..100).map(|n| (f64::from(n), if (n / 10) % 2 == 0 { 1.0 } else { -1.0 })).collect();
        let zigzag: Vec<_> = (0..100).map(|n| (f64::from(n), if n % 2 == 0 { 1.0 } else { -1.0 })).collect();
        assert!(slope(&blocks).unwrap().error > 2.0 * slope(&zigzag).unwrap().error);
    }
}
