//! The description of how a sender's requests are verified.

use serde::{Deserialize, Serialize};

use crate::challenge::{Challenge, Condition};
use crate::content::{Content, Part};
use crate::encoding::Encoding;
use crate::format::Format;
use crate::jwt::Jwt;
use crate::keys::Certificate;
use crate::place::Place;
use crate::secret::{SecretEncoding, SecretForm};
use crate::timestamp::Timestamp;

/// How a sender's requests are verified, and where each says which delivery it is.
///
/// ```
/// let scheme: stepwell_signature::Scheme = serde_json::from_str(r#"{
///   "check": {"signature": {
///     "algorithm": "hmac-sha256",
///     "at": {"header": "x-acme-signature"},
///     "format": {"pairs": {"separator": ",", "key": "v1"}},
///     "encoding": "hex",
///     "content": "{timestamp}.{body}",
///     "timestamp": {"at": {"pair": "t"}}
///   }},
///   "delivery_id": {"pointer": "/id"}
/// }"#)?;
/// scheme.check()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scheme {
    /// What is checked.
    pub check: Check,
    /// Where the id of the delivery stands: the same for each attempt to deliver it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_id: Option<Place>,
    /// The question that the sender asks before it sends, if it is described here; that of a
    /// [`Provider`](crate::Provider) stands beside its scheme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<Box<Challenge>>,
}

/// What is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Check {
    /// A signature of the request.
    Signature(Box<Signature>),
    /// A JSON Web Token (RFC 7519) with a digest of the body.
    Jwt(Jwt),
    /// A token that both sides know. It says who sends, and nothing of what is sent.
    Token(Token),
    /// User and password (RFC 7617). The secret is `user:password`.
    Basic,
    /// Nothing: each request is taken.
    None,
}

/// A signature of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// How it is computed.
    pub algorithm: Algorithm,
    /// How else it may be computed, for senders that say which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub or_algorithm: Option<OtherAlgorithm>,
    /// Where the public key is published that verifies it. The secret is then no key: it says for whom the request is,
    /// as part of the content or in the place `secret_at`, because the sender signs for all its customers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
    /// Where the secret must stand, if it is no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_at: Option<Place>,
    /// Where it stands.
    pub at: Place,
    /// Where else it may stand, for senders that write one header a secret.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub or_at: Vec<Place>,
    /// How the value there is laid out.
    #[serde(default)]
    pub format: Format,
    /// How the signature's bytes are written.
    pub encoding: Encoding,
    /// How the secret's text becomes a key. Public keys need no encoding; see [`Secret::parse`](crate::Secret::parse).
    #[serde(default)]
    pub secret: SecretForm,
    /// What is signed.
    pub content: Content,
    /// When it was signed. Without it a request can be replayed at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// A digest of the body that the content holds, for senders that sign that instead of the body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_hash: Option<BodyHash>,
    /// Must be true if the content does not cover the body: a part of it can then be forged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Where nothing may stand, because a reader would take it for signed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub absent: Vec<Place>,
}

/// An algorithm that a request names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherAlgorithm {
    /// What names it.
    pub when: Condition,
    /// Which.
    pub algorithm: Algorithm,
}

/// How a signature is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// HMAC (RFC 2104) with SHA-1.
    HmacSha1,
    /// HMAC with SHA-256.
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
    /// SHA-256 of the secret followed by the content. Weak: something can be appended to a signed
    /// content without the secret. Only for senders that offer no other.
    Sha256OfSecretAndContent,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// ECDSA on P-256 with SHA-256, the signature in DER.
    EcdsaP256Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, keys of 2048 to 8192 bits.
    RsaSha256,
    /// RSASSA-PKCS1-v1_5 with SHA-1. Only with a [published key](crate::Certificate), for senders that offer no other.
    RsaSha1,
}

impl Algorithm {
    /// Whether the receiver holds a public key instead of a secret.
    #[must_use]
    pub const fn is_asymmetric(self) -> bool {
        matches!(
            self,
            Self::Ed25519 | Self::EcdsaP256Sha256 | Self::RsaSha256 | Self::RsaSha1
        )
    }
}

/// A digest of the body that stands beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyHash {
    /// Where the SHA-256 of the raw body stands.
    pub at: Place,
    /// How it is written.
    pub encoding: Encoding,
    /// Whether a form, whose fields are signed as `{params}`, needs no digest.
    #[serde(default)]
    pub optional_for_forms: bool,
}

/// A token that both sides know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// Where it stands.
    pub at: Place,
    /// What stands before it, as `Bearer ` does. Compared without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
}

/// Why a description cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemeError {
    /// A place has no name, or is no JSON pointer.
    #[error("{place}: {problem}")]
    Place {
        /// The place, in words.
        place: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The content holds neither the body nor a digest of it.
    #[error(
        "the signed content does not cover the body; set `partial: true` if the sender signs only a part of the request"
    )]
    BodyNotSigned,
    /// The timestamp protects nothing, because another can be put in its place.
    #[error("the timestamp is not signed: put `{{timestamp}}` into the content")]
    TimestampNotSigned,
    /// `{timestamp}` is in the content, and no place says where it stands.
    #[error("the content has `{{timestamp}}`, and `timestamp` does not say where it stands")]
    NoTimestamp,
    /// `{id}` is in the content, and no place says where it stands.
    #[error("the content has `{{id}}`, and `delivery_id` does not say where it stands")]
    NoDeliveryId,
    /// A pair can only be the timestamp of a signature that is laid out as pairs.
    #[error("`pair` can only be a timestamp's place, beside a signature whose format is `pairs`")]
    NoPairs,
    /// The layout lacks a separator or a key.
    #[error("the format needs a key, and a separator that is not `=`")]
    Format,
    /// A key that verifies the requests of all the sender's customers, and nothing that names one of them.
    #[error(
        "the sender's published key signs for all its customers: put `{{secret}}` into the content, or say by `secret_at` (of a token: `secret_claim`) where the secret stands"
    )]
    ForAnyone,
    /// `certificate` or `keys` with an algorithm that has no such keys, or `rsa-sha1`, `{{secret}}` or `secret_at` without.
    #[error(
        "`certificate` goes with `rsa-sha256` and `rsa-sha1`, `keys` with `rs256`; `rsa-sha1`, `{{secret}}` and `secret_at` go with `certificate` only"
    )]
    Certificate,
    /// A question that cannot be asked, or whose answer would do a stranger's will.
    #[error(
        "a challenge is asked by GET or POST, takes no verify token, and visits a URL only after verification"
    )]
    Challenge,
    /// The secret's encoding does not fit the algorithm.
    #[error("the key is a public one, which needs no encoding")]
    PublicKeyEncoding,
}

impl Scheme {
    /// Checks that the description is consistent. The presets are checked by tests; one from outside must
    /// be checked before it is stored.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), SchemeError> {
        if let Some(place) = &self.delivery_id {
            plain(place)?;
        }
        if self
            .challenge
            .as_ref()
            .is_some_and(|challenge| !challenge.is_sound())
        {
            return Err(SchemeError::Challenge);
        }
        match &self.check {
            Check::Signature(signature) => signature.check(self.delivery_id.as_ref()),
            Check::Jwt(jwt) => jwt.check(),
            Check::Token(token) => plain(&token.at),
            Check::Basic | Check::None => Ok(()),
        }
    }

    /// Whether a request that is nothing but a query can be vouched for: the query is signed, or who sends a secret or a
    /// token vouches for all that comes with it, or the description says that only a part is signed.
    #[must_use]
    pub fn signs_query(&self) -> bool {
        match &self.check {
            Check::Signature(signature) => {
                let content = &signature.content;
                let whole_url = content.has(&Part::Url) || content.has(&Part::UrlUnescaped);
                whole_url || signature.partial
            }
            Check::Jwt(jwt) => jwt.body_claim.is_none(),
            Check::Token(_) | Check::Basic | Check::None => true,
        }
    }
}

/// A place that is not a pair.
pub(crate) fn plain(place: &Place) -> Result<(), SchemeError> {
    if matches!(place, Place::Pair(_)) {
        return Err(SchemeError::NoPairs);
    }
    named(place)
}

fn named(place: &Place) -> Result<(), SchemeError> {
    place.problem().map_or(Ok(()), |problem| {
        Err(SchemeError::Place {
            place: place.to_string(),
            problem,
        })
    })
}

impl Signature {
    fn check(&self, delivery_id: Option<&Place>) -> Result<(), SchemeError> {
        std::iter::once(&self.at)
            .chain(&self.or_at)
            .chain(&self.absent)
            .try_for_each(plain)?;
        let pairs = match &self.format {
            Format::Pairs { separator, key } if *separator == '=' || key.is_empty() => {
                return Err(SchemeError::Format);
            }
            Format::Pairs { .. } => true,
            Format::Prefix(prefix) if prefix.is_empty() => return Err(SchemeError::Format),
            _ => false,
        };
        if let Some(hash) = &self.body_hash {
            plain(&hash.at)?;
        }
        if !self.covers_body() && !self.partial {
            return Err(SchemeError::BodyNotSigned);
        }
        match &self.timestamp {
            Some(timestamp) => {
                named(&timestamp.at)?;
                if matches!(timestamp.at, Place::Pair(_)) && !pairs {
                    return Err(SchemeError::NoPairs);
                }
                if !self.content.has(&Part::Timestamp) && !self.signs(&timestamp.at) {
                    return Err(SchemeError::TimestampNotSigned);
                }
            }
            None if self.content.has(&Part::Timestamp) => return Err(SchemeError::NoTimestamp),
            None => {}
        }
        if self.content.has(&Part::Id) && delivery_id.is_none() {
            return Err(SchemeError::NoDeliveryId);
        }
        self.check_key()?;
        if self.algorithm.is_asymmetric() && self.secret.encoding != SecretEncoding::Text {
            return Err(SchemeError::PublicKeyEncoding);
        }
        Ok(())
    }

    fn check_key(&self) -> Result<(), SchemeError> {
        let other = self.or_algorithm.iter().map(|other| other.algorithm);
        let mut algorithms = std::iter::once(self.algorithm).chain(other);
        let Some(certificate) = &self.certificate else {
            let is_published = self.content.has(&Part::Secret)
                || self.secret_at.is_some()
                || self.or_algorithm.is_some()
                || algorithms.any(|algorithm| algorithm == Algorithm::RsaSha1);
            return if is_published {
                Err(SchemeError::Certificate)
            } else {
                Ok(())
            };
        };
        if !algorithms.all(|one| matches!(one, Algorithm::RsaSha256 | Algorithm::RsaSha1)) {
            return Err(SchemeError::Certificate);
        }
        plain(&certificate.at)?;
        let names_one = self
            .secret_at
            .as_ref()
            .is_some_and(|place| self.signs(place));
        if names_one || self.content.has(&Part::Secret) {
            Ok(())
        } else {
            Err(SchemeError::ForAnyone)
        }
    }

    fn covers_body(&self) -> bool {
        let whole = self.content.has(&Part::Body) || self.content.has(&Part::BodySha256);
        whole
            || self
                .body_hash
                .as_ref()
                .is_some_and(|hash| self.signs(&hash.at))
    }

    /// Whether the value in that place is signed.
    pub(crate) fn signs(&self, place: &Place) -> bool {
        let whole_body = self.content.has(&Part::Body) || self.content.has(&Part::BodySha256);
        let whole_url = self.content.has(&Part::Url) || self.content.has(&Part::UrlUnescaped);
        match place {
            Place::Pointer(_) => {
                whole_body || self.content.reads(place) || self.body_hash.is_some()
            }
            Place::Query(_) => whole_url || self.content.reads(place),
            Place::Header(_) | Place::Pair(_) => self.content.reads(place),
        }
    }
}
