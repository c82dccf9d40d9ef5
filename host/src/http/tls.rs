//! The listener's certificate and key, read again when their files change.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::domain::blocking::spawn_blocking;
use crate::domain::clock::Clock;
use crate::settings::TlsFiles;

/// The protocols that a client may choose by ALPN (RFC 7301), preferred first.
pub(super) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";
/// The longest certificate or key file that is read, in bytes.
const FILE_BYTES: u64 = 1 << 20;
/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{flag} {path}: {source}")]
    Unreadable {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{flag} {path}: {reason}")]
    Unfit {
        /// The flag that names it.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The two do not belong together, or the key is of a kind that TLS does not take.
    #[error("--tls-cert {certificate} and --tls-key {key} cannot be used together: {source}")]
    Pair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// No version of TLS.
    #[error("TLS cannot be set up: {0}")]
    Setup(rustls::Error),
}

/// TLS 1.2 and 1.3 for the listener.
#[derive(Debug, Clone)]
pub struct Tls {
    pub(super) config: Arc<ServerConfig>,
    pub(super) certificate: Arc<Certificate>,
}

impl Tls {
    /// Reads both files. Blocks on the disk.
    ///
    /// # Errors
    /// [`TlsError`]; each names the flag and the file.
    pub fn open(files: TlsFiles) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let certificate = Arc::new(Certificate {
            current: RwLock::new(Arc::new(read(&files, &provider)?)),
            provider: provider.clone(),
            files,
        });
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(certificate.clone());
        config.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        Ok(Self {
            config: Arc::new(config),
            certificate,
        })
    }
}

/// The certificate that new connections get.
#[derive(Debug)]
pub(super) struct Certificate {
    files: TlsFiles,
    current: RwLock<Arc<CertifiedKey>>,
    provider: Arc<CryptoProvider>,
}

impl Certificate {
    /// Looks at the files, by this clock, for as long as it is polled. A changed pair is taken when it has stayed the same from one
    /// look to the next, since two files are not replaced at one instant. One that cannot be used is logged, and
    /// the old one stays.
    pub(super) async fn follow(self: Arc<Self>, clock: Arc<dyn Clock>) {
        let mut taken = self.marks();
        let mut before = taken;
        loop {
            clock.sleep(LOOK_EVERY).await;
            let now = self.marks();
            let steady = now == std::mem::replace(&mut before, now);
            if !steady || now == taken {
                continue;
            }
            taken = now;
            let this = self.clone();
            let read = spawn_blocking(move || read(&this.files, &this.provider));
            match read.await {
                Ok(Ok(key)) => {
                    *self.current.write() = Arc::new(key);
                    tracing::info!(
                        certificate = %self.files.certificate.display(),
                        "the changed certificate is in use"
                    );
                }
                Ok(Err(error)) => tracing::error!(
                    %error,
                    "the changed certificate cannot be used; the old one stays in use"
                ),
                Err(_) => return,
            }
        }
    }

    fn marks(&self) -> [Option<Mark>; 2] {
        [&self.files.certificate, &self.files.key]
            .map(|path| Some(Mark::of(&path.metadata().ok()?)))
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.read().clone())
    }
}

/// Tells a file's state from a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl Mark {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            bytes: metadata.len(),
            seconds: metadata.mtime(),
            nanoseconds: metadata.mtime_nsec(),
        }
    }
}

fn read(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let TlsFiles { certificate, key } = files;
    let chain = CertificateDer::pem_slice_iter(&text("--tls-cert", certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unfit("--tls-cert", certificate, "certificates", &error))?;
    if chain.is_empty() {
        let none = pem::Error::NoItemsFound;
        return Err(unfit("--tls-cert", certificate, "a certificate", &none));
    }
    let secret = PrivateKeyDer::from_pem_slice(&text("--tls-key", key)?).map_err(|error| {
        unfit(
            "--tls-key",
            key,
            "a private key without a passphrase",
            &error,
        )
    })?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|source| TlsError::Pair {
        certificate: certificate.clone(),
        key: key.clone(),
        source,
    })
}

fn text(flag: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES).read_to_end(&mut bytes))
        .map(|_| bytes)
        .map_err(|source| TlsError::Unreadable {
            flag,
            path: path.to_owned(),
            source,
        })
}

fn unfit(flag: &'static str, path: &Path, expected: &str, error: &pem::Error) -> TlsError {
    let reason = match error {
        pem::Error::NoItemsFound => format!("the file must hold {expected} in PEM form"),
        error => format!("{error}; the file must hold {expected} in PEM form"),
    };
    TlsError::Unfit {
        flag,
        path: path.to_owned(),
        reason,
    }
}
