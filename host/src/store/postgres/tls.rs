//! TLS to the server, as libpq names it: `sslmode` and `sslrootcert` of the URL.
//!
//! | sslmode | encrypted | the certificate |
//! | --- | --- | --- |
//! | `disable` | no | |
//! | `prefer` (default) | if the server can | is not looked at |
//! | `require` | always | is not looked at, unless `sslrootcert` is given: then as `verify-ca` |
//! | `verify-ca` | always | must be signed by an authority of `sslrootcert` |
//! | `verify-full` | always | the same, and must be that of the host |
//!
//! A socket of the same machine is never encrypted. A password is bound to the server's certificate (SCRAM's
//! `tls-server-end-point`, RFC 5929), so that a server between the two cannot pass it on.

mod binding;
pub(super) mod handshake;
mod verify;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use self::handshake::HandshakeError;
use self::verify::Verification;
use super::error::OpenError;

/// The TLS options of a URL.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TlsOptions {
    mode: Mode,
    root: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    Disable,
    #[default]
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl TlsOptions {
    /// Takes the TLS options out of a URL, and leaves the others.
    ///
    /// # Errors
    /// [`OpenError::Url`] if `sslmode` is none.
    pub(super) fn take(url: &str) -> Result<(String, Self), OpenError> {
        let mut options = Self::default();
        let Some((place, query)) = url.split_once('?') else {
            return Ok((url.to_owned(), options));
        };
        let (mut rest, mut given) = (Vec::new(), None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = || percent_decode_str(value).decode_utf8_lossy().into_owned();
            match name {
                "sslmode" => given = Some(Mode::of(&value())?),
                "sslrootcert" => options.root = Some(value()).filter(|path| !path.is_empty()),
                _ => rest.push(pair),
            }
        }
        options.mode = match (given, options.root.as_deref()) {
            // As libpq has it: every owner of a domain gets a certificate of these authorities, so the name counts.
            (None, Some("system")) => Mode::VerifyFull,
            (Some(Mode::Prefer | Mode::Require | Mode::VerifyCa), Some("system"))
            | (Some(Mode::VerifyCa), None) => {
                return Err(OpenError::Url(
                    "the system's authorities need sslmode=verify-full: every site has a certificate of theirs; or name a \
                     file of your own with sslrootcert"
                        .into(),
                ));
            }
            (given, _) => given.unwrap_or_default(),
        };
        match rest.is_empty() {
            true => Ok((place.to_owned(), options)),
            false => Ok((format!("{place}?{}", rest.join("&")), options)),
        }
    }

    /// Nothing is encrypted.
    pub(super) fn none() -> Self {
        Self {
            mode: Mode::Disable,
            root: None,
        }
    }

    /// What tokio-postgres is to do.
    pub(super) fn ssl_mode(&self) -> SslMode {
        match self.mode {
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        }
    }

    /// Encrypts connections. Reads the file of authorities.
    ///
    /// # Errors
    /// [`OpenError::RootCertificates`], [`OpenError::Tls`].
    pub(super) fn connector(&self) -> Result<Connector, OpenError> {
        // It is ignored as libpq ignores it, and who gave it relies on it.
        if self.root.is_some() && matches!(self.mode, Mode::Disable | Mode::Prefer) {
            tracing::warn!(
                "sslrootcert is given, and the database's certificate is not checked: sslmode is disable or prefer; give sslmode=verify-full"
            );
        }
        let verification = match (self.mode, &self.root) {
            (Mode::Disable, _) => return Ok(Connector(None)),
            (Mode::Prefer, _) | (Mode::Require, None) => Verification::None,
            (Mode::Require | Mode::VerifyCa, _) => Verification::Authority,
            (Mode::VerifyFull, _) => Verification::Full,
        };
        let config = verify::config(verification, self.root.as_deref())?;
        Ok(Connector(Some(Arc::new(config))))
    }
}

impl Mode {
    fn of(text: &str) -> Result<Self, OpenError> {
        Ok(match text {
            "disable" => Self::Disable,
            "prefer" => Self::Prefer,
            "require" => Self::Require,
            "verify-ca" => Self::VerifyCa,
            "verify-full" => Self::VerifyFull,
            _ => {
                return Err(OpenError::Url(
                    "its sslmode is none of disable, prefer, require, verify-ca and verify-full"
                        .into(),
                ));
            }
        })
    }
}

/// Encrypts connections, if they are to be.
#[derive(Debug, Clone)]
pub(super) struct Connector(Option<Arc<ClientConfig>>);

/// Encrypts one connection.
pub(super) struct Handshake {
    config: Option<Arc<ClientConfig>>,
    host: String,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> MakeTlsConnect<S> for Connector {
    type Stream = Encrypted<S>;
    type TlsConnect = Handshake;
    type Error = HandshakeError;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, HandshakeError> {
        Ok(Handshake {
            config: self.0.clone(),
            host: host.to_owned(),
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send + 'static> TlsConnect<S> for Handshake {
    type Stream = Encrypted<S>;
    type Error = HandshakeError;
    type Future = Pin<Box<dyn Future<Output = Result<Encrypted<S>, HandshakeError>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let Self { config, host } = self;
            let failed = |reason: String| HandshakeError {
                host: host.clone(),
                reason,
            };
            let config = config.ok_or_else(|| failed("it is not wanted".into()))?;
            let name = ServerName::try_from(host.clone());
            let name = name.map_err(|_| failed("it is neither a name nor an address".into()))?;
            let connected = TlsConnector::from(config).connect(name, stream).await;
            let stream = connected.map_err(|error| failed(verify::reason(&error)))?;
            Ok(Encrypted(Box::new(stream)))
        })
    }
}

/// An encrypted connection.
pub(super) struct Encrypted<S>(Box<tokio_rustls::client::TlsStream<S>>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Encrypted<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        match certificate.and_then(|own| binding::end_point(own)) {
            Some(hash) => ChannelBinding::tls_server_end_point(hash),
            None => ChannelBinding::none(),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Encrypted<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Encrypted<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_url_says_of_tls_is_taken_out_of_it() {
        let of = |mode, root: Option<&str>| TlsOptions {
            mode,
            root: root.map(str::to_owned),
        };
        for (url, rest, options) in [
            ("postgres://h/d", "postgres://h/d", of(Mode::Prefer, None)),
            (
                "postgres://h/d?sslmode=disable",
                "postgres://h/d",
                of(Mode::Disable, None),
            ),
            (
                "postgres://h/d?a=b&sslmode=verify-full&sslrootcert=%2Fetc%2Fa%20b.pem&c=d",
                "postgres://h/d?a=b&c=d",
                of(Mode::VerifyFull, Some("/etc/a b.pem")),
            ),
            (
                "postgres://h/d?sslrootcert=system",
                "postgres://h/d",
                of(Mode::VerifyFull, Some("system")),
            ),
        ] {
            assert_eq!(TlsOptions::take(url).unwrap(), (rest.to_owned(), options));
        }
        for wrong in ["", "allow", "REQUIRE", "verify_full"] {
            let error = TlsOptions::take(&format!("postgres://h/d?sslmode={wrong}")).unwrap_err();
            assert!(error.to_string().contains("verify-full"), "{error}");
        }
    }
}
