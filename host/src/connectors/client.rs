//! The HTTP client: carries out one checked request after the other until there is an answer.
//!
//! There is one pooled `reqwest` client for all workspaces, and one more for each port that an
//! operator's rule names: a resolver sees a name but no port, so the port's rules are fixed when the
//! client is made. Nothing is made per call. Connections may be shared by workspaces because what
//! an operator's policy says of an address is the same for all of them, and a workspace's own policy is
//! asked before a connection is taken from the pool.

use std::collections::HashMap;
use std::error::Error as StdError;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::Resolve;
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Method, Response};
use url::Host;

use super::policy::{EgressPolicy, WorkspacePolicy};
use super::request::{Hop, quoted};
use super::resolve::{ResolveError, Screened, SystemResolver};
use super::{HEADER_BYTES, HEADERS, REDIRECTS, redirect};
use crate::domain::effect::{FetchError, FetchRequest, FetchResponse, FetchResult, Redirect};
use crate::domain::limits;

/// Idle connections kept for one host: as many as one run may have calls under way.
const IDLE_PER_HOST: usize = limits::CALLS_AT_ONCE;

/// What a [`FetchClient`] is made of. The default is what `stepwell serve` does without options.
#[derive(Debug, Clone)]
pub struct FetchSettings {
    /// What the operator allows besides public addresses.
    pub policy: EgressPolicy,
    /// How long a call may take, from resolving to the body's last byte and over all redirects, if
    /// the request does not say. 30 s, as long as a run.
    pub default_timeout: Duration,
    /// The most that a request may ask for; a longer timeout is shortened to it. 10 minutes, as long
    /// as the longest run.
    pub max_timeout: Duration,
    /// How long connecting, TLS included, may take within that. 10 s, so that a server that is gone
    /// is told from one that is slow.
    pub connect_timeout: Duration,
    /// Bytes of a response's body, after decompression. [`limits::RESPONSE_BYTES`].
    pub response_bytes: usize,
    /// Bytes of a request's body. [`limits::REQUEST_BYTES`].
    pub request_bytes: usize,
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
    Client(#[source] reqwest::Error),
}

/// Makes the connector calls of all workspaces. Cheap to clone.
#[derive(Debug, Clone)]
pub struct FetchClient {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    settings: FetchSettings,
    /// For every port that no rule names.
    general: Client,
    by_port: HashMap<u16, Client>,
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
        let make = |port| {
            let (inner, policy) = (Arc::clone(&resolver), settings.policy.clone());
            build(
                &settings,
                &Arc::new(Screened {
                    inner,
                    policy,
                    port,
                }),
            )
        };
        let general = make(None)?;
        let by_port = settings
            .policy
            .ports()
            .into_iter()
            .map(|port| Ok((port, make(Some(port))?)))
            .collect::<Result<_, ConnectorError>>()?;
        Ok(Self {
            inner: Arc::new(Inner {
                settings,
                general,
                by_port,
            }),
        })
    }

    /// Makes one call. It ends within the request's timeout, whatever the other side does; dropping
    /// the future gives up the call.
    ///
    /// `idempotency_key` is sent as `Idempotency-Key` on every hop, unless the guest set one.
    ///
    /// # Errors
    /// Every [`FetchError`] but `TooMany`. A status that is not 2xx is no error.
    pub async fn fetch(
        &self,
        workspace: &WorkspacePolicy,
        request: FetchRequest,
        idempotency_key: &str,
    ) -> FetchResult {
        let settings = &self.inner.settings;
        let asked = match request.timeout_ms {
            Some(0) => return Err(FetchError::Invalid("a timeout is at least 1 ms".into())),
            Some(ms) => Duration::from_millis(ms),
            None => settings.default_timeout,
        };
        let limit = asked.min(settings.max_timeout);
        match tokio::time::timeout(limit, self.call(workspace, request, idempotency_key)).await {
            Ok(result) => result,
            Err(_) => Err(FetchError::Timeout(
                u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
            )),
        }
    }

    async fn call(
        &self,
        workspace: &WorkspacePolicy,
        request: FetchRequest,
        key: &str,
    ) -> FetchResult {
        let mode = request.redirect;
        let mut hop = Hop::new(request, key, self.inner.settings.request_bytes)
            .map_err(FetchError::Invalid)?;
        let mut left = REDIRECTS;
        loop {
            let response = self.send(workspace, &hop).await?;
            let status = response.status();
            let Some(location) = redirect::location(status, response.headers()) else {
                return self.read(response).await;
            };
            match mode {
                Redirect::Manual => return self.read(response).await,
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
    async fn send(&self, workspace: &WorkspacePolicy, hop: &Hop) -> Result<Response, FetchError> {
        let Inner {
            settings,
            general,
            by_port,
        } = &*self.inner;
        let Some(host) = hop.url.host() else {
            return Err(FetchError::Invalid("the URL has no host".into()));
        };
        let port = hop.port();
        let denied = |denial: super::policy::Denial| FetchError::Denied(denial.to_string());
        workspace
            .permits(hop.method.as_str(), &host, port)
            .map_err(denied)?;
        let (client, rule_port) = match by_port.get(&port) {
            Some(client) => (client, Some(port)),
            None => (general, None),
        };
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
        let mut request = client
            .request(hop.method.clone(), hop.url.clone())
            .headers(hop.headers.clone());
        if !hop.body.is_empty() {
            request = request.body(hop.body.clone());
        } else if matches!(hop.method, Method::POST | Method::PUT | Method::PATCH) {
            // RFC 9110 (8.6): some servers answer 411 to a POST that leaves it out.
            request = request.header(CONTENT_LENGTH, 0);
        }
        request.send().await.map_err(|error| failed(&error))
    }

    /// Reads a response's body, up to the bound.
    async fn read(&self, mut response: Response) -> FetchResult {
        let most = self.inner.settings.response_bytes;
        let too_large = || FetchError::TooLarge(most as u64);
        let headers = plain_headers(response.headers())?;
        let status = response.status();
        // Known only where nothing is decompressed; what comes is counted all the same.
        let announced = response.content_length().unwrap_or(0);
        if usize::try_from(announced).map_or(true, |announced| announced > most) {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failed(&error))? {
            if body.len() + chunk.len() > most {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(FetchResponse {
            status: status.as_u16(),
            status_text: status.canonical_reason().unwrap_or_default().to_owned(),
            headers,
            body,
        })
    }
}

fn build(settings: &FetchSettings, resolver: &Arc<Screened>) -> Result<Client, ConnectorError> {
    let builder = || {
        ClientBuilder::new()
            .dns_resolver(Arc::clone(resolver))
            // The environment's proxy would resolve and dial in our place.
            .no_proxy()
            .redirect(Policy::none())
            .referer(false)
            // The decoder accepts windows of 1 GiB, which a few bytes can ask for.
            .no_brotli()
            .connect_timeout(settings.connect_timeout)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_headers(HEADERS)
            .http2_max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX))
    };
    builder().build().or_else(|error| {
        // Most often a minimal container without CA certificates: what needs none still works.
        let client = builder()
            .tls_certs_only([])
            .build()
            .map_err(ConnectorError::Client)?;
        tracing::warn!(
            error = reason(&error),
            "no CA certificates; https calls of steps will fail until the system has some \
             (package ca-certificates, or SSL_CERT_FILE)"
        );
        Ok(client)
    })
}

/// The response's headers for the guest, without those that spoke to us only. A value that is no
/// UTF-8 is read as Latin-1, as RFC 9110 (5.5) says of old ones.
fn plain_headers(headers: &HeaderMap) -> Result<Vec<(String, String)>, FetchError> {
    let size: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len())
        .sum();
    if size > HEADER_BYTES || headers.len() > HEADERS {
        return Err(FetchError::Connection(format!(
            "the response has {} headers of {size} bytes, and it may have {HEADERS} of {HEADER_BYTES}",
            headers.len()
        )));
    }
    let text = |value: &HeaderValue| match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value
            .as_bytes()
            .iter()
            .map(|&byte| char::from(byte))
            .collect(),
    };
    Ok(headers
        .iter()
        .filter(|(name, _)| {
            !matches!(
                name.as_str(),
                "connection"
                    | "keep-alive"
                    | "proxy-connection"
                    | "te"
                    | "trailer"
                    | "transfer-encoding"
                    | "upgrade"
            )
        })
        .map(|(name, value)| (name.as_str().to_owned(), text(value)))
        .collect())
}

/// Sorts the client's error: ours from the resolver, or a broken connection.
fn failed(error: &reqwest::Error) -> FetchError {
    for source in sources(error) {
        // The connector wraps what the resolver gave it in a box, the box is the source.
        match source.downcast_ref::<ResolveError>() {
            Some(ResolveError::Denied(denial)) => return FetchError::Denied(denial.to_string()),
            Some(other) => return FetchError::Connection(other.to_string()),
            None => {}
        }
    }
    FetchError::Connection(reason(error))
}

/// The innermost two texts of an error, which name the operation and its fault; the outer ones repeat
/// that a request failed, and the URL.
fn reason(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = sources(error).iter().map(ToString::to_string).collect();
    texts.dedup();
    if texts.is_empty() {
        return if error.is_timeout() {
            "timed out".into()
        } else {
            "broken".into()
        };
    }
    quoted_long(&texts.split_off(texts.len().saturating_sub(2)).join(": "))
}

/// What an error came from, outermost first.
fn sources(error: &reqwest::Error) -> Vec<&(dyn StdError + 'static)> {
    let mut sources = Vec::new();
    let mut next = error.source();
    while let Some(source) = next {
        sources.push(source);
        next = source.source();
    }
    sources
}

/// Bounds a text that may hold what the other side sent.
fn quoted_long(text: &str) -> String {
    text.chars()
        .take(300)
        .flat_map(char::escape_debug)
        .collect()
}
