//! Quantiles of measured times, from every single time and not from a histogram of them.

use std::time::Duration;

use anyhow::{Result, bail};

#[derive(Debug, Clone)]
pub struct Quantiles {
    sorted_us: Vec<u64>,
}

impl Quantiles {
    pub fn of(mut times_us: Vec<u64>) -> Result<Quantiles> {
        if times_us.is_empty() {
            bail!("nothing was measured: give more --seconds");
        }
        times_us.sort_unstable();
        Ok(Quantiles { sorted_us: times_us })
    }

    /// The smallest time, in milliseconds, that at least this share of all times does not exceed.
    pub fn ms(&self, share: f64) -> f64 {
        let rank = (self.sorted_us.len() as f64 * share).ceil() as usize;
        self.sorted_us[rank.clamp(1, self.sorted_us.len()) - 1] as f64 / 1000.0
    }

    pub fn max_ms(&self) -> f64 {
        self.ms(1.0)
    }

    pub fn count(&self) -> usize {
        self.sorted_us.len()
    }
}

/// Whole microseconds, as the lists of times hold them.
pub fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_a_time_that_was_measured() {
        let times = Quantiles::of((1..=100).rev().map(|ms| ms * 1000).collect()).unwrap();
        assert_eq!([times.ms(0.5), times.ms(0.99), times.max_ms()], [50.0, 99.0, 100.0]);
        assert_eq!(Quantiles::of(vec![7]).unwrap().ms(0.5), 0.007);
    }
}
