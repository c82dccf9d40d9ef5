//! How many connections each client address has open: so that one that opens all it can leaves some to the others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Once};

use parking_lot::Mutex;

/// Open connections by client address.
#[derive(Debug)]
pub(super) struct Addresses {
    most: usize,
    told: Once,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection of an address. It counts until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    addresses: Arc<Addresses>,
    network: IpAddr,
}

impl Addresses {
    /// One address may have half of `connections`, and one at least.
    pub(super) fn new(connections: usize) -> Arc<Self> {
        Arc::new(Self {
            most: connections.div_ceil(2).max(1),
            told: Once::new(),
            open: Mutex::default(),
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
            self.told.call_once(|| {
                tracing::warn!(
                    client.address = %ip,
                    most = self.most,
                    "a client has half of all connections open, and gets no more; if it is a proxy that sets X-Forwarded-For or speaks PROXY, name it with --trusted-proxy (only then: else clients forge their addresses), or raise --connections"
                );
            });
            return None;
        }
        *own += 1;
        Some(Counted {
            addresses: self.clone(),
            network,
        })
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
    fn an_address_has_half_and_gives_it_back() {
        let addresses = Addresses::new(5);
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
}
