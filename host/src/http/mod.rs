//! The server's HTTP face: webhooks at `/event`, the API at `/api/v1`, health. It turns requests
//! into calls of the catalog and the store, and their answers into JSON; it decides nothing itself.

pub mod auth;
pub mod proxy_protocol;
pub mod server;
pub mod tls;

mod activity;
mod addresses;
mod api;
mod attempts;
mod audit;
mod authenticate;
mod caller;
mod client_address;
mod connection;
mod cors;
mod drain;
mod event;
mod files;
mod health;
mod openapi;
mod problem;
mod refusals;
mod reply;
mod route;
mod router;
mod routes;
mod sender;
mod stall;
mod view;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::catalog::Catalog;
use crate::connectors::FetchClient;
use crate::domain::budget::Budget;
use crate::domain::clock::{Clock, Millis};
use crate::engine::Engine;
use crate::ingest::deliveries::DeliveryLog;
use crate::ingest::read::{Bodies, Bounds};
use crate::ingest::receive::Ingest;
use crate::ingest::reply::Replies;
use crate::ingest::sender_keys::SenderKeys;
use crate::ingest::upload::Uploads;
use crate::settings::Settings;
use crate::store::Store;
use crate::vault::links::FileLinks;
use attempts::Attempts;
use auth::AdminToken;
use refusals::Refusals;
pub use router::openapi;

/// Tasks that are shown with their history at once, three quarters of them of one workspace; more wait. Each takes some
/// tens of MiB at most.
const VIEWS: u64 = 4;

/// The state of the handlers.
pub struct Api {
    catalog: Arc<Catalog>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ingest: Ingest,
    /// Lets senders wait for their tasks.
    replies: Replies,
    deliveries: Arc<DeliveryLog>,
    token: Arc<AdminToken>,
    /// Wrong tokens.
    attempts: Attempts,
    /// Refused attempts that were written to the audit log.
    refusals: Refusals,
    /// The prefix of URLs, without a slash at the end.
    base_url: String,
    /// Acts on tasks.
    engine: Arc<Engine>,
    /// Bounds of a webhook's body.
    body: Bounds,
    bodies: Arc<Bodies>,
    /// Tasks that are shown with their history at once.
    views: Arc<Budget>,
    closing: AtomicBool,
    started: Millis,
    /// The text of the OpenAPI document, once the routes are made.
    openapi: OnceLock<bytes::Bytes>,
}

/// The parts of [`Api`] that come from below.
pub struct ApiParts {
    /// The setup.
    pub catalog: Arc<Catalog>,
    /// The tasks.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The token that may do everything.
    pub token: Arc<AdminToken>,
    /// The prefix of webhook URLs, e.g. `http://127.0.0.1:7400`.
    pub base_url: String,
    /// Acts on tasks.
    pub engine: Arc<Engine>,
    /// Signs and checks links to files.
    pub links: FileLinks,
    /// Fetches what senders of webhooks publish.
    pub fetch_keys: FetchClient,
}

impl Api {
    /// Handlers with these bounds.
    pub fn new(parts: ApiParts, settings: &Settings) -> Arc<Self> {
        let body = Bounds {
            bytes: settings.body_bytes,
            time: settings.body_timeout,
        };
        let bodies = Bodies::new(settings.bodies_bytes, parts.engine.memory.clone());
        let (engine, clock) = (parts.engine.clone(), parts.clock.clone());
        let (catalog, started) = (parts.catalog.clone(), clock.now());
        let base_url = parts.base_url.trim_end_matches('/').to_owned();
        // The other half is for those that do not wait.
        let places = settings.connections / 2;
        let replies = Replies::new(engine.clone(), parts.store.clone(), clock.clone(), places);
        let blobs = parts.store.blobs().clone();
        blobs.limit(settings.uploads.workspace_bytes);
        let uploads = Uploads::new(blobs, parts.links, settings.uploads.request_bytes);
        let attempts = Attempts::new(settings.auth_failures, clock.clone());
        let deliveries = DeliveryLog::new(parts.store.clone(), clock.clone());
        Arc::new(Self {
            deliveries,
            replies,
            ingest: Ingest::new(
                engine,
                catalog,
                clock,
                body,
                (bodies.clone(), uploads),
                (base_url.clone(), SenderKeys::new(parts.fetch_keys)),
            ),
            catalog: parts.catalog,
            store: parts.store,
            clock: parts.clock,
            token: parts.token,
            attempts,
            refusals: Refusals::default(),
            base_url,
            engine: parts.engine,
            body,
            bodies,
            views: Budget::new(VIEWS),
            closing: AtomicBool::new(false),
            started,
            openapi: OnceLock::new(),
        })
    }

    /// Writes deliveries that are not recorded yet, and when tokens were last used, before the store is closed.
    async fn close(&self) {
        self.deliveries.flush().await;
        if let Err(error) = self.catalog.write_token_uses().await {
            tracing::warn!(%error, "the last uses of tokens could not be written");
        }
    }

    /// From now on `/readyz` says that no requests should be sent here any more, and no sender waits for its task.
    pub fn begin_closing(&self) {
        self.engine.watchers.close();
        self.closing.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
