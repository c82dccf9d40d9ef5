//! Resolves host names and drops addresses that the egress policy forbids. The client dials the addresses
//! that remain and resolves nothing itself, so a name that changes its address between a check and a
//! connection (DNS rebinding) gains nothing.

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

use super::MAX_ADDRESSES;
use super::policy::{Denial, EgressPolicy};
use crate::domain::budget::Budget;
use crate::domain::ids::WorkspaceName;

/// Why a name gave no address to dial. The HTTP client wraps it; read it from the error's `source()`.
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

/// The system's view of names: `localhost` is loopback (RFC 6761), then the hosts file, read once at
/// startup, then the name servers of `/etc/resolv.conf`, whose answers are cached for their TTL.
#[derive(Clone)]
pub(super) struct SystemResolver {
    hosts: Arc<Hosts>,
    dns: TokioResolver,
    /// Look-ups that may be under way. Each has some sockets.
    lookups: Arc<Budget>,
}

/// Look-ups in DNS that may be under way at once; three quarters of them of one workspace. Those above it wait; their
/// calls' time runs.
const LOOKUPS: u64 = 64;

tokio::task_local! {
    /// The workspace whose call a name is looked up for. A resolver of the HTTP client is given the name and nothing else.
    static CALLER: WorkspaceName;
}

/// Looks a name up for a call of a workspace, as which it counts.
pub(super) fn resolve_for(caller: &WorkspaceName, resolver: &dyn Resolve, name: Name) -> Resolving {
    CALLER.sync_scope(caller.clone(), || resolver.resolve(name))
}

impl SystemResolver {
    /// Reads the system's configuration. Without one, falls back to 127.0.0.1 as resolv.conf(5) specifies,
    /// not to a public server: that would leak tenants' names.
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
            lookups: Budget::new(LOOKUPS),
        })
    }

    async fn lookup(&self, caller: &WorkspaceName, name: &str) -> Result<Vec<IpAddr>, NetError> {
        let bare = name.strip_suffix('.').unwrap_or(name);
        if bare == "localhost" || bare.ends_with(".localhost") {
            return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
        }
        // The hosts file decides both families at once: a name that it gives only an IPv4 address
        // is not looked up for an IPv6 one.
        let static_addresses = self.hosts_file_addresses(bare)?;
        if !static_addresses.is_empty() {
            return Ok(static_addresses);
        }
        let _one = self.lookups.wait_for(caller, 1).await;
        Ok(self.dns.lookup_ip(name).await?.iter().collect())
    }

    fn hosts_file_addresses(&self, name: &str) -> Result<Vec<IpAddr>, NetError> {
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
        let (resolver, caller) = (self.clone(), CALLER.try_with(Clone::clone));
        Box::pin(async move {
            let failed = |reason| {
                let name = name.as_str().to_owned();
                ResolveError::Failed { name, reason }
            };
            let caller = caller.map_err(|_| failed("it is looked up outside of a call".into()))?;
            match resolver.lookup(&caller, name.as_str()).await {
                Ok(addresses) => {
                    let addresses = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
                    Ok(Box::new(addresses) as Addrs)
                }
                // Its text has the look-up as a program has it.
                Err(error) if error.is_no_records_found() => {
                    Err(failed("the name servers have no address for it".into()).into())
                }
                Err(error) => Err(failed(error.to_string()).into()),
            }
        })
    }
}

/// A resolver that passes on only the addresses that the policy allows for one port.
pub(super) struct FilteringResolver {
    /// The resolver that does the lookup.
    pub inner: Arc<dyn Resolve>,
    /// The policy that filters its addresses.
    pub policy: EgressPolicy,
    /// The port that will be dialled; `None` for the client shared by all ports that no policy rule mentions.
    pub port: Option<u16>,
}

impl fmt::Debug for FilteringResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FilteringResolver")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Resolve for FilteringResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let text = name.as_str().to_owned();
        let answer = self.inner.resolve(name);
        let (policy, port) = (self.policy.clone(), self.port);
        Box::pin(async move {
            // Ports from the inner resolver are ignored. Port 0 tells the HTTP client to use the URL's.
            let found = answer.await?.take(MAX_ADDRESSES);
            let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
            if found.is_empty() {
                return Err(ResolveError::NoAddress(text).into());
            }
            let allowed = policy
                .filter_addresses(&text, port, &found)
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
        // No name server at all: only names that are resolved here have an answer.
        let config = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
        let dns = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        SystemResolver {
            hosts: Arc::new(file),
            dns: dns.build().unwrap(),
            lookups: Budget::new(LOOKUPS),
        }
    }

    #[tokio::test]
    async fn localhost_and_the_hosts_file_need_no_name_server() {
        let resolver =
            offline("8.8.4.4 dns.example\n10.0.0.7 db.internal db\nfd12::7 db.internal\n");
        let caller = "a".parse().unwrap();
        let table: &[(&str, &[&str])] = &[
            ("localhost", &["127.0.0.1", "::1"]),
            ("localhost.", &["127.0.0.1", "::1"]),
            ("app.localhost", &["127.0.0.1", "::1"]),
            ("dns.example", &["8.8.4.4"]),
            ("DB.internal.", &["10.0.0.7", "fd12::7"]),
            ("db", &["10.0.0.7"]),
        ];
        for (name, expected) in table {
            let found = resolver.lookup(&caller, name).await.unwrap();
            let expected: Vec<IpAddr> = expected.iter().map(|ip| ip.parse().unwrap()).collect();
            assert_eq!(found, expected, "{name}");
        }
        resolver
            .lookup(&caller, "nowhere.example")
            .await
            .expect_err("there is no name server");
    }

    /// The one label of a query, by which the test knows who asked.
    fn asked(packet: &[u8]) -> String {
        let length = usize::from(packet[12]);
        String::from_utf8(packet[13..13 + length].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn names_that_do_not_resolve_leave_look_ups_for_another_workspace() {
        let server = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let mut name_server = NameServerConfig::udp(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for connection in &mut name_server.connections {
            connection.port = server.local_addr().unwrap().port();
        }
        let config = ResolverConfig::from_parts(None, Vec::new(), vec![name_server]);
        let dns = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        let resolver = SystemResolver {
            dns: dns.build().unwrap(),
            ..offline("")
        };
        let ask = |workspace: &str, name: String| {
            let (resolver, workspace) = (resolver.clone(), workspace.parse().unwrap());
            let answer = CALLER.sync_scope(workspace, || resolver.resolve(name.parse().unwrap()));
            tokio::spawn(answer)
        };
        let mut lookups: Vec<_> = (0..200)
            .map(|n| ask("loud", format!("loud{n}.example")))
            .collect();
        tokio::task::yield_now().await;
        lookups.push(ask("quiet", "quiet.example".into()));
        let (mut loud, mut packet) = (std::collections::HashSet::new(), [0; 512]);
        loop {
            server.recv(&mut packet).await.unwrap();
            match asked(&packet) {
                name if name == "quiet" => break,
                name => drop(loud.insert(name)),
            }
        }
        assert!(loud.len() <= LOOKUPS as usize * 3 / 4, "{loud:?}");
        for lookup in lookups {
            lookup.abort();
        }
        let outside = resolver.resolve("a.example".parse().unwrap()).await;
        assert!(
            outside
                .err()
                .unwrap()
                .to_string()
                .contains("outside of a call")
        );
    }

    #[tokio::test]
    async fn a_port_in_an_answer_is_not_dialled() {
        struct AnswersWithPorts;
        impl Resolve for AnswersWithPorts {
            fn resolve(&self, _: Name) -> Resolving {
                let answer = [
                    "8.8.8.8:25".parse().unwrap(),
                    "127.0.0.1:80".parse().unwrap(),
                ];
                Box::pin(async move { Ok(Box::new(answer.into_iter()) as Addrs) })
            }
        }
        let policy = EgressPolicy::default();
        let resolver = FilteringResolver {
            inner: Arc::new(AnswersWithPorts),
            policy,
            port: None,
        };
        let found: Vec<_> = resolver
            .resolve("a.example".parse().unwrap())
            .await
            .unwrap()
            .collect();
        assert_eq!(found, ["8.8.8.8:0".parse().unwrap()]);
    }
}
