//! Requests with wrong tokens: counted by address, and slowed when they are many.
//!
//! A valid token is let in at once, whatever others send from its address, which may be a proxy's or an
//! office's. A guess has no use against 256 random bits; the bound is on noise and work.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use crate::domain::clock::Clock;

/// How long wrong tokens of an address are counted together.
const WINDOW: Duration = Duration::from_secs(60);
/// How long the answer to one too many is delayed.
const DELAY: Duration = Duration::from_secs(1);
/// Answers that are delayed at once, over all addresses; further ones are refused at once.
const DELAYED: usize = 256;
/// Addresses that are counted at once. When there are more, counting begins anew.
const ADDRESSES: usize = 10_000;

/// The wrong tokens of the last minute.
pub(super) struct Attempts {
    /// How many an address may send in a minute before it is slowed.
    most: usize,
    of: Mutex<HashMap<IpAddr, Window>>,
    delayed: Semaphore,
    clock: Arc<dyn Clock>,
}

struct Window {
    /// By the monotonic clock.
    begun: Duration,
    count: usize,
}

impl Attempts {
    pub(super) fn new(most: usize, clock: Arc<dyn Clock>) -> Self {
        Self {
            most,
            of: Mutex::default(),
            delayed: Semaphore::new(DELAYED),
            clock,
        }
    }

    /// Counts a wrong token, and waits a second if the address sent too many. False if so many wait already
    /// that this one is not to be answered otherwise than by a refusal.
    pub(super) async fn failed(&self, ip: IpAddr) -> bool {
        let count = self.count(ip, self.clock.monotonic());
        if count <= self.most {
            return true;
        }
        if count == self.most + 1 {
            tracing::warn!(
                client.address = %ip,
                most = self.most,
                "an address sends wrong tokens, more than it may in a minute; its answers are delayed"
            );
        }
        let Ok(_slot) = self.delayed.try_acquire() else {
            return false;
        };
        self.clock.sleep(DELAY).await;
        true
    }

    fn count(&self, ip: IpAddr, now: Duration) -> usize {
        let mut of = self.of.lock();
        let ip = network(ip);
        if of.len() >= ADDRESSES && !of.contains_key(&ip) {
            of.retain(|_, window| now.saturating_sub(window.begun) < WINDOW);
            if of.len() >= ADDRESSES {
                of.clear();
            }
        }
        let window = of.entry(ip).or_insert(Window {
            begun: now,
            count: 0,
        });
        if now.saturating_sub(window.begun) >= WINDOW {
            *window = Window {
                begun: now,
                count: 0,
            };
        }
        window.count += 1;
        window.count
    }
}

/// An address of IPv6 stands for its network of 64 bits: one host has all of it.
fn network(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;
    use crate::clock::SimulatedClock;

    fn attempts() -> Attempts {
        Attempts::new(2, Arc::new(SimulatedClock::at(0)))
    }

    #[test]
    fn an_address_is_counted_for_a_minute() {
        let (attempts, now) = (attempts(), Duration::ZERO);
        let one: IpAddr = "192.0.2.7".parse().unwrap();
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(attempts.count(one, now), 1);
        assert_eq!(attempts.count(one, now + WINDOW / 2), 2);
        assert_eq!(attempts.count("192.0.2.8".parse().unwrap(), now), 1);
        assert_eq!(attempts.count(one, now + WINDOW), 1);
        assert_eq!(attempts.count(v6("2001:db8::1"), now), 1);
        assert_eq!(attempts.count(v6("2001:db8::2:1"), now), 2);
        assert_eq!(attempts.count(v6("2001:db8:0:1::1"), now), 1);
    }

    #[test]
    fn as_many_addresses_as_there_are_do_not_fill_the_memory() {
        let (attempts, now) = (attempts(), Duration::ZERO);
        for number in 0..3 * ADDRESSES as u32 {
            attempts.count(IpAddr::V4(number.into()), now);
            assert!(attempts.of.lock().len() <= ADDRESSES);
        }
    }

    #[tokio::test]
    async fn one_too_many_waits_and_not_without_end() {
        let clock = Arc::new(SimulatedClock::at(0));
        let attempts = Attempts::new(2, clock.clone());
        let ip: IpAddr = "192.0.2.7".parse().unwrap();
        assert!(attempts.failed(ip).await && attempts.failed(ip).await);
        let mut delayed = Vec::new();
        for _ in 0..DELAYED {
            let mut one = Box::pin(attempts.failed(ip));
            assert!(poll!(&mut one).is_pending());
            delayed.push(one);
        }
        for _ in 0..3 {
            assert!(!attempts.failed(ip).await);
        }
        clock.advance(999);
        assert!(poll!(&mut delayed[0]).is_pending());
        clock.advance(1);
        for one in delayed {
            assert!(one.await);
        }
        clock.advance(59_000);
        assert!(attempts.failed(ip).await, "another minute");
    }
}
