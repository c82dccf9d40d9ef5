//! How a webhook knows its senders: what its owner has set of it. What a provider's requests look like is
//! not here but in the crate `stepwell-signature`.

use std::fmt;

use ipnet::IpNet;

use super::clock::Millis;
use super::ids::{ConfigKey, IdError};
use super::limits;

/// The provider of a webhook that takes every request.
pub const NONE: &str = "none";
/// The provider of a webhook whose scheme its owner has described.
pub const CUSTOM: &str = "custom";

/// How a webhook's requests are verified. By default they are not.
#[derive(Clone, PartialEq, Eq)]
pub struct Authentication {
    /// A provider's name, [`CUSTOM`] or [`NONE`].
    pub provider: String,
    /// With [`CUSTOM`]: the scheme (`stepwell_signature::Scheme`), JSON text.
    pub scheme: Option<String>,
    /// The newest first.
    pub secrets: Vec<WebhookSecret>,
    /// The verify token that the sender repeats when it asks whether the webhook is wanted, sealed by the vault.
    pub verify_token: Option<Vec<u8>>,
    /// The networks that may send; every one if there is none.
    pub allow_ips: Vec<IpNet>,
    /// The greatest age of a request in seconds, if it is another than the scheme's.
    pub tolerance_seconds: Option<u32>,
}

/// A secret of a webhook.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookSecret {
    /// Its id, base62, not secret.
    pub id: String,
    /// When it was added.
    pub added: Millis,
    /// From when on it is not valid any more.
    pub expires: Option<Millis>,
    /// The secret, sealed by the vault.
    pub sealed: Vec<u8>,
}

impl WebhookSecret {
    /// Whether it is not valid any more.
    pub fn has_expired(&self, now: Millis) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Default for Authentication {
    fn default() -> Self {
        Self {
            provider: NONE.to_owned(),
            scheme: None,
            secrets: Vec::new(),
            verify_token: None,
            allow_ips: Vec::new(),
            tolerance_seconds: None,
        }
    }
}

impl fmt::Debug for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authentication")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

/// The part of [`place`] that stands for a verify token.
pub const VERIFY_TOKEN: &str = "verify-token";

/// What the vault ties a webhook's secret to, and what its digest is made with: the webhook's id, and the
/// secret's or [`VERIFY_TOKEN`].
///
/// # Errors
/// If an id is none.
pub fn place(webhook: &str, secret: &str) -> Result<ConfigKey, IdError> {
    format!("webhook.{webhook}.{secret}").parse()
}

/// Why a webhook's authentication cannot be so. No text holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuthenticationError {
    /// There is no such provider.
    #[error("there is no provider `{name}`; {hint}")]
    UnknownProvider {
        /// As it was given, cut.
        name: String,
        /// The nearest one, or how to see them all.
        hint: String,
    },
    /// `custom` without a scheme.
    #[error("the provider `custom` needs a scheme: say where the signature or token stands")]
    SchemeMissing,
    /// A scheme that nothing asks for.
    #[error(
        "a scheme is given, and the provider is `{0}`; a scheme goes with the provider `custom`"
    )]
    SchemeNotCustom(String),
    /// The scheme is none.
    #[error("the scheme is wrong: {0}")]
    Scheme(String),
    /// The scheme is longer than any should be.
    #[error("the scheme has {0} bytes, and at most {most} are allowed", most = limits::SCHEME_BYTES)]
    SchemeTooLong(usize),
    /// The secret is none of the scheme.
    #[error("{0}")]
    Secret(String),
    /// The secret is longer than any should be.
    #[error("the secret has {0} bytes, and at most {most} are allowed", most = limits::WEBHOOK_SECRET_BYTES)]
    SecretTooLong(usize),
    /// The secrets that are there are none of the new scheme.
    #[error(
        "the webhook's secrets are none of `{provider}` ({problem}); give the new secret with the provider"
    )]
    SecretsUnfit {
        /// The new provider.
        provider: String,
        /// What is wrong with one of them.
        problem: String,
    },
    /// As many as may be are there.
    #[error("the webhook has {most} secrets already; delete one first, or rotate", most = limits::WEBHOOK_SECRETS)]
    TooManySecrets,
    /// An overlap out of its range.
    #[error("an overlap of {0} seconds is too long; at most {most} are allowed", most = limits::SECRET_OVERLAP_SECONDS)]
    Overlap(u64),
    /// As many former keys as may be find the webhook.
    #[error(
        "{most} former URLs of the webhook still work; wait until one ends, or end all of them with an overlap of 0 seconds",
        most = limits::WEBHOOK_KEYS
    )]
    TooManyKeys,
    /// The provider asks no question with such a token.
    #[error("`{0}` has no verify token: it asks no question that repeats one")]
    NoVerifyToken(String),
    /// The verify token is none.
    #[error("the verify token is wrong: {0}")]
    VerifyToken(String),
    /// The scheme has no timestamp.
    #[error("`{0}` signs no timestamp, so that no age can be bounded")]
    NoTimestamp(String),
    /// A tolerance out of its range.
    #[error("a tolerance of {0} seconds cannot be; it must be 1 to {most}", most = limits::TOLERANCE_SECONDS)]
    Tolerance(u64),
    /// No network.
    #[error("`{0}` is no network: write an address or a CIDR, e.g. 192.0.2.7 or 2001:db8::/32")]
    Network(String),
    /// More networks than may be.
    #[error("{0} networks are too many; at most {most} are allowed", most = limits::ALLOWED_NETWORKS)]
    TooManyNetworks(usize),
}

impl AuthenticationError {
    /// The member of the API that is wrong.
    pub fn field(&self) -> &'static str {
        match self {
            Self::UnknownProvider { .. } => "provider",
            Self::SchemeMissing
            | Self::SchemeNotCustom(_)
            | Self::Scheme(_)
            | Self::SchemeTooLong(_) => "scheme",
            Self::Secret(_)
            | Self::SecretTooLong(_)
            | Self::SecretsUnfit { .. }
            | Self::TooManySecrets => "secret",
            Self::Overlap(_) | Self::TooManyKeys => "overlap_seconds",
            Self::NoVerifyToken(_) | Self::VerifyToken(_) => "verify_token",
            Self::NoTimestamp(_) | Self::Tolerance(_) => "tolerance_seconds",
            Self::Network(_) | Self::TooManyNetworks(_) => "allow_ips",
        }
    }
}

/// Networks that may send, as they are written: CIDRs and addresses.
///
/// # Errors
/// [`AuthenticationError::Network`] for the first that is none, [`AuthenticationError::TooManyNetworks`].
pub fn networks<T: AsRef<str>>(texts: &[T]) -> Result<Vec<IpNet>, AuthenticationError> {
    if texts.len() > limits::ALLOWED_NETWORKS {
        return Err(AuthenticationError::TooManyNetworks(texts.len()));
    }
    texts.iter().map(|text| network(text.as_ref())).collect()
}

/// One network: a CIDR, or an address for itself alone.
///
/// # Errors
/// [`AuthenticationError::Network`].
pub fn network(text: &str) -> Result<IpNet, AuthenticationError> {
    let net = text.parse::<IpNet>();
    let net = net.or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
    let wrong = |_| AuthenticationError::Network(text.chars().take(60).collect());
    net.map(|net| net.trunc()).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_cidrs_or_addresses() {
        for (text, net) in [
            ("10.1.2.3/8", "10.0.0.0/8"),
            ("192.0.2.7", "192.0.2.7/32"),
            ("2001:db8::1/32", "2001:db8::/32"),
            ("::1", "::1/128"),
        ] {
            assert_eq!(network(text).unwrap().to_string(), net);
        }
        for wrong in ["", "10.0.0.0/33", "example.com", "10.0.0", "10.0.0.1:80"] {
            let error = network(wrong).unwrap_err();
            assert_eq!((error.field(), wrong.len() < 60), ("allow_ips", true));
            assert!(error.to_string().contains("CIDR"), "{error}");
        }
        let many = vec!["10.0.0.1"; limits::ALLOWED_NETWORKS + 1];
        assert!(networks(&many).is_err());
    }

    #[test]
    fn nothing_of_a_secret_is_printed() {
        let authentication = Authentication {
            verify_token: Some(vec![77; 4]),
            ..Authentication::default()
        };
        assert_eq!(
            format!("{authentication:?}"),
            "Authentication { provider: \"none\", .. }"
        );
    }
}
