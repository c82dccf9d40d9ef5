//! The machine's clock, and a simulated one for tests.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::domain::clock::{Clock, Millis, Sleep};

/// The machine's clocks. A wall clock set before 1970 reads as 0.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

/// The machine's wall-clock time, for code that has no [`Clock`].
pub fn system_now() -> Millis {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| elapsed.as_millis() as Millis)
}

impl Clock for SystemClock {
    fn now(&self) -> Millis {
        system_now()
    }

    fn monotonic(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, time: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(time))
    }

    fn sleep_until(&self, at: Millis) -> Sleep {
        self.sleep(Duration::from_millis(at.saturating_sub(self.now())))
    }
}

/// A clock that stands still until [`advance`](Self::advance) moves it; sleeps that are over by then complete.
#[derive(Debug)]
pub struct SimulatedClock {
    start: Millis,
    now: watch::Sender<Millis>,
}

impl SimulatedClock {
    /// A clock that reads `now`.
    pub fn at(now: Millis) -> Self {
        Self {
            start: now,
            now: watch::Sender::new(now),
        }
    }

    /// Moves the clock forward by `by` milliseconds.
    pub fn advance(&self, by: Millis) {
        self.now.send_modify(|now| *now += by);
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Millis {
        *self.now.borrow()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.now() - self.start)
    }

    fn sleep(&self, time: Duration) -> Sleep {
        let time = Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX / 2);
        self.sleep_until(self.now() + time)
    }

    fn sleep_until(&self, at: Millis) -> Sleep {
        let mut now = self.now.subscribe();
        Box::pin(async move {
            if now.wait_for(|now| *now >= at).await.is_err() {
                // The clock is gone: its time never comes.
                std::future::pending::<()>().await;
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_simulated_sleep_ends_when_the_clock_has_moved_far_enough() {
        let clock = SimulatedClock::at(1_000);
        let mut sleep = clock.sleep(Duration::from_millis(50));
        assert!(futures_util::poll!(&mut sleep).is_pending());
        clock.advance(49);
        assert!(futures_util::poll!(&mut sleep).is_pending());
        clock.advance(1);
        assert!(futures_util::poll!(&mut sleep).is_ready());
        assert_eq!((clock.now(), clock.monotonic().as_millis()), (1_050, 50));
        assert!(futures_util::poll!(clock.sleep(Duration::ZERO)).is_ready());
    }

    #[tokio::test]
    async fn the_machines_clocks_move() {
        let clock = SystemClock::default();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        clock.sleep(Duration::from_millis(2)).await;
        assert!(clock.now() >= now && clock.monotonic() > monotonic);
        assert!(now > 1_700_000_000_000, "{now}");
    }
}
