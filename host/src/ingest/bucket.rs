//! A token bucket on the monotonic clock.

use std::time::{Duration, Instant};

/// How fast a bucket fills, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Refill {
    /// Tokens a second.
    pub rate: f64,
    /// The most tokens that it holds.
    pub burst: f64,
}

/// A bucket. It is full at first.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn full(refill: Refill, now: Instant) -> Self {
        Self {
            tokens: refill.burst,
            at: now,
        }
    }

    /// The tokens in it.
    pub fn tokens(&mut self, refill: Refill, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = self.at.max(now);
        self.tokens = (self.tokens + passed * refill.rate).min(refill.burst);
        self.tokens
    }

    /// Takes a token.
    ///
    /// # Errors
    /// There is none; then the time until there is one.
    pub fn take(&mut self, refill: Refill, now: Instant) -> Result<(), Duration> {
        let tokens = self.tokens(refill, now);
        if tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        let wait = (1.0 - tokens) / refill.rate;
        Err(Duration::try_from_secs_f64(wait).unwrap_or(Duration::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_its_burst_and_then_its_rate() {
        let refill = Refill {
            rate: 2.0,
            burst: 3.0,
        };
        let start = Instant::now();
        let after = |ms: u64| start + Duration::from_millis(ms);
        let mut bucket = Bucket::full(refill, start);
        for _ in 0..3 {
            assert_eq!(bucket.take(refill, start), Ok(()));
        }
        let wait = bucket.take(refill, start);
        assert_eq!(wait, Err(Duration::from_millis(500)));
        assert!(bucket.take(refill, after(499)).is_err());
        assert_eq!(bucket.take(refill, after(501)), Ok(()));
        assert!(bucket.take(refill, after(502)).is_err());
        // It never holds more than its burst, and an earlier time changes nothing.
        assert!((bucket.tokens(refill, after(100_000)) - 3.0).abs() < 1e-9);
        assert!((bucket.tokens(refill, after(50_000)) - 3.0).abs() < 1e-9);
    }
}
