//! Egress rules: how an operator or a workspace names what may be reached. Text in, rule out; what a
//! rule means for a request is for [`super::policy`] to say.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use url::Host;

/// One rule, optionally for one port only.
///
/// | text | matches |
/// | --- | --- |
/// | `10.0.0.0/8`, `fd12::/16` | every address of the network |
/// | `127.0.0.1`, `::1` | that address |
/// | `api.example.com` | that host name |
/// | `*.example.com` | every name below `example.com`, at any depth, but not `example.com` itself |
/// | `127.0.0.1:8080`, `[::1]:8080`, `[fd12::/16]:443`, `api.example.com:8443` | the same, on that port only |
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EgressRule {
    target: Target,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Network(IpNet),
    /// In lower-case ASCII (IDNA), without a final dot.
    Host(String),
    /// The part behind `*.`, in the same form.
    Below(String),
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Nothing there.
    #[error(
        "an egress rule is empty; write a network such as `10.0.0.0/8` or a host such as `api.example.com`"
    )]
    Empty,
    /// A URL instead of a host.
    #[error(
        "egress rule `{0}` is a URL; write only its host, such as `api.example.com` or `api.example.com:8443`"
    )]
    Url(String),
    /// A network that is none.
    #[error(
        "egress rule `{0}` is no network; write an address and a prefix length, such as `10.0.0.0/8` or `fd12::/16`"
    )]
    BadNetwork(String),
    /// A network with bits set behind its prefix.
    #[error(
        "egress rule `{text}` has bits set behind its prefix; write `{network}` for the network or `{address}` for the one address"
    )]
    HostBits {
        /// The rule's text.
        text: String,
        /// The network that it lies in.
        network: IpNet,
        /// The address that it names.
        address: IpAddr,
    },
    /// An IPv4 address in an unusual spelling (IPv4-mapped, hexadecimal, short).
    #[error("egress rule `{text}` is an IPv4 address in an unusual spelling; write `{plain}`")]
    Spelling {
        /// The rule's text.
        text: String,
        /// The usual spelling.
        plain: IpAddr,
    },
    /// An IPv6 address with a port but without brackets, or with broken ones.
    #[error("egress rule `{0}` is no IPv6 address; with a port it is written `[::1]:8080`")]
    BadV6(String),
    /// A port that is none.
    #[error("egress rule `{0}` has a bad port; a port is a number from 1 to 65535")]
    BadPort(String),
    /// A host pattern that is none.
    #[error(
        "egress rule `{0}` is no host pattern; write `api.example.com`, or `*.example.com` for every name below"
    )]
    BadHost(String),
    /// A pattern for every host.
    #[error(
        "egress rule `{0}` would match every host; name the networks (`10.0.0.0/8`) or hosts that are meant"
    )]
    Everything(String),
}

impl EgressRule {
    /// Parses a rule; surrounding white space is free.
    ///
    /// # Errors
    /// Says what is wrong with the text and how it would be right.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(RuleError::Empty);
        }
        if text.contains("://") {
            return Err(RuleError::Url(text.to_owned()));
        }
        if let Some(rest) = text.strip_prefix('[') {
            let bad = || RuleError::BadV6(text.to_owned());
            let (inside, rest) = rest.split_once(']').ok_or_else(bad)?;
            let network = network(inside, text)?.ok_or_else(bad)?;
            if network.addr().is_ipv4() {
                return Err(bad());
            }
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(parse_port(port, text)?),
                None if rest.is_empty() => None,
                None => return Err(bad()),
            };
            return Ok(Self {
                target: Target::Network(network),
                port,
            });
        }
        if let Some(network) = network(text, text)? {
            return Ok(Self {
                target: Target::Network(network),
                port: None,
            });
        }
        let (head, port) = match text.rsplit_once(':') {
            Some((head, _)) if head.contains(':') => return Err(RuleError::BadV6(text.to_owned())),
            Some((head, port)) => (head, Some(parse_port(port, text)?)),
            None => (text, None),
        };
        let target = match network(head, text)? {
            Some(network) => Target::Network(network),
            None if head.contains('/') => return Err(RuleError::BadNetwork(text.to_owned())),
            None => pattern(head, text)?,
        };
        Ok(Self { target, port })
    }

    /// The one port that the rule is for.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether the rule holds for a port. `None` stands for any port that no rule names.
    pub(super) fn covers_port(&self, port: Option<u16>) -> bool {
        self.port.is_none() || self.port == port
    }

    /// Whether it is a network that holds the address. An IPv4-mapped address counts as the IPv4
    /// address that it is dialled as.
    pub(super) fn covers_address(&self, address: IpAddr) -> bool {
        matches!(&self.target, Target::Network(network) if network.contains(&address.to_canonical()))
    }

    /// Whether it is a host pattern that matches the name, which must be as [`Url`](url::Url) writes
    /// it: lower-case ASCII. A final dot is free.
    pub(super) fn covers_name(&self, name: &str) -> bool {
        let name = name.strip_suffix('.').unwrap_or(name);
        match &self.target {
            Target::Network(_) => false,
            Target::Host(host) => host == name,
            Target::Below(base) => name
                .strip_suffix(base.as_str())
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
        }
    }
}

/// A network or a single address; none if the text is neither.
fn network(part: &str, text: &str) -> Result<Option<IpNet>, RuleError> {
    let network = match (part.parse::<IpNet>(), part.parse::<IpAddr>()) {
        (Ok(network), _) => network,
        (_, Ok(address)) => IpNet::from(address),
        _ => return Ok(None),
    };
    let address = network.addr();
    if address.to_canonical() != address {
        return Err(RuleError::Spelling {
            text: text.to_owned(),
            plain: address.to_canonical(),
        });
    }
    if network.trunc() != network {
        return Err(RuleError::HostBits {
            text: text.to_owned(),
            network: network.trunc(),
            address,
        });
    }
    Ok(Some(network))
}

fn parse_port(port: &str, text: &str) -> Result<u16, RuleError> {
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    match port.parse() {
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(RuleError::BadPort(text.to_owned())),
    }
}

fn pattern(head: &str, text: &str) -> Result<Target, RuleError> {
    let bad = || RuleError::BadHost(text.to_owned());
    if matches!(head, "*" | "*." | "*.*") {
        return Err(RuleError::Everything(text.to_owned()));
    }
    let (below, name) = match head.strip_prefix("*.") {
        Some(name) => (true, name),
        None => (false, head),
    };
    // IDNA makes other letters of some (`﹡` becomes `*`, `。` becomes `.`), so what it makes is
    // checked as the text is.
    let plain = |name: &str| {
        let name = name.strip_suffix('.').unwrap_or(name);
        let wrong = name.contains(['*', '%', '@']) || name.split('.').any(str::is_empty);
        (!wrong).then(|| name.to_owned()).ok_or_else(bad)
    };
    match Host::parse(&plain(name)?).map_err(|_| bad())? {
        Host::Domain(name) if below => Ok(Target::Below(plain(&name)?)),
        Host::Domain(name) => Ok(Target::Host(plain(&name)?)),
        Host::Ipv4(plain) if !below => Err(RuleError::Spelling {
            text: text.to_owned(),
            plain: IpAddr::V4(plain),
        }),
        Host::Ipv4(_) | Host::Ipv6(_) => Err(bad()),
    }
}

impl FromStr for EgressRule {
    type Err = RuleError;

    fn from_str(text: &str) -> Result<Self, RuleError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for EgressRule {
    type Error = RuleError;

    fn try_from(text: String) -> Result<Self, RuleError> {
        Self::parse(&text)
    }
}

impl From<EgressRule> for String {
    fn from(rule: EgressRule) -> Self {
        rule.to_string()
    }
}

impl fmt::Display for EgressRule {
    /// A text that parses to the same rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.target, self.port) {
            (Target::Network(network), Some(port)) if network.addr().is_ipv6() => {
                return write!(f, "[{network}]:{port}");
            }
            (Target::Network(network), _) => write!(f, "{network}")?,
            (Target::Host(host), _) => f.write_str(host)?,
            (Target::Below(base), _) => write!(f, "*.{base}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

#[cfg(test)]
mod tests;
