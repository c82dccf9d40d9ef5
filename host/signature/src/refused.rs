//! Why a request was refused.

use crate::request::Unreadable;

/// Why a request was refused. `SecretMissing` and `SecretUnfit` are errors of the receiver's set-up, `KeyMissing` is the
/// caller's, all others are the sender's. The text names the place that is wrong; it never holds a secret, an
/// expected value or what the sender wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[allow(
    missing_docs,
    reason = "`place`: where the value is, in words; `claim`: its name; `problem`: what is wrong; `*_seconds`: limits"
)]
pub enum Refused {
    /// No signature, or an empty one.
    #[error("the signature is missing: {place} is absent or empty")]
    SignatureMissing { place: String },
    /// The signature has not the form that the scheme says.
    #[error("the signature in {place} is malformed: {problem}")]
    SignatureMalformed {
        place: String,
        problem: &'static str,
    },
    /// The signature is well formed and matches no secret.
    #[error(
        "no secret of the webhook matches the signature in {place}: the secret is another one, or the request was changed after it was signed"
    )]
    SignatureMismatch { place: String },
    /// A value that is read is given more than once.
    #[error("{place} is given more than once")]
    Doubled { place: String },
    /// No timestamp.
    #[error("the timestamp is missing: {place} is absent or empty")]
    TimestampMissing { place: String },
    /// The timestamp is not of the unit that the scheme says.
    #[error("the timestamp in {place} is malformed")]
    TimestampMalformed { place: String },
    /// The request is a replay, was long under way, its token has expired, or the clocks differ.
    #[error("the timestamp in {place} is more than {tolerance_seconds} seconds old")]
    TimestampTooOld {
        place: String,
        tolerance_seconds: u32,
    },
    /// The clocks differ, or the sender keeps a request for later.
    #[error("the timestamp in {place} is more than {ahead_seconds} seconds in the future")]
    TimestampInFuture { place: String, ahead_seconds: u32 },
    /// No token, or an empty one.
    #[error("the token is missing: {place} is absent or empty")]
    TokenMissing { place: String },
    /// The token has not the form that the scheme says.
    #[error("the token in {place} is malformed: {problem}")]
    TokenMalformed {
        place: String,
        problem: &'static str,
    },
    /// The token, or the user and password, is none of the secrets.
    #[error("the token in {place} is none of the secrets")]
    TokenMismatch { place: String },
    /// A claim of the JSON Web Token is absent or not what it must be.
    #[error("the claim `{claim}` of the token in {place} {problem}")]
    ClaimRefused {
        place: String,
        claim: String,
        problem: &'static str,
    },
    /// The digest of the body is not there.
    #[error("the digest of the body is missing: {place} is absent or empty")]
    BodyHashMissing { place: String },
    /// The body is not the one that was signed.
    #[error("the digest in {place} is not that of the body")]
    BodyHashMismatch { place: String },
    /// A signed value is absent, empty or not UTF-8.
    #[error("a signed part is missing: {place} is absent or empty")]
    ContentMissing { place: String },
    /// The delivery's id is signed and absent or empty.
    #[error("the delivery id is missing: {place} is absent or empty")]
    DeliveryIdMissing { place: String },
    /// The delivery's id has more than 512 bytes, has control characters or is not UTF-8.
    #[error("the delivery id in {place} is malformed")]
    DeliveryIdMalformed { place: String },
    /// Something stands where the sender puts nothing, and it would not be signed.
    #[error("{place} is there, and the signature does not cover it")]
    Unexpected { place: String },
    /// The request names a key under a URL that is not the sender's.
    #[error("the URL of the certificate in {place} is none of the sender's")]
    KeyUrlRefused { place: String },
    /// The sender's public key is needed, and was not given: see [`keys_url`](crate::keys_url).
    #[error("the sender's public key is not known")]
    KeyMissing,
    /// The sender does not publish a key of the name that the request gives.
    #[error("the token in {place} names a key that the sender does not publish")]
    KeyUnknown { place: String },
    /// The webhook has no secret.
    #[error("no secret is set")]
    SecretMissing,
    /// The secrets were parsed for a different [`Scheme`](crate::Scheme).
    #[error("the secrets were made for another scheme")]
    SecretUnfit,
}

impl Refused {
    /// A stable code for logs, filters and API answers.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SignatureMissing { .. } => "signature-missing",
            Self::SignatureMalformed { .. } => "signature-malformed",
            Self::SignatureMismatch { .. } => "signature-mismatch",
            Self::Doubled { .. } => "value-doubled",
            Self::TimestampMissing { .. } => "timestamp-missing",
            Self::TimestampMalformed { .. } => "timestamp-malformed",
            Self::TimestampTooOld { .. } => "timestamp-too-old",
            Self::TimestampInFuture { .. } => "timestamp-in-future",
            Self::TokenMissing { .. } => "token-missing",
            Self::TokenMalformed { .. } => "token-malformed",
            Self::TokenMismatch { .. } => "token-mismatch",
            Self::ClaimRefused { .. } => "claim-refused",
            Self::BodyHashMissing { .. } => "body-hash-missing",
            Self::BodyHashMismatch { .. } => "body-hash-mismatch",
            Self::ContentMissing { .. } => "content-missing",
            Self::DeliveryIdMissing { .. } => "delivery-id-missing",
            Self::DeliveryIdMalformed { .. } => "delivery-id-malformed",
            Self::Unexpected { .. } => "value-unexpected",
            Self::KeyUrlRefused { .. } => "key-url-refused",
            Self::KeyMissing => "key-missing",
            Self::KeyUnknown { .. } => "key-unknown",
            Self::SecretMissing => "secret-missing",
            Self::SecretUnfit => "secret-unfit",
        }
    }

    /// The refusal of a value that is present and cannot be read: given twice, or `malformed` if it is not UTF-8.
    pub(crate) fn unreadable(
        why: Unreadable,
        place: String,
        malformed: impl FnOnce(String) -> Self,
    ) -> Self {
        match why {
            Unreadable::Doubled => Self::Doubled { place },
            Unreadable::NotText => malformed(place),
        }
    }
}
