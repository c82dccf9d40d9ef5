//! JSON Web Tokens (RFC 7519): most hold a digest of the body.

use std::collections::BTreeMap;

use aws_lc_rs::{constant_time, digest, hmac};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::encoding::Encoding;
use crate::keys::Keys;
use crate::place::Place;
use crate::refused::Refused;
use crate::request::Request;
use crate::scheme::{Algorithm, SchemeError, plain};
use crate::secret::{Material, SecretForm, Secrets};
use crate::token::{credentials, which};

/// How far clocks may differ, in seconds.
const LEEWAY: u32 = 60;

/// A JSON Web Token. The claims `exp`, `nbf` and `iat` are checked if they are
/// present, with 60 seconds' leeway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwt {
    /// Where the token stands.
    pub at: Place,
    /// The text before it, such as `Bearer `, in any case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<String>,
    /// The only algorithm that is taken, whatever the token's header says.
    pub algorithm: JwtAlgorithm,
    /// How the secret's text becomes a key.
    #[serde(default)]
    pub secret: SecretForm,
    /// The claim with the SHA-256 of the raw body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_claim: Option<String>,
    /// How it is written. In hex unless it is said.
    #[serde(default = "hex")]
    pub body_encoding: Encoding,
    /// Must be true if there is no such claim: the token then says who sends, and nothing of what is sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The URL of the JSON Web Key Set (RFC 7517) with the sender's keys, of which the token's header names one. The
    /// secret is then no key: it is what the claim `secret_claim` must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// The claim that must be the secret, if that is no key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_claim: Option<String>,
    /// What the claim `iss` must be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// What the claim `aud` must be or have among others; `{url}` is the request's URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// What else claims must be.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<String, Value>,
    /// The greatest age by the claim `iat` in seconds, without leeway. `iat` is then required.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_seconds: Option<u32>,
}

const fn hex() -> Encoding {
    Encoding::Hex
}

/// How the token is signed (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-512.
    Hs512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519 (RFC 8037).
    #[serde(rename = "eddsa")]
    EdDsa,
}

impl JwtAlgorithm {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Hs512 => "HS512",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl Jwt {
    /// See [`Scheme::check`](crate::Scheme::check).
    pub(crate) fn check(&self) -> Result<(), SchemeError> {
        plain(&self.at)?;
        if self.body_claim.is_none() && !self.partial {
            return Err(SchemeError::BodyNotSigned);
        }
        match (&self.keys, &self.secret_claim) {
            (None, None) => Ok(()),
            (Some(url), claim) => {
                let is_url =
                    url.starts_with("https://") && url.bytes().all(|b| b.is_ascii_graphic());
                if self.algorithm != JwtAlgorithm::Rs256 || !is_url {
                    return Err(SchemeError::Certificate);
                }
                if claim.is_some() {
                    Ok(())
                } else {
                    Err(SchemeError::ForAnyone)
                }
            }
            (None, Some(_)) => Err(SchemeError::Certificate),
        }
    }
}

/// What a token says of its request.
pub(crate) struct Token {
    /// The index of the secret that matched.
    pub(crate) secret: usize,
    /// The digest of what the token signs; none if that is nothing of the request.
    pub(crate) fingerprint: Option<String>,
    /// When it was issued, in milliseconds since 1970.
    pub(crate) issued_ms: Option<i64>,
}

/// Verifies signature, times, issuer, audience, claims and digest of the body.
///
/// # Errors
/// The first check that fails.
pub(crate) fn verify(
    jwt: &Jwt,
    (secrets, keys): (&Secrets, Option<&Keys>),
    request: &Request<'_>,
    now_ms: i64,
) -> Result<Token, Refused> {
    let place = || jwt.at.to_string();
    let malformed = |problem| Refused::TokenMalformed {
        place: place(),
        problem,
    };
    let token = credentials(&jwt.at, jwt.prefix.as_deref(), request)?;
    let (signed, signature) = token
        .rsplit_once('.')
        .ok_or_else(|| malformed("it is no JSON Web Token"))?;
    let (header, claims) = signed
        .split_once('.')
        .ok_or_else(|| malformed("it is no JSON Web Token"))?;
    let header = object(header).ok_or_else(|| malformed("its header is not JSON"))?;
    // The algorithm is the receiver's choice: a token that chooses could choose a weaker one.
    if header.get("alg").and_then(Value::as_str) != Some(jwt.algorithm.name()) {
        return Err(malformed("it is signed with another algorithm"));
    }
    if header.contains_key("crit") {
        return Err(malformed("it has critical extensions"));
    }
    let signature = BASE64URL_NOPAD
        .decode(signature.as_bytes())
        .map_err(|_| malformed("its signature is not base64url"))?;
    if jwt.keys.is_some() {
        let name = header.get("kid").and_then(Value::as_str);
        let name = name.ok_or_else(|| malformed("its header names no key"))?;
        let claims = object(claims).ok_or_else(|| malformed("its claims are not JSON"))?;
        let claim = jwt.secret_claim.as_deref().unwrap_or_default();
        let given = claims.get(claim).and_then(Value::as_str);
        let given = given.unwrap_or_default().as_bytes();
        let secret = which(secrets, given).ok_or_else(|| Refused::ClaimRefused {
            place: place(),
            claim: claim.to_owned(),
            problem: "is none of the secrets",
        })?;
        // Before the signature: no key is fetched for a token that is refused anyway.
        let token = rest(jwt, (secret, signed), &claims, request, now_ms)?;
        let keys = keys.ok_or(Refused::KeyMissing)?;
        let algorithm = Algorithm::RsaSha256;
        return match keys.verify(Some(name), algorithm, signed.as_bytes(), &signature) {
            Some(true) => Ok(token),
            Some(false) => Err(Refused::SignatureMismatch { place: place() }),
            None => Err(Refused::KeyUnknown { place: place() }),
        };
    }
    let fits = |material: &Material| match material {
        Material::Hmac(key) => hmac::verify(key, signed.as_bytes(), &signature).is_ok(),
        Material::Public(key) => key.verify_sig(signed.as_bytes(), &signature).is_ok(),
        Material::Plain => false,
    };
    let secret = secrets
        .all
        .iter()
        .position(|secret| fits(&secret.material))
        .ok_or_else(|| Refused::SignatureMismatch { place: place() })?;
    let claims = object(claims).ok_or_else(|| malformed("its claims are not JSON"))?;
    rest(jwt, (secret, signed), &claims, request, now_ms)
}

/// Verifies the claims of a token.
fn rest(
    jwt: &Jwt,
    (secret, signed): (usize, &str),
    claims: &Map<String, Value>,
    request: &Request<'_>,
    now_ms: i64,
) -> Result<Token, Refused> {
    let issued_ms = times(jwt, claims, now_ms)?;
    let refuse = |claim: &str, problem| Refused::ClaimRefused {
        place: jwt.at.to_string(),
        claim: claim.to_owned(),
        problem,
    };
    if let Some(issuer) = &jwt.issuer
        && claims.get("iss").and_then(Value::as_str) != Some(issuer)
    {
        return Err(refuse("iss", "is not the expected issuer"));
    }
    if let Some(audience) = &jwt.audience {
        let audience = audience.replace("{url}", request.url);
        let is_meant = |value: &Value| value.as_str() == Some(audience.as_str());
        let given = claims.get("aud");
        let among = given.and_then(Value::as_array);
        if !given.is_some_and(is_meant) && !among.is_some_and(|all| all.iter().any(is_meant)) {
            return Err(refuse("aud", "is not this webhook's URL"));
        }
    }
    for (name, value) in &jwt.claims {
        if claims.get(name) != Some(value) {
            return Err(refuse(name, "is not what it must be"));
        }
    }
    let Some(name) = &jwt.body_claim else {
        return Ok(Token {
            secret,
            fingerprint: None,
            issued_ms,
        });
    };
    let Some(given) = claims.get(name).and_then(Value::as_str) else {
        return Err(refuse(name, "is not there"));
    };
    let given = jwt.body_encoding.decode(given).unwrap_or_default();
    let ours = digest::digest(&digest::SHA256, request.body);
    constant_time::verify_slices_are_equal(ours.as_ref(), &given)
        .map_err(|_| refuse(name, "is not the digest of the body"))?;
    let fingerprint = digest::digest(&digest::SHA256, signed.as_bytes());
    Ok(Token {
        secret,
        fingerprint: Some(HEXLOWER.encode(fingerprint.as_ref())),
        issued_ms,
    })
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).ok()?).ok()
}

/// Checks the claims that hold times; the result is `iat` in milliseconds.
fn times(jwt: &Jwt, claims: &Map<String, Value>, now_ms: i64) -> Result<Option<i64>, Refused> {
    let now = i128::from(now_ms).div_euclid(1000);
    let place = |claim: &str| format!("claim `{claim}` of {}", jwt.at);
    let read = |claim: &str| match claims.get(claim) {
        None => Ok(None),
        Some(value) => seconds(value)
            .map(Some)
            .ok_or_else(|| Refused::TimestampMalformed {
                place: place(claim),
            }),
    };
    for claim in ["nbf", "iat"] {
        if read(claim)?.is_some_and(|time| time > now + i128::from(LEEWAY)) {
            return Err(Refused::TimestampInFuture {
                place: place(claim),
                ahead_seconds: LEEWAY,
            });
        }
    }
    if read("exp")?.is_some_and(|time| time + i128::from(LEEWAY) < now) {
        return Err(Refused::TimestampTooOld {
            place: place("exp"),
            tolerance_seconds: LEEWAY,
        });
    }
    let issued = read("iat")?;
    if let Some(tolerance_seconds) = jwt.tolerance_seconds {
        let issued = issued.ok_or_else(|| Refused::TimestampMissing {
            place: place("iat"),
        })?;
        if now - issued > i128::from(tolerance_seconds) {
            return Err(Refused::TimestampTooOld {
                place: place("iat"),
                tolerance_seconds,
            });
        }
    }
    Ok(issued.and_then(|seconds| i64::try_from(seconds * 1000).ok()))
}

/// A NumericDate (RFC 7519, section 2), without its fraction.
fn seconds(value: &Value) -> Option<i128> {
    let text = value.as_number()?.to_string();
    if text.contains(['e', 'E']) {
        return None;
    }
    text.split('.').next()?.parse::<i64>().ok().map(i128::from)
}
