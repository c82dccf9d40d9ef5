//! The checks of a server's certificate.

use std::fs::File;
use std::io::{self, Read as _};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_platform_verifier::Verifier;

use super::super::error::OpenError;

/// The longest file of authorities that is read, in bytes.
const FILE_BYTES: u64 = 4 << 20;
/// The name of the system's authorities.
const SYSTEM: &str = "system";
/// The protocol name of PostgreSQL 17 (ALPN); older ones ignore it.
const PROTOCOL: &[u8] = b"postgresql";

/// Which checks a certificate must pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verification {
    /// Nothing: any certificate is taken for the server's.
    None,
    /// That an authority has signed it.
    Authority,
    /// And that it is the host's.
    Full,
}

/// TLS 1.2 and 1.3 with that verification.
pub(super) fn config(
    verification: Verification,
    root: Option<&str>,
) -> Result<ClientConfig, OpenError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let check = Check {
        chain: chain(verification, root, &provider)?,
        checks_name: verification == Verification::Full,
        algorithms: provider.signature_verification_algorithms,
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| OpenError::Tls(error.to_string()))?;
    let mut config = builder
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(check))
        .with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    Ok(config)
}

/// Looks for an authority that has signed a certificate.
fn chain(
    verification: Verification,
    root: Option<&str>,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ServerCertVerifier>>, OpenError> {
    if verification == Verification::None {
        return Ok(None);
    }
    let Some(path) = root.filter(|root| *root != SYSTEM) else {
        let system = Verifier::new(provider.clone());
        let system = system.map_err(|error| OpenError::RootCertificates {
            path: "of the system".into(),
            reason: format!("{error}; install the package ca-certificates, or name a file"),
        })?;
        return Ok(Some(Arc::new(system)));
    };
    let unfit = |reason: String| OpenError::RootCertificates {
        path: path.to_owned(),
        reason,
    };
    let mut pem = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES).read_to_end(&mut pem))
        .map_err(|error| unfit(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| unfit(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| unfit(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unfit(
            "the file must hold certificates of authorities in PEM form".into(),
        ));
    }
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier = verifier.build().map_err(|error| unfit(error.to_string()))?;
    Ok(Some(verifier))
}

/// Looks at a certificate as far as is asked for. Signatures of the handshake are verified in any case.
#[derive(Debug)]
struct Check {
    chain: Option<Arc<dyn ServerCertVerifier>>,
    checks_name: bool,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for Check {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else {
            return Ok(ServerCertVerified::assertion());
        };
        match chain.verify_server_cert(end, intermediates, name, ocsp, now) {
            // The name is looked at last: all else is in order.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.checks_name => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Why a handshake failed, and what would be right.
pub(super) fn reason(error: &io::Error) -> String {
    let source = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<Error>());
    match source {
        Some(Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
            "the server's certificate is not signed by an authority of sslrootcert (or, without that, of the system); name the file with the certificate of its authority".into()
        }
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => "the server's certificate is for another host name; use the name that it is for, with hostaddr for its address if need be, or sslmode=verify-ca".into(),
        Some(Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        )) => "the server's certificate has expired".into(),
        Some(other) => other.to_string(),
        None => error.to_string(),
    }
}
