//! Which destinations may be reached: the operator's policy over addresses and a workspace's policy over hosts,
//! ports and methods. A request needs the consent of both. Nothing here resolves or dials.
//!
//! The operator's policy alone decides about addresses, because addresses are the operator's: every
//! public address is allowed, every other one is refused unless a rule allows it.
//!
//! - A **network rule** allows the addresses in it, whatever name led there.
//! - A **host rule** allows a name at whatever internal address it resolves to. It is the operator's
//!   word that the name's zone is trusted: the owner of the zone chooses the address, and may
//!   choose another one each time. It never opens a [`Class::Special`] address (metadata services,
//!   link-local, multicast, reserved, transition mechanisms): those need a network rule.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use url::Host;

use super::address::{Class, classify};
use super::rule::EgressRule;

/// A request that the policy refuses; the text is for the step author and the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The URL's host is an address that is not public.
    #[error(
        "{address} is not a public address, it is {what} ({block}); the operator can allow it with `serve --egress-allow {rule}`"
    )]
    Address {
        /// The address, as it would be dialled.
        address: IpAddr,
        /// What it is.
        what: &'static str,
        /// The special-purpose block that it lies in.
        block: &'static str,
        /// A rule for that address alone, on every port.
        rule: String,
    },
    /// The host's name resolves to no address that is allowed.
    #[error(
        "`{name}` resolves to {address}, which is not a public address, it is {what} ({block}); the operator can allow it with `serve --egress-allow {rule}`{or_name}"
    )]
    Name {
        /// The name.
        name: String,
        /// The first of its addresses.
        address: IpAddr,
        /// What that is.
        what: &'static str,
        /// The special-purpose block that it lies in.
        block: &'static str,
        /// A rule for that address alone, on every port.
        rule: String,
        /// A clause about the host rule that would do as well, if one would.
        or_name: OrName,
    },
    /// The workspace's own list does not have the host.
    #[error(
        "this workspace may not reach `{host}` on port {port}; a rule `{host}` in the workspace's egress hosts would allow it"
    )]
    WorkspaceHost {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The workspace's own list does not have the port.
    #[error(
        "this workspace may not reach port {port} (of `{host}`); {port} in the workspace's egress ports would allow it"
    )]
    WorkspacePort {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
    /// The workspace's own list does not have the method.
    #[error(
        "this workspace may not use the method {method} (to `{host}`); {method} in the workspace's egress methods would allow it"
    )]
    WorkspaceMethod {
        /// The host.
        host: String,
        /// The method.
        method: String,
    },
}

/// The clause about a host rule in [`Denial::Name`]; empty where a host rule would not help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrName(Option<String>);

impl fmt::Display for OrName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(name) => write!(
                f,
                ", or with `{name}` if every address it may resolve to is trusted"
            ),
            None => Ok(()),
        }
    }
}

/// The operator's rules for addresses that are not public.
#[derive(Debug, Clone, Default)]
pub struct EgressPolicy {
    rules: Vec<EgressRule>,
}

impl EgressPolicy {
    /// A policy of these rules; none means public addresses only.
    #[must_use]
    pub fn new(operator: &[EgressRule]) -> Self {
        Self {
            rules: operator.to_vec(),
        }
    }

    /// The ports that rules name, each once. Requests to any other port are judged alike.
    pub(super) fn ports(&self) -> Vec<u16> {
        let mut ports: Vec<u16> = self.rules.iter().filter_map(EgressRule::port).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    /// Judges an address that stands in the URL. `port` is `None` for any port that no rule names.
    pub(super) fn address(&self, address: IpAddr, port: Option<u16>) -> Result<(), Denial> {
        let Some((what, block)) = self.refused(None, address, port) else {
            return Ok(());
        };
        let address = address.to_canonical();
        Err(Denial::Address {
            address,
            what,
            block,
            rule: narrowest(address),
        })
    }

    /// Keeps those of a name's addresses that may be dialled, in their order.
    ///
    /// # Errors
    /// [`Denial::Name`] if there were some and none is left.
    pub(super) fn filter_addresses(
        &self,
        name: &str,
        port: Option<u16>,
        addresses: &[IpAddr],
    ) -> Result<Vec<IpAddr>, Denial> {
        let mut refused = None;
        let mut allowed = Vec::with_capacity(addresses.len());
        for &address in addresses {
            match self.refused(Some(name), address, port) {
                None => allowed.push(address),
                Some((what, block)) => {
                    refused.get_or_insert((address.to_canonical(), what, block));
                }
            }
        }
        match refused {
            Some((address, what, block)) if allowed.is_empty() => Err(Denial::Name {
                name: name.to_owned(),
                address,
                what,
                block,
                rule: narrowest(address),
                or_name: OrName(
                    matches!(classify(address), Class::Internal(_)).then(|| name.to_owned()),
                ),
            }),
            _ => Ok(allowed),
        }
    }

    /// The kind and the block of an address that must not be dialled; `None` if it may be.
    fn refused(
        &self,
        name: Option<&str>,
        address: IpAddr,
        port: Option<u16>,
    ) -> Option<(&'static str, &'static str)> {
        let (range, internal) = match classify(address) {
            Class::Public => return None,
            Class::Internal(range) => (range, true),
            Class::Special(range) => (range, false),
        };
        let allowed = self
            .rules
            .iter()
            .filter(|rule| rule.covers_port(port))
            .any(|rule| {
                rule.covers_address(address)
                    || (internal && name.is_some_and(|name| rule.covers_name(name)))
            });
        (!allowed).then_some((range.what, range.block))
    }
}

fn narrowest(address: IpAddr) -> String {
    ipnet::IpNet::from(address).to_string()
}

/// The destinations that a workspace allows, within those that the operator allows. Each list that is `None` allows
/// everything; an empty list allows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkspacePolicy {
    /// The hosts that steps may name in a URL. A network rule here matches only an address that
    /// stands in the URL; it says nothing about what names resolve to.
    pub hosts: Option<Vec<EgressRule>>,
    /// The ports.
    pub ports: Option<Vec<u16>>,
    /// The methods, in upper case.
    pub methods: Option<Vec<String>>,
}

impl WorkspacePolicy {
    /// Judges one hop of a request.
    pub(super) fn permits(&self, method: &str, host: &Host<&str>, port: u16) -> Result<(), Denial> {
        let in_hosts = |rules: &Vec<EgressRule>| {
            rules
                .iter()
                .filter(|rule| rule.covers_port(Some(port)))
                .any(|rule| match host {
                    Host::Domain(name) => rule.covers_name(name),
                    Host::Ipv4(address) => rule.covers_address(IpAddr::V4(*address)),
                    Host::Ipv6(address) => rule.covers_address(IpAddr::V6(*address)),
                })
        };
        if !self.hosts.as_ref().is_none_or(in_hosts) {
            return Err(Denial::WorkspaceHost {
                host: host.to_string(),
                port,
            });
        }
        if !self
            .ports
            .as_ref()
            .is_none_or(|ports| ports.contains(&port))
        {
            return Err(Denial::WorkspacePort {
                host: host.to_string(),
                port,
            });
        }
        if !self
            .methods
            .as_ref()
            .is_none_or(|methods| methods.iter().any(|m| m == method))
        {
            let (host, method) = (host.to_string(), method.to_owned());
            return Err(Denial::WorkspaceMethod { host, method });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
