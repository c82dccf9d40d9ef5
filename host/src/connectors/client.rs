//! The HTTP client: carries out one checked request after the other until there is an answer.
//!
//! Connections are kept for later calls of the same workspace ([`super::clients`]).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::Response;
use hyper::body::Incoming;
use reqwest::dns::Resolve;
use url::Host;

use super::clients::{AllClients, Clients};
use super::pace::Paced;
use super::payer::{Payer, Unbounded};
use super::policy::{EgressPolicy, WorkspacePolicy};
use super::request::{Hop, quoted};
use super::resolve::SystemResolver;
use super::transport;
use super::{REDIRECTS, redirect, response};
use crate::domain::budget::{Charge, Permit};
use crate::domain::effect::{FetchError, FetchRequest, FetchResult, Redirect};
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;

/// The settings of a [`FetchClient`]. The default is that of `stepwell serve` without options.
#[derive(Debug, Clone)]
pub struct FetchSettings {
    /// The operator's rules for addresses that are not public.
    pub policy: EgressPolicy,
    /// How long a call may take, from resolving to the body's last byte and over all redirects, if
    /// the request does not say. 30 s, as long as a run.
    pub default_timeout: Duration,
    /// The most that a request may ask for; a longer timeout is shortened to it. 10 minutes, as long
    /// as the longest run.
    pub max_timeout: Duration,
    /// How long connecting, TLS included, may take within that. 10 s, so that a server that is gone
    /// is distinguished from one that is slow.
    pub connect_timeout: Duration,
    /// Bytes of a response's body, after decompression. [`limits::RESPONSE_BYTES`].
    pub response_bytes: usize,
    /// Bytes of a request's body. [`limits::REQUEST_BYTES`].
    pub request_bytes: usize,
    /// Connections that may be open while those that are made are kept for later calls: idle ones of all hosts
    /// are no more than this.
    pub kept: usize,
}

impl Default for FetchSettings {
    fn default() -> Self {
        Self {
            policy: EgressPolicy::default(),
            default_timeout: Duration::from_secs(30),
            max_timeout: Duration::from_millis(limits::StepLimits::MOST.timeout_ms),
            connect_timeout: Duration::from_secs(10),
            response_bytes: limits::RESPONSE_BYTES,
            request_bytes: limits::REQUEST_BYTES,
            kept: 1_000,
        }
    }
}

/// Why there is no [`FetchClient`].
#[derive(Debug, thiserror::Error)]
pub enum ConnectorError {
    /// The resolver cannot be set up.
    #[error("cannot set up name resolution: {0}")]
    Resolver(String),
    /// The HTTP client cannot be set up.
    #[error("cannot set up the HTTP client for connector calls")]
    Client(#[source] rustls::Error),
}

/// Makes the connector calls of all workspaces. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FetchClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: FetchSettings,
    clients: AllClients,
}

impl FetchClient {
    /// A client that resolves names as the system does. Sends nothing.
    ///
    /// # Errors
    /// The resolver or the TLS library cannot be set up. A system without CA certificates is no
    /// error: it is logged, and https calls fail.
    pub fn new(settings: FetchSettings) -> Result<Self, ConnectorError> {
        let resolver =
            SystemResolver::new().map_err(|error| ConnectorError::Resolver(error.to_string()))?;
        Self::with_resolver(settings, Arc::new(resolver))
    }

    /// A client that resolves names by `resolver`. Its answers are judged like any other's, and a
    /// port in them is ignored.
    ///
    /// # Errors
    /// As [`FetchClient::new`].
    pub fn with_resolver(
        settings: FetchSettings,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, ConnectorError> {
        let tls = transport::tls().map_err(ConnectorError::Client)?;
        let clients = AllClients::new(
            (resolver, settings.policy.clone()),
            (tls, settings.connect_timeout),
            settings.kept,
        );
        Ok(Self {
            inner: Arc::new(Inner { settings, clients }),
        })
    }

    /// Makes one call of a workspace, by its policy. It ends within the request's timeout, whatever the other side does; dropping
    /// the future gives up the call.
    ///
    /// `idempotency_key` is sent as `Idempotency-Key` on every hop, unless the guest set one.
    ///
    /// # Errors
    /// Every [`FetchError`] but `TooMany`. A status that is not 2xx is no error.
    pub async fn fetch(
        &self,
        (caller, policy): (&WorkspaceName, &WorkspacePolicy),
        request: FetchRequest,
        idempotency_key: &str,
    ) -> FetchResult {
        let payer = Payer {
            memory: &Charge::new(Arc::new(Permit::unlimited())),
            pool: &Unbounded,
            executor: &self.inner.clients.uncounted,
            pace: &Paced::default(),
        };
        self.fetch_within((caller, policy), request, idempotency_key, payer)
            .await
    }

    /// The same; what the response takes is `payer`'s, and waited for if there is none.
    ///
    /// # Errors
    /// As [`FetchClient::fetch`].
    pub async fn fetch_within(
        &self,
        (caller, policy): (&WorkspaceName, &WorkspacePolicy),
        request: FetchRequest,
        idempotency_key: &str,
        payer: Payer<'_>,
    ) -> FetchResult {
        let settings = &self.inner.settings;
        let asked = match request.timeout_ms {
            Some(0) => return Err(FetchError::Invalid("a timeout is at least 1 ms".into())),
            Some(ms) => Duration::from_millis(ms),
            None => settings.default_timeout,
        };
        let limit = asked.min(settings.max_timeout);
        let call = self.call((caller, policy), request, idempotency_key, payer);
        payer.pace.within(limit, call).await.unwrap_or_else(|| {
            let limit = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
            Err(FetchError::Timeout(limit))
        })
    }

    async fn call(
        &self,
        (caller, workspace): (&WorkspaceName, &WorkspacePolicy),
        request: FetchRequest,
        key: &str,
        payer: Payer<'_>,
    ) -> FetchResult {
        let mode = request.redirect;
        let mut hop = Hop::new(request, key, self.inner.settings.request_bytes)
            .map_err(FetchError::Invalid)?;
        let most = self.inner.settings.response_bytes;
        let clients = self.inner.clients.of(caller, payer.executor);
        let mut left = REDIRECTS;
        loop {
            let response = self.send((workspace, &clients), &hop).await?;
            let status = response.status();
            let landed = (left < REDIRECTS).then_some(hop.url.as_str());
            let Some(location) = redirect::location(status, response.headers()) else {
                return response::read(response, most, landed, (caller, payer)).await;
            };
            match mode {
                Redirect::Manual => {
                    return response::read(response, most, landed, (caller, payer)).await;
                }
                Redirect::Error => {
                    let text = String::from_utf8_lossy(location.as_bytes());
                    let to = hop
                        .url
                        .join(&text)
                        .map_or_else(|_| quoted(&text), String::from);
                    return Err(FetchError::Redirected(to));
                }
                Redirect::Follow if left == 0 => {
                    let text = format!("more than {REDIRECTS} redirects");
                    return Err(FetchError::Connection(text));
                }
                Redirect::Follow => {
                    left -= 1;
                    hop = redirect::next(hop, status, location).map_err(FetchError::Denied)?;
                }
            }
        }
    }

    /// Asks both policies and sends one hop.
    async fn send(
        &self,
        (workspace, clients): (&WorkspacePolicy, &Clients),
        hop: &Hop,
    ) -> Result<Response<Incoming>, FetchError> {
        let settings = &self.inner.settings;
        let Some(host) = hop.url.host() else {
            return Err(FetchError::Invalid("the URL has no host".into()));
        };
        let port = hop.port();
        let denied = |denial: super::policy::Denial| FetchError::Denied(denial.to_string());
        workspace
            .permits(hop.method.as_str(), &host, port)
            .map_err(denied)?;
        let (client, rule_port) = clients.for_port(port);
        // An address in the URL is dialled without asking the resolver, so it is judged here. `Url`
        // has already turned every spelling of an IPv4 address (hexadecimal, octal, one number) into
        // this one form.
        let literal = match host {
            Host::Domain(_) => None,
            Host::Ipv4(address) => Some(IpAddr::V4(address)),
            Host::Ipv6(address) => Some(IpAddr::V6(address)),
        };
        if let Some(address) = literal {
            settings
                .policy
                .address(address, rule_port)
                .map_err(denied)?;
        }
        client.send(hop).await
    }
}
