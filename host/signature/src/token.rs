//! Tokens and passwords that both sides know.

use std::borrow::Cow;

use data_encoding::BASE64;

use crate::place::Place;
use crate::refused::Refused;
use crate::request::Request;
use crate::scheme::Token;
use crate::secret::{Material, Secrets};

/// The secret that is the token.
pub(crate) fn known(
    token: &Token,
    secrets: &Secrets,
    request: &Request<'_>,
) -> Result<usize, Refused> {
    let text = credentials(&token.at, token.prefix.as_deref(), request)?;
    which(secrets, text.as_bytes()).ok_or_else(|| Refused::TokenMismatch {
        place: token.at.to_string(),
    })
}

/// The secret that is the user and password.
pub(crate) fn basic(secrets: &Secrets, request: &Request<'_>) -> Result<usize, Refused> {
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
pub(crate) fn which(secrets: &Secrets, token: &[u8]) -> Option<usize> {
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
