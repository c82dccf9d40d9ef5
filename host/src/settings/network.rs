//! The settings of how connections reach the server.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use ipnet::IpNet;

/// Where the listener's certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the certificate, then those that lead from it to a root.
    pub certificate: PathBuf,
    /// PEM: the private key (PKCS#8, PKCS#1 or SEC1).
    pub key: PathBuf,
}

/// Which proxies stand before the server, and how they name their client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// Networks whose connections come from proxies; others are not believed.
    pub trusted: Vec<TrustedNetwork>,
    /// How these proxies name their client. One way only: a proxy passes a header on that it does not know,
    /// as the client has written it.
    pub header: ProxyHeader,
}

/// How a proxy names its client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProxyHeader {
    /// The header field `X-Forwarded-For`.
    #[default]
    XForwardedFor,
    /// The header field `Forwarded` (RFC 7239).
    Forwarded,
    /// Version 2 of the PROXY protocol: bytes before the first of the connection.
    ProxyProtocol,
}

impl ProxyHeader {
    /// The word as a flag takes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::XForwardedFor => "x-forwarded-for",
            Self::Forwarded => "forwarded",
            Self::ProxyProtocol => "proxy-protocol",
        }
    }
}

/// A network in CIDR notation, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedNetwork(IpNet);

impl TrustedNetwork {
    /// Whether the address is of this network. An IPv4 address in IPv6 form is the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for TrustedNetwork {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let network = address.or_else(|_| text.parse());
        network
            .map(|network| Self(network.trunc()))
            .map_err(|_| NoNetwork)
    }
}

impl fmt::Display for TrustedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text names no network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be a network or an address, e.g. 10.0.0.0/8, 192.0.2.7 or fd00::/8")]
pub struct NoNetwork;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_addresses() {
        for (text, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("10.1.2.3/8", "10.9.9.9", "11.0.0.1"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("192.0.2.7", "::ffff:192.0.2.7", "::ffff:192.0.2.8"),
            ("fd00::/8", "fd12::1", "fe80::1"),
        ] {
            let network: TrustedNetwork = text.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{text}");
            assert!(!network.contains(outside.parse().unwrap()), "{text}");
        }
        for wrong in ["", "proxy.example", "10.0.0.0/33", "10.0.0"] {
            assert_eq!(wrong.parse::<TrustedNetwork>(), Err(NoNetwork), "{wrong}");
        }
    }
}
