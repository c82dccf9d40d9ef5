//! Time as the whole server sees it, behind a trait so that a test can simulate it. The implementations
//! are in [`crate::clock`].

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Milliseconds since the Unix epoch, UTC. The unit of every time that is stored.
pub type Millis = u64;

/// A source of time: what the time is, and when it is later.
pub trait Clock: Send + Sync + 'static {
    /// The wall-clock time.
    fn now(&self) -> Millis;

    /// The time since a fixed moment, by a clock that is never set back or forward. For measuring.
    fn monotonic(&self) -> Duration;

    /// Completes when `time` has passed by the monotonic clock; at the earliest when it is polled.
    fn sleep(&self, time: Duration) -> Sleep;

    /// Completes when the wall-clock time is `at`, or was when this was called. A clock that is set meanwhile makes
    /// no difference: look at the time again after it.
    fn sleep_until(&self, at: Millis) -> Sleep;
}

/// A wait for a [`Clock`].
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

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
