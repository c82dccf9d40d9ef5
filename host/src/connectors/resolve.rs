//! Names to addresses, and only such addresses as the policy lets be dialled. The client dials what
//! comes out of here and resolves nothing itself, so a name that changes its address between a check
//! and a connection (DNS rebinding) gains nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name as DnsName, RecordType};
use hickory_resolver::{Hosts, TokioResolver};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::ADDRESSES;
use super::policy::{Denial, EgressPolicy};

/// Why a name gave no address to dial. It travels through the HTTP client as the source of its error.
#[derive(Debug, thiserror::Error)]
pub(super) enum ResolveError {
    /// It has addresses, and none may be dialled.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// It has no address.
    #[error("`{0}` has no address")]
    NoAddress(String),
    /// The lookup failed.
    #[error("`{name}` does not resolve: {reason}")]
    Failed {
        /// The name.
        name: String,
        /// The resolver's text.
        reason: String,
    },
}

/// The system's view of names: `localhost` is loopback (RFC 6761), then the hosts file as it was at
/// the start, then the name servers of `/etc/resolv.conf`, with their answers cached for as long as
/// they say.
#[derive(Clone)]
pub(super) struct SystemResolver {
    hosts: Arc<Hosts>,
    dns: TokioResolver,
}

impl SystemResolver {
    /// Reads the system's configuration. Without one, the name server on this machine is asked, as
    /// resolv.conf(5) has it; a public name server would learn the tenants' names.
    pub(super) fn new() -> Result<Self, NetError> {
        let hosts = Hosts::from_system().unwrap_or_else(|error| {
            tracing::warn!(%error, "no hosts file; names are looked up in DNS only");
            Hosts::default()
        });
        let builder = TokioResolver::builder_tokio().unwrap_or_else(|error| {
            tracing::warn!(%error, "no resolver configuration; asking the name server at 127.0.0.1");
            let server = NameServerConfig::udp_and_tcp(IpAddr::V4(Ipv4Addr::LOCALHOST));
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        });
        Ok(Self {
            hosts: Arc::new(hosts),
            dns: builder.build()?,
        })
    }

    async fn lookup(&self, name: &str) -> Result<Vec<IpAddr>, NetError> {
        let bare = name.strip_suffix('.').unwrap_or(name);
        if bare == "localhost" || bare.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        // The hosts file decides both families at once: a name that it gives only an IPv4 address
        // is not looked up for an IPv6 one.
        let listed = self.listed(bare)?;
        if !listed.is_empty() {
            return Ok(listed);
        }
        Ok(self.dns.lookup_ip(name).await?.iter().collect())
    }

    fn listed(&self, name: &str) -> Result<Vec<IpAddr>, NetError> {
        let name = DnsName::from_ascii(name)?;
        let mut addresses = Vec::new();
        for kind in [RecordType::A, RecordType::AAAA] {
            if let Some(found) = self
                .hosts
                .lookup_static_host(&Query::query(name.clone(), kind))
            {
                addresses.extend(
                    found
                        .answers()
                        .iter()
                        .filter_map(|record| record.data.ip_addr()),
                );
            }
        }
        Ok(addresses)
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            match resolver.lookup(name.as_str()).await {
                Ok(addresses) => {
                    let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
                    Ok(Box::new(addresses) as Addrs)
                }
                Err(error) => {
                    let (name, reason) = (name.as_str().to_owned(), error.to_string());
                    Err(ResolveError::Failed { name, reason }.into())
                }
            }
        })
    }
}

/// A resolver that hands on only what the policy allows for one port.
pub(super) struct Screened {
    /// Who answers.
    pub inner: Arc<dyn Resolve>,
    /// Who judges.
    pub policy: EgressPolicy,
    /// The port that will be dialled; `None` for any that no rule names.
    pub port: Option<u16>,
}

impl fmt::Debug for Screened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Screened")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Resolve for Screened {
    fn resolve(&self, name: Name) -> Resolving {
        let text = name.as_str().to_owned();
        let answer = self.inner.resolve(name);
        let (policy, port) = (self.policy.clone(), self.port);
        Box::pin(async move {
            // The port is the URL's, whatever the inner resolver says.
            let found: Vec<IpAddr> = answer.await?.take(ADDRESSES).map(|a| a.ip()).collect();
            if found.is_empty() {
                return Err(ResolveError::NoAddress(text).into());
            }
            let allowed = policy
                .resolved(&text, port, &found)
                .map_err(ResolveError::Denied)?;
            Ok(Box::new(allowed.into_iter().map(|ip| SocketAddr::new(ip, 0))) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offline(hosts: &str) -> SystemResolver {
        let mut file = Hosts::default();
        file.read_hosts_conf(hosts.as_bytes()).unwrap();
        // No name server at all: what is answered is answered from here.
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let dns = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        SystemResolver {
            hosts: Arc::new(file),
            dns: dns.build().unwrap(),
        }
    }

    #[tokio::test]
    async fn localhost_and_the_hosts_file_need_no_name_server() {
        let resolver =
            offline("8.8.4.4 dns.example\n10.0.0.7 db.internal db\nfd12::7 db.internal\n");
        let table: &[(&str, &[&str])] = &[
            ("localhost", &["127.0.0.1", "::1"]),
            ("localhost.", &["127.0.0.1", "::1"]),
            ("app.localhost", &["127.0.0.1", "::1"]),
            ("dns.example", &["8.8.4.4"]),
            ("DB.internal.", &["10.0.0.7", "fd12::7"]),
            ("db", &["10.0.0.7"]),
        ];
        for (name, expected) in table {
            let found = resolver.lookup(name).await.unwrap();
            let expected: Vec<IpAddr> = expected.iter().map(|ip| ip.parse().unwrap()).collect();
            assert_eq!(found, expected, "{name}");
        }
        resolver
            .lookup("nowhere.example")
            .await
            .expect_err("there is no name server");
    }

    #[tokio::test]
    async fn a_port_in_an_answer_is_not_dialled() {
        struct Sly;
        impl Resolve for Sly {
            fn resolve(&self, _: Name) -> Resolving {
                let answer = [
                    "8.8.8.8:25".parse().unwrap(),
                    "127.0.0.1:80".parse().unwrap(),
                ];
                Box::pin(async move { Ok(Box::new(answer.into_iter()) as Addrs) })
            }
        }
        let policy = EgressPolicy::default();
        let screened = Screened {
            inner: Arc::new(Sly),
            policy,
            port: None,
        };
        let found: Vec<_> = screened
            .resolve("a.example".parse().unwrap())
            .await
            .unwrap()
            .collect();
        assert_eq!(found, ["8.8.8.8:0".parse().unwrap()]);
    }
}
