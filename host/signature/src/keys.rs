//! Public keys that a sender publishes at a URL. This crate says which URL that is and reads what stands there;
//! the caller fetches it.

use std::borrow::Cow;

use aws_lc_rs::signature::{self as algorithms, ParsedPublicKey};
use data_encoding::BASE64URL_NOPAD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};
use webpki::EndEntityCert;

use crate::place::Place;
use crate::refused::Refused;
use crate::request::Request;
use crate::scheme::{Algorithm, Check, Scheme};
use crate::url_pattern::UrlPattern;

/// No sender publishes more keys, or longer ones.
const MOST_KEYS: usize = 64;
/// An RSA key of fewer bytes verifies nothing, in a certificate either.
const SHORTEST_MODULUS: usize = 2048 / 8;
/// What stands at a URL is at most this long, in bytes.
pub const LONGEST_KEYS: usize = 64 * 1024;

/// Where the certificate with the sender's public key is published. Who sends chooses the URL, so it must be one of the
/// sender's own. The certificate is trusted because HTTPS says that it comes from there; its chain is not verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Where the URL stands in the request.
    pub at: Place,
    /// The sender's own URLs.
    pub within: Vec<UrlPattern>,
}

/// The public keys that stand at a URL.
pub struct Keys(Vec<Key>);

struct Key {
    /// `kid` of RFC 7517; none for a certificate.
    id: Option<String>,
    sha256: ParsedPublicKey,
    sha1: ParsedPublicKey,
}

/// What stands at a URL holds no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an X.509 certificate in PEM or a JSON Web Key Set, with an RSA key of 2048 bits or more"
)]
pub struct KeysError;

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keys")
            .field("count", &self.0.len())
            .finish()
    }
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<WebKey>,
}

/// A JSON Web Key (RFC 7517), as far as it is an RSA key (RFC 7518, section 6.3.1).
#[derive(Deserialize)]
struct WebKey {
    kty: String,
    kid: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Keys {
    /// Reads a certificate in PEM, the first if there are several, or a JSON Web Key Set.
    ///
    /// # Errors
    /// There is no RSA key in it.
    pub fn read(bytes: &[u8]) -> Result<Self, KeysError> {
        if bytes.len() > LONGEST_KEYS {
            return Err(KeysError);
        }
        let keys: Vec<Key> = match serde_json::from_slice::<KeySet>(bytes) {
            Ok(set) => set
                .keys
                .iter()
                .take(MOST_KEYS)
                .filter_map(Key::of_set)
                .collect(),
            Err(_) => certified(bytes).into_iter().collect(),
        };
        if keys.is_empty() {
            Err(KeysError)
        } else {
            Ok(Self(keys))
        }
    }

    /// Whether the key of that name signed the message; any key if there is no name. None if there is no such key.
    pub(crate) fn verify(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Option<bool> {
        let mut named = self
            .0
            .iter()
            .filter(|key| id.is_none() || key.id.as_deref() == id);
        let first = named.next()?;
        let fits = |key: &Key| {
            let key = match algorithm {
                Algorithm::RsaSha1 => &key.sha1,
                _ => &key.sha256,
            };
            key.verify_sig(message, signature).is_ok()
        };
        Some(fits(first) || named.any(fits))
    }
}

impl Key {
    fn new(id: Option<String>, der: &[u8]) -> Option<Self> {
        Some(Self {
            id,
            sha256: ParsedPublicKey::new(&algorithms::RSA_PKCS1_2048_8192_SHA256, der).ok()?,
            sha1: ParsedPublicKey::new(
                &algorithms::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
                der,
            )
            .ok()?,
        })
    }

    fn of_set(key: &WebKey) -> Option<Self> {
        if key.kty != "RSA" {
            return None;
        }
        let number =
            |text: &Option<String>| BASE64URL_NOPAD.decode(text.as_deref()?.as_bytes()).ok();
        let modulus = number(&key.n)?;
        if modulus.len() < SHORTEST_MODULUS {
            return None;
        }
        let numbers = [integer(&modulus), integer(&number(&key.e)?)].concat();
        // RSAPublicKey of RFC 8017, appendix A.1.1.
        Self::new(key.kid.clone(), &tagged(0x30, &numbers))
    }
}

fn certified(pem: &[u8]) -> Option<Key> {
    let certificate = CertificateDer::from_pem_slice(pem).ok()?;
    let certificate = EndEntityCert::try_from(&certificate).ok()?;
    Key::new(None, certificate.subject_public_key_info().as_ref())
}

/// An INTEGER in DER that is not negative.
fn integer(digits: &[u8]) -> Vec<u8> {
    let start = digits.iter().position(|b| *b != 0).unwrap_or(digits.len());
    let digits = digits.get(start..).unwrap_or_default();
    let sign: &[u8] = match digits.first() {
        Some(first) if *first < 0x80 => &[],
        _ => &[0],
    };
    tagged(2, &[sign, digits].concat())
}

/// A value in DER.
fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let start = length
        .iter()
        .position(|b| *b != 0)
        .unwrap_or(length.len() - 1);
    let length = length.get(start..).unwrap_or_default();
    let head = match length {
        [short] if *short < 0x80 => vec![tag, *short],
        long => {
            // At most eight.
            let count = u8::try_from(long.len()).unwrap_or(u8::MAX);
            [&[tag, 0x80 | count], long].concat()
        }
    };
    [head.as_slice(), content].concat()
}

/// Where the key stands that a request is verified with. None if the scheme needs no [`Keys`].
///
/// # Errors
/// The request names no such URL, or one that is not the sender's.
pub fn keys_url<'a>(
    scheme: &'a Scheme,
    request: &Request<'a>,
) -> Result<Option<Cow<'a, str>>, Refused> {
    let certificate = match &scheme.check {
        Check::Jwt(jwt) => return Ok(jwt.keys.as_deref().map(Cow::Borrowed)),
        Check::Signature(signature) => signature.certificate.as_ref(),
        Check::Token(_) | Check::Basic | Check::None => None,
    };
    let Some(certificate) = certificate else {
        return Ok(None);
    };
    let place = || certificate.at.to_string();
    let refused = |place| Refused::KeyUrlRefused { place };
    let url = certificate
        .at
        .read(request)
        .map_err(|why| Refused::unreadable(why, place(), refused))?
        .ok_or_else(|| Refused::ContentMissing { place: place() })?;
    if certificate.within.iter().any(|own| own.matches(&url)) {
        Ok(Some(url))
    } else {
        Err(refused(place()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Keys, integer, tagged};

    #[test]
    fn der_is_written_as_it_must() {
        assert_eq!(integer(&[0, 0, 1]), [2, 1, 1]);
        assert_eq!(integer(&[0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[]), [2, 1, 0]);
        assert_eq!(tagged(0x30, &[0; 0x7f])[..2], [0x30, 0x7f]);
        assert_eq!(tagged(0x30, &[0; 0x80])[..3], [0x30, 0x81, 0x80]);
        assert_eq!(tagged(0x30, &[0; 0x101])[..4], [0x30, 0x82, 1, 1]);
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "{}",
            r#"{"keys": []}"#,
            r#"{"keys": [{"kty": "EC", "kid": "1"}]}"#,
            r#"{"keys": [{"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}]}"#,
            r#"{"keys": [{"kty": "RSA"}]}"#,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "<html>",
        ] {
            assert!(Keys::read(text.as_bytes()).is_err(), "{text}");
        }
    }
}
