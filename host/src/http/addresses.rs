//! How many connections each client address has open: so that one that opens all it can leaves some to the others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// How often the log says at most that connections were closed.
const EVERY: Duration = Duration::from_secs(10);

/// Open connections by client address.
#[derive(Debug)]
pub(super) struct Addresses {
    most: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
    closed: Mutex<Closed>,
}

/// Connections that were closed at once, as their addresses had too many.
#[derive(Debug, Default)]
struct Closed {
    /// Since the log last said so.
    count: u64,
    told: Option<Instant>,
}

impl Closed {
    /// Counts another one. Gives how many are to be told of now.
    fn note(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        if self.told.is_some_and(|told| now - told < EVERY) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}

/// A connection of an address. It counts until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    addresses: Arc<Addresses>,
    network: IpAddr,
}

impl Addresses {
    /// One address may have so many connections.
    pub(super) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            open: Mutex::default(),
            closed: Mutex::default(),
        })
    }

    /// Counts a connection of `ip`; `None` if that has as many as it may have. An IPv6 client has a network of 64 bits for
    /// itself (RFC 6177), so it counts as one.
    pub(super) fn count(self: &Arc<Self>, ip: IpAddr) -> Option<Counted> {
        let network = match ip.to_canonical() {
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
            ip => ip,
        };
        let mut open = self.open.lock();
        let own = open.entry(network).or_default();
        if *own >= self.most {
            drop(open);
            self.tell(ip);
            return None;
        }
        *own += 1;
        Some(Counted {
            addresses: self.clone(),
            network,
        })
    }

    fn tell(&self, ip: IpAddr) {
        let Some(count) = self.closed.lock().note(Instant::now()) else {
            return;
        };
        tracing::warn!(
            client.address = %ip,
            most = self.most,
            connections = count,
            "connections were closed at once: their address has as many as one may have; if it is a proxy that sets X-Forwarded-For or speaks PROXY, name it with --trusted-proxy (only then: else clients forge their addresses), or raise --connections-per-address"
        );
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.addresses.open.lock();
        if let Some(own) = open.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                open.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_part_and_gives_it_back() {
        let addresses = Addresses::new(3);
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let one: Vec<_> = (0..3)
            .map(|_| addresses.count(ip("192.0.2.1")).unwrap())
            .collect();
        // However it is written.
        assert!(addresses.count(ip("::ffff:192.0.2.1")).is_none());
        assert!(addresses.count(ip("192.0.2.2")).is_some());
        let network: Vec<_> = ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:9::"]
            .map(|text| addresses.count(ip(text)).unwrap())
            .into();
        assert!(addresses.count(ip("2001:db8::3")).is_none());
        assert!(addresses.count(ip("2001:db8:0:1::3")).is_some());
        drop((one, network));
        assert!(addresses.open.lock().is_empty());
    }

    #[test]
    fn all_closed_connections_are_told_of_and_not_each_by_itself() {
        let (mut closed, begun) = (Closed::default(), Instant::now());
        assert_eq!(closed.note(begun), Some(1));
        for later in 1..10 {
            let now = begun + Duration::from_secs(later);
            assert_eq!(closed.note(now), None);
        }
        assert_eq!(closed.note(begun + EVERY), Some(10));
    }
}
