//! The settings of a server: a plain value with a default for everything. Where the
//! decisions come from (flags, environment) is the command line's business.

mod fixed;
mod network;
mod store;
mod uploads;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::domain::audit::AuditBounds;
use crate::domain::ids::WorkspaceName;
use crate::domain::limits;
use crate::domain::step::RetryPolicy;
use crate::machine;
pub use network::{NoNetwork, ProxyHeader, ProxySettings, TlsFiles, TrustedNetwork};
pub use store::StoreUrl;
pub use uploads::UploadSettings;

/// Everything that an operator may decide when a server starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; port 0 lets the system choose one.
    pub listen: SocketAddr,
    /// The prefix of webhook URLs, e.g. `https://hooks.example.com`; `None` for [`Settings::scheme`] and the
    /// address listened on.
    pub public_url: Option<String>,
    /// The certificate, if the server is to speak TLS.
    pub tls: Option<TlsFiles>,
    /// Proxies that may say which client they connect for.
    pub proxies: ProxySettings,
    /// The directory that holds everything the server keeps.
    pub data_dir: PathBuf,
    /// The database that tasks are stored in, if not in the data directory.
    pub store: Option<StoreUrl>,
    /// Where files that come with tasks are, if not in the data directory. Nodes of one database share it.
    pub files_dir: Option<PathBuf>,
    /// Where compiled components are, if not in the data directory; servers may share it.
    pub cache_dir: Option<PathBuf>,
    /// Whether sealed values that the vault key does not open are deleted, and a lost key is replaced.
    pub discard_secrets: bool,
    /// Destinations that steps may reach although they are not public: networks or host patterns.
    pub egress_allow: Vec<String>,
    /// Runs under way at once, over all tasks. Each holds one instance of the sandbox's pool.
    pub concurrency: usize,
    /// Weights by which workspaces share the processors when several of them compute; others have weight 1.
    pub cpu_weights: Vec<(WorkspaceName, u32)>,
    /// Compiled components kept in memory; each costs 0.4 to 0.9 MB.
    pub components: usize,
    /// Connections open at once; more wait in the system's queue.
    pub connections: usize,
    /// Of these, those of one client address; half of them if not given.
    pub connections_per_address: Option<usize>,
    /// Wrong tokens that an address may send in a minute before its answers are delayed.
    pub auth_failures: usize,
    /// How much of the audit log is kept.
    pub audit: AuditBounds,
    /// The longest webhook body, in bytes.
    pub body_bytes: usize,
    /// Bytes of request bodies held at once, over all connections; beyond it requests get 503.
    pub bodies_bytes: usize,
    /// Bounds of forms with files.
    pub uploads: UploadSettings,
    /// Bytes of memory that tasks under way, their calls and request bodies may take together. Beside it the
    /// server takes some for itself and for its store.
    pub memory: u64,
    /// How long a connection may stay without a whole request head: idle, or slow.
    pub head_timeout: Duration,
    /// How long a webhook's body may take to arrive.
    pub body_timeout: Duration,
    /// How long a client may leave a response unread before its connection is dropped.
    pub write_timeout: Duration,
    /// How long a shutdown waits for requests and runs that are under way.
    pub grace: Duration,
    /// What to log: a level, or directives such as `info,stepwell::engine=debug`.
    pub log: String,
    /// Whether log lines are JSON.
    pub log_json: bool,
}

impl Settings {
    /// The least memory that a server works with: two steps of the usual limit, and some bodies.
    pub const LEAST_MEMORY: u64 = 192 * 1024 * 1024;

    /// The defaults, for this data directory.
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 7400)),
            public_url: None,
            tls: None,
            proxies: ProxySettings::default(),
            data_dir,
            store: None,
            files_dir: None,
            cache_dir: None,
            discard_secrets: false,
            egress_allow: Vec::new(),
            // More than the cores there are, because most runs wait for an upstream; below what the
            // sandbox's pool can hold of instances (vm.max_map_count).
            concurrency: 1000,
            cpu_weights: Vec::new(),
            components: 256,
            connections: 10_000,
            connections_per_address: None,
            auth_failures: 60,
            audit: AuditBounds::default(),
            body_bytes: limits::BODY_BYTES,
            bodies_bytes: 256 * 1024 * 1024,
            uploads: UploadSettings::default(),
            // The other half is for the server itself, its store, compilations and the kernel's cache.
            memory: (machine::memory() / 2).max(Self::LEAST_MEMORY),
            head_timeout: Duration::from_secs(30),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(10),
            log: "info".into(),
            log_json: false,
        }
    }

    /// The most connections that one client address may have open, at least one and not more than there may be.
    pub fn connections_of_one(&self) -> usize {
        let most = self.connections.max(1);
        let given = self.connections_per_address;
        given.unwrap_or(most.div_ceil(2)).clamp(1, most)
    }

    /// How a URL of the listener begins.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

/// The text of `serve --print-config`: each setting with its value, then the bounds that this
/// version keeps and that no setting moves.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            listen,
            public_url,
            tls,
            proxies,
            data_dir,
            store,
            files_dir,
            cache_dir,
            discard_secrets,
            egress_allow,
            concurrency,
            cpu_weights,
            components,
            connections,
            connections_per_address: _,
            auth_failures,
            audit,
            body_bytes,
            bodies_bytes,
            uploads,
            memory,
            head_timeout,
            body_timeout,
            write_timeout,
            grace,
            log,
            log_json,
        } = self;
        writeln!(f, "# settings")?;
        line(f, "listen", format_args!("\"{listen}\""), "")?;
        match public_url {
            Some(url) => line(f, "public-url", format_args!("{url:?}"), "")?,
            None => {
                let url = format!("{}://{listen}", self.scheme());
                line(f, "# public-url", format_args!("{url:?}"), "")?;
            }
        }
        let files = tls.as_ref();
        for (name, file) in [
            ("tls-cert", files.map(|files| &files.certificate)),
            ("tls-key", files.map(|files| &files.key)),
        ] {
            match file {
                Some(file) => line(f, name, format_args!("{file:?}"), "")?,
                None => line(f, &format!("# {name}"), "none", "HTTP without TLS")?,
            }
        }
        let trusted = proxies.trusted.iter().map(ToString::to_string);
        let trusted = trusted.collect::<Vec<_>>();
        line(f, "trusted-proxy", format_args!("{trusted:?}"), "")?;
        let header = proxies.header.as_str();
        line(f, "proxy-header", format_args!("{header:?}"), "of these")?;
        line(f, "data-dir", format_args!("{data_dir:?}"), "")?;
        match store {
            Some(store) => line(f, "store", format_args!("\"{store}\""), "")?,
            None => line(f, "# store", "none", "tasks are in the data directory")?,
        }
        let files = store.as_ref().map_or("store/blobs", |_| "files");
        for (name, given, own) in [
            ("files-dir", files_dir, files),
            ("cache-dir", cache_dir, "cache"),
        ] {
            match given {
                Some(given) => line(f, name, format_args!("{given:?}"), "")?,
                None => {
                    let own = data_dir.join(own);
                    line(f, &format!("# {name}"), format_args!("{own:?}"), "")?;
                }
            }
        }
        line(
            f,
            "discard-secrets",
            discard_secrets,
            "that do not open, at this start",
        )?;
        line(
            f,
            "egress-allow",
            format_args!("{egress_allow:?}"),
            "beside public addresses",
        )?;
        line(f, "concurrency", concurrency, "runs at once")?;
        let weights = cpu_weights.iter();
        let weights: Vec<String> = weights
            .map(|(workspace, weight)| format!("{workspace}={weight}"))
            .collect();
        let note = "of processor time; others have 1";
        line(f, "cpu-weight", format_args!("{weights:?}"), note)?;
        line(
            f,
            "components",
            components,
            "compiled components kept in memory",
        )?;
        line(f, "connections", connections, "open at once")?;
        let note = "of one client address; by default half of these";
        line(
            f,
            "connections-per-address",
            self.connections_of_one(),
            note,
        )?;
        line(
            f,
            "auth-failures",
            auth_failures,
            "wrong tokens of an address in a minute, before it is slowed",
        )?;
        line(f, "audit-entries", audit.done, "of each audit log")?;
        line(f, "audit-refused", audit.refused, "beside them")?;
        line(f, "audit-days", audit.days, "that both are kept")?;
        line(f, "body-bytes", body_bytes, "of one webhook body")?;
        line(f, "bodies-bytes", bodies_bytes, "of all bodies at once")?;
        let note = "of one form with files";
        line(f, "upload-bytes", uploads.request_bytes, note)?;
        let note = "of all files of a workspace";
        line(f, "files-bytes", uploads.workspace_bytes, note)?;
        line(
            f,
            "memory",
            memory,
            "of all runs, calls and bodies; by default half of what there is",
        )?;
        for (name, time, note) in [
            ("head-timeout", head_timeout, "idle, or slow to send a head"),
            ("body-timeout", body_timeout, "slow to send a webhook body"),
            ("write-timeout", write_timeout, "slow to read a response"),
            (
                "grace",
                grace,
                "that a shutdown waits for what is under way",
            ),
        ] {
            line(f, name, format_args!("\"{time:?}\""), note)?;
        }
        line(f, "log", format_args!("{log:?}"), "")?;
        line(
            f,
            "log-format",
            if *log_json { "\"json\"" } else { "\"text\"" },
            "",
        )?;
        writeln!(
            f,
            "\n# limits and retry policy of a step that `step add` names none for"
        )?;
        let (retry, longest) = (RetryPolicy::default(), RetryPolicy::MOST);
        let step = limits::StepLimits::default();
        let most = limits::StepLimits::MOST;
        for (name, value, most) in [
            ("step.fuel", step.fuel, most.fuel),
            ("step.memory", step.memory, most.memory),
            ("step.timeout-ms", step.timeout_ms, most.timeout_ms),
            (
                "step.retry.attempts",
                retry.attempts.into(),
                longest.attempts.into(),
            ),
            ("step.retry.first-ms", retry.first_ms, longest.first_ms),
            (
                "step.retry.factor",
                retry.factor.into(),
                longest.factor.into(),
            ),
            ("step.retry.cap-ms", retry.cap_ms, longest.cap_ms),
        ] {
            line(f, name, value, format_args!("at most {most}"))?;
        }
        writeln!(f, "\n# bounds of this version")?;
        for (name, value, note) in fixed::fixed() {
            line(f, name, value, note)?;
        }
        Ok(())
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: impl fmt::Display,
    note: impl fmt::Display,
) -> fmt::Result {
    let note = note.to_string();
    if note.is_empty() {
        writeln!(f, "{name} = {value}")
    } else {
        writeln!(f, "{:<40} # {note}", format!("{name} = {value}"))
    }
}

#[cfg(test)]
mod tests;
