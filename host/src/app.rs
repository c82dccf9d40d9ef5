//! Puts the server together: data directory, store, vault, sandbox, catalog, engine, HTTP; and takes
//! it apart in the right order. It prints nothing.

mod address;
mod cache;
pub mod data_dir;
mod error;
mod files;
mod memory;
pub mod migration;
mod stores;

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use stepwell_signature::LONGEST_KEYS;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::catalog::Catalog;
use crate::clock::SystemClock;
use crate::connectors::{EgressPolicy, EgressRule, FetchClient, FetchSettings};
use crate::domain::clock::Clock;
use crate::domain::limits;
use crate::engine::{Engine, EngineParts, EngineSettings, RunList};
use crate::http::auth::AdminToken;
use crate::http::tls::Tls;
use crate::http::{Api, ApiParts, server};
use crate::private_file::{self, PrivateFileError};
use crate::sandbox::{Compiler, Sandbox, SandboxSettings};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::directory_lock::DirectoryLock;
use crate::vault;
use address::{check_public_url, reachable};
pub use data_dir::SERVER_FILE;
pub use error::AppError;
use stores::OpenStore;

/// Compilations at once. Each uses all processors.
const COMPILATIONS: usize = 1;

/// A server that is ready: it listens, and [`App::run_until`] serves.
pub struct App {
    settings: Settings,
    address: SocketAddr,
    listener: TcpListener,
    tls: Option<Tls>,
    store: Arc<dyn Store>,
    /// Keeps other servers out of the data directory.
    lock: Option<Arc<DirectoryLock>>,
    engine: Arc<Engine>,
    api: Arc<Api>,
}

impl App {
    /// Refuses settings with which no server starts, whatever the machine. Returns the egress rules.
    ///
    /// # Errors
    /// A public URL or an egress rule that is none.
    pub fn check(settings: &Settings) -> Result<Vec<EgressRule>, AppError> {
        check_public_url(settings.public_url.as_deref())?;
        let rules = settings.egress_allow.iter();
        Ok(rules
            .map(|rule| EgressRule::parse(rule))
            .collect::<Result<_, _>>()?)
    }

    /// Opens everything and begins to listen. Tasks that an earlier server left go on at once. What
    /// the process makes from now on is for its owner only.
    ///
    /// # Errors
    /// [`AppError`]; whatever was opened is closed again.
    pub async fn start(mut settings: Settings) -> Result<Self, AppError> {
        let rules = Self::check(&settings)?;
        private_file::make_all_private();
        let calls = files::share(&mut settings);
        let tls = settings.tls.clone().map(Tls::open).transpose()?;
        let (listener, address) = address::listen(settings.listen).await?;
        let url = format!("{}://{}", settings.scheme(), reachable(address));
        let opened = stores::open(&settings, url).await?;
        let store = opened.store.clone();
        let lock = opened.lock.clone();
        let parts = Self::open(&settings, address, opened, (&rules, calls)).await;
        match parts {
            Ok((engine, api)) => Ok(Self {
                settings,
                address,
                listener,
                tls,
                store,
                lock,
                engine,
                api,
            }),
            Err(error) => {
                store.close().await;
                Err(error)
            }
        }
    }

    async fn open(
        settings: &Settings,
        address: SocketAddr,
        opened: OpenStore,
        (rules, calls): (&[EgressRule], u64),
    ) -> Result<(Arc<Engine>, Arc<Api>), AppError> {
        let OpenStore {
            store,
            announce,
            postgres,
            lock: _,
        } = opened;
        // The directory is locked, so no other process makes these files.
        let directory = &settings.data_dir;
        let given = std::env::var(vault::KEY_VARIABLE).ok();
        let discard = settings.discard_secrets;
        if let Some(postgres) = postgres.as_ref().filter(|_| discard) {
            stores::expect_alone(postgres).await?;
        }
        let vault =
            Catalog::open_vault(store.as_ref(), directory, given.as_deref(), discard).await?;
        if let Some(postgres) = &postgres {
            stores::agree_on_key(postgres, &vault, discard).await?;
        }
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::default());
        let token = AdminToken::open(directory, clock.clone())?;
        if let Some(postgres) = &postgres {
            stores::agree_on_token(postgres, &vault, &token).await?;
        }
        let cache_dir = settings.cache_dir.clone();
        let sandbox = Sandbox::new(SandboxSettings {
            cache_is_shared: settings.cache_dir.is_some(),
            cache_key: cache::key(settings.cache_dir.as_deref(), &store.seed())?,
            cache_dir: Some(cache_dir.unwrap_or_else(|| directory.join("cache"))),
            concurrency: u32::try_from(settings.concurrency).unwrap_or(u32::MAX),
            memory: settings.memory,
            compiler: Compiler::Child(std::env::current_exe().map_err(AppError::Executable)?),
            loaded: settings.components as u64,
            compilations: COMPILATIONS,
            compile_memory: (settings.memory / 2 / COMPILATIONS as u64)
                .clamp(limits::COMPILE_MEMORY_LEAST, limits::COMPILE_MEMORY),
        })?;
        let fetch = FetchClient::new(FetchSettings {
            policy: EgressPolicy::new(rules),
            kept: usize::try_from(calls).unwrap_or(usize::MAX),
            ..FetchSettings::default()
        })?;
        // Keys are short and fetched seldom.
        let fetch_keys = FetchClient::new(FetchSettings {
            policy: EgressPolicy::new(rules),
            kept: 1,
            response_bytes: LONGEST_KEYS,
            ..FetchSettings::default()
        })?;
        // Also with TLS: the certificate is that of a name, and no one is between this machine and itself.
        let local = reachable(address);
        let base_url = match &settings.public_url {
            Some(url) => url.clone(),
            None => format!("{}://{local}", settings.scheme()),
        };
        let links = vault.links(&base_url);
        let catalog = Catalog::open(store.clone(), sandbox.clone(), vault, clock.clone()).await?;
        write_server_file(directory, &format!("http://{local}"))?;
        let running = match store.cluster() {
            Some(cluster) => {
                let mut known = cluster.interrupted().await?;
                let owned = store.ownership().borrow().clone();
                known.retain(|(task, _)| owned.owns(*task));
                RunList::Shared(known)
            }
            None => RunList::File(directory.join("running.json")),
        };
        let engine = Engine::start(EngineParts {
            announce,
            store: store.clone(),
            catalog: catalog.clone(),
            sandbox,
            fetch: Arc::new(fetch),
            clock: clock.clone(),
            running,
            weights: settings.cpu_weights.iter().cloned().collect(),
            settings: EngineSettings {
                concurrency: settings.concurrency,
                memory: settings.memory,
                calls,
                ..EngineSettings::default()
            },
        })
        .map_err(AppError::Threads)?;
        memory::watch(&engine.memory, settings.memory).map_err(AppError::Threads)?;
        let parts = ApiParts {
            catalog,
            store,
            clock,
            token,
            base_url,
            links,
            fetch_keys,
            engine: engine.clone(),
        };
        Ok((engine, Api::new(parts, settings)))
    }

    /// Where it listens: never port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` resolves. Then nothing new is accepted, requests and runs under way have
    /// `settings.grace` to end, and the store is closed. A run that was cut off begins again at the
    /// next start, with the answers its calls had.
    pub async fn run_until(self, stop: impl Future<Output = ()>) {
        let Self {
            settings,
            address,
            listener,
            tls,
            store,
            lock: _lock,
            engine,
            api,
        } = self;
        tracing::info!(
            server.address = %address,
            data.dir = %settings.data_dir.display(),
            "the server is ready"
        );
        let (close, closing) = watch::channel(false);
        let serving = server::serve(listener, api, &settings, tls, closing);
        let ending = async {
            stop.await;
            tracing::info!("the server is going down");
            let _ = close.send(true);
            engine.shutdown(settings.grace).await;
        };
        let (cut, ()) = tokio::join!(serving, ending);
        if cut > 0 {
            tracing::warn!(
                connections = cut,
                "connections were cut off by the shutdown"
            );
        }
        // A command that finds no such file knows that no server runs.
        let file = settings.data_dir.join(SERVER_FILE);
        if let Err(error) = std::fs::remove_file(&file) {
            tracing::warn!(file = %file.display(), %error, "the file cannot be removed");
        }
        store.close().await;
        tracing::info!("the server has ended");
    }
}

fn write_server_file(data_dir: &Path, url: &str) -> Result<(), PrivateFileError> {
    let line = json!({ "url": url, "pid": std::process::id() }).to_string();
    private_file::write(&data_dir.join(SERVER_FILE), &line)
}
