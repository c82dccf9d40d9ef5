//! The server's HTTP face: webhooks at `/event`, the API at `/api/v1`, health. It turns requests
//! into calls of the catalog and the store, and their answers into JSON; it decides nothing itself.

pub mod auth;
pub mod server;

mod api;
mod caller;
mod drain;
mod event;
mod health;
mod openapi;
mod problem;
mod route;
mod router;
mod routes;
mod stall;
mod view;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use crate::catalog::Catalog;
use crate::domain::clock::Clock;
use crate::engine::Engine;
use crate::ingest::read::{Bounds, Budget};
use crate::ingest::receive::Ingest;
use crate::settings::Settings;
use crate::store::Store;
use auth::AdminToken;
pub use router::openapi;

/// What the handlers work with.
pub struct Api {
    catalog: Arc<Catalog>,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ingest: Ingest,
    token: AdminToken,
    /// What URLs begin with, without a slash at the end.
    base_url: String,
    /// What acts on tasks.
    engine: Arc<Engine>,
    /// Bounds of a webhook's body.
    body: Bounds,
    bodies: Arc<Budget>,
    closing: AtomicBool,
    /// The text of the OpenAPI document, once the routes are made.
    openapi: OnceLock<bytes::Bytes>,
}

/// The parts of [`Api`] that come from below.
pub struct ApiParts {
    /// What tenants have set up.
    pub catalog: Arc<Catalog>,
    /// The tasks.
    pub store: Arc<dyn Store>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Who may use the API.
    pub token: AdminToken,
    /// What webhook URLs begin with, e.g. `http://127.0.0.1:7400`.
    pub base_url: String,
    /// What acts on tasks.
    pub engine: Arc<Engine>,
}

impl Api {
    /// Handlers with these bounds.
    pub fn new(parts: ApiParts, settings: &Settings) -> Arc<Self> {
        let body = Bounds {
            bytes: settings.body_bytes,
            time: settings.body_timeout,
        };
        let bodies = Budget::new(settings.bodies_bytes);
        let (engine, clock) = (parts.engine.clone(), parts.clock.clone());
        Arc::new(Self {
            ingest: Ingest::new(engine, clock, body, bodies.clone()),
            catalog: parts.catalog,
            store: parts.store,
            clock: parts.clock,
            token: parts.token,
            base_url: parts.base_url.trim_end_matches('/').to_owned(),
            engine: parts.engine,
            body,
            bodies,
            closing: AtomicBool::new(false),
            openapi: OnceLock::new(),
        })
    }

    /// From now on `/readyz` says that no requests should be sent here any more.
    pub fn begin_closing(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
