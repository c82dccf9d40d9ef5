//! A workspace's pooled HTTP client, which dials only addresses that the policy allows.
//!
//! It is hyper's client with a connector of our own, because two things have to be known here: the
//! addresses that are dialled, and whether a connection that ended had been used before.

use std::error::Error as StdError;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, HeaderValue, RANGE};
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::{Client, Error as ClientError};
use hyper_util::rt::{TokioIo, TokioTimer};
use reqwest::dns::{Addrs, Resolving};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tower_service::Service;

use super::request::{Hop, quoted};
use super::resolve::{FilteringResolver, ResolveError, resolve_for};
use super::watched::{Stale, Watched};
use super::{HEADER_BYTES, HEADERS};
use crate::domain::blocking::{Executor, Job};
use crate::domain::effect::FetchError;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;

/// Idle connections kept for one host: as many as one run may have calls under way.
const IDLE_PER_HOST: usize = limits::CALLS_AT_ONCE;
/// How long an idle connection is kept. Most servers close theirs after 5 to 75 s.
pub(super) const IDLE: Duration = Duration::from_secs(90);
/// How often, and how many times, the system asks a silent peer whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVES: u32 = 3;
/// What is read of a connection at once, in bytes, for which no budget is asked: the head of an answer fits. By default it
/// grows to 400 KiB.
const READ_BYTES: usize = 2 * HEADER_BYTES;
/// The same of HTTP/2: of one answer, and of all over one connection.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;
/// How long sent bytes may stay unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);
/// The content codings that are undone (see [`super::content`]).
const CODINGS: HeaderValue = HeaderValue::from_static("gzip, deflate");

type BoxError = Box<dyn StdError + Send + Sync>;
type Stream = TokioIo<Watched<MaybeHttpsStream<TokioIo<TcpStream>>, Socket>>;

/// TLS as the system's certificate store has it, for HTTP/2 and HTTP/1.1. Without one, https calls
/// fail, and what needs no certificate still works.
///
/// # Errors
/// The TLS library supports no version of TLS.
pub(super) fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(match builder.clone().with_platform_verifier() {
        Ok(builder) => builder.with_no_client_auth(),
        // Most often a minimal container.
        Err(error) => {
            tracing::warn!(
                error = reason(&error),
                "no CA certificates; https calls of steps will fail until the system has some \
                 (package ca-certificates, or SSL_CERT_FILE)"
            );
            builder
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth()
        }
    })
}

/// A pooled client. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Transport {
    kept: Client<Connector, Full<Bytes>>,
    /// The same without a pool: each of its requests has a connection of its own.
    fresh: Client<Connector, Full<Bytes>>,
    sockets: Arc<Sockets>,
}

/// The workspace of the client.
#[derive(Clone)]
pub(super) struct Owner {
    pub(super) workspace: WorkspaceName,
    /// Runs its connections, as the workspace's work.
    pub(super) executor: Arc<dyn Executor>,
}

impl hyper::rt::Executor<Job> for Owner {
    fn execute(&self, job: Job) {
        self.executor.spawn(&self.workspace, job);
    }
}

/// The connections that are open, of one workspace or of all.
#[derive(Debug)]
pub(super) struct Sockets {
    open: AtomicUsize,
    /// While more are open, those that are made are not kept for later requests.
    kept: usize,
    /// Those of all workspaces, for one.
    all: Option<Arc<Self>>,
}

impl Sockets {
    /// Those of all workspaces.
    pub(super) fn new(kept: usize) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            kept,
            all: None,
        })
    }

    /// Those of one workspace, of which a quarter less are kept.
    pub(super) fn of_workspace(all: &Arc<Self>) -> Arc<Self> {
        Arc::new(Self {
            open: AtomicUsize::new(0),
            kept: all.kept - all.kept / 4,
            all: Some(all.clone()),
        })
    }

    fn are_kept(&self) -> bool {
        self.open.load(Ordering::Relaxed) <= self.kept
            && self.all.as_ref().is_none_or(|all| all.are_kept())
    }

    fn count(&self, open: bool) {
        match open {
            true => self.open.fetch_add(1, Ordering::Relaxed),
            false => self.open.fetch_sub(1, Ordering::Relaxed),
        };
        if let Some(all) = &self.all {
            all.count(open);
        }
    }
}

/// A connection that is counted while it is open.
#[derive(Debug)]
pub(super) struct Socket(Arc<Sockets>);

impl Socket {
    fn open(sockets: &Arc<Sockets>) -> Self {
        sockets.count(true);
        Self(sockets.clone())
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.0.count(false);
    }
}

impl Transport {
    /// A client that dials what `resolver` gives; connecting, TLS included, takes at most
    /// `connect_timeout`.
    pub(super) fn new(
        resolver: FilteringResolver,
        tls: ClientConfig,
        connect_timeout: Duration,
        sockets: &Arc<Sockets>,
        owner: Owner,
    ) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Names {
            resolver: Arc::new(resolver),
            caller: owner.workspace.clone(),
        });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        // Shared out among a name's addresses, so that one that is silent does not use it all.
        tcp.set_connect_timeout(Some(connect_timeout));
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE));
        tcp.set_keepalive_retries(Some(KEEPALIVES));
        #[cfg(target_os = "linux")]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        let connector = Connector {
            inner: HttpsConnectorBuilder::new()
                .with_tls_config(tls)
                .https_or_http()
                .enable_all_versions()
                .wrap_connector(tcp),
            timeout: connect_timeout,
            sockets: sockets.clone(),
        };
        let client = |idle| {
            Client::builder(owner.clone())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .pool_max_idle_per_host(idle)
                .http1_max_headers(HEADERS)
                .http1_max_buf_size(READ_BYTES)
                .http2_initial_stream_window_size(STREAM_WINDOW)
                .http2_initial_connection_window_size(CONNECTION_WINDOW)
                .http2_max_header_list_size(u32::try_from(HEADER_BYTES).unwrap_or(u32::MAX))
                .build(connector.clone())
        };
        Self {
            kept: client(IDLE_PER_HOST),
            fresh: client(0),
            sockets: sockets.clone(),
        }
    }

    /// Sends one hop, and waits for the head of its answer.
    ///
    /// It is sent once more, on a new connection, if the server has certainly not processed it, or
    /// if a kept connection ended before one byte of the answer came and the request may be
    /// repeated (RFC 9110, 9.2.2).
    ///
    /// # Errors
    /// [`FetchError::Invalid`], [`FetchError::Denied`] (by the resolver) or
    /// [`FetchError::Connection`].
    pub(super) async fn send(&self, hop: &Hop) -> Result<Response<Incoming>, FetchError> {
        let request = request(hop)?;
        let client = match self.sockets.are_kept() {
            true => &self.kept,
            false => &self.fresh,
        };
        let sent = match client.request(request.clone()).await {
            Err(error) if is_unprocessed(&error) || (hop.is_repeatable() && is_stale(&error)) => {
                self.fresh.request(request).await
            }
            sent => sent,
        };
        sent.map_err(|error| failed(&error))
    }
}

fn request(hop: &Hop) -> Result<Request<Full<Bytes>>, FetchError> {
    let uri = Uri::try_from(hop.url.as_str()).map_err(|error| {
        let url = quoted(hop.url.as_str());
        FetchError::Invalid(format!("`{url}` cannot stand in a request: {error}"))
    })?;
    let mut request = Request::new(Full::new(hop.body.clone()));
    *request.method_mut() = hop.method.clone();
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.clone_from(&hop.headers);
    // As the Fetch standard has it (4.6).
    headers
        .entry(ACCEPT)
        .or_insert(HeaderValue::from_static("*/*"));
    // A part of an encoded body could not be decoded.
    if !headers.contains_key(RANGE) {
        headers.entry(ACCEPT_ENCODING).or_insert(CODINGS);
    }
    let takes_body = matches!(hop.method, Method::POST | Method::PUT | Method::PATCH);
    if hop.body.is_empty() && takes_body {
        // RFC 9110 (8.6): some servers answer 411 to a POST that leaves it out.
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
    }
    Ok(request)
}

/// A kept connection ended without one byte of an answer.
fn is_stale(error: &ClientError) -> bool {
    sources(error).into_iter().any(Stale::is)
}

/// The server says that it has not processed the request (RFC 9113, 8.7).
fn is_unprocessed(error: &ClientError) -> bool {
    let found = sources(error)
        .into_iter()
        .find_map(|source| source.downcast_ref::<h2::Error>());
    found.is_some_and(|error| {
        let reason = error.reason();
        error.is_remote()
            && ((error.is_go_away() && reason == Some(h2::Reason::NO_ERROR))
                || (error.is_reset() && reason == Some(h2::Reason::REFUSED_STREAM)))
    })
}

/// Sorts the client's error: ours from the resolver, or a broken connection.
fn failed(error: &ClientError) -> FetchError {
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

/// The innermost two texts of an error, which name the operation and its fault; the outer ones
/// repeat that a request failed.
pub(super) fn reason(error: &(dyn StdError + 'static)) -> String {
    let mut texts: Vec<String> = sources(error).iter().map(ToString::to_string).collect();
    texts.dedup();
    let text = texts.split_off(texts.len().saturating_sub(2)).join(": ");
    // Bounded: it may hold what the other side sent.
    text.chars()
        .take(300)
        .flat_map(char::escape_debug)
        .collect()
}

/// An error and what it came from, outermost first.
fn sources<'e>(error: &'e (dyn StdError + 'static)) -> Vec<&'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source()).collect()
}

/// The resolver as a service, which hyper's connector takes.
#[derive(Debug, Clone)]
struct Names {
    resolver: Arc<FilteringResolver>,
    caller: WorkspaceName,
}

impl Service<Name> for Names {
    type Response = Addrs;
    type Error = BoxError;
    type Future = Resolving;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Resolving {
        match name.as_str().parse() {
            Ok(name) => resolve_for(&self.caller, &*self.resolver, name),
            Err(error) => Box::pin(std::future::ready(Err(BoxError::from(error)))),
        }
    }
}

/// Makes connections that are watched.
#[derive(Debug, Clone)]
struct Connector {
    inner: HttpsConnector<HttpConnector<Names>>,
    timeout: Duration,
    sockets: Arc<Sockets>,
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Stream, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let timeout = self.timeout;
        let socket = Socket::open(&self.sockets);
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(stream) => Ok(TokioIo::new(Watched::new(stream?, socket))),
                Err(_) => {
                    let ms = timeout.as_millis();
                    let text = format!("no connection within {ms} ms");
                    Err(io::Error::new(io::ErrorKind::TimedOut, text).into())
                }
            }
        })
    }
}
