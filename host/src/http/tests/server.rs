//! A server on a socket of this machine, and a client for it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::clock::SimulatedClock;
use crate::connectors::{FetchClient, FetchSettings};
use crate::engine::{EngineParts, EngineSettings};
use crate::http::*;
use crate::sandbox::{Sandbox, SandboxSettings};
use crate::store::memory::MemoryStore;
use crate::vault::Vault;

pub(super) struct Server {
    pub(super) url: String,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<SimulatedClock>,
    pub(super) client: Client,
    pub(super) close: watch::Sender<bool>,
    pub(super) serving: JoinHandle<usize>,
}

impl Server {
    pub(super) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::new("unused".into());
        settings.grace = Duration::from_secs(5);
        change(&mut settings);
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let manual = Arc::new(SimulatedClock::at(1_764_000_000_000));
        let clock: Arc<dyn Clock> = manual.clone();
        let sandbox = Sandbox::new(SandboxSettings {
            concurrency: 1,
            ..SandboxSettings::default()
        })
        .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open(dir.path(), None).unwrap();
        let links = vault.links("http://hooks.example");
        let catalog = Catalog::open(store.clone(), sandbox.clone(), vault, clock.clone())
            .await
            .unwrap();
        let engine = Engine::start(EngineParts {
            announce: None,
            store: store.clone(),
            catalog: catalog.clone(),
            sandbox: sandbox.clone(),
            fetch: Arc::new(FetchClient::new(FetchSettings::default()).unwrap()),
            clock: clock.clone(),
            // It takes tasks in and runs none.
            weights: Default::default(),
            running: crate::engine::RunList::Nowhere,
            settings: EngineSettings {
                concurrency: 0,
                ..EngineSettings::default()
            },
        })
        .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let parts = ApiParts {
            catalog,
            store: store.clone(),
            clock,
            token: Arc::new(AdminToken::new("t0ken")),
            base_url: url.clone(),
            engine,
            links,
            fetch_keys: FetchClient::new(FetchSettings::default()).unwrap(),
        };
        let api = Api::new(parts, &settings);
        let (close, closing) = watch::channel(false);
        let serving =
            tokio::spawn(
                async move { server::serve(listener, api, &settings, None, closing).await },
            );
        Self {
            url,
            store,
            clock: manual,
            client: Client::builder().no_proxy().build().unwrap(),
            close,
            serving,
        }
    }

    pub(super) fn api(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("{}/api/v1/workspaces{path}", self.url))
            .bearer_auth("t0ken")
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = self.api(method, path);
        let request = if body.is_null() {
            request
        } else {
            request.body(body.to_string())
        };
        answer(request.send().await.unwrap()).await
    }

    pub(super) async fn webhook(&self, name: &str) -> String {
        let (status, webhook) = self
            .call(Method::POST, "/default/webhooks", json!({ "name": name }))
            .await;
        assert_eq!(status, 201, "{webhook}");
        webhook["url"].as_str().unwrap().to_owned()
    }

    pub(super) async fn send(&self, url: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        answer(self.client.post(url).body(body).send().await.unwrap()).await
    }
}

pub(super) async fn answer(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(text.into()))
}
