//! Who may use the API: whoever has the server's admin token.

use std::path::Path;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::domain::config_digest::{TokenDigest, config_digest, token_digest};
use crate::domain::ids::{ConfigKey, WorkspaceName};
use crate::domain::principal::Principal;
use crate::domain::webhook::base62;
use crate::private_file::{self, PrivateFileError};
use crate::vault::{VaultError, fill_random};

/// The token's file in the data directory.
pub const TOKEN_FILE: &str = "admin-token";

/// Why there is no admin token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file is unusable.
    #[error(transparent)]
    File(#[from] PrivateFileError),
    /// No random bytes for a new one.
    #[error(transparent)]
    Random(#[from] VaultError),
}

/// The admin token, known by its SHA-256 only.
pub struct AdminToken {
    digest: TokenDigest,
    /// The token's holder.
    principal: Arc<Principal>,
}

impl AdminToken {
    /// The token of the data directory's [`TOKEN_FILE`], which is made if it is not there: 256
    /// random bits in base62.
    pub fn open(data_dir: &Path) -> Result<Self, TokenError> {
        let mut fresh = Zeroizing::new([0u8; 32]);
        fill_random(&mut *fresh)?;
        let token = private_file::read_or_create(&data_dir.join(TOKEN_FILE), || {
            Zeroizing::new(base62(*fresh))
        })?;
        Ok(Self::new(&token))
    }

    /// The token that is this text.
    pub fn new(token: &str) -> Self {
        Self {
            digest: token_digest(token.as_bytes()),
            principal: Arc::new(Principal::admin()),
        }
    }

    /// Who sent a request, if it carries the token.
    pub fn principal(&self, headers: &HeaderMap) -> Option<Arc<Principal>> {
        self.is_in(headers).then(|| self.principal.clone())
    }

    /// Whether the request carries the token: exactly one `Authorization` header, with the scheme
    /// `Bearer` (RFC 6750). The comparison is of digests and takes the same time for every token.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut all = headers.get_all(AUTHORIZATION).iter();
        let (Some(header), None) = (all.next(), all.next()) else {
            return false;
        };
        let Some((scheme, token)) = header
            .as_bytes()
            .split_first_chunk::<7>()
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "))
        else {
            return false;
        };
        debug_assert_eq!(scheme.len(), 7);
        token_digest(token.trim_ascii()).ct_eq(&self.digest).into()
    }

    /// The digest by which the token's holder knows a config value again.
    pub fn config_digest(&self, workspace: &WorkspaceName, key: &ConfigKey, value: &str) -> String {
        config_digest(&self.digest, workspace, key, value)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

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
            assert_eq!(token.is_in(&headers), open, "{values:?}");
        }
    }

    #[test]
    fn the_file_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        let first = AdminToken::open(dir.path()).unwrap();
        assert_eq!(first.digest, AdminToken::open(dir.path()).unwrap().digest);
        let token = std::fs::read_to_string(dir.path().join(TOKEN_FILE)).unwrap();
        assert_eq!(token.trim().len(), 43);
        assert_eq!(first.digest, AdminToken::new(token.trim()).digest);
    }
}
