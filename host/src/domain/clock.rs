//! Wall-clock time as the whole server sees it, so that a test can own it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, UTC. The unit of every time that is stored.
pub type Millis = u64;

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    /// The current wall-clock time.
    fn now(&self) -> Millis;
}

/// The machine's own clock. A clock set before 1970 reads as 0 rather than failing.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_millis() as Millis)
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that reads `now`.
    pub fn at(now: Millis) -> Self {
        Self(AtomicU64::new(now))
    }

    /// Moves the clock forward by `by` milliseconds.
    pub fn advance(&self, by: Millis) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Millis {
        self.0.load(Ordering::Relaxed)
    }
}

/// `at` as RFC 3339 in UTC with milliseconds, e.g. `2026-11-23T14:00:00.000Z`.
pub fn rfc3339(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(i64::try_from(at).unwrap_or(i64::MAX))
        .map_or_else(|_| format!("{at} ms"), |time| format!("{time:.3}"))
}

/// The time that an RFC 3339 text names, or `None` if it is no such text or lies before 1970.
pub fn parse_rfc3339(text: &str) -> Option<Millis> {
    let time: jiff::Timestamp = text.parse().ok()?;
    Millis::try_from(time.as_millisecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_round_trips_to_the_millisecond() {
        for at in [0, 1, 1_764_000_000_123, 253_300_000_000_000] {
            assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at), "{}", rfc3339(at));
        }
        assert_eq!(rfc3339(1_764_000_000_120), "2025-11-24T16:00:00.120Z");
        assert_eq!(
            parse_rfc3339("2025-11-24T17:00:00.12+01:00"),
            Some(1_764_000_000_120)
        );
        assert_eq!(parse_rfc3339("tomorrow"), None);
    }
}
