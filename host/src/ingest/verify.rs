//! Whether a webhook's request is its sender's: the stage between reading a body and decoding it. It looks
//! at the request as it arrived, and what is not understood is refused.

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use stepwell_signature::{Answer, Challenge, Check, Place, Refused, Request, challenge, verify};

use crate::catalog::Verifier;
use crate::domain::clock::Millis;

/// What is known of a request whose webhook has a verifier: what a repeat is told by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Whose secret vouches for it: a provider's name or `custom`. None if nothing was checked.
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

/// What a request is.
#[derive(Debug)]
pub enum Verdict {
    /// The sender's question whether the webhook is wanted, with its answer. It is no task.
    Challenge(Answer),
    /// A delivery.
    Delivery(Delivery),
}

/// Why a request is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Its sender's address is not among those that may send.
    #[error("the address {0} may not send to this webhook; its owner has named those that may")]
    Address(IpAddr),
    /// Nothing vouches for it.
    #[error("{refused}")]
    Refused {
        /// Why.
        refused: Refused,
        /// What `WWW-Authenticate` names: how the next attempt could be better (RFC 9110, section 11.6.1).
        scheme: &'static str,
    },
    /// A request without a body that is no question which the sender asks.
    #[error(
        "{title} asks otherwise whether a webhook is wanted: a part of the question is missing, or its verify token is not the one that was set"
    )]
    NoChallenge {
        /// What the sender is called.
        title: String,
    },
}

/// The parts of a request that are verified.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// The method.
    pub method: &'a str,
    /// What the webhook's URL begins with for its senders.
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

/// Whether a method without a body is worth a look: the webhook's sender asks its question by it.
pub fn asks_by_get(verifier: Option<&Verifier>) -> bool {
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

/// Judges a request.
pub fn judge(
    verifier: &Verifier,
    incoming: Incoming<'_>,
    now: Millis,
) -> Result<Verdict, VerifyError> {
    let headers: Vec<(&str, &[u8])> = (incoming.headers.iter())
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let url = format!("{}{}", incoming.base_url, incoming.target);
    // HEAD asks for what GET would be answered (RFC 9110, section 9.3.2).
    let asks = matches!(incoming.method, "GET" | "HEAD");
    let request = Request {
        method: if asks { "GET" } else { incoming.method },
        url: &url,
        headers: &headers,
        body: incoming.body,
    };
    let secrets = verifier.secrets(now);
    let answer = |after: bool| {
        let asked = verifier.challenge.as_ref();
        let asked = asked.filter(|asked: &&Challenge| asked.after_verification == after);
        asked.and_then(|asked| challenge(asked, secrets, &request))
    };
    if let Some(answer) = answer(false) {
        return Ok(Verdict::Challenge(answer));
    }
    if asks && !incoming.takes_get {
        let title = verifier.title.clone();
        return Err(VerifyError::NoChallenge { title });
    }
    let now_ms = i64::try_from(now).unwrap_or(i64::MAX);
    let verified = verify(&verifier.scheme, secrets, &request, now_ms).map_err(|refused| {
        let scheme = authenticate(&verifier.scheme.check);
        VerifyError::Refused { refused, scheme }
    })?;
    if let Some(answer) = answer(true) {
        return Ok(Verdict::Challenge(answer));
    }
    let is_checked = verifier.scheme.check != Check::None;
    Ok(Verdict::Delivery(Delivery {
        verified: is_checked.then(|| verifier.provider.clone()),
        id: verified.delivery_id,
        fingerprint: verified
            .fingerprint
            .filter(|_| verified.timestamp_ms.is_some()),
        window_ms: verifier.window_ms,
        secret_parameter: verifier.secret_parameter().map(str::to_owned),
    }))
}

/// The authentication scheme of HTTP that a check is, as near as there is one.
fn authenticate(check: &Check) -> &'static str {
    match check {
        Check::Basic => "Basic realm=\"webhook\"",
        Check::Token(token) if token.at == Place::Header("authorization".to_owned()) => "Bearer",
        _ => "Signature",
    }
}
