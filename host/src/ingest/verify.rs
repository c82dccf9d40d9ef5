//! Verifies that a webhook's request comes from its sender: the stage between reading a body and decoding it. It looks
//! at the request as it arrived, and refuses a request that it does not understand.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use stepwell_signature::{
    Answer, Challenge, Check, Keys, Place, Refused, Request, Stream, Verified, challenge,
    keys_url as url_of_keys, verify_with,
};

use crate::catalog::Verifier;
use crate::domain::clock::Millis;

/// The result of a verification: the values by which a repeat of the request is recognised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The provider whose secret verified it, or `custom`. None if nothing was checked.
    pub verified: Option<Arc<str>>,
    /// The delivery's id, the same for each attempt to deliver it.
    pub id: Option<String>,
    /// A digest in hex of signature and timestamp, the same for a repeated request. None where no timestamp is
    /// signed: then two requests with the same body have the same signature.
    pub fingerprint: Option<String>,
    /// How long the provider may repeat a delivery, in milliseconds; none for the usual.
    pub window_ms: Option<Millis>,
    /// The parameter of the query that holds the secret itself; it does not become data.
    pub secret_parameter: Option<String>,
}

/// A request that was verified.
#[derive(Debug)]
pub enum VerifiedRequest {
    /// The sender's challenge (its question whether the webhook is wanted), with the answer. It is no task.
    Challenge(Answer),
    /// A delivery.
    Delivery(Delivery),
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Its sender's address is not among those that may send.
    #[error("the address {0} may not send to this webhook; its owner has named those that may")]
    Address(IpAddr),
    /// Its signature or token is wrong or missing.
    #[error("{refused}")]
    Refused {
        /// Why.
        refused: Refused,
        /// What `WWW-Authenticate` names: how the next attempt could be better (RFC 9110, section 11.6.1).
        scheme: &'static str,
    },
    /// The sender's public key cannot be fetched.
    #[error("the key that the sender publishes could not be fetched; send again in a while")]
    KeyUnavailable,
    /// The sender's confirmation URL does not answer.
    #[error(
        "the URL by which the sender is told that this webhook is wanted did not answer; send again in a while"
    )]
    Unconfirmed,
    /// A request without a body that is not the sender's challenge.
    #[error(
        "{title} asks otherwise whether a webhook is wanted: a part of the question is missing, or its verify token is not the one that was set"
    )]
    NoChallenge {
        /// The sender's name for people.
        title: String,
    },
}

/// The parts of a request that are verified.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The method.
    pub method: &'a str,
    /// The prefix of the webhook's URL for its senders.
    pub base_url: &'a str,
    /// Path and query as they arrived.
    pub target: &'a str,
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The body as it arrived.
    pub body: &'a [u8],
    /// Whether a GET may be a delivery, too.
    pub takes_get: bool,
}

/// Whether the webhook's sender sends its challenge by GET.
pub fn is_challenged_by_get(verifier: Option<&Verifier>) -> bool {
    let challenge = verifier.and_then(|verifier| verifier.challenge.as_ref());
    challenge.is_some_and(|challenge| challenge.method == "GET")
}

/// Refuses a sender whose address is not among those that may send.
pub fn check_address(verifier: &Verifier, ip: IpAddr) -> Result<(), VerifyError> {
    if verifier.allows(ip) {
        return Ok(());
    }
    Err(VerifyError::Address(ip.to_canonical()))
}

impl Incoming<'_> {
    /// Whether it is a GET or a HEAD, which asks for what GET would be answered (RFC 9110, section 9.3.2).
    fn is_get(&self) -> bool {
        matches!(self.method, "GET" | "HEAD")
    }

    /// Calls `act` with the request in the form that the signature crate takes.
    fn with<T>(&self, act: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = (self.headers.iter())
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let url = format!("{}{}", self.base_url, self.target);
        act(&Request {
            method: if self.is_get() { "GET" } else { self.method },
            url: &url,
            headers: &headers,
            body: self.body,
        })
    }
}

/// The URL of the keys that a request is verified with.
///
/// # Errors
/// It names none, or one that is not its sender's.
pub fn keys_url(verifier: &Verifier, incoming: Incoming<'_>) -> Result<String, VerifyError> {
    incoming.with(|request| {
        let url = url_of_keys(&verifier.scheme, request);
        let url = url.map_err(|refused| refusal(verifier, refused))?;
        // It is asked for only where a key was missing.
        url.map(Into::into).ok_or(VerifyError::KeyUnavailable)
    })
}

/// Judges a request, with the keys that its sender publishes if they are known.
///
/// # Errors
/// Why it is refused; `key-missing` if it needs such keys.
pub fn judge(
    verifier: &Verifier,
    incoming: Incoming<'_>,
    keys: Option<&Keys>,
    now: Millis,
) -> Result<VerifiedRequest, VerifyError> {
    incoming.with(|request| verdict(verifier, (incoming, request), keys, now))
}

fn verdict(
    verifier: &Verifier,
    (incoming, request): (Incoming<'_>, &Request<'_>),
    keys: Option<&Keys>,
    now: Millis,
) -> Result<VerifiedRequest, VerifyError> {
    let secrets = verifier.secrets(now);
    let answer = |after: bool| {
        let known = verifier.challenge.as_ref();
        let known = known.filter(|known: &&Challenge| known.after_verification == after);
        known.and_then(|known| challenge(known, secrets, request))
    };
    if let Some(answer) = answer(false) {
        return Ok(VerifiedRequest::Challenge(answer));
    }
    if incoming.is_get() && !incoming.takes_get {
        let title = verifier.title.clone();
        return Err(VerifyError::NoChallenge { title });
    }
    let now_ms = i64::try_from(now).unwrap_or(i64::MAX);
    let verified = verify_with(&verifier.scheme, (secrets, keys), request, now_ms)
        .map_err(|refused| refusal(verifier, refused))?;
    if let Some(answer) = answer(true) {
        return Ok(VerifiedRequest::Challenge(answer));
    }
    let unsigned = if incoming.is_get() && !verifier.scheme.signs_query() {
        Some("a query instead of a body")
    } else if (verifier.challenge.as_ref()).is_some_and(|known| known.could_sign(incoming.body)) {
        Some("a body that could be the answer to a question")
    } else {
        None
    };
    if let Some(place) = unsigned {
        let place = place.to_owned();
        return Err(refusal(verifier, Refused::Unexpected { place }));
    }
    Ok(VerifiedRequest::Delivery(Delivery::of(verifier, verified)))
}

impl Delivery {
    /// One that is sent again as it came, when this provider's secret vouched for it.
    pub(super) fn verified_before(provider: Arc<str>) -> Self {
        Self {
            verified: Some(provider),
            id: None,
            fingerprint: None,
            window_ms: None,
            secret_parameter: None,
        }
    }

    fn of(verifier: &Verifier, verified: Verified) -> Self {
        let is_checked = verifier.scheme.check != Check::None;
        Self {
            verified: is_checked.then(|| verifier.provider.clone()),
            id: verified.delivery_id,
            fingerprint: verified
                .fingerprint
                .filter(|_| verified.timestamp_ms.is_some()),
            window_ms: verifier.window_ms,
            secret_parameter: verifier.secret_parameter().map(str::to_owned),
        }
    }
}

/// A request that is verified while its body comes in.
#[derive(Debug)]
pub(super) struct Signed {
    stream: Stream,
    /// When it began: the secrets of that time are valid.
    began: Millis,
}

impl Signed {
    /// Begins with all but the body, of a sender whose scheme allows it.
    ///
    /// # Errors
    /// Why it is refused, whatever its body is.
    pub(super) fn begin(
        verifier: &Verifier,
        incoming: Incoming<'_>,
        now: Millis,
    ) -> Result<Self, VerifyError> {
        let secrets = verifier.secrets(now);
        let now_ms = i64::try_from(now).unwrap_or(i64::MAX);
        let begun =
            incoming.with(|request| Stream::begin(&verifier.scheme, secrets, request, now_ms));
        // That a scheme does not allow it was asked before.
        let begun = begun.and_then(|stream| stream.ok_or(Refused::SecretUnfit));
        let stream = begun.map_err(|refused| refusal(verifier, refused))?;
        Ok(Self { stream, began: now })
    }

    /// Takes the next bytes of the body.
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.stream.update(piece);
    }

    /// The verdict at the body's end.
    ///
    /// # Errors
    /// No secret made the signature.
    pub(super) fn finish(self, verifier: &Verifier) -> Result<Delivery, VerifyError> {
        let secrets = verifier.secrets(self.began);
        let verified = self.stream.finish(&verifier.scheme, secrets);
        let verified = verified.map_err(|refused| refusal(verifier, refused))?;
        Ok(Delivery::of(verifier, verified))
    }
}

fn refusal(verifier: &Verifier, refused: Refused) -> VerifyError {
    let scheme = authenticate(&verifier.scheme.check);
    VerifyError::Refused { refused, scheme }
}

/// The authentication scheme of HTTP that a check is, as near as there is one.
fn authenticate(check: &Check) -> &'static str {
    match check {
        Check::Basic => "Basic realm=\"webhook\"",
        Check::Token(token) if token.at == Place::Header("authorization".to_owned()) => "Bearer",
        _ => "Signature",
    }
}
