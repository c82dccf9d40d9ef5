//! The engine: a scheme, the secrets, a request and the time in; a verdict out.

use std::borrow::Cow;

use aws_lc_rs::{constant_time, digest, hmac};
use data_encoding::HEXLOWER;

use crate::content::Inputs;
use crate::head::head;
use crate::jwt;
use crate::keys::Keys;
use crate::place::Place;
use crate::refused::Refused;
use crate::request::Request;
use crate::scheme::{Algorithm, BodyHash, Check, Scheme, Signature};
use crate::secret::{Material, Secret, Secrets};
use crate::token::{basic, known, which};

/// No sender's delivery ids are longer, in bytes.
const LONGEST_ID: usize = 512;

/// A request that one of the secrets vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The delivery's id, if the request has one where the scheme says.
    pub delivery_id: Option<String>,
    /// Whether the signature covers the delivery's id. If not, a captured request can be sent again
    /// under another id: a receiver that must not take it twice also looks at the fingerprint.
    pub delivery_id_signed: bool,
    /// When it was signed, in milliseconds since 1970, if the scheme has a timestamp.
    pub timestamp_ms: Option<i64>,
    /// A digest in hex, the same for a repeated request and another for each other one: of the
    /// signature and the timestamp, or, if the signature is made with a private key, of the signed
    /// content, because an ECDSA signature can be rewritten without the key. None for tokens, which
    /// say nothing of the request.
    pub fingerprint: Option<String>,
    /// Which of the secrets fitted, counted from 0.
    pub secret: usize,
}

/// Whether a request is what one of the secrets' holders sent. `now_ms` is the time in milliseconds
/// since 1970.
///
/// # Errors
///
/// Why it is refused. Whatever is not understood is refused. [`Refused::KeyMissing`] if it must be verified with a key
/// that the sender publishes, and all else that could be checked is right: see [`verify_with`].
pub fn verify(
    scheme: &Scheme,
    secrets: &Secrets,
    request: &Request<'_>,
    now_ms: i64,
) -> Result<Verified, Refused> {
    verify_with(scheme, (secrets, None), request, now_ms)
}

/// The same, with the keys that stand at [`keys_url`](crate::keys_url).
///
/// # Errors
///
/// Why it is refused.
pub fn verify_with(
    scheme: &Scheme,
    (secrets, keys): (&Secrets, Option<&Keys>),
    request: &Request<'_>,
    now_ms: i64,
) -> Result<Verified, Refused> {
    if secrets.all.is_empty() && scheme.check != Check::None {
        return Err(Refused::SecretMissing);
    }
    match &scheme.check {
        Check::Signature(signature) => signed(scheme, signature, (secrets, keys), request, now_ms),
        Check::Jwt(jwt) => {
            let token = jwt::verify(jwt, (secrets, keys), request, now_ms)?;
            let signed =
                jwt.body_claim.is_some() && matches!(scheme.delivery_id, Some(Place::Pointer(_)));
            Ok(Verified {
                fingerprint: token.fingerprint,
                timestamp_ms: token.issued_ms,
                ..accepted(scheme, request, token.secret, signed)?
            })
        }
        Check::Token(token) => accepted(scheme, request, known(token, secrets, request)?, false),
        Check::Basic => accepted(scheme, request, basic(secrets, request)?, false),
        Check::None => accepted(scheme, request, 0, false),
    }
}

pub(crate) fn accepted(
    scheme: &Scheme,
    request: &Request<'_>,
    secret: usize,
    signed: bool,
) -> Result<Verified, Refused> {
    let delivery_id = delivery_id(scheme, request)?.map(Cow::into_owned);
    let delivery_id_signed = signed && delivery_id.is_some();
    Ok(Verified {
        delivery_id,
        delivery_id_signed,
        timestamp_ms: None,
        fingerprint: None,
        secret,
    })
}

pub(crate) fn delivery_id<'a>(
    scheme: &Scheme,
    request: &Request<'a>,
) -> Result<Option<Cow<'a, str>>, Refused> {
    let Some(place) = &scheme.delivery_id else {
        return Ok(None);
    };
    let malformed = |place| Refused::DeliveryIdMalformed { place };
    let id = place
        .read(request)
        .map_err(|why| Refused::unreadable(why, place.to_string(), malformed))?;
    if id
        .as_deref()
        .is_some_and(|id| id.len() > LONGEST_ID || id.contains(char::is_control))
    {
        return Err(malformed(place.to_string()));
    }
    Ok(id)
}

fn signed(
    scheme: &Scheme,
    signature: &Signature,
    (secrets, keys): (&Secrets, Option<&Keys>),
    request: &Request<'_>,
    now_ms: i64,
) -> Result<Verified, Refused> {
    let head = head(scheme, signature, request, now_ms)?;
    let inputs = head.inputs(request);
    let fitted = match &signature.certificate {
        Some(_) => published(signature, &head.signatures, (secrets, keys), inputs)?,
        None => fitting(signature, &head.signatures, secrets, &inputs)?,
    };
    let (secret, proof) = fitted.ok_or_else(|| Refused::SignatureMismatch {
        place: signature.at.to_string(),
    })?;
    if let Some(hash) = &signature.body_hash {
        body_hash(hash, request)?;
    }
    let time = head.time.as_deref().unwrap_or_default();
    Ok(Verified {
        timestamp_ms: head.timestamp_ms,
        fingerprint: Some(fingerprint(&proof, time)),
        ..accepted(scheme, request, secret, head.signs_id(scheme, signature))?
    })
}

/// The digest in hex of what a signature proves and its timestamp.
pub(crate) fn fingerprint(proof: &[u8], time: &str) -> String {
    let mut fingerprint = digest::Context::new(&digest::SHA256);
    fingerprint.update(proof);
    fingerprint.update(time.as_bytes());
    HEXLOWER.encode(fingerprint.finish().as_ref())
}

/// The first secret that fits a signature, and what the fingerprint is made of.
fn fitting(
    signature: &Signature,
    signatures: &[Vec<u8>],
    secrets: &Secrets,
    inputs: &Inputs<'_>,
) -> Result<Option<(usize, Vec<u8>)>, Refused> {
    for (index, secret) in secrets.all.iter().enumerate() {
        match &secret.material {
            Material::Public(key) if signature.algorithm.is_asymmetric() => {
                let mut message = Vec::new();
                signature
                    .content
                    .render(inputs, &mut |piece| message.extend_from_slice(piece))?;
                if signatures
                    .iter()
                    .any(|given| key.verify_sig(&message, given).is_ok())
                {
                    return Ok(Some((index, message)));
                }
            }
            Material::Public(_) => return Err(Refused::SecretUnfit),
            Material::Hmac(_) | Material::Plain => {
                let expected = compute(signature, secret, inputs)?;
                if signatures
                    .iter()
                    .any(|given| constant_time::verify_slices_are_equal(&expected, given).is_ok())
                {
                    return Ok(Some((index, expected)));
                }
            }
        }
    }
    Ok(None)
}

/// The same with the sender's published key: the first secret that says for whom the request is.
fn published(
    signature: &Signature,
    signatures: &[Vec<u8>],
    (secrets, keys): (&Secrets, Option<&Keys>),
    inputs: Inputs<'_>,
) -> Result<Option<(usize, Vec<u8>)>, Refused> {
    let request = inputs.request;
    let algorithm = match &signature.or_algorithm {
        Some(other) if other.when.holds(request) => other.algorithm,
        _ => signature.algorithm,
    };
    let mut candidates = 0..secrets.all.len();
    if let Some(place) = &signature.secret_at {
        let mismatch = |place| Refused::TokenMismatch { place };
        let given = place
            .read(request)
            .map_err(|why| Refused::unreadable(why, place.to_string(), mismatch))?;
        let given = given.ok_or_else(|| Refused::TokenMissing {
            place: place.to_string(),
        })?;
        let secret = which(secrets, given.as_bytes());
        let secret = secret.ok_or_else(|| mismatch(place.to_string()))?;
        candidates = secret..secret + 1;
    }
    let keys = keys.ok_or(Refused::KeyMissing)?;
    for index in candidates {
        let secret = secrets.all.get(index).map(|secret| secret.raw.as_slice());
        let mut message = Vec::new();
        let inputs = Inputs { secret, ..inputs };
        signature
            .content
            .render(&inputs, &mut |piece| message.extend_from_slice(piece))?;
        let fits = |given: &Vec<u8>| keys.verify(None, algorithm, &message, given) == Some(true);
        if signatures.iter().any(fits) {
            return Ok(Some((index, message)));
        }
    }
    Ok(None)
}

/// The signature that a holder of the secret writes.
pub(crate) fn compute(
    signature: &Signature,
    secret: &Secret,
    inputs: &Inputs<'_>,
) -> Result<Vec<u8>, Refused> {
    match (&secret.material, signature.algorithm) {
        (
            Material::Hmac(key),
            Algorithm::HmacSha1 | Algorithm::HmacSha256 | Algorithm::HmacSha512,
        ) => {
            let mut context = hmac::Context::with_key(key);
            signature
                .content
                .render(inputs, &mut |piece| context.update(piece))?;
            Ok(context.sign().as_ref().to_vec())
        }
        (Material::Plain, Algorithm::Sha256OfSecretAndContent) => {
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(&secret.raw);
            signature
                .content
                .render(inputs, &mut |piece| context.update(piece))?;
            Ok(context.finish().as_ref().to_vec())
        }
        _ => Err(Refused::SecretUnfit),
    }
}

fn body_hash(hash: &BodyHash, request: &Request<'_>) -> Result<(), Refused> {
    let place = || hash.at.to_string();
    let mismatch = |place| Refused::BodyHashMismatch { place };
    let text = hash
        .at
        .read(request)
        .map_err(|why| Refused::unreadable(why, place(), mismatch))?;
    let Some(text) = text else {
        let covered = request.body.is_empty() || (hash.optional_for_forms && request.is_form());
        return if covered {
            Ok(())
        } else {
            Err(Refused::BodyHashMissing { place: place() })
        };
    };
    let given = hash.encoding.decode(&text).unwrap_or_default();
    let ours = digest::digest(&digest::SHA256, request.body);
    constant_time::verify_slices_are_equal(ours.as_ref(), &given).map_err(|_| mismatch(place()))
}
