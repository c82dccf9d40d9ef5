//! Where the database is, and how it is used.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};

use super::error::OpenError;
use super::looks::Looks;
use super::tls::{Connector, TlsOptions};
use crate::clock::system_now;
use crate::domain::audit::AuditBounds;
use crate::domain::clock::Millis;

/// How a store in PostgreSQL is opened.
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    pub(super) config: Config,
    /// Encrypts connections.
    pub(super) tls: Connector,
    /// The schema that the tables are in. Two clusters in one database have two.
    pub schema: String,
    /// The folder of the files that come with tasks. Nodes that share a database share it, too.
    pub blobs: PathBuf,
    /// How much of the audit log is kept.
    pub audit: AuditBounds,
    /// A file of this node alone with its number, by which its next start knows that it is gone.
    pub number_file: Option<PathBuf>,
    /// Where this node is reached, for others to see.
    pub url: String,
    /// How long runs may take to end in a partition that is given up.
    pub drain: Duration,
    /// The longest that a change of the setup may take, with its wait for others of this node.
    pub change: Duration,
    /// Whether all connections are made as the store is opened, so that it does not open where there are too few.
    pub connects_at_once: bool,
    /// For how long a node owns its partitions after the last sign of it.
    pub lease: Duration,
    /// This node's clock, milliseconds since 1970. It is only compared with the database's.
    pub now: fn() -> Millis,
    /// Those of all connections that are made with these settings.
    pub(super) looks: Arc<Looks>,
}

/// The lease of a node. It is renewed every fifth of it.
const LEASE: Duration = Duration::from_secs(5);
/// A run's own bound is 30 s by default, and a run that is cut off begins again with its recorded calls.
const DRAIN: Duration = Duration::from_secs(10);
/// Longer than a statement waits for a lock.
const CHANGE: Duration = Duration::from_secs(15);
/// How long it may take to reach the database.
const CONNECT: Duration = Duration::from_secs(3);

impl PostgresSettings {
    /// The database at this URL, with files in that folder.
    ///
    /// # Errors
    /// [`OpenError::Url`], [`OpenError::RootCertificates`], [`OpenError::Tls`].
    pub fn new(url: &str, blobs: PathBuf) -> Result<Self, OpenError> {
        let (url, tls) = TlsOptions::take(url)?;
        let config = Config::from_str(&url);
        let mut config = config.map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            OpenError::Url(source.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() {
            return Err(OpenError::Url("it names no host".into()));
        }
        let is_local = |host: &Host| matches!(host, Host::Unix(_));
        // With `hostaddr` the name of a socket is only a name.
        let has_addresses = !config.get_hostaddrs().is_empty();
        let tls = match !has_addresses && config.get_hosts().iter().all(is_local) {
            true => TlsOptions::none(),
            false => tls,
        };
        // Whatever the driver still finds of it was not read by `TlsOptions`.
        if config.get_ssl_mode() != SslMode::Prefer {
            return Err(OpenError::Url(
                "its sslmode cannot be read; write ? in a password as %3F".into(),
            ));
        }
        config.ssl_mode(tls.ssl_mode());
        let tls = tls.connector()?;
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT);
        }
        if config.get_application_name().is_none() {
            config.application_name("stepwell");
        }
        // A peer that is gone without a word is found out before its lease ends.
        config.tcp_user_timeout(LEASE);
        config.keepalives_idle(LEASE);
        Ok(Self {
            config,
            tls,
            schema: "stepwell".to_owned(),
            blobs,
            audit: AuditBounds::default(),
            number_file: None,
            url: String::new(),
            drain: DRAIN,
            change: CHANGE,
            connects_at_once: true,
            lease: LEASE,
            now: system_now,
            looks: Arc::default(),
        })
    }

    /// Refuses a schema's name that would have to be quoted.
    pub(super) fn check(&self) -> Result<(), OpenError> {
        let is_fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let name = &self.schema;
        if name.is_empty() || name.len() > 40 || !name.chars().all(is_fine) {
            return Err(OpenError::Schema(name.clone()));
        }
        Ok(())
    }
}
