//! The flags of `serve` about how connections reach the server.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::settings::{NoNetwork, ProxyHeader, ProxySettings, Settings, TlsFiles, TrustedNetwork};

/// What `serve` takes about the network.
#[derive(Debug, Args)]
pub struct NetworkArgs {
    /// Speak HTTPS with this certificate: a PEM file, the chain behind it; read again when it changes
    #[arg(
        long,
        env = "STEPWELL_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key: a PEM file without a passphrase
    #[arg(
        long,
        env = "STEPWELL_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    tls_key: Option<PathBuf>,
    /// Believe this proxy, or those of this network, which client it connects for; repeatable
    #[arg(
        long,
        env = "STEPWELL_TRUSTED_PROXY",
        value_name = "NETWORK",
        value_delimiter = ',',
        value_parser = check_network
    )]
    trusted_proxy: Vec<String>,
    /// How these proxies name their client
    #[arg(
        long,
        env = "STEPWELL_PROXY_HEADER",
        value_name = "HEADER",
        default_value = "x-forwarded-for"
    )]
    proxy_header: HeaderArg,
}

/// [`ProxyHeader`] as a flag takes it.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum HeaderArg {
    /// The header field X-Forwarded-For
    XForwardedFor,
    /// The header field Forwarded (RFC 7239)
    Forwarded,
    /// Version 2 of the PROXY protocol
    ProxyProtocol,
}

/// The variable, set and empty, gives one empty text.
fn check_network(text: &str) -> Result<String, NoNetwork> {
    if !text.is_empty() {
        text.parse::<TrustedNetwork>()?;
    }
    Ok(text.to_owned())
}

impl NetworkArgs {
    pub(super) fn set(&self, settings: &mut Settings) {
        settings.tls = match (&self.tls_cert, &self.tls_key) {
            // Both variables, set and empty, are as if they were not set.
            (Some(certificate), Some(key)) if !certificate.as_os_str().is_empty() => {
                Some(TlsFiles {
                    certificate: certificate.clone(),
                    key: key.clone(),
                })
            }
            _ => None,
        };
        settings.proxies = ProxySettings {
            trusted: self
                .trusted_proxy
                .iter()
                .filter_map(|text| text.parse().ok())
                .collect(),
            header: match self.proxy_header {
                HeaderArg::XForwardedFor => ProxyHeader::XForwardedFor,
                HeaderArg::Forwarded => ProxyHeader::Forwarded,
                HeaderArg::ProxyProtocol => ProxyHeader::ProxyProtocol,
            },
        };
    }
}
