//! The HTTP clients of a workspace.
//!
//! Each workspace has clients of its own, and so connections of its own: what a connection takes is the time of the
//! workspace that uses it, and no workspace waits behind another one's requests where a server takes few at once over
//! one connection. A workspace has one client, and one more for each port that an operator's rule names: a resolver
//! sees a name but no port, so the port's rules are fixed when the client is made.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use reqwest::dns::Resolve;
use rustls::ClientConfig;

use super::payer::Unbounded;
use super::policy::EgressPolicy;
use super::resolve::FilteringResolver;
use super::transport::{IDLE, Owner, Sockets, Transport};
use crate::domain::blocking::Executor;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;

/// The clients of the workspaces that have made calls lately, and the settings to make others.
pub(super) struct AllClients {
    resolver: Arc<dyn Resolve>,
    policy: EgressPolicy,
    tls: ClientConfig,
    connect_timeout: Duration,
    /// The connections of all workspaces.
    sockets: Arc<Sockets>,
    /// Runs the connections of calls that no workspace made.
    pub(super) uncounted: Arc<dyn Executor>,
    made: Cache<WorkspaceName, Arc<Clients>>,
}

/// One workspace's.
pub(super) struct Clients {
    /// For every port that no rule names.
    general: Transport,
    by_port: HashMap<u16, Transport>,
    /// Runs their connections.
    executor: Arc<dyn Executor>,
}

impl AllClients {
    /// Clients that resolve names by `resolver` and dial what `policy` allows. While more than `kept` connections are
    /// open, those that are made are not kept for later calls.
    pub(super) fn new(
        (resolver, policy): (Arc<dyn Resolve>, EgressPolicy),
        (tls, connect_timeout): (ClientConfig, Duration),
        kept: usize,
    ) -> Self {
        Self {
            resolver,
            policy,
            tls,
            connect_timeout,
            sockets: Sockets::new(kept),
            uncounted: Arc::new(Unbounded),
            made: Cache::builder()
                .max_capacity(limits::WORKSPACES as u64)
                // Its connections have been closed by then.
                .time_to_idle(IDLE)
                .build(),
        }
    }

    /// A workspace's clients, whose connections are run by `executor`.
    pub(super) fn of(
        &self,
        workspace: &WorkspaceName,
        executor: &Arc<dyn Executor>,
    ) -> Arc<Clients> {
        if let Some(clients) = self.made.get(workspace)
            && Arc::ptr_eq(&clients.executor, executor)
        {
            return clients;
        }
        let clients = Arc::new(self.make(workspace, executor));
        self.made.insert(workspace.clone(), clients.clone());
        clients
    }

    fn make(&self, workspace: &WorkspaceName, executor: &Arc<dyn Executor>) -> Clients {
        let sockets = Sockets::of_workspace(&self.sockets);
        let make = |port| {
            let filtering = FilteringResolver {
                inner: self.resolver.clone(),
                policy: self.policy.clone(),
                port,
            };
            let owner = Owner {
                workspace: workspace.clone(),
                executor: executor.clone(),
            };
            let tls = self.tls.clone();
            Transport::new(filtering, tls, self.connect_timeout, &sockets, owner)
        };
        let ports = self.policy.ports().into_iter();
        Clients {
            general: make(None),
            by_port: ports.map(|port| (port, make(Some(port)))).collect(),
            executor: executor.clone(),
        }
    }
}

impl Clients {
    /// The client for a port, and the port if a rule names it.
    pub(super) fn for_port(&self, port: u16) -> (&Transport, Option<u16>) {
        match self.by_port.get(&port) {
            Some(client) => (client, Some(port)),
            None => (&self.general, None),
        }
    }
}

impl fmt::Debug for AllClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AllClients").finish_non_exhaustive()
    }
}
