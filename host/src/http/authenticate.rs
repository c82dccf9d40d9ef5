//! Who sent a request to the API: the holder of the admin token, or of one of the catalog's.

use std::net::IpAddr;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;

use super::Api;
use super::caller::Authenticated;
use super::problem::ApiError;
use crate::domain::config_digest::token_digest;
use crate::domain::token;

/// The token that a request carries: in exactly one `Authorization` header, with the scheme `Bearer` (RFC
/// 6750).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let (Some(header), None) = (all.next(), all.next()) else {
        return None;
    };
    let (scheme, token) = header.as_bytes().split_first_chunk::<7>()?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case(b"Bearer ") && !token.is_empty()).then_some(token)
}

/// Who sent a request from `ip`.
///
/// # Errors
/// [`ApiError::Unauthorized`] without a token and with one that is wrong, has expired or was revoked, which it
/// does not tell apart; [`ApiError::TooManyAttempts`].
pub(super) async fn authenticate(
    api: &Api,
    ip: IpAddr,
    headers: &HeaderMap,
) -> Result<Authenticated, ApiError> {
    let text = bearer(headers).ok_or(ApiError::Unauthorized)?;
    let digest = token_digest(text);
    let mut found = api.token.principal(&digest);
    if found.is_none() && std::str::from_utf8(text).is_ok_and(token::is_well_formed) {
        found = api.catalog.principal(&digest).await?;
    }
    match found {
        Some(principal) => Ok(Authenticated {
            principal,
            ip,
            token: digest,
        }),
        None if api.attempts.failed(ip).await => Err(ApiError::Unauthorized),
        None => Err(ApiError::TooManyAttempts),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::http::auth::AdminToken;

    #[test]
    fn only_the_token_opens() {
        let token = AdminToken::new("s3cret");
        for (values, open) in [
            (&["Bearer s3cret"][..], true),
            (&["bearer  s3cret"], true),
            (&["BEARER s3cret "], true),
            (&[], false),
            (&[""], false),
            (&["Bearer"], false),
            (&["Bearer "], false),
            (&["Bearer s3cre"], false),
            (&["Bearer s3cretx"], false),
            (&["Basic s3cret"], false),
            (&["s3cret"], false),
            (&["Bearer s3cret", "Bearer s3cret"], false),
            (&["Bearer s3cret", "Bearer other"], false),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            let digest = bearer(&headers).map(token_digest);
            let found = digest.and_then(|digest| token.principal(&digest));
            assert_eq!(found.is_some(), open, "{values:?}");
        }
    }
}
