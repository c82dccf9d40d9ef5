//! Signs requests as a sender does: for samples and tests.

use aws_lc_rs::{digest, hmac};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use serde_json::{Map, Value};

use crate::content::Inputs;
use crate::format::Format;
use crate::jwt::Jwt;
use crate::place::Place;
use crate::refused::Refused;
use crate::request::Request;
use crate::scheme::{Check, Scheme, Signature, Token};
use crate::secret::{Material, Secret};
use crate::verify::compute;

/// A request that is to be signed.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// The request, with the headers that the caller writes, the content type among them.
    pub request: Request<'a>,
    /// The delivery's id. Only an id in a header is written; one in the body is the caller's.
    pub id: &'a str,
    /// The time in milliseconds since 1970. A timestamp in the body is the caller's.
    pub now_ms: i64,
}

/// Why a request cannot be signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The scheme's signatures are made with a private key.
    #[error("only the holder of the private key can sign")]
    PrivateKey,
    /// The signature or token stands in the body or URL, which the caller writes.
    #[error("{0} is not a header: it cannot be added to the request")]
    NotAHeader(String),
    /// A signed value is not in the request.
    #[error("{0} is absent, and it is signed")]
    Missing(String),
    /// The time cannot be written as the scheme says.
    #[error("the time is out of range")]
    Time,
    /// The secret was read for another scheme.
    #[error("the secret was made for another scheme")]
    SecretUnfit,
}

/// The headers that a sender adds to the request.
///
/// # Errors
///
/// If the scheme's sender cannot be played.
pub fn sign(
    scheme: &Scheme,
    secret: &Secret,
    outgoing: &Outgoing<'_>,
) -> Result<Vec<(String, String)>, SignError> {
    let mut headers = Vec::new();
    if let Some(Place::Header(name)) = &scheme.delivery_id {
        headers.push((name.clone(), outgoing.id.to_owned()));
    }
    match &scheme.check {
        Check::None => {}
        Check::Basic => headers.push((
            "authorization".to_owned(),
            format!("Basic {}", BASE64.encode(&secret.raw)),
        )),
        Check::Token(token) => headers.push(token_header(token, secret)?),
        Check::Jwt(jwt) => headers.push(jwt_header(jwt, secret, outgoing)?),
        Check::Signature(signature) => {
            sign_with(scheme, signature, secret, outgoing, &mut headers)?
        }
    }
    Ok(headers)
}

fn header(place: &Place) -> Result<String, SignError> {
    match place {
        Place::Header(name) => Ok(name.clone()),
        _ => Err(SignError::NotAHeader(place.to_string())),
    }
}

fn token_header(token: &Token, secret: &Secret) -> Result<(String, String), SignError> {
    let text = std::str::from_utf8(&secret.raw).map_err(|_| SignError::SecretUnfit)?;
    Ok((
        header(&token.at)?,
        format!("{}{text}", token.prefix.as_deref().unwrap_or_default()),
    ))
}

fn jwt_header(
    jwt: &Jwt,
    secret: &Secret,
    outgoing: &Outgoing<'_>,
) -> Result<(String, String), SignError> {
    let Material::Hmac(key) = &secret.material else {
        return Err(SignError::PrivateKey);
    };
    let mut claims = Map::new();
    if let Some(issuer) = &jwt.issuer {
        claims.insert("iss".to_owned(), issuer.as_str().into());
    }
    claims.insert("iat".to_owned(), outgoing.now_ms.div_euclid(1000).into());
    if let Some(name) = &jwt.body_claim {
        let digest = digest::digest(&digest::SHA256, outgoing.request.body);
        let digest = jwt.body_encoding.encode(digest.as_ref());
        claims.insert(name.clone(), digest.into());
    }
    if let Some(audience) = &jwt.audience {
        let audience = audience.replace("{url}", outgoing.request.url);
        claims.insert("aud".to_owned(), audience.into());
    }
    claims.extend(jwt.claims.clone());
    let head = format!("{{\"alg\":\"{}\",\"typ\":\"JWT\"}}", jwt.algorithm.name());
    let signed = format!(
        "{}.{}",
        BASE64URL_NOPAD.encode(head.as_bytes()),
        BASE64URL_NOPAD.encode(Value::Object(claims).to_string().as_bytes())
    );
    let tag = BASE64URL_NOPAD.encode(hmac::sign(key, signed.as_bytes()).as_ref());
    Ok((
        header(&jwt.at)?,
        format!(
            "{}{signed}.{tag}",
            jwt.prefix.as_deref().unwrap_or_default()
        ),
    ))
}

fn sign_with(
    scheme: &Scheme,
    signature: &Signature,
    secret: &Secret,
    outgoing: &Outgoing<'_>,
    headers: &mut Vec<(String, String)>,
) -> Result<(), SignError> {
    if signature.algorithm.is_asymmetric() {
        return Err(SignError::PrivateKey);
    }
    let read = |place: &Place| {
        place
            .read(&outgoing.request)
            .ok()
            .flatten()
            .map(|text| text.into_owned())
    };
    let mut pair = None;
    let mut time = None;
    if let Some(timestamp) = &signature.timestamp {
        let text = match &timestamp.at {
            Place::Pointer(_) | Place::Query(_) => {
                read(&timestamp.at).ok_or_else(|| SignError::Missing(timestamp.at.to_string()))?
            }
            Place::Header(_) | Place::Pair(_) => timestamp
                .unit
                .write(outgoing.now_ms)
                .ok_or(SignError::Time)?,
        };
        match &timestamp.at {
            Place::Header(name) => headers.push((name.clone(), text.clone())),
            Place::Pair(key) => pair = Some((key, text.clone())),
            Place::Pointer(_) | Place::Query(_) => {}
        }
        time = Some(text);
    }
    let id = match &scheme.delivery_id {
        Some(Place::Header(_)) => Some(outgoing.id.to_owned()),
        Some(place) => read(place),
        None => None,
    };
    // Headers that were just added can be part of the content.
    let added: Vec<_> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect();
    let all = [outgoing.request.headers, &added].concat();
    let request = Request {
        headers: &all,
        ..outgoing.request
    };
    let inputs = Inputs {
        request: &request,
        timestamp: time.as_deref(),
        id: id.as_deref(),
        secret: None,
    };
    let bytes = compute(signature, secret, &inputs).map_err(|refused| match refused {
        Refused::ContentMissing { place } => SignError::Missing(place),
        _ => SignError::SecretUnfit,
    })?;
    let text = signature.encoding.encode(&bytes);
    let value = match (&signature.format, pair) {
        (Format::Bare, _) => text,
        (Format::Prefix(prefix) | Format::List { prefix, .. }, _) => prefix.clone() + &text,
        (Format::Pairs { separator, key }, Some((name, time))) => {
            format!("{name}={time}{separator}{key}={text}")
        }
        (Format::Pairs { key, .. }, None) => format!("{key}={text}"),
    };
    let name = header(&signature.at)?;
    headers.push((name, value));
    Ok(())
}
