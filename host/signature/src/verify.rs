//! The engine: a scheme, the secrets, a request and the time in; a verdict out.

use std::borrow::Cow;

use aws_lc_rs::{constant_time, digest, hmac};
use data_encoding::{BASE64, HEXLOWER};

use crate::content::{Inputs, Part};
use crate::jwt;
use crate::place::Place;
use crate::refused::Refused;
use crate::request::Request;
use crate::scheme::{Algorithm, BodyHash, Check, Format, Scheme, Signature, Token, pairs};
use crate::secret::{Material, Secret, Secrets};

/// No sender writes more signatures into a request; each costs work.
const MOST_SIGNATURES: usize = 16;
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
/// Why it is refused. Whatever is not understood is refused.
pub fn verify(
    scheme: &Scheme,
    secrets: &Secrets,
    request: &Request<'_>,
    now_ms: i64,
) -> Result<Verified, Refused> {
    if secrets.all.is_empty() && scheme.check != Check::None {
        return Err(Refused::SecretMissing);
    }
    match &scheme.check {
        Check::Signature(signature) => signed(scheme, signature, secrets, request, now_ms),
        Check::Jwt(jwt) => {
            let (secret, fingerprint, timestamp_ms) = jwt::verify(jwt, secrets, request, now_ms)?;
            let signed = matches!(scheme.delivery_id, Some(Place::Pointer(_)));
            Ok(Verified {
                fingerprint: Some(fingerprint),
                timestamp_ms,
                ..accepted(scheme, request, secret, signed)?
            })
        }
        Check::Token(token) => accepted(scheme, request, known(token, secrets, request)?, false),
        Check::Basic => accepted(scheme, request, basic(secrets, request)?, false),
        Check::None => accepted(scheme, request, 0, false),
    }
}

fn accepted(
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

fn delivery_id<'a>(
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
    secrets: &Secrets,
    request: &Request<'_>,
    now_ms: i64,
) -> Result<Verified, Refused> {
    let found = found(signature, request)?;
    let time = timestamp(signature, &found, request)?;
    let timestamp_ms = match (&signature.timestamp, &time) {
        (Some(timestamp), Some(text)) => Some(timestamp.check(text, now_ms)?),
        _ => None,
    };
    // An id in the body is read only when the body is known to be the sender's, and costs parsing.
    let id = if signature.content.has(&Part::Id) {
        let missing = || Refused::DeliveryIdMissing {
            place: scheme
                .delivery_id
                .as_ref()
                .map_or_else(|| "its place".to_owned(), ToString::to_string),
        };
        Some(delivery_id(scheme, request)?.ok_or_else(missing)?)
    } else {
        None
    };
    let inputs = Inputs {
        request,
        timestamp: time.as_deref(),
        id: id.as_deref(),
    };
    let (secret, proof) =
        fitting(signature, &found.signatures, secrets, &inputs)?.ok_or_else(|| {
            Refused::SignatureMismatch {
                place: signature.at.to_string(),
            }
        })?;
    if let Some(hash) = &signature.body_hash {
        body_hash(hash, request)?;
    }
    let mut fingerprint = digest::Context::new(&digest::SHA256);
    fingerprint.update(&proof);
    fingerprint.update(time.as_deref().unwrap_or_default().as_bytes());
    let id_signed = id.is_some()
        || scheme
            .delivery_id
            .as_ref()
            .is_some_and(|place| signature.signs(place));
    Ok(Verified {
        timestamp_ms,
        fingerprint: Some(HEXLOWER.encode(fingerprint.finish().as_ref())),
        ..accepted(scheme, request, secret, id_signed)?
    })
}

/// The signatures of a request, decoded, and the values that they were cut from.
struct Found<'a> {
    signatures: Vec<Vec<u8>>,
    values: Vec<Cow<'a, str>>,
}

fn found<'a>(signature: &Signature, request: &Request<'a>) -> Result<Found<'a>, Refused> {
    let mut found = Found {
        signatures: Vec::new(),
        values: Vec::new(),
    };
    for place in std::iter::once(&signature.at).chain(&signature.or_at) {
        let malformed = |problem| Refused::SignatureMalformed {
            place: place.to_string(),
            problem,
        };
        let value = place.read(request).map_err(|why| {
            Refused::unreadable(why, place.to_string(), |_| malformed("it is not text"))
        })?;
        let Some(value) = value else { continue };
        let mut texts = signature.format.cut(&value).peekable();
        if texts.peek().is_none() {
            return Err(malformed("it is not laid out as it must be"));
        }
        for text in texts {
            if found.signatures.len() == MOST_SIGNATURES {
                return Err(malformed("it holds too many signatures"));
            }
            let bytes = signature
                .encoding
                .decode(text)
                .filter(|bytes| !bytes.is_empty());
            found
                .signatures
                .push(bytes.ok_or_else(|| malformed("it is not encoded as it must be"))?);
        }
        found.values.push(value);
    }
    if found.signatures.is_empty() {
        return Err(Refused::SignatureMissing {
            place: signature.at.to_string(),
        });
    }
    Ok(found)
}

fn timestamp<'a>(
    signature: &Signature,
    found: &Found<'a>,
    request: &Request<'a>,
) -> Result<Option<Cow<'a, str>>, Refused> {
    let Some(timestamp) = &signature.timestamp else {
        return Ok(None);
    };
    let place = || timestamp.at.to_string();
    let text = match (&timestamp.at, &signature.format) {
        (Place::Pair(key), Format::Pairs { separator, .. }) => {
            let mut texts = found
                .values
                .iter()
                .flat_map(|value| pairs(value, *separator, key));
            let text = texts
                .next()
                .filter(|text| !text.is_empty())
                .map(|text| Cow::Owned(text.to_owned()));
            if texts.next().is_some() {
                return Err(Refused::Doubled { place: place() });
            }
            text
        }
        (at, _) => at.read(request).map_err(|why| {
            Refused::unreadable(why, place(), |place| Refused::TimestampMalformed { place })
        })?,
    };
    text.map(Some)
        .ok_or_else(|| Refused::TimestampMissing { place: place() })
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

fn known(token: &Token, secrets: &Secrets, request: &Request<'_>) -> Result<usize, Refused> {
    let text = credentials(&token.at, token.prefix.as_deref(), request)?;
    which(secrets, text.as_bytes()).ok_or_else(|| Refused::TokenMismatch {
        place: token.at.to_string(),
    })
}

fn basic(secrets: &Secrets, request: &Request<'_>) -> Result<usize, Refused> {
    let at = Place::Header("authorization".to_owned());
    let text = credentials(&at, Some("Basic "), request)?;
    let place = at.to_string();
    let Ok(pair) = BASE64.decode(text.as_bytes()) else {
        return Err(Refused::TokenMalformed {
            place,
            problem: "it is not base64",
        });
    };
    which(secrets, &pair).ok_or(Refused::TokenMismatch { place })
}

/// Looks at all secrets, so that the time does not say which one fits.
fn which(secrets: &Secrets, token: &[u8]) -> Option<usize> {
    let mut fitting = None;
    for (index, secret) in secrets.all.iter().enumerate() {
        if matches!(secret.material, Material::Plain) && secret.is(token) {
            fitting = Some(index);
        }
    }
    fitting
}

/// What stands behind the prefix. The prefix is compared without regard to case (RFC 9110, section 11.1).
pub(crate) fn credentials<'a>(
    at: &Place,
    prefix: Option<&str>,
    request: &Request<'a>,
) -> Result<Cow<'a, str>, Refused> {
    let malformed = |problem| Refused::TokenMalformed {
        place: at.to_string(),
        problem,
    };
    let missing = || Refused::TokenMissing {
        place: at.to_string(),
    };
    let text = at
        .read(request)
        .map_err(|why| Refused::unreadable(why, at.to_string(), |_| malformed("it is not text")))?
        .ok_or_else(missing)?;
    let Some(prefix) = prefix else {
        return Ok(text);
    };
    match text.split_at_checked(prefix.len()) {
        Some((start, rest)) if start.eq_ignore_ascii_case(prefix) && !rest.is_empty() => {
            Ok(Cow::Owned(rest.to_owned()))
        }
        Some(_) | None => Err(malformed("it does not begin as it must")),
    }
}
