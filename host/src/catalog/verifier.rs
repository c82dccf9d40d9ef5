//! Webhooks in memory, with their schemes read and their secrets decrypted.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;

use ipnet::IpNet;
use stepwell_schema::Schema;
use stepwell_signature::{Challenge, Check, Place, Scheme, Secret, Secrets, provider};

use super::compiled_schemas::compiled;
use super::error::CatalogError;
use crate::domain::authentication::{
    Authentication, AuthenticationError, CUSTOM, VERIFY_TOKEN, WebhookSecret, place,
};
use crate::domain::clock::Millis;
use crate::domain::ids::ConfigKey;
use crate::domain::limits;
use crate::domain::webhook::Webhook;
use crate::vault::Vault;

/// A webhook with its verifier and its compiled schema.
#[derive(Debug)]
pub struct LiveWebhook {
    webhook: Webhook,
    /// None if the webhook accepts every request.
    pub verifier: Option<Verifier>,
    /// Checks its documents; none if the webhook has no schema.
    pub compiled_schema: Option<Arc<Schema>>,
}

impl Deref for LiveWebhook {
    type Target = Webhook;

    fn deref(&self) -> &Webhook {
        &self.webhook
    }
}

impl PartialEq for LiveWebhook {
    fn eq(&self, other: &Self) -> bool {
        self.webhook == other.webhook
    }
}

/// Verifies a webhook's requests, by a scheme with secrets and by the sender's address.
pub struct Verifier {
    /// The provider whose requests it accepts, or `custom`.
    pub provider: Arc<str>,
    /// The provider's name for people.
    pub title: String,
    /// How they are verified.
    pub scheme: Scheme,
    /// The challenge that the sender sends before its first delivery.
    pub challenge: Option<Challenge>,
    /// How long the provider may repeat a delivery, in milliseconds; none if that is not known.
    pub window_ms: Option<Millis>,
    /// The secrets that are valid before each time, the earliest first; the last time is beyond all.
    secrets: Vec<(Millis, Secrets)>,
    allow_ips: Vec<IpNet>,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier")
            .field("provider", &self.provider)
            .finish_non_exhaustive()
    }
}

impl LiveWebhook {
    /// Opens a webhook as the store has it.
    ///
    /// # Errors
    /// [`CatalogError::Vault`]; [`CatalogError::Damaged`] if the stored settings contradict each other.
    pub(super) fn open(vault: &Vault, mut webhook: Webhook) -> Result<Arc<Self>, CatalogError> {
        let damaged = |error: &dyn std::fmt::Display| {
            CatalogError::Damaged(format!(
                "webhook `{}` of workspace `{}`: {error}",
                webhook.name, webhook.workspace
            ))
        };
        let authentication = &webhook.authentication;
        let verifier = if *authentication == Authentication::default() {
            None
        } else {
            let scheme = scheme(authentication).map_err(|error| damaged(&error))?;
            let secrets = secrets(vault, &webhook, &scheme)
                .map_err(|error| error.unless_vault(|error| damaged(&error)))?;
            let known = provider(&authentication.provider);
            Some(Verifier {
                provider: authentication.provider.as_str().into(),
                title: known
                    .map_or("the sender", |known| known.title.as_str())
                    .to_owned(),
                challenge: match known {
                    Some(known) => known.challenge.clone(),
                    None => scheme.challenge.as_deref().cloned(),
                },
                window_ms: known.map(|known| u64::from(known.dedup_hours) * 3_600_000),
                scheme,
                secrets,
                allow_ips: authentication.allow_ips.clone(),
            })
        };
        let compiled_schema = match &mut webhook.schema {
            Some(schema) => {
                let (text, schema_of_text) =
                    compiled(&schema.text).map_err(|error| damaged(&error))?;
                schema.text = text;
                Some(schema_of_text)
            }
            None => None,
        };
        Ok(Arc::new(Self {
            webhook,
            verifier,
            compiled_schema,
        }))
    }
}

impl Verifier {
    /// The secrets that are valid at a time.
    pub fn secrets(&self, now: Millis) -> &Secrets {
        let valid = self.secrets.iter().find(|(until, _)| now < *until);
        // There is always a last one.
        &valid.unwrap_or(&self.secrets[self.secrets.len() - 1]).1
    }

    /// Whether a sender at this address may send requests.
    pub fn allows(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.allow_ips.is_empty() || self.allow_ips.iter().any(|net| net.contains(&ip))
    }

    /// Whether the header field of this name, in lower case, holds the signature or token of a request.
    pub fn reads_secret(&self, header: &str) -> bool {
        let is_there = |place: &Place| matches!(place, Place::Header(name) if name.eq_ignore_ascii_case(header));
        match &self.scheme.check {
            Check::Signature(signature) => {
                is_there(&signature.at) || signature.or_at.iter().any(is_there)
            }
            Check::Jwt(jwt) => is_there(&jwt.at),
            Check::Token(token) => is_there(&token.at),
            Check::Basic | Check::None => false,
        }
    }

    /// Whether a form cannot be verified without its body. A form has no JSON that a delivery's id could stand in.
    pub fn reads_body(&self) -> bool {
        let is_there = |place: &Place| matches!(place, Place::Pointer(_));
        match &self.scheme.check {
            Check::Token(token) => is_there(&token.at),
            Check::Signature(_) | Check::Jwt(_) => true,
            Check::Basic | Check::None => false,
        }
    }

    /// Whether a form can be verified while it comes in: it has no JSON that anything is read from. A challenge by POST may
    /// stand in the body.
    pub fn is_verified_in_pieces(&self) -> bool {
        let challenge = self.challenge.as_ref();
        let by_post = challenge.is_some_and(|challenge| challenge.method == "POST");
        !by_post && self.scheme.is_verified_in_pieces()
    }

    /// Whether the secret itself stands in the body.
    pub fn reads_secret_in_body(&self) -> bool {
        match &self.scheme.check {
            Check::Token(token) => matches!(token.at, Place::Pointer(_)),
            Check::Jwt(jwt) => matches!(jwt.at, Place::Pointer(_)),
            Check::Signature(_) | Check::Basic | Check::None => false,
        }
    }

    /// The parameter of the URL's query that holds the secret itself, if it stands there.
    pub fn secret_parameter(&self) -> Option<&str> {
        match &self.scheme.check {
            Check::Token(token) => match &token.at {
                Place::Query(name) => Some(name),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The config key under which a webhook's secret is sealed. `secret` is the secret's id, or [`VERIFY_TOKEN`].
pub(super) fn secret_key(webhook: &str, secret: &str) -> Result<ConfigKey, CatalogError> {
    place(webhook, secret).map_err(|error| CatalogError::Damaged(format!("a secret's id: {error}")))
}

/// The scheme of some authentication settings.
///
/// # Errors
/// The error in the settings of a verification, secrets aside.
pub(super) fn scheme(set: &Authentication) -> Result<Scheme, AuthenticationError> {
    let mut scheme = match (set.provider.as_str(), &set.scheme) {
        (CUSTOM, None) => return Err(AuthenticationError::SchemeMissing),
        (CUSTOM, Some(text)) => custom(text)?,
        (name, Some(_)) => return Err(AuthenticationError::SchemeNotCustom(name.to_owned())),
        (name, None) => match provider(name) {
            Some(known) => known.scheme.clone(),
            None => return Err(unknown(name)),
        },
    };
    let Some(seconds) = set.tolerance_seconds else {
        return Ok(scheme);
    };
    if !(1..=limits::TOLERANCE_SECONDS).contains(&seconds) {
        return Err(AuthenticationError::Tolerance(seconds.into()));
    }
    let timed = match &mut scheme.check {
        Check::Signature(signature) => match &mut signature.timestamp {
            Some(timestamp) => {
                timestamp.tolerance_seconds = seconds;
                true
            }
            None => false,
        },
        Check::Jwt(jwt) => {
            jwt.tolerance_seconds = Some(seconds);
            true
        }
        Check::Token(_) | Check::Basic | Check::None => false,
    };
    if timed {
        Ok(scheme)
    } else {
        Err(AuthenticationError::NoTimestamp(set.provider.clone()))
    }
}

/// Checks the authentication settings of a webhook, with its secret and verify token in plain text.
///
/// # Errors
/// The first error in them.
pub fn check(
    set: &Authentication,
    text: Option<&str>,
    verify_token: Option<&str>,
) -> Result<(), AuthenticationError> {
    let scheme = scheme(set)?;
    if let Some(text) = text {
        secret(&set.provider, &scheme, text).map_err(AuthenticationError::Secret)?;
    }
    match verify_token {
        Some(text) => check_verify_token(&set.provider, text),
        None => Ok(()),
    }
}

/// Whether the provider's verification request carries a text that the user chooses.
pub(super) fn asks_with_token(name: &str) -> bool {
    provider(name).is_some_and(|known| known.verify_token.is_some())
}

/// Checks a verify token for a provider.
pub(super) fn check_verify_token(name: &str, text: &str) -> Result<(), AuthenticationError> {
    if !asks_with_token(name) {
        return Err(AuthenticationError::NoVerifyToken(name.to_owned()));
    }
    let checked = Secrets::default().with_verify_token(text);
    checked.map_err(|error| AuthenticationError::VerifyToken(error.to_string()))?;
    Ok(())
}

fn custom(text: &str) -> Result<Scheme, AuthenticationError> {
    if text.len() > limits::SCHEME_BYTES {
        return Err(AuthenticationError::SchemeTooLong(text.len()));
    }
    let wrong = |error: &dyn std::fmt::Display| AuthenticationError::Scheme(error.to_string());
    let scheme: Scheme = serde_json::from_str(text).map_err(|error| wrong(&error))?;
    scheme.check().map_err(|error| wrong(&error))?;
    Ok(scheme)
}

/// The error for an unknown provider, with the nearest name as a hint.
pub fn unknown(name: &str) -> AuthenticationError {
    let name: String = name.chars().take(80).collect();
    let all = stepwell_signature::providers().iter();
    let names = all.map(|one| one.name.as_str()).chain([CUSTOM]);
    let distance = |other: &&str| strsim::damerau_levenshtein(&name.to_lowercase(), other);
    let near = names.min_by_key(distance);
    let hint = match near {
        Some(near) if distance(&near) <= 1 + near.len() / 4 => format!("did you mean `{near}`?"),
        _ => "`stepwell provider list` shows those there are; `custom` takes a scheme of your own"
            .to_owned(),
    };
    AuthenticationError::UnknownProvider { name, hint }
}

/// Reads a secret for the scheme of that provider.
///
/// # Errors
/// The form that the secret should have.
pub(super) fn secret(name: &str, scheme: &Scheme, text: &str) -> Result<Secret, String> {
    match provider(name) {
        Some(known) => known.parse_secret(text),
        None => Secret::parse(scheme, text).map_err(|error| error.to_string()),
    }
}

/// Why secrets cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unopened {
    /// The vault does not decrypt one.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// One does not have the form that the scheme needs.
    #[error("{0}")]
    Unfit(String),
}

impl Unopened {
    /// An error of the vault stays; `other` converts the others.
    pub(super) fn unless_vault(self, other: impl FnOnce(String) -> CatalogError) -> CatalogError {
        match self {
            Self::Catalog(error) => error,
            Self::Unfit(problem) => other(problem),
        }
    }
}

/// The secrets that are valid before each time, the earliest first. All times share them.
pub(super) fn secrets(
    vault: &Vault,
    webhook: &Webhook,
    scheme: &Scheme,
) -> Result<Vec<(Millis, Secrets)>, Unopened> {
    let authentication = &webhook.authentication;
    let opened = |id: &str, sealed: &[u8]| -> Result<_, CatalogError> {
        Ok(vault.unseal(&webhook.workspace, &secret_key(&webhook.id, id)?, sealed)?)
    };
    let until = |secret: &WebhookSecret| secret.expires.unwrap_or(Millis::MAX);
    let mut times: Vec<Millis> = authentication.secrets.iter().map(until).collect();
    times.push(Millis::MAX);
    times.sort_unstable();
    times.dedup();
    let mut all = Vec::with_capacity(authentication.secrets.len());
    for one in &authentication.secrets {
        let text = opened(&one.id, &one.sealed)?;
        let read = secret(&authentication.provider, scheme, &text);
        all.push(read.map_err(Unopened::Unfit)?);
    }
    let mut all = Secrets::new(all);
    if let Some(sealed) = &authentication.verify_token {
        let text = opened(VERIFY_TOKEN, sealed)?;
        let with = all.with_verify_token(&text);
        all = with.map_err(|error| Unopened::Unfit(error.to_string()))?;
    }
    let valid = |time| all.at(|place| until(&authentication.secrets[place]) >= time);
    Ok(times.into_iter().map(|time| (time, valid(time))).collect())
}

/// Whether requests of that provider are not verified at all.
pub(super) fn is_none(scheme: &Scheme) -> bool {
    scheme.check == Check::None
}
