//! What a signed request says beside its content: its signatures, its timestamp, and its delivery's id.

use std::borrow::Cow;

use crate::content::{Inputs, Part};
use crate::format::{Format, pairs};
use crate::place::Place;
use crate::refused::Refused;
use crate::request::Request;
use crate::scheme::{Scheme, Signature};
use crate::verify::delivery_id;

/// No sender writes more signatures into a request; each costs work.
const MOST_SIGNATURES: usize = 16;

/// What a signed request says of its signature.
pub(crate) struct Head<'a> {
    /// Decoded.
    pub(crate) signatures: Vec<Vec<u8>>,
    /// The timestamp as it is written.
    pub(crate) time: Option<Cow<'a, str>>,
    pub(crate) timestamp_ms: Option<i64>,
    /// The delivery's id, if it is part of the content.
    id: Option<Cow<'a, str>>,
}

/// Reads that, and refuses old requests and those with something that the sender never writes.
pub(crate) fn head<'a>(
    scheme: &Scheme,
    signature: &Signature,
    request: &Request<'a>,
    now_ms: i64,
) -> Result<Head<'a>, Refused> {
    let mut absent = signature.absent.iter();
    if let Some(place) = absent.find(|place| place.is_taken(request)) {
        let place = place.to_string();
        return Err(Refused::Unexpected { place });
    }
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
    Ok(Head {
        signatures: found.signatures,
        time,
        timestamp_ms,
        id,
    })
}

impl Head<'_> {
    pub(crate) fn inputs<'i>(&'i self, request: &'i Request<'i>) -> Inputs<'i> {
        Inputs {
            request,
            timestamp: self.time.as_deref(),
            id: self.id.as_deref(),
            secret: None,
        }
    }

    /// Whether the signature covers the delivery's id.
    pub(crate) fn signs_id(&self, scheme: &Scheme, signature: &Signature) -> bool {
        let place = scheme.delivery_id.as_ref();
        self.id.is_some() || place.is_some_and(|place| signature.signs(place))
    }
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
