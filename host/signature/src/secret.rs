//! Secrets: read once, checked when they are read, never printed.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::signature::{self as keys, ParsedPublicKey};
use aws_lc_rs::{constant_time, digest, hmac};
use data_encoding::HEXLOWER_PERMISSIVE;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::encoding::pasted_base64;
use crate::jwt::JwtAlgorithm;
use crate::scheme::{Algorithm, Check, Scheme};

/// How the text that the user pastes becomes a key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretForm {
    /// How the key is written.
    #[serde(default)]
    pub encoding: SecretEncoding,
    /// What the text must begin with, and the key does not, as `whsec_`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// How a key is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SecretEncoding {
    /// The text's bytes are the key.
    #[default]
    Text,
    /// Hexadecimal digits.
    Hex,
    /// Base64 of either alphabet, with padding or without.
    Base64,
}

/// Why a text is not a secret of a scheme. Does not hold the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing, or nothing behind the prefix.
    #[error("the secret is empty")]
    Empty,
    /// Copied with something around it.
    #[error("the secret begins or ends with white space")]
    WhiteSpace,
    /// The text does not begin as it must, or what follows is not encoded as it must be.
    #[error("{}", form(.prefix.as_deref(), .encoding))]
    Form {
        /// What it must begin with.
        prefix: Option<String>,
        /// How the rest is written, in words.
        encoding: &'static str,
    },
    /// A public key was expected.
    #[error(
        "the key is no {algorithm} public key: expected PEM (`BEGIN PUBLIC KEY`), base64 or hex of it"
    )]
    PublicKey {
        /// The algorithm's name.
        algorithm: &'static str,
    },
    /// User and password were expected.
    #[error("the secret has the form `user:password`")]
    UserPassword,
    /// The scheme checks nothing.
    #[error("this scheme takes no secret")]
    NotNeeded,
}

fn form(prefix: Option<&str>, encoding: &str) -> String {
    match prefix {
        Some(prefix) => format!("the secret begins with `{prefix}`, and the rest is {encoding}"),
        None => format!("the secret is {encoding}"),
    }
}

/// One secret, ready to verify with. `Debug` prints nothing of it.
pub struct Secret {
    pub(crate) material: Material,
    /// The key's bytes; the text itself for tokens, users and public keys.
    pub(crate) raw: Zeroizing<Vec<u8>>,
}

pub(crate) enum Material {
    Hmac(Box<hmac::Key>),
    Public(ParsedPublicKey),
    /// Compared or hashed as it is.
    Plain,
}

impl Secret {
    /// Reads the secret that a user pasted for this scheme. A public key may be PEM or the base64 of
    /// its `SubjectPublicKeyInfo`, an Ed25519 key also the base64 or hex of its 32 bytes.
    ///
    /// # Errors
    ///
    /// What the text should have been.
    pub fn parse(scheme: &Scheme, text: &str) -> Result<Self, SecretError> {
        if text.trim().is_empty() {
            return Err(SecretError::Empty);
        }
        match &scheme.check {
            Check::None => Err(SecretError::NotNeeded),
            Check::Basic if text.find(':').is_none_or(|at| at == 0) => {
                Err(SecretError::UserPassword)
            }
            Check::Basic | Check::Token(_) => Self::plain(text),
            Check::Jwt(jwt) if jwt.keys.is_some() => Self::plain(text),
            Check::Signature(signature) if signature.certificate.is_some() => Self::plain(text),
            Check::Jwt(jwt) => match jwt.algorithm {
                JwtAlgorithm::Hs256 => Self::hmac(&jwt.secret, text, hmac::HMAC_SHA256),
                JwtAlgorithm::Hs512 => Self::hmac(&jwt.secret, text, hmac::HMAC_SHA512),
                JwtAlgorithm::Rs256 => Self::public(text, &keys::RSA_PKCS1_2048_8192_SHA256, "RSA"),
                JwtAlgorithm::Es256 => Self::public(text, &keys::ECDSA_P256_SHA256_FIXED, "P-256"),
                JwtAlgorithm::EdDsa => Self::public(text, &keys::ED25519, "Ed25519"),
            },
            Check::Signature(signature) => {
                let form = &signature.secret;
                match signature.algorithm {
                    Algorithm::HmacSha1 => {
                        Self::hmac(form, text, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY)
                    }
                    Algorithm::HmacSha256 => Self::hmac(form, text, hmac::HMAC_SHA256),
                    Algorithm::HmacSha512 => Self::hmac(form, text, hmac::HMAC_SHA512),
                    Algorithm::Sha256OfSecretAndContent => Ok(Self {
                        material: Material::Plain,
                        raw: key(form, text)?,
                    }),
                    Algorithm::Ed25519 => {
                        Self::public(after_prefix(form, text)?, &keys::ED25519, "Ed25519")
                    }
                    Algorithm::EcdsaP256Sha256 => Self::public(
                        after_prefix(form, text)?,
                        &keys::ECDSA_P256_SHA256_ASN1,
                        "P-256",
                    ),
                    Algorithm::RsaSha256 | Algorithm::RsaSha1 => Self::public(
                        after_prefix(form, text)?,
                        &keys::RSA_PKCS1_2048_8192_SHA256,
                        "RSA",
                    ),
                }
            }
        }
    }

    fn plain(text: &str) -> Result<Self, SecretError> {
        let raw = key(&SecretForm::default(), text)?;
        Ok(Self {
            material: Material::Plain,
            raw,
        })
    }

    fn hmac(
        form: &SecretForm,
        text: &str,
        algorithm: hmac::Algorithm,
    ) -> Result<Self, SecretError> {
        let raw = key(form, text)?;
        Ok(Self {
            material: Material::Hmac(Box::new(hmac::Key::new(algorithm, &raw))),
            raw,
        })
    }

    fn public(
        text: &str,
        algorithm: &'static dyn keys::VerificationAlgorithm,
        name: &'static str,
    ) -> Result<Self, SecretError> {
        let text = text.trim();
        let packed: String = match text.strip_prefix("-----BEGIN PUBLIC KEY-----") {
            Some(rest) => rest
                .split("-----END")
                .next()
                .unwrap_or_default()
                .split_whitespace()
                .collect(),
            None => text.to_owned(),
        };
        // The 64 digits of a raw key in hex are base64, too, but of no key's length.
        let hex = HEXLOWER_PERMISSIVE.decode(packed.as_bytes()).ok();
        [hex, pasted_base64(&packed)]
            .into_iter()
            .flatten()
            .find_map(|bytes| ParsedPublicKey::new(algorithm, &bytes).ok())
            .map(|public| Self {
                material: Material::Public(public),
                raw: Zeroizing::new(text.into()),
            })
            .ok_or(SecretError::PublicKey { algorithm: name })
    }

    /// Whether the token is this one; takes the same time for each token of the same length.
    pub(crate) fn is(&self, token: &[u8]) -> bool {
        let ours = digest::digest(&digest::SHA256, &self.raw);
        let theirs = digest::digest(&digest::SHA256, token);
        constant_time::verify_slices_are_equal(ours.as_ref(), theirs.as_ref()).is_ok()
    }
}

fn after_prefix<'t>(form: &SecretForm, text: &'t str) -> Result<&'t str, SecretError> {
    let Some(prefix) = &form.prefix else {
        return Ok(text);
    };
    text.trim()
        .strip_prefix(prefix.as_str())
        .ok_or_else(|| wrong(form))
}

fn key(form: &SecretForm, text: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    if text.trim() != text {
        return Err(SecretError::WhiteSpace);
    }
    let rest = after_prefix(form, text)?;
    let bytes = match form.encoding {
        SecretEncoding::Text => Some(rest.as_bytes().to_vec()),
        SecretEncoding::Hex => HEXLOWER_PERMISSIVE.decode(rest.as_bytes()).ok(),
        SecretEncoding::Base64 => pasted_base64(rest),
    };
    let bytes = Zeroizing::new(bytes.ok_or_else(|| wrong(form))?);
    if bytes.is_empty() {
        Err(SecretError::Empty)
    } else {
        Ok(bytes)
    }
}

fn wrong(form: &SecretForm) -> SecretError {
    let encoding = match form.encoding {
        SecretEncoding::Text => "text",
        SecretEncoding::Hex => "hexadecimal",
        SecretEncoding::Base64 => "base64",
    };
    SecretError::Form {
        prefix: form.prefix.clone(),
        encoding,
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secrets that are valid now: one, or an old and a new one while they are exchanged.
/// A copy shares the secrets.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    pub(crate) all: Vec<Arc<Secret>>,
    pub(crate) verify_token: Option<Arc<Secret>>,
}

impl Secrets {
    /// All that are valid. With none, each request is refused, unless the scheme is [`Check::None`].
    #[must_use]
    pub fn new(all: Vec<Secret>) -> Self {
        Self {
            all: all.into_iter().map(Arc::new).collect(),
            verify_token: None,
        }
    }

    /// Those of them at these places, from 0, and the text of [`Secrets::with_verify_token`]. They are shared with these.
    #[must_use]
    pub fn at(&self, is_wanted: impl Fn(usize) -> bool) -> Self {
        let wanted = self.all.iter().enumerate();
        let wanted = wanted.filter(|(place, _)| is_wanted(*place));
        Self {
            all: wanted.map(|(_, secret)| secret.clone()).collect(),
            verify_token: self.verify_token.clone(),
        }
    }

    /// The first one: the newest, where they are in that order.
    #[must_use]
    pub fn first(&self) -> Option<&Secret> {
        self.all.first().map(|secret| &**secret)
    }

    /// The text that a sender repeats when it asks whether the webhook is wanted; see
    /// [`Challenge::verify_token`](crate::Challenge::verify_token).
    ///
    /// # Errors
    ///
    /// If it is empty, or has white space around it.
    pub fn with_verify_token(mut self, text: &str) -> Result<Self, SecretError> {
        self.verify_token = Some(Secret::plain(text).and_then(|token| {
            if token.raw.is_empty() {
                Err(SecretError::Empty)
            } else {
                Ok(Arc::new(token))
            }
        })?);
        Ok(self)
    }
}

impl From<Secret> for Secrets {
    fn from(secret: Secret) -> Self {
        Self::new(vec![secret])
    }
}
