//! Puts the server together: data directory, store, vault, sandbox, catalog, engine, HTTP; and takes
//! it apart in the right order. It prints nothing.

use std::fs::DirBuilder;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::catalog::{Catalog, CatalogError};
use crate::connectors::{
    ConnectorError, EgressPolicy, EgressRule, FetchClient, FetchSettings, RuleError,
};
use crate::domain::clock::{Clock, SystemClock};
use crate::engine::{Announce, Engine, EngineParts, EngineSettings};
use crate::http::auth::{AdminToken, TokenError};
use crate::http::{Api, ApiParts, server};
use crate::private_file::{self, PrivateFileError};
use crate::sandbox::{Compiler, Sandbox, SandboxError, SandboxSettings};
use crate::settings::Settings;
use crate::store::Store;
use crate::store::sled::{OpenError, SledSettings, SledStore};
use crate::vault::{self, Vault, VaultError};

/// The file that tells local clients where the server listens.
pub const SERVER_FILE: &str = "server.json";

/// Why the server does not start. Each message says what would be right.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// An egress rule is wrong.
    #[error("--egress-allow: {0}")]
    Egress(#[from] RuleError),
    /// The public URL is wrong.
    #[error(
        "--public-url: `{0}` is not what webhook URLs can begin with; give e.g. https://hooks.example.com"
    )]
    PublicUrl(String),
    /// The address is taken.
    #[error("port {port} of {ip} is in use by another process; stop that one, or choose another port with --listen, e.g. --listen {ip}:0 for any that is free", ip = .0.ip(), port = .0.port())]
    PortInUse(SocketAddr),
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; choose an address of this machine and a port that you may use (ports below 1024 need a privilege) with --listen"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data directory cannot be made.
    #[error("the data directory {path} cannot be made: {source}; choose another with --data-dir")]
    DataDir {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The vault does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The admin token is unusable.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The sandbox cannot be set up.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The client for connector calls cannot be set up.
    #[error(transparent)]
    Connectors(#[from] ConnectorError),
    /// What tenants have set up cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// `server.json` cannot be written, or the data directory cannot be closed to others.
    #[error(transparent)]
    ServerFile(#[from] PrivateFileError),
    /// The machine did not let the server ask.
    #[error("this program's own file cannot be found: {0}")]
    Executable(io::Error),
    /// The machine gives no threads.
    #[error("the engine's threads cannot be started: {0}")]
    Threads(io::Error),
    /// A start that was broken off.
    #[error("the start was broken off")]
    BrokenOff,
}

/// A server that is ready: it listens, and [`App::run_until`] serves.
pub struct App {
    settings: Settings,
    address: SocketAddr,
    listener: TcpListener,
    store: Arc<dyn Store>,
    engine: Arc<Engine>,
    api: Arc<Api>,
}

impl App {
    /// Refuses settings with which no server starts, whatever the machine. Gives the egress rules.
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
    pub async fn start(settings: Settings) -> Result<Self, AppError> {
        let rules = Self::check(&settings)?;
        private_file::make_all_private();
        raise_file_limit(settings.connections);
        let listener = TcpListener::bind(settings.listen).await.map_err(|source| {
            if source.kind() == io::ErrorKind::AddrInUse {
                AppError::PortInUse(settings.listen)
            } else {
                AppError::Listen {
                    address: settings.listen,
                    source,
                }
            }
        })?;
        let address = listener.local_addr().map_err(|source| AppError::Listen {
            address: settings.listen,
            source,
        })?;
        let store = open_store(&settings.data_dir).await?;
        let parts = Self::open(&settings, address, store.clone(), &rules).await;
        match parts {
            Ok((engine, api)) => Ok(Self {
                settings,
                address,
                listener,
                store,
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
        store: Arc<SledStore>,
        rules: &[EgressRule],
    ) -> Result<(Arc<Engine>, Arc<Api>), AppError> {
        // The store has the directory's lock, so nobody else makes these files.
        let directory = &settings.data_dir;
        let given = std::env::var(vault::KEY_VARIABLE).ok();
        let vault = Vault::open(directory, given.as_deref())?;
        let token = AdminToken::open(directory)?;
        let sandbox = Sandbox::new(SandboxSettings {
            cache_dir: Some(directory.join("cache")),
            cache_key: Sha256::new()
                .chain_update("stepwell compiled components")
                .chain_update(store.seed())
                .finalize()
                .into(),
            concurrency: u32::try_from(settings.concurrency).unwrap_or(u32::MAX),
            compiler: Compiler::Child(std::env::current_exe().map_err(AppError::Executable)?),
            loaded: settings.components as u64,
        })?;
        let fetch = FetchClient::new(FetchSettings {
            policy: EgressPolicy::new(rules),
            ..FetchSettings::default()
        })?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let catalog = Catalog::open(store.clone(), sandbox.clone(), vault, clock.clone()).await?;
        let local_url = format!("http://{}", reachable(address));
        write_server_file(directory, &local_url)?;
        let announce: Announce = {
            let store = store.clone();
            Arc::new(move || Box::new(store.expect()))
        };
        let engine = Engine::start(EngineParts {
            announce: Some(announce),
            store: store.clone(),
            catalog: catalog.clone(),
            sandbox,
            fetch: Arc::new(fetch),
            clock: clock.clone(),
            settings: EngineSettings {
                concurrency: settings.concurrency,
                ..EngineSettings::default()
            },
        })
        .map_err(AppError::Threads)?;
        let parts = ApiParts {
            catalog,
            store,
            clock,
            token,
            base_url: settings.public_url.clone().unwrap_or(local_url),
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
            store,
            engine,
            api,
        } = self;
        tracing::info!(
            server.address = %address,
            data.dir = %settings.data_dir.display(),
            "the server is ready"
        );
        let (close, closing) = watch::channel(false);
        let serving = server::serve(listener, api, &settings, closing);
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

async fn open_store(data_dir: &Path) -> Result<Arc<SledStore>, AppError> {
    let directory = data_dir.to_owned();
    let opening = tokio::task::spawn_blocking(move || {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)
            .map_err(|source| AppError::DataDir {
                path: directory.clone(),
                source,
            })?;
        close_to_others(&directory)?;
        Ok(SledStore::open(SledSettings::at(directory.join("store")))?)
    });
    opening.await.map_err(|_| AppError::BrokenOff)?
}

/// Closes the data directory and what the server keeps in it to all but their owner. What else is
/// there is not the server's; files with a secret are refused by who reads them if others can, since
/// somebody may have.
fn close_to_others(data_dir: &Path) -> Result<(), PrivateFileError> {
    let mut closed = usize::from(private_file::close_directory(data_dir)?);
    for name in ["store", "cache", SERVER_FILE] {
        closed += private_file::close_to_others(&data_dir.join(name))?;
    }
    if closed > 0 {
        tracing::warn!(
            data.dir = %data_dir.display(),
            closed,
            "others could look into the data directory; its files are now mode 0600 and its directories 0700. If webhooks' URLs may have been read there, replace them"
        );
    }
    Ok(())
}

fn write_server_file(data_dir: &Path, url: &str) -> Result<(), PrivateFileError> {
    let line = json!({ "url": url, "pid": std::process::id() }).to_string();
    private_file::write(&data_dir.join(SERVER_FILE), &line)
}

/// An address that a client on this machine can connect to: the unspecified one cannot be.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn check_public_url(url: Option<&str>) -> Result<(), AppError> {
    let Some(text) = url else { return Ok(()) };
    let fine = url::Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    });
    if fine {
        Ok(())
    } else {
        Err(AppError::PublicUrl(text.chars().take(120).collect()))
    }
}

/// Lets the process have as many files open as it may, since each connection is one.
fn raise_file_limit(connections: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let raised = Rlimit {
            current: maximum,
            maximum,
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    // Upstream connections, the store and components need some, too.
    let wanted = connections as u64 + 1_000;
    if limit < wanted {
        tracing::warn!(
            limit,
            wanted,
            "the limit of open files is low for so many connections; raise it (ulimit -n), or lower --connections"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_public_url_is_refused() {
        for fine in [
            None,
            Some("https://hooks.example.com"),
            Some("http://10.0.0.1:8080/stepwell/"),
        ] {
            assert!(check_public_url(fine).is_ok(), "{fine:?}");
        }
        for wrong in [
            "hooks.example.com",
            "ftp://a.b",
            "https://a.b/?x=1",
            "https://a.b/#x",
            "https://user@a.b",
            "",
        ] {
            assert!(check_public_url(Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unspecified_address_is_reached_by_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.1.2.3:80", "10.1.2.3:80"),
        ] {
            assert_eq!(
                reachable(listen.parse().unwrap()),
                expected.parse().unwrap()
            );
        }
    }
}
